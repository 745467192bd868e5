//! Which queue a worker fetches from next: one after the other, and a pause only when all of them were empty.

/// A worker's way around the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rotation {
    queues: usize,
    next: usize,
    empty_in_a_row: usize,
}

impl Rotation {
    /// Workers start at different queues. A fetch that takes from all queues at once goes around one.
    pub(super) fn new(queues: usize, worker: usize) -> Rotation {
        let queues = queues.max(1);
        Rotation {
            queues,
            next: worker % queues,
            empty_in_a_row: 0,
        }
    }

    /// The queue to fetch from, by its index.
    pub(super) fn queue(self) -> usize {
        self.next
    }

    /// A fetch returned so many jobs; goes on to the next queue. Whether it ended a full round of empty fetches.
    pub(super) fn fetched(&mut self, jobs: usize) -> bool {
        self.next = (self.next + 1) % self.queues;
        self.empty_in_a_row = if jobs > 0 { 0 } else { self.empty_in_a_row + 1 };
        let is_round = self.empty_in_a_row == self.queues;
        if is_round {
            self.empty_in_a_row = 0;
        }
        is_round
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_over_when_every_queue_was_empty_in_a_row() {
        let mut rotation = Rotation::new(3, 4);
        assert_eq!(rotation.queue(), 1);
        let rounds = [0, 0, 5, 0, 0, 0, 0].map(|jobs| rotation.fetched(jobs));
        assert_eq!(rounds, [false, false, false, false, false, true, false]);
        assert_eq!(rotation.queue(), 2);
        let mut one = Rotation::new(0, 7);
        assert_eq!(
            (one.queue(), one.fetched(0), one.fetched(1)),
            (0, true, false)
        );
    }
}
