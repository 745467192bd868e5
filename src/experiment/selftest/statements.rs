//! A queue's statements on copies of a small fixture: counted and timed, copy after copy.

use std::time::{Duration, Instant};

use super::{SelfTestError, counts, step, times};
use crate::definition::{Fixture, Operation, Queue};
use crate::experiment::selection::Selection;
use crate::explain::copies::Copies;
use crate::explain::ground::{Ground, Grounds};
use crate::explain::variant::Subject;
use crate::fixture::cache::Template;
use crate::postgres::workspace::Workspace;
use crate::run::event::Events;
use crate::run::selftest::{CopyCounts, Counts, Times};

/// Copies, at least: without them neither counts nor times say anything.
pub(super) const LEAST_COPIES: usize = 5;

/// Copies, at most.
const MOST_COPIES: usize = 40;

/// However long the rest took, this share of the budget is given to the copies.
const LEAST_SHARE: f64 = 0.6;

/// On a machine too busy to give enough in its time, the copies may take this many times the budget.
const LONGEST: f64 = 1.5;

/// What is measured on.
pub(super) struct Statements<'t> {
    /// The server.
    pub(super) workspace: &'t Workspace,
    /// The queue.
    pub(super) queue: &'t Queue,
    /// The fixture, already scaled.
    pub(super) fixture: &'t Fixture,
    /// The same, built for the queue.
    pub(super) template: &'t Template,
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
        let counted = counts::VARIANTS.iter().map(|name| self.subject(*name));
        let counted: Option<Vec<Subject<'_>>> = counted.collect();
        let (Some(counted), Some(timed)) = (counted, self.subject(times::VARIANT)) else {
            return Err(SelfTestError::NoVariant);
        };
        let template = self.template;
        let databases = self.workspace.databases();
        let copies = Copies::of(databases, &template.database, template.mark.prewarm).await?;
        let mut grounds = Grounds::Copies(copies);
        let deadline = (started + budget).max(Instant::now() + budget.mul_f64(LEAST_SHARE));
        let limit = deadline.max(started + budget.mul_f64(LONGEST));
        let mut done: Vec<OfCopy> = Vec::new();
        while let Some(end) = next_end(&done, deadline, limit) {
            let executions = done.iter().map(|copy| copy.times.len()).sum();
            let message = format!("counting and timing on copy {}", done.len() + 1);
            step(self.events, &message, executions, 0);
            let ground = grounds.open_unlocked().await?;
            let outcome = self.on_copy(&ground, &counted, timed, end).await;
            grounds.finish(ground).await;
            done.push(outcome?);
        }
        step(self.events, "counting and timing", 1, 1);
        grounds.clear().await?;
        Ok(self.compare(&counted, done))
    }

    /// Puts together what the copies gave.
    fn compare(&self, counted: &[Subject<'_>], copies: Vec<OfCopy>) -> (Counts, Times) {
        let by_copy = |subject: usize| -> Vec<CopyCounts> {
            let of_subject = copies.iter().filter_map(|copy| copy.counts.get(subject));
            of_subject.cloned().collect()
        };
        let variants = counted.iter().enumerate();
        let counts = Counts {
            queue: self.queue.name.clone(),
            fixture: self.fixture.name.clone(),
            jobs: self.fixture.jobs,
            copies: copies.len(),
            variants: variants
                .filter_map(|(position, subject)| counts::compare(*subject, &by_copy(position)))
                .collect(),
        };
        let times: Vec<Vec<f64>> = copies.into_iter().map(|copy| copy.times).collect();
        (counts, times::analyse(times::VARIANT, &times))
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

    /// The statement and variant of these names.
    fn subject(&self, (statement, variant): (&str, &str)) -> Option<Subject<'_>> {
        let everything = Selection {
            operations: Operation::ALL.to_vec(),
            variants: Vec::new(),
        };
        let known = everything.subjects(self.queue, self.fixture);
        let fits =
            |one: &Subject<'_>| one.statement_name() == statement && one.variant.name == variant;
        known.into_iter().find(fits)
    }
}

/// When the next copy has to be through; none if there need not be another. The first copies share the time until the deadline; where
/// they gave too little, more follow until the limit.
fn next_end(done: &[OfCopy], deadline: Instant, limit: Instant) -> Option<Instant> {
    let now = Instant::now();
    if done.len() < LEAST_COPIES {
        let copies_left = u32::try_from(LEAST_COPIES - done.len()).unwrap_or(1);
        return Some(now + deadline.saturating_duration_since(now) / copies_left);
    }
    let rounds: usize = done.iter().map(|copy| times::rounds(&copy.times)).sum();
    let end = if rounds < times::ENOUGH_ROUNDS {
        limit
    } else {
        deadline
    };
    (done.len() < MOST_COPIES && now < end).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies(number: usize, executions: usize) -> Vec<OfCopy> {
        let copy = || OfCopy {
            counts: Vec::new(),
            times: vec![1.0; executions],
        };
        std::iter::repeat_with(copy).take(number).collect()
    }

    #[test]
    fn copies_follow_until_there_is_enough() {
        let now = Instant::now();
        let (past, future) = (now, now + Duration::from_secs(600));
        let goes_on = |done: &[OfCopy], deadline, limit| next_end(done, deadline, limit).is_some();
        assert!(goes_on(&copies(4, 200), past, past), "five at least");
        assert!(
            !goes_on(&copies(5, 200), past, future),
            "enough, and the time is over"
        );
        assert!(goes_on(&copies(5, 200), future, future), "there is time");
        assert!(goes_on(&copies(5, 79), past, future), "one round each");
        assert!(
            !goes_on(&copies(5, 79), past, past),
            "too little, and no time"
        );
        assert!(!goes_on(&copies(40, 1), future, future), "the most");
        let share = next_end(&copies(2, 200), future, future).expect("goes on") - now;
        assert!(
            share > Duration::from_secs(190) && share < Duration::from_secs(250),
            "{share:?}"
        );
    }
}
