//! The reference design against the natural mistake: the pages say which one scales, the finding says why.

use pgq_analyze::finding::Severity;
use pgq_analyze::report::{self, Format, Layout};
use pgq_analyze::run::plan_result::PlanMode;

use crate::place::Place;
use crate::program::{measured, result};

/// Enough rows for the difference to be as large as on the million: the mistake's pages grow with the backlog, a fifth of which it
/// reads, and the reference's do not.
const ROWS: [&str; 4] = ["--fixture", "heavy-single-queue", "--rows", "150000"];

#[test]
fn the_natural_mistake_reads_twenty_times_the_pages_and_is_told_why() {
    let place = Place::with_warm_cache();
    let queues = ["--queue", "status-partial", "--queue", "natural-mistake"];
    let which = ["--operation", "fetch", "--variant", "batch-10"];
    let run = measured(&place, &[&queues[..], &ROWS, &which].concat());
    let reference = result(
        &run,
        "status-partial",
        "fetch",
        "batch-10",
        PlanMode::Custom,
    );
    let mistake = result(
        &run,
        "natural-mistake",
        "fetch",
        "batch-10",
        PlanMode::Custom,
    );
    assert_eq!((reference.rows, mistake.rows), (10, 10));
    let (few, many) = (reference.buffers.total, mistake.buffers.total);
    assert!(many >= 20 * few, "{many} pages against {few}");

    let worst = mistake.findings.first().expect("a finding");
    assert_eq!(worst.rule, "sort-in-fetch", "{worst:?}");
    assert!(worst.severity > Severity::Note, "{worst:?}");
    assert!(worst.message.contains("priority, run_at"), "{worst:?}");
    assert!(
        worst.help.contains("index") && worst.help.contains("(queue, priority, run_at"),
        "{worst:?}"
    );

    let waits = mistake
        .findings
        .iter()
        .find(|finding| finding.rule == "fetch-without-skip-locked");
    let waits = waits.expect("a finding no count shows");
    assert_eq!(waits.severity, Severity::Critical, "{waits:?}");
    assert!(
        waits.help.contains("for update skip locked") && !worst.help.contains("skip locked"),
        "{waits:?} {worst:?}"
    );

    let of_reference = run
        .results
        .iter()
        .filter(|one| one.queue == "status-partial")
        .flat_map(|one| &one.findings);
    let serious: Vec<_> = of_reference
        .filter(|finding| finding.severity > Severity::Note)
        .collect();
    assert!(serious.is_empty(), "{serious:#?}");
}

#[test]
fn a_run_says_of_each_queue_whether_its_fetch_is_bounded() {
    let place = Place::with_warm_cache();
    let fixtures = [("few", 1_000), ("many", 40_000)].map(|(name, jobs)| {
        let path = place.path().join(name).with_extension("toml");
        let text = format!("description = 'x'\njobs = {jobs}\npriorities = {{ levels = 5 }}");
        std::fs::write(&path, text).expect("the folder is there");
        path.to_str().expect("UTF-8").to_owned()
    });
    let queues = ["--queue", "status-partial", "--queue", "natural-mistake"];
    let which = ["--operation", "fetch", "--variant", "batch-10"];
    let fixtures = ["--fixture", &fixtures[0], "--fixture", &fixtures[1]];
    let run = measured(&place, &[&queues[..], &which, &fixtures].concat());
    let grows = |queue: &str| {
        let of_queue = run.results.iter().filter(|result| result.queue == queue);
        let mut findings = of_queue.flat_map(|result| &result.findings);
        findings.any(|finding| finding.rule == "fetch-not-bounded")
    };
    assert!(grows("natural-mistake") && !grows("status-partial"));
    let layout = Layout {
        width: 100,
        color: false,
        folder: None,
    };
    let text = report::render(&run, Format::Markdown, layout);
    assert!(text.contains("natural-mistake: not bounded: "), "{text}");
    assert!(text.contains("status-partial: bounded: "), "{text}");
}
