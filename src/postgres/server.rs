//! A managed server: started directly, ended with its owner whatever happens to it.
//!
//! The server is spawned and waited for by a thread of its own, because the signal Linux sends to a child when its parent dies
//! (`PR_SET_PDEATHSIG`) follows the thread that spawned it, not the process.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use thiserror::Error;
use tokio::sync::oneshot;

use super::cache_directory::PORT;
use super::cluster::{Cluster, ClusterError, last_lines};
use super::process::{die_with_parent, server_command};
use crate::run::event::{Events, RunEvent};

/// How long a server may take to be ready: crash recovery after a hard end included.
const START_LIMIT: Duration = Duration::from_secs(120);

/// How long a server may take to stop in good order.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Why a server did not start.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// It could not be spawned.
    #[error("cannot start {path}: {source}")]
    Spawn {
        /// The binary.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It ended, or was not ready in time.
    #[error("the PostgreSQL {version} server {what}; the end of {log}: {lines}")]
    NotReady {
        /// Its version.
        version: String,
        /// What happened.
        what: String,
        /// Its log.
        log: String,
        /// The last lines of its log.
        lines: String,
    },
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    cluster: Cluster,
    stop: Option<Sender<()>>,
    keeper: Option<JoinHandle<bool>>,
}

impl Server {
    /// Starts the server of a cluster with settings, of which the last of a name holds, and waits until it takes connections.
    ///
    /// # Errors
    /// If it cannot be spawned or does not get ready; the last lines of its log are in the error.
    pub async fn start(
        cluster: Cluster,
        settings: &[(String, String)],
        events: &Events,
    ) -> Result<Server, ServerError> {
        let postgres = cluster.installation.bin_dir.join("postgres");
        let command = postgres_command(&postgres, &cluster, settings)?;
        cluster.mark_running()?;
        let (stop, stopped) = std::sync::mpsc::channel();
        let (ready, is_ready) = oneshot::channel();
        let data = cluster.data();
        let keeper = std::thread::spawn(move || keep(command, &data, ready, &stopped));
        let server = Server {
            cluster,
            stop: Some(stop),
            keeper: Some(keeper),
        };
        match is_ready.await {
            Ok(Ok(())) => {}
            Ok(Err(StartFailure::Spawn(source))) => {
                return Err(ServerError::Spawn {
                    path: postgres.display().to_string(),
                    source,
                });
            }
            Ok(Err(StartFailure::NotReady(what))) => return Err(server.not_ready(what)),
            Err(_) => return Err(server.not_ready("was lost".to_owned())),
        }
        events.emit(RunEvent::ServerReady {
            version: server.cluster.installation.version.to_string(),
            bin_dir: server.cluster.installation.bin_dir.display().to_string(),
        });
        Ok(server)
    }

    fn not_ready(&self, what: String) -> ServerError {
        let log = self.cluster.log();
        ServerError::NotReady {
            version: self.cluster.installation.version.to_string(),
            what,
            lines: last_lines(
                &String::from_utf8_lossy(&std::fs::read(&log).unwrap_or_default()),
                5,
            ),
            log: log.display().to_string(),
        }
    }

    /// The cluster it serves.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The directory of its socket.
    #[must_use]
    pub fn socket_directory(&self) -> &Path {
        &self.cluster.directory
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let stopped_well = self
            .keeper
            .take()
            .is_some_and(|keeper| keeper.join().unwrap_or(false));
        if stopped_well {
            self.cluster.mark_stopped();
        }
    }
}

enum StartFailure {
    Spawn(std::io::Error),
    NotReady(String),
}

/// The life of the thread that owns the server process; whether the server came down in good order.
fn keep(
    mut command: Command,
    data: &Path,
    ready: oneshot::Sender<Result<(), StartFailure>>,
    stopped: &Receiver<()>,
) -> bool {
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let _ = ready.send(Err(StartFailure::Spawn(error)));
            return false;
        }
    };
    if let Err(what) = wait_until_ready(&mut child, data, stopped) {
        let stopped_well = shut_down(&mut child);
        let _ = ready.send(Err(StartFailure::NotReady(what)));
        return stopped_well;
    }
    // If nobody waits any more, the owner is gone and the loop ends at once.
    let _ = ready.send(Ok(()));
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(Duration::from_millis(500)) {
        if !matches!(child.try_wait(), Ok(None)) {
            return false;
        }
    }
    shut_down(&mut child)
}

/// The postmaster writes `ready` into line 8 of its pid file when it takes connections. An owner that goes meanwhile is not kept waiting.
fn wait_until_ready(child: &mut Child, data: &Path, stopped: &Receiver<()>) -> Result<(), String> {
    let pid_file = data.join("postmaster.pid");
    let pid = child.id().to_string();
    let started = Instant::now();
    while started.elapsed() < START_LIMIT {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("did not start ({status})"));
        }
        let text = std::fs::read_to_string(&pid_file).unwrap_or_default();
        let mut lines = text.lines();
        if lines.next().is_some_and(|first| first.trim() == pid)
            && lines.nth(6).is_some_and(|line| line.trim() == "ready")
        {
            return Ok(());
        }
        if let Err(RecvTimeoutError::Disconnected) = stopped.recv_timeout(Duration::from_millis(2))
        {
            return Err("was not wanted any more".to_owned());
        }
    }
    Err(format!(
        "was not ready after {} seconds",
        START_LIMIT.as_secs()
    ))
}

/// Stops the server: fast, then immediately, then by force. Whether the first way sufficed.
fn shut_down(child: &mut Child) -> bool {
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return false;
    };
    for (attempt, signal) in [Signal::INT, Signal::QUIT, Signal::KILL]
        .into_iter()
        .enumerate()
    {
        let _ = kill_process(pid, signal);
        let until = Instant::now() + STOP_LIMIT;
        while Instant::now() < until {
            match child.try_wait() {
                Ok(Some(status)) => return attempt == 0 && status.success(),
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                Err(_) => return false,
            }
        }
    }
    false
}

/// Makes an empty log, or empties the one there is. Never through a link: where root does this, the directory is the server account's,
/// which must not choose what root writes to.
fn create(log: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    options.open(log)
}

fn postgres_command(
    postgres: &Path,
    cluster: &Cluster,
    settings: &[(String, String)],
) -> Result<Command, ClusterError> {
    let log = cluster.log();
    let open = || create(&log).and_then(|file| Ok((file.try_clone()?, file)));
    let (output, errors) = open().map_err(|source| ClusterError::File {
        action: "write",
        path: log.display().to_string(),
        source,
    })?;
    let mut command = server_command(postgres, &cluster.account);
    command.arg("-D").arg(cluster.data());
    // The setting is a list: a comma in the path must not divide it.
    let directory = cluster.directory.display().to_string().replace('"', "\"\"");
    command
        .arg("-c")
        .arg(format!("unix_socket_directories=\"{directory}\""));
    command
        .arg("-c")
        .arg("listen_addresses=")
        .arg("-c")
        .arg(format!("port={PORT}"));
    for (name, value) in settings {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command.stdout(output).stderr(errors);
    // A group of its own: Ctrl-C at the terminal is for this program, which then stops the server in good order.
    command.process_group(0);
    // SIGQUIT is an immediate shutdown.
    die_with_parent(&mut command, Signal::QUIT);
    Ok(command)
}
