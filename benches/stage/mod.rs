//! The server that benches work on, with a fixture, and how they end whatever happens: the server is stopped.

use std::any::Any;
use std::cell::OnceCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use criterion::Criterion;
use pgq_analyze::cli::interrupt::{Interrupted, Interrupts};
use pgq_analyze::cli::{progress, server};
use pgq_analyze::definition::{Fixture, Library, Queue};
use pgq_analyze::experiment::cost::Workload;
use pgq_analyze::fixture::cache::{self, Template};
use pgq_analyze::postgres::workspace::Workspace;
use pgq_analyze::run::event::Events;
use tokio::runtime::Runtime;

use crate::environment;

/// What benches a queue on a fixture; the stage is made when the first benchmark needs it.
type Bench = fn(&mut Criterion, &OnceCell<Stage>, &Queue, &Fixture);

/// Runs the benchmarks and ends as the program would.
pub(crate) fn main(bench: Bench) -> ExitCode {
    environment::end(run(bench))
}

fn run(bench: Bench) -> anyhow::Result<Result<(), Interrupted>> {
    let (queue, fixture) = chosen()?;
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let stage = OnceCell::new();
    let benched = catch_unwind(AssertUnwindSafe(|| {
        bench(&mut criterion, &stage, &queue, &fixture);
        criterion.final_summary();
    }));
    if let Some(stage) = stage.into_inner() {
        stage.stop();
    }
    benched.map(Ok).or_else(reason)
}

/// The queue and the fixture that the environment names, by name or path, and with how many jobs.
fn chosen() -> anyhow::Result<(Queue, Fixture)> {
    let named = |variable, default: &str| {
        environment::variable(variable).map(|name| name.unwrap_or_else(|| default.to_owned()))
    };
    let library = Library::built_in();
    let queue = library.queue(&named("PGQ_ANALYZE_QUEUE", "status-partial")?)?;
    let fixture = library.fixture(&named("PGQ_ANALYZE_FIXTURE", "heavy-single-queue")?)?;
    Ok((queue, environment::scaled(&fixture)?))
}

/// A managed server with the fixture on it.
pub(crate) struct Stage {
    runtime: Runtime,
    interrupts: Interrupts,
    /// The server.
    pub(crate) workspace: Workspace,
    /// The fixture on it.
    pub(crate) template: Template,
}

impl Stage {
    /// Starts the server, and builds the fixture unless it is there.
    pub(crate) fn prepare(
        purpose: &str,
        queue: &Queue,
        fixture: &Fixture,
    ) -> anyhow::Result<Stage> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a runtime")?;
        let choice = server::choice(&environment::options(), purpose)?;
        let events = progress::listener(false);
        let entered = runtime.enter();
        let interrupts = Interrupts::listen().context("cannot listen for signals")?;
        drop(entered);
        let workspace = run_on(
            &runtime,
            &interrupts,
            choice.open(&events, &Workload::none()),
        )?;
        match run_on(
            &runtime,
            &interrupts,
            ensure(&workspace, queue, fixture, &events),
        ) {
            Ok(template) => Ok(Stage {
                runtime,
                interrupts,
                workspace,
                template,
            }),
            Err(error) => {
                runtime.block_on(workspace.stop(&Events::ignored()));
                Err(error)
            }
        }
    }

    /// Does `work`, unless a signal comes first.
    pub(crate) fn run<T>(
        &self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        run_on(&self.runtime, &self.interrupts, work)
    }

    fn stop(self) {
        self.runtime
            .block_on(self.workspace.stop(&Events::ignored()));
    }
}

fn run_on<T, E: Into<anyhow::Error>>(
    runtime: &Runtime,
    interrupts: &Interrupts,
    work: impl Future<Output = Result<T, E>>,
) -> anyhow::Result<T> {
    let done = runtime.block_on(interrupts.unless_interrupted(work))?;
    done.map_err(Into::into)
}

async fn ensure(
    workspace: &Workspace,
    queue: &Queue,
    fixture: &Fixture,
    events: &Events,
) -> anyhow::Result<Template> {
    let databases = workspace.databases();
    Ok(cache::ensure(databases, workspace.version_text(), queue, fixture, events).await?)
}

/// Criterion's routines return no errors: one unwinds to where the server is stopped, without being printed as a panic.
pub(crate) fn leave<T>(error: anyhow::Error) -> T {
    resume_unwind(Box::new(error))
}

/// Why [`leave`] was called.
fn reason(cause: Box<dyn Any + Send>) -> anyhow::Result<Result<(), Interrupted>> {
    match cause.downcast::<anyhow::Error>() {
        Ok(error) if error.is::<Interrupted>() => Ok(Err(Interrupted)),
        Ok(error) => Err(*error),
        Err(panic) => resume_unwind(panic),
    }
}
