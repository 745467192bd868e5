//! A queue's statement as it serves under load: prepared once a session, called with what a worker holds.
//!
//! What a fetch returned goes on in binary to the statements that declare it, whatever its type. Several statements of a file are one
//! transaction. Statements that need nothing of each other are sent together, without waiting for answers in between.

mod binding;
mod call;
mod columns;
mod input;
mod layout;
mod settled;

use std::sync::Arc;

use tokio_postgres::{Client, Error, Row, Statement};

use super::StatementError;
use super::payload;
use super::value::RawSlice;
use crate::definition::operation::Operation;
use crate::definition::queue::{PlanCacheMode, Queue};
use crate::definition::statement::StatementFile;
pub use call::in_one_transaction;
pub use columns::Columns;
pub use input::{Input, NewJob, Outcome, Timestamp};
use layout::Layout;
pub use layout::STEP_KEY;
use settled::Keys;
pub use settled::Settled;

/// The statements of a file, prepared in one session.
#[derive(Debug)]
pub struct Serving {
    layout: Arc<Layout>,
    steps: Vec<Prepared>,
}

/// One statement, and the queries that evaluate its computed parameters.
#[derive(Debug)]
struct Prepared {
    statement: Statement,
    computed: Vec<Statement>,
}

/// What a call came to.
#[derive(Debug, Default)]
pub struct Answer {
    /// The operation's rows: those of the last statement that returns any.
    pub rows: Vec<Row>,
    /// How many rows that statement affected, by its command tag.
    pub affected: u64,
    /// What the other statements came to, by their number in the file.
    others: Vec<(usize, Part)>,
    /// Where a call has one job: rows that the statement which decides affected in each call.
    by_call: Vec<u64>,
}

/// What one statement came to.
#[derive(Debug, Default)]
struct Part {
    rows: Vec<Row>,
    affected: u64,
}

/// A job as a fetch returned it.
#[derive(Debug)]
pub struct FetchedJob {
    row: Row,
    /// Its number in the fixture, from 1; none where the payload does not say.
    pub seq: Option<u64>,
    /// Whether the payload is as the fixture made it, by its checksum.
    pub whole: bool,
}

impl FetchedJob {
    /// Its row.
    #[must_use]
    pub fn row(&self) -> &Row {
        &self.row
    }
}

impl Serving {
    /// Prepares the statements of a file. `fetched` is what the queue's fetch returns, for statements that are fed by it.
    ///
    /// # Errors
    /// If the server refuses a statement, or the file cannot serve as it is written: a parameter without a value, a column that is not
    /// fetched, a type that does not fit; with the place in the file.
    pub async fn prepare(
        client: &Client,
        queue: &Queue,
        file: &StatementFile,
        fetched: Option<&Columns>,
    ) -> Result<Serving, StatementError> {
        let mut layout = Layout::of(client, file, fetched).await?;
        layout.follow_jobs(queue, file)?;
        Serving::with_layout(client, Arc::new(layout))
            .await
            .map_err(StatementError::server("prepare a statement"))
    }

    /// The same where nobody asks which jobs they are: a fetch need not return their payload.
    ///
    /// # Errors
    /// As [`Serving::prepare`].
    pub async fn prepare_anonymous(
        client: &Client,
        file: &StatementFile,
        fetched: Option<&Columns>,
    ) -> Result<Serving, StatementError> {
        let layout = Layout::of(client, file, fetched).await?;
        Serving::with_layout(client, Arc::new(layout))
            .await
            .map_err(StatementError::server("prepare a statement"))
    }

    /// Prepares the same in another session of the same database; nothing has to be found out again.
    ///
    /// # Errors
    /// If the connection fails, or the server refuses what it took before.
    pub async fn prepare_again(&self, client: &Client) -> Result<Serving, Error> {
        Serving::with_layout(client, Arc::clone(&self.layout)).await
    }

    async fn with_layout(client: &Client, layout: Arc<Layout>) -> Result<Serving, Error> {
        let mut steps = Vec::new();
        for step in &layout.steps {
            let statement = client.prepare_typed(&step.text, &step.types).await?;
            let mut computed = Vec::new();
            for query in &step.computed {
                computed.push(client.prepare_typed(&query.text, &query.types).await?);
            }
            steps.push(Prepared {
                statement,
                computed,
            });
        }
        Ok(Serving { layout, steps })
    }

    /// What it does for the queue.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.layout.operation
    }

    /// What it returns.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.layout.steps[self.layout.answering].columns
    }

    /// Whether a call has one job; given several it is called for one after the other.
    #[must_use]
    pub fn is_per_job(&self) -> bool {
        self.layout.per_job
    }

    /// Whether it declares a parameter that the caller gives, for example `outcomes`: then it takes failed and released jobs, too.
    #[must_use]
    pub fn takes(&self, parameter: &str) -> bool {
        self.layout.given.iter().any(|given| given == parameter)
    }

    /// What to know of how it is called, a sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.layout.notes
    }

    /// The rows of a fetch as jobs.
    #[must_use]
    pub fn jobs(&self, answer: Answer) -> Vec<FetchedJob> {
        answer.rows.into_iter().map(|row| self.job(row)).collect()
    }

    /// A row of a fetch as a job.
    #[must_use]
    pub fn job(&self, row: Row) -> FetchedJob {
        let identity = self
            .layout
            .payload
            .and_then(|(column, form)| Some(payload::identify(form, raw(&row, column)?)))
            .unwrap_or(payload::Identity::UNKNOWN);
        FetchedJob {
            row,
            seq: identity.seq,
            whole: identity.whole,
        }
    }

    /// For each row of the answer the job it is about, as an index into `jobs`; none where the columns do not tell.
    #[must_use]
    pub fn jobs_of(&self, answer: &Answer, jobs: &[&FetchedJob]) -> Option<Vec<Option<usize>>> {
        if jobs.len() == 1 {
            return Some(vec![Some(0); answer.rows.len()]);
        }
        if self.is_per_job() {
            let calls = answer.by_call.iter().enumerate();
            let owners = calls.flat_map(|(job, rows)| (0..*rows).map(move |_| Some(job)));
            return Some(owners.take(answer.rows.len()).collect());
        }
        let keys = Keys::of(&self.layout.steps[self.layout.answering].keys.pairs, jobs)?;
        Some(answer.rows.iter().map(|row| keys.job(row)).collect())
    }
}

impl Answer {
    /// Number, rows and affected rows of each statement.
    fn parts(&self, answering: usize) -> impl Iterator<Item = (usize, &[Row], u64)> {
        let others = self
            .others
            .iter()
            .map(|(step, part)| (*step, part.rows.as_slice(), part.affected));
        others.chain(std::iter::once((
            answering,
            self.rows.as_slice(),
            self.affected,
        )))
    }
}

/// A value as it was received; none is null.
fn raw(row: &Row, column: usize) -> Option<&[u8]> {
    row.try_get::<_, RawSlice<'_>>(column).ok()?.0
}

/// Sets a session to the plans that the clients of a queue use.
///
/// # Errors
/// If the server refuses.
pub async fn choose_plans(client: &Client, mode: PlanCacheMode) -> Result<(), Error> {
    let mode = match mode {
        PlanCacheMode::Auto => return Ok(()),
        PlanCacheMode::Custom => "force_custom_plan",
        PlanCacheMode::Generic => "force_generic_plan",
    };
    client
        .batch_execute(&format!("set plan_cache_mode = {mode}"))
        .await
}
