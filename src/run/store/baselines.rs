//! Runs and baseline files read as what a comparison is made of; baseline files written.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::{AnyRun, RUN_FILE, StoreError, folders, json_text, parse_run, read_any, whole_file};
use crate::plan::{OutlineNode, Plan, outline, work};
use crate::run::baseline::{self, Baseline, FORMAT_VERSION};
use crate::run::plan_result::PlanResult;
use crate::run::{Run, RunKind, RunStatus, ThroughputResult, ThroughputRun};

/// The longest file that is read: a run of ten thousand plans takes a tenth of it.
const LARGEST_BYTES: u64 = 1 << 30;

/// A run or a baseline cannot be compared or kept.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The run could not be read.
    #[error(transparent)]
    Run(#[from] StoreError),
    /// There is no such file or folder, or it cannot be read.
    #[error("cannot read {}: name a run folder, its run.json or a baseline file", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder that is not a run's.
    #[error("{} is no run folder, it has no run.json: name one (pgq-analyze runs list has them) or a baseline file", path.display())]
    NoRunFolder {
        /// The folder.
        path: PathBuf,
    },
    /// Longer than any run.
    #[error("{} has {} bytes, more than any run or baseline: name a run folder, its run.json or a baseline file", path.display(), bytes)]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size, as far as it was looked at.
        bytes: u64,
    },
    /// Neither a run nor a baseline.
    #[error("{} is damaged, or neither a run nor a baseline of pgq-analyze: restore it or measure again", path.display())]
    Neither {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A baseline file that does not hold what it should.
    #[error("the baseline {} is damaged: restore it, or renew it with pgq-analyze runs save {} RUN --force", path.display(), path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A baseline of another format.
    #[error(
        "the baseline {} has version {found}, this program reads {FORMAT_VERSION}: use the program that wrote it, or renew it with \
         pgq-analyze runs save {} RUN --force", path.display(), path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it has.
        found: u64,
    },
    /// A run that has no plans to compare.
    #[error("{} is a run of kind `{kind}`, which has no plans: name a run of compare-plans", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What the run did.
        kind: String,
    },
    /// A run that has not ended.
    #[error("the run {} is still going: wait for its end, or stop it", path.display())]
    Running {
        /// Its folder.
        path: PathBuf,
    },
    /// A run that did not come to its end is kept as no baseline.
    #[error("{run_id} is no baseline: the run {}; measure again", why_incomplete(*status))]
    Incomplete {
        /// The run.
        run_id: String,
        /// How it ended.
        status: RunStatus,
    },
    /// A baseline file is there already.
    #[error("{} is there already: --force replaces it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A baseline file could not be written.
    #[error("cannot write the baseline {}: choose another place, or make it writable", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn why_incomplete(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Complete => "is complete",
        RunStatus::Running => "was killed before its end",
        RunStatus::Interrupted => "was interrupted",
        RunStatus::Failed => "stopped with an error",
    }
}

/// What a path led to.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    /// A run, in a folder or as its run.json.
    Run(Baseline),
    /// A baseline file.
    Baseline(Baseline),
}

impl Kept {
    /// What is compared.
    #[must_use]
    pub fn baseline(&self) -> &Baseline {
        match self {
            Kept::Run(baseline) | Kept::Baseline(baseline) => baseline,
        }
    }
}

/// Reads a run folder, a run.json or a baseline file; which it is, its content says. A plan of the run whose dump is lost or damaged has
/// no nodes ([`Baseline::plans_lost`]).
///
/// # Errors
/// If it is none of them, damaged, of another format, or a run that is still going.
pub fn read(path: &Path) -> Result<Kept, BaselineError> {
    if path.is_dir() {
        let file = path.join(RUN_FILE);
        if file.symlink_metadata().is_err() {
            return Err(if folders::is_locked(path) {
                BaselineError::Running {
                    path: path.to_owned(),
                }
            } else {
                BaselineError::NoRunFolder {
                    path: path.to_owned(),
                }
            });
        }
        return read_file(&file);
    }
    read_file(path)
}

fn read_file(path: &Path) -> Result<Kept, BaselineError> {
    #[derive(Deserialize)]
    struct Header {
        baseline_version: Option<u64>,
        format_version: Option<u64>,
        kind: Option<String>,
    }
    let bytes = limited(path)?;
    let header = match serde_json::from_slice::<Header>(&bytes) {
        Ok(header) => header,
        Err(source) => return Err(damaged(path, &bytes, source)),
    };
    if let Some(found) = header.baseline_version {
        return read_baseline(path, found, &bytes).map(Kept::Baseline);
    }
    let known_version = header.format_version == Some(u64::from(crate::run::FORMAT_VERSION));
    if let Some(kind) = header.kind.filter(|_| known_version)
        && kind != RunKind::Plans.name()
    {
        if kind == RunKind::Throughput.name() {
            parse_run::<ThroughputResult>(path, &bytes)?;
        }
        return Err(BaselineError::Kind {
            path: path.to_owned(),
            kind,
        });
    }
    let run = parse_run(path, &bytes)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    if run.status == RunStatus::Running && folders::is_locked(or_here(folder)) {
        return Err(BaselineError::Running {
            path: folder.to_owned(),
        });
    }
    Ok(Kept::Run(of_run(&run, folder)))
}

/// Reads a run of drains from its folder, its `run.json`, or what [`save_drains`] kept of it; none where it is of another kind.
///
/// # Errors
/// If it cannot be read, or is still going.
pub fn read_drains(path: &Path) -> Result<Option<ThroughputRun>, BaselineError> {
    let AnyRun::Throughput(run) = read_any(path)? else {
        return Ok(None);
    };
    let folder = if path.is_dir() {
        path
    } else {
        or_here(path.parent().unwrap_or(Path::new("")))
    };
    if run.status == RunStatus::Running && folders::is_locked(folder) {
        return Err(BaselineError::Running {
            path: folder.to_owned(),
        });
    }
    Ok(Some(run))
}

fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    }
}

/// Reduces a run that is kept in `folder` to what is compared.
#[must_use]
pub fn of_run(run: &Run, folder: &Path) -> Baseline {
    Baseline::of(run, |result| nodes_of(result, folder).unwrap_or_default())
}

/// The nodes of a result's plan; none where its dump is lost or damaged.
fn nodes_of(result: &PlanResult, folder: &Path) -> Option<Vec<OutlineNode>> {
    let dump = Path::new(&result.dump);
    let mut parts = dump.components();
    // What a run.json from elsewhere names must not lead out of its folder.
    if !parts.all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let text = String::from_utf8(limited(&folder.join(dump)).ok()?).ok()?;
    let plans = Plan::parse(&text).ok()?;
    let plan = plans.first()?;
    Some(outline(plan, &work(plan)))
}

fn read_baseline(path: &Path, found: u64, bytes: &[u8]) -> Result<Baseline, BaselineError> {
    let path = path.to_owned();
    if found != u64::from(FORMAT_VERSION) {
        return Err(BaselineError::Version { path, found });
    }
    serde_json::from_slice(bytes).map_err(|source| BaselineError::Damaged { path, source })
}

/// What is wrong with a text that is no JSON, by what it seems to have been.
fn damaged(path: &Path, bytes: &[u8], source: serde_json::Error) -> BaselineError {
    let names = |key: &[u8]| memchr::memmem::find(bytes, key).is_some();
    let (is_run, path) = (path.ends_with(RUN_FILE), path.to_owned());
    if names(b"\"baseline_version\"") {
        BaselineError::Damaged { path, source }
    } else if is_run || names(b"\"format_version\"") {
        BaselineError::Run(StoreError::Damaged { path, source })
    } else {
        BaselineError::Neither { path, source }
    }
}

/// A file's content, unless it is longer than any run.
fn limited(path: &Path) -> Result<Vec<u8>, BaselineError> {
    let failed = |source| BaselineError::Read {
        path: path.to_owned(),
        source,
    };
    let meta = fs::metadata(path).map_err(failed)?;
    if !meta.is_file() {
        // Whoever opens a pipe waits for its writer.
        return Err(failed(io::Error::other("it is no file")));
    }
    let too_large = |bytes| BaselineError::TooLarge {
        path: path.to_owned(),
        bytes,
    };
    if meta.len() > LARGEST_BYTES {
        return Err(too_large(meta.len()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    // It may have grown since.
    let read = file.take(LARGEST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(failed)?;
    if bytes.len() as u64 > LARGEST_BYTES {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Whether a baseline file that is there already is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It is.
    Yes,
    /// It stays, and that is an error.
    No,
}

/// Keeps a complete run as a baseline file, with the folders on the way to it. The file appears whole.
///
/// # Errors
/// If the run did not come to its end, the file is there already, or it cannot be written.
pub fn save(path: &Path, baseline: &Baseline, replace: Replace) -> Result<(), BaselineError> {
    let text = baseline::text(baseline);
    keep(path, &baseline.run_id, baseline.status, &text, replace)
}

/// Keeps a complete run of drains, without what tells of single workers and of the tables' pages: all that a comparison looks at. It is a
/// run.json by its format. Otherwise as [`save`].
///
/// # Errors
/// As [`save`].
pub fn save_drains(
    path: &Path,
    run: &ThroughputRun,
    replace: Replace,
) -> Result<(), BaselineError> {
    let mut kept = run.clone();
    for result in &mut kept.results {
        result.worker_results.clear();
        result.incidents.clear();
        result.histograms.clear();
        result.series = None;
    }
    let environment = &mut kept.environment;
    for server in std::iter::once(&mut environment.server).chain(&mut environment.other_servers) {
        server.catalogs.clear();
    }
    keep(path, &run.run_id, run.status, &json_text(&kept), replace)
}

fn keep(
    path: &Path,
    run_id: &str,
    status: RunStatus,
    text: &str,
    replace: Replace,
) -> Result<(), BaselineError> {
    if status != RunStatus::Complete {
        return Err(BaselineError::Incomplete {
            run_id: run_id.to_owned(),
            status,
        });
    }
    let failed = |source| BaselineError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let written = match replace {
        Replace::Yes => whole_file::replace(path, text.as_bytes()),
        Replace::No => whole_file::create(path, text.as_bytes()),
    };
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => BaselineError::Exists {
            path: path.to_owned(),
        },
        _ => failed(error),
    })
}

#[cfg(test)]
mod tests;
