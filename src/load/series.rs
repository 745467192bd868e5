//! What all recorders came to: second by second and in total.
//!
//! Everything is merged by addition: percentiles are taken from merged histograms, never averaged. A second's histograms are compressed
//! once it is over, so that an hour of a hundred workers stays small.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;

use hdrhistogram::Histogram;

use self::kept::Kept;
use super::recorder::{Interval, ServiceTimes, Values};
use crate::definition::operation::Operation;
use crate::run::throughput::{OperationLatency, Percentiles};

mod kept;
#[cfg(test)]
mod tests;
mod text;

/// Seconds after which a histogram is compressed: by then the intervals of all workers have come in.
const SETTLED: u64 = 3;

/// Operations whose service times are kept for each worker.
const OF_WORKERS: [Operation; 2] = [Operation::Fetch, Operation::Complete];

/// What all recorders came to.
#[derive(Debug)]
pub struct Series {
    warmup_s: f64,
    /// By second, and whether it is the part after the warm-up.
    seconds: BTreeMap<(u64, bool), Second>,
    totals: BTreeMap<Operation, Total>,
    workers: BTreeMap<(u64, Operation), BTreeMap<u32, u64>>,
    backlog: BTreeMap<u64, u64>,
    compressed_below: u64,
}

#[derive(Debug, Default)]
struct Second {
    completed: u64,
    fetches: u64,
    empty: u64,
    errors: u64,
    retries: u64,
    calls: BTreeMap<Operation, Kept>,
}

/// The measured service times of an operation.
#[derive(Debug)]
struct Total {
    calls: Histogram<u64>,
    jobs: Histogram<u64>,
    /// Calls that were about no job: fetches that found nothing.
    empty: u64,
}

/// One second of the execution.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SecondSummary {
    /// Which one, from 0.
    pub second: u64,
    /// How much of it there was, in seconds: less than 1 for the last, 0 for those in which answers came in after the end.
    pub length_s: f64,
    /// Whether any of it lies after the warm-up.
    pub is_measured: bool,
    /// Jobs whose completion was durable.
    pub completed: u64,
    /// Calls of fetch that were answered.
    pub fetches: u64,
    /// Of those, calls that found nothing.
    pub empty: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Retries after errors that a retry may mend.
    pub retries: u64,
    /// Service time of fetch, per call.
    pub fetch: Percentiles,
    /// Service time of complete, per call.
    pub complete: Percentiles,
    /// Jobs that were due and not completed when it ended; none where nobody looked.
    pub backlog: Option<u64>,
}

impl SecondSummary {
    /// Completed jobs a second; none beyond the end.
    #[must_use]
    pub fn throughput(&self) -> Option<f64> {
        (self.length_s > 0.0).then(|| self.completed as f64 / self.length_s)
    }
}

fn empty_histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are among those there are")
}

fn add_values(histogram: &mut Histogram<u64>, values: &Values) {
    for (value, count) in values {
        histogram
            .record_n(u64::from(*value), u64::from(*count))
            .expect("a histogram that resizes takes any value");
    }
}

/// The largest value that a histogram of three significant digits does not tell from `value`: values from samples come to be where those
/// from histograms are.
fn equivalent(value: u32) -> u32 {
    let unit = (u32::BITS - value.leading_zeros()).saturating_sub(11);
    value | ((1 << unit) - 1)
}

impl Series {
    /// One without a second; `warmup_s` is how long the warm-up takes.
    #[must_use]
    pub fn new(warmup_s: f64) -> Series {
        Series {
            warmup_s,
            seconds: BTreeMap::new(),
            totals: BTreeMap::new(),
            workers: BTreeMap::new(),
            backlog: BTreeMap::new(),
            compressed_below: 0,
        }
    }

    /// Adds what recorders have handed over by now.
    pub fn collect(&mut self, receiver: &Receiver<Interval>) {
        receiver.try_iter().for_each(|interval| self.add(&interval));
    }

    /// Adds what one recorder handed over.
    pub fn add(&mut self, interval: &Interval) {
        let key = (interval.second, interval.is_measured);
        let second = self.seconds.entry(key).or_default();
        second.completed += interval.completed;
        second.fetches += interval.fetches;
        second.empty += interval.empty;
        second.errors += interval.errors;
        second.retries += interval.retries;
        for (operation, times) in &interval.service {
            second
                .calls
                .entry(*operation)
                .or_default()
                .add(&times.calls);
        }
        if interval.second < self.compressed_below {
            second.calls.values_mut().for_each(Kept::compress);
        }
        if interval.is_measured {
            for (operation, times) in &interval.service {
                let total = self.add_to_totals(interval.worker, *operation, times);
                if *operation == Operation::Fetch {
                    total.empty += interval.empty;
                }
            }
        }
        self.compress_below(interval.second.saturating_sub(SETTLED));
    }

    fn add_to_totals(
        &mut self,
        worker: u64,
        operation: Operation,
        times: &ServiceTimes,
    ) -> &mut Total {
        let total = self.totals.entry(operation).or_insert_with(|| Total {
            calls: empty_histogram(),
            jobs: empty_histogram(),
            empty: 0,
        });
        add_values(&mut total.calls, &times.calls);
        add_values(&mut total.jobs, &times.jobs);
        if OF_WORKERS.contains(&operation) {
            let tally = self.workers.entry((worker, operation)).or_default();
            for (value, count) in &times.calls {
                *tally.entry(equivalent(*value)).or_default() += u64::from(*count);
            }
        }
        total
    }

    /// Compresses the seconds before `second`; an interval that comes in later opens its own again.
    fn compress_below(&mut self, second: u64) {
        if second > self.compressed_below {
            let settled = (self.compressed_below, false)..(second, false);
            for (_, second) in self.seconds.range_mut(settled) {
                second.calls.values_mut().for_each(Kept::compress);
            }
            self.compressed_below = second;
        }
    }

    /// Jobs completed in all seconds.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.seconds.values().map(|second| second.completed).sum()
    }

    /// Says how many jobs were due and not completed at the end of a second.
    pub fn set_backlog(&mut self, second: u64, jobs: u64) {
        self.backlog.insert(second, jobs);
    }

    /// Service times by the operation's name, the warm-up left out. Workers intend no start, so there is neither response nor lag.
    #[must_use]
    pub fn latency(&self) -> BTreeMap<String, OperationLatency> {
        let latency = |total: &Total| OperationLatency {
            response: None,
            service: Some(Percentiles::of(&total.calls)),
            lag: None,
            service_per_job: (!total.jobs.is_empty()).then(|| {
                let calls = total.calls.len() - total.empty;
                Percentiles::per_job(&total.jobs, calls)
            }),
        };
        let totals = self.totals.iter();
        totals
            .map(|(operation, total)| (operation.name().to_owned(), latency(total)))
            .collect()
    }

    /// Service time per call of fetch or complete of the worker with this number, from 0, the warm-up left out; none where it made no
    /// such call, and for other operations.
    #[must_use]
    pub fn of_worker(&self, worker: u64, operation: Operation) -> Option<Percentiles> {
        let tally = self.workers.get(&(worker, operation))?;
        let mut histogram = empty_histogram();
        for (value, count) in tally {
            histogram
                .record_n(u64::from(*value), *count)
                .expect("a histogram that resizes takes any value");
        }
        Some(Percentiles::of(&histogram))
    }

    /// Service time per call of an operation from the beginning of a second on; warm-up left out.
    #[must_use]
    pub fn from_second(&self, second: u64, operation: Operation) -> Percentiles {
        let from = self.seconds.range((second, false)..);
        let measured = from.filter(|((_, is_measured), _)| *is_measured);
        Percentiles::of(&merged(measured.map(|(_, second)| second), operation))
    }

    /// The newest second that all workers have had time to hand over at `now_s` seconds after the start: what progress shows.
    #[must_use]
    pub fn latest(&self, now_s: f64) -> Option<SecondSummary> {
        let over = now_s as u64;
        over.checked_sub(2)
            .map(|second| self.summary(second, f64::MAX))
    }

    /// Every second of an execution that took `duration_s`, warm-up included.
    #[must_use]
    pub fn seconds(&self, duration_s: f64) -> Vec<SecondSummary> {
        let seconds = duration_s.ceil() as u64;
        // An answer may come in a little after the end.
        let last = self
            .seconds
            .last_key_value()
            .map_or(0, |((last, _), _)| last + 1);
        (0..seconds.max(last))
            .map(|second| self.summary(second, duration_s))
            .collect()
    }

    fn summary(&self, number: u64, duration_s: f64) -> SecondSummary {
        let rest = duration_s - number as f64;
        let mut summary = SecondSummary {
            second: number,
            length_s: rest.clamp(0.0, 1.0),
            is_measured: (number + 1) as f64 > self.warmup_s,
            backlog: self.backlog.get(&number).copied(),
            ..SecondSummary::default()
        };
        let parts = || {
            let parts = self.seconds.range((number, false)..=(number, true));
            parts.map(|(_, second)| second)
        };
        for second in parts() {
            summary.completed += second.completed;
            summary.fetches += second.fetches;
            summary.empty += second.empty;
            summary.errors += second.errors;
            summary.retries += second.retries;
        }
        summary.fetch = Percentiles::of(&merged(parts(), Operation::Fetch));
        summary.complete = Percentiles::of(&merged(parts(), Operation::Complete));
        summary
    }
}

/// The service times of an operation over several seconds.
fn merged<'a>(seconds: impl Iterator<Item = &'a Second>, operation: Operation) -> Histogram<u64> {
    let mut merged = empty_histogram();
    for kept in seconds.filter_map(|second| second.calls.get(&operation)) {
        merged
            .add(kept.histogram())
            .expect("a histogram that resizes takes any other");
    }
    merged
}
