//! What a job takes: the tasks, how they end, and what they come to in their own metric.

pub mod cpu;
pub mod ending;
pub mod guard;
pub mod io;
pub mod memory;
pub mod read_write;
pub mod steps;

use tokio_postgres::Client;

use crate::definition::scenario::Task;
use crate::run::throughput::{TaskMetric, TaskRecord};

/// What the tasks of one or all workers have come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// How much, in the unit of the task: rounds, nanoseconds waited, bytes, steps saved.
    pub amount: u64,
    /// How long at least one task was under way, in nanoseconds; summed over workers.
    pub busy_ns: u64,
}

/// Makes in a copy what a task works on beside the queue's tables, where it works on anything.
///
/// # Errors
/// What the server says.
pub async fn make_ready(
    task: &Task,
    workers: u64,
    client: &Client,
) -> Result<(), tokio_postgres::Error> {
    match task {
        Task::ReadWrite { read, .. } => read_write::make_table(client, workers, *read).await,
        _ => Ok(()),
    }
}

/// Performs one of those tasks that occupy the worker and need no server; the others take nothing here.
///
/// # Errors
/// Why the task failed.
pub fn perform(task: &Task) -> Result<u64, String> {
    match task {
        Task::Cpu { operations } => Ok(cpu::work(*operations)),
        Task::Memory { bytes } => memory::work(*bytes),
        Task::Noop | Task::Io { .. } | Task::ReadWrite { .. } | Task::Steps { .. } => Ok(0),
    }
}

/// What the tasks came to in their own metric; none for noop, and where nothing was done.
#[must_use]
pub fn metric(task: &Task, done: Done) -> Option<TaskMetric> {
    if done.busy_ns == 0 {
        return None;
    }
    let (amount, busy_ns) = (done.amount as f64, done.busy_ns as f64);
    let (name, value) = match task {
        Task::Noop => return None,
        Task::Cpu { .. } => (cpu::METRIC, amount / busy_ns * 1e6),
        Task::Io { .. } => (io::METRIC, amount / busy_ns),
        Task::Memory { .. } => (memory::METRIC, amount / busy_ns * 1e9),
        Task::ReadWrite { .. } => (read_write::METRIC, amount / busy_ns * 1e9),
        Task::Steps { .. } => (steps::METRIC, amount / busy_ns * 1e9),
    };
    Some(TaskMetric {
        name: name.to_owned(),
        value,
    })
}

/// The task as a result records it.
#[must_use]
pub fn record(task: &Task) -> TaskRecord {
    TaskRecord {
        name: task.name().to_owned(),
        amounts: task.amounts(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_metric_is_in_its_own_unit() {
        let value = |task: Task, amount, busy_ns| {
            let metric = metric(&task, Done { amount, busy_ns })?;
            Some((metric.name, metric.value))
        };
        let named = |name: &str, value| Some((name.to_owned(), value));
        let cpu = Task::Cpu { operations: 10 };
        assert_eq!(
            value(cpu, 3_000, 2_000_000),
            named("operations per ms", 1_500.0)
        );
        let wait = Duration::from_millis(10);
        let io = Task::Io { wait };
        assert_eq!(value(io, 500_000, 10_000), named("achieved overlap", 50.0));
        let memory = Task::Memory { bytes: 1 };
        assert_eq!(
            value(memory, 4096, 1_000_000),
            named("bytes per second", 4_096_000.0)
        );
        let steps = Task::Steps { count: 3 };
        assert_eq!(
            value(steps, 3, 1_000_000_000),
            named("steps per second", 3.0)
        );
        assert_eq!(value(Task::Noop, 0, 5), None);
        assert_eq!(value(cpu, 0, 0), None);
    }

    #[test]
    fn a_record_names_every_amount() {
        let task = Task::ReadWrite {
            read: 8192,
            write: 4096,
            within: true,
        };
        let record = record(&task);
        assert_eq!(record.name, "read-write");
        let amounts: Vec<_> = record.amounts.into_iter().collect();
        let expected = [
            ("read_bytes", 8192.0),
            ("within_transaction", 1.0),
            ("write_bytes", 4096.0),
        ];
        assert_eq!(
            amounts,
            expected.map(|(key, amount)| (key.to_owned(), amount))
        );
    }
}
