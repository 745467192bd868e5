//! Results as data: what a run was, where it ran, what it found. `run.json` is these types, format 1.

pub mod baseline;
pub mod comparison;
pub mod environment;
pub mod event;
pub mod growth;
pub mod nested;
pub mod plan_result;
pub mod review;
#[cfg(test)]
pub(crate) mod sample;
pub mod self_check;
pub mod selftest;
pub mod store;
pub mod thresholds;
pub mod throughput;

use serde::{Deserialize, Serialize};

pub use environment::Environment;
pub use plan_result::PlanResult;
pub use throughput::{ThroughputResult, ThroughputRun};

/// The version of `run.json` that this program writes.
pub const FORMAT_VERSION: u32 = 1;

/// A run: everything that `run.json` holds. What an entry of `results` is depends on what was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run<R = PlanResult> {
    /// Version of this format; [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Sorts by time, for example `20261121T091304Z-plans-3f9a`.
    pub run_id: String,
    /// What was done.
    pub kind: RunKind,
    /// Whether it came to its end.
    pub status: RunStatus,
    /// The command line, never with a password.
    pub command: Vec<String>,
    /// Where it ran, with what.
    pub environment: Environment,
    /// Where the time went.
    pub timing: Timing,
    /// The program's largest resident set, in bytes (0 where the system does not tell).
    pub peak_rss_bytes: u64,
    /// What was measured, in the order it was measured.
    pub results: Vec<R>,
    /// What could not be measured, and why.
    pub failures: Vec<Failure>,
    /// The run whose samples were taken in turns with those of this one, so that the times of the two may be compared.
    #[serde(default)]
    pub interleaved_with: Option<String>,
    /// What was left out on purpose, and why: statements that write, where tables of others are only read.
    #[serde(default)]
    pub skipped: Vec<Failure>,
    /// Statements that waited for a lock another session of the fixture holds, which is an outcome of theirs: no failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<Failure>,
    /// What a sweep told of how a queue scales; only in runs that did one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scaling: Vec<throughput::Scaling>,
}

impl<R> Run<R> {
    /// A run that has measured nothing yet.
    #[must_use]
    pub fn begin(
        run_id: &str,
        kind: RunKind,
        command: Vec<String>,
        environment: Environment,
    ) -> Run<R> {
        Run {
            format_version: FORMAT_VERSION,
            run_id: run_id.to_owned(),
            kind,
            status: RunStatus::Running,
            command,
            environment,
            timing: Timing::default(),
            peak_rss_bytes: 0,
            results: Vec::new(),
            failures: Vec::new(),
            interleaved_with: None,
            skipped: Vec::new(),
            blocked: Vec::new(),
            scaling: Vec::new(),
        }
    }
}

/// What a run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// `compare-plans`: plans of statements on fixtures.
    Plans,
    /// `throughput`: full queues drained.
    Throughput,
}

impl RunKind {
    /// The name used in run ids and in `run.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RunKind::Plans => "plans",
            RunKind::Throughput => "throughput",
        }
    }
}

/// Whether a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Still being written: a reader that finds this in a finished folder looks at a run that was killed.
    Running,
    /// Everything asked for was tried.
    Complete,
    /// Stopped by a signal; what had been measured is kept.
    Interrupted,
    /// Stopped by an error that left nothing to go on with; what had been measured is kept.
    Failed,
}

/// Where the time of a run went, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Making disposable copies of fixtures ready (create, connect, prewarm) and dropping them.
    pub clone_ms: f64,
    /// Statements under measurement and those that feed them.
    pub execute_ms: f64,
    /// The whole run, server start and fixture builds included.
    pub total_ms: f64,
}

/// Something that could not be measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The server's version, for example `15.18`; where no server started, what was asked for.
    #[serde(default)]
    pub postgres: String,
    /// The queue it belongs to; none if it is the server that failed.
    pub queue: Option<String>,
    /// The fixture it was measured on; none if it is the server that failed.
    pub fixture: Option<String>,
    /// The statement, as in [`PlanResult::statement`]; none if the fixture could not be built.
    pub statement: Option<String>,
    /// The variant, of a drain its workers and batch size; none if the fixture could not be built.
    pub variant: Option<String>,
    /// The error with its causes: the object, the reason, the next step.
    pub message: String,
}

impl Failure {
    /// Of a server as a whole.
    #[must_use]
    pub fn of_server(postgres: String, message: String) -> Failure {
        Failure {
            postgres,
            queue: None,
            fixture: None,
            statement: None,
            variant: None,
            message,
        }
    }
}
