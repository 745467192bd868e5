//! What a sweep told: its cells, the law fitted to them, what to take.

use super::grid::Grid;
use super::overview::range;
use crate::report::palette::Role;
use crate::report::text::inert;
use crate::run::throughput::{Interval, ScalabilityFit, Scaling};
use crate::stats::spread::median;
use crate::units::{Count, Growth, Significant, UNKNOWN};

/// A queue's part of a sweep.
#[derive(Debug)]
pub(super) struct ScalingView {
    /// Queue, fixture, server.
    pub(super) title: String,
    /// A row a cell.
    pub(super) cells: Grid,
    /// The fits, a sentence each.
    pub(super) fits: Vec<String>,
    /// What to take, a sentence each.
    pub(super) recommendation: Vec<String>,
}

impl ScalingView {
    /// Prepares it.
    pub(super) fn of(scaling: &Scaling) -> ScalingView {
        let title = format!(
            "{} on {}, PostgreSQL {}",
            inert(&scaling.queue),
            inert(&scaling.fixture),
            inert(&scaling.postgres)
        );
        ScalingView {
            title,
            cells: cells(scaling),
            fits: scaling.fits.iter().map(fit).collect(),
            recommendation: scaling
                .recommendation
                .iter()
                .map(|one| inert(one))
                .collect(),
        }
    }
}

fn cells(scaling: &Scaling) -> Grid {
    let heads = [
        "workers",
        "batch",
        "jobs/s",
        "range",
        "n",
        "a worker",
        "to the first",
    ];
    let mut grid = Grid::new(&[], &heads);
    grid.add_column("limited by this program", false);
    let first = scaling
        .swept
        .first()
        .and_then(|cell| median(&cell.throughput));
    for cell in &scaling.swept {
        let middle = median(&cell.throughput);
        let shown = |value: Option<f64>| {
            value.map_or_else(
                || UNKNOWN.to_owned(),
                |value| Significant(value).to_string(),
            )
        };
        let growth = first
            .zip(middle)
            .map(|(before, after)| Growth { before, after });
        let (role, limit) = if cell.generator_is_limit {
            (Role::Warning, "yes")
        } else {
            (Role::Plain, "no")
        };
        let texts = [
            Count(cell.workers).to_string(),
            Count(cell.batch_size).to_string(),
            shown(middle),
            range(&cell.throughput),
            Count(cell.throughput.len() as u64).to_string(),
            shown(middle.map(|middle| middle / cell.workers.max(1) as f64)),
            growth.map_or_else(|| UNKNOWN.to_owned(), |growth| growth.to_string()),
        ];
        let mut row: Vec<(Role, String)> = texts.map(|text| (Role::Plain, text)).into();
        row.push((role, limit.to_owned()));
        grid.add_painted(row);
    }
    grid
}

fn fit(fit: &ScalabilityFit) -> String {
    let interval = |one: Interval| {
        let [value, low, high] = [one.value, one.low, one.high].map(Significant);
        format!("{value} ({low} to {high})")
    };
    let peak = match (fit.peak_workers, fit.peak_throughput) {
        (Some(workers), Some(throughput)) => format!(
            "peak {} jobs/s at {} workers",
            Significant(throughput),
            Significant(workers)
        ),
        (Some(workers), None) => format!("peak at {} workers", Significant(workers)),
        (None, _) => "no peak".to_owned(),
    };
    format!(
        "Universal Scalability Law, batches of {}: one worker alone {} jobs/s, contention {}, coherence {}; {peak}; R² {:.3}",
        Count(fit.batch_size),
        interval(fit.lambda),
        interval(fit.sigma),
        interval(fit.kappa),
        fit.r_squared
    )
}
