//! The jobs that a worker holds: fetched, under way, finished.

use std::collections::VecDeque;

use crate::load::schedule::Schedule;
use crate::load::task::ending::Ending;
use crate::statement::serving::{FetchedJob, Outcome};

/// A job that was delivered and is not finished.
#[derive(Debug)]
pub(super) struct Delivered {
    pub(super) job: FetchedJob,
    /// How its task is to end.
    pub(super) ending: Ending,
    /// The steps that are still to be done, the last first; none where that was not asked yet.
    pub(super) steps: Option<Vec<String>>,
}

/// A job whose task is over.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) job: FetchedJob,
    pub(super) at_ns: u64,
    pub(super) outcome: Outcome,
    /// Why the task failed.
    pub(super) error: Option<String>,
    /// Whether its settling was sent once and never answered.
    pub(super) is_unanswered: bool,
}

/// The jobs that a worker holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Fetched, not started.
    pub(super) buffered: VecDeque<Delivered>,
    /// Tasks under way that the worker waits for, by the end of their wait.
    pub(super) waiting: Schedule<Delivered>,
    /// Tasks that are over, not yet settled.
    pub(super) finished: VecDeque<Finished>,
    /// Of those, the ones that are being settled: sent, and not answered yet.
    pub(super) settling: Vec<Finished>,
}

impl Held {
    /// A task is over.
    pub(super) fn finish(&mut self, job: FetchedJob, at_ns: u64, ended: (Outcome, Option<String>)) {
        let (outcome, error) = ended;
        self.finished.push_back(Finished {
            job,
            at_ns,
            outcome,
            error,
            is_unanswered: false,
        });
    }

    /// When the first of the finished ones was finished; 0 where there is none.
    pub(super) fn first_finished_ns(&self) -> u64 {
        self.finished.front().map_or(0, |finished| finished.at_ns)
    }

    /// What was not started is to be handed back.
    pub(super) fn release(&mut self, at_ns: u64) {
        while let Some(delivered) = self.buffered.pop_front() {
            self.finish(delivered.job, at_ns, (Outcome::Released, None));
        }
    }

    /// Begins to settle those of the first `among` finished jobs that are wanted; how many they are.
    pub(super) fn begin_settling(
        &mut self,
        among: usize,
        is_wanted: impl FnMut(&Finished) -> bool,
    ) -> usize {
        let among = among.min(self.finished.len());
        let (wanted, others) = self.finished.drain(..among).partition(is_wanted);
        self.put_back(others);
        self.settling = wanted;
        self.settling.len()
    }

    /// Puts back what could not be settled, in its order.
    pub(super) fn put_back(&mut self, unsettled: Vec<Finished>) {
        for finished in unsettled.into_iter().rev() {
            self.finished.push_front(finished);
        }
    }

    /// Takes everything; the seq of each, where it is known and the job is still this worker's.
    pub(super) fn take_all(&mut self) -> Vec<Option<u64>> {
        let waiting = self.waiting.take_all();
        let delivered = self.buffered.drain(..).chain(waiting);
        let mut all: Vec<Option<u64>> = delivered.map(|delivered| delivered.job.seq).collect();
        let seq = |finished: Finished, is_sent: bool| {
            // One that was sent back may be with another worker.
            let may_be_gone = is_sent && finished.outcome != Outcome::Completed;
            finished.job.seq.filter(|_| !may_be_gone)
        };
        let settling = self.settling.drain(..).map(|one| seq(one, true));
        all.extend(settling);
        let finished = self.finished.drain(..);
        all.extend(finished.map(|one| {
            let is_sent = one.is_unanswered;
            seq(one, is_sent)
        }));
        all
    }
}
