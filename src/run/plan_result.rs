//! One statement of one variant, measured in one plan mode on one fixture.

use serde::{Deserialize, Serialize};

use super::nested::NestedResult;
use crate::finding::Finding;
pub use crate::plan::PlanMode;
use crate::plan::{Buffers, Wal};
use crate::stats::percentile::percentile;

/// One entry of `results` in a run of kind `plans`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanResult {
    /// Server version, for example `15.18`.
    pub postgres: String,
    /// Name of the queue.
    pub queue: String,
    /// Name of the fixture.
    pub fixture: String,
    /// Name of the operation, for example `fetch`.
    pub operation: String,
    /// Name of the variant, for example `batch-100`.
    pub variant: String,
    /// The statement file's name without `.sql`, then, where the file holds several statements, `/` and the statement's name.
    pub statement: String,
    /// How this plan was made.
    pub plan_mode: PlanMode,
    /// Which plan PostgreSQL settles on by itself after several executions; none where it was not tried.
    pub auto_plan: Option<PlanMode>,
    /// Whether the generic plan has the custom plan's shape. Where it has, only the custom plan is executed and listed, unless the
    /// version it was measured in turns with has another generic plan.
    pub generic_shape: GenericShape,
    /// Identifies the plan's shape: equal for equal plans.
    pub shape: String,
    /// The plan in one line.
    pub digest: String,
    /// Rows the statement returned, or, where it returns none, rows it wrote.
    pub rows: u64,
    /// Rows that its nodes read and threw away; none in a run of a program that did not record it.
    #[serde(default)]
    pub rows_removed: Option<u64>,
    /// Pages of the first execution on a fresh copy.
    pub buffers: BufferCounts,
    /// WAL of the first execution on a fresh copy.
    pub wal: WalCounts,
    /// `buffers.total` over `rows`; none without rows.
    pub pages_per_row: Option<f64>,
    /// What its rows amounted to when they were sent to a client; none in a run of a program that did not record it.
    #[serde(default)]
    pub output: Option<OutputCounts>,
    /// The statements that ran inside functions and triggers during the first execution, those that touched the most pages first; none
    /// where the server does not tell, and in a run of a program that did not record them.
    #[serde(default)]
    pub nested: Option<Vec<NestedResult>>,
    /// Executions inside functions and triggers that are in no entry of `nested`: there were too many different ones, or one was too large.
    #[serde(default)]
    pub nested_left_out: u64,
    /// The pages of one execution after another, where another session holds a snapshot or locks on the head of the queue; empty
    /// elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scans: Vec<Scan>,
    /// Planning times of the samples, in milliseconds.
    pub planning_ms: Summary,
    /// Execution times of the samples, in milliseconds.
    pub execution_ms: Summary,
    /// What the rules found in this plan, worst first.
    pub findings: Vec<Finding>,
    /// The file under the run folder with PostgreSQL's EXPLAIN JSON, untouched.
    pub dump: String,
}

/// The pages of one execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// Which execution it was.
    pub when: When,
    /// Its pages, as `buffers.total`.
    pub pages: u64,
}

/// Which execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// The first on a fresh copy, whose counts are the result's.
    First,
    /// The one after it: what the first has found dead it may have marked.
    Second,
    /// The first after the snapshot was released, which was after the samples for the times.
    FirstAfterRelease,
    /// The one after that.
    SecondAfterRelease,
}

/// How the generic plan relates to the custom one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GenericShape {
    /// Same shape.
    Same,
    /// Another shape; it has an entry of its own.
    Differs,
    /// There is no generic plan: the statement takes no parameter, or the server could not make one, which is then among the failures.
    None,
}

/// Pages touched by a statement, in blocks (8 kB unless the server was built otherwise).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BufferCounts {
    /// Found in shared buffers.
    pub hit: u64,
    /// Read into shared buffers.
    pub read: u64,
    /// Made dirty.
    pub dirtied: u64,
    /// Written out by this statement.
    pub written: u64,
    /// Temporary pages read and written.
    pub temp: u64,
    /// `hit + read`.
    pub total: u64,
}

impl From<&Buffers> for BufferCounts {
    fn from(buffers: &Buffers) -> BufferCounts {
        BufferCounts {
            hit: buffers.shared.hit.saturating_add(buffers.local.hit),
            read: buffers.shared.read.saturating_add(buffers.local.read),
            dirtied: buffers.shared.dirtied.saturating_add(buffers.local.dirtied),
            written: buffers.shared.written.saturating_add(buffers.local.written),
            temp: buffers.temp(),
            total: buffers.total(),
        }
    }
}

impl std::ops::AddAssign for BufferCounts {
    fn add_assign(&mut self, other: BufferCounts) {
        self.hit += other.hit;
        self.read += other.read;
        self.dirtied += other.dirtied;
        self.written += other.written;
        self.temp += other.temp;
        self.total += other.total;
    }
}

/// WAL written by a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalCounts {
    /// Records.
    pub records: u64,
    /// Full-page images.
    pub fpi: u64,
    /// Bytes.
    pub bytes: u64,
}

impl From<&Wal> for WalCounts {
    fn from(wal: &Wal) -> WalCounts {
        WalCounts {
            records: wal.records,
            fpi: wal.fpi,
            bytes: wal.bytes,
        }
    }
}

impl std::ops::AddAssign for WalCounts {
    fn add_assign(&mut self, other: WalCounts) {
        self.records += other.records;
        self.fpi += other.fpi;
        self.bytes += other.bytes;
    }
}

/// The rows of a statement as they are sent to a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputCounts {
    /// Their size in the binary format, in bytes.
    pub bytes: u64,
    /// Pages read to send them, of values stored out of line mostly; in no node of the plan and not in [`BufferCounts`].
    pub pages: u64,
}

/// A small sample of times in milliseconds. Percentiles the sample does not support are none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of samples.
    pub n: usize,
    /// Least.
    pub min: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Greatest.
    pub max: Option<f64>,
    /// The samples in the order they were taken.
    pub samples: Vec<f64>,
}

impl Summary {
    /// Summarises samples given in the order they were taken.
    #[must_use]
    pub fn of(samples: Vec<f64>) -> Self {
        let mut sorted = samples.clone();
        sorted.sort_by(f64::total_cmp);
        Summary {
            n: samples.len(),
            min: sorted.first().copied(),
            p50: percentile(&sorted, 50),
            p95: percentile(&sorted, 95),
            p99: percentile(&sorted, 99),
            max: sorted.last().copied(),
            samples,
        }
    }
}
