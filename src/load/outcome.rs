//! What workers hand back when they end. Counts are not here: they are on the board, where they survive a worker that is killed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a worker hands back when it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerReport {
    /// Its index on the board, from 0.
    pub worker: usize,
    /// Errors it met, by SQLSTATE; lost connections without one are `08006`.
    pub errors: BTreeMap<String, u64>,
    /// What to know of its figures, a sentence each.
    pub notes: Vec<String>,
    /// What happened to it, the first of it only.
    pub happened: Vec<Happening>,
    /// Why it ended before the others, if it did.
    pub failure: Option<String>,
    /// Whether it gave up by itself: not because its process was gone.
    pub gave_up: bool,
}

/// Something that was not meant to happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// When, on the clock that all processes share.
    pub at_ns: u64,
    /// What, as a sentence.
    pub message: String,
}

/// Happenings that one worker tells of; what comes after is counted by SQLSTATE alone.
const MOST_HAPPENINGS: usize = 8;

impl WorkerReport {
    /// A report of a worker that has nothing to tell yet.
    #[must_use]
    pub fn of(worker: usize) -> WorkerReport {
        WorkerReport {
            worker,
            ..WorkerReport::default()
        }
    }

    /// Counts an error.
    pub fn count(&mut self, sqlstate: &str) {
        match self.errors.get_mut(sqlstate) {
            Some(count) => *count += 1,
            None => {
                self.errors.insert(sqlstate.to_owned(), 1);
            }
        }
    }

    /// Notes what happened, unless there is much of that already.
    pub fn note(&mut self, at_ns: u64, message: String) {
        if self.happened.len() < MOST_HAPPENINGS {
            self.happened.push(Happening { at_ns, message });
        }
    }

    /// Notes what may happen with many jobs when it happens for the first time.
    pub fn note_first(&mut self, at_ns: u64, message: &str) {
        if self.happened.iter().all(|known| known.message != message) {
            self.note(at_ns, message.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_and_happenings_are_few() {
        let mut report = WorkerReport::of(3);
        for number in 0..100 {
            report.count("40001");
            report.note(number, format!("happening {number}"));
        }
        report.count("40P01");
        report.note_first(100, "happening 0");
        assert_eq!(report.errors["40001"], 100);
        assert_eq!(report.errors["40P01"], 1);
        assert_eq!(report.happened.len(), MOST_HAPPENINGS);
        assert_eq!(report.happened[0].message, "happening 0");
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<WorkerReport>(&text).unwrap(), report);
    }
}
