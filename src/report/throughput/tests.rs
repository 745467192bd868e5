//! Whole reports of made-up drains.

use std::path::Path;

use super::{render, render_comparison};
use crate::report::{ComparisonFormat, Format, Layout};
use crate::run::comparison::drains::DrainComparison;
use crate::run::comparison::drains::sample::{compared, regressed};
use crate::run::sample::environment;
use crate::run::throughput::{
    Ended, Interval, LedgerExample, ScalabilityFit, Scaling, SweptCell, ThroughputResult,
    ThroughputRun,
};
use crate::run::{Failure, Run, RunKind, RunStatus, Timing};

fn run(results: Vec<ThroughputResult>) -> ThroughputRun {
    let mut run = Run::begin(
        "20261121T091304Z-throughput-3f9a",
        RunKind::Throughput,
        ["pgq-analyze", "throughput"].map(str::to_owned).to_vec(),
        environment(),
    );
    run.status = RunStatus::Complete;
    run.timing = Timing {
        clone_ms: 412.5,
        execute_ms: 12_500.0,
        total_ms: 19_812.0,
    };
    run.results = results;
    run
}

/// Two queues, three repeats each; the second breaks its promises.
fn two_queues() -> ThroughputRun {
    let mut results = Vec::new();
    for repeat in 1..=3_u64 {
        for queue in ["status-partial", "natural-mistake"] {
            let mut result = ThroughputResult::specimen();
            result.queue = queue.to_owned();
            result.repeat = repeat;
            result.throughput = Some(7_200.0 + 100.0 * repeat as f64);
            if queue == "natural-mistake" {
                broken(&mut result);
            }
            results.push(result);
        }
    }
    run(results)
}

fn broken(result: &mut ThroughputResult) {
    result.throughput = result.throughput.map(|one| one / 12.0);
    result.delivery = crate::definition::queue::Delivery::ExactlyOnce;
    result.ended = Ended::Stalled;
    result.ledger.done -= 3;
    result.ledger.remaining = 1;
    result.ledger.lost = Some(2);
    result.ledger.duplicated = 1;
    result.ledger.examples = vec![LedgerExample {
        seq: Some(4_711),
        what: "lost".to_owned(),
        message: "delivered once, neither completed nor in the drained queue".to_owned(),
    }];
    result.thresholds[1].held = false;
    result.thresholds[1].figure = Some(2.0);
    result.steady = None;
    result.waits = None;
    result.statements = None;
    result.generator.is_limit = true;
    result.worker_results[1].failure = Some("its connection was lost ten times".to_owned());
}

fn sweep() -> ThroughputRun {
    let mut run = run(Vec::new());
    let mut swept = Vec::new();
    for (workers, throughput) in [(1, 2_000.0), (2, 3_700.0), (4, 6_100.0), (8, 6_900.0)] {
        let mut throughputs = Vec::new();
        for repeat in 1..=2_u64 {
            let mut result = ThroughputResult::specimen();
            result.repeat = repeat;
            result.workers = workers;
            result.throughput = Some(throughput + repeat as f64);
            throughputs.extend(result.throughput);
            run.results.push(result);
        }
        swept.push(SweptCell {
            workers,
            batch_size: 100,
            throughput: throughputs,
            generator_is_limit: workers == 8,
        });
    }
    let interval = |value: f64| Interval {
        value,
        low: value * 0.9,
        high: value * 1.1,
    };
    run.scaling = vec![Scaling {
        postgres: "15.18".to_owned(),
        queue: "status-partial".to_owned(),
        fixture: "heavy-single-queue".to_owned(),
        swept,
        fits: vec![ScalabilityFit {
            batch_size: 100,
            lambda: interval(2_010.0),
            sigma: interval(0.051),
            kappa: interval(0.0103),
            peak_workers: Some(9.6),
            peak_throughput: Some(6_930.0),
            r_squared: 0.9987,
        }],
        recommendation: vec![
            "Take 4 workers with batches of 100: 88 % of the greatest throughput with half its workers.".to_owned(),
        ],
    }];
    run
}

fn printed(run: &ThroughputRun, format: Format, width: usize) -> String {
    let layout = Layout {
        width,
        color: false,
        folder: Some(Path::new("to-analyse/20261121T091304Z-throughput-3f9a")),
    };
    render(run, format, layout)
}

fn assert_width(text: &str, width: usize) {
    for line in text.lines() {
        assert!(crate::report::text::width(line) <= width, "{line}");
    }
}

#[test]
fn one_drain_at_a_glance() {
    let run = run(vec![ThroughputResult::specimen()]);
    let text = printed(&run, Format::Table, 100);
    assert_width(&text, 100);
    insta::assert_snapshot!("one_drain", text);
    let narrow = printed(&run, Format::Table, 80);
    assert_width(&narrow, 80);
    insta::assert_snapshot!("one_drain_at_80", narrow);
}

#[test]
fn queues_side_by_side() {
    let text = printed(&two_queues(), Format::Table, 100);
    assert_width(&text, 100);
    insta::assert_snapshot!("two_queues", text);
    insta::assert_snapshot!(
        "two_queues_markdown",
        printed(&two_queues(), Format::Markdown, 100)
    );
}

#[test]
fn a_single_drain_tells_its_thresholds_and_its_limit_itself() {
    let mut result = ThroughputResult::specimen();
    broken(&mut result);
    let text = printed(&run(vec![result]), Format::Table, 100);
    assert!(!text.contains("Thresholds that do not hold"), "{text}");
    assert!(text.contains("✗ broken"), "{text}");
    assert!(text.contains("the limit was this program, not the server"));
    assert!(text.contains("this program was the limit of 1"), "{text}");
    let markdown = printed(&two_queues(), Format::Markdown, 100);
    assert!(
        markdown.contains("ledger.lost == 0: not in 3 of 6 drains"),
        "{markdown}"
    );
}

#[test]
fn a_sweep_recommends() {
    let text = printed(&sweep(), Format::Table, 100);
    assert_width(&text, 100);
    insta::assert_snapshot!("sweep", text);
}

#[test]
fn what_went_wrong_is_told_of_drains_that_are_not_told_in_full() {
    let mut run = sweep();
    assert!(!printed(&run, Format::Table, 100).contains(super::troubles::TROUBLES));
    broken(&mut run.results[3]);
    run.results[4].ended = Ended::Failed;
    for format in [Format::Table, Format::Markdown] {
        let text = printed(&run, format, 4_000);
        assert!(text.contains(super::troubles::TROUBLES), "{text}");
        let text = text.replace('\\', "");
        for line in [
            "2 workers, batches of 100, repeat 2: 2 jobs lost: neither completed nor dead nor in the queue; 1 job duplicated",
            "job 4711, lost: delivered once, neither completed nor in the drained queue; no fetch returned the jobs that were left; at 3.2 s",
            "worker 2 ended early: its connection was lost ten times",
            "4 workers, batches of 100, repeat 1: the workers could not go on; at 3.2 s  worker 2: deadlock detected",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
    // Of repeats, the one that is told in full tells itself.
    let text = printed(&two_queues(), Format::Table, 100);
    let (_, troubles) = text.split_once(super::troubles::TROUBLES).expect("a list");
    assert!(troubles.contains("repeat 1:") && troubles.contains("repeat 3:"));
    assert!(!troubles.contains("repeat 2:"), "{troubles}");
}

#[test]
fn jobs_that_a_promise_allows_to_lose_are_said_to_be_allowed() {
    let mut result = ThroughputResult::specimen();
    result.delivery = crate::definition::queue::Delivery::AtMostOnce;
    result.deliveries.interrupted = 4;
    (result.ledger.lost, result.ledger.done) = (Some(3), result.ledger.done - 3);
    let text = printed(&run(vec![result]), Format::Table, 200);
    assert!(
        text.contains("3 lost (allowed: 4 deliveries were interrupted); 0 duplicated"),
        "{text}"
    );
}

#[test]
fn a_comparison_that_lacks_something_is_inconclusive_and_names_it() {
    let mut comparison = compared(1, |_| ());
    let drain = &mut comparison.drains[0];
    (drain.workers, drain.processes) = (1, 1);
    comparison.not_measured = vec![crate::run::Failure {
        queue: Some("another".to_owned()),
        fixture: Some("heavy-single-queue".to_owned()),
        ..crate::run::Failure::of_server("15.18".to_owned(), "disk full".to_owned())
    }];
    let layout = Layout {
        width: 200,
        color: false,
        folder: None,
    };
    let text = render_comparison(&comparison, ComparisonFormat::Table, layout);
    for told in [
        "inconclusive: 1 drain compared, and 1 not measured",
        "1 worker in 1 process, batches of 100, task io, PostgreSQL 15.18; 1 and 1 repeat)",
        "fetch p95, ms",
        "not measured in the second: another on heavy-single-queue: disk full",
    ] {
        assert!(text.contains(told), "{told} is not in\n{text}");
    }
}

#[test]
fn two_runs_side_by_side() {
    let comparison = regressed();
    let layout = Layout {
        width: 100,
        color: false,
        folder: None,
    };
    let text = render_comparison(&comparison, ComparisonFormat::Table, layout);
    assert_width(&text, 100);
    insta::assert_snapshot!("compared", text);
    let markdown = render_comparison(&comparison, ComparisonFormat::Markdown, layout);
    insta::assert_snapshot!("compared_markdown", markdown);
    let data = render_comparison(&comparison, ComparisonFormat::Json, layout);
    let read: DrainComparison = serde_json::from_str(&data).expect("reads");
    assert_eq!(read, comparison);
}

#[test]
fn many_workers_are_folded_and_a_run_that_measured_nothing_says_so() {
    let mut result = ThroughputResult::specimen();
    let worker = result.worker_results[0].clone();
    result.worker_results = (1..=17)
        .map(|number| {
            let mut worker = worker.clone();
            worker.worker = number;
            worker.cpu_ms = number as f64;
            worker
        })
        .collect();
    let text = printed(&run(vec![result]), Format::Table, 100);
    assert!(
        text.contains("least of 17") && text.contains("most of 17"),
        "{text}"
    );
    assert!(!text.contains("\n  17 "), "{text}");
    let mut empty = run(Vec::new());
    empty.status = RunStatus::Interrupted;
    let text = printed(&empty, Format::Table, 80);
    assert!(text.contains("INTERRUPTED · 0 drains measured"), "{text}");
}

#[test]
fn a_drain_that_was_over_before_its_warm_up_completed_its_jobs_all_the_same() {
    let mut result = ThroughputResult::specimen();
    (result.throughput, result.duration_s) = (None, 0.0);
    let text = printed(&run(vec![result]), Format::Table, 100);
    let said = "it was over before its warm-up was";
    assert_eq!(text.matches(said).count(), 2, "{text}");
    assert!(!text.contains("no job"), "{text}");
}

#[test]
fn a_drain_that_could_not_be_measured_is_named() {
    let mut run = run(vec![ThroughputResult::specimen()]);
    run.failures.push(Failure {
        postgres: "15.18".to_owned(),
        queue: Some("status-partial".to_owned()),
        fixture: Some("heavy-single-queue".to_owned()),
        statement: None,
        variant: Some("8 workers, batches of 100".to_owned()),
        message: "disk full".to_owned(),
    });
    let text = printed(&run, Format::Markdown, 100);
    let named = "status-partial on heavy-single-queue, 8 workers, batches of 100: disk full";
    assert!(text.contains(named), "{text}");
}

#[test]
fn csv_has_every_figure_of_every_result() {
    let text = printed(&two_queues(), Format::Csv, 80);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 7);
    assert!(
        lines[0].starts_with("run_id,postgres,scenario,queue,"),
        "{}",
        lines[0]
    );
    for column in [
        "latency.fetch.service.p95",
        "per_job.wal_bytes",
        "ledger.lost",
        "errors",
        "set_up.queueing.throughput",
    ] {
        assert!(lines[0].split(',').any(|one| one == column), "{column}");
    }
    assert!(lines[1].contains("40001=2 40P01=1"), "{}", lines[1]);
    // What the second queue has not is empty, not shifted.
    let fields = |line: &str| line.split(',').count();
    let unquoted: Vec<usize> = lines
        .iter()
        .filter(|line| !line.contains('"'))
        .map(|line| fields(line))
        .collect();
    assert!(
        unquoted.windows(2).all(|pair| pair[0] == pair[1]),
        "{unquoted:?}"
    );
}

#[test]
fn json_is_what_the_run_file_holds() {
    let text = printed(&two_queues(), Format::Json, 80);
    let read: ThroughputRun = serde_json::from_str(&text).expect("reads");
    assert_eq!(read, two_queues());
}

#[test]
fn names_of_unknown_origin_are_inert() {
    let mut result = ThroughputResult::specimen();
    result.queue = "a\u{1b}[31mb|<b>".to_owned();
    result.notes = vec!["\u{202e}x\n".to_owned()];
    let run = run(vec![result.clone(), result]);
    for format in [Format::Table, Format::Markdown, Format::Csv] {
        let text = printed(&run, format, 100);
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
    assert!(!printed(&run, Format::Markdown, 100).contains("<b>"));
}
