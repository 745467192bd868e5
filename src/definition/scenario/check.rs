//! What the values of a scenario must satisfy.

use std::fmt;
use std::time::Duration;

use super::super::quantity::written_duration;
use super::super::source::{DefinitionError, Source};
use super::super::toml_file;
use super::{Outcomes, Scenario, Task, Workers};

/// Shares may be this far above 1 in sum, so that thirds can be written.
const SUM_TOLERANCE: f64 = 1e-9;

/// A value that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongValue {
    /// The keys that lead to it.
    path: Vec<&'static str>,
    message: String,
    help: String,
}

impl WrongValue {
    fn new(path: &[&'static str], message: String, help: impl Into<String>) -> WrongValue {
        WrongValue {
            path: path.to_vec(),
            message,
            help: help.into(),
        }
    }

    /// The error where the value stands in its file.
    pub(super) fn at(&self, source: &Source) -> DefinitionError {
        toml_file::error_of(source, &self.path, self.message.as_str()).help(self.help.as_str())
    }
}

impl fmt::Display for WrongValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}; {}", self.message, self.help)
    }
}

impl std::error::Error for WrongValue {}

/// Checks every value, and those that depend on each other.
pub(super) fn scenario(scenario: &Scenario) -> Result<(), WrongValue> {
    values(scenario)?;
    processes(&scenario.workers)
}

/// Each process needs a worker.
fn processes(workers: &Workers) -> Result<(), WrongValue> {
    if workers.processes <= workers.count {
        return Ok(());
    }
    let message = format!(
        "`workers.processes` is {}, more than the number of workers, {}",
        workers.processes, workers.count
    );
    let help = "each process needs a worker; 0 means threads of this one";
    Err(WrongValue::new(&["workers", "processes"], message, help))
}

/// Checks how many steps a job is to have against those that the fixture's jobs have.
pub(super) fn steps(count: u64, of_fixture: u64) -> Result<(), WrongValue> {
    if count == of_fixture || count == Task::DEFAULT_STEPS {
        return Ok(());
    }
    let path = &["task", "steps", "count"];
    let message =
        format!("`task.steps.count` is {count}, and the fixture's jobs have {of_fixture} steps");
    let help = "leave it out: a job takes the steps it has";
    Err(WrongValue::new(path, message, help))
}

/// Checks every value but how many processes the workers are spread over: a sweep may replace the number of workers.
pub(super) fn values(scenario: &Scenario) -> Result<(), WrongValue> {
    let Scenario {
        rows,
        duration,
        warmup,
        repeat,
        workers,
        ..
    } = scenario;
    for (path, value, greatest) in counts(workers, rows.unwrap_or(1), *repeat) {
        count(path, value, greatest)?;
    }
    if workers.poll_interval < Duration::from_millis(1) {
        let path = &["workers", "poll_interval"];
        let written = written_duration(workers.poll_interval);
        let message = format!("`workers.poll_interval` is {written}");
        let help = "write 1ms or more: workers that find nothing would ask without a pause";
        return Err(WrongValue::new(path, message, help));
    }
    if *duration == Some(Duration::ZERO) {
        let message = "`duration` is 0".to_owned();
        let help = "leave it out to run until the queue is empty";
        return Err(WrongValue::new(&["duration"], message, help));
    }
    if let Some(duration) = duration.filter(|duration| duration <= warmup) {
        let message = format!(
            "`warmup` is {}, and the run lasts {}",
            written_duration(*warmup),
            written_duration(duration)
        );
        let help = "nothing would be counted: shorten the one or lengthen the other";
        return Err(WrongValue::new(&["warmup"], message, help));
    }
    task(&scenario.task)?;
    shares(&scenario.outcomes)?;
    settings(scenario)
}

/// Every count with its path and the greatest value it may have.
fn counts(workers: &Workers, rows: u64, repeat: u64) -> [(&'static [&'static str], u64, u64); 5] {
    [
        (&["rows"], rows, i64::MAX as u64),
        (&["repeat"], repeat, 1_000),
        (&["workers", "count"], workers.count, 10_000),
        (&["workers", "batch_size"], workers.batch_size, 1_000_000),
        (&["workers", "concurrency"], workers.concurrency, 1_000_000),
    ]
}

fn count(path: &[&'static str], value: u64, greatest: u64) -> Result<(), WrongValue> {
    let help = match value {
        0 => "write 1 or more".to_owned(),
        _ if value > greatest => format!("write at most {greatest}"),
        _ => return Ok(()),
    };
    let message = format!("`{}` is {value}", path.join("."));
    Err(WrongValue::new(path, message, help))
}

/// Checks the amounts of a task.
pub(super) fn task(task: &Task) -> Result<(), WrongValue> {
    match *task {
        Task::Noop => Ok(()),
        Task::Cpu { operations } => count(&["task", "cpu", "operations"], operations, 1 << 40),
        Task::Io { wait } if wait.is_zero() => {
            let message = "`task.io.wait` is 0".to_owned();
            let help = "write how long a job waits, for example `10ms`, or take the task noop";
            Err(WrongValue::new(&["task", "io", "wait"], message, help))
        }
        Task::Io { .. } => Ok(()),
        Task::Memory { bytes } => count(&["task", "memory", "bytes"], bytes, 1 << 40),
        Task::ReadWrite {
            read: 0, write: 0, ..
        } => {
            let message = "`task.read-write` neither reads nor writes".to_owned();
            let help = "write `read`, `write` or both, for example `8kB`";
            Err(WrongValue::new(&["task", "read-write"], message, help))
        }
        Task::ReadWrite { read, write, .. } => {
            count(&["task", "read-write", "read"], read.max(1), 1 << 30)?;
            count(&["task", "read-write", "write"], write.max(1), 1 << 30)
        }
        Task::Steps { count: steps } => count(&["task", "steps", "count"], steps, i16::MAX as u64),
    }
}

/// Checks the shares of outcomes.
pub(super) fn shares(outcomes: &Outcomes) -> Result<(), WrongValue> {
    let Outcomes {
        failed,
        released,
        panicked,
    } = *outcomes;
    let named = [
        ("failed", failed),
        ("released", released),
        ("panicked", panicked),
    ];
    if let Some((name, share)) = named
        .into_iter()
        .find(|(_, share)| !(0.0..=1.0).contains(share))
    {
        let message = format!("`outcomes.{name}` is {share}");
        let help = "a share lies between 0 and 1";
        return Err(WrongValue::new(&["outcomes", name], message, help));
    }
    let sum = failed + released + panicked;
    if sum > 1.0 + SUM_TOLERANCE {
        let message = format!("the shares of outcomes add up to {sum}");
        let help = "together they are at most 1; the rest completes";
        return Err(WrongValue::new(&["outcomes"], message, help));
    }
    Ok(())
}

fn settings(scenario: &Scenario) -> Result<(), WrongValue> {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_.".contains(character);
    for (name, value) in &scenario.settings {
        if name.is_empty() || !name.chars().all(plain) {
            let message = format!("`{name}` cannot name a setting of the server");
            let help = "a name as `show all` lists it, for example `autovacuum_naptime`";
            return Err(WrongValue::new(&["settings"], message, help));
        }
        if value.contains(['\0', '\n', '\r']) {
            let message = format!("the value of the setting `{name}` has more than one line");
            return Err(WrongValue::new(&["settings"], message, "write it in one"));
        }
    }
    Ok(())
}
