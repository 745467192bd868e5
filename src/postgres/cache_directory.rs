//! The directory that keeps clusters and their template databases between runs.

use std::fs::{File, Permissions};
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
        let shown = path.display().to_string();
        let unusable = |source| CacheError::Unusable {
            path: shown.clone(),
            source,
        };
        make(path).map_err(unusable)?;
        check_writable(path).map_err(unusable)?;
        // Of two processes that find it empty, the second has to find what the first writes.
        let directory = File::open(path).map_err(unusable)?;
        directory.lock().map_err(unusable)?;
        let stamp_path = path.join(STAMP);
        let text = match std::fs::read_to_string(&stamp_path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if std::fs::read_dir(path).map_err(unusable)?.next().is_some() {
                    return Err(CacheError::NotOurs {
                        path: shown,
                        stamp: STAMP,
                    });
                }
                write_stamp(&stamp_path).map_err(unusable)?
            }
            Err(error) => return Err(unusable(error)),
        };
        let damaged = |reason: String| CacheError::Damaged {
            path: shown.clone(),
            stamp: STAMP,
            reason,
        };
        let stamp: Stamp =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
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

/// Checks that this user may make files in a directory; the error says whose it is.
fn check_writable(path: &Path) -> std::io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let access = Access::WRITE_OK | Access::EXEC_OK;
    let Err(error) = accessat(CWD, path, access, AtFlags::EACCESS) else {
        return Ok(());
    };
    let uid = std::fs::metadata(path)?.uid();
    let owner = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    let owner = owner.map_or_else(|| format!("user {uid}"), |owner| owner.name);
    Err(std::io::Error::new(
        std::io::Error::from(error).kind(),
        format!("it belongs to {owner}, and this user may not write there ({error})"),
    ))
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
