//! How fast one producer adds jobs with the queue's own enqueue, to tables that nobody else uses.

use std::time::{Duration, Instant};

use crate::definition::operation::Operation;
use crate::definition::queue::Queue;
use crate::postgres::connect::Session;
use crate::run::throughput::Queueing;
use crate::statement::StatementError;
use crate::statement::serving::{Input, NewJob, Serving, Timestamp, choose_plans};

/// The longest it takes, but for the last batch.
pub const LIMIT: Duration = Duration::from_millis(500);

/// A job to be added; what a fixture's row says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its queue.
    pub queue: String,
    /// Its task.
    pub task_key: String,
    /// What no two jobs have in common.
    pub unique_key: String,
    /// Its priority.
    pub priority: i32,
    /// When it is due, in microseconds since 2000-01-01 00:00 UTC.
    pub run_at: i64,
    /// Its payload, in JSON.
    pub payload: String,
}

/// Adds the rows, at most `batch_size` at once, until there are none left or the time is over. What making the rows takes counts: a
/// producer has to make them, too. None where the queue has no enqueue, or there is nothing to add.
///
/// # Errors
/// If the enqueue cannot serve, or the server refuses it.
pub async fn measure(
    session: &Session,
    queue: &Queue,
    batch_size: u64,
    rows: impl Iterator<Item = Row>,
) -> Result<Option<Queueing>, StatementError> {
    let Some(file) = queue.serving(Operation::Enqueue) else {
        return Ok(None);
    };
    choose_plans(session, queue.plan_mode)
        .await
        .map_err(StatementError::server("choose the plans of a session"))?;
    let enqueue = Serving::prepare(session, queue, file, None).await?;
    let batch_size = usize::try_from(batch_size).unwrap_or(usize::MAX).max(1);
    let mut rows = rows.fuse();
    let mut jobs = 0;
    let started = Instant::now();
    while started.elapsed() < LIMIT {
        let batch: Vec<Row> = rows.by_ref().take(batch_size).collect();
        if batch.is_empty() {
            break;
        }
        let new_jobs: Vec<NewJob<'_>> = batch.iter().map(new_job).collect();
        let input = Input {
            worker: "pgq-analyze producer",
            now: std::time::SystemTime::now().into(),
            new_jobs: &new_jobs,
            ..Input::default()
        };
        let added = enqueue.call(session, &input).await;
        added.map_err(StatementError::server("enqueue jobs"))?;
        jobs += batch.len() as u64;
    }
    Ok(speed(jobs, started.elapsed()))
}

fn new_job(row: &Row) -> NewJob<'_> {
    NewJob {
        queue: &row.queue,
        task_key: &row.task_key,
        unique_key: Some(&row.unique_key),
        priority: row.priority,
        run_at: Timestamp {
            microseconds: row.run_at,
        },
        payload: &row.payload,
    }
}

fn speed(jobs: u64, elapsed: Duration) -> Option<Queueing> {
    let seconds = elapsed.as_secs_f64();
    (jobs > 0 && seconds > 0.0).then(|| Queueing {
        jobs,
        elapsed_ms: seconds * 1000.0,
        throughput: jobs as f64 / seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_jobs_there_is_no_speed() {
        assert_eq!(speed(0, Duration::from_secs(1)), None);
        assert_eq!(speed(1, Duration::ZERO), None);
        let speed = speed(50, Duration::from_millis(500)).expect("jobs were added");
        assert_eq!((speed.jobs, speed.elapsed_ms), (50, 500.0));
        assert!((speed.throughput - 100.0).abs() < 1e-9);
    }
}
