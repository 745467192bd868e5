//! The ledger: what became of every job of the fixture, one byte a job.
//!
//! The account is Jepsen's total-queue with what is left over: every acknowledged job is in the end done, dead, remaining or lost, and
//! what was delivered beyond that is a duplicate, unexpected or altered. Workers of all processes write it at the same time; every
//! change of a cell is one atomic step.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::cell::{Cell, HOLDERS, State};
use super::board::Control;
use crate::run::throughput::{LedgerCounts, LedgerExample};

mod cell;
#[cfg(test)]
mod tests;

pub use cell::Delivery;

/// Examples of trouble that are kept.
pub const EXAMPLES: usize = 20;

/// The number of a process in a cell.
pub(super) fn holder(process: u64) -> u8 {
    (process % u64::from(HOLDERS)) as u8
}

/// The first jobs that something was wrong with, in this process.
#[derive(Debug, Default)]
pub(super) struct Trouble(Vec<LedgerExample>);

/// The ledger of every job. Jobs are named by the seq in their payload, from 1.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a> {
    cells: &'a [AtomicU8],
    control: &'a Control,
    holder: u8,
    trouble: &'a Mutex<Trouble>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(
        cells: &'a [AtomicU8],
        control: &'a Control,
        holder: u8,
        trouble: &'a Mutex<Trouble>,
    ) -> Ledger<'a> {
        Ledger {
            cells,
            control,
            holder,
            trouble,
        }
    }

    fn cell(&self, seq: u64) -> Option<&'a AtomicU8> {
        let index = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.cells.get(index)
    }

    /// Changes a cell in one step and gives what it was before; none where there is no such cell.
    fn change(&self, seq: u64, change: impl Fn(Cell) -> Cell) -> Option<Cell> {
        let next = |byte| Some(change(Cell::from_byte(byte)).byte());
        let before = self
            .cell(seq)?
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        before.ok().map(Cell::from_byte)
    }

    fn kept(&self) -> MutexGuard<'a, Trouble> {
        // Nothing is half done where a thread that panicked has left it.
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, seq: Option<u64>, what: &str, message: &str) {
        self.take_in([LedgerExample {
            seq,
            what: what.to_owned(),
            message: message.to_owned(),
        }]);
    }

    /// Before the start: this job is to be drained (the fixture has it ready or running).
    pub fn expect(&self, seq: u64) {
        let waiting = |cell| Cell {
            state: State::Waiting,
            ..cell
        };
        let before = self.change(seq, waiting);
        let is_first = before.is_some_and(|cell| cell.state == State::Absent);
        self.control.expected.add(u64::from(is_first));
    }

    /// A fetch returned the job; `seq` is none where its payload tells none, `whole` whether payload and checksum agree.
    pub fn delivered(&self, seq: Option<u64>, whole: bool) -> Delivery {
        let before =
            seq.and_then(|seq| self.change(seq, |cell| cell.delivered(self.holder, whole).0));
        let Some(before) = before.filter(|cell| cell.state != State::Absent) else {
            return self.unexpected(seq, "it was delivered");
        };
        let (_, delivery) = before.delivered(self.holder, whole);
        if !whole {
            self.altered(seq, "delivered");
        }
        match before.state {
            State::Done => self.tell(
                seq,
                "duplicated",
                "it was delivered again although it had been completed",
            ),
            State::Held(_) | State::Completing(_) => {
                self.tell(seq, "duplicated", "it was delivered while a worker had it")
            }
            _ => (),
        }
        delivery
    }

    fn unexpected(&self, seq: Option<u64>, happened: &str) -> Delivery {
        self.control.unexpected.add(1);
        let reason = match seq {
            None => "its payload has no seq",
            Some(seq) if self.cell(seq).is_none() => "the fixture has no such job",
            Some(_) => "it was finished before the run began",
        };
        self.tell(seq, "unexpected", &format!("{happened} although {reason}"));
        Delivery::Unexpected
    }

    fn altered(&self, seq: Option<u64>, happened: &str) {
        let message =
            format!("it was {happened} with a payload that does not agree with its checksum");
        self.tell(seq, "altered", &message);
    }

    /// The job's completion is on the way.
    pub fn completing(&self, seq: u64) {
        self.change(seq, Cell::completing);
    }

    /// The server refused the job's completion, so that it took no effect; the worker still has the job.
    pub fn refused(&self, seq: u64) {
        self.change(seq, Cell::refused);
    }

    /// The job's completion is durable. Says whether it is the first.
    pub fn completed(&self, seq: u64) -> bool {
        let before = self.change(seq, Cell::completed);
        let is_first =
            before.is_some_and(|cell| !matches!(cell.state, State::Absent | State::Done));
        if is_first {
            self.control.done.0.add(1);
        }
        is_first
    }

    /// The job's failure is reported.
    pub fn failed(&self, seq: u64) {
        self.change(seq, Cell::failed);
    }

    /// The job was handed back.
    pub fn released(&self, seq: u64) {
        self.change(seq, Cell::released);
    }

    /// The worker lost hold of the job: it, its connection or its time is gone. Where the completion was on the way, whether it took
    /// effect is not known.
    pub fn interrupted(&self, seq: u64) {
        self.change(seq, Cell::interrupted);
    }

    /// [`interrupted`](Ledger::interrupted) for every job that workers of a process that is gone had; gives their number. Only 28
    /// processes are told apart: beyond that, jobs of another process of the same number (modulo 28) are taken for its own.
    pub fn process_died(&self, process: u64) -> u64 {
        let mut interrupted = 0;
        for seq in 1..=self.cells.len() as u64 {
            let died = |cell: Cell| cell.process_died(holder(process));
            let before = self.change(seq, died);
            interrupted += u64::from(before.is_some_and(|cell| died(cell) != cell));
        }
        interrupted
    }

    /// After the run: the job was found in the queue.
    pub fn found(&self, seq: Option<u64>, whole: bool) -> Delivery {
        let before = seq.and_then(|seq| self.change(seq, |cell| cell.found(whole).0));
        let Some(before) = before.filter(|cell| cell.state != State::Absent) else {
            return self.unexpected(seq, "it was found in the queue after the run");
        };
        if !whole {
            self.altered(seq, "found in the queue after the run");
        }
        if before.state == State::Done {
            self.tell(
                seq,
                "duplicated",
                "it was in the queue after the run although it had been completed",
            );
        }
        before.found(whole).1
    }

    /// What became of all jobs. `drained`: whether the queue was emptied after the run, so that what was not found is not there.
    ///
    /// Where it was not, jobs that are not done count as remaining and nobody knows how many are lost, unless all are done.
    #[must_use]
    pub fn count(&self, drained: bool) -> LedgerCounts {
        let mut cells = [0_u64; 256];
        for cell in self.cells {
            cells[usize::from(cell.load(Ordering::Relaxed))] += 1;
        }
        let mut counts = LedgerCounts {
            unexpected: self.control.unexpected(),
            ..LedgerCounts::default()
        };
        let mut lost = 0;
        for (byte, jobs) in cells.into_iter().enumerate() {
            let cell = Cell::from_byte(byte as u8);
            let fate = match cell.state {
                State::Absent => continue,
                State::Done => &mut counts.done,
                State::Remaining | State::RemainingUnknown => &mut counts.remaining,
                _ if !drained => &mut counts.remaining,
                State::Failed => &mut counts.dead,
                State::Unknown | State::Completing(_) => &mut counts.done,
                State::Waiting | State::Returned | State::Held(_) => &mut lost,
            };
            *fate += jobs;
            counts.acknowledged += jobs;
            let is_unknown = matches!(
                cell.state,
                State::Unknown | State::RemainingUnknown | State::Completing(_)
            );
            counts.unknown += if is_unknown { jobs } else { 0 };
            counts.duplicated += if cell.duplicated { jobs } else { 0 };
            counts.altered += if cell.altered { jobs } else { 0 };
        }
        let is_known = drained || counts.remaining == 0;
        counts.lost = is_known.then_some(lost);
        counts.examples = self.examples(if drained { lost } else { 0 });
        counts
    }

    /// The examples kept, after those of jobs that are lost.
    fn examples(&self, lost: u64) -> Vec<LedgerExample> {
        let mut examples = Vec::new();
        let wanted = (lost as usize).min(EXAMPLES / 2);
        for (seq, cell) in (1..).zip(self.cells) {
            if examples.len() == wanted {
                break;
            }
            let message = match Cell::from_byte(cell.load(Ordering::Relaxed)).state {
                State::Waiting => "it was never delivered, and is not in the queue",
                State::Returned | State::Held(_) => {
                    "it was delivered and not completed, and is not in the queue"
                }
                _ => continue,
            };
            examples.push(LedgerExample {
                seq: Some(seq),
                what: "lost".to_owned(),
                message: message.to_owned(),
            });
        }
        let kept = self.kept();
        let room = EXAMPLES - examples.len();
        examples.extend(kept.0.iter().take(room).cloned());
        examples
    }

    /// The examples of this process so far, none of which is given twice: what a worker process hands back.
    #[must_use]
    pub fn take_examples(&self) -> Vec<LedgerExample> {
        std::mem::take(&mut self.kept().0)
    }

    /// Keeps what [`take_examples`](Ledger::take_examples) gave in a worker process, as far as there is room.
    pub fn take_in(&self, examples: impl IntoIterator<Item = LedgerExample>) {
        let mut kept = self.kept();
        let room = EXAMPLES.saturating_sub(kept.0.len());
        kept.0.extend(examples.into_iter().take(room));
    }
}
