//! Every built-in queue, drained: the ledger is clean where the queue promises it, and the one with the natural mistake shows it.

use std::collections::BTreeMap;
use std::fs;

use pgq_analyze::definition::Library;
use pgq_analyze::definition::queue::ClaimEnds;
use pgq_analyze::fixture::rows::{Job, Rows, State};
use pgq_analyze::run::throughput::{Ended, LedgerVerdict, ThroughputResult};

use super::{assert_emptied, drained, take_run, throughput};
use crate::own_queue::write_fixture;
use crate::place::Place;
use crate::program::run_folder;

/// Every built-in queue, as options.
fn every_queue() -> Vec<String> {
    let names = Library::built_in().queue_names();
    let options = names.iter().map(|name| format!("--queue={name}"));
    options.collect()
}

#[test]
fn two_workers_drain_every_queue_and_account_for_every_job() {
    let place = Place::with_warm_cache();
    let queues = every_queue();
    let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
    let ran = throughput(&place, &[&["quick", "--json"], &queues[..]].concat()).expect_code(0);
    let kept = fs::read_to_string(run_folder(&place).join("run.json")).expect("reads");
    assert_eq!(ran.stdout, kept, "--json prints what is kept");
    let run = take_run(&place);
    assert_eq!(run.results.len(), queues.len());
    for result in &run.results {
        assert_eq!((result.workers, result.scenario.as_str()), (2, "quick"));
        assert_emptied(result, 100);
        assert_too_short(result);
        assert!(result.startup_ms.is_some_and(|startup| startup > 0.0));
        let queueing = result.set_up.queueing.expect("it has an enqueue");
        assert_eq!(queueing.jobs, 100);
        let cost = result.per_job.expect("it was counted");
        assert!(cost.pages > 0.0 && cost.wal_bytes > 0.0 && cost.dead_rows > 0.0);
        let statements = result.statements.as_ref().expect("it is loaded");
        let share: f64 = statements.iter().map(|one| one.share).sum();
        assert!((share - 1.0).abs() < 1e-6, "{statements:?}");
    }
    let peak = run.peak_rss_bytes;
    assert!((1..100_000_000).contains(&peak), "{peak}");
}

/// Figures that a run of a fraction of a second cannot give are missing, and it is said why.
#[track_caller]
fn assert_too_short(result: &ThroughputResult) {
    assert_eq!((&result.waits, &result.steady), (&None, &None));
    assert!(result.tenths.is_empty());
    let fetch = result.latency["fetch"].service.expect("it was recorded");
    assert_eq!(fetch.p999, None, "{fetch:?}");
    // A queue that gives one job a call is called often enough.
    assert_eq!(fetch.p99.is_some(), fetch.n >= 100, "{fetch:?}");
    let p99 = fetch.p99.is_none().then_some("p99 (100 calls)");
    for figure in ["waits", "steady state", "tenths"].into_iter().chain(p99) {
        let said = result.notes.iter().any(|note| note.contains(figure));
        assert!(said, "{figure}: {:?}", result.notes);
    }
}

/// Three queues, not all of whose jobs can be fetched.
const SCATTERED: &str = "jobs = 240\n[queues]\ncount = 3\n[states]\nready = 0.85\ncompleted = 0.1\nrunning = 0.05\n\
     [schedule]\nfuture = 0.1\n[steps]\nper_job = 2\ndone = 0.5";

#[test]
fn a_sweep_over_every_queue_leaves_nothing_out() {
    let place = Place::with_warm_cache();
    let queues = every_queue();
    let fixture = write_fixture(&place, SCATTERED);
    let mut arguments = vec!["quick", "--rows=240", "--sweep=workers=1,2"];
    arguments.extend(["--fixture", &fixture]);
    arguments.extend(queues.iter().map(String::as_str));
    arguments.extend(["--format", "csv"]);
    let ran = throughput(&place, &arguments).expect_code(0);
    let run = take_run(&place);
    assert_eq!(run.results.len(), 2 * queues.len());
    assert_eq!(ran.stdout.lines().count(), 1 + run.results.len());
    let [due, held, open] = due_held_and_open(&place);
    assert!(0 < due && 0 < held && due + held < open);
    for result in &run.results {
        let ledger = &result.ledger;
        assert_eq!(result.ended, Ended::Empty, "{:?}", result.incidents);
        assert_eq!(result.ledger_verdict(), LedgerVerdict::Clean, "{ledger:?}");
        // Jobs of workers that are gone can be fetched where their claims have ended without a rescue.
        let queue = Library::built_in().queue(&result.queue).expect("reads");
        let most = match queue.claim_ends {
            ClaimEnds::Rescue => due,
            ClaimEnds::Timeout | ClaimEnds::Session => due + held,
        };
        assert!((due..=most).contains(&ledger.done), "{ledger:?}");
        // Those that nobody could fetch are found afterwards.
        let fates = (ledger.acknowledged, ledger.done + ledger.remaining);
        assert_eq!(fates, (open, open), "{ledger:?}");
        assert_eq!(ledger.lost, Some(0));
    }
    assert_eq!(run.scaling.len(), queues.len());
    for scaling in &run.scaling {
        let cells = scaling.swept.iter();
        let cells: Vec<_> = cells
            .map(|cell| (cell.workers, cell.batch_size, cell.throughput.len()))
            .collect();
        assert_eq!(cells, [(1, 10, 1), (2, 10, 1)]);
        assert!(!scaling.recommendation.is_empty(), "{scaling:?}");
    }
}

/// How many of the fixture's jobs can be fetched, how many are held by workers that are gone, and how many are to be done some day.
fn due_held_and_open(place: &Place) -> [u64; 3] {
    let path = place.path().join("own-fixture.toml").display().to_string();
    let fixture = Library::built_in().fixture(&path).expect("reads");
    let rows = Rows::new(&fixture);
    let jobs: Vec<Job> = (1..=rows.jobs()).map(|seq| rows.job(seq)).collect();
    let count = |is: fn(&Job) -> bool| jobs.iter().filter(|job| is(job)).count() as u64;
    [
        // What is not due lies after 2200.
        count(|job| job.state == State::Ready && job.run_at < 6_000_000_000),
        count(|job| job.state == State::Running),
        count(|job| matches!(job.state, State::Ready | State::Running)),
    ]
}

#[test]
fn workers_of_the_natural_mistake_wait_for_each_others_rows() {
    let place = Place::with_warm_cache();
    // Many workers that want one job each all want the same one. Commits that wait for the disk would hide that; the tasks leave the
    // other queue something to do.
    let run = drained(
        &place,
        &[
            "default",
            "--queue=natural-mistake",
            "--queue=status-partial",
            "--rows=20000",
            "--workers=32",
            "--batch-size=1",
            "--task=io:wait=10ms",
            "--duration=4s",
            "--synchronous-commit=off",
            "--no-drain",
        ],
    );
    let locked: BTreeMap<&str, (f64, f64)> = run
        .results
        .iter()
        .map(|result| (result.queue.as_str(), locks_and_most(result)))
        .collect();
    let (locks, other) = locked["natural-mistake"];
    assert!(locks > 0.2 && locks > other, "{locked:?}");
    let (locks, _) = locked["status-partial"];
    assert!(locks < 0.01, "{locked:?}");
    for result in &run.results {
        assert_eq!(result.ended, Ended::Duration);
        assert_eq!(result.ledger_verdict(), LedgerVerdict::Open);
        assert_eq!(result.ledger.lost, None);
        let waits = result.waits.as_ref().expect("it was long enough");
        assert!(waits.samples >= 100, "{waits:?}");
    }
}

/// While workers fetched: the share of waits for rows, and the largest of any other event.
#[track_caller]
fn locks_and_most(result: &ThroughputResult) -> (f64, f64) {
    let waits = result.waits.as_ref().expect("it was long enough");
    let fetching = &waits.by_state["fetching"];
    let is_row_lock = |name: &str| matches!(name, "Lock:transactionid" | "Lock:tuple");
    let (locks, others): (Vec<_>, Vec<_>) = fetching
        .iter()
        .filter(|(name, _)| name.contains(':'))
        .partition(|(name, _)| is_row_lock(name));
    let most = others.into_iter().map(|(_, share)| *share);
    let locks = locks.into_iter().map(|(_, share)| *share);
    (locks.sum(), most.fold(0.0, f64::max))
}

#[test]
fn sixty_four_workers_in_two_processes_get_along() {
    let place = Place::with_warm_cache();
    let run = drained(
        &place,
        &[
            "quick",
            "--rows=1280",
            "--workers=64",
            "--processes=2",
            "--synchronous-commit=off",
        ],
    );
    let [result] = &run.results[..] else {
        panic!("one drain: {:?}", run.results);
    };
    assert_emptied(result, 1280);
    assert_eq!((&result.errors, result.retries), (&BTreeMap::new(), 0));
    assert_eq!(result.incidents, []);
    for worker in &result.worker_results {
        let process = (worker.worker - 1) / 32 + 1;
        assert_eq!(worker.process, process, "{worker:?}");
        assert!(worker.failure.is_none() && worker.startup_ms.is_some());
    }
}
