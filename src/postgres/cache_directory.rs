//! The directory that keeps clusters and their template databases between runs.

use std::fs::{File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Layout of the cache directory that this program reads and writes; raised when it changes.
const CACHE_FORMAT: u32 = 1;

/// The longest path of a unix socket that every supported system takes, in bytes.
const LONGEST_SOCKET_PATH: usize = 103;

/// The port managed servers name their socket after; they listen on no network.
pub const PORT: u16 = 5432;

/// Why the cache directory cannot be used.
#[derive(Debug, Error)]
pub enum CacheError {
    /// Cannot be made, read or written.
    #[error("cannot use cache directory {path}: {source}; choose another with --cache-dir")]
    Unusable {
        /// The directory.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A socket in it would have too long a name.
    #[error(
        "cache directory {path} is too long for a unix socket ({length} bytes for {socket}, at most {LONGEST_SOCKET_PATH}): choose a shorter one with --cache-dir"
    )]
    TooLong {
        /// The directory.
        path: String,
        /// The socket's name.
        socket: String,
        /// Length of the socket's path.
        length: usize,
    },
    /// Made by a version with another layout.
    #[error(
        "cache directory {path} was written by pgq-analyze {program_version} (cache format {format}; this version reads {CACHE_FORMAT}): remove it, or choose another with --cache-dir"
    )]
    OtherFormat {
        /// The directory.
        path: String,
        /// Version of the program that wrote it.
        program_version: String,
        /// Its format.
        format: u32,
    },
    /// A directory full of somebody else's files.
    #[error(
        "directory {path} holds files but no cache of this program ({stamp} is missing): choose an empty or new one with --cache-dir"
    )]
    NotOurs {
        /// The directory.
        path: String,
        /// The file that is missing.
        stamp: &'static str,
    },
    /// The stamp cannot be understood.
    #[error(
        "cache directory {path} is damaged ({stamp}: {reason}): remove it, or choose another with --cache-dir"
    )]
    Damaged {
        /// The directory.
        path: String,
        /// The file that is damaged.
        stamp: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl CacheError {
    /// The cache directory at `path` cannot be made, read or written; says whose it is where that is the reason.
    pub(super) fn unusable(path: &Path, source: std::io::Error) -> CacheError {
        CacheError::Unusable {
            path: path.display().to_string(),
            source: with_owner(path, source),
        }
    }

    /// The cache directory at `path` cannot be used for want of a file in it.
    pub(super) fn file(path: &Path, file: &Path, source: std::io::Error) -> CacheError {
        let reason = with_owner(file, source);
        CacheError::Unusable {
            path: path.display().to_string(),
            source: std::io::Error::new(reason.kind(), format!("{}: {reason}", file.display())),
        }
    }
}

/// An error at `path` with the name of the user it belongs to, where that is the reason.
pub(super) fn with_owner(path: &Path, source: std::io::Error) -> std::io::Error {
    let nearest = path
        .ancestors()
        .find_map(|one| Some((one, one.symlink_metadata().ok()?.uid())));
    match nearest {
        Some((there, uid)) if source.kind() == ErrorKind::PermissionDenied => {
            let what = if there == path {
                "it".to_owned()
            } else {
                there.display().to_string()
            };
            let owner = owner_name(uid);
            std::io::Error::new(
                source.kind(),
                format!("{what} belongs to {owner}, and this user may not write there ({source})"),
            )
        }
        _ => source,
    }
}

/// The name of a user, for messages.
pub(super) fn owner_name(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| format!("user {uid}"), |user| user.name)
}

const STAMP: &str = "pgq-analyze-cache.json";

/// What the stamp file says.
#[derive(Serialize, Deserialize)]
struct Stamp {
    program: String,
    program_version: String,
    format: u32,
    installation: String,
}

/// An open cache directory.
#[derive(Clone, Debug)]
pub struct CacheDirectory {
    /// Where it is; absolute.
    pub path: PathBuf,
    /// Identifies this cache; databases carry it, so that one's own are told from another's.
    pub installation: String,
}

impl CacheDirectory {
    /// Opens the cache directory at `path` (absolute), making it where it does not exist.
    ///
    /// # Errors
    /// If it cannot be made or written, is not ours, or comes from a version with another layout.
    pub fn open(path: &Path) -> Result<CacheDirectory, CacheError> {
        let unusable = |source| CacheError::unusable(path, source);
        make(path).map_err(unusable)?;
        check_writable(path).map_err(unusable)?;
        // Of two processes that find it empty, the second has to find what the first writes.
        let directory = File::open(path).map_err(unusable)?;
        directory.lock().map_err(unusable)?;
        let text = match stamp_of(path)? {
            Some(text) => text,
            None => write_stamp(&path.join(STAMP)).map_err(unusable)?,
        };
        CacheDirectory::with_stamp(path, &text)
    }

    /// Finds the cache directory at `path` (absolute) and makes nothing; none where there is none, or nothing in it.
    ///
    /// # Errors
    /// If it cannot be read, is not ours, or comes from a version with another layout.
    pub fn find(path: &Path) -> Result<Option<CacheDirectory>, CacheError> {
        match path.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CacheError::unusable(path, error)),
            Ok(_) => {}
        }
        stamp_of(path)?
            .map(|text| CacheDirectory::with_stamp(path, &text))
            .transpose()
    }

    fn with_stamp(path: &Path, text: &str) -> Result<CacheDirectory, CacheError> {
        let shown = path.display().to_string();
        let stamp: Stamp = serde_json::from_str(text).map_err(|error| CacheError::Damaged {
            path: shown.clone(),
            stamp: STAMP,
            reason: error.to_string(),
        })?;
        if stamp.format != CACHE_FORMAT {
            return Err(CacheError::OtherFormat {
                path: shown,
                program_version: stamp.program_version,
                format: stamp.format,
            });
        }
        Ok(CacheDirectory {
            path: path.to_path_buf(),
            installation: stamp.installation,
        })
    }
}

/// What the stamp of the cache directory at `path` says; none where the directory is empty.
fn stamp_of(path: &Path) -> Result<Option<String>, CacheError> {
    let stamp = path.join(STAMP);
    match std::fs::read_to_string(&stamp) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut entries =
                std::fs::read_dir(path).map_err(|source| CacheError::unusable(path, source))?;
            if entries.next().is_none() {
                return Ok(None);
            }
            Err(CacheError::NotOurs {
                path: path.display().to_string(),
                stamp: STAMP,
            })
        }
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            Err(CacheError::unusable(path, error))
        }
        Err(error) => Err(CacheError::file(path, &stamp, error)),
    }
}

/// Checks that this user may make files in a directory.
fn check_writable(path: &Path) -> std::io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let access = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    Ok(accessat(CWD, path, access, AtFlags::EACCESS)?)
}

/// Checks, before anything is made, that the socket of a cluster of this name would have a path short enough in the cache directory
/// at `path`.
///
/// # Errors
/// If it would be too long.
pub fn check_length(path: &Path, cluster: &str) -> Result<(), CacheError> {
    let socket = format!("{cluster}/.s.PGSQL.{PORT}");
    let length = path.join(&socket).as_os_str().len();
    if length > LONGEST_SOCKET_PATH {
        return Err(CacheError::TooLong {
            path: path.display().to_string(),
            socket,
            length,
        });
    }
    Ok(())
}

/// Makes the directory and those on the way to it. As root, whatever the umask says, so that the account the server runs under can
/// pass through them; what a server keeps there it keeps to itself.
fn make(path: &Path) -> std::io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .filter(|one| !one.as_os_str().is_empty())
        .take_while(|one| !one.exists())
        .collect();
    std::fs::create_dir_all(path)?;
    if rustix::process::geteuid().is_root() {
        for made in missing {
            std::fs::set_permissions(made, Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

fn write_stamp(path: &Path) -> std::io::Result<String> {
    let stamp = Stamp {
        program: env!("CARGO_PKG_NAME").to_owned(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        format: CACHE_FORMAT,
        installation: random_id()?,
    };
    let text = serde_json::to_string_pretty(&stamp)? + "\n";
    crate::run::store::write_whole(path, text.as_bytes())?;
    // Whoever may use the directory may read it, whatever the umask of the one who made it.
    std::fs::set_permissions(path, Permissions::from_mode(0o644))?;
    Ok(text)
}

/// Sixteen random hexadecimal digits, from the system.
fn random_id() -> std::io::Result<String> {
    let mut bytes = [0_u8; 8];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_keeps_its_identity() {
        let top = tempfile::tempdir().expect("a temporary directory");
        let path = top.path().join("cache");
        let first = CacheDirectory::open(&path).expect("makes it");
        let second = CacheDirectory::open(&path).expect("opens it");
        assert_eq!(first.installation, second.installation);
        assert_eq!(first.installation.len(), 16);
    }

    #[test]
    fn directories_that_are_not_ours_are_refused() {
        let top = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(top.path().join("letter.txt"), "dear").expect("writes");
        assert!(matches!(
            CacheDirectory::open(top.path()),
            Err(CacheError::NotOurs { .. })
        ));
        std::fs::write(top.path().join(STAMP), "{").expect("writes");
        assert!(matches!(
            CacheDirectory::open(top.path()),
            Err(CacheError::Damaged { .. })
        ));
        let other =
            r#"{"program":"pgq-analyze","program_version":"9.0.0","format":7,"installation":"x"}"#;
        std::fs::write(top.path().join(STAMP), other).expect("writes");
        let message = CacheDirectory::open(top.path())
            .expect_err("another format")
            .to_string();
        assert!(
            message.contains("9.0.0") && message.contains("--cache-dir"),
            "{message}"
        );
        let file = top.path().join("letter.txt");
        assert!(matches!(
            CacheDirectory::open(&file.join("inside")),
            Err(CacheError::Unusable { .. })
        ));
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_refused() {
        let fits = |length: usize| {
            let path = format!("/{}", "x".repeat(length - 1));
            check_length(Path::new(&path), "postgres-15-abcdef")
        };
        let tail = "/postgres-15-abcdef/.s.PGSQL.5432".len();
        assert!(fits(LONGEST_SOCKET_PATH - tail).is_ok());
        let message = fits(LONGEST_SOCKET_PATH - tail + 1)
            .expect_err("too long")
            .to_string();
        assert!(
            message.contains("too long for a unix socket (104 bytes"),
            "{message}"
        );
    }
}
