//! One worker, no autovacuum and a checkpoint before: the same drain costs the same, and the server counts what the ledger counts.

use pgq_analyze::run::throughput::{PerJob, ThroughputResult};

use super::{assert_emptied, drained, keyed_queue};
use crate::place::Place;

/// One worker whose drains do not depend on when autovacuum comes.
const ALONE: [&str; 4] = ["--workers=1", "--set", "autovacuum=off", "--repeat=2"];

#[track_caller]
fn pair(results: &[ThroughputResult]) -> [&ThroughputResult; 2] {
    let [first, second] = results else {
        panic!("two drains: {results:?}");
    };
    assert_eq!((first.repeat, second.repeat), (1, 2));
    [first, second]
}

fn cost(result: &ThroughputResult) -> PerJob {
    result.per_job.expect("it was counted")
}

#[test]
fn two_drains_of_ten_thousand_cost_the_same() {
    let place = Place::with_warm_cache();
    let run = drained(&place, &[&["default"], &ALONE[..]].concat());
    let [first, second] = pair(&run.results);
    for result in [first, second] {
        assert_emptied(result, 10_000);
        assert_eq!((result.fetches.returned, result.fetches.total), (100, 101));
    }
    let (one, other) = (cost(first), cost(second));
    let rows = |cost: PerJob| (cost.rows_inserted, cost.rows_updated, cost.rows_deleted);
    assert_eq!(rows(one), (0.0, 2.0, 0.0));
    assert_eq!(rows(one), rows(other));
    assert_eq!(one.dead_rows, other.dead_rows);
    assert_eq!(one.wal_records, other.wal_records);
    assert!(
        (one.pages / other.pages - 1.0).abs() < 0.01,
        "{one:?}, {other:?}"
    );
}

#[test]
fn the_server_has_deleted_what_was_completed() {
    let place = Place::with_warm_cache();
    let queue = keyed_queue::write(&place);
    let queue = [
        "quick",
        "--rows=2000",
        "--batch-size=100",
        "--queue",
        &queue,
    ];
    let run = drained(&place, &[&queue, &ALONE[..]].concat());
    let [first, second] = pair(&run.results);
    for result in [first, second] {
        assert_emptied(result, 2000);
        let [task] = &result.tables[..] else {
            panic!("it has one table: {:?}", result.tables);
        };
        assert_eq!(task.deleted, result.deliveries.completed);
        assert_eq!((task.updated, task.inserted), (2000, 0));
        assert_eq!(cost(result).rows_deleted, 1.0);
        assert_eq!(result.set_up.queueing, None, "it has no enqueue");
    }
    assert_eq!(cost(first).wal_records, cost(second).wal_records);
}
