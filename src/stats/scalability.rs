//! The Universal Scalability Law: how throughput grows with the number of workers, and where it stops.
//!
//! `X(N) = λN / (1 + σ(N − 1) + κN(N − 1))`: N. J. Gunther, "A general theory of computational scalability based on rational functions",
//! arXiv:0808.1431 (2008); λ is what one worker does alone, σ the share that workers queue for, κ the cost of each pair of them keeping
//! in step. Fitted by least squares (K. Levenberg, Quarterly of Applied Mathematics 2, 1944; D. W. Marquardt, SIAM Journal 11, 1963) with
//! σ and κ not below 0; intervals by resampling residuals (B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", 1993,
//! sections 9.4 and 13.3).

mod least_squares;

use std::collections::BTreeSet;

use thiserror::Error;

use super::splitmix::{GOLDEN, mix};

/// Fewer different numbers of workers are no ground for three parameters.
pub const LEAST_SIZES: usize = 4;

/// Resamples for an interval.
const RESAMPLES: usize = 600;

/// Of these, as many are left out at either end: 95 % remain.
const LEFT_OUT: usize = RESAMPLES / 40;

/// Where the random numbers begin: the same measurements always give the same intervals.
const SEED: u64 = 0x05ca_1ab1_1171;

/// The law with its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Law {
    /// Throughput of one worker alone.
    pub lambda: f64,
    /// Share that workers queue for, 0 and more.
    pub sigma: f64,
    /// Cost of each pair keeping in step, 0 and more.
    pub kappa: f64,
}

impl Law {
    /// Throughput of so many workers.
    #[must_use]
    pub fn at(&self, workers: f64) -> f64 {
        let others = workers - 1.0;
        self.lambda * workers / (1.0 + self.sigma * others + self.kappa * workers * others)
    }

    /// The number of workers beyond which throughput falls; none if it never does.
    #[must_use]
    pub fn peak(&self) -> Option<f64> {
        if self.sigma > 1.0 {
            return Some(1.0);
        }
        let peak = ((1.0 - self.sigma) / self.kappa).sqrt();
        (self.kappa > 0.0 && peak.is_finite()).then_some(peak.max(1.0))
    }
}

/// Lower and upper end of an interval of 95 %.
pub type Ends = (f64, f64);

/// The law as fitted to measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The law.
    pub law: Law,
    /// Interval of λ.
    pub lambda: Ends,
    /// Interval of σ.
    pub sigma: Ends,
    /// Interval of κ.
    pub kappa: Ends,
    /// Share of the variance that the law explains; below 0 where a constant would explain more, 1 where there is none.
    pub r_squared: f64,
}

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Number of workers, 1 and more.
    pub workers: f64,
    /// Throughput, above 0.
    pub throughput: f64,
}

/// Why there is no fit.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum NoFit {
    /// Too few numbers of workers.
    #[error("a law with three parameters needs {LEAST_SIZES} numbers of workers, not {0}")]
    FewSizes(usize),
    /// A number that the law has no place for.
    #[error(
        "{workers} workers with a throughput of {throughput} are nothing that a law could be fitted to"
    )]
    Impossible {
        /// Number of workers.
        workers: f64,
        /// Throughput.
        throughput: f64,
    },
    /// Least squares came to nothing.
    #[error("throughput does not follow the number of workers in any way that the law knows")]
    NoLaw,
}

/// Fits the law to measurements in any order, each repeat for itself.
///
/// # Errors
/// If they are too few or are not possible.
pub fn fit(points: &[Point]) -> Result<Fit, NoFit> {
    let sizes: BTreeSet<u64> = points.iter().map(|point| point.workers.to_bits()).collect();
    let is_possible = |point: &&Point| {
        let fits = |value: f64, least: f64| value.is_finite() && value >= least;
        fits(point.workers, 1.0) && fits(point.throughput, f64::MIN_POSITIVE)
    };
    if let Some(&Point {
        workers,
        throughput,
    }) = points.iter().find(|point| !is_possible(point))
    {
        return Err(NoFit::Impossible {
            workers,
            throughput,
        });
    }
    if sizes.len() < LEAST_SIZES {
        return Err(NoFit::FewSizes(sizes.len()));
    }
    let law = least_squares::fit(points).ok_or(NoFit::NoLaw)?;
    let resampled = resampled(&law, points);
    let ends = |of: fn(&Law) -> f64| -> Ends {
        let mut values: Vec<f64> = resampled.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let left_out = LEFT_OUT * values.len() / RESAMPLES;
        let end = |position: usize| values.get(position).copied().unwrap_or(of(&law));
        // An estimate at its bound may lie outside of what resampling gives.
        let high = end(values.len().saturating_sub(left_out + 1));
        (end(left_out).min(of(&law)), high.max(of(&law)))
    };
    Ok(Fit {
        law,
        lambda: ends(|law| law.lambda),
        sigma: ends(|law| law.sigma),
        kappa: ends(|law| law.kappa),
        r_squared: r_squared(&law, points),
    })
}

fn r_squared(law: &Law, points: &[Point]) -> f64 {
    let mean = points.iter().map(|point| point.throughput).sum::<f64>() / points.len() as f64;
    let squares = |expected: &dyn Fn(&Point) -> f64| -> f64 {
        let distances = points
            .iter()
            .map(|point| point.throughput - expected(point));
        distances.map(|distance| distance * distance).sum()
    };
    let (left, all) = (squares(&|point| law.at(point.workers)), squares(&|_| mean));
    if all > 0.0 { 1.0 - left / all } else { 1.0 }
}

/// The laws of measurements as they might have been: what the law says, times one and a residual drawn from all of them. Residuals are
/// taken as shares, because what is faster wavers more, and widened by what three parameters have already taken out of them.
fn resampled(law: &Law, points: &[Point]) -> Vec<Law> {
    let number = points.len() as f64;
    let widened = (number / (number - 3.0).max(1.0)).sqrt();
    let residual = |point: &Point| (point.throughput / law.at(point.workers) - 1.0) * widened;
    let residuals: Vec<f64> = points.iter().map(residual).collect();
    let middle = residuals.iter().sum::<f64>() / number;
    let mut state = SEED;
    let mut draw = || {
        let position = (u128::from(next(&mut state)) * residuals.len() as u128) >> 64;
        residuals[position as usize] - middle
    };
    let resamples = (0..RESAMPLES).filter_map(|_| {
        let might_have_been = |point: &Point| Point {
            workers: point.workers,
            throughput: law.at(point.workers) * (1.0 + draw()).max(0.01),
        };
        let points: Vec<Point> = points.iter().map(might_have_been).collect();
        least_squares::fit(&points)
    });
    resamples.collect()
}

/// The next number of the generator.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(GOLDEN);
    mix(*state)
}

#[cfg(test)]
mod tests;
