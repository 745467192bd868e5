//! What a drain came to, out of what was counted, recorded and observed.

use crate::definition::Operation;
use crate::load::board::{Board, Counters};
use crate::load::series::Series;
use crate::run::throughput::{
    Deliveries, Fetches, Generator, OperationLatency, Steady, ThroughputResult,
};
use crate::stats::steady_state::{LEAST_VALUES, steady_from};
use crate::units::{Milliseconds, counted};

/// A worker that spends more than this share of its time on the processor, tasks left out, has little time left to wait for the server.
const BUSY: f64 = 0.85;

/// Processors this busy have nothing left to give.
const SATURATED: f64 = 0.95;

/// Jobs a second; none without jobs or time.
pub(super) fn rate(jobs: u64, seconds: f64) -> Option<f64> {
    (jobs > 0 && seconds > 0.0).then(|| jobs as f64 / seconds)
}

/// All calls of fetch.
pub(super) fn fetches(board: &Board) -> Fetches {
    board
        .workers()
        .map(Counters::fetches)
        .fold(Fetches::default(), |sum, one| Fetches {
            total: sum.total + one.total,
            returned: sum.returned + one.returned,
            empty: sum.empty + one.empty,
            errored: sum.errored + one.errored,
        })
}

/// All deliveries.
pub(super) fn deliveries(board: &Board) -> Deliveries {
    board
        .workers()
        .map(Counters::deliveries)
        .fold(Deliveries::default(), |sum, one| Deliveries {
            total: sum.total + one.total,
            completed: sum.completed + one.completed,
            failed: sum.failed + one.failed,
            released: sum.released + one.released,
            interrupted: sum.interrupted + one.interrupted,
        })
}

/// The part of a drain where its throughput was steady; the last second, of which there is only a part, is left out.
pub(super) fn steady(series: &Series, duration_s: f64, warmup_s: f64) -> Option<Steady> {
    let seconds = series.seconds(duration_s);
    let whole: Vec<_> = seconds
        .iter()
        .filter(|second| second.second as f64 >= warmup_s && second.length_s >= 1.0)
        .collect();
    let throughput: Vec<f64> = whole.iter().map(|second| second.throughput()).collect();
    let latency = whole.iter().map(|second| second.fetch.p95);
    let latency: Option<Vec<f64>> = latency.collect();
    let from = steady_from(&throughput)?;
    // A series that is missing somewhere has no say.
    let from = match latency {
        Some(latency) => from.max(steady_from(&latency)?),
        None => from,
    };
    let part = throughput.get(from..).filter(|part| !part.is_empty())?;
    let first = whole.get(from)?.second;
    Some(Steady {
        from_s: first as f64 - warmup_s,
        throughput: part.iter().sum::<f64>() / part.len() as f64,
        fetch_p95_ms: series.from_second(first, Operation::Fetch).p95,
    })
}

/// Processor time of all workers, in nanoseconds.
pub(super) fn client_cpu_ns(board: &Board) -> u64 {
    board.workers().map(|worker| worker.cpu_ns.get()).sum()
}

/// Whether this program was the limit. `program_ns` is all its processor time, `server_ns` the server's where it is known.
pub(super) fn generator(
    board: &Board,
    elapsed_ns: u64,
    program_ns: u64,
    server_ns: Option<u64>,
    processors: usize,
) -> Generator {
    if elapsed_ns == 0 {
        return Generator::default();
    }
    let elapsed = elapsed_ns as f64;
    let own = |worker: &Counters| {
        let (all, tasks) = (worker.cpu_ns.get(), worker.task_cpu_ns.get());
        all.saturating_sub(tasks) as f64 / elapsed
    };
    let busiest = board.workers().map(own).reduce(f64::max);
    let machine = elapsed * processors.max(1) as f64;
    let share = |ns: u64| ns as f64 / machine;
    let tasks: u64 = board.workers().map(|worker| worker.task_cpu_ns.get()).sum();
    let own_share = share(program_ns.saturating_sub(tasks));
    let crowded_out = server_ns.is_some_and(|server| {
        own_share > share(server) && share(program_ns) + share(server) > SATURATED
    });
    Generator {
        cpu_share: share(program_ns),
        busiest_worker: busiest,
        is_limit: crowded_out || busiest.is_some_and(|busiest| busiest > BUSY),
    }
}

/// What a run was too short to tell, a sentence each.
pub(super) fn too_short(result: &ThroughputResult) -> Vec<String> {
    let mut notes = Vec::new();
    if result.steady.is_none() {
        notes.push(if result.duration_s < LEAST_VALUES as f64 {
            format!(
                "a steady state needs {LEAST_VALUES} whole seconds, this took {}: none is shown",
                Milliseconds(result.duration_s * 1000.0)
            )
        } else {
            "throughput or fetch p95 never became steady: no steady state is shown".to_owned()
        });
    }
    let missing = |name: &str, latency: &OperationLatency| {
        let service = latency.service?;
        let needs = match (service.p95, service.p99, service.p999) {
            (None, ..) => "p95 needs 20, p99 100, p99.9 1,000",
            (_, None, _) => "p99 needs 100, p99.9 1,000",
            (.., None) => "p99.9 needs 1,000",
            _ => return None,
        };
        Some(format!(
            "{name}: {} are too few for every percentile: {needs}",
            counted(usize::try_from(service.n).unwrap_or(usize::MAX), "call")
        ))
    };
    let latencies = result.latency.iter();
    notes.extend(latencies.filter_map(|(name, latency)| missing(name, latency)));
    notes
}
