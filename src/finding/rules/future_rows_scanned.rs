//! `future-rows-scanned`: jobs that are not due stand in front of the index, and every fetch passes over them.
//!
//! # Why it hurts
//! Where priority stands before the time in the index, jobs of a better priority that are not due for hours or years come first. Their
//! entries fail the comparison of the time one by one: no row is read for them, but all pages of their entries are, by every fetch. EXPLAIN
//! prints the comparison as an index condition with nothing removed: only pages tell. The more is scheduled, the slower what is due.
//!
//! # Example
//! ```text
//! Limit (rows=10)
//!   -> Index Scan using job_ready (rows=10)  Buffers: shared hit=1229
//!        Index Cond: (queue = 'mail' AND run_at <= now())     the index: (queue, priority, run_at, id)
//! ```
//!
//! # Fix
//! Keep jobs out of the index of the fetch until they are due: a state of their own (`scheduled`), or a table, from which a statement moves
//! what has come due, in batches. Or serve by time first: the time before the priority in index and order.
//!
//! # Thresholds
//! An index or bitmap scan reads at least 64 pages a loop, and more than 8 for each row it looked at, kept or thrown away. A column compared
//! with an upper bound in time stands in the index behind one that is not compared for equality. Where dead rows were counted, they are
//! fewer than half the pages; where they were not, the planner expected as many pages of the whole scan, and where the index is not known, many
//! more than its rows can take. Critical from 1,000 pages a loop.
//!
//! # Source
//! oban#1161 (1,340 ms became 0.18 ms), oban#1462, river#785; measured: 200,000 future jobs, 1,229 pages for 10 rows.

use super::{Rule, page};
use crate::finding::case::Case;
use crate::finding::costly_scan::{Cause, CostlyScan, costly_scans};
use crate::finding::{Finding, Severity};

pub(super) const RULE: Rule = Rule {
    id: "future-rows-scanned",
    summary: "jobs that are not due stand in front of the index, and every fetch passes over them",
    severity: Severity::Critical,
    check,
    page: page(include_str!("future_rows_scanned.rs")),
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let scans = costly_scans(case);
    scans
        .iter()
        .filter_map(|scan| look_at(case, scan))
        .collect()
}

fn look_at(case: &Case<'_>, scan: &CostlyScan<'_>) -> Option<Finding> {
    let Cause::FutureRows(comparison) = scan.cause else {
        return None;
    };
    let column = comparison.column;
    let (operator, value) = (comparison.operator, comparison.value);
    let index = scan.access.index_names.first().copied();
    let index = index.unwrap_or("the index");
    let is_known = case.catalog.index(index).is_some();
    let told = if is_known {
        format!(
            "{column} {operator} {value} does not bound the walk of {index}, so the entries of all that is not due and stands in front \
             are read"
        )
    } else {
        format!(
            "entries of {index} that fail {column} {operator} {value} are read where {column} stands behind a column that is not fixed"
        )
    };
    let mut evidence = scan.evidence();
    evidence.insert("column".to_owned(), column.into());
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: scan.severity(),
        message: format!("{}: {told}", scan.told()),
        help: format!(
            "keep rows that fail {column} {operator} … out of {index}: give them a state of their own (scheduled) until a statement moves \
             what has come due, in batches\nor put {column} before the columns the walk is ordered by"
        ),
        node: Some(scan.access.label()),
        evidence,
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::rules::golden_case::GoldenCase;

    const VERSIONS: [u32; 5] = [14, 15, 16, 17, 18];

    #[test]
    fn future_rows_in_front_are_named() {
        for version in VERSIONS {
            let golden = GoldenCase::read(version, "future-rows");
            let findings = super::check(&golden.case());
            // From 18 on an index is searched anew for each value of a leading column: nothing is passed over.
            assert_eq!(findings.len(), usize::from(version < 18), "pg{version}");
            for finding in findings {
                assert!(
                    finding.message.contains("for 10 rows: run_at <= ")
                        && finding
                            .message
                            .contains("does not bound the walk of later_claim"),
                    "{}",
                    finding.message
                );
                assert!(
                    finding
                        .help
                        .starts_with("keep rows that fail run_at <= … out of later_claim")
                );
            }
        }
    }

    #[test]
    fn without_a_catalog_less_is_said_of_what_the_planner_reckoned_with() {
        for version in [14, 15, 16, 17] {
            let golden = GoldenCase::read(version, "future-rows-mostly").without_catalog();
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0].message.contains("stands behind a column"),
                "{}",
                findings[0].message
            );
            // It might be dead rows as well: the guess is theirs.
            let unsure = GoldenCase::read(version, "future-rows").without_catalog();
            assert_eq!(super::check(&unsure.case()), [], "pg{version}");
        }
    }

    #[test]
    fn dead_rows_that_were_counted_are_another_thing() {
        let golden = GoldenCase::read(15, "future-rows").with_dead_rows("later", 50_000);
        assert_eq!(super::check(&golden.case()), []);
        let few = GoldenCase::read(15, "future-rows").with_dead_rows("later", 10);
        assert_eq!(super::check(&few.case()).len(), 1);
    }

    #[test]
    fn it_is_quiet_where_what_is_due_comes_first() {
        for version in VERSIONS {
            for name in ["dead-head", "locked-head", "fetch-array", "index-filter"] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
        }
    }
}
