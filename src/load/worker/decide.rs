//! What a worker does next: a pure function of what it holds, what it was told and the time.

use crate::definition::scenario::{Completion, Workers};
use crate::load::board::Phase;

/// How long before the end a worker begins to hand back, at most.
const LONGEST_HANDING_BACK_NS: u64 = 1_000_000_000;

/// What does not change while a worker works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Jobs asked for by a fetch, and completed together at most.
    pub batch_size: usize,
    /// Jobs worked on at the same time.
    pub concurrency: usize,
    /// Longest wait of a finished job for others, in nanoseconds.
    pub flush_ns: u64,
    /// How finished jobs are completed.
    pub completion: Completion,
}

impl Rules {
    /// The rules of a scenario's workers.
    #[must_use]
    pub fn of(workers: &Workers) -> Rules {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
        Rules {
            batch_size: size(workers.batch_size),
            concurrency: size(workers.concurrency),
            flush_ns: u64::try_from(workers.flush_interval.as_nanos()).unwrap_or(u64::MAX),
            completion: workers.completion,
        }
    }
}

/// What a worker holds and knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// How far the run is.
    pub phase: Phase,
    /// When it has to be done with what it holds, once it was asked to stop.
    pub stop_by_ns: u64,
    /// When it gives up waiting for tasks, so that there is time to hand their jobs back by then.
    pub let_go_ns: u64,
    /// Jobs fetched and not started.
    pub buffered: usize,
    /// Jobs whose task is under way.
    pub running: usize,
    /// Jobs whose task is over, not yet settled.
    pub finished: usize,
    /// When the first of those was finished.
    pub first_finished_ns: u64,
    /// When the first of the tasks under way is over.
    pub next_task_ns: Option<u64>,
    /// When the next fetch may begin; in the past unless the last round of fetches found nothing.
    pub next_fetch_ns: u64,
    /// Whether the last fetch returned as many jobs as were asked for, so that more can be expected.
    pub expects_more: bool,
}

/// What a worker does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start the task of the next buffered job.
    Start,
    /// Fetch.
    Fetch,
    /// Settle the first so many of the finished jobs.
    Complete(usize),
    /// The same, in one transaction with the next fetch.
    CompleteAndFetch(usize),
    /// Hand back what is buffered.
    Release,
    /// Hand back what is under way.
    LetGo,
    /// Wait until then, or until there is news.
    Wait(u64),
    /// Be done.
    Leave,
}

/// What a worker does next.
#[must_use]
pub fn decide(rules: &Rules, view: &View, now_ns: u64) -> Action {
    match view.phase {
        // Before the start there is nothing to hold; the worker waits for it elsewhere.
        Phase::Starting => Action::Wait(u64::MAX),
        Phase::Running => running(rules, view, now_ns),
        Phase::Stopping if now_ns < view.stop_by_ns => stopping(rules, view, now_ns),
        Phase::Stopping | Phase::Ended => Action::Leave,
    }
}

fn running(rules: &Rules, view: &View, now_ns: u64) -> Action {
    let has_room = view.buffered == 0 && view.running < rules.concurrency;
    let may_fetch = has_room && now_ns >= view.next_fetch_ns;
    let flush_ns = view.first_finished_ns.saturating_add(rules.flush_ns);
    let batch = view.finished.min(rules.batch_size);
    // Nothing to add to the batch soon: nothing is under way, and a fetch is not expected to find much.
    let is_last = view.buffered == 0 && view.running == 0 && !view.expects_more;
    let is_ripe = view.finished >= rules.batch_size
        || rules.completion == Completion::Each
        || is_last
        || now_ns >= flush_ns;
    if view.finished > 0 && is_ripe {
        return if rules.completion == Completion::WithNextFetch && may_fetch {
            Action::CompleteAndFetch(batch)
        } else if rules.completion == Completion::Each {
            Action::Complete(1)
        } else {
            Action::Complete(batch)
        };
    }
    if view.buffered > 0 && view.running < rules.concurrency {
        return Action::Start;
    }
    if may_fetch {
        return Action::Fetch;
    }
    let flush = (view.finished > 0).then_some(flush_ns);
    let fetch = has_room.then_some(view.next_fetch_ns);
    let first = [flush, fetch, view.next_task_ns]
        .into_iter()
        .flatten()
        .min();
    Action::Wait(first.unwrap_or(u64::MAX))
}

fn stopping(rules: &Rules, view: &View, now_ns: u64) -> Action {
    let each = rules.completion == Completion::Each;
    let flush_ns = view.first_finished_ns.saturating_add(rules.flush_ns);
    let is_ripe =
        view.finished >= rules.batch_size || view.running == 0 || each || now_ns >= flush_ns;
    if view.buffered > 0 {
        Action::Release
    } else if view.running > 0 && now_ns >= view.let_go_ns {
        Action::LetGo
    } else if view.finished > 0 && is_ripe {
        Action::Complete(if each {
            1
        } else {
            view.finished.min(rules.batch_size)
        })
    } else if view.running > 0 {
        let flush = (view.finished > 0).then_some(flush_ns);
        let next = [view.next_task_ns, flush].into_iter().flatten().min();
        Action::Wait(next.unwrap_or(u64::MAX).min(view.let_go_ns))
    } else {
        Action::Leave
    }
}

/// When a worker that has to be done by `stop_by_ns`, and learns of it now, gives up waiting for tasks: a tenth of the time before, a
/// second at most.
#[must_use]
pub fn let_go_ns(now_ns: u64, stop_by_ns: u64) -> u64 {
    let left_ns = stop_by_ns.saturating_sub(now_ns);
    stop_by_ns - (left_ns / 10).min(LONGEST_HANDING_BACK_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(completion: Completion) -> Rules {
        Rules {
            batch_size: 10,
            concurrency: 4,
            flush_ns: 50,
            completion,
        }
    }

    fn idle() -> View {
        View {
            phase: Phase::Running,
            stop_by_ns: 0,
            let_go_ns: 0,
            buffered: 0,
            running: 0,
            finished: 0,
            first_finished_ns: 0,
            next_task_ns: None,
            next_fetch_ns: 0,
            expects_more: true,
        }
    }

    fn next(completion: Completion, view: View) -> Action {
        decide(&rules(completion), &view, 1_000)
    }

    #[test]
    fn an_idle_worker_fetches_and_waits_for_the_next_poll_when_there_is_nothing() {
        assert_eq!(next(Completion::Batch, idle()), Action::Fetch);
        let later = View {
            next_fetch_ns: 1_500,
            ..idle()
        };
        assert_eq!(next(Completion::Batch, later), Action::Wait(1_500));
    }

    #[test]
    fn buffered_jobs_are_started_while_there_is_a_slot() {
        let view = View {
            buffered: 5,
            running: 3,
            next_task_ns: Some(1_200),
            ..idle()
        };
        assert_eq!(next(Completion::Batch, view), Action::Start);
        let full = View { running: 4, ..view };
        assert_eq!(next(Completion::Batch, full), Action::Wait(1_200));
        let room = View {
            buffered: 0,
            ..view
        };
        assert_eq!(next(Completion::Batch, room), Action::Fetch);
    }

    #[test]
    fn finished_jobs_are_completed_in_batches() {
        let few = View {
            finished: 3,
            first_finished_ns: 990,
            running: 4,
            next_task_ns: Some(2_000),
            ..idle()
        };
        assert_eq!(next(Completion::Batch, few), Action::Wait(1_040));
        let waited = View {
            first_finished_ns: 950,
            ..few
        };
        assert_eq!(next(Completion::Batch, waited), Action::Complete(3));
        let many = View {
            finished: 12,
            ..few
        };
        assert_eq!(next(Completion::Batch, many), Action::Complete(10));
        assert_eq!(next(Completion::Each, few), Action::Complete(1));
    }

    #[test]
    fn the_last_few_do_not_wait_for_others() {
        let last = View {
            finished: 3,
            first_finished_ns: 990,
            expects_more: false,
            ..idle()
        };
        assert_eq!(next(Completion::Batch, last), Action::Complete(3));
        let more = View {
            expects_more: true,
            ..last
        };
        assert_eq!(next(Completion::Batch, more), Action::Fetch);
    }

    #[test]
    fn completion_goes_with_the_next_fetch_where_one_may_begin() {
        let full = View {
            finished: 10,
            first_finished_ns: 990,
            ..idle()
        };
        let with = Completion::WithNextFetch;
        assert_eq!(next(with, full), Action::CompleteAndFetch(10));
        let not_yet = View {
            next_fetch_ns: 2_000,
            ..full
        };
        assert_eq!(next(with, not_yet), Action::Complete(10));
        let busy = View {
            buffered: 3,
            ..full
        };
        assert_eq!(next(with, busy), Action::Complete(10));
    }

    #[test]
    fn a_worker_that_is_to_stop_fetches_no_more_and_lets_go_of_everything() {
        let mut view = View {
            phase: Phase::Stopping,
            stop_by_ns: 5_000,
            let_go_ns: 4_000,
            buffered: 5,
            running: 2,
            finished: 3,
            first_finished_ns: 990,
            next_task_ns: Some(1_300),
            ..idle()
        };
        assert_eq!(next(Completion::Batch, view), Action::Release);
        view.buffered = 0;
        assert_eq!(next(Completion::Batch, view), Action::Wait(1_040));
        assert_eq!(next(Completion::Each, view), Action::Complete(1));
        view.first_finished_ns = 950;
        assert_eq!(next(Completion::Batch, view), Action::Complete(3));
        view.finished = 0;
        assert_eq!(next(Completion::Batch, view), Action::Wait(1_300));
        view.finished = 3;
        view.first_finished_ns = 990;
        view.running = 0;
        assert_eq!(next(Completion::WithNextFetch, view), Action::Complete(3));
        assert_eq!(next(Completion::Each, view), Action::Complete(1));
        view.finished = 0;
        assert_eq!(next(Completion::Batch, view), Action::Leave);
        view.running = 2;
        view.stop_by_ns = 1_000;
        assert_eq!(next(Completion::Batch, view), Action::Leave);
        view.phase = Phase::Ended;
        assert_eq!(next(Completion::Batch, view), Action::Leave);
    }

    #[test]
    fn tasks_that_take_too_long_are_handed_back_before_the_time_is_up() {
        let mut view = View {
            phase: Phase::Stopping,
            stop_by_ns: 5_000,
            let_go_ns: 1_000,
            running: 2,
            finished: 3,
            first_finished_ns: 990,
            next_task_ns: Some(9_000),
            ..idle()
        };
        assert_eq!(next(Completion::Batch, view), Action::LetGo);
        view.running = 0;
        view.finished = 5;
        assert_eq!(next(Completion::Batch, view), Action::Complete(5));
        let second = 1_000_000_000;
        assert_eq!(let_go_ns(second, 2 * second), 2 * second - second / 10);
        assert_eq!(let_go_ns(second, 31 * second), 30 * second);
        assert_eq!(let_go_ns(second, second / 2), second / 2);
    }
}
