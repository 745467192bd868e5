//! `compare-plans`: measure every statement's plan on every fixture.

use std::io::IsTerminal;
use std::time::Instant;

use super::listing;
use crate::cli::args::{Color, Common, ComparePlans};
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupted;
use crate::cli::{selection, server};
use crate::definition::Library;
use crate::experiment::environment;
use crate::experiment::plans::{PlansExperiment, Request, save};
use crate::explain::sample::Sampling;
use crate::report::{self, Layout};
use crate::run::store::RunStore;
use crate::run::{Run, RunKind, RunStatus};

/// Off a terminal there is no width to fit: as wide as most editors and CI logs show.
const WIDTH_OFF_TERMINAL: usize = 160;

/// Runs the command.
///
/// # Errors
/// If the server does not start, or the run folder cannot be written.
pub async fn run(arguments: &ComparePlans, common: &Common) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let selected = selection::select(&Library::built_in(), &arguments.what)?;
    let request = Request {
        queues: selected.queues,
        fixtures: selected.fixtures,
        selection: selected.selection,
        sampling: Sampling {
            samples: usize::try_from(arguments.samples).unwrap_or(usize::MAX),
            budget: arguments.budget,
        },
    };
    // Outputs are opened first: a run is not lost for want of a place to keep it.
    let store = RunStore::create(&arguments.out, RunKind::Plans, jiff::Timestamp::now())?;
    let mut begun = None;
    let outcome = server::with_server(common, "compare-plans", async |managed, events| {
        let client = managed.databases().session();
        let seed = arguments.what.scale.seed;
        let environment = environment::describe(client, managed.profile().name, seed).await?;
        let command = std::env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let run = begun.insert(Run::begin(
            store.run_id(),
            RunKind::Plans,
            command,
            environment,
        ));
        let (request, store) = (&request, &store);
        let experiment = PlansExperiment {
            managed,
            request,
            store,
            started,
            events,
        };
        Ok(experiment.measure(run).await?)
    })
    .await;
    let Some(mut run) = begun else {
        return outcome.map(|_| Exit::Interrupted);
    };
    run.status = match &outcome {
        Ok(Ok(())) => RunStatus::Complete,
        Ok(Err(Interrupted)) => RunStatus::Interrupted,
        Err(_) => RunStatus::Failed,
    };
    save(&mut run, &store, started)?;
    print(arguments, common, &run, &store)?;
    match outcome? {
        Err(Interrupted) => Ok(Exit::Interrupted),
        Ok(()) if run.failures.is_empty() => Ok(Exit::Done),
        Ok(()) => Ok(Exit::Failed),
    }
}

fn print(
    arguments: &ComparePlans,
    common: &Common,
    run: &Run,
    store: &RunStore,
) -> anyhow::Result<Exit> {
    let terminal = std::io::stdout().is_terminal();
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let color = match common.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && !no_color,
    };
    let width = terminal
        .then(terminal_width)
        .flatten()
        .unwrap_or(WIDTH_OFF_TERMINAL);
    let layout = Layout {
        width,
        color,
        folder: Some(store.folder()),
    };
    listing::print(&report::render(run, arguments.format(), layout))
}

fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}
