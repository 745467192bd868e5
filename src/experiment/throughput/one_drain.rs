//! One queue drained once on a fresh copy: workers started and watched over, what is left found, the result put together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use thiserror::Error;

use super::ThroughputExperiment;
use super::beforehand::Beforehand;
use super::figures;
use super::ground::{self, Ground, GroundError};
use super::jobs::Jobs;
use super::progress::Progress;
use super::server::ServerWatch;
use super::settings;
use super::stop::Stage;
use crate::definition::Queue;
use crate::definition::scenario::Workers;
use crate::definition::scenario::plan::{Drain, Plan};
use crate::fixture::build::BuildError;
use crate::load::assignment::{Assignment, QueueFiles};
use crate::load::board::{Board, Phase, Shape};
use crate::load::clock::now_ns;
use crate::load::drain::Drained;
use crate::load::fleet::{self, FleetError, FleetOutcome, SharedBoard, Terms};
use crate::load::processes::dealt_out;
use crate::load::series::Series;
use crate::load::task;
use crate::monitor::activity::Observed;
use crate::monitor::processes;
use crate::monitor::watch::{Drained as Execution, Observations};
use crate::postgres::database::{DatabaseError, server_message};
use crate::postgres::given::settings::SettingError;
use crate::run::store::StoreError;
use crate::run::thresholds;
use crate::run::throughput::{
    Deliveries, Ended, Fetches, Generator, LedgerCounts, Recount, SetUp, ThroughputResult,
};

/// Why a queue could not be drained, or what came of it could not be kept.
#[derive(Debug, Error)]
pub(super) enum DrainError {
    /// The fixture is not there.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A place to start workers in beforehand cannot be left.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is no copy, or it cannot be watched.
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// The workers cannot be started.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// What the task works on cannot be made.
    #[error(
        "cannot make what the task {task} works on: {}",
        server_message(source)
    )]
    Task {
        /// The task.
        task: &'static str,
        /// What the server says.
        source: tokio_postgres::Error,
    },
    /// A setting of the scenario cannot be had.
    #[error(transparent)]
    Settings(#[from] SettingError),
}

/// What is known before the workers come.
pub(super) struct Prepared<'p> {
    pub(super) queue: &'p Queue,
    drain: &'p Drain,
    workers: Workers,
    pub(super) jobs: &'p Jobs,
    pub(super) assignment: Assignment,
    beforehand: Beforehand,
    copy_ms: f64,
    notes: Vec<String>,
}

/// What is known when they have gone.
struct Gone {
    board: Arc<Board>,
    outcome: FleetOutcome,
    observed: Observations,
    /// What was left, or why nobody has looked.
    drained: Result<Drained, String>,
    /// Processor time of this program and its worker processes during execution, in nanoseconds.
    program_ns: u64,
    notes: Vec<String>,
}

impl ThroughputExperiment<'_> {
    /// Drains a queue once; `number` is the result's in the run, from 1. With the result come the peak memory of worker processes in
    /// sum, in bytes, and what was counted twice.
    pub(super) async fn drain(
        &self,
        drain: &Drain,
        number: usize,
    ) -> Result<(ThroughputResult, u64, Recount), DrainError> {
        let queue = &self.plan.queues[drain.queue];
        let template = self.template(drain).await?;
        let jobs = Jobs::of(&self.plan.fixture);
        let workers = self.plan.workers(drain.cell);
        let settings = settings::of_sessions(self.workspace, &self.plan.scenario.settings).await?;
        let unset = settings.limitations.into_iter();
        let notes = unset.map(|limitation| limitation.message).collect();
        let assignment = Assignment {
            database: String::new(),
            queue: QueueFiles::of(queue),
            queue_names: jobs.queue_names.clone(),
            workers,
            task: self.plan.scenario.task,
            outcomes: self.plan.scenario.outcomes,
            settings: settings.session,
            seed: self.plan.fixture.seed,
            only_first_fetch: false,
        };
        let beforehand = self.beforehand(queue, &assignment, &jobs).await?;
        let ground = Ground::make(self.workspace, &template).await?;
        let prepared = Prepared {
            queue,
            drain,
            workers,
            jobs: &jobs,
            assignment: Assignment {
                database: ground.database().to_owned(),
                ..assignment
            },
            beforehand,
            copy_ms: ground.copy_ms(),
            notes,
        };
        let gone = self.execute(&prepared, &ground).await;
        let left = ground.leave().await;
        let mut gone = gone?;
        // What was measured is not lost for a copy that stays: the next run removes it.
        gone.notes.extend(left.err().map(|error| error.to_string()));
        let processes_bytes = gone.outcome.processes_peak_rss_bytes;
        let recount = Recount {
            acknowledged: jobs.acknowledged,
            completed: gone.outcome.recorded(gone.board.shape().workers),
        };
        let result = self.result(prepared, gone, number);
        Ok((result, processes_bytes, recount))
    }

    /// Makes in a database what the task works on.
    pub(super) async fn make_task_ready(
        &self,
        database: &str,
        workers: &Workers,
    ) -> Result<(), DrainError> {
        let databases = self.workspace.databases();
        let session = databases.address().connect(database).await;
        let session = session.map_err(DatabaseError::from)?;
        let task = &self.plan.scenario.task;
        let made = task::make_ready(task, workers.count, &session).await;
        session.close().await;
        let name = task.name();
        made.map_err(|source| DrainError::Task { task: name, source })
    }

    /// Lets the workers at the copy, watches, and looks for what is left.
    async fn execute(
        &self,
        prepared: &Prepared<'_>,
        ground: &Ground<'_>,
    ) -> Result<Gone, DrainError> {
        self.make_task_ready(ground.database(), &prepared.workers)
            .await?;
        let shape = Shape {
            workers: usize::try_from(prepared.workers.count).unwrap_or(usize::MAX),
            jobs: self.plan.fixture.jobs,
        };
        let shared = SharedBoard::new(shape, prepared.workers.processes)?;
        let board = Arc::clone(&shared.board);
        prepared.jobs.expect_on(&board);
        let watch = ground.watch(prepared.queue, observed(&board)).await?;
        let mut notes = Vec::new();
        if !watch.has_statements() {
            notes.push(ground::without_statements(self.workspace));
        }
        let (outcome, own_ns) = self.fleet(prepared, shared).await?;
        let processes_ns = match prepared.workers.processes {
            0 => 0,
            _ => figures::client_cpu_ns(&board),
        };
        let named = ground::named_statements(prepared.queue);
        let observed = watch
            .finish(Execution {
                began_ns: outcome.began_ns.unwrap_or(outcome.ended_ns),
                ended_ns: outcome.ended_ns,
                done: board.control().done(),
                completed: figures::deliveries(&board).completed,
                client_cpu_ns: figures::client_cpu_ns(&board),
                named: &named,
            })
            .await;
        let drained = self.drain_rest(prepared, &board, &outcome).await;
        Ok(Gone {
            board,
            outcome,
            observed,
            drained,
            program_ns: own_ns + processes_ns,
            notes,
        })
    }

    /// The workers' whole life. With it comes this program's processor time during execution, in nanoseconds.
    async fn fleet(
        &self,
        prepared: &Prepared<'_>,
        shared: SharedBoard,
    ) -> Result<(FleetOutcome, u64), DrainError> {
        let scenario = &self.plan.scenario;
        let mut server = ServerWatch::new(self.workspace);
        let terms = Terms {
            duration: scenario.duration,
            warmup: scenario.warmup,
            stop_timeout: self.options.stop_timeout,
            stop: Arc::clone(&self.stop.asked),
            server_gone: Arc::clone(&server.is_gone),
        };
        let mut progress = Progress::new(self.events, prepared.jobs.due, scenario.duration);
        let board = Arc::clone(&shared.board);
        let address = self.workspace.databases().address();
        let assignment = Arc::new(prepared.assignment.clone());
        let mut started = shared.start(address, &assignment, &self.options.program)?;
        self.stop.enter(Stage::Workers);
        let mut before_ns = None;
        let (crew, intervals) = (started.crew.as_mut(), &started.intervals);
        let look = |board: &Board, series: &Series| {
            if before_ns.is_none() && board.control().phase() >= Phase::Running {
                before_ns = Some(own_ns());
            }
            if self.stop.is_hurried() {
                board.control().end();
            }
            server.look();
            progress.look(board, series);
        };
        let outcome = fleet::coordinate(&board, crew, intervals, &terms, look).await;
        self.stop.enter(Stage::Rest);
        let now_ns = own_ns();
        Ok((outcome, now_ns - before_ns.unwrap_or(now_ns).min(now_ns)))
    }

    /// Puts together what came of it, and keeps its series and histograms.
    fn result(&self, prepared: Prepared<'_>, gone: Gone, number: usize) -> ThroughputResult {
        let Gone {
            board,
            outcome,
            observed,
            ..
        } = &gone;
        let began_ns = outcome.began_ns.unwrap_or(outcome.ended_ns);
        let elapsed_ns = outcome.ended_ns.saturating_sub(began_ns);
        let elapsed_s = elapsed_ns as f64 / 1e9;
        let began = SystemTime::now() - Duration::from_nanos(now_ns().saturating_sub(began_ns));
        let mut result = self.described(&prepared);
        result.began = outcome.began_ns.and_then(|_| moment(began));
        result.ended = outcome.ended;
        result.warmup_s = result.warmup_s.min(elapsed_s);
        result.duration_s = outcome.measured_s().unwrap_or(0.0);
        let completed = board.workers().map(|one| one.completed_after_warmup.get());
        result.throughput = figures::rate(completed.sum(), result.duration_s);
        result.steady = figures::steady(&outcome.series, elapsed_s, result.warmup_s);
        result.fetches = figures::fetches(board);
        result.deliveries = figures::deliveries(board);
        let drained = gone.drained.as_ref();
        let is_complete = drained.is_ok_and(|drained| drained.is_complete);
        result.ledger = board.ledger().count(is_complete);
        // Where every job is done, nothing was left, and nobody had to look.
        let of_rest = match drained {
            Ok(drained) => drained.notes.clone(),
            Err(reason) if result.ledger.lost.is_none() => vec![reason.clone()],
            Err(_) => Vec::new(),
        };
        result.latency = outcome.series.latency();
        result.per_job = observed.per_job;
        result.tenths.clone_from(&observed.tenths);
        result.tables.clone_from(&observed.tables);
        result.statements.clone_from(&observed.statements);
        result.waits.clone_from(&observed.waits);
        result.retries = board.workers().map(|worker| worker.retries.get()).sum();
        result.errors = outcome.errors();
        let task = &self.plan.scenario.task;
        result.task_metric = task::metric(task, fleet::task_done(board));
        let process_of = process_of(&prepared.workers);
        result.worker_results = fleet::worker_results(board, outcome, process_of);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let server_ns = server_ns(observed, result.deliveries.completed);
        result.generator =
            figures::generator(board, elapsed_ns, gone.program_ns, server_ns, processors);
        result.incidents = fleet::incidents(outcome);
        // What changes how figures read comes before what is merely not there.
        let notes = [
            prepared.notes,
            observed.notes.clone(),
            gone.notes.clone(),
            of_rest,
            outcome.notes(),
            prepared.beforehand.notes,
            figures::too_short(&result),
        ];
        result.notes = notes.concat();
        if outcome.began_ns.is_some() {
            let kept = self.keep_series(&outcome.series, (began, elapsed_s), number, &mut result);
            // What was measured is not lost for a disk that is full.
            result
                .notes
                .extend(kept.err().map(|error| error.to_string()));
        }
        result.thresholds = thresholds::judge(&self.plan.scenario.thresholds, &result);
        result
    }

    /// Writes what was recorded from second to second, and all service times.
    fn keep_series(
        &self,
        series: &Series,
        (began, elapsed_s): (SystemTime, f64),
        number: usize,
        result: &mut ThroughputResult,
    ) -> Result<(), StoreError> {
        result.series = Some(self.store.write_series(number, &series.csv(elapsed_s))?);
        let logs = series.histogram_logs(began, elapsed_s);
        result.histograms = self.store.write_histograms(number, &logs)?;
        Ok(())
    }

    /// What was drained by whom, and nothing yet of how it went.
    fn described(&self, prepared: &Prepared<'_>) -> ThroughputResult {
        let Plan {
            scenario, fixture, ..
        } = self.plan;
        let workers = &prepared.workers;
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
        ThroughputResult {
            postgres: self.workspace.version().to_string(),
            scenario: scenario.name.clone(),
            queue: prepared.queue.name.clone(),
            fixture: fixture.name.clone(),
            jobs: fixture.jobs,
            workers: workers.count,
            processes: workers.processes,
            batch_size: workers.batch_size,
            concurrency: workers.concurrency,
            poll_interval_ms: milliseconds(workers.poll_interval),
            flush_interval_ms: milliseconds(workers.flush_interval),
            completion: workers.completion,
            listen: workers.listen,
            task: task::record(&scenario.task),
            duration_limit_s: scenario.duration.map(|limit| limit.as_secs_f64()),
            warmup_limit_s: scenario.warmup.as_secs_f64(),
            outcomes: scenario.outcomes,
            settings: scenario.settings.clone(),
            repeat: prepared.drain.repeat,
            delivery: prepared.queue.delivery,
            began: None,
            ended: Ended::Failed,
            set_up: SetUp {
                copy_ms: prepared.copy_ms,
                queueing: prepared.beforehand.queueing,
            },
            startup_ms: prepared.beforehand.startup_ms,
            duration_s: 0.0,
            warmup_s: scenario.warmup.as_secs_f64(),
            throughput: None,
            steady: None,
            fetches: Fetches::default(),
            deliveries: Deliveries::default(),
            ledger: LedgerCounts::default(),
            latency: BTreeMap::new(),
            per_job: None,
            tenths: Vec::new(),
            tables: Vec::new(),
            statements: None,
            waits: None,
            retries: 0,
            errors: BTreeMap::new(),
            task_metric: None,
            worker_results: Vec::new(),
            generator: Generator::default(),
            incidents: Vec::new(),
            thresholds: Vec::new(),
            series: None,
            histograms: BTreeMap::new(),
            notes: Vec::new(),
        }
    }
}

/// Processor time of the server, in nanoseconds; none where it is not known.
fn server_ns(observed: &Observations, completed: u64) -> Option<u64> {
    let of_a_job = observed.per_job.as_ref()?.server_cpu_us?;
    Some((of_a_job * completed as f64 * 1e3) as u64)
}

/// Processor time of this process, in nanoseconds.
fn own_ns() -> u64 {
    let own = i32::try_from(std::process::id()).ok();
    own.and_then(processes::cpu_ns).unwrap_or(0)
}

/// A moment in UTC, to the millisecond.
fn moment(time: SystemTime) -> Option<String> {
    let timestamp = jiff::Timestamp::try_from(time).ok()?;
    Some(timestamp.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// What the monitor asks of the board.
fn observed(board: &Arc<Board>) -> Observed {
    let workers = board.shape().workers;
    let [states, jobs, running] = [(); 3].map(|()| Arc::clone(board));
    Observed {
        workers: workers as u64,
        now_ns,
        state: Box::new(move |number| {
            let index = usize::try_from(number).ok()?.checked_sub(1)?;
            (index < workers).then(|| states.worker(index).state())
        }),
        is_running: Box::new(move || running.control().is_executing(now_ns())),
        completed: Box::new(move || jobs.control().done()),
    }
}

/// In which process a worker is, from 1; 0 for this one.
fn process_of(workers: &Workers) -> impl Fn(usize) -> u64 + use<> {
    let count = usize::try_from(workers.processes).unwrap_or(usize::MAX);
    let all = usize::try_from(workers.count).unwrap_or(usize::MAX);
    let shares = if count == 0 {
        Vec::new()
    } else {
        dealt_out(all, count)
    };
    move |worker| {
        let process = shares.iter().position(|share| share.contains(&worker));
        process.map_or(0, |index| index as u64 + 1)
    }
}
