//! Runs compared as wholes.

mod pairing;
mod properties;
mod times;
mod unlike;
mod verdicts;
mod words;

use super::*;
use crate::plan::OutlineNode;
use crate::run::baseline::BaselinePlan;
use crate::run::plan_result::GenericShape;

/// A run of these plans, with nothing else to tell it from another.
fn run(plans: Vec<BaselinePlan>) -> Baseline {
    let (mut run, _) = sample::runs();
    run.servers.truncate(1);
    run.interleaved_with = None;
    run.queues.retain(|name, _| name == "status-partial");
    run.fixtures.retain(|name, _| name == "heavy-single-queue");
    run.plans = plans;
    run
}

/// A custom plan of 10 rows and 150 pages, which is the generic one too.
fn fetch(variant: &str) -> BaselinePlan {
    BaselinePlan {
        postgres: "15.18".to_owned(),
        queue: "status-partial".to_owned(),
        fixture: "heavy-single-queue".to_owned(),
        operation: "fetch".to_owned(),
        statement: "fetch".to_owned(),
        variant: variant.to_owned(),
        plan_mode: PlanMode::Custom,
        auto_plan: Some(PlanMode::Custom),
        generic_shape: GenericShape::Same,
        shape: "aaaa".to_owned(),
        digest: "Index Scan job_ready_idx".to_owned(),
        rows: 10,
        rows_removed: Some(0),
        pages: 150,
        wal: WalCounts {
            records: 30,
            fpi: 0,
            bytes: 4_000,
        },
        output: Some(OutputCounts {
            bytes: 1_800,
            pages: 0,
        }),
        findings: Vec::new(),
        plan: vec![scan("Index Scan job_ready_idx", 150)],
        execution_ms: Vec::new(),
    }
}

fn scan(node: &str, pages: u64) -> OutlineNode {
    OutlineNode {
        node: node.to_owned(),
        relation: "job".to_owned(),
        rows: 10,
        pages,
        ..OutlineNode::default()
    }
}

/// The generic plan of a variant, of another shape.
fn generic(variant: &str) -> BaselinePlan {
    BaselinePlan {
        plan_mode: PlanMode::Generic,
        generic_shape: GenericShape::Differs,
        shape: "cccc".to_owned(),
        pages: 400,
        ..fetch(variant)
    }
}

fn compared(first: &Baseline, second: &Baseline) -> Comparison {
    compare(("main", first), ("latest", second), &Options::default()).expect("comparable")
}

/// Variant, mode and verdict of each plan.
fn verdicts(comparison: &Comparison) -> Vec<(&str, PlanMode, Verdict)> {
    let plans = comparison.plans.iter();
    plans
        .map(|plan| (plan.variant.as_str(), plan.plan_mode, plan.verdict))
        .collect()
}

#[test]
fn the_sample_has_every_verdict_and_every_cause() {
    let comparison = sample::comparison();
    let counted = VerdictCounts {
        regressed: 9,
        inconclusive: 3,
        improved: 3,
        appeared: 1,
        vanished: 1,
        unchanged: 4,
    };
    assert_eq!(comparison.verdicts, counted);
    let reasons = comparison.plans.iter().flat_map(|plan| &plan.reasons);
    let causes: std::collections::BTreeSet<Cause> = reasons.map(|reason| reason.what).collect();
    assert_eq!(causes.len(), 11, "{causes:?}");
}

#[test]
fn a_run_and_itself_are_unchanged() {
    let comparison = sample::unchanged();
    assert_eq!(comparison.verdicts.unchanged, comparison.plans.len());
    assert_eq!(comparison.changes, []);
    assert!(comparison.plans.iter().all(|plan| plan.nodes.is_empty()));
}

#[test]
fn a_comparison_reads_as_it_was_written() {
    let comparison = sample::comparison();
    let text = serde_json::to_string(&comparison).expect("serializes");
    let read: Comparison = serde_json::from_str(&text).expect("reads");
    assert_eq!(read, comparison);
}
