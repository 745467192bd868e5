//! `planning-dominates`: planning the statement costs more than executing it.
//!
//! # Why it hurts
//! A fetch of ten jobs takes a fraction of a millisecond. Planning it again at each execution may take many times that: each partition,
//! index and statistic of a table is looked at, and a session that has not seen them yet reads them from the catalogs. With a hundred
//! partitions it is the planning that bounds how many jobs a second are fetched, however few partitions the plan then touches.
//!
//! # Example
//! ```text
//! Append (Subplans Removed: 99) -> Index Scan using part_17_ready  0.04 ms, 4 pages
//! Planning: Buffers: shared hit=1204    Planning Time: 6.1 ms
//! ```
//!
//! # Fix
//! Prepare the statement once a connection and keep connections open; PostgreSQL then settles on a generic plan, or is told to
//! (`plan_cache_mode = force_generic_plan`). Fewer partitions: a queue needs as many as it drops at once, not one for each day of history.
//!
//! # Thresholds
//! Planning reads at least 512 pages, and more than the execution: a warning. (The first plan of a session reads 20 to 420 for a statement
//! on one table, whatever the table.) Or it takes at least 1 ms, and longer than the execution: a
//! warning. In a measured plan that is a note, because times do not repeat, and told only of at least 16 partitions. Not for generic plans,
//! which are planned once.
//!
//! # Source
//! pg-boss#824 and awa (217 relations): partitions paid for in planning; the thresholds are those of common plan reviewers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Rule, page};
use crate::finding::case::{Case, PlanView};
use crate::finding::wording::{count, evidence};
use crate::finding::{Finding, Severity};
use crate::plan::PlanMode;
use crate::units::Milliseconds;

pub(super) const RULE: Rule = Rule {
    id: "planning-dominates",
    summary: "planning the statement costs more than executing it",
    severity: Severity::Warning,
    check,
    page: page(include_str!("planning_dominates.rs")),
};

const LEAST_PAGES: u64 = 512;
const LEAST_MS: f64 = 1.0;
const MANY_PARTITIONS: u64 = 16;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let judged = case.judged().filter(|_| case.mode == PlanMode::Custom);
    let found = judged.and_then(|view| by_pages(&view).or_else(|| by_time(case, &view)));
    found.into_iter().collect()
}

fn by_pages(view: &PlanView<'_>) -> Option<Finding> {
    let planning = view.plan.planning.buffers?.total();
    let execution = view.work.total.buffers.total();
    let is_dear = view.work.has_buffers && planning >= LEAST_PAGES && planning > execution;
    is_dear.then(|| {
        let message = format!(
            "planning reads {} pages, the execution {}",
            count(planning),
            count(execution)
        );
        let figures = evidence([
            ("pages_planning", json!(planning)),
            ("pages_execution", json!(execution)),
        ]);
        finding(view, RULE.severity, &message, figures)
    })
}

fn by_time(case: &Case<'_>, view: &PlanView<'_>) -> Option<Finding> {
    let planning = view.plan.planning.time_ms?;
    let execution = view.elapsed_ms()?;
    let is_dear = planning >= LEAST_MS && planning > execution;
    let is_counted = case.fixture.is_empty() || partitions(view) >= MANY_PARTITIONS;
    (is_dear && is_counted).then(|| {
        let message = format!(
            "planning takes {}, the execution {}",
            Milliseconds(planning),
            Milliseconds(execution)
        );
        let figures = evidence([
            ("planning_ms", json!(planning)),
            ("execution_ms", json!(execution)),
        ]);
        finding(view, case.severity_of_a_time(), &message, figures)
    })
}

fn finding(
    view: &PlanView<'_>,
    severity: Severity,
    message: &str,
    mut evidence: BTreeMap<String, Value>,
) -> Finding {
    let partitions = partitions(view);
    let (of, help) = if partitions >= MANY_PARTITIONS {
        (
            format!(" of {} partitions", count(partitions)),
            "fewer partitions; or a",
        )
    } else {
        (String::new(), "a")
    };
    if partitions > 0 {
        evidence.insert("members_of_append".to_owned(), json!(partitions));
    }
    Finding {
        rule: RULE.id.to_owned(),
        severity,
        message: message.replacen("planning", &format!("planning{of}"), 1),
        help: format!(
            "{help} statement prepared once a connection, with plan_cache_mode = force_generic_plan where PostgreSQL does not settle on \
             the generic plan by itself"
        ),
        node: None,
        evidence,
    }
}

/// Members of the largest Append, those that were pruned when the plan was started included.
fn partitions(view: &PlanView<'_>) -> u64 {
    let appends = view
        .plan
        .preorder()
        .map(|position| position.node)
        .filter(|node| node.node_type.ends_with("Append"));
    let members = appends.map(|node| {
        let removed = node.extra.get("Subplans Removed");
        let removed = removed.and_then(Value::as_u64).unwrap_or(0);
        removed.saturating_add(node.children.len() as u64)
    });
    members.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;
    use crate::plan::PlanMode;

    #[test]
    fn partitions_met_for_the_first_time_fire_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "planning-first");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Warning);
            assert!(
                findings[0].message.starts_with("planning of ")
                    && findings[0].message.contains(" partitions reads "),
                "{findings:?}"
            );
            let mut measured = golden.case();
            measured.fixture = "partitions-100";
            assert_eq!(super::check(&measured), findings, "pages repeat");
        }
    }

    #[test]
    fn a_time_fires_where_pages_do_not_tell() {
        let among = |removed: u64, planning: f64, execution: f64, fixture: &'static str| {
            let golden = GoldenCase::of(&format!(
                r#"{{"Plan":{{"Node Type":"Append","Subplans Removed":{removed},"Plans":[{{"Node Type":"Result"}},{{"Node Type":"Result"}}]}},
                    "Planning Time":{planning},"Execution Time":{execution}}}"#
            ));
            let mut case = golden.case();
            case.fixture = fixture;
            super::check(&case)
        };
        let found = |planning, execution, fixture| among(98, planning, execution, fixture);
        let finding = found(6.0, 0.5, "").remove(0);
        assert_eq!(
            finding.message,
            "planning of 100 partitions takes 6.00 ms, the execution 0.500 ms"
        );
        assert!(finding.help.starts_with("fewer partitions; or a statement"));
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(found(6.0, 0.5, "clean")[0].severity, Severity::Note);
        assert_eq!(among(13, 6.0, 0.5, "clean"), [], "too few to be the cause");
        let few = among(13, 6.0, 0.5, "").remove(0);
        assert!(
            few.message.starts_with("planning takes 6.00 ms")
                && few.help.starts_with("a statement")
        );
        assert_eq!(found(0.9, 0.1, ""), [], "a fetch is planned so");
        assert_eq!(found(6.0, 6.0, ""), []);
        assert_eq!(found(6.0, 0.0, ""), [], "not timed");
    }

    #[test]
    fn it_is_quiet_where_the_catalogs_are_known_and_for_generic_plans() {
        for version in [14, 15, 16, 17, 18] {
            for name in [
                "planning-again",
                "fetch-array",
                "fetch-array-plain",
                "append",
            ] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
            let golden = GoldenCase::read(version, "planning-first").mode(PlanMode::Generic);
            assert_eq!(super::check(&golden.case()), [], "pg{version}");
        }
    }
}
