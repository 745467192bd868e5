//! Runs under way: one, or one for each version of the queues, on one server after the other.

use std::time::Instant;

use anyhow::{Context, anyhow};

use super::args::Common;
use super::interrupt::{Interrupted, Interrupts};
use super::server::{self, Choice};
use super::{exit, progress};
use crate::experiment::cost::Workload;
use crate::experiment::environment;
use crate::experiment::growth::judge_growth;
use crate::experiment::in_turns::{self, Side};
use crate::experiment::pace::Pace;
use crate::experiment::plans::{PlansExperiment, Request, record_subject_matter, save};
use crate::postgres::conninfo::redact;
use crate::postgres::workspace::Workspace;
use crate::run::comparison::ComparisonError;
use crate::run::event::Events;
use crate::run::store::{RunStore, StoreError};
use crate::run::{Failure, Run, RunKind, RunStatus};

/// One version of the queues: what is measured, and where it is kept.
#[derive(Debug)]
pub struct Version<'v> {
    /// What is measured.
    pub request: &'v Request,
    /// Where it is kept.
    pub store: &'v RunStore,
}

/// How measuring ended, where nothing went wrong with a server that could not be done without.
pub type Outcome = anyhow::Result<Result<(), Interrupted>>;

/// Runs under way.
pub struct Measuring<'m> {
    versions: Vec<Version<'m>>,
    /// One for each version, begun with the first server that starts.
    runs: Vec<Run>,
    workload: Workload,
    seed: Option<u64>,
    started: Instant,
    /// Servers that failed before there was a run to record them in.
    unstarted: Vec<Failure>,
    /// Judges a run that has measured nothing yet.
    check: Option<Box<Check<'m>>>,
}

/// Says why a run that has measured nothing yet need not be begun.
type Check<'m> = dyn Fn(&Run) -> anyhow::Result<()> + 'm;

impl<'m> Measuring<'m> {
    /// Nothing is measured yet. Where there are two versions, their samples are taken in turns; `workload` is what all of it asks of a
    /// server, `seed` what `--seed` says.
    #[must_use]
    pub fn new(versions: Vec<Version<'m>>, workload: Workload, seed: Option<u64>) -> Measuring<'m> {
        Measuring {
            versions,
            runs: Vec::new(),
            workload,
            seed,
            started: Instant::now(),
            unstarted: Vec::new(),
            check: None,
        }
    }

    /// Asks `check` before anything is measured, with the first server and all that is to be measured in the run.
    #[must_use]
    pub fn checked_by(mut self, check: impl Fn(&Run) -> anyhow::Result<()> + 'm) -> Measuring<'m> {
        self.check = Some(Box::new(check));
        self
    }

    /// Measures on one server after the other. One that fails does not take the others with it.
    ///
    /// # Errors
    /// If no server can be used, the only one fails, or the check does; what was found until then is kept.
    pub async fn on_each(&mut self, choices: &[Choice], common: &Common) -> Outcome {
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
                // Runs that must not be compared are not alike on another server either.
                Err(error) if choices.len() == 1 || error.is::<ComparisonError>() => {
                    return Err(error);
                }
                Err(error) => self.record_failure(choice, &error),
            }
        }
        match (self.runs.is_empty(), self.unstarted.first()) {
            (true, Some(failure)) => Err(anyhow!(
                "none of the servers could be used: {}",
                failure.message
            )),
            _ => Ok(Ok(())),
        }
    }

    /// Says in the runs how they ended, and keeps them. One for each version, or none where no server ever started.
    ///
    /// # Errors
    /// If a run folder cannot be written.
    pub fn finish(mut self, outcome: &Outcome) -> Result<Vec<Run>, StoreError> {
        for (run, version) in self.runs.iter_mut().zip(&self.versions) {
            run.status = match outcome {
                Ok(Ok(())) => RunStatus::Complete,
                Ok(Err(Interrupted)) => RunStatus::Interrupted,
                Err(_) => RunStatus::Failed,
            };
            judge_growth(run);
            save(run, version.store, self.started)?;
        }
        Ok(self.runs)
    }

    async fn measure(&mut self, workspace: &Workspace, events: &Events) -> anyhow::Result<()> {
        let server = environment::describe_server(workspace).await?;
        if self.runs.is_empty() {
            let environment = environment::describe(server, self.seed);
            let begun = self.versions.iter().map(|version| {
                let id = version.store.run_id();
                let mut run = Run::begin(id, RunKind::Plans, command(), environment.clone());
                run.failures.clone_from(&self.unstarted);
                let mut ids = self.versions.iter().map(|other| other.store.run_id());
                run.interleaved_with = ids.find(|other| *other != id).map(str::to_owned);
                run
            });
            let mut begun: Vec<Run> = begun.collect();
            if let Some(check) = &self.check {
                for (run, version) in begun.iter_mut().zip(&self.versions) {
                    record_subject_matter(version.request, run);
                    check(run)?;
                }
            }
            self.runs = begun;
        } else {
            for run in &mut self.runs {
                run.environment.other_servers.push(server.clone());
            }
        }
        let experiments = self.versions.iter().map(|version| PlansExperiment {
            workspace,
            request: version.request,
            store: version.store,
            started: self.started,
            events,
            pace: Pace::default(),
        });
        let experiments: Vec<PlansExperiment<'_>> = experiments.collect();
        let sides = experiments.iter().zip(&mut self.runs);
        let mut sides: Vec<Side<'_, '_>> = sides
            .map(|(experiment, run)| Side { experiment, run })
            .collect();
        Ok(in_turns::measure(&mut sides).await?)
    }

    fn record_failure(&mut self, choice: &Choice, error: &anyhow::Error) {
        let failure = told_failure(choice, error);
        if self.runs.is_empty() {
            self.unstarted.push(failure);
        } else {
            for run in &mut self.runs {
                run.failures.push(failure.clone());
            }
        }
    }
}

/// Says on stderr that a server failed; what a run records of it.
pub(super) fn told_failure(choice: &Choice, error: &anyhow::Error) -> Failure {
    let message = exit::message(error);
    progress::tell(&format!("failed: PostgreSQL {}: {message}", choice.name()));
    Failure::of_server(choice.name(), message)
}

/// The command line, for the run's record: without the passwords in it.
pub(super) fn command() -> Vec<String> {
    std::env::args_os()
        .map(|word| redact(&word.to_string_lossy()))
        .collect()
}
