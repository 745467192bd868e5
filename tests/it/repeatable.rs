//! Two runs agree on every count: run again, on a rebuilt cache, and with one variant selected alone.

use std::collections::BTreeMap;

use pgq_analyze::run::plan_result::OutputCounts;
use pgq_analyze::run::{PlanResult, Run};

use crate::place::Place;
use crate::program::measured;

/// What has to be equal, by what was measured.
type Counts = BTreeMap<String, Count>;

/// Shape, digest, rows, pages, WAL records and what was sent; and what the planner's choice rests on.
#[derive(Debug, PartialEq)]
struct Count {
    shape: String,
    digest: String,
    rows: u64,
    rows_removed: Option<u64>,
    pages: u64,
    wal_records: u64,
    output: Option<OutputCounts>,
    chosen: String,
}

fn counts(run: &Run) -> Counts {
    let name = |one: &PlanResult| {
        let (queue, fixture, statement) = (&one.queue, &one.fixture, &one.statement);
        let (variant, mode) = (&one.variant, one.plan_mode.name());
        format!("{queue} {fixture} {statement} {variant} {mode}")
    };
    let count = |one: &PlanResult| Count {
        shape: one.shape.clone(),
        digest: one.digest.clone(),
        rows: one.rows,
        rows_removed: one.rows_removed,
        pages: one.buffers.total,
        wal_records: one.wal.records,
        output: one.output,
        chosen: format!("{:?} {:?}", one.generic_shape, one.auto_plan),
    };
    let counts: Counts = run
        .results
        .iter()
        .map(|one| (name(one), count(one)))
        .collect();
    assert_eq!(counts.len(), run.results.len(), "each is measured once");
    counts
}

/// The same things were measured, with the same counts.
#[track_caller]
pub(crate) fn assert_same_counts(first: &Run, second: &Run) {
    let (one, other) = (counts(first), counts(second));
    let differing: Vec<_> = one
        .iter()
        .filter(|(name, count)| other.get(*name) != Some(count))
        .map(|(name, count)| (name, count, other.get(name)))
        .collect();
    assert!(differing.is_empty(), "{differing:#?}");
    assert_eq!(one.len(), other.len());
}

#[track_caller]
fn assert_same(first: &Run, second: &Run) {
    assert_same_counts(first, second);
    let (first, second) = (&first.environment, &second.environment);
    assert_eq!(first.server.statistics, second.server.statistics);
    assert_eq!(first.server.catalogs, second.server.catalogs);
    // Wherever the cluster lies, whoever made it.
    assert_eq!(first.server.settings, second.server.settings);
    assert_eq!(first.statements, second.statements);
}

/// Measures `arguments` twice on one cache, then `alone` out of it, then all again on a new cache.
fn assert_repeats(arguments: &[&str], least: usize, alone: &[&str]) {
    let place = Place::with_warm_cache();
    let first = measured(&place, arguments);
    assert!(
        first.results.len() >= least,
        "only {} results",
        first.results.len()
    );
    let pages: u64 = first.results.iter().map(|one| one.buffers.total).sum();
    let wal: u64 = first.results.iter().map(|one| one.wal.records).sum();
    assert!(pages > 0 && wal > 0, "counts are counted");
    assert_same(&first, &measured(&place, arguments));

    let selected = counts(&measured(&place, &[arguments, alone].concat()));
    let all = counts(&first);
    assert!(
        !selected.is_empty() && selected.len() < all.len(),
        "a part of it: {selected:?}"
    );
    for (name, count) in &selected {
        assert_eq!(all.get(name), Some(count), "{name} measured alone");
    }

    // Nothing is left of the cache in a place of its own: cluster, fixtures and all are made anew.
    assert_same(&first, &measured(&Place::new(), arguments));
}

const FETCH_OF_TEN: [&str; 4] = ["--operation", "fetch", "--variant", "batch-10"];

/// Above 30,000 rows ANALYZE would sample at random: there the statistics are handed over.
const MANY_ROWS: [&str; 10] = [
    "--rows",
    "40000",
    "--variant",
    "batch-1",
    "--variant",
    "batch-10*",
    "--variant",
    "completed-100*",
    "--variant",
    "mixed-100",
];

#[test]
fn status_partial_repeats() {
    let what = ["--queue", "status-partial", "--fixture"];
    let small = ["heavy-single-queue", "--rows", "3000"];
    assert_repeats(&[&what[..], &small].concat(), 32, &FETCH_OF_TEN);
}

#[test]
fn status_partial_repeats_with_statistics_handed_over() {
    let what = ["--queue", "status-partial", "--fixture", "deep-history"];
    let alone = ["--operation", "fetch"];
    assert_repeats(&[&what[..], &MANY_ROWS].concat(), 16, &alone);
}

#[test]
fn durable_steps_repeats() {
    let what = ["--queue", "durable-steps", "--fixture", "with-steps"];
    let small = ["--fixture", "many-queues-sparse", "--rows", "3000"];
    assert_repeats(&[&what[..], &small].concat(), 28, &FETCH_OF_TEN);
}

#[test]
fn durable_steps_repeats_with_statistics_handed_over() {
    let what = [
        "--queue",
        "durable-steps",
        "--fixture",
        "heavy-single-queue",
    ];
    let alone = ["--operation", "complete"];
    assert_repeats(&[&what[..], &MANY_ROWS].concat(), 9, &alone);
}

#[test]
fn natural_mistake_repeats() {
    let what = ["--queue", "natural-mistake", "--fixture"];
    let small = ["heavy-single-queue", "--rows", "3000"];
    assert_repeats(&[&what[..], &small].concat(), 14, &FETCH_OF_TEN);
}

#[test]
fn natural_mistake_repeats_with_statistics_handed_over() {
    let what = ["--queue", "natural-mistake", "--fixture"];
    let alone = ["--operation", "fetch"];
    let fixture = ["heavy-single-queue"];
    assert_repeats(&[&what[..], &fixture, &MANY_ROWS].concat(), 9, &alone);
}
