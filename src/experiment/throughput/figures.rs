//! What a drain came to, out of what was counted, recorded and observed.

use crate::definition::Operation;
use crate::load::board::{Board, Counters};
use crate::load::series::Series;
use crate::run::throughput::{Deliveries, Fetches, Generator, Steady};
use crate::stats::steady_state::steady_from;

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

/// From the first worker's start until the last was ready, in milliseconds; none unless all were.
pub(super) fn startup_ms(board: &Board) -> Option<f64> {
    let first = board.workers().map(|worker| worker.started_ns.get()).min()?;
    let ready: Vec<u64> = board.workers().map(|worker| worker.ready_ns.get()).collect();
    let last = *ready.iter().max()?;
    (!ready.contains(&0)).then(|| last.saturating_sub(first) as f64 / 1e6)
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
