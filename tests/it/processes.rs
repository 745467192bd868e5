//! Server processes as the system sees them (Linux: /proc).

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use crate::place::wait_for;

/// The processes of servers whose cluster lies in this cache directory. A zombie counts as dead: it has no working directory.
pub(crate) fn servers_in(cache: &Path) -> Vec<u32> {
    fs::read_dir("/proc")
        .expect("reads /proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| is_server_in(*pid, cache))
        .collect()
}

/// Waits until the last process of these servers is gone.
pub(crate) fn wait_until_stopped(cache: &Path) {
    wait_for("the server to be gone", || {
        servers_in(cache).is_empty().then_some(())
    });
}

/// Ends whatever servers are left there: a test that fails because one was left behind leaves none itself.
pub(crate) fn end_servers_in(cache: &Path) {
    for pid in servers_in(cache) {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        // One that has gone by itself meanwhile is no error.
        let _ = pid.map(|pid| kill_process(pid, Signal::QUIT));
    }
}

/// The user a process runs under.
pub(crate) fn user_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn is_server_in(pid: u32, cache: &Path) -> bool {
    let works_in_it =
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(cache));
    // A server that has just been started has not gone to its data directory yet.
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).into_owned();
    let mut words = command.split('\0');
    let is_postgres = words
        .next()
        .is_some_and(|first| first.ends_with("/postgres"));
    works_in_it || is_postgres && words.any(|word| Path::new(word).starts_with(cache))
}
