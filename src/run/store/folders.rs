//! The run folders in a directory: which are runs of this program, when they were made, what they take.
//!
//! A folder counts only if its name is a run's id and the run in it says the same. Nothing else is ever listed or removed, and nothing
//! is reached through a symbolic link.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::RUN_FILE;

/// A run's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    /// The folder.
    pub path: PathBuf,
    /// The run's id, which is the folder's name.
    pub run_id: String,
    /// When the run began.
    pub began: jiff::Timestamp,
}

/// What happened to a folder that was to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Removed,
    /// Its run is still going.
    Running,
}

/// The run folders in `out_dir`, oldest first; none where there is no such directory.
///
/// # Errors
/// If the directory cannot be read.
pub fn list(out_dir: &Path) -> io::Result<Vec<RunFolder>> {
    let mut found = list_named(out_dir)?;
    found.retain(RunFolder::holds_its_run);
    Ok(found)
}

/// The folders in `out_dir` that are named like a run, whatever is in them, oldest first; none where there is no such directory.
///
/// # Errors
/// If the directory cannot be read.
pub fn list_named(out_dir: &Path) -> io::Result<Vec<RunFolder>> {
    let entries = match fs::read_dir(out_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        found.extend(named_like_a_run(entry?.path()));
    }
    found.sort_by(|one: &RunFolder, other| one.run_id.cmp(&other.run_id));
    Ok(found)
}

/// The run folder at `path`; none where there is anything else.
#[must_use]
pub fn at(path: &Path) -> Option<RunFolder> {
    // Its own name, where it is named as `.` or with a slash at its end.
    let whole = path.canonicalize().ok()?;
    if path.symlink_metadata().ok()?.is_symlink() {
        return None;
    }
    named_like_a_run(whole).filter(RunFolder::holds_its_run)
}

fn named_like_a_run(path: PathBuf) -> Option<RunFolder> {
    let run_id = path.file_name()?.to_str()?.to_owned();
    let began = time_of(&run_id)?;
    // Of the entry itself, not of what a link leads to.
    let is_folder = path.symlink_metadata().ok()?.is_dir();
    is_folder.then_some(RunFolder {
        path,
        run_id,
        began,
    })
}

/// Whether a name has the form of a run's id.
#[must_use]
pub fn is_run_id(name: &str) -> bool {
    time_of(name).is_some()
}

/// When a run of this id began: `20261121T091304Z-plans-3f9a`, whatever its kind.
fn time_of(run_id: &str) -> Option<jiff::Timestamp> {
    let mut parts = run_id.split('-');
    let (time, kind, suffix) = (parts.next()?, parts.next()?, parts.next()?);
    let kind = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_lowercase());
    let suffix = suffix.len() == 4 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit());
    // strptime alone would take signs and fewer digits too.
    let written = |position, byte: u8| match position {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    let mut bytes = time.bytes().enumerate();
    let exact = time.len() == 16 && bytes.all(|(position, byte)| written(position, byte));
    if !kind || !suffix || !exact || parts.next().is_some() {
        return None;
    }
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).ok()?;
    let zoned = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

impl RunFolder {
    /// Whether the run in it is the one it is named after.
    fn holds_its_run(&self) -> bool {
        #[derive(Deserialize)]
        struct Header {
            run_id: String,
        }
        let file = self.path.join(RUN_FILE);
        let is_file = file.symlink_metadata().is_ok_and(|meta| meta.is_file());
        let text = is_file.then(|| fs::read(file).ok()).flatten();
        let header = text.and_then(|text| serde_json::from_slice::<Header>(&text).ok());
        header.is_some_and(|header| header.run_id == self.run_id)
    }

    /// What tells its run from others of the same second.
    pub(super) fn suffix(&self) -> Option<u16> {
        let (_, suffix) = self.run_id.rsplit_once('-')?;
        u16::from_str_radix(suffix, 16).ok()
    }

    /// Whether its run is still going.
    #[must_use]
    pub fn is_running(&self) -> bool {
        is_locked(&self.path)
    }

    /// Bytes it takes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        bytes_on_disk(&self.path)
    }

    /// Removes it, unless its run is still going. What says that it is a run goes last, so that half of one is found again.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn remove(&self) -> io::Result<Removal> {
        let Some(_lock) = lock(&self.path)? else {
            return Ok(Removal::Running);
        };
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else if entry.file_name() != RUN_FILE {
                fs::remove_file(entry.path())?;
            }
        }
        fs::remove_file(self.path.join(RUN_FILE))?;
        fs::remove_dir(&self.path)?;
        Ok(Removal::Removed)
    }
}

/// Whether a run is going in a folder, or it is being removed.
#[must_use]
pub fn is_locked(folder: &Path) -> bool {
    // Shared, so that two who ask at the same time do not take each other for the run.
    let lock = File::open(folder).map(|directory| directory.try_lock_shared());
    matches!(lock, Ok(Err(TryLockError::WouldBlock)))
}

/// Locks a run's folder for whoever writes or removes it; none if somebody has.
pub(super) fn lock(folder: &Path) -> io::Result<Option<File>> {
    // Never through a link: what is removed under this lock is what was listed.
    let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::NOFOLLOW;
    let directory = File::options()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(folder)?;
    match directory.try_lock() {
        Ok(()) => Ok(Some(directory)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Bytes that a file, or a directory with everything in it, takes on disk. What cannot be looked into counts nothing.
#[must_use]
pub fn bytes_on_disk(path: &Path) -> u64 {
    let Ok(meta) = path.symlink_metadata() else {
        return 0;
    };
    let entries = fs::read_dir(path).ok().filter(|_| meta.is_dir());
    let inside: u64 = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| bytes_on_disk(&entry.path()))
        .sum();
    // In units of 512 bytes, whatever the file system's blocks are: stat(2).
    meta.blocks() * 512 + inside
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::sample;
    use crate::run::store::RunStore;
    use crate::run::{Run, RunKind};

    fn make(out: &Path, time: &str) -> (RunStore, Run) {
        let time: jiff::Timestamp = time.parse().expect("a time");
        let store = RunStore::create(out, RunKind::Plans, time).expect("makes a folder");
        let mut run = sample::run();
        run.run_id = store.run_id().to_owned();
        store.save(&run).expect("writes");
        (store, run)
    }

    #[test]
    fn a_run_is_known_by_its_id() {
        let time = time_of("20261121T091304Z-plans-3f9a").expect("an id");
        assert_eq!(time.to_string(), "2026-11-21T09:13:04Z");
        for other in [
            "20261121T091304Z-plans",
            "20261121T091304Z-plans-3f9a-more",
            "20261121T091304Z-plans-3f9",
            "20261321T091304Z-plans-3f9a",
            "20261121T091304Z--3f9a",
            "plans-20261121T091304Z-3f9a",
            "+0261121T091304Z-plans-3f9a",
        ] {
            assert_eq!(time_of(other), None, "{other}");
        }
    }

    #[test]
    fn only_runs_of_ours_are_listed() {
        let top = tempfile::tempdir().expect("a temporary directory");
        let out = top.path().join("out");
        assert_eq!(list(&out).expect("no error"), []);
        let (newer, _) = make(&out, "2026-11-21T09:13:04Z");
        let (older, _) = make(&out, "2026-01-21T09:13:04Z");
        // Named like a run, with somebody else's file, another run, or nothing in it.
        for (name, text) in [("a", "{}"), ("b", "{\"run_id\": \"x\"}"), ("c", "{")] {
            let folder = out.join(format!("20260101T000000Z-plans-000{name}"));
            fs::create_dir(&folder).expect("makes a folder");
            fs::write(folder.join(RUN_FILE), text).expect("writes");
        }
        fs::create_dir(out.join("20260101T000000Z-plans-000d")).expect("makes a folder");
        std::os::unix::fs::symlink(newer.folder(), out.join("20260101T000000Z-plans-000e"))
            .expect("links");
        fs::write(out.join("notes.txt"), "mine").expect("writes");
        let found: Vec<String> = list(&out)
            .expect("reads")
            .into_iter()
            .map(|folder| folder.run_id)
            .collect();
        assert_eq!(found, [older.run_id(), newer.run_id()]);
    }

    #[test]
    fn a_run_that_is_going_stays() {
        let top = tempfile::tempdir().expect("a temporary directory");
        let (store, _) = make(top.path(), "2026-11-21T09:13:04Z");
        let folder = list(top.path()).expect("reads").remove(0);
        assert!(folder.is_running());
        assert_eq!(folder.remove().expect("no error"), Removal::Running);
        drop(store);
        // Something else in its place by the time it is removed.
        let (aside, other) = (top.path().join("aside"), top.path().join("other"));
        fs::rename(&folder.path, &aside).expect("renames");
        fs::create_dir(&other).expect("makes a folder");
        fs::write(other.join("letter"), "dear").expect("writes");
        std::os::unix::fs::symlink(&other, &folder.path).expect("links");
        assert!(folder.remove().is_err() && other.join("letter").exists());
        fs::remove_file(&folder.path).expect("removes the link");
        fs::rename(&aside, &folder.path).expect("renames back");
        assert!(!folder.is_running() && folder.bytes() > 0);
        assert_eq!(folder.remove().expect("removes"), Removal::Removed);
        assert!(!folder.path.exists());
    }
}
