//! A queue's statements on copies of a small fixture: counted and timed, copy after copy.

use std::time::{Duration, Instant};

use super::{SelfTestError, counts, step, times};
use crate::definition::{Fixture, Operation, Queue};
use crate::experiment::selection::Selection;
use crate::explain::copies::Copies;
use crate::explain::ground::{Ground, Grounds};
use crate::explain::variant::Subject;
use crate::fixture::cache;
use crate::postgres::workspace::Workspace;
use crate::run::event::Events;
use crate::run::selftest::{CopyCounts, Counts, Times};

/// Copies, at least: without them neither counts nor times say anything.
const LEAST_COPIES: usize = 5;

/// Copies, at most.
const MOST_COPIES: usize = 40;

/// However long the rest took, this share of the budget is given to the copies.
const LEAST_SHARE: f64 = 0.6;

/// What is measured on.
pub(super) struct Statements<'t> {
    /// The server.
    pub(super) workspace: &'t Workspace,
    /// The queue.
    pub(super) queue: &'t Queue,
    /// The fixture, already scaled.
    pub(super) fixture: &'t Fixture,
    /// Who is told.
    pub(super) events: &'t Events,
}

/// What one copy gave.
struct OfCopy {
    /// By subject.
    counts: Vec<CopyCounts>,
    /// In milliseconds.
    times: Vec<f64>,
}

impl Statements<'_> {
    /// Counts and times on one copy after the other until the time is over. Every copy sees the same statements in the same order.
    pub(super) async fn measure(
        &self,
        started: Instant,
        budget: Duration,
    ) -> Result<(Counts, Times), SelfTestError> {
        let databases = self.workspace.databases();
        let template = cache::ensure(
            databases,
            self.workspace.version_text(),
            self.queue,
            self.fixture,
            self.events,
        )
        .await?;
        let counted = self.subjects(counts::VARIANTS)?;
        let timed = self.subject(times::VARIANT)?;
        let copies = Copies::of(databases, &template.database, template.mark.prewarm).await?;
        let mut grounds = Grounds::Copies(copies);
        let deadline = (started + budget).max(Instant::now() + budget.mul_f64(LEAST_SHARE));
        let mut done: Vec<OfCopy> = Vec::new();
        while done.len() < LEAST_COPIES || (done.len() < MOST_COPIES && Instant::now() < deadline) {
            let executions: usize = done.iter().map(|copy| copy.times.len()).sum();
            let message = format!("counting and timing on copy {}", done.len() + 1);
            step(self.events, &message, executions, 0);
            let now = Instant::now();
            let still = LEAST_COPIES.saturating_sub(done.len()).max(1);
            let share = deadline.saturating_duration_since(now) / u32::try_from(still).unwrap_or(1);
            let ground = grounds.open().await?;
            let outcome = self.on_copy(&ground, &counted, timed, now + share).await;
            grounds.finish(ground).await;
            done.push(outcome?);
        }
        step(self.events, "counting and timing", 1, 1);
        grounds.clear().await?;
        let by_copy = |subject: usize| -> Vec<CopyCounts> {
            done.iter()
                .filter_map(|copy| copy.counts.get(subject).cloned())
                .collect()
        };
        let variants = counted.iter().enumerate();
        let counts = Counts {
            queue: self.queue.name.clone(),
            fixture: self.fixture.name.clone(),
            jobs: self.fixture.jobs,
            copies: done.len(),
            variants: variants
                .filter_map(|(position, subject)| counts::compare(*subject, &by_copy(position)))
                .collect(),
        };
        let samples: Vec<Vec<f64>> = done.into_iter().map(|copy| copy.times).collect();
        Ok((counts, times::analyse(times::VARIANT, &samples)))
    }

    async fn on_copy(
        &self,
        ground: &Ground,
        counted: &[Subject<'_>],
        timed: Subject<'_>,
        deadline: Instant,
    ) -> Result<OfCopy, SelfTestError> {
        let version = self.workspace.version();
        let mut counts = Vec::new();
        for subject in counted {
            counts.push(counts::count(ground, version, *subject).await?);
        }
        let times = times::time(ground, version, timed, deadline).await?;
        Ok(OfCopy { counts, times })
    }

    fn subjects(&self, names: &[(&str, &str)]) -> Result<Vec<Subject<'_>>, SelfTestError> {
        names.iter().map(|name| self.subject(*name)).collect()
    }

    /// The statement and variant of these names.
    fn subject(&self, (statement, variant): (&str, &str)) -> Result<Subject<'_>, SelfTestError> {
        let everything = Selection {
            operations: Operation::ALL.to_vec(),
            variants: Vec::new(),
        };
        let known = everything.subjects(self.queue, self.fixture);
        let fits =
            |one: &Subject<'_>| one.statement_name() == statement && one.variant.name == variant;
        known
            .into_iter()
            .find(fits)
            .ok_or_else(|| SelfTestError::NoVariant(format!("{statement} {variant}")))
    }
}
