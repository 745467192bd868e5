//! Every fetch and complete variant of one queue on one fixture, on a workspace server.
//!
//! Each variant has a copy of the fixture to itself; each iteration runs in a transaction of its own that is rolled back. Only the
//! statement's round trip is timed. Nothing is started, built or copied for benchmarks that the filter leaves out.

mod environment;

use std::any::Any;
use std::cell::OnceCell;
use std::future::Future;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use criterion::{BenchmarkId, Criterion};
use pgq_analyze::cli::interrupt::{Interrupted, Interrupts};
use pgq_analyze::cli::{progress, server};
use pgq_analyze::definition::queue::PlanCacheMode;
use pgq_analyze::definition::{Fixture, Library, Queue};
use pgq_analyze::experiment::cost::Workload;
use pgq_analyze::experiment::selection::Selection;
use pgq_analyze::explain::copies::Copies;
use pgq_analyze::explain::ground::Ground;
use pgq_analyze::explain::variant::{self, Subject};
use pgq_analyze::fixture::cache::{self, Template};
use pgq_analyze::postgres::workspace::Workspace;
use pgq_analyze::run::event::Events;
use pgq_analyze::statement::execute::Executable;
use pgq_analyze::statement::value::as_parameters;
use tokio::runtime::Runtime;
use tokio_postgres::Statement;

fn main() -> ExitCode {
    environment::end(run())
}

fn run() -> anyhow::Result<Result<(), Interrupted>> {
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

fn bench(criterion: &mut Criterion, stage: &OnceCell<Stage>, queue: &Queue, fixture: &Fixture) {
    let mut group = criterion.benchmark_group(format!("{}/{}", queue.name, fixture.name));
    for subject in Selection::default().subjects(queue, fixture) {
        let id = BenchmarkId::new(subject.statement_name(), &subject.variant.name);
        let mut prepared = None;
        group.bench_function(id, |bencher| {
            let stage = stage.get_or_init(|| Stage::prepare(queue, fixture).unwrap_or_else(leave));
            let prepared = prepared
                .get_or_insert_with(|| stage.run(prepare(stage, subject)).unwrap_or_else(leave));
            bencher.iter_custom(|iterations| {
                stage
                    .run(execute(prepared, iterations))
                    .unwrap_or_else(leave)
            });
        });
        if let (Some(stage), Some(prepared)) = (stage.get(), prepared) {
            stage.run(discard(prepared)).unwrap_or_else(leave);
        }
    }
    group.finish();
}

/// A managed server with the fixture on it.
struct Stage {
    runtime: Runtime,
    interrupts: Interrupts,
    workspace: Workspace,
    template: Template,
}

impl Stage {
    /// Starts the server, and builds the fixture unless it is there.
    fn prepare(queue: &Queue, fixture: &Fixture) -> anyhow::Result<Stage> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a runtime")?;
        let choice = server::choice(&environment::options(), "bench queries")?;
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
    fn run<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
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

/// A statement prepared in a copy of its own.
struct Prepared<'q> {
    copies: Copies<'q>,
    ground: Ground,
    executable: Executable<'q>,
    statement: Statement,
}

async fn prepare<'q>(stage: &'q Stage, subject: Subject<'q>) -> anyhow::Result<Prepared<'q>> {
    let Template { database, mark } = &stage.template;
    let mut copies = Copies::of(stage.workspace.databases(), database, mark.prewarm).await?;
    let ground = copies.open().await?;
    let mode = match subject.queue.plan_mode {
        PlanCacheMode::Auto => "auto",
        PlanCacheMode::Custom => "force_custom_plan",
        PlanCacheMode::Generic => "force_generic_plan",
    };
    let executable = variant::make_ready(&ground, subject).await?.executable;
    ground
        .session
        .batch_execute(&format!("set plan_cache_mode = {mode}"))
        .await
        .context("cannot choose the plan mode")?;
    let statement = ground
        .session
        .prepare_typed(executable.text(), &executable.types())
        .await
        .map_err(|error| executable.failed(&error, 0))?;
    Ok(Prepared {
        copies,
        ground,
        executable,
        statement,
    })
}

/// Runs the statement this many times, each in a transaction that is rolled back, and returns the time of the statements.
async fn execute(prepared: &Prepared<'_>, iterations: u64) -> anyhow::Result<Duration> {
    let client = &prepared.ground.session;
    let values = prepared.executable.values();
    let parameters = as_parameters(&values);
    let mut spent = Duration::ZERO;
    for _ in 0..iterations {
        client
            .batch_execute("begin")
            .await
            .context("cannot begin an iteration")?;
        let started = Instant::now();
        let rows = client.query(&prepared.statement, &parameters).await;
        spent += started.elapsed();
        black_box(rows.map_err(|error| prepared.executable.failed(&error, 0))?);
        client
            .simple_query(prepared.ground.isolation.undo_sample())
            .await
            .context("cannot undo an iteration")?;
    }
    Ok(spent)
}

async fn discard(prepared: Prepared<'_>) -> anyhow::Result<()> {
    let Prepared {
        mut copies, ground, ..
    } = prepared;
    copies.finish(ground).await;
    Ok(copies.drop_finished().await?)
}

/// Criterion's routines return no errors: one unwinds to where the server is stopped, without being printed as a panic.
fn leave<T>(error: anyhow::Error) -> T {
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
