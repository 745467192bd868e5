//! What a scenario comes to with values replaced and swept: which drains, in which order.

use std::time::Duration;

use super::super::fixture::{Fixture, Scale};
use super::super::queue::Queue;
use super::super::threshold::Threshold;
use super::{Completion, Outcomes, Scenario, Task, Workers, WrongValue, check};

/// Values that go before those of a scenario's file; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Number of jobs.
    pub rows: Option<u64>,
    /// How long the workers run.
    pub duration: Option<Lasting>,
    /// How long nothing is counted.
    pub warmup: Option<Duration>,
    /// How often it is done.
    pub repeat: Option<u64>,
    /// Thresholds besides the scenario's.
    pub thresholds: Vec<Threshold>,
    /// Number of workers.
    pub workers: Option<u64>,
    /// Number of processes.
    pub processes: Option<u64>,
    /// Jobs asked for by a fetch.
    pub batch_size: Option<u64>,
    /// Jobs in work at the same time.
    pub concurrency: Option<u64>,
    /// Wait after a fetch that found nothing.
    pub poll_interval: Option<Duration>,
    /// Longest wait of a finished job.
    pub flush_interval: Option<Duration>,
    /// How finished jobs are completed.
    pub completion: Option<Completion>,
    /// Whether NOTIFY wakes workers.
    pub listen: Option<bool>,
    /// What a job takes.
    pub task: Option<Task>,
    /// How tasks end.
    pub outcomes: Option<Outcomes>,
    /// Settings of the server, by name; a later one goes before an earlier one.
    pub settings: Vec<(String, String)>,
}

/// How long workers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// Until the queue is empty.
    UntilEmpty,
    /// So long.
    For(Duration),
}

/// Values that are gone through: every one of the first with every one of the second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Numbers of workers; none means the scenario's.
    pub workers: Vec<u64>,
    /// Jobs asked for by a fetch; none means the scenario's.
    pub batch_sizes: Vec<u64>,
}

/// A point of a sweep, or the only one where nothing is swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// Number of workers.
    pub workers: u64,
    /// Jobs asked for by a fetch.
    pub batch_size: u64,
}

/// One queue drained once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Drain {
    /// Index of the queue in the plan.
    pub queue: usize,
    /// The point of the sweep.
    pub cell: Cell,
    /// Which repetition this is, from 1.
    pub repeat: u64,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The scenario with its values replaced.
    pub scenario: Scenario,
    /// The queues, side by side.
    pub queues: Vec<Queue>,
    /// The fixture, scaled.
    pub fixture: Fixture,
    /// The points of the sweep, in the order asked for; one where nothing is swept.
    pub cells: Vec<Cell>,
    /// Whether something is swept.
    pub is_sweep: bool,
}

impl Scenario {
    /// The same with some of its values replaced; thresholds and settings are added to.
    ///
    /// # Errors
    /// The first value that cannot be, by itself or together with the others. Whether there are workers enough for the processes is no
    /// part of it: [`Plan::new`] knows how many there are.
    pub fn with(mut self, overrides: Overrides) -> Result<Scenario, WrongValue> {
        let workers = self.workers;
        self.workers = Workers {
            count: overrides.workers.unwrap_or(workers.count),
            processes: overrides.processes.unwrap_or(workers.processes),
            batch_size: overrides.batch_size.unwrap_or(workers.batch_size),
            concurrency: overrides.concurrency.unwrap_or(workers.concurrency),
            poll_interval: overrides.poll_interval.unwrap_or(workers.poll_interval),
            flush_interval: overrides.flush_interval.unwrap_or(workers.flush_interval),
            completion: overrides.completion.unwrap_or(workers.completion),
            listen: overrides.listen.unwrap_or(workers.listen),
        };
        self.rows = overrides.rows.or(self.rows);
        self.duration = match overrides.duration {
            None => self.duration,
            Some(Lasting::UntilEmpty) => None,
            Some(Lasting::For(duration)) => Some(duration),
        };
        self.warmup = overrides.warmup.unwrap_or(self.warmup);
        self.repeat = overrides.repeat.unwrap_or(self.repeat);
        self.task = overrides.task.unwrap_or(self.task);
        self.outcomes = overrides.outcomes.unwrap_or(self.outcomes);
        self.thresholds.extend(overrides.thresholds);
        self.settings.extend(overrides.settings);
        check::values(&self)?;
        Ok(self)
    }
}

impl Sweep {
    /// Reads a sweep, for example `workers=1,2,4` or `batch-size=1,10,100`, and adds it.
    ///
    /// # Errors
    /// What is wrong and what to write, as `reason; help`.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let form = "write `workers=1,2,4` or `batch-size=1,10,100`";
        let Some((name, values)) = text.split_once('=') else {
            return Err(format!("`{text}` names no values; {form}"));
        };
        let swept = match name.trim() {
            "workers" => &mut self.workers,
            "batch-size" => &mut self.batch_sizes,
            other => return Err(format!("`{other}` cannot be swept; {form}")),
        };
        if !swept.is_empty() {
            return Err(format!("`{name}` is swept twice; write all values once"));
        }
        for value in values.split(',') {
            let number: Option<u64> = value.trim().replace('_', "").parse().ok();
            match number {
                Some(number) if number > 0 && !swept.contains(&number) => swept.push(number),
                Some(0) => return Err(format!("`{text}` has a 0 in it; write 1 or more")),
                Some(_) => return Err(format!("`{value}` is there twice; write it once")),
                None => return Err(format!("`{value}` is not a whole number; {form}")),
            }
        }
        Ok(())
    }

    /// Its points: every number of workers with every batch size, the first varied last.
    fn cells(&self, workers: &Workers) -> Vec<Cell> {
        let or = |swept: &[u64], own: u64| match swept {
            [] => vec![own],
            _ => swept.to_vec(),
        };
        let batch_sizes = or(&self.batch_sizes, workers.batch_size);
        let with_each = |workers: u64| {
            let sizes = batch_sizes.iter().copied();
            sizes.map(move |batch_size| Cell {
                workers,
                batch_size,
            })
        };
        let counts = or(&self.workers, workers.count);
        counts.into_iter().flat_map(with_each).collect()
    }
}

impl Plan {
    /// What a scenario comes to on these queues and this fixture. With `quick`, on no more jobs than the fixture names for that;
    /// `seed` goes before the fixture's own. Jobs that take steps take as many as the fixture's have.
    ///
    /// # Errors
    /// A point of the sweep that cannot be, or another number of steps than the fixture's jobs have.
    pub fn new(
        mut scenario: Scenario,
        queues: Vec<Queue>,
        fixture: &Fixture,
        (quick, seed): (bool, Option<u64>),
        sweep: &Sweep,
    ) -> Result<Plan, WrongValue> {
        let cells = sweep.cells(&scenario.workers);
        for cell in &cells {
            let mut point = scenario.clone();
            point.workers.count = cell.workers;
            point.workers.batch_size = cell.batch_size;
            point.check()?;
        }
        let all = scenario.rows.unwrap_or(fixture.jobs);
        let rows = if quick { all.min(fixture.quick) } else { all };
        let fixture = fixture.scaled(Scale {
            quick: false,
            rows: Some(rows),
            seed,
        });
        if let (Task::Steps { count }, Some(steps)) = (&mut scenario.task, fixture.steps) {
            check::steps(*count, steps.per_job)?;
            *count = steps.per_job;
        }
        Ok(Plan {
            is_sweep: *sweep != Sweep::default(),
            scenario,
            queues,
            fixture,
            cells,
        })
    }

    /// The workers at a point of the sweep.
    #[must_use]
    pub fn workers(&self, cell: Cell) -> Workers {
        Workers {
            count: cell.workers,
            batch_size: cell.batch_size,
            ..self.scenario.workers
        }
    }

    /// The drains in the order they are done: all queues at all points, once for each repetition, every other repetition backwards, so
    /// that what changes in the course of a run, a machine that warms up or a disk that fills, favours none of them.
    #[must_use]
    pub fn drains(&self) -> Vec<Drain> {
        let queues = 0..self.queues.len();
        let points: Vec<(Cell, usize)> = self
            .cells
            .iter()
            .flat_map(|cell| queues.clone().map(move |queue| (*cell, queue)))
            .collect();
        let repetition = |repeat: u64| {
            let mut drains: Vec<Drain> = points
                .iter()
                .map(|&(cell, queue)| Drain {
                    queue,
                    cell,
                    repeat,
                })
                .collect();
            if repeat.is_multiple_of(2) {
                drains.reverse();
            }
            drains
        };
        (1..=self.scenario.repeat).flat_map(repetition).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::library::Library;
    use super::*;

    fn scenario(name: &str) -> Scenario {
        Library::built_in().scenario(name).unwrap()
    }

    fn sweep(texts: &[&str]) -> Sweep {
        let mut sweep = Sweep::default();
        for text in texts {
            sweep.add(text).unwrap();
        }
        sweep
    }

    fn plan(scenario: Scenario, queues: &[&str], sweep: &Sweep) -> Result<Plan, WrongValue> {
        let library = Library::built_in();
        let queues = queues.iter().map(|name| library.queue(name).unwrap());
        let fixture = library.fixture(&scenario.fixture).unwrap();
        Plan::new(scenario, queues.collect(), &fixture, (false, None), sweep)
    }

    #[test]
    fn every_value_can_be_replaced() {
        let task = Task::Io {
            wait: Duration::from_millis(1),
        };
        let second = Duration::from_secs(1);
        let outcomes = Outcomes::of("failed=0.1").unwrap();
        let overrides = Overrides {
            rows: Some(50),
            duration: Some(Lasting::For(second * 3)),
            warmup: Some(second),
            repeat: Some(7),
            thresholds: vec![Threshold::parse("ledger.lost == 0").unwrap()],
            workers: Some(9),
            processes: Some(3),
            batch_size: Some(11),
            concurrency: Some(12),
            poll_interval: Some(second),
            flush_interval: Some(second * 2),
            completion: Some(Completion::Each),
            listen: Some(true),
            task: Some(task),
            outcomes: Some(outcomes),
            settings: vec![("work_mem".to_owned(), "1MB".to_owned())],
        };
        let replaced = scenario("million").with(overrides).unwrap();
        let workers = Workers {
            count: 9,
            processes: 3,
            batch_size: 11,
            concurrency: 12,
            poll_interval: second,
            flush_interval: second * 2,
            completion: Completion::Each,
            listen: true,
        };
        assert_eq!(replaced.workers, workers);
        assert_eq!((replaced.rows, replaced.repeat), (Some(50), 7));
        assert_eq!(
            (replaced.duration, replaced.warmup),
            (Some(second * 3), second)
        );
        assert_eq!((replaced.task, replaced.thresholds.len()), (task, 1));
        assert_eq!(replaced.outcomes, outcomes);
        assert_eq!(
            replaced.settings.len(),
            scenario("million").settings.len() + 1
        );
        assert_eq!(
            scenario("million").with(Overrides::default()).unwrap(),
            scenario("million")
        );
    }

    #[test]
    fn a_replaced_value_is_checked_with_the_others() {
        let message =
            |overrides: Overrides| scenario("steady").with(overrides).unwrap_err().to_string();
        let warmup = Overrides {
            warmup: Some(Duration::from_secs(15)),
            ..Overrides::default()
        };
        assert!(message(warmup).starts_with("`warmup` is 15s, and the run lasts 15s;"));
        let until_empty = Overrides {
            warmup: Some(Duration::from_secs(15)),
            duration: Some(Lasting::UntilEmpty),
            ..Overrides::default()
        };
        assert_eq!(scenario("steady").with(until_empty).unwrap().duration, None);
    }

    #[test]
    fn repetitions_alternate() {
        let mut quick = scenario("quick");
        quick.repeat = 3;
        let queues = ["status-partial", "natural-mistake"];
        let plan = plan(quick, &queues, &Sweep::default()).unwrap();
        assert!(!plan.is_sweep);
        let order: Vec<(usize, u64)> = plan
            .drains()
            .iter()
            .map(|drain| (drain.queue, drain.repeat))
            .collect();
        assert_eq!(order, [(0, 1), (1, 1), (1, 2), (0, 2), (0, 3), (1, 3)]);
        assert_eq!(plan.workers(plan.cells[0]), plan.scenario.workers);
        assert_eq!(plan.fixture.jobs, 100);
    }

    #[test]
    fn two_sweeps_are_a_grid() {
        let grid = sweep(&["batch-size=10,100", "workers=1,2"]);
        let plan = plan(scenario("scale-1"), &["status-partial"], &grid).unwrap();
        let cells: Vec<(u64, u64)> = plan
            .cells
            .iter()
            .map(|cell| (cell.workers, cell.batch_size))
            .collect();
        assert_eq!(cells, [(1, 10), (1, 100), (2, 10), (2, 100)]);
        assert!(plan.is_sweep);
        assert_eq!(plan.drains().len(), 4);
        let workers = plan.workers(plan.cells[3]);
        assert_eq!((workers.count, workers.batch_size), (2, 100));
    }

    #[test]
    fn processes_need_workers_at_every_point() {
        let planned = |counts: &str| {
            let processes = Overrides {
                processes: Some(4),
                ..Overrides::default()
            };
            let scenario = scenario("scale-1").with(processes).unwrap();
            plan(scenario, &["status-partial"], &sweep(&[counts])).map(|plan| plan.cells.len())
        };
        assert_eq!(planned("workers=4,8"), Ok(2));
        let refused = planned("workers=2,4").unwrap_err().to_string();
        assert!(
            refused.starts_with("`workers.processes` is 4, more than the number of workers, 2;"),
            "{refused}"
        );
    }

    #[test]
    fn a_sweep_is_read_or_refused() {
        let refused = |texts: &[&str]| {
            let mut sweep = Sweep::default();
            texts.iter().find_map(|text| sweep.add(text).err()).unwrap()
        };
        let form = "write `workers=1,2,4` or `batch-size=1,10,100`";
        assert_eq!(
            refused(&["workers"]),
            format!("`workers` names no values; {form}")
        );
        assert_eq!(
            refused(&["rows=1"]),
            format!("`rows` cannot be swept; {form}")
        );
        assert_eq!(
            refused(&["workers=1,x"]),
            format!("`x` is not a whole number; {form}")
        );
        assert_eq!(
            refused(&["workers="]),
            format!("`` is not a whole number; {form}")
        );
        assert_eq!(
            refused(&["workers=1,1"]),
            "`1` is there twice; write it once"
        );
        assert_eq!(
            refused(&["workers=0"]),
            "`workers=0` has a 0 in it; write 1 or more"
        );
        assert_eq!(
            refused(&["workers=1", "workers=2"]),
            "`workers` is swept twice; write all values once"
        );
        let processes = Overrides {
            processes: Some(1),
            ..Overrides::default()
        };
        let too_many = sweep(&["workers=1,20000"]);
        let scenario = scenario("scale-1").with(processes).unwrap();
        let error = plan(scenario, &["status-partial"], &too_many).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`workers.count` is 20000; write at most 10000"
        );
    }

    #[test]
    fn steps_and_rows_follow_the_fixture() {
        let mut with_steps = scenario("with-steps");
        with_steps.rows = None;
        let library = Library::built_in();
        let mut fixture = library.fixture("with-steps").unwrap();
        let plan = |with_steps: &Scenario, fixture: &Fixture, quick| {
            let sweep = Sweep::default();
            Plan::new(
                with_steps.clone(),
                Vec::new(),
                fixture,
                (quick, Some(5)),
                &sweep,
            )
        };
        let whole = plan(&with_steps, &fixture, false).unwrap();
        assert_eq!(whole.scenario.task, Task::Steps { count: 3 });
        assert_eq!((whole.fixture.jobs, whole.fixture.seed), (50_000, 5));
        let quick = plan(&with_steps, &fixture, true).unwrap();
        assert_eq!(quick.fixture.jobs, 10_000);
        if let Some(steps) = &mut fixture.steps {
            steps.per_job = 5;
        }
        let five = plan(&with_steps, &fixture, true).unwrap();
        assert_eq!(five.scenario.task, Task::Steps { count: 5 });
        with_steps.task = Task::Steps { count: 9 };
        let refused = plan(&with_steps, &fixture, true).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`task.steps.count` is 9, and the fixture's jobs have 5 steps; leave it out: a job takes the steps it has"
        );
    }
}
