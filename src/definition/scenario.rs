//! A scenario: which workers drain or load which queue on which fixture, for how long, and what has to hold in the end.

mod check;
mod document;
pub mod plan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::quantity::{written_duration, written_size};
use super::source::{DefinitionError, Source};
use super::threshold::Threshold;
use super::toml_file;
pub use check::WrongValue;

/// A workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The file's name without `.toml`.
    pub name: String,
    /// The file.
    pub source: Source,
    /// What kind of workload it is.
    pub kind: Kind,
    /// What it stands for, in one line.
    pub description: String,
    /// The fixture, by name or path.
    pub fixture: String,
    /// Number of jobs of the fixture, where it is not the fixture's own.
    pub rows: Option<u64>,
    /// The queue, by name or path.
    pub queue: String,
    /// How long the workers run; none means until the queue is empty.
    pub duration: Option<Duration>,
    /// How long after the start nothing is counted in latency and throughput.
    pub warmup: Duration,
    /// How often it is done, each time on a fresh copy.
    pub repeat: u64,
    /// What has to hold in each result.
    pub thresholds: Vec<Threshold>,
    /// The workers.
    pub workers: Workers,
    /// What a job takes.
    pub task: Task,
    /// How tasks end.
    pub outcomes: Outcomes,
    /// Settings of the server while it runs, by name; `synchronous_commit` among them is each worker's own.
    pub settings: BTreeMap<String, String>,
}

/// What kind of workload a scenario is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A full queue is drained.
    Throughput,
    /// Jobs are produced and consumed.
    Load,
}

/// `[workers]`: who fetches, works and completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workers {
    /// Number of workers, 1 or more; each has a connection of its own.
    pub count: u64,
    /// Number of processes they are spread over; 0 means threads of this process.
    pub processes: u64,
    /// Jobs asked for by a fetch, 1 or more, and jobs completed together at most.
    pub batch_size: u64,
    /// Jobs that a worker works on at the same time, 1 or more.
    pub concurrency: u64,
    /// How long a worker waits after a fetch that found nothing.
    pub poll_interval: Duration,
    /// How long a finished job waits at most for others to be completed with.
    pub flush_interval: Duration,
    /// How finished jobs are completed.
    pub completion: Completion,
    /// Whether a worker that waits is woken by NOTIFY on the queue's channel, too.
    pub listen: bool,
}

impl Default for Workers {
    fn default() -> Workers {
        Workers {
            count: 4,
            processes: 0,
            batch_size: 100,
            concurrency: 10,
            poll_interval: Duration::from_millis(50),
            flush_interval: Duration::from_millis(50),
            completion: Completion::Batch,
            listen: false,
        }
    }
}

/// How finished jobs are completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Completion {
    /// Each by itself, at once.
    Each,
    /// Together: as many as a fetch asks for, or those that have waited for the flush interval.
    #[default]
    Batch,
    /// Together, in one transaction with the next fetch.
    WithNextFetch,
}

/// What a job takes: the one table under `[task]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Task {
    /// Nothing.
    #[default]
    Noop,
    /// So many rounds of arithmetic, each one multiplication, one addition and one rotation of 64 bits, dependent on the one before.
    Cpu {
        /// Rounds.
        operations: u64,
    },
    /// A wait in which the worker may do something else.
    Io {
        /// How long.
        wait: Duration,
    },
    /// So much memory allocated and every page of it touched.
    Memory {
        /// How much.
        bytes: u64,
    },
    /// Bytes read from and written to a table beside the queue's.
    ReadWrite {
        /// Bytes read.
        read: u64,
        /// Bytes written.
        write: u64,
        /// Whether in the transaction that completes the job, or beside it.
        within: bool,
    },
    /// The job's steps, each saved when it is done; those that are saved already are skipped.
    Steps {
        /// Steps of a job; the fixture's own number goes before it where the fixture has steps.
        count: u64,
    },
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// The first thing wrong in it, with its place. Whether the metrics of its thresholds exist is no part of it:
    /// `run::thresholds` knows.
    pub fn parse(source: Source) -> Result<Scenario, DefinitionError> {
        document::parse(source)
    }

    /// Checks its values again after some of them were replaced.
    ///
    /// # Errors
    /// The first that cannot be.
    pub fn check(&self) -> Result<(), WrongValue> {
        check::scenario(self)
    }

    /// An error at the threshold of this index in the file.
    #[must_use]
    pub fn threshold_error(&self, index: usize, message: &str, help: &str) -> DefinitionError {
        let position = toml_file::position_of_item(&self.source, &["thresholds"], index);
        self.source.error_at(position, message).help(help)
    }
}

impl Task {
    /// Steps of a job where neither the scenario nor the fixture says.
    pub const DEFAULT_STEPS: u64 = 3;

    /// One of each kind, with amounts that mean nothing.
    pub const KINDS: [Task; 6] = [
        Task::Noop,
        Task::Cpu { operations: 1 },
        Task::Io {
            wait: Duration::from_millis(1),
        },
        Task::Memory { bytes: 1 },
        Task::ReadWrite {
            read: 1,
            write: 1,
            within: false,
        },
        Task::Steps {
            count: Task::DEFAULT_STEPS,
        },
    ];

    /// Reads a task in the words of `--task`: the name of its table and its keys, for example `noop`, `io:wait=10ms`,
    /// `read-write:read=8kB,write=8kB,within=true`.
    ///
    /// # Errors
    /// What is wrong and what to write, as `reason; help`.
    pub fn of(text: &str) -> Result<Task, String> {
        document::task_of(text)
    }

    /// Its amounts by key as results have them, with the unit in the key: `operations`, `wait_ms`, `bytes`, `read_bytes`,
    /// `write_bytes`, `within_transaction` (0 or 1), `steps`.
    #[must_use]
    pub fn amounts(&self) -> BTreeMap<String, f64> {
        let amounts = match *self {
            Task::Noop => Vec::new(),
            Task::Cpu { operations } => vec![("operations", operations as f64)],
            Task::Io { wait } => vec![("wait_ms", wait.as_secs_f64() * 1e3)],
            Task::Memory { bytes } => vec![("bytes", bytes as f64)],
            Task::ReadWrite {
                read,
                write,
                within,
            } => vec![
                ("read_bytes", read as f64),
                ("write_bytes", write as f64),
                ("within_transaction", f64::from(u8::from(within))),
            ],
            Task::Steps { count } => vec![("steps", count as f64)],
        };
        let named = amounts.into_iter();
        named
            .map(|(key, amount)| (key.to_owned(), amount))
            .collect()
    }

    /// The name of its table in a scenario, of `--task`, and in results.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Task::Noop => "noop",
            Task::Cpu { .. } => "cpu",
            Task::Io { .. } => "io",
            Task::Memory { .. } => "memory",
            Task::ReadWrite { .. } => "read-write",
            Task::Steps { .. } => "steps",
        }
    }
}

impl Outcomes {
    /// Reads outcomes in the words of `--outcomes`: the keys of their table, for example `failed=0.1,released=0.05`. What is not there
    /// is 0.
    ///
    /// # Errors
    /// What is wrong and what to write, as `reason; help`.
    pub fn of(text: &str) -> Result<Outcomes, String> {
        document::outcomes_of(text)
    }
}

/// `[outcomes]`: the shares of deliveries whose task does not complete the job; which ones is decided by the job's seq and a hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outcomes {
    /// The task reports an error.
    pub failed: f64,
    /// The worker hands the job back.
    pub released: f64,
    /// The task panics.
    pub panicked: f64,
}

impl fmt::Display for Outcomes {
    /// As [`Outcomes::of`] reads it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcomes {
            failed,
            released,
            panicked,
        } = self;
        write!(
            formatter,
            "failed={failed},released={released},panicked={panicked}"
        )
    }
}

impl fmt::Display for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for Task {
    /// As [`Task::of`] reads it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = match *self {
            Task::Noop => String::new(),
            Task::Cpu { operations } => format!(":operations={operations}"),
            Task::Io { wait } => format!(":wait={}", written_duration(wait)),
            Task::Memory { bytes } => format!(":bytes={}", written_size(bytes)),
            Task::ReadWrite {
                read,
                write,
                within,
            } => format!(
                ":read={},write={},within={within}",
                written_size(read),
                written_size(write)
            ),
            Task::Steps { count } => format!(":count={count}"),
        };
        formatter.pad(&(self.name().to_owned() + &keys))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
