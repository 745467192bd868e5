//! The operating-system account a managed server runs under.
//!
//! `postgres` refuses to run as root, so root hands the server to another account and owns none of its files.

use std::fs::File;
use std::os::unix::fs::{MetadataExt, fchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{Uid, User};
use thiserror::Error;

/// Why no account could be found or used.
#[derive(Debug, Error)]
pub enum AccountError {
    /// The account named does not exist.
    #[error("no account named {0}: name an existing one with --server-user")]
    Unknown(String),
    /// The account named is root.
    #[error("a PostgreSQL server refuses to run as root: name another account with --server-user")]
    Root,
    /// Root, and none of the usual accounts exists.
    #[error(
        "a PostgreSQL server refuses to run as root, and there is neither an account postgres nor nobody: name one with --server-user"
    )]
    NoneUsual,
    /// `--server-user` without being root.
    #[error("only root can run the server as another account: leave out --server-user")]
    NotRoot,
    /// The account database could not be read.
    #[error("cannot look up account {name}: {source}")]
    Lookup {
        /// The account.
        name: String,
        /// Why.
        source: nix::Error,
    },
}

/// The account a managed server runs under: another one if this process is root, else its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account(Option<Other>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Other {
    name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// Picks the account: as root the one asked for, else `postgres`, else `nobody`; as an ordinary user one's own.
    ///
    /// # Errors
    /// If the account asked for does not exist or cannot be switched to.
    pub fn pick(asked: Option<&str>) -> Result<Account, AccountError> {
        if !Uid::effective().is_root() {
            return if asked.is_none() {
                Ok(Account(None))
            } else {
                Err(AccountError::NotRoot)
            };
        }
        if let Some(name) = asked {
            let user = look_up(name)?.ok_or_else(|| AccountError::Unknown(name.to_owned()))?;
            return if user.uid == 0 {
                Err(AccountError::Root)
            } else {
                Ok(Account(Some(user)))
            };
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = look_up(name)? {
                return Ok(Account(Some(user)));
            }
        }
        Err(AccountError::NoneUsual)
    }

    /// Makes `command` run under this account, from `/`.
    pub fn run_as<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        if let Some(other) = &self.0 {
            command.uid(other.uid).gid(other.gid);
        }
        command.current_dir("/")
    }

    /// Gives an open file or directory to this account.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn own(&self, file: &File) -> std::io::Result<()> {
        match &self.0 {
            Some(other) => fchown(file, Some(other.uid), Some(other.gid)),
            None => Ok(()),
        }
    }

    /// The first directory on the way to `path` that this account may not pass through, if any.
    #[must_use]
    pub fn barred_at(&self, path: &Path) -> Option<PathBuf> {
        let other = self.0.as_ref()?;
        let barred = |directory: &&Path| {
            std::fs::metadata(directory).is_ok_and(|meta| {
                let execute = match (meta.uid() == other.uid, meta.gid() == other.gid) {
                    (true, _) => 0o100,
                    (false, true) => 0o010,
                    (false, false) => 0o001,
                };
                // A file in the way is another mistake, for whoever makes the directory to report.
                meta.is_dir() && meta.mode() & execute == 0
            })
        };
        path.ancestors()
            .filter(barred)
            .last()
            .map(Path::to_path_buf)
    }

    /// Its name, where it is not this process's own.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.as_ref().map(|other| other.name.as_str())
    }
}

fn look_up(name: &str) -> Result<Option<Other>, AccountError> {
    let user = User::from_name(name).map_err(|source| AccountError::Lookup {
        name: name.to_owned(),
        source,
    })?;
    Ok(user.map(|user| Other {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
    }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_closed_to_others_bars_the_way() {
        let top = tempfile::tempdir().expect("a temporary directory");
        let inner = top.path().join("inner");
        std::fs::create_dir(&inner).expect("creates");
        std::fs::set_permissions(top.path(), std::fs::Permissions::from_mode(0o755))
            .expect("opens");
        let stranger = Account(Some(Other {
            name: "stranger".into(),
            uid: 4_000_001,
            gid: 4_000_001,
        }));
        assert_eq!(stranger.barred_at(&inner), None);
        std::fs::set_permissions(top.path(), std::fs::Permissions::from_mode(0o700))
            .expect("closes");
        assert_eq!(stranger.barred_at(&inner), Some(top.path().to_path_buf()));
        assert_eq!(Account(None).barred_at(&inner), None);
    }

    #[test]
    fn an_account_that_does_not_exist_is_named() {
        let message = Account::pick(Some("no-such-account"))
            .expect_err("does not exist")
            .to_string();
        assert!(message.contains("--server-user"), "{message}");
    }
}
