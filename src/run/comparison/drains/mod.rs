//! Two runs of drains side by side, as data: what each drain came to, why, and whether that passes a gate.

mod figures;
mod judge;
mod pairing;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
mod tolerance;

use serde::{Deserialize, Serialize};

use super::gate::{FailOn, Outcome};
use super::{
    ComparisonError, Effect, FORMAT_VERSION, Options, Side, Unlike, Verdict, VerdictCounts,
};
use crate::definition::scenario::Completion;
use crate::run::baseline::Baseline;
use crate::run::throughput::{TaskRecord, ThroughputRun};
use crate::run::{Failure, RunKind};

pub use figures::LEAST_REPEATS;
pub(super) use tolerance::JobCount;
pub use tolerance::JobTolerances;

/// Two runs of drains side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrainComparison {
    /// Version of this format; [`FORMAT_VERSION`].
    pub format_version: u32,
    /// What the runs did.
    pub kind: RunKind,
    /// The run compared with: the baseline.
    pub first: Side,
    /// The run that is judged.
    pub second: Side,
    /// How much a count per job may grow.
    pub tolerances: JobTolerances,
    /// What the runs differ in besides what is compared; empty unless that was allowed.
    pub unlike: Vec<Unlike>,
    /// Every drain that both runs have, or that the second failed to do, in the order of the second run.
    pub drains: Vec<ComparedDrain>,
    /// What only one of the runs was asked to do.
    pub unpaired: Vec<UnpairedDrain>,
    /// What the second run could not do and no drain here tells of.
    pub not_measured: Vec<Failure>,
    /// How many drains have each verdict.
    pub verdicts: VerdictCounts,
}

/// A drain, with all its repeats, in both runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedDrain {
    /// Server version in the second run (in the first where it failed there).
    pub postgres: String,
    /// Queue.
    pub queue: String,
    /// Fixture.
    pub fixture: String,
    /// Scenario.
    pub scenario: String,
    /// Number of workers.
    pub workers: u64,
    /// Number of processes; 0 for threads.
    pub processes: u64,
    /// Jobs asked for by a fetch.
    pub batch_size: u64,
    /// Jobs a worker worked on at the same time.
    pub concurrency: u64,
    /// How finished jobs were completed.
    pub completion: Completion,
    /// What a job took.
    pub task: TaskRecord,
    /// What it came to.
    pub verdict: Verdict,
    /// Why, most important first; empty where nothing changed.
    pub reasons: Vec<DrainReason>,
    /// Its figures in both runs.
    pub figures: Vec<ComparedFigure>,
    /// Repeats in the first run.
    pub first_repeats: u64,
    /// Repeats in the second run.
    pub second_repeats: u64,
}

/// Why a drain has its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrainReason {
    /// What changed: a figure, `ledger`, `end` or `failure`.
    pub what: String,
    /// What that is worth.
    pub effect: Effect,
    /// In words with figures, for example `pages per job 28.4 → 40.1 (+41 %)`.
    pub message: String,
}

/// A figure of both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedFigure {
    /// Its path in a result, for example `per_job.pages`.
    pub figure: String,
    /// In words with its unit, for example `pages per job`.
    pub name: String,
    /// In the first run; none where it was not measured.
    pub first: Option<FigureSpread>,
    /// In the second run; none where it was not measured.
    pub second: Option<FigureSpread>,
    /// What the difference is worth.
    pub effect: Effect,
    /// Why a difference would not be judged; none where it was.
    pub not_judged: Option<String>,
    /// The test of throughput and latencies; none for counts and where there were too few repeats.
    pub test: Option<FigureTest>,
}

/// A figure over the repeats of a drain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FigureSpread {
    /// Repeats that have it.
    pub n: u64,
    /// Median.
    pub median: f64,
    /// Least.
    pub least: f64,
    /// Greatest.
    pub most: f64,
}

/// Whether a figure differs beyond chance, by its repeats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FigureTest {
    /// Two-sided probability of the rank test.
    pub p_value: f64,
    /// The same with Holm's correction for the number of figures tested.
    pub p_adjusted: f64,
    /// The shift from first to second in the figure's unit, Hodges–Lehmann.
    pub shift: f64,
    /// Lower bound of its interval.
    pub low: f64,
    /// Upper bound of its interval.
    pub high: f64,
    /// Whether that counts as a change: beyond chance and wholly beyond 10 % (for latencies, also beyond 0.1 ms).
    pub real: bool,
}

/// A drain that only one of the runs was asked for: not compared, and no verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpairedDrain {
    /// Whether it is the first run that has it.
    pub in_first: bool,
    /// Server version.
    pub postgres: String,
    /// Queue.
    pub queue: String,
    /// Fixture.
    pub fixture: String,
    /// Scenario.
    pub scenario: String,
    /// Number of workers.
    pub workers: u64,
    /// Jobs asked for by a fetch.
    pub batch_size: u64,
    /// Its repeats.
    pub repeats: u64,
}

impl FailOn {
    /// Judges a comparison of drains.
    #[must_use]
    pub fn judge_drains(self, comparison: &DrainComparison) -> Outcome {
        let fails = |drain: &ComparedDrain| match self {
            FailOn::Regression => drain.verdict == Verdict::Regressed,
            FailOn::Difference => {
                !matches!(drain.verdict, Verdict::Unchanged | Verdict::Inconclusive)
            }
        };
        let mut drains = comparison.drains.iter();
        if drains.clone().any(fails) {
            Outcome::Failed
        } else if drains.any(|drain| drain.verdict == Verdict::Inconclusive)
            || !comparison.not_measured.is_empty()
        {
            Outcome::Inconclusive
        } else {
            Outcome::Passed
        }
    }
}

/// Compares two runs of drains, named as the user named them: `first` is what `second` is judged by.
///
/// # Errors
/// If they must not be compared, or have nothing in common.
pub fn compare_drains(
    first: (&str, &ThroughputRun),
    second: (&str, &ThroughputRun),
    tolerances: JobTolerances,
    options: &Options,
) -> Result<DrainComparison, ComparisonError> {
    let pairing = pairing::Pairing::of(first.1, second.1);
    if pairing.pairs.is_empty() {
        return Err(ComparisonError::NoDrainInCommon {
            first: first.0.to_owned(),
            second: second.0.to_owned(),
            reason: pairing::nothing_in_common(first.1, second.1),
        });
    }
    let environments = [first.1, second.1].map(Baseline::without_plans);
    let mut differences = super::differences(&environments[0], &environments[1]);
    for (what, [first, second]) in pairing.unlike() {
        differences.add_setting(&what, [&first, &second]);
    }
    let unlike = differences.unless_allowed(first.0, second.0, options)?;
    let machines = [first.1, second.1].map(|run| &run.environment.cpu);
    let same_machine = machines[0] == machines[1];
    let drains = judge::drains(&pairing, tolerances, same_machine);
    Ok(DrainComparison {
        format_version: FORMAT_VERSION,
        kind: RunKind::Throughput,
        first: Side::of((first.0, &environments[0])),
        second: Side::of((second.0, &environments[1])),
        tolerances,
        unlike,
        not_measured: pairing.untold(&second.1.failures),
        verdicts: VerdictCounts::of_verdicts(drains.iter().map(|drain| drain.verdict)),
        unpaired: pairing.unpaired,
        drains,
    })
}
