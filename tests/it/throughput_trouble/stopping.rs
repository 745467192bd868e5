//! Signals while queues are drained: each ends a little more, and what was measured is kept.

use pgq_analyze::run::RunStatus;
use pgq_analyze::run::throughput::{Ended, ThroughputResult};
use rustix::process::Signal;

use super::{COMPLETE, COMPLETING, FETCH, begin, queue, scenario, sql, take_run, throughput};
use crate::own_queue;
use crate::place::{Place, wait_for};
use crate::program::{Running, command};

/// What a worker's session does when it fetches jobs.
const FETCHING: &str = "skip locked";

/// Whether it says that nobody looked for what was left because of a signal.
fn was_left(result: &ThroughputResult) -> bool {
    let note = "interrupted: what was left in the queue was not drained: nobody knows whether jobs are lost";
    result.notes.iter().any(|one| one == note)
}

#[test]
fn a_signal_lets_workers_finish_and_keeps_earlier_drains() {
    let place = Place::with_warm_cache();
    let scenario = scenario(&place);
    let sweep = [
        &*scenario,
        "--sweep",
        "batch-size=100,20",
        "--concurrency",
        "100",
        // Long enough for a look that comes late on a busy machine.
        "--rows",
        "4000",
    ];
    let running = begin(&place, &sweep, 1, COMPLETING);
    running.signal(Signal::TERM);
    running
        .finish()
        .expect_code(130)
        .expect_said(&["stopping: "]);
    let run = take_run(&place);
    let [first, second] = &run.results[..] else {
        panic!("both are kept: {:?}", run.failures);
    };
    assert_eq!(
        (run.status, first.ended),
        (RunStatus::Interrupted, Ended::Stalled),
        "those that panicked wait"
    );
    assert_eq!(second.ended, Ended::Interrupted);
    assert!(second.deliveries.completed > 0);
    assert_eq!(second.deliveries.interrupted, 0, "in good order");
    assert_eq!(second.ledger.lost, Some(0));

    // The second signal does not wait for tasks that take longer than anybody wants to.
    let long = [&*scenario, "--task", "io:wait=10min"];
    let running = begin(&place, &long, 0, FETCHING);
    running.signal(Signal::INT);
    wait_for("the first to be heard", || {
        running.said().contains("stopping: ").then_some(())
    });
    running.signal(Signal::INT);
    let said = ["workers end at once, and what is left is not drained"];
    running.finish().expect_code(130).expect_said(&said);
    let result = take_interrupted(&place, Ended::Interrupted);
    let deliveries = result.deliveries;
    assert!(deliveries.total > 0 && deliveries.interrupted == deliveries.total);
    assert!(was_left(&result), "{:?}", result.notes);
}

/// Lets everybody but workers wait for longer than a test may take.
const WAIT: &str = "(select count(*) from pg_sleep(case when current_setting('application_name') ~ ' worker ' then 0 else 600 end))";

#[test]
fn a_signal_while_what_is_left_is_drained_keeps_the_result() {
    let place = Place::with_warm_cache();
    let limit = format!("limit :batch_size * {WAIT}");
    let slow = FETCH.replacen("limit :batch_size", &limit, 1);
    let slow = queue(&place, "slow", &slow, COMPLETE);
    let fixture = own_queue::write_fixture(&place, "jobs = 400\n");
    let arguments = [
        "quick",
        "--queue",
        &slow,
        "--fixture",
        &fixture,
        "--rows=400",
        "--task=io:wait=100ms",
        "--duration=500ms",
    ];
    let running = Running::start(&place, command(&place, throughput(&place, &arguments)));
    wait_for("what is left to be drained", || {
        let waiting = "select count(*) > 0 from pg_stat_activity where wait_event = 'PgSleep'";
        (sql(&place, waiting) == "t").then_some(())
    });
    running.signal(Signal::TERM);
    let said = ["stopping: what is left is not drained"];
    running.finish().expect_code(130).expect_said(&said);
    let result = take_interrupted(&place, Ended::Duration);
    assert!(result.deliveries.completed > 0);
    assert!(was_left(&result), "{:?}", result.notes);
}

/// The only drain of a run that was interrupted, which ended like this and was not looked into.
#[track_caller]
fn take_interrupted(place: &Place, ended: Ended) -> ThroughputResult {
    let mut run = take_run(place);
    assert_eq!(
        (run.status, run.results.len()),
        (RunStatus::Interrupted, 1),
        "{:?}",
        run.failures
    );
    let result = run.results.remove(0);
    assert_eq!((result.ended, result.ledger.lost), (ended, None));
    result
}
