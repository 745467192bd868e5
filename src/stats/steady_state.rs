//! Where a series has left its beginning behind: MSER and MSER-5.
//!
//! K. P. White, "An effective truncation heuristic for bias reduction in simulation output", Simulation 69 (1997): the beginning to cut
//! off is the one without which the mean is known best. In means of five: K. P. White, M. J. Cobb and S. C. Spratt, "A comparison of
//! five steady-state truncation heuristics for simulation", Winter Simulation Conference (2000). The last five values are never taken
//! alone, because few values agree by chance: K. Hoad, S. Robinson and R. Davies, "Automating warm-up length estimation", Journal of
//! the Operational Research Society 61 (2010).

/// Fewer values say nothing about what is steady.
pub const LEAST_VALUES: usize = 10;

/// Values that are put together, where there are enough.
const BATCH: usize = 5;

/// From so many values on they are put together: twenty batches.
const IN_BATCHES_FROM: usize = 20 * BATCH;

/// What is left after a cut has at least so many values, or batches of them.
const LEAST_LEFT: usize = 5;

/// How many of the values, which were taken at even intervals, belong to the beginning; after them the series is steady. None if there
/// are fewer than [`LEAST_VALUES`], or if as much as half of them would have to be cut off: such a series has not become steady.
#[must_use]
pub fn steady_from(values: &[f64]) -> Option<usize> {
    if values.len() < LEAST_VALUES || !values.iter().all(|value| value.is_finite()) {
        return None;
    }
    if values.len() < IN_BATCHES_FROM {
        return least_uncertain(values);
    }
    let means: Vec<f64> = values.chunks_exact(BATCH).map(mean).collect();
    Some(least_uncertain(&means)? * BATCH)
}

/// The cut after which the squared standard error of the mean is least; the first of several. None if it lies in the second half.
fn least_uncertain(values: &[f64]) -> Option<usize> {
    let cuts = 0..=values.len().checked_sub(LEAST_LEFT)?;
    let uncertainty = |cut: usize| {
        let left = &values[cut..];
        let middle = mean(left);
        let squares = left.iter().map(|value| (value - middle).powi(2));
        squares.sum::<f64>() / (left.len() as f64).powi(2)
    };
    let least = cuts
        .map(|cut| (cut, uncertainty(cut)))
        .min_by(|one, other| one.1.total_cmp(&other.1))?;
    (2 * least.0 < values.len()).then_some(least.0)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values around 100 that repeat and favour no place.
    fn around_100(number: usize) -> Vec<f64> {
        (0..number)
            .map(|n| 98.0 + ((n * 7 + 2) % 5) as f64)
            .collect()
    }

    #[test]
    fn a_slow_start_is_cut_off() {
        let start = [10.0, 40.0, 70.0];
        let series = [&start[..], &around_100(17)].concat();
        assert_eq!(steady_from(&series), Some(3));
        let fast_start = [400.0, 300.0, 200.0, 150.0];
        let series = [&fast_start[..], &around_100(40)].concat();
        assert_eq!(steady_from(&series), Some(4));
    }

    #[test]
    fn what_is_steady_from_the_beginning_is_left_whole() {
        assert_eq!(steady_from(&around_100(20)), Some(0));
        assert_eq!(steady_from(&around_100(200)), Some(0));
        assert_eq!(steady_from(&[7.0; 10]), Some(0));
    }

    #[test]
    fn long_series_are_cut_between_batches() {
        let start: Vec<f64> = (0..12).map(|n| f64::from(n) * 8.0).collect();
        let series = [&start[..], &around_100(150)].concat();
        assert_eq!(
            steady_from(&series),
            Some(15),
            "12 seconds are in three batches"
        );
    }

    #[test]
    fn what_never_becomes_steady_has_no_beginning() {
        let falling: Vec<f64> = (0..60).map(|n| 1000.0 - 10.0 * f64::from(n)).collect();
        assert_eq!(steady_from(&falling), None);
        let falling: Vec<f64> = (0..300).map(|n| 1000.0 - 3.0 * f64::from(n)).collect();
        assert_eq!(steady_from(&falling), None);
        let late = [vec![10.0; 15], vec![0.0, 20.0, 50.0], around_100(12)].concat();
        assert_eq!(steady_from(&late), None, "more than half would go");
    }

    #[test]
    fn too_few_or_unknown_values_say_nothing() {
        assert_eq!(steady_from(&around_100(9)), None);
        assert_eq!(steady_from(&[]), None);
        let mut gap = around_100(20);
        gap[4] = f64::NAN;
        assert_eq!(steady_from(&gap), None);
    }
}
