//! The same statement by pgbench and by this program, in turns: whether this program keeps up with the leanest client there is.

mod program;
mod threads;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use thiserror::Error;

use super::step;
use crate::definition::DefinitionError;
use crate::postgres::connect::{Address, ConnectError, Session};
use crate::postgres::database::{DatabaseError, server_message};
use crate::postgres::workspace::Workspace;
use crate::run::event::Events;
use crate::run::selftest::{Pair, Pgbench, Side};
use crate::statement::StatementError;
use crate::units::Count;

/// Fetches and deletes the first ten rows that nobody else is at.
const STATEMENT: &str = "delete from job where id = any(array(select id from job order by id limit 10 for update skip locked)) returning id, payload";

/// Rows that a statement deletes.
const ROWS_OF_A_STATEMENT: u64 = 10;

/// Rows that a run deletes: long enough to tell a percent or two, short enough for an index without vacuum.
const ROWS: u64 = 40_000;

/// Runs of each side in a pair: where the system puts two clients and two backends on its processors differs from run to run, and the
/// processor time of one and the same client with it, up to twofold.
const TURNS: usize = 4;

/// Connections, at least and at most; else as many as processors.
const CONNECTIONS: (usize, usize) = (2, 8);

/// Share of the self-test's time that pairs may take where their number is left open.
const SHARE: f64 = 0.25;

/// Pairs, at most, where their number is left open.
const MOST_PAIRS: usize = 9;

/// The table, and as many rows as a run deletes.
const SCHEMA: &str = "create table job (id bigint primary key, payload jsonb not null)";

/// How many pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// As many as fit into a share of the time.
    AsFit,
    /// So many, however long it takes.
    Exactly(usize),
}

/// Why a run came to nothing.
#[derive(Debug, Error)]
enum Trouble {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error("the server refused: {}", server_message(.0))]
    Server(#[from] tokio_postgres::Error),
    #[error("{action}: {source}")]
    File {
        action: &'static str,
        source: std::io::Error,
    },
    #[error("pgbench ended with {status}: {message}")]
    Ended { status: String, message: String },
    #[error("pgbench printed something else than it used to: {0}")]
    Unreadable(String),
    #[error("{who} deleted {deleted} of {ROWS} rows in one run")]
    Rows { who: &'static str, deleted: u64 },
    #[error("it was stopped")]
    Stopped,
}

/// Where both sides work.
struct Rig {
    address: Address,
    database: String,
    session: Session,
    connections: usize,
    /// Statements of each connection.
    statements: u64,
    stop: Arc<AtomicBool>,
}

/// Threads and processes end with it, also where the wait for them was broken off.
impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Runs both in turns. What goes wrong is in the result.
///
/// # Errors
/// If no database can be made or dropped.
pub(super) async fn measure(
    workspace: &Workspace,
    budget: Duration,
    pairs: Pairs,
    events: &Events,
) -> Result<Pgbench, DatabaseError> {
    let found = Pgbench {
        statement: STATEMENT.to_owned(),
        rows: ROWS,
        ..Pgbench::default()
    };
    let Some(program) = program::find(workspace.bin_dir()) else {
        let reason = "there is no pgbench beside the server's binaries or on the PATH";
        return Ok(Pgbench {
            not_measured: Some(reason.to_owned()),
            ..found
        });
    };
    let found = Pgbench {
        program: Some(program.display().to_string()),
        connections: connections(),
        ..found
    };
    let databases = workspace.databases();
    let database = databases.create().await?;
    let mut done = Vec::new();
    let address = databases.address();
    let outcome = measure_in(
        address, &database, &program, budget, pairs, &mut done, events,
    )
    .await;
    databases.drop(&database).await?;
    let not_measured = outcome.err().map(|trouble| trouble.to_string());
    Ok(Pgbench {
        not_measured,
        ..found.with_pairs(done)
    })
}

/// What it makes and leaves behind, as a sentence.
pub(super) fn besides() -> String {
    format!(
        "one database more, with a table of {} rows that are deleted by pgbench and by this program; it is dropped",
        Count(ROWS)
    )
}

fn connections() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    processors.clamp(CONNECTIONS.0, CONNECTIONS.1)
}

async fn measure_in(
    address: &Address,
    database: &str,
    program: &Path,
    budget: Duration,
    pairs: Pairs,
    done: &mut Vec<Pair>,
    events: &Events,
) -> Result<(), Trouble> {
    let connections = connections();
    let rig = Rig {
        address: address.clone(),
        database: database.to_owned(),
        session: address.connect(database).await?,
        connections,
        statements: ROWS / ROWS_OF_A_STATEMENT / connections as u64,
        stop: Arc::new(AtomicBool::new(false)),
    };
    rig.session.batch_execute(SCHEMA).await?;
    rig.fill().await?;
    // What starting pgbench takes, to be taken off.
    let started = program::started(&rig, program).await?;
    let until = Instant::now() + budget.mul_f64(SHARE);
    let most = match pairs {
        Pairs::AsFit => MOST_PAIRS,
        Pairs::Exactly(number) => number,
    };
    while done.len() < most {
        let total = if pairs == Pairs::AsFit { 0 } else { most };
        step(events, "running the same as pgbench", done.len(), total);
        let began = Instant::now();
        done.push(
            rig.pair(program, &started, done.len().is_multiple_of(2))
                .await?,
        );
        // A pair that would end too late is not begun.
        if pairs == Pairs::AsFit && Instant::now() + began.elapsed() > until {
            break;
        }
    }
    Ok(())
}

impl Rig {
    /// The same rows for every run, in pages that nobody has to tidy up.
    async fn fill(&self) -> Result<(), Trouble> {
        let fill = format!(
            "truncate job; \
             insert into job select n, jsonb_build_object('seq', n, 'data', repeat('x', 64)) from generate_series(1, {ROWS}) as n"
        );
        self.session.batch_execute(&fill).await?;
        self.session.batch_execute("vacuum (analyze) job").await?;
        Ok(())
    }

    /// Runs of each in turns; who begins changes from turn to turn, and from pair to pair.
    async fn pair(
        &self,
        program: &Path,
        started: &program::Ran,
        pgbench_first: bool,
    ) -> Result<Pair, Trouble> {
        let (mut pgbench, mut ours) = (Vec::new(), Vec::new());
        for turn in 0..TURNS {
            let pgbench_first = pgbench_first == (turn % 2 == 0);
            for is_pgbench in [pgbench_first, !pgbench_first] {
                self.fill().await?;
                if is_pgbench {
                    let ran = program::run(self, program, self.statements).await?;
                    pgbench.push(self.counted("pgbench", ran.side(started)).await?);
                } else {
                    let ran = threads::run(self).await?;
                    ours.push(self.counted("this program", ran).await?);
                }
            }
        }
        Ok(Pair {
            pgbench: Side::of(&pgbench),
            ours: Side::of(&ours),
        })
    }

    /// A side with the rows that it deleted, which have to be ten a statement.
    async fn counted(&self, who: &'static str, side: Side) -> Result<Side, Trouble> {
        let row = self
            .session
            .query_one("select count(*) from job", &[])
            .await?;
        let left: i64 = row.get(0);
        let deleted = ROWS.saturating_sub(u64::try_from(left).unwrap_or(0));
        if deleted != side.statements * ROWS_OF_A_STATEMENT {
            return Err(Trouble::Rows { who, deleted });
        }
        Ok(Side {
            rows: deleted,
            ..side
        })
    }
}
