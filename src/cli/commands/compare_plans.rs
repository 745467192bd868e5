//! `compare-plans`: measure every statement's plan on every fixture.

mod judged;

use anyhow::anyhow;

use self::judged::Judge;
use super::listing;
use crate::cli::args::{Common, ComparePlans, ScaleOptions};
use crate::cli::exit::{self, Exit};
use crate::cli::interrupt::Interrupted;
use crate::cli::measuring::{Measuring, Outcome, Version};
use crate::cli::server::{self, Choice};
use crate::cli::{against, gate, one_database, progress, selection};
use crate::definition::Library;
use crate::experiment::plans::Request;
use crate::explain::sample::{LEAST_SAMPLES, Sampling};
use crate::report::{self, Format};
use crate::run::store::RunStore;
use crate::run::{Run, RunKind};

/// Runs the command.
///
/// # Errors
/// If the server does not start, or the run folder cannot be written.
pub async fn run(arguments: &ComparePlans, common: &Common) -> anyhow::Result<Exit> {
    gate::check(&arguments.gate, RunKind::Plans)?;
    if let Some(other) = &arguments.against {
        return against::run(arguments, common, other).await;
    }
    if arguments.self_check {
        return against::self_check(arguments, common).await;
    }
    // Whatever is wrong with what is printed is said now, not after minutes of measuring.
    let printed = match judged::judge(arguments, common)? {
        Some(judge) => Printed::Comparison(Box::new(judge)),
        None => Printed::Run(arguments.format()?),
    };
    let request = request(arguments, common, LEAST_SAMPLES)?;
    let choices = choices(arguments, common, request.in_place.is_some())?;
    // Outputs are opened first: a run is not lost for want of a place to keep it.
    let store = RunStore::create(&arguments.out, RunKind::Plans, jiff::Timestamp::now())?;
    let version = Version {
        request: &request,
        store: &store,
    };
    let workload = one_database::workload(&request);
    let mut measuring = Measuring::new(vec![version], workload, arguments.what.scale.seed);
    if let Printed::Comparison(judge) = &printed {
        measuring = measuring.checked_by(|run| judge.check(run, choices.len() > 1));
    }
    let outcome = measuring.on_each(&choices, common).await;
    let Some(run) = measuring.finish(&outcome)?.pop() else {
        return outcome.map(|_| Exit::Interrupted);
    };
    let printed = match printed {
        Printed::Comparison(judge) => judge.conclude(&run, store.folder(), common),
        Printed::Run(format) => print(format, common, &run, &store),
    };
    both(ended(outcome, &[run]), printed)
}

/// What is printed in the end.
enum Printed<'a> {
    /// The run.
    Run(Format),
    /// How it compares, and nothing else.
    Comparison(Box<Judge<'a>>),
}

/// How the program ends, by how the run did and by what became of printing it.
pub(in crate::cli) fn both(
    ended: anyhow::Result<Exit>,
    printed: anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    match (ended, printed) {
        (Ok(ended), Ok(printed)) => Ok(ended.min(printed)),
        // What ended the run is told last: the program ends by it.
        (ended @ (Ok(Exit::Interrupted) | Err(_)), Err(error)) => {
            progress::tell(&format!("error: {}", exit::message(&error)));
            ended
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

/// How runs that were measured together ended by themselves.
///
/// # Errors
/// What ended them, or that nothing was allowed to be measured.
pub(in crate::cli) fn ended(outcome: Outcome, runs: &[Run]) -> anyhow::Result<Exit> {
    if let Err(Interrupted) = outcome? {
        return Ok(Exit::Interrupted);
    }
    let is_empty = |run: &&Run| run.results.is_empty() && !run.skipped.is_empty();
    match runs.iter().find(is_empty) {
        Some(run) => Err(anyhow!("nothing was measured: {}", only_writes(run))),
        None if runs.iter().all(|run| run.failures.is_empty()) => Ok(Exit::Done),
        None => Ok(Exit::Failed),
    }
}

/// What the options ask to be measured, with at least so many samples of each plan.
///
/// # Errors
/// If they name something that there is not, or that cannot be read.
pub(in crate::cli) fn request(
    arguments: &ComparePlans,
    common: &Common,
    least: usize,
) -> anyhow::Result<Request> {
    let in_place = one_database::in_place(&arguments.one_database, common)?;
    let library = Library::built_in();
    let scale = arguments.what.scale.on_server(server::is_given(common)?);
    let selected = match in_place {
        Some(_) => selection::select_in_place(&library, &arguments.what)?,
        None => selection::select(&library, &arguments.what, scale)?,
    };
    selected.tell_warnings(common.quiet);
    // Tables that stand there already have the size they have.
    let budget = match in_place {
        Some(_) => ScaleOptions::default().budget(arguments.budget),
        None => scale.budget(arguments.budget),
    };
    Ok(Request {
        queues: selected.queues,
        fixtures: selected.fixtures,
        selection: selected.selection,
        sampling: Sampling {
            samples: usize::try_from(arguments.samples).unwrap_or(usize::MAX),
            least,
            budget,
        },
        in_place,
    })
}

/// The servers to measure on.
///
/// # Errors
/// As [`server::choices`].
pub(in crate::cli) fn choices(
    arguments: &ComparePlans,
    common: &Common,
    in_place: bool,
) -> anyhow::Result<Vec<Choice>> {
    let choices = server::choices(common, "compare-plans")?;
    let schema = arguments.one_database.in_schema.as_ref();
    if !in_place && schema.is_none() {
        return Ok(choices);
    }
    let within = choices.into_iter();
    Ok(within
        .map(|choice| choice.within_one_database(schema))
        .collect())
}

fn only_writes(run: &Run) -> &'static str {
    if run.failures.is_empty() {
        "every statement selected writes; --allow-writes measures them, in transactions that are rolled back"
    } else {
        "some statements write (--allow-writes measures them), the others failed"
    }
}

fn print(format: Format, common: &Common, run: &Run, store: &RunStore) -> anyhow::Result<Exit> {
    let layout = listing::layout(common, Some(store.folder()));
    listing::print(&report::render(run, format, layout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_run_from_its_end_goes_before_what_it_is_compared_with() {
        let code = |ended, printed| both(ended, printed).ok();
        assert_eq!(
            code(Ok(Exit::Done), Ok(Exit::GateFailed)),
            Some(Exit::GateFailed)
        );
        assert_eq!(
            code(Ok(Exit::Failed), Ok(Exit::GateFailed)),
            Some(Exit::Failed)
        );
        assert_eq!(
            code(Ok(Exit::Interrupted), Ok(Exit::GateFailed)),
            Some(Exit::Interrupted)
        );
        assert_eq!(
            code(Ok(Exit::Interrupted), Err(anyhow!("unlike"))),
            Some(Exit::Interrupted)
        );
        assert_eq!(code(Ok(Exit::Done), Err(anyhow!("unlike"))), None);
        let error = both(Err(anyhow!("no server")), Err(anyhow!("unlike")));
        assert_eq!(error.unwrap_err().to_string(), "no server");
    }
}
