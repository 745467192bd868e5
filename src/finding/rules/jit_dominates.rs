//! `jit-dominates`: just-in-time compilation takes a good part of the execution.
//!
//! # Why it hurts
//! Compiling pays where the code then runs over millions of rows. Whether it will is decided by the plan's estimated cost, so a plan
//! whose cost is overestimated (many partitions, stale statistics, a limit that stops it early) is compiled for nothing, again at each
//! execution.
//!
//! # Example
//! ```text
//! Aggregate (rows=1)  28 pages
//! JIT: Functions: 14, Timing: Total 149 ms    Execution Time: 155 ms
//! ```
//!
//! # Fix
//! `set jit = off` for this statement or role, or a `jit_above_cost` above its cost. Where the estimated cost is far from what is done,
//! analyse the tables.
//!
//! # Thresholds
//! A quarter of the execution time. For fetches, completions and claims `jit-in-fetch` speaks, at any share. A note in a measured plan,
//! because times do not repeat.
//!
//! # Source
//! PostgreSQL's manual, "When to JIT?"; the share is that of common plan reviewers.

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::Case;
use crate::finding::claim::is_hot_path;
use crate::finding::time_share::TimeShare;
use crate::finding::wording::{evidence, rows};
use crate::finding::{Finding, Severity};
use crate::plan::PlanTree;

pub(super) const RULE: Rule = Rule {
    id: "jit-dominates",
    summary: "just-in-time compilation takes a good part of the execution",
    severity: Severity::Warning,
    check,
    page: page(include_str!("jit_dominates.rs")),
};

const LEAST_SHARE: f64 = 0.25;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let Some(share) = TimeShare::of_compiling(&view).filter(|share| share.share() >= LEAST_SHARE)
    else {
        return Vec::new();
    };
    if is_hot_path(case, &PlanTree::new(view.plan)) {
        return Vec::new();
    }
    let cost = view.plan.root.estimate.total_cost;
    vec![Finding {
        rule: RULE.id.to_owned(),
        severity: case.severity_of_a_time(),
        message: format!("compilation takes {share}"),
        help: format!(
            "set jit = off for this statement, or jit_above_cost above its cost of {}",
            rows(cost)
        ),
        node: None,
        evidence: evidence([
            ("compiling_ms", json!(share.part_ms)),
            ("execution_ms", json!(share.elapsed_ms)),
            ("cost", json!(cost)),
        ]),
    }]
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_small_query_that_is_compiled_fires() {
        let golden = GoldenCase::read(15, "report-jit").operation("");
        let findings = super::check(&golden.case());
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].severity, Severity::Warning);
        assert!(
            findings[0].message.starts_with("compilation takes "),
            "{findings:?}"
        );
        assert!(findings[0].help.contains("above its cost of "));
        let mut measured = golden.case();
        measured.fixture = "clean";
        assert_eq!(super::check(&measured)[0].severity, Severity::Note);
    }

    #[test]
    fn it_is_quiet_below_a_quarter_in_claims_and_where_nothing_is_timed() {
        let plan = |rest: &str| {
            GoldenCase::of(&format!(
                r#"{{"Plan":{{"Node Type":"Result"}},"JIT":{{"Functions":3,"Timing":{{"Total":0.5}}}}{rest}}}"#
            ))
        };
        let found = |rest: &str, operation| super::check(&plan(rest).operation(operation).case());
        assert_eq!(found(r#","Execution Time":2.0"#, "").len(), 1);
        assert_eq!(found(r#","Execution Time":2.1"#, ""), []);
        assert_eq!(found(r#","Execution Time":2.0"#, "fetch"), []);
        assert_eq!(found(r#","Execution Time":0.0"#, ""), []);
        assert_eq!(found("", ""), []);
    }
}
