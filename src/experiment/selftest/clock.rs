//! What reading the clock costs: here, in a loop as pg_test_timing has it, and in the server, as EXPLAIN's TIMING.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::SelfTestError;
use crate::plan::Plan;
use crate::run::selftest::{Clock, ClockClass};
use crate::statement::value::RawText;
use crate::stats::change::SIGNIFICANCE;
use crate::stats::powers_of_two::PowersOfTwo;
use crate::stats::rank_sum::RankSum;

/// How long the clock is read.
const DURATION: Duration = Duration::from_millis(300);

/// After so long, others have their turn: a signal is heard.
const SLICE: Duration = Duration::from_millis(25);

/// Rows of the statement that is explained with and without TIMING.
const ROWS: u32 = 100_000;

/// Executions with TIMING, and as many without, in turns.
const EXECUTIONS: usize = 9;

/// Reads the clock over and over. A reading of this process is the system's `clock_gettime(CLOCK_MONOTONIC)`, which is what the server
/// reads, too.
pub(super) async fn read() -> Clock {
    let mut histogram = PowersOfTwo::default();
    let mut spent = Duration::ZERO;
    let mut below_1us = 0;
    while spent < DURATION {
        let started = Instant::now();
        let mut last = started;
        while last - started < SLICE {
            let now = Instant::now();
            let nanoseconds = (now - last).as_nanos();
            below_1us += u64::from(nanoseconds < 1000);
            histogram.record(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
            last = now;
        }
        spent += last - started;
        tokio::task::yield_now().await;
    }
    let readings = histogram.total();
    Clock {
        source: source(),
        readings,
        mean_ns: spent.as_secs_f64() * 1e9 / readings as f64,
        below_1us: below_1us as f64 / readings as f64,
        histogram: histogram
            .classes()
            .map(|(bound, readings)| ClockClass {
                below_ns: bound as f64,
                readings,
            })
            .collect(),
        timing_ns_per_row: None,
    }
}

fn source() -> Option<String> {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|name| !name.is_empty())
}

/// What TIMING adds to each row of a node, in nanoseconds: the same statement explained with and without it, in turns. None
/// where the machine wavers more than that.
pub(super) async fn timing_ns_per_row(client: &Client) -> Result<Option<f64>, SelfTestError> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..EXECUTIONS {
        with.push(explain(client, "on").await?);
        without.push(explain(client, "off").await?);
    }
    Ok(cost_ms(&with, &without).map(|cost| cost * 1e6 / f64::from(ROWS)))
}

/// By how much one sample of times is above another; none where that cannot be told from noise.
fn cost_ms(with: &[f64], without: &[f64]) -> Option<f64> {
    // Whatever else the machine does only adds to a time: the least is the one that was disturbed least.
    let least = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    let cost = least(with) - least(without);
    let test = RankSum::test(without, with)?;
    (test.p_value < SIGNIFICANCE && cost > 0.0).then_some(cost)
}

async fn explain(client: &Client, timing: &str) -> Result<f64, SelfTestError> {
    // A function scan alone: its rows come out of memory, one by one, through one node that is timed for each of them.
    let statement = format!(
        "explain (analyze, timing {timing}, summary on, format json) select from generate_series(1, {ROWS})"
    );
    let row = client
        .query_one(&statement, &[])
        .await
        .map_err(SelfTestError::Clock)?;
    let plans = Plan::parse(&row.get::<_, RawText>(0).0).map_err(SelfTestError::Plan)?;
    let plan = plans.first().and_then(|plan| plan.execution_ms);
    plan.ok_or(SelfTestError::Plan(crate::plan::json::PlanError::Empty))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_told_only_beyond_the_noise() {
        let times = |from: f64| -> Vec<f64> {
            let time = |step| from + f64::from(step) * 0.1;
            (0..9).map(time).collect()
        };
        let cost = cost_ms(&times(15.0), &times(10.0)).expect("far apart");
        assert!((cost - 5.0).abs() < 1e-9, "{cost}");
        assert_eq!(cost_ms(&times(10.05), &times(10.0)), None, "within noise");
        assert_eq!(cost_ms(&times(9.0), &times(10.0)), None, "never negative");
        assert_eq!(cost_ms(&[], &[]), None);
    }
}
