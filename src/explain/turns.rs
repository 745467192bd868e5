//! A statement of a variant measured in one version of its queue or in several: each counted on a fresh copy of its own, then all of them
//! timed in turns, A B A B …, so that whatever changes on the machine meanwhile changes all of them.
//!
//! Turns do not even out what two server processes differ in for as long as they live: the processor they sit on, what else runs there,
//! where a copy lies in memory. So several versions are timed in two rounds, each in copies and sessions of its own, the second in the
//! opposite order: what belongs to a version shows in both.

use std::time::{Duration, Instant};

use super::ExplainError;
use super::ground::{Ground, Grounds};
use super::sample::{Measurement, Sampling, Series};
use super::variant::{self, Measured, Planned, Ready, Subject};
use crate::postgres::version::Version;
use crate::run::plan_result::{GenericShape, PlanMode};

/// In how many rounds so many versions are timed, each on copies of its own.
#[must_use]
pub fn rounds(versions: u64) -> u64 {
    if versions > 1 { 2 } else { 1 }
}

/// A version of a subject, and where it is measured.
#[derive(Debug)]
pub struct Side<'s, 'g, 'd> {
    /// Where.
    pub grounds: &'s mut Grounds<'g>,
    /// What.
    pub subject: Subject<'d>,
}

/// Measures each version on fresh copies; gives what came out in the order of `sides`. Where only the generic plan of one fails, its
/// custom plan's measurement is kept. As soon as one version has a generic plan of another shape than its custom plan, the generic plans
/// of all are executed, so that there are times to compare.
///
/// A version fails, without the others, if a copy cannot be made for it, or the server refuses the statement or what feeds it.
pub async fn measure(
    sides: &mut [Side<'_, '_, '_>],
    version: Version,
    sampling: Sampling,
) -> Vec<Result<Measured, ExplainError>> {
    let number = u32::try_from(sides.len()).unwrap_or(u32::MAX);
    let budget = sampling.budget.saturating_mul(number);
    let all = sides.iter_mut().collect();
    let custom = in_mode(all, version, PlanMode::Custom, sampling, budget).await;
    let mut outcomes: Vec<_> = custom.into_iter().map(Finished::into_measured).collect();
    let measured = || outcomes.iter().flatten();
    if measured().any(|one| one.generic_shape == GenericShape::Differs) {
        let spent = measured().map(|one| one.executed).sum();
        let left = budget.saturating_sub(spent);
        measure_generic(sides, &mut outcomes, version, sampling, left).await;
    }
    outcomes
}

/// Adds the generic plans of all versions that have one.
async fn measure_generic(
    sides: &mut [Side<'_, '_, '_>],
    outcomes: &mut [Result<Measured, ExplainError>],
    version: Version,
    sampling: Sampling,
    left: Duration,
) {
    let measured = outcomes.iter_mut().map(Result::as_mut);
    let (taking_part, measured): (Vec<_>, Vec<_>) = sides
        .iter_mut()
        .zip(measured)
        .filter_map(|(side, measured)| Some((side, measured.ok()?)))
        .filter(|(_, measured)| measured.generic_shape != GenericShape::None)
        .unzip();
    let generic = in_mode(taking_part, version, PlanMode::Generic, sampling, left).await;
    for (measured, finished) in measured.into_iter().zip(generic) {
        measured.executed += finished.executed;
        match finished.outcome {
            Ok((generic, _)) => measured.generic = Some(generic),
            Err(error) => measured.generic_failure = Some(error),
        }
    }
}

/// Takes versions through one plan mode, in about `budget` for all of them together.
async fn in_mode(
    mut sides: Vec<&mut Side<'_, '_, '_>>,
    version: Version,
    mode: PlanMode,
    sampling: Sampling,
    budget: Duration,
) -> Vec<Finished> {
    if sides.len() < 2 {
        return round(&mut sides, version, mode, sampling, budget).await;
    }
    let half = sampling.first_half();
    let finished = round(&mut sides, version, mode, half, budget / 2).await;
    let Some(taken) = finished.iter().filter_map(Finished::samples).max() else {
        return finished;
    };
    sides.reverse();
    let half = sampling.second_half(taken);
    let mut again = round(&mut sides, version, mode, half, budget / 2).await;
    again.reverse();
    let both = finished.into_iter().zip(again);
    both.map(|(finished, again)| finished.and(again)).collect()
}

/// Takes versions through one plan mode, each in a place of its own.
async fn round(
    sides: &mut [&mut Side<'_, '_, '_>],
    version: Version,
    mode: PlanMode,
    sampling: Sampling,
    budget: Duration,
) -> Vec<Finished> {
    let (mut turns, mut grounds) = (Vec::new(), Vec::new());
    for side in sides {
        turns.push(Turn::begin(side, version, mode).await);
        grounds.push(&mut *side.grounds);
    }
    let deadline = Instant::now() + time_left(&turns, budget);
    let mut taken = 0;
    while sampling.goes_on(taken, deadline) && turns.iter().any(|turn| turn.outcome.is_ok()) {
        for turn in &mut turns {
            turn.sample(version).await;
        }
        taken += 1;
    }
    let mut finished = Vec::new();
    for (mut turn, grounds) in turns.into_iter().zip(grounds) {
        turn.release(version).await;
        finished.push(turn.finish(grounds).await);
    }
    finished
}

/// What is left of a budget for the samples of this mode: where a generic plan is to follow, half of what was left before counting.
fn time_left(turns: &[Turn<'_>], budget: Duration) -> Duration {
    let readying = turns.iter().map(|turn| turn.readying).sum();
    let executed: Duration = turns.iter().map(|turn| turn.executed).sum();
    let left = budget.saturating_sub(readying);
    let mut ready = turns.iter().filter_map(|turn| turn.outcome.as_ref().ok());
    let two_modes = ready.any(|(ready, _)| ready.planned.generic_shape == GenericShape::Differs);
    let left = if two_modes { left / 2 } else { left };
    left.saturating_sub(executed.saturating_sub(readying))
}

/// One version in one plan mode, in a place of its own.
struct Turn<'d> {
    /// None where it could not be opened.
    ground: Option<Ground>,
    outcome: Result<(Ready<'d>, Series), ExplainError>,
    /// Time spent on statements before counting.
    readying: Duration,
    /// Time spent on statements in all.
    executed: Duration,
}

/// The same when it is over.
struct Finished {
    outcome: Result<(Measurement, Planned), ExplainError>,
    executed: Duration,
}

impl<'d> Turn<'d> {
    /// Opens a place, makes the statement ready there and counts.
    async fn begin(side: &mut Side<'_, '_, 'd>, version: Version, mode: PlanMode) -> Turn<'d> {
        let (ground, started) = (side.grounds.open_unlocked().await, Instant::now());
        let mut ground = match ground {
            Ok(ground) => ground,
            Err(error) => {
                return Turn {
                    ground: None,
                    outcome: Err(error),
                    readying: Duration::ZERO,
                    executed: Duration::ZERO,
                };
            }
        };
        let ready = match mode {
            PlanMode::Custom => variant::ready_custom(&mut ground, version, side.subject).await,
            PlanMode::Generic => variant::ready_generic(&mut ground, version, side.subject).await,
        };
        let readying = started.elapsed();
        let outcome = match ready {
            Ok(ready) => {
                let counted = ready.explainer(&ground, version).count().await;
                counted.map(|series| (ready, series))
            }
            Err(error) => Err(error),
        };
        Turn {
            ground: Some(ground),
            outcome,
            readying,
            executed: started.elapsed(),
        }
    }

    /// Takes a sample of its time, unless it has failed.
    async fn sample(&mut self, version: Version) {
        let (Some(ground), Ok((ready, series))) = (&self.ground, &mut self.outcome) else {
            return;
        };
        let started = Instant::now();
        let taken = ready.explainer(ground, version).time(series).await;
        self.executed += started.elapsed();
        if let Err(error) = taken {
            self.outcome = Err(error);
        }
    }

    /// Lets go of a snapshot that is held, and looks at what that changes.
    async fn release(&mut self, version: Version) {
        let (Some(ground), Ok((ready, series))) = (&mut self.ground, &mut self.outcome) else {
            return;
        };
        let started = Instant::now();
        let released = match ground.present.release_snapshot().await {
            Ok(true) => {
                let explainer = ready.explainer(ground, version);
                explainer.scan_after_release(series).await
            }
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        self.executed += started.elapsed();
        if let Err(error) = released {
            self.outcome = Err(error);
        }
    }

    async fn finish(self, grounds: &mut Grounds<'_>) -> Finished {
        let outcome = self.outcome;
        let outcome = outcome.map(|(ready, series)| (series.measurement, ready.planned));
        if let Some(ground) = self.ground {
            grounds.finish(ground).await;
        }
        Finished {
            outcome,
            executed: self.executed,
        }
    }
}

impl Finished {
    /// How many samples of its time it has; none where it failed.
    fn samples(&self) -> Option<usize> {
        let (measurement, _) = self.outcome.as_ref().ok()?;
        Some(measurement.execution_ms.len())
    }

    /// With the times of a later round. Its counts are those of the first.
    fn and(self, later: Finished) -> Finished {
        let executed = self.executed + later.executed;
        let outcome = match (self.outcome, later.outcome) {
            (Ok((mut measurement, planned)), Ok((more, _))) => {
                measurement.planning_ms.extend(more.planning_ms);
                measurement.execution_ms.extend(more.execution_ms);
                Ok((measurement, planned))
            }
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        Finished { outcome, executed }
    }

    fn into_measured(self) -> Result<Measured, ExplainError> {
        let (custom, planned) = self.outcome?;
        Ok(Measured {
            custom,
            generic: None,
            generic_failure: planned.failure,
            generic_shape: planned.generic_shape,
            auto_plan: planned.auto_plan,
            batch_size: planned.batch_size,
            executed: self.executed,
        })
    }
}
