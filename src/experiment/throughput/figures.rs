//! What a drain came to, out of what was counted, recorded and observed.

use crate::definition::Operation;
use crate::load::board::{Board, Counters};
use crate::load::series::Series;
use crate::monitor::activity::FEWEST;
use crate::monitor::tenths::SHORTEST_S;
use crate::run::throughput::{
    Deliveries, Fetches, Generator, Percentiles, Steady, ThroughputResult,
};
use crate::stats::steady_state::{LEAST_VALUES, steady_from};

/// A worker that spends more than this share of its time on the processor, tasks left out, has little time left to wait for the server.
const BUSY: f64 = 0.85;

/// Processors this busy have nothing left to give.
const SATURATED: f64 = 0.95;

/// Shares of a shorter execution are shares of its beginning and its end, which tell nothing of what limits it.
const LEAST_NS: u64 = 1_000_000_000;

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
    let throughput: Vec<f64> = whole.iter().filter_map(|one| one.throughput()).collect();
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

/// Processor time of all workers during execution, in nanoseconds.
pub(super) fn client_cpu_ns(board: &Board) -> u64 {
    board.workers().map(Counters::executing_cpu_ns).sum()
}

/// Whether this program was the limit. `program_ns` is all its processor time during execution, `server_ns` the server's where it is known.
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
        let tasks = worker.task_cpu_ns.get();
        worker.executing_cpu_ns().saturating_sub(tasks) as f64 / elapsed
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
        is_limit: elapsed_ns >= LEAST_NS
            && (crowded_out || busiest.is_some_and(|busiest| busiest > BUSY)),
    }
}

/// What a run was too short to tell, in a sentence, and that it never became steady.
pub(super) fn too_short(result: &ThroughputResult) -> Vec<String> {
    let mut figures = Vec::new();
    let is_short = whole_seconds(result) < LEAST_VALUES as f64;
    if result.steady.is_none() && is_short {
        figures.push(format!("a steady state ({LEAST_VALUES} s)"));
    }
    if result.waits.is_none() {
        let (samples, seconds) = FEWEST;
        figures.push(format!("waits ({seconds} s and {samples} samples)"));
    }
    // Without counters there are none, however long it took.
    if result.tenths.is_empty() && result.per_job.is_some() {
        figures.push(format!(
            "the cost of tenths of the jobs ({SHORTEST_S} s each)"
        ));
    }
    figures.extend(missing_percentiles(result));
    let mut notes = Vec::new();
    if result.is_over_before_measuring() {
        notes.push("it was over before its warm-up was, so there is no throughput and no latency: take a shorter --warmup or more jobs".to_owned());
    }
    if !figures.is_empty() {
        notes.push(format!("too short for {}", figures.join(", ")));
    }
    if result.steady.is_none() && !is_short {
        notes.push("throughput or fetch p95 never became steady".to_owned());
    }
    notes
}

/// Seconds that lie after the warm-up from their beginning to their end.
fn whole_seconds(result: &ThroughputResult) -> f64 {
    (result.warmup_s + result.duration_s).floor() - result.warmup_s.ceil()
}

/// The first percentile of fetches or completions that there are too few calls for, which goes for those beyond it.
fn missing_percentiles(result: &ThroughputResult) -> Option<String> {
    let operations = [Operation::Fetch, Operation::Complete];
    let latencies = operations.map(|operation| result.latency.get(operation.name())?.service);
    let missing = |figure: fn(&Percentiles) -> Option<f64>| {
        let mut known = latencies.iter().flatten();
        known.any(|service| figure(service).is_none())
    };
    let needs = [
        (missing(|one| one.p95), "p95 (20 calls)"),
        (missing(|one| one.p99), "p99 (100 calls)"),
        (missing(|one| one.p999), "p99.9 (1,000 calls)"),
    ];
    let missing = needs.into_iter().filter(|(is_missing, _)| *is_missing);
    let names: Vec<&str> = missing.map(|(_, name)| name).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::board::Shape;
    use crate::load::recorder::Recorder;

    #[test]
    fn what_is_there_is_not_missed() {
        assert_eq!(
            too_short(&ThroughputResult::specimen()),
            Vec::<String>::new()
        );
    }

    #[test]
    fn everything_a_short_run_lacks_is_one_sentence() {
        let mut result = ThroughputResult::specimen();
        result.duration_s = 0.7;
        (result.steady, result.waits) = (None, None);
        result.tenths.clear();
        let fetch = result.latency.get_mut("fetch").unwrap();
        fetch.service.as_mut().unwrap().p999 = None;
        let sentence = "too short for a steady state (10 s), waits (2 s and 100 samples), the cost of tenths of the jobs (2 s each), \
             p99.9 (1,000 calls)";
        assert_eq!(too_short(&result), [sentence]);
        // Few releases are nobody's concern.
        let release = result.latency.get_mut("release").unwrap();
        release.service.as_mut().unwrap().p95 = None;
        assert_eq!(too_short(&result), [sentence]);
    }

    #[test]
    fn a_run_is_short_by_its_whole_seconds() {
        let mut result = ThroughputResult::specimen();
        (result.steady, result.per_job) = (None, None);
        result.tenths.clear();
        // Neither the rest of the second in which it warmed up nor its last part is one to look at.
        (result.warmup_s, result.duration_s) = (0.5, 10.4);
        assert_eq!(too_short(&result), ["too short for a steady state (10 s)"]);
        result.duration_s = 10.5;
        let never = "throughput or fetch p95 never became steady";
        assert_eq!(too_short(&result), [never]);
    }

    #[test]
    fn a_run_that_is_over_before_its_warm_up_says_so() {
        let mut result = ThroughputResult::specimen();
        result.throughput = None;
        let said = too_short(&result);
        assert!(said[0].contains("before its warm-up was"), "{said:?}");
        result.deliveries = Deliveries::default();
        assert_eq!(too_short(&result), Vec::<String>::new());
    }

    #[test]
    fn seconds_after_the_end_do_not_count_as_standing_still() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut recorder = Recorder::new(0, sender, 0, 0);
        // Every second is alike; one answer came in two seconds after the end.
        for second in (0..12).chain([13]) {
            let at_ns = second * LEAST_NS + LEAST_NS / 2;
            recorder.jobs_completed(at_ns, if second < 12 { 1000 } else { 1 });
            recorder.record(Operation::Fetch, at_ns, 1_000_000, 10);
        }
        recorder.finish();
        let mut series = Series::new(0.0);
        series.collect(&receiver);
        let steady = steady(&series, 12.0, 0.0).expect("it never changes");
        assert_eq!((steady.from_s, steady.throughput), (0.0, 1000.0));
    }

    /// A worker that used its processor as long before the start as in all of the execution, which took this long.
    fn after_a_start(elapsed_ns: u64, busy_ns: u64) -> Generator {
        let shape = Shape {
            workers: 1,
            jobs: 1,
        };
        let board = Board::anonymous(shape).unwrap();
        board.worker(0).cpu_before_ns.set(busy_ns);
        board.worker(0).cpu_ns.set(2 * busy_ns);
        assert_eq!(client_cpu_ns(&board), busy_ns);
        generator(&board, elapsed_ns, client_cpu_ns(&board), None, 2)
    }

    #[test]
    fn the_generator_is_judged_by_what_it_did_during_execution() {
        let half = after_a_start(2 * LEAST_NS, LEAST_NS);
        assert_eq!((half.cpu_share, half.busiest_worker), (0.25, Some(0.5)));
        assert!(!half.is_limit);
        assert!(after_a_start(LEAST_NS, LEAST_NS).is_limit);
        // Too short to say.
        let short = after_a_start(LEAST_NS / 2, LEAST_NS / 2);
        assert_eq!((short.busiest_worker, short.is_limit), (Some(1.0), false));
    }

    #[test]
    fn a_long_run_that_never_settles_is_not_called_short() {
        let mut result = ThroughputResult::specimen();
        (result.steady, result.per_job) = (None, None);
        result.tenths.clear();
        assert_eq!(
            too_short(&result),
            ["throughput or fetch p95 never became steady"]
        );
    }
}
