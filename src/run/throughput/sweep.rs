//! What the runs of a sweep come to: cells, fitted laws, and a recommendation in words.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ended, Interval, ScalabilityFit, Scaling, SweptCell, ThroughputResult};
use crate::stats::scalability::{self, Ends, Fit, Point};
use crate::stats::spread::median;

mod wording;

/// What comes within this share of the most that was seen is as good: fewer workers are taken instead.
pub const AS_GOOD: f64 = 0.05;

impl Scaling {
    /// What runs of each queue with different numbers of workers or batch sizes tell; nothing of queues that were run with one of each only.
    /// Runs that did not come to their end are left out, and the recommendation says so.
    #[must_use]
    pub fn of(results: &[ThroughputResult]) -> Vec<Scaling> {
        let mut groups: Vec<(&ThroughputResult, Vec<&ThroughputResult>)> = Vec::new();
        for result in results {
            let is_same = |one: &ThroughputResult| {
                (&one.postgres, &one.scenario, &one.queue, &one.fixture)
                    == (
                        &result.postgres,
                        &result.scenario,
                        &result.queue,
                        &result.fixture,
                    )
            };
            match groups.iter_mut().find(|(first, _)| is_same(first)) {
                Some((_, members)) => members.push(result),
                None => groups.push((result, vec![result])),
            }
        }
        let scalings = groups.into_iter().filter_map(|(first, members)| {
            let points: BTreeSet<_> = members.iter().map(|one| place(one)).collect();
            (points.len() > 1).then(|| scaling(first, &members))
        });
        scalings.collect()
    }
}

/// Where in the sweep a run was: workers, then batch size.
fn place(result: &ThroughputResult) -> (u64, u64) {
    (result.workers, result.batch_size)
}

/// Whether its throughput is one of the whole run.
fn is_whole(result: &&&ThroughputResult) -> bool {
    result.ended != Ended::Interrupted && !result.has_failed()
}

fn scaling(first: &ThroughputResult, members: &[&ThroughputResult]) -> Scaling {
    let mut cells: BTreeMap<(u64, u64), SweptCell> = BTreeMap::new();
    for result in members.iter().filter(is_whole) {
        let Some(throughput) = result.throughput else {
            continue;
        };
        let (workers, batch_size) = place(result);
        let cell = cells.entry(place(result)).or_insert_with(|| SweptCell {
            workers,
            batch_size,
            throughput: Vec::new(),
            generator_is_limit: false,
        });
        cell.throughput.push(throughput);
        cell.generator_is_limit |= result.generator.is_limit;
    }
    let swept: Vec<SweptCell> = cells.into_values().collect();
    let counted: usize = swept.iter().map(|cell| cell.throughput.len()).sum();
    let (fits, reasons) = fits(&swept);
    Scaling {
        postgres: first.postgres.clone(),
        queue: first.queue.clone(),
        fixture: first.fixture.clone(),
        recommendation: wording::recommendation(&wording::Found {
            swept: &swept,
            fits: &fits,
            reasons: &reasons,
            left_out: members.len() - counted,
        }),
        swept,
        fits,
    }
}

/// A law for each batch size, where workers were swept, and why there is none for others.
fn fits(swept: &[SweptCell]) -> (Vec<ScalabilityFit>, Vec<String>) {
    let mut fits = Vec::new();
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let sizes: BTreeSet<u64> = swept.iter().map(|cell| cell.batch_size).collect();
    for batch_size in sizes {
        let cells = || swept.iter().filter(|cell| cell.batch_size == batch_size);
        if cells().count() < 2 {
            continue;
        }
        let of_cell = |cell: &SweptCell| -> Vec<Point> {
            let workers = cell.workers as f64;
            let point = |throughput: &f64| Point {
                workers,
                throughput: *throughput,
            };
            cell.throughput.iter().map(point).collect()
        };
        let points: Vec<Point> = cells().flat_map(of_cell).collect();
        match scalability::fit(&points) {
            Ok(fit) => fits.push(of_fit(batch_size, &fit)),
            Err(reason) => {
                let batch_sizes = reasons.entry(reason.to_string()).or_default();
                batch_sizes.push(batch_size.to_string());
            }
        }
    }
    let reasons = reasons.into_iter().map(|(reason, batch_sizes)| {
        let batch_sizes = batch_sizes.join(", ");
        format!("there is no scalability law for batches of {batch_sizes}: {reason}")
    });
    (fits, reasons.collect())
}

fn of_fit(batch_size: u64, fit: &Fit) -> ScalabilityFit {
    let interval = |value: f64, (low, high): Ends| Interval { value, low, high };
    let peak_workers = fit.law.peak();
    ScalabilityFit {
        batch_size,
        lambda: interval(fit.law.lambda, fit.lambda),
        sigma: interval(fit.law.sigma, fit.sigma),
        kappa: interval(fit.law.kappa, fit.kappa),
        peak_workers,
        peak_throughput: peak_workers.map(|workers| fit.law.at(workers)),
        r_squared: fit.r_squared,
    }
}

/// The cell to take, and the one with the most throughput: the smallest number of workers, then the smallest batch, whose median is as good
/// as the greatest. None without cells.
#[must_use]
pub fn recommended(swept: &[SweptCell]) -> Option<(&SweptCell, &SweptCell)> {
    let best = swept
        .iter()
        .max_by(|one, other| middle(one).total_cmp(&middle(other)))?;
    let is_as_good = |cell: &&SweptCell| middle(cell) >= (1.0 - AS_GOOD) * middle(best);
    let good = swept.iter().filter(is_as_good);
    let least = good.min_by_key(|cell| (cell.workers, cell.batch_size))?;
    Some((least, best))
}

/// The median of a cell's repeats; 0 where there is none.
fn middle(cell: &SweptCell) -> f64 {
    median(&cell.throughput).unwrap_or(0.0)
}

#[cfg(test)]
mod tests;
