//! pgbench itself: found, run, and read.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rustix::process::Signal;

use super::{Rig, STATEMENT, Trouble};
use crate::postgres::process::die_with_parent;
use crate::run::selftest::Side;

/// How often it is looked whether it has ended.
const POLL: Duration = Duration::from_millis(2);

/// What a run of pgbench told, and what it took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ran {
    statements: u64,
    throughput: f64,
    cpu_us: f64,
}

impl Ran {
    /// Without what it takes to start, as a run of one statement a connection shows it.
    pub(super) fn side(&self, started: &Ran) -> Side {
        let statements = self.statements.saturating_sub(started.statements).max(1);
        Side {
            statements: self.statements,
            rows: 0,
            throughput: self.throughput,
            cpu_us: (self.cpu_us - started.cpu_us).max(0.0) / statements as f64,
        }
    }
}

/// pgbench beside the server's binaries, else on the PATH.
pub(super) fn find(bin_dir: Option<&Path>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = bin_dir.map(Path::to_path_buf).into_iter();
    directories
        .chain(std::env::split_paths(&path))
        .map(|directory| directory.join("pgbench"))
        .find(|program| program.is_file())
}

/// What it takes to start: the least of three runs of one statement a connection, so that nothing else is taken for it.
pub(super) async fn started(rig: &Rig, program: &Path) -> Result<Ran, Trouble> {
    let mut least = run(rig, program, 1).await?;
    for _ in 0..2 {
        let ran = run(rig, program, 1).await?;
        if ran.cpu_us < least.cpu_us {
            least = ran;
        }
    }
    Ok(least)
}

/// Runs the statement so often on each connection.
pub(super) async fn run(rig: &Rig, program: &Path, statements: u64) -> Result<Ran, Trouble> {
    let failed = |action| move |source| Trouble::File { action, source };
    let mut script = tempfile::NamedTempFile::new().map_err(failed("cannot make a script"))?;
    writeln!(script, "{STATEMENT};").map_err(failed("cannot write a script"))?;
    let mut command = Command::new(program);
    rig.address.lend_to(&mut command, &rig.database);
    command
        .args(["-n", "-M", "prepared", "-f"])
        .arg(script.path());
    let connections = rig.connections.to_string();
    command.args(["-c", &connections, "-j", &connections]);
    command.args(["-t", &statements.to_string()]);
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    die_with_parent(&mut command, Signal::KILL);
    let stop = std::sync::Arc::clone(&rig.stop);
    // The kernel ends it with the thread that began it: that thread waits for it.
    let waited = tokio::task::spawn_blocking(move || wait(command, &stop));
    let (output, cpu_us) = waited.await.map_err(|_| Trouble::Stopped)??;
    drop(script);
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(Trouble::Ended {
            status: output.status.to_string(),
            message: message.trim().lines().last().unwrap_or_default().to_owned(),
        });
    }
    let (statements, throughput) =
        read(&text).ok_or_else(|| Trouble::Unreadable(text.trim().replace('\n', " | ")))?;
    Ok(Ran {
        statements,
        throughput,
        cpu_us,
    })
}

/// What it printed, and the processor time it took in microseconds.
fn wait(mut command: Command, stop: &AtomicBool) -> Result<(Output, f64), Trouble> {
    let failed = |action| move |source| Trouble::File { action, source };
    let before = processor_time_of_children();
    let mut child = command.spawn().map_err(failed("cannot start pgbench"))?;
    loop {
        if stop.load(Ordering::Relaxed) {
            end(&mut child);
            return Err(Trouble::Stopped);
        }
        match child
            .try_wait()
            .map_err(failed("cannot wait for pgbench"))?
        {
            Some(_) => break,
            None => std::thread::sleep(POLL),
        }
    }
    let cpu_us = processor_time_of_children() - before;
    let output = child.wait_with_output();
    Ok((
        output.map_err(failed("cannot read what pgbench printed"))?,
        cpu_us,
    ))
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Of those that have ended and were waited for, in microseconds; meanwhile no other does.
fn processor_time_of_children() -> f64 {
    getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0.0, |usage| {
        (usage.user_time() + usage.system_time()).num_microseconds() as f64
    })
}

/// Transactions, and how many a second without connecting.
fn read(text: &str) -> Option<(u64, f64)> {
    let mut processed = after(text, "number of transactions actually processed: ");
    let processed = processed.next()?;
    let processed = processed.split('/').next()?.trim().parse().ok()?;
    // Before version 14 there were two such lines.
    let rate = after(text, "tps = ").find(|rest| !rest.contains("(including"))?;
    let rate: f64 = rate.split(' ').next()?.parse().ok()?;
    (rate > 0.0).then_some((processed, rate))
}

/// What stands in lines after this beginning.
fn after<'t>(text: &'t str, start: &'t str) -> impl Iterator<Item = &'t str> {
    text.lines()
        .filter_map(move |line| line.strip_prefix(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pgbench_prints_is_read() {
        let text = "pgbench (15.18 (Debian 15.18-0+deb12u1))
transaction type: /tmp/.tmpA
number of transactions actually processed: 4000/4000
number of failed transactions: 0 (0.000%)
latency average = 0.233 ms
initial connection time = 4.263 ms
tps = 8574.120386 (without initial connection time)
";
        assert_eq!(read(text), Some((4000, 8_574.120_386)));
        let of_13 = "number of transactions actually processed: 10/10
tps = 100.5 (including connections establishing)
tps = 230.5 (excluding connections establishing)
";
        assert_eq!(read(of_13), Some((10, 230.5)));
        assert_eq!(read("tps = 0.0 (without initial connection time)"), None);
        assert_eq!(read("pgbench: error"), None);
    }

    #[test]
    fn starting_is_taken_off() {
        let started = Ran {
            statements: 2,
            throughput: 50.0,
            cpu_us: 5_000.0,
        };
        let ran = Ran {
            statements: 4_002,
            throughput: 9_000.0,
            cpu_us: 85_000.0,
        };
        let side = ran.side(&started);
        assert_eq!((side.statements, side.cpu_us), (4_002, 20.0));
        assert_eq!(started.side(&ran).cpu_us, 0.0, "never below nothing");
    }

    #[test]
    fn pgbench_is_found_beside_the_server() {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("pgbench");
        assert_ne!(find(Some(directory.path())), Some(program.clone()));
        std::fs::write(&program, "").expect("writes");
        assert_eq!(find(Some(directory.path())), Some(program));
    }
}
