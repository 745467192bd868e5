//! How often a run that goes on is written to its folder.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How many times as long as it took to write a run it is not written again. A run is written whole: of one with thousands of results
/// that takes tens of milliseconds, and after each result it would take as long as measuring.
const REST: u32 = 20;

/// Lets a run be written after each result while that is quick, and seldom enough when it is not.
#[derive(Debug, Default)]
pub struct Pace {
    /// When it was last written, and how long that took.
    last: Cell<Option<(Instant, Duration)>>,
}

impl Pace {
    /// Writes with `save`, unless that was done too recently: whoever ends the run writes it once more.
    ///
    /// # Errors
    /// Those of `save`.
    pub fn save<E>(&self, save: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let started = Instant::now();
        if self.rests(started) {
            return Ok(());
        }
        save()?;
        self.last.set(Some((Instant::now(), started.elapsed())));
        Ok(())
    }

    fn rests(&self, now: Instant) -> bool {
        self.last
            .get()
            .is_some_and(|(ended, took)| now.saturating_duration_since(ended) < took * REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_it_took_the_longer_it_rests() {
        let ended = Instant::now();
        let rests = |took: u64, after: u64| {
            let pace = Pace::default();
            pace.last.set(Some((ended, Duration::from_millis(took))));
            pace.rests(ended + Duration::from_millis(after))
        };
        assert!(rests(30, 599) && !rests(30, 600));
        assert!(rests(1, 19) && !rests(1, 20));
        assert!(!rests(0, 0));
    }

    #[test]
    fn the_first_is_written_and_what_failed_is_tried_again_at_once() {
        let pace = Pace::default();
        assert_eq!(pace.save(|| Err("full")), Err("full"));
        assert_eq!(pace.save(|| Err("full")), Err("full"));
        let slow = || {
            std::thread::sleep(Duration::from_secs(1));
            Ok::<(), &str>(())
        };
        assert_eq!(pace.save(slow), Ok(()));
        assert_eq!(pace.save(|| Err("not now")), Ok(()), "it rests for 20 s");
    }
}
