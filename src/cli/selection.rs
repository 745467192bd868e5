//! Names on the command line turned into queues, fixtures and scenarios.

use std::collections::BTreeSet;

use super::args::{ScaleOptions, What};
use super::exit::Usage;
use super::progress;
use crate::definition::fixture::Scale;
use crate::definition::{
    DefinitionError, Fixture, Library, LibraryError, Operation, Queue, Scenario,
};
use crate::experiment::selection::Selection;
use crate::run::thresholds;

/// The queues measured unless others are named.
const DEFAULT_QUEUES: &[&str] = &["status-partial", "durable-steps"];

/// The fixtures measured unless others are named.
const DEFAULT_FIXTURES: &[&str] = &["heavy-single-queue", "many-queues-sparse", "with-steps"];

/// What was asked for, found.
#[derive(Debug)]
pub struct Selected {
    /// The queues.
    pub queues: Vec<Queue>,
    /// The fixtures, scaled.
    pub fixtures: Vec<Fixture>,
    /// Which of the queues' statements.
    pub selection: Selection,
    /// What is probably a slip in a file, and does not stop the work.
    warnings: Vec<DefinitionError>,
}

/// Finds what the options name, the fixtures made as large as `scale` says.
///
/// # Errors
/// Unknown names and patterns that match nothing (usage), files that cannot be read or parsed.
pub fn select(library: &Library, what: &What, scale: ScaleOptions) -> anyhow::Result<Selected> {
    let queue_names = names(
        &what.queue,
        what.all,
        &library.queue_names(),
        DEFAULT_QUEUES,
    );
    let fixture_names = names(
        &what.fixture,
        what.all,
        &library.fixture_names(),
        DEFAULT_FIXTURES,
    );
    let queues: Vec<Queue> = queue_names
        .iter()
        .map(|name| queue(library, name))
        .collect::<anyhow::Result<_>>()?;
    let fixtures: Vec<Fixture> = fixture_names
        .iter()
        .map(|name| fixture(library, name, scale))
        .collect::<anyhow::Result<_>>()?;
    selected(queues, fixtures, what)
}

/// Finds what the options name, to be measured on tables that are there already.
///
/// # Errors
/// Unknown names and patterns that match nothing (usage), files that cannot be read or parsed.
pub fn select_in_place(library: &Library, what: &What) -> anyhow::Result<Selected> {
    let queues = what
        .queue
        .iter()
        .map(|name| library.queue_in_place(name).map_err(as_usage))
        .collect::<anyhow::Result<_>>()?;
    selected(queues, vec![Fixture::in_place()], what)
}

fn selected(queues: Vec<Queue>, fixtures: Vec<Fixture>, what: &What) -> anyhow::Result<Selected> {
    let every = what.all && what.operation.is_empty();
    let operations = if every {
        Operation::ALL.to_vec()
    } else {
        what.operation.clone()
    };
    // A pattern on the command line goes before what a fixture is about.
    let listed = fixtures.iter().filter(|_| what.variant.is_empty());
    let warnings = listed
        .flat_map(|fixture| fixture.passed_over(&queues))
        .collect();
    let selected = Selected {
        queues,
        fixtures,
        warnings,
        selection: Selection {
            operations,
            variants: what.variant.clone(),
        },
    };
    selected.check(what)?;
    Ok(selected)
}

/// Finds a queue by name or path.
///
/// # Errors
/// If it is unknown (usage), or its files cannot be read or parsed.
pub fn queue(library: &Library, name: &str) -> anyhow::Result<Queue> {
    library.queue(name).map_err(as_usage)
}

/// Finds a queue by its path, as a revision of its git repository has it.
///
/// # Errors
/// If there is no such path or revision, or its files there cannot be read or parsed.
pub fn queue_at_revision(library: &Library, name: &str, revision: &str) -> anyhow::Result<Queue> {
    let found = library.queue_at_revision(name, revision);
    found.map_err(as_usage)
}

/// Finds a fixture by name or path and scales it.
///
/// # Errors
/// If it is unknown (usage), or its file cannot be read or parsed.
pub fn fixture(library: &Library, name: &str, scale: ScaleOptions) -> anyhow::Result<Fixture> {
    let ScaleOptions {
        quick, rows, seed, ..
    } = scale;
    Ok(library
        .fixture(name)
        .map_err(as_usage)?
        .scaled(Scale { quick, rows, seed }))
}

/// Finds a scenario by name or path.
///
/// # Errors
/// If it is unknown (usage), its file cannot be read or parsed, or a threshold names a metric that does not exist.
pub fn scenario(library: &Library, name: &str) -> anyhow::Result<Scenario> {
    let scenario = library.scenario(name).map_err(as_usage)?;
    thresholds::check_scenario(&scenario)?;
    Ok(scenario)
}

/// The queues to build a fixture for.
#[must_use]
pub fn queues_or_default(given: &[String]) -> Vec<String> {
    names(given, false, &[], DEFAULT_QUEUES)
}

fn names(given: &[String], all: bool, every: &[&str], default: &[&str]) -> Vec<String> {
    let chosen = if all { every } else { default };
    if given.is_empty() {
        chosen.iter().map(|name| (*name).to_owned()).collect()
    } else {
        given.to_vec()
    }
}

fn as_usage(error: LibraryError) -> anyhow::Error {
    if error.is_wrong_name() {
        Usage(error.to_string()).into()
    } else {
        error.into()
    }
}

impl Selected {
    /// Says on stderr what is probably a slip, unless only errors are to be said.
    pub fn tell_warnings(&self, quiet: bool) {
        for warning in self.warnings.iter().filter(|_| !quiet) {
            progress::tell(&format!("warning: {warning}"));
        }
    }

    /// Results are told apart by name, and a pattern that matches nothing is more likely a slip than a wish.
    fn check(&self, what: &What) -> anyhow::Result<()> {
        let queues = self
            .queues
            .iter()
            .map(|queue| ("queues", queue.name.as_str()));
        let fixtures = self
            .fixtures
            .iter()
            .map(|fixture| ("fixtures", fixture.name.as_str()));
        let mut seen = BTreeSet::new();
        if let Some((kind, name)) = queues.chain(fixtures).find(|named| !seen.insert(*named)) {
            let message = format!(
                "two of the {kind} are named `{name}`: name each once, or rename one of the folders"
            );
            return Err(Usage(message).into());
        }
        let files = || self.queues.iter().flat_map(|queue| &queue.statements);
        let known: Vec<&str> = files()
            .flat_map(|file| &file.variants)
            .map(|variant| variant.name.as_str())
            .collect();
        for pattern in &what.variant {
            if !known.iter().any(|name| pattern.matches(name)) {
                let hint = crate::definition::nearest(pattern.as_str(), known.iter().copied());
                let hint = hint.map_or(String::new(), |name| format!("; did you mean `{name}`?"));
                return Err(Usage(format!(
                    "no variant matches `{pattern}`{hint} (see `pgq-analyze queues show QUEUE`)"
                ))
                .into());
            }
        }
        let some = self.queues.iter().any(|queue| {
            self.fixtures
                .iter()
                .any(|fixture| !self.selection.subjects(queue, fixture).is_empty())
        });
        if !some {
            let reason = match self.warnings.first() {
                Some(slip) => slip.to_string(),
                None => "no statement of these queues fits --operation and --variant".to_owned(),
            };
            return Err(Usage(format!("nothing to measure: {reason}")).into());
        }
        Ok(())
    }
}
