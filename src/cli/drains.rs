//! A scenario and options turned into what to drain.

use super::args::{Common, Throughput};
use super::exit::Usage;
use super::{selection, server};
use crate::definition::scenario::plan::{Overrides, Plan, Sweep};
use crate::definition::{Fixture, Library, Queue, Scenario};
use crate::load::assignment::{contradiction, missing_operations};
use crate::postgres::conninfo::redact;

/// Finds what the options name and puts it together.
///
/// # Errors
/// Unknown names, values that cannot be, queues that cannot be drained so (usage); files that cannot be read or parsed.
pub fn plan(arguments: &Throughput, common: &Common) -> anyhow::Result<Plan> {
    let library = Library::built_in();
    let scenario = selection::scenario(&library, &arguments.scenario)?;
    let scenario = scenario
        .with(overrides(arguments))
        .map_err(|wrong| Usage(wrong.to_string()))?;
    refuse_passwords(&scenario)?;
    let mut sweep = Sweep::default();
    for swept in &arguments.sweep {
        sweep.add(swept).map_err(Usage)?;
    }
    let queues = queues(&library, &scenario, &arguments.queue)?;
    let fixture = arguments.fixture.as_ref().unwrap_or(&scenario.fixture);
    let fixture = selection::fixture(&library, fixture, super::args::ScaleOptions::default())?;
    refuse_company(&fixture)?;
    let scale = arguments.scale.on_server(server::is_given(common)?);
    let plan = Plan::new(
        scenario,
        queues,
        &fixture,
        (scale.quick, scale.seed),
        &sweep,
    );
    let plan = plan.map_err(|wrong| Usage(wrong.to_string()))?;
    let mut missing = plan.queues.iter();
    let missing = missing.find_map(|queue| missing_operations(queue, &plan.scenario));
    let wrong = contradiction(&plan.scenario.workers, &plan.scenario.task).or(missing);
    match wrong {
        Some(wrong) => Err(Usage(wrong).into()),
        None => Ok(plan),
    }
}

/// What goes before the values of the scenario.
fn overrides(arguments: &Throughput) -> Overrides {
    let workers = &arguments.workers;
    let mut settings = arguments.settings.clone();
    let durable = arguments.synchronous_commit.iter();
    settings.extend(durable.map(|value| ("synchronous_commit".to_owned(), value.clone())));
    Overrides {
        rows: arguments.scale.rows,
        duration: arguments.duration,
        warmup: arguments.warmup,
        repeat: arguments.repeat,
        thresholds: arguments.threshold.clone(),
        workers: workers.workers,
        processes: workers.processes,
        batch_size: workers.batch_size,
        concurrency: workers.concurrency,
        poll_interval: workers.poll_interval,
        flush_interval: workers.flush_interval,
        completion: workers.completion,
        listen: workers.listen,
        task: workers.task,
        outcomes: workers.outcomes,
        settings,
    }
}

/// The queues named, or the scenario's. Results are told apart by name.
fn queues(library: &Library, scenario: &Scenario, named: &[String]) -> anyhow::Result<Vec<Queue>> {
    let own = std::slice::from_ref(&scenario.queue);
    let names = if named.is_empty() { own } else { named };
    let mut queues: Vec<Queue> = Vec::new();
    for name in names {
        let queue = selection::queue(library, name)?;
        if queues.iter().any(|other| other.name == queue.name) {
            let name = queue.name;
            let message = format!(
                "two of the queues are named `{name}`: name each once, or rename one of the folders"
            );
            return Err(Usage(message).into());
        }
        queues.push(queue);
    }
    Ok(queues)
}

/// A drain is of a copy that its workers have to themselves.
fn refuse_company(fixture: &Fixture) -> Result<(), Usage> {
    match fixture.needs_copies().as_slice() {
        [] => Ok(()),
        needed => Err(Usage(format!(
            "fixture {} has {}, a session beside the workers that a drain does not have: take it to compare-plans, or drain another fixture (pgq-analyze fixtures list)",
            fixture.name,
            needed.join(", ")
        ))),
    }
}

/// Settings stand in the run's record.
fn refuse_passwords(scenario: &Scenario) -> Result<(), Usage> {
    let mut settings = scenario.settings.iter();
    match settings.find(|(_, value)| redact(value) != **value) {
        None => Ok(()),
        Some((name, _)) => Err(Usage(format!(
            "the setting {name} holds a password, and settings are recorded with the run: leave it out"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::*;
    use crate::definition::scenario::{Completion, Task, Workers};

    /// The arguments of the command alone.
    #[derive(Parser)]
    #[command(no_binary_name = true)]
    struct Alone {
        #[command(flatten)]
        throughput: Throughput,
        #[command(flatten)]
        common: Common,
    }

    fn planned(words: &[&str]) -> Result<Plan, String> {
        let Alone { throughput, common } =
            Alone::try_parse_from(words).map_err(|error| error.to_string())?;
        plan(&throughput, &common).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refused(words: &[&str], expected: &str) {
        let message = planned(words).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn without_arguments_it_is_the_default() {
        let plan = planned(&[]).unwrap();
        assert_eq!(plan.scenario.name, "default");
        assert_eq!((plan.cells.len(), plan.is_sweep), (1, false));
        assert_eq!(
            (plan.fixture.jobs, plan.scenario.workers.count),
            (10_000, 4)
        );
        assert_eq!(plan.scenario.task, Task::Noop);
    }

    #[test]
    fn every_built_in_scenario_can_be_planned() {
        for name in Library::built_in().scenario_names() {
            let plan = planned(&[name]).unwrap();
            assert_eq!(plan.drains().len(), 1, "{name}");
        }
        let million = planned(&["million"]).unwrap();
        assert_eq!(million.fixture.jobs, 1_000_000);
        assert_eq!(million.scenario.settings["autovacuum_naptime"], "1s");
        assert_eq!(
            planned(&["million", "--quick"]).unwrap().fixture.jobs,
            50_000
        );
        assert_eq!(planned(&["quick", "--quick"]).unwrap().fixture.jobs, 100);
        let rows = planned(&["million", "--rows", "70"]).unwrap();
        assert_eq!(rows.fixture.jobs, 70);
    }

    #[test]
    fn every_option_goes_before_the_scenario() {
        let plan = planned(&[
            "quick",
            "--queue=status-partial",
            "--queue=durable-steps",
            "--fixture=many-queues-sparse",
            "--rows=50",
            "--seed=7",
            "--workers=3",
            "--processes=2",
            "--batch-size=5",
            "--concurrency=6",
            "--poll-interval=20ms",
            "--flush-interval=0",
            "--completion=with-next-fetch",
            "--listen=false",
            "--task=io:wait=1ms",
            "--outcomes=failed=0.1,released=0.2",
            "--duration=30s",
            "--warmup=1s",
            "--repeat=2",
            "--set=work_mem=8MB",
            "--set=synchronous_commit=on",
            "--synchronous-commit=off",
            "--threshold=ledger.lost == 0",
            "--sweep=workers=2,4",
            "--sweep=batch-size=1,10",
        ])
        .unwrap();
        let names: Vec<&str> = plan
            .queues
            .iter()
            .map(|queue| queue.name.as_str())
            .collect();
        assert_eq!(names, ["status-partial", "durable-steps"]);
        assert_eq!(plan.fixture.name, "many-queues-sparse");
        assert_eq!((plan.fixture.jobs, plan.fixture.seed), (50, 7));
        let workers = Workers {
            count: 3,
            processes: 2,
            batch_size: 5,
            concurrency: 6,
            poll_interval: Duration::from_millis(20),
            flush_interval: Duration::ZERO,
            completion: Completion::WithNextFetch,
            listen: false,
        };
        let scenario = &plan.scenario;
        assert_eq!(scenario.workers, workers);
        let wait = Duration::from_millis(1);
        assert_eq!(scenario.task, Task::Io { wait });
        let outcomes = &scenario.outcomes;
        assert_eq!((outcomes.failed, outcomes.released), (0.1, 0.2));
        assert_eq!(scenario.duration, Some(Duration::from_secs(30)));
        assert_eq!(
            (scenario.warmup, scenario.repeat),
            (Duration::from_secs(1), 2)
        );
        assert_eq!(scenario.settings["work_mem"], "8MB");
        assert_eq!(scenario.settings["synchronous_commit"], "off");
        assert_eq!(scenario.thresholds.len(), 1);
        assert_eq!((plan.cells.len(), plan.drains().len()), (4, 16));
        let endless = planned(&["steady", "--duration", "until-empty"]).unwrap();
        assert_eq!(endless.scenario.duration, None);
    }

    #[test]
    fn what_cannot_be_is_said_before_anything_starts() {
        refused(
            &["quik"],
            "there is no built-in scenario `quik`; did you mean `quick`?",
        );
        refused(
            &["--queue", "statuspartial"],
            "did you mean `status-partial`?",
        );
        refused(
            &["--queue", "status-partial", "--queue", "status-partial"],
            "two of the queues are named `status-partial`",
        );
        refused(&["--workers", "0"], "0 is not in 1..");
        refused(
            &["--workers", "10001"],
            "`workers.count` is 10001; write at most 10000",
        );
        refused(&["--processes", "5"], "more than the number of workers, 4");
        let swept = ["scale-1", "--processes=4", "--sweep=workers=4,8"];
        assert_eq!(planned(&swept).unwrap().cells.len(), 2);
        refused(&["--outcomes", "failed=2"], "lies between 0 and 1");
        refused(&["--poll-interval", "50"], "`50` is not a duration");
        refused(&["--completion", "bach"], "did you mean `batch`?");
        refused(&["--task", "sleep"], "unknown key `sleep`");
        refused(
            &["--task", "steps"],
            "queue status-partial has no step-load",
        );
        refused(&["--sweep", "rows=1"], "`rows` cannot be swept");
        refused(&["--threshold", "lost == 0"], "did you mean `ledger.lost`?");
        refused(&["--set", "work_mem"], "is not NAME=VALUE");
        refused(&["--set", "a b=1"], "cannot name a setting");
        refused(
            &["--set", "primary_conninfo=host=h password=S"],
            "holds a password",
        );
        refused(&["--in-place"], "unexpected argument");
    }
}
