//! How much times waver: one statement executed over and over, and compared with itself.
//!
//! Every copy sees the same executions in the same order, so what a copy does to them (dead rows of what was rolled back) is the same
//! on all of them, and what differs between two copies is the machine.

use std::time::Instant;

use crate::explain::ExplainError;
use crate::explain::ground::Ground;
use crate::explain::sample::{Explainer, LEAST_SAMPLES, Sampling, Target};
use crate::explain::variant::{Subject, make_ready};
use crate::postgres::version::Version;
use crate::run::selftest::{FalseAlarms, Times};
use crate::stats::change::Change;
use crate::stats::percentile::percentile;
use crate::stats::spread::{median, median_absolute_deviation};

/// Statement and variant.
pub(super) const VARIANT: (&str, &str) = ("fetch", "batch-100");

/// Values on each side of a comparison: the fewest that a comparison of times may have.
const PER_SIDE: usize = 20;

/// Executions in a copy: five interleaved rounds, ten blocks.
const PER_COPY: usize = 10 * PER_SIDE;

/// Interleaved rounds below which nothing is said: a 95th percentile needs as many.
pub(super) const ENOUGH_ROUNDS: usize = 20;

/// The naive rule: medians that lie further apart than this share.
const NAIVE_SHARE: f64 = 0.05;

/// Times a subject on a copy until there are enough executions or the deadline is over; in milliseconds.
pub(super) async fn time(
    ground: &Ground,
    version: Version,
    subject: Subject<'_>,
    deadline: Instant,
) -> Result<Vec<f64>, ExplainError> {
    let executable = make_ready(ground, subject).await?.executable;
    let explainer = Explainer {
        ground,
        version,
        executable: &executable,
        target: Target::Custom,
    };
    explainer.plan_only().await?;
    let sampling = Sampling {
        samples: PER_COPY,
        least: LEAST_SAMPLES,
        budget: deadline.saturating_duration_since(Instant::now()),
    };
    Ok(explainer.measure(sampling, deadline).await?.execution_ms)
}

/// The interleaved rounds that a copy's times give.
pub(super) fn rounds(times: &[f64]) -> usize {
    times.len() / (2 * PER_SIDE)
}

/// Compares the times of a statement and variant with themselves.
pub(super) fn analyse(of: (&str, &str), copies: &[Vec<f64>]) -> Times {
    let mut all = copies.concat();
    all.sort_by(f64::total_cmp);
    let middle = median(&all);
    let rounds = interleaved(copies);
    let blocks = blocks(copies);
    Times {
        statement: of.0.to_owned(),
        variant: of.1.to_owned(),
        samples: all.len(),
        copies: copies.len(),
        median_ms: middle,
        median_absolute_deviation_ms: median_absolute_deviation(&all),
        p95_over_median: percentile(&all, 95)
            .zip(middle)
            .filter(|(_, middle)| *middle > 0.0)
            .map(|(p95, middle)| p95 / middle),
        per_side: PER_SIDE,
        interleaved: alarms(&rounds, Change::is_real),
        in_blocks: alarms(&blocks, Change::is_real),
        naive: alarms(&blocks, |change| apart(change) > NAIVE_SHARE),
        told_from: in_95_of_100(rounds.iter().map(|change| {
            let half_width = (change.shift.high - change.shift.low) / 2.0;
            (change.least_ms() + half_width) / change.median_ms
        })),
        apart_in_blocks: in_95_of_100(blocks.iter().map(apart)),
    }
}

/// A B A B …: every other execution of a round, against those between them.
fn interleaved(copies: &[Vec<f64>]) -> Vec<Change> {
    let rounds = copies
        .iter()
        .flat_map(|samples| samples.chunks_exact(2 * PER_SIDE));
    rounds
        .filter_map(|round| {
            let every_other =
                |from: usize| -> Vec<f64> { round.iter().skip(from).step_by(2).copied().collect() };
            Change::between(&every_other(0), &every_other(1))
        })
        .collect()
}

/// A block of executions against the same ones on the next copy, as two runs would be compared.
fn blocks(copies: &[Vec<f64>]) -> Vec<Change> {
    let pairs = copies.windows(2).flat_map(|pair| {
        let blocks = |samples: &'_ [f64]| -> Vec<Vec<f64>> {
            samples
                .chunks_exact(PER_SIDE)
                .map(<[f64]>::to_vec)
                .collect()
        };
        blocks(&pair[0]).into_iter().zip(blocks(&pair[1]))
    });
    pairs
        .filter_map(|(first, second)| Change::between(&first, &second))
        .collect()
}

/// How far the medians lie apart, as a share of the first.
fn apart(change: &Change) -> f64 {
    (change.second_median_ms - change.median_ms).abs() / change.median_ms
}

fn alarms(changes: &[Change], is_alarm: impl Fn(&Change) -> bool) -> FalseAlarms {
    FalseAlarms {
        comparisons: changes.len(),
        alarms: changes.iter().filter(|change| is_alarm(change)).count(),
    }
}

/// None of too few values, and of values that are none (a median of 0).
fn in_95_of_100(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    percentile(&values, 95).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copies whose times lie around `levels`, in milliseconds, with a little noise that repeats.
    fn copies(levels: &[f64]) -> Vec<Vec<f64>> {
        let noise = |n: usize| (n * 7919 % 101) as f64 / 10_000.0;
        let copy = |level: &f64| (0..PER_COPY).map(|n| level + noise(n)).collect();
        levels.iter().map(copy).collect()
    }

    #[test]
    fn a_steady_machine_raises_no_alarm() {
        let times = analyse(VARIANT, &copies(&[2.0; 6]));
        assert_eq!((times.samples, times.copies), (1200, 6));
        let none_of = |comparisons| FalseAlarms {
            comparisons,
            alarms: 0,
        };
        assert_eq!(times.interleaved, none_of(30));
        assert_eq!((times.in_blocks, times.naive), (none_of(50), none_of(50)));
        // The tenth that counts, and a little for the width of the interval.
        let told_from = times.told_from.expect("enough rounds");
        assert!((0.10..0.11).contains(&told_from), "{told_from}");
        assert_eq!(times.apart_in_blocks, Some(0.0), "the noise repeats");
        let close = |found: Option<f64>, wanted: f64| {
            (found.expect("enough samples") - wanted).abs() < 1e-3
        };
        assert!(close(times.median_ms, 2.005), "{times:?}");
        assert!(
            close(times.median_absolute_deviation_ms, 0.0025),
            "{times:?}"
        );
        assert!(close(times.p95_over_median, 2.0095 / 2.005), "{times:?}");
    }

    #[test]
    fn a_machine_that_changes_between_two_copies_fools_only_who_compares_in_blocks() {
        let times = analyse(VARIANT, &copies(&[2.0, 3.0, 2.0, 2.16, 2.0]));
        assert_eq!(
            (times.interleaved.comparisons, times.interleaved.alarms),
            (25, 0)
        );
        // From 2 to 3 and back is an effect; to 2.16 and back it is less than a tenth, yet more than 5 %.
        assert_eq!(
            (times.in_blocks.comparisons, times.in_blocks.alarms),
            (40, 20)
        );
        assert_eq!(times.naive.alarms, 40);
        let apart = times.apart_in_blocks.expect("enough blocks");
        assert!((apart - 0.5).abs() < 0.01, "{apart}");
    }

    #[test]
    fn too_few_samples_tell_nothing() {
        let times = analyse(VARIANT, &[vec![2.0; 3]]);
        assert_eq!(times.interleaved.share(), None);
        assert_eq!((times.told_from, times.apart_in_blocks), (None, None));
        assert_eq!(times.p95_over_median, None);
        assert_eq!(times.median_ms, Some(2.0));
        assert_eq!(analyse(VARIANT, &[]).median_ms, None);
        assert_eq!(
            analyse(VARIANT, &vec![vec![0.0; PER_COPY]; 5]).told_from,
            None
        );
    }
}
