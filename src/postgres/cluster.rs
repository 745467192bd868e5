//! A cluster on disk: made once, owned by one process at a time, cleared of what an earlier process left behind.

use std::fs::{File, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::account::Account;
use super::binaries::Installation;
use super::cache_directory::{CacheDirectory, CacheError, check_length, with_owner};
use super::cluster_record::{ClusterRecord, TemplateRecord, now};
use super::lock::Lock;
use super::process::{die_with_parent, server_command};
use crate::run::event::{Events, RunEvent};

/// How long a server that was left behind gets to stop before it is ended the hard way.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a cluster cannot be used.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// The cache directory.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The server's account may not reach it.
    #[error(
        "the server's account {account} may not enter {barred}, so it cannot use cache directory {path}: choose another with --cache-dir"
    )]
    Barred {
        /// The account.
        account: String,
        /// The directory that is closed to it.
        barred: String,
        /// The cache directory.
        path: String,
    },
    /// A link in its place.
    #[error(
        "{path} is a symbolic link, and a cluster is never reached through one: remove it, or choose another cache directory with --cache-dir"
    )]
    Link {
        /// The link.
        path: String,
    },
    /// A file operation failed.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// initdb failed.
    #[error("initdb could not make a cluster in {path}: {output}")]
    Initdb {
        /// Where.
        path: String,
        /// The end of what it printed.
        output: String,
    },
}

/// A cluster that this process owns until it drops it.
#[derive(Debug)]
pub struct Cluster {
    /// The binaries it runs with.
    pub installation: Installation,
    /// The account its files belong to.
    pub account: Account,
    /// Holds `data`, the socket and the log.
    pub directory: PathBuf,
    _lock: Lock,
}

impl Cluster {
    /// Checks, before anything is made, that a cluster of this installation can live in the cache directory at `path` (absolute).
    ///
    /// # Errors
    /// If a socket's path would be too long.
    pub fn check_place(
        path: &Path,
        installation: &Installation,
        account: &Account,
    ) -> Result<(), ClusterError> {
        Ok(check_length(
            path,
            &cluster_name(installation, account, None),
        )?)
    }

    /// Checks, before anything is fetched or made, that an account can get to the cache directory at `path` (absolute).
    ///
    /// # Errors
    /// If it may not enter a directory on the way.
    pub fn check_way(path: &Path, account: &Account) -> Result<(), ClusterError> {
        let Some(barred) = account.barred_at(path) else {
            return Ok(());
        };
        Err(ClusterError::Barred {
            account: account.name().unwrap_or_default().to_owned(),
            barred: barred.display().to_string(),
            path: path.display().to_string(),
        })
    }

    /// Takes the cluster of this installation in this cache: waits until nobody else uses it, removes what an earlier process left
    /// running, throws it away if the machine went down under it, and makes it if there is none.
    ///
    /// # Errors
    /// If the cache directory cannot be used or initdb fails.
    pub async fn open(
        cache: &CacheDirectory,
        installation: Installation,
        account: Account,
        holder: &str,
        events: &Events,
    ) -> Result<Cluster, ClusterError> {
        let name = cluster_name(&installation, &account, stranger(cache, &account));
        let directory = cache.path.join(&name);
        let lock_path = cache.path.join(format!("{name}.lock"));
        let lock = Lock::take(&lock_path, holder, events)
            .await
            .map_err(|source| CacheError::file(&cache.path, &lock_path, source))?;
        let cluster = Cluster {
            installation,
            account,
            directory,
            _lock: lock,
        };
        cluster.make_ready(events).await?;
        Ok(cluster)
    }

    /// Where the data directory is.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Where the server's log is.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    /// Notes what it is started with and that it is used now; `templates` are the fixtures in it, where they are known.
    pub fn record(&self, templates: Option<Vec<TemplateRecord>>) {
        let known = || ClusterRecord::read(&self.directory).map(|record| record.templates);
        let record = ClusterRecord {
            bin_dir: self.installation.bin_dir.clone(),
            version_text: self.installation.version_text.clone(),
            used: now(),
            templates: templates.or_else(known).unwrap_or_default(),
        };
        // It is a hint for `fixtures list` and `clean`: work does not end for want of it.
        let _ = record.write(&self.directory);
    }

    async fn make_ready(&self, events: &Events) -> Result<(), ClusterError> {
        let directory = &self.directory;
        take_directory(directory, &self.account)?;
        self.end_leftover(events).await?;
        if self.went_down_with_the_machine() {
            let data = self.data();
            std::fs::remove_dir_all(&data).map_err(file_error("remove", &data))?;
            events.emit(RunEvent::Reaped {
                what: "a cluster that was in use when the machine went down".to_owned(),
            });
        }
        if !self.data().exists() {
            events.emit(RunEvent::ServerCreating {
                version: self.installation.version.to_string(),
            });
            self.initdb().await?;
            self.record(Some(Vec::new()));
        }
        self.record(None);
        Ok(())
    }

    /// Ends a server that an earlier process left running: one whose working directory is this data directory.
    async fn end_leftover(&self, events: &Events) -> Result<(), ClusterError> {
        let data = self.data();
        let pid_file = data.join("postmaster.pid");
        if let Some(pid) = left_running(&data).and_then(rustix::process::Pid::from_raw) {
            events.emit(RunEvent::Reaped {
                what: format!(
                    "a server an earlier run left behind (process {})",
                    pid.as_raw_nonzero()
                ),
            });
            for signal in [Signal::INT, Signal::QUIT, Signal::KILL] {
                let _ = rustix::process::kill_process(pid, signal);
                let until = Instant::now() + PATIENCE;
                while is_running_in(pid, &data) && Instant::now() < until {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                if !is_running_in(pid, &data) {
                    break;
                }
            }
        }
        // A pid file whose process is gone, or is by now another program, would keep the server from starting.
        match std::fs::remove_file(&pid_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(file_error("remove", &pid_file)(error))
            }
            _ => Ok(()),
        }
    }

    /// With fsync off a cluster survives the end of its processes, not the end of the machine.
    fn went_down_with_the_machine(&self) -> bool {
        std::fs::read_to_string(self.running_mark()).is_ok_and(|boot| boot != boot_id())
    }

    fn running_mark(&self) -> PathBuf {
        self.directory.join("running-since-boot")
    }

    /// Notes that the server is running in this boot of the machine.
    ///
    /// # Errors
    /// If the note cannot be written.
    pub fn mark_running(&self) -> Result<(), ClusterError> {
        let mark = self.running_mark();
        // Renamed into place: never written through a link, which the server's account could have put there.
        crate::run::store::write_whole(&mark, boot_id().as_bytes())
            .map_err(file_error("write", &mark))
    }

    /// Takes the note back, after the server came down in good order.
    pub fn mark_stopped(&self) {
        let _ = std::fs::remove_file(self.running_mark());
    }

    /// Makes the data directory beside its place and renames it: half a cluster is never taken for one.
    async fn initdb(&self) -> Result<(), ClusterError> {
        let unfinished = self.directory.join("data.unfinished");
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished).map_err(file_error("remove", &unfinished))?;
        }
        let initdb = self.installation.bin_dir.join("initdb");
        let mut command = server_command(&initdb, &self.account);
        command.args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ]);
        if self.installation.version.major >= 18 {
            command.arg("--no-data-checksums");
        }
        command.arg("--pgdata").arg(&unfinished);
        let output = run_to_end(command)
            .await
            .map_err(file_error("run", &initdb))?;
        if !output.status.success() {
            let text = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            let _ = std::fs::remove_dir_all(&unfinished);
            return Err(ClusterError::Initdb {
                path: self.directory.display().to_string(),
                output: last_lines(&text, 5),
            });
        }
        std::fs::rename(&unfinished, self.data()).map_err(file_error("rename", &unfinished))
    }
}

/// Runs a command to its end on a thread of its own. If this program ends before, the command is told to end too.
async fn run_to_end(mut command: Command) -> std::io::Result<std::process::Output> {
    die_with_parent(&mut command, Signal::TERM);
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = sender.send(command.output());
    });
    receiver
        .await
        .unwrap_or_else(|_| Err(std::io::Error::other("the thread that waited for it ended")))
}

/// The user id of an ordinary user in a cache directory of somebody else.
fn stranger(cache: &CacheDirectory, account: &Account) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let me = rustix::process::geteuid().as_raw();
    let theirs = || {
        cache
            .path
            .metadata()
            .is_ok_and(|directory| directory.uid() != me)
    };
    (account.name().is_none() && theirs()).then_some(me)
}

/// One cluster a version, build and account its files belong to: `postgres-15-3fa9c1`. Ordinary users who share the cache directory of
/// another one are told apart by their ids.
fn cluster_name(installation: &Installation, account: &Account, stranger: Option<u32>) -> String {
    let mut hash = Sha256::new();
    hash.update(installation.version_text.as_bytes());
    hash.update(installation.bin_dir.as_os_str().as_encoded_bytes());
    hash.update(account.name().unwrap_or_default().as_bytes());
    if let Some(uid) = stranger {
        hash.update(uid.to_le_bytes());
    }
    let digest = hash.finalize();
    format!(
        "postgres-{}-{:02x}{:02x}{:02x}",
        installation.version.major, digest[0], digest[1], digest[2]
    )
}

/// The server that is running on a data directory.
pub(super) fn left_running(data: &Path) -> Option<i32> {
    let text = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = text.lines().next()?.trim().parse::<i32>().ok()?;
    let process = rustix::process::Pid::from_raw(pid)?;
    is_running_in(process, data).then_some(pid)
}

/// Whether this process exists, is no zombie, and works in this directory: then it is the server of that data directory.
fn is_running_in(pid: rustix::process::Pid, data: &Path) -> bool {
    let process = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    let zombie = std::fs::read_to_string(process.join("stat")).is_ok_and(|stat| {
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z'))
    });
    !zombie
        && std::fs::read_link(process.join("cwd"))
            .is_ok_and(|cwd| data.canonicalize().is_ok_and(|data| cwd == data))
}

/// Identifies this boot of the machine; empty where the system does not tell.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// Makes a cluster's directory, closed to all but its account, or takes the one there is. A link is refused: in a cache that users share
/// it could lead root to give away any directory.
fn take_directory(directory: &Path, account: &Account) -> Result<(), ClusterError> {
    match std::fs::create_dir(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(file_error("make", directory)(error));
        }
        _ => {}
    }
    if directory.is_symlink() {
        return Err(ClusterError::Link {
            path: directory.display().to_string(),
        });
    }
    let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::NOFOLLOW;
    let open = File::options()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(directory)
        .map_err(file_error("open", directory))?;
    open.set_permissions(Permissions::from_mode(0o700))
        .map_err(file_error("set the mode of", directory))?;
    account
        .own(&open)
        .map_err(file_error("give away", directory))
}

fn file_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ClusterError {
    let path = path.to_path_buf();
    move |source| ClusterError::File {
        action,
        path: path.display().to_string(),
        source: with_owner(&path, source),
    }
}

/// The last `count` lines of a text, on one line each, separated by ` | `.
#[must_use]
pub(super) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn the_last_lines_are_told_on_one_line() {
        assert_eq!(last_lines("a\n\nb\n  c\n", 2), "b | c");
        assert_eq!(last_lines("", 2), "");
    }

    #[test]
    fn a_cluster_is_never_reached_through_a_link() {
        let top = tempfile::tempdir().expect("a temporary directory");
        let account = Account::pick(None).expect("an account");
        let made = top.path().join("made");
        take_directory(&made, &account).expect("makes it");
        take_directory(&made, &account).expect("takes it");
        let outside = top.path().join("outside");
        std::fs::create_dir(&outside).expect("makes a folder");
        std::fs::set_permissions(&outside, Permissions::from_mode(0o755)).expect("opens it");
        let link = top.path().join("link");
        std::os::unix::fs::symlink(&outside, &link).expect("links");
        let message = take_directory(&link, &account)
            .expect_err("a link")
            .to_string();
        assert!(message.contains("symbolic link"), "{message}");
        let mode = |path| std::fs::metadata(path).expect("is there").mode() & 0o777;
        assert_eq!((mode(&made), mode(&outside)), (0o700, 0o755));
    }

    #[test]
    fn a_process_counts_only_in_its_own_directory() {
        let me = rustix::process::getpid();
        let here = std::env::current_dir().expect("a working directory");
        assert!(is_running_in(me, &here));
        assert!(!is_running_in(me, Path::new("/proc")));
    }
}
