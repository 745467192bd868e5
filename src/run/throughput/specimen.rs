//! A made-up result with every figure in it: it tells which figures there are, and reports are tried on it.

use std::collections::BTreeMap;

use super::{
    Deliveries, Ended, Fetches, Generator, Incident, LedgerCounts, OperationLatency, PerJob,
    Percentiles, Queueing, SetUp, StatementShare, Steady, TableChange, TaskMetric, TaskRecord,
    Tenth, ThresholdResult, ThroughputResult, Waits, WorkerResult, WorkerState,
};
use crate::definition::operation::Operation;
use crate::definition::queue::Delivery;
use crate::definition::scenario::{Completion, Outcomes};

/// Workers of the specimen.
const WORKERS: u64 = 4;

/// Jobs that are completed in the specimen.
const JOBS: u64 = 90_000;

/// Jobs asked for by a fetch.
const BATCH_SIZE: u64 = 100;

impl ThroughputResult {
    /// A result in which every figure that a drain can come to is there and the totals agree. Its values mean nothing; its keys are those of an
    /// entry of `results`.
    #[must_use]
    pub fn specimen() -> ThroughputResult {
        ThroughputResult {
            postgres: "15.18".to_owned(),
            scenario: "high-throughput".to_owned(),
            queue: "status-partial".to_owned(),
            fixture: "heavy-single-queue".to_owned(),
            jobs: 100_000,
            workers: WORKERS,
            processes: 0,
            batch_size: BATCH_SIZE,
            concurrency: 100,
            poll_interval_ms: 50.0,
            flush_interval_ms: 50.0,
            completion: Completion::Batch,
            listen: false,
            task: TaskRecord {
                name: "io".to_owned(),
                amounts: BTreeMap::from([("wait_ms".to_owned(), 10.0)]),
            },
            duration_limit_s: Some(60.0),
            warmup_limit_s: 0.0,
            outcomes: Outcomes::default(),
            settings: BTreeMap::from([("synchronous_commit".to_owned(), "on".to_owned())]),
            repeat: 1,
            delivery: Delivery::AtLeastOnce,
            began: Some("2026-11-21T09:13:04.123Z".to_owned()),
            ended: Ended::Empty,
            set_up: set_up(),
            startup_ms: Some(14.2),
            duration_s: 12.5,
            warmup_s: 0.0,
            throughput: Some(7_200.0),
            steady: Some(Steady {
                from_s: 2.0,
                throughput: 7_350.5,
                fetch_p95_ms: Some(8.4),
            }),
            fetches: fetches(WORKERS),
            deliveries: deliveries(WORKERS),
            ledger: LedgerCounts {
                acknowledged: JOBS,
                done: JOBS,
                lost: Some(0),
                ..LedgerCounts::default()
            },
            latency: latency(),
            per_job: Some(per_job()),
            tenths: tenths(),
            tables: vec![table()],
            statements: Some(statements()),
            waits: Some(waits()),
            retries: 3,
            errors: BTreeMap::from([("40001".to_owned(), 2), ("40P01".to_owned(), 1)]),
            task_metric: Some(TaskMetric {
                name: "achieved overlap".to_owned(),
                value: 71.9,
            }),
            worker_results: (1..=WORKERS).map(worker).collect(),
            generator: Generator {
                cpu_share: 0.21,
                busiest_worker: Some(0.118),
                is_limit: false,
            },
            incidents: incidents(),
            thresholds: thresholds(),
            series: Some("series.csv".to_owned()),
            histograms: BTreeMap::from([("fetch".to_owned(), "fetch.hlog".to_owned())]),
            notes: vec!["this server has no setting io_method".to_owned()],
        }
    }
}

fn set_up() -> SetUp {
    SetUp {
        copy_ms: 412.5,
        queueing: Some(Queueing {
            jobs: 10_000,
            elapsed_ms: 212.4,
            throughput: 47_080.979,
        }),
    }
}

fn incidents() -> Vec<Incident> {
    vec![Incident {
        at_s: 3.25,
        worker: Some(2),
        message: "deadlock detected (40P01): done again after 1 ms".to_owned(),
    }]
}

fn thresholds() -> Vec<ThresholdResult> {
    vec![
        ThresholdResult {
            threshold: "latency.fetch.service.p95 < 20ms".to_owned(),
            figure: Some(8.52),
            held: true,
        },
        ThresholdResult {
            threshold: "ledger.lost == 0".to_owned(),
            figure: Some(0.0),
            held: true,
        },
    ]
}

fn fetches(workers: u64) -> Fetches {
    let returned = JOBS / BATCH_SIZE / WORKERS * workers;
    Fetches {
        total: returned + workers,
        returned,
        empty: workers,
        errored: 0,
    }
}

fn deliveries(workers: u64) -> Deliveries {
    let completed = JOBS / WORKERS * workers;
    Deliveries {
        total: completed + workers,
        completed,
        released: workers,
        ..Deliveries::default()
    }
}

fn latency() -> BTreeMap<String, OperationLatency> {
    let of = |operation: Operation, median: f64| {
        let latency = OperationLatency {
            service: Some(percentiles(904, median)),
            service_per_job: Some(percentiles(JOBS, median * 1.02)),
            ..OperationLatency::default()
        };
        (operation.name().to_owned(), latency)
    };
    BTreeMap::from([
        of(Operation::Fetch, 5.21),
        of(Operation::Complete, 6.87),
        of(Operation::Fail, 1.3),
        of(Operation::Release, 1.2),
        of(Operation::StepLoad, 0.8),
        of(Operation::StepSave, 0.9),
    ])
}

fn percentiles(n: u64, median: f64) -> Percentiles {
    let times = |factor: f64| Some((median * factor * 1e3).round() / 1e3);
    Percentiles {
        n,
        p50: times(1.0),
        p90: times(1.4),
        p95: times(1.6),
        p99: times(2.9),
        p999: times(4.4),
        max: times(7.3),
    }
}

fn per_job() -> PerJob {
    PerJob {
        pages: 28.4,
        pages_read: 0.012,
        wal_bytes: 612.3,
        wal_records: 6.04,
        dead_rows: 2.0,
        commits: 0.0201,
        hot_share: Some(0.48),
        temp_bytes: 0.0,
        rows_inserted: 0.0,
        rows_updated: 2.0,
        rows_deleted: 0.0,
        server_cpu_us: Some(131.2),
        client_cpu_us: 21.7,
    }
}

fn tenths() -> Vec<Tenth> {
    let tenth = |number: u64| {
        let growth = 1.0 + 0.04 * (number - 1) as f64;
        Tenth {
            tenth: number,
            duration_s: 1.25 * growth,
            throughput: 7_200.0 / growth,
            pages: 25.0 * growth,
            wal_bytes: 612.3,
        }
    };
    (1..=10).map(tenth).collect()
}

fn table() -> TableChange {
    TableChange {
        table: "job".to_owned(),
        table_bytes_before: 24 << 20,
        table_bytes_after: 52 << 20,
        index_bytes_before: 9 << 20,
        index_bytes_after: 14 << 20,
        dead_rows_before: 0,
        dead_rows_after: 121_204,
        inserted: 0,
        updated: 2 * JOBS,
        hot_updated: 86_400,
        deleted: 0,
        autovacuums: 1,
    }
}

fn statements() -> Vec<StatementShare> {
    let of = |statement: &str, calls, rows, total_ms, share, pages_per_call| StatementShare {
        statement: statement.to_owned(),
        of_queue: statement != "begin",
        calls,
        rows,
        total_ms,
        share,
        pages_per_call,
        wal_bytes_per_call: 30_400.0,
    };
    vec![
        of("complete", 900, JOBS, 6_412.0, 0.561, 1_510.0),
        of("fetch", 904, JOBS, 4_998.0, 0.437, 1_320.0),
        of("begin", 904, 0, 22.0, 0.002, 0.0),
    ]
}

fn waits() -> Waits {
    let shares = |shares: &[(&str, f64)]| {
        let named = shares.iter();
        named
            .map(|(name, share)| ((*name).to_owned(), *share))
            .collect()
    };
    Waits {
        samples: 500,
        shares: shares(&[
            ("running", 0.52),
            ("IO:WALSync", 0.28),
            ("Lock:transactionid", 0.04),
            ("idle", 0.16),
        ]),
        by_state: BTreeMap::from([
            (
                "fetching".to_owned(),
                shares(&[("running", 0.7), ("IO:WALSync", 0.3)]),
            ),
            (
                "completing".to_owned(),
                shares(&[
                    ("running", 0.5),
                    ("IO:WALSync", 0.4),
                    ("Lock:transactionid", 0.1),
                ]),
            ),
        ]),
    }
}

fn worker(number: u64) -> WorkerResult {
    WorkerResult {
        worker: number,
        process: 0,
        state: WorkerState::Finished,
        startup_ms: Some(9.0 + number as f64),
        throughput: Some(1_800.0),
        fetches: fetches(1),
        deliveries: deliveries(1),
        retries: u64::from(number > 1),
        reconnects: 0,
        fetch: Some(percentiles(226, 5.2)),
        complete: Some(percentiles(225, 6.9)),
        cpu_ms: 486.0,
        failure: None,
        gave_up: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_retries_are_those_of_its_workers() {
        let specimen = ThroughputResult::specimen();
        let retries = specimen.worker_results.iter().map(|worker| worker.retries);
        assert_eq!(retries.sum::<u64>(), specimen.retries);
    }

    #[test]
    fn it_reads_as_it_was_written() {
        let specimen = ThroughputResult::specimen();
        let text = serde_json::to_string(&specimen).expect("serialises");
        let read: ThroughputResult = serde_json::from_str(&text).expect("reads");
        assert_eq!(read, specimen);
    }
}
