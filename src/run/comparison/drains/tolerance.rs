//! The counts per job that gate, and how much each may grow.

use serde::{Deserialize, Serialize};

use super::super::gate::Tolerance;
use crate::run::throughput::PerJob;
use crate::units::{Bytes, Significant};

/// A count that gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::run::comparison) enum JobCount {
    /// Pages found or read.
    Pages,
    /// WAL bytes.
    WalBytes,
    /// WAL records.
    WalRecords,
    /// Dead rows left.
    DeadRows,
    /// Commits.
    Commits,
}

/// By which share a count per job may grow before it counts as worse: 0.05 is 5 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobTolerances {
    /// Of pages per job.
    pub pages_per_job: f64,
    /// Of WAL bytes per job.
    pub wal_bytes_per_job: f64,
    /// Of WAL records per job.
    pub wal_records_per_job: f64,
    /// Of dead rows per job.
    pub dead_rows_per_job: f64,
    /// Of commits per job.
    pub commits_per_job: f64,
}

/// Workers that run at the same time meet in another order each time: two drains of the same differ by more than two plans do.
const DEFAULT_SHARE: f64 = 0.05;

impl Default for JobTolerances {
    fn default() -> Self {
        JobTolerances {
            pages_per_job: DEFAULT_SHARE,
            wal_bytes_per_job: DEFAULT_SHARE,
            wal_records_per_job: DEFAULT_SHARE,
            dead_rows_per_job: DEFAULT_SHARE,
            commits_per_job: DEFAULT_SHARE,
        }
    }
}

impl JobTolerances {
    /// The default with some replaced; of several for one count the last one holds. Those of plans are left aside.
    #[must_use]
    pub fn with(given: &[Tolerance]) -> JobTolerances {
        let mut tolerances = JobTolerances::default();
        for tolerance in given {
            if let Some(count) = tolerance.job_count() {
                *count.tolerance_of(&mut tolerances) = tolerance.share();
            }
        }
        tolerances
    }
}

impl JobCount {
    pub(in crate::run::comparison) const ALL: [JobCount; 5] = [
        JobCount::Pages,
        JobCount::WalBytes,
        JobCount::WalRecords,
        JobCount::DeadRows,
        JobCount::Commits,
    ];

    /// Its name on the command line and in JSON.
    pub(in crate::run::comparison) fn key(self) -> &'static str {
        match self {
            JobCount::Pages => "pages_per_job",
            JobCount::WalBytes => "wal_bytes_per_job",
            JobCount::WalRecords => "wal_records_per_job",
            JobCount::DeadRows => "dead_rows_per_job",
            JobCount::Commits => "commits_per_job",
        }
    }

    /// Its path in a result.
    pub(super) fn path(self) -> &'static str {
        match self {
            JobCount::Pages => "per_job.pages",
            JobCount::WalBytes => "per_job.wal_bytes",
            JobCount::WalRecords => "per_job.wal_records",
            JobCount::DeadRows => "per_job.dead_rows",
            JobCount::Commits => "per_job.commits",
        }
    }

    /// In words.
    pub(super) fn name(self) -> &'static str {
        match self {
            JobCount::Pages => "pages per job",
            JobCount::WalBytes => "WAL per job",
            JobCount::WalRecords => "WAL records per job",
            JobCount::DeadRows => "dead rows per job",
            JobCount::Commits => "commits per job",
        }
    }

    /// It, of a drain.
    pub(super) fn of(self, cost: &PerJob) -> f64 {
        match self {
            JobCount::Pages => cost.pages,
            JobCount::WalBytes => cost.wal_bytes,
            JobCount::WalRecords => cost.wal_records,
            JobCount::DeadRows => cost.dead_rows,
            JobCount::Commits => cost.commits,
        }
    }

    /// A difference up to this is nothing, whatever share it is: a few fetches more that found nothing, say.
    pub(super) fn least(self) -> f64 {
        match self {
            JobCount::Pages | JobCount::WalRecords => 0.05,
            JobCount::WalBytes => 8.0,
            JobCount::DeadRows | JobCount::Commits => 0.01,
        }
    }

    /// By which share it may grow.
    pub(super) fn tolerance(self, mut tolerances: JobTolerances) -> f64 {
        *self.tolerance_of(&mut tolerances)
    }

    fn tolerance_of(self, tolerances: &mut JobTolerances) -> &mut f64 {
        match self {
            JobCount::Pages => &mut tolerances.pages_per_job,
            JobCount::WalBytes => &mut tolerances.wal_bytes_per_job,
            JobCount::WalRecords => &mut tolerances.wal_records_per_job,
            JobCount::DeadRows => &mut tolerances.dead_rows_per_job,
            JobCount::Commits => &mut tolerances.commits_per_job,
        }
    }

    /// A value of it as people read it.
    pub(super) fn shown(self, value: f64) -> String {
        match self {
            JobCount::WalBytes if value >= 0.0 => Bytes(value.round() as u64).to_string(),
            _ => Significant(value).to_string(),
        }
    }
}
