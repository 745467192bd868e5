//! Median and median absolute deviation: where a sample lies and how wide it is, whatever its outliers do.
//!
//! F. R. Hampel, "The influence curve and its role in robust estimation", Journal of the American Statistical Association 69 (1974).

/// The median of values in any order: the middle one, or the mean of the two in the middle. `None` of no values.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    median_of_sorted(&sorted)
}

/// The same of values in ascending order.
#[must_use]
pub fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(*upper);
    }
    Some((sorted[middle - 1] + upper) / 2.0)
}

/// The median of the distances from the median, without a factor that would make it a standard deviation. `None` of no values.
#[must_use]
pub fn median_absolute_deviation(values: &[f64]) -> Option<f64> {
    let middle = median(values)?;
    let distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    median(&distances)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn an_outlier_does_not_widen_the_deviation() {
        // Distances from 2: 1 1 0 0 2 4 7.
        assert_eq!(
            median_absolute_deviation(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]),
            Some(1.0)
        );
        let far = [1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9e9];
        assert_eq!(median_absolute_deviation(&far), Some(1.0));
        assert_eq!(median_absolute_deviation(&[]), None);
    }
}
