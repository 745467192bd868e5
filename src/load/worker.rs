//! A worker: one connection, prepared statements, a recorder, and a loop that fetches, works and completes until it is told to stop.

mod connection;
pub mod decide;
mod fetching;
mod held;
mod rotation;
mod settling;
mod working;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio_postgres::error::SqlState;

use super::assignment::Assignment;
use super::board::{Board, Counters, Phase};
use super::clock::{now_ns, thread_cpu_ns};
use super::ledger::Ledger;
use super::outcome::WorkerReport;
use super::recorder::{Interval, Recorder};
use super::retry::{Backoff, Remedy, counted_as, remedy};
use super::runtime;
use super::task::io::Busy;
use crate::definition::queue::Queue;
use crate::postgres::connect::Address;
use crate::postgres::database::server_message;
use crate::run::throughput::WorkerState;
use crate::statement::serving::{Input, Timestamp};
use crate::stats::splitmix::hash_of;
use connection::{Connection, OpenError};
use decide::{Action, Rules, View, decide, let_go_ns};
use held::Held;
use rotation::Rotation;

/// Longest sleep before a worker looks whether the run goes on.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// How often a worker that waits for the start looks.
const START_POLL: Duration = Duration::from_millis(1);

/// How long a worker tries to reach a server that it lost.
const RECONNECT_LIMIT: Duration = Duration::from_secs(30);

/// How often processor time is noted and the recorder asked to hand over.
const TICK_NS: u64 = 250_000_000;

/// How long a session may take to say good-bye.
const CLOSING: Duration = Duration::from_millis(500);

/// What a worker shares with the others.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where the server is.
    pub address: Address,
    /// What there is to do.
    pub assignment: Arc<Assignment>,
    /// The queue that the assignment names.
    pub queue: Arc<Queue>,
    /// Where it counts, and learns how far the run is.
    pub board: Arc<Board>,
    /// Where its recorder hands over.
    pub intervals: Sender<Interval>,
}

/// Why a worker ends before the others.
#[derive(Debug)]
struct Failure(String);

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Failure {
        Failure(error.to_string())
    }
}

/// Lives the life of the worker with this index: from its connection until the run ends, or it cannot go on. It needs a runtime of its
/// own, on a thread of its own.
pub async fn work(post: Post, worker: usize) -> WorkerReport {
    let counters = post.board.worker(worker);
    let cpu_ns = thread_cpu_ns();
    counters.started_ns.set(now_ns());
    counters.set_state(WorkerState::Connecting);
    let mut report = WorkerReport::of(worker);
    if let Err(Failure(message)) = live(&post, worker, &mut report, cpu_ns).await {
        report.note(now_ns(), message.clone());
        report.failure = Some(message);
        report.gave_up = true;
    }
    counters.cpu_ns.set(thread_cpu_ns() - cpu_ns);
    counters.finished_ns.set(now_ns());
    counters.set_state(WorkerState::Finished);
    report
}

async fn live(
    post: &Post,
    worker: usize,
    report: &mut WorkerReport,
    cpu_ns: u64,
) -> Result<(), Failure> {
    let wake = Arc::new(Notify::new());
    let counters = post.board.worker(worker);
    let arriving = async {
        let connection = arrive(post, worker, &wake).await?;
        if post.assignment.only_first_fetch {
            return first_fetch(post, connection, counters).await.map(|()| None);
        }
        Ok(Some(connection))
    };
    let arrived = tokio::select! {
        biased;
        arrived = arriving => arrived?,
        // A server that does not answer holds up nobody.
        () = stopping(&post.board, worker) => None,
    };
    let Some(connection) = arrived else {
        return Ok(());
    };
    report.notes = connection.notes();
    counters.ready_ns.set(now_ns());
    counters.set_state(WorkerState::Waiting);
    if !start(&post.board, worker).await {
        close(connection).await;
        return Ok(());
    }
    counters.cpu_before_ns.set(thread_cpu_ns() - cpu_ns);
    let mut working = Worker::new(post, worker, connection, wake, report, cpu_ns);
    let ended = tokio::select! {
        biased;
        ended = working.run() => ended,
        // What it is in the middle of, a call that never returns included, ends with it.
        () = time_is_up(&post.board, worker) => Ok(()),
    };
    working.leave().await;
    ended
}

/// Connects and prepares; a server that is starting or was just lost is given time.
async fn arrive(post: &Post, worker: usize, wake: &Arc<Notify>) -> Result<Connection, Failure> {
    let give_up_ns = now_ns() + RECONNECT_LIMIT.as_nanos() as u64;
    let mut backoff = Backoff::new(hash_of(&[post.assignment.seed, worker as u64]));
    loop {
        match Connection::open(post, worker, wake, None).await {
            Ok(connection) => return Ok(connection),
            Err(error) if error.may_pass() && now_ns() < give_up_ns => {}
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

/// Fetches once; the worker is ready when that is answered.
async fn first_fetch(
    post: &Post,
    connection: Connection,
    counters: &Counters,
) -> Result<(), Failure> {
    let names = &post.assignment.queue_names;
    let input = Input {
        queue: names.first().map_or("", String::as_str),
        queues: names,
        worker: "worker-1",
        batch_size: post.assignment.workers.batch_size,
        now: Timestamp::from(SystemTime::now()),
        ..Input::default()
    };
    let answer = connection.fetch.call(&connection.session, &input).await;
    answer.map_err(|error| Failure(format!("cannot fetch: {}", server_message(&error))))?;
    counters.ready_ns.set(now_ns());
    close(connection).await;
    Ok(())
}

/// Waits for the start. Whether there is one: the run may end before.
async fn start(board: &Board, worker: usize) -> bool {
    loop {
        match board.phase_of(worker).0 {
            Phase::Starting => tokio::time::sleep(START_POLL).await,
            Phase::Running => break,
            Phase::Stopping | Phase::Ended => return false,
        }
    }
    let left = board.control().go_ns().saturating_sub(now_ns());
    runtime::sleep(Duration::from_nanos(left)).await;
    true
}

/// Waits until the worker is asked to stop.
async fn stopping(board: &Board, worker: usize) {
    while board.phase_of(worker).0 < Phase::Stopping {
        tokio::time::sleep(LONGEST_SLEEP).await;
    }
}

/// Waits until the worker has to end whatever it is doing.
async fn time_is_up(board: &Board, worker: usize) {
    loop {
        match board.phase_of(worker) {
            (Phase::Ended, _) => return,
            (Phase::Stopping, stop_by_ns) if now_ns() > stop_by_ns => return,
            _ => tokio::time::sleep(LONGEST_SLEEP).await,
        }
    }
}

/// Ends the session in good order, if the server lets it.
async fn close(connection: Connection) {
    let _ = tokio::time::timeout(CLOSING, connection.session.close()).await;
}

/// A worker at work.
struct Worker<'a> {
    index: usize,
    /// What statements know it by.
    name: String,
    post: &'a Post,
    rules: Rules,
    poll_ns: u64,
    counters: &'a Counters,
    ledger: Ledger<'a>,
    connection: Connection,
    recorder: Recorder,
    report: &'a mut WorkerReport,
    backoff: Backoff,
    wake: Arc<Notify>,
    held: Held,
    busy: Busy,
    rotation: Rotation,
    next_fetch_ns: u64,
    expects_more: bool,
    /// How often jobs were delivered again to this worker, where tasks may end otherwise than well.
    again: HashMap<u64, u64>,
    next_tick_ns: u64,
    /// When it gives up waiting for tasks, once it was asked to stop.
    let_go_ns: Option<u64>,
    /// Whether a fetch is under way.
    is_fetching: bool,
    cpu_ns: u64,
}

impl<'a> Worker<'a> {
    fn new(
        post: &'a Post,
        index: usize,
        connection: Connection,
        wake: Arc<Notify>,
        report: &'a mut WorkerReport,
        cpu_ns: u64,
    ) -> Worker<'a> {
        let Assignment {
            workers,
            queue_names,
            seed,
            ..
        } = &*post.assignment;
        let takes_one_queue = connection.fetch.takes("queue");
        let queues = if takes_one_queue {
            queue_names.len()
        } else {
            1
        };
        let control = post.board.control();
        let recorder = Recorder::new(
            index as u64,
            post.intervals.clone(),
            control.go_ns(),
            control.measure_from_ns(),
        );
        Worker {
            index,
            name: format!("worker-{}", index + 1),
            post,
            rules: Rules::of(workers),
            poll_ns: u64::try_from(workers.poll_interval.as_nanos()).unwrap_or(u64::MAX),
            counters: post.board.worker(index),
            ledger: post.board.ledger(),
            connection,
            recorder,
            report,
            backoff: Backoff::new(hash_of(&[*seed, index as u64])),
            wake,
            held: Held::default(),
            busy: Busy::default(),
            rotation: Rotation::new(queues, index),
            next_fetch_ns: 0,
            expects_more: true,
            again: HashMap::new(),
            next_tick_ns: 0,
            let_go_ns: None,
            is_fetching: false,
            cpu_ns,
        }
    }

    async fn run(&mut self) -> Result<(), Failure> {
        loop {
            let now = now_ns();
            self.tick(now);
            self.end_waits(now);
            let view = self.view(now);
            match decide(&self.rules, &view, now) {
                Action::Start => self.start_task(now).await?,
                Action::Fetch => self.fetch().await?,
                Action::Complete(count) => self.complete(count).await?,
                Action::CompleteAndFetch(count) => self.complete_and_fetch(count).await?,
                Action::Release => self.held.release(now),
                Action::LetGo => self.let_go(now),
                Action::Wait(until_ns) => self.wait(now, until_ns).await,
                Action::Leave => return Ok(()),
            }
        }
    }

    fn view(&mut self, now: u64) -> View {
        let (phase, stop_by_ns) = self.post.board.phase_of(self.index);
        if phase == Phase::Stopping {
            self.let_go_ns.get_or_insert(let_go_ns(now, stop_by_ns));
        }
        View {
            phase,
            stop_by_ns,
            let_go_ns: self.let_go_ns.unwrap_or(stop_by_ns),
            buffered: self.held.buffered.len(),
            running: self.held.waiting.len(),
            finished: self.held.finished.len(),
            first_finished_ns: self.held.first_finished_ns(),
            next_task_ns: self.held.waiting.next_ns(),
            next_fetch_ns: self.next_fetch_ns,
            expects_more: self.expects_more,
        }
    }

    /// What statements are given, jobs aside.
    fn input(&self) -> Input<'_> {
        let names = &self.post.assignment.queue_names;
        let queue = names.get(self.rotation.queue());
        Input {
            queue: queue.map_or("", String::as_str),
            queues: names,
            worker: &self.name,
            batch_size: self.rules.batch_size as u64,
            now: Timestamp::from(SystemTime::now()),
            ..Input::default()
        }
    }

    /// Says what the worker does; one that was asked to stop is draining, whatever it does.
    fn enter(&self, state: WorkerState) {
        let is_stopping = self.post.board.phase_of(self.index).0 >= Phase::Stopping;
        self.counters.set_state(if is_stopping {
            WorkerState::Draining
        } else {
            state
        });
    }

    fn tick(&mut self, now: u64) {
        if now >= self.next_tick_ns {
            self.next_tick_ns = now + TICK_NS;
            self.recorder.tick(now);
            self.counters.cpu_ns.set(thread_cpu_ns() - self.cpu_ns);
        }
    }

    /// Sleeps until then, until the queue notifies, or for as long as a worker may without a look at the board.
    async fn wait(&mut self, now: u64, until_ns: u64) {
        self.enter(WorkerState::Waiting);
        let span = Duration::from_nanos(until_ns.saturating_sub(now));
        let sleep = async {
            if span > LONGEST_SLEEP {
                tokio::time::sleep(LONGEST_SLEEP).await;
            } else {
                runtime::sleep(span).await;
            }
        };
        tokio::select! {
            () = sleep => {}
            () = self.wake.notified() => self.next_fetch_ns = 0,
        }
    }

    /// After an error: does what makes a retry worth while, or gives up. What failed is where it was before, so it is done again.
    async fn mend(&mut self, error: tokio_postgres::Error, doing: &str) -> Result<(), Failure> {
        let at_ns = now_ns();
        self.counters.errors.add(1);
        self.recorder.errored(at_ns);
        let remedy = remedy(&error);
        // A session that was ended between two calls has its reason from the server, but the next call only learns that it is closed.
        let last_word = self.connection.session.ended_with();
        let last_word = last_word.filter(|_| error.code().is_none());
        if let Some(code) = last_word.map(SqlState::code).or(counted_as(&error)) {
            self.report.count(code);
        }
        let message = format!("{doing} failed: {}", server_message(&error));
        if remedy == Remedy::GiveUp {
            return Err(Failure(message));
        }
        self.enter(WorkerState::Retrying);
        self.report.note(at_ns, format!("{message}; tried again"));
        self.counters.retries.add(1);
        self.recorder.retried(at_ns);
        tokio::time::sleep(self.backoff.next_wait()).await;
        match remedy {
            Remedy::Reconnect => self.reconnect().await,
            Remedy::Again | Remedy::GiveUp => Ok(()),
        }
    }

    /// Opens a new connection in the place of the one that was lost; a server that restarts is waited for.
    async fn reconnect(&mut self) -> Result<(), Failure> {
        let give_up_ns = now_ns() + RECONNECT_LIMIT.as_nanos() as u64;
        loop {
            let earlier = Some(&self.connection);
            match Connection::open(self.post, self.index, &self.wake, earlier).await {
                Ok(connection) => {
                    self.connection = connection;
                    self.counters.reconnects.add(1);
                    return Ok(());
                }
                Err(error) if error.may_pass() && now_ns() < give_up_ns => {}
                Err(error) => return Err(error.into()),
            }
            self.tick(now_ns());
            tokio::time::sleep(self.backoff.next_wait()).await;
        }
    }

    /// Lets go of everything: what is still held was interrupted, and a fetch under way came to nothing.
    async fn leave(mut self) {
        if self.is_fetching {
            self.fetch_errored();
        }
        for seq in self.held.take_all() {
            if let Some(seq) = seq {
                self.ledger.interrupted(seq);
            }
            self.count_interrupted();
        }
        self.recorder.finish();
        close(self.connection).await;
    }
}
