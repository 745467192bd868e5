//! What a drain that both runs have came to.

use super::figures::{self, Tested, Timed};
use super::pairing::{Found, Pair, Pairing};
use super::tolerance::JobTolerances;
use super::{ComparedDrain, DrainReason};
use crate::run::comparison::{Effect, Verdict};
use crate::run::throughput::{Ended, LedgerCounts, Repeats, ThroughputResult};
use crate::stats::holm;
use crate::units::Count;

/// Judges the drains of two runs. What takes a clock is tested with Holm's correction over all of them, and only on one machine.
pub(super) fn drains(
    pairing: &Pairing<'_>,
    tolerances: JobTolerances,
    same_machine: bool,
) -> Vec<ComparedDrain> {
    let mut drains = Vec::new();
    let mut tests: Vec<(usize, usize, Tested)> = Vec::new();
    for (at, pair) in pairing.pairs.iter().enumerate() {
        let mut drain = named(pair);
        match &pair.second {
            Found::Failed(failure) => drain.reasons.push(DrainReason {
                what: "failure".to_owned(),
                effect: Effect::Unknown,
                message: format!("the second could not drain it: {}", failure.message),
            }),
            Found::Drained(second) => {
                let sides = [&pair.first, second];
                drain.reasons.extend(ledger(sides));
                drain.reasons.extend(end(sides));
                drain.figures = figures::counts(sides, tolerances);
                drain.reasons.extend(figures::count_reasons(&drain.figures));
                for timed in Timed::ALL {
                    let (figure, tested) = figures::timed(timed, sides, same_machine);
                    tests.extend(tested.map(|tested| (at, drain.figures.len(), tested)));
                    drain.figures.push(figure);
                }
            }
        }
        drains.push(drain);
    }
    let p_values: Vec<f64> = tests.iter().map(|(.., tested)| tested.p_value()).collect();
    for ((drain, figure, tested), p_adjusted) in tests.iter().zip(holm::adjusted(&p_values)) {
        let drain = &mut drains[*drain];
        let reason = figures::apply(&mut drain.figures[*figure], tested, p_adjusted);
        drain.reasons.extend(reason);
    }
    for drain in &mut drains {
        // Of equal effect in the order they were found.
        drain.reasons.sort_by_key(|reason| reason.effect);
        drain.verdict = verdict(&drain.reasons);
    }
    drains
}

fn verdict(reasons: &[DrainReason]) -> Verdict {
    match reasons.first().map(|reason| reason.effect) {
        Some(Effect::Worse) => Verdict::Regressed,
        Some(Effect::Unknown) => Verdict::Inconclusive,
        Some(Effect::Better) => Verdict::Improved,
        Some(Effect::Neutral) | None => Verdict::Unchanged,
    }
}

fn named(pair: &Pair<'_>) -> ComparedDrain {
    let (cell, second_repeats) = match &pair.second {
        Found::Drained(second) => (&second.cell, second.results.len()),
        Found::Failed(_) => (&pair.first.cell, 0),
    };
    ComparedDrain {
        postgres: cell.postgres.clone(),
        queue: cell.queue.clone(),
        fixture: cell.fixture.clone(),
        scenario: cell.scenario.clone(),
        workers: cell.workers,
        processes: cell.processes,
        batch_size: cell.batch_size,
        concurrency: cell.concurrency,
        completion: cell.completion,
        task: cell.task.clone(),
        verdict: Verdict::Unchanged,
        reasons: Vec::new(),
        figures: Vec::new(),
        first_repeats: pair.first.results.len() as u64,
        second_repeats: second_repeats as u64,
    }
}

/// Something that a ledger must not show, and what of a result shows it.
type Breach = (&'static str, fn(&ThroughputResult) -> u64);

const BREACHES: [Breach; 4] = [
    ("lost", |result| {
        let is_promised = result.breaks_promise();
        let lost = result.ledger.lost.filter(|_| is_promised);
        lost.unwrap_or(0)
    }),
    ("altered", |result| result.ledger.altered),
    ("unexpected", |result| result.ledger.unexpected),
    ("duplicated", |result| {
        if result.breaks_delivery() {
            result.ledger.duplicated
        } else {
            0
        }
    }),
];

/// What is wrong with the ledger of one side and not with the other's; and where it is not known any more.
fn ledger(sides: [&Repeats<'_>; 2]) -> Vec<DrainReason> {
    let reason = |effect, message| DrainReason {
        what: "ledger".to_owned(),
        effect,
        message,
    };
    let most = |side: &Repeats<'_>, of: fn(&ThroughputResult) -> u64| {
        let counts = side.results.iter().map(|result| of(result));
        counts.max().unwrap_or(0)
    };
    let mut reasons = Vec::new();
    for (what, of) in BREACHES {
        match sides.map(|side| most(side, of)) {
            [0, count] if count > 0 => reasons.push(reason(
                Effect::Worse,
                format!("{} jobs {what}, none in the first", Count(count)),
            )),
            [count, 0] if count > 0 => reasons.push(reason(
                Effect::Better,
                format!("no jobs {what}, {} in the first", Count(count)),
            )),
            _ => {}
        }
    }
    let is_open = |ledger: &LedgerCounts| ledger.lost.is_none();
    let [first, second] = sides.map(|side| side.results.iter().any(|one| is_open(&one.ledger)));
    if second && !first {
        let text = "whether jobs were lost is not known: the second was not drained to its end";
        reasons.push(reason(Effect::Unknown, text.to_owned()));
    }
    reasons
}

/// How the second ended, where that is worse.
fn end(sides: [&Repeats<'_>; 2]) -> Option<DrainReason> {
    let [first, second] = sides;
    let count = |side: &Repeats<'_>, ended: Ended| {
        let ends = side.results.iter().filter(|result| result.ended == ended);
        ends.count()
    };
    let kinds = [
        (Ended::Failed, Effect::Worse, "the workers could not go on"),
        (
            Ended::Stalled,
            Effect::Worse,
            "no fetch returned the jobs that were left",
        ),
        (Ended::Interrupted, Effect::Unknown, "it was interrupted"),
    ];
    let (ended, effect, text) = kinds
        .into_iter()
        .find(|(ended, ..)| count(second, *ended) > 0 && count(first, *ended) == 0)?;
    let repeats = count(second, ended);
    Some(DrainReason {
        what: "end".to_owned(),
        effect,
        message: format!(
            "{text} in {} of {} repeats, in none of the first run",
            Count(repeats as u64),
            Count(second.results.len() as u64)
        ),
    })
}
