//! Holm's correction of probabilities for the number of tests: how likely is *any* false alarm among all of them?
//!
//! S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979), 65–70. It holds
//! whatever the tests have to do with each other.

/// The adjusted probabilities, in the order given: each is to be read as if its test had been the only one.
///
/// The k-th smallest of m is multiplied by m − k + 1, is at least as large as those before it, and at most 1. What is not a number
/// counts as 1: such a test says nothing.
#[must_use]
pub fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let known = |at: usize| {
        let p_value = p_values[at];
        if p_value.is_nan() { 1.0 } else { p_value }
    };
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| known(*one).total_cmp(&known(*other)));
    let mut corrected = vec![1.0; p_values.len()];
    let mut least = 0.0_f64;
    for (smaller, at) in order.into_iter().enumerate() {
        let remaining = (p_values.len() - smaller) as f64;
        least = (known(at) * remaining).clamp(least, 1.0);
        corrected[at] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::adjusted;

    #[track_caller]
    fn assert_close(given: &[f64], expected: &[f64]) {
        let corrected = adjusted(given);
        assert_eq!(corrected.len(), expected.len());
        for (one, other) in corrected.iter().zip(expected) {
            assert!((one - other).abs() < 1e-12, "{corrected:?} {expected:?}");
        }
    }

    #[test]
    fn the_smallest_pays_for_all_and_the_largest_for_itself() {
        // By hand: 4 × 0.005 = 0.02, 3 × 0.01 = 0.03, 2 × 0.03 = 0.06, and 1 × 0.04 is raised to the 0.06 before it.
        assert_close(&[0.01, 0.04, 0.03, 0.005], &[0.03, 0.06, 0.06, 0.02]);
        assert_close(&[0.03], &[0.03]);
        assert_close(&[], &[]);
    }

    #[test]
    fn nothing_exceeds_one_and_what_is_no_number_says_nothing() {
        assert_close(&[0.9, 0.4, 0.8], &[1.0, 1.0, 1.0]);
        assert_close(&[f64::NAN, 0.01], &[1.0, 0.02]);
        // Both are multiplied alike where they are the same.
        assert_close(&[0.02, 0.02], &[0.04, 0.04]);
    }

    proptest! {
        #[test]
        fn it_keeps_the_order_and_lies_between_the_value_and_bonferroni(
            given in proptest::collection::vec(0.0..=1.0_f64, 0..30),
        ) {
            let corrected = adjusted(&given);
            let tests = given.len() as f64;
            for (value, held) in given.iter().zip(&corrected) {
                prop_assert!(value <= held && *held <= (value * tests).min(1.0) + 1e-12);
            }
            for (one, held) in given.iter().zip(&corrected) {
                for (other, other_held) in given.iter().zip(&corrected) {
                    prop_assert!(one > other || held <= other_held);
                }
            }
        }
    }
}
