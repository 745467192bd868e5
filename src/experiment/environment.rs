//! What a run records about where it took place.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use crate::postgres::database::DatabaseError;
use crate::postgres::workspace::Workspace;
use crate::run::environment::{Cpu, Environment, ServerRecord};

/// Clock readings that are averaged.
const CLOCK_READINGS: u32 = 10_000;

/// Settings that say where a server lies and whom it talks to, not how it works.
const SETTINGS: &str = "select name, current_setting(name) from pg_settings \
     where setting is distinct from boot_val and source not in ('default', 'client', 'session') \
     and category !~ '^(File Locations|Reporting and Logging|Preset Options|Client Connection Defaults / Locale)' \
     and (category <> 'Connections and Authentication / Connection Settings' or name = 'max_connections') order by name";

/// Its version, what it was built for and with, and the size of its pages.
const SERVER: &str = "select current_setting('server_version'), coalesce(substring(version() from ' on (.*)'), ''), \
     current_setting('block_size')::bigint";

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
        limitations: workspace.limitations(),
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

/// The largest resident set of this process so far, in bytes; 0 where the system does not tell.
#[must_use]
pub fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
