//! Worker processes: real children of this program, each with a share of the workers as threads on one shared board.
//!
//! A child is given its [`Order`] as a line of JSON on its standard input and answers with [`Message`]s, a line each, on its standard
//! output. What is counted is not among them: that is on the board, where it survives a child that is killed. A child ends when its
//! parent does: by signal where the kernel sends one, and everywhere because its standard input comes to an end.

pub mod child;
mod order;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::board::{Board, Phase};
use super::clock::now_ns;
use super::fleet::Crew;
use super::outcome::{Happening, WorkerReport};
use super::recorder::Interval;
use crate::postgres::process::die_with_parent;

pub use order::{Message, Order, dealt_out};

/// The hidden subcommand that a child is started with.
pub const COMMAND: &str = "worker";

/// The program that children are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The file.
    pub executable: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl Program {
    /// A build of this program.
    #[must_use]
    pub fn at(executable: PathBuf) -> Program {
        Program {
            executable,
            arguments: vec![COMMAND.into()],
        }
    }

    /// This very program.
    ///
    /// # Errors
    /// If the system does not tell where it is.
    pub fn own() -> std::io::Result<Program> {
        std::env::current_exe().map(Program::at)
    }
}

/// How long a child may take to end after its last word, or after the end of the run.
const ENDING: Duration = Duration::from_secs(2);

/// The worker processes of a run. Dropping them ends them at once.
#[derive(Debug)]
pub struct Processes {
    children: Vec<Kept>,
    heard: Receiver<(usize, Heard)>,
    /// Children that have not opened the board yet.
    unopened: usize,
    reports: Vec<WorkerReport>,
    peak_rss_bytes: u64,
    /// Holds the board's file for as long as a child needs it.
    directory: Option<TempDir>,
    /// When the run was over.
    over_since: Option<Instant>,
}

/// A child under the eyes of its keeper.
#[derive(Debug)]
struct Kept {
    workers: Range<usize>,
    life: Arc<Mutex<Life>>,
    has_opened: bool,
    has_ended: bool,
    keeper: Option<JoinHandle<()>>,
}

/// How far a child is, as far as its keeper is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// It was not started yet.
    NotYet,
    /// It runs.
    Running(Pid),
    /// It is being waited for, and its number may be another's; or it is not to be started any more.
    Over,
}

/// What a keeper passes on.
#[derive(Debug)]
enum Heard {
    Said(Message),
    /// It is gone: in good order, or how else.
    Ended(Result<(), String>),
}

impl Processes {
    /// Starts a child for each order. `directory` holds the board's file. What the children's recorders say goes to `intervals` as it
    /// comes.
    ///
    /// # Errors
    /// If the system does not start a thread for each; a child that does not start is told of by [`Crew::look`].
    pub fn start(
        program: &Program,
        orders: Vec<Order>,
        directory: Option<TempDir>,
        intervals: &Sender<Interval>,
    ) -> std::io::Result<Processes> {
        let (tell, heard) = channel();
        let mut processes = Processes {
            children: Vec::new(),
            heard,
            unopened: orders.len(),
            reports: Vec::new(),
            peak_rss_bytes: 0,
            directory,
            over_since: None,
        };
        for (index, order) in orders.into_iter().enumerate() {
            let life = Arc::new(Mutex::new(Life::NotYet));
            let workers = order.workers.clone();
            let keeper = Keeper {
                index,
                life: Arc::clone(&life),
                tell: tell.clone(),
                intervals: intervals.clone(),
            };
            let program = program.clone();
            // The signal at the parent's death follows the thread that spawned the child: a thread that lives as long as the child.
            let keeper = std::thread::Builder::new()
                .name(format!("worker process {}", index + 1))
                .stack_size(256 << 10)
                .spawn(move || keeper.keep(&program, &order))?;
            processes.children.push(Kept {
                workers,
                life,
                has_opened: false,
                has_ended: false,
                keeper: Some(keeper),
            });
        }
        Ok(processes)
    }

    fn take(&mut self, index: usize, heard: Heard, board: &Board) -> Option<Happening> {
        let ended = match heard {
            Heard::Said(message) => {
                self.listen(index, message, board);
                return None;
            }
            Heard::Ended(ended) => ended,
        };
        self.opened(index);
        let child = &mut self.children[index];
        child.has_ended = true;
        let reported = |worker: &usize| self.reports.iter().any(|known| known.worker == *worker);
        let left: Vec<usize> = child.workers.clone().filter(|one| !reported(one)).collect();
        let at_ns = now_ns();
        let reason = match ended {
            Ok(()) if left.is_empty() => return None,
            Ok(()) => "ended without a word about them".to_owned(),
            Err(reason) => reason,
        };
        let missing = format!(
            "worker process {} is gone: its errors by SQLSTATE and the service times of its last second are missing",
            index + 1
        );
        let mut missing = Some(missing);
        let held: u64 = left.iter().map(|one| board.worker(*one).held.get()).sum();
        board.ledger().process_died(index as u64 + 1);
        for worker in &left {
            let counters = board.worker(*worker);
            counters.close();
            counters.finished_ns.set(at_ns);
            self.reports.push(WorkerReport {
                failure: Some(format!("its process {reason}")),
                notes: Vec::from_iter(missing.take()),
                ..WorkerReport::of(*worker)
            });
        }
        let message = told(index + 1, &left, held, &reason);
        Some(Happening { at_ns, message })
    }

    fn listen(&mut self, index: usize, message: Message, board: &Board) {
        match message {
            Message::Opened => self.opened(index),
            Message::Report(report) => self.reports.push(report),
            Message::PeakRssBytes(bytes) => self.peak_rss_bytes += bytes,
            Message::Examples(examples) => board.ledger().take_in(examples),
            // Its keeper has used them.
            Message::Interval(_) | Message::Failed(_) | Message::Done => {}
        }
    }

    fn opened(&mut self, index: usize) {
        if !std::mem::replace(&mut self.children[index].has_opened, true) {
            self.unopened -= 1;
        }
    }

    /// Whether every child has the board, so that nobody needs its file any more; one that is gone needs none.
    fn have_opened(&self) -> bool {
        self.unopened == 0
    }

    /// Ends at once those that still run, and those that are about to.
    fn kill(&self) {
        for child in &self.children {
            // Whoever waits for it takes the number away first, under the same lock.
            let mut life = lock(&child.life);
            match *life {
                Life::NotYet => *life = Life::Over,
                Life::Running(pid) => drop(kill_process(pid, Signal::KILL)),
                Life::Over => {}
            }
        }
    }
}

impl Crew for Processes {
    /// What the workers of a child that is gone left open on the board is ended. Once no child needs the board's file any more, it goes; a
    /// child that does not end with the run is ended.
    fn look(&mut self, board: &Board) -> Vec<Happening> {
        let mut losses = Vec::new();
        while let Ok((index, heard)) = self.heard.try_recv() {
            losses.extend(self.take(index, heard, board));
        }
        if self.have_opened() {
            self.directory = None;
        }
        if board.control().phase() == Phase::Ended {
            let since = *self.over_since.get_or_insert_with(Instant::now);
            if since.elapsed() > ENDING {
                self.kill();
            }
        }
        losses
    }

    fn have_ended(&self) -> bool {
        self.children.iter().all(|child| child.has_ended)
    }

    fn take_reports(&mut self) -> Vec<WorkerReport> {
        let mut reports = std::mem::take(&mut self.reports);
        reports.sort_by_key(|report| report.worker);
        reports
    }

    fn peak_rss_bytes(&self) -> u64 {
        self.peak_rss_bytes
    }

    fn pids(&self) -> Vec<u32> {
        let pid = |child: &Kept| match *lock(&child.life) {
            Life::Running(pid) => Some(pid.as_raw_nonzero().get().cast_unsigned()),
            Life::NotYet | Life::Over => None,
        };
        self.children.iter().filter_map(pid).collect()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.kill();
        for child in &mut self.children {
            if let Some(keeper) = child.keeper.take() {
                let _ = keeper.join();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a process ended, as a sentence; workers are numbered from 1.
fn told(process: usize, left: &[usize], held: u64, reason: &str) -> String {
    let mut text = format!("worker process {process} {reason}");
    match left {
        [] => {}
        [one] => {
            let _ = write!(text, ", with worker {}", one + 1);
        }
        [first, .., last] => {
            let count = left.len();
            let _ = write!(
                text,
                ", with {count} workers ({} to {})",
                first + 1,
                last + 1
            );
        }
    }
    if held > 0 {
        let _ = write!(text, ", which held {held} jobs");
    }
    text
}

/// A thread that starts a child, listens to it and waits for its end.
struct Keeper {
    index: usize,
    life: Arc<Mutex<Life>>,
    tell: Sender<(usize, Heard)>,
    intervals: Sender<Interval>,
}

impl Keeper {
    fn keep(self, program: &Program, order: &Order) {
        let ended = self.live(program, order);
        // Nobody listens any more where the run was given up.
        let _ = self.tell.send((self.index, Heard::Ended(ended)));
    }

    fn live(&self, program: &Program, order: &Order) -> Result<(), String> {
        let mut command = Command::new(&program.executable);
        command
            .args(&program.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        die_with_parent(&mut command, Signal::KILL);
        let spawned = command.spawn();
        let mut child = spawned.map_err(|error| {
            let executable = program.executable.display();
            format!("could not be started from {executable}: {error}")
        })?;
        if !self.begins(&child) {
            // Nobody could end it later.
            let _ = child.kill().and_then(|()| child.wait());
            return Err("was not wanted any more".to_owned());
        }
        let last = self.converse(&mut child, order);
        *lock(&self.life) = Life::Over;
        // Only now: a child whose input ends takes its parent for gone.
        drop(child.stdin.take());
        let status = wait(&mut child).map_err(|error| format!("is lost: {error}"))?;
        match last {
            Last::Done => Ok(()),
            Last::Failed(reason) => Err(format!("could not go on: {reason}")),
            Last::Nothing => Err(how(status)),
        }
    }

    /// Whether a child that was just started is still wanted; it can be ended from then on.
    fn begins(&self, child: &Child) -> bool {
        let mut life = lock(&self.life);
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        match (*life, pid) {
            (Life::NotYet, Some(pid)) => *life = Life::Running(pid),
            _ => return false,
        }
        true
    }

    /// Gives it its order and takes what it says until it has nothing more to say.
    fn converse(&self, child: &mut Child, order: &Order) -> Last {
        let mut last = Last::Nothing;
        let (Some(stdin), Some(stdout)) = (child.stdin.as_mut(), child.stdout.take()) else {
            return last;
        };
        let line = serde_json::to_string(order).unwrap_or_default() + "\n";
        // One that ended at once takes no order; how it ended says why.
        let _ = stdin.write_all(line.as_bytes());
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let message = match serde_json::from_str(&line) {
                Ok(message) => message,
                Err(error) => {
                    return Last::Failed(format!("its message cannot be read ({error})"));
                }
            };
            match message {
                Message::Interval(interval) => {
                    let _ = self.intervals.send(interval);
                    continue;
                }
                Message::Done => last = Last::Done,
                Message::Failed(reason) => last = Last::Failed(reason),
                other => {
                    let _ = self.tell.send((self.index, Heard::Said(other)));
                }
            }
        }
        last
    }
}

/// A child's last word.
enum Last {
    Done,
    Failed(String),
    Nothing,
}

/// A child that has nothing more to say ends within moments, or is ended.
fn wait(child: &mut Child) -> std::io::Result<ExitStatus> {
    let started = Instant::now();
    while started.elapsed() < ENDING {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill()?;
    child.wait()
}

fn how(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("was ended by signal {signal}"),
        (None, Some(code)) => format!("ended with exit code {code}"),
        (None, None) => "ended".to_owned(),
    }
}

#[cfg(test)]
mod tests;
