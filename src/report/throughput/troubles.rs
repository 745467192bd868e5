//! What went wrong in drains that are not told in full: nothing of that kind is left to run.json alone.

use super::facts::number;
use super::ledger::example;
use super::view::incidents;
use crate::report::text::inert;
use crate::run::throughput::{Ended, Repeats, ThroughputResult};
use crate::units::Count;

/// Heads the list.
pub(super) const TROUBLES: &str = "Went wrong in drains not told in full";

/// Jobs, workers and incidents that are named of each drain.
const NAMED: usize = 3;

/// A line for each drain in which something did; where cells are told in full, their median repeat tells itself.
pub(super) fn troubles(cells: &[Repeats<'_>], is_detailed: bool) -> Vec<String> {
    let others = cells.iter().flat_map(|repeats| {
        let told = repeats.in_the_middle().filter(|_| is_detailed);
        let results = repeats.results.iter().copied();
        results.filter(move |result| !told.is_some_and(|told| std::ptr::eq(told, *result)))
    });
    others.filter_map(trouble).collect()
}

fn trouble(result: &ThroughputResult) -> Option<String> {
    let breaches = result
        .ledger
        .breaches(result.delivery, result.deliveries.interrupted);
    let mut parts: Vec<String> = Vec::new();
    if !breaches.is_empty() {
        parts.extend(breaches);
        parts.extend(first(result.ledger.examples.iter().map(example).collect()));
    }
    let ended = match result.ended {
        Ended::Empty | Ended::Duration => None,
        Ended::Stalled => Some("no fetch returned the jobs that were left"),
        Ended::Interrupted => Some("it was interrupted"),
        Ended::Failed => Some("the workers could not go on"),
    };
    parts.extend(ended.map(str::to_owned));
    let mut workers = result.worker_results.iter();
    if result.ended == Ended::Failed || workers.any(|worker| worker.failure.is_some()) {
        parts.extend(first(incidents(result)));
    }
    if parts.is_empty() {
        return None;
    }
    let place = inert(&format!(
        "{} on {}, PostgreSQL {}, {}, batches of {}, repeat {}",
        result.queue,
        result.fixture,
        result.postgres,
        number(result.workers, "worker"),
        Count(result.batch_size),
        result.repeat
    ));
    Some(format!("{place}: {}", parts.join("; ")))
}

/// The first of them, and how many there are besides.
fn first(mut all: Vec<String>) -> Vec<String> {
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    if more > 0 {
        all.push(format!("{} more", Count(more as u64)));
    }
    all
}
