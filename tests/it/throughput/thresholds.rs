//! Thresholds: what does not hold or was not measured ends with 3, what cannot be is refused before anything starts.

use super::{take_run, throughput};
use crate::place::Place;

#[test]
fn what_does_not_hold_or_was_not_measured_ends_with_three() {
    let place = Place::with_warm_cache();
    let held = ["quick", "--threshold", "ledger.lost == 0"];
    throughput(
        &place,
        &[&held[..], &["--threshold", "per_job.dead_rows >= 1"]].concat(),
    )
    .expect_code(0);
    assert!(take_run(&place).results[0].thresholds_held());

    // Left in the queue after no time at all, and nobody looks for it.
    let more = [
        "--threshold",
        "deliveries.completed == 2000",
        "--rows=2000",
        "--task=io:wait=100ms",
        "--duration=300ms",
        "--no-drain",
    ];
    let ran = throughput(&place, &[&held[..], &more].concat()).expect_code(3);
    assert!(ran.stdout.contains("not measured"), "{}", ran.stdout);
    let run = take_run(&place);
    let [lost, completed] = &run.results[0].thresholds[..] else {
        panic!("two thresholds: {:?}", run.results[0].thresholds);
    };
    assert_eq!((lost.held, lost.figure), (false, None));
    assert!(!completed.held && completed.figure.is_some_and(|jobs| jobs < 2000.0));
}

#[test]
fn what_cannot_hold_is_refused_before_anything_starts() {
    let place = Place::new();
    for (threshold, said) in [
        ("ledger.losst == 0", "did you mean `ledger.lost`"),
        ("ledger.lost == 0ms", "ledger.lost"),
        ("latency.fetch.service.p95 < 1GB", "p95"),
        ("throughput", "throughput"),
    ] {
        throughput(&place, &["quick", "--threshold", threshold])
            .expect_code(2)
            .expect_said(&["error: ", said]);
    }
    assert!(!place.out().exists() && !place.cache().exists());
}
