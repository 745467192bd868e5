//! Sweeps that were made up, with a known answer.

use super::super::{Ended, Scaling, ThroughputResult};
use super::recommended;
use crate::stats::scalability::Law;

/// A run of so many workers and jobs a fetch, with so many jobs a second.
fn ran(workers: u64, batch_size: u64, throughput: f64) -> ThroughputResult {
    let mut result = ThroughputResult::specimen();
    result.workers = workers;
    result.batch_size = batch_size;
    result.throughput = Some(throughput);
    result.generator.is_limit = false;
    result.ended = Ended::Empty;
    result
}

/// Each number of workers three times with batches of 100, a little apart.
fn sweep(throughputs: &[(u64, f64)]) -> Vec<ThroughputResult> {
    let repeats = [0.99, 1.0, 1.01];
    let all = repeats.iter().flat_map(|off| {
        let run = move |(workers, throughput): &(u64, f64)| ran(*workers, 100, throughput * off);
        throughputs.iter().map(run)
    });
    all.collect()
}

fn only(results: &[ThroughputResult]) -> Scaling {
    let mut scalings = Scaling::of(results);
    assert_eq!(scalings.len(), 1);
    scalings.remove(0)
}

#[test]
fn the_fewest_workers_that_are_as_good_are_taken() {
    let scaling = only(&sweep(&[
        (1, 10_000.0),
        (2, 19_000.0),
        (4, 33_000.0),
        (8, 41_200.0),
        (16, 42_474.0),
    ]));
    assert_eq!(
        scaling.recommendation[0],
        "8 workers with batches of 100 reach 41,200 jobs/s, 97 % of the most that was seen (42,474 jobs/s with 16 workers with batches of 100); more workers add at most 5 % of the most that was seen"
    );
    let repeats: Vec<usize> = scaling
        .swept
        .iter()
        .map(|cell| cell.throughput.len())
        .collect();
    assert_eq!(repeats, [3; 5]);
    assert_eq!(
        scaling.swept[3].throughput,
        [41_200.0 * 0.99, 41_200.0, 41_200.0 * 1.01]
    );
    assert_eq!((scaling.fits.len(), scaling.fits[0].batch_size), (1, 100));
    assert!(
        !scaling
            .recommendation
            .iter()
            .any(|one| one.contains("chance") || one.contains("apart")),
        "{:?}",
        scaling.recommendation
    );
}

#[test]
fn throughput_that_falls_is_said_to_fall_and_the_law_finds_the_peak() {
    let law = Law {
        lambda: 5000.0,
        sigma: 0.05,
        kappa: 0.01,
    };
    let sizes = [1, 2, 4, 8, 16, 32];
    let planted: Vec<(u64, f64)> = sizes
        .iter()
        .map(|size| (*size, law.at(*size as f64)))
        .collect();
    let scaling = only(&sweep(&planted));
    let text = scaling.recommendation.join("\n");
    assert!(
        text.contains("8 workers with batches of 100 reach"),
        "{text}"
    );
    assert!(text.contains("throughput falls beyond 8, to"), "{text}");
    let fit = scaling.fits[0];
    let peak = fit.peak_workers.expect("it falls");
    assert!((peak - 9.75).abs() < 0.5, "{fit:?}");
    assert!(
        fit.kappa.low > 0.0 && fit.kappa.low <= 0.01 && 0.01 <= fit.kappa.high,
        "{fit:?}"
    );
    assert!(text.contains("has its peak at 9."), "{text}");
    assert!(!text.contains("there may be none"), "{text}");
}

#[test]
fn growth_up_to_the_end_asks_for_more_workers() {
    let scaling = only(&sweep(&[(1, 100.5), (2, 200.0), (4, 400.0)]));
    let text = scaling.recommendation.join("\n");
    assert!(text.contains("4 workers with batches of 100 reach 400 jobs/s, the most that was seen; more workers were not tried, and throughput still grew by 100 % from 2"), "{text}");
    assert!(scaling.fits.is_empty());
    assert!(text.contains("needs 4 numbers of workers, not 3"), "{text}");
}

#[test]
fn one_worker_is_enough_where_all_wait_for_each_other() {
    let scaling = only(&sweep(&[(1, 300.0), (2, 301.0), (4, 299.0), (8, 290.0)]));
    let text = scaling.recommendation.join("\n");
    assert!(
        text.starts_with("1 worker with batches of 100 reaches 300 jobs/s, 100 % of"),
        "{text}"
    );
    assert!(
        text.contains("more workers add at most 5 % of the most that was seen"),
        "{text}"
    );
}

#[test]
fn batches_are_weighed_after_workers() {
    let grid = [
        ran(1, 1, 500.0),
        ran(1, 100, 9_000.0),
        ran(1, 1000, 9_100.0),
        ran(4, 1, 900.0),
        ran(4, 100, 20_000.0),
        ran(4, 1000, 20_400.0),
    ];
    let scaling = only(&grid);
    let (taken, best) = recommended(&scaling.swept).expect("cells");
    assert_eq!((taken.workers, taken.batch_size), (4, 100));
    assert_eq!((best.workers, best.batch_size), (4, 1000));
    let text = scaling.recommendation.join("\n");
    assert!(text.contains("with as many workers, batches of 1 reach 4 % of that, and larger batches add at most 5 % of the most that was seen"), "{text}");
    assert!(text.contains("1 run of each cannot tell"), "{text}");
    // Batch sizes alone are a sweep, too.
    let row = only(&grid[..3]);
    assert!(
        row.fits.is_empty() && row.recommendation[0].contains("batches of 100 reaches"),
        "{row:?}"
    );
    assert!(
        !row.recommendation.join("").contains("no scalability law"),
        "{row:?}"
    );
}

#[test]
fn larger_batches_that_lose_are_said_to_lose() {
    let row = only(&[
        ran(4, 10, 2_000.0),
        ran(4, 100, 6_200.0),
        ran(4, 1000, 3_100.0),
    ]);
    let text = row.recommendation.join("\n");
    assert!(
        text.contains(
            "and throughput falls with larger batches, to 3,100 jobs/s with batches of 1,000"
        ),
        "{text}"
    );
}

#[test]
fn a_generator_at_its_limit_is_a_warning() {
    let mut results = sweep(&[(1, 100.0), (2, 200.0), (4, 390.0), (8, 400.0)]);
    results[3].generator.is_limit = true;
    let text = only(&results).recommendation.join("\n");
    assert!(
        text.contains(
            "with 8 workers with batches of 100 this program, not the server, was the limit"
        ),
        "{text}"
    );
    results[3].generator.is_limit = false;
    results[0].generator.is_limit = true;
    let text = only(&results).recommendation.join("\n");
    assert!(
        text.contains("was the limit with 1 worker with batches of 100"),
        "{text}"
    );
}

#[test]
fn repeats_that_lie_far_apart_are_a_warning() {
    let mut results = sweep(&[(1, 100.0), (2, 200.0), (4, 300.0), (8, 310.0)]);
    results[2].throughput = Some(250.0);
    let text = only(&results).recommendation.join("\n");
    assert!(
        text.contains("the runs of 4 workers with batches of 100 lie 18 % apart"),
        "{text}"
    );
}

#[test]
fn runs_that_did_not_end_are_left_out() {
    let mut results = sweep(&[(1, 100.0), (2, 200.0), (4, 300.0)]);
    results[2].ended = Ended::Interrupted;
    results[1].throughput = None;
    let scaling = only(&results);
    let repeats: Vec<usize> = scaling
        .swept
        .iter()
        .map(|cell| cell.throughput.len())
        .collect();
    assert_eq!(repeats, [3, 2, 2]);
    let text = scaling.recommendation.join("\n");
    assert!(
        text.contains("2 runs did not come to an end or completed nothing, and are left out"),
        "{text}"
    );
    for result in &mut results {
        result.ended = Ended::Failed;
    }
    let scaling = only(&results);
    assert_eq!(
        scaling.recommendation,
        ["no run came to its end: there is nothing to recommend"]
    );
}

#[test]
fn queues_are_told_apart_and_one_cell_is_no_sweep() {
    assert!(Scaling::of(&[]).is_empty());
    assert!(Scaling::of(&[ran(2, 10, 1.0), ran(2, 10, 2.0)]).is_empty());
    let mut results = sweep(&[(1, 100.0), (2, 200.0)]);
    let mut others = sweep(&[(1, 50.0), (2, 60.0)]);
    for result in &mut others {
        result.queue = "another".to_owned();
    }
    results.append(&mut others);
    let scalings = Scaling::of(&results);
    let queues: Vec<&str> = scalings.iter().map(|one| one.queue.as_str()).collect();
    assert_eq!(queues, ["status-partial", "another"]);
    assert!(
        scalings[1].recommendation[0].contains("60 jobs/s")
            || scalings[1].recommendation[0].contains("60.0 jobs/s")
    );
}
