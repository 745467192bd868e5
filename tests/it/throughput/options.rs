//! What each option changes about a run.

use std::collections::BTreeSet;

use pgq_analyze::definition::scenario::Completion;
use pgq_analyze::run::throughput::{Ended, ThroughputResult};

use super::{assert_emptied, drained, keyed_queue, read, throughput};
use crate::place::Place;
use crate::program::run_folder;

/// How often the server was called to complete.
#[track_caller]
fn completions(result: &ThroughputResult) -> u64 {
    let statements = result.statements.as_ref().expect("it is loaded");
    let complete = statements.iter().find(|one| one.statement == "complete");
    complete.expect("it was called").calls
}

#[test]
fn queues_take_turns_and_complete_as_they_are_told() {
    let place = Place::with_warm_cache();
    let keyed = keyed_queue::write(&place);
    let what = ["quick", "--queue", &keyed, "--queue", "status-partial"];
    let with = |more: &[&str]| drained(&place, &[&what, more].concat()).results;

    let each = with(&["--completion=each", "--repeat=2", "--processes=2"]);
    // Every other repetition goes backwards.
    let order: Vec<_> = each
        .iter()
        .map(|result| (result.queue.as_str(), result.repeat))
        .collect();
    let expected = [
        ("keyed", 1),
        ("status-partial", 1),
        ("status-partial", 2),
        ("keyed", 2),
    ];
    assert_eq!(order, expected);
    for result in &each {
        assert_emptied(result, 100);
        assert_eq!(result.completion, Completion::Each);
        assert_eq!(completions(result), 100);
        let processes = result.worker_results.iter().map(|worker| worker.process);
        assert_eq!(processes.collect::<BTreeSet<_>>(), BTreeSet::from([1, 2]));
    }

    // A worker's last jobs are completed with a fetch that finds nothing.
    let joined = with(&["--completion=with-next-fetch", "--workers=1"]);
    for result in &joined {
        assert_emptied(result, 100);
        assert_eq!(result.completion, Completion::WithNextFetch);
        assert_eq!((completions(result), result.fetches.returned), (10, 10));
    }
    let commits = |results: &[ThroughputResult]| -> f64 {
        let costs = results.iter().filter_map(|result| result.per_job);
        costs.map(|cost| cost.commits).sum()
    };
    let apart = with(&["--workers=1"]);
    for result in &apart {
        assert_eq!(result.completion, Completion::Batch);
        assert_eq!(completions(result), 10);
    }
    assert!(commits(&joined) < commits(&apart));
}

#[test]
fn a_run_ends_with_its_duration_and_what_is_left_is_found() {
    let place = Place::with_warm_cache();
    let run = drained(
        &place,
        &[
            "quick",
            "--rows=3000",
            "--task=io:wait=50ms",
            "--duration=1s",
            "--warmup=300ms",
        ],
    );
    let [result] = &run.results[..] else {
        panic!("one drain: {:?}", run.results);
    };
    assert_eq!(result.ended, Ended::Duration);
    assert_eq!(result.warmup_s, 0.3);
    let ledger = &result.ledger;
    assert_eq!((ledger.acknowledged, ledger.lost), (3000, Some(0)));
    // Two workers with ten jobs in flight of 50 ms each cannot do more.
    assert!(ledger.done > 0 && ledger.done <= 500, "{ledger:?}");
    assert_eq!(ledger.done, result.deliveries.completed);
    assert_eq!(ledger.remaining, 3000 - ledger.done);
    // What was done while it warmed up is in the ledger and in no rate.
    let fetch = result.latency["fetch"].service.expect("it was recorded");
    assert!(fetch.n < result.fetches.total, "{fetch:?}");
    let measured = result.throughput.expect("some were done") * result.duration_s;
    assert!(measured < ledger.done as f64, "{measured}: {ledger:?}");
    let metric = result.task_metric.as_ref().expect("tasks waited");
    assert!(metric.value > 1.0, "{metric:?}");
}

const RELEASING: &str = "kind = \"throughput\"\ndescription = \"Jobs that come back\"\nfixture = \"heavy-single-queue\"\n\
     queue = \"status-partial\"\nrows = 20\n[workers]\ncount = 2\nbatch_size = 20\nconcurrency = 20\n[task.io]\nwait = \"20ms\"\n\
     [outcomes]\nreleased = 0.7\n";

#[test]
fn a_notification_wakes_workers_that_wait() {
    let place = Place::with_warm_cache();
    let queue = keyed_queue::write(&place);
    let scenario = place.write("releasing.toml", RELEASING);
    let scenario = scenario.display().to_string();
    // Whoever comes second finds nothing, and would look again after a minute.
    let what = [&*scenario, "--queue", &queue, "--listen"];
    let run = drained(&place, &[&what[..], &["--poll-interval=1min"]].concat());
    let [result] = &run.results[..] else {
        panic!("one drain: {:?}", run.results);
    };
    assert!(result.listen);
    assert_eq!(result.ended, Ended::Empty, "{:?}", result.incidents);
    let (ledger, deliveries) = (&result.ledger, &result.deliveries);
    assert_eq!((ledger.done, ledger.lost), (20, Some(0)), "{ledger:?}");
    assert_eq!((deliveries.completed, deliveries.failed), (20, 0));
    assert!(deliveries.released > 0, "{deliveries:?}");
    assert!(result.duration_s < 60.0);
    for worker in &result.worker_results {
        assert!(worker.fetches.total > 1, "it was woken: {worker:?}");
    }
}

#[test]
fn bytes_are_read_and_written_beside_and_within_the_jobs_transaction() {
    let place = Place::with_warm_cache();
    let written = |task: &str| {
        let run = drained(&place, &["quick", "--task", task]);
        let [result] = &run.results[..] else {
            panic!("one drain: {:?}", run.results);
        };
        assert_emptied(result, 100);
        let metric = result.task_metric.as_ref().expect("tasks read and wrote");
        assert_eq!(metric.name, "bytes per second");
        assert!(metric.value > 0.0, "{task}: {metric:?}");
        let table = &result.tables[..];
        assert!(table.iter().all(|table| table.table == "job"), "{table:?}");
        result.per_job.expect("jobs were done").commits
    };
    let beside = written("read-write:read=4kB,write=4kB");
    let within = written("read-write:read=4kB,write=4kB,within=true");
    // A commit a job, or those of the queue's own calls.
    assert!(beside > within + 0.5, "{beside} and {within}");
}

#[test]
fn steps_that_are_done_are_skipped() {
    let place = Place::with_warm_cache();
    let run = drained(&place, &["with-steps", "--rows=200", "--workers=2"]);
    let [result] = &run.results[..] else {
        panic!("one drain: {:?}", run.results);
    };
    assert_emptied(result, 200);
    assert_eq!(result.task.name, "steps");
    let step = result.tables.iter().find(|table| table.table == "step");
    let step = step.expect("it is watched");
    // Of the fixture's three steps a job about half are done.
    let missing = step.inserted + step.updated;
    assert!((200..400).contains(&missing), "{step:?}");
    let rows = |operation: &str| {
        let latency = result.latency.get(operation).expect("it was called");
        latency.service.expect("it was recorded").n
    };
    assert!(rows("step-load") > 0 && rows("step-save") > 0);
    let metric = result.task_metric.as_ref().expect("tasks did steps");
    assert_eq!(metric.name, "steps per second");
}

#[test]
fn a_drain_that_is_over_before_its_warm_up_says_so() {
    let place = Place::with_warm_cache();
    let ran = throughput(&place, &["quick", "--warmup=20s"]).expect_code(0);
    assert!(!ran.stdout.contains("no job"), "{}", ran.stdout);
    let run = read(&run_folder(&place));
    let result = &run.results[0];
    assert_emptied(result, 100);
    assert_eq!((result.throughput, result.duration_s), (None, 0.0));
    assert!(result.warmup_s > 0.0 && result.warmup_s < 20.0);
    let executed_s = run.timing.execute_ms / 1000.0;
    assert!((executed_s - result.warmup_s).abs() < 1e-6, "{executed_s}");
    let notes = result.notes.join("\n");
    assert!(notes.contains("over before its warm-up was"), "{notes}");
}

#[test]
fn nobody_has_to_look_for_what_is_left_where_nothing_is() {
    let place = Place::with_warm_cache();
    let run = drained(&place, &["quick", "--no-drain"]);
    assert_emptied(&run.results[0], 100);
    let notes = run.results[0].notes.join("\n");
    assert!(!notes.contains("nobody knows"), "{notes}");
}
