//! What cannot be done to a fixture, told before it is measured.

use super::{JOBS, TENS};
use crate::own_queue::{write, write_fixture};
use crate::place::Place;
use crate::program::{Ran, compare_plans, run, take_run};

/// Measures two fixtures, of which the first is refused and the second is not.
#[track_caller]
fn refused(place: &Place, queue: &str, lines: &str, said: &[&str]) -> Ran {
    let fixture = write_fixture(place, lines);
    let what = ["--queue", queue, "--fixture", &fixture];
    let other = ["--fixture", "many-queues-sparse", "--rows", "500"];
    let variants = ["--variant", "batch-1"];
    let ran = compare_plans(place, &[&what[..], &other, &variants].concat()).expect_code(1);
    let run = take_run(place);
    assert_eq!(run.failures.len(), 1, "{:#?}", run.failures);
    for part in said {
        let message = &run.failures[0].message;
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    assert!(!run.results.is_empty(), "the other fixture is measured");
    ran
}

#[test]
fn a_queue_without_a_complete_cannot_be_aged() {
    let place = Place::with_warm_cache();
    let queue = write(&place, &[]);
    std::fs::remove_file(place.path().join("own-queue/complete.sql")).expect("removes it");
    for more in ["", "snapshot = true\n"] {
        let lines = format!("jobs = 500\n[ageing]\ncompleted = 0.5\n{more}");
        let said = [
            "cannot age fixture own-fixture for queue own-queue: ",
            "queue own-queue has no complete",
            "`complete.sql`",
        ];
        refused(&place, &queue, &lines, &said);
    }
}

#[test]
fn a_share_that_the_fetch_does_not_reach_says_how_many_there_were() {
    let place = Place::with_warm_cache();
    let lines =
        "jobs = 500\nstates = { completed = 0.9, ready = 0.1 }\ncontention = { locked_head = 120 }";
    let said = [
        "fixture own-fixture",
        "gave 50 of the 120 jobs",
        "head of `default`",
    ];
    refused(&place, "status-partial", lines, &said);
    // A fetch that overlooks half of the jobs.
    let fetch = crate::own_queue::FETCH.replace("where waiting", "where waiting and number <= 250");
    let queue = write(&place, &[("fetch.sql", &fetch)]);
    let lines = "jobs = 500\nageing = { completed = 0.8 }";
    refused(&place, &queue, lines, &["gave 250 of the 400 jobs"]);
}

#[test]
fn a_complete_that_completes_nothing_is_found_out() {
    let place = Place::with_warm_cache();
    let complete = "-- Deletes what somebody else has taken.
-- operation: complete
-- param numbers bigint[] = fetched.number
-- variant completed-1: fetch.batch_size = 1

delete from task
where number = any(:numbers) and number < 0
returning number;
";
    let queue = write(&place, &[("complete.sql", complete)]);
    let lines = "jobs = 500\nageing = { completed = 0.5 }";
    refused(&place, &queue, lines, &["settled 0 of 250 jobs"]);
}

#[test]
fn a_drain_takes_no_fixture_with_other_sessions() {
    let place = Place::new();
    for (fixture, table) in [
        ("dead-head", "[ageing] snapshot"),
        ("locked-head", "[contention] locked_head"),
    ] {
        let ran = run(&place, ["throughput", "quick", "--fixture", fixture]).expect_code(2);
        ran.expect_said(&["error: ", fixture, table, "compare-plans"]);
    }
    assert!(!place.cache().exists(), "before anything is started");
}

#[test]
fn scripts_have_the_values_of_an_aged_copy() {
    let place = Place::with_warm_cache();
    let lines = format!("{JOBS}ageing = {{ completed = 0.5, snapshot = true }}");
    let fixture = write_fixture(&place, &lines);
    let out = place.path().join("scripts").display().to_string();
    let what = ["extract-queries", "--queue", "status-partial"];
    let which = [
        "--fixture",
        &fixture,
        "--operation",
        "complete",
        "--out",
        &out,
    ];
    run(&place, [&what[..], &which, &TENS[2..]].concat()).expect_code(0);
}
