//! Statistics that are stale, or were never taken.

use pgq_analyze::definition::fixture::Analyze;

use super::{index, of, table, tens};
use crate::place::Place;

#[test]
fn a_plan_flips_without_statistics() {
    let place = Place::with_warm_cache();
    let runs = ["after", "before", "never"].map(|when| {
        let lines = format!("statistics = {{ analyze = '{when}' }}");
        tens(&place, "status-partial", &lines)
    });
    let shapes = runs.each_ref().map(|run| of(run, "complete").shape.clone());
    assert!(
        shapes[0] != shapes[1] && shapes[0] != shapes[2],
        "{shapes:?}"
    );
    // Statistics of the empty table are no more than that: its size is looked up, its content is not known.
    let statistics = runs
        .each_ref()
        .map(|run| format!("{:?}", run.environment.server.statistics));
    assert_ne!(statistics[0], statistics[1]);
    assert_ne!(statistics[1], statistics[2]);
    let known = runs.each_ref().map(|run| {
        let table = table(run);
        assert!(table.pages > 100 && index(table, "job_pkey").pages > 10);
        (table.rows, table.live_rows, table.dead_rows)
    });
    let counted = (Some(8000), Some(0));
    assert_eq!(
        known,
        [8000, 0, 0].map(|rows| (rows, counted.0, counted.1)),
        "what the planner knows, and what there is"
    );
    let when = runs.each_ref().map(|run| {
        let catalogs = run.environment.server.catalogs.values();
        let catalogs = catalogs.flat_map(|queues| queues.values());
        catalogs.map(|catalog| catalog.analyze).next().flatten()
    });
    let expected = [Analyze::After, Analyze::Before, Analyze::Never];
    assert_eq!(when, expected.map(Some));
}
