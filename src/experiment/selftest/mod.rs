//! `selftest`: what can be trusted on this server and this machine.

mod clock;
mod counts;
mod disk;
mod machine;
mod pgbench;
mod statements;
mod times;
mod verdict;

use std::time::{Duration, Instant};

use thiserror::Error;

use super::cost::Workload;
use super::environment::describe_server;
use super::site::without_prewarming;
use crate::definition::fixture::Scale;
use crate::definition::library::LibraryError;
use crate::definition::{Fixture, Library};
use crate::explain::ExplainError;
use crate::fixture::build::BuildError;
use crate::fixture::cache;
use crate::plan::json::PlanError;
use crate::postgres::database::{DatabaseError, server_message};
use crate::postgres::workspace::Workspace;
use crate::run::event::{Events, RunEvent};
use crate::run::selftest::{Clock, Disk, FORMAT_VERSION, FoundServer, SelfTest};

use self::machine::ProcessorTime;
pub use self::pgbench::Pairs;
use self::statements::Statements;

/// The queue whose statements are measured.
const QUEUE: &str = "status-partial";

/// What they are measured on.
const FIXTURE: &str = "heavy-single-queue";

/// Its jobs: few enough to be built and copied at once, and to have complete statistics.
const JOBS: u64 = 10_000;

/// Why the self-test could not be done.
#[derive(Debug, Error)]
pub enum SelfTestError {
    /// A built-in definition is not there.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The server cannot be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The fixture cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A statement cannot be measured.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// The server refuses to explain what the cost of TIMING is taken from.
    #[error("cannot measure what EXPLAIN's TIMING costs: {}", server_message(.0))]
    Clock(tokio_postgres::Error),
    /// The plan of that cannot be read.
    #[error("cannot measure what EXPLAIN's TIMING costs: {0}")]
    Plan(PlanError),
    /// The built-in queue has no such statement and variant.
    #[error("queue {QUEUE} lacks a variant that the self-test measures")]
    NoVariant,
}

fn fixture() -> Result<Fixture, LibraryError> {
    let scale = Scale {
        quick: false,
        rows: Some(JOBS),
        seed: None,
    };
    Ok(Library::built_in().fixture(FIXTURE)?.scaled(scale))
}

/// What a self-test makes on a server.
///
/// # Errors
/// If the built-in fixture cannot be read.
pub fn workload() -> Result<Workload, LibraryError> {
    let queue = Library::built_in().queue(QUEUE)?;
    let copies = statements::LEAST_COPIES as u64;
    let mut workload = Workload::copying(&queue, &fixture()?, copies);
    workload.besides.push(pgbench::besides());
    Ok(workload)
}

/// How long a self-test may take.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// When it began.
    pub started: Instant,
    /// Time for all of it, about; a stated number of pairs takes what it takes.
    pub budget: Duration,
    /// Pairs of runs with pgbench.
    pub pairs: Pairs,
}

/// Tests the server of a workspace and this machine.
///
/// # Errors
/// If the server cannot be used for what every run needs.
pub async fn run(
    workspace: &Workspace,
    extent: Extent,
    events: &Events,
) -> Result<SelfTest, SelfTestError> {
    let (queue, fixture) = (Library::built_in().queue(QUEUE)?, fixture()?);
    let mut machine = machine::describe();
    let before = ProcessorTime::now();
    let mut server = FoundServer {
        version: workspace.version_text().to_owned(),
        bin_dir: workspace.bin_dir().map(|path| path.display().to_string()),
        record: describe_server(workspace).await?,
    };
    let (clock, disk) = clock_and_disk(workspace, events).await?;
    let pgbench = pgbench::measure(workspace, extent.budget, extent.pairs, events).await?;
    let template = cache::ensure(
        workspace.databases(),
        workspace.version_text(),
        &queue,
        &fixture,
        events,
    )
    .await?;
    if !template.mark.prewarm {
        let limitation = without_prewarming(workspace);
        server.record.limitations.push(limitation);
    }
    let test = Statements {
        workspace,
        queue: &queue,
        fixture: &fixture,
        template: &template,
        events,
    };
    let (counts, times) = test.measure(extent.started, extent.budget).await?;
    machine.stolen = ProcessorTime::now()
        .zip(before)
        .and_then(|(after, before)| after.stolen_since(before));
    let mut found = SelfTest {
        format_version: FORMAT_VERSION,
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        debug_build: cfg!(debug_assertions),
        server,
        clock,
        counts,
        times,
        pgbench,
        disk,
        machine,
        verdict: Vec::new(),
        total_ms: extent.started.elapsed().as_secs_f64() * 1000.0,
    };
    found.verdict = verdict::judge(&found);
    Ok(found)
}

async fn clock_and_disk(
    workspace: &Workspace,
    events: &Events,
) -> Result<(Clock, Disk), SelfTestError> {
    step(events, "reading the clock", 0, 0);
    let mut clock = clock::read().await;
    step(events, "explaining with and without TIMING", 0, 0);
    clock.timing_ns_per_row = clock::timing_ns_per_row(workspace.databases().session()).await?;
    step(events, "syncing the disk", 0, 0);
    let disk = disk::measure(workspace.directory()).await;
    Ok((clock, disk))
}

fn step(events: &Events, step: &str, done: usize, total: usize) {
    events.emit(RunEvent::StepProgress {
        step: step.to_owned(),
        done: done as u64,
        total: total as u64,
    });
}
