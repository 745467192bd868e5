//! What is measured on a queue without a job before workers come to a full one: how long starting takes, and how fast jobs are added.

use super::ThroughputExperiment;
use super::jobs::Jobs;
use super::one_drain::DrainError;
use crate::definition::Queue;
use crate::fixture::empty;
use crate::load::assignment::Assignment;
use crate::load::{probe, queueing};
use crate::run::throughput::Queueing;

/// Jobs added at most.
const MOST_JOBS: u64 = 10_000;

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct Beforehand {
    pub(super) startup_ms: Option<f64>,
    pub(super) queueing: Option<Queueing>,
    /// Why something was not.
    pub(super) notes: Vec<String>,
}

impl ThroughputExperiment<'_> {
    /// Measures on a database of its own, which is dropped afterwards. What goes wrong there is noted, but for tables that cannot be made.
    pub(super) async fn beforehand(
        &self,
        queue: &Queue,
        assignment: &Assignment,
        jobs: &Jobs,
    ) -> Result<Beforehand, DrainError> {
        let databases = self.workspace.databases();
        let database = empty::provide(databases, queue, &self.plan.fixture).await?;
        let assignment = Assignment {
            database: database.clone(),
            ..assignment.clone()
        };
        let ready = self.make_task_ready(&database, &assignment.workers).await;
        let measured = match ready {
            Ok(()) => Ok(self.measure_beforehand(queue, &assignment, jobs).await),
            Err(error) => Err(error),
        };
        databases.drop(&database).await?;
        measured
    }

    async fn measure_beforehand(
        &self,
        queue: &Queue,
        assignment: &Assignment,
        jobs: &Jobs,
    ) -> Beforehand {
        let address = self.workspace.databases().address();
        let mut measured = Beforehand::default();
        match probe::startup_ms(address, assignment, &self.options.program).await {
            Ok(startup_ms) => measured.startup_ms = Some(startup_ms),
            Err(error) => measured.notes.push(format!(
                "starting on an empty queue was not measured: {error}"
            )),
        }
        let session = match address.connect(&assignment.database).await {
            Ok(session) => session,
            Err(error) => {
                measured
                    .notes
                    .push(format!("queueing was not measured: {error}"));
                return measured;
            }
        };
        let rows = jobs.rows_to_add(MOST_JOBS);
        let batch_size = assignment.workers.batch_size;
        match queueing::measure(&session, queue, batch_size, rows).await {
            Ok(queueing) => measured.queueing = queueing,
            Err(error) => measured
                .notes
                .push(format!("queueing was not measured: {error}")),
        }
        session.close().await;
        measured
    }
}
