//! `parallel-in-fetch`: a statement that workers run all the time is itself run by parallel workers.
//!
//! # Why it hurts
//! Parallel workers are for a query that reads much and runs alone. A fetch or a completion reads little and runs in every client at
//! once: each execution starts processes (a few milliseconds, where the statement itself takes less than one), and all of them draw on one
//! pool (`max_parallel_workers`, 8 by default), so under load most get none and the same statement takes now this long, now that. That
//! the planner thinks parallel workers worth their start says that the statement reads far more than it is asked for.
//!
//! # Example
//! ```text
//! Limit (rows=10)
//!   -> CTE Scan on candidates (rows=10)  Filter: pg_try_advisory_xact_lock(id)
//!     CTE candidates -> Gather (Workers Planned: 2) -> Parallel Seq Scan on job (rows=18000)
//! ```
//!
//! # Fix
//! An index in the order of the fetch, so that it stops after the rows asked for; where the plan is parallel nevertheless, forbid it for
//! the role of the workers: `alter role … set max_parallel_workers_per_gather = 0`.
//!
//! # Thresholds
//! Any Gather in a fetch, a completion, or a statement that locks rows or takes advisory locks.
//!
//! # Source
//! PostgreSQL's manual, "When Can Parallel Query Be Used?": a statement that writes or locks rows is never parallel, so this is found in
//! claims by advisory lock and in the read before the write.

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::Case;
use crate::finding::claim::is_hot_path;
use crate::finding::wording::{evidence, rows};
use crate::finding::{Finding, Severity};
use crate::plan::{PlanTree, node_label};

pub(super) const RULE: Rule = Rule {
    id: "parallel-in-fetch",
    summary: "a statement that workers run all the time is itself run by parallel workers",
    severity: Severity::Warning,
    check,
    page: page(include_str!("parallel_in_fetch.rs")),
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    let mut gathers = tree
        .positions()
        .iter()
        .filter(|position| position.node.is_gather());
    // One is enough: all of them go by the same setting.
    let Some(gather) = gathers.next().filter(|_| is_hot_path(case, &tree)) else {
        return Vec::new();
    };
    let several = match gathers.count() {
        0 => String::new(),
        more => format!(" ({more} more like it)"),
    };
    let input: f64 = gather
        .node
        .children
        .iter()
        .map(|input| input.total_rows())
        .sum();
    let passed = if input > 0.0 {
        format!(" for {} rows", rows(input))
    } else {
        String::new()
    };
    vec![Finding {
        rule: RULE.id.to_owned(),
        severity: RULE.severity,
        message: format!(
            "{} asks for {} parallel workers at each execution{passed}{several}",
            node_label(gather.node),
            gather.node.workers_planned.unwrap_or_default()
        ),
        help: "make the statement read only what it returns, by an index in its order; to forbid parallel plans: \
               alter role … set max_parallel_workers_per_gather = 0"
            .to_owned(),
        node: Some(node_label(gather.node)),
        evidence: evidence([
            ("workers_planned", json!(gather.node.workers_planned)),
            ("workers_launched", json!(gather.node.workers_launched)),
            ("rows_gathered", json!(input.round() as u64)),
        ]),
    }]
}

#[cfg(test)]
mod tests {
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_claim_by_advisory_lock_fires_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "claim-parallel").operation("");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0]
                    .message
                    .starts_with("Gather asks for 2 parallel workers at each execution for "),
                "{findings:?}"
            );
            assert_eq!(findings[0].evidence["workers_planned"], 2);
        }
    }

    #[test]
    fn it_is_quiet_without_parallel_workers_and_outside_of_claims() {
        for (name, operation) in [
            ("claim-not-parallel", "fetch"),
            ("fetch-array", "fetch"),
            ("gather", "inspect"),
            ("gather-merge", ""),
        ] {
            for version in [14, 15, 16, 17, 18] {
                let golden = GoldenCase::read(version, name).operation(operation);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
        }
    }
}
