//! Percentiles of a histogram.

use hdrhistogram::{Counter, Histogram};

use super::Percentiles;

impl Percentiles {
    /// The percentiles of a histogram of microseconds that its number of values supports: the p-th needs `100 / (100 - p)` of them,
    /// otherwise it is the maximum under another name.
    #[must_use]
    pub fn of<T: Counter>(microseconds: &Histogram<T>) -> Percentiles {
        Percentiles::supported(microseconds, microseconds.len())
    }

    /// The same of a histogram in which each call stands once for each of its jobs: what supports a percentile is the number of calls.
    #[must_use]
    pub fn per_job<T: Counter>(microseconds: &Histogram<T>, calls: u64) -> Percentiles {
        Percentiles::supported(microseconds, calls)
    }

    fn supported<T: Counter>(microseconds: &Histogram<T>, by: u64) -> Percentiles {
        let at = |needed: u64, quantile: f64| {
            (by >= needed).then(|| microseconds.value_at_quantile(quantile) as f64 / 1000.0)
        };
        Percentiles {
            n: microseconds.len(),
            p50: at(1, 0.5),
            p90: at(10, 0.9),
            p95: at(20, 0.95),
            p99: at(100, 0.99),
            p999: at(1000, 0.999),
            max: at(1, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::Percentiles;

    fn of(values: u64) -> Percentiles {
        let mut histogram = Histogram::<u32>::new(3).unwrap();
        (1..=values).for_each(|value| histogram.record(value).unwrap());
        Percentiles::of(&histogram)
    }

    #[test]
    fn a_percentile_that_n_does_not_support_is_none() {
        assert_eq!(of(0), Percentiles::default());
        let supported = |values| {
            let found = of(values);
            [found.p50, found.p90, found.p95, found.p99, found.p999].map(|value| value.is_some())
        };
        assert_eq!(supported(1), [true, false, false, false, false]);
        assert_eq!(supported(9), supported(1));
        assert_eq!(supported(10), [true, true, false, false, false]);
        assert_eq!(supported(19), supported(10));
        assert_eq!(supported(20), [true, true, true, false, false]);
        assert_eq!(supported(99), supported(20));
        assert_eq!(supported(100), [true, true, true, true, false]);
        assert_eq!(supported(999), supported(100));
        assert_eq!(supported(1000), [true; 5]);
    }

    #[test]
    fn microseconds_become_milliseconds() {
        let found = of(1000);
        assert_eq!(
            [
                found.p50, found.p90, found.p95, found.p99, found.p999, found.max
            ],
            [0.5, 0.9, 0.95, 0.99, 0.999, 1.0].map(Some)
        );
    }
}
