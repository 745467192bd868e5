//! `parallel-workers-missing`: a parallel plan got fewer workers than it was made for.
//!
//! # Why it hurts
//! The planner chose the parallel plan because it counted on its workers. Without them one process does the work of all, with the
//! detours that only make sense when it is shared; a plan made for one process would have been quicker. How long the statement takes then
//! depends on what else runs.
//!
//! # Example
//! ```text
//! Gather (Workers Planned: 2, Workers Launched: 0)
//! ```
//!
//! # Fix
//! Where it happens often: a larger pool (`max_parallel_workers`, within `max_worker_processes`), or fewer workers a statement
//! (`max_parallel_workers_per_gather`) so that each gets what it was planned for.
//!
//! # Thresholds
//! Any. A warning where none was launched, else a note.
//!
//! # Source
//! PostgreSQL's manual, "How Parallel Query Works".

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::Case;
use crate::finding::wording::evidence;
use crate::finding::{Finding, Severity};
use crate::plan::{PlanNode, node_label};

pub(super) const RULE: Rule = Rule {
    id: "parallel-workers-missing",
    summary: "a parallel plan got fewer workers than it was made for",
    severity: Severity::Warning,
    check,
    page: page(include_str!("parallel_workers_missing.rs")),
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let nodes = view.plan.preorder().map(|position| position.node);
    nodes
        .filter(|node| node.is_gather() && node.loops() > 0)
        .filter_map(look_at)
        .collect()
}

fn look_at(gather: &PlanNode) -> Option<Finding> {
    let (planned, launched) = (gather.workers_planned?, gather.workers_launched?);
    (launched < planned).then(|| Finding {
        rule: RULE.id.to_owned(),
        severity: if launched == 0 {
            RULE.severity
        } else {
            Severity::Note
        },
        message: format!(
            "{} got {launched} of the {planned} workers it was planned for",
            node_label(gather)
        ),
        help: "raise max_parallel_workers (within max_worker_processes), or lower max_parallel_workers_per_gather so that statements \
               get what they were planned for"
            .to_owned(),
        node: Some(node_label(gather)),
        evidence: evidence([
            ("workers_planned", json!(planned)),
            ("workers_launched", json!(launched)),
        ]),
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_plan_without_its_workers_fires_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "workers-missing").operation("inspect");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(
                findings[0].message,
                "Gather got 0 of the 2 workers it was planned for"
            );
            assert_eq!(findings[0].severity, Severity::Warning);
        }
    }

    #[test]
    fn some_workers_are_a_note_and_all_of_them_nothing() {
        let gather = |launched: &str, loops: u64| {
            let golden = GoldenCase::of(&format!(
                r#"{{"Plan":{{"Node Type":"Gather Merge","Workers Planned":2,{launched}"Actual Loops":{loops},"Actual Rows":1}}}}"#
            ));
            super::check(&golden.case())
        };
        let some = gather(r#""Workers Launched":1,"#, 1);
        assert_eq!(some[0].severity, Severity::Note);
        assert!(some[0].message.starts_with("Gather Merge got 1 of the 2"));
        assert_eq!(gather(r#""Workers Launched":2,"#, 1), []);
        assert_eq!(gather(r#""Workers Launched":0,"#, 0), [], "never run");
        assert_eq!(gather("", 1), [], "not executed");
    }

    #[test]
    fn it_is_quiet_where_the_workers_came() {
        for name in ["gather", "gather-merge", "claim-parallel", "fetch-array"] {
            let golden = GoldenCase::read(15, name);
            assert_eq!(super::check(&golden.case()), [], "{name}");
        }
    }
}
