//! Workers that end while they hold jobs: by the clock, or because one job cannot be completed.

use pgq_analyze::run::RunStatus;
use pgq_analyze::run::throughput::{Ended, LedgerVerdict};

use super::{COMPLETE, FETCH, FIXTURE, queue, take_run, throughput};
use crate::own_queue;
use crate::place::Place;
use crate::program::run;

#[test]
fn what_workers_held_is_not_lost_where_nothing_can_rescue_it() {
    let place = Place::with_warm_cache();
    let fixture = own_queue::write_fixture(&place, FIXTURE);
    let queue = queue(&place, "held", FETCH, COMPLETE);
    let arguments = [
        "quick",
        "--fixture",
        &fixture,
        "--queue",
        &queue,
        "--task",
        "io:wait=10min",
        "--duration",
        "1s",
        "--stop-timeout",
        "1s",
    ];
    run(&place, throughput(&place, &arguments)).expect_code(0);
    let run = take_run(&place);
    let [result] = &run.results[..] else {
        panic!("it is kept: {:?}", run.failures);
    };
    assert_eq!(result.ended, Ended::Duration);
    assert!(result.deliveries.interrupted > 0, "{:?}", result.deliveries);
    assert_eq!(result.ledger.lost, None, "they are in the table");
    assert_eq!(result.ledger_verdict(), LedgerVerdict::Open);
    let said = "nobody knows whether jobs are lost: queue held has no rescue";
    let told = result.notes.iter().any(|note| note.contains(said));
    assert!(told, "{:?}", result.notes);
}

/// Refuse to complete the last of the jobs that were to be drained: with its batch, and by itself.
const REFUSES_A_BATCH: &str = "-- operation: complete
-- param numbers bigint[] = fetched.number

delete from task
where number = any(:numbers)
returning number, 1 / (number - (select max(number) from task where waiting or taken));
";
const REFUSES_ONE: &str = "-- operation: complete
-- param number bigint = fetched.number[1]

delete from task
where number = :number
returning number, 1 / (number - (select max(number) from task where waiting or taken));
";

#[test]
fn a_worker_that_gives_up_fails_the_drain_though_the_others_go_on() {
    let place = Place::with_warm_cache();
    let fixture = own_queue::write_fixture(&place, FIXTURE);
    let batch = queue(&place, "batch", FETCH, REFUSES_A_BATCH);
    let one = queue(&place, "one", FETCH, REFUSES_ONE);
    let arguments = [
        "quick",
        "--fixture",
        &fixture,
        "--queue",
        &batch,
        "--queue",
        &one,
        "--batch-size",
        "5",
    ];
    let ran = run(&place, throughput(&place, &arguments)).expect_code(1);
    let said = ran.stdout.matches("1 of 2 workers ended early: ").count();
    assert_eq!(said, 2, "{}", ran.stdout);
    let run = take_run(&place);
    assert_eq!((run.status, run.results.len()), (RunStatus::Complete, 2));
    for (result, left) in run.results.iter().zip([5, 1]) {
        assert_eq!(result.ended, Ended::Stalled);
        assert_eq!(result.ledger.acknowledged - result.ledger.done, left);
        assert_eq!(result.deliveries.interrupted, left);
        assert_eq!(result.errors["22012"], 1);
        let gave_up: Vec<(u64, &str)> = result.gave_up().collect();
        let [(_, reason)] = gave_up[..] else {
            panic!("one: {gave_up:?}");
        };
        assert!(reason.contains("division by zero"), "{reason}");
    }
}
