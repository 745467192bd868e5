//! A worker's connection and what is prepared on it.

use std::sync::Arc;

use thiserror::Error;
use tokio::sync::Notify;
use tokio_postgres::Client;

use super::Post;
use crate::definition::operation::Operation;
use crate::definition::scenario::Task;
use crate::load::retry::{Remedy, remedy};
use crate::load::task::read_write::SideTable;
use crate::postgres::connect::{ConnectError, Session};
use crate::postgres::database::server_message;
use crate::statement::StatementError;
use crate::statement::serving::{Columns, Serving, choose_plans};

/// A worker that could not get ready.
#[derive(Debug, Error)]
pub(super) enum OpenError {
    /// There is no session.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A statement cannot be served.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The server refused a command of our own.
    #[error("cannot {action}: {}", server_message(source))]
    Server {
        /// What was tried.
        action: &'static str,
        /// What it says.
        source: tokio_postgres::Error,
    },
    /// The queue cannot be drained so.
    #[error("queue {queue} has no {operation}")]
    Missing {
        /// The queue.
        queue: String,
        /// What it lacks.
        operation: Operation,
    },
}

impl OpenError {
    /// Whether it may be otherwise in a moment: the server is starting or was just lost.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            OpenError::Connect(error) => error.may_pass(),
            OpenError::Statement(StatementError::Server { source, .. })
            | OpenError::Server { source, .. } => remedy(source) != Remedy::GiveUp,
            OpenError::Statement(_) | OpenError::Missing { .. } => false,
        }
    }
}

fn server(action: &'static str) -> impl FnOnce(tokio_postgres::Error) -> OpenError {
    move |source| OpenError::Server { action, source }
}

/// A worker's connection and what is prepared on it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) session: Session,
    pub(super) fetch: Serving,
    pub(super) complete: Serving,
    pub(super) fail: Option<Serving>,
    pub(super) release: Option<Serving>,
    /// Both or none: for the task steps.
    pub(super) steps: Option<Steps>,
    /// For the task read-write.
    pub(super) side: Option<SideTable>,
    /// Statements that the scenario does without and that cannot be served, a sentence each.
    unserved: Vec<String>,
}

/// What the task steps is done with.
#[derive(Debug)]
pub(super) struct Steps {
    pub(super) load: Serving,
    pub(super) save: Serving,
}

impl Connection {
    /// Connects and prepares; with `earlier`, what was found out then is not found out again.
    pub(super) async fn open(
        post: &Post,
        worker: usize,
        wake: &Arc<Notify>,
        earlier: Option<&Connection>,
    ) -> Result<Connection, OpenError> {
        let session = connect(post, worker, wake).await?;
        let Prepared {
            fetch,
            complete,
            fail,
            release,
            steps,
            unserved,
        } = match earlier {
            None => prepare(post, &session).await?,
            Some(earlier) => prepare_again(earlier, &session)
                .await
                .map_err(server("prepare the queue's statements again"))?,
        };
        let side = match post.assignment.task {
            Task::ReadWrite { read, write, .. } => Some(
                SideTable::prepare(&session, worker, read, write)
                    .await
                    .map_err(server("prepare for the task read-write"))?,
            ),
            _ => None,
        };
        Ok(Connection {
            session,
            fetch,
            complete,
            fail,
            release,
            steps,
            side,
            unserved,
        })
    }

    /// What to know of how the queue's statements are called, a sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        let others = [&self.fail, &self.release].into_iter().flatten();
        let statements = [&self.fetch, &self.complete].into_iter().chain(others);
        let notes = statements.flat_map(Serving::notes);
        notes.chain(&self.unserved).cloned().collect()
    }

    /// The statement that settles jobs, and whether it takes every outcome.
    pub(super) fn settling(&self, operation: Operation) -> Option<&Serving> {
        match operation {
            Operation::Complete => Some(&self.complete),
            Operation::Fail => self.fail.as_ref(),
            Operation::Release => self.release.as_ref(),
            _ => None,
        }
    }
}

async fn connect(post: &Post, worker: usize, wake: &Arc<Notify>) -> Result<Session, OpenError> {
    let assignment = &post.assignment;
    let channel = post
        .queue
        .channel
        .as_ref()
        .filter(|_| assignment.workers.listen);
    let address = post.address.for_worker(worker as u64 + 1);
    let database = &assignment.database;
    let session = match channel {
        None => address.connect(database).await?,
        Some(_) => {
            address
                .connect_listening(database, Arc::clone(wake))
                .await?
        }
    };
    for (name, value) in &assignment.settings {
        session
            .execute("select set_config($1, $2, false)", &[&name, &value])
            .await
            .map_err(server("set what the scenario sets"))?;
    }
    choose_plans(&session, post.queue.plan_mode)
        .await
        .map_err(server("choose the queue's plan mode"))?;
    if let Some(channel) = channel {
        let listen = format!("listen \"{}\"", channel.replace('"', "\"\""));
        session
            .batch_execute(&listen)
            .await
            .map_err(server("listen on the queue's channel"))?;
    }
    Ok(session)
}

struct Prepared {
    fetch: Serving,
    complete: Serving,
    fail: Option<Serving>,
    release: Option<Serving>,
    steps: Option<Steps>,
    unserved: Vec<String>,
}

async fn prepare(post: &Post, client: &Client) -> Result<Prepared, OpenError> {
    let fetch = needed(post, client, Operation::Fetch, None).await?;
    let fetched = Some(fetch.columns());
    let complete = needed(post, client, Operation::Complete, fetched).await?;
    let steps = match post.assignment.task {
        Task::Steps { .. } => Some(Steps {
            load: needed(post, client, Operation::StepLoad, fetched).await?,
            save: needed(post, client, Operation::StepSave, fetched).await?,
        }),
        _ => None,
    };
    let outcomes = &post.assignment.outcomes;
    let takes_all = complete.takes("outcomes");
    let fails = outcomes.failed > 0.0 || outcomes.panicked > 0.0;
    let fail = fails && !takes_all;
    let release = outcomes.released > 0.0 && !takes_all;
    let mut unserved = Vec::new();
    let mut wanted = async |operation, is_needed| {
        let found = needed(post, client, operation, fetched).await;
        or_without(found, operation, is_needed, &mut unserved)
    };
    Ok(Prepared {
        fail: wanted(Operation::Fail, fail).await?,
        release: wanted(Operation::Release, release).await?,
        unserved,
        steps,
        complete,
        fetch,
    })
}

async fn needed(
    post: &Post,
    client: &Client,
    operation: Operation,
    fetched: Option<&Columns>,
) -> Result<Serving, OpenError> {
    let file = post
        .queue
        .serving(operation)
        .ok_or_else(|| OpenError::Missing {
            queue: post.queue.name.clone(),
            operation,
        })?;
    Ok(Serving::prepare(client, &post.queue, file, fetched).await?)
}

/// A statement that the scenario may do without: where it does, one that is missing or cannot be served is none. What cannot be served is
/// somebody's mistake, and is said.
fn or_without(
    found: Result<Serving, OpenError>,
    operation: Operation,
    is_needed: bool,
    unserved: &mut Vec<String>,
) -> Result<Option<Serving>, OpenError> {
    match found {
        Ok(serving) => Ok(Some(serving)),
        Err(error) if is_needed || error.may_pass() => Err(error),
        Err(OpenError::Missing { .. }) => Ok(None),
        Err(error) => {
            unserved.push(format!(
                "{operation} cannot be served, and was not used: {error}"
            ));
            Ok(None)
        }
    }
}

async fn prepare_again(
    earlier: &Connection,
    client: &Client,
) -> Result<Prepared, tokio_postgres::Error> {
    Ok(Prepared {
        fetch: earlier.fetch.prepare_again(client).await?,
        complete: earlier.complete.prepare_again(client).await?,
        fail: again(earlier.fail.as_ref(), client).await?,
        release: again(earlier.release.as_ref(), client).await?,
        steps: match &earlier.steps {
            None => None,
            Some(steps) => Some(Steps {
                load: steps.load.prepare_again(client).await?,
                save: steps.save.prepare_again(client).await?,
            }),
        },
        unserved: earlier.unserved.clone(),
    })
}

async fn again(
    earlier: Option<&Serving>,
    client: &Client,
) -> Result<Option<Serving>, tokio_postgres::Error> {
    match earlier {
        None => Ok(None),
        Some(earlier) => earlier.prepare_again(client).await.map(Some),
    }
}
