//! What a drain that both runs have came to.

use super::figures::{self, Tested, Timed};
use super::pairing::{Found, Pair, Pairing};
use super::tolerance::JobTolerances;
use super::{ComparedDrain, DrainReason};
use crate::run::comparison::{Effect, Verdict};
use crate::run::throughput::{Ended, Repeats, ThroughputResult};
use crate::stats::holm;
use crate::units::{Count, counted};

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
            Found::Failed(failure) => drain.reasons.push(not_drained(format!(
                "the second could not drain it: {}",
                failure.message
            ))),
            Found::Missing => drain.reasons.push(not_drained(
                "not measured in the second run, which did not come to its end".to_owned(),
            )),
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
    let all = tests.len();
    tests.retain(|(drain, figure, _)| {
        let figure = &mut drains[*drain].figures[*figure];
        figure.not_judged = figures::too_few(figure, all);
        figure.not_judged.is_none()
    });
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

fn not_drained(message: String) -> DrainReason {
    DrainReason {
        what: "failure".to_owned(),
        effect: Effect::Unknown,
        message,
    }
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
        Found::Failed(_) | Found::Missing => (&pair.first.cell, 0),
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

/// Something that a ledger must not show, and how many jobs of a result show it; none where that is not known.
type Breach = (&'static str, fn(&ThroughputResult) -> Option<u64>);

const BREACHES: [Breach; 4] = [
    ("lost", ThroughputResult::lost_against_promise),
    ("altered", |result| Some(result.ledger.altered)),
    ("unexpected", |result| Some(result.ledger.unexpected)),
    ("duplicated", |result| {
        let duplicated = result.ledger.duplicated;
        Some(if result.breaks_delivery() {
            duplicated
        } else {
            0
        })
    }),
];

/// What is wrong with the ledger of one side and not, or less, with the other's; and where it is not known any more.
fn ledger(sides: [&Repeats<'_>; 2]) -> Vec<DrainReason> {
    let reason = |(effect, message)| DrainReason {
        what: "ledger".to_owned(),
        effect,
        message,
    };
    let breaches = BREACHES.into_iter();
    let mut reasons: Vec<DrainReason> = breaches
        .filter_map(|breach| breached(breach, sides))
        .map(reason)
        .collect();
    let is_open = |side: &Repeats<'_>| side.results.iter().any(|one| one.ledger.lost.is_none());
    let [first, second] = sides.map(is_open);
    if second && !first {
        let text = "whether jobs were lost is not known: the second was not drained to its end";
        reasons.push(reason((Effect::Unknown, text.to_owned())));
    }
    reasons
}

/// What one breach came to, by the repeat of each side that shows most of it. It is less only if every repeat of the second knows.
fn breached((what, of): Breach, sides: [&Repeats<'_>; 2]) -> Option<(Effect, String)> {
    let [first, second] = sides.map(|side| {
        let counts = side.results.iter().map(|result| of(result));
        counts.flatten().max()
    });
    let all_known = sides[1].results.iter().all(|result| of(result).is_some());
    let jobs = |count: u64| format!("{} {what}", counted(count as usize, "job"));
    let in_first = match first {
        None => "in the first that is not known".to_owned(),
        Some(0) => "none in the first".to_owned(),
        Some(count) => format!("{} in the first", Count(count)),
    };
    let (effect, now) = match (first, second?) {
        (None, count) if count > 0 => (Effect::Unknown, jobs(count)),
        (Some(before), count) if count > before => (Effect::Worse, jobs(count)),
        (Some(before), 0) if before > 0 && all_known => (Effect::Better, format!("no jobs {what}")),
        (Some(before), count) if count < before && all_known => (Effect::Better, jobs(count)),
        _ => return None,
    };
    Some((effect, format!("{now}, {in_first}")))
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
