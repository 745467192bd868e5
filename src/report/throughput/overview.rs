//! Several queues, settings or repeats side by side, a row for each that is more than a repeat.

use super::facts::{bytes, known, percent, task};
use super::grid::Grid;
use super::grids::milliseconds;
use crate::report::palette::Role;
use crate::report::text::inert;
use crate::run::throughput::{Cell, LedgerVerdict, Repeats, ThroughputResult, Waits};
use crate::units::{Count, Significant};

/// A part of what a drain was asked to do: its name and how it is printed.
type Part = (&'static str, fn(&Cell) -> String);

/// What tells one cell from another, in the order of columns.
const PARTS: [Part; 9] = [
    ("postgres", |cell| inert(&cell.postgres)),
    ("fixture", |cell| inert(&cell.fixture)),
    ("scenario", |cell| inert(&cell.scenario)),
    ("workers", |cell| Count(cell.workers).to_string()),
    ("processes", |cell| Count(cell.processes).to_string()),
    ("batch", |cell| Count(cell.batch_size).to_string()),
    ("in flight", |cell| Count(cell.concurrency).to_string()),
    ("completion", |cell| cell.completion.to_string()),
    ("task", |cell| task(&cell.task)),
];

/// The cells side by side.
pub(super) fn overview(cells: &[Repeats<'_>]) -> Grid {
    let differs = |(_, part): &&Part| {
        let mut parts = cells.iter().map(|repeats| part(&repeats.cell));
        let first = parts.next();
        parts.any(|part| Some(part) != first)
    };
    let differing: Vec<&Part> = PARTS.iter().filter(differs).collect();
    let is_repeated = cells.iter().any(|repeats| repeats.results.len() > 1);
    let mut grid = Grid::new(&["queue"], &[]);
    for (name, _) in &differing {
        grid.add_column(name, false);
    }
    grid.add_column("jobs/s", true);
    if is_repeated {
        grid.add_column(&range_head(cells), true);
    }
    for head in ["p95 ms", "pages/job", "WAL/job", "dead/job"] {
        grid.add_column(head, true);
    }
    grid.add_column("ledger", false);
    grid.add_column("most waited for", false);
    for repeats in cells {
        let mut row = vec![(Role::Plain, inert(&repeats.cell.queue))];
        let parts = differing.iter().map(|(_, part)| part(&repeats.cell));
        row.extend(parts.map(|part| (Role::Plain, part)));
        let figures = figures(repeats, is_repeated).into_iter();
        row.extend(figures.map(|figure| (Role::Plain, figure)));
        row.push(ledger(repeats));
        row.push((Role::Plain, foremost_wait(repeats)));
        grid.add_painted(row);
    }
    grid
}

fn figures(repeats: &Repeats<'_>, is_repeated: bool) -> Vec<String> {
    let median = |figure: fn(&ThroughputResult) -> Option<f64>| repeats.median(figure);
    let throughputs = repeats.figures(|result| result.throughput);
    let mut figures = vec![known(median(|result| result.throughput).map(Significant))];
    if is_repeated {
        figures.push(range(&throughputs));
    }
    figures.push(milliseconds(median(fetch_p95)));
    figures.push(known(
        median(|one| Some(one.per_job?.pages)).map(Significant),
    ));
    figures.push(known(median(|one| Some(one.per_job?.wal_bytes)).map(bytes)));
    figures.push(known(
        median(|one| Some(one.per_job?.dead_rows)).map(Significant),
    ));
    figures
}

/// Says of how many repeats a range is, where that is the same everywhere.
fn range_head(cells: &[Repeats<'_>]) -> String {
    let mut counts = cells.iter().map(|repeats| repeats.results.len());
    match counts.next() {
        Some(count) if counts.all(|other| other == count) => format!("range of {count}"),
        _ => "range".to_owned(),
    }
}

/// 95th percentile of the service time of a fetch, in milliseconds.
pub(super) fn fetch_p95(result: &ThroughputResult) -> Option<f64> {
    result.latency.get("fetch")?.service?.p95
}

/// From the least to the greatest; a single value has no range.
pub(super) fn range(values: &[f64]) -> String {
    let ends =
        [f64::min, f64::max].map(|end: fn(f64, f64) -> f64| values.iter().copied().reduce(end));
    match ends {
        [Some(least), Some(most)] if values.len() > 1 => {
            format!("{}–{}", Significant(least), Significant(most))
        }
        _ => known(None::<&str>),
    }
}

fn foremost_wait(repeats: &Repeats<'_>) -> String {
    let Some(middle) = repeats.in_the_middle() else {
        return known(None::<&str>);
    };
    match middle.waits.as_ref().map(Waits::foremost) {
        None => known(None::<&str>),
        Some(None) => "none".to_owned(),
        Some(Some((event, share))) => format!("{} {}", inert(event), percent(share)),
    }
}

/// The worst verdict of the repeats.
fn ledger(repeats: &Repeats<'_>) -> (Role, String) {
    let verdicts = repeats.results.iter().map(|result| result.ledger_verdict());
    let worst = verdicts.max().unwrap_or(LedgerVerdict::Open);
    let role = match worst {
        LedgerVerdict::Clean => Role::Good,
        LedgerVerdict::Open => Role::Warning,
        LedgerVerdict::Duplicates | LedgerVerdict::Broken => Role::Critical,
    };
    (role, worst.name().to_owned())
}
