//! Where a run took place and with what.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finding::case::Catalog;

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
    /// Digest of what makes and fills each queue's tables, by name: its scripts, without its statements.
    #[serde(default)]
    pub tables: BTreeMap<String, String>,
    /// The SQL of each statement measured, by queue, then by its name in results.
    #[serde(default)]
    pub statements: BTreeMap<String, BTreeMap<String, String>>,
    /// Which of the queues' statements were asked for; none in a run of a program that did not record it.
    #[serde(default)]
    pub selection: Option<SelectionRecord>,
}

/// Which statements and variants a run was to measure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectionRecord {
    /// Names of the operations.
    pub operations: Vec<String>,
    /// Patterns of variants; empty for what each fixture is about.
    pub variants: Vec<String>,
}

impl Environment {
    /// Every server of the run, in the order they were used.
    pub fn servers(&self) -> impl Iterator<Item = &ServerRecord> {
        std::iter::once(&self.server).chain(&self.other_servers)
    }

    /// The server that a result names as `postgres`, for example `15.18`.
    #[must_use]
    pub fn server(&self, postgres: &str) -> Option<&ServerRecord> {
        let wanted = version_numbers(postgres);
        self.servers()
            .find(|server| version_numbers(&server.server_version) == wanted)
    }
}

/// Major and minor number at the beginning of a version's text: `15.18 (Debian 15.18-0+deb12u1)` is 15 and 18, `18beta2` is 18 and 0.
/// What is no number counts as 0.
#[must_use]
pub fn version_numbers(text: &str) -> (u32, u32) {
    let number = |text: &str| {
        let digits = text.find(|next: char| !next.is_ascii_digit());
        text[..digits.unwrap_or(text.len())].parse().unwrap_or(0)
    };
    let word = text.split_whitespace().next().unwrap_or_default();
    let minor = word.split_once('.').map_or(0, |(_, rest)| number(rest));
    (number(word), minor)
}

/// A server as it was measured on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerRecord {
    /// Its own version string, as `show server_version` gives it.
    pub server_version: String,
    /// What it was built for and with, as `version()` tells it, for example `x86_64-pc-linux-gnu, compiled by gcc 12.2.0, 64-bit`;
    /// empty where it is not known.
    #[serde(default)]
    pub build: String,
    /// Bytes of a page, decided when the server was built; 0 where it is not known.
    #[serde(default)]
    pub block_size: u64,
    /// Settings that differ from the server's built-in default, by name.
    pub settings: BTreeMap<String, String>,
    /// Name of the settings profile it was started with; `as-found` for a server that was running already.
    pub profile: String,
    /// Digest of the planner's statistics after the build, by fixture, then by queue.
    #[serde(default)]
    pub statistics: BTreeMap<String, BTreeMap<String, String>>,
    /// The tables that were measured on, with sizes and indexes, by fixture, then by queue.
    #[serde(default)]
    pub catalogs: BTreeMap<String, BTreeMap<String, Catalog>>,
    /// What it lacks, and which columns suffer.
    pub limitations: Vec<Limitation>,
}

/// Something a server lacks, and what that does to results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limitation {
    /// What is missing: a right, an extension or a setting, for example `pg_prewarm`.
    pub capability: String,
    /// The keys of a result ([`RESULT_KEYS`]) that are not comparable with those of a server that has it, for example `buffers.read`;
    /// a key with parts stands for all of them, for example `wal`.
    pub not_comparable: Vec<String>,
    /// What is missing and what follows, as a sentence.
    pub message: String,
}

/// The keys of a result that a [`Limitation`] may name: those of what is measured, with a dot between key and part.
pub const RESULT_KEYS: [&str; 40] = [
    "auto_plan",
    "buffers",
    "buffers.dirtied",
    "buffers.hit",
    "buffers.read",
    "buffers.temp",
    "buffers.total",
    "buffers.written",
    "digest",
    "execution_ms",
    "execution_ms.max",
    "execution_ms.min",
    "execution_ms.n",
    "execution_ms.p50",
    "execution_ms.p95",
    "execution_ms.p99",
    "execution_ms.samples",
    "findings",
    "generic_shape",
    "nested",
    "nested_left_out",
    "output",
    "output.bytes",
    "output.pages",
    "pages_per_row",
    "planning_ms",
    "planning_ms.max",
    "planning_ms.min",
    "planning_ms.n",
    "planning_ms.p50",
    "planning_ms.p95",
    "planning_ms.p99",
    "planning_ms.samples",
    "rows",
    "rows_removed",
    "shape",
    "wal",
    "wal.bytes",
    "wal.fpi",
    "wal.records",
];

impl Limitation {
    /// Whether results of a server with this limitation have no comparable value at `key`.
    #[must_use]
    pub fn covers(&self, key: &str) -> bool {
        self.not_comparable.iter().any(|covered| {
            key.strip_prefix(covered.as_str())
                .is_some_and(|part| part.is_empty() || part.starts_with('.'))
        })
    }

    /// The keys it names that are none of [`RESULT_KEYS`].
    #[must_use]
    pub fn unknown_keys(&self) -> Vec<&str> {
        let named = self.not_comparable.iter().map(String::as_str);
        named.filter(|key| !RESULT_KEYS.contains(key)).collect()
    }
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
    /// Whether nothing is in the way of a fetch but the number of jobs; `false` in a run of a program that did not record it.
    #[serde(default)]
    pub plain: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::run::{Run, sample};

    #[test]
    fn the_keys_a_limitation_may_name_are_those_of_a_result() {
        let identifies = [
            "postgres",
            "queue",
            "fixture",
            "operation",
            "variant",
            "statement",
            "plan_mode",
            "dump",
        ];
        let result = serde_json::to_value(&sample::run().results[0]).expect("serializes");
        let mut keys = Vec::new();
        for (key, value) in result.as_object().expect("an object") {
            if identifies.contains(&key.as_str()) {
                continue;
            }
            keys.push(key.clone());
            let parts = value.as_object().into_iter().flatten();
            keys.extend(parts.map(|(part, _): (_, &Value)| format!("{key}.{part}")));
        }
        keys.sort();
        assert_eq!(keys, RESULT_KEYS);
    }

    /// What a program that did not know them yet has not recorded.
    #[test]
    fn a_run_without_the_later_keys_still_reads() {
        let mut run = serde_json::to_value(sample::run()).expect("serializes");
        let environment = [
            "other_servers",
            "tables",
            "statements",
            "selection",
            "build",
            "block_size",
            "statistics",
            "catalogs",
        ];
        for (object, later) in [
            ("", &["interleaved_with", "skipped"][..]),
            ("/environment", &environment),
            (
                "/results/0",
                &["rows_removed", "output", "nested", "nested_left_out"],
            ),
        ] {
            let object = run.pointer_mut(object).and_then(Value::as_object_mut);
            let object = object.expect("an object");
            for key in later {
                assert!(object.remove(*key).is_some(), "{key}");
            }
        }
        let read: Run = serde_json::from_value(run).expect("reads");
        assert_eq!((&read.interleaved_with, &read.skipped), (&None, &vec![]));
        let result = &read.results[0];
        assert_eq!((result.rows_removed, result.output), (None, None));
        assert_eq!((&result.nested, result.nested_left_out), (&None, 0));
        let environment = &read.environment;
        assert_eq!(environment.selection, None);
        assert!(environment.tables.is_empty() && environment.statements.is_empty());
        assert!(environment.server.catalogs.is_empty());
    }

    #[test]
    fn a_limitation_covers_a_key_and_its_parts() {
        let limitation = Limitation {
            capability: String::new(),
            not_comparable: ["buffers", "wal.bytes", "wal_bytes"]
                .map(str::to_owned)
                .to_vec(),
            message: String::new(),
        };
        for key in ["buffers", "buffers.total", "wal.bytes"] {
            assert!(limitation.covers(key), "{key}");
        }
        for key in ["wal", "wal.records", "rows", "buffers_total"] {
            assert!(!limitation.covers(key), "{key}");
        }
        assert_eq!(limitation.unknown_keys(), ["wal_bytes"]);
    }

    #[test]
    fn a_result_finds_its_server() {
        let mut environment = sample::run().environment;
        for version in ["18beta2", "17.10 (Debian 17.10-1)"] {
            environment.other_servers.push(ServerRecord {
                server_version: version.to_owned(),
                ..ServerRecord::default()
            });
        }
        let found = |postgres| {
            let server = environment.server(postgres);
            server.map(|server| server.server_version.as_str())
        };
        assert_eq!(found("15.18"), Some("15.18"));
        assert_eq!(found("17.10"), Some("17.10 (Debian 17.10-1)"));
        assert_eq!(found("18.0"), Some("18beta2"));
        assert_eq!(found("17.9"), None);
    }
}
