//! A scenario as it stands in its file, and a task as it stands there or on the command line.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::super::quantity;
use super::super::source::{DefinitionError, Source};
use super::super::threshold::Threshold;
use super::super::toml_file;
use super::{Completion, Kind, Outcomes, Scenario, Task, Workers, check};

/// Only the key that says which command a scenario is for.
#[derive(Deserialize)]
struct OfKind {
    kind: Kind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    kind: Kind,
    description: String,
    fixture: String,
    queue: String,
    rows: Option<u64>,
    #[serde(default, deserialize_with = "quantity::optional_duration_key")]
    duration: Option<Duration>,
    #[serde(default, deserialize_with = "quantity::duration_key")]
    warmup: Duration,
    #[serde(default = "once")]
    repeat: u64,
    #[serde(default)]
    thresholds: Vec<String>,
    #[serde(default)]
    workers: WorkersTable,
    #[serde(default)]
    task: TaskTables,
    #[serde(default)]
    outcomes: Outcomes,
    #[serde(default)]
    settings: BTreeMap<String, SettingValue>,
}

fn once() -> u64 {
    1
}

/// `[workers]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WorkersTable {
    count: u64,
    processes: u64,
    batch_size: u64,
    concurrency: u64,
    #[serde(deserialize_with = "quantity::duration_key")]
    poll_interval: Duration,
    #[serde(deserialize_with = "quantity::duration_key")]
    flush_interval: Duration,
    completion: Completion,
    listen: bool,
}

impl Default for WorkersTable {
    fn default() -> WorkersTable {
        let Workers {
            count,
            processes,
            batch_size,
            concurrency,
            poll_interval,
            flush_interval,
            completion,
            listen,
        } = Workers::default();
        WorkersTable {
            count,
            processes,
            batch_size,
            concurrency,
            poll_interval,
            flush_interval,
            completion,
            listen,
        }
    }
}

impl WorkersTable {
    fn workers(self) -> Workers {
        Workers {
            count: self.count,
            processes: self.processes,
            batch_size: self.batch_size,
            concurrency: self.concurrency,
            poll_interval: self.poll_interval,
            flush_interval: self.flush_interval,
            completion: self.completion,
            listen: self.listen,
        }
    }
}

/// A server setting as TOML may write it.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a string, a number, or true or false; durations and sizes are strings: \"1s\""
)]
enum SettingValue {
    Text(String),
    Whole(i64),
    Number(f64),
    Switch(bool),
}

impl SettingValue {
    /// As PostgreSQL reads it.
    fn text(self) -> String {
        match self {
            SettingValue::Text(text) => text,
            SettingValue::Whole(number) => number.to_string(),
            SettingValue::Number(number) => number.to_string(),
            SettingValue::Switch(true) => "on".to_owned(),
            SettingValue::Switch(false) => "off".to_owned(),
        }
    }
}

/// The tables under `[task]`; at most one is there.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct TaskTables {
    noop: Option<Noop>,
    cpu: Option<Cpu>,
    io: Option<Io>,
    memory: Option<Memory>,
    read_write: Option<ReadWrite>,
    steps: Option<Steps>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Noop {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cpu {
    operations: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Io {
    #[serde(deserialize_with = "quantity::duration_key")]
    wait: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    #[serde(deserialize_with = "quantity::size_key")]
    bytes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadWrite {
    #[serde(default, deserialize_with = "quantity::size_key")]
    read: u64,
    #[serde(default, deserialize_with = "quantity::size_key")]
    write: u64,
    #[serde(default)]
    within: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Steps {
    count: u64,
}

impl Default for Steps {
    fn default() -> Steps {
        Steps {
            count: Task::DEFAULT_STEPS,
        }
    }
}

impl TaskTables {
    /// The tasks whose tables are there.
    fn tasks(self) -> Vec<Task> {
        let TaskTables {
            noop,
            cpu,
            io,
            memory,
            read_write,
            steps,
        } = self;
        let tasks = [
            noop.map(|Noop {}| Task::Noop),
            cpu.map(|Cpu { operations }| Task::Cpu { operations }),
            io.map(|Io { wait }| Task::Io { wait }),
            memory.map(|Memory { bytes }| Task::Memory { bytes }),
            read_write.map(|table| Task::ReadWrite {
                read: table.read,
                write: table.write,
                within: table.within,
            }),
            steps.map(|Steps { count }| Task::Steps { count }),
        ];
        tasks.into_iter().flatten().collect()
    }
}

/// Reads a scenario's file.
pub(super) fn parse(source: Source) -> Result<Scenario, DefinitionError> {
    if toml::from_str(&source.text).is_ok_and(|OfKind { kind }| kind == Kind::Load) {
        let error = toml_file::error_of(&source, &["kind"], "this is a scenario of kind `load`");
        return Err(error.help("`pgq-analyze load` runs it; `throughput` takes kind `throughput`"));
    }
    let read: Document = toml_file::read(&source)?;
    let name = source.file_name();
    let scenario = Scenario {
        name: name.strip_suffix(".toml").unwrap_or(name).to_owned(),
        kind: read.kind,
        description: read.description,
        fixture: read.fixture,
        rows: read.rows,
        queue: read.queue,
        duration: read.duration,
        warmup: read.warmup,
        repeat: read.repeat,
        thresholds: thresholds(&source, &read.thresholds)?,
        workers: read.workers.workers(),
        task: task(&source, read.task.tasks())?,
        outcomes: read.outcomes,
        settings: read
            .settings
            .into_iter()
            .map(|(name, value)| (name, value.text()))
            .collect(),
        source,
    };
    match check::scenario(&scenario) {
        Ok(()) => Ok(scenario),
        Err(wrong) => Err(wrong.at(&scenario.source)),
    }
}

fn thresholds(source: &Source, texts: &[String]) -> Result<Vec<Threshold>, DefinitionError> {
    let numbered = texts.iter().enumerate();
    let read = numbered.map(|(index, text)| {
        Threshold::parse(text).map_err(|wrong| {
            let position = toml_file::position_of_item(source, &["thresholds"], index);
            source.error_at(position, wrong.message).help(wrong.help)
        })
    });
    read.collect()
}

fn task(source: &Source, tasks: Vec<Task>) -> Result<Task, DefinitionError> {
    match tasks.as_slice() {
        [] => Ok(Task::Noop),
        [task] => Ok(*task),
        [first, second, ..] => {
            let (first, second) = (first.name(), second.name());
            let message = format!("there are two tasks: `{first}` and `{second}`");
            let error = toml_file::error_of(source, &["task", second], message);
            Err(error.help("a job takes one: remove the other table"))
        }
    }
}

/// Reads a task as `--task` writes it: the table's name and its keys, for example `io:wait=10ms`.
pub(super) fn task_of(text: &str) -> Result<Task, String> {
    let (name, keys) = text.split_once(':').unwrap_or((text, ""));
    let table = pairs(keys, "io:wait=10ms", |value| {
        match (value.replace('_', "").parse::<i64>(), value) {
            (Ok(number), _) => toml::Value::Integer(number),
            (_, "true") => toml::Value::Boolean(true),
            (_, "false") => toml::Value::Boolean(false),
            _ => toml::Value::String(value.to_owned()),
        }
    })?;
    let tables = toml::Table::from_iter([(name.trim().to_owned(), toml::Value::Table(table))]);
    let tables: TaskTables = tables
        .try_into()
        .map_err(|error: toml::de::Error| toml_file::in_plain_words(error.message()))?;
    let tasks = tables.tasks();
    let task = tasks.first().copied().unwrap_or_default();
    match check::task(&task) {
        Ok(()) => Ok(task),
        Err(wrong) => Err(wrong.to_string()),
    }
}

/// Reads outcomes in the words of `--outcomes`.
pub(super) fn outcomes_of(text: &str) -> Result<Outcomes, String> {
    let table = pairs(text, "failed=0.1,released=0.05", |value| {
        let number = value.parse::<f64>().map(toml::Value::Float);
        number.unwrap_or_else(|_| toml::Value::String(value.to_owned()))
    })?;
    let outcomes: Outcomes = table
        .try_into()
        .map_err(|error: toml::de::Error| toml_file::in_plain_words(error.message()))?;
    check::shares(&outcomes).map_err(|wrong| wrong.to_string())?;
    Ok(outcomes)
}

/// The keys of a table as the command line has them: `KEY=VALUE`, with commas between.
fn pairs(
    text: &str,
    example: &str,
    value_of: fn(&str) -> toml::Value,
) -> Result<toml::Table, String> {
    let mut table = toml::Table::new();
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("`{pair}` is not KEY=VALUE; write for example `{example}`"))?;
        let key = key.trim();
        if table
            .insert(key.to_owned(), value_of(value.trim()))
            .is_some()
        {
            return Err(format!("`{key}` is there twice; write it once"));
        }
    }
    Ok(table)
}
