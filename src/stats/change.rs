//! The rule by which two samples of times differ: a rank test and an effect that is worth a word.
//!
//! Neither is enough alone. With many samples a test finds differences nobody would care for; and a difference of medians without a
//! test is mostly chance.

use super::rank_sum::RankSum;
use super::shift::Shift;
use super::spread::median;

/// Probability of an error that the test and the interval may have.
pub const SIGNIFICANCE: f64 = 0.05;

/// An effect is beyond this share of the first sample's median.
pub const LEAST_SHARE: f64 = 0.10;

/// And beyond this many milliseconds.
pub const LEAST_MS: f64 = 0.1;

/// Fewer on one of the sides tell too little to compare them.
pub const LEAST_SAMPLES: usize = 20;

/// From one sample of times to another, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Median of the first sample.
    pub median_ms: f64,
    /// Median of the second sample.
    pub second_median_ms: f64,
    /// The rank test's two-sided probability.
    pub p_value: f64,
    /// The shift with its interval.
    pub shift: Shift,
}

impl Change {
    /// Compares two samples of times, which ought to be taken in turns (A B A B …). `None` where one of them is empty.
    #[must_use]
    pub fn between(first: &[f64], second: &[f64]) -> Option<Change> {
        Some(Change {
            median_ms: median(first)?,
            second_median_ms: median(second)?,
            p_value: RankSum::test(first, second)?.p_value,
            shift: Shift::between(first, second, SIGNIFICANCE)?,
        })
    }

    /// The least effect that counts, in milliseconds.
    #[must_use]
    pub fn least_ms(&self) -> f64 {
        least_ms(self.median_ms)
    }

    /// Whether the samples differ: the test says so, and the whole interval of the effect lies beyond what counts.
    #[must_use]
    pub fn is_real(&self) -> bool {
        self.is_beyond(self.least_ms())
    }

    /// The same of samples in any unit, where the least effect that counts is `least` in that unit.
    #[must_use]
    pub fn is_beyond(&self, least: f64) -> bool {
        self.p_value < SIGNIFICANCE && (self.shift.low > least || self.shift.high < -least)
    }
}

/// The least effect that counts where the first sample has this median, in milliseconds.
#[must_use]
pub fn least_ms(median_ms: f64) -> f64 {
    (median_ms * LEAST_SHARE).max(LEAST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty times around 2 ms, 0.01 ms apart, moved by so much.
    fn times(moved: f64) -> Vec<f64> {
        (0..20).map(|n| 1.9 + f64::from(n) * 0.01 + moved).collect()
    }

    fn is_real(moved: f64) -> bool {
        Change::between(&times(0.0), &times(moved))
            .expect("both have values")
            .is_real()
    }

    #[test]
    fn an_effect_counts_beyond_a_tenth() {
        assert!(is_real(0.3) && is_real(-0.3));
        // Significant, but less than a tenth of the median.
        let small = Change::between(&times(0.0), &times(0.15)).expect("both have values");
        assert!(small.p_value < 0.001 && !small.is_real(), "{small:?}");
        // Its estimate lies beyond a tenth, but not its whole interval.
        let wide = Change::between(&times(0.0), &times(0.22)).expect("both have values");
        assert!(
            wide.shift.estimate > wide.least_ms() && !wide.is_real(),
            "{wide:?}"
        );
        assert!(!is_real(0.0));
        assert_eq!(Change::between(&[], &[1.0]), None);
    }

    #[test]
    fn an_effect_counts_beyond_a_tenth_of_a_millisecond() {
        let scaled = |moved: f64| {
            let scale = |times: Vec<f64>| -> Vec<f64> { times.iter().map(|t| t / 20.0).collect() };
            Change::between(&scale(times(0.0)), &scale(times(moved))).expect("both have values")
        };
        // From 0.1 to 0.16 ms: more than half, yet nothing to act on.
        let change = scaled(1.2);
        assert!(change.p_value < 0.001 && !change.is_real(), "{change:?}");
        assert!(scaled(3.0).is_real());
    }
}
