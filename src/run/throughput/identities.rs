//! What the counts of a drain have to satisfy, whatever happened in it.

use super::{Deliveries, Fetches, ThroughputResult};

/// Figures of a drain that were counted a second time, elsewhere and in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recount {
    /// Jobs of the fixture that are to be drained.
    pub acknowledged: u64,
    /// Jobs completed, as recorders counted them; none where one of them was lost.
    pub completed: Option<u64>,
}

impl ThroughputResult {
    /// The first of its counts that contradict each other, as a sentence; none in a result that can be believed. Fetches and deliveries are
    /// counted when they begin and again, elsewhere, when they end.
    #[must_use]
    pub fn contradiction(&self, recount: &Recount) -> Option<String> {
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
            .or_else(|| self.uneven_recount(recount))
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

    fn uneven_recount(&self, recount: &Recount) -> Option<String> {
        let completed = self.deliveries.completed;
        if self.ledger.acknowledged != recount.acknowledged {
            Some("the jobs of the ledger are not those of the fixture".to_owned())
        } else if recount.completed.is_some_and(|found| found != completed) {
            Some("the jobs that were completed are not those of the series".to_owned())
        } else {
            None
        }
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

    fn recount() -> Recount {
        let specimen = ThroughputResult::specimen();
        Recount {
            acknowledged: specimen.ledger.acknowledged,
            completed: Some(specimen.deliveries.completed),
        }
    }

    #[track_caller]
    fn contradicted(change: fn(&mut ThroughputResult), expected: &str) {
        let mut result = ThroughputResult::specimen();
        change(&mut result);
        let recount = recount();
        assert_eq!(result.contradiction(&recount).as_deref(), Some(expected));
    }

    #[test]
    fn the_specimen_agrees_with_itself() {
        let specimen = ThroughputResult::specimen();
        assert_eq!(specimen.contradiction(&recount()), None);
        let lost = Recount {
            completed: None,
            ..recount()
        };
        assert_eq!(specimen.contradiction(&lost), None);
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
    fn what_was_counted_twice_is_compared() {
        contradicted(
            |result| {
                result.ledger.acknowledged += 1;
                result.ledger.remaining += 1;
            },
            "the jobs of the ledger are not those of the fixture",
        );
        contradicted(
            |result| {
                let worker = &mut result.worker_results[0].deliveries;
                for deliveries in [worker, &mut result.deliveries] {
                    deliveries.total += 1;
                    deliveries.completed += 1;
                }
            },
            "the jobs that were completed are not those of the series",
        );
    }

    #[test]
    fn what_is_lost_may_be_unknown() {
        let mut result = ThroughputResult::specimen();
        (result.ledger.lost, result.ledger.done) = (None, result.ledger.done - 5);
        assert_eq!(result.contradiction(&recount()), None);
        result.ledger.remaining = 6;
        assert!(result.contradiction(&recount()).is_some());
    }
}
