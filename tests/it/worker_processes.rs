//! Workers in processes of their own: they share one ledger, and one that is killed takes nothing with it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use pgq_analyze::definition::scenario::{Completion, Outcomes, Task, Workers};
use pgq_analyze::definition::{Fixture, Library, Queue, Source};
use pgq_analyze::fixture::cache;
use pgq_analyze::fixture::rows::{Rows, State};
use pgq_analyze::load::assignment::{Assignment, QueueFiles};
use pgq_analyze::load::board::{Board, Shape};
use pgq_analyze::load::drain::{Drain, Drained};
use pgq_analyze::load::fleet::{FleetOutcome, SharedBoard, Started, Terms, coordinate};
use pgq_analyze::load::probe;
use pgq_analyze::load::processes::{Order, Program};
use pgq_analyze::postgres::connect::Address;
use pgq_analyze::postgres::managed::Managed;
use pgq_analyze::run::event::Events;
use pgq_analyze::run::throughput::{Ended, LedgerCounts};
use rustix::process::{Pid, Signal, kill_process};

use crate::place::{Place, wait_for};
use crate::program::{BINARY, managed_options};

const JOBS: u64 = 500;

const FIXTURE: &str = "description = \"Two queues, some jobs due later, some running\"\njobs = 500\n\
     [queues]\ncount = 2\n[states]\nready = 0.9\ncompleted = 0.06\nrunning = 0.04\n[schedule]\nfuture = 0.1\n";

/// A copy of a fixture on a server of the test's own.
struct Ground {
    managed: Managed,
    fixture: Fixture,
    queue: Queue,
    database: String,
}

impl Ground {
    async fn new(place: &Place, queue: &str) -> Ground {
        let fixture = Fixture::parse(Source::new("small.toml", FIXTURE)).expect("parses");
        let queue = Library::built_in().queue(queue).expect("reads");
        let events = Events::ignored();
        let managed = Managed::start(&managed_options(place), &events)
            .await
            .expect("starts");
        let (databases, version) = (managed.databases(), managed.version_text());
        let template = cache::ensure(databases, version, &queue, &fixture, &events)
            .await
            .expect("builds");
        let database = databases.copy(&template.database).await.expect("copies");
        Ground {
            managed,
            fixture,
            queue,
            database,
        }
    }

    fn address(&self) -> &Address {
        self.managed.databases().address()
    }

    fn assignment(&self, count: u64, task: Task) -> Assignment {
        Assignment {
            database: self.database.clone(),
            queue: QueueFiles::of(&self.queue),
            queue_names: queue_names(),
            workers: Workers {
                count,
                processes: 2,
                batch_size: 10,
                concurrency: 10,
                poll_interval: Duration::from_millis(5),
                flush_interval: Duration::from_millis(5),
                completion: Completion::Batch,
                listen: false,
            },
            task,
            outcomes: Outcomes::default(),
            settings: BTreeMap::new(),
            seed: 1,
            only_first_fetch: false,
        }
    }

    async fn drain(&self, board: &Board) -> Drained {
        let drain = Drain {
            address: self.address(),
            database: &self.database,
            queue: &self.queue,
            queue_names: &queue_names(),
            board,
        };
        drain.run().await.expect("drains")
    }

    async fn stop(self) {
        let databases = self.managed.databases();
        databases.drop(&self.database).await.expect("drops");
        self.managed.stop().await;
    }
}

fn queue_names() -> Vec<String> {
    vec!["default".to_owned(), "queue-2".to_owned()]
}

/// Notes on a board what is to be drained.
fn expect(board: &Board, fixture: &Fixture) {
    let rows = Rows::new(fixture);
    let mut due = 0;
    for job in (1..=rows.jobs()).map(|seq| rows.job(seq)) {
        if matches!(job.state, State::Ready | State::Running) {
            board.ledger().expect(job.seq);
        }
        // Future jobs lie after 2200.
        due += u64::from(job.state == State::Ready && job.run_at < 6_000_000_000);
    }
    board.control().due.set(due);
}

fn program() -> Program {
    Program::at(PathBuf::from(BINARY))
}

/// Drains a copy; `observe` sees the board, the processes' ids and whether the board's file is there, all the while.
async fn run(
    ground: &Ground,
    assignment: Assignment,
    mut observe: impl FnMut(&Board, &[u32], bool),
) -> (Arc<Board>, FleetOutcome) {
    let shape = Shape {
        workers: assignment.workers.count as usize,
        jobs: JOBS,
    };
    let shared = SharedBoard::new(shape, assignment.workers.processes).expect("makes a board");
    let file = shared.file().expect("processes share a file");
    let board = Arc::clone(&shared.board);
    expect(&board, &ground.fixture);
    let Started {
        mut crew,
        intervals,
    } = shared
        .start(ground.address(), &Arc::new(assignment), &program())
        .expect("starts");
    let pids = wait_for("both processes", || {
        Some(crew.pids()).filter(|pids| pids.len() == 2)
    });
    let terms = Terms {
        duration: None,
        warmup: Duration::ZERO,
        stop_timeout: Duration::from_secs(5),
        stop: Arc::new(AtomicBool::new(false)),
        server_gone: Arc::default(),
    };
    let outcome = coordinate(&board, &mut *crew, &intervals, &terms, |board, _| {
        observe(board, &pids, file.exists());
    })
    .await;
    assert!(crew.have_ended());
    (board, outcome)
}

/// What was begun has an end, for each worker by itself.
#[track_caller]
fn assert_identities(board: &Board) {
    for counters in board.workers() {
        let (fetches, deliveries) = (counters.fetches(), counters.deliveries());
        let ended = fetches.returned + fetches.empty + fetches.errored;
        assert_eq!(fetches.total, ended, "{fetches:?}");
        let ended =
            deliveries.completed + deliveries.failed + deliveries.released + deliveries.interrupted;
        assert_eq!(deliveries.total, ended, "{deliveries:?}");
    }
}

/// Nothing is lost, altered, unexpected or there twice.
#[track_caller]
fn assert_clean(counts: &LedgerCounts) {
    assert_eq!(counts.acknowledged, 470, "{counts:?}");
    assert_eq!(counts.done + counts.remaining, 470, "{counts:?}");
    let wrong = (
        counts.lost,
        counts.duplicated,
        counts.unexpected,
        counts.altered,
    );
    assert_eq!(wrong, (Some(0), 0, 0, 0), "{counts:?}");
}

fn pid(number: u32) -> Pid {
    let number = i32::try_from(number).expect("a process id");
    Pid::from_raw(number).expect("a process id")
}

#[tokio::test]
async fn two_processes_drain_a_queue_and_what_is_left_is_found() {
    let place = Place::with_warm_cache();
    let ground = Ground::new(&place, "status-partial").await;
    let assignment = ground.assignment(4, Task::Noop);
    let mut seen = 0;
    let (board, outcome) = run(&ground, assignment, |board, pids, file| {
        let works = board.control().done() > 0;
        seen = seen.max(if works { pids.len() } else { 0 });
        assert!(!works || !file, "nobody needs the file any more");
    })
    .await;
    assert_eq!((outcome.ended, seen), (Ended::Empty, 2));
    assert!(outcome.happened.is_empty(), "{:?}", outcome.happened);
    let reported: Vec<usize> = outcome.reports.iter().map(|one| one.worker).collect();
    assert_eq!(reported, [0, 1, 2, 3]);
    assert!(outcome.reports.iter().all(|one| one.failure.is_none()));
    assert_identities(&board);
    let due = board.control().due.get();
    let completed: u64 = board.workers().map(|one| one.completed.get()).sum();
    assert_eq!(completed, due);
    assert!(board.workers().all(|one| one.fetches().total > 0));
    // What they recorded came through the pipes.
    let latency = outcome.series.latency();
    let fetches = latency["fetch"].service.expect("fetches were timed").n;
    let counted: u64 = board.workers().map(|one| one.fetches().total).sum();
    assert_eq!(fetches, counted);

    let before = board.ledger().count(false);
    assert_eq!((before.done, before.lost), (due, None), "{before:?}");
    let drained = ground.drain(&board).await;
    assert_eq!((drained.found, drained.is_complete), (470 - due, true));
    assert_eq!(drained.notes, Vec::<String>::new());
    let counts = board.ledger().count(drained.is_complete);
    assert_eq!((counts.done, counts.remaining), (due, 470 - due));
    assert_clean(&counts);
    ground.stop().await;
}

#[tokio::test]
async fn a_process_that_is_killed_loses_no_job_and_no_count() {
    let place = Place::with_warm_cache();
    let ground = Ground::new(&place, "status-partial").await;
    let wait = Duration::from_millis(30);
    let assignment = ground.assignment(2, Task::Io { wait });
    let mut killed = false;
    let (board, outcome) = run(&ground, assignment, |board, pids, _| {
        let counters = board.worker(1);
        if !killed && counters.completed.get() >= 20 && counters.held.get() > 0 {
            killed = true;
            kill_process(pid(pids[1]), Signal::KILL).expect("kills");
        }
    })
    .await;
    assert!(killed);
    // The other went on until there was nothing it could fetch any more.
    assert_eq!(outcome.ended, Ended::Stalled);
    let [happened] = outcome.happened.as_slice() else {
        panic!("{:?}", outcome.happened);
    };
    let message = &happened.message;
    assert!(
        message.starts_with("worker process 2 was ended by signal 9, with worker 2"),
        "{message}"
    );
    assert_identities(&board);
    assert_eq!(board.worker(0).interrupted.get(), 0);
    assert!(board.worker(1).interrupted.get() > 0);
    let failures: Vec<bool> = outcome
        .reports
        .iter()
        .map(|one| one.failure.is_some())
        .collect();
    assert_eq!(failures, [false, true]);

    let drained = ground.drain(&board).await;
    assert!(drained.is_complete, "{drained:?}");
    let counts = board.ledger().count(true);
    assert_clean(&counts);
    let completed: u64 = board.workers().map(|one| one.completed.get()).sum();
    assert!(counts.done >= completed && counts.done <= completed + counts.unknown);
    ground.stop().await;
}

#[tokio::test]
async fn starting_is_timed_until_the_last_answer() {
    let place = Place::with_warm_cache();
    let ground = Ground::new(&place, "status-partial").await;
    for processes in [0, 2] {
        let mut assignment = ground.assignment(3, Task::Noop);
        assignment.workers.processes = processes;
        let ms = probe::startup_ms(ground.address(), &assignment, &program()).await;
        assert!(ms.expect("they start") > 0.0);
        assignment.database = "pgqa_nowhere".to_owned();
        let error = probe::startup_ms(ground.address(), &assignment, &program()).await;
        let error = error.expect_err("there is no such database").to_string();
        assert!(error.contains("pgqa_nowhere"), "{error}");
    }
    ground.stop().await;
}

/// A worker process with an order whose workers wait for a start that never comes.
fn waiting(ground: &Ground, board: &Path) -> Child {
    let mut child = Command::new(BINARY)
        .arg("worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let order = Order {
        process: 1,
        route: ground.address().route(),
        board: board.to_owned(),
        workers: 0..1,
        assignment: ground.assignment(1, Task::Noop),
    };
    let line = serde_json::to_string(&order).expect("is written") + "\n";
    let stdin = child.stdin.as_mut().expect("a pipe");
    stdin.write_all(line.as_bytes()).expect("takes its order");
    child
}

#[tokio::test]
async fn a_process_ends_with_its_parent_and_not_by_ctrl_c() {
    let place = Place::with_warm_cache();
    let ground = Ground::new(&place, "status-partial").await;
    let folder = tempfile::tempdir().expect("makes a directory");
    let file = folder.path().join("board");
    let shape = Shape {
        workers: 1,
        jobs: 1,
    };
    let ready = |board: &Board| {
        wait_for("the worker to be ready", || {
            (board.worker(0).ready_ns.get() > 0).then_some(())
        });
    };
    let board = Board::create(&file, shape).expect("makes a board");

    // Its input ends: the parent is gone.
    let mut child = waiting(&ground, &file);
    ready(&board);
    for ignored in [Signal::INT, Signal::HUP] {
        kill_process(pid(child.id()), ignored).expect("signals");
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(child.try_wait().expect("asks").is_none(), "it goes on");
    drop(child.stdin.take());
    let status = child.wait().expect("ends");
    assert_eq!(status.code(), Some(1));

    // It is asked to end by itself: its workers leave, and it says so.
    board.worker(0).ready_ns.set(0);
    let mut child = waiting(&ground, &file);
    ready(&board);
    kill_process(pid(child.id()), Signal::TERM).expect("signals");
    let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let said: Vec<String> = stdout.lines().map_while(Result::ok).collect();
    assert_eq!(said.first().map(String::as_str), Some("\"opened\""));
    assert!(said[1].starts_with(r#"{"report":{"worker":0"#), "{said:?}");
    assert_eq!(said.last().map(String::as_str), Some("\"done\""));
    assert_eq!(child.wait().expect("ends").code(), Some(0));
    ground.stop().await;
}

#[test]
fn the_command_is_no_command_for_people() {
    let place = Place::new();
    let ran = crate::program::run(&place, ["worker"]).expect_code(1);
    assert!(
        ran.stderr.contains("for the program itself"),
        "{}",
        ran.stderr
    );
    let help = crate::program::run(&place, ["--help"]).expect_code(0);
    assert!(
        !help.stdout.contains("Work as the program"),
        "{}",
        help.stdout
    );
}
