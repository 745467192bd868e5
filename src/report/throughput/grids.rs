//! What one drain came to, in tables: latency, statements, waits, tables of the database, workers, thresholds.

use std::collections::BTreeMap;

use super::facts::{bytes, known, percent};
use super::grid::Grid;
use crate::report::palette::Role;
use crate::report::text::inert;
use crate::run::throughput::{
    Percentiles, StatementShare, TableChange, ThresholdResult, ThroughputResult, Waits,
    WorkerResult, WorkerState,
};
use crate::units::{Bytes, Count, Growth, Significant, TimeUnit};

/// Workers up to this number have a line each; more are folded to their range.
const WORKER_LINES: usize = 16;

/// Waits with a line of their own.
const LINES: usize = 8;

/// Service times of every operation, per call and per job, in milliseconds.
pub(super) fn latency(result: &ThroughputResult) -> Grid {
    let heads = ["n", "p50", "p90", "p95", "p99", "p99.9", "max"];
    let mut grid = Grid::new(&["latency, ms"], &heads);
    // In the order of a job's life; others follow by name.
    let order = |name: &String| {
        let known = ["enqueue", "fetch", "step-load", "step-save", "complete"];
        known
            .iter()
            .position(|one| one == name)
            .unwrap_or(known.len())
    };
    let mut operations: Vec<&String> = result.latency.keys().collect();
    operations.sort_by_key(|name| order(name));
    for name in operations {
        let latency = &result.latency[name];
        let kinds = [
            ("from its time", &latency.response),
            ("a call", &latency.service),
            ("a job", &latency.service_per_job),
        ];
        for (kind, percentiles) in kinds {
            let Some(percentiles) = percentiles.as_ref().filter(|one| one.n > 0) else {
                continue;
            };
            let mut row = vec![format!("{}, {kind}", inert(name))];
            row.push(Count(percentiles.n).to_string());
            row.extend(times(percentiles));
            grid.add_row(row);
        }
    }
    grid
}

fn times(percentiles: &Percentiles) -> impl Iterator<Item = String> {
    let times = [
        percentiles.p50,
        percentiles.p90,
        percentiles.p95,
        percentiles.p99,
        percentiles.p999,
        percentiles.max,
    ];
    times.into_iter().map(milliseconds)
}

/// A time in milliseconds as a cell.
pub(super) fn milliseconds(time: Option<f64>) -> String {
    known(time.map(|time| TimeUnit::Milliseconds.cell(time)))
}

/// Each statement's share of the server's time: the queue's own, then all others in one line.
pub(super) fn statements(result: &ThroughputResult) -> Grid {
    let heads = [
        "share",
        "calls",
        "rows/call",
        "ms/call",
        "pages/call",
        "WAL/call",
    ];
    let mut grid = Grid::new(&["statements"], &heads);
    let all = result.statements.iter().flatten();
    let (mut own, others): (Vec<&StatementShare>, Vec<_>) = all.partition(|one| one.of_queue);
    own.sort_by(|one, other| other.share.total_cmp(&one.share));
    for statement in &own {
        grid.add_row(statement_row(inert(&statement.statement), statement));
    }
    if let Some(sum) = sum_of(&others) {
        grid.add_row(statement_row("others".to_owned(), &sum));
    }
    grid
}

fn statement_row(name: String, statement: &StatementShare) -> [String; 7] {
    let calls = statement.calls as f64;
    [
        name,
        percent(statement.share),
        Count(statement.calls).to_string(),
        Significant(statement.rows as f64 / calls).to_string(),
        TimeUnit::Milliseconds.cell(statement.total_ms / calls),
        Significant(statement.pages_per_call).to_string(),
        bytes(statement.wal_bytes_per_call),
    ]
}

/// Several statements as if they were one; none of none.
fn sum_of(statements: &[&StatementShare]) -> Option<StatementShare> {
    let calls: u64 = statements.iter().map(|one| one.calls).sum();
    let sum = |figure: fn(&StatementShare) -> f64| -> f64 {
        statements.iter().map(|one| figure(one)).sum()
    };
    let per_call = |figure: fn(&StatementShare) -> f64| sum(figure) / calls as f64;
    (calls > 0).then(|| StatementShare {
        calls,
        rows: statements.iter().map(|one| one.rows).sum(),
        total_ms: sum(|one| one.total_ms),
        share: sum(|one| one.share),
        pages_per_call: per_call(|one| one.pages_per_call * one.calls as f64),
        wal_bytes_per_call: per_call(|one| one.wal_bytes_per_call * one.calls as f64),
        ..StatementShare::default()
    })
}

/// What sessions waited for, in all and by state of the worker, most first.
pub(super) fn waits(waits: &Waits) -> Grid {
    // Sessions of workers that wait for work do nothing that is worth a column.
    let is_busy = |state: &&WorkerState| {
        !matches!(
            state,
            WorkerState::Connecting | WorkerState::Waiting | WorkerState::Finished
        )
    };
    let states: Vec<(&'static str, &BTreeMap<String, f64>)> = WorkerState::ALL
        .iter()
        .filter(is_busy)
        .filter_map(|state| Some((state.name(), waits.by_state.get(state.name())?)))
        .collect();
    let mut grid = Grid::new(&["sessions"], &["all"]);
    for (state, _) in &states {
        grid.add_column(state, true);
    }
    let mut shares: Vec<(&String, f64)> = waits
        .shares
        .iter()
        .map(|(name, share)| (name, *share))
        .collect();
    shares.sort_by(|one, other| other.1.total_cmp(&one.1));
    for (name, share) in shares.iter().take(LINES) {
        let mut row = vec![inert(name), percent(*share)];
        let by_state = states.iter().map(|(_, shares)| shares.get(*name));
        row.extend(by_state.map(|share| share.map_or(String::new(), |share| percent(*share))));
        grid.add_row(row);
    }
    grid
}

/// The watched tables before and after.
pub(super) fn tables(tables: &[TableChange]) -> Grid {
    let heads = [
        "table",
        "after",
        "indexes",
        "after",
        "dead rows",
        "HOT",
        "autovacuums",
    ];
    let mut grid = Grid::new(&["tables"], &heads);
    for table in tables {
        let grown = |before: u64, after: u64| {
            let growth = Growth {
                before: before as f64,
                after: after as f64,
            };
            if before == after {
                Bytes(after).to_string()
            } else {
                format!("{} ({growth})", Bytes(after))
            }
        };
        let hot = (table.updated > 0).then(|| table.hot_updated as f64 / table.updated as f64);
        grid.add_row([
            inert(&table.table),
            Bytes(table.table_bytes_before).to_string(),
            grown(table.table_bytes_before, table.table_bytes_after),
            Bytes(table.index_bytes_before).to_string(),
            grown(table.index_bytes_before, table.index_bytes_after),
            Count(table.dead_rows_after).to_string(),
            known(hot.map(percent)),
            Count(table.autovacuums).to_string(),
        ]);
    }
    grid
}

/// A figure of a worker.
type Figure = (
    &'static str,
    fn(&WorkerResult) -> Option<f64>,
    fn(f64) -> String,
);

/// What a worker's line holds.
const FIGURES: [Figure; 8] = [
    (
        "completed",
        |one| Some(one.deliveries.completed as f64),
        whole,
    ),
    ("jobs/s", |one| one.throughput, significant),
    ("fetches", |one| Some(one.fetches.total as f64), whole),
    ("empty", |one| Some(one.fetches.empty as f64), whole),
    ("fetch p95", |one| one.fetch?.p95, cell),
    ("complete p95", |one| one.complete?.p95, cell),
    ("retries", |one| Some(one.retries as f64), whole),
    ("CPU", |one| Some(one.cpu_ms), significant),
];

fn whole(value: f64) -> String {
    Count(value as u64).to_string()
}

fn significant(value: f64) -> String {
    Significant(value).to_string()
}

fn cell(milliseconds: f64) -> String {
    TimeUnit::Milliseconds.cell(milliseconds)
}

/// A line a worker; of many the least and the most of each figure.
pub(super) fn workers(workers: &[WorkerResult]) -> Grid {
    let mut grid = Grid::new(&["workers, times in ms"], &FIGURES.map(|(head, _, _)| head));
    if workers.len() <= WORKER_LINES {
        for worker in workers {
            let mut row = vec![worker_name(worker)];
            row.extend(FIGURES.map(|(_, figure, shown)| known(figure(worker).map(shown))));
            grid.add_row(row);
        }
        return grid;
    }
    for (name, end) in [
        ("least", f64::min as fn(f64, f64) -> f64),
        ("most", f64::max),
    ] {
        let mut row = vec![format!("{name} of {}", Count(workers.len() as u64))];
        row.extend(FIGURES.map(|(_, figure, shown)| {
            known(workers.iter().filter_map(figure).reduce(end).map(shown))
        }));
        grid.add_row(row);
    }
    grid
}

/// Its number, its process and, where it is not finished, its state.
fn worker_name(worker: &WorkerResult) -> String {
    let mut name = worker.worker.to_string();
    if worker.process > 0 {
        name += &format!(" (process {})", worker.process);
    }
    if worker.state != WorkerState::Finished {
        name += &format!(", {}", worker.state.name());
    }
    name
}

/// Thresholds and whether they held.
pub(super) fn thresholds(thresholds: &[ThresholdResult]) -> Grid {
    let mut grid = Grid::new(&["thresholds", ""], &["figure"]);
    for threshold in thresholds {
        let (role, word) = match (threshold.held, threshold.figure) {
            (true, _) => (Role::Good, "✓ held"),
            (false, Some(_)) => (Role::Critical, "✗ broken"),
            (false, None) => (Role::Critical, "✗ not measured"),
        };
        let figure = threshold.figure.map(figure);
        grid.add_painted(vec![
            (Role::Plain, inert(&threshold.threshold)),
            (role, word.to_owned()),
            (Role::Plain, known(figure)),
        ]);
    }
    grid
}

/// A count in full, anything else with three digits.
fn figure(value: f64) -> String {
    if value >= 0.0 && value.fract() == 0.0 && value < 1e15 {
        whole(value)
    } else {
        significant(value)
    }
}
