//! Golden plans: what PostgreSQL 14 to 18 print for the statements in `cases/`, read, digested and worked out.

mod arbitrary;
mod documents;
mod golden;
mod oracles;
mod text;

use std::path::{Path, PathBuf};

use pgq_analyze::plan::Plan;

/// The server versions golden plans were made on.
const VERSIONS: [u32; 5] = [14, 15, 16, 17, 18];

/// The folder of one version.
fn folder(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/plans/pg{version}"))
}

/// The golden plans of one version: names and texts, by name.
fn golden_plans(version: u32) -> Vec<(String, String)> {
    let mut plans = Vec::new();
    for entry in std::fs::read_dir(folder(version)).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            plans.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    plans.sort();
    plans
}

/// One golden plan, read.
fn golden_plan(version: u32, case: &str) -> Plan {
    let text = std::fs::read_to_string(folder(version).join(format!("{case}.json"))).unwrap();
    Plan::parse(&text).unwrap().remove(0)
}
