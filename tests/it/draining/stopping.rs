//! Runs that are stopped: what workers hold is handed back in time, and nobody has it any more.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pgq_analyze::definition::operation::Operation;
use pgq_analyze::definition::scenario::Task;
use pgq_analyze::fixture::rows::{Rows, State};
use pgq_analyze::load::assignment::Assignment;
use pgq_analyze::load::fleet::Terms;
use pgq_analyze::load::ledger::Delivery;
use pgq_analyze::run::throughput::Ended;

use super::{Drained, READY, Stage, assignment, until_empty};

/// Workers that hold many jobs at any time.
fn busy() -> Assignment {
    let mut assignment = assignment("status-partial");
    assignment.workers.concurrency = 4;
    assignment.workers.batch_size = 100;
    assignment.task = Task::Io {
        wait: Duration::from_millis(20),
    };
    assignment
}

/// A drain that is asked to stop when a few jobs are done.
async fn stopped_midway(stage: &Stage, assignment: Assignment) -> Drained {
    let terms = until_empty();
    let stop = Arc::clone(&terms.stop);
    stage
        .drain(assignment, Some(terms), |board| {
            if board.control().done() > 20 {
                stop.store(true, Ordering::Relaxed);
            }
        })
        .await
}

#[tokio::test]
async fn a_run_that_is_stopped_hands_back_what_it_holds() {
    let stage = Stage::set().await;
    let drained = stopped_midway(&stage, busy()).await;
    assert_eq!(drained.outcome.ended, Ended::Interrupted);
    drained.assert_identities();
    let interrupted: u64 = drained
        .board
        .workers()
        .map(|one| one.interrupted.get())
        .sum();
    let released: u64 = drained.board.workers().map(|one| one.released.get()).sum();
    assert_eq!(interrupted, 0);
    assert!(released > 0);
    assert!(drained.ledger.remaining > 0);
    assert_eq!(drained.ledger.lost, None);
    stage.managed.stop().await;
}

#[tokio::test]
async fn tasks_that_outlast_the_stop_timeout_are_handed_back() {
    let stage = Stage::set().await;
    let mut assignment = assignment("status-partial");
    assignment.task = Task::Io {
        wait: Duration::from_secs(600),
    };
    let terms = Terms {
        stop_timeout: Duration::from_secs(2),
        ..until_empty()
    };
    let stop = Arc::clone(&terms.stop);
    let drained = stage
        .drain(assignment, Some(terms), |board| {
            if board.workers().all(|one| one.held.get() > 0) {
                stop.store(true, Ordering::Relaxed);
            }
        })
        .await;
    assert_eq!(drained.outcome.ended, Ended::Interrupted);
    drained.assert_identities();
    let deliveries = drained.board.workers().map(|one| one.deliveries());
    for deliveries in deliveries {
        assert!(deliveries.total > 0);
        assert_eq!(deliveries.released, deliveries.total);
    }
    assert_eq!(drained.ledger.remaining, READY);
    assert_eq!((drained.ledger.unknown, drained.ledger.duplicated), (0, 0));
    stage.managed.stop().await;
}

#[tokio::test]
async fn what_nothing_hands_back_is_nobodys() {
    let stage = Stage::set().await;
    let mut assignment = busy();
    let release = format!("/{}.sql", Operation::Release.default_file());
    let files = &mut assignment.queue.files;
    files.retain(|(path, _)| !path.ends_with(&release));
    let drained = stopped_midway(&stage, assignment).await;
    drained.assert_identities();
    let interrupted = drained.board.workers().map(|one| one.interrupted.get());
    assert!(interrupted.sum::<u64>() > 0);
    let rows = Rows::new(&stage.fixture);
    let ready = (1..=rows.jobs()).filter(|seq| rows.job(*seq).state == State::Ready);
    let ledger = drained.board.ledger();
    let deliveries: Vec<Delivery> = ready.map(|seq| ledger.delivered(Some(seq), true)).collect();
    let repeated = deliveries.iter().filter(|one| **one == Delivery::Duplicate);
    assert_eq!(repeated.count() as u64, drained.ledger.done, "those alone");
    assert!(deliveries.contains(&Delivery::Again));
    stage.managed.stop().await;
}
