//! The program itself, run as a user runs it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use pgq_analyze::postgres::binaries::{self, Installation, Wanted};
use pgq_analyze::postgres::cache_limit::CacheLimit;
use pgq_analyze::postgres::managed::ManagedOptions;
use pgq_analyze::postgres::profile;
use pgq_analyze::run::plan_result::PlanMode;
use pgq_analyze::run::{PlanResult, Run, store};

use crate::place::{Place, another_cache, only_entry, wait_for};

/// The fewest samples: what is asserted here are counts, and those come from the first execution.
pub(crate) const ONE_SAMPLE: [&str; 4] = ["--samples", "1", "--budget", "0"];

/// The program under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_pgq-analyze");

/// Names the server the tests run on, as `--postgres` does: a major version or a directory of binaries. Without it they run on the newest
/// found.
const POSTGRES_VARIABLE: &str = "PGQ_ANALYZE_TEST_POSTGRES";

/// A word of a command line that the variable leaves alone: it is about the choice of a server.
pub(crate) const ON_ITS_OWN: &str = "chooses-on-its-own";

/// The commands that know `--postgres`.
const SERVER_COMMANDS: [&str; 5] = [
    "compare-plans",
    "extract-queries",
    "fixtures",
    "selftest",
    "throughput",
];

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it said.
    pub(crate) stderr: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }

    /// It ended like this; and an error is one line that starts with `error: `, never a backtrace.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Ran {
        let Ran { stdout, stderr, .. } = &self;
        assert_eq!(
            self.code,
            Some(code),
            "stderr:\n{stderr}\nstdout:\n{stdout}"
        );
        assert!(
            !stderr.contains("panicked") && !stderr.contains("backtrace"),
            "{stderr}"
        );
        self
    }

    /// Everything in `parts` was said on stderr, in this order.
    #[track_caller]
    pub(crate) fn expect_said(self, parts: &[&str]) -> Ran {
        let mut rest = self.stderr.as_str();
        for part in parts {
            let Some((_, after)) = rest.split_once(part) else {
                panic!(
                    "`{part}` is not (or not in this order) in:\n{}",
                    self.stderr
                );
            };
            rest = after;
        }
        self
    }
}

/// A command of the program with its cache and its run folders in `place`, in an environment without the user's settings.
pub(crate) fn command<S: AsRef<OsStr>>(
    place: &Place,
    arguments: impl IntoIterator<Item = S>,
) -> Command {
    command_of(BINARY, place, arguments)
}

/// The same with another copy of the binary, or a program that runs it.
pub(crate) fn command_of<S: AsRef<OsStr>>(
    binary: impl AsRef<OsStr>,
    place: &Place,
    arguments: impl IntoIterator<Item = S>,
) -> Command {
    let mut command = bare_command(binary, place, arguments);
    command.arg("--cache-dir").arg(place.cache());
    command
}

/// The same without a cache directory.
pub(crate) fn bare_command<S: AsRef<OsStr>>(
    binary: impl AsRef<OsStr>,
    place: &Place,
    arguments: impl IntoIterator<Item = S>,
) -> Command {
    let arguments: Vec<OsString> = arguments
        .into_iter()
        .map(|argument| argument.as_ref().to_owned())
        .collect();
    let mut command = plain_command(binary.as_ref(), place, &arguments);
    if let Some(postgres) = chosen_postgres(&arguments) {
        command.args(["--postgres", &postgres]);
    }
    command
}

/// A command of the program, with a cache directory, whose server the caller names by its environment.
pub(crate) fn command_by_environment<S: AsRef<OsStr>>(
    place: &Place,
    arguments: impl IntoIterator<Item = S>,
) -> Command {
    let arguments: Vec<OsString> = arguments
        .into_iter()
        .map(|argument| argument.as_ref().to_owned())
        .collect();
    let mut command = plain_command(BINARY.as_ref(), place, &arguments);
    command.arg("--cache-dir").arg(place.cache());
    command
}

/// In an environment without the user's settings.
fn plain_command(binary: &OsStr, place: &Place, arguments: &[OsString]) -> Command {
    let mut command = Command::new(binary);
    command.args(arguments).current_dir(place.path());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("PG") || matches!(&*text, "DATABASE_URL" | "XDG_CACHE_HOME") {
            command.env_remove(name);
        }
    }
    // For a script that calls the program more than once.
    if let named @ (Wanted::Major(_) | Wanted::Directory(_)) = wanted() {
        command.env(POSTGRES_VARIABLE, named.to_string());
    }
    command.stdin(Stdio::null());
    command
}

/// What to add as `--postgres`: what the variable says, where the command needs a server and does not name one itself.
fn chosen_postgres(arguments: &[OsString]) -> Option<String> {
    let names = |word: &str| {
        arguments
            .iter()
            .any(|argument| argument.to_string_lossy().starts_with(word))
    };
    let own = [
        "--postgres",
        "--database-url",
        "--help",
        "--version",
        ON_ITS_OWN,
    ];
    let needs_a_server = arguments.iter().any(|argument| {
        SERVER_COMMANDS
            .iter()
            .any(|command| argument.as_os_str() == *command)
    });
    if !needs_a_server || own.into_iter().any(names) {
        return None;
    }
    match wanted() {
        Wanted::Newest => None,
        named => Some(named.to_string()),
    }
}

/// The server the tests run on: the one the variable names, fetched by the program where this machine has none of that version.
pub(crate) fn wanted() -> Wanted {
    static WANTED: OnceLock<Wanted> = OnceLock::new();
    let find = || {
        let text = std::env::var(POSTGRES_VARIABLE).unwrap_or_default();
        if text.is_empty() {
            return Wanted::Newest;
        }
        let wanted =
            Wanted::parse(&text).unwrap_or_else(|error| panic!("{POSTGRES_VARIABLE}: {error}"));
        match wanted {
            Wanted::Major(major) if binaries::find(&wanted, &no_cache()).is_err() => fetch(major),
            known => known,
        }
    };
    WANTED.get_or_init(find).clone()
}

/// Lets the program fetch a version, once for all tests of this process.
fn fetch(major: u32) -> Wanted {
    let cache = another_cache();
    let mut command = Command::new(BINARY);
    command.args(["postgres", "install", &major.to_string(), "--cache-dir"]);
    command.arg(&cache);
    finish(command).expect_code(0);
    let found = binaries::find(&Wanted::Major(major), &cache).expect("it was fetched");
    Wanted::Directory(found.bin_dir)
}

/// Every installation of this machine; what the program fetched is not among them.
pub(crate) fn installed() -> Vec<Installation> {
    binaries::installed(&no_cache())
}

fn no_cache() -> PathBuf {
    PathBuf::from("/nonexistent")
}

/// Its binaries.
#[track_caller]
pub(crate) fn installation() -> Installation {
    binaries::find(&wanted(), &no_cache()).unwrap_or_else(|error| panic!("{error}"))
}

/// A server of another major version than the one under test, as `--postgres` names it: its binaries, or a major version that the
/// program fetches where this machine has no second one.
pub(crate) fn another_version() -> String {
    let own = installation().version.major;
    let other = installed().into_iter().find(|one| one.version.major != own);
    let fetched = || if own == 18 { "17" } else { "18" }.to_owned();
    other.map_or_else(fetched, |one| one.bin_dir.display().to_string())
}

/// A client program such as `psql`: beside the server, else of another installation on this machine, else out of PATH.
#[track_caller]
pub(crate) fn client_program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = installation().bin_dir;
    let others = installed().into_iter().map(|one| one.bin_dir);
    std::iter::once(own)
        .chain(others)
        .chain(std::env::split_paths(&path))
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("no {name} on this machine: install a PostgreSQL client"))
}

/// Runs a command of the program to its end.
pub(crate) fn run<S: AsRef<OsStr>>(place: &Place, arguments: impl IntoIterator<Item = S>) -> Ran {
    finish(command(place, arguments))
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command) -> Ran {
    Ran::of(command.output().expect("runs the program"))
}

/// `compare-plans` with run folders in the place and one sample.
pub(crate) fn compare_plans(place: &Place, arguments: &[&str]) -> Ran {
    run(place, comparing(place, arguments))
}

/// The arguments of [`compare_plans`].
pub(crate) fn comparing(place: &Place, arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["compare-plans".to_owned()];
    if !arguments.contains(&"--out") {
        all.extend(["--out".to_owned(), place.out().display().to_string()]);
    }
    if !arguments.contains(&"--samples") {
        all.extend(ONE_SAMPLE.map(str::to_owned));
    }
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    all
}

/// Measures and reads back the only run in the place's folder, which is then removed.
#[track_caller]
pub(crate) fn measured(place: &Place, arguments: &[&str]) -> Run {
    compare_plans(place, arguments).expect_code(0);
    take_run(place)
}

/// Reads the only run in the place's folder, then removes it.
pub(crate) fn take_run(place: &Place) -> Run {
    let folder = run_folder(place);
    let run = store::read(&folder).expect("the run reads back");
    fs::remove_dir_all(folder).expect("removes the run");
    run
}

/// The only run folder.
pub(crate) fn run_folder(place: &Place) -> PathBuf {
    only_entry(&place.out(), |_| true)
}

/// The one result of this statement, variant and plan mode.
#[track_caller]
pub(crate) fn result<'r>(
    run: &'r Run,
    queue: &str,
    statement: &str,
    variant: &str,
    mode: PlanMode,
) -> &'r PlanResult {
    let fits = |result: &&PlanResult| {
        (&*result.queue, &*result.statement, &*result.variant) == (queue, statement, variant)
            && result.plan_mode == mode
    };
    let found: Vec<&PlanResult> = run.results.iter().filter(fits).collect();
    assert_eq!(found.len(), 1, "{queue} {statement} {variant}: {found:#?}");
    found[0]
}

/// What a managed server of a test's own, in this process, is started with.
pub(crate) fn managed_options(place: &Place) -> ManagedOptions {
    ManagedOptions {
        wanted: wanted(),
        offline: true,
        cache_directory: place.cache(),
        server_user: None,
        holder: "a test".to_owned(),
        profile: profile::PLANS,
        settings: BTreeMap::new(),
        cache_limit: CacheLimit::default(),
    }
}

/// A run of the program under way. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// Its stdout and stderr go into files: a pipe that nobody empties would stop it.
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Starts a command.
    pub(crate) fn start(place: &Place, mut command: Command) -> Running {
        let outputs = tempfile::tempdir_in(place.path())
            .expect("makes a directory")
            .keep();
        let (stdout, stderr) = (outputs.join("stdout"), outputs.join("stderr"));
        let create = |path: &Path| File::create(path).expect("makes a file");
        let child = command
            .stdout(create(&stdout))
            .stderr(create(&stderr))
            .spawn()
            .expect("starts the program");
        Running {
            child,
            stdout,
            stderr,
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .expect("a process id");
        rustix::process::kill_process(pid, signal).expect("signals the program");
    }

    /// Whether it is still running.
    pub(crate) fn is_running(&mut self) -> bool {
        let ended = self.child.try_wait().expect("asks for the program");
        ended.is_none()
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.stderr).expect("reads what it said")
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Ran {
        let status = wait_for("the program to end", || {
            self.child.try_wait().expect("asks for the program")
        });
        let read = |path: &Path| fs::read(path).expect("reads what it printed");
        Ran::of(Output {
            status,
            stdout: read(&self.stdout),
            stderr: read(&self.stderr),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
