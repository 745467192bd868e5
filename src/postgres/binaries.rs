//! Finding installed server binaries.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use thiserror::Error;

use super::version::{OLDEST_SUPPORTED, Version};

/// A directory with `postgres` and `initdb` in it, and their version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The directory of the binaries, free of symbolic links.
    pub bin_dir: PathBuf,
    /// What `postgres --version` says.
    pub version_text: String,
    /// The same as numbers.
    pub version: Version,
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
        "no PostgreSQL server binaries found (looked for pg_config, in PATH and in {looked}): install {package}, or name their directory with --postgres DIR"
    )]
    None {
        /// The usual places.
        looked: String,
        /// What to install, and how.
        package: String,
    },
    /// Some found, none of the version asked for.
    #[error(
        "no PostgreSQL {wanted} server binaries found ({found}): install {package}, or name their directory with --postgres DIR"
    )]
    OtherVersion {
        /// The version asked for.
        wanted: u32,
        /// What was found instead.
        found: String,
        /// What to install, and how.
        package: String,
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

/// Finds the installation the user wants.
///
/// # Errors
/// If there is none, with the package to install.
pub fn find(wanted: &Wanted) -> Result<Installation, BinariesError> {
    let Wanted::Directory(directory) = wanted else {
        return choose(wanted, installed());
    };
    let found = look_into(directory).map_err(|reason| BinariesError::NotThere {
        path: directory.display().to_string(),
        reason,
    })?;
    choose(wanted, vec![found])
}

/// Chooses what is wanted out of the installations there are.
///
/// # Errors
/// If it is not among them, with the package to install, or is too old.
pub fn choose(
    wanted: &Wanted,
    installed: Vec<Installation>,
) -> Result<Installation, BinariesError> {
    let found = describe(&installed);
    let fits = |version: Version| match wanted {
        Wanted::Major(major) => version.major == *major,
        Wanted::Newest | Wanted::Directory(_) => true,
    };
    let usable = newest(installed, fits).ok_or_else(|| match wanted {
        Wanted::Major(major) => BinariesError::OtherVersion {
            wanted: *major,
            found,
            package: package_to_install(Some(*major)),
        },
        Wanted::Newest | Wanted::Directory(_) => BinariesError::None {
            looked: USUAL_PLACES.join(", "),
            package: package_to_install(None),
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

/// Every installation on this machine, in the order of looking: `pg_config`, PATH, the usual places; each directory once.
#[must_use]
pub fn installed() -> Vec<Installation> {
    let mut found: Vec<Installation> = Vec::new();
    for directory in from_pg_config()
        .into_iter()
        .chain(from_path())
        .chain(from_usual_places())
    {
        if let Ok(one) = look_into(&directory)
            && !found.iter().any(|known| known.bin_dir == one.bin_dir)
        {
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

fn from_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|directory| directory.join("postgres").is_file())
        .collect()
}

fn from_usual_places() -> impl Iterator<Item = PathBuf> {
    USUAL_PLACES
        .iter()
        .filter_map(|pattern| glob::glob(pattern).ok())
        .flatten()
        .filter_map(Result::ok)
}

/// Looks for a server in one directory; the error says what is missing.
fn look_into(directory: &Path) -> Result<Installation, String> {
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
        bin_dir,
        version_text,
        version,
    })
}

/// The package that brings a server on this system, and the command that installs it.
fn package_to_install(major: Option<u32>) -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    package_for(&release, cfg!(target_os = "macos"), major)
}

fn package_for(os_release: &str, macos: bool, major: Option<u32>) -> String {
    let ids: Vec<&str> = os_release
        .lines()
        .filter_map(|line| {
            line.strip_prefix("ID=")
                .or_else(|| line.strip_prefix("ID_LIKE="))
        })
        .flat_map(|value| value.trim_matches('"').split_whitespace())
        .collect();
    let is = |names: &[&str]| ids.iter().any(|id| names.contains(id));
    let dashed = major.map_or(String::new(), |major| format!("-{major}"));
    let plain = major.map_or(String::new(), |major| major.to_string());
    if macos {
        let number = major.unwrap_or(18);
        format!("postgresql@{number} (brew install postgresql@{number})")
    } else if is(&["debian", "ubuntu"]) {
        format!("postgresql{dashed} (apt-get install postgresql{dashed})")
    } else if is(&["fedora", "rhel", "centos"]) {
        format!("postgresql{plain}-server (dnf install postgresql{plain}-server)")
    } else if is(&["alpine"]) {
        format!("postgresql{plain} (apk add postgresql{plain})")
    } else if is(&["arch"]) {
        "postgresql (pacman -S postgresql)".to_owned()
    } else if is(&["suse", "opensuse"]) {
        format!("postgresql{plain}-server (zypper install postgresql{plain}-server)")
    } else {
        "your system's PostgreSQL server package".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation(major: u32, minor: u32, bin_dir: &str) -> Installation {
        Installation {
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
    fn the_package_named_fits_the_system() {
        assert_eq!(
            package_for("ID=debian\n", false, Some(15)),
            "postgresql-15 (apt-get install postgresql-15)"
        );
        assert_eq!(
            package_for("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", false, None),
            "postgresql (apt-get install postgresql)"
        );
        assert_eq!(
            package_for(
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"",
                false,
                Some(16)
            ),
            "postgresql16-server (dnf install postgresql16-server)"
        );
        assert_eq!(
            package_for("", false, None),
            "your system's PostgreSQL server package"
        );
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
        let message = find(&Wanted::Directory(empty.path().into()))
            .expect_err("empty")
            .to_string();
        assert!(
            message.contains("has no PostgreSQL server binaries") && message.contains("initdb"),
            "{message}"
        );
    }
}
