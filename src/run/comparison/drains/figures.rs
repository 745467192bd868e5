//! Figures of a drain over its repeats: counts per job, which decide, and throughput and latency, which do where there are enough of them.

use super::tolerance::{JobCount, JobTolerances};
use super::{ComparedFigure, DrainReason, FigureSpread, FigureTest};
use crate::run::comparison::Effect;
use crate::run::throughput::{Repeats, ThroughputResult};
use crate::stats::change::{Change, LEAST_SHARE, SIGNIFICANCE};
use crate::stats::rank_sum::RankSum;
use crate::stats::spread::median;
use crate::units::{Growth, Milliseconds, Significant};

/// Repeats on either side below which throughput and latency are shown, not judged: with four, chance alone can hardly be told from
/// anything (the smallest probability that the rank test can give is 0.03, before any correction).
pub const LEAST_REPEATS: usize = 5;

/// A figure that takes a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timed {
    /// Jobs a second.
    Throughput,
    /// 95th percentile of a fetch.
    Fetch,
    /// 95th percentile of a completion.
    Complete,
}

impl Timed {
    pub(super) const ALL: [Timed; 3] = [Timed::Throughput, Timed::Fetch, Timed::Complete];

    fn path(self) -> &'static str {
        match self {
            Timed::Throughput => "throughput",
            Timed::Fetch => "latency.fetch.service.p95",
            Timed::Complete => "latency.complete.service.p95",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Timed::Throughput => "jobs/s",
            Timed::Fetch => "fetch p95",
            Timed::Complete => "complete p95",
        }
    }

    /// With the unit that a table's cell leaves out.
    fn name_with_unit(self) -> &'static str {
        match self {
            Timed::Throughput => "jobs/s",
            Timed::Fetch => "fetch p95, ms",
            Timed::Complete => "complete p95, ms",
        }
    }

    fn of(self, result: &ThroughputResult) -> Option<f64> {
        let p95 = |operation: &str| result.latency.get(operation)?.service?.p95;
        match self {
            Timed::Throughput => result.throughput,
            Timed::Fetch => p95("fetch"),
            Timed::Complete => p95("complete"),
        }
    }

    fn shown(self, value: f64) -> String {
        match self {
            Timed::Throughput => Significant(value).to_string(),
            Timed::Fetch | Timed::Complete => Milliseconds(value).to_string(),
        }
    }

    /// The effect of a change that is real.
    fn effect(self, shift: f64) -> Effect {
        let is_better = match self {
            Timed::Throughput => shift > 0.0,
            Timed::Fetch | Timed::Complete => shift < 0.0,
        };
        if is_better {
            Effect::Better
        } else {
            Effect::Worse
        }
    }
}

fn spread(values: &[f64]) -> Option<FigureSpread> {
    Some(FigureSpread {
        n: values.len() as u64,
        median: median(values)?,
        least: values.iter().copied().reduce(f64::min)?,
        most: values.iter().copied().reduce(f64::max)?,
    })
}

/// The counts per job of both sides, judged. A median beyond the tolerance counts; where there are repeats, only if the ranges do not
/// meet.
pub(super) fn counts(sides: [&Repeats<'_>; 2], tolerances: JobTolerances) -> Vec<ComparedFigure> {
    let count = |count: JobCount| {
        let of = |result: &ThroughputResult| Some(count.of(result.per_job.as_ref()?));
        let [first, second] = sides.map(|side| spread(&side.figures(of)));
        let effect = match (first, second) {
            (Some(first), Some(second)) => {
                effect(first, second, count.tolerance(tolerances), count.least())
            }
            (None, None) => Effect::Neutral,
            _ => Effect::Unknown,
        };
        ComparedFigure {
            figure: count.path().to_owned(),
            name: count.name().to_owned(),
            first,
            second,
            effect,
            not_judged: (first.is_none() || second.is_none()).then(|| "not measured".to_owned()),
            test: None,
        }
    };
    JobCount::ALL.map(count).into()
}

fn effect(first: FigureSpread, second: FigureSpread, tolerance: f64, least: f64) -> Effect {
    let grew = second.median - first.median;
    let allowed = (first.median * tolerance).max(least);
    if grew > allowed && second.least > first.most {
        Effect::Worse
    } else if -grew > allowed && second.most < first.least {
        Effect::Better
    } else {
        Effect::Neutral
    }
}

/// Why a count decides.
pub(super) fn count_reasons(figures: &[ComparedFigure]) -> Vec<DrainReason> {
    let named = JobCount::ALL.into_iter();
    let reasons = named.filter_map(|count| {
        let figure = figures.iter().find(|one| one.figure == count.path())?;
        if figure.effect == Effect::Neutral {
            return None;
        }
        let message = match (figure.first, figure.second) {
            (Some(first), Some(second)) => {
                changed(count.name(), first, second, |value| count.shown(value))
            }
            (Some(_), None) => format!("{} were not measured in the second", count.name()),
            _ => format!("{} were not measured in the first", count.name()),
        };
        Some(DrainReason {
            what: figure.figure.clone(),
            effect: figure.effect,
            message,
        })
    });
    reasons.collect()
}

fn changed(
    name: &str,
    first: FigureSpread,
    second: FigureSpread,
    shown: impl Fn(f64) -> String,
) -> String {
    let growth = Growth {
        before: first.median,
        after: second.median,
    };
    let [before, after] = [first.median, second.median].map(shown);
    format!("{name} {before} → {after} ({growth})")
}

/// A figure that takes a clock, yet to be judged together with all others.
#[derive(Debug)]
pub(super) struct Tested {
    timed: Timed,
    change: Change,
}

impl Tested {
    /// The rank test's probability.
    pub(super) fn p_value(&self) -> f64 {
        self.change.p_value
    }
}

/// A figure of both sides, and its test where there are repeats enough.
pub(super) fn timed(
    timed: Timed,
    sides: [&Repeats<'_>; 2],
    same_machine: bool,
) -> (ComparedFigure, Option<Tested>) {
    let [first, second] = sides.map(|side| side.figures(|result| timed.of(result)));
    let counts = [first.len(), second.len()];
    let why_not = if counts.contains(&0) {
        Some("not measured".to_owned())
    } else if !same_machine {
        Some("measured on other processors".to_owned())
    } else if counts.into_iter().min() < Some(LEAST_REPEATS) {
        let [one, other] = counts;
        Some(format!(
            "{one} and {other} repeats, {LEAST_REPEATS} each are needed"
        ))
    } else {
        None
    };
    let change = Change::between(&first, &second).filter(|_| why_not.is_none());
    let figure = ComparedFigure {
        figure: timed.path().to_owned(),
        name: timed.name_with_unit().to_owned(),
        first: spread(&first),
        second: spread(&second),
        effect: Effect::Neutral,
        not_judged: why_not,
        test: None,
    };
    (figure, change.map(|change| Tested { timed, change }))
}

/// Why the repeats of a figure cannot tell it apart, whatever they show, where so many figures are tested together; none where they can.
pub(super) fn too_few(figure: &ComparedFigure, figures: usize) -> Option<String> {
    let (first, second) = figure.first.zip(figure.second)?;
    let can_tell =
        |one: u64, other: u64| RankSum::least_p_value(one, other) * (figures as f64) < SIGNIFICANCE;
    if can_tell(first.n, second.n) {
        return None;
    }
    let enough = (LEAST_REPEATS as u64..).find(|each| can_tell(*each, *each))?;
    Some(format!(
        "{} and {} repeats cannot tell among {figures} figures; {enough} each can",
        first.n, second.n
    ))
}

/// Gives a figure its test, corrected for all others; where it has changed, why that matters.
pub(super) fn apply(
    figure: &mut ComparedFigure,
    tested: &Tested,
    p_adjusted: f64,
) -> Option<DrainReason> {
    let (timed, change) = (tested.timed, tested.change);
    let adjusted = Change {
        p_value: p_adjusted,
        ..change
    };
    let real = match timed {
        Timed::Throughput => adjusted.is_beyond(change.median_ms * LEAST_SHARE),
        Timed::Fetch | Timed::Complete => adjusted.is_real(),
    };
    figure.test = Some(FigureTest {
        p_value: change.p_value,
        p_adjusted,
        shift: change.shift.estimate,
        low: change.shift.low,
        high: change.shift.high,
        real,
    });
    if !real {
        return None;
    }
    figure.effect = timed.effect(change.shift.estimate);
    let (first, second) = figure.first.zip(figure.second)?;
    Some(DrainReason {
        what: figure.figure.clone(),
        effect: figure.effect,
        message: changed(timed.name(), first, second, |value| timed.shown(value)),
    })
}
