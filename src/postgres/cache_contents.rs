//! What a cache directory holds: its clusters, who uses them, what they take, and how they are removed.
//!
//! Only what has a name and a place of ours is looked at, and nothing is ever reached through a symbolic link.

use std::ffi::OsStr;
use std::fs::{DirEntry, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cache_directory::{CacheDirectory, CacheError, owner_name};
use super::cluster::left_running;
use super::cluster_record::ClusterRecord;
use super::lock::Lock;
use crate::run::store::folders::bytes_on_disk;

/// What a thing that is being made or removed is called after.
const UNFINISHED: &str = ".unfinished";

/// Where server binaries that were fetched are kept, and the lock of whoever changes something there.
const SERVERS: (&str, &str) = ("servers", "install.lock");

/// A cluster in a cache directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCluster {
    /// Its directory's name, for example `postgres-15-3fa9c1`.
    pub name: String,
    /// Its directory.
    pub directory: PathBuf,
    /// Its major version.
    pub major: u32,
    /// What is known of it, if anything.
    pub record: Option<ClusterRecord>,
    /// Whether it can be removed.
    pub state: ClusterState,
}

/// Whether a cluster can be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterState {
    /// Nobody uses it.
    Idle,
    /// Somebody does, for example `pgq-analyze compare-plans (process 4711)`.
    InUse(String),
    /// It belongs to another user, whose name this is, and this one may not look into it.
    Closed(String),
    /// It is a symbolic link, which is not ours to follow.
    Link,
}

/// What became of the binaries a cluster was last started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binaries {
    /// They are there.
    There,
    /// They are gone.
    Gone,
    /// Others are in their place; what they say of their version.
    Replaced(String),
}

/// Every cluster in a cache directory, by name.
///
/// # Errors
/// If the directory cannot be read.
pub fn clusters(cache: &CacheDirectory) -> Result<Vec<KeptCluster>, CacheError> {
    let mut found: Vec<KeptCluster> = entries(&cache.path)
        .map_err(|source| CacheError::unusable(&cache.path, source))?
        .into_iter()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let major = major_of(&name)?;
            Some(look_at(&cache.path, name, major))
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn look_at(cache: &Path, name: String, major: u32) -> KeptCluster {
    let directory = cache.join(&name);
    let state = state_of(cache, &name, &directory);
    KeptCluster {
        record: match state {
            ClusterState::Link => None,
            _ => ClusterRecord::read(&directory),
        },
        name,
        directory,
        major,
        state,
    }
}

fn state_of(cache: &Path, name: &str, directory: &Path) -> ClusterState {
    let Ok(meta) = directory.symlink_metadata() else {
        return ClusterState::Closed("somebody else".to_owned());
    };
    if !meta.is_dir() {
        return ClusterState::Link;
    }
    match Lock::holder(&lock_file(cache, name)) {
        Ok(Some(holder)) => return ClusterState::InUse(holder),
        Ok(None) => {}
        Err(_) => return ClusterState::Closed(owner_name(meta.uid())),
    }
    match std::fs::read_dir(directory) {
        Ok(_) if may_remove(&meta) => {}
        _ => return ClusterState::Closed(owner_name(meta.uid())),
    }
    match left_running(&directory.join("data")) {
        Some(pid) => ClusterState::InUse(format!("a server that was left running (process {pid})")),
        None => ClusterState::Idle,
    }
}

/// Root may remove what it finds, anybody else what is theirs.
fn may_remove(meta: &Metadata) -> bool {
    let me = rustix::process::geteuid();
    me.is_root() || me.as_raw() == meta.uid()
}

/// `postgres-15-3fa9c1` is of version 15.
fn major_of(name: &str) -> Option<u32> {
    let (major, digest) = name.strip_prefix("postgres-")?.split_once('-')?;
    let digits = major.bytes().all(|byte| byte.is_ascii_digit());
    let digest = digest.len() == 6 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    (digits && digest).then(|| major.parse().ok())?
}

fn lock_file(cache: &Path, name: &str) -> PathBuf {
    cache.join(format!("{name}.lock"))
}

impl KeptCluster {
    /// Bytes it takes on disk; what cannot be looked into counts nothing.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self.state {
            ClusterState::Link => 0,
            _ => bytes_on_disk(&self.directory),
        }
    }

    /// When it was last used, in seconds since 1970: as it says itself, else when its directory was last written to.
    #[must_use]
    pub fn used(&self) -> u64 {
        if let Some(record) = &self.record {
            return record.used;
        }
        let changed = self.directory.symlink_metadata().map(|meta| meta.mtime());
        changed.map_or(0, |seconds| u64::try_from(seconds).unwrap_or(0))
    }

    /// What became of its binaries; none where it does not say which it was started with.
    #[must_use]
    pub fn binaries(&self) -> Option<Binaries> {
        let record = self.record.as_ref()?;
        let mut command = Command::new(record.bin_dir.join("postgres"));
        command.arg("--version").env_clear().current_dir("/");
        command.stdin(Stdio::null());
        // The path is the word of whoever owns the cluster: root runs it as they would.
        let owner = self.directory.symlink_metadata().ok()?;
        if rustix::process::geteuid().is_root() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let output = command.output();
        let Ok(output) = output else {
            return Some(Binaries::Gone);
        };
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Some(if !output.status.success() {
            Binaries::Gone
        } else if text == record.version_text {
            Binaries::There
        } else {
            Binaries::Replaced(text)
        })
    }

    /// Removes it, unless somebody has begun to use it; says whether it did. Half of it is never taken for a cluster.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn remove(&self, holder: &str) -> std::io::Result<bool> {
        let Some(cache) = self.directory.parent() else {
            return Ok(false);
        };
        let Some(_lock) = Lock::try_take(&lock_file(cache, &self.name), holder)? else {
            return Ok(false);
        };
        if state_without_lock(&self.directory) != ClusterState::Idle {
            return Ok(false);
        }
        let (data, aside) = (
            self.directory.join("data"),
            self.directory.join("data.unfinished"),
        );
        // First, so that half of it does not go on saying what was built in it.
        remove_tree(&ClusterRecord::path(&self.directory))?;
        remove_tree(&aside)?;
        match std::fs::rename(&data, &aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::remove_dir_all(&self.directory)?;
        Ok(true)
    }
}

/// As [`state_of`], for whoever has the lock.
fn state_without_lock(directory: &Path) -> ClusterState {
    match directory.symlink_metadata() {
        Ok(meta) if !meta.is_dir() => ClusterState::Link,
        Ok(_) => match left_running(&directory.join("data")) {
            Some(pid) => ClusterState::InUse(format!("process {pid}")),
            None => ClusterState::Idle,
        },
        Err(_) => ClusterState::Closed(String::new()),
    }
}

/// Something that was not finished when its maker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The file or directory.
    pub path: PathBuf,
    /// The lock its maker would hold.
    lock: Option<PathBuf>,
}

/// Everything half made in a cache directory whose maker has gone: beside clusters in use and idle ones, which have their own.
///
/// # Errors
/// If the directory cannot be read.
pub fn unfinished(cache: &CacheDirectory) -> Result<Vec<Unfinished>, CacheError> {
    let unusable = |source| CacheError::unusable(&cache.path, source);
    let servers = cache.path.join(SERVERS.0);
    let lock = servers.join(SERVERS.1);
    let mut found = Vec::new();
    for entry in entries(&cache.path).map_err(unusable)? {
        if is_partial_file(&entry) {
            found.push(Unfinished {
                path: entry.path(),
                lock: None,
            });
        }
    }
    let real = servers.symlink_metadata().is_ok_and(|meta| meta.is_dir());
    if real && matches!(Lock::holder(&lock), Ok(None)) {
        let entries = entries(&servers).map_err(unusable)?;
        let half = entries
            .iter()
            .filter(|entry| ends_with(&entry.file_name(), UNFINISHED));
        found.extend(half.map(|entry| Unfinished {
            path: entry.path(),
            lock: Some(lock.clone()),
        }));
    }
    Ok(found)
}

impl Unfinished {
    /// Bytes it takes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        bytes_on_disk(&self.path)
    }

    /// Removes it, unless somebody is at it again; says whether it did.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn remove(&self, holder: &str) -> std::io::Result<bool> {
        let lock = self.lock.as_deref();
        let lock = lock.map(|lock| Lock::try_take(lock, holder)).transpose()?;
        if matches!(lock, Some(None)) {
            return Ok(false);
        }
        remove_tree(&self.path)?;
        Ok(true)
    }
}

/// A file whose writer was killed before it gave it its name: `.4711-0.partial`, of a process that has gone.
fn is_partial_file(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let pid = name.to_str().and_then(|name| {
        let numbers = name.strip_prefix('.')?.strip_suffix(".partial")?;
        numbers.split_once('-')?.0.parse::<i32>().ok()
    });
    let file = entry.file_type().is_ok_and(|kind| kind.is_file());
    let pid = pid.and_then(rustix::process::Pid::from_raw);
    file && pid
        .is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

fn ends_with(name: &OsStr, end: &str) -> bool {
    name.as_encoded_bytes().ends_with(end.as_bytes())
}

fn entries(directory: &Path) -> std::io::Result<Vec<DirEntry>> {
    std::fs::read_dir(directory)?.collect()
}

/// Removes a file, a link itself or a directory with all in it; what is not there is no error.
fn remove_tree(path: &Path) -> std::io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_known_by_its_name() {
        assert_eq!(major_of("postgres-15-3fa9c1"), Some(15));
        for other in [
            "postgres-15-3fa9c1.lock",
            "postgres-15",
            "postgres-x-3fa9c1",
            "postgres--3fa9c1",
            "mysql-15-3fa9c1",
            "postgres-15-letter",
        ] {
            assert_eq!(major_of(other), None, "{other}");
        }
    }

    #[test]
    fn nothing_is_reached_through_a_link() {
        let top = tempfile::tempdir().expect("a temporary directory");
        let cache = CacheDirectory::open(&top.path().join("cache")).expect("makes it");
        let outside = top.path().join("outside");
        std::fs::create_dir(&outside).expect("makes a folder");
        std::fs::write(outside.join("letter"), vec![b'x'; 100_000]).expect("writes");
        let (link, real) = ("postgres-15-aaaaaa", "postgres-16-bbbbbb");
        std::os::unix::fs::symlink(&outside, cache.path.join(link)).expect("links");
        std::fs::create_dir(cache.path.join(real)).expect("makes a folder");
        std::os::unix::fs::symlink(&outside, cache.path.join(real).join("data")).expect("links");
        let found = clusters(&cache).expect("reads");
        let states: Vec<_> = found.iter().map(|one| one.state.clone()).collect();
        assert_eq!(states, [ClusterState::Link, ClusterState::Idle]);
        assert!(found.iter().all(|one| one.bytes() < 100_000));
        assert!(!found[0].remove("a test").expect("no error"));
        assert!(found[1].remove("a test").expect("removes"));
        assert!(outside.join("letter").exists());
        assert!(!cache.path.join(real).exists());
    }

    #[test]
    fn a_cluster_in_use_stays() {
        let top = tempfile::tempdir().expect("a temporary directory");
        let cache = CacheDirectory::open(&top.path().join("cache")).expect("makes it");
        let name = "postgres-15-aaaaaa";
        std::fs::create_dir(cache.path.join(name)).expect("makes a folder");
        let lock = Lock::try_take(&lock_file(&cache.path, name), "a test (process 1)")
            .expect("locks")
            .expect("is free");
        let found = clusters(&cache).expect("reads");
        let holder = "a test (process 1)".to_owned();
        assert_eq!(found[0].state, ClusterState::InUse(holder));
        assert!(!found[0].remove("another").expect("no error"));
        drop(lock);
        assert!(found[0].remove("another").expect("removes"));
    }

    #[test]
    fn what_a_cluster_says_of_its_binaries_is_run_as_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let top = tempfile::tempdir().expect("a temporary directory");
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(top.path(), open.clone()).expect("opens it");
        let cache = CacheDirectory::open(&top.path().join("cache")).expect("makes it");
        let directory = cache.path.join("postgres-15-aaaaaa");
        std::fs::create_dir(&directory).expect("makes a folder");
        let postgres = top.path().join("postgres");
        std::fs::write(&postgres, "#!/bin/sh\n/usr/bin/id -u\n").expect("writes");
        std::fs::set_permissions(&postgres, open).expect("makes it run");
        let record = ClusterRecord {
            bin_dir: top.path().to_path_buf(),
            version_text: "postgres (PostgreSQL) 15.1".to_owned(),
            used: 1,
            templates: Vec::new(),
        };
        record.write(&directory).expect("writes");
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&directory, Some(65_534), Some(65_534)).expect("gives away");
        }
        let owner = directory.metadata().expect("is there").uid();
        let found = clusters(&cache).expect("reads").remove(0);
        assert_eq!(
            found.binaries(),
            Some(Binaries::Replaced(owner.to_string()))
        );
    }

    #[test]
    fn files_of_writers_that_are_gone_are_unfinished() {
        let top = tempfile::tempdir().expect("a temporary directory");
        let cache = CacheDirectory::open(&top.path().join("cache")).expect("makes it");
        // Process ids end long before this one.
        let gone = cache.path.join(".2147483647-0.partial");
        let ours = cache
            .path
            .join(format!(".{}-0.partial", std::process::id()));
        for file in [&gone, &ours] {
            std::fs::write(file, "half").expect("writes");
        }
        let half = cache.path.join("servers/18-npm.unfinished");
        std::fs::create_dir_all(&half).expect("makes a folder");
        let found = unfinished(&cache).expect("reads");
        let paths: Vec<&Path> = found.iter().map(|one| one.path.as_path()).collect();
        assert_eq!(paths, [gone.as_path(), half.as_path()]);
        for one in &found {
            assert!(one.remove("a test").expect("removes"));
        }
        assert!(!gone.exists() && !half.exists() && ours.exists());
    }
}
