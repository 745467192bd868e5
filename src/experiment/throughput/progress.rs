//! How far a drain is, told a few times a second.

use std::time::Duration;

use crate::load::board::Board;
use crate::load::clock::now_ns;
use crate::load::series::Series;
use crate::run::event::{Events, RunEvent};

/// From one telling to the next.
const EVERY_NS: u64 = 250_000_000;

/// What throughput is taken over: a second's worth of tellings.
const OF_LATE: usize = 4;

/// Tells how far a drain is.
#[derive(Debug)]
pub(super) struct Progress<'p> {
    events: &'p Events,
    jobs: u64,
    duration: Option<Duration>,
    next_ns: u64,
    /// When so many jobs were completed, the last few tellings.
    seen: Vec<(u64, u64)>,
}

impl<'p> Progress<'p> {
    /// Nothing is told yet of a drain of so many jobs.
    pub(super) fn new(events: &'p Events, jobs: u64, duration: Option<Duration>) -> Progress<'p> {
        Progress {
            events,
            jobs,
            duration,
            next_ns: 0,
            seen: Vec::new(),
        }
    }

    /// Tells, if it is time to.
    pub(super) fn look(&mut self, board: &Board, series: &Series) {
        let now = now_ns();
        let go_ns = board.control().go_ns();
        let Some(elapsed_ns) = now.checked_sub(go_ns).filter(|_| go_ns > 0) else {
            return;
        };
        if now < self.next_ns {
            return;
        }
        self.next_ns = now + EVERY_NS;
        let completed = board.control().done();
        if self.seen.len() > OF_LATE {
            self.seen.remove(0);
        }
        let (then, before) = self.seen.first().copied().unwrap_or((go_ns, 0));
        self.seen.push((now, completed));
        let elapsed_s = elapsed_ns as f64 / 1e9;
        let latest = series.latest(elapsed_s);
        self.events.emit(RunEvent::DrainProgress {
            completed,
            jobs: self.jobs,
            throughput: (completed - before) as f64 / ((now - then).max(1) as f64 / 1e9),
            backlog: board.control().backlog(),
            fetch_p95_ms: latest.and_then(|second| second.fetch.p95),
            errors: board.workers().map(|worker| worker.errors.get()).sum(),
            elapsed_ms: elapsed_s * 1000.0,
            duration_ms: self
                .duration
                .map(|duration| duration.as_secs_f64() * 1000.0),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

    use super::*;
    use crate::load::board::Shape;

    #[test]
    fn a_fetch_that_was_tried_again_is_one_error() {
        let shape = Shape {
            workers: 2,
            jobs: 1,
        };
        let board = Board::anonymous(shape).unwrap();
        board.control().go(1, 1);
        for counters in board.workers() {
            counters.fetches_errored.add(1);
            counters.retries.add(1);
            counters.errors.add(1);
        }
        let told = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&told);
        let events = Events::new(move |event| {
            if let RunEvent::DrainProgress { errors, .. } = event {
                hearing.lock().unwrap().push(errors);
            }
        });
        Progress::new(&events, 1, None).look(&board, &Series::new(0.0));
        assert_eq!(*told.lock().unwrap(), [2]);
    }
}
