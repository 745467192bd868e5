//! `skip-locked-in-subquery`: a sub-select that locks a limited number of rows runs again for each row it decides about.
//!
//! # Why it hurts
//! A limit holds for one run of its query. Where a sub-select with `LIMIT … FOR UPDATE SKIP LOCKED` stands in EXISTS, refers to the row
//! outside, or is the inner side of a nested loop, it runs once for each row outside, and each time finds other rows to lock: more jobs are
//! claimed than were asked for, all of them if need be. Whether that happens may hang on the plan alone, so a queue is healthy until its
//! statistics change.
//!
//! # Example
//! ```text
//! update job set … where exists (select from job as candidate where candidate.id = job.id … limit 1 for update skip locked)
//! Update on job (rows=100)
//!   -> Seq Scan on job   Filter: (SubPlan 1)
//!     SubPlan 1 -> Limit -> LockRows (loops=100)
//! ```
//!
//! # Fix
//! Collect the ids once: `where id = any(array(select id … limit 10 for update skip locked))`, or in a `materialized` CTE.
//!
//! # Thresholds
//! A LockRows below a Limit lies in a SubPlan that is not hashed, or on the inner side of a Nested Loop with nothing between that keeps its
//! rows, and outside of it a table is read that it locks rows of. Quiet for a LATERAL over other rows, such as a list of queues, where one
//! run for each is meant. A warning where it ran only once.
//!
//! # Source
//! odd-jobs#115, delayed_job_active_record#177; measured: EXISTS over `limit 1 for update skip locked` took 100 jobs of 100.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::Case;
use crate::finding::claim::{Feeds, is_limited, locks};
use crate::finding::wording::{count, evidence, listed, rows};
use crate::finding::{Finding, Severity};
use crate::plan::{PlanTree, Relationship, node_label};

pub(super) const RULE: Rule = Rule {
    id: "skip-locked-in-subquery",
    summary: "a sub-select that locks a limited number of rows runs again for each row it decides about",
    severity: Severity::Critical,
    check,
    page: page(include_str!("skip_locked_in_subquery.rs")),
};

/// Nodes that keep the rows of what is below them, and run it again only for other values from outside.
const KEEPS_ROWS: [&str; 4] = ["Materialize", "Hash", "Sort", "Aggregate"];

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    let feeds = Feeds::of(&tree);
    let found = locks(&tree).filter(|lock| is_limited(&tree, *lock));
    found
        .filter_map(|lock| {
            let (within, outside) = run_again(&tree, lock)?;
            let locked = feeds.relations_read(lock);
            let decided: BTreeSet<&str> = relations(&tree, outside, within);
            let same: Vec<&str> = locked.intersection(&decided).copied().collect();
            (!same.is_empty()).then(|| finding(&tree, lock, &listed(&same)))
        })
        .collect()
}

/// The sub-select around a lock that runs again, and the node whose rows it runs for.
fn run_again(tree: &PlanTree<'_>, lock: usize) -> Option<(usize, usize)> {
    let ran_again = tree.node(lock).loops() > 1;
    let mut at = lock;
    while let Some(parent) = tree.parent(at) {
        let (node, above) = (tree.node(at), tree.node(parent));
        let keeps = !ran_again && KEEPS_ROWS.contains(&node.node_type.as_str());
        if node.is_init_plan() || keeps {
            return None;
        }
        if node.parent_relationship == Some(Relationship::SubPlan) {
            return (!is_hashed(tree, at, parent)).then_some((at, parent));
        }
        let is_inner = node.parent_relationship == Some(Relationship::Inner);
        if is_inner && above.node_type == "Nested Loop" {
            return Some((at, parent));
        }
        at = parent;
    }
    None
}

/// Whether a SubPlan runs once and its rows are looked up in a hash table: its owner names it `hashed SubPlan 1`.
fn is_hashed(tree: &PlanTree<'_>, sub_plan: usize, owner: usize) -> bool {
    let name = tree.node(sub_plan).subplan_name.as_deref();
    let Some(name) = name else { return false };
    let hashed = format!("(hashed {name})");
    let mut conditions = tree.node(owner).conditions.iter();
    conditions.any(|(_, text)| text.contains(&hashed))
}

/// The relations read below a node, but not within a part of it.
fn relations<'a>(tree: &PlanTree<'a>, node: usize, without: usize) -> BTreeSet<&'a str> {
    let part = without..tree.end(without);
    (node..tree.end(node))
        .filter(|index| !part.contains(index))
        .map(|index| tree.node(index))
        .filter(|node| !node.is_modify_table())
        .filter_map(|node| node.relation_name.as_deref())
        .collect()
}

fn finding(tree: &PlanTree<'_>, lock: usize, relation: &str) -> Finding {
    let node = tree.node(lock);
    let (loops, locked) = (node.loops(), node.total_rows());
    let (severity, ran) = match loops {
        0 => (RULE.severity, "may run again for each row".to_owned()),
        1 => (
            Severity::Warning,
            "ran once, and would run again for each further row".to_owned(),
        ),
        many => (
            RULE.severity,
            format!("ran {} times and locked {} rows", count(many), rows(locked)),
        ),
    };
    Finding {
        rule: RULE.id.to_owned(),
        severity,
        message: format!(
            "the sub-select that locks rows of {relation} {ran}: its limit holds for each run, not for all of them, so more may be claimed \
             than was asked for"
        ),
        help: format!(
            "collect the rows once: where id = any(array(select id from {relation} … limit … for update skip locked)), with the key of \
             {relation} for id"
        ),
        node: Some(node_label(node)),
        evidence: evidence([
            ("relation", json!(relation)),
            ("loops", json!(loops)),
            ("rows_locked", json!(locked.round() as u64)),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_sub_select_in_exists_runs_for_each_row() {
        for version in [14, 15, 16, 17, 18] {
            for name in ["exists-skip-locked", "skip-locked-rescanned"] {
                let golden = GoldenCase::read(version, name).without_catalog();
                let findings = super::check(&golden.case());
                assert_eq!(findings.len(), 1, "pg{version}/{name}");
                assert_eq!(findings[0].severity, Severity::Critical);
                assert!(
                    findings[0]
                        .message
                        .starts_with("the sub-select that locks rows of few ran 100 times"),
                    "pg{version}/{name}: {}",
                    findings[0].message
                );
                assert!(findings[0].help.contains("select id from few"));
            }
        }
    }

    #[test]
    fn what_was_not_executed_may_run_again() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "exists-skip-locked-plain");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(findings[0].message.contains(" may run again "));
        }
    }

    #[test]
    fn it_is_quiet_where_it_runs_once_or_for_other_rows() {
        for version in [14, 15, 16, 17, 18] {
            for name in [
                "fetch-array",
                "fetch-cte-custom",
                "natural-mistake",
                "lateral-skip-locked",
                "lock-after-limit-cte",
                "lock-of-chosen-queue",
            ] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
        }
    }
}
