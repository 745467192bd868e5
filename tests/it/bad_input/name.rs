//! Names on the command line that nothing has: usage, with the nearest name there is.

use crate::own_queue::write_fixture;
use crate::place::Place;
use crate::program::{compare_plans, run};

/// `arguments` are refused as usage before anything is done.
#[track_caller]
fn refused(arguments: &[&str], said: &[&str]) {
    let place = Place::new();
    run(&place, arguments).expect_code(2).expect_said(said);
    let left: Vec<_> = std::fs::read_dir(place.path())
        .expect("reads the folder")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    assert!(left.is_empty(), "nothing was made: {left:?}");
}

#[test]
fn an_unknown_queue() {
    let said = [
        "error: ",
        "queue `status-partail`",
        "did you mean `status-partial`?",
        "queues list",
    ];
    refused(&["compare-plans", "--queue", "status-partail"], &said);
    refused(&["queues", "show", "status-partail"], &said);
    refused(&["extract-queries", "--queue", "status-partail"], &said);
    refused(
        &[
            "fixtures",
            "build",
            "with-steps",
            "--queue",
            "status-partail",
        ],
        &said,
    );
}

#[test]
fn an_unknown_fixture() {
    let said = [
        "error: ",
        "fixture `with-step`",
        "did you mean `with-steps`?",
        "fixtures list",
    ];
    refused(&["compare-plans", "--fixture", "with-step"], &said);
    refused(&["fixtures", "show", "with-step"], &said);
    refused(&["fixtures", "build", "with-step"], &said);
}

#[test]
fn an_unknown_variant() {
    let said = [
        "error: ",
        "no variant matches `bach-10`",
        "did you mean `batch-10`?",
    ];
    refused(&["compare-plans", "--variant", "bach-10"], &said);
}

#[test]
fn an_unknown_variant_in_a_fixture() {
    let place = Place::with_warm_cache();
    let variants = "jobs = 20\n[measure]\nvariants = [\"bach-1\", \"batch-1\"]";
    let fixture = write_fixture(&place, variants);
    let narrow = [
        "--queue",
        "status-partial",
        "--operation",
        "fetch",
        "--fixture",
    ];
    let measure = |more: &[&str]| compare_plans(&place, &[&narrow[..], &[&fixture], more].concat());
    let warning = format!(
        "warning: {fixture}:4:13: no queue that is measured has a variant `bach-1`; did you mean `batch-1`?\n"
    );
    let ran = measure(&[]).expect_code(0);
    assert_eq!(ran.stderr.matches(&warning).count(), 1, "{}", ran.stderr);
    assert_eq!(measure(&["--quiet"]).expect_code(0).stderr, "");
    let by_pattern = measure(&["--variant", "batch-10"]).expect_code(0);
    assert!(
        !by_pattern.stderr.contains("warning"),
        "{}",
        by_pattern.stderr
    );
    write_fixture(&place, "jobs = 20\n[measure]\nvariants = [\"bach-1\"]");
    measure(&["--quiet"]).expect_code(2).expect_said(&[
        "error: nothing to measure: ",
        ":4:13: ",
        "did you mean `batch-1`?",
    ]);
}

#[test]
fn an_unknown_operation() {
    let said = ["error: ", "'fetsh'", "fetch"];
    refused(&["compare-plans", "--operation", "fetsh"], &said);
}

#[test]
fn an_operation_the_queue_has_not() {
    let arguments = ["--queue", "status-partial", "--operation", "step-load"];
    refused(
        &[&["compare-plans"], &arguments[..]].concat(),
        &["error: nothing to measure", "--operation"],
    );
}

#[test]
fn an_unknown_rule() {
    let said = [
        "error: ",
        "rule `sort-in-fetsh`",
        "did you mean `sort-in-fetch`?",
    ];
    refused(&["rules", "show", "sort-in-fetsh"], &said);
}

#[test]
fn words_that_mean_nothing() {
    refused(&["compare-plan"], &["error: ", "compare-plans"]);
    refused(&["compare-plans", "--rows", "0"], &["error: ", "--rows"]);
    refused(
        &["compare-plans", "--format", "yaml"],
        &["error: ", "yaml", "markdown"],
    );
    refused(
        &["compare-plans", "--postgres", "fifteen"],
        &["error: ", "fifteen", "such as 15"],
    );
}
