//! Two versions of queues measured in turns and compared: another version with this one, or every queue with itself.

use anyhow::Context;

use super::args::{Common, ComparePlans};
use super::commands::{compare_plans, listing};
use super::exit::{Exit, Usage};
use super::interrupt::Interrupted;
use super::measuring::{Measuring, Outcome, Version};
use super::{gate, progress, selection};
use crate::definition::{Library, Queue};
use crate::experiment::cost::Workload;
use crate::experiment::plans::Request;
use crate::report::{self, ComparisonFormat};
use crate::run::comparison::{Comparison, Options, compare};
use crate::run::self_check::SelfCheck;
use crate::run::store::{RunStore, baselines};
use crate::run::{Run, RunKind};
use crate::stats::change::LEAST_SAMPLES;

/// What stands before a revision.
const GIT: &str = "git:";

/// Measures this version of the queues and another, and prints how they compare.
///
/// # Errors
/// If the other version cannot be had, the server does not start, or a run folder cannot be written.
pub async fn run(arguments: &ComparePlans, common: &Common, other: &str) -> anyhow::Result<Exit> {
    let format = arguments.comparison_format()?;
    check(arguments, "--against")?;
    let queues = others(other, &arguments.what.queue)?;
    let second = compare_plans::request(arguments, common, LEAST_SAMPLES)?;
    let first = named_alike(queues, &second);
    tell_equal(&first, &second, other, common);
    let measured = match measure(arguments, common, [&first, &second]).await? {
        Ok(measured) => measured,
        Err(Interrupted) => return Ok(Exit::Interrupted),
    };
    let this = match arguments.what.queue.as_slice() {
        [one] => one.as_str(),
        _ => "the work tree",
    };
    let compared = measured.compare([other, this], &gate::options(&arguments.gate));
    let printed = compared.and_then(|comparison| {
        let layout = listing::layout(common, Some(measured.stores[1].folder()));
        listing::print(&report::render_comparison(&comparison, format, layout))?;
        Ok(gate::exit(&arguments.gate, &comparison))
    });
    compare_plans::both(measured.ended(), printed)
}

/// Measures every queue against itself, and prints how often a comparison would have cried wolf.
///
/// # Errors
/// If the server does not start, or a run folder cannot be written.
pub async fn self_check(arguments: &ComparePlans, common: &Common) -> anyhow::Result<Exit> {
    let format = arguments.comparison_format()?;
    if !matches!(format, ComparisonFormat::Table | ComparisonFormat::Json) {
        let message = "--self-check prints a table, or JSON with --json";
        return Err(Usage(message.to_owned()).into());
    }
    check(arguments, "--self-check")?;
    let request = compare_plans::request(arguments, common, LEAST_SAMPLES)?;
    let measured = match measure(arguments, common, [&request, &request]).await? {
        Ok(measured) => measured,
        Err(Interrupted) => return Ok(Exit::Interrupted),
    };
    let compared = measured.compare(["the first", "the second"], &Options::default());
    let printed = compared.and_then(|comparison| {
        let found = SelfCheck::of(&comparison, measured.least_samples());
        print_self_check(&found, format, common)?;
        Ok(if found.counts.alarms > 0 {
            Exit::GateFailed
        } else if found.cries_wolf() {
            Exit::Inconclusive
        } else {
            Exit::Done
        })
    });
    compare_plans::both(measured.ended(), printed)
}

fn print_self_check(
    found: &SelfCheck,
    format: ComparisonFormat,
    common: &Common,
) -> anyhow::Result<Exit> {
    let text = if format == ComparisonFormat::Json {
        serde_json::to_string_pretty(found).context("cannot print the self-check")? + "\n"
    } else {
        report::render_self_check(found, listing::layout(common, None))
    };
    listing::print(&text)
}

/// What does not go together with two versions in turns.
fn check(arguments: &ComparePlans, option: &str) -> Result<(), Usage> {
    let place = &arguments.one_database;
    let within = [
        (place.in_schema.is_some(), "--in-schema"),
        (place.in_place, "--in-place"),
    ];
    if let Some((_, within)) = within.into_iter().find(|(given, _)| *given) {
        return Err(Usage(format!(
            "{option} cannot be used with {within}: two versions measured in turns need a database each"
        )));
    }
    if arguments.samples < LEAST_SAMPLES as u64 {
        return Err(Usage(format!(
            "{option} compares times, which takes {LEAST_SAMPLES} samples of each plan: --samples {} is too few",
            arguments.samples
        )));
    }
    Ok(())
}

/// The other version of each queue that is named.
fn others(other: &str, named: &[String]) -> anyhow::Result<Vec<Queue>> {
    let library = Library::built_in();
    match (other.strip_prefix(GIT), named) {
        (_, []) => Err(Usage(format!(
            "--against {other}: of which queue? Name it with --queue"
        ))
        .into()),
        (Some(revision), named) => named
            .iter()
            .map(|name| selection::queue_at_revision(&library, name, revision))
            .collect(),
        (None, [_]) => Ok(vec![selection::queue(&library, other)?]),
        (None, [_, _, ..]) => Err(Usage(format!(
            "--against {other} is another version of one queue: name one with --queue, or a revision with git:REV"
        ))
        .into()),
    }
}

/// The same as `request` asks for, of other versions of its queues. They go by the names of those, so that results correspond and
/// equal tables are filled once.
fn named_alike(mut others: Vec<Queue>, request: &Request) -> Request {
    for (other, queue) in others.iter_mut().zip(&request.queues) {
        other.name.clone_from(&queue.name);
    }
    Request {
        queues: others,
        ..request.clone()
    }
}

/// Says on stderr which queues are the same in both versions: a forgotten commit, or a wrong folder.
fn tell_equal(first: &Request, second: &Request, other: &str, common: &Common) {
    let pairs = first.queues.iter().zip(&second.queues);
    for (_, queue) in pairs.filter(|(one, queue)| one.digest() == queue.digest()) {
        if !common.quiet {
            let name = &queue.name;
            progress::tell(&format!(
                "warning: {name} is the same in {other}: there is nothing to find"
            ));
        }
    }
}

/// Two versions, measured as far as measuring came.
struct Measured {
    outcome: Outcome,
    runs: [Run; 2],
    stores: [RunStore; 2],
}

/// Measures two versions in turns; the first is what the second is judged by.
async fn measure(
    arguments: &ComparePlans,
    common: &Common,
    versions: [&Request; 2],
) -> anyhow::Result<Result<Measured, Interrupted>> {
    let choices = compare_plans::choices(arguments, common, false)?;
    let create = || RunStore::create(&arguments.out, RunKind::Plans, jiff::Timestamp::now());
    // In this order: `latest` is to be the version that is judged.
    let stores = [create()?, create()?];
    let both = versions.iter().zip(&stores);
    let both = both.map(|(request, store)| Version { request, store });
    let workload = Workload::in_turns(
        versions.map(|request| request.queues.as_slice()),
        &versions[1].fixtures,
        &versions[1].selection,
    );
    let seed = arguments.what.scale.seed;
    let mut measuring = Measuring::new(both.collect(), workload, seed);
    let outcome = measuring.on_each(&choices, common).await;
    let runs = measuring.finish(&outcome)?;
    let Ok(runs) = <[Run; 2]>::try_from(runs) else {
        // No server ever started.
        outcome?.ok();
        return Ok(Err(Interrupted));
    };
    if !common.quiet {
        let [first, second] = stores.each_ref().map(|store| store.folder().display());
        progress::tell(&format!("kept: {first} and {second}"));
    }
    let is_empty = runs.iter().all(|run| run.results.is_empty());
    if is_empty && matches!(outcome, Ok(Err(Interrupted))) {
        // It was stopped before there was anything to compare.
        return Ok(Err(Interrupted));
    }
    Ok(Ok(Measured {
        outcome,
        runs,
        stores,
    }))
}

impl Measured {
    fn compare(&self, names: [&str; 2], options: &Options) -> anyhow::Result<Comparison> {
        let [first, second] = [0, 1]
            .map(|side: usize| baselines::of_run(&self.runs[side], self.stores[side].folder()));
        Ok(compare((names[0], &first), (names[1], &second), options)?)
    }

    /// The fewest samples of a plan.
    fn least_samples(&self) -> usize {
        let results = self.runs.iter().flat_map(|run| &run.results);
        let samples = results.map(|result| result.execution_ms.n);
        samples.min().unwrap_or(0)
    }

    /// How the runs ended by themselves.
    fn ended(self) -> anyhow::Result<Exit> {
        compare_plans::ended(self.outcome, &self.runs)
    }
}
