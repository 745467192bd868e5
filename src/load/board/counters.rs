//! What one worker counts, where every process of a run sees it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::run::throughput::{Deliveries, Fetches, WorkerState};

/// A number in shared memory. Its value is exact; when others see it in relation to other numbers is not.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Takes `amount` away.
    pub fn subtract(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }

    /// Makes it `value`.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Its value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one worker counts: written by it alone while it lives, on cache lines that no other worker writes to.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub struct Counters {
    state: Counter,
    /// When it began to connect, by [`now_ns`](crate::load::clock::now_ns); 0 before.
    pub started_ns: Counter,
    /// When it was connected and prepared, or had its first answer where that is what is measured; 0 before.
    pub ready_ns: Counter,
    /// When it was done; 0 before.
    pub finished_ns: Counter,
    /// When its last completion was durable; 0 before the first.
    pub last_completion_ns: Counter,
    /// Calls of fetch that were begun.
    pub fetches_begun: Counter,
    /// Calls of fetch that returned jobs.
    pub fetches_returned: Counter,
    /// Calls of fetch that found none.
    pub fetches_empty: Counter,
    /// Calls of fetch that failed.
    pub fetches_errored: Counter,
    /// Jobs that fetches returned.
    pub delivered: Counter,
    /// Deliveries ended by a durable completion.
    pub completed: Counter,
    /// Deliveries ended by a report of failure.
    pub failed: Counter,
    /// Deliveries ended by handing the job back.
    pub released: Counter,
    /// Deliveries ended by nothing that is known to be durable.
    pub interrupted: Counter,
    /// Of those completed, the ones after the warm-up.
    pub completed_after_warmup: Counter,
    /// Calls that failed, each once, whatever was done about it.
    pub errors: Counter,
    /// Retries after errors that a retry may mend.
    pub retries: Counter,
    /// Connections opened after the first.
    pub reconnects: Counter,
    /// Jobs fetched and not yet ended.
    pub held: Counter,
    /// Processor time of its thread, in nanoseconds.
    pub cpu_ns: Counter,
    /// Of that, what it took before execution began.
    pub cpu_before_ns: Counter,
    /// Of the processor time, what its tasks took.
    pub task_cpu_ns: Counter,
    /// What its tasks came to, in their own metric's unit.
    pub task_amount: Counter,
    /// Time in which tasks were under way, in nanoseconds.
    pub task_busy_ns: Counter,
    /// Full rounds of empty fetches over all queues since the last that returned jobs, nothing being held.
    pub empty_rounds: Counter,
    /// When it has to be done with what it holds, where it alone is asked to leave; 0 while it is to stay.
    pub leave_by_ns: Counter,
}

impl Counters {
    /// What the worker is doing.
    #[must_use]
    pub fn state(&self) -> WorkerState {
        WorkerState::ALL
            .into_iter()
            .find(|state| *state as u64 == self.state.get())
            .unwrap_or_default()
    }

    /// Says what the worker is doing.
    pub fn set_state(&self, state: WorkerState) {
        self.state.set(state as u64);
    }

    /// Processor time of its thread since execution began, in nanoseconds.
    #[must_use]
    pub fn executing_cpu_ns(&self) -> u64 {
        self.cpu_ns.get().saturating_sub(self.cpu_before_ns.get())
    }

    /// Calls of fetch by how they ended.
    #[must_use]
    pub fn fetches(&self) -> Fetches {
        Fetches {
            total: self.fetches_begun.get(),
            returned: self.fetches_returned.get(),
            empty: self.fetches_empty.get(),
            errored: self.fetches_errored.get(),
        }
    }

    /// Deliveries by how they ended.
    #[must_use]
    pub fn deliveries(&self) -> Deliveries {
        Deliveries {
            total: self.delivered.get(),
            completed: self.completed.get(),
            failed: self.failed.get(),
            released: self.released.get(),
            interrupted: self.interrupted.get(),
        }
    }

    /// Ends what a worker that was killed left open: a fetch under way errored, deliveries without an end were interrupted. Call it once
    /// nobody writes here any more; a second call changes nothing. A worker that leaves by itself counts them itself.
    pub fn close(&self) {
        let fetches = self.fetches();
        let ended = fetches.returned + fetches.empty + fetches.errored;
        self.fetches_errored
            .add(fetches.total.saturating_sub(ended));
        let deliveries = self.deliveries();
        let ended =
            deliveries.completed + deliveries.failed + deliveries.released + deliveries.interrupted;
        self.interrupted.add(deliveries.total.saturating_sub(ended));
        self.held.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::Counters;
    use crate::run::throughput::WorkerState;

    #[test]
    fn what_a_killed_worker_left_open_is_ended_once() {
        let counters = Counters::default();
        counters.fetches_begun.add(3);
        counters.fetches_returned.add(1);
        counters.fetches_empty.add(1);
        counters.delivered.add(10);
        counters.completed.add(4);
        counters.held.set(6);
        counters.close();
        counters.close();
        assert_eq!(counters.fetches().errored, 1);
        assert_eq!(counters.deliveries().interrupted, 6);
        assert_eq!(counters.held.get(), 0);
    }

    #[test]
    fn every_state_comes_back() {
        let counters = Counters::default();
        assert_eq!(counters.state(), WorkerState::Connecting);
        for state in WorkerState::ALL {
            counters.set_state(state);
            assert_eq!(counters.state(), state);
        }
    }
}
