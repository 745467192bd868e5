//! What the coordinator and all workers share.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Counter;

/// How far a run is; it only goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// Workers connect, prepare and wait.
    Starting = 0,
    /// Workers fetch, work and complete.
    Running = 1,
    /// No new fetch: what is held is completed or released until `stop_by_ns`.
    Stopping = 2,
    /// Workers end now.
    Ended = 3,
}

impl Phase {
    const ALL: [Phase; 4] = [
        Phase::Starting,
        Phase::Running,
        Phase::Stopping,
        Phase::Ended,
    ];
}

/// What the coordinator and all workers share.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub struct Control {
    phase: AtomicU64,
    go_ns: Counter,
    measure_from_ns: Counter,
    stop_by_ns: Counter,
    /// How long workers that are asked to stop may take to be done with what they hold, in nanoseconds.
    pub stop_timeout_ns: Counter,
    /// Jobs that are to be settled before the queue counts as empty: those that are due.
    pub due: Counter,
    /// Jobs that are to be drained in the end, due or not.
    pub(in crate::load) expected: Counter,
    /// On a cache line of its own: every worker writes it.
    pub(in crate::load) done: Apart,
    pub(in crate::load) unexpected: Counter,
}

/// A counter that shares no cache line with what stands before it.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub(in crate::load) struct Apart(pub(in crate::load) Counter);

impl Control {
    /// How far the run is. What was set before the phase is seen by whoever sees the phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let found = self.phase.load(Ordering::Acquire);
        Phase::ALL
            .into_iter()
            .find(|phase| *phase as u64 == found)
            .unwrap_or(Phase::Ended)
    }

    fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u64, Ordering::AcqRel);
    }

    /// Lets the workers begin: execution starts at `go_ns`, and what is answered from `measure_from_ns` on counts.
    pub fn go(&self, go_ns: u64, measure_from_ns: u64) {
        self.go_ns.set(go_ns);
        self.measure_from_ns.set(measure_from_ns);
        self.advance(Phase::Running);
    }

    /// Asks the workers to stop, and to be done with what they hold by `stop_by_ns`.
    pub fn stop(&self, stop_by_ns: u64) {
        self.stop_by_ns.set(stop_by_ns);
        self.advance(Phase::Stopping);
    }

    /// Tells the workers to end now.
    pub fn end(&self) {
        self.advance(Phase::Ended);
    }

    /// When execution began; 0 before.
    #[must_use]
    pub fn go_ns(&self) -> u64 {
        self.go_ns.get()
    }

    /// Whether workers fetch at `now_ns`: neither wait for the start any more nor only finish what they hold.
    #[must_use]
    pub fn is_executing(&self, now_ns: u64) -> bool {
        self.phase() == Phase::Running && now_ns >= self.go_ns()
    }

    /// The end of the warm-up.
    #[must_use]
    pub fn measure_from_ns(&self) -> u64 {
        self.measure_from_ns.get()
    }

    /// When the workers have to be done with what they hold; 0 before they were asked to stop.
    #[must_use]
    pub fn stop_by_ns(&self) -> u64 {
        self.stop_by_ns.get()
    }

    /// Jobs completed for the first time.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done.0.get()
    }

    /// Deliveries of jobs that were never to be delivered.
    #[must_use]
    pub fn unexpected(&self) -> u64 {
        self.unexpected.get()
    }

    /// Whether each of the jobs to be drained was due when it began. Where some were not, a fetch may return them before those that were.
    #[must_use]
    pub fn all_were_due(&self) -> bool {
        self.expected.get() == self.due.get()
    }

    /// Whether as many jobs are completed as were due.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.done() >= self.due.get()
    }

    /// Jobs that are due and not completed.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.due.get().saturating_sub(self.done())
    }
}

#[cfg(test)]
mod tests {
    use super::{Control, Phase};

    #[test]
    fn phases_only_go_on() {
        let control = Control::default();
        assert_eq!(control.phase(), Phase::Starting);
        control.go(5, 7);
        assert_eq!(
            (control.phase(), control.go_ns(), control.measure_from_ns()),
            (Phase::Running, 5, 7)
        );
        assert_eq!(
            [4, 5].map(|now_ns| control.is_executing(now_ns)),
            [false, true]
        );
        control.end();
        control.stop(9);
        assert!(!control.is_executing(10));
        assert_eq!(control.phase(), Phase::Ended);
    }
}
