//! The workers of a run and whoever watches over them: starts them together, sees when the queue is empty, stops them.

mod results;
mod start;
mod threads;
mod watch;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use thiserror::Error;

use super::assignment::Assignment;
use super::board::{Board, Phase};
use super::clock::now_ns;
use super::outcome::{Happening, WorkerReport};
use super::recorder::Interval;
use super::series::Series;
use crate::definition::source::DefinitionError;
use crate::postgres::connect::Address;
use crate::run::throughput::Ended;
pub use results::{incidents, task_done, worker_results};
pub use start::{SharedBoard, Started};
pub use threads::Threads;
use watch::{Idle, Seen};

/// How often the coordinator looks at the board.
const LOOK: Duration = Duration::from_millis(10);

/// From the moment all workers are ready to the start, so that all of them know of it by then.
const LEAD_NS: u64 = 5_000_000;

/// How long workers are waited for that have been told to end.
const ENDING_NS: u64 = 5_000_000_000;

/// Workers that could not be started.
#[derive(Debug, Error)]
pub enum FleetError {
    /// The queue's files make no queue.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The system gives no thread.
    #[error("cannot start worker {worker}: {reason}; take fewer --workers")]
    Thread {
        /// Its number, from 1.
        worker: usize,
        /// What the system says.
        reason: std::io::Error,
    },
    /// There is no room for the board.
    #[error(
        "cannot make the board that workers share: {0}; make room in the directory for temporary files (TMPDIR)"
    )]
    Board(std::io::Error),
    /// The system gives no process.
    #[error("cannot start worker processes: {0}")]
    Processes(std::io::Error),
}

/// How long a run goes on, and how it is ended.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How long the workers run; none means until the queue is empty.
    pub duration: Option<Duration>,
    /// How long after the start nothing is counted in latency and throughput.
    pub warmup: Duration,
    /// How long workers may take to be done with what they hold.
    pub stop_timeout: Duration,
    /// Set by whoever wants the run to end early.
    pub stop: Arc<AtomicBool>,
    /// Set by whoever sees that the server is gone and nobody will start it again.
    pub server_gone: Arc<AtomicBool>,
}

/// What a run of workers came to; what they counted is on the board.
#[derive(Debug)]
pub struct FleetOutcome {
    /// How it ended.
    pub ended: Ended,
    /// When execution began, by [`now_ns`]; none if it never did.
    pub began_ns: Option<u64>,
    /// How long the warm-up was, in nanoseconds.
    pub warmup_ns: u64,
    /// When it was over: with the last durable completion, or at the end of the duration if that was later.
    pub ended_ns: u64,
    /// What the workers handed back, by number.
    pub reports: Vec<WorkerReport>,
    /// What their recorders came to.
    pub series: Series,
    /// What happened that was nobody's in particular, or to a worker that could not tell any more.
    pub happened: Vec<Happening>,
    /// The largest resident sets of worker processes in sum, in bytes.
    pub processes_peak_rss_bytes: u64,
}

impl FleetOutcome {
    /// Jobs completed as the workers' recorders counted them; none where a worker could not hand over what it had recorded.
    #[must_use]
    pub fn recorded(&self, workers: usize) -> Option<u64> {
        let in_order = self.reports.iter().filter(|one| one.failure.is_none());
        (in_order.count() == workers).then(|| self.series.completed())
    }

    /// What workers have to say of their figures, each sentence once.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = Vec::new();
        for note in self.reports.iter().flat_map(|report| &report.notes) {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
        notes
    }

    /// Errors of all workers, by SQLSTATE.
    #[must_use]
    pub fn errors(&self) -> BTreeMap<String, u64> {
        let mut sum = BTreeMap::new();
        for (code, count) in self.reports.iter().flat_map(|report| &report.errors) {
            *sum.entry(code.clone()).or_default() += count;
        }
        sum
    }
}

/// Workers, wherever they are.
pub trait Crew {
    /// Takes in what was heard of them since the last time; what happened to those that cannot tell any more is returned.
    fn look(&mut self, board: &Board) -> Vec<Happening>;

    /// Whether none is left.
    fn have_ended(&self) -> bool;

    /// What they handed back, by number: all of it once none is left.
    fn take_reports(&mut self) -> Vec<WorkerReport>;

    /// The largest resident sets of the processes beside this one in sum, in bytes, as those said that came to their end by themselves.
    fn peak_rss_bytes(&self) -> u64 {
        0
    }

    /// The processes beside this one that they are in.
    fn pids(&self) -> Vec<u32> {
        Vec::new()
    }
}

/// Starts the workers of a range as threads of this process.
///
/// # Errors
/// If the queue's files make no queue, or the system gives no thread.
pub fn start_threads(
    address: &Address,
    assignment: &Arc<Assignment>,
    board: &Arc<Board>,
    workers: Range<usize>,
) -> Result<(Threads, Receiver<Interval>), FleetError> {
    let (intervals, receiver) = channel();
    let threads = Threads::start(address, assignment, board, workers, intervals)?;
    Ok((threads, receiver))
}

/// Watches over workers from before their start until none is left. `observe` is called about a hundred times a second.
pub async fn coordinate(
    board: &Board,
    crew: &mut dyn Crew,
    intervals: &Receiver<Interval>,
    terms: &Terms,
    observe: impl FnMut(&Board, &Series),
) -> FleetOutcome {
    let stop_timeout_ns = nanoseconds(terms.stop_timeout);
    board.control().stop_timeout_ns.set(stop_timeout_ns);
    let mut coordinator = Coordinator {
        board,
        crew,
        intervals,
        terms,
        observe,
        series: Series::new(terms.warmup.as_secs_f64()),
        happened: Vec::new(),
    };
    let began_ns = coordinator.start().await;
    let ended = match began_ns {
        Some(began_ns) => coordinator.until_it_ends(began_ns).await,
        None if terms.stop.load(Ordering::Relaxed) => Ended::Interrupted,
        None => Ended::Failed,
    };
    coordinator.stop(ended).await;
    let (mut series, mut happened) = (coordinator.series, coordinator.happened);
    happened.extend(crew.look(board));
    series.collect(intervals);
    let killed = board.workers().filter(|one| one.finished_ns.get() == 0);
    killed.for_each(|counters| counters.close());
    let last_ns = board.workers().map(|one| one.last_completion_ns.get());
    let last_ns = last_ns.max().unwrap_or(0);
    let over_ns = match (ended, began_ns, terms.duration) {
        (Ended::Duration, Some(began), Some(duration)) => began + nanoseconds(duration),
        _ => 0,
    };
    FleetOutcome {
        ended,
        began_ns,
        warmup_ns: nanoseconds(terms.warmup),
        ended_ns: last_ns.max(over_ns),
        reports: crew.take_reports(),
        processes_peak_rss_bytes: crew.peak_rss_bytes(),
        series,
        happened,
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX / 2)
}

struct Coordinator<'a, O> {
    board: &'a Board,
    crew: &'a mut dyn Crew,
    intervals: &'a Receiver<Interval>,
    terms: &'a Terms,
    observe: O,
    series: Series,
    happened: Vec<Happening>,
}

impl<O: FnMut(&Board, &Series)> Coordinator<'_, O> {
    /// Waits until all workers are ready and lets them begin; none if one of them ended before.
    async fn start(&mut self) -> Option<u64> {
        loop {
            self.look();
            let ended = self.board.workers().any(|one| one.finished_ns.get() > 0);
            let asked = self.terms.stop.load(Ordering::Relaxed) || self.has_lost_server();
            if ended || self.crew.have_ended() || asked {
                return None;
            }
            if self.board.workers().all(|one| one.ready_ns.get() > 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let go_ns = now_ns() + LEAD_NS;
        let measure_from_ns = go_ns.saturating_add(nanoseconds(self.terms.warmup));
        self.board.control().go(go_ns, measure_from_ns);
        Some(go_ns)
    }

    fn look(&mut self) {
        self.happened.extend(self.crew.look(self.board));
        self.series.collect(self.intervals);
        (self.observe)(self.board, &self.series);
    }

    /// Whether there is no server to come back to: workers would look for it in vain.
    fn has_lost_server(&mut self) -> bool {
        let is_gone = self.terms.server_gone.load(Ordering::Relaxed);
        if is_gone {
            self.happened.push(Happening {
                at_ns: now_ns(),
                message: "the server is gone".to_owned(),
            });
        }
        is_gone
    }

    async fn until_it_ends(&mut self, began_ns: u64) -> Ended {
        let over_ns = self
            .terms
            .duration
            .map(|duration| began_ns.saturating_add(nanoseconds(duration)));
        let mut idle = Idle::default();
        loop {
            tokio::time::sleep(LOOK).await;
            self.look();
            let now = now_ns();
            if let Some(second) = now.checked_sub(began_ns).map(|ns| ns / 1_000_000_000) {
                self.series
                    .set_backlog(second, self.board.control().backlog());
            }
            let seen = Seen {
                now_ns: now,
                over_ns,
                is_settled: self.board.control().is_settled(),
                all_were_due: self.board.control().all_were_due(),
                is_asked_to_stop: self.terms.stop.load(Ordering::Relaxed),
                have_ended: self.crew.have_ended(),
                are_idle: watch::are_idle(self.board),
            };
            if let Some(ended) = watch::ended(&seen, &mut idle) {
                return ended;
            }
            if self.has_lost_server() {
                return Ended::Failed;
            }
        }
    }

    /// Lets the workers finish what they hold, and ends those that do not.
    async fn stop(&mut self, ended: Ended) {
        let control = self.board.control();
        let stop_by_ns = now_ns().saturating_add(nanoseconds(self.terms.stop_timeout));
        if ended != Ended::Failed {
            control.stop(stop_by_ns);
        } else {
            control.end();
        }
        let give_up_ns = stop_by_ns.saturating_add(ENDING_NS);
        while !self.crew.have_ended() && now_ns() < give_up_ns {
            if control.phase() == Phase::Stopping && now_ns() >= stop_by_ns {
                control.end();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
            self.look();
        }
        control.end();
    }
}
