//! `compare-plans`: measure every statement's plan on every fixture.

use std::time::Instant;

use anyhow::{Context, anyhow};

use super::listing;
use crate::cli::args::{Common, ComparePlans};
use crate::cli::exit::{self, Exit};
use crate::cli::interrupt::{Interrupted, Interrupts};
use crate::cli::server::{self, Choice};
use crate::cli::{one_database, progress, selection};
use crate::definition::Library;
use crate::experiment::cost::Workload;
use crate::experiment::environment;
use crate::experiment::plans::{PlansExperiment, Request, save};
use crate::explain::sample::Sampling;
use crate::postgres::conninfo::redact;
use crate::postgres::workspace::Workspace;
use crate::report::{self, Format};
use crate::run::event::Events;
use crate::run::store::RunStore;
use crate::run::{Failure, Run, RunKind, RunStatus};

/// Runs the command.
///
/// # Errors
/// If the server does not start, or the run folder cannot be written.
pub async fn run(arguments: &ComparePlans, common: &Common) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let in_place = one_database::in_place(&arguments.one_database, common)?;
    let library = Library::built_in();
    let scale = arguments.what.scale.on_server(server::is_given(common)?);
    let selected = match in_place {
        Some(_) => selection::select_in_place(&library, &arguments.what)?,
        None => selection::select(&library, &arguments.what, scale)?,
    };
    selected.tell_warnings(common.quiet);
    let request = Request {
        queues: selected.queues,
        fixtures: selected.fixtures,
        selection: selected.selection,
        sampling: Sampling {
            samples: usize::try_from(arguments.samples).unwrap_or(usize::MAX),
            budget: arguments.budget,
        },
        in_place,
    };
    let workload = one_database::workload(&request);
    let mut choices = server::choices(common, "compare-plans")?;
    let schema = arguments.one_database.in_schema.as_ref();
    if in_place.is_some() || schema.is_some() {
        choices = choices
            .into_iter()
            .map(|choice| choice.within_one_database(schema))
            .collect();
    }
    // Outputs are opened first: a run is not lost for want of a place to keep it.
    let store = RunStore::create(&arguments.out, RunKind::Plans, jiff::Timestamp::now())?;
    let mut comparison = Comparison {
        request: &request,
        workload,
        seed: arguments.what.scale.seed,
        store: &store,
        started,
        run: None,
        unstarted: Vec::new(),
    };
    let outcome = comparison.on_each(&choices, common).await;
    let Some(mut run) = comparison.run else {
        return outcome.map(|_| Exit::Interrupted);
    };
    run.status = match &outcome {
        Ok(Ok(())) => RunStatus::Complete,
        Ok(Err(Interrupted)) => RunStatus::Interrupted,
        Err(_) => RunStatus::Failed,
    };
    save(&mut run, &store, started)?;
    print(arguments.format()?, common, &run, &store)?;
    match outcome? {
        Err(Interrupted) => Ok(Exit::Interrupted),
        Ok(()) if run.results.is_empty() && !run.skipped.is_empty() => {
            Err(anyhow!("nothing was measured: {}", only_writes(&run)))
        }
        Ok(()) if run.failures.is_empty() => Ok(Exit::Done),
        Ok(()) => Ok(Exit::Failed),
    }
}

fn only_writes(run: &Run) -> &'static str {
    if run.failures.is_empty() {
        "every statement selected writes; --allow-writes measures them, in transactions that are rolled back"
    } else {
        "some statements write (--allow-writes measures them), the others failed"
    }
}

/// One run on one or several servers.
struct Comparison<'c> {
    request: &'c Request,
    workload: Workload,
    seed: Option<u64>,
    store: &'c RunStore,
    started: Instant,
    /// Begun with the first server that starts.
    run: Option<Run>,
    /// Servers that failed before there was a run to record them in.
    unstarted: Vec<Failure>,
}

impl Comparison<'_> {
    /// Measures on one server after the other. One that fails does not take the others with it.
    async fn on_each(
        &mut self,
        choices: &[Choice],
        common: &Common,
    ) -> anyhow::Result<Result<(), Interrupted>> {
        let interrupts = Interrupts::listen().context("cannot listen for signals")?;
        let events = progress::listener(common.quiet);
        let workload = self.workload.clone();
        for choice in choices {
            let work = async |workspace: &Workspace, events: &Events| {
                self.measure(workspace, events).await
            };
            match server::on_server(choice, &interrupts, &events, &workload, work).await {
                Ok(Ok(())) => {}
                Ok(Err(interrupted)) => return Ok(Err(interrupted)),
                Err(error) if choices.len() == 1 => return Err(error),
                Err(error) => self.record_failure(choice, &error),
            }
        }
        match (&self.run, self.unstarted.first()) {
            (None, Some(failure)) => Err(anyhow!(
                "none of the servers could be used: {}",
                failure.message
            )),
            _ => Ok(Ok(())),
        }
    }

    async fn measure(&mut self, workspace: &Workspace, events: &Events) -> anyhow::Result<()> {
        let server = environment::describe_server(workspace).await?;
        let run = match &mut self.run {
            Some(run) => {
                run.environment.other_servers.push(server);
                run
            }
            None => {
                let environment = environment::describe(server, self.seed);
                let mut run =
                    Run::begin(self.store.run_id(), RunKind::Plans, command(), environment);
                run.failures.append(&mut self.unstarted);
                self.run.insert(run)
            }
        };
        let experiment = PlansExperiment {
            workspace,
            request: self.request,
            store: self.store,
            started: self.started,
            events,
        };
        Ok(experiment.measure(run).await?)
    }

    fn record_failure(&mut self, choice: &Choice, error: &anyhow::Error) {
        let message = exit::message(error);
        progress::tell(&format!("failed: PostgreSQL {}: {message}", choice.name()));
        let failures = self
            .run
            .as_mut()
            .map_or(&mut self.unstarted, |run| &mut run.failures);
        failures.push(Failure {
            postgres: choice.name(),
            queue: None,
            fixture: None,
            statement: None,
            variant: None,
            message,
        });
    }
}

/// The command line, for the run's record: without the passwords in it.
fn command() -> Vec<String> {
    std::env::args_os()
        .map(|word| redact(&word.to_string_lossy()))
        .collect()
}

fn print(format: Format, common: &Common, run: &Run, store: &RunStore) -> anyhow::Result<Exit> {
    let layout = listing::layout(common, Some(store.folder()));
    listing::print(&report::render(run, format, layout))
}
