//! `compare-plans`: measure every statement's plan on every fixture.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use anyhow::Context;

use crate::cli::args::{Color, Common, ComparePlans};
use crate::cli::exit::Exit;
use crate::cli::interrupt::{Interrupted, Interrupts};
use crate::cli::{progress, selection, server};
use crate::definition::Library;
use crate::experiment::environment;
use crate::experiment::plans::{PlansExperiment, Request};
use crate::explain::sample::Sampling;
use crate::postgres::managed::Managed;
use crate::report::{self, Layout};
use crate::run::store::RunStore;
use crate::run::{FORMAT_VERSION, Run, RunKind, RunStatus, Timing};

/// Off a terminal there is no width to fit: as wide as most editors and CI logs show.
const WIDTH_OFF_TERMINAL: usize = 160;

/// Runs the command.
///
/// # Errors
/// If nothing could be measured.
pub async fn run(arguments: &ComparePlans, common: &Common) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let selected = selection::select(&Library::built_in(), &arguments.what)?;
    let options = server::managed_options(common, "compare-plans")?;
    let request = Request {
        queues: selected.queues,
        fixtures: selected.fixtures,
        selection: selected.selection,
        sampling: Sampling {
            samples: usize::try_from(arguments.samples).unwrap_or(usize::MAX),
            budget: arguments.budget,
        },
    };
    // Before any work: a place that cannot be written is known at once.
    let store = RunStore::create(&arguments.out, RunKind::Plans, jiff::Timestamp::now())?;
    let interrupts = Interrupts::listen().context("cannot listen for signals")?;
    let events = progress::listener(common.quiet);
    let started_server = interrupts
        .unless_interrupted(Managed::start(&options, &events))
        .await;
    let managed = match started_server {
        Ok(managed) => managed?,
        Err(Interrupted) => return Ok(Exit::Interrupted),
    };
    let experiment = PlansExperiment {
        managed: &managed,
        request: &request,
        store: &store,
        started,
        events: &events,
    };
    let outcome = measure(arguments, common, &experiment, &interrupts).await;
    managed.stop().await;
    outcome
}

async fn measure(
    arguments: &ComparePlans,
    common: &Common,
    experiment: &PlansExperiment<'_>,
    interrupts: &Interrupts,
) -> anyhow::Result<Exit> {
    let PlansExperiment { managed, store, .. } = experiment;
    let client = managed.databases().session();
    let mut run = Run {
        format_version: FORMAT_VERSION,
        run_id: store.run_id().to_owned(),
        kind: RunKind::Plans,
        status: RunStatus::Running,
        command: std::env::args().collect(),
        environment: environment::describe(
            client,
            managed.profile().name,
            arguments.what.scale.seed,
        )
        .await?,
        timing: Timing::default(),
        peak_rss_bytes: 0,
        results: Vec::new(),
        failures: Vec::new(),
    };
    let outcome = interrupts
        .unless_interrupted(experiment.measure(&mut run))
        .await;
    run.status = match &outcome {
        Ok(Ok(())) => RunStatus::Complete,
        Ok(Err(_)) => RunStatus::Failed,
        Err(Interrupted) => RunStatus::Interrupted,
    };
    experiment.save(&mut run)?;
    print(arguments, common, &run, store)?;
    match outcome {
        Err(Interrupted) => Ok(Exit::Interrupted),
        Ok(Err(error)) => Err(error.into()),
        Ok(Ok(())) if run.failures.is_empty() => Ok(Exit::Done),
        Ok(Ok(())) => Ok(Exit::Failed),
    }
}

fn print(
    arguments: &ComparePlans,
    common: &Common,
    run: &Run,
    store: &RunStore,
) -> anyhow::Result<()> {
    let stdout = std::io::stdout();
    let terminal = stdout.is_terminal();
    let color = match common.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    };
    let width = if terminal { terminal_width() } else { None }.unwrap_or(WIDTH_OFF_TERMINAL);
    let layout = Layout {
        width,
        color,
        folder: Some(store.folder()),
    };
    let text = report::render(run, arguments.format(), layout);
    match stdout.lock().write_all(text.as_bytes()) {
        // Whoever reads the output may have seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot print the results"),
    }
}

fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}
