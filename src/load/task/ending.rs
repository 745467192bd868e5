//! How the task of a delivery ends: decided by a hash, so that a run can be repeated.

use crate::definition::scenario::Outcomes;
use crate::stats::splitmix::{hash_of, unit};

/// How a task is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It succeeds, if it can.
    Success,
    /// It reports an error.
    Failure,
    /// The worker hands the job back.
    Release,
    /// It panics.
    Panic,
}

/// How the task of a delivery is to end: `delivery` is 0 for a job that was never delivered before, so the first deliveries of two
/// runs with the same seed end alike whichever worker has them.
#[must_use]
pub fn ending(outcomes: &Outcomes, seed: u64, seq: u64, delivery: u64) -> Ending {
    let Outcomes {
        failed,
        released,
        panicked,
    } = *outcomes;
    if failed + released + panicked <= 0.0 {
        return Ending::Success;
    }
    let chance = unit(hash_of(&[seed, seq, delivery]));
    if chance < failed {
        Ending::Failure
    } else if chance < failed + released {
        Ending::Release
    } else if chance < failed + released + panicked {
        Ending::Panic
    } else {
        Ending::Success
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_met_and_repeat() {
        let outcomes = Outcomes {
            failed: 0.1,
            released: 0.2,
            panicked: 0.05,
        };
        let all: Vec<Ending> = (1..=10_000)
            .map(|seq| ending(&outcomes, 1, seq, 0))
            .collect();
        let share = |wanted| all.iter().filter(|one| **one == wanted).count();
        assert!((900..1100).contains(&share(Ending::Failure)));
        assert!((1900..2100).contains(&share(Ending::Release)));
        assert!((400..600).contains(&share(Ending::Panic)));
        assert_eq!(ending(&outcomes, 1, 5, 0), all[4]);
        let second =
            (1..=10_000).filter(|seq| ending(&outcomes, 1, *seq, 1) != all[*seq as usize - 1]);
        assert!(second.count() > 1_000);
        assert_eq!(ending(&Outcomes::default(), 1, 5, 0), Ending::Success);
    }
}
