//! Workers as threads of this process, each with a runtime of its own.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use super::{Crew, FleetError};
use crate::load::assignment::Assignment;
use crate::load::board::Board;
use crate::load::clock::now_ns;
use crate::load::outcome::{Happening, WorkerReport};
use crate::load::recorder::Interval;
use crate::load::runtime;
use crate::load::worker::{Post, work};
use crate::postgres::connect::Address;
use crate::run::throughput::WorkerState;

/// Room for a worker's stack: what it calls is not deep, and there may be hundreds of them.
const STACK: usize = 512 << 10;

/// Workers as threads of this process. Dropping them ends them.
#[derive(Debug)]
pub struct Threads {
    board: Arc<Board>,
    running: Vec<(usize, JoinHandle<WorkerReport>)>,
    reports: Vec<WorkerReport>,
}

impl Threads {
    /// Starts the workers of a range.
    ///
    /// # Errors
    /// If the queue's files make no queue, or the system gives no thread.
    pub fn start(
        address: &Address,
        assignment: &Arc<Assignment>,
        board: &Arc<Board>,
        workers: Range<usize>,
        intervals: Sender<Interval>,
    ) -> Result<Threads, FleetError> {
        let post = Post {
            address: address.clone(),
            queue: Arc::new(assignment.queue.queue()?),
            assignment: Arc::clone(assignment),
            board: Arc::clone(board),
            intervals,
        };
        let mut threads = Threads {
            board: Arc::clone(board),
            running: Vec::new(),
            reports: Vec::new(),
        };
        for worker in workers {
            let post = post.clone();
            let spawned = std::thread::Builder::new()
                .name(format!("worker {}", worker + 1))
                .stack_size(STACK)
                .spawn(move || run(post, worker));
            let failed = |reason| FleetError::Thread {
                worker: worker + 1,
                reason,
            };
            threads.running.push((worker, spawned.map_err(failed)?));
        }
        Ok(threads)
    }
}

/// A worker's whole life on this thread.
fn run(post: Post, worker: usize) -> WorkerReport {
    let board = Arc::clone(&post.board);
    runtime::run(work(post, worker)).unwrap_or_else(|error| {
        let reason = format!("the system gives it no runtime: {error}");
        gone(&board, worker, reason)
    })
}

/// The report of a worker that cannot write one itself.
fn gone(board: &Board, worker: usize, reason: String) -> WorkerReport {
    let counters = board.worker(worker);
    counters.close();
    counters.finished_ns.set(now_ns());
    counters.set_state(WorkerState::Finished);
    let mut report = WorkerReport::of(worker);
    report.note(now_ns(), reason.clone());
    report.failure = Some(reason);
    report.gave_up = true;
    report
}

impl Crew for Threads {
    fn look(&mut self, _: &Board) -> Vec<Happening> {
        let (over, running): (Vec<_>, Vec<_>) = std::mem::take(&mut self.running)
            .into_iter()
            .partition(|(_, thread)| thread.is_finished());
        self.running = running;
        for (worker, thread) in over {
            let report = thread.join();
            let panicked = |_| gone(&self.board, worker, "it panicked".to_owned());
            self.reports.push(report.unwrap_or_else(panicked));
        }
        // Threads tell of what happens to them by themselves.
        Vec::new()
    }

    fn have_ended(&self) -> bool {
        self.running.is_empty()
    }

    fn take_reports(&mut self) -> Vec<WorkerReport> {
        let mut reports = std::mem::take(&mut self.reports);
        reports.sort_by_key(|report| report.worker);
        reports
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if self.running.is_empty() {
            return;
        }
        self.board.control().end();
        for (_, thread) in self.running.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::definition::Library;
    use crate::load::assignment::{QueueFiles, specimen};
    use crate::load::board::Shape;

    fn assignment(only_first_fetch: bool) -> Assignment {
        let queue = Library::built_in().queue("status-partial").unwrap();
        Assignment {
            only_first_fetch,
            ..specimen(QueueFiles::of(&queue))
        }
    }

    #[test]
    fn workers_that_wait_for_a_silent_server_end_with_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let server = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let address = Address::socket(folder.path());
        for only_first_fetch in [false, true] {
            let shape = Shape {
                workers: 1,
                jobs: 0,
            };
            let board = Arc::new(Board::anonymous(shape).unwrap());
            let assignment = Arc::new(assignment(only_first_fetch));
            let (tell, _intervals) = channel();
            let mut threads = Threads::start(&address, &assignment, &board, 0..1, tell).unwrap();
            let (_silent, _) = server.accept().unwrap();
            let ended = Instant::now();
            board.control().end();
            while !threads.have_ended() {
                assert!(ended.elapsed() < Duration::from_secs(5));
                threads.look(&board);
                std::thread::sleep(Duration::from_millis(5));
            }
            let reports = threads.take_reports();
            assert_eq!((reports.len(), &reports[0].failure), (1, &None));
        }
    }
}
