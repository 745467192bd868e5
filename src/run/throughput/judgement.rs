//! What the ledger and the waits of a drain amount to.

use super::{Ended, LedgerCounts, ThroughputResult, Waits};
use crate::definition::queue::Delivery;

/// What a drain's ledger amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LedgerVerdict {
    /// Every job is accounted for as the queue promises.
    Clean,
    /// Nothing is known to be wrong, but what is lost is not known: the queue was not drained.
    Open,
    /// Jobs were delivered more often than the queue promises.
    Duplicates,
    /// Jobs were lost or altered, or came that were never to be delivered.
    Broken,
}

impl LedgerVerdict {
    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LedgerVerdict::Clean => "clean",
            LedgerVerdict::Open => "open",
            LedgerVerdict::Duplicates => "duplicates",
            LedgerVerdict::Broken => "broken",
        }
    }
}

impl ThroughputResult {
    /// Whether the ledger shows what the queue promises not to do ([`LedgerCounts::breaches`]).
    #[must_use]
    pub fn breaks_promise(&self) -> bool {
        let interrupted = self.deliveries.interrupted;
        !self.ledger.breaches(self.delivery, interrupted).is_empty()
    }

    /// Jobs lost where more are than the queue's promise allows, else 0; none where that is not known.
    #[must_use]
    pub fn lost_against_promise(&self) -> Option<u64> {
        let interrupted = self.deliveries.interrupted;
        self.ledger.lost_against(self.delivery, interrupted)
    }

    /// Whether jobs were delivered twice although the queue promises that they are not.
    #[must_use]
    pub fn breaks_delivery(&self) -> bool {
        self.ledger.duplicated > 0 && self.delivery != Delivery::AtLeastOnce
    }

    /// What the ledger amounts to.
    #[must_use]
    pub fn ledger_verdict(&self) -> LedgerVerdict {
        let but_for_duplicates = LedgerCounts {
            duplicated: 0,
            ..self.ledger.clone()
        };
        let interrupted = self.deliveries.interrupted;
        let breaches = but_for_duplicates.breaches(self.delivery, interrupted);
        if !breaches.is_empty() {
            LedgerVerdict::Broken
        } else if self.breaks_delivery() {
            LedgerVerdict::Duplicates
        } else if self.ledger.lost.is_none() {
            LedgerVerdict::Open
        } else {
            LedgerVerdict::Clean
        }
    }

    /// Workers that gave up, with the reason of each. One whose process was killed did not.
    pub fn gave_up(&self) -> impl Iterator<Item = (u64, &str)> {
        let gave_up = self.worker_results.iter().filter(|worker| worker.gave_up);
        gave_up.map(|worker| (worker.worker, worker.failure.as_deref().unwrap_or_default()))
    }

    /// Whether workers could not go on: all of them, or some, whose work the others may have done.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.ended == Ended::Failed || self.gave_up().next().is_some()
    }

    /// Whether jobs were completed, but all of them before the warm-up was over.
    #[must_use]
    pub fn is_over_before_measuring(&self) -> bool {
        self.throughput.is_none() && self.deliveries.completed > 0
    }

    /// Whether every threshold held.
    #[must_use]
    pub fn thresholds_held(&self) -> bool {
        self.thresholds.iter().all(|threshold| threshold.held)
    }
}

impl Waits {
    /// The event that sessions waited for most, with its share; none if they never waited for one.
    #[must_use]
    pub fn foremost(&self) -> Option<(&str, f64)> {
        let events = self.shares.iter().filter(|(name, _)| name.contains(':'));
        let most = events.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
        Some((most.0.as_str(), *most.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_gave_up_fails_the_drain_and_a_killed_one_does_not() {
        let mut result = ThroughputResult::specimen();
        assert!(!result.has_failed());
        result.worker_results[1].failure = Some("its process is gone".to_owned());
        assert!(!result.has_failed());
        result.worker_results[2].failure = Some("fetching failed".to_owned());
        result.worker_results[2].gave_up = true;
        assert!(result.has_failed());
        let gave_up: Vec<(u64, &str)> = result.gave_up().collect();
        assert_eq!(gave_up, [(3, "fetching failed")]);
    }

    #[test]
    fn a_ledger_is_judged_by_what_the_queue_promises() {
        let verdict = |change: fn(&mut ThroughputResult)| {
            let mut result = ThroughputResult::specimen();
            change(&mut result);
            result.ledger_verdict()
        };
        assert_eq!(verdict(|_| ()), LedgerVerdict::Clean);
        assert_eq!(
            verdict(|result| result.ledger.lost = None),
            LedgerVerdict::Open
        );
        let duplicated = verdict(|result| result.ledger.duplicated = 1);
        assert_eq!(duplicated, LedgerVerdict::Clean, "at least once allows it");
        let duplicated = verdict(|result| {
            result.ledger.duplicated = 1;
            result.delivery = Delivery::ExactlyOnce;
        });
        assert_eq!(duplicated, LedgerVerdict::Duplicates);
        for change in [
            (|result| result.ledger.lost = Some(1)) as fn(&mut ThroughputResult),
            |result| result.ledger.altered = 1,
            |result| (result.ledger.unexpected, result.ledger.lost) = (1, None),
        ] {
            assert_eq!(verdict(change), LedgerVerdict::Broken);
        }
    }

    #[test]
    fn what_is_no_event_is_no_wait() {
        let mut waits = ThroughputResult::specimen().waits.unwrap_or_default();
        assert_eq!(waits.foremost(), Some(("IO:WALSync", 0.28)));
        waits.shares.retain(|name, _| !name.contains(':'));
        assert_eq!(waits.foremost(), None);
    }
}
