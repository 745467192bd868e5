//! Every selected statement on every fixture: of one version of the queues, or of several in turns.

use super::plans::{PlansError, PlansExperiment, Request, record_subject_matter, save};
use super::site::{Demand, Site};
use crate::definition::Fixture;
use crate::explain::turns;
use crate::explain::variant::Subject;
use crate::run::Run;
use crate::run::event::{PlannedFixture, RunEvent};

/// One version of the queues: what is measured of it, and the run that keeps it.
#[derive(Debug)]
pub struct Side<'s, 'e> {
    /// What is measured, and where.
    pub experiment: &'s PlansExperiment<'e>,
    /// What is found.
    pub run: &'s mut Run,
}

/// Measures everything asked for, in all versions. They are on the same server and have the same fixtures; their queues correspond by
/// place, and have the same name. What cannot be measured is recorded among the failures of its run, and the rest goes on.
///
/// # Errors
/// If a run folder cannot be written, or the server is gone; what was measured before is in the runs.
pub async fn measure(sides: &mut [Side<'_, '_>]) -> Result<(), PlansError> {
    let Some(shared) = sides.last().map(|side| side.experiment) else {
        return Ok(());
    };
    let requests: Vec<&Request> = sides.iter().map(|side| side.experiment.request).collect();
    let queues = 0..shared.request.queues.len();
    let pairs = shared.request.fixtures.iter();
    let pairs = pairs.flat_map(|fixture| queues.clone().map(move |queue| (fixture, queue)));
    let pairs: Vec<(&Fixture, Vec<Step<'_>>)> = pairs
        .map(|(fixture, queue)| (fixture, steps(&requests, fixture, queue)))
        .filter(|(_, steps)| !steps.is_empty())
        .collect();
    let fixtures = pairs.iter().map(|(fixture, steps)| PlannedFixture {
        fixture: fixture.name.clone(),
        in_each_copy: !fixture.needs_copies().is_empty(),
        variants: steps.len(),
    });
    let fixtures = fixtures.collect();
    shared.events.emit(RunEvent::VariantsPlanned { fixtures });
    for side in sides.iter_mut() {
        record_subject_matter(side.experiment.request, side.run);
    }
    for (fixture, steps) in &pairs {
        measure_pair(sides, fixture, steps).await?;
    }
    Ok(())
}

/// A statement of a variant, in the versions that have it.
#[derive(Debug)]
struct Step<'d> {
    /// By version.
    subjects: Vec<Option<Subject<'d>>>,
}

/// What is measured of a queue on a fixture, in the order of the last version; what only earlier ones have comes after that.
fn steps<'d>(requests: &[&'d Request], fixture: &Fixture, queue: usize) -> Vec<Step<'d>> {
    let mut steps: Vec<Step<'d>> = Vec::new();
    for (side, request) in requests.iter().enumerate().rev() {
        let queue = request.queues.get(queue);
        for subject in queue.map_or(Vec::new(), |queue| {
            request.selection.subjects(queue, fixture)
        }) {
            let same = |step: &&mut Step<'_>| {
                let mut others = step.subjects.iter().flatten();
                others.any(|other| is_same(other, &subject))
            };
            if let Some(step) = steps.iter_mut().find(same) {
                step.subjects[side] = Some(subject);
            } else {
                let mut subjects = vec![None; requests.len()];
                subjects[side] = Some(subject);
                steps.push(Step { subjects });
            }
        }
    }
    steps
}

fn is_same(one: &Subject<'_>, other: &Subject<'_>) -> bool {
    one.variant.name == other.variant.name && one.statement_name() == other.statement_name()
}

/// Measures a queue on a fixture.
async fn measure_pair(
    sides: &mut [Side<'_, '_>],
    fixture: &Fixture,
    steps: &[Step<'_>],
) -> Result<(), PlansError> {
    let mut sites = Vec::new();
    let mut not_built = None;
    let demand = Demand {
        variants: steps
            .iter()
            .flat_map(|step| &step.subjects)
            .flatten()
            .count(),
        versions: sides.len(),
    };
    for (position, side) in sides.iter_mut().enumerate() {
        let Side { experiment, run } = side;
        let Some(first) = steps.iter().find_map(|step| step.subjects[position]) else {
            sites.push(None);
            continue;
        };
        let site = experiment.site(first.queue, fixture, demand, run);
        match site.await {
            Ok(site) => sites.push(Some(site)),
            Err(error) if error.spares_the_rest() => {
                let message = error.to_string();
                experiment.fail(run, first.queue, fixture, None, &message);
                save(run, experiment.store, experiment.started)?;
                not_built.get_or_insert(message);
                sites.push(None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    for step in steps {
        let error = measure_step(sides, &mut sites, fixture, step).await?;
        if let Some(side) = sides.last() {
            let error = error.or_else(|| not_built.take());
            let PlansExperiment {
                workspace, events, ..
            } = side.experiment;
            let fixture = fixture.name.clone();
            events.emit(RunEvent::VariantFinished { fixture, error });
            if workspace.databases().session().is_closed() {
                return Err(PlansError::ServerGone {
                    hint: workspace.log_hint(),
                });
            }
        }
    }
    for (side, site) in sides.iter_mut().zip(&mut sites) {
        if let Some(site) = site {
            side.experiment.leave(site, side.run).await?;
        }
    }
    Ok(())
}

/// Measures a subject in the versions that have it and a place for it; gives what is to be said of the first that failed.
async fn measure_step(
    sides: &mut [Side<'_, '_>],
    sites: &mut [Option<Site<'_>>],
    fixture: &Fixture,
    step: &Step<'_>,
) -> Result<Option<String>, PlansError> {
    let mut versions = Vec::new();
    for (site, subject) in sites.iter_mut().zip(&step.subjects) {
        if let (Some(site), Some(subject)) = (site, *subject) {
            let grounds = &mut site.grounds;
            versions.push(turns::Side { grounds, subject });
        }
    }
    let first = versions.first().map(|version| version.subject);
    let (Some(side), Some(subject)) = (sides.last(), first) else {
        return Ok(None);
    };
    let PlansExperiment {
        workspace,
        request,
        events,
        ..
    } = side.experiment;
    events.emit(RunEvent::VariantStarted {
        stage: "measuring",
        queue: subject.queue.name.clone(),
        fixture: fixture.name.clone(),
        variant: format!("{} {}", subject.statement_name(), subject.variant.name),
    });
    let outcomes = turns::measure(&mut versions, workspace.version(), request.sampling).await;
    let mut outcomes = outcomes.into_iter();
    let mut first_error = None;
    for ((side, site), subject) in sides.iter_mut().zip(sites).zip(&step.subjects) {
        if let (Some(site), Some(subject)) = (site, *subject)
            && let Some(outcome) = outcomes.next()
        {
            let Side { experiment, run } = side;
            let error = experiment.record(subject, fixture, outcome, site, run)?;
            first_error = first_error.or(error);
        }
    }
    Ok(first_error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Library, Operation};
    use crate::experiment::selection::Selection;
    use crate::explain::sample::Sampling;

    fn request(queue: &str, drop: &str) -> Request {
        let library = Library::built_in();
        let mut queue = library.queue(queue).expect("reads");
        queue.statements.retain(|file| file.name != drop);
        Request {
            queues: vec![queue],
            fixtures: vec![library.fixture("heavy-single-queue").expect("reads")],
            selection: Selection {
                operations: vec![Operation::Fetch],
                variants: vec![glob::Pattern::new("batch-1").expect("a pattern")],
            },
            sampling: Sampling {
                samples: 20,
                least: 20,
                budget: std::time::Duration::ZERO,
            },
            in_place: None,
        }
    }

    /// Each statement, and in which versions it is.
    fn of(requests: &[&Request]) -> Vec<(String, Vec<bool>)> {
        let steps = steps(requests, &requests[0].fixtures[0], 0);
        let named = steps.iter().map(|step| {
            let first = step.subjects.iter().flatten().next();
            let name = first.expect("a version has it").statement_name();
            (name, step.subjects.iter().map(Option::is_some).collect())
        });
        named.collect()
    }

    #[test]
    fn versions_are_measured_together_where_both_have_the_statement() {
        let (all, without) = (
            request("status-partial", ""),
            request("status-partial", "fetch"),
        );
        let both = |name: &str| (name.to_owned(), vec![true, true]);
        assert_eq!(of(&[&all, &all]), [both("fetch"), both("fetch-cte")]);
        assert_eq!(
            of(&[&all, &without]),
            [both("fetch-cte"), ("fetch".to_owned(), vec![true, false]),]
        );
        assert_eq!(
            of(&[&without, &all]),
            [("fetch".to_owned(), vec![false, true]), both("fetch-cte")]
        );
        assert_eq!(of(&[&without]), [("fetch-cte".to_owned(), vec![true])]);
    }
}
