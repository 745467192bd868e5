//! `compare`: two saved runs, or a baseline and a run, side by side.

use std::path::Path;

use super::listing;
use crate::cli::args::{Common, Compare};
use crate::cli::exit::{Exit, Usage};
use crate::cli::{gate, progress};
use crate::report::{self, ComparisonFormat};
use crate::run::baseline::Baseline;
use crate::run::comparison::drains::{JobTolerances, compare_drains};
use crate::run::comparison::{Options, compare};
use crate::run::store::baselines::{self, BaselineError, Kept};
use crate::run::store::names::{BASELINES, NameError, Places};
use crate::run::{RunKind, ThroughputRun};
use crate::units::counted;

/// Runs the command.
///
/// # Errors
/// If one of the two cannot be found or read, or they must not be compared.
pub fn run(arguments: &Compare, common: &Common) -> anyhow::Result<Exit> {
    let places = places(&arguments.runs_folder.out);
    let paths =
        [&arguments.first, &arguments.second].map(|name| places.find(name).map_err(as_usage));
    let [first, second] = paths;
    match [drains(&first?)?, drains(&second?)?] {
        [Some(first), Some(second)] => return of_drains(arguments, common, [&first, &second]),
        [None, None] => {}
        [one, _] => {
            // What could not be read as drains says why when it is read as plans.
            let other = if one.is_none() {
                &arguments.first
            } else {
                &arguments.second
            };
            read(&places, other)?;
            return Err(Usage(format!(
                "{} and {} are of different kinds, plans and drains: name two runs of one command",
                arguments.first, arguments.second
            ))
            .into());
        }
    }
    gate::check(&arguments.gate, RunKind::Plans)?;
    let first = read(&places, &arguments.first)?;
    let second = read(&places, &arguments.second)?;
    let (one, other) = (first.baseline(), second.baseline());
    tell_lost_plans(&arguments.first, one, common);
    tell_lost_plans(&arguments.second, other, common);
    let options = Options {
        first_is_baseline: matches!(first, Kept::Baseline(_)),
        ..gate::options(&arguments.gate)
    };
    let comparison = compare(
        (&arguments.first, one),
        (&arguments.second, other),
        &options,
    )?;
    let layout = listing::layout(common, None);
    let text = report::render_comparison(&comparison, arguments.format(), layout);
    listing::print(&text)?;
    Ok(gate::exit(&arguments.gate, &comparison))
}

/// Two runs of drains.
fn of_drains(
    arguments: &Compare,
    common: &Common,
    [first, second]: [&ThroughputRun; 2],
) -> anyhow::Result<Exit> {
    gate::check(&arguments.gate, RunKind::Throughput)?;
    let format = arguments.format();
    if format == ComparisonFormat::Junit {
        let message =
            "--format junit is for plans: runs of throughput compare as table, json or markdown";
        return Err(Usage(message.to_owned()).into());
    }
    let comparison = compare_drains(
        (&arguments.first, first),
        (&arguments.second, second),
        JobTolerances::with(&arguments.gate.tolerance),
        &gate::options(&arguments.gate),
    )?;
    let layout = listing::layout(common, None);
    listing::print(&report::render_drain_comparison(
        &comparison,
        format,
        layout,
    ))?;
    Ok(gate::exit_of_drains(&arguments.gate, &comparison))
}

/// The run of drains at a path; none where there is something else, or nothing that can be read: reading it as plans says what.
pub(super) fn drains(path: &Path) -> anyhow::Result<Option<ThroughputRun>> {
    match baselines::read_drains(path) {
        Ok(run) => Ok(run),
        Err(error @ BaselineError::Running { .. }) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// Where names of runs and baselines are looked up.
pub(super) fn places(out: &Path) -> Places<'_> {
    Places {
        out,
        baselines: Path::new(BASELINES),
    }
}

/// Finds and reads a run or a baseline.
///
/// # Errors
/// If nothing has that name (usage), or what has it cannot be read.
pub(super) fn read(places: &Places<'_>, name: &str) -> anyhow::Result<Kept> {
    let path = places.find(name).map_err(as_usage)?;
    Ok(baselines::read(&path)?)
}

/// A name that stands for nothing is a mistake on the command line; a folder that cannot be read is none.
pub(super) fn as_usage(error: NameError) -> anyhow::Error {
    match error {
        NameError::Read { .. } => error.into(),
        _ => Usage(error.to_string()).into(),
    }
}

/// Says on stderr that plans of a run cannot be compared node by node.
pub(super) fn tell_lost_plans(name: &str, baseline: &Baseline, common: &Common) {
    let lost = baseline.plans_lost();
    if lost > 0 && !common.quiet {
        let plans = counted(lost, "plan");
        let (are, their) = if lost == 1 {
            ("is", "its")
        } else {
            ("are", "their")
        };
        progress::tell(&format!(
            "warning: {plans} of {name} {are} lost or damaged: {their} nodes are not compared, {their} counts are"
        ));
    }
}
