//! `fetch-not-bounded`: the same fetch reads more pages a job where there are more jobs.
//!
//! # Why it hurts
//! A fetch that reads what it returns costs the same on a quiet night and behind a million jobs. One that reads what waits, or what is
//! done, gets slower with every job that is added: workers fall behind because they are behind. A single plan does not show it, however
//! closely it is looked at: on a small table it is as quick as any.
//!
//! # Example
//! ```text
//! 500 jobs:       Limit <- Sort <- Bitmap Heap Scan on job    (rows=10)  Buffers: shared hit=14
//! 1,000,000 jobs: Limit <- Sort <- Bitmap Heap Scan on job    (rows=10)  Buffers: shared hit=27469
//! ```
//!
//! # Fix
//! Let one index give the jobs that can be fetched in the order in which they are fetched, and nothing else: the columns compared for
//! equality first, then those of the order, and a condition that leaves out what is done. What other findings say of this plan is the
//! way there.
//!
//! # Thresholds
//! The same variant, in the plan that PostgreSQL settles on, on two fixtures that put nothing in its way, one with at least five times
//! the jobs: more than three times the pages for each job returned, and at least 64 pages more in all. Critical from ten times. An index
//! that is a level deeper adds a page for each descent, which is far below both.
//!
//! # Source
//! pgqueuer#667 (a claim read 11,450 pages, 85 with an index in its order); measured: a claim that sorts reads 27,469 pages for ten of a
//! million jobs.

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::{AtSize, Case, Sizes};
use crate::finding::wording::{count, evidence, rows};
use crate::finding::{Finding, Severity};

pub(super) const RULE: Rule = Rule {
    id: "fetch-not-bounded",
    summary: "the same fetch reads more pages a job where there are more jobs",
    severity: Severity::Critical,
    check,
    page: page(include_str!("fetch_not_bounded.rs")),
};

const LEAST_TIMES: f64 = 3.0;
const CRITICAL_TIMES: f64 = 10.0;
const LEAST_PAGES: u64 = 64;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let sizes = case.sizes.filter(|_| case.operation == "fetch");
    sizes
        .and_then(|sizes| look_at(&sizes))
        .into_iter()
        .collect()
}

fn look_at(sizes: &Sizes<'_>) -> Option<Finding> {
    let Sizes { few, many } = sizes;
    let times = many.pages_per_row() / few.pages_per_row().max(f64::MIN_POSITIVE);
    if times <= LEAST_TIMES || many.pages < few.pages.saturating_add(LEAST_PAGES) {
        return None;
    }
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: if times < CRITICAL_TIMES {
            Severity::Warning
        } else {
            RULE.severity
        },
        message: format!("reads {}, and {}", said(few), said(many)),
        help: "let one index give the jobs that can be fetched, in the order in which they are fetched and without those that are done"
            .to_owned(),
        node: None,
        evidence: evidence([
            ("jobs_few", json!(few.jobs)),
            ("pages_few", json!(few.pages)),
            ("rows_few", json!(few.rows)),
            ("jobs_many", json!(many.jobs)),
            ("pages_many", json!(many.pages)),
            ("rows_many", json!(many.rows)),
        ]),
    })
}

/// For example `27,469 pages for 10 rows among 1,000,000 jobs (heavy-single-queue)`.
fn said(size: &AtSize<'_>) -> String {
    format!(
        "{} pages for {} {} among {} jobs ({})",
        count(size.pages),
        rows(size.rows as f64),
        if size.rows == 1 { "row" } else { "rows" },
        count(size.jobs),
        size.fixture
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::rules::golden_case::GoldenCase;

    fn size(fixture: &'static str, jobs: u64, pages: u64, rows: u64) -> AtSize<'static> {
        AtSize {
            fixture,
            jobs,
            pages,
            rows,
        }
    }

    fn found(few: AtSize<'_>, many: AtSize<'_>, operation: &'static str) -> Vec<Finding> {
        let golden = GoldenCase::read(15, "fetch-array").operation(operation);
        let mut case = golden.case();
        (case.custom, case.generic) = (None, None);
        case.sizes = Some(Sizes { few, many });
        check(&case)
    }

    #[test]
    fn a_fetch_that_sorts_the_backlog_fires() {
        let few = size("sparse", 500, 14, 5);
        let findings = found(few, size("heavy", 1_000_000, 27_469, 10), "fetch");
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].severity, Severity::Critical);
        assert_eq!(
            findings[0].message,
            "reads 14 pages for 5 rows among 500 jobs (sparse), and 27,469 pages for 10 rows among 1,000,000 jobs (heavy)"
        );
        let warned = found(few, size("heavy", 5_000, 140, 10), "fetch");
        assert_eq!(warned[0].severity, Severity::Warning);
    }

    #[test]
    fn it_is_quiet_where_pages_follow_rows_and_levels_of_an_index() {
        let few = size("sparse", 500, 60, 5);
        for many in [
            size("heavy", 1_000_000, 166, 10),
            size("heavy", 1_000_000, 6_000, 500),
            size("heavy", 1_000_000, 360, 10),
        ] {
            assert_eq!(found(few, many, "fetch"), [], "{many:?}");
        }
        // Ten times as many, and yet a few.
        let one = size("sparse", 500, 5, 1);
        assert_eq!(found(one, size("heavy", 1_000_000, 60, 1), "fetch"), []);
        assert_eq!(
            found(few, size("heavy", 1_000_000, 9_999, 10), "complete"),
            []
        );
    }

    #[test]
    fn one_plan_does_not_tell() {
        assert_eq!(check(&GoldenCase::read(15, "natural-mistake").case()), []);
    }
}
