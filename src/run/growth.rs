//! Whether what a fetch reads grows with what is in the tables: the same variant of it on fixtures of different sizes, and on those that
//! put something in its way.

use std::collections::BTreeMap;

use super::Run;
use super::plan_result::PlanResult;
use crate::finding::case::{AtSize, Sizes};

/// How many times as many jobs make another size.
const ANOTHER_SIZE: u64 = 5;

/// One fetch, where nothing is in its way, among few jobs and among many.
#[derive(Clone, Copy, Debug)]
pub struct Growth<'r> {
    /// What it did on the smallest fixture.
    pub few: &'r PlanResult,
    /// The jobs of that.
    pub few_jobs: u64,
    /// What it did on the larger fixture on which it read most for each job that it returned.
    pub many: &'r PlanResult,
    /// The jobs of that.
    pub many_jobs: u64,
}

/// What the same fetch has in common on several fixtures: server, queue, statement, variant.
type Key<'r> = [&'r str; 4];

fn key(result: &PlanResult) -> Key<'_> {
    [
        &result.postgres,
        &result.queue,
        &result.statement,
        &result.variant,
    ]
}

/// Pages for each job returned.
#[must_use]
pub fn pages_per_job(result: &PlanResult) -> f64 {
    result.buffers.total as f64 / result.rows.max(1) as f64
}

/// The fetches of a run that were measured among few jobs and among many, in the order of the run; of two plans the one that PostgreSQL
/// settles on. None where a fetch returned nothing, and none of a run that did not record which fixtures are plain.
#[must_use]
pub fn growths(run: &Run) -> Vec<Growth<'_>> {
    let mut order = Vec::new();
    let mut measured: BTreeMap<Key<'_>, Vec<(u64, &PlanResult)>> = BTreeMap::new();
    for result in settled_fetches(run) {
        let Some(fixture) = run.environment.fixtures.get(&result.fixture) else {
            continue;
        };
        if fixture.plain && result.rows > 0 {
            let sizes = measured.entry(key(result)).or_default();
            if sizes.is_empty() {
                order.push(key(result));
            }
            sizes.push((fixture.jobs, result));
        }
    }
    let growths = order.into_iter().filter_map(|key| {
        let sizes = measured.get(&key)?;
        let (few_jobs, few) = *sizes.iter().min_by_key(|(jobs, _)| *jobs)?;
        let larger = sizes
            .iter()
            .filter(|(jobs, _)| *jobs / ANOTHER_SIZE >= few_jobs);
        let (many_jobs, many) = *larger
            .max_by(|(_, one), (_, other)| pages_per_job(one).total_cmp(&pages_per_job(other)))?;
        Some(Growth {
            few,
            few_jobs,
            many,
            many_jobs,
        })
    });
    growths.collect()
}

impl<'r> Growth<'r> {
    /// What a rule may look at.
    #[must_use]
    pub fn sizes(&self) -> Sizes<'r> {
        Sizes {
            few: at_size(self.few, self.few_jobs),
            many: at_size(self.many, self.many_jobs),
        }
    }

    /// The results of the same fetch on fixtures that put something in its way, in the order of the run.
    pub fn disturbed<'o>(&self, run: &'o Run) -> impl Iterator<Item = &'o PlanResult> {
        let wanted = key(self.few).map(str::to_owned);
        settled_fetches(run).filter(move |result| {
            let fixture = run.environment.fixtures.get(&result.fixture);
            key(result) == wanted.each_ref().map(String::as_str)
                && result.rows > 0
                && fixture.is_some_and(|fixture| !fixture.plain)
        })
    }
}

fn at_size(result: &PlanResult, jobs: u64) -> AtSize<'_> {
    AtSize {
        fixture: &result.fixture,
        jobs,
        pages: result.buffers.total,
        rows: result.rows,
    }
}

fn settled_fetches(run: &Run) -> impl Iterator<Item = &PlanResult> {
    let fetches = run
        .results
        .iter()
        .filter(|result| result.operation == "fetch");
    fetches.filter(|result| is_settled_on(run, result))
}

/// Whether a plan is the one that is used in the end, or the only one there is.
#[must_use]
pub fn is_settled_on(run: &Run, result: &PlanResult) -> bool {
    let is_other = |other: &&PlanResult| {
        other.plan_mode != result.plan_mode
            && other.fixture == result.fixture
            && key(other) == key(result)
    };
    match result.auto_plan {
        Some(mode) if mode != result.plan_mode => !run.results.iter().any(|one| is_other(&one)),
        _ => true,
    }
}
