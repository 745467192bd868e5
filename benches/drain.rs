//! The fetch–complete cycle of one queue at several batch sizes, as a worker makes it: committed, on a copy of a fixture that empties.

mod environment;
mod stage;

use std::cell::OnceCell;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use criterion::{BenchmarkId, Criterion, Throughput};
use pgq_analyze::definition::{Fixture, Operation, Queue};
use pgq_analyze::explain::copies::Copies;
use pgq_analyze::explain::ground::Ground;
use pgq_analyze::fixture::cache::Template;
use pgq_analyze::statement::serving::{FetchedJob, Input, Serving, Timestamp, choose_plans};
use stage::{Stage, leave};

/// Jobs asked for by a fetch.
const BATCH_SIZES: [u64; 3] = [1, 10, 100];

fn main() -> ExitCode {
    stage::main(bench)
}

fn bench(criterion: &mut Criterion, stage: &OnceCell<Stage>, queue: &Queue, fixture: &Fixture) {
    let mut group = criterion.benchmark_group(format!("drain/{}/{}", queue.name, fixture.name));
    for batch_size in BATCH_SIZES {
        let id = BenchmarkId::new("batch", batch_size);
        let mut drained = None;
        group.throughput(Throughput::Elements(batch_size));
        group.bench_function(id, |bencher| {
            let stage = stage.get_or_init(|| {
                Stage::prepare("bench drain", queue, fixture).unwrap_or_else(leave)
            });
            let drained = drained.get_or_insert_with(|| {
                stage.run(Drained::open(stage, queue)).unwrap_or_else(leave)
            });
            bencher.iter_custom(|iterations| {
                stage
                    .run(cycles(drained, stage, queue, batch_size, iterations))
                    .unwrap_or_else(leave)
            });
        });
        if let (Some(stage), Some(drained)) = (stage.get(), drained) {
            stage.run(drained.discard()).unwrap_or_else(leave);
        }
    }
    group.finish();
}

/// A copy of the fixture that is drained.
struct Drained<'s> {
    copies: Copies<'s>,
    ground: Ground,
    fetch: Serving,
    complete: Serving,
}

impl<'s> Drained<'s> {
    async fn open(stage: &'s Stage, queue: &Queue) -> anyhow::Result<Drained<'s>> {
        let Template { database, mark } = &stage.template;
        let mut copies = Copies::of(stage.workspace.databases(), database, mark.prewarm).await?;
        let ground = copies.open().await?;
        let client = &ground.session;
        choose_plans(client, queue.plan_mode)
            .await
            .context("cannot choose the plan mode")?;
        let file = |operation: Operation| {
            let none = || format!("queue {} has no {operation}", queue.name);
            queue.serving(operation).with_context(none)
        };
        let fetch = Serving::prepare(client, queue, file(Operation::Fetch)?, None).await?;
        let columns = Some(fetch.columns());
        let complete = Serving::prepare(client, queue, file(Operation::Complete)?, columns).await?;
        Ok(Drained {
            copies,
            ground,
            fetch,
            complete,
        })
    }

    /// One cycle; none if the queue was empty.
    async fn cycle(&self, batch_size: u64) -> anyhow::Result<Option<()>> {
        let client = &self.ground.session;
        let input = Input {
            queue: "default",
            worker: "worker-1",
            batch_size,
            now: Timestamp::from(SystemTime::now()),
            ..Input::default()
        };
        let answer = self.fetch.call(client, &input).await;
        let jobs = self.fetch.jobs(answer.context("cannot fetch")?);
        if jobs.is_empty() {
            return Ok(None);
        }
        let jobs: Vec<&FetchedJob> = jobs.iter().collect();
        let input = Input {
            jobs: &jobs,
            ..input
        };
        let answer = self.complete.call(client, &input).await;
        answer.context("cannot complete")?;
        Ok(Some(()))
    }

    async fn discard(mut self) -> anyhow::Result<()> {
        self.copies.finish(self.ground).await;
        Ok(self.copies.drop_finished().await?)
    }
}

/// The time of this many cycles. An empty queue is replaced by a full one, which is not timed.
async fn cycles<'s>(
    drained: &mut Drained<'s>,
    stage: &'s Stage,
    queue: &Queue,
    batch_size: u64,
    iterations: u64,
) -> anyhow::Result<Duration> {
    let mut spent = Duration::ZERO;
    let mut left = iterations;
    let mut is_fresh = false;
    while left > 0 {
        let started = Instant::now();
        if drained.cycle(batch_size).await?.is_some() {
            spent += started.elapsed();
            left -= 1;
            is_fresh = false;
            continue;
        }
        anyhow::ensure!(
            !is_fresh,
            "the fixture has no job that is due in queue default"
        );
        let full = Drained::open(stage, queue).await?;
        std::mem::replace(drained, full).discard().await?;
        is_fresh = true;
    }
    Ok(spent)
}
