//! Two runs side by side, as data: what each plan came to, why, and whether that passes a gate.

mod brief;
mod counts;
pub mod drains;
mod finding_change;
pub mod gate;
mod pairing;
mod plan_words;
mod queue_change;
#[cfg(test)]
pub(crate) mod sample;
pub mod statement_change;
#[cfg(test)]
mod tests;
pub(super) mod times;
pub mod unlike;
mod verdict;

use serde::{Deserialize, Serialize};

use super::baseline::{Baseline, BaselineFinding};
use super::plan_result::{OutputCounts, PlanMode, WalCounts};
use super::{Failure, RunKind};
use crate::plan::NodeChange;

pub use gate::{FailOn, Tolerance, Tolerances};
use pairing::Pairing;
use queue_change::QueueChanges;
use unlike::Differences;
pub use unlike::Unlike;
use verdict::Judge;

/// The version of a comparison's JSON that this program writes.
pub const FORMAT_VERSION: u32 = 1;

/// Two runs side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Version of this format; [`FORMAT_VERSION`].
    pub format_version: u32,
    /// What the runs did.
    pub kind: RunKind,
    /// The run compared with: the baseline.
    pub first: Side,
    /// The run that is judged.
    pub second: Side,
    /// How much a count may grow.
    pub tolerances: Tolerances,
    /// What the runs differ in besides what is compared; empty unless that was allowed.
    pub unlike: Vec<Unlike>,
    /// Queues that the second run has under another name.
    pub renamed: Vec<Renamed>,
    /// What changed in the queues' files, as far as the runs tell.
    pub changes: Vec<QueueChange>,
    /// Every plan of either run that the other could have, in the order of the second run.
    pub plans: Vec<ComparedPlan>,
    /// What only one of the runs was asked to measure.
    pub unpaired: Vec<Unpaired>,
    /// What the second run could not measure and no plan here tells of: it failed in both runs, or in a part that has no count of its own.
    #[serde(default)]
    pub not_measured: Vec<Failure>,
    /// How many plans have each verdict.
    pub verdicts: VerdictCounts,
}

/// One of the two runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// How the user named it: a path, the name of a baseline, an id.
    pub name: String,
    /// The run's id; of a baseline that of the run it was made of.
    pub run_id: String,
    /// Versions of the servers, for example `15.18`.
    pub servers: Vec<String>,
}

/// A queue that has another name in the second run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renamed {
    /// Its name in the first run.
    pub first: String,
    /// Its name in the second run, under which its plans are listed.
    pub second: String,
}

/// What changed in a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueChange {
    /// The queue, as the second run names it.
    pub queue: String,
    /// Whether what makes and fills its tables changed.
    pub tables: bool,
    /// Indexes that the second run does not have, by `create index` statement.
    pub indexes_gone: Vec<String>,
    /// Indexes that only the second run has.
    pub indexes_new: Vec<String>,
    /// Statements whose SQL changed.
    pub statements: Vec<StatementChange>,
}

/// A statement whose SQL changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementChange {
    /// Its name in results.
    pub statement: String,
    /// What was done to it, in words, where that can be told: `skip locked is gone`.
    pub words: Vec<String>,
    /// Its lines: those of both with a space in front, those only the first has with `-`, those only the second has with `+`;
    /// ` …` where lines are left out.
    pub lines: Vec<String>,
}

/// One plan in both runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedPlan {
    /// Server version in the second run (in the first where it has vanished).
    pub postgres: String,
    /// Queue, as the second run names it.
    pub queue: String,
    /// Fixture.
    pub fixture: String,
    /// Operation.
    pub operation: String,
    /// Statement.
    pub statement: String,
    /// Variant.
    pub variant: String,
    /// Plan mode.
    pub plan_mode: PlanMode,
    /// What it came to.
    pub verdict: Verdict,
    /// The decisive reason in at most 100 characters, what stands between backticks a name; empty where nothing changed, or figures
    /// say it all.
    #[serde(default)]
    pub why: String,
    /// Why, most important first; empty where nothing changed.
    pub reasons: Vec<Reason>,
    /// Its figures in the first run; none where it was not measured.
    pub first: Option<Figures>,
    /// Its figures in the second run; none where it was not measured.
    pub second: Option<Figures>,
    /// Node by node, where shape or counts differ and both plans are at hand.
    pub nodes: Vec<NodeChange>,
    /// Findings that only the second run has.
    pub findings_came: Vec<BaselineFinding>,
    /// Findings that only the first run has.
    pub findings_went: Vec<BaselineFinding>,
    /// How the execution times differ; none without samples on both sides.
    pub times: Option<Times>,
}

/// What a plan came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Something that counts is worse.
    Regressed,
    /// It could not be told: it failed on one side, or its counts are not comparable.
    Inconclusive,
    /// Something that counts is better and nothing is worse.
    Improved,
    /// Only the second run has it.
    Appeared,
    /// Only the first run has it.
    Vanished,
    /// Nothing that counts is different.
    Unchanged,
}

/// Why a plan has its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// What changed.
    pub what: Cause,
    /// What that is worth.
    pub effect: Effect,
    /// In words with figures, for example `pages per row 15.0 → 1,210 (81×)`.
    pub message: String,
}

/// What a change is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The plan has regressed.
    Worse,
    /// It cannot be told.
    Unknown,
    /// It has improved, if nothing is worse.
    Better,
    /// Neither: another shape for the same pages, for example.
    Neutral,
}

/// What may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It could not be measured.
    Failure,
    /// The number of rows it returns or writes.
    Rows,
    /// The order in which jobs are served.
    Order,
    /// The shape of its plan, and pages with it.
    Shape,
    /// Pages per row.
    PagesPerRow,
    /// WAL bytes per row.
    WalPerRow,
    /// Pages read per row to send the rows.
    OutputPagesPerRow,
    /// Rows read and thrown away per row.
    RowsRemovedPerRow,
    /// Which plan PostgreSQL settles on by itself.
    AutoPlan,
    /// A rule's finding, where no count shows what is wrong.
    Finding,
    /// Its execution time, in samples taken in turns.
    Time,
}

/// The counts of one side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Shape.
    pub shape: String,
    /// The plan in one line.
    pub digest: String,
    /// Rows.
    pub rows: u64,
    /// Rows read and thrown away.
    pub rows_removed: Option<u64>,
    /// Pages.
    pub pages: u64,
    /// WAL.
    pub wal: WalCounts,
    /// Rows as sent.
    pub output: Option<OutputCounts>,
    /// Which plan PostgreSQL settles on.
    pub auto_plan: Option<PlanMode>,
}

/// Execution times of both sides, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Median of the first.
    pub first_p50: f64,
    /// Median of the second.
    pub second_p50: f64,
    /// The test; none unless the samples were taken in turns, enough of them.
    pub test: Option<TimeTest>,
}

/// Whether times differ, by samples taken in turns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeTest {
    /// Two-sided probability of the rank test.
    pub p_value: f64,
    /// The same with Holm's correction for the number of plans compared.
    pub p_adjusted: f64,
    /// The shift from first to second, Hodges–Lehmann.
    pub shift_ms: f64,
    /// Lower bound of its interval.
    pub low_ms: f64,
    /// Upper bound of its interval.
    pub high_ms: f64,
    /// The shift of the first half of the samples, and of the second: each half was taken in sessions of its own.
    pub half_shifts_ms: [f64; 2],
    /// Whether that counts as a change: beyond chance, beyond 10 % and beyond 0.1 ms, and so in both halves.
    pub real: bool,
}

/// Plans that only one of the runs was asked to measure: not compared, and no verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpaired {
    /// Whether it is the first run that has them.
    pub in_first: bool,
    /// Server version.
    pub postgres: String,
    /// Queue.
    pub queue: String,
    /// Fixture.
    pub fixture: String,
    /// How many plans.
    pub plans: usize,
}

/// How many plans have each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictCounts {
    /// [`Verdict::Regressed`]
    pub regressed: usize,
    /// [`Verdict::Inconclusive`]
    pub inconclusive: usize,
    /// [`Verdict::Improved`]
    pub improved: usize,
    /// [`Verdict::Appeared`]
    pub appeared: usize,
    /// [`Verdict::Vanished`]
    pub vanished: usize,
    /// [`Verdict::Unchanged`]
    pub unchanged: usize,
}

/// How to compare.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// How much a count may grow.
    pub tolerances: Tolerances,
    /// Whether runs are compared although they differ in more than what is compared.
    pub allow_different: bool,
    /// Whether the first run is a baseline file, which can be renewed; an error then says how.
    pub first_is_baseline: bool,
}

/// Why two runs are not compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ComparisonError {
    /// They differ in more than what is compared.
    #[error("{first} and {second} cannot be compared, they differ in {}; {hint}, or compare them all the same with --allow-different", unlike::listed(.unlike))]
    Unlike {
        /// The first run.
        first: String,
        /// The second run.
        second: String,
        /// What they differ in.
        unlike: Vec<Unlike>,
        /// What to do about it.
        hint: String,
    },
    /// Two runs of drains have nothing to compare.
    #[error("{first} and {second} have no drain in common: {reason}")]
    NoDrainInCommon {
        /// The first run.
        first: String,
        /// The second run.
        second: String,
        /// What each has, and what to do.
        reason: String,
    },
    /// There is nothing to compare.
    #[error("{first} and {second} have no variant in common: {reason}")]
    NothingInCommon {
        /// The first run.
        first: String,
        /// The second run.
        second: String,
        /// What each has, and what to do.
        reason: String,
    },
}

impl VerdictCounts {
    /// Counts the verdicts of plans.
    #[must_use]
    pub fn of(plans: &[ComparedPlan]) -> VerdictCounts {
        VerdictCounts::of_verdicts(plans.iter().map(|plan| plan.verdict))
    }

    /// Counts verdicts.
    #[must_use]
    pub fn of_verdicts(verdicts: impl Iterator<Item = Verdict>) -> VerdictCounts {
        let mut counts = VerdictCounts::default();
        for verdict in verdicts {
            *match verdict {
                Verdict::Regressed => &mut counts.regressed,
                Verdict::Inconclusive => &mut counts.inconclusive,
                Verdict::Improved => &mut counts.improved,
                Verdict::Appeared => &mut counts.appeared,
                Verdict::Vanished => &mut counts.vanished,
                Verdict::Unchanged => &mut counts.unchanged,
            } += 1;
        }
        counts
    }
}

impl ComparedPlan {
    /// Whether it is another plan that comes to the same.
    #[must_use]
    pub fn is_another_at_no_cost(&self) -> bool {
        let mut reasons = self.reasons.iter();
        self.verdict == Verdict::Unchanged && reasons.any(|reason| reason.what == Cause::Shape)
    }

    /// Whether anything at all was found to differ, be it worth nothing.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.verdict != Verdict::Unchanged || !self.reasons.is_empty()
    }
}

impl Side {
    fn of((name, run): (&str, &Baseline)) -> Side {
        let servers = run.servers.iter();
        Side {
            name: name.to_owned(),
            run_id: run.run_id.clone(),
            servers: servers
                .map(|server| unlike::version(&server.server_version).to_owned())
                .collect(),
        }
    }
}

/// What two runs differ in besides what is compared, where that is allowed. The second need not have measured anything yet.
///
/// # Errors
/// [`ComparisonError::Unlike`], where it is not allowed.
pub fn check_alike(
    first: (&str, &Baseline),
    second: (&str, &Baseline),
    options: &Options,
) -> Result<Vec<Unlike>, ComparisonError> {
    alike(first, second, &Pairing::of(first.1, second.1), options)
}

fn alike(
    first: (&str, &Baseline),
    second: (&str, &Baseline),
    pairing: &Pairing<'_>,
    options: &Options,
) -> Result<Vec<Unlike>, ComparisonError> {
    let differences = Differences::of(first.1, second.1, pairing);
    differences.unless_allowed(first.0, second.0, options)
}

/// What two runs without plans differ in.
fn differences(first: &Baseline, second: &Baseline) -> Differences {
    Differences::of(first, second, &Pairing::of(first, second))
}

/// The failures that no inconclusive plan tells of.
fn untold(failures: &[Failure], plans: &[ComparedPlan]) -> Vec<Failure> {
    let tells = |plan: &ComparedPlan, failure: &Failure| {
        let is =
            |given: &Option<String>, name: &str| given.as_deref().is_none_or(|given| given == name);
        plan.verdict == Verdict::Inconclusive
            && is(&failure.queue, &plan.queue)
            && is(&failure.fixture, &plan.fixture)
            && is(&failure.statement, &plan.statement)
            && is(&failure.variant, &plan.variant)
    };
    let told = |failure: &&Failure| plans.iter().any(|plan| tells(plan, failure));
    failures
        .iter()
        .filter(|failure| !told(failure))
        .cloned()
        .collect()
}

/// Compares two runs, named as the user named them: `first` is what `second` is judged by.
///
/// # Errors
/// If they must not be compared, or have nothing in common.
pub fn compare(
    first: (&str, &Baseline),
    second: (&str, &Baseline),
    options: &Options,
) -> Result<Comparison, ComparisonError> {
    let pairing = Pairing::of(first.1, second.1);
    if let Some(reason) = pairing.nothing_in_common(first.1, second.1) {
        return Err(ComparisonError::NothingInCommon {
            first: first.0.to_owned(),
            second: second.0.to_owned(),
            reason,
        });
    }
    let unlike = alike(first, second, &pairing, options)?;
    let changes = QueueChanges::of(first.1, second.1, &pairing);
    let judge = Judge {
        limitations: pairing.limitations(first.1, second.1),
        changes: &changes,
        tolerances: options.tolerances,
    };
    let mut plans: Vec<ComparedPlan> = pairing.pairs.iter().map(|pair| judge.plan(pair)).collect();
    times::judge(&mut plans, &pairing.pairs, (first.1, second.1));
    for (plan, pair) in plans.iter_mut().zip(&pairing.pairs) {
        plan.settle();
        judge.say_why(plan, pair);
    }
    Ok(Comparison {
        format_version: FORMAT_VERSION,
        kind: second.1.kind,
        first: Side::of(first),
        second: Side::of(second),
        tolerances: options.tolerances,
        unlike,
        renamed: pairing.renamed(),
        changes: changes.listed(),
        verdicts: VerdictCounts::of(&plans),
        not_measured: untold(&second.1.failures, &plans),
        plans,
        unpaired: pairing.unpaired,
    })
}
