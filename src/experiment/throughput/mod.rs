//! Queues drained side by side: each on a fresh copy that is watched, every job accounted for.

mod beforehand;
mod figures;
pub mod ground;
mod jobs;
mod one_drain;
mod progress;
mod rest;
mod server;
mod settings;
mod stop;

use std::time::{Duration, Instant};

use thiserror::Error;

use self::one_drain::DrainError;
use self::stop::Stage;
pub use self::stop::{Heard, Stop};
use super::plans::save;
use crate::definition::scenario::plan::{Drain, Plan};
use crate::fixture::build::BuildError;
use crate::fixture::cache;
use crate::load::memory::peak_rss_bytes;
use crate::load::processes::Program;
use crate::monitor::MonitorError;
use crate::monitor::connections::{self, TooManyWorkers};
use crate::postgres::workspace::Workspace;
use crate::run::environment::FixtureRecord;
use crate::run::event::{Events, RunEvent};
use crate::run::store::{RunStore, StoreError};
use crate::run::throughput::{Ended, Recount, Scaling, cell_name};
use crate::run::{Failure, ThroughputResult, ThroughputRun};

/// Why a run could not go on.
#[derive(Debug, Error)]
pub enum ThroughputError {
    /// The run folder cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server lets fewer workers in.
    #[error(transparent)]
    TooManyWorkers(#[from] TooManyWorkers),
    /// The server does not tell.
    #[error(transparent)]
    Monitor(#[from] MonitorError),
    /// The server has ended while it was used.
    #[error("the server is gone: it was stopped or has crashed{hint}")]
    ServerGone {
        /// Where to look.
        hint: &'static str,
    },
    /// The server has ended and come back while it was used.
    #[error("the server was restarted: {} not begun; take them again", drains(*left))]
    ServerRestarted {
        /// Drains that were not begun.
        left: usize,
    },
}

fn drains(count: usize) -> String {
    match count {
        1 => "1 drain was".to_owned(),
        _ => format!("{count} drains were"),
    }
}

/// How queues are drained, whatever the plan.
#[derive(Clone, Debug)]
pub struct DrainOptions {
    /// Whether what is left in a queue is drained after the run, unmeasured.
    pub drain_rest: bool,
    /// How long workers that were asked to stop may take to finish what they hold.
    pub stop_timeout: Duration,
    /// The program that worker processes are made of.
    pub program: Program,
}

/// What a run is made of. What it finds is in a run, and on disk after each drain.
#[derive(Debug)]
pub struct ThroughputExperiment<'e> {
    /// The server.
    pub workspace: &'e Workspace,
    /// What is drained by whom.
    pub plan: &'e Plan,
    /// How.
    pub options: &'e DrainOptions,
    /// The run folder.
    pub store: &'e RunStore,
    /// When the run began.
    pub started: Instant,
    /// Who is told.
    pub events: &'e Events,
    /// Who may ask the workers to stop.
    pub stop: &'e Stop,
}

impl ThroughputExperiment<'_> {
    /// Drains everything there is to be drained on this server. What fails is recorded among the failures, and the rest goes on.
    ///
    /// # Errors
    /// If the run folder cannot be written, the server is gone or has not room for the workers; what was drained before is in the run.
    pub async fn run(&self, run: &mut ThroughputRun) -> Result<(), ThroughputError> {
        self.check_connections().await?;
        let earlier = (run.results.len(), run.scaling.len());
        let drains = self.plan.drains();
        for (number, drain) in drains.iter().enumerate() {
            if self.stop.is_asked() {
                break;
            }
            self.announce(drain, number as u64 + 1, drains.len() as u64);
            let drained = self.drain(drain, run.results.len() + 1).await;
            self.take_in(drain, drained, run);
            if self.plan.is_sweep {
                // Anew after each: whatever ends the sweep, what it came to until then is told.
                run.scaling.truncate(earlier.1);
                run.scaling.extend(Scaling::of(&run.results[earlier.0..]));
            }
            save(run, self.store, self.started)?;
            self.stop.enter(Stage::Between);
            self.check_server(drains.len() - number - 1).await?;
        }
        Ok(())
    }

    /// Puts what came of a drain into the run, and tells.
    fn take_in(
        &self,
        drain: &Drain,
        drained: Result<(ThroughputResult, u64, Recount), DrainError>,
        run: &mut ThroughputRun,
    ) {
        let (result, processes_bytes, recount) = match drained {
            Ok(drained) => drained,
            Err(error) => return self.fail(drain, error.to_string(), run),
        };
        let all = peak_rss_bytes() + processes_bytes;
        run.peak_rss_bytes = run.peak_rss_bytes.max(all);
        run.timing.clone_ms += result.set_up.copy_ms;
        run.timing.execute_ms += (result.warmup_s + result.duration_s) * 1000.0;
        if let Some(wrong) = result.contradiction(&recount) {
            let message = format!(
                "{wrong}: its counts cannot be believed; this is a mistake of {}, please report it",
                env!("CARGO_PKG_NAME")
            );
            run.failures.push(self.failure(drain, message));
        }
        self.events.emit(finished(&result));
        run.results.push(result);
    }

    async fn check_connections(&self) -> Result<(), ThroughputError> {
        let session = self.workspace.databases().session();
        let known = connections::ask(session).await?;
        let most = self.plan.cells.iter().map(|cell| cell.workers).max();
        Ok(connections::check(known, most.unwrap_or(0))?)
    }

    fn announce(&self, drain: &Drain, number: u64, total: u64) {
        self.events.emit(RunEvent::DrainStarted {
            queue: self.plan.queues[drain.queue].name.clone(),
            fixture: self.plan.fixture.name.clone(),
            workers: drain.cell.workers,
            batch_size: drain.cell.batch_size,
            jobs: self.plan.fixture.jobs,
            number,
            total,
        });
    }

    fn fail(&self, drain: &Drain, message: String, run: &mut ThroughputRun) {
        self.events.emit(RunEvent::DrainFinished {
            completed: 0,
            elapsed_ms: 0.0,
            warmup_ms: 0.0,
            throughput: None,
            error: Some(message.clone()),
        });
        run.failures.push(self.failure(drain, message));
    }

    fn failure(&self, drain: &Drain, message: String) -> Failure {
        Failure {
            postgres: self.workspace.version().to_string(),
            queue: Some(self.plan.queues[drain.queue].name.clone()),
            fixture: Some(self.plan.fixture.name.clone()),
            statement: None,
            variant: Some(cell_name(drain.cell.workers, drain.cell.batch_size)),
            message,
        }
    }

    /// The fixture of a queue, found or built, with room for a copy.
    async fn template(&self, drain: &Drain) -> Result<cache::Template, BuildError> {
        let queue = &self.plan.queues[drain.queue];
        cache::provide(self.workspace, queue, &self.plan.fixture, 1, self.events).await
    }
}

fn finished(result: &ThroughputResult) -> RunEvent {
    RunEvent::DrainFinished {
        completed: result.deliveries.completed,
        elapsed_ms: (result.warmup_s + result.duration_s) * 1000.0,
        warmup_ms: result.warmup_s * 1000.0,
        throughput: result.throughput,
        error: (result.ended == Ended::Failed).then(|| reason(result)),
    }
}

/// Why workers could not go on: what the first of them met.
fn reason(result: &ThroughputResult) -> String {
    let failures = result.worker_results.iter();
    let mut failures =
        failures.filter_map(|worker| Some((worker.worker, worker.failure.as_ref()?)));
    let last = result.incidents.last();
    match (failures.next(), last) {
        (Some((worker, failure)), _) => format!("worker {worker} could not go on: {failure}"),
        (None, Some(incident)) => incident.message.clone(),
        (None, None) => "no worker could go on".to_owned(),
    }
}

/// Notes beforehand what will be drained, so that a run that stops half-way tells what is missing.
pub fn record_subject_matter(plan: &Plan, run: &mut ThroughputRun) {
    let environment = &mut run.environment;
    for queue in &plan.queues {
        let name = || queue.name.clone();
        environment.queues.insert(name(), queue.digest());
        environment.tables.insert(name(), queue.tables_digest());
        let statements = environment.statements.entry(name()).or_default();
        for (statement, text) in ground::named_statements(queue) {
            statements.insert(statement, text.trim().to_owned());
        }
    }
    let fixture = &plan.fixture;
    let record = FixtureRecord {
        digest: fixture.digest(),
        seed: fixture.seed,
        jobs: fixture.jobs,
        plain: fixture.is_plain(),
    };
    environment.fixtures.insert(fixture.name.clone(), record);
}
