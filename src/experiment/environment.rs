//! What a run records about where it took place.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use crate::explain::options;
use crate::postgres::database::DatabaseError;
use crate::postgres::version::Version;
use crate::postgres::workspace::Workspace;
use crate::run::environment::{Cpu, Environment, Limitation, ServerRecord};

/// Clock readings that are averaged.
const CLOCK_READINGS: u32 = 10_000;

/// Settings that say where a server lies and whom it talks to, not how it works.
const SETTINGS: &str = "select name, current_setting(name) from pg_settings \
     where setting is distinct from boot_val and source not in ('default', 'client', 'session') \
     and category !~ '^(File Locations|Reporting and Logging|Preset Options|Client Connection Defaults / Locale)' \
     and (category <> 'Connections and Authentication / Connection Settings' or name = 'max_connections') order by name";

/// Its version, what it was built for and with, and the size of its pages.
const SERVER: &str = "select current_setting('server_version'), coalesce(substring(version() from ' on (.*)'), ''), \
     current_setting('block_size')::bigint, current_setting('track_counts')::bool";

/// Describes this machine and its first server; queues and fixtures are added as they are measured.
#[must_use]
pub fn describe(server: ServerRecord, seed: Option<u64>) -> Environment {
    Environment {
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        server,
        other_servers: Vec::new(),
        cpu: cpu(),
        clock_cost_ns: clock_cost_ns(),
        seed,
        queues: BTreeMap::new(),
        fixtures: BTreeMap::new(),
        tables: BTreeMap::new(),
        statements: BTreeMap::new(),
        selection: None,
    }
}

/// Describes a server.
///
/// # Errors
/// If it cannot be asked.
pub async fn describe_server(workspace: &Workspace) -> Result<ServerRecord, DatabaseError> {
    let failed = |source| DatabaseError::Server {
        action: "read the settings from",
        name: "postgres".to_owned(),
        source,
    };
    let client = workspace.databases().session();
    let version = client.query_one(SERVER, &[]).await.map_err(failed)?;
    let settings = client.query(SETTINGS, &[]).await.map_err(failed)?;
    let mut limitations = workspace.limitations();
    limitations.extend(without_counters(workspace.version(), version.get(3)));
    Ok(ServerRecord {
        server_version: version.get(0),
        build: version.get(1),
        block_size: u64::try_from(version.get::<_, i64>(2)).unwrap_or(0),
        settings: settings
            .iter()
            .map(|row| (row.get(0), row.get(1)))
            .collect(),
        profile: workspace.profile().to_owned(),
        statistics: BTreeMap::new(),
        catalogs: BTreeMap::new(),
        limitations,
    })
}

/// What is lost where EXPLAIN does not tell what sending rows reads, and the server does not count it either.
fn without_counters(version: Version, track_counts: bool) -> Option<Limitation> {
    (!track_counts && !options::serializes(version)).then(|| Limitation {
        capability: "track_counts".to_owned(),
        not_comparable: vec!["output.pages".to_owned()],
        message: "track_counts is off: pages read to send rows are not counted and show as 0; turn it on for the role that measures, by a superuser: alter role … set track_counts = on".to_owned(),
    })
}

pub(super) fn cpu() -> Cpu {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'));
    Cpu {
        model: model.map_or(String::new(), |(_, name)| name.trim().to_owned()),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
    }
}

/// What one reading of the clock costs, in nanoseconds.
fn clock_cost_ns() -> f64 {
    let started = Instant::now();
    for _ in 0..CLOCK_READINGS {
        black_box(Instant::now());
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(CLOCK_READINGS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uncounted_pages_are_told_where_explain_does_not_count_them() {
        let version = |major| Version { major, minor: 0 };
        assert_eq!(without_counters(version(16), true), None);
        assert_eq!(without_counters(version(17), false), None);
        let limitation = without_counters(version(16), false).expect("a limitation");
        assert_eq!(limitation.unknown_keys(), [""; 0]);
        assert!(limitation.covers("output.pages") && !limitation.covers("output.bytes"));
    }
}
