//! Drains of two runs, compared.

use super::sample::{compared, regressed, run};
use super::{ComparedDrain, DrainComparison, JobTolerances, compare_drains};
use crate::run::comparison::gate::Outcome;
use crate::run::comparison::{ComparisonError, Effect, FailOn, Options, Verdict};
use crate::run::throughput::{Ended, ThroughputResult, cell_name};
use crate::run::{Failure, ThroughputRun};

fn only(comparison: &DrainComparison) -> &ComparedDrain {
    assert_eq!(comparison.drains.len(), 1);
    &comparison.drains[0]
}

fn told(drain: &ComparedDrain) -> Vec<(&str, Effect)> {
    let reasons = drain.reasons.iter();
    reasons
        .map(|reason| (reason.what.as_str(), reason.effect))
        .collect()
}

fn with_pages(factor: f64) -> impl Fn(&mut ThroughputResult) {
    move |result| {
        if let Some(cost) = &mut result.per_job {
            cost.pages *= factor;
        }
    }
}

#[test]
fn the_same_again_is_unchanged() {
    for repeats in [1, 5] {
        let comparison = compared(repeats, |_| ());
        assert_eq!(only(&comparison).verdict, Verdict::Unchanged);
        assert_eq!(only(&comparison).reasons, []);
        assert_eq!(
            FailOn::Difference.judge_drains(&comparison),
            Outcome::Passed
        );
    }
}

#[test]
fn counts_per_job_gate_beyond_their_tolerance() {
    let verdict = |factor| only(&compared(1, with_pages(factor))).verdict;
    assert_eq!(verdict(1.04), Verdict::Unchanged);
    assert_eq!(verdict(1.06), Verdict::Regressed);
    assert_eq!(verdict(0.9), Verdict::Improved);
    let comparison = compared(1, with_pages(1.5));
    let reason = &only(&comparison).reasons[0];
    assert_eq!(reason.message, "pages per job 28.4 → 42.6 (+50 %)");
    assert_eq!(
        FailOn::Regression.judge_drains(&comparison),
        Outcome::Failed
    );
}

#[test]
fn ranges_of_repeats_that_meet_are_no_change() {
    // The median is 20 % higher, but one repeat is as cheap as those of the first run.
    let comparison = compared(3, |result| {
        let factor = if result.repeat == 1 { 1.0 } else { 1.2 };
        with_pages(factor)(result);
    });
    assert_eq!(only(&comparison).verdict, Verdict::Unchanged);
    let comparison = compared(3, with_pages(1.2));
    assert_eq!(only(&comparison).verdict, Verdict::Regressed);
}

#[test]
fn a_few_fetches_more_that_find_nothing_are_no_regression() {
    // Half as many commits again, and yet next to nothing.
    let comparison = compared(1, |result| {
        if let Some(cost) = &mut result.per_job {
            cost.commits += 0.009;
        }
    });
    assert_eq!(only(&comparison).verdict, Verdict::Unchanged);
}

#[test]
fn throughput_is_judged_over_five_repeats() {
    let halved = |result: &mut ThroughputResult| {
        result.throughput = result.throughput.map(|one| one / 2.0);
    };
    let comparison = compared(4, halved);
    let drain = only(&comparison);
    assert_eq!(drain.verdict, Verdict::Unchanged);
    let throughput = drain.figures.iter().find(|one| one.figure == "throughput");
    let not_judged = throughput.and_then(|figure| figure.not_judged.as_deref());
    assert_eq!(not_judged, Some("4 and 4 repeats, 5 each are needed"));
    let comparison = compared(5, halved);
    assert_eq!(told(only(&comparison)), [("throughput", Effect::Worse)]);
    // Faster is better.
    let comparison = compared(5, |result| {
        result.throughput = result.throughput.map(|one| one * 1.5);
    });
    assert_eq!(told(only(&comparison)), [("throughput", Effect::Better)]);
    // Beyond chance, but not beyond a tenth.
    let comparison = compared(5, |result| {
        result.throughput = result.throughput.map(|one| one * 1.08);
    });
    assert_eq!(only(&comparison).verdict, Verdict::Unchanged);
}

#[test]
fn a_latency_that_grew_is_worse() {
    let comparison = compared(5, |result| {
        let fetch = result.latency.get_mut("fetch");
        let p95 = fetch.and_then(|one| one.service.as_mut()?.p95.as_mut());
        if let Some(p95) = p95 {
            *p95 *= 2.0;
        }
    });
    let drain = only(&comparison);
    assert_eq!(told(drain), [("latency.fetch.service.p95", Effect::Worse)]);
    let tests = drain.figures.iter().filter_map(|figure| figure.test);
    assert_eq!(tests.filter(|test| test.real).count(), 1);
}

#[test]
fn a_ledger_that_broke_is_a_regression_and_comes_first() {
    let comparison = regressed();
    let drain = only(&comparison);
    assert_eq!(drain.verdict, Verdict::Regressed);
    let causes: Vec<&str> = drain.reasons.iter().map(|reason| &*reason.what).collect();
    assert_eq!(causes, ["ledger", "per_job.pages", "throughput"]);
    assert_eq!(drain.reasons[0].message, "2 jobs lost, none in the first");
    // At least once is at least once.
    let comparison = compared(1, |result| result.ledger.duplicated = 3);
    assert_eq!(only(&comparison).verdict, Verdict::Unchanged);
    let comparison = compared(1, |result| result.ledger.lost = None);
    assert_eq!(only(&comparison).verdict, Verdict::Inconclusive);
    assert_eq!(
        FailOn::Regression.judge_drains(&comparison),
        Outcome::Inconclusive
    );
    let comparison = compared(1, |result| result.ended = Ended::Stalled);
    assert_eq!(told(only(&comparison)), [("end", Effect::Worse)]);
}

#[test]
fn what_was_not_measured_is_inconclusive() {
    let comparison = compared(1, |result| result.per_job = None);
    assert_eq!(only(&comparison).verdict, Verdict::Inconclusive);
}

fn both(first: &ThroughputRun, second: &ThroughputRun) -> Result<DrainComparison, ComparisonError> {
    let options = Options::default();
    let names = ("main", "latest");
    compare_drains(
        (names.0, first),
        (names.1, second),
        JobTolerances::default(),
        &options,
    )
}

#[test]
fn other_cells_are_not_compared_and_failures_are_inconclusive() {
    let first = run("one", 1, |_| ());
    let mut second = run("two", 1, |_| ());
    let mut other = ThroughputResult::specimen();
    other.workers = 8;
    second.results.push(other.clone());
    let comparison = both(&first, &second).expect("alike");
    assert_eq!(comparison.unpaired.len(), 1);
    assert!(!comparison.unpaired[0].in_first);
    second.results = vec![other];
    assert!(matches!(
        both(&first, &second),
        Err(ComparisonError::NoDrainInCommon { .. })
    ));
    let mut failure = Failure {
        postgres: "15.18".to_owned(),
        queue: Some("status-partial".to_owned()),
        fixture: Some("heavy-single-queue".to_owned()),
        statement: None,
        variant: None,
        message: "disk full".to_owned(),
    };
    let one = &first.results[0];
    for variant in [None, Some(cell_name(one.workers, one.batch_size))] {
        failure.variant = variant;
        second.failures = vec![failure.clone()];
        let comparison = both(&first, &second).expect("alike");
        assert_eq!(comparison.drains[0].verdict, Verdict::Inconclusive);
        assert_eq!(comparison.not_measured, []);
    }
    // Of another cell it tells nothing.
    failure.variant = Some(cell_name(one.workers + 1, one.batch_size));
    second.failures = vec![failure];
    assert!(matches!(
        both(&first, &second),
        Err(ComparisonError::NoDrainInCommon { .. })
    ));
}

#[test]
fn runs_that_differ_in_more_are_refused_by_name() {
    let first = run("one", 1, |_| ());
    let second = run("two", 1, |result| {
        result.poll_interval_ms = 10.0;
        result
            .settings
            .insert("synchronous_commit".to_owned(), "off".to_owned());
    });
    let error = both(&first, &second).expect_err("unlike").to_string();
    assert!(
        error.contains("poll interval of status-partial (50 ms and 10 ms)"),
        "{error}"
    );
    assert!(
        error.contains("setting synchronous_commit of status-partial (on and off)"),
        "{error}"
    );
    let mut second = run("two", 1, |_| ());
    second.environment.cpu.cores = 64;
    let comparison = both(&first, &second).expect("the machine matters for times only");
    let figures = comparison.drains[0].figures.iter();
    let not_judged = figures.filter_map(|figure| figure.not_judged.as_deref());
    assert!(not_judged.eq(["measured on other processors"; 3]));
}
