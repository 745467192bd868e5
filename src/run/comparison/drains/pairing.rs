//! Which drain of one run is which of the other.

use super::UnpairedDrain;
use crate::definition::scenario::Completion;
use crate::run::environment::version_numbers;
use crate::run::throughput::{Cell, Repeats, TaskRecord, ThroughputRun, cell_name, repeats};
use crate::run::{Failure, RunStatus};
use crate::units::{Count, counted};

/// Two runs, matched.
#[derive(Debug)]
pub(super) struct Pairing<'r> {
    /// Drains that both runs have or were to have, in the order of the second run.
    pub(super) pairs: Vec<Pair<'r>>,
    /// What only one run was asked for.
    pub(super) unpaired: Vec<UnpairedDrain>,
}

/// A drain in both runs.
#[derive(Debug)]
pub(super) struct Pair<'r> {
    /// In the first.
    pub(super) first: Repeats<'r>,
    /// In the second.
    pub(super) second: Found<'r>,
}

/// What the second run has of a drain.
#[derive(Debug)]
pub(super) enum Found<'r> {
    /// Its repeats.
    Drained(Box<Repeats<'r>>),
    /// Why it could not be done.
    Failed(&'r Failure),
    /// Nothing: it was stopped before it came to it.
    Missing,
}

/// What two drains have to have in common.
#[derive(PartialEq)]
struct Key<'c> {
    major: u32,
    names: [&'c str; 3],
    numbers: [u64; 4],
    completion: Completion,
    task: &'c TaskRecord,
}

impl Key<'_> {
    fn of(cell: &Cell) -> Key<'_> {
        Key {
            major: version_numbers(&cell.postgres).0,
            names: [&cell.queue, &cell.fixture, &cell.scenario],
            numbers: [
                cell.workers,
                cell.processes,
                cell.batch_size,
                cell.concurrency,
            ],
            completion: cell.completion,
            task: &cell.task,
        }
    }
}

impl<'r> Pairing<'r> {
    /// Matches two runs.
    pub(super) fn of(first: &'r ThroughputRun, second: &'r ThroughputRun) -> Pairing<'r> {
        let mut left = repeats(&first.results);
        let mut pairing = Pairing {
            pairs: Vec::new(),
            unpaired: Vec::new(),
        };
        for repeats in repeats(&second.results) {
            let key = Key::of(&repeats.cell);
            let found = left.iter().position(|one| Key::of(&one.cell) == key);
            match found.map(|at| left.remove(at)) {
                Some(first) => pairing.pairs.push(Pair {
                    first,
                    second: Found::Drained(Box::new(repeats)),
                }),
                None => pairing.unpaired.push(unpaired(&repeats, false)),
            }
        }
        for repeats in left {
            let mut failures = second.failures.iter();
            match failures.find(|failure| is_about(failure, &repeats.cell)) {
                Some(failure) => pairing.pairs.push(Pair {
                    first: repeats,
                    second: Found::Failed(failure),
                }),
                None if was_to_drain(second, &repeats.cell) => pairing.pairs.push(Pair {
                    first: repeats,
                    second: Found::Missing,
                }),
                None => pairing.unpaired.push(unpaired(&repeats, true)),
            }
        }
        pairing
    }

    /// What drains that are compared were told that ought to be equal and is not.
    pub(super) fn unlike(&self) -> Vec<(String, [String; 2])> {
        let mut unlike = Vec::new();
        for pair in &self.pairs {
            if let Found::Drained(second) = &pair.second {
                unlike.extend(told_otherwise(&pair.first.cell, &second.cell));
            }
        }
        unlike
    }

    /// The failures that no drain tells of.
    pub(super) fn untold(&self, failures: &[Failure]) -> Vec<Failure> {
        let told = |failure: &&Failure| {
            let mut pairs = self.pairs.iter();
            pairs.any(|pair| matches!(pair.second, Found::Failed(told) if told == *failure))
        };
        let untold = failures.iter().filter(|failure| !told(failure));
        untold.cloned().collect()
    }
}

fn told_otherwise(first: &Cell, second: &Cell) -> Vec<(String, [String; 2])> {
    let told = |cell: &Cell| {
        let interval = |milliseconds: f64| format!("{milliseconds} ms");
        let limit = cell.duration_limit_s;
        let duration = limit.map_or("until empty".to_owned(), |limit| format!("{limit} s"));
        let mut told = vec![
            ("jobs".to_owned(), cell.jobs.to_string()),
            ("poll interval".to_owned(), interval(cell.poll_interval_ms)),
            (
                "flush interval".to_owned(),
                interval(cell.flush_interval_ms),
            ),
            ("listening".to_owned(), cell.listen.to_string()),
            ("duration".to_owned(), duration),
            ("warm-up".to_owned(), format!("{} s", cell.warmup_limit_s)),
            ("outcomes".to_owned(), cell.outcomes.to_string()),
        ];
        let names = first.settings.keys().chain(second.settings.keys());
        told.extend(names.map(|name| {
            let value = cell.settings.get(name).cloned();
            let value = value.unwrap_or_else(|| "as the server has it".to_owned());
            (format!("setting {name}"), value)
        }));
        told
    };
    let pairs = told(first).into_iter().zip(told(second));
    let differing = pairs.filter(|(one, other)| one.1 != other.1);
    differing
        .map(|((what, one), (_, other))| (format!("{what} of {}", second.queue), [one, other]))
        .collect()
}

/// Whether a run that was stopped may have been on its way to a drain: it was to drain this queue on this fixture, and did nothing in
/// another scenario.
fn was_to_drain(run: &ThroughputRun, cell: &Cell) -> bool {
    let environment = &run.environment;
    let mut results = run.results.iter();
    run.status != RunStatus::Complete
        && environment.queues.contains_key(&cell.queue)
        && environment.fixtures.contains_key(&cell.fixture)
        && results.all(|result| result.scenario == cell.scenario)
}

/// Whether a drain of this kind failed by it.
fn is_about(failure: &Failure, cell: &Cell) -> bool {
    let is = |given: &Option<String>, name: &str| given.as_deref().is_none_or(|one| one == name);
    let name = cell_name(cell.workers, cell.batch_size);
    is(&failure.queue, &cell.queue)
        && is(&failure.fixture, &cell.fixture)
        && is(&failure.variant, &name)
        && version_numbers(&failure.postgres).0 == version_numbers(&cell.postgres).0
}

fn unpaired(repeats: &Repeats<'_>, in_first: bool) -> UnpairedDrain {
    let cell = &repeats.cell;
    UnpairedDrain {
        in_first,
        postgres: cell.postgres.clone(),
        queue: cell.queue.clone(),
        fixture: cell.fixture.clone(),
        scenario: cell.scenario.clone(),
        workers: cell.workers,
        batch_size: cell.batch_size,
        repeats: repeats.results.len() as u64,
    }
}

/// Why there is nothing to compare, and what to do.
pub(super) fn nothing_in_common(first: &ThroughputRun, second: &ThroughputRun) -> String {
    format!(
        "the first has {}, the second {}; drain the same queue and fixture with the same scenario",
        held(first),
        held(second)
    )
}

/// What a run has, in words.
fn held(run: &ThroughputRun) -> String {
    let cells = repeats(&run.results);
    let named = cells.iter().take(3).map(|repeats| {
        let cell = &repeats.cell;
        format!(
            "{} on {} ({}, {}, batches of {})",
            cell.queue,
            cell.fixture,
            cell.scenario,
            counted(cell.workers as usize, "worker"),
            Count(cell.batch_size)
        )
    });
    let mut named: Vec<String> = named.collect();
    match cells.len() {
        0 => named.push("no drain".to_owned()),
        count if count > named.len() => named.push(format!("{} more", count - named.len())),
        _ => {}
    }
    named.join(", ")
}
