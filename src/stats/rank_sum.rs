//! The Mann–Whitney (Wilcoxon rank-sum) test: do the values of one sample tend to be larger than those of another?
//!
//! H. B. Mann and D. R. Whitney, "On a test of whether one of two random variables is stochastically larger than the other", Annals of
//! Mathematical Statistics 18 (1947); ties and the normal approximation as in M. Hollander, D. A. Wolfe and E. Chicken, "Nonparametric
//! Statistical Methods", 3rd edition (2014), section 4.1.

/// Samples up to this size have the exact distribution (the same limit as R's `wilcox.test`).
const EXACT_UP_TO: usize = 49;

/// What the test gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankSum {
    /// Pairs in which the second sample's value is the larger one; a tie counts one half.
    pub u: f64,
    /// The two-sided probability of a `u` at least as far from its mean if both samples came from one distribution.
    pub p_value: f64,
}

impl RankSum {
    /// Tests two samples: exactly where they are small and hold no ties, else with the normal approximation, corrected for ties and
    /// for continuity. `None` where one of them is empty.
    #[must_use]
    pub fn test(first: &[f64], second: &[f64]) -> Option<RankSum> {
        let (m, n) = (first.len(), second.len());
        if m == 0 || n == 0 {
            return None;
        }
        let ranked = Ranked::of(first, second);
        let u = ranked.second_sum - (n * (n + 1)) as f64 / 2.0;
        let p_value = if m.max(n) <= EXACT_UP_TO && ranked.ties == 0.0 {
            exact_p_value(u, m, n)
        } else {
            approximate_p_value(u, m, n, ranked.ties)
        };
        Some(RankSum { u, p_value })
    }

    /// The smallest probability that samples of these sizes can come to without ties, however far they lie apart: two arrangements of all
    /// there are.
    #[must_use]
    pub fn least_p_value(m: u64, n: u64) -> f64 {
        let arrangements = (1..=m).fold(1.0, |product, i| product * (n + i) as f64 / i as f64);
        (2.0 / arrangements).min(1.0)
    }
}

/// Both samples ranked together, ties by their mean rank.
struct Ranked {
    /// Sum of the second sample's ranks.
    second_sum: f64,
    /// Sum of t³ − t over the groups of t equal values.
    ties: f64,
}

impl Ranked {
    fn of(first: &[f64], second: &[f64]) -> Ranked {
        let tag = |values: &[f64], is_second: bool| -> Vec<(f64, bool)> {
            values.iter().map(|value| (*value, is_second)).collect()
        };
        let mut all = [tag(first, false), tag(second, true)].concat();
        all.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut ranked = Ranked {
            second_sum: 0.0,
            ties: 0.0,
        };
        let mut before = 0;
        for group in all.chunk_by(|one, other| one.0 == other.0) {
            let size = group.len() as f64;
            let rank = before as f64 + (size + 1.0) / 2.0;
            let of_second = group.iter().filter(|(_, is_second)| *is_second).count();
            ranked.second_sum += rank * of_second as f64;
            ranked.ties += size * (size * size - 1.0);
            before += group.len();
        }
        ranked
    }
}

/// Twice the smaller tail.
fn exact_p_value(u: f64, m: usize, n: usize) -> f64 {
    let smaller = u.min((m * n) as f64 - u);
    // Without ties u is a whole number.
    let tail = cumulative(m, n)[smaller as usize];
    (2.0 * tail).min(1.0)
}

fn approximate_p_value(u: f64, m: usize, n: usize, ties: f64) -> f64 {
    let (m, n) = (m as f64, n as f64);
    let all = m + n;
    let variance = m * n / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    if variance <= 0.0 {
        // All values are equal: nothing tells the samples apart.
        return 1.0;
    }
    let distance = ((u - m * n / 2.0).abs() - 0.5).max(0.0);
    libm::erfc(distance / variance.sqrt() / std::f64::consts::SQRT_2)
}

/// The probabilities that U of samples of these sizes, without ties, is at most 0, 1, 2 … m·n.
///
/// The number of arrangements with a given U is a coefficient of the Gaussian binomial: the product over i of
/// (1 − q^(n+i)) / (1 − q^i).
fn cumulative(m: usize, n: usize) -> Vec<f64> {
    // Whole numbers: of 49 and 49 there are 2.5e28 arrangements.
    let mut counts = vec![0_i128; m * n + 1];
    counts[0] = 1;
    for i in 1..=m {
        for power in (n + i..counts.len()).rev() {
            counts[power] -= counts[power - n - i];
        }
        for power in i..counts.len() {
            counts[power] += counts[power - i];
        }
    }
    let total: i128 = counts.iter().sum();
    let mut sum = 0;
    counts
        .iter()
        .map(|count| {
            sum += count;
            sum as f64 / total as f64
        })
        .collect()
}

/// How many pairwise differences lie outside a confidence interval for the shift, on each side: the largest k such that the k
/// smallest and the k largest can be left out with at most `alpha` of probability lost. 0 where the samples are too small for it.
#[must_use]
pub fn differences_outside(m: usize, n: usize, alpha: f64) -> usize {
    if m.max(n) <= EXACT_UP_TO {
        return cumulative(m, n)
            .iter()
            .take_while(|probability| **probability <= alpha / 2.0)
            .count();
    }
    let (m, n) = (m as f64, n as f64);
    let deviation = (m * n * (m + n + 1.0) / 12.0).sqrt();
    // Rounded down: the interval is rather too wide than too narrow.
    (m * n / 2.0 - two_sided_quantile(alpha) * deviation).max(0.0) as usize
}

/// The z with `alpha` of the standard normal distribution beyond ±z, by bisection of its tail.
fn two_sided_quantile(alpha: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..100 {
        let middle: f64 = f64::midpoint(low, high);
        if libm::erfc(middle / std::f64::consts::SQRT_2) > alpha {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 5e-5, "{found}, not {wanted}");
    }

    /// Hollander and Wolfe, example 4.1: permeability of membranes at term and earlier. R 4 gives W = 35, p = 0.2544.
    #[test]
    fn the_textbooks_example() {
        let at_term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let earlier = [1.15, 0.88, 0.90, 0.74, 1.21];
        let tested = RankSum::test(&earlier, &at_term).expect("both have values");
        assert_eq!(tested.u, 35.0);
        close(tested.p_value, 0.2544);
        let turned = RankSum::test(&at_term, &earlier).expect("both have values");
        assert_eq!((turned.u, turned.p_value), (15.0, tested.p_value));
    }

    #[test]
    fn small_samples_have_exact_probabilities() {
        let p = |first: &[f64], second: &[f64]| {
            RankSum::test(first, second)
                .expect("both have values")
                .p_value
        };
        // One arrangement of 20, of 70, and of 252, on either side.
        close(p(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), 2.0 / 20.0);
        close(p(&[5.0, 6.0, 7.0, 8.0], &[1.0, 2.0, 3.0, 4.0]), 2.0 / 70.0);
        let (low, high) = ([1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]);
        close(p(&low, &high), 2.0 / 252.0);
        // U = 1 of 3 and 3: two arrangements.
        close(p(&[1.0, 2.0, 4.0], &[3.0, 5.0, 6.0]), 4.0 / 20.0);
        close(p(&[1.0], &[2.0]), 1.0);
        for (m, n) in [(3_u32, 3_u32), (5, 5), (4, 7), (1, 1)] {
            let low: Vec<f64> = (0..m).map(f64::from).collect();
            let high: Vec<f64> = (m..m + n).map(f64::from).collect();
            let least = RankSum::least_p_value(m.into(), n.into());
            assert!((least - p(&low, &high)).abs() < 1e-12, "{m} and {n}");
        }
    }

    /// The greatest U that is significant at 5 %, two-sided, as every textbook's table has it.
    #[test]
    fn the_table_of_critical_values() {
        for (m, n, critical) in [
            (4, 4, 0),
            (5, 5, 2),
            (5, 8, 6),
            (8, 8, 13),
            (10, 10, 23),
            (12, 15, 49),
            (20, 20, 127),
        ] {
            let probabilities = cumulative(m, n);
            assert!(2.0 * probabilities[critical] <= 0.05, "{m} and {n}");
            assert!(2.0 * probabilities[critical + 1] > 0.05, "{m} and {n}");
            assert_eq!(differences_outside(m, n, 0.05), critical + 1);
        }
        assert_eq!(differences_outside(3, 3, 0.05), 0, "too few for 5 %");
    }

    /// By hand: three twos and three threes among the eight values, so t³ − t sums to 48.
    #[test]
    fn ties_count_one_half_and_narrow_the_distribution() {
        let (first, second) = ([1.0, 2.0, 2.0, 3.0], [2.0, 3.0, 3.0, 4.0]);
        let tested = RankSum::test(&first, &second).expect("both have values");
        // 2 wins once and ties twice; each 3 wins three times and ties once; 4 wins all.
        assert_eq!(tested.u, 2.0 + 3.5 + 3.5 + 4.0);
        let variance = 16.0 / 12.0 * (9.0 - 48.0 / 56.0);
        let z: f64 = (13.0 - 8.0 - 0.5) / f64::sqrt(variance);
        close(tested.p_value, libm::erfc(z / std::f64::consts::SQRT_2));
        close(tested.p_value, 0.1720);
        let equal = RankSum::test(&[7.0; 20], &[7.0; 20]).expect("both have values");
        assert_eq!((equal.u, equal.p_value), (200.0, 1.0));
        assert_eq!(RankSum::test(&[], &[1.0]), None);
    }

    #[test]
    fn the_approximation_continues_the_exact_distribution() {
        let outside = |size| differences_outside(size, size, 0.05) as f64;
        let step = outside(49) - outside(48);
        assert!((outside(50) - outside(49) - step).abs() < 3.0);
        close(two_sided_quantile(0.05), 1.959_96);
        let first: Vec<f64> = (0..49).map(|n| f64::from(n) * 2.0).collect();
        let second: Vec<f64> = first.iter().map(|value| value + 21.0).collect();
        let tested = RankSum::test(&first, &second).expect("both have values");
        let approximate = approximate_p_value(tested.u, 49, 49, 0.0);
        assert!(
            (tested.p_value - approximate).abs() < 1e-3,
            "{tested:?}, {approximate}"
        );
    }
}
