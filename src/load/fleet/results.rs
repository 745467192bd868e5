//! What workers did, out of the board and their reports, in the form that a run keeps.

use super::FleetOutcome;
use crate::definition::operation::Operation;
use crate::load::board::{Board, Counters};
use crate::load::outcome::{Happening, WorkerReport};
use crate::load::task::Done;
use crate::run::throughput::{Incident, WorkerResult};

/// Incidents that a result keeps; with hundreds of workers one cause has hundreds.
const MOST_INCIDENTS: usize = 100;

/// What each worker did; `process_of` says in which process one was, from 1, 0 for the program itself.
#[must_use]
pub fn worker_results(
    board: &Board,
    outcome: &FleetOutcome,
    process_of: impl Fn(usize) -> u64,
) -> Vec<WorkerResult> {
    let result = |(index, counters): (usize, &Counters)| {
        let report = outcome.reports.iter().find(|one| one.worker == index);
        worker_result(counters, report, outcome, index, process_of(index))
    };
    board.workers().enumerate().map(result).collect()
}

fn worker_result(
    counters: &Counters,
    report: Option<&WorkerReport>,
    outcome: &FleetOutcome,
    index: usize,
    process: u64,
) -> WorkerResult {
    let series = &outcome.series;
    let number = index as u64;
    let started = counters.started_ns.get();
    let ready = counters.ready_ns.get();
    WorkerResult {
        worker: number + 1,
        process,
        state: counters.state(),
        startup_ms: (ready > 0).then(|| ready.saturating_sub(started) as f64 / 1e6),
        throughput: throughput(counters, outcome),
        fetches: counters.fetches(),
        deliveries: counters.deliveries(),
        retries: counters.retries.get(),
        reconnects: counters.reconnects.get(),
        fetch: series.of_worker(number, Operation::Fetch),
        complete: series.of_worker(number, Operation::Complete),
        cpu_ms: counters.cpu_ns.get() as f64 / 1e6,
        failure: report.and_then(|report| report.failure.clone()),
        gave_up: report.is_some_and(|report| report.gave_up),
    }
}

/// Completed jobs a second over the measured part of the execution: the same time for every worker, so that they add up.
fn throughput(counters: &Counters, outcome: &FleetOutcome) -> Option<f64> {
    let completed = counters.completed_after_warmup.get();
    let seconds = outcome.measured_s()?;
    (completed > 0).then_some(completed as f64 / seconds)
}

impl FleetOutcome {
    /// How long the measured part of the execution took, in seconds: from the end of the warm-up; none if it was over before.
    #[must_use]
    pub fn measured_s(&self) -> Option<f64> {
        let from_ns = self.began_ns?.saturating_add(self.warmup_ns);
        let measured_ns = self.ended_ns.checked_sub(from_ns)?;
        (measured_ns > 0).then_some(measured_ns as f64 / 1e9)
    }
}

/// What the tasks of all workers came to.
#[must_use]
pub fn task_done(board: &Board) -> Done {
    Done {
        amount: board.workers().map(|one| one.task_amount.get()).sum(),
        busy_ns: board.workers().map(|one| one.task_busy_ns.get()).sum(),
    }
}

/// What happened, in order of time; times are in seconds after execution began.
#[must_use]
pub fn incidents(outcome: &FleetOutcome) -> Vec<Incident> {
    let of_workers = outcome.reports.iter().flat_map(|report| {
        let worker = report.worker as u64 + 1;
        report.happened.iter().map(move |one| (Some(worker), one))
    });
    let of_nobody = outcome.happened.iter().map(|one| (None, one));
    let mut all: Vec<(Option<u64>, &Happening)> = of_nobody.chain(of_workers).collect();
    all.sort_by_key(|(_, happening)| happening.at_ns);
    let began_ns = outcome
        .began_ns
        .or(all.first().map(|(_, first)| first.at_ns));
    let at_s = |at_ns: u64| (at_ns as f64 - began_ns.unwrap_or(at_ns) as f64) / 1e9;
    let left = all.len().saturating_sub(MOST_INCIDENTS);
    let last_ns = all.last().map_or(0, |(_, last)| last.at_ns);
    let kept = all.iter().take(MOST_INCIDENTS);
    let mut incidents: Vec<Incident> = kept
        .map(|(worker, happening)| Incident {
            at_s: at_s(happening.at_ns),
            worker: *worker,
            message: happening.message.clone(),
        })
        .collect();
    if left > 0 {
        incidents.push(Incident {
            at_s: at_s(last_ns),
            worker: None,
            message: format!("{left} more like these"),
        });
    }
    incidents
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::board::Shape;
    use crate::load::series::Series;
    use crate::run::throughput::Ended;

    const SECOND: u64 = 1_000_000_000;

    fn outcome(reports: Vec<WorkerReport>) -> FleetOutcome {
        FleetOutcome {
            ended: Ended::Empty,
            began_ns: Some(10 * SECOND),
            warmup_ns: SECOND,
            ended_ns: 15 * SECOND,
            reports,
            series: Series::new(1.0),
            happened: vec![Happening {
                at_ns: 11 * SECOND,
                message: "worker process 1 is gone".to_owned(),
            }],
            processes_peak_rss_bytes: 0,
        }
    }

    #[test]
    fn throughput_is_over_the_measured_time_of_all() {
        let shape = Shape {
            workers: 2,
            jobs: 10,
        };
        let board = Board::anonymous(shape).unwrap();
        board.worker(0).completed_after_warmup.add(8);
        board.worker(0).started_ns.set(1_000_000);
        board.worker(0).ready_ns.set(3_500_000);
        let mut failed = WorkerReport::of(1);
        failed.failure = Some("fetching failed".to_owned());
        let results = worker_results(&board, &outcome(vec![failed]), |worker| worker as u64);
        assert_eq!(results[0].throughput, Some(2.0));
        assert_eq!(results[0].startup_ms, Some(2.5));
        assert_eq!((results[0].worker, results[0].process), (1, 0));
        assert_eq!(results[1].throughput, None);
        assert_eq!(results[1].startup_ms, None);
        assert_eq!(results[1].failure.as_deref(), Some("fetching failed"));
    }

    #[test]
    fn incidents_are_in_order_and_bounded() {
        let mut first = WorkerReport::of(0);
        first.note(9 * SECOND, "early".to_owned());
        let many = (1..=20).map(|worker| {
            let mut report = WorkerReport::of(worker);
            (0..8).for_each(|at| report.note(20 * SECOND + at, "late".to_owned()));
            report
        });
        let reports = std::iter::once(first).chain(many).collect();
        let found = incidents(&outcome(reports));
        assert_eq!((found[0].at_s, found[0].worker), (-1.0, Some(1)));
        assert_eq!((found[1].at_s, found[1].worker), (1.0, None));
        assert_eq!(found.len(), MOST_INCIDENTS + 1);
        let last = found.last().unwrap();
        assert_eq!(last.message, "62 more like these");
    }
}
