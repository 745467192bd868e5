//! Percentiles of a small sample, by nearest rank.

/// The `percent`-th percentile of `sorted` (ascending) by the nearest-rank method: the smallest value such that at least
/// `percent` % of the sample is not above it.
///
/// `None` where the sample does not support it: a percentile needs at least `100 / (100 - percent)` values (p50 two, p95 twenty,
/// p99 a hundred), otherwise it is the maximum under another name. The median of a single value is that value.
#[must_use]
pub fn percentile(sorted: &[f64], percent: u32) -> Option<f64> {
    assert!(percent < 100, "a percentile lies below 100");
    let needed = if percent <= 50 {
        1
    } else {
        100_usize.div_ceil(100 - percent as usize)
    };
    if sorted.len() < needed {
        return None;
    }
    let rank = (percent as usize * sorted.len()).div_ceil(100).max(1);
    Some(sorted[rank - 1])
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn nearest_rank_takes_a_value_of_the_sample() {
        let sorted: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(percentile(&sorted, 50), Some(10.0));
        assert_eq!(percentile(&sorted, 95), Some(19.0));
    }

    #[test]
    fn a_percentile_the_sample_does_not_support_is_none() {
        let nineteen: Vec<f64> = (1..=19).map(f64::from).collect();
        assert_eq!(percentile(&nineteen, 95), None);
        assert_eq!(percentile(&nineteen, 50), Some(10.0));
        assert_eq!(percentile(&[7.0], 50), Some(7.0));
        assert_eq!(percentile(&[], 50), None);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&hundred, 99), Some(99.0));
        assert_eq!(percentile(&hundred[..99], 99), None);
    }
}
