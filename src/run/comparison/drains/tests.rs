//! Drains of two runs, compared.

use super::sample::{compared, regressed, run};
use super::{ComparedDrain, DrainComparison, JobTolerances, compare_drains};
use crate::definition::queue::Delivery;
use crate::run::comparison::gate::Outcome;
use crate::run::comparison::{ComparisonError, Effect, FailOn, Options, Verdict};
use crate::run::throughput::{Ended, ThroughputResult, cell_name};
use crate::run::{Failure, RunStatus, ThroughputRun};

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

#[test]
fn repeats_that_cannot_tell_among_so_many_figures_are_not_judged() {
    let cells = |repeats: u64, factor: f64| {
        let mut all = run("one", 0, |_| ());
        for workers in [1, 2, 4, 8] {
            let change = |result: &mut ThroughputResult| {
                result.workers = workers;
                result.throughput = result.throughput.map(|one| one * factor);
            };
            all.results.extend(run("one", repeats, change).results);
        }
        all
    };
    let comparison = both(&cells(5, 1.0), &cells(5, 0.5)).expect("alike");
    assert_eq!(comparison.drains.len(), 4);
    for drain in &comparison.drains {
        assert_eq!(drain.verdict, Verdict::Unchanged);
        for figure in drain
            .figures
            .iter()
            .filter(|one| !one.figure.contains("per_job"))
        {
            let why = "5 and 5 repeats cannot tell among 12 figures; 6 each can";
            assert_eq!(figure.not_judged.as_deref(), Some(why));
            assert_eq!(figure.test, None);
        }
    }
    let comparison = both(&cells(6, 1.0), &cells(6, 0.5)).expect("alike");
    for drain in &comparison.drains {
        assert_eq!(told(drain), [("throughput", Effect::Worse)]);
    }
}

#[test]
fn what_a_run_that_was_stopped_never_reached_is_inconclusive() {
    let mut first = run("one", 1, |_| ());
    first
        .results
        .extend(run("one", 1, |result| result.workers = 8).results);
    let mut second = run("two", 1, |_| ());
    let judged = |second: &ThroughputRun| {
        let comparison = both(&first, second).expect("alike");
        let gate = FailOn::Regression.judge_drains(&comparison);
        (comparison.drains.len(), comparison.unpaired.len(), gate)
    };
    assert_eq!(
        judged(&second),
        (1, 1, Outcome::Passed),
        "it was not asked for"
    );
    for status in [
        RunStatus::Interrupted,
        RunStatus::Failed,
        RunStatus::Running,
    ] {
        second.status = status;
        assert_eq!(judged(&second), (2, 0, Outcome::Inconclusive), "{status:?}");
    }
    let comparison = both(&first, &second).expect("alike");
    let missing = &comparison.drains[1];
    assert_eq!((missing.workers, missing.second_repeats), (8, 0));
    assert_eq!(
        missing.reasons[0].message,
        "not measured in the second run, which did not come to its end"
    );
    second.environment.queues.clear();
    assert_eq!(
        judged(&second),
        (1, 1, Outcome::Passed),
        "it drained other queues"
    );
}

#[test]
fn a_ledger_is_compared_by_how_many_jobs_it_is_about() {
    let lost = |first: &[Option<u64>], second: &[Option<u64>]| {
        let run = |lost: &[Option<u64>]| {
            run("one", lost.len() as u64, |result| {
                result.ledger.lost = lost[result.repeat as usize - 1];
            })
        };
        let comparison = both(&run(first), &run(second)).expect("alike");
        let reasons = only(&comparison).reasons.iter();
        let told: Vec<_> = reasons
            .map(|reason| (reason.effect, reason.message.clone()))
            .collect();
        told
    };
    let one = |effect, message: &str| vec![(effect, message.to_owned())];
    assert_eq!(
        lost(&[Some(1)], &[Some(5_000)]),
        one(Effect::Worse, "5,000 jobs lost, 1 in the first")
    );
    assert_eq!(
        lost(&[Some(0)], &[Some(1)]),
        one(Effect::Worse, "1 job lost, none in the first")
    );
    assert_eq!(
        lost(&[Some(5)], &[Some(3)]),
        one(Effect::Better, "3 jobs lost, 5 in the first")
    );
    assert_eq!(
        lost(&[Some(5)], &[Some(0)]),
        one(Effect::Better, "no jobs lost, 5 in the first")
    );
    assert_eq!(lost(&[Some(5)], &[Some(5)]), []);
    let open = "whether jobs were lost is not known: the second was not drained to its end";
    assert_eq!(lost(&[Some(2)], &[None]), one(Effect::Unknown, open));
    assert_eq!(
        lost(&[Some(2), Some(2)], &[None, Some(0)]),
        one(Effect::Unknown, open)
    );
    assert_eq!(
        lost(&[None], &[Some(2)]),
        one(
            Effect::Unknown,
            "2 jobs lost, in the first that is not known"
        )
    );
    // What is allowed to be lost is no breach, whatever else is one.
    let comparison = compared(1, |result| {
        result.delivery = Delivery::AtMostOnce;
        result.deliveries.interrupted = 4;
        (result.ledger.lost, result.ledger.altered) = (Some(4), 1);
    });
    let messages = only(&comparison).reasons.iter().map(|one| &*one.message);
    assert!(messages.eq(["1 job altered, none in the first"]));
}

#[test]
fn how_long_it_was_to_last_and_how_tasks_were_to_end_have_to_be_equal() {
    let first = run("one", 1, |_| ());
    let second = run("two", 1, |result| {
        result.duration_limit_s = None;
        result.warmup_limit_s = 2.0;
        result.outcomes.failed = 0.1;
    });
    let error = both(&first, &second).expect_err("unlike").to_string();
    for told in [
        "duration of status-partial (60 s and until empty)",
        "warm-up of status-partial (0 s and 2 s)",
        "outcomes of status-partial (failed=0,released=0,panicked=0 and failed=0.1,released=0,panicked=0)",
    ] {
        assert!(error.contains(told), "{error}");
    }
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
