//! When a run is over: decided from what the coordinator sees.

use crate::load::board::Board;
use crate::run::throughput::Ended;

/// Full rounds of empty fetches after which a worker counts as idle.
const EMPTY_ROUNDS: u64 = 3;

/// How long all workers have to be idle.
const PATIENCE_NS: u64 = 500_000_000;

/// What the coordinator sees at one look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) now_ns: u64,
    /// When the duration is over, if there is one.
    pub(super) over_ns: Option<u64>,
    /// Whether as many jobs are completed as were due.
    pub(super) is_settled: bool,
    /// Whether there were no others: else those completed may be others, and due ones be left.
    pub(super) all_were_due: bool,
    pub(super) is_asked_to_stop: bool,
    /// Whether no worker is left.
    pub(super) have_ended: bool,
    /// Whether every worker that is left finds nothing and holds nothing.
    pub(super) are_idle: bool,
}

/// Since when all workers have been idle.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Idle(Option<u64>);

/// How the run has ended; none if it goes on.
pub(super) fn ended(seen: &Seen, idle: &mut Idle) -> Option<Ended> {
    let since = seen.are_idle.then(|| idle.0.unwrap_or(seen.now_ns));
    idle.0 = since;
    let is_stalled = since.is_some_and(|since| seen.now_ns >= since + PATIENCE_NS);
    let is_all = seen.all_were_due || seen.have_ended || is_stalled;
    if seen.is_asked_to_stop {
        Some(Ended::Interrupted)
    } else if seen.is_settled && is_all {
        Some(Ended::Empty)
    } else if seen.have_ended {
        Some(Ended::Failed)
    } else if seen.over_ns.is_some_and(|over_ns| seen.now_ns >= over_ns) {
        Some(Ended::Duration)
    } else if is_stalled {
        Some(Ended::Stalled)
    } else {
        None
    }
}

/// Whether every worker that is left has found nothing for several rounds and holds nothing.
pub(super) fn are_idle(board: &Board) -> bool {
    board.workers().all(|one| {
        // One that was killed is finished, too, whatever its state was.
        one.finished_ns.get() > 0 || one.held.get() == 0 && one.empty_rounds.get() >= EMPTY_ROUNDS
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::board::Shape;

    const SECOND: u64 = 1_000_000_000;

    fn nothing(now_ns: u64) -> Seen {
        Seen {
            now_ns,
            over_ns: Some(10 * SECOND),
            is_settled: false,
            all_were_due: true,
            is_asked_to_stop: false,
            have_ended: false,
            are_idle: false,
        }
    }

    #[test]
    fn a_run_ends_for_the_first_reason_there_is() {
        let end = |seen: Seen| ended(&seen, &mut Idle::default());
        assert_eq!(end(nothing(SECOND)), None);
        assert_eq!(end(nothing(10 * SECOND)), Some(Ended::Duration));
        let gone = Seen {
            have_ended: true,
            ..nothing(SECOND)
        };
        assert_eq!(end(gone), Some(Ended::Failed));
        let empty = Seen {
            is_settled: true,
            ..gone
        };
        assert_eq!(end(empty), Some(Ended::Empty));
        let asked = Seen {
            is_asked_to_stop: true,
            ..empty
        };
        assert_eq!(end(asked), Some(Ended::Interrupted));
    }

    #[test]
    fn idle_workers_are_given_time() {
        let mut idle = Idle::default();
        let mut look = |now_ns, are_idle| {
            let seen = Seen {
                are_idle,
                ..nothing(now_ns)
            };
            ended(&seen, &mut idle)
        };
        assert_eq!(look(SECOND, true), None);
        assert_eq!(look(SECOND + PATIENCE_NS - 1, true), None);
        assert_eq!(look(SECOND + PATIENCE_NS, false), None);
        assert_eq!(look(2 * SECOND, true), None);
        assert_eq!(look(2 * SECOND + PATIENCE_NS, true), Some(Ended::Stalled));
    }

    #[test]
    fn where_others_than_due_jobs_may_be_fetched_as_many_as_were_due_are_not_all() {
        let mut idle = Idle::default();
        let mut look = |now_ns, are_idle| {
            let seen = Seen {
                is_settled: true,
                all_were_due: false,
                are_idle,
                ..nothing(now_ns)
            };
            ended(&seen, &mut idle)
        };
        assert_eq!(look(SECOND, false), None);
        assert_eq!(look(2 * SECOND, true), None);
        assert_eq!(look(2 * SECOND + PATIENCE_NS, true), Some(Ended::Empty));
    }

    #[test]
    fn a_worker_that_holds_something_is_not_idle() {
        let shape = Shape {
            workers: 2,
            jobs: 1,
        };
        let board = Board::anonymous(shape).unwrap();
        assert!(!are_idle(&board));
        board.worker(0).empty_rounds.set(EMPTY_ROUNDS);
        board.worker(1).finished_ns.set(1);
        assert!(are_idle(&board));
        board.worker(0).held.add(1);
        assert!(!are_idle(&board));
    }
}
