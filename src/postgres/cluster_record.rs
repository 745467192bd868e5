//! What is known of a cluster while its server is down: its binaries, its fixtures, when it was last used.
//!
//! Only a hint. It is written whole by whoever has the cluster locked, and again whenever the server runs; a cluster without it is
//! as good as any.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The file, in the cluster's directory.
const FILE: &str = "cluster.json";

/// A cluster as it was when it was last used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterRecord {
    /// The binaries it was last started with.
    pub bin_dir: PathBuf,
    /// What `postgres --version` said of them.
    pub version_text: String,
    /// When it was last used, in seconds since 1970.
    pub used: u64,
    /// The fixtures built in it.
    #[serde(default)]
    pub templates: Vec<TemplateRecord>,
}

/// A fixture built for a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateRecord {
    /// Name of the fixture.
    pub fixture: String,
    /// Name of the queue.
    pub queue: String,
    /// Number of jobs.
    pub jobs: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// When it was last used, in seconds since 1970.
    pub used: u64,
}

impl ClusterRecord {
    /// Where the record of the cluster in `directory` is.
    #[must_use]
    pub fn path(directory: &Path) -> PathBuf {
        directory.join(FILE)
    }

    /// Reads the record of the cluster in `directory`; none if it has none that can be read.
    #[must_use]
    pub fn read(directory: &Path) -> Option<ClusterRecord> {
        let text = std::fs::read_to_string(ClusterRecord::path(directory)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes the record of the cluster in `directory`.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn write(&self, directory: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        crate::run::store::write_whole(&ClusterRecord::path(directory), text.as_bytes())
    }
}

/// This moment, in seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_a_damaged_one_is_none() {
        let top = tempfile::tempdir().expect("a temporary directory");
        assert_eq!(ClusterRecord::read(top.path()), None);
        let record = ClusterRecord {
            bin_dir: "/usr/lib/postgresql/15/bin".into(),
            version_text: "postgres (PostgreSQL) 15.18".to_owned(),
            used: 17,
            templates: vec![TemplateRecord {
                fixture: "f".to_owned(),
                queue: "q".to_owned(),
                jobs: 5,
                bytes: 7,
                used: 16,
            }],
        };
        record.write(top.path()).expect("writes");
        assert_eq!(ClusterRecord::read(top.path()), Some(record));
        std::fs::write(top.path().join(FILE), "{").expect("writes");
        assert_eq!(ClusterRecord::read(top.path()), None);
    }
}
