//! Which drains are repeats of each other.

use std::collections::BTreeMap;

use super::{TaskRecord, ThroughputResult};
use crate::definition::scenario::{Completion, Outcomes};
use crate::stats::spread::median;
use crate::units::counted;

/// What a drain was asked to do; drains that were asked for the same are repeats of each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// As [`ThroughputResult::postgres`].
    pub postgres: String,
    /// As [`ThroughputResult::scenario`].
    pub scenario: String,
    /// As [`ThroughputResult::queue`].
    pub queue: String,
    /// As [`ThroughputResult::fixture`].
    pub fixture: String,
    /// As [`ThroughputResult::jobs`].
    pub jobs: u64,
    /// As [`ThroughputResult::workers`].
    pub workers: u64,
    /// As [`ThroughputResult::processes`].
    pub processes: u64,
    /// As [`ThroughputResult::batch_size`].
    pub batch_size: u64,
    /// As [`ThroughputResult::concurrency`].
    pub concurrency: u64,
    /// As [`ThroughputResult::poll_interval_ms`].
    pub poll_interval_ms: f64,
    /// As [`ThroughputResult::flush_interval_ms`].
    pub flush_interval_ms: f64,
    /// As [`ThroughputResult::completion`].
    pub completion: Completion,
    /// As [`ThroughputResult::listen`].
    pub listen: bool,
    /// As [`ThroughputResult::task`].
    pub task: TaskRecord,
    /// As [`ThroughputResult::duration_limit_s`].
    pub duration_limit_s: Option<f64>,
    /// As [`ThroughputResult::warmup_limit_s`].
    pub warmup_limit_s: f64,
    /// As [`ThroughputResult::outcomes`].
    pub outcomes: Outcomes,
    /// As [`ThroughputResult::settings`].
    pub settings: BTreeMap<String, String>,
}

impl Cell {
    /// What the drain was asked to do.
    #[must_use]
    pub fn of(result: &ThroughputResult) -> Cell {
        Cell {
            postgres: result.postgres.clone(),
            scenario: result.scenario.clone(),
            queue: result.queue.clone(),
            fixture: result.fixture.clone(),
            jobs: result.jobs,
            workers: result.workers,
            processes: result.processes,
            batch_size: result.batch_size,
            concurrency: result.concurrency,
            poll_interval_ms: result.poll_interval_ms,
            flush_interval_ms: result.flush_interval_ms,
            completion: result.completion,
            listen: result.listen,
            task: result.task.clone(),
            duration_limit_s: result.duration_limit_s,
            warmup_limit_s: result.warmup_limit_s,
            outcomes: result.outcomes,
            settings: result.settings.clone(),
        }
    }
}

/// A cell of a sweep in words: `8 workers, batches of 100`. Drains that failed carry it as their variant.
#[must_use]
pub fn cell_name(workers: u64, batch_size: u64) -> String {
    let workers = counted(usize::try_from(workers).unwrap_or(usize::MAX), "worker");
    format!("{workers}, batches of {batch_size}")
}

/// Drains that were asked for the same, one at least.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeats<'r> {
    /// What they were asked to do.
    pub cell: Cell,
    /// In the order they were measured.
    pub results: Vec<&'r ThroughputResult>,
}

/// Puts repeats together, in the order of their first ones.
#[must_use]
pub fn repeats(results: &[ThroughputResult]) -> Vec<Repeats<'_>> {
    let mut all: Vec<Repeats<'_>> = Vec::new();
    for result in results {
        let cell = Cell::of(result);
        match all.iter_mut().find(|repeats| repeats.cell == cell) {
            Some(repeats) => repeats.results.push(result),
            None => all.push(Repeats {
                cell,
                results: vec![result],
            }),
        }
    }
    all
}

impl<'r> Repeats<'r> {
    /// A figure of each repeat that has it, in order.
    #[must_use]
    pub fn figures(&self, figure: impl Fn(&ThroughputResult) -> Option<f64>) -> Vec<f64> {
        let figures = self.results.iter().filter_map(|result| figure(result));
        figures.collect()
    }

    /// The median of a figure; none where no repeat has it.
    #[must_use]
    pub fn median(&self, figure: impl Fn(&ThroughputResult) -> Option<f64>) -> Option<f64> {
        median(&self.figures(figure))
    }

    /// The repeat with the median throughput, of two in the middle the slower one; one that completed nothing counts as the slowest.
    #[must_use]
    pub fn in_the_middle(&self) -> Option<&'r ThroughputResult> {
        let mut order = self.results.clone();
        let throughput = |result: &ThroughputResult| result.throughput.unwrap_or(0.0);
        order.sort_by(|one, other| throughput(one).total_cmp(&throughput(other)));
        order.get(order.len().saturating_sub(1) / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_put_together_in_the_order_they_came() {
        let one = |queue: &str, workers: u64, repeat: u64, throughput: Option<f64>| {
            let mut result = ThroughputResult::specimen();
            result.queue = queue.to_owned();
            (result.workers, result.repeat, result.throughput) = (workers, repeat, throughput);
            result
        };
        let results = [
            one("a", 1, 1, Some(30.0)),
            one("b", 1, 1, Some(5.0)),
            one("a", 1, 2, Some(10.0)),
            one("a", 2, 1, None),
            one("a", 1, 3, Some(20.0)),
            one("a", 1, 4, Some(40.0)),
        ];
        let all = repeats(&results);
        let told: Vec<(&str, u64, usize)> = all
            .iter()
            .map(|one| (one.cell.queue.as_str(), one.cell.workers, one.results.len()))
            .collect();
        assert_eq!(told, [("a", 1, 4), ("b", 1, 1), ("a", 2, 1)]);
        assert_eq!(all[0].in_the_middle().map(|result| result.repeat), Some(3));
        assert_eq!(all[0].median(|result| result.throughput), Some(25.0));
        assert_eq!(all[2].median(|result| result.throughput), None);
        assert_eq!(all[2].in_the_middle().map(|result| result.repeat), Some(1));
    }
}
