//! A head of dead rows behind a snapshot that is held.

use std::collections::BTreeMap;

use pgq_analyze::run::plan_result::{PlanMode, Scan, When};
use pgq_analyze::run::{PlanResult, Run};

use super::{JOBS, TENS, of, table, tens};
use crate::own_queue::write_fixture;
use crate::place::Place;
use crate::program::measured;
use crate::repeatable::assert_same_counts;

const DEAD_HEAD: &str = "ageing = { completed = 0.75, snapshot = true, vacuum = true }";

#[test]
fn a_fetch_reads_past_every_dead_row_at_its_head() {
    let place = Place::with_warm_cache();
    let plain = tens(&place, "status-partial", "");
    let dead = tens(&place, "status-partial", DEAD_HEAD);
    for statement in ["fetch", "fetch-cte"] {
        let pages = |run| of(run, statement).buffers.total;
        let (few, many) = (pages(&plain), pages(&dead));
        assert!(many >= 20 * few, "{statement}: {many} pages against {few}");
        assert_eq!(of(&plain, statement).scans, []);
    }
    // Each of 6,000 jobs was fetched, then completed.
    let rows = |run: &Run| (table(run).live_rows, table(run).dead_rows);
    assert_eq!(rows(&dead), (Some(8000), Some(12_000)));
    assert_eq!(rows(&plain), (Some(8000), Some(0)));
    assert_eq!(
        dead.environment.server.statistics, plain.environment.server.statistics,
        "taken before, when there was no difference"
    );
}

#[test]
fn tables_that_rotate_have_no_dead_head() {
    let place = Place::with_warm_cache();
    // Pages of all statements of the fetch, for each of its ten jobs.
    let pages = |run: &Run| -> f64 {
        let fetch = |one: &&PlanResult| one.statement.starts_with("fetch/");
        let custom = |one: &&PlanResult| one.plan_mode == PlanMode::Custom;
        let statements = run.results.iter().filter(fetch).filter(custom);
        statements.map(|one| one.buffers.total).sum::<u64>() as f64
            / of(run, "fetch/slice").rows as f64
    };
    let plain = pages(&tens(&place, "append-only", ""));
    let dead = pages(&tens(&place, "append-only", DEAD_HEAD));
    assert!(dead <= 2.0 * plain, "{dead} pages a job against {plain}");
}

#[test]
fn what_a_released_snapshot_kept_is_marked_by_the_first_scan() {
    let place = Place::with_warm_cache();
    let run = tens(&place, "status-partial", DEAD_HEAD);
    let fetch = of(&run, "fetch");
    let when: Vec<When> = fetch.scans.iter().map(|scan| scan.when).collect();
    let expected = [
        When::First,
        When::Second,
        When::FirstAfterRelease,
        When::SecondAfterRelease,
    ];
    assert_eq!(when, expected);
    let pages: Vec<u64> = fetch.scans.iter().map(|scan| scan.pages).collect();
    assert_eq!(pages[0], fetch.buffers.total, "the one that counts");
    assert!(pages[1] * 10 > pages[0] * 9, "held: {pages:?}");
    assert!(pages[2] > 10 * pages[3], "released: {pages:?}");
}

/// What is compared beside the counts: nothing of it may differ.
fn scans(run: &Run) -> BTreeMap<String, Vec<Scan>> {
    let name = |one: &pgq_analyze::run::PlanResult| {
        let (queue, statement, variant) = (&one.queue, &one.statement, &one.variant);
        format!("{queue} {statement} {variant} {}", one.plan_mode.name())
    };
    let results = run.results.iter();
    results.map(|one| (name(one), one.scans.clone())).collect()
}

#[test]
fn counts_repeat_while_sessions_are_held_open() {
    let [warm, new] = [Place::with_warm_cache(), Place::new()];
    let runs = [&warm, &warm, &new].map(|place| {
        let lines = format!("{JOBS}{DEAD_HEAD}\ncontention = {{ locked_head = 500 }}");
        let fixture = write_fixture(place, &lines);
        let queues = ["--queue", "status-partial", "--queue", "durable-steps"];
        let mistake = ["--queue", "natural-mistake", "--samples", "3"];
        let fixture = ["--fixture", fixture.as_str()];
        measured(place, &[&queues[..], &mistake, &fixture, &TENS].concat())
    });
    let [first, others @ ..] = &runs;
    assert!(first.results.len() >= 5, "{:#?}", first.results);
    assert!(!first.blocked.is_empty(), "the natural mistake waits");
    let blocked = |run: &Run| -> Vec<_> {
        let blocked = run.blocked.iter();
        let name = |one: &pgq_analyze::run::Failure| (one.statement.clone(), one.variant.clone());
        blocked.map(name).collect()
    };
    for other in others {
        assert_same_counts(first, other);
        assert_eq!(scans(first), scans(other));
        assert_eq!(blocked(first), blocked(other));
        let (first, other) = (&first.environment.server, &other.environment.server);
        assert_eq!(first.catalogs, other.catalogs);
        assert_eq!(first.statistics, other.statistics);
    }
}
