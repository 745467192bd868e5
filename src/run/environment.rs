//! Where a run took place and with what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that may change a result without being a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of this program.
    pub program_version: String,
    /// The server's own version string, as `show server_version` gives it.
    pub server_version: String,
    /// Settings that differ from the server's built-in default, by name.
    pub settings: BTreeMap<String, String>,
    /// Name of the settings profile the server was started with.
    pub profile: String,
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
    /// What the server lacks, and which columns suffer.
    pub limitations: Vec<String>,
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
    /// Digest of the planner's statistics after the build, by queue.
    pub statistics: BTreeMap<String, String>,
}
