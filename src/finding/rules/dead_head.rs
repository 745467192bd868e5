//! `dead-head`: the rows in front of the index are dead, and every fetch reads past them.
//!
//! # Why it hurts
//! A queue works at the head of its index: what is fetched and completed there leaves dead rows behind. Index scans skip them quickly once
//! VACUUM or an earlier scan has cleared them away, and neither may as long as any transaction in the database could still see them: a
//! report, a dump, a forgotten session, a replica's feedback. Until it ends, each fetch follows the entry of each finished job to its dead
//! row, and the queue gets slower with every job it does. EXPLAIN counts no dead rows: only pages tell.
//!
//! # Example
//! ```text
//! Limit (rows=10)
//!   -> Index Scan using job_ready (rows=10)  Buffers: shared hit=1857
//! ```
//!
//! # Fix
//! Find who holds the oldest snapshot: `select pid, state, xact_start, query from pg_stat_activity where backend_xmin is not null order by
//! age(backend_xmin) desc`, then `pg_prepared_xacts` and `pg_replication_slots`. End it and vacuum the table. Keep it from coming back:
//! `idle_in_transaction_session_timeout`, reports on a replica without `hot_standby_feedback`, or a design whose tables rotate by TRUNCATE.
//!
//! # Thresholds
//! An index or bitmap scan reads at least 64 pages a loop, and more than 8 for each row it looked at, kept or thrown away. Where dead rows
//! were counted, at least half as many as those pages. Where they were not, nothing else explains the pages: no comparison of the index
//! condition passes over entries, or more pages were read than the planner, who reckons with those entries, expected of the whole scan.
//! Where the index is not known either, unless the planner foresaw many more pages than rows; the other possibility is then told. Quiet where
//! keys given in an array are looked up. Critical from 1,000 pages a loop.
//!
//! # Source
//! Brandur Leach, "Postgres job queues and failure by MVCC" (2015); river#59; measured: 200,000 rows of which 150,000 dead, a fetch of 10
//! went from 24 to 1,857 pages.

use super::{Rule, page};
use crate::finding::case::Case;
use crate::finding::costly_scan::{Cause, CostlyScan, costly_scans};
use crate::finding::wording::count;
use crate::finding::{Finding, Severity};

pub(super) const RULE: Rule = Rule {
    id: "dead-head",
    summary: "the rows in front of the index are dead, and every fetch reads past them",
    severity: Severity::Critical,
    check,
    page: page(include_str!("dead_head.rs")),
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let scans = costly_scans(case);
    scans.iter().filter_map(look_at).collect()
}

fn look_at(scan: &CostlyScan<'_>) -> Option<Finding> {
    let Cause::DeadRows { counted, or } = scan.cause else {
        return None;
    };
    let relation = scan.access.relation;
    let told = match (counted, or) {
        (Some(dead), _) => format!(
            "the rest lead to dead rows, of which {relation} has {}",
            count(dead)
        ),
        (None, None) => "pages without rows to see, as dead rows leave them".to_owned(),
        (None, Some(part)) => format!(
            "pages without rows to see, as dead rows leave them, or rows that fail {} {} {} in front of others",
            part.column, part.operator, part.value
        ),
    };
    let mut evidence = scan.evidence();
    evidence.extend(counted.map(|dead| ("dead_rows".to_owned(), dead.into())));
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: scan.severity(),
        message: format!("{}: {told}", scan.told()),
        help: format!(
            "end what holds an old snapshot (pg_stat_activity by age(backend_xmin), pg_prepared_xacts, pg_replication_slots), then vacuum \
             {relation}"
        ),
        node: Some(scan.access.label()),
        evidence,
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn dead_rows_that_an_old_snapshot_keeps_are_named() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "dead-head").with_dead_rows("backlog", 6_000);
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Critical);
            let message = &findings[0].message;
            assert!(
                message.ends_with(
                    "pages of backlog for 10 rows: the rest lead to dead rows, of which backlog has 6,000"
                ),
                "{message}"
            );
            assert!(findings[0].help.ends_with("then vacuum backlog"));
            assert_eq!(findings[0].evidence["dead_rows"], 6_000);
        }
    }

    #[test]
    fn without_a_count_more_pages_than_the_planner_reckoned_with_are_dead_rows() {
        for version in [14, 15, 16, 17, 18] {
            let known = super::check(&GoldenCase::read(version, "dead-head").case());
            assert!(
                known[0].message.ends_with("as dead rows leave them"),
                "pg{version}: {}",
                known[0].message
            );
            let unknown = GoldenCase::read(version, "dead-head").without_catalog();
            let findings = super::check(&unknown.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0].message.ends_with(
                    "as dead rows leave them, or rows that fail run_at <= now() in front of others"
                ),
                "{}",
                findings[0].message
            );
        }
    }

    #[test]
    fn it_is_quiet_where_rows_are_not_due_or_nothing_is_passed_over() {
        for version in [14, 15, 16, 17, 18] {
            for name in [
                "future-rows-mostly",
                "locked-head",
                "fetch-array",
                "index-filter",
                "complete-array",
            ] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
                let bare = golden.without_catalog();
                assert_eq!(super::check(&bare.case()), [], "pg{version}/{name}");
            }
        }
    }
}
