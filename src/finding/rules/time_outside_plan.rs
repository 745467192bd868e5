//! `time-outside-plan`: most of the execution time is in no node of the plan.
//!
//! # Why it hurts
//! Whoever looks at the nodes of such a plan looks in the wrong place. What is outside of them: AFTER triggers and foreign keys, sending
//! the rows (turning them into text, fetching wide columns from TOAST), loading the compiler, starting and ending the execution, which takes
//! long where a plan has many partitions.
//!
//! # Example
//! ```text
//! Limit (rows=3)  0.02 ms
//! Trigger for constraint step_job_id_fkey: time=689 ms calls=5800    Execution Time: 712 ms
//! ```
//!
//! # Fix
//! What the plan names: triggers, serialization, compilation. Where it names nothing: `explain (analyze, serialize)` from 17 on, fewer
//! partitions, and a look at `pg_stat_activity.wait_event` while the statement runs.
//!
//! # Thresholds
//! At least 80 % of the execution time, and more than 1 ms. In a measured plan a note, because times do not repeat, and only where the plan
//! names what took it: the rest is mostly the machine's.
//!
//! # Source
//! The thresholds are those of common plan reviewers. Measured: an aggregate over 28 pages, the first of its session that is compiled, took
//! 155 ms, of which 6 in its nodes.

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::{Case, PlanView};
use crate::finding::time_share::TimeShare;
use crate::finding::wording::{evidence, listed, milliseconds};
use crate::finding::{Finding, Severity};
use crate::units::Milliseconds;

pub(super) const RULE: Rule = Rule {
    id: "time-outside-plan",
    summary: "most of the execution time is in no node of the plan",
    severity: Severity::Warning,
    check,
    page: page(include_str!("time_outside_plan.rs")),
};

const LEAST_SHARE: f64 = 0.8;
const LEAST_MS: f64 = 1.0;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let found = case.judged().and_then(|view| {
        let outside = outside_ms(&view)?;
        let share = TimeShare::of(Some(outside), &view)?;
        let is_large = share.share() >= LEAST_SHARE && outside > LEAST_MS;
        finding(case, &view, share).filter(|_| is_large)
    });
    found.into_iter().collect()
}

/// What the execution took beyond its nodes, those that ran on after the root included.
fn outside_ms(view: &PlanView<'_>) -> Option<f64> {
    let execution = view.plan.execution_ms.filter(|_| view.work.has_times)?;
    Some(execution - view.work.total.time_ms)
}

fn finding(case: &Case<'_>, view: &PlanView<'_>, share: TimeShare) -> Option<Finding> {
    let serialization = view.plan.serialization.as_ref();
    let known = [
        ("triggers", Some(view.work.after_triggers_ms)),
        ("serialization", serialization.and_then(|part| part.time_ms)),
        (
            "compilation",
            view.plan.jit.as_ref().and_then(|jit| jit.total_ms),
        ),
    ];
    let named: Vec<String> = known
        .iter()
        .filter_map(|(name, time)| Some((name, time.filter(|time| *time > 0.0)?)))
        .map(|(name, time)| format!("{name} took {}", Milliseconds(time)))
        .collect();
    let told: f64 = known.iter().filter_map(|(_, time)| *time).sum();
    // Loading the compiler is in none of its figures, and may take longer than they do.
    let loads = view.plan.jit.is_some() && told < share.part_ms / 2.0;
    let mut parts: Vec<&str> = named.iter().map(String::as_str).collect();
    if loads {
        parts.push("the first compilation of a session also loads the compiler");
    }
    let (told, help) = if parts.is_empty() {
        if !case.fixture.is_empty() {
            return None;
        }
        (
            "nothing in the plan says what".to_owned(),
            "explain (analyze, serialize) tells what sending the rows takes (from 17); look for many partitions, and at \
             pg_stat_activity.wait_event while it runs",
        )
    } else {
        (
            listed(&parts),
            "look there rather than at the nodes: changing them changes little",
        )
    };
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: case.severity_of_a_time(),
        message: format!("{share} are outside all nodes: {told}"),
        help: help.to_owned(),
        node: None,
        evidence: evidence([
            ("outside_ms", json!(milliseconds(share.part_ms))),
            ("execution_ms", json!(share.elapsed_ms)),
            ("triggers_ms", json!(known[0].1.map(milliseconds))),
            ("serialization_ms", json!(known[1].1)),
            ("compilation_ms", json!(known[2].1)),
        ]),
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn foreign_keys_checked_after_all_nodes_fire_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "modifying-cte-unread").operation("prune");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Warning);
            assert!(
                findings[0]
                    .message
                    .contains(" are outside all nodes: triggers took "),
                "{findings:?}"
            );
            let mut measured = golden.case();
            measured.fixture = "clean";
            assert_eq!(super::check(&measured)[0].severity, Severity::Note);
        }
    }

    #[test]
    fn loading_the_compiler_is_in_no_figure() {
        let golden = GoldenCase::read(15, "jit").operation("");
        let findings = super::check(&golden.case());
        assert!(
            findings[0]
                .message
                .ends_with("the first compilation of a session also loads the compiler"),
            "{findings:?}"
        );
    }

    #[test]
    fn what_no_part_of_the_plan_tells_is_said() {
        let found = |execution: f64, timing: &str, fixture: &'static str| {
            let golden = GoldenCase::of(&format!(
                r#"{{"Plan":{{"Node Type":"Result",{timing}"Actual Rows":1,"Actual Loops":1}},"Execution Time":{execution}}}"#
            ));
            let mut case = golden.case();
            case.fixture = fixture;
            super::check(&case)
        };
        let timed = r#""Actual Startup Time":0.0,"Actual Total Time":0.5,"#;
        let finding = found(2.5, timed, "").remove(0);
        assert_eq!(
            finding.message,
            "2.00 ms of 2.50 ms (80 %) are outside all nodes: nothing in the plan says what"
        );
        assert_eq!(found(2.5, timed, "clean"), [], "the machine's, as likely");
        assert_eq!(found(2.4, timed, ""), []);
        assert_eq!(found(0.9, timed, ""), [], "too little to look for");
        assert_eq!(found(2.5, "", ""), [], "no node was timed");
    }

    #[test]
    fn work_after_the_root_is_in_a_node() {
        for version in [14, 15, 16, 17, 18] {
            for name in [
                "modifying-cte-part-read",
                "fetch-array",
                "timing-off",
                "sort-spill",
            ] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
        }
    }
}
