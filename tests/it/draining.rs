//! Queues drained by workers in threads: every job accounted for, in each way to complete, through lost connections and failed tasks.

mod stopping;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use pgq_analyze::definition::fixture::Fixture;
use pgq_analyze::definition::library::Library;
use pgq_analyze::definition::operation::Operation;
use pgq_analyze::definition::scenario::{Completion, Outcomes, Task, Workers};
use pgq_analyze::definition::source::Source;
use pgq_analyze::fixture::cache;
use pgq_analyze::fixture::rows::{Rows, State};
use pgq_analyze::load::assignment::{Assignment, QueueFiles};
use pgq_analyze::load::board::{Board, Shape};
use pgq_analyze::load::fleet::{
    FleetOutcome, Terms, coordinate, incidents, start_threads, task_done, worker_results,
};
use pgq_analyze::load::task::{self, metric};
use pgq_analyze::postgres::connect::Session;
use pgq_analyze::postgres::managed::Managed;
use pgq_analyze::run::event::Events;
use pgq_analyze::run::throughput::{Ended, LedgerCounts, WorkerState};

use crate::place::Place;
use crate::program::managed_options;

const FIXTURE: &str = r#"
description = "Five hundred jobs of three queues, a few of them done"
jobs = 500
[queues]
count = 3
[states]
ready = 0.9
completed = 0.1
[steps]
per_job = 3
done = 0.5
"#;

const READY: u64 = 450;

/// A server with drained queues on it.
struct Stage {
    managed: Managed,
    fixture: Fixture,
    _place: Place,
}

/// What a drain left.
struct Drained {
    outcome: FleetOutcome,
    board: Arc<Board>,
    ledger: LedgerCounts,
}

impl Drained {
    fn deliveries(&self) -> (u64, u64) {
        let sum = |of: fn(&pgq_analyze::load::board::Counters) -> u64| {
            self.board.workers().map(of).sum::<u64>()
        };
        (
            sum(|one| one.deliveries().total),
            sum(|one| one.deliveries().completed),
        )
    }

    /// What has to hold however it went.
    #[track_caller]
    fn assert_identities(&self) {
        for counters in self.board.workers() {
            let fetches = counters.fetches();
            let ended = fetches.returned + fetches.empty + fetches.errored;
            assert_eq!(fetches.total, ended, "{fetches:?}");
            let deliveries = counters.deliveries();
            let ended = deliveries.completed
                + deliveries.failed
                + deliveries.released
                + deliveries.interrupted;
            assert_eq!(deliveries.total, ended, "{deliveries:?}");
            assert_eq!(counters.held.get(), 0);
        }
        let ledger = &self.ledger;
        let lost = ledger.lost.unwrap_or(0);
        let accounted = ledger.done + ledger.dead + ledger.remaining + lost;
        assert_eq!(ledger.acknowledged, accounted, "{ledger:?}");
    }

    /// Every job was done once, and the run ended because of it.
    #[track_caller]
    fn assert_clean(&self) {
        let seen = incidents(&self.outcome);
        assert_eq!(self.outcome.ended, Ended::Empty, "{seen:?}");
        self.assert_identities();
        let expected = LedgerCounts {
            acknowledged: READY,
            done: READY,
            lost: Some(0),
            ..LedgerCounts::default()
        };
        assert_eq!(self.ledger, expected);
        assert_eq!(self.deliveries(), (READY, READY));
        let states = self.board.workers().map(|counters| counters.state());
        assert!(
            states
                .into_iter()
                .all(|state| state == WorkerState::Finished)
        );
    }
}

fn workers() -> Workers {
    Workers {
        count: 2,
        processes: 0,
        batch_size: 20,
        concurrency: 20,
        poll_interval: Duration::from_millis(10),
        flush_interval: Duration::from_millis(10),
        completion: Completion::Batch,
        listen: false,
    }
}

fn assignment(queue: &str) -> Assignment {
    let queue = Library::built_in().queue(queue).expect("reads");
    Assignment {
        database: String::new(),
        queue: QueueFiles::of(&queue),
        queue_names: Vec::new(),
        workers: workers(),
        task: Task::Noop,
        outcomes: Outcomes::default(),
        settings: BTreeMap::new(),
        seed: 1,
        only_first_fetch: false,
    }
}

impl Stage {
    async fn set() -> Stage {
        let place = Place::with_warm_cache();
        let events = Events::ignored();
        let managed = Managed::start(&managed_options(&place), &events)
            .await
            .expect("starts");
        let source = Source::new("five-hundred.toml", FIXTURE);
        Stage {
            managed,
            fixture: Fixture::parse(source).expect("parses"),
            _place: place,
        }
    }

    /// Drains a copy of the fixture. `meanwhile` is called with each look at the board, and a session in the copy.
    async fn drain(
        &self,
        mut assignment: Assignment,
        terms: Option<Terms>,
        mut meanwhile: impl FnMut(&Board),
    ) -> Drained {
        let databases = self.managed.databases();
        let queue = assignment.queue.queue().expect("parses");
        let version = self.managed.version_text();
        let events = Events::ignored();
        let template = cache::ensure(databases, version, &queue, &self.fixture, &events)
            .await
            .expect("builds");
        let copy = databases.copy(&template.database).await.expect("copies");
        assignment.database.clone_from(&copy);
        assignment.queue_names = ["default", "queue-2", "queue-3"].map(str::to_owned).into();
        let count = assignment.workers.count as usize;
        let session = databases.address().connect(&copy).await.expect("connects");
        task::make_ready(&assignment.task, assignment.workers.count, &session)
            .await
            .expect("makes what the task works on");
        session.close().await;
        let shape = Shape {
            workers: count,
            jobs: self.fixture.jobs,
        };
        let board = Arc::new(Board::anonymous(shape).expect("has memory"));
        let rows = Rows::new(&self.fixture);
        for seq in 1..=rows.jobs() {
            if rows.job(seq).state == State::Ready {
                board.ledger().expect(seq);
                board.control().due.add(1);
            }
        }
        let address = databases.address();
        let assignment = Arc::new(assignment);
        let (mut threads, intervals) =
            start_threads(address, &assignment, &board, 0..count).expect("starts");
        let terms = terms.unwrap_or_else(until_empty);
        let outcome = coordinate(&board, &mut threads, &intervals, &terms, |board, _| {
            meanwhile(board);
        })
        .await;
        databases.wait_until_unused(&copy).await.expect("is unused");
        databases.drop(&copy).await.expect("drops");
        let ledger = board.ledger().count(false);
        Drained {
            outcome,
            board,
            ledger,
        }
    }

    async fn session(&self) -> Session {
        let address = self.managed.databases().address();
        address.connect("postgres").await.expect("connects")
    }
}

fn until_empty() -> Terms {
    Terms {
        duration: None,
        warmup: Duration::ZERO,
        stop_timeout: Duration::from_secs(5),
        stop: Arc::new(AtomicBool::new(false)),
        server_gone: Arc::default(),
    }
}

#[tokio::test]
async fn every_queue_is_drained_in_every_way_to_complete() {
    let stage = Stage::set().await;
    for queue in ["status-partial", "durable-steps", "natural-mistake"] {
        for completion in [
            Completion::Each,
            Completion::Batch,
            Completion::WithNextFetch,
        ] {
            let mut assignment = assignment(queue);
            assignment.workers.completion = completion;
            let drained = stage.drain(assignment, None, |_| {}).await;
            assert_eq!(drained.outcome.reports.len(), 2);
            drained.assert_identities();
            // Without `skip locked`, too: whoever waited for a row looks at it again, and it is not ready any more.
            drained.assert_clean();
            assert_eq!(drained.ledger.done, READY, "{queue} {completion}");
            let results = worker_results(&drained.board, &drained.outcome, |_| 0);
            assert!(results.iter().all(|one| one.startup_ms.is_some()));
            let mut counters = drained.board.workers();
            assert!(counters.all(|one| one.cpu_before_ns.get() > 0 && one.executing_cpu_ns() > 0));
            let rate: f64 = results.iter().filter_map(|one| one.throughput).sum();
            assert!(rate > 0.0);
            let latency = drained.outcome.series.latency();
            assert!(latency.contains_key("fetch") && latency.contains_key("complete"));
        }
    }
    stage.managed.stop().await;
}

#[tokio::test]
async fn tasks_report_what_they_came_to() {
    let stage = Stage::set().await;
    let tasks = [
        (Task::Cpu { operations: 1_000 }, READY * 1_000),
        (Task::Memory { bytes: 65_536 }, READY * 65_536),
        (
            Task::Io {
                wait: Duration::from_millis(5),
            },
            READY * 5_000_000,
        ),
        (read_and_write(true), READY * 12_288),
        (read_and_write(false), READY * 12_288),
    ];
    for (task, expected) in tasks {
        let mut assignment = assignment("status-partial");
        assignment.task = task;
        let drained = stage.drain(assignment, None, |_| {}).await;
        drained.assert_clean();
        let done = task_done(&drained.board);
        assert_eq!(done.amount, expected, "{task:?}");
        let metric = metric(&task, done).expect("is measured");
        assert!(metric.value > 0.0, "{metric:?}");
    }
    let mut assignment = assignment("durable-steps");
    assignment.task = Task::Steps { count: 3 };
    let drained = stage.drain(assignment, None, |_| {}).await;
    drained.assert_clean();
    let rows = Rows::new(&stage.fixture);
    let ready = (1..=rows.jobs()).filter(|seq| rows.job(*seq).state == State::Ready);
    let done_before: u64 = ready.map(|seq| rows.steps_done(seq)).sum();
    let saved = task_done(&drained.board).amount;
    assert_eq!(saved + done_before, READY * 3, "what was done is skipped");
    stage.managed.stop().await;
}

fn read_and_write(within: bool) -> Task {
    Task::ReadWrite {
        read: 8_192,
        write: 4_096,
        within,
    }
}

#[tokio::test]
async fn failed_and_panicking_tasks_are_failed_and_released_ones_come_back() {
    let stage = Stage::set().await;
    for queue in ["status-partial", "durable-steps"] {
        let mut assignment = assignment(queue);
        assignment.outcomes = Outcomes {
            failed: 0.1,
            released: 0.1,
            panicked: 0.1,
        };
        let drained = stage.drain(assignment, None, |_| {}).await;
        drained.assert_identities();
        let sum = |of: fn(&pgq_analyze::load::board::Counters) -> u64| {
            drained.board.workers().map(of).sum::<u64>()
        };
        let failed = sum(|one| one.failed.get());
        let released = sum(|one| one.released.get());
        assert!(failed > 50, "{queue}: {failed}");
        assert!(released > 20, "{queue}: {released}");
        assert_eq!(sum(|one| one.interrupted.get()), 0);
        // A job that failed is due again a second later, for which nobody waits.
        let left = READY - drained.ledger.done;
        assert!(left <= failed, "{queue}: {:?}", drained.ledger);
        assert_eq!(drained.ledger.duplicated, 0);
    }
    stage.managed.stop().await;
}

#[tokio::test]
async fn backends_ended_in_the_middle_lose_and_repeat_nothing() {
    let stage = Stage::set().await;
    let killer = stage.session().await;
    let mut assignment = assignment("status-partial");
    assignment.workers.batch_size = 2;
    assignment.workers.concurrency = 2;
    assignment.task = Task::Io {
        wait: Duration::from_millis(2),
    };
    let (ask, asked) = std::sync::mpsc::channel();
    let mut times = 0;
    let drain = stage.drain(assignment, None, |board| {
        if board.control().done() > 60 * (times + 1) && times < 3 {
            times += 1;
            let _ = ask.send(());
        }
    });
    let kill = async {
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if asked.try_recv().is_ok() {
                let end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%worker%'";
                killer.execute(end, &[]).await.expect("terminates");
            }
        }
    };
    let drained = tokio::select! {
        drained = drain => drained,
        () = kill => unreachable!("it goes on"),
    };
    killer.close().await;
    drained.assert_identities();
    let errors = drained.outcome.errors();
    let lost: u64 = errors.values().sum();
    assert!(lost >= 2, "{errors:?}");
    let reconnects: u64 = drained
        .board
        .workers()
        .map(|one| one.reconnects.get())
        .sum();
    assert!(reconnects >= 2);
    let LedgerCounts {
        done,
        duplicated,
        unexpected,
        altered,
        ..
    } = drained.ledger;
    assert_eq!((duplicated, unexpected, altered), (0, 0, 0));
    // What a fetch claimed whose answer was lost is with a worker that does not know of it.
    assert!(READY - done <= 2 * errors.values().sum::<u64>(), "{done}");
    assert!(!incidents(&drained.outcome).is_empty());
    assert!(
        drained
            .outcome
            .reports
            .iter()
            .all(|one| one.failure.is_none())
    );
    stage.managed.stop().await;
}

#[tokio::test]
async fn a_statement_the_server_refuses_ends_the_worker_and_says_where() {
    let stage = Stage::set().await;
    let mut assignment = assignment("status-partial");
    let file = Operation::Complete.default_file();
    for (path, text) in &mut assignment.queue.files {
        if path.ends_with(&format!("/{file}.sql")) {
            *text = text.replace("update job", "update no_such_table");
        }
    }
    let drained = stage.drain(assignment, None, |_| {}).await;
    assert_eq!(drained.outcome.ended, Ended::Failed);
    assert_eq!(drained.outcome.began_ns, None);
    let failure = drained.outcome.reports[0].failure.as_deref();
    let failure = failure.expect("it failed");
    assert!(failure.contains("complete.sql:"), "{failure}");
    assert!(failure.contains("no_such_table"), "{failure}");
    stage.managed.stop().await;
}
