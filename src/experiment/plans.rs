//! `compare-plans`: every selected statement on every fixture, each on fresh copies.

use std::time::{Duration, Instant};

use thiserror::Error;

use super::environment::peak_rss_bytes;
use super::selection::Selection;
use crate::definition::{Fixture, Queue};
use crate::explain::ExplainError;
use crate::explain::copies::Copies;
use crate::explain::sample::{Measurement, Sampling};
use crate::explain::variant::{self, Measured, Subject};
use crate::fixture::build::BuildError;
use crate::fixture::cache::{self, Template};
use crate::plan::{PlanShape, digest, work};
use crate::postgres::managed::Managed;
use crate::run::environment::FixtureRecord;
use crate::run::event::{Events, RunEvent};
use crate::run::plan_result::{BufferCounts, PlanMode, PlanResult, Summary, WalCounts};
use crate::run::store::{RunStore, StoreError};
use crate::run::{Failure, Run};

/// Why a run could not go on.
#[derive(Debug, Error)]
pub enum PlansError {
    /// The run folder cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A copy that cannot be dropped.
    #[error(transparent)]
    Explain(#[from] ExplainError),
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Request {
    /// The queues.
    pub queues: Vec<Queue>,
    /// The fixtures, already scaled.
    pub fixtures: Vec<Fixture>,
    /// Which of the queues' statements.
    pub selection: Selection,
    /// How many samples.
    pub sampling: Sampling,
}

/// A run under way: what it found so far is in `run`, and on disk after each variant.
#[derive(Debug)]
pub struct PlansExperiment<'e> {
    /// The server.
    pub managed: &'e Managed,
    /// What to measure.
    pub request: &'e Request,
    /// The run folder.
    pub store: &'e RunStore,
    /// When the run began.
    pub started: Instant,
    /// Who is told.
    pub events: &'e Events,
}

impl PlansExperiment<'_> {
    /// Measures everything asked for. What cannot be measured is recorded in `run.failures`, and the rest goes on.
    ///
    /// # Errors
    /// If the run folder cannot be written; what was measured before is in `run`.
    pub async fn measure(&self, run: &mut Run) -> Result<(), PlansError> {
        let Request { queues, fixtures, selection, .. } = self.request;
        let pairs = || fixtures.iter().flat_map(|fixture| queues.iter().map(move |queue| (fixture, queue)));
        let total = pairs().map(|(fixture, queue)| selection.subjects(queue, fixture).len()).sum();
        self.events.emit(RunEvent::VariantsPlanned { total });
        for queue in queues {
            run.environment.queues.insert(queue.name.clone(), queue.digest());
        }
        for (fixture, queue) in pairs() {
            let subjects = selection.subjects(queue, fixture);
            if subjects.is_empty() {
                continue;
            }
            match self.template(queue, fixture, run).await {
                Ok(template) => self.measure_pair(&template, fixture, &subjects, run).await?,
                Err(error) => {
                    subjects.iter().for_each(|_| self.events.emit(RunEvent::VariantFinished { error: None }));
                    self.fail(run, queue, fixture, None, error.to_string())?;
                }
            }
        }
        Ok(())
    }

    async fn template(&self, queue: &Queue, fixture: &Fixture, run: &mut Run) -> Result<Template, BuildError> {
        let databases = self.managed.databases();
        let template = cache::ensure(databases, self.managed.version_text(), queue, fixture, self.events).await?;
        let record = run.environment.fixtures.entry(fixture.name.clone()).or_insert_with(|| FixtureRecord {
            digest: fixture.digest(),
            seed: fixture.seed,
            jobs: fixture.jobs,
            statistics: std::collections::BTreeMap::new(),
        });
        record.statistics.insert(queue.name.clone(), template.mark.statistics.clone());
        let missing = "pg_prewarm is not installed: pages read and hit depend on what is in memory".to_owned();
        if !template.mark.prewarm && !run.environment.limitations.contains(&missing) {
            run.environment.limitations.push(missing);
        }
        Ok(template)
    }

    async fn measure_pair(
        &self,
        template: &Template,
        fixture: &Fixture,
        subjects: &[Subject<'_>],
        run: &mut Run,
    ) -> Result<(), PlansError> {
        let mut copies = Copies::of(self.managed.databases(), &template.database, template.mark.prewarm).await?;
        for subject in subjects {
            let name = format!("{} {}", subject.statement_name(), subject.variant.name);
            let (queue, fixture_name) = (subject.queue.name.clone(), fixture.name.clone());
            self.events.emit(RunEvent::VariantStarted { queue, fixture: fixture_name, variant: name });
            let outcome = variant::measure(&mut copies, self.managed.version(), *subject, self.request.sampling).await;
            let error = match outcome {
                Ok(measured) => {
                    run.timing.execute_ms += milliseconds(measured.executed);
                    run.results.extend(self.results(*subject, fixture, &measured)?);
                    None
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(message) = &error {
                self.fail(run, subject.queue, fixture, Some(*subject), message.clone())?;
            }
            run.timing.clone_ms += milliseconds(copies.take_spent());
            self.save(run)?;
            self.events.emit(RunEvent::VariantFinished { error });
        }
        copies.drop_finished().await?;
        run.timing.clone_ms += milliseconds(copies.take_spent());
        Ok(())
    }

    /// One result for each plan that was executed; the plans are written as they come.
    fn results(&self, subject: Subject<'_>, fixture: &Fixture, measured: &Measured) -> Result<Vec<PlanResult>, StoreError> {
        let both = [(PlanMode::Custom, Some(&measured.custom)), (PlanMode::Generic, measured.generic.as_ref())];
        let executed = both.into_iter().filter_map(|(mode, measurement)| Some((mode, measurement?)));
        executed.map(|(mode, measurement)| self.result(subject, fixture, measured, mode, measurement)).collect()
    }

    fn result(
        &self,
        subject: Subject<'_>,
        fixture: &Fixture,
        measured: &Measured,
        mode: PlanMode,
        measurement: &Measurement,
    ) -> Result<PlanResult, StoreError> {
        let Subject { queue, file, variant, .. } = subject;
        let statement = subject.statement_name();
        let dump = self.store.write_plan(&queue.name, &fixture.name, &statement, &variant.name, mode, &measurement.dump)?;
        let plan = &measurement.plan;
        let total = work(plan).total;
        let rows = plan.rows();
        let buffers = BufferCounts {
            hit: total.buffers.shared.hit,
            read: total.buffers.shared.read,
            dirtied: total.buffers.shared.dirtied,
            written: total.buffers.shared.written,
            temp: total.buffers.temp(),
            total: total.buffers.shared.hit + total.buffers.shared.read,
        };
        Ok(PlanResult {
            postgres: self.managed.version().to_string(),
            queue: queue.name.clone(),
            fixture: fixture.name.clone(),
            operation: file.operation.name().to_owned(),
            variant: variant.name.clone(),
            statement,
            plan_mode: mode,
            auto_plan: measured.auto_plan,
            generic_shape: measured.generic_shape,
            shape: PlanShape::of(plan).id(),
            digest: digest(plan),
            rows,
            buffers,
            wal: WalCounts { records: total.wal.records, fpi: total.wal.fpi, bytes: total.wal.bytes },
            pages_per_row: (rows > 0).then(|| buffers.total as f64 / rows as f64),
            planning_ms: Summary::of(measurement.planning_ms.clone()),
            execution_ms: Summary::of(measurement.execution_ms.clone()),
            findings: Vec::new(),
            dump,
        })
    }

    fn fail(&self, run: &mut Run, queue: &Queue, fixture: &Fixture, subject: Option<Subject<'_>>, message: String) -> Result<(), StoreError> {
        run.failures.push(Failure {
            queue: queue.name.clone(),
            fixture: fixture.name.clone(),
            statement: subject.map(|subject| subject.statement_name()),
            variant: subject.map(|subject| subject.variant.name.clone()),
            message,
        });
        self.save(run)
    }

    /// Keeps what there is.
    ///
    /// # Errors
    /// If the run folder cannot be written.
    pub fn save(&self, run: &mut Run) -> Result<(), StoreError> {
        run.timing.total_ms = milliseconds(self.started.elapsed());
        run.peak_rss_bytes = peak_rss_bytes();
        self.store.save(run)
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
