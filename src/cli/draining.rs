//! A throughput run under way, on one server after the other.

use std::time::Instant;

use anyhow::{Context, anyhow};

use super::args::Common;
use super::interrupt::{Interrupted, Interrupts};
use super::measuring::{Outcome, command, told_failure};
use super::progress;
use super::server::{self, Choice};
use crate::definition::scenario::plan::Plan;
use crate::experiment::cost::Workload;
use crate::experiment::environment;
use crate::experiment::plans::save;
use crate::experiment::throughput::{
    DrainOptions, Heard, Stop, ThroughputExperiment, record_subject_matter,
};
use crate::postgres::workspace::Workspace;
use crate::run::event::Events;
use crate::run::store::{RunStore, StoreError};
use crate::run::{Failure, Run, RunKind, RunStatus, ThroughputRun};

/// A throughput run under way.
#[derive(Debug)]
pub struct Draining<'d> {
    plan: &'d Plan,
    options: &'d DrainOptions,
    store: &'d RunStore,
    seed: Option<u64>,
    started: Instant,
    /// Begun with the first server that starts.
    run: Option<ThroughputRun>,
    /// Servers that failed before there was a run to record them in.
    unstarted: Vec<Failure>,
}

impl<'d> Draining<'d> {
    /// Nothing is drained yet; `seed` is what `--seed` says.
    #[must_use]
    pub fn new(
        plan: &'d Plan,
        options: &'d DrainOptions,
        store: &'d RunStore,
        seed: Option<u64>,
    ) -> Draining<'d> {
        Draining {
            plan,
            options,
            store,
            seed,
            started: Instant::now(),
            run: None,
            unstarted: Vec::new(),
        }
    }

    /// Drains on one server after the other. One that fails does not take the others with it. The first signal asks workers to finish what
    /// they hold, further ones end the run a little sooner each ([`Stop`]).
    ///
    /// # Errors
    /// If no server can be used, or the only one fails; what was found until then is kept.
    pub async fn on_each(&mut self, choices: &[Choice], common: &Common) -> Outcome {
        let interrupts = Interrupts::listen().context("cannot listen for signals")?;
        let events = progress::listener(common.quiet);
        let pieces = self.plan.queues.iter();
        let drains = self.plan.drains().len() as u64 / self.plan.queues.len().max(1) as u64;
        let pieces = pieces.map(|queue| Workload::copying(queue, &self.plan.fixture, drains));
        let workload = Workload {
            pieces: pieces.flat_map(|one| one.pieces).collect(),
            besides: Vec::new(),
        };
        let stop = Stop::default();
        for choice in choices {
            let work = async |workspace: &Workspace, events: &Events| {
                let drained = self.drain(workspace, events, &stop);
                let ask = || told(stop.ask());
                interrupts.asking_first(drained, ask).await
            };
            let done = server::on_server_heeding(choice, &interrupts, &events, &workload, work);
            match done.await {
                Ok(Ok(())) if stop.is_asked() => return Ok(Err(Interrupted)),
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

    /// Says in the run how it ended, and keeps it, if the run folder can be written: it is given back either way. None where no server
    /// ever started.
    pub fn finish(mut self, outcome: &Outcome) -> (Option<ThroughputRun>, Result<(), StoreError>) {
        let kept = self.run.as_mut().map_or(Ok(()), |run| {
            run.status = match outcome {
                Ok(Ok(())) => RunStatus::Complete,
                Ok(Err(Interrupted)) => RunStatus::Interrupted,
                Err(_) => RunStatus::Failed,
            };
            save(run, self.store, self.started)
        });
        (self.run, kept)
    }

    async fn drain(
        &mut self,
        workspace: &Workspace,
        events: &Events,
        stop: &Stop,
    ) -> anyhow::Result<()> {
        let server = environment::describe_server(workspace).await?;
        let run = match &mut self.run {
            Some(run) => {
                run.environment.other_servers.push(server);
                run
            }
            None => {
                let environment = environment::describe(server, self.seed);
                let id = self.store.run_id();
                let mut run = Run::begin(id, RunKind::Throughput, command(), environment);
                run.failures.clone_from(&self.unstarted);
                record_subject_matter(self.plan, &mut run);
                self.run.insert(run)
            }
        };
        let experiment = ThroughputExperiment {
            workspace,
            plan: self.plan,
            options: self.options,
            store: self.store,
            started: self.started,
            events,
            stop,
        };
        Ok(experiment.run(run).await?)
    }

    fn record_failure(&mut self, choice: &Choice, error: &anyhow::Error) {
        let failure = told_failure(choice, error);
        match &mut self.run {
            Some(run) => run.failures.push(failure),
            None => self.unstarted.push(failure),
        }
    }
}

/// Tells what a signal ends; whether anybody heard it.
fn told(heard: Heard) -> bool {
    let what = match heard {
        Heard::Workers => {
            "stopping: workers finish what they hold; a second signal ends them at once"
        }
        Heard::WorkersAgain => {
            "stopping: workers end at once, and what is left is not drained; a further signal drops this drain"
        }
        Heard::Rest => "stopping: what is left is not drained; a further signal drops this drain",
        Heard::Nobody => return false,
    };
    progress::tell(what);
    true
}
