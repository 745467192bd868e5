//! A histogram whose classes double in width, as pg_test_timing prints it.

/// Whole numbers counted by their power of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowersOfTwo {
    counts: [u64; 65],
}

impl Default for PowersOfTwo {
    fn default() -> Self {
        PowersOfTwo { counts: [0; 65] }
    }
}

impl PowersOfTwo {
    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        self.counts[(u64::BITS - value.leading_zeros()) as usize] += 1;
    }

    /// Number of values.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The classes that hold a value, ascending: the power of two that bounds it (its values are less than that, and not less than
    /// half of it), and how many there are. Zero is less than 1.
    pub fn classes(&self) -> impl Iterator<Item = (u128, u64)> {
        let classes = self.counts.iter().enumerate();
        classes
            .filter(|(_, count)| **count > 0)
            .map(|(bits, count)| (1_u128 << bits, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::PowersOfTwo;

    #[test]
    fn a_class_holds_what_is_less_than_its_bound() {
        let mut histogram = PowersOfTwo::default();
        for value in [0, 1, 2, 3, 4, 1023, 1024, u64::MAX] {
            histogram.record(value);
        }
        let classes: Vec<(u128, u64)> = histogram.classes().collect();
        let wanted = [
            (1, 1),
            (2, 1),
            (4, 2),
            (8, 1),
            (1024, 1),
            (2048, 1),
            (1 << 64, 1),
        ];
        assert_eq!(classes, wanted);
        assert_eq!(histogram.total(), 8);
    }
}
