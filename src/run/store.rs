//! Run folders: files written whole and renamed into place.
//!
//! A process that is killed at any moment leaves only whole files behind: a file gets its name after its last byte was written.
//! Nothing is forced to disk: a run is repeatable, and a crash of the machine is not what this guards against.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::folders::RunFolder;
use super::plan_result::PlanMode;
use super::{FORMAT_VERSION, Run, RunKind, ThroughputRun};

pub mod baselines;
pub mod folders;
mod measurements;
pub mod names;
mod whole_file;

pub use whole_file::replace as write_whole;

/// The file of a run folder that holds the [`Run`].
pub const RUN_FILE: &str = "run.json";

/// A run folder cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder of the run could not be made.
    #[error("cannot create the run folder {}: {}", path.display(), next_step(source))]
    Create {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the run could not be written.
    #[error("cannot write {}: {}", path.display(), next_step(source))]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A run could not be read.
    #[error("cannot read the run {}: name a run folder or its run.json", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A run is not what this program writes.
    #[error("{} is damaged or no run of pgq-analyze: measure again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A run of drains where one of plans is wanted.
    #[error("{} is a run of throughput, which has no plans: name a run of compare-plans", path.display())]
    NoPlans {
        /// The file.
        path: PathBuf,
    },
    /// A run was written by a program of another format.
    #[error("{} has format version {found}, this program reads {FORMAT_VERSION}: use the program that wrote it, or measure again", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it has.
        found: u64,
    },
}

fn next_step(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, or choose another folder with --out"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "make it writable, or choose another folder with --out"
        }
        _ => "choose another folder with --out",
    }
}

/// The folder of one run, open for writing. Dropped before anything was written, it takes its empty folder along.
#[derive(Debug)]
pub struct RunStore {
    run_id: String,
    folder: PathBuf,
    /// Tells whoever removes old runs that this one is going; not everywhere to be had, and no reason to end a run.
    _lock: Option<fs::File>,
}

impl RunStore {
    /// Makes the folder `<out_dir>/<run id>/`, so that a place that cannot be written fails before any work is done. Its id sorts after
    /// those of the runs that are there, also where they began within the same second: `latest` is the run that began last.
    ///
    /// # Errors
    /// [`StoreError::Create`] where the folder cannot be made.
    pub fn create(out_dir: &Path, kind: RunKind, now: jiff::Timestamp) -> Result<Self, StoreError> {
        Self::create_with(out_dir, kind, now, || suffix(out_dir, now))
    }

    fn create_with(
        out_dir: &Path,
        kind: RunKind,
        now: jiff::Timestamp,
        mut suffix: impl FnMut() -> u16,
    ) -> Result<Self, StoreError> {
        fs::create_dir_all(out_dir).map_err(|source| StoreError::Create {
            path: out_dir.to_owned(),
            source,
        })?;
        let mut attempts = 100;
        loop {
            let run_id = format!(
                "{}-{}-{:04x}",
                now.strftime("%Y%m%dT%H%M%SZ"),
                kind.name(),
                suffix()
            );
            let folder = out_dir.join(&run_id);
            match fs::create_dir(&folder) {
                Ok(()) => {
                    let lock = folders::lock(&folder).ok().flatten();
                    return Ok(RunStore {
                        run_id,
                        folder,
                        _lock: lock,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts > 0 => {
                    attempts -= 1
                }
                Err(source) => {
                    return Err(StoreError::Create {
                        path: folder,
                        source,
                    });
                }
            }
        }
    }

    /// Id of the run, for example `20261121T091304Z-plans-3f9a`; ids sort by time.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The folder of the run, as `--out` named it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes `run.json`, replacing what an earlier call wrote.
    ///
    /// # Errors
    /// [`StoreError::Write`]; an earlier `run.json` is then still there, whole.
    pub fn save<R: Serialize>(&self, run: &Run<R>) -> Result<(), StoreError> {
        let path = self.folder.join(RUN_FILE);
        whole_file::replace(&path, json_text(run).as_bytes())
            .map_err(|source| StoreError::Write { path, source })
    }

    /// Keeps PostgreSQL's EXPLAIN JSON of one measurement, untouched. Gives the file's path within the run folder, with `/`
    /// between its parts: `plans/<queue>/<fixture>/<statement>.<variant>.<mode>.json`.
    ///
    /// Characters that do not belong in a file name become `-`. No file is ever replaced: where the name is taken (another
    /// server version, or two names that differ only in such characters) a number is put before `.json`.
    ///
    /// # Errors
    /// [`StoreError::Write`] where the file cannot be written.
    pub fn write_plan(
        &self,
        queue: &str,
        fixture: &str,
        statement: &str,
        variant: &str,
        mode: PlanMode,
        text: &str,
    ) -> Result<String, StoreError> {
        let stem = format!(
            "plans/{}/{}/{}.{}.{}",
            file_name(queue),
            file_name(fixture),
            file_name(statement),
            file_name(variant),
            mode.name()
        );
        self.write_new(&stem, text)
    }

    /// Keeps what auto_explain printed of a nested statement, untouched, beside the plan of the statement that called it, whose `dump` is
    /// given: `<statement>.<variant>.<mode>.nested-<number>.json`. Gives the file's path within the run folder.
    ///
    /// # Errors
    /// [`StoreError::Write`] where the file cannot be written.
    pub fn write_nested_plan(
        &self,
        dump: &str,
        number: usize,
        text: &str,
    ) -> Result<String, StoreError> {
        let stem = dump.strip_suffix(".json").unwrap_or(dump);
        self.write_new(&format!("{stem}.nested-{number}"), text)
    }

    /// Writes `<stem>.json` within the run folder, or the first numbered name that is free, and gives its path there.
    fn write_new(&self, stem: &str, text: &str) -> Result<String, StoreError> {
        let folder = self.folder.join(stem);
        let folder = folder.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(|source| StoreError::Write {
            path: folder.to_owned(),
            source,
        })?;
        let mut number = 1;
        loop {
            let name = if number == 1 {
                format!("{stem}.json")
            } else {
                format!("{stem}.{number}.json")
            };
            let path = self.folder.join(&name);
            match whole_file::create(&path, text.as_bytes()) {
                Ok(()) => return Ok(name),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(source) => return Err(StoreError::Write { path, source }),
            }
        }
    }
}

/// What tells a run from others of its second: one more than the last of them, or any of the lower half.
fn suffix(out_dir: &Path, now: jiff::Timestamp) -> u16 {
    // What cannot be read fails when the folder is made.
    let runs = folders::list_named(out_dir).unwrap_or_default();
    let same_second = runs
        .iter()
        .filter(|run| run.began.as_second() == now.as_second());
    let last = same_second.filter_map(RunFolder::suffix).max();
    // A RandomState differs from every other of this and other processes, which is all a suffix needs.
    let any = || (RandomState::new().build_hasher().finish() & 0x7fff) as u16;
    last.and_then(|last| last.checked_add(1))
        .unwrap_or_else(any)
}

impl Drop for RunStore {
    fn drop(&mut self) {
        // Succeeds only where the folder is empty: a run that failed before its first file leaves nothing behind.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// The text of `run.json`: indented, with a newline at its end.
#[must_use]
pub fn json_text<R: Serialize>(run: &Run<R>) -> String {
    let mut text = serde_json::to_string_pretty(run)
        .expect("a run is made of structs and string keys: it always serialises");
    text.push('\n');
    text
}

/// A run of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyRun {
    /// Plans, of compare-plans.
    Plans(Run),
    /// Drains, of throughput.
    Throughput(ThroughputRun),
}

/// Reads a run of plans from its folder or from its `run.json`.
///
/// # Errors
/// Names the file where it is missing or unreadable ([`StoreError::Read`]), of another format ([`StoreError::Version`]), not
/// a run ([`StoreError::Damaged`]), or one of drains ([`StoreError::NoPlans`]).
pub fn read(path: &Path) -> Result<Run, StoreError> {
    match read_any(path)? {
        AnyRun::Plans(run) => Ok(run),
        AnyRun::Throughput(_) => Err(StoreError::NoPlans {
            path: path.to_owned(),
        }),
    }
}

/// Reads a run of either kind from its folder or from its `run.json`.
///
/// # Errors
/// As for [`read`], but for the kind.
pub fn read_any(path: &Path) -> Result<AnyRun, StoreError> {
    #[derive(Deserialize)]
    struct Header {
        kind: Option<String>,
    }
    let path = if path.is_dir() {
        path.join(RUN_FILE)
    } else {
        path.to_owned()
    };
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(StoreError::Read { path, source }),
    };
    // What is wrong with a file without one, its reading says.
    let header = serde_json::from_slice::<Header>(&bytes).ok();
    let kind = header.and_then(|header| header.kind);
    if kind.as_deref() == Some(RunKind::Throughput.name()) {
        parse_run(&path, &bytes).map(AnyRun::Throughput)
    } else {
        parse_run(&path, &bytes).map(AnyRun::Plans)
    }
}

/// The run in the bytes of a `run.json`.
fn parse_run<R: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<Run<R>, StoreError> {
    #[derive(Deserialize)]
    struct Header {
        format_version: u64,
    }
    let damaged = |source| StoreError::Damaged {
        path: path.to_owned(),
        source,
    };
    // The version first: a file of another format need not look like a run at all.
    let Header { format_version } = serde_json::from_slice(bytes).map_err(damaged)?;
    if format_version != u64::from(FORMAT_VERSION) {
        return Err(StoreError::Version {
            path: path.to_owned(),
            found: format_version,
        });
    }
    serde_json::from_slice(bytes).map_err(damaged)
}

/// Bytes of a name that are kept: three names and a number stay below the 255 that file systems allow.
const NAME_BYTES: usize = 72;

/// `name` with nothing in it that could leave a folder, hide a file or trouble a shell.
fn file_name(name: &str) -> String {
    let mut safe = String::new();
    for character in name.chars() {
        let kept = character.is_alphanumeric()
            || matches!(character, '-' | '_')
            || (character == '.' && !safe.is_empty());
        let character = if kept { character } else { '-' };
        if safe.len() + character.len_utf8() > NAME_BYTES {
            break;
        }
        safe.push(character);
    }
    if safe.is_empty() {
        "-".to_owned()
    } else {
        safe
    }
}

#[cfg(test)]
mod tests;
