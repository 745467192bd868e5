//! Processes: those of the server's binaries, under the server's account and in a plain environment; and such as end with their parent.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::account::Account;

/// A command of the server's binaries under the server's account, in a plain environment: nothing of the user's PG* variables or
/// locale may change what it does.
pub(super) fn server_command(binary: &Path, account: &Account) -> Command {
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", "/usr/bin:/bin");
    account.run_as(&mut command);
    command.stdin(Stdio::null());
    command
}

/// Makes the kernel send `signal` to the process when the thread that spawned it ends, even by kill -9.
#[cfg(target_os = "linux")]
pub fn die_with_parent(command: &mut Command, signal: Signal) {
    let parent = rustix::process::getpid();
    let arm = move || {
        rustix::process::set_parent_process_death_signal(Some(signal))?;
        // The parent may have died before the signal was armed.
        if rustix::process::getppid() == Some(parent) {
            Ok(())
        } else {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    };
    // SAFETY: between fork and exec the closure makes two system calls; it neither allocates nor takes a lock.
    unsafe {
        command.pre_exec(arm);
    }
}

/// Elsewhere than on Linux it goes on: a server whose owner was killed is ended by the next run.
#[cfg(not(target_os = "linux"))]
pub fn die_with_parent(_command: &mut Command, _signal: Signal) {}
