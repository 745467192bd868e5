//! A stated amount of arithmetic on the worker's own thread.

use std::hint::black_box;

/// What the task is measured by.
pub const METRIC: &str = "operations per ms";

/// So many rounds, each one multiplication, one addition and one rotation of 64 bits that need the round before: neither the
/// compiler nor the processor can do them side by side. Returns their number.
#[must_use]
pub fn work(operations: u64) -> u64 {
    black_box(rounds(black_box(operations)));
    operations
}

fn rounds(operations: u64) -> u64 {
    (0..operations).fold(1, |state: u64, _| {
        state
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f)
            .rotate_left(23)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_is_done() {
        assert_eq!(rounds(0), 1);
        let one = 0x5851_f42d_4c95_7f2d_u64.wrapping_add(0x1405_7b7e_f767_814f);
        assert_eq!(rounds(1), one.rotate_left(23));
        assert_ne!(rounds(1_000), rounds(1_001));
        assert_eq!(work(1_000), 1_000);
    }
}
