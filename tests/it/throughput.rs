//! `throughput` as a user runs it: what a run leaves, whatever its options, and that every job is accounted for in it.

mod compared;
mod full_disk;
mod given;
mod keyed_queue;
mod options;
mod queues;
mod repeatable;
mod servers;
mod thresholds;

use std::fs;
use std::path::Path;

use pgq_analyze::run::RunStatus;
use pgq_analyze::run::store::{AnyRun, read_any};
use pgq_analyze::run::throughput::{
    Deliveries, Ended, Fetches, LedgerVerdict, ThroughputResult, ThroughputRun, WorkerState,
};

use crate::place::Place;
use crate::program::{Ran, run, run_folder};

/// `throughput` with run folders in the place.
fn throughput(place: &Place, arguments: &[&str]) -> Ran {
    let out = place.out().display().to_string();
    run(
        place,
        [&["throughput"], arguments, &["--out", &out]].concat(),
    )
}

/// Drains, and reads back the only run in the place's folder, which is then removed.
#[track_caller]
fn drained(place: &Place, arguments: &[&str]) -> ThroughputRun {
    throughput(place, arguments).expect_code(0);
    take_run(place)
}

/// Reads the only run in the place's folder, then removes it; what has to hold of every run is asserted before.
#[track_caller]
fn take_run(place: &Place) -> ThroughputRun {
    let folder = run_folder(place);
    let run = read(&folder);
    assert_eq!(
        (run.status, &run.failures[..]),
        (RunStatus::Complete, &[][..])
    );
    for result in &run.results {
        assert_accounted_for(result);
        assert_recorded(result, &folder);
    }
    fs::remove_dir_all(folder).expect("removes the run");
    run
}

#[track_caller]
fn read(folder: &Path) -> ThroughputRun {
    match read_any(folder).expect("the run reads back") {
        AnyRun::Throughput(run) => run,
        AnyRun::Plans(_) => panic!("it is a run of drains"),
    }
}

/// What holds however a drain went: everything that began has an end, in each worker and in sum.
#[track_caller]
fn assert_accounted_for(result: &ThroughputResult) {
    let (mut fetches, mut deliveries) = (Fetches::default(), Deliveries::default());
    for worker in &result.worker_results {
        assert_parts(&worker.fetches, &worker.deliveries);
        assert_eq!(worker.state, WorkerState::Finished, "{worker:?}");
        fetches.total += worker.fetches.total;
        fetches.returned += worker.fetches.returned;
        fetches.empty += worker.fetches.empty;
        fetches.errored += worker.fetches.errored;
        deliveries.total += worker.deliveries.total;
        deliveries.completed += worker.deliveries.completed;
        deliveries.failed += worker.deliveries.failed;
        deliveries.released += worker.deliveries.released;
        deliveries.interrupted += worker.deliveries.interrupted;
    }
    assert_eq!(result.worker_results.len() as u64, result.workers);
    assert_eq!((result.fetches, result.deliveries), (fetches, deliveries));
    let ledger = &result.ledger;
    if let Some(lost) = ledger.lost {
        let fates = ledger.done + ledger.dead + ledger.remaining + lost;
        assert_eq!(ledger.acknowledged, fates, "{ledger:?}");
    }
}

#[track_caller]
fn assert_parts(fetches: &Fetches, deliveries: &Deliveries) {
    let ended = fetches.returned + fetches.empty + fetches.errored;
    assert_eq!(fetches.total, ended, "{fetches:?}");
    let ended =
        deliveries.completed + deliveries.failed + deliveries.released + deliveries.interrupted;
    assert_eq!(deliveries.total, ended, "{deliveries:?}");
}

/// The series and the histograms are there and tell of as many jobs and calls as the result.
#[track_caller]
fn assert_recorded(result: &ThroughputResult, folder: &Path) {
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("the file is there");
    let series = read(result.series.as_deref().expect("a series was written"));
    let mut lines = series.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let at = header.iter().position(|name| *name == "completed");
    let at = at.expect("a column of completed jobs");
    let completed = lines.map(|line| {
        let cell = line.split(',').nth(at).expect("as many cells");
        cell.parse::<u64>().expect("a number")
    });
    assert_eq!(completed.sum::<u64>(), result.deliveries.completed);
    for operation in ["fetch", "complete"] {
        let log = read(&result.histograms[operation]);
        assert!(log.starts_with("#[Histogram log format version"), "{log}");
        assert!(log.contains(",HISTFAAAA"), "{log}");
        let service = result.latency[operation].service.expect("was recorded");
        assert!(service.n > 0, "{operation}: {service:?}");
    }
}

/// Every job was delivered once and completed, until the queue was empty.
#[track_caller]
fn assert_emptied(result: &ThroughputResult, jobs: u64) {
    let place = format!("{} with {} workers", result.queue, result.workers);
    assert_eq!(
        result.ended,
        Ended::Empty,
        "{place}: {:?}",
        result.incidents
    );
    assert_eq!(result.ledger_verdict(), LedgerVerdict::Clean, "{place}");
    let ledger = &result.ledger;
    let fates = (ledger.acknowledged, ledger.done, ledger.lost);
    assert_eq!(fates, (jobs, jobs, Some(0)), "{place}: {ledger:?}");
    let unheard = (ledger.duplicated, ledger.unexpected, ledger.altered);
    assert_eq!(unheard, (0, 0, 0), "{place}: {ledger:?}");
    let deliveries = &result.deliveries;
    assert_eq!(
        (deliveries.total, deliveries.completed),
        (jobs, jobs),
        "{place}"
    );
}
