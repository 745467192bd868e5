//! The drain after a run: what is still in the queue is found, and settled so that it is not found again. Nothing of it is measured.

use std::time::{Duration, Instant};

use thiserror::Error;
use tokio_postgres::Client;

use super::board::Board;
use super::retry::{Remedy, remedy};
use crate::definition::operation::Operation;
use crate::definition::queue::{ClaimEnds, Delivery, Queue};
use crate::postgres::connect::{Address, ConnectError, Session};
use crate::postgres::database::marker::WITHOUT_LIMITS;
use crate::postgres::database::server_message;
use crate::statement::StatementError;
use crate::statement::serving::{
    Answer, FetchedJob, Input, Outcome, Serving, Timestamp, choose_plans,
};

/// Jobs asked for at once.
const BATCH: u64 = 1000;

/// Nobody asks whether what the drain does lasts, and a queue that settles its jobs one by one would wait for the disk with each.
const NEED_NOT_LAST: &str = "set synchronous_commit = off";

/// How long a server that is being restarted is waited for.
const RECONNECT: Duration = Duration::from_secs(30);

/// How long sessions of workers may take to end: until then they may hold locks on jobs.
const SETTLING: Duration = Duration::from_secs(30);

/// What locks the jobs of workers that are gone, if anything.
const WORKERS_LEFT: &str = "select count(*) from pg_stat_activity \
     where datname = current_database() and pid <> pg_backend_pid() and application_name ~ ' worker '";

/// How often a call is tried again after a conflict.
const TRIES: u32 = 10;

/// Why a queue could not be drained; then nobody knows which jobs are lost.
#[derive(Debug, Error)]
pub enum DrainError {
    /// No session.
    #[error("the queue was not drained: {0}")]
    Connect(#[from] ConnectError),
    /// A statement that cannot serve.
    #[error("the queue was not drained: {0}")]
    Statement(#[from] StatementError),
    /// The server refuses.
    #[error(
        "the queue was not drained: {action} failed: {}",
        server_message(source)
    )]
    Server {
        /// What was being done.
        action: &'static str,
        /// What the server says.
        source: tokio_postgres::Error,
    },
    /// Nothing to drain it with.
    #[error("the queue was not drained: queue {queue} has no {operation}")]
    Missing {
        /// The queue.
        queue: String,
        /// What it lacks.
        operation: Operation,
    },
    /// Sessions that do not end.
    #[error(
        "the queue was not drained: {sessions} of the workers' sessions are still there and may hold jobs"
    )]
    StillUsed {
        /// How many.
        sessions: i64,
    },
}

/// What is drained.
#[derive(Clone, Copy, Debug)]
pub struct Drain<'d> {
    /// The server.
    pub address: &'d Address,
    /// The database with the copy.
    pub database: &'d str,
    /// The queue.
    pub queue: &'d Queue,
    /// The names of the fixture's queues; at least one.
    pub queue_names: &'d [String],
    /// Whose ledger takes down what is found.
    pub board: &'d Board,
}

/// What a drain came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Deliveries of jobs that were still in the queue.
    pub found: u64,
    /// Whether every job that the queue has was found, so that those that were not are not there.
    pub is_complete: bool,
    /// What to know about it, a sentence each.
    pub notes: Vec<String>,
}

/// The queue's statements in the drain's session.
struct Statements {
    fetch: Serving,
    complete: Serving,
    rescue: Option<Serving>,
}

impl Drain<'_> {
    /// Rescues what workers held that are gone, then fetches and completes until a round over all queues finds nothing; all with a
    /// present that lies after every job.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses a statement.
    pub async fn run(&self) -> Result<Drained, DrainError> {
        let session = self.connect().await?;
        let drained = self.run_in(&session).await;
        session.close().await;
        drained
    }

    async fn run_in(&self, session: &Session) -> Result<Drained, DrainError> {
        let set_up = async {
            session.batch_execute(WITHOUT_LIMITS).await?;
            session.batch_execute(NEED_NOT_LAST).await?;
            choose_plans(session, self.queue.plan_mode).await
        };
        set_up.await.map_err(failed("setting the session up"))?;
        wait_for_workers(session).await?;
        let statements = self.prepare(session).await?;
        let mut drained = Drained {
            is_complete: true,
            ..Drained::default()
        };
        self.rescue(session, &statements, &mut drained).await?;
        self.empty(session, &statements, &mut drained).await?;
        self.judge(&statements, &mut drained);
        Ok(drained)
    }

    async fn connect(&self) -> Result<Session, ConnectError> {
        let started = Instant::now();
        loop {
            match self.address.connect(self.database).await {
                Err(_) if started.elapsed() < RECONNECT => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                connected => return connected,
            }
        }
    }

    async fn prepare(&self, session: &Session) -> Result<Statements, DrainError> {
        let file = |operation| {
            let missing = || DrainError::Missing {
                queue: self.queue.name.clone(),
                operation,
            };
            self.queue.serving(operation).ok_or_else(missing)
        };
        let (fetch, complete) = (file(Operation::Fetch)?, file(Operation::Complete)?);
        let fetch = Serving::prepare(session, self.queue, fetch, None).await?;
        let columns = Some(fetch.columns());
        let complete = Serving::prepare(session, self.queue, complete, columns).await?;
        let rescue = match self.queue.serving(Operation::Rescue) {
            Some(file) => Some(Serving::prepare(session, self.queue, file, None).await?),
            None => None,
        };
        Ok(Statements {
            fetch,
            complete,
            rescue,
        })
    }

    /// What every call is given.
    fn input<'i>(&'i self, queue: &'i str) -> Input<'i> {
        Input {
            queue,
            queues: self.queue_names,
            worker: "pgq-analyze drain",
            batch_size: BATCH,
            now: Timestamp::AFTER_EVERY_JOB,
            ..Input::default()
        }
    }

    /// The queues a statement is called for: each by itself where it asks for one.
    fn rounds(&self, serving: &Serving) -> &[String] {
        match self.queue_names {
            [first, ..] if !serving.takes("queue") => std::slice::from_ref(first),
            all => all,
        }
    }

    /// More deliveries than that are none that end.
    fn most(&self) -> u64 {
        self.board
            .shape()
            .jobs
            .saturating_mul(3)
            .saturating_add(BATCH)
    }

    async fn rescue(
        &self,
        session: &Session,
        statements: &Statements,
        drained: &mut Drained,
    ) -> Result<(), DrainError> {
        let Some(rescue) = &statements.rescue else {
            return Ok(());
        };
        let mut rescued = 0;
        for queue in self.rounds(rescue) {
            loop {
                let answer = call(session, rescue, &self.input(queue), "rescue").await?;
                let these = rescue.changed(&answer);
                rescued += these;
                if these == 0 {
                    break;
                }
                if rescued > self.most() {
                    drained.notes.push(format!(
                        "the queue's rescue returns jobs again and again: the drain went on without it after {rescued}"
                    ));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn empty(
        &self,
        session: &Session,
        statements: &Statements,
        drained: &mut Drained,
    ) -> Result<(), DrainError> {
        loop {
            let before = drained.found;
            for queue in self.rounds(&statements.fetch) {
                self.empty_one(session, statements, queue, drained).await?;
                if !drained.is_complete {
                    return Ok(());
                }
            }
            if drained.found == before {
                return Ok(());
            }
        }
    }

    /// Fetches from one queue until it is empty.
    async fn empty_one(
        &self,
        session: &Session,
        statements: &Statements,
        queue: &str,
        drained: &mut Drained,
    ) -> Result<(), DrainError> {
        let ledger = self.board.ledger();
        loop {
            let input = self.input(queue);
            let answer = call(session, &statements.fetch, &input, "fetch").await?;
            let jobs = statements.fetch.jobs(answer);
            if jobs.is_empty() {
                return Ok(());
            }
            drained.found += jobs.len() as u64;
            for job in &jobs {
                ledger.found(job.seq, job.whole);
            }
            let jobs: Vec<&FetchedJob> = jobs.iter().collect();
            let input = Input {
                jobs: &jobs,
                outcomes: &vec![Outcome::Completed; jobs.len()],
                ..input
            };
            call(session, &statements.complete, &input, "complete").await?;
            if drained.found > self.most() {
                drained.is_complete = false;
                drained.notes.push(format!(
                    "the queue offers jobs again although they were completed: it was not drained, and the drain ended after {} deliveries",
                    drained.found
                ));
                return Ok(());
            }
        }
    }

    /// Whether workers may have ended with jobs that the queue takes for theirs: delivered, or fetched without their knowing.
    fn were_held(&self) -> bool {
        let mut workers = self.board.workers();
        workers.any(|one| one.deliveries().interrupted > 0 || one.fetches().errored > 0)
    }

    /// Whether what was not found is not there.
    fn judge(&self, statements: &Statements, drained: &mut Drained) {
        let counts = self.board.ledger().count(true);
        if !drained.is_complete || counts.lost == Some(0) && counts.unknown == 0 {
            return;
        }
        let name = &self.queue.name;
        let is_not_all_due = counts.acknowledged > self.board.control().due.get();
        if is_not_all_due && !statements.fetch.takes("now") {
            drained.is_complete = false;
            drained.notes.push(format!(
                "queue {name} cannot be drained of jobs that are due later: its fetch takes the time from the server; let it declare `-- param now timestamptz`"
            ));
        }
        // Where a fetch takes jobs out of the queue, nothing is left to be rescued.
        if self.queue.delivery == Delivery::AtMostOnce || !(is_not_all_due || self.were_held()) {
            return;
        }
        let from_server = |what: &str| {
            format!(
                "the {what} of queue {name} takes the time from the server; let it declare `-- param now timestamptz`"
            )
        };
        let reason = match (self.queue.claim_ends, &statements.rescue) {
            // Sessions of workers were waited for.
            (ClaimEnds::Session, _) => return,
            (ClaimEnds::Timeout, _) if statements.fetch.takes("now") => return,
            (ClaimEnds::Timeout, _) => from_server("fetch"),
            (ClaimEnds::Rescue, None) => format!(
                "queue {name} has no rescue; write `rescue.sql`, or `claim_ends` into queue.toml where claims end without one"
            ),
            (ClaimEnds::Rescue, Some(rescue)) if !rescue.takes("now") => from_server("rescue"),
            (ClaimEnds::Rescue, Some(_)) => return,
        };
        drained.is_complete = false;
        drained.notes.push(format!(
            "jobs that workers held when they ended cannot be found, so nobody knows whether jobs are lost: {reason}"
        ));
    }
}

/// Calls a statement, again after a conflict.
async fn call(
    client: &Client,
    serving: &Serving,
    input: &Input<'_>,
    action: &'static str,
) -> Result<Answer, DrainError> {
    for _ in 1..TRIES {
        match serving.call(client, input).await {
            Err(error) if remedy(&error) == Remedy::Again => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            answer => return answer.map_err(failed(action)),
        }
    }
    serving.call(client, input).await.map_err(failed(action))
}

fn failed(action: &'static str) -> impl FnOnce(tokio_postgres::Error) -> DrainError {
    move |source| DrainError::Server { action, source }
}

/// A job that a session holds locked is passed over by a fetch, and would be taken for lost.
async fn wait_for_workers(session: &Session) -> Result<(), DrainError> {
    let started = Instant::now();
    loop {
        let row = session.query_one(WORKERS_LEFT, &[]).await;
        let row = row.map_err(failed("looking for the workers' sessions"))?;
        match row.get(0) {
            0_i64 => return Ok(()),
            sessions if started.elapsed() > SETTLING => {
                return Err(DrainError::StillUsed { sessions });
            }
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}
