//! A process that ends with its owner, however that ends.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pgq_analyze::postgres::account::Account;

/// Starts the command, says its process id, waits for the end of its own input, then ends the command with the signal named. The
/// input is a pipe whose other end this process alone holds: the kernel closes it when this process is gone. The signal is sent until
/// the command is gone: a shell starts its background commands deaf to some, and they take a moment to listen.
const KEEP: &str = r#"signal=$1; log=$2; shift 2
"$@" </dev/null >"$log" 2>&1 & kept=$!
echo "$kept"; cat >/dev/null
while kill -s "$signal" "$kept"; do sleep 0.1; done 2>/dev/null &
wait "$kept""#;

/// The shell that keeps the process. Dropped, both are gone.
#[derive(Debug)]
pub(super) struct Keeper {
    shell: Child,
    kept: u32,
}

impl Keeper {
    /// Starts `command` under the account with its output in `log`; `signal` is what ends it at once.
    pub(super) fn start(
        account: &Account,
        signal: &str,
        command: &[OsString],
        log: &Path,
    ) -> Keeper {
        File::create(log).expect("makes a log");
        account
            .own(&std::fs::File::open(log).expect("opens it"))
            .expect("gives the log to the account");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", KEEP, "keep", signal])
            .arg(log)
            .args(command)
            // Not in the group that Ctrl-C at the terminal ends.
            .process_group(0)
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut shell = account.run_as(&mut shell).spawn().expect("starts a shell");
        let mut said = String::new();
        BufReader::new(shell.stdout.take().expect("its output is piped"))
            .read_line(&mut said)
            .expect("reads the process id");
        let kept = said.trim().parse().expect("a process id");
        Keeper { shell, kept }
    }

    /// Fails with what the process has said if it has ended.
    #[track_caller]
    pub(super) fn expect_running(&self, log: &Path) {
        let status = fs::read_to_string(format!("/proc/{}/stat", self.kept)).unwrap_or_default();
        // The state follows the name, which is in parentheses; nobody has waited for a zombie yet.
        let state = status
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next());
        assert!(
            !matches!(state, None | Some('Z' | 'X')),
            "it ended: {}",
            fs::read_to_string(log).unwrap_or_default()
        );
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
