//! Deadlines of what a worker has under way: tasks that wait, the next poll, the next flush.
//!
//! A binary heap. Timers of the runtime would do, but fire on a grid of 1 ms, and each is an allocation and a waker; a worker needs one
//! timer, for the first deadline.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Things and when they are due, by [`now_ns`](super::clock::now_ns).
#[derive(Debug)]
pub struct Schedule<T> {
    entries: BinaryHeap<Reverse<Entry<T>>>,
    pushed: u64,
}

#[derive(Debug)]
struct Entry<T> {
    deadline_ns: u64,
    number: u64,
    item: T,
}

impl<T> Entry<T> {
    fn key(&self) -> (u64, u64) {
        (self.deadline_ns, self.number)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl<T> Default for Schedule<T> {
    fn default() -> Self {
        Schedule {
            entries: BinaryHeap::new(),
            pushed: 0,
        }
    }
}

impl<T> Schedule<T> {
    /// One with nothing in it.
    #[must_use]
    pub fn new() -> Schedule<T> {
        Schedule::default()
    }

    /// Adds something that is due at `deadline_ns`.
    pub fn push(&mut self, deadline_ns: u64, item: T) {
        let number = self.pushed;
        self.pushed += 1;
        self.entries.push(Reverse(Entry {
            deadline_ns,
            number,
            item,
        }));
    }

    /// When the first is due; none if there is nothing.
    #[must_use]
    pub fn next_ns(&self) -> Option<u64> {
        self.entries.peek().map(|Reverse(entry)| entry.deadline_ns)
    }

    /// Takes the first if it is due; of those due at the same time, the one that was added first.
    pub fn pop_due(&mut self, now_ns: u64) -> Option<T> {
        if self.next_ns()? > now_ns {
            return None;
        }
        self.entries.pop().map(|Reverse(entry)| entry.item)
    }

    /// Takes everything, due or not, in order.
    pub fn take_all(&mut self) -> Vec<T> {
        let entries = std::mem::take(&mut self.entries).into_sorted_vec();
        // Sorted by what is reversed: the first comes last.
        entries
            .into_iter()
            .rev()
            .map(|Reverse(entry)| entry.item)
            .collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Schedule;

    #[test]
    fn nothing_comes_before_it_is_due() {
        let mut schedule = Schedule::new();
        schedule.push(20, "late");
        schedule.push(10, "early");
        assert_eq!(schedule.next_ns(), Some(10));
        assert_eq!(schedule.pop_due(9), None);
        assert_eq!(schedule.pop_due(10), Some("early"));
        assert_eq!(schedule.pop_due(10), None);
        assert_eq!((schedule.len(), schedule.is_empty()), (1, false));
        assert_eq!(schedule.pop_due(u64::MAX), Some("late"));
        assert_eq!(schedule.next_ns(), None);
    }

    proptest! {
        #[test]
        fn they_come_by_deadline_and_then_as_they_were_added(deadlines in proptest::collection::vec(0_u64..20, 0..100), all: bool) {
            let mut wanted: Vec<(u64, usize)> = deadlines.iter().copied().zip(0..).collect();
            wanted.sort_unstable();
            let mut schedule = Schedule::new();
            deadlines.iter().zip(0_usize..).for_each(|(deadline, number)| schedule.push(*deadline, (*deadline, number)));
            let found = if all {
                schedule.take_all()
            } else {
                std::iter::from_fn(|| schedule.pop_due(20)).collect()
            };
            prop_assert_eq!(found, wanted);
        }
    }
}
