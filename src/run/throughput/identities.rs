//! What the counts of a drain have to satisfy, whatever happened in it.

use super::{Deliveries, Fetches, ThroughputResult};

impl ThroughputResult {
    /// The first of its counts that contradict each other, as a sentence; none in a result that can be believed. Fetches and deliveries are
    /// counted when they begin and again, elsewhere, when they end.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        let workers = self.worker_results.iter();
        let of_workers = workers.map(|one| {
            let whose = format!("worker {}", one.worker);
            (whose, one.fetches, one.deliveries)
        });
        let all = [("all workers".to_owned(), self.fetches, self.deliveries)];
        let unequal = all
            .into_iter()
            .chain(of_workers)
            .find_map(|(whose, fetches, deliveries)| {
                let what = uneven(fetches, deliveries)?;
                Some(format!("{what} of {whose} do not add up"))
            });
        unequal
            .or_else(|| self.uneven_sums())
            .or_else(|| self.uneven_ledger())
    }

    fn uneven_sums(&self) -> Option<String> {
        let sum = |figure: fn(Fetches, Deliveries) -> u64| {
            let workers = self.worker_results.iter();
            let of_workers: u64 = workers.map(|one| figure(one.fetches, one.deliveries)).sum();
            of_workers != figure(self.fetches, self.deliveries)
        };
        let uneven = sum(|fetches, _| fetches.total) || sum(|_, deliveries| deliveries.total);
        uneven.then(|| "the workers' fetches or deliveries are not those of the drain".to_owned())
    }

    fn uneven_ledger(&self) -> Option<String> {
        let ledger = &self.ledger;
        let known = ledger.done + ledger.dead + ledger.remaining;
        let adds_up = match ledger.lost {
            Some(lost) => known + lost == ledger.acknowledged,
            None => known <= ledger.acknowledged,
        };
        (!adds_up).then(|| "the jobs of the ledger are not those that were acknowledged".to_owned())
    }
}

fn uneven(fetches: Fetches, deliveries: Deliveries) -> Option<&'static str> {
    let fetched = fetches.returned + fetches.empty + fetches.errored;
    let ended =
        deliveries.completed + deliveries.failed + deliveries.released + deliveries.interrupted;
    if fetches.total != fetched {
        Some("the fetches")
    } else if deliveries.total != ended {
        Some("the deliveries")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn contradicted(change: fn(&mut ThroughputResult), expected: &str) {
        let mut result = ThroughputResult::specimen();
        change(&mut result);
        assert_eq!(result.contradiction().as_deref(), Some(expected));
    }

    #[test]
    fn the_specimen_agrees_with_itself() {
        assert_eq!(ThroughputResult::specimen().contradiction(), None);
    }

    #[test]
    fn every_count_is_checked() {
        contradicted(
            |result| result.fetches.empty += 1,
            "the fetches of all workers do not add up",
        );
        contradicted(
            |result| result.worker_results[2].deliveries.completed += 1,
            "the deliveries of worker 3 do not add up",
        );
        contradicted(
            |result| {
                result.fetches.total += 1;
                result.fetches.empty += 1;
            },
            "the workers' fetches or deliveries are not those of the drain",
        );
        contradicted(
            |result| result.ledger.done -= 1,
            "the jobs of the ledger are not those that were acknowledged",
        );
    }

    #[test]
    fn what_is_lost_may_be_unknown() {
        let mut result = ThroughputResult::specimen();
        (result.ledger.lost, result.ledger.done) = (None, result.ledger.done - 5);
        assert_eq!(result.contradiction(), None);
        result.ledger.remaining = 6;
        assert!(result.contradiction().is_some());
    }
}
