//! What draining a queue came to: an entry of `results` of a run of kind `throughput`.
//!
//! A figure that was not measured, or that the run was too short for, is none, and `notes` says why. Times are in milliseconds unless
//! the key says otherwise; a job is counted when its completion is durable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Run;
use crate::definition::queue::Delivery;
use crate::definition::scenario::{Completion, Outcomes};

mod cell;
mod growth;
mod identities;
mod judgement;
mod ledger;
mod percentiles;
mod scaling;
mod specimen;
pub mod sweep;
mod worker_state;

pub use cell::{Cell, Repeats, cell_name, repeats};
pub use identities::Recount;
pub use judgement::LedgerVerdict;
pub use scaling::{Interval, ScalabilityFit, Scaling, SweptCell};
pub use worker_state::WorkerState;

/// A run of kind `throughput`.
pub type ThroughputRun = Run<ThroughputResult>;

/// One queue drained once on a fresh copy of one fixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThroughputResult {
    /// Server version, for example `15.18`.
    pub postgres: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the queue.
    pub queue: String,
    /// Name of the fixture.
    pub fixture: String,
    /// Jobs in the fixture, in whatever state.
    pub jobs: u64,
    /// Number of workers.
    pub workers: u64,
    /// Processes they were spread over; 0 for threads of the program itself.
    pub processes: u64,
    /// Jobs asked for by a fetch.
    pub batch_size: u64,
    /// Jobs that a worker worked on at the same time.
    pub concurrency: u64,
    /// Wait after a fetch that found nothing.
    pub poll_interval_ms: f64,
    /// Longest wait of a finished job for others.
    pub flush_interval_ms: f64,
    /// How finished jobs were completed.
    pub completion: Completion,
    /// Whether NOTIFY woke waiting workers.
    pub listen: bool,
    /// What a job took.
    pub task: TaskRecord,
    /// How long the workers were to run, warm-up included, in seconds; none means until the queue is empty.
    #[serde(default)]
    pub duration_limit_s: Option<f64>,
    /// What was to be left out at the beginning, in seconds; `warmup_s` is less where it was over sooner.
    #[serde(default)]
    pub warmup_limit_s: f64,
    /// The shares of deliveries that were not to complete their job.
    #[serde(default)]
    pub outcomes: Outcomes,
    /// Settings of the server that the scenario or an option set, by name.
    pub settings: BTreeMap<String, String>,
    /// Which repetition this is, from 1.
    pub repeat: u64,
    /// What the queue promises about how often a job is delivered: `at-least-once`, `at-most-once`, `exactly-once`.
    pub delivery: Delivery,
    /// When execution began, in UTC, for example `2026-11-21T09:13:04.123Z`; none if it never did.
    pub began: Option<String>,
    /// How it ended.
    pub ended: Ended,
    /// Making the copy ready, and queueing.
    pub set_up: SetUp,
    /// From the first worker's start until every worker had its first answer, on an empty queue; none if that was not measured.
    pub startup_ms: Option<f64>,
    /// From the moment all workers were ready, the warm-up left out, to the last durable completion or the end of the duration, in seconds.
    pub duration_s: f64,
    /// What throughput and latency leave out at the beginning, in seconds: no more than there was.
    pub warmup_s: f64,
    /// Completed jobs a second, the warm-up left out; none if none was completed.
    pub throughput: Option<f64>,
    /// The same over the part where it was steady; none for runs too short to tell, and for those that never were.
    pub steady: Option<Steady>,
    /// Calls of fetch: `total = returned + empty + errored`.
    pub fetches: Fetches,
    /// Deliveries of jobs to workers: `total = completed + failed + released + interrupted`.
    pub deliveries: Deliveries,
    /// Every job's fate.
    pub ledger: LedgerCounts,
    /// Latency by operation, for example `fetch`; the warm-up left out.
    pub latency: BTreeMap<String, OperationLatency>,
    /// Cost per completed job, by the server's counters; none where they could not be read or nothing was completed.
    pub per_job: Option<PerJob>,
    /// Cost per job in each tenth of the jobs; empty where a tenth is too short to tell.
    pub tenths: Vec<Tenth>,
    /// The watched tables before and after.
    pub tables: Vec<TableChange>,
    /// Each statement's share of the server's time, by pg_stat_statements; none where that is not to be had.
    pub statements: Option<Vec<StatementShare>>,
    /// What the workers' sessions waited for; none for runs too short to tell.
    pub waits: Option<Waits>,
    /// Retries after errors that a retry may mend.
    pub retries: u64,
    /// Errors of the server, by SQLSTATE; lost connections are `08006`.
    pub errors: BTreeMap<String, u64>,
    /// What the tasks came to, in their own metric.
    pub task_metric: Option<TaskMetric>,
    /// What each worker did.
    pub worker_results: Vec<WorkerResult>,
    /// Whether this program, not the server, was the limit.
    pub generator: Generator,
    /// What happened that was not meant to, in order.
    pub incidents: Vec<Incident>,
    /// Thresholds, and whether they held.
    pub thresholds: Vec<ThresholdResult>,
    /// The file under the run folder with one line a second; none if nothing was recorded.
    pub series: Option<String>,
    /// Files under the run folder with histograms in HdrHistogram's log format, by operation.
    pub histograms: BTreeMap<String, String>,
    /// Why figures are missing, and what to know before trusting others, a sentence each.
    pub notes: Vec<String>,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// The queue was empty.
    Empty,
    /// The duration was over.
    Duration,
    /// No job could be fetched any more although some are left: not due, or held by nobody who will complete them.
    Stalled,
    /// A signal asked for it.
    Interrupted,
    /// Workers could not go on.
    Failed,
}

/// The task and what it was asked to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Its name, for example `io`.
    pub name: String,
    /// Its amounts by key, for example `wait_ms`.
    pub amounts: BTreeMap<String, f64>,
}

/// What came before the workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SetUp {
    /// Copying the fixture.
    pub copy_ms: f64,
    /// Jobs a second that one producer added with the queue's own enqueue, in batches of the scenario's size, to an empty queue; none
    /// where the queue has no enqueue or it was not measured.
    pub queueing: Option<Queueing>,
}

/// Adding jobs to an empty queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Queueing {
    /// Jobs added.
    pub jobs: u64,
    /// How long that took.
    pub elapsed_ms: f64,
    /// Jobs a second.
    pub throughput: f64,
}

/// The part of a run where its throughput was steady.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Steady {
    /// Where it begins, in seconds after the warm-up.
    pub from_s: f64,
    /// Completed jobs a second from there to the end.
    pub throughput: f64,
    /// 95th percentile of the service time of a fetch from there to the end.
    pub fetch_p95_ms: Option<f64>,
}

/// Calls of fetch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetches {
    /// All of them.
    pub total: u64,
    /// Those that returned jobs.
    pub returned: u64,
    /// Those that found none.
    pub empty: u64,
    /// Those that failed.
    pub errored: u64,
}

/// Deliveries of jobs to workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliveries {
    /// All of them.
    pub total: u64,
    /// Ended by a durable completion.
    pub completed: u64,
    /// Ended by a report of failure.
    pub failed: u64,
    /// Handed back.
    pub released: u64,
    /// Ended by nothing that is known to be durable: the worker, its connection or its time was gone.
    pub interrupted: u64,
}

/// Every job's fate: `acknowledged = done + dead + remaining + lost`. A job is known by the seq in its payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCounts {
    /// Jobs that were to be drained: the fixture's ready and running ones.
    pub acknowledged: u64,
    /// Completed.
    pub done: u64,
    /// Failed last, and not offered again by a queue that was drained.
    pub dead: u64,
    /// Still in the queue when the run ended.
    pub remaining: u64,
    /// Gone: neither done nor dead nor in the queue; none where the queue was not drained.
    pub lost: Option<u64>,
    /// Delivered again although completed, or while another worker had it.
    pub duplicated: u64,
    /// Delivered although never to be: not in the fixture, or finished before the run began.
    pub unexpected: u64,
    /// Delivered with a payload that does not agree with its checksum.
    pub altered: u64,
    /// Enqueued without an answer, and yet there; always 0 where nothing is enqueued.
    pub recovered: u64,
    /// Completed without an answer; counted as done where the drained queue does not have them any more, else as remaining.
    pub unknown: u64,
    /// The first of those that are lost, duplicated, unexpected or altered.
    pub examples: Vec<LedgerExample>,
}

/// A job that something was wrong with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerExample {
    /// Its seq; none where its payload tells none.
    pub seq: Option<u64>,
    /// `lost`, `duplicated`, `unexpected` or `altered`.
    pub what: String,
    /// What was seen, as a sentence.
    pub message: String,
}

/// Latency of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OperationLatency {
    /// From the intended start; none where workers ask as fast as they can and intend no start.
    pub response: Option<Percentiles>,
    /// From the sending, per call.
    pub service: Option<Percentiles>,
    /// From the intended start to the sending; none likewise.
    pub lag: Option<Percentiles>,
    /// From the sending, each call counted once for each of its jobs.
    pub service_per_job: Option<Percentiles>,
}

/// Percentiles of a histogram with three significant digits, in milliseconds; none where the number of calls does not support
/// them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Number of values: calls, or their jobs.
    pub n: u64,
    /// Median.
    pub p50: Option<f64>,
    /// 90th; needs 10.
    pub p90: Option<f64>,
    /// 95th; needs 20.
    pub p95: Option<f64>,
    /// 99th; needs 100.
    pub p99: Option<f64>,
    /// 99.9th; needs 1,000.
    pub p999: Option<f64>,
    /// Greatest.
    pub max: Option<f64>,
}

/// Cost per completed job, by the server's counters before and after; the drain that follows is not part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PerJob {
    /// Pages found in or read into shared buffers.
    pub pages: f64,
    /// Those that were read.
    pub pages_read: f64,
    /// WAL bytes; of the whole server.
    pub wal_bytes: f64,
    /// WAL records; of the whole server.
    pub wal_records: f64,
    /// Row versions updated or deleted in the watched tables: each leaves a dead one.
    pub dead_rows: f64,
    /// Commits.
    pub commits: f64,
    /// Share of updates that touched no index; none without updates.
    pub hot_share: Option<f64>,
    /// Bytes of temporary files.
    pub temp_bytes: f64,
    /// Rows inserted.
    pub rows_inserted: f64,
    /// Rows updated.
    pub rows_updated: f64,
    /// Rows deleted.
    pub rows_deleted: f64,
    /// Processor time of the server, in microseconds; none where it runs elsewhere.
    pub server_cpu_us: Option<f64>,
    /// Processor time of the workers during execution, in microseconds.
    pub client_cpu_us: f64,
}

/// A tenth of the jobs, in the order they were completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tenth {
    /// Which one, 1 to 10.
    pub tenth: u64,
    /// How long it took, in seconds.
    pub duration_s: f64,
    /// Completed jobs a second.
    pub throughput: f64,
    /// Pages per job.
    pub pages: f64,
    /// WAL bytes per job.
    pub wal_bytes: f64,
}

/// A watched table before and after.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableChange {
    /// Its name.
    pub table: String,
    /// Bytes of the table, TOAST included, before.
    pub table_bytes_before: u64,
    /// After.
    pub table_bytes_after: u64,
    /// Bytes of its indexes before.
    pub index_bytes_before: u64,
    /// After.
    pub index_bytes_after: u64,
    /// Dead rows the server counted before.
    pub dead_rows_before: u64,
    /// After.
    pub dead_rows_after: u64,
    /// Rows inserted meanwhile.
    pub inserted: u64,
    /// Rows updated meanwhile.
    pub updated: u64,
    /// Of those, updates that touched no index.
    pub hot_updated: u64,
    /// Rows deleted meanwhile.
    pub deleted: u64,
    /// How often autovacuum went through it meanwhile.
    pub autovacuums: u64,
}

/// One statement's share of what the server did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatementShare {
    /// The statement's name as in plans, for example `fetch`, or its text where it is none of the queue's.
    pub statement: String,
    /// Whether it is one of the queue's; others are this program's own.
    pub of_queue: bool,
    /// How often it was called.
    pub calls: u64,
    /// Rows it returned or wrote.
    pub rows: u64,
    /// Time it took.
    pub total_ms: f64,
    /// Its share of the time of all statements, 0 to 1.
    pub share: f64,
    /// Pages per call.
    pub pages_per_call: f64,
    /// WAL bytes per call.
    pub wal_bytes_per_call: f64,
}

/// What the workers' sessions were doing, sampled ten times a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Waits {
    /// Samples of sessions taken.
    pub samples: u64,
    /// Share of samples by what the session did, largest first in print: `running` on a processor, `idle` until the worker sends
    /// something, or the event it waited for, for example `Lock:transactionid`.
    pub shares: BTreeMap<String, f64>,
    /// The same by state of the worker, for example `fetching`; each sums to 1.
    pub by_state: BTreeMap<String, BTreeMap<String, f64>>,
}

/// What the tasks came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskMetric {
    /// What it is, for example `operations per ms`.
    pub name: String,
    /// How much.
    pub value: f64,
}

/// What one worker did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerResult {
    /// Its number, from 1.
    pub worker: u64,
    /// The process it was in, from 1; 0 for the program itself.
    pub process: u64,
    /// The state it was last in: `finished` unless it was killed.
    pub state: WorkerState,
    /// From its start until it was ready: connected, statements prepared.
    pub startup_ms: Option<f64>,
    /// Completed jobs a second; none if it completed none.
    pub throughput: Option<f64>,
    /// Calls of fetch.
    pub fetches: Fetches,
    /// Deliveries.
    pub deliveries: Deliveries,
    /// Retries after errors that a retry may mend.
    pub retries: u64,
    /// Connections it opened after the first.
    pub reconnects: u64,
    /// Service time of its fetches.
    pub fetch: Option<Percentiles>,
    /// Service time of its completions.
    pub complete: Option<Percentiles>,
    /// Processor time it took.
    pub cpu_ms: f64,
    /// Why it ended before the others, if it did.
    pub failure: Option<String>,
    /// Whether it gave up by itself: not because its process was killed.
    pub gave_up: bool,
}

/// Whether this program, not the server, was the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// Processor time of this program and its worker processes over elapsed time times processors of the machine.
    pub cpu_share: f64,
    /// The largest share of its time that one worker spent on the processor, its tasks left out; none where that was not measured.
    pub busiest_worker: Option<f64>,
    /// Whether it was the limit.
    pub is_limit: bool,
}

/// Something that was not meant to happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// When, in seconds after execution began; negative before.
    pub at_s: f64,
    /// The worker, where it was one's.
    pub worker: Option<u64>,
    /// What, as a sentence.
    pub message: String,
}

/// A threshold and whether it held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThresholdResult {
    /// As it was written.
    pub threshold: String,
    /// The figure; none where it was not measured, and then the threshold does not hold.
    pub figure: Option<f64>,
    /// Whether it held.
    pub held: bool,
}
