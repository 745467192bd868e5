//! The ledger, and that every job has one fate whatever happens.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Delivery, EXAMPLES};
use crate::load::board::{Board, Shape};
use crate::run::throughput::LedgerCounts;

/// A board with jobs 1 to `expected` to be drained, of `jobs` in the fixture.
fn board(jobs: u64, expected: u64) -> Board {
    let board = Board::anonymous(Shape { workers: 1, jobs }).unwrap();
    (1..=expected).for_each(|seq| board.ledger().expect(seq));
    board
}

fn messages(counts: &LedgerCounts) -> Vec<(Option<u64>, &str)> {
    counts
        .examples
        .iter()
        .map(|example| (example.seq, example.what.as_str()))
        .collect()
}

#[test]
fn a_clean_drain_is_all_done() {
    let board = board(5, 3);
    let ledger = board.ledger();
    board.control().due.set(3);
    for seq in 1..=3 {
        assert!(!board.control().is_settled());
        assert_eq!(ledger.delivered(Some(seq), true), Delivery::New);
        ledger.completing(seq);
        assert!(ledger.completed(seq));
    }
    assert!(board.control().is_settled());
    let counts = ledger.count(false);
    assert_eq!(
        (
            counts.acknowledged,
            counts.done,
            counts.remaining,
            counts.lost
        ),
        (3, 3, 0, Some(0))
    );
    assert_eq!(counts, ledger.count(true));
}

#[test]
fn duplicates_are_told_and_completed_once() {
    let board = board(2, 2);
    let ledger = board.ledger();
    ledger.delivered(Some(1), true);
    assert_eq!(ledger.delivered(Some(1), true), Delivery::Duplicate);
    assert!(ledger.completed(1));
    assert!(!ledger.completed(1));
    assert_eq!(ledger.delivered(Some(1), true), Delivery::Duplicate);
    ledger.interrupted(1);
    ledger.failed(1);
    ledger.released(1);
    let counts = ledger.count(false);
    assert_eq!((counts.done, counts.duplicated), (1, 1));
    assert_eq!(board.control().done(), 1);
    assert_eq!(
        messages(&counts),
        [(Some(1), "duplicated"), (Some(1), "duplicated")]
    );
}

#[test]
fn what_was_never_to_be_delivered_is_unexpected() {
    let board = board(3, 2);
    let ledger = board.ledger();
    ledger.expect(2);
    board.control().due.set(2);
    assert!(board.control().all_were_due());
    board.control().due.set(1);
    assert!(!board.control().all_were_due());
    for seq in [None, Some(0), Some(3), Some(4), Some(u64::MAX)] {
        assert_eq!(ledger.delivered(seq, true), Delivery::Unexpected);
    }
    ledger.completed(3);
    assert_eq!(ledger.found(Some(3), true), Delivery::Unexpected);
    let counts = ledger.count(false);
    assert_eq!((counts.unexpected, counts.acknowledged), (6, 2));
    assert_eq!(counts.lost, None);
    assert!(counts.examples[0].message.contains("no seq"));
    assert!(counts.examples[1].message.contains("no such job"));
    assert!(counts.examples[2].message.contains("finished before"));
}

#[test]
fn an_altered_payload_is_told_whatever_becomes_of_the_job() {
    let board = board(1, 1);
    let ledger = board.ledger();
    assert_eq!(ledger.delivered(Some(1), false), Delivery::Altered);
    ledger.completed(1);
    let counts = ledger.count(true);
    assert_eq!((counts.altered, counts.done), (1, 1));
    assert_eq!(messages(&counts), [(Some(1), "altered")]);
}

#[test]
fn an_unanswered_completion_is_done_unless_the_job_is_found() {
    let board = board(3, 3);
    let ledger = board.ledger();
    for seq in 1..=3 {
        ledger.delivered(Some(seq), true);
        ledger.completing(seq);
    }
    ledger.refused(3);
    (1..=3).for_each(|seq| ledger.interrupted(seq));
    ledger.found(Some(2), true);
    ledger.found(Some(3), true);
    let counts = ledger.count(true);
    assert_eq!(
        (counts.done, counts.remaining, counts.unknown, counts.lost),
        (1, 2, 2, Some(0))
    );
}

#[test]
fn a_dead_process_holds_nothing_and_its_jobs_are_no_duplicates() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board");
    let shape = Shape {
        workers: 2,
        jobs: 4,
    };
    let board = Board::create(&path, shape).unwrap();
    let [first, second] = [1, 2].map(|process| Board::open(&path, process).unwrap());
    (1..=4).for_each(|seq| board.ledger().expect(seq));
    first.ledger().delivered(Some(1), true);
    first.ledger().delivered(Some(2), true);
    first.ledger().completing(2);
    second.ledger().delivered(Some(3), true);
    assert_eq!(board.ledger().process_died(1), 2);
    assert_eq!(board.ledger().process_died(1), 0);
    assert_eq!(second.ledger().delivered(Some(1), true), Delivery::Again);
    assert_eq!(
        second.ledger().delivered(Some(3), true),
        Delivery::Duplicate
    );
    second.ledger().completed(1);
    second.ledger().completed(3);
    let counts = board.ledger().count(true);
    assert_eq!((counts.done, counts.unknown, counts.lost), (3, 1, Some(1)));
    assert_eq!(counts.duplicated, 1);
    assert_eq!(messages(&counts), [(Some(4), "lost")]);
    board.ledger().take_in(second.ledger().take_examples());
    assert!(second.ledger().take_examples().is_empty());
    assert_eq!(
        messages(&board.ledger().count(true)),
        [(Some(4), "lost"), (Some(3), "duplicated")]
    );
}

#[test]
fn examples_are_few() {
    let board = board(100, 100);
    let ledger = board.ledger();
    (0..100).for_each(|_| {
        ledger.delivered(None, true);
    });
    let counts = ledger.count(true);
    assert_eq!((counts.lost, counts.unexpected), (Some(100), 100));
    assert_eq!(counts.examples.len(), EXAMPLES);
    assert_eq!(counts.examples[9].what, "lost");
    assert_eq!(counts.examples[10].what, "unexpected");
}

#[test]
fn workers_that_complete_the_same_jobs_at_once_count_each_once() {
    let board = board(2000, 2000);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for seq in 1..=2000 {
                    board.ledger().delivered(Some(seq), true);
                    board.ledger().completing(seq);
                    board.ledger().completed(seq);
                }
            });
        }
    });
    assert_eq!(board.control().done(), 2000);
    let counts = board.ledger().count(false);
    assert_eq!((counts.done, counts.duplicated), (2000, 2000));
}

/// What may happen to a job.
#[derive(Clone, Copy, Debug)]
enum Event {
    Delivered(bool),
    Completing,
    Refused,
    Completed,
    Failed,
    Released,
    Interrupted,
    ProcessDied,
    Found(bool),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any::<bool>().prop_map(Event::Delivered),
        2 => Just(Event::Completing),
        1 => Just(Event::Refused),
        3 => Just(Event::Completed),
        1 => Just(Event::Failed),
        1 => Just(Event::Released),
        1 => Just(Event::Interrupted),
        1 => Just(Event::ProcessDied),
        1 => any::<bool>().prop_map(Event::Found),
    ]
}

proptest! {
    /// Jobs 1 to 6 are expected, 7 and 8 are in the fixture, 9 is not.
    #[test]
    fn every_acknowledged_job_has_one_fate(events in proptest::collection::vec((1_u64..=9, event()), 0..120)) {
        let board = board(8, 6);
        let ledger = board.ledger();
        let mut done = BTreeMap::new();
        let (mut unexpected, mut last) = (0, BTreeMap::new());
        for &(seq, event) in &events {
            match event {
                Event::Delivered(whole) => unexpected += u64::from(ledger.delivered(Some(seq), whole) == Delivery::Unexpected),
                Event::Found(whole) => unexpected += u64::from(ledger.found(Some(seq), whole) == Delivery::Unexpected),
                Event::Completing => ledger.completing(seq),
                Event::Refused => ledger.refused(seq),
                Event::Completed => {
                    let is_first = ledger.completed(seq);
                    prop_assert_eq!(is_first, seq <= 6 && done.insert(seq, ()).is_none());
                }
                Event::Failed => ledger.failed(seq),
                Event::Released => ledger.released(seq),
                Event::Interrupted => ledger.interrupted(seq),
                Event::ProcessDied => drop(ledger.process_died(0)),
            }
            last.insert(seq, event);
        }
        let deliveries = |seq: &u64, event: &Event| *seq > 6 && matches!(event, Event::Delivered(_) | Event::Found(_));
        let expected = events.iter().filter(|(seq, event)| deliveries(seq, event)).count() as u64;
        prop_assert_eq!(unexpected, expected);
        for drained in [true, false] {
            let counts = ledger.count(drained);
            prop_assert_eq!(counts.acknowledged, 6);
            prop_assert_eq!(counts.acknowledged, counts.done + counts.dead + counts.remaining + counts.lost.unwrap_or(0));
            prop_assert_eq!(counts.lost.is_none(), !drained && counts.remaining > 0);
            prop_assert!(counts.done >= done.len() as u64);
            prop_assert!(counts.done <= done.len() as u64 + counts.unknown);
            prop_assert_eq!(counts.unexpected, unexpected);
            let failed_last = |seq: &u64| !done.contains_key(seq) && matches!(last.get(seq), Some(Event::Failed));
            let dead = (1..=6).filter(failed_last).count() as u64;
            prop_assert!(counts.dead >= dead * u64::from(drained));
        }
        prop_assert_eq!(board.control().done(), done.len() as u64);
    }
}
