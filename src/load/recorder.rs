//! A worker's recorder: how long its calls took and what they came to, handed over once a second.
//!
//! Recording a sample is on the way of every call and takes some nanoseconds; what costs more is done once a second. Samples are kept
//! one by one while they are few, as those of each of hundreds of workers are, and in histograms of three significant digits beyond
//! that. What is handed over is merged by addition ([`Series`](super::series::Series)).

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::definition::operation::Operation;

/// Nanoseconds of an interval; intervals begin with execution.
const INTERVAL_NS: u64 = 1_000_000_000;

/// Samples of an operation and interval that are kept one by one.
const FEW: usize = 256;

/// Service times in microseconds and how often each came up. Values from histograms are exact to three digits.
pub type Values = Vec<(u32, u32)>;

/// Service times of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTimes {
    /// Per call.
    pub calls: Values,
    /// Each call once for each of its jobs.
    pub jobs: Values,
}

/// What a worker did within one second: or the part of it before or after the end of the warm-up, which falls into one second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// The worker, from 0.
    pub worker: u64,
    /// Which second of the execution, from 0.
    pub second: u64,
    /// Whether it lies after the warm-up.
    pub is_measured: bool,
    /// Jobs whose completion was durable.
    pub completed: u64,
    /// Calls of fetch that were answered.
    pub fetches: u64,
    /// Of those, calls that found nothing.
    pub empty: u64,
    /// Calls that failed, of whatever operation.
    pub errors: u64,
    /// Retries after errors that a retry may mend.
    pub retries: u64,
    /// Service times by operation.
    pub service: BTreeMap<Operation, ServiceTimes>,
}

/// A worker's recorder.
#[derive(Debug)]
pub struct Recorder {
    sender: Sender<Interval>,
    go_ns: u64,
    measure_from_ns: u64,
    ends_ns: u64,
    current: Interval,
    is_empty: bool,
    recordings: [Option<Box<Recording>>; Operation::ALL.len()],
}

/// The service times of one operation in the current interval.
#[derive(Debug)]
struct Recording {
    few: Values,
    histograms: Option<Histograms>,
    is_spilled: bool,
}

#[derive(Debug)]
struct Histograms {
    calls: Histogram<u32>,
    jobs: Histogram<u32>,
}

impl Recorder {
    /// A recorder of the worker with this number, from 0, whose intervals go to `sender`. Execution begins at `go_ns`, the warm-up ends
    /// at `measure_from_ns`, both by [`now_ns`](super::clock::now_ns).
    #[must_use]
    pub fn new(
        worker: u64,
        sender: Sender<Interval>,
        go_ns: u64,
        measure_from_ns: u64,
    ) -> Recorder {
        let mut recorder = Recorder {
            sender,
            go_ns,
            measure_from_ns,
            ends_ns: 0,
            current: Interval {
                worker,
                ..Interval::default()
            },
            is_empty: true,
            recordings: [const { None }; Operation::ALL.len()],
        };
        recorder.begin(go_ns);
        recorder
    }

    /// A call was answered at `at_ns`, `service_ns` after it was sent, about `jobs` jobs. A fetch without jobs is an empty one; it counts
    /// among the calls and, having no jobs, not among those per job.
    pub fn record(&mut self, operation: Operation, at_ns: u64, service_ns: u64, jobs: u64) {
        self.move_on(at_ns);
        if operation == Operation::Fetch {
            self.current.fetches += 1;
            self.current.empty += u64::from(jobs == 0);
        }
        let microseconds = u32::try_from((service_ns + 500) / 1000).unwrap_or(u32::MAX);
        let jobs = u32::try_from(jobs).unwrap_or(u32::MAX);
        self.recordings[operation as usize]
            .get_or_insert_default()
            .record(microseconds, jobs);
    }

    /// `jobs` jobs were durably completed at `at_ns`.
    pub fn jobs_completed(&mut self, at_ns: u64, jobs: u64) {
        self.move_on(at_ns);
        self.current.completed += jobs;
    }

    /// A call failed at `at_ns`.
    pub fn errored(&mut self, at_ns: u64) {
        self.move_on(at_ns);
        self.current.errors += 1;
    }

    /// What failed is tried again at `at_ns`.
    pub fn retried(&mut self, at_ns: u64) {
        self.move_on(at_ns);
        self.current.retries += 1;
    }

    /// Hands over what there is once its interval is over: for a worker that has nothing to record, at least once a second.
    pub fn tick(&mut self, now_ns: u64) {
        if now_ns >= self.ends_ns {
            self.hand_over();
            self.begin(now_ns);
        }
    }

    /// Hands over what there is.
    pub fn finish(mut self) {
        self.hand_over();
    }

    fn move_on(&mut self, at_ns: u64) {
        self.tick(at_ns);
        self.is_empty = false;
    }

    /// Begins the interval that `at_ns` lies in.
    fn begin(&mut self, at_ns: u64) {
        let second = at_ns.saturating_sub(self.go_ns) / INTERVAL_NS;
        self.current.second = second;
        self.current.is_measured = at_ns >= self.measure_from_ns;
        let end = self.go_ns + (second + 1) * INTERVAL_NS;
        self.ends_ns = if self.current.is_measured {
            end
        } else {
            end.min(self.measure_from_ns)
        };
    }

    fn hand_over(&mut self) {
        if self.is_empty {
            return;
        }
        self.is_empty = true;
        let next = Interval {
            worker: self.current.worker,
            ..Interval::default()
        };
        let mut interval = std::mem::replace(&mut self.current, next);
        for operation in Operation::ALL {
            let recording = self.recordings[operation as usize].as_mut();
            if let Some(times) = recording.and_then(|recording| recording.take()) {
                interval.service.insert(operation, times);
            }
        }
        // Whoever collects may have ended before a worker that was slow to stop.
        let _ = self.sender.send(interval);
    }
}

impl Default for Recording {
    fn default() -> Self {
        Recording {
            few: Vec::with_capacity(FEW),
            histograms: None,
            is_spilled: false,
        }
    }
}

impl Recording {
    fn record(&mut self, microseconds: u32, jobs: u32) {
        if self.is_spilled {
            if let Some(histograms) = &mut self.histograms {
                histograms.record(microseconds, jobs);
            }
        } else {
            self.few.push((microseconds, jobs));
            if self.few.len() == FEW {
                self.spill();
            }
        }
    }

    /// From here on this interval's samples go to the histograms, which are kept for the next.
    #[cold]
    fn spill(&mut self) {
        let histograms = self.histograms.get_or_insert_with(Histograms::new);
        for (microseconds, jobs) in self.few.drain(..) {
            histograms.record(microseconds, jobs);
        }
        self.is_spilled = true;
    }

    /// What was recorded since the last time; none if nothing was.
    fn take(&mut self) -> Option<ServiceTimes> {
        if let Some(histograms) = self.histograms.as_mut().filter(|_| self.is_spilled) {
            self.is_spilled = false;
            return Some(ServiceTimes {
                calls: take_values(&mut histograms.calls),
                jobs: take_values(&mut histograms.jobs),
            });
        }
        if self.few.is_empty() {
            return None;
        }
        let calls = self.few.iter().map(|(value, _)| (*value, 1)).collect();
        let jobs = self.few.iter().filter(|(_, jobs)| *jobs > 0);
        let jobs = jobs.copied().collect();
        self.few.clear();
        Some(ServiceTimes { calls, jobs })
    }
}

impl Histograms {
    fn new() -> Histograms {
        let histogram = || Histogram::new(3).expect("three digits are among those there are");
        Histograms {
            calls: histogram(),
            jobs: histogram(),
        }
    }

    fn record(&mut self, microseconds: u32, jobs: u32) {
        let fits = "a histogram that resizes takes any value";
        let value = u64::from(microseconds);
        self.calls.record(value).expect(fits);
        if jobs > 0 {
            self.jobs.record_n(value, jobs).expect(fits);
        }
    }
}

fn take_values(histogram: &mut Histogram<u32>) -> Values {
    let recorded = histogram.iter_recorded();
    let values = recorded.map(|step| {
        let value = u32::try_from(step.value_iterated_to()).unwrap_or(u32::MAX);
        (value, step.count_at_value())
    });
    let values = values.collect();
    histogram.reset();
    values
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::{FEW, Interval, Recorder};
    use crate::definition::operation::Operation;

    const SECOND: u64 = 1_000_000_000;
    const GO: u64 = 5 * SECOND;

    /// The intervals that come of recording with a warm-up of `warmup_ns`.
    fn intervals(warmup_ns: u64, record: impl FnOnce(&mut Recorder)) -> Vec<Interval> {
        let (sender, receiver) = channel();
        let mut recorder = Recorder::new(3, sender, GO, GO + warmup_ns);
        record(&mut recorder);
        recorder.finish();
        receiver.iter().collect()
    }

    #[test]
    fn each_second_is_an_interval() {
        let intervals = intervals(0, |recorder| {
            recorder.record(Operation::Fetch, GO, 1_499, 10);
            recorder.record(Operation::Fetch, GO + SECOND - 1, 1_500, 0);
            recorder.errored(GO + SECOND);
            recorder.retried(GO + SECOND);
            recorder.jobs_completed(GO + 7 * SECOND, 4);
        });
        let seconds: Vec<u64> = intervals.iter().map(|interval| interval.second).collect();
        assert_eq!(seconds, [0, 1, 7]);
        assert!(
            intervals
                .iter()
                .all(|interval| interval.worker == 3 && interval.is_measured)
        );
        assert_eq!((intervals[0].fetches, intervals[0].empty), (2, 1));
        let fetch = &intervals[0].service[&Operation::Fetch];
        assert_eq!(fetch.calls, [(1, 1), (2, 1)]);
        assert_eq!(fetch.jobs, [(1, 10)]);
        assert_eq!((intervals[1].errors, intervals[1].retries), (1, 1));
        assert_eq!(intervals[2].completed, 4);
        assert!(intervals[2].service.is_empty());
    }

    #[test]
    fn the_warm_up_ends_an_interval() {
        let intervals = intervals(SECOND * 3 / 2, |recorder| {
            for tenth in 0..20 {
                recorder.jobs_completed(GO + tenth * SECOND / 10, 1);
            }
        });
        let found: Vec<_> = intervals
            .iter()
            .map(|interval| (interval.second, interval.is_measured, interval.completed))
            .collect();
        assert_eq!(found, [(0, false, 10), (1, false, 5), (1, true, 5)]);
    }

    #[test]
    fn an_idle_worker_hands_over_what_it_has_when_asked_and_only_once() {
        let (sender, receiver) = channel();
        let mut recorder = Recorder::new(0, sender, GO, GO);
        recorder.jobs_completed(GO + 1, 1);
        recorder.tick(GO + SECOND - 1);
        assert!(receiver.try_recv().is_err());
        recorder.tick(GO + SECOND);
        assert_eq!(receiver.try_recv().unwrap().completed, 1);
        recorder.tick(GO + 3 * SECOND);
        recorder.finish();
        assert!(receiver.recv().is_err());
    }

    #[test]
    fn many_samples_are_as_exact_as_few() {
        let record = |recorder: &mut Recorder, second: u64, samples: u64| {
            for sample in 1..=samples {
                recorder.record(
                    Operation::Complete,
                    GO + second * SECOND,
                    sample * 10_000,
                    2,
                );
            }
        };
        let intervals = intervals(0, |recorder| {
            record(recorder, 0, FEW as u64 * 3);
            record(recorder, 1, FEW as u64 - 1);
        });
        let [many, few] = [0, 1].map(|second| &intervals[second].service[&Operation::Complete]);
        assert_eq!(few.calls.len(), FEW - 1);
        // Up to 2,047 µs three digits tell every value.
        assert_eq!(many.calls[..204], few.calls[..204]);
        assert_eq!(many.jobs[..204], few.jobs[..204]);
        let sum = |values: &[(u32, u32)]| {
            values
                .iter()
                .map(|(_, count)| *count as usize)
                .sum::<usize>()
        };
        assert_eq!(sum(&many.calls), FEW * 3);
        assert_eq!(sum(&many.jobs), FEW * 6);
        assert_eq!(sum(&few.jobs), (FEW - 1) * 2);
    }

    #[test]
    fn an_interval_survives_json() {
        let intervals = intervals(0, |recorder| {
            recorder.record(Operation::StepSave, GO, 7_000, 1);
            recorder.record(Operation::Fetch, GO, u64::MAX / 2, 1);
        });
        let text = serde_json::to_string(&intervals).unwrap();
        let back: Vec<Interval> = serde_json::from_str(&text).unwrap();
        assert_eq!(back, intervals);
        assert_eq!(back[0].service[&Operation::Fetch].calls, [(u32::MAX, 1)]);
    }
}
