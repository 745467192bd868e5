//! `pages-per-row`: a scan reads many pages for each row it hands out.
//!
//! # Why it hurts
//! A fetch by an index in the right order reads a few pages a job, however deep the queue. Where it reads hundreds, something stands in
//! front of the jobs it wants: index entries of rows that are dead but that a long transaction keeps from being removed, jobs with a
//! better priority that are not due for years, or rows that a filter throws away one by one. EXPLAIN shows neither of the first two as
//! "rows removed": only pages tell. All of them grow while the queue runs.
//!
//! # Example
//! ```text
//! Limit (rows=10)
//!   -> Index Scan using job_ready (rows=10)  Buffers: shared hit=1857
//! ```
//!
//! # Fix
//! Dead entries: end the transaction that holds the oldest snapshot (`pg_stat_activity.backend_xmin`, prepared transactions, replication
//! slots), then vacuum. Jobs not due: keep them in a state of their own until they are due, or out of the fetch's index. A filter: put its
//! columns into the index, before the order if compared for equality, or into its condition.
//!
//! # Thresholds
//! A scan reads at least 64 pages a loop. An index or bitmap scan more than 8 pages for each row it looked at, kept or thrown away; or more
//! than 8 for each row kept while its filter threw away at least 100 rows a loop, 90 % of all. A sequential scan more than one page for
//! each row it looked at. Critical from 1,000 pages a loop.
//!
//! # Source
//! Brandur Leach, "Postgres job queues and failure by MVCC" (2015); river#59; oban#1161 (future jobs: 1,340 ms became 0.18 ms);
//! measured: 200,000 rows of which 150,000 dead, a fetch of 10 went from 24 to 1,857 pages.

use serde_json::json;

use super::{Rule, page};
use crate::finding::access::{Access, accesses};
use crate::finding::case::Case;
use crate::finding::predicate::{Comparison, comparisons, without_alias};
use crate::finding::wording::{count, evidence, first_word, rows};
use crate::finding::{Finding, Severity};
use crate::plan::Condition;

pub(super) const RULE: Rule = Rule {
    id: "pages-per-row",
    summary: "a scan reads many pages for each row it hands out",
    severity: Severity::Critical,
    check,
    page: page(include_str!("pages_per_row.rs")),
};

const LEAST_PAGES: f64 = 64.0;
const CRITICAL_PAGES: f64 = 1_000.0;
const PAGES_PER_ROW: f64 = 8.0;
const LEAST_REMOVED: f64 = 100.0;
const REMOVED_SHARE: f64 = 0.9;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    accesses(&view)
        .iter()
        .filter_map(|scan| look_at(case, scan))
        .collect()
}

fn look_at(case: &Case<'_>, scan: &Access<'_>) -> Option<Finding> {
    let loops = scan.loops.max(1) as f64;
    let (pages, kept, removed) = (
        scan.pages as f64 / loops,
        scan.rows / loops,
        scan.rows_removed / loops,
    );
    if pages < LEAST_PAGES || scan.loops == 0 {
        return None;
    }
    let most_pages = if scan.is_sequential() {
        1.0
    } else {
        PAGES_PER_ROW
    };
    let (cause, help) = if pages > most_pages * (kept + removed) {
        invisible(case, scan)
    } else if !scan.is_sequential() && is_filtered(pages, kept, removed) {
        filtered(scan)
    } else {
        return None;
    };
    let read = rows(scan.pages as f64);
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: if pages < CRITICAL_PAGES {
            Severity::Warning
        } else {
            RULE.severity
        },
        message: format!(
            "reads {read} pages of {} for {} rows: {cause}",
            scan.relation,
            rows(scan.rows)
        ),
        help,
        node: Some(scan.label()),
        evidence: evidence([
            ("pages", json!(scan.pages)),
            ("rows", json!(scan.rows.round() as u64)),
            ("rows_removed", json!(scan.rows_removed.round() as u64)),
            ("loops", json!(scan.loops)),
        ]),
    })
}

fn is_filtered(pages: f64, kept: f64, removed: f64) -> bool {
    removed >= LEAST_REMOVED
        && removed >= REMOVED_SHARE * (kept + removed)
        && pages > PAGES_PER_ROW * kept
}

/// The scan looked at few rows: what cost the pages was not even a row to it.
fn invisible(case: &Case<'_>, scan: &Access<'_>) -> (String, String) {
    let relation = case.catalog.relation(scan.relation);
    let dead = relation.and_then(|relation| relation.dead_rows);
    // Where dead rows were counted, and there are about as many as pages were read, it is they that stand in front.
    let are_dead = dead.is_some_and(|dead| dead.saturating_mul(2) >= scan.pages);
    if !are_dead && let Some((unbounded, index)) = unbounded_comparison(case, scan) {
        let column = unbounded.column;
        return (
            format!(
                "{column} {} {} does not bound the walk of {index}, so every entry in front is read",
                unbounded.operator, unbounded.value
            ),
            format!(
                "keep rows that fail {column} {} … out of {index}, by a state of their own until they pass, or put {column} before the \
                 columns the walk is ordered by",
                unbounded.operator
            ),
        );
    }
    let counted = dead.filter(|_| are_dead).map_or(String::new(), |dead| {
        format!(" (it has {} dead)", count(dead))
    });
    (
        format!("pages without rows to see, as dead rows leave them{counted}"),
        format!(
            "end what holds an old snapshot (pg_stat_activity.backend_xmin, prepared transactions, replication slots), then vacuum {}",
            scan.relation
        ),
    )
}

/// A comparison in the index condition on a column behind one that is not fixed: checked entry by entry.
fn unbounded_comparison<'a>(
    case: &Case<'a>,
    scan: &Access<'a>,
) -> Option<(Comparison<'a>, &'a str)> {
    let condition = comparisons(scan.node.condition(Condition::Index)?);
    let index = case.catalog.index(scan.node.index_name.as_deref()?)?;
    let compared = |column: &&String| {
        condition
            .iter()
            .find(|part| part.column == first_word(column))
    };
    let fixed = index
        .columns
        .iter()
        .take_while(|column| compared(column).is_some_and(Comparison::is_equality))
        .count();
    // The first column that is not fixed bounds the walk if it is compared; those behind it never do.
    let behind = index.columns.iter().skip(fixed + 1);
    behind
        .clone()
        .find_map(|column| compared(&column))
        .map(|part| (*part, index.name.as_str()))
}

/// The filter threw away nearly all the scan looked at.
fn filtered(scan: &Access<'_>) -> (String, String) {
    let filter = scan
        .node
        .condition(Condition::Filter)
        .unwrap_or("the recheck");
    let columns: Vec<&str> = comparisons(filter).iter().map(|part| part.column).collect();
    let index = scan.index_names.first().copied().unwrap_or("the index");
    let cause = format!(
        "{} throws away {} after they were read",
        without_alias(filter, scan.node.alias.as_deref()),
        count(scan.rows_removed.round() as u64)
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
    fn future_rows_in_front_fire_and_are_named() {
        for version in [14, 15, 16, 17] {
            let golden = GoldenCase::read(version, "future-rows");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0].message.contains("for 10 rows: run_at <= "),
                "{}",
                findings[0].message
            );
            assert!(
                findings[0]
                    .message
                    .contains("does not bound the walk of later_claim"),
                "{}",
                findings[0].message
            );
        }
    }

    #[test]
    fn without_a_catalog_dead_rows_are_the_guess() {
        let golden = GoldenCase::read(15, "future-rows").without_catalog();
        let findings = super::check(&golden.case());
        assert!(
            findings[0].help.ends_with("then vacuum later"),
            "{}",
            findings[0].help
        );
    }

    #[test]
    fn dead_rows_that_were_counted_are_no_guess() {
        let finding = |dead| {
            let golden = GoldenCase::read(15, "future-rows").with_dead_rows("later", dead);
            super::check(&golden.case()).remove(0)
        };
        let many = finding(50_000);
        assert!(many.message.ends_with("(it has 50,000 dead)"), "{many:?}");
        assert!(many.help.ends_with("then vacuum later"), "{many:?}");
        assert!(finding(0).message.contains("does not bound the walk"));
    }

    #[test]
    fn a_filter_behind_an_index_fires() {
        let golden = GoldenCase::read(15, "index-filter");
        let findings = super::check(&golden.case());
        assert_eq!(findings.len(), 1);
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
