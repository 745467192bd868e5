//! The files of a folder as a revision of its git repository has them, read with the machine's own git into memory: neither the work
//! tree nor the index is touched, and nothing is written.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::definition::suggestion;

/// Variables by which a hook of git names another repository or index than the folder's own.
const OF_A_HOOK: [&str; 5] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
];

/// How many folders are named where the one asked for is not there.
const FOLDERS_NAMED: usize = 5;

/// Why a folder cannot be read from a revision.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// A built-in queue was named.
    #[error(
        "queue {queue} is part of the program and in no revision: name a queue folder in a git work tree, as in `--queue ./{queue}`"
    )]
    BuiltIn {
        /// Its name.
        queue: String,
    },
    /// No revision was named, or an option of git.
    #[error(
        "`git:{revision}` names no revision: write one behind the colon, for example `git:HEAD~1` or `git:origin/main`"
    )]
    NoRevision {
        /// What stands behind the colon.
        revision: String,
    },
    /// Git cannot be run.
    #[error(
        "cannot run git to read {revision}: {reason}; install git, or name the other version's folder: --against DIR"
    )]
    NoGit {
        /// The revision.
        revision: String,
        /// What the system says.
        reason: io::Error,
    },
    /// The folder is not in a work tree.
    #[error(
        "{folder} is in no git work tree ({reason}): there is no {revision} of it; name the other version's folder: --against DIR"
    )]
    NotInWorkTree {
        /// The folder.
        folder: String,
        /// The revision.
        revision: String,
        /// What git says.
        reason: String,
    },
    /// Git knows no such revision.
    #[error(
        "git knows no revision `{revision}` in the repository of {folder}; `git fetch` it first (a CI checkout often has the newest commit only)"
    )]
    UnknownRevision {
        /// The folder.
        folder: String,
        /// The revision.
        revision: String,
    },
    /// The revision has no such folder.
    #[error(
        "revision {revision} has no folder {path}{others}; if it had another name then, check that revision out beside this one (`git worktree add`) and name its folder: --against DIR"
    )]
    NotInRevision {
        /// The revision.
        revision: String,
        /// The folder's path in the repository.
        path: String,
        /// The queue folders that it has.
        others: String,
    },
    /// A symbolic link, of which a revision holds only where it leads.
    #[error(
        "{revision}:{path} is a symbolic link: a revision holds where it leads, not the file; check that revision out (`git worktree add`) and name its folder: --against DIR"
    )]
    Link {
        /// The revision.
        revision: String,
        /// The file's path in the repository.
        path: String,
    },
    /// Git failed at something else.
    #[error("git cannot read {what}: {reason}")]
    Git {
        /// What was to be read.
        what: String,
        /// What git says.
        reason: String,
    },
}

/// The files of a folder in a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilesOfRevision {
    /// The folder as git names it: `HEAD~1:queues/mine`.
    pub(super) shown: String,
    /// Path as git names it, and content, of each file.
    pub(super) files: Vec<(String, Vec<u8>)>,
}

/// Reads the files that stand right in `folder` at `revision`, as far as their names are wanted.
///
/// # Errors
/// If git, the revision or the folder in it is missing, or a wanted file is a symbolic link.
pub(super) fn files(
    folder: &Path,
    revision: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<FilesOfRevision, RevisionError> {
    if revision.is_empty() || revision.starts_with('-') {
        let revision = revision.to_owned();
        return Err(RevisionError::NoRevision { revision });
    }
    let repository = Repository { folder, revision };
    let path = repository.path()?;
    let commit = repository.commit()?;
    let tree = format!("{commit}:{path}");
    let Ok(listed) = repository.git(&["ls-tree", "-z", "--full-tree", &tree])? else {
        return Err(repository.without(&path, &commit));
    };
    let mut files = Vec::new();
    for entry in listed.split(|byte| *byte == 0) {
        let Some((mode, object, name)) = parts(entry) else {
            continue;
        };
        if !is_wanted(&name) {
            continue;
        }
        match mode.as_str() {
            "100644" | "100755" => {
                let place = format!("{revision}:{}/{name}", shown(&path));
                let content = repository.blob(&object, &place)?;
                files.push((place, content));
            }
            "120000" => {
                return Err(RevisionError::Link {
                    revision: revision.to_owned(),
                    path: format!("{}/{name}", shown(&path)),
                });
            }
            // A folder, or another repository.
            _ => {}
        }
    }
    Ok(FilesOfRevision {
        shown: format!("{revision}:{}", shown(&path)),
        files,
    })
}

/// Mode, object and name of an entry of a tree: `100644 blob <object>\t<name>`.
fn parts(entry: &[u8]) -> Option<(String, String, String)> {
    let entry = String::from_utf8_lossy(entry);
    let (about, name) = entry.split_once('\t')?;
    let mut words = about.split(' ');
    let (mode, object) = (words.next()?, words.nth(1)?);
    Some((mode.to_owned(), object.to_owned(), name.to_owned()))
}

/// What an empty path is written as behind a revision's colon, where a file's name is to follow.
fn shown(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

/// The repository that a folder is in, at a revision.
struct Repository<'r> {
    folder: &'r Path,
    revision: &'r str,
}

impl Repository<'_> {
    /// Runs git in the folder; gives what it printed, or what it said where it failed.
    fn git(&self, arguments: &[&str]) -> Result<Result<Vec<u8>, String>, RevisionError> {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.folder).args(arguments);
        for variable in OF_A_HOOK {
            command.env_remove(variable);
        }
        command
            .env("LC_ALL", "C")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::null());
        let output = command.output().map_err(|reason| RevisionError::NoGit {
            revision: self.revision.to_owned(),
            reason,
        })?;
        if output.status.success() {
            return Ok(Ok(output.stdout));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().next().unwrap_or_default();
        let first = first.strip_prefix("fatal: ").unwrap_or(first);
        Ok(Err(if first.is_empty() {
            output.status.to_string()
        } else {
            first.to_owned()
        }))
    }

    /// The folder's path in its repository, without a slash at its end; empty where it is the top.
    fn path(&self) -> Result<String, RevisionError> {
        let outside = |reason: String| RevisionError::NotInWorkTree {
            folder: self.folder.display().to_string(),
            revision: self.revision.to_owned(),
            reason,
        };
        let printed = self.git(&["rev-parse", "--is-inside-work-tree", "--show-prefix"])?;
        let printed = printed.map_err(outside)?;
        let printed = String::from_utf8_lossy(&printed);
        match printed.split_once('\n') {
            Some(("true", prefix)) => {
                let prefix = prefix.strip_suffix('\n').unwrap_or(prefix);
                Ok(prefix.trim_end_matches('/').to_owned())
            }
            _ => Err(outside("this is the repository itself".to_owned())),
        }
    }

    /// The commit that the revision names.
    fn commit(&self) -> Result<String, RevisionError> {
        let named = format!("{}^{{commit}}", self.revision);
        let printed = self.git(&["rev-parse", "--verify", "--quiet", &named])?;
        let commit = printed.map_err(|_| RevisionError::UnknownRevision {
            folder: self.folder.display().to_string(),
            revision: self.revision.to_owned(),
        })?;
        Ok(String::from_utf8_lossy(&commit).trim().to_owned())
    }

    fn blob(&self, object: &str, shown: &str) -> Result<Vec<u8>, RevisionError> {
        let content = self.git(&["cat-file", "blob", object])?;
        content.map_err(|reason| RevisionError::Git {
            what: shown.to_owned(),
            reason,
        })
    }

    /// The revision has no such folder: names those that it has.
    fn without(&self, path: &str, commit: &str) -> RevisionError {
        let listed = self.git(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit]);
        let listed = listed.ok().and_then(Result::ok).unwrap_or_default();
        let names = String::from_utf8_lossy(&listed);
        let folders = names
            .split('\0')
            .filter_map(|name| name.strip_suffix("/queue.toml"));
        RevisionError::NotInRevision {
            revision: self.revision.to_owned(),
            path: path.to_owned(),
            others: others(path, folders.collect()),
        }
    }
}

/// Queue folders that the user may have meant, as a part of a sentence; the most similar one first.
fn others(path: &str, mut folders: Vec<&str>) -> String {
    let nearest = suggestion::nearest(path, folders.iter().copied());
    folders.sort_by_key(|folder| Some(*folder) != nearest);
    let more = folders.len().saturating_sub(FOLDERS_NAMED);
    folders.truncate(FOLDERS_NAMED);
    match (folders.as_slice(), more) {
        ([], _) => " and no other queue folder".to_owned(),
        (some, 0) => format!("; its queue folders are {}", some.join(", ")),
        (some, more) => format!(
            "; its queue folders are {} and {more} more",
            some.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_a_tree_has_mode_object_and_name() {
        let entry = b"100644 blob 8b137891791fe96927ad78e64b0aad7bded08bdc\tmy file\tx.sql";
        let wanted = (
            "100644".to_owned(),
            "8b137891791fe96927ad78e64b0aad7bded08bdc".to_owned(),
            "my file\tx.sql".to_owned(),
        );
        assert_eq!(parts(entry), Some(wanted));
        for broken in ["", "100644", "100644 blob\tx", "no tab at all here"] {
            assert_eq!(parts(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn folders_are_named_the_most_similar_first() {
        assert_eq!(others("queues/jobs", vec![]), " and no other queue folder");
        assert_eq!(
            others("queues/jobs", vec!["a", "queues/job"]),
            "; its queue folders are queues/job, a"
        );
        let many = vec!["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(
            others("x", many),
            "; its queue folders are a, b, c, d, e and 2 more"
        );
    }

    #[test]
    fn an_option_is_no_revision() {
        for revision in ["", "-h", "--help"] {
            let error = files(Path::new("."), revision, |_| true).unwrap_err();
            assert!(error.to_string().contains("names no revision"), "{error}");
        }
    }
}
