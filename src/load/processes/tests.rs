//! Children that are shell scripts: what they say and how they end is all that counts here.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::*;
use crate::load::assignment::{QueueFiles, specimen};
use crate::load::board::Shape;
use crate::postgres::connect::Address;

/// Reads its order, says it has the board, and reports its one worker.
const GOOD: &str = r#"read -r order; echo '"opened"'; echo '{"report":{"worker":0,"errors":{"40001":2},"notes":[],"happened":[],"failure":null,"gave_up":false}}'; echo '"done"'"#;

fn script(body: &str) -> Program {
    Program {
        executable: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".into(), body.into()],
    }
}

fn order(process: u64, workers: Range<usize>) -> Order {
    Order {
        process,
        route: Address::socket(Path::new("/nowhere")).route(),
        board: PathBuf::from("/nowhere"),
        workers,
        assignment: specimen(QueueFiles {
            name: "none".to_owned(),
            files: Vec::new(),
        }),
    }
}

fn board() -> Board {
    Board::anonymous(Shape {
        workers: 2,
        jobs: 10,
    })
    .unwrap()
}

/// Looks until all have ended.
fn watch(processes: &mut Processes, board: &Board) -> Vec<String> {
    let started = Instant::now();
    let mut losses = Vec::new();
    while !processes.have_ended() {
        assert!(started.elapsed() < Duration::from_secs(30));
        losses.extend(processes.look(board));
        std::thread::sleep(Duration::from_millis(1));
    }
    losses.into_iter().map(|loss| loss.message).collect()
}

fn intervals() -> (Sender<Interval>, Receiver<Interval>) {
    channel()
}

#[test]
fn what_workers_hand_back_is_passed_on() {
    let (tell, _intervals) = intervals();
    let good = script(GOOD);
    let mut processes = Processes::start(&good, vec![order(1, 0..1)], None, &tell).unwrap();
    assert!(!processes.have_opened() && !processes.have_ended());
    assert_eq!(watch(&mut processes, &board()), Vec::<String>::new());
    assert!(processes.have_opened());
    let reports = processes.take_reports();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].errors["40001"], 2);
    assert!(reports[0].failure.is_none());
}

#[test]
fn what_a_killed_process_held_is_interrupted_and_told_once() {
    let (tell, _intervals) = intervals();
    let board = board();
    let counters = board.worker(1);
    counters.fetches_begun.add(1);
    counters.fetches_returned.add(1);
    counters.delivered.add(5);
    counters.completed.add(2);
    counters.held.add(3);
    let waits = script("read -r order; echo '\"opened\"'; read -r more");
    let orders = vec![order(1, 0..1), order(2, 1..2)];
    let mut processes = Processes::start(&waits, orders, None, &tell).unwrap();
    while !processes.have_opened() {
        assert_eq!(processes.look(&board), []);
    }
    let second = *processes.children[1].life.lock().unwrap();
    let Life::Running(second) = second else {
        panic!("it runs: {second:?}");
    };
    kill_process(second, Signal::KILL).unwrap();
    let mut losses = Vec::new();
    while losses.is_empty() {
        losses = processes.look(&board);
    }
    assert_eq!(losses.len(), 1);
    assert_eq!(
        losses[0].message,
        "worker process 2 was ended by signal 9, with worker 2, which held 3 jobs"
    );
    assert!(!processes.have_ended(), "the first goes on");
    assert_eq!(processes.pids().len(), 1);
    assert_eq!(board.worker(1).deliveries().interrupted, 3);
    assert_eq!(board.worker(0).deliveries().interrupted, 0);
    processes.kill();
    assert_eq!(watch(&mut processes, &board).len(), 1);
    let reports = processes.take_reports();
    let noted: Vec<_> = reports.iter().flat_map(|one| &one.notes).collect();
    assert_eq!(noted.len(), 2, "one a process");
    assert!(noted[0].starts_with("worker process 1 is gone: its errors by SQLSTATE"));
    let failures: Vec<_> = reports.iter().map(|one| one.failure.as_deref()).collect();
    assert_eq!(failures, [Some("its process was ended by signal 9"); 2]);
}

#[test]
fn children_that_cannot_go_on_say_why() {
    let (tell, _intervals) = intervals();
    for (body, expected) in [
        (
            r#"read -r order; echo '{"failed":"no board"}'"#,
            "worker process 1 could not go on: no board, with worker 1",
        ),
        (
            "exit 3",
            "worker process 1 ended with exit code 3, with worker 1",
        ),
        (
            r#"read -r order; echo '"done"'"#,
            "worker process 1 ended without a word about them, with worker 1",
        ),
    ] {
        let child = script(body);
        let mut processes = Processes::start(&child, vec![order(1, 0..1)], None, &tell).unwrap();
        assert_eq!(watch(&mut processes, &board()), [expected]);
    }
    let nothing = Program::at(PathBuf::from("/no/such/program"));
    let mut processes = Processes::start(&nothing, vec![order(1, 0..2)], None, &tell).unwrap();
    let losses = watch(&mut processes, &board());
    assert!(losses[0].contains("could not be started"), "{losses:?}");
    assert!(losses[0].ends_with("with 2 workers (1 to 2)"), "{losses:?}");
}

#[test]
fn dropped_they_are_ended() {
    let (tell, _intervals) = intervals();
    let board = board();
    let waits = script("read -r order; echo '\"opened\"'; exec sleep 600");
    let mut processes = Processes::start(&waits, vec![order(1, 0..1)], None, &tell).unwrap();
    while !processes.have_opened() {
        processes.look(&board);
    }
    let pid = processes.pids()[0];
    drop(processes);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn one_that_is_given_up_before_it_starts_is_ended_as_soon_as_it_does() {
    let (tell, _heard) = channel();
    let (intervals, _) = intervals();
    let keeper = Keeper {
        index: 0,
        life: Arc::new(Mutex::new(Life::NotYet)),
        tell,
        intervals,
    };
    let processes = Processes {
        children: vec![Kept {
            workers: 0..1,
            life: Arc::clone(&keeper.life),
            has_opened: false,
            has_ended: false,
            keeper: None,
        }],
        heard: channel().1,
        unopened: 1,
        reports: Vec::new(),
        peak_rss_bytes: 0,
        directory: None,
        over_since: None,
    };
    processes.kill();
    let started = Instant::now();
    let ended = keeper.live(&script("exec sleep 600"), &order(1, 0..1));
    assert_eq!(ended, Err("was not wanted any more".to_owned()));
    assert!(started.elapsed() < Duration::from_secs(60));
}
