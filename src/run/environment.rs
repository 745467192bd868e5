//! Where a run took place and with what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that may change a result without being a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of this program.
    pub program_version: String,
    /// The server; of several the first.
    #[serde(flatten)]
    pub server: ServerRecord,
    /// The other servers, in the order they were used.
    #[serde(default)]
    pub other_servers: Vec<ServerRecord>,
    /// The processor.
    pub cpu: Cpu,
    /// What reading the clock costs here, in nanoseconds.
    pub clock_cost_ns: f64,
    /// `--seed`, where given: it replaces the seeds of the fixtures.
    pub seed: Option<u64>,
    /// Digest of each queue's files, by name.
    pub queues: BTreeMap<String, String>,
    /// What each fixture was, by name.
    pub fixtures: BTreeMap<String, FixtureRecord>,
}

impl Environment {
    /// Every server of the run, in the order they were used.
    pub fn servers(&self) -> impl Iterator<Item = &ServerRecord> {
        std::iter::once(&self.server).chain(&self.other_servers)
    }
}

/// A server as it was measured on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerRecord {
    /// Its own version string, as `show server_version` gives it.
    pub server_version: String,
    /// Settings that differ from the server's built-in default, by name.
    pub settings: BTreeMap<String, String>,
    /// Name of the settings profile it was started with; `as-found` for a server that was running already.
    pub profile: String,
    /// Digest of the planner's statistics after the build, by fixture, then by queue.
    #[serde(default)]
    pub statistics: BTreeMap<String, BTreeMap<String, String>>,
    /// What it lacks, and which columns suffer.
    pub limitations: Vec<Limitation>,
}

/// Something a server lacks, and what that does to results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limitation {
    /// What is missing: a right, an extension or a setting, for example `pg_prewarm`.
    pub capability: String,
    /// The keys of a result that are not comparable with those of a server that has it, for example `buffers.read`; a key with
    /// parts stands for all of them, for example `wal`.
    pub not_comparable: Vec<String>,
    /// What is missing and what follows, as a sentence.
    pub message: String,
}

/// The processor a run took place on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// Model name, as the system tells it; empty where it does not.
    pub model: String,
    /// Processors this process may use.
    pub cores: usize,
}

/// A fixture as it was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixtureRecord {
    /// Digest of everything that decides its rows.
    pub digest: String,
    /// Seed of its rows.
    pub seed: u64,
    /// Number of jobs.
    pub jobs: u64,
}
