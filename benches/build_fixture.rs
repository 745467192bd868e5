//! Building the fixture of a million jobs, against what a server does by itself; and loading rows, against making them.
//!
//! No criterion here: what counts are ratios of things that take seconds, and on a machine that others use too these must be
//! measured in turn, one of each in every round.

mod environment;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use pgq_analyze::cli::interrupt::Interrupted;
use pgq_analyze::cli::server::with_server;
use pgq_analyze::definition::fixture::Scale;
use pgq_analyze::definition::{Fixture, Library, Queue};
use pgq_analyze::experiment::environment::peak_rss_bytes;
use pgq_analyze::fixture::build::{Builder, Scripts};
use pgq_analyze::fixture::rows::Rows;
use pgq_analyze::fixture::{copy_format, load};
use pgq_analyze::postgres::connect::Session;
use pgq_analyze::postgres::database::Databases;
use pgq_analyze::run::event::Events;
use pgq_analyze::run::plan_result::Summary;
use pgq_analyze::units::{Bytes, Count};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// Our build may take at most this part of the server's own time.
const BUILD_TARGET: f64 = 0.9;

/// Making rows must be at least so many times as fast as loading them.
const GENERATION_TARGET: f64 = 4.0;

/// Rows made at once: about the megabyte that the loader makes at once.
const CHUNK: u64 = 3_000;

fn main() -> ExitCode {
    environment::end(run())
}

fn run() -> anyhow::Result<Result<(), Interrupted>> {
    // `cargo test --benches` runs benches without `--bench`, to see that they work.
    let measured = std::env::args().any(|argument| argument == "--bench");
    let rows = environment::number("PGQ_ANALYZE_ROWS")?.or((!measured).then_some(1_000));
    let rounds = environment::number("PGQ_ANALYZE_ROUNDS")?.unwrap_or(if measured { 3 } else { 1 });
    let scale = Scale {
        rows,
        ..Scale::default()
    };
    let library = Library::built_in();
    let queue = library.queue("status-partial")?;
    let fixture = library.fixture("heavy-single-queue")?.scaled(scale);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let options = environment::options();
    runtime.block_on(with_server(
        &options,
        "bench build_fixture",
        async |managed, _| {
            let contest = Contest {
                databases: managed.databases(),
                queue: &queue,
                fixture: &fixture,
            };
            contest.run(rounds).await
        },
    ))
}

/// What is measured, and where.
struct Contest<'c> {
    databases: &'c Databases,
    queue: &'c Queue,
    fixture: &'c Fixture,
}

impl Contest<'_> {
    async fn run(&self, rounds: u32) -> anyhow::Result<()> {
        let jobs = Count(self.fixture.jobs);
        println!(
            "{} jobs of {} for {}, in seconds\n",
            jobs, self.fixture.name, self.queue.name
        );
        println!("round  ours  server-side  ratio    load  generation  ratio");
        let (mut build_ratios, mut generation_ratios) = (Vec::new(), Vec::new());
        for round in 1..=rounds {
            let ours = self
                .in_a_database(async |name, _| self.build(name).await)
                .await?;
            let server = self
                .in_a_database(async |_, session| self.insert(session).await)
                .await?;
            let load = self
                .in_a_database(async |name, _| self.load(name).await)
                .await?;
            let generation = self.generate();
            build_ratios.push(ours / server);
            generation_ratios.push(load / generation);
            println!(
                "{round:>5}  {ours:>4.2}  {server:>11.2}  {:>5.2}  {load:>6.2}  {generation:>10.3}  {:>5.1}",
                ours / server,
                load / generation
            );
        }
        let median = |ratios| Summary::of(ratios).p50.unwrap_or(f64::NAN);
        let (build, generation) = (median(build_ratios), median(generation_ratios));
        println!(
            "\nour build takes {build:.2} of the server's time (median; at most {BUILD_TARGET}: {})",
            verdict(build <= BUILD_TARGET)
        );
        println!(
            "rows are made {generation:.1} times as fast as they are loaded (median; at least {GENERATION_TARGET}: {})",
            verdict(generation >= GENERATION_TARGET)
        );
        println!("peak memory of this program: {}", Bytes(peak_rss_bytes()));
        Ok(())
    }
}

fn verdict(reached: bool) -> &'static str {
    if reached { "reached" } else { "missed" }
}

impl Contest<'_> {
    /// Does `work` in an empty database of its own, which is gone afterwards.
    async fn in_a_database(
        &self,
        work: impl AsyncFnOnce(&str, &Session) -> anyhow::Result<f64>,
    ) -> anyhow::Result<f64> {
        let name = self.databases.create().await?;
        let session = self.databases.address().connect(&name).await?;
        let outcome = work(&name, &session).await;
        session.close().await;
        self.databases.drop(&name).await?;
        // What one leaves to be written must not be paid for by the next.
        let checkpoint = self.databases.session().batch_execute("checkpoint").await;
        checkpoint.context("cannot write a checkpoint")?;
        outcome
    }

    /// Ours, to where a template is finished: loaded, indexed, vacuumed, with statistics, written out.
    async fn build(&self, database: &str) -> anyhow::Result<f64> {
        let scripts = Scripts::of(self.queue, self.fixture)?;
        let builder = Builder {
            databases: self.databases,
            queue: self.queue,
            scripts: &scripts,
            fixture: self.fixture,
            events: &Events::ignored(),
        };
        let started = Instant::now();
        builder.build(database).await?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// The server's: one statement makes the rows where they belong, the indexes being there. Nothing waits for a checkpoint.
    async fn insert(&self, session: &Session) -> anyhow::Result<f64> {
        let options = self.queue.options_for(self.fixture)?;
        for source in [&self.queue.schema].into_iter().chain(&self.queue.indexes) {
            for statement in self.queue.script(source, &options)? {
                let made = session.batch_execute(statement.text()).await;
                made.with_context(|| format!("cannot run {}", source.path))?;
            }
        }
        let started = Instant::now();
        let inserted = session.batch_execute(&server_side(self.fixture.jobs)).await;
        inserted.context("cannot insert the rows")?;
        let vacuumed = session.batch_execute("vacuum (analyze) job").await;
        vacuumed.context("cannot vacuum and analyze the rows")?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// Rows into the staging tables, by two COPY streams.
    async fn load(&self, database: &str) -> anyhow::Result<f64> {
        let rows = Arc::new(Rows::new(self.fixture));
        let pool = load::connections(self.databases.address().database(database))?;
        pool.get()
            .await?
            .batch_execute(&load::create_staging())
            .await?;
        let started = Instant::now();
        load::load(&pool, &rows, self.fixture.payload.bytes, |_| ()).await?;
        let elapsed = started.elapsed().as_secs_f64();
        pool.close();
        Ok(elapsed)
    }

    /// The same rows made by as many threads, and not sent anywhere.
    fn generate(&self) -> f64 {
        let rows = Rows::new(self.fixture);
        let end = rows.jobs() + 1;
        let started = Instant::now();
        (0..rows.jobs().div_ceil(CHUNK))
            .into_par_iter()
            .for_each(|chunk| {
                let first = 1 + chunk * CHUNK;
                black_box(copy_format::jobs(&rows, first..(first + CHUNK).min(end)));
            });
        started.elapsed().as_secs_f64()
    }
}

/// As many rows, as wide and as scattered over the indexes as ours.
fn server_side(jobs: u64) -> String {
    format!(
        "insert into job (queue, task_key, state, priority, run_at, created_at, attempts, max_attempts, payload)
         select 'default', 'task-' || 1 + abs(hashint8(n) % 10), 'ready', 1 + abs(hashint8(-n) % 5),
                due, due, 0, 5,
                jsonb_build_object('seq', n, 'data', rpad(left(md5(n::text), 22), 45, 'x'), 'checksum', right(md5(n::text), 16))
         from generate_series(1, {jobs}) as n,
              lateral (select timestamptz '2000-01-01 00:00+00' + (n + abs(hashint8(n + 1) % 3600)) * interval '1 second') as at (due)"
    )
}
