//! Least squares of the law, with parameters that have a least value.
//!
//! The law is fitted as `N / (a + b(N − 1) + cN(N − 1))`, where `a = 1/λ`, `b = σ/λ`, `c = κ/λ`: at the start a linear problem, with
//! one minimum in practice. Where `b` or `c` would fall below 0, the best fit lies on the boundary: each part of it is tried, and the
//! best of those that are allowed is taken.

use super::{Law, Point};

/// Steps, at most; a handful is usual.
const STEPS: usize = 60;

/// A step that lessens the squares by less than this share is the last.
const LEAST_GAIN: f64 = 1e-10;

/// Which of `a`, `b`, `c` are fitted, the others being 0; in the order in which one makes the next needless.
const PARTS: [&[[bool; 3]]; 3] = [
    &[[true, true, true]],
    &[[true, true, false], [true, false, true]],
    &[[true, false, false]],
];

type Parameters = [f64; 3];
type Matrix = [[f64; 3]; 3];

/// The law closest to the measurements; none if no allowed one is found.
pub(super) fn fit(points: &[Point]) -> Option<Law> {
    let of_part = |part: &[bool; 3]| {
        let found = descend(points, start(points, part)?, part)?;
        is_allowed(&found).then(|| (squares(points, &found), found))
    };
    let closest = |parts: &&[[bool; 3]]| {
        let allowed = parts.iter().filter_map(of_part);
        allowed.min_by(|one, other| one.0.total_cmp(&other.0))
    };
    // The boundary holds nothing better than what lies inside.
    let (_, [a, b, c]) = PARTS.iter().find_map(closest)?;
    let law = Law {
        lambda: 1.0 / a,
        sigma: b / a,
        kappa: c / a,
    };
    [law.lambda, law.sigma, law.kappa]
        .iter()
        .all(|value| value.is_finite())
        .then_some(law)
}

fn is_allowed(parameters: &Parameters) -> bool {
    let [a, b, c] = *parameters;
    a > 0.0 && b >= 0.0 && c >= 0.0
}

fn terms(workers: f64) -> Parameters {
    [1.0, workers - 1.0, workers * (workers - 1.0)]
}

fn denominator(parameters: &Parameters, workers: f64) -> f64 {
    let terms = terms(workers);
    (0..3).map(|term| parameters[term] * terms[term]).sum()
}

fn squares(points: &[Point], parameters: &Parameters) -> f64 {
    let distance =
        |point: &Point| point.throughput - point.workers / denominator(parameters, point.workers);
    points.iter().map(|point| distance(point).powi(2)).sum()
}

/// `N / X` is linear in the parameters; weighted by how much of an error in `X` it shows.
fn start(points: &[Point], part: &[bool; 3]) -> Option<Parameters> {
    let (mut matrix, mut right) = (Matrix::default(), Parameters::default());
    for point in points {
        let weight = (point.throughput * point.throughput / point.workers).powi(2);
        let terms = terms(point.workers);
        for row in 0..3 {
            for column in 0..3 {
                matrix[row][column] += weight * terms[row] * terms[column];
            }
            right[row] += weight * terms[row] * point.workers / point.throughput;
        }
    }
    solve(matrix, right, part)
}

/// Levenberg–Marquardt, each parameter damped in its own scale.
fn descend(points: &[Point], mut at: Parameters, part: &[bool; 3]) -> Option<Parameters> {
    let mut best = squares(points, &at);
    let mut damping = 1e-3;
    for _ in 0..STEPS {
        let (mut matrix, right) = normal_equations(points, &at);
        for (term, row) in matrix.iter_mut().enumerate() {
            row[term] *= 1.0 + damping;
        }
        let step = solve(matrix, right, part)?;
        let next = [at[0] + step[0], at[1] + step[1], at[2] + step[2]];
        let there = squares(points, &next);
        if there < best {
            let gain = best - there;
            (at, best) = (next, there);
            damping = (damping / 10.0_f64).max(1e-12);
            if gain <= LEAST_GAIN * best {
                break;
            }
        } else {
            damping *= 10.0;
            if damping > 1e12 {
                break;
            }
        }
    }
    best.is_finite().then_some(at)
}

/// The normal equations of the next step.
fn normal_equations(points: &[Point], at: &Parameters) -> (Matrix, Parameters) {
    let (mut matrix, mut right) = (Matrix::default(), Parameters::default());
    for point in points {
        let below = denominator(at, point.workers);
        let expected = point.workers / below;
        let slope = terms(point.workers).map(|term| -expected / below * term);
        for row in 0..3 {
            for column in 0..3 {
                matrix[row][column] += slope[row] * slope[column];
            }
            right[row] += slope[row] * (point.throughput - expected);
        }
    }
    (matrix, right)
}

/// Solves for the parameters of the part by elimination, the others being 0. The rows are scaled first: the terms differ by powers of N.
fn solve(matrix: Matrix, right: Parameters, part: &[bool; 3]) -> Option<Parameters> {
    let free: Vec<usize> = (0..3).filter(|term| part[*term]).collect();
    let scale = |term: usize| matrix[term][term].sqrt();
    if free
        .iter()
        .any(|term| !(scale(*term) > 0.0 && scale(*term).is_finite()))
    {
        return None;
    }
    let size = free.len();
    let mut rows = [[0.0; 4]; 3];
    for (row, term) in free.iter().enumerate() {
        for (column, other) in free.iter().enumerate() {
            rows[row][column] = matrix[*term][*other] / scale(*term) / scale(*other);
        }
        rows[row][size] = right[*term] / scale(*term);
    }
    for column in 0..size {
        let pivot = (column..size).max_by(|one, other| {
            rows[*one][column]
                .abs()
                .total_cmp(&rows[*other][column].abs())
        })?;
        rows.swap(column, pivot);
        let top = rows[column];
        if top[column].abs() < 1e-14 {
            return None;
        }
        for row in (0..size).filter(|row| *row != column) {
            let factor = rows[row][column] / top[column];
            for (value, above) in rows[row].iter_mut().zip(top) {
                *value -= factor * above;
            }
        }
    }
    let mut found = Parameters::default();
    for (position, term) in free.iter().enumerate() {
        found[*term] = rows[position][size] / rows[position][position] / scale(*term);
    }
    Some(found)
}
