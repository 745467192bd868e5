//! Made-up runs of drains, and how they compare.

use super::{DrainComparison, JobTolerances, compare_drains};
use crate::run::comparison::Options;
use crate::run::sample::environment;
use crate::run::throughput::{ThroughputResult, ThroughputRun};
use crate::run::{Run, RunKind, RunStatus};

/// A run of so many repeats of one drain, each a little other than the one before.
pub(crate) fn run(id: &str, repeats: u64, change: impl Fn(&mut ThroughputResult)) -> ThroughputRun {
    let mut run = Run::begin(id, RunKind::Throughput, Vec::new(), environment());
    run.status = RunStatus::Complete;
    run.results = (1..=repeats)
        .map(|repeat| {
            let mut result = ThroughputResult::specimen();
            result.repeat = repeat;
            let little = 1.0 + repeat as f64 / 1_000.0;
            result.throughput = result.throughput.map(|one| one * little);
            if let Some(cost) = &mut result.per_job {
                cost.pages *= little;
            }
            for latency in result.latency.values_mut() {
                let p95 = latency.service.as_mut().and_then(|one| one.p95.as_mut());
                if let Some(p95) = p95 {
                    *p95 *= little;
                }
            }
            change(&mut result);
            result
        })
        .collect();
    run
}

/// How a run of so many repeats compares with one that was changed.
pub(crate) fn compared(repeats: u64, change: impl Fn(&mut ThroughputResult)) -> DrainComparison {
    let first = run("20261121T091304Z-throughput-0001", repeats, |_| ());
    let second = run("20261121T101304Z-throughput-0002", repeats, change);
    let compared = compare_drains(
        ("main", &first),
        ("latest", &second),
        JobTolerances::default(),
        &Options::default(),
    );
    compared.expect("they are alike")
}

/// Slower by half, with more pages and lost jobs, in five repeats each.
pub(crate) fn regressed() -> DrainComparison {
    compared(5, |result| {
        result.throughput = result.throughput.map(|one| one / 2.0);
        result.ledger.lost = Some(2);
        result.ledger.done -= 2;
        if let Some(cost) = &mut result.per_job {
            cost.pages *= 1.5;
        }
    })
}
