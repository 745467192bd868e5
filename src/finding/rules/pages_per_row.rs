//! `pages-per-row`: a scan reads many pages for each row it hands out.
//!
//! # Why it hurts
//! A fetch by an index in the right order reads a few pages a job, however deep the queue. Where it reads hundreds, it throws away what it
//! has read: a filter looks at row after row that the index could have kept apart, a comparison passes over entry after entry that the
//! order of the index does not keep together, or pages hold little, as mass deletes leave them. All of them grow while the queue runs. Dead
//! rows and jobs that are not due in front of the index are patterns of their own: `dead-head`, `future-rows-scanned`.
//!
//! # Example
//! ```text
//! Limit (rows=10)
//!   -> Index Scan using job_ready (rows=10)  Buffers: shared hit=18240
//!        Filter: task_key = 'mail'   Rows Removed by Filter: 18000
//! ```
//!
//! # Fix
//! A filter: put its columns into the index, before the order if compared for equality, or into its condition. A comparison: put its column
//! before those of the order, or keep what fails it out of the index. Pages that hold little: `reindex index concurrently`, and for the table
//! a rewrite when there is time.
//!
//! # Thresholds
//! A scan reads at least 64 pages a loop. An index or bitmap scan more than 8 pages for each row it looked at, kept or thrown away; or more
//! than 8 for each row kept while its filter threw away at least 100 rows a loop, 90 % of all. A sequential scan more than one page for
//! each row it looked at. Quiet where keys given in an array are looked up. Critical from 1,000 pages a loop.
//!
//! # Source
//! graphile-worker (100,000 stuck jobs in front: 11,800 jobs a second became 40); pg-boss#876 (an index of 130 MB for 136 kB of jobs).

use super::{Rule, page};
use crate::finding::case::Case;
use crate::finding::costly_scan::{Cause, CostlyScan, costly_scans};
use crate::finding::predicate::{Comparison, comparisons, without_alias};
use crate::finding::wording::count;
use crate::finding::{Finding, Severity};
use crate::plan::Condition;

pub(super) const RULE: Rule = Rule {
    id: "pages-per-row",
    summary: "a scan reads many pages for each row it hands out",
    severity: Severity::Critical,
    check,
    page: page(include_str!("pages_per_row.rs")),
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let scans = costly_scans(case);
    scans.iter().filter_map(look_at).collect()
}

fn look_at(scan: &CostlyScan<'_>) -> Option<Finding> {
    let (cause, help) = match scan.cause {
        Cause::Filter => filtered(scan),
        Cause::Unbounded(comparison) => unbounded(scan, &comparison),
        Cause::Sparse(dead) => sparse(scan, dead),
        Cause::DeadRows { .. } | Cause::FutureRows(_) | Cause::Volatile(_) => return None,
    };
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: scan.severity(),
        message: format!("{}: {cause}", scan.told()),
        help,
        node: Some(scan.access.label()),
        evidence: scan.evidence(),
    })
}

fn index_name<'a>(scan: &CostlyScan<'a>) -> &'a str {
    scan.access
        .index_names
        .first()
        .copied()
        .unwrap_or("the index")
}

/// A comparison is checked entry by entry.
fn unbounded(scan: &CostlyScan<'_>, comparison: &Comparison<'_>) -> (String, String) {
    let index = index_name(scan);
    let (column, operator) = (comparison.column, comparison.operator);
    (
        format!(
            "{column} {operator} {} does not bound the walk of {index}, so every entry in front is read",
            comparison.value
        ),
        format!(
            "put {column} before the columns the walk of {index} is ordered by, or keep rows that fail {column} {operator} … out of it by \
             its condition"
        ),
    )
}

/// Pages hold few rows or entries.
fn sparse(scan: &CostlyScan<'_>, dead: Option<u64>) -> (String, String) {
    let relation = scan.access.relation;
    let counted = dead
        .filter(|dead| *dead > 0)
        .map_or(String::new(), |dead| format!(", {} dead", count(dead)));
    let help = match scan.access.index_names.first() {
        Some(index) => format!(
            "reindex index concurrently {index}, and vacuum {relation} more often than it grows"
        ),
        None => format!(
            "vacuum {relation} more often; pages that are already there go with vacuum (full) or cluster, which lock it, or by a copy \
             of it"
        ),
    };
    (
        format!("its pages hold few rows{counted}, as mass deletes and updates leave them"),
        help,
    )
}

/// The filter threw away nearly all the scan looked at.
fn filtered(scan: &CostlyScan<'_>) -> (String, String) {
    let node = scan.access.node;
    let filter = node.condition(Condition::Filter).unwrap_or("the recheck");
    let columns: Vec<&str> = comparisons(filter).iter().map(|part| part.column).collect();
    let index = index_name(scan);
    let cause = format!(
        "{} throws away {} after they were read",
        without_alias(filter, node.alias.as_deref()),
        count(scan.access.rows_removed.round() as u64)
    );
    let help = match columns.as_slice() {
        [] => format!("let {index} serve this filter, by a column or by its condition"),
        columns => format!(
            "put {} into {index}, before the columns of the order, or into its condition",
            columns.join(", ")
        ),
    };
    (cause, help)
}

#[cfg(test)]
mod tests {
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_filter_behind_an_index_fires() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "index-filter");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0]
                    .message
                    .contains("(payload = 'y'::text) throws away 18,000 after they were read"),
                "{}",
                findings[0].message
            );
            assert!(
                findings[0].help.starts_with("put payload into job_ready"),
                "{}",
                findings[0].help
            );
        }
    }

    #[test]
    fn pages_without_dead_rows_or_an_open_comparison_hold_little() {
        // The plan of a dead head, in a database where they are no longer there: their entries are.
        let golden = GoldenCase::read(15, "dead-head").with_dead_rows("backlog", 0);
        let findings = super::check(&golden.case());
        assert_eq!(findings.len(), 1);
        assert!(
            findings[0]
                .message
                .ends_with("its pages hold few rows, as mass deletes and updates leave them"),
            "{findings:?}"
        );
        assert!(
            findings[0]
                .help
                .starts_with("reindex index concurrently backlog_ready"),
            "{findings:?}"
        );
    }

    #[test]
    fn it_leaves_what_has_a_name_of_its_own_to_other_rules() {
        for version in [14, 15, 16, 17, 18] {
            for name in ["future-rows", "dead-head", "volatile-filter"] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
                let bare = golden.without_catalog();
                assert_eq!(super::check(&bare.case()), [], "pg{version}/{name}");
            }
        }
    }

    #[test]
    fn it_is_quiet_where_pages_and_rows_go_together() {
        for name in [
            "fetch-array",
            "fetch-cte-custom",
            "complete-array",
            "natural-mistake",
            "sort-spill",
            "append",
            "gather",
            "subplan",
        ] {
            let golden = GoldenCase::read(15, name);
            assert_eq!(super::check(&golden.case()), [], "{name}");
        }
    }
}
