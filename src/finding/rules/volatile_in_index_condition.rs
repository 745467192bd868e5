//! `volatile-in-index-condition`: a column is compared with a volatile function, so no index can serve the comparison.
//!
//! # Why it hurts
//! `run_at <= clock_timestamp()` looks like `run_at <= now()`. But a volatile function may give another answer at each call, so PostgreSQL
//! calls it for every row and never uses the comparison as a condition of an index: rows are read first and thrown away afterwards. It is
//! no use either that an index has the column. Nor can the planner tell how many rows will pass; it takes a third for granted.
//!
//! # Example
//! ```text
//! Index Scan using message_pkey (rows=10)
//!   Index Cond: queue = 'mail'
//!   Filter: visible_at <= clock_timestamp()   Rows Removed by Filter: 18000
//! ```
//!
//! # Fix
//! A time that is fixed before the scan begins: a parameter, `now()` or `statement_timestamp()`. Where the clock has to move on, as in a long
//! transaction, read it beforehand: `(select clock_timestamp())` is asked once.
//!
//! # Thresholds
//! The filter of a scan compares a column of an index with `clock_timestamp()`, `timeofday()` or `random()`. Where the indexes are not known,
//! any column. A note, unless the scan reads at least 64 pages a loop, more than 8 for each row kept, while its filter throws away at least
//! 100 rows a loop, 90 % of all: then a warning, critical from 1,000 pages a loop.
//!
//! # Source
//! PostgreSQL's manual, "Function Volatility Categories"; pgmq, which walks its primary key for that reason.

use serde_json::json;

use super::{Rule, page};
use crate::finding::access::{Access, accesses};
use crate::finding::case::Case;
use crate::finding::costly_scan::{Cause, costly_scans, volatile_comparison};
use crate::finding::predicate::Comparison;
use crate::finding::wording::{evidence, first_word, rows};
use crate::finding::{Finding, Severity};

pub(super) const RULE: Rule = Rule {
    id: "volatile-in-index-condition",
    summary: "a column is compared with a volatile function, so no index can serve the comparison",
    severity: Severity::Critical,
    check,
    page: page(include_str!("volatile_in_index_condition.rs")),
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let costly = costly_scans(case);
    let scans = accesses(&view).into_iter().filter_map(|scan| {
        let comparison = volatile_comparison(&scan)?;
        let at_cost = costly.iter().find(|costly| {
            costly.access.index == scan.index && matches!(costly.cause, Cause::Volatile(_))
        });
        let severity = at_cost.map_or(Severity::Note, |costly| costly.severity());
        finding(case, &scan, &comparison, severity)
    });
    scans.collect()
}

fn finding(
    case: &Case<'_>,
    scan: &Access<'_>,
    comparison: &Comparison<'_>,
    severity: Severity,
) -> Option<Finding> {
    let column = comparison.column;
    let relation = case.catalog.relation(scan.relation);
    let index = relation.and_then(|relation| {
        let mut indexes = relation.indexes.iter();
        indexes.find(|index| index.columns.iter().any(|key| first_word(key) == column))
    });
    // Where the indexes are known and none has the column, a fixed time would be a filter too.
    if relation.is_some() && index.is_none() {
        return None;
    }
    let which = index.map_or("an index", |index| index.name.as_str());
    let (operator, value) = (comparison.operator, comparison.value);
    let cost = if severity > Severity::Note {
        format!(
            ": it threw away {} rows in {} pages",
            rows(scan.rows_removed),
            rows(scan.pages as f64)
        )
    } else {
        String::new()
    };
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity,
        message: format!(
            "{column} {operator} {value} can be no condition of {which}, as each call may give another answer, so it filters rows of {} \
             after they were read{cost}",
            scan.relation
        ),
        help: format!(
            "compare with a time that is fixed before the scan begins: {column} {operator} now(), or a parameter; where the clock has to \
             move on, {column} {operator} (select clock_timestamp()) asks it once"
        ),
        node: Some(scan.label()),
        evidence: evidence([
            ("column", json!(column)),
            ("rows_removed", json!(scan.rows_removed.round() as u64)),
            ("pages", json!(scan.pages)),
        ]),
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_clock_that_moves_on_keeps_the_index_from_bounding_the_walk() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "volatile-filter");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Warning, "{findings:?}");
            let message = &findings[0].message;
            assert!(
                message
                    .starts_with("run_at <= clock_timestamp() can be no condition of later_claim")
                    && message.contains(": it threw away 30,000 rows in "),
                "{message}"
            );
            assert!(findings[0].help.contains("run_at <= now()"));
        }
    }

    #[test]
    fn where_it_costs_nothing_it_is_a_note() {
        for version in [14, 15, 16, 17, 18] {
            let golden = || GoldenCase::read(version, "volatile-filter-passed");
            for golden in [golden(), golden().without_catalog()] {
                let findings = super::check(&golden.case());
                assert_eq!(findings.len(), 1, "pg{version}");
                assert_eq!(findings[0].severity, Severity::Note, "{findings:?}");
            }
        }
    }

    #[test]
    fn it_is_quiet_where_the_time_is_fixed_or_no_index_has_the_column() {
        for version in [14, 15, 16, 17, 18] {
            for name in ["fetch-array", "future-rows", "natural-mistake"] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
            let golden = GoldenCase::read(version, "volatile-filter").without_indexes();
            assert_eq!(super::check(&golden.case()), [], "pg{version}");
        }
    }
}
