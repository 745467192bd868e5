//! A head that another session has locked: waited for, or stepped over.

use super::{of, tens};
use crate::place::Place;
use crate::program::{compare_plans, take_run};

const LOCKED_HEAD: &str = "contention = { locked_head = 1000 }";

#[test]
fn a_fetch_that_waits_is_blocked_and_that_is_no_failure() {
    let place = Place::with_warm_cache();
    let run = tens(&place, "natural-mistake", LOCKED_HEAD);
    assert!(run.failures.is_empty() && run.skipped.is_empty());
    let blocked: Vec<(&str, &str)> = run
        .blocked
        .iter()
        .filter_map(|one| Some((one.statement.as_deref()?, one.variant.as_deref()?)))
        .collect();
    // The completion is not even fed.
    assert_eq!(
        blocked,
        [("fetch", "batch-10"), ("complete", "completed-10")]
    );
    for one in &run.blocked {
        let said = "waits for rows another session has locked";
        assert!(one.message.starts_with(said), "{one:?}");
        assert!(one.message.contains("fetch.sql:"), "{one:?}");
    }
    assert!(run.results.is_empty(), "{:#?}", run.results);
    assert!(tens(&place, "natural-mistake", "").blocked.is_empty());
}

#[test]
fn a_fetch_that_steps_over_reads_more() {
    let place = Place::with_warm_cache();
    let plain = tens(&place, "status-partial", "");
    let locked = tens(&place, "status-partial", LOCKED_HEAD);
    assert!(locked.blocked.is_empty() && locked.failures.is_empty());
    let (few, many) = (of(&plain, "fetch"), of(&locked, "fetch"));
    assert_eq!((few.rows, many.rows), (10, 10));
    let (few, many) = (few.buffers.total, many.buffers.total);
    assert!(many >= few + 1000, "{many} pages against {few}");
    assert_eq!(of(&locked, "fetch").scans.len(), 2, "nothing is released");
}

#[test]
fn the_report_says_who_waits() {
    let place = Place::with_warm_cache();
    let what = ["--queue", "natural-mistake", "--fixture", "locked-head"];
    let small = ["--rows", "2000", "--variant", "batch-1"];
    for (format, heading) in [("table", "Blocked\n"), ("markdown", "### Blocked\n")] {
        let ran = compare_plans(&place, &[&what[..], &small, &["--format", format]].concat())
            .expect_code(0);
        let told = [
            heading,
            "waits for rows another session has locked",
            "1 blocked",
        ];
        for part in told {
            assert!(ran.stdout.contains(part), "`{part}`: {}", ran.stdout);
        }
        assert_eq!(take_run(&place).blocked.len(), 1);
    }
}
