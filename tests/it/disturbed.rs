//! Fixtures to which more is done than to fill and vacuum them: each failure they stand for shows in counts, and not without it.

mod blocked;
mod refusals;
mod snapshot;
mod statistics;

use pgq_analyze::finding::case::{Index, Relation};
use pgq_analyze::run::{PlanResult, Run};

use crate::own_queue::write_fixture;
use crate::place::Place;
use crate::program::measured;

/// The variants that a fetch of ten and what follows it has.
const TENS: [&str; 4] = ["--variant", "batch-10", "--variant", "completed-10"];

/// What all fixtures here begin with.
const JOBS: &str = "jobs = 8000\npriorities = { levels = 5 }\ntask_keys = { count = 10 }\n";

/// Measures tens of a queue on a fixture with these lines besides.
#[track_caller]
fn tens(place: &Place, queue: &str, more: &str) -> Run {
    let fixture = write_fixture(place, &format!("{JOBS}{more}"));
    let what = ["--queue", queue, "--fixture", &fixture];
    measured(place, &[&what[..], &TENS].concat())
}

/// The only table of a run of one queue on one fixture.
#[track_caller]
fn table(run: &Run) -> &Relation {
    let mut catalogs = run.environment.server.catalogs.values();
    let queues = catalogs.next().expect("a fixture");
    let catalog = queues.values().next().expect("a queue");
    assert_eq!(catalog.relations.len(), 1, "{catalog:?}");
    &catalog.relations[0]
}

#[track_caller]
fn index<'r>(table: &'r Relation, name: &str) -> &'r Index {
    let mut indexes = table.indexes.iter();
    indexes.find(|index| index.name == name).expect("an index")
}

/// The custom plan's result.
#[track_caller]
fn of<'r>(run: &'r Run, statement: &str) -> &'r PlanResult {
    let mut results = run.results.iter();
    let found = results.find(|one| one.statement == statement);
    found.unwrap_or_else(|| panic!("{statement} is not in {:#?}", run.results))
}

#[test]
fn an_index_that_never_shrank_shows_in_its_pages() {
    let place = Place::with_warm_cache();
    let aged = "ageing = { completed = 0.99, vacuum = true }";
    let never_shrank = tens(&place, "status-partial", aged);
    // The same jobs wait, and nothing was ever in front of them.
    let fresh = "states = { completed = 0.99, ready = 0.01 }";
    let fresh = tens(&place, "status-partial", fresh);
    let pages = |run: &Run| index(table(run), "job_ready_idx").pages;
    let (many, few) = (pages(&never_shrank), pages(&fresh));
    assert!(many >= 10 * few, "{many} pages, {few} without history");
    assert!(table(&never_shrank).pages >= 2 * table(&fresh).pages);
    let rows = |run: &Run| (table(run).live_rows, table(run).dead_rows);
    assert_eq!(rows(&never_shrank), (Some(8000), Some(0)), "vacuumed");
    assert_eq!(rows(&fresh), (Some(8000), Some(0)));
}

#[test]
fn ageing_without_vacuum_leaves_dead_rows_and_statistics_of_what_is_there() {
    let place = Place::with_warm_cache();
    let run = tens(&place, "status-partial", "ageing = { completed = 0.5 }");
    let table = table(&run);
    assert_eq!((table.rows, table.live_rows), (8000, Some(8000)));
    let dead = table.dead_rows.expect("counted");
    assert!((4000..=8000).contains(&dead), "{dead} of 8,000 versions");
    assert!(run.results.iter().all(|one| one.scans.is_empty()));
}
