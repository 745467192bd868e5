//! `jit-in-fetch`: a statement that workers run all the time is compiled at each execution.
//!
//! # Why it hurts
//! PostgreSQL compiles expressions to machine code where a plan's estimated cost is high, and does so again at each execution: nothing
//! is kept. It pays for a query over millions of rows; a fetch or a completion handles a batch of jobs, and ten or a hundred
//! milliseconds of compilation are many times what it takes itself. That the cost is that high says that the planner expects the
//! statement to read far more than it is asked for.
//!
//! # Example
//! ```text
//! Limit (rows=10) -> LockRows -> Sort -> Seq Scan on job
//! JIT: Functions: 12, Timing: Total 62.1 ms    Execution Time: 70.4 ms
//! ```
//!
//! # Fix
//! An index in the order of the fetch, so that the plan costs little; and for the role of the workers `alter role … set jit = off`.
//!
//! # Thresholds
//! Any function compiled (or, without ANALYZE, to be compiled) in a fetch, a completion, or a statement that locks rows or takes advisory
//! locks. A note where the compilation is known to take less than a quarter of the execution.
//!
//! # Source
//! PostgreSQL's manual, "When to JIT?" (`jit_above_cost`, 100,000 by default); measured with every stage of it on: a fetch of 10 took 554
//! ms, of which 454 ms were compilation.

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::Case;
use crate::finding::claim::is_hot_path;
use crate::finding::time_share::TimeShare;
use crate::finding::wording::evidence;
use crate::finding::{Finding, Severity};
use crate::plan::PlanTree;

pub(super) const RULE: Rule = Rule {
    id: "jit-in-fetch",
    summary: "a statement that workers run all the time is compiled at each execution",
    severity: Severity::Warning,
    check,
    page: page(include_str!("jit_in_fetch.rs")),
};

/// From this share of the execution on it is what the statement costs.
const LARGE_SHARE: f64 = 0.25;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let compiled = view.plan.jit.as_ref().filter(|jit| jit.functions > 0);
    let Some(jit) = compiled.filter(|_| is_hot_path(case, &PlanTree::new(view.plan))) else {
        return Vec::new();
    };
    let share = TimeShare::of_compiling(&view);
    let told = share.map_or(String::new(), |share| format!(", which takes {share}"));
    vec![Finding {
        rule: RULE.id.to_owned(),
        severity: if share.is_some_and(|share| share.share() < LARGE_SHARE) {
            Severity::Note
        } else {
            RULE.severity
        },
        message: format!(
            "{} functions are compiled at each execution{told}",
            jit.functions
        ),
        help: "for the role of the workers: alter role … set jit = off".to_owned(),
        node: None,
        evidence: evidence([
            ("functions", json!(jit.functions)),
            ("compiling_ms", json!(share.map(|share| share.part_ms))),
            ("execution_ms", json!(share.map(|share| share.elapsed_ms))),
        ]),
    }]
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_fetch_that_is_compiled_fires() {
        // Of the servers the golden plans come from only that of version 15 was built with LLVM.
        let golden = GoldenCase::read(15, "claim-jit");
        let findings = super::check(&golden.case());
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].severity, Severity::Warning);
        assert!(
            findings[0]
                .message
                .contains(" functions are compiled at each execution, which takes "),
            "{findings:?}"
        );
        for version in [14, 16, 17, 18] {
            let golden = GoldenCase::read(version, "claim-jit");
            assert_eq!(super::check(&golden.case()), [], "pg{version}");
        }
    }

    #[test]
    fn how_much_it_takes_is_weighed_where_it_is_known() {
        for (jit, severity) in [
            (r#"{"Functions":3}"#, Some(Severity::Warning)),
            (
                r#"{"Functions":3,"Timing":{"Total":0.05}}"#,
                Some(Severity::Warning),
            ),
            (
                r#"{"Functions":3,"Timing":{"Total":0.04}}"#,
                Some(Severity::Note),
            ),
            (r#"{"Functions":0}"#, None),
        ] {
            let golden = GoldenCase::of(&format!(
                r#"{{"Plan":{{"Node Type":"LockRows"}},"JIT":{jit},"Execution Time":0.2}}"#
            ));
            let findings = super::check(&golden.operation("").case());
            assert_eq!(findings.first().map(|one| one.severity), severity, "{jit}");
        }
    }

    #[test]
    fn it_is_quiet_outside_of_claims_and_without_it() {
        let report = GoldenCase::read(15, "report-jit").operation("inspect");
        assert_eq!(super::check(&report.case()), []);
        assert_eq!(
            super::check(&GoldenCase::read(15, "fetch-array").case()),
            []
        );
    }
}
