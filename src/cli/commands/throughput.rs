//! `throughput`: drain full queues with batched workers, every job accounted for.

use anyhow::Context;

use super::compare_plans::both;
use super::listing;
use crate::cli::args::{Common, Throughput};
use crate::cli::draining::Draining;
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupted;
use crate::cli::measuring::Outcome;
use crate::cli::{drains, server};
use crate::experiment::throughput::DrainOptions;
use crate::load::processes::Program;
use crate::report;
use crate::run::store::RunStore;
use crate::run::{RunKind, ThroughputResult, ThroughputRun};

/// Runs the command.
///
/// # Errors
/// If no server can be used, or the run folder cannot be written.
pub async fn run(arguments: &Throughput, common: &Common) -> anyhow::Result<Exit> {
    // Whatever is wrong with what was asked for is said now, not after a fixture was built.
    let plan = drains::plan(arguments, common)?;
    let options = DrainOptions {
        drain_rest: !arguments.no_drain,
        stop_timeout: arguments.stop_timeout,
        program: Program::own().context("cannot tell where this program is")?,
    };
    let choices = server::choices(common, "throughput")?.into_iter();
    let settings = &plan.scenario.settings;
    let choices: Vec<_> = choices.map(|choice| choice.under_load(settings)).collect();
    // Outputs are opened first: a run is not lost for want of a place to keep it.
    let store = RunStore::create(&arguments.out, RunKind::Throughput, jiff::Timestamp::now())?;
    let mut draining = Draining::new(&plan, &options, &store, arguments.scale.seed);
    let outcome = draining.on_each(&choices, common).await;
    let (run, kept) = draining.finish(&outcome);
    let Some(run) = run else {
        return outcome.map(|_| Exit::Interrupted);
    };
    let layout = listing::layout(common, Some(store.folder()));
    let text = report::render_throughput(&run, arguments.format(), layout);
    let printed = listing::print(&text);
    let ended = ended(outcome, &run).and_then(|exit| Ok(kept.map(|()| exit)?));
    both(ended, printed)
}

/// How the program ends, by how the run did.
fn ended(outcome: Outcome, run: &ThroughputRun) -> anyhow::Result<Exit> {
    if let Err(Interrupted) = outcome? {
        return Ok(Exit::Interrupted);
    }
    let results = || run.results.iter();
    Ok(
        if !run.failures.is_empty() || results().any(ThroughputResult::has_failed) {
            Exit::Failed
        } else if results().any(ThroughputResult::breaks_promise) {
            Exit::JobsLost
        } else if !results().all(ThroughputResult::thresholds_held) {
            Exit::GateFailed
        } else {
            Exit::Done
        },
    )
}
