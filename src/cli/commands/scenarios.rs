//! `scenarios`: list the scenarios, show one.

use super::listing;
use crate::cli::args::ScenariosAction;
use crate::cli::exit::Exit;
use crate::cli::selection;
use crate::definition::quantity::written_duration;
use crate::definition::{Library, Scenario};
use crate::units::Count;

/// Runs the command.
///
/// # Errors
/// If a scenario is unknown or its file cannot be read.
pub fn run(action: &ScenariosAction) -> anyhow::Result<Exit> {
    let library = Library::built_in();
    let text = match action {
        ScenariosAction::List => list(&library)?,
        ScenariosAction::Show { scenario } => show(&selection::scenario(&library, scenario)?),
    };
    listing::print(&text)
}

fn list(library: &Library) -> anyhow::Result<String> {
    let scenarios: Vec<Scenario> = library
        .scenario_names()
        .iter()
        .map(|name| selection::scenario(library, name))
        .collect::<anyhow::Result<_>>()?;
    let rows = scenarios.into_iter();
    Ok(listing::lines(
        rows.map(|scenario| [scenario.name, scenario.description]),
    ))
}

/// The file, and what it comes to with what it does not say.
fn show(scenario: &Scenario) -> String {
    let Scenario {
        source,
        fixture,
        rows,
        queue,
        duration,
        warmup,
        repeat,
        thresholds,
        workers,
        task,
        outcomes,
        settings,
        ..
    } = scenario;
    let jobs = rows.map_or("as the fixture says".to_owned(), |rows| {
        Count(rows).to_string()
    });
    let lasts = duration.map_or("until the queue is empty".to_owned(), written_duration);
    let place = match workers.processes {
        0 => "threads".to_owned(),
        1 => "1 process".to_owned(),
        more => format!("{more} processes"),
    };
    let or_none = |texts: Vec<String>| match texts.as_slice() {
        [] => "none".to_owned(),
        _ => texts.join(", "),
    };
    let thresholds = thresholds.iter().map(ToString::to_string).collect();
    let settings = settings.iter();
    let settings = settings.map(|(name, value)| format!("{name}={value}"));
    let facts = [
        ("queue", queue.clone()),
        ("fixture", fixture.clone()),
        ("jobs", jobs),
        ("lasts", lasts),
        ("warm-up", written_duration(*warmup)),
        ("repeat", Count(*repeat).to_string()),
        ("workers", format!("{} in {place}", Count(workers.count))),
        ("batch size", Count(workers.batch_size).to_string()),
        ("concurrency", Count(workers.concurrency).to_string()),
        ("poll interval", written_duration(workers.poll_interval)),
        ("flush interval", written_duration(workers.flush_interval)),
        ("completion", workers.completion.to_string()),
        ("listen", workers.listen.to_string()),
        ("task", task.to_string()),
        ("outcomes", outcomes.to_string()),
        ("settings", or_none(settings.collect())),
        ("thresholds", or_none(thresholds)),
    ];
    let lines = listing::lines(facts.map(|(what, value)| [what.to_owned(), value]));
    format!("# {}\n{}\n\n{lines}", source.path, source.text.trim_end())
}
