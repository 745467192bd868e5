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
use pgq_analyze::definition::{Fixture, Library, Queue};
use pgq_analyze::experiment::cost::Workload;
use pgq_analyze::fixture::build::{Builder, Scripts};
use pgq_analyze::fixture::rows::Rows;
use pgq_analyze::fixture::site::Site;
use pgq_analyze::fixture::{copy_format, load};
use pgq_analyze::load::memory::peak_rss_bytes;
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
    let rounds = environment::number("PGQ_ANALYZE_ROUNDS")?;
    let rounds = rounds.unwrap_or(if environment::measuring() { 3 } else { 1 });
    let library = Library::built_in();
    let queue = library.queue("status-partial")?;
    let fixture = environment::scaled(&library.fixture("heavy-single-queue")?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let options = environment::options();
    runtime.block_on(with_server(
        &options,
        "bench build_fixture",
        &Workload::none(),
        async |workspace, _| {
            let contest = Contest {
                databases: workspace.databases(),
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

/// What one round gave.
struct Round {
    ours: Took,
    server_side: Took,
    load: Took,
    generation_seconds: f64,
}

/// What it took to fill a database.
struct Took {
    seconds: f64,
    /// Size of the database afterwards.
    bytes: u64,
}

impl Round {
    fn build_ratio(&self) -> f64 {
        self.ours.seconds / self.server_side.seconds
    }

    fn generation_ratio(&self) -> f64 {
        self.load.seconds / self.generation_seconds
    }

    fn print(&self, number: u32) {
        println!(
            "{number:>5}  {:>5.2}  {:>11.2}  {:>5.2}  {:>5.2}  {:>10.3}  {:>5.1}",
            self.ours.seconds,
            self.server_side.seconds,
            self.build_ratio(),
            self.load.seconds,
            self.generation_seconds,
            self.generation_ratio()
        );
    }
}

fn print_summary(rounds: &[Round]) {
    let median = |of: fn(&Round) -> f64| {
        Summary::of(rounds.iter().map(of).collect())
            .p50
            .unwrap_or(f64::NAN)
    };
    let (build, generation) = (median(Round::build_ratio), median(Round::generation_ratio));
    let verdict = |reached| if reached { "reached" } else { "missed" };
    println!(
        "\nour build takes {build:.2} of the server's time (median; at most {BUILD_TARGET}: {})",
        verdict(build <= BUILD_TARGET)
    );
    println!(
        "rows are made {generation:.1} times as fast as they are loaded (median; at least {GENERATION_TARGET}: {})",
        verdict(generation >= GENERATION_TARGET)
    );
    if let Some(Round {
        ours, server_side, ..
    }) = rounds.last()
    {
        let (ours, server_side) = (Bytes(ours.bytes), Bytes(server_side.bytes));
        println!("databases of {ours} (ours) and {server_side} (server-side)");
    }
    println!("peak memory of this program: {}", Bytes(peak_rss_bytes()));
}

impl Contest<'_> {
    async fn run(&self, rounds: u32) -> anyhow::Result<()> {
        let Contest { queue, fixture, .. } = self;
        println!(
            "{} jobs of {} for {}, in seconds\n",
            Count(fixture.jobs),
            fixture.name,
            queue.name
        );
        println!("round   ours  server-side  ratio   load  generation  ratio");
        let mut done = Vec::new();
        for number in 1..=rounds {
            let round = self.round().await?;
            round.print(number);
            done.push(round);
        }
        print_summary(&done);
        Ok(())
    }

    async fn round(&self) -> anyhow::Result<Round> {
        Ok(Round {
            ours: self
                .in_a_database(async |name, _| self.build(name).await)
                .await?,
            server_side: self
                .in_a_database(async |_, session| self.insert(session).await)
                .await?,
            load: self
                .in_a_database(async |name, _| self.load(name).await)
                .await?,
            generation_seconds: self.generate(),
        })
    }

    /// Fills an empty database by `work`, which returns its seconds; afterwards the database is gone.
    async fn in_a_database(
        &self,
        work: impl AsyncFnOnce(&str, &Session) -> anyhow::Result<f64>,
    ) -> anyhow::Result<Took> {
        let name = self.databases.create().await?;
        let session = self.databases.address().connect(&name).await?;
        let outcome = work(&name, &session).await;
        session.close().await;
        let bytes = self.databases.size(&name).await?;
        self.databases.drop(&name).await?;
        // What one leaves to be written must not be paid for by the next.
        let checkpoint = self.databases.session().batch_execute("checkpoint").await;
        checkpoint.context("cannot write a checkpoint")?;
        Ok(Took {
            seconds: outcome?,
            bytes,
        })
    }

    /// Ours, to where a template is finished: loaded, indexed, vacuumed, with statistics, written out.
    async fn build(&self, database: &str) -> anyhow::Result<f64> {
        let scripts = Scripts::of(self.queue, self.fixture)?;
        let builder = Builder {
            site: Site::Database {
                databases: self.databases,
                name: database,
            },
            queue: self.queue,
            scripts: &scripts,
            fixture: self.fixture,
            events: &Events::ignored(),
        };
        let started = Instant::now();
        builder.build().await?;
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
        let pool = load::connections(self.databases.address(), database)?;
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
