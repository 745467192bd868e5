//! Signals while queues are drained: who is there to hear one, and what each further one ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Who heard a signal, and thus what ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The workers: they finish what they hold.
    Workers,
    /// The workers, again: they end at once, and what is left is not drained.
    WorkersAgain,
    /// Who drains what is left, or is about to: it stays where it is.
    Rest,
    /// Nobody who could end by itself.
    Nobody,
}

/// What is going on, as far as signals are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    /// Nothing that a signal could not drop.
    Between = 0,
    /// Workers are there.
    Workers = 1,
    /// They have gone, and their result is being put together.
    Rest = 2,
}

/// Ends a run step by step, and never at the price of what was measured.
#[derive(Debug, Default)]
pub struct Stop {
    pub(super) asked: Arc<AtomicBool>,
    hurried: AtomicBool,
    stage: AtomicU8,
}

impl Stop {
    /// Asks for the run to end with the drain that is going on; asked again, for that to end sooner. Says who heard it.
    pub fn ask(&self) -> Heard {
        let was_asked = self.asked.swap(true, Ordering::Relaxed);
        let stage = self.stage.load(Ordering::Relaxed);
        if stage == Stage::Between as u8 {
            return Heard::Nobody;
        }
        let has_workers = stage == Stage::Workers as u8;
        if has_workers && !was_asked {
            return Heard::Workers;
        }
        match self.hurried.swap(true, Ordering::Relaxed) {
            true => Heard::Nobody,
            false if has_workers => Heard::WorkersAgain,
            false => Heard::Rest,
        }
    }

    /// Whether somebody has asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether workers are to end at once, and what is left is not to be drained.
    pub(super) fn is_hurried(&self) -> bool {
        self.hurried.load(Ordering::Relaxed)
    }

    /// Says what is going on from here.
    pub(super) fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Heard, Stage, Stop};

    #[test]
    fn each_signal_ends_a_little_more() {
        let stop = Stop::default();
        stop.enter(Stage::Workers);
        assert_eq!(stop.ask(), Heard::Workers);
        assert!(stop.is_asked() && !stop.is_hurried());
        assert_eq!(stop.ask(), Heard::WorkersAgain);
        assert!(stop.is_hurried());
        assert_eq!(stop.ask(), Heard::Nobody);
    }

    #[test]
    fn a_drain_of_what_is_left_is_ended_before_its_result_is_dropped() {
        for earlier in [0, 1] {
            let stop = Stop::default();
            stop.enter(Stage::Workers);
            (0..earlier).for_each(|_| assert_eq!(stop.ask(), Heard::Workers));
            stop.enter(Stage::Rest);
            assert_eq!(stop.ask(), Heard::Rest);
            assert!(stop.is_asked() && stop.is_hurried());
            assert_eq!(stop.ask(), Heard::Nobody);
        }
    }

    #[test]
    fn before_and_after_a_drain_nobody_hears() {
        let stop = Stop::default();
        assert_eq!(stop.ask(), Heard::Nobody);
        assert!(stop.is_asked() && !stop.is_hurried());
    }
}
