//! What a ledger breaks of what a queue promises.

use super::LedgerCounts;
use crate::definition::queue::Delivery;
use crate::units::counted;

impl LedgerCounts {
    /// Jobs lost where more are than the promise allows, else 0; none where that is not known. A queue that delivers at most once may lose
    /// those jobs whose delivery was interrupted.
    #[must_use]
    pub fn lost_against(&self, delivery: Delivery, interrupted: u64) -> Option<u64> {
        let may_lose = if delivery == Delivery::AtMostOnce {
            interrupted
        } else {
            0
        };
        self.lost.map(|lost| if lost > may_lose { lost } else { 0 })
    }

    /// What breaks the queue's promise, a sentence each; empty where all is as promised.
    ///
    /// Jobs that are lost, altered or unexpected always do. Jobs delivered twice do where the queue promises once at most.
    #[must_use]
    pub fn breaches(&self, delivery: Delivery, interrupted: u64) -> Vec<String> {
        let may_repeat = delivery == Delivery::AtLeastOnce;
        let lost = self.lost_against(delivery, interrupted).unwrap_or(0);
        let duplicated = if may_repeat { 0 } else { self.duplicated };
        let breaches = [
            (lost, "lost: neither completed nor dead nor in the queue"),
            (
                self.altered,
                "altered: delivered with a payload that does not agree with its checksum",
            ),
            (
                self.unexpected,
                "unexpected: delivered although never to be",
            ),
            (
                duplicated,
                "duplicated: delivered again although completed, or while another worker had it",
            ),
        ];
        let told = breaches.into_iter().filter(|(jobs, _)| *jobs > 0);
        told.map(|(jobs, what)| format!("{} {what}", counted(jobs as usize, "job")))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Delivery, LedgerCounts};

    fn counts(lost: Option<u64>, duplicated: u64) -> LedgerCounts {
        LedgerCounts {
            lost,
            duplicated,
            ..LedgerCounts::default()
        }
    }

    #[test]
    fn lost_altered_and_unexpected_are_breaches_whatever_is_promised() {
        let counts = LedgerCounts {
            lost: Some(1),
            altered: 2,
            unexpected: 3,
            ..LedgerCounts::default()
        };
        for delivery in [
            Delivery::AtLeastOnce,
            Delivery::AtMostOnce,
            Delivery::ExactlyOnce,
        ] {
            assert_eq!(counts.breaches(delivery, 0).len(), 3, "{delivery:?}");
        }
        assert_eq!(
            counts.breaches(Delivery::AtLeastOnce, 9)[0],
            "1 job lost: neither completed nor dead nor in the queue"
        );
    }

    #[test]
    fn what_is_not_known_is_no_breach() {
        assert!(
            counts(None, 0)
                .breaches(Delivery::ExactlyOnce, 0)
                .is_empty()
        );
    }

    #[test]
    fn duplicates_and_interrupted_deliveries_are_judged_by_the_promise() {
        let breaches = |counts: &LedgerCounts, delivery| counts.breaches(delivery, 4).len();
        let twice = counts(Some(0), 1);
        assert_eq!(breaches(&twice, Delivery::AtLeastOnce), 0);
        assert_eq!(breaches(&twice, Delivery::AtMostOnce), 1);
        assert_eq!(breaches(&twice, Delivery::ExactlyOnce), 1);
        let interrupted = counts(Some(4), 0);
        assert_eq!(breaches(&interrupted, Delivery::AtLeastOnce), 1);
        assert_eq!(breaches(&interrupted, Delivery::AtMostOnce), 0);
        assert_eq!(breaches(&counts(Some(5), 0), Delivery::AtMostOnce), 1);
    }
}
