//! Execution times of both sides. They are shown; only samples taken in turns say anything, and then only together.

use super::pairing::{Found, Pair};
use super::{Cause, ComparedPlan, Effect, Reason, TimeTest, Times};
use crate::run::baseline::{Baseline, BaselinePlan};
use crate::stats::change::{Change, LEAST_SAMPLES, SIGNIFICANCE};
use crate::stats::holm;
use crate::stats::shift::Shift;
use crate::stats::spread::median;
use crate::units::{Growth, Milliseconds};

/// Gives every plan its times. Where the two runs took their samples in turns, tests them, with Holm's correction over all plans, and
/// adds a reason where a time has changed.
pub(super) fn judge(plans: &mut [ComparedPlan], pairs: &[Pair<'_>], runs: (&Baseline, &Baseline)) {
    let interleaved = are_interleaved(runs);
    let mut tested: Vec<(usize, Change, [f64; 2])> = Vec::new();
    for (at, (plan, pair)) in plans.iter_mut().zip(pairs).enumerate() {
        let Found::Both(first, second) = pair.found else {
            continue;
        };
        plan.times = times(first, second);
        if interleaved && is_testable(first, second) {
            let (first, second) = (&first.execution_ms, &second.execution_ms);
            let tests = Change::between(first, second).zip(half_shifts(first, second));
            tested.extend(tests.map(|(change, halves)| (at, change, halves)));
        }
    }
    let p_values: Vec<f64> = tested.iter().map(|(_, change, _)| change.p_value).collect();
    for ((at, change, halves), p_adjusted) in tested.into_iter().zip(holm::adjusted(&p_values)) {
        apply(&mut plans[at], change, halves, p_adjusted);
    }
}

/// Whether each run names the other.
fn are_interleaved((first, second): (&Baseline, &Baseline)) -> bool {
    first.interleaved_with.as_ref() == Some(&second.run_id)
        && second.interleaved_with.as_ref() == Some(&first.run_id)
}

fn times(first: &BaselinePlan, second: &BaselinePlan) -> Option<Times> {
    Some(Times {
        first_p50: median(&first.execution_ms)?,
        second_p50: median(&second.execution_ms)?,
        test: None,
    })
}

/// A custom plan that stands for a generic one was not executed in turns with it.
fn is_testable(first: &BaselinePlan, second: &BaselinePlan) -> bool {
    first.plan_mode == second.plan_mode
        && first.execution_ms.len().min(second.execution_ms.len()) >= LEAST_SAMPLES
}

/// The shift of either half of the samples: each half was taken in sessions of its own, so that what two sessions differ in by
/// themselves does not pass for a difference of the versions.
fn half_shifts(first: &[f64], second: &[f64]) -> Option<[f64; 2]> {
    let (first, second) = (
        first.split_at(first.len().div_ceil(2)),
        second.split_at(second.len().div_ceil(2)),
    );
    let shift = |first, second| Some(Shift::between(first, second, SIGNIFICANCE)?.estimate);
    Some([shift(first.0, second.0)?, shift(first.1, second.1)?])
}

/// Whether both halves show an effect that counts, the same way.
pub(in crate::run) fn half_shifts_agree(halves: [f64; 2], least_ms: f64) -> bool {
    halves.iter().all(|shift| *shift > least_ms) || halves.iter().all(|shift| *shift < -least_ms)
}

fn apply(plan: &mut ComparedPlan, change: Change, halves: [f64; 2], p_adjusted: f64) {
    let adjusted = Change {
        p_value: p_adjusted,
        ..change
    };
    let real = adjusted.is_real() && half_shifts_agree(halves, change.least_ms());
    if let Some(times) = &mut plan.times {
        times.test = Some(TimeTest {
            p_value: change.p_value,
            p_adjusted,
            shift_ms: change.shift.estimate,
            low_ms: change.shift.low,
            high_ms: change.shift.high,
            half_shifts_ms: halves,
            real,
        });
    }
    if !real {
        return;
    }
    let slower = change.shift.estimate > 0.0;
    let growth = Growth {
        before: change.median_ms,
        after: change.second_median_ms,
    };
    plan.reasons.push(Reason {
        what: Cause::Time,
        effect: if slower {
            Effect::Worse
        } else {
            Effect::Better
        },
        message: format!(
            "execution time {} → {} ({growth})",
            Milliseconds(change.median_ms),
            Milliseconds(change.second_median_ms)
        ),
    });
}
