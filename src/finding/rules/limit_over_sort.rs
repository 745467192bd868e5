//! `limit-over-sort`: many rows are sorted for a limit that keeps a few.
//!
//! # Why it hurts
//! A limit bounds what is returned, not what is read: without an index in the order asked for, all rows that fit are read and sorted for
//! the first few. A list of the oldest failed jobs, or of the next ones, then costs as much as there are jobs.
//!
//! # Example
//! ```text
//! Limit (rows=10)
//!   -> Sort (rows=10)  Sort Key: priority, run_at
//!     -> Seq Scan on job (rows=60000)
//! ```
//!
//! # Fix
//! An index whose columns are those compared for equality, then the sort keys in their order.
//!
//! # Thresholds
//! A Limit stands above the Sort, nothing but scans, joins and what hands rows on below it; at least 100 rows are sorted, and at least
//! twice as many as are returned. A warning from 1,000 sorted rows and 64 pages, more than eight for each row returned. Of a fetch
//! `sort-in-fetch` tells it.
//!
//! # Source
//! The thresholds are those of common plan reviewers.

use super::sort_in_fetch::{LimitedSort, look_at, sorts};
use super::{Rule, page};
use crate::finding::case::Case;
use crate::finding::claim::is_fetch;
use crate::finding::{Finding, Severity};
use crate::plan::PlanTree;

pub(super) const RULE: Rule = Rule {
    id: "limit-over-sort",
    summary: "many rows are sorted for a limit that keeps a few",
    severity: Severity::Warning,
    check,
    page: page(include_str!("limit_over_sort.rs")),
};

const SERIOUS_SORTED: f64 = 1_000.0;
const SERIOUS_PAGES: u64 = 64;
const PAGES_PER_ROW: f64 = 8.0;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    if is_fetch(case, &tree) {
        return Vec::new();
    }
    let so = "so the statement reads all that its limit chooses from";
    sorts(&tree)
        .filter(|sort| hands_rows_on(&tree, *sort))
        .filter_map(|sort| look_at(case, &view, &tree, sort, so))
        .map(|found| Finding {
            rule: RULE.id.to_owned(),
            severity: severity(&found),
            ..found.finding
        })
        .collect()
}

fn severity(found: &LimitedSort) -> Severity {
    let is_serious = found.sorted >= SERIOUS_SORTED
        && found.pages >= SERIOUS_PAGES
        && found.pages as f64 > PAGES_PER_ROW * found.kept;
    if is_serious {
        RULE.severity
    } else {
        Severity::Note
    }
}

/// Whether the rows come from tables as they are: the order of an aggregate's result is in no index.
fn hands_rows_on(tree: &PlanTree<'_>, sort: usize) -> bool {
    let mut below = (sort + 1..tree.end(sort)).map(|index| tree.node(index).node_type.as_str());
    below.all(|kind| {
        kind.ends_with("Scan") && !matches!(kind, "CTE Scan" | "Function Scan" | "WorkTable Scan")
            || kind.ends_with("Join")
            || matches!(
                kind,
                "Nested Loop" | "Hash" | "Materialize" | "Memoize" | "Gather" | "Append" | "Result"
            )
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_list_without_an_index_in_its_order_fires_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "limit-over-sort").operation("inspect");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].rule, "limit-over-sort");
            assert_eq!(findings[0].severity, Severity::Warning);
            assert!(
                findings[0]
                    .message
                    .starts_with("sorts 18,000 rows of task to return 10: ")
                    && findings[0]
                        .message
                        .contains("all that its limit chooses from"),
                "{findings:?}"
            );
            assert!(
                findings[0]
                    .help
                    .starts_with("create index on task (queue, status, priority, id);"),
                "{}",
                findings[0].help
            );
        }
    }

    #[test]
    fn a_fetch_is_told_by_its_own_rule() {
        for (name, operation) in [("limit-over-sort", "fetch"), ("natural-mistake", "")] {
            let golden = GoldenCase::read(15, name).operation(operation);
            assert_eq!(super::check(&golden.case()), [], "{name}");
        }
    }

    #[test]
    fn it_is_quiet_where_an_index_has_the_order_or_none_could() {
        for version in [14, 15, 16, 17, 18] {
            for name in ["limit-over-index", "limit-over-aggregate", "append"] {
                let golden = GoldenCase::read(version, name).operation("inspect");
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
        }
    }
}
