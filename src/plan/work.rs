//! What each node did by itself: time, pages and WAL without those of the nodes it called.
//!
//! PostgreSQL counts a node together with everything it called. What it called is not always what is printed below it: a CTE is
//! pulled by its CTE Scans, an InitPlan by the first node that names it, and a data-modifying CTE that nobody reads to the end is
//! finished after the root. The figures are dealt out from the root down, so a node never hands on more than it has: nothing is
//! negative, nothing is counted twice, and the nodes add up to the statement. Where the nodes below a node claim more than it has
//! (times are rounded to ±0.0005 ms a loop), their claims are cut and the node is marked [`Work::clamped`].

mod deal;
mod measure;

use super::node::{Buffers, Wal};
use super::reference::References;
use super::statement::Plan;
use super::tree::PlanTree;
use super::trigger::{self, TriggerPlace, TriggerWork};

/// Time, pages and WAL.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Elapsed time, in milliseconds. Under Gather: the average over the processes.
    pub time_ms: f64,
    /// Time summed over the processes, in milliseconds.
    pub cpu_ms: f64,
    /// Pages.
    pub buffers: Buffers,
    /// WAL.
    pub wal: Wal,
    /// What the nodes below claimed was cut, because it was more than the node had.
    pub clamped: bool,
}

/// What the nodes of a plan did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanWork {
    /// What each node did by itself, by preorder index.
    pub nodes: Vec<Work>,
    /// The statement: the root with all it called, and what ran after it. Equals the sum of `nodes`.
    pub total: Work,
    /// The root with all it called, as EXPLAIN shows it.
    pub root: Work,
    /// The part of `total` that data-modifying CTEs did after the root had returned its last row.
    pub after_root: Work,
    /// For each data-modifying CTE (by preorder index) that ran on after the root: how much.
    pub unread: Vec<(usize, Work)>,
    /// Where the time of each trigger is.
    pub triggers: Vec<TriggerWork>,
    /// Time of triggers that ran after all nodes, in milliseconds; not in `total`.
    pub after_triggers_ms: f64,
    /// Whether the plan has times (ANALYZE, TIMING on).
    pub has_times: bool,
    /// Whether the plan has pages (BUFFERS).
    pub has_buffers: bool,
    /// Whether the plan has WAL.
    pub has_wal: bool,
}

/// Computes what each node of a plan did by itself.
#[must_use]
pub fn work(plan: &Plan) -> PlanWork {
    let tree = PlanTree::new(plan);
    let references = References::of(&tree);
    let measures = measure::Measures::of(&tree);
    let mut dealt = deal::deal(&tree, &references, &measures);
    let after_root = dealt
        .unread
        .iter()
        .fold(Work::default(), |sum, (_, part)| sum.plus(part));
    let root = measures.root();
    dealt.total = root.plus(&after_root);
    dealt.total.cpu_ms = dealt.nodes.iter().map(|node| node.cpu_ms).sum();
    dealt.total.clamped = dealt.nodes.iter().any(|node| node.clamped);
    dealt.root = root;
    dealt.after_root = after_root;
    dealt.has_times = plan
        .root
        .actual
        .is_some_and(|actual| actual.total_ms.is_some());
    dealt.has_buffers = plan.root.buffers.is_some();
    dealt.has_wal = plan.root.wal.is_some();
    dealt.triggers = trigger::place(plan, &tree, &dealt);
    let after = dealt
        .triggers
        .iter()
        .filter(|trigger| trigger.place == TriggerPlace::After);
    dealt.after_triggers_ms = after.map(|trigger| trigger.time_ms).sum();
    dealt
}

impl Work {
    /// The sum of two.
    #[must_use]
    pub fn plus(&self, other: &Work) -> Work {
        let mut counters = measure::counters(&self.buffers, &self.wal);
        for (sum, more) in counters
            .iter_mut()
            .zip(measure::counters(&other.buffers, &other.wal))
        {
            *sum = sum.saturating_add(more);
        }
        let (buffers, wal) = measure::from_counters(&counters);
        Work {
            time_ms: self.time_ms + other.time_ms,
            cpu_ms: self.cpu_ms + other.cpu_ms,
            buffers,
            wal,
            clamped: self.clamped || other.clamped,
        }
    }
}
