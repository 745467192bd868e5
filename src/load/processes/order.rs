//! What a worker process is given and what it says.

use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::load::assignment::Assignment;
use crate::load::outcome::WorkerReport;
use crate::load::recorder::Interval;
use crate::postgres::connect::Route;
use crate::run::throughput::LedgerExample;

/// What a worker process is to do. It may hold a password: it goes through a pipe and nowhere else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Number of the process, from 1.
    pub process: u64,
    /// Where the server is.
    pub route: Route,
    /// The file with the board; it goes once every process has opened it.
    pub board: PathBuf,
    /// Which of the workers are its own, by their index on the board.
    pub workers: Range<usize>,
    /// What they are to do.
    pub assignment: Assignment,
}

/// What a worker process says, in its order.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// It has the board.
    Opened,
    /// What one of its recorders came to since the last time.
    Interval(Interval),
    /// One of its workers has ended.
    Report(WorkerReport),
    /// What was wrong with jobs, as its own ledger saw it.
    Examples(Vec<LedgerExample>),
    /// Its largest resident set, in bytes.
    PeakRssBytes(u64),
    /// It cannot go on; nothing follows.
    Failed(String),
    /// That was all.
    Done,
}

/// The workers of each of `processes` processes: in order, none with more than one worker more than another, and no process without
/// one.
#[must_use]
pub fn dealt_out(workers: usize, processes: usize) -> Vec<Range<usize>> {
    let processes = processes.clamp(1, workers.max(1));
    let begin = |process: usize| workers * process / processes;
    (0..processes)
        .map(|process| begin(process)..begin(process + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::dealt_out;

    #[test]
    fn workers_are_dealt_out_evenly() {
        assert_eq!(dealt_out(4, 2), [0..2, 2..4]);
        assert_eq!(dealt_out(5, 2), [0..2, 2..5]);
        assert_eq!(dealt_out(2, 5), [0..1, 1..2]);
        for (workers, processes) in [(256, 7), (1, 1), (10, 10)] {
            let dealt = dealt_out(workers, processes);
            assert_eq!(dealt.len(), processes);
            let sizes: Vec<usize> = dealt.iter().map(ExactSizeIterator::len).collect();
            assert_eq!(sizes.iter().sum::<usize>(), workers);
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        }
    }
}
