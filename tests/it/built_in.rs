//! Every built-in queue on every built-in fixture: each statement runs, fetches keep their bound, rows are what was asked for.

use std::collections::BTreeSet;

use pgq_analyze::definition::fixture::Scale;
use pgq_analyze::definition::payload::payload_checksum;
use pgq_analyze::definition::{Fixture, Library, Operation, Queue};
use pgq_analyze::experiment::selection::Selection;
use pgq_analyze::fixture::cache;
use pgq_analyze::postgres::managed::Managed;
use pgq_analyze::run::Run;
use pgq_analyze::run::event::Events;
use pgq_analyze::run::plan_result::PlanMode;

use crate::place::Place;
use crate::program::{managed_options, measured};

/// Queue, fixture, statement and variant.
type Name = (String, String, String, String);

/// One variant or two of each statement.
const SOME_VARIANTS: [&str; 7] = [
    "batch-1",
    "*-10",
    "*ed-1",
    "batch-100",
    "batch-1000-filtered",
    "nothing-lost",
    "default",
];

/// What there is to measure on these fixtures, by the library; of each statement the variants that fit a pattern, or all.
fn selected(fixtures: &[&str], patterns: &[&str]) -> BTreeSet<Name> {
    let library = Library::built_in();
    let pattern = |text: &&str| glob::Pattern::new(text).expect("a pattern");
    let selection = Selection {
        operations: Operation::ALL.to_vec(),
        variants: patterns.iter().map(pattern).collect(),
    };
    let mut names = BTreeSet::new();
    for fixture in fixtures {
        let fixture = library.fixture(fixture).expect("reads");
        for queue in library.queue_names() {
            let queue = library.queue(queue).expect("reads");
            let subjects = selection.subjects(&queue, &fixture);
            for file in &queue.statements {
                let taken = subjects.iter().any(|one| one.file.name == file.name);
                assert!(taken, "no variant of {} {}", queue.name, file.name);
            }
            names.extend(subjects.iter().map(|subject| {
                let (queue, variant) = (queue.name.clone(), subject.variant.name.clone());
                (
                    queue,
                    fixture.name.clone(),
                    subject.statement_name(),
                    variant,
                )
            }));
        }
    }
    names
}

/// Measures every statement of every queue on these fixtures.
fn assert_all_run(fixtures: &[&str], patterns: &[&str]) {
    let place = Place::with_warm_cache();
    let mut arguments = vec!["--all", "--rows", "2000"];
    arguments.extend(fixtures.iter().flat_map(|name| ["--fixture", name]));
    arguments.extend(patterns.iter().flat_map(|name| ["--variant", name]));
    let run = measured(&place, &arguments);
    assert_eq!(run.failures, []);
    let custom = run
        .results
        .iter()
        .filter(|one| one.plan_mode == PlanMode::Custom);
    let mut found: BTreeSet<Name> = custom
        .map(|one| {
            let (queue, fixture) = (one.queue.clone(), one.fixture.clone());
            (queue, fixture, one.statement.clone(), one.variant.clone())
        })
        .collect();
    for one in &run.blocked {
        let name = |name: &Option<String>| name.clone().expect("a statement that waits");
        let (queue, fixture) = (name(&one.queue), name(&one.fixture));
        assert_eq!((&*queue, &*fixture), ("natural-mistake", "locked-head"));
        found.insert((queue, fixture, name(&one.statement), name(&one.variant)));
    }
    assert_eq!(found, selected(fixtures, patterns));
    assert_bounded(&run);
}

/// A fetch never returns more than it was asked for; a batch that was fetched is completed.
fn assert_bounded(run: &Run) {
    for one in run.results.iter().filter(|one| one.operation == "fetch") {
        let asked: u64 = one
            .variant
            .trim_start_matches("batch-")
            .trim_end_matches("-filtered")
            .parse()
            .expect("a fetch variant is named after its size");
        let filtered = one.variant.ends_with("-filtered");
        let least = u64::from(!filtered);
        assert!(
            (least..=asked).contains(&one.rows),
            "{} rows: {one:#?}",
            one.rows
        );
        if one.fixture == "heavy-single-queue" && !filtered {
            assert_eq!(one.rows, asked, "there is enough: {one:#?}");
        }
    }
    for one in run
        .results
        .iter()
        .filter(|one| one.variant.starts_with("completed-"))
    {
        assert!(one.rows > 0, "what was fetched is completed: {one:#?}");
    }
}

#[test]
fn every_variant_runs_on_a_heavy_queue() {
    assert_all_run(&["heavy-single-queue"], &[]);
}

#[test]
fn every_statement_runs_on_sparse_queues() {
    assert_all_run(&["many-queues-sparse"], &SOME_VARIANTS);
}

#[test]
fn every_statement_runs_on_jobs_with_steps() {
    assert_all_run(&["with-steps"], &SOME_VARIANTS);
}

#[test]
fn every_statement_runs_on_a_deep_history() {
    assert_all_run(&["deep-history"], &SOME_VARIANTS);
}

#[test]
fn every_statement_runs_on_an_index_that_never_shrank() {
    assert_all_run(&["index-never-shrank"], &SOME_VARIANTS);
}

#[test]
fn every_statement_runs_without_statistics() {
    assert_all_run(&["statistics-before", "statistics-never"], &SOME_VARIANTS);
}

#[test]
fn every_statement_runs_behind_a_snapshot() {
    assert_all_run(&["dead-head"], &SOME_VARIANTS);
}

#[test]
fn every_statement_runs_or_waits_behind_a_locked_head() {
    assert_all_run(&["locked-head"], &SOME_VARIANTS);
}

#[test]
fn no_fixture_is_forgotten_here() {
    let tested = [
        "dead-head",
        "deep-history",
        "heavy-single-queue",
        "index-never-shrank",
        "locked-head",
        "many-queues-sparse",
        "statistics-before",
        "statistics-never",
        "with-steps",
    ];
    assert_eq!(Library::built_in().fixture_names(), tested);
}

/// The query that gives the payload of every job.
fn payloads_of(queue: &Queue) -> String {
    let table = &queue.tables[0];
    let payload = queue
        .payload
        .as_deref()
        .expect("built-in queues name their payload");
    format!(
        "select ({payload} ->> 'seq')::bigint, {payload} ->> 'data', {payload} ->> 'checksum' from {table} order by 1"
    )
}

async fn assert_populated(managed: &Managed, queue: &Queue, fixture: &Fixture) {
    let databases = managed.databases();
    let events = Events::ignored();
    let template = cache::ensure(databases, managed.version_text(), queue, fixture, &events)
        .await
        .expect("builds");
    let copy = databases.copy(&template.database).await.expect("copies");
    let session = databases.address().connect(&copy).await.expect("connects");
    let rows = session
        .query(&payloads_of(queue), &[])
        .await
        .expect("reads");
    let place = format!("{} of {}", queue.name, fixture.name);
    assert_eq!(rows.len() as u64, fixture.jobs, "{place}");
    for (index, row) in rows.iter().enumerate() {
        let (seq, data, checksum): (i64, &str, &str) = (row.get(0), row.get(1), row.get(2));
        let seq = u64::try_from(seq).expect("counts from one");
        assert_eq!(seq, index as u64 + 1, "each job once: {place}");
        let expected = format!("{:016x}", payload_checksum(seq, data.as_bytes()));
        assert_eq!(checksum, expected, "{place}, row {seq}");
    }
    session.close().await;
    databases.drop(&copy).await.expect("drops");
}

#[tokio::test]
async fn tables_hold_as_many_jobs_as_asked_for_with_their_checksums() {
    let place = Place::with_warm_cache();
    let library = Library::built_in();
    let managed = Managed::start(&managed_options(&place), &Events::ignored())
        .await
        .expect("the server starts");
    let scale = Scale {
        rows: Some(1500),
        ..Scale::default()
    };
    for fixture in library.fixture_names() {
        let fixture = library.fixture(fixture).expect("reads").scaled(scale);
        for queue in library.queue_names() {
            let queue = library.queue(queue).expect("reads");
            assert_populated(&managed, &queue, &fixture).await;
        }
    }
    managed.stop().await;
}
