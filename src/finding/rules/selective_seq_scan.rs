//! `selective-seq-scan`: a whole relation is read to keep a few of its rows.
//!
//! # Why it hurts
//! A queue's table holds its history and its backlog; what a statement wants of it is a handful of jobs. A sequential scan pays for all
//! of it every time, and pushes the pages other statements need out of the cache. Often it is a join rather than a filter that throws
//! the rows away: the generic plan of `with next as (… limit $1) update … from next` expects the limit to keep a tenth of the backlog
//! and hashes the whole table for ten jobs.
//!
//! # Example
//! ```text
//! Update on job (24,494 pages)
//!   CTE next -> Limit (rows=10)
//!   -> Hash Join (rows=10)
//!     -> CTE Scan on next (rows=10)
//!     -> Hash -> Seq Scan on job (rows=1000000)
//! ```
//!
//! # Fix
//! Where a filter throws the rows away, an index on the columns it compares. Where a join does, hand the keys over as an array:
//! `where id = any(array(select id … limit $1 for update skip locked))` is an index scan in the custom and in the generic plan.
//!
//! # Thresholds
//! At least 1,000 pages or 50,000 rows are read and at most 5 % of the rows are kept by the filter, or by the inner or semi join above.
//! Quiet where an index would hardly read less: fewer than four pages a row kept.
//!
//! # Source
//! The thresholds are those of common plan reviewers; the join was measured on one million jobs: 24,494 pages against 166.

use serde_json::json;

use super::{Rule, page};
use crate::finding::access::{Access, accesses};
use crate::finding::case::Case;
use crate::finding::predicate::without_alias;
use crate::finding::wording::{count, evidence, index_to_create, rows};
use crate::finding::{Finding, Severity};
use crate::plan::{Condition, PlanTree, node_label};

pub(super) const RULE: Rule = Rule {
    id: "selective-seq-scan",
    summary: "a whole relation is read to keep a few of its rows",
    severity: Severity::Critical,
    check,
    page: page(include_str!("selective_seq_scan.rs")),
};

const LEAST_PAGES: u64 = 1_000;
const LEAST_ROWS: f64 = 50_000.0;
const KEPT_SHARE: f64 = 0.05;

/// Looking a row up by its key reads about so many pages: three levels of the index and the row's own.
const LOOKUP_PAGES: f64 = 4.0;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    let scans = accesses(&view).into_iter().filter(Access::is_sequential);
    let large = scans
        .filter(|scan| scan.pages >= LEAST_PAGES || scan.rows + scan.rows_removed >= LEAST_ROWS);
    large
        .filter_map(|scan| filtered(case, &scan).or_else(|| joined(&tree, &scan)))
        .collect()
}

/// The scan's own filter throws the rows away.
fn filtered(case: &Case<'_>, scan: &Access<'_>) -> Option<Finding> {
    let read = scan.rows + scan.rows_removed;
    let filter = scan.node.condition(Condition::Filter)?;
    if scan.rows > KEPT_SHARE * read || LOOKUP_PAGES * scan.rows > scan.pages as f64 {
        return None;
    }
    let help = match index_to_create(case, scan, &[]) {
        Some(index) => format!("{index}; the scan then reads the rows it keeps"),
        None => format!(
            "create an index on {} that serves this filter",
            scan.relation
        ),
    };
    let message = format!(
        "reads all of {}, {} rows in {} pages, to keep {}: no index used serves {}",
        scan.relation,
        rows(read),
        count(scan.pages),
        rows(scan.rows),
        without_alias(filter, scan.node.alias.as_deref())
    );
    Some(finding(scan, message, help, scan.rows))
}

/// A join above throws the rows away.
fn joined(tree: &PlanTree<'_>, scan: &Access<'_>) -> Option<Finding> {
    let passes_on = [
        "Hash",
        "Sort",
        "Incremental Sort",
        "Materialize",
        "Memoize",
        "Gather",
        "Gather Merge",
    ];
    let above = tree
        .ancestors(scan.index)
        .find(|ancestor| !passes_on.contains(&tree.node(*ancestor).node_type.as_str()))?;
    let join = tree.node(above);
    let keeps_matches = join
        .join_type
        .as_deref()
        .is_some_and(|kind| matches!(kind, "Inner" | "Semi" | "Right Semi"));
    let kept = join.total_rows();
    if !keeps_matches || kept > KEPT_SHARE * scan.rows || LOOKUP_PAGES * kept > scan.pages as f64 {
        return None;
    }
    let message = format!(
        "reads all of {}, {} rows in {} pages, for a {} that keeps {}",
        scan.relation,
        rows(scan.rows),
        count(scan.pages),
        node_label(join),
        rows(kept)
    );
    let help = format!(
        "look the rows up by key instead of joining: where id = any(array(select id from {} … limit … for update skip locked)), with \
         the key of {0} for id",
        scan.relation
    );
    Some(finding(scan, message, help, kept))
}

fn finding(scan: &Access<'_>, message: String, help: String, kept: f64) -> Finding {
    Finding {
        rule: RULE.id.to_owned(),
        severity: RULE.severity,
        message,
        help,
        node: Some(scan.label()),
        evidence: evidence([
            ("relation", json!(scan.relation)),
            ("pages", json!(scan.pages)),
            (
                "rows_read",
                json!((scan.rows + scan.rows_removed).round() as u64),
            ),
            ("rows_kept", json!(kept.round() as u64)),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::rules::golden_case::GoldenCase;
    use crate::plan::PlanMode;

    #[test]
    fn a_filter_that_keeps_nothing_fires_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "selective-scan").operation("");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0]
                    .message
                    .starts_with("reads all of task, 60,000 rows in 924 pages, to keep 0"),
                "{findings:?}"
            );
            assert!(
                findings[0]
                    .help
                    .starts_with("create index on task (queue, payload);"),
                "{}",
                findings[0].help
            );
            assert_eq!(findings[0].node.as_deref(), Some("Seq Scan task"));
        }
    }

    #[test]
    fn a_generic_join_that_keeps_ten_fires() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "fetch-cte-generic").mode(PlanMode::Generic);
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0]
                    .message
                    .contains("for a Hash Join that keeps 10"),
                "{findings:?}"
            );
            assert!(findings[0].help.contains("any(array(select id from job"));
        }
    }

    #[test]
    fn it_is_quiet_where_many_rows_are_kept_or_few_are_read() {
        for name in [
            "natural-mistake",
            "hashed-subplan",
            "sort-spill",
            "fetch-cte-custom",
            "merge",
            "append",
            "gather",
        ] {
            let golden = GoldenCase::read(15, name);
            assert_eq!(super::check(&golden.case()), [], "{name}");
        }
    }
}
