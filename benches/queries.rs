//! Every fetch and complete variant of one queue on one fixture, on a workspace server.
//!
//! Each variant has a copy of the fixture to itself; each iteration runs in a transaction of its own that is rolled back. Only the
//! statement's round trip is timed. Nothing is started, built or copied for benchmarks that the filter leaves out.

mod environment;
mod stage;

use std::cell::OnceCell;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use criterion::{BenchmarkId, Criterion};
use pgq_analyze::definition::{Fixture, Queue};
use pgq_analyze::experiment::selection::Selection;
use pgq_analyze::explain::copies::Copies;
use pgq_analyze::explain::ground::Ground;
use pgq_analyze::explain::variant::{self, Subject};
use pgq_analyze::fixture::cache::Template;
use pgq_analyze::statement::execute::Executable;
use pgq_analyze::statement::serving::choose_plans;
use pgq_analyze::statement::value::as_parameters;
use stage::{Stage, leave};
use tokio_postgres::Statement;

fn main() -> ExitCode {
    stage::main(bench)
}

fn bench(criterion: &mut Criterion, stage: &OnceCell<Stage>, queue: &Queue, fixture: &Fixture) {
    let mut group = criterion.benchmark_group(format!("{}/{}", queue.name, fixture.name));
    for subject in Selection::default().subjects(queue, fixture) {
        let id = BenchmarkId::new(subject.statement_name(), &subject.variant.name);
        let mut prepared = None;
        group.bench_function(id, |bencher| {
            let stage = stage.get_or_init(|| {
                Stage::prepare("bench queries", queue, fixture).unwrap_or_else(leave)
            });
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
    let executable = variant::make_ready(&ground, subject).await?.executable;
    choose_plans(&ground.session, subject.queue.plan_mode)
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
