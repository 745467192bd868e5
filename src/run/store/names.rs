//! What a name on the command line stands for: a path, `latest`, a run's id or its beginning, the name of a baseline.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::RUN_FILE;
use super::folders::{self, RunFolder};
use crate::definition::nearest;
use crate::run::RunStatus;

/// The folder for baseline files, in the current directory: beside the queues, and committed with them.
pub const BASELINES: &str = "baselines";

/// The newest run; `latest~1` is the one before.
const LATEST: &str = "latest";

/// Names that are listed where none is near.
const LISTED: usize = 5;

/// Why a name stands for nothing.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// Nothing is called that.
    #[error("there is no run and no baseline `{name}`: {hint}")]
    Unknown {
        /// The name.
        name: String,
        /// What there is.
        hint: String,
    },
    /// Several runs begin like that.
    #[error("several runs begin with `{name}`: {}; write more of the one that is meant", ids.join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// There are not that many runs.
    #[error("there is no `{name}`: {} has {count} {}; --out names another folder", out.display(), if *count == 1 { "run" } else { "runs" })]
    TooFarBack {
        /// The name.
        name: String,
        /// Where runs are.
        out: PathBuf,
        /// How many there are.
        count: usize,
    },
    /// No run came to its end.
    #[error("{} has no complete run: measure with pgq-analyze compare-plans, or name the folder with --out", out.display())]
    NoCompleteRun {
        /// Where runs are.
        out: PathBuf,
    },
    /// The folder of the runs cannot be read.
    #[error("cannot read {}: name the folder with --out", path.display())]
    Read {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A name that no baseline may have.
    #[error("a baseline cannot be named `{name}`: {reason}")]
    BadName {
        /// The name.
        name: String,
        /// Why, and what to write.
        reason: String,
    },
}

/// Where names are looked up.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The folder with the run folders.
    pub out: &'a Path,
    /// The folder with the baseline files; usually [`BASELINES`].
    pub baselines: &'a Path,
}

impl Places<'_> {
    /// The file or folder that a name stands for. With a `/` in it, or as the name of a file or run folder, it is a path; whether there is
    /// anything is then left to whoever reads it.
    ///
    /// # Errors
    /// If nothing has that name, or several runs begin with it.
    pub fn find(&self, name: &str) -> Result<PathBuf, NameError> {
        let path = Path::new(name);
        if name.contains('/') || path.is_file() || path.join(RUN_FILE).is_file() {
            return Ok(path.to_owned());
        }
        let runs = self.runs()?;
        if let Some(back) = steps_back(name) {
            let at = runs.len().checked_sub(back.saturating_add(1));
            let found = at.and_then(|at| runs.get(at));
            return found
                .map(|run| run.path.clone())
                .ok_or(NameError::TooFarBack {
                    name: name.to_owned(),
                    out: self.out.to_owned(),
                    count: runs.len(),
                });
        }
        if let Some(run) = runs.iter().find(|run| run.run_id == name) {
            return Ok(run.path.clone());
        }
        let baseline = self.baselines.join(format!("{name}.json"));
        if baseline.is_file() {
            return Ok(baseline);
        }
        let begin = runs.iter().filter(|run| run.run_id.starts_with(name));
        match begin.collect::<Vec<_>>()[..] {
            [run] if !name.is_empty() => Ok(run.path.clone()),
            [_, _, ..] if !name.is_empty() => Err(NameError::Ambiguous {
                name: name.to_owned(),
                ids: runs
                    .iter()
                    .rev()
                    .filter(|run| run.run_id.starts_with(name))
                    .take(LISTED)
                    .map(|run| run.run_id.clone())
                    .collect(),
            }),
            _ => Err(NameError::Unknown {
                name: name.to_owned(),
                hint: self.hint(name, &runs),
            }),
        }
    }

    /// The file that a baseline of this name is kept in, whether or not it is there: a name with a `/` in it, or that of a file, is its path.
    ///
    /// # Errors
    /// If the name means something else.
    pub fn baseline_file(&self, name: &str) -> Result<PathBuf, NameError> {
        if name.contains('/') || Path::new(name).is_file() {
            return Ok(PathBuf::from(name));
        }
        let refused = |reason: &str| {
            Err(NameError::BadName {
                name: name.to_owned(),
                reason: reason.to_owned(),
            })
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if steps_back(name).is_some() {
            return refused("that means the newest run; choose another name");
        }
        if folders::is_run_id(name) {
            return refused("that is the id of a run; choose another name");
        }
        if name.ends_with(".json") {
            return refused(&format!(
                "write ./{name} for a file in this directory, or the name without .json for one in {BASELINES}/"
            ));
        }
        if name.is_empty() || name.starts_with(['.', '-']) || !name.bytes().all(is_plain) {
            return refused(
                "use letters, digits, `-`, `_` and `.`, or a path, which contains a `/`",
            );
        }
        Ok(self.baselines.join(format!("{name}.json")))
    }

    /// The newest run that came to its end.
    ///
    /// # Errors
    /// If there is none.
    pub fn latest_complete(&self) -> Result<PathBuf, NameError> {
        #[derive(Deserialize)]
        struct Header {
            status: RunStatus,
        }
        let is_complete = |run: &&RunFolder| {
            let text = fs::read(run.path.join(RUN_FILE)).unwrap_or_default();
            let header = serde_json::from_slice::<Header>(&text);
            header.is_ok_and(|header| header.status == RunStatus::Complete)
        };
        let runs = self.runs()?;
        let found = runs.iter().rev().find(is_complete);
        found
            .map(|run| run.path.clone())
            .ok_or(NameError::NoCompleteRun {
                out: self.out.to_owned(),
            })
    }

    /// The names of the baseline files in their folder, sorted; none where there is no such folder.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn baseline_names(&self) -> Result<Vec<String>, NameError> {
        let failed = |source| NameError::Read {
            path: self.baselines.to_owned(),
            source,
        };
        let entries = match fs::read_dir(self.baselines) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let is_json = path
                .extension()
                .is_some_and(|extension| extension == "json");
            if let Some(stem) = stem.filter(|_| is_json && path.is_file()) {
                names.push(stem.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// The runs that have written something, oldest first.
    fn runs(&self) -> Result<Vec<RunFolder>, NameError> {
        let mut runs = folders::list_named(self.out).map_err(|source| NameError::Read {
            path: self.out.to_owned(),
            source,
        })?;
        runs.retain(|run| run.path.join(RUN_FILE).is_file());
        Ok(runs)
    }

    fn hint(&self, name: &str, runs: &[RunFolder]) -> String {
        // What cannot be read has no names to offer.
        let baselines = self.baseline_names().unwrap_or_default();
        let ids = runs.iter().rev().map(|run| run.run_id.as_str());
        let names = || baselines.iter().map(String::as_str);
        if let Some(meant) = nearest(name, names().chain([LATEST]).chain(ids.clone())) {
            return format!("did you mean `{meant}`?");
        }
        let known: Vec<String> = names()
            .take(LISTED)
            .chain(ids.take(LISTED))
            .map(|name| format!("`{name}`"))
            .collect();
        if known.is_empty() {
            return format!(
                "there are none, neither runs in {} nor baselines in {}; a path contains a `/`",
                self.out.display(),
                self.baselines.display()
            );
        }
        format!(
            "there are {} (pgq-analyze runs list has all); a path contains a `/`",
            known.join(", ")
        )
    }
}

/// How far back `latest` or `latest~2` goes; none for any other name.
fn steps_back(name: &str) -> Option<usize> {
    let rest = name.strip_prefix(LATEST)?;
    if rest.is_empty() {
        return Some(0);
    }
    let digits = rest.strip_prefix('~')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // What is too long for a number is farther back than any run.
    is_number.then(|| digits.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests;
