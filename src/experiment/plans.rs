//! `compare-plans`: every selected statement on every fixture, each on fresh copies.

use std::time::{Duration, Instant};

use serde::Serialize;
use thiserror::Error;

use super::in_place::InPlace;
use super::pace::Pace;
use super::selection::Selection;
use super::site::{Site, SiteError};
use crate::definition::queue::PlanCacheMode;
use crate::definition::{Fixture, Queue};
use crate::explain::ExplainError;
use crate::explain::nested::Nested;
use crate::explain::sample::{Measurement, Sampling};
use crate::explain::variant::{Measured, Subject};
use crate::finding::case::{Case, Catalog, PlanView};
use crate::finding::rules::judge;
use crate::load::memory::peak_rss_bytes;
use crate::plan::outline::rows_removed;
use crate::plan::{PlanShape, PlanWork, digest, work};
use crate::postgres::workspace::Workspace;
use crate::run::environment::FixtureRecord;
use crate::run::event::Events;
use crate::run::nested::NestedResult;
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
    /// A place to measure in that cannot be made ready.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The server has ended while it was used.
    #[error("the server is gone: it was stopped or has crashed{hint}")]
    ServerGone {
        /// Where to look.
        hint: &'static str,
    },
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
    /// Whether, and how, tables are measured on that stand there already.
    pub in_place: Option<InPlace>,
}

/// What a run is made of. What it finds is in a `Run`, and on disk not long after each variant.
#[derive(Debug)]
pub struct PlansExperiment<'e> {
    /// The server.
    pub workspace: &'e Workspace,
    /// What to measure.
    pub request: &'e Request,
    /// The run folder.
    pub store: &'e RunStore,
    /// When the run began.
    pub started: Instant,
    /// Who is told.
    pub events: &'e Events,
    /// How often the run is written.
    pub pace: Pace,
}

impl PlansExperiment<'_> {
    /// Records what came out for a subject, and keeps it before long; gives what is to be said of it where not all of it could be measured.
    pub(super) fn record(
        &self,
        subject: Subject<'_>,
        fixture: &Fixture,
        outcome: Result<Measured, ExplainError>,
        site: &mut Site<'_>,
        run: &mut Run,
    ) -> Result<Option<String>, StoreError> {
        let blocked = outcome
            .as_ref()
            .err()
            .and_then(|error| blocked(fixture, error));
        let error = match outcome {
            Err(_) if let Some(message) = blocked => {
                let blocked = self.without_result(subject.queue, fixture, Some(subject), &message);
                run.blocked.push(blocked);
                None
            }
            Ok(measured) => {
                run.timing.execute_ms += milliseconds(measured.executed);
                let results = self.results(subject, fixture, &measured, &site.catalog)?;
                run.results.extend(results);
                if let Some(error) = &measured.generic_failure
                    && let Some(message) = blocked_generic(fixture, error)
                {
                    let blocked =
                        self.without_result(subject.queue, fixture, Some(subject), &message);
                    run.blocked.push(blocked);
                }
                let failures = what_failed(fixture, &measured);
                for message in &failures {
                    self.fail(run, subject.queue, fixture, Some(subject), message);
                }
                (!failures.is_empty()).then(|| failures.join("; "))
            }
            Err(error) if error.is_refused_write() => {
                let reason = error.to_string();
                let skipped = self.without_result(subject.queue, fixture, Some(subject), &reason);
                run.skipped.push(skipped);
                None
            }
            Err(error) => {
                let message = error.to_string();
                self.fail(run, subject.queue, fixture, Some(subject), &message);
                Some(message)
            }
        };
        run.timing.clone_ms += milliseconds(site.grounds.take_spent());
        self.pace.save(|| save(run, self.store, self.started))?;
        Ok(error)
    }

    /// Drops what is not needed any more once a queue was measured on a fixture.
    pub(super) async fn leave(
        &self,
        site: &mut Site<'_>,
        run: &mut Run,
    ) -> Result<(), ExplainError> {
        site.grounds.clear().await?;
        run.timing.clone_ms += milliseconds(site.grounds.take_spent());
        Ok(())
    }

    /// Notes what could not be measured.
    pub(super) fn fail(
        &self,
        run: &mut Run,
        queue: &Queue,
        fixture: &Fixture,
        subject: Option<Subject<'_>>,
        message: &str,
    ) {
        run.failures
            .push(self.without_result(queue, fixture, subject, message));
    }

    fn without_result(
        &self,
        queue: &Queue,
        fixture: &Fixture,
        subject: Option<Subject<'_>>,
        message: &str,
    ) -> Failure {
        Failure {
            postgres: self.workspace.version().to_string(),
            queue: Some(queue.name.clone()),
            fixture: Some(fixture.name.clone()),
            statement: subject.map(|subject| subject.statement_name()),
            variant: subject.map(|subject| subject.variant.name.clone()),
            message: message.to_owned(),
        }
    }

    /// One result for each plan that was executed; the plans are written as they come.
    fn results(
        &self,
        subject: Subject<'_>,
        fixture: &Fixture,
        measured: &Measured,
        catalog: &Catalog,
    ) -> Result<Vec<PlanResult>, StoreError> {
        let custom_work = work(&measured.custom.plan);
        let custom = view(&measured.custom, &custom_work);
        let generic_work = measured.generic.as_ref().map(|generic| work(&generic.plan));
        let generic = measured
            .generic
            .as_ref()
            .zip(generic_work.as_ref())
            .map(|(generic, work)| view(generic, work));
        let statement = subject.statement_name();
        let judged = |mode| Case {
            queue: &subject.queue.name,
            fixture: &fixture.name,
            operation: subject.file.operation.name(),
            variant: &subject.variant.name,
            statement: &statement,
            statement_text: subject.statement.template.source(),
            batch_size: measured.batch_size,
            mode,
            custom: Some(custom),
            generic,
            auto_plan: measured.auto_plan,
            forced_plan_mode: forced(subject.queue),
            catalog,
            sizes: None,
        };
        let mut results = vec![self.result(
            subject,
            measured,
            &measured.custom,
            &judged(PlanMode::Custom),
        )?];
        if let Some(measurement) = &measured.generic {
            results.push(self.result(
                subject,
                measured,
                measurement,
                &judged(PlanMode::Generic),
            )?);
        }
        Ok(results)
    }

    fn result(
        &self,
        subject: Subject<'_>,
        measured: &Measured,
        measurement: &Measurement,
        case: &Case<'_>,
    ) -> Result<PlanResult, StoreError> {
        let variant = &subject.variant.name;
        let dump = self.store.write_plan(
            case.queue,
            case.fixture,
            case.statement,
            variant,
            case.mode,
            &measurement.dump,
        )?;
        let plan = &measurement.plan;
        let total = work(plan).total;
        let rows = plan.rows();
        let buffers = BufferCounts::from(&total.buffers);
        let nested = self.nested(measurement.nested.as_ref(), &dump)?;
        Ok(PlanResult {
            postgres: self.workspace.version().to_string(),
            queue: case.queue.to_owned(),
            fixture: case.fixture.to_owned(),
            operation: case.operation.to_owned(),
            variant: variant.clone(),
            statement: case.statement.to_owned(),
            plan_mode: case.mode,
            auto_plan: measured.auto_plan,
            generic_shape: measured.generic_shape,
            shape: PlanShape::of(plan).id(),
            digest: digest(plan),
            rows,
            rows_removed: Some(rows_removed(plan)),
            buffers,
            wal: WalCounts::from(&total.wal),
            pages_per_row: (rows > 0).then(|| buffers.total as f64 / rows as f64),
            output: measurement.output.as_ref().ok().copied(),
            nested,
            nested_left_out: measurement
                .nested
                .as_ref()
                .map_or(0, |nested| nested.left_out),
            scans: measurement.scans.clone(),
            planning_ms: Summary::of(measurement.planning_ms.clone()),
            execution_ms: Summary::of(measurement.execution_ms.clone()),
            findings: judge(case),
            dump,
        })
    }

    /// The statements inside functions, their plans written beside that of the statement, whose file is `dump`.
    fn nested(
        &self,
        nested: Option<&Nested>,
        dump: &str,
    ) -> Result<Option<Vec<NestedResult>>, StoreError> {
        let Some(nested) = nested else {
            return Ok(None);
        };
        let entries = nested.entries.iter().enumerate();
        let written = entries.map(|(position, entry)| {
            let dump = self
                .store
                .write_nested_plan(dump, position + 1, &entry.dump)?;
            Ok(NestedResult {
                dump,
                ..entry.clone()
            })
        });
        written.collect::<Result<_, _>>().map(Some)
    }
}

/// What is said of a statement that was blocked by the session that holds the head of the queue locked; none where it was not.
fn blocked(fixture: &Fixture, error: &ExplainError) -> Option<String> {
    fixture.contention?;
    let place = error.blocked_at()?;
    Some(format!(
        "waits for rows another session has locked: gave up after 1 s ({place})"
    ))
}

/// The same where it is about the generic plan alone.
fn blocked_generic(fixture: &Fixture, error: &ExplainError) -> Option<String> {
    let message = blocked(fixture, error)?;
    Some(format!("under its generic plan it {message}"))
}

/// What could not be measured of a statement although its counts are there.
fn what_failed(fixture: &Fixture, measured: &Measured) -> Vec<String> {
    let generic = measured.generic_failure.iter();
    let generic = generic.filter(|error| blocked(fixture, error).is_none());
    let generic = generic.map(|error| format!("the generic plan could not be measured: {error}"));
    let measurements = [
        (None, Some(&measured.custom)),
        (Some("under its generic plan "), measured.generic.as_ref()),
    ];
    let outputs = measurements.into_iter().filter_map(|(mode, measurement)| {
        let error = measurement?.output.as_ref().err()?;
        let mode = mode.unwrap_or_default();
        Some(format!(
            "{mode}its rows could not be received, its counts are kept: {error}"
        ))
    });
    generic.chain(outputs).collect()
}

/// Notes beforehand what will be measured, so that a run that stops half-way tells what is missing.
pub fn record_subject_matter(request: &Request, run: &mut Run) {
    let environment = &mut run.environment;
    environment.selection = Some(request.selection.record());
    for queue in &request.queues {
        let name = || queue.name.clone();
        environment.queues.insert(name(), queue.digest());
        environment.tables.insert(name(), queue.tables_digest());
        let statements = environment.statements.entry(name()).or_default();
        for fixture in &request.fixtures {
            let subjects = request.selection.subjects(queue, fixture);
            let texts = subjects.iter().map(|subject| {
                let text = subject.statement.template.source().trim();
                (subject.statement_name(), text.to_owned())
            });
            statements.extend(texts);
        }
    }
    let built = request
        .fixtures
        .iter()
        .filter(|_| request.in_place.is_none());
    for fixture in built {
        let record = FixtureRecord {
            digest: fixture.digest(),
            seed: fixture.seed,
            jobs: fixture.jobs,
            plain: fixture.is_plain(),
        };
        environment.fixtures.insert(fixture.name.clone(), record);
    }
}

/// Keeps what there is.
///
/// # Errors
/// If the run folder cannot be written.
pub fn save<R: Serialize>(
    run: &mut Run<R>,
    store: &RunStore,
    started: Instant,
) -> Result<(), StoreError> {
    run.timing.total_ms = milliseconds(started.elapsed());
    run.peak_rss_bytes = run.peak_rss_bytes.max(peak_rss_bytes());
    store.save(run)
}

fn view<'v>(measurement: &'v Measurement, work: &'v PlanWork) -> PlanView<'v> {
    PlanView {
        plan: &measurement.plan,
        work,
        rows: measurement.plan.rows(),
    }
}

/// The plan mode that clients of a queue force, if they do.
fn forced(queue: &Queue) -> Option<PlanMode> {
    match queue.plan_mode {
        PlanCacheMode::Auto => None,
        PlanCacheMode::Custom => Some(PlanMode::Custom),
        PlanCacheMode::Generic => Some(PlanMode::Generic),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
