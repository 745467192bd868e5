//! `costly-generic-plan`: the generic plan reads many times what the custom plan reads.
//!
//! # Why it hurts
//! A prepared statement is planned for its values five times; then PostgreSQL may settle on one plan for all values, chosen by what it
//! expects on average. What the average does not show, such as the one state of ten that is rare, or how small the limit is, is lost from
//! then on: a queue becomes slow a few minutes after its workers were started, and quick again when they are restarted.
//!
//! # Example
//! ```text
//! custom:   Update <- Nested Loop (CTE Scan, Index Scan using job_pkey)       166 pages
//! generic:  Update <- Hash Join (CTE Scan, Hash <- Seq Scan on job)        24,494 pages
//! ```
//!
//! # Fix
//! Write as literals what does not vary (a state, a queue with a statement of its own); hand the keys of a batch over as an array rather
//! than by a join. Or let the client force custom plans: `plan_cache_mode = force_custom_plan`.
//!
//! # Thresholds
//! Twice the pages of the custom plan, at least 64, and more than 16 for each row returned or written; without BUFFERS, twice the time, and at least 1 ms. Critical from ten times and
//! 1,000 pages on.
//!
//! # Source
//! oban#79, pgx#1158; twice is the factor of common plan reviewers.

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::{Case, PlanView};
use crate::finding::wording::{count, evidence};
use crate::finding::{Finding, Severity};
use crate::plan::{PlanMode, digest};
use crate::units::Milliseconds;

pub(super) const RULE: Rule = Rule {
    id: "costly-generic-plan",
    summary: "the generic plan reads many times what the custom plan reads",
    severity: Severity::Critical,
    check,
    page: page(include_str!("costly_generic_plan.rs")),
};

const LEAST_PAGES: u64 = 64;
const PAGES_PER_ROW: f64 = 16.0;
const CRITICAL_FACTOR: u64 = 10;
const CRITICAL_PAGES: u64 = 1_000;
const LEAST_MS: f64 = 1.0;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let both = case.custom.zip(case.generic);
    let found = both
        .filter(|_| case.mode == PlanMode::Generic)
        .and_then(|(custom, generic)| look_at(case, &custom, &generic));
    found.into_iter().collect()
}

fn look_at(case: &Case<'_>, custom: &PlanView<'_>, generic: &PlanView<'_>) -> Option<Finding> {
    let (severity, message) = if custom.work.has_buffers && generic.work.has_buffers {
        by_pages(pages(custom), pages(generic), generic.rows)?
    } else {
        by_time(case, custom.elapsed_ms()?, generic.elapsed_ms()?)?
    };
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity,
        message: format!("{message}: its plan is {}", digest(custom.plan)),
        help: "write as literals what does not vary, hand keys over as an array (where id = any(array(…))) rather than by a join, or let \
               the client force custom plans: plan_cache_mode = force_custom_plan"
            .to_owned(),
        node: None,
        evidence: evidence([
            ("pages_custom", json!(custom.work.has_buffers.then(|| pages(custom)))),
            ("pages_generic", json!(generic.work.has_buffers.then(|| pages(generic)))),
            ("execution_ms_custom", json!(time_where_untold(custom))),
            ("execution_ms_generic", json!(time_where_untold(generic))),
        ]),
    })
}

/// Pages repeat from run to run and times do not, so they are told only in place of them.
fn time_where_untold(view: &PlanView<'_>) -> Option<f64> {
    view.elapsed_ms().filter(|_| !view.work.has_buffers)
}

fn pages(view: &PlanView<'_>) -> u64 {
    view.work.total.buffers.total()
}

fn by_pages(custom: u64, generic: u64, rows: u64) -> Option<(Severity, String)> {
    let times = |factor: u64| generic >= custom.saturating_mul(factor);
    // A look-up for each row is what a batch costs; that the custom plan read less, because the table is small, says nothing against it.
    let is_much = generic as f64 > PAGES_PER_ROW * rows as f64;
    if generic < LEAST_PAGES || !times(2) || !is_much {
        return None;
    }
    let is_critical = generic >= CRITICAL_PAGES && times(CRITICAL_FACTOR);
    let message = format!(
        "reads {} pages where the custom plan reads {}",
        count(generic),
        count(custom)
    );
    let severity = if is_critical {
        RULE.severity
    } else {
        Severity::Warning
    };
    Some((severity, message))
}

fn by_time(case: &Case<'_>, custom: f64, generic: f64) -> Option<(Severity, String)> {
    (generic >= LEAST_MS && generic >= 2.0 * custom).then(|| {
        let message = format!(
            "takes {} where the custom plan takes {}",
            Milliseconds(generic),
            Milliseconds(custom)
        );
        (case.severity_of_a_time(), message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn both_plans_are_set_side_by_side_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "fetch-cte-generic")
                .mode(PlanMode::Generic)
                .custom(version, "fetch-cte-custom");
            let findings = check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0]
                    .message
                    .contains(" where the custom plan reads ")
                    && findings[0]
                        .message
                        .contains(": its plan is Update ← Nested Loop"),
                "{findings:?}"
            );
            assert!(findings[0].severity >= Severity::Warning);
        }
    }

    #[test]
    fn pages_decide_and_a_time_only_where_there_are_none() {
        let severity = |custom, generic| by_pages(custom, generic, 1).map(|found| found.0);
        assert_eq!(severity(32, 64), Some(Severity::Warning));
        assert_eq!([severity(31, 63), severity(40, 79)], [None, None]);
        assert_eq!(severity(100, 1_000), Some(Severity::Critical));
        assert_eq!(severity(99, 999), Some(Severity::Warning));
        assert_eq!(severity(0, u64::MAX), Some(Severity::Critical));
        assert!(by_pages(3_345, 7_000, 1_000).is_none(), "seven a row");
        let golden = GoldenCase::read(15, "timing-off");
        let mut case = golden.case();
        let times = |case: &Case<'_>, custom, generic| by_time(case, custom, generic);
        assert_eq!(times(&case, 0.5, 1.0).unwrap().0, Severity::Warning);
        assert_eq!(times(&case, 0.4, 0.9), None);
        case.fixture = "clean";
        assert_eq!(times(&case, 0.5, 1.0).unwrap().0, Severity::Note);
    }

    #[test]
    fn it_is_quiet_with_one_plan_and_with_equal_ones() {
        let alone = GoldenCase::read(15, "fetch-cte-generic").mode(PlanMode::Generic);
        assert_eq!(check(&alone.case()), []);
        let equal = GoldenCase::read(15, "fetch-cte-custom")
            .mode(PlanMode::Generic)
            .custom(15, "fetch-cte-custom");
        assert_eq!(check(&equal.case()), []);
    }
}
