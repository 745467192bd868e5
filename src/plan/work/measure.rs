//! What PostgreSQL measured at each node, children included, made comparable: elapsed time over all loops, counters as an array.

use super::Work;
use crate::plan::node::{BlockCounts, Buffers, PlanNode, Wal};
use crate::plan::tree::PlanTree;

/// Pages of ten kinds and four figures of WAL.
pub(super) type Counters = [u64; 14];

/// No statement runs longer (30,000 years): keeps sums finite whatever a file says.
const LONGEST_MS: f64 = 1e15;

/// The figures of all nodes, by preorder index, children included.
pub(super) struct Measures {
    /// Elapsed milliseconds.
    pub(super) time: Vec<f64>,
    /// Pages and WAL.
    pub(super) counters: Vec<Counters>,
    /// Processes that shared the node's work.
    pub(super) processes: Vec<f64>,
}

impl Measures {
    pub(super) fn of(tree: &PlanTree<'_>) -> Self {
        let processes = processes(tree);
        let positions = tree.positions();
        let time = positions
            .iter()
            .map(|position| elapsed(position.node) / processes[position.index])
            .collect();
        let counters = positions
            .iter()
            .map(|position| {
                counters(
                    &position.node.buffers.unwrap_or_default(),
                    &position.node.wal.unwrap_or_default(),
                )
            })
            .collect();
        Measures {
            time,
            counters,
            processes,
        }
    }

    /// The root with all it called.
    pub(super) fn root(&self) -> Work {
        let (buffers, wal) = from_counters(&self.counters[0]);
        Work {
            time_ms: self.time[0],
            cpu_ms: self.time[0],
            buffers,
            wal,
            clamped: false,
        }
    }

    /// Pages the node looked at, with all it called.
    pub(super) fn pages(&self, index: usize) -> u64 {
        from_counters(&self.counters[index]).0.total()
    }

    /// What rounding may have added to or taken from a node's time, in milliseconds.
    pub(super) fn rounding(&self, tree: &PlanTree<'_>, index: usize) -> f64 {
        0.0005 * tree.node(index).loops().max(1) as f64
    }
}

/// Time of all loops, in milliseconds. A time that is no time counts as none.
fn elapsed(node: &PlanNode) -> f64 {
    let Some(actual) = node.actual else {
        return 0.0;
    };
    let time = actual.total_ms.unwrap_or(0.0) * actual.loops as f64;
    if time.is_nan() {
        0.0
    } else {
        time.clamp(0.0, LONGEST_MS)
    }
}

/// How many processes ran each node: what is below a Gather is run by its workers and, as a rule, by the leader too.
fn processes(tree: &PlanTree<'_>) -> Vec<f64> {
    let mut processes = vec![1.0; tree.len()];
    for position in tree.positions() {
        let Some(parent) = position.parent else {
            continue;
        };
        let gather = tree.node(parent);
        // A Gather's own InitPlans are run by the leader alone.
        let shared = gather.is_gather() && !position.node.is_init_plan();
        processes[position.index] = if shared {
            gathered_processes(gather, position.node)
        } else {
            processes[parent]
        };
    }
    processes
}

/// The leader may be kept out (`parallel_leader_participation`, single copy): the loops of the Gather's input tell.
fn gathered_processes(gather: &PlanNode, input: &PlanNode) -> f64 {
    let launched_and_leader = gather.workers_launched.unwrap_or(0) as f64 + 1.0;
    let seen = input.loops() as f64 / gather.loops().max(1) as f64;
    seen.clamp(1.0, launched_and_leader)
}

/// The counters as an array, so that one loop deals with all of them.
pub(super) fn counters(buffers: &Buffers, wal: &Wal) -> Counters {
    let Buffers {
        shared,
        local,
        temp_read,
        temp_written,
    } = *buffers;
    [
        shared.hit,
        shared.read,
        shared.dirtied,
        shared.written,
        local.hit,
        local.read,
        local.dirtied,
        local.written,
        temp_read,
        temp_written,
        wal.records,
        wal.fpi,
        wal.bytes,
        wal.buffers_full,
    ]
}

/// The way back.
pub(super) fn from_counters(counters: &Counters) -> (Buffers, Wal) {
    let blocks = |first: usize| BlockCounts {
        hit: counters[first],
        read: counters[first + 1],
        dirtied: counters[first + 2],
        written: counters[first + 3],
    };
    let buffers = Buffers {
        shared: blocks(0),
        local: blocks(4),
        temp_read: counters[8],
        temp_written: counters[9],
    };
    let wal = Wal {
        records: counters[10],
        fpi: counters[11],
        bytes: counters[12],
        buffers_full: counters[13],
    };
    (buffers, wal)
}
