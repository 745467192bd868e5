//! What `selftest` found: the server, the clock, whether counts repeat, how much times waver, the disk, the machine, a verdict.

mod pgbench;
#[cfg(test)]
pub(crate) mod sample;

use serde::Serialize;

use super::environment::ServerRecord;
pub use pgbench::{Pair, Pgbench, Side};

/// The version of what `selftest --json` prints.
pub const FORMAT_VERSION: u32 = 1;

/// Everything that `selftest --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SelfTest {
    /// Version of this format; [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Version of this program.
    pub program_version: String,
    /// Whether this program was built without optimisation, which makes its own share of every time larger.
    pub debug_build: bool,
    /// The server.
    pub server: FoundServer,
    /// The clock.
    pub clock: Clock,
    /// Whether counts repeat.
    pub counts: Counts,
    /// How much times waver.
    pub times: Times,
    /// Whether this program keeps up with pgbench.
    pub pgbench: Pgbench,
    /// The disk.
    pub disk: Disk,
    /// The machine this program runs on.
    pub machine: Machine,
    /// What can be trusted here.
    pub verdict: Vec<Judgement>,
    /// How long all of it took, in milliseconds.
    pub total_ms: f64,
}

/// The server that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoundServer {
    /// Its version and build, as it tells them itself.
    pub version: String,
    /// The directory of its binaries; none for a server that was not started here.
    pub bin_dir: Option<String>,
    /// Settings off their default, the profile, what it lacks.
    #[serde(flatten)]
    pub record: ServerRecord,
}

/// Reading the clock in a loop, as pg_test_timing does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Clock {
    /// The kernel's clock source, for example `tsc`; none where the system does not tell.
    pub source: Option<String>,
    /// Readings.
    pub readings: u64,
    /// Mean time from one reading to the next, in nanoseconds.
    pub mean_ns: f64,
    /// Share of readings that came less than 1 µs after the one before, from 0 to 1.
    pub below_1us: f64,
    /// The times between readings, by powers of two.
    pub histogram: Vec<ClockClass>,
    /// What EXPLAIN's TIMING adds to each row of a node in the server, in nanoseconds; none where the machine wavers more than that.
    pub timing_ns_per_row: Option<f64>,
}

/// Readings of one class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClockClass {
    /// The time from the reading before was less than this, in nanoseconds, and not less than half of it.
    pub below_ns: f64,
    /// Readings.
    pub readings: u64,
}

/// Whether counts repeat from copy to copy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Counts {
    /// Name of the queue.
    pub queue: String,
    /// Name of the fixture.
    pub fixture: String,
    /// Its number of jobs.
    pub jobs: u64,
    /// Copies on which each variant was measured.
    pub copies: usize,
    /// Variant by variant.
    pub variants: Vec<VariantCounts>,
}

/// The counts of one variant on all copies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantCounts {
    /// The statement.
    pub statement: String,
    /// The variant.
    pub variant: String,
    /// Counts of the first copy.
    pub counts: CopyCounts,
    /// The counts that are not the same on all copies.
    pub differences: Vec<Difference>,
}

/// The counts of one variant on one copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CopyCounts {
    /// Identifies the plan's shape.
    pub shape: String,
    /// Rows returned, or written where none are returned.
    pub rows: u64,
    /// `buffers.total`.
    pub pages: u64,
    /// `wal.records`.
    pub wal_records: u64,
    /// `wal.bytes`.
    pub wal_bytes: u64,
}

/// A count that does not repeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its key in a result of run.json, for example `buffers.total`.
    pub key: &'static str,
    /// Its value on each copy.
    pub values: Vec<String>,
}

/// One statement timed over and over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Times {
    /// The statement.
    pub statement: String,
    /// The variant.
    pub variant: String,
    /// Executions that were timed.
    pub samples: usize,
    /// Copies they were spread over, one after the other.
    pub copies: usize,
    /// Median execution time, in milliseconds; none without samples.
    pub median_ms: Option<f64>,
    /// Median of the distances from the median, in milliseconds.
    pub median_absolute_deviation_ms: Option<f64>,
    /// 95th percentile over median; none where there are too few samples for a percentile.
    pub p95_over_median: Option<f64>,
    /// Values on each side of a comparison.
    pub per_side: usize,
    /// A B A B …: the rank test with an effect beyond 10 % and 0.1 ms.
    pub interleaved: FalseAlarms,
    /// The same test on two copies, one after the other.
    pub in_blocks: FalseAlarms,
    /// On the same two copies: medians that differ by more than 5 %.
    pub naive: FalseAlarms,
    /// The least slowdown that the interleaved comparison would find here, as a share of the median, from 0: the effect that counts
    /// plus the half width of the interval in 95 of 100 rounds. None without enough rounds.
    pub told_from: Option<f64>,
    /// How far the medians of two copies lie apart although nothing changed, as a share, in 95 of 100 comparisons.
    pub apart_in_blocks: Option<f64>,
}

/// Comparisons of a statement with itself, and how many found a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FalseAlarms {
    /// Comparisons.
    pub comparisons: usize,
    /// Those that found a difference where there is none.
    pub alarms: usize,
}

impl FalseAlarms {
    /// The share of alarms, from 0 to 1; none without comparisons.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        (self.comparisons > 0).then(|| self.alarms as f64 / self.comparisons as f64)
    }
}

/// The disk that the server's data lies on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Disk {
    /// The directory that was written to; none for a server that was not started here.
    pub directory: Option<String>,
    /// Bytes free there.
    pub free_bytes: Option<u64>,
    /// Writing and syncing; none where it could not be measured.
    pub sync: Option<SyncTimes>,
    /// Why it could not be measured.
    pub not_measured: Option<String>,
}

/// Times of writing 8 kB over others and syncing them with fdatasync, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SyncTimes {
    /// How often.
    pub n: usize,
    /// Median.
    pub median_ms: f64,
    /// 95th percentile; none of too few.
    pub p95_ms: Option<f64>,
    /// Greatest.
    pub max_ms: f64,
}

/// The machine this program runs on. What the system does not tell is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Machine {
    /// Model name of the processor; empty where the system does not tell.
    pub model: String,
    /// Processors this process may use.
    pub cores: usize,
    /// Whether the processor says that it is a virtual one.
    pub virtual_machine: Option<bool>,
    /// How the frequency is governed, each way once, for example `powersave`.
    pub governors: Vec<String>,
    /// Load average of the last minute when the test began.
    pub load_average: Option<f64>,
    /// Share of processor time that the hypervisor gave to others while the test ran, from 0 to 1.
    pub stolen: Option<f64>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Memory that was available when the test began, in bytes.
    pub available_bytes: Option<u64>,
}

/// What a judgement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// Shape, rows, pages, WAL.
    Counts,
    /// Times compared in turns.
    InterleavedTimes,
    /// Times of two runs, one after the other.
    TimesOfRuns,
    /// Times of single nodes, as EXPLAIN gives them.
    NodeTimes,
    /// Whether this program or the server is the limit of what is measured under load.
    Generator,
    /// What waits for the disk.
    DurableCommits,
    /// What else uses the machine.
    Machine,
}

impl Topic {
    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Topic::Counts => "counts",
            Topic::InterleavedTimes => "interleaved times",
            Topic::TimesOfRuns => "times of runs",
            Topic::NodeTimes => "node times",
            Topic::Generator => "generator",
            Topic::DurableCommits => "durable commits",
            Topic::Machine => "machine",
        }
    }
}

/// How far something can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// As it is.
    Yes,
    /// Within the limits the sentence names.
    Limited,
    /// Not at all.
    No,
    /// It could not be told.
    Unknown,
}

/// A sentence of the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// What it is about.
    pub topic: Topic,
    /// How far that can be trusted.
    pub trust: Trust,
    /// Why, and what follows.
    pub sentence: String,
}

/// What a self-test comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything asked could be told, and counts repeat as far as the server promises.
    Passed,
    /// Counts that ought to repeat do not.
    CountsDiffer,
    /// Something could not be told.
    Inconclusive,
}

impl SelfTest {
    /// What it comes to: only counts are a promise, times and disks are as they are. A disk that cannot be reached from here, because
    /// the server runs elsewhere, leaves nothing open.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let trust = |wanted: Topic| {
            let judgement = self.verdict.iter().find(|one| one.topic == wanted);
            judgement.map_or(Trust::Unknown, |one| one.trust)
        };
        if trust(Topic::Counts) == Trust::No {
            return Outcome::CountsDiffer;
        }
        let open = [Topic::Counts, Topic::InterleavedTimes];
        if open.into_iter().any(|topic| trust(topic) == Trust::Unknown) {
            return Outcome::Inconclusive;
        }
        Outcome::Passed
    }
}
