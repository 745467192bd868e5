//! What workers are to do: everything but where the server is. It can be written down, so a process of its own can be given it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::definition::operation::Operation;
use crate::definition::queue::Queue;
use crate::definition::scenario::{Completion, Outcomes, Scenario, Task, Workers};
use crate::definition::source::{DefinitionError, Source};

/// What the workers of a run are to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The database with the copy.
    pub database: String,
    /// The queue as its files say, so that it does not matter if they change meanwhile.
    pub queue: QueueFiles,
    /// The names of the fixture's queues; at least one.
    pub queue_names: Vec<String>,
    /// How the workers work.
    pub workers: Workers,
    /// What a job takes.
    pub task: Task,
    /// How tasks end.
    pub outcomes: Outcomes,
    /// Settings of each worker's session, by name.
    pub settings: BTreeMap<String, String>,
    /// Decides every random choice.
    pub seed: u64,
    /// Whether a worker ends after its first fetch, and is ready only when that was answered: to measure how long starting takes.
    pub only_first_fetch: bool,
}

/// The files of a queue's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueFiles {
    /// The queue's name.
    pub name: String,
    /// Path and text of each file.
    pub files: Vec<(String, String)>,
}

impl QueueFiles {
    /// The files a queue was read from.
    #[must_use]
    pub fn of(queue: &Queue) -> QueueFiles {
        let statements = queue.statements.iter().map(|file| &file.source);
        let sources = queue.scripts().chain([&queue.manifest]).chain(statements);
        QueueFiles {
            name: queue.name.clone(),
            files: sources
                .map(|file| (file.path.clone(), file.text.clone()))
                .collect(),
        }
    }

    /// The queue they make.
    ///
    /// # Errors
    /// The first thing wrong in a file, with its place.
    pub fn queue(&self) -> Result<Queue, DefinitionError> {
        let sources = self.files.iter();
        let sources = sources.map(|(path, text)| Source::new(path, text.as_str()));
        Queue::parse_without_scripts(&self.name, &self.name, sources.collect())
    }
}

/// What a queue lacks to be drained as a scenario wants it, as a sentence that says what to do; none if it lacks nothing.
#[must_use]
pub fn missing_operations(queue: &Queue, scenario: &Scenario) -> Option<String> {
    let has = |operation| queue.serving(operation).is_some();
    let lacks = |operation: Operation, next: &str| {
        Some(format!("queue {} has no {operation}: {next}", queue.name))
    };
    if !has(Operation::Fetch) {
        return lacks(
            Operation::Fetch,
            "workers take jobs with it; write `fetch.sql`, or name the file under [operations] in queue.toml",
        );
    }
    if !has(Operation::Complete) {
        return lacks(
            Operation::Complete,
            "workers report finished jobs with it; write `complete.sql`, or name the file under [operations] in queue.toml",
        );
    }
    if queue.payload.is_none() {
        return Some(format!(
            "queue {} does not say which fetched column carries a job's payload, and jobs are known by it: \
             write `payload = \"…\"` into queue.toml and return that column from the fetch",
            queue.name
        ));
    }
    if scenario.workers.listen && queue.channel.is_none() {
        return Some(format!(
            "queue {} does not say on which channel it notifies, and the workers are to listen: \
             write `channel = \"…\"` into queue.toml, or leave out --listen",
            queue.name
        ));
    }
    let steps = matches!(scenario.task, Task::Steps { .. });
    for operation in [Operation::StepLoad, Operation::StepSave] {
        if steps && !has(operation) {
            return lacks(
                operation,
                "the task steps keeps the results of steps with it; choose another --task, or a queue with steps",
            );
        }
    }
    missing_outcomes(queue, &scenario.outcomes)
}

/// What a queue lacks to settle jobs that are not completed.
fn missing_outcomes(queue: &Queue, outcomes: &Outcomes) -> Option<String> {
    let complete = queue.serving(Operation::Complete)?;
    if complete.parameter("outcomes").is_some() {
        return None;
    }
    let lacks = |operation: Operation, what: &str| {
        (queue.serving(operation).is_none()).then(|| {
            format!(
                "queue {} cannot settle jobs that are {what}: it has no {operation}, and its complete takes no `outcomes`; \
                 write `{operation}.sql`, or set {what} = 0 under [outcomes]",
                queue.name
            )
        })
    };
    let failed = outcomes.failed > 0.0 || outcomes.panicked > 0.0;
    let fail = failed.then(|| lacks(Operation::Fail, "failed")).flatten();
    let released = outcomes.released > 0.0;
    fail.or_else(|| {
        released
            .then(|| lacks(Operation::Release, "released"))
            .flatten()
    })
}

/// What cannot be had together, as a sentence that says what to do; none if all can.
#[must_use]
pub fn contradiction(workers: &Workers, task: &Task) -> Option<String> {
    let within = matches!(task, Task::ReadWrite { within: true, .. });
    (within && workers.completion == Completion::WithNextFetch).then(|| {
        "the task read-write within the job's transaction does not go with completion `with-next-fetch`: \
         let it be beside it (within = false), or complete in batches"
            .to_owned()
    })
}

/// An assignment of tests that never reach a server.
#[cfg(test)]
pub(super) fn specimen(queue: QueueFiles) -> Assignment {
    use std::time::Duration;

    Assignment {
        database: "nowhere".to_owned(),
        queue,
        queue_names: vec!["default".to_owned()],
        workers: Workers {
            count: 1,
            processes: 0,
            batch_size: 1,
            concurrency: 1,
            poll_interval: Duration::ZERO,
            flush_interval: Duration::ZERO,
            completion: Completion::Batch,
            listen: false,
        },
        task: Task::Noop,
        outcomes: Outcomes::default(),
        settings: BTreeMap::new(),
        seed: 1,
        only_first_fetch: false,
    }
}
