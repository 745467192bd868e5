//! Every built-in queue on every built-in fixture: each statement runs, fetches keep their bound, rows are what was asked for.

use std::collections::BTreeSet;

use pgq_analyze::definition::fixture::Scale;
use pgq_analyze::definition::payload::payload_checksum;
use pgq_analyze::definition::queue::Batch;
use pgq_analyze::definition::{Fixture, Library, Operation, Queue};
use pgq_analyze::experiment::selection::Selection;
use pgq_analyze::finding::Severity;
use pgq_analyze::fixture::cache;
use pgq_analyze::fixture::rows::{Rows, State};
use pgq_analyze::postgres::connect::Session;
use pgq_analyze::postgres::managed::Managed;
use pgq_analyze::run::event::Events;
use pgq_analyze::run::plan_result::PlanMode;
use pgq_analyze::run::{PlanResult, Run};

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

/// The queues that are measured on every fixture here.
const FEW_QUEUES: [&str; 3] = ["durable-steps", "natural-mistake", "status-partial"];

/// What there is to measure of queues on these fixtures, by the library; of each statement the variants that fit a pattern, or all.
fn selected(queues: &[&str], fixtures: &[&str], patterns: &[&str]) -> BTreeSet<Name> {
    let library = Library::built_in();
    let pattern = |text: &&str| glob::Pattern::new(text).expect("a pattern");
    let selection = Selection {
        operations: Operation::ALL.to_vec(),
        variants: patterns.iter().map(pattern).collect(),
    };
    let mut names = BTreeSet::new();
    for fixture in fixtures {
        let fixture = library.fixture(fixture).expect("reads");
        for queue in queues {
            let queue = library.queue(queue).expect("reads");
            let subjects = selection.subjects(&queue, &fixture);
            let about = fixture.measure.operations.as_ref();
            let asked = |operation| about.is_none_or(|about| about.contains(operation));
            for file in queue
                .statements
                .iter()
                .filter(|file| asked(&file.operation))
            {
                let taken = subjects.iter().any(|one| one.file.name == file.name);
                // A list of rows written into a statement has one length, which may be none of those.
                let is_of_one_size = file.variants.len() == 1;
                assert!(
                    taken || is_of_one_size,
                    "no variant of {} {}",
                    queue.name,
                    file.name
                );
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

/// Measures every statement of queues on these fixtures.
fn assert_all_run(queues: &[&str], fixtures: &[&str], patterns: &[&str]) {
    let place = Place::with_warm_cache();
    let mut arguments = vec!["--all", "--rows", "2000"];
    arguments.extend(queues.iter().flat_map(|name| ["--queue", name]));
    arguments.extend(fixtures.iter().flat_map(|name| ["--fixture", name]));
    arguments.extend(patterns.iter().flat_map(|name| ["--variant", name]));
    let run = measured(&place, &arguments);
    assert_eq!(run.failures, []);
    let custom = run
        .results
        .iter()
        .filter(|one| one.plan_mode == PlanMode::Custom);
    let found: BTreeSet<Name> = custom
        .map(|one| {
            let (queue, fixture) = (one.queue.clone(), one.fixture.clone());
            (queue, fixture, one.statement.clone(), one.variant.clone())
        })
        .collect();
    assert_eq!(found, selected(queues, fixtures, patterns));
    assert_bounded(&run);
    assert_quiet(&run);
}

/// Statements of healthy queues that have findings of their own, with reason.
const NOT_QUIET: [(&str, &str); 7] = [
    // What is worse about another way to say it is what these are there to show.
    ("partitioned", "fetch-all-days"),
    ("partitioned", "complete-ids-only"),
    ("visibility-timeout", "complete-archive"),
    // A generic plan does not know how many jobs it completes: in a small table it looks each up in each partition.
    ("partitioned", "complete"),
    // No index serves what runs once in a while.
    ("delete-on-complete", "rescue"),
    ("unindexed-status", "rescue"),
    // One index for all queues: a fetch from one of them passes over the others' jobs.
    ("delete-on-complete", "fetch"),
];

/// Nothing above a note is said of what is sound.
fn assert_quiet(run: &Run) {
    let is_sound = |one: &&PlanResult| {
        let file = one.statement.split('/').next().unwrap_or_default();
        !["natural-mistake", "query-traps"].contains(&&*one.queue)
            && !NOT_QUIET.contains(&(&*one.queue, file))
    };
    let mut loud = Vec::new();
    for one in run.results.iter().filter(is_sound) {
        let findings = one.findings.iter();
        for finding in findings.filter(|finding| finding.severity > Severity::Note) {
            let place = (
                &one.queue,
                &one.fixture,
                &one.statement,
                &one.variant,
                one.plan_mode,
            );
            loud.push(format!("{place:?} {}: {}", finding.rule, finding.message));
        }
    }
    assert_eq!(loud, [] as [String; 0]);
}

/// Whether a statement is the one of its file whose rows are the operation's: the last.
fn answers(queue: &Queue, statement: &str) -> bool {
    let (file, name) = statement.split_once('/').unwrap_or((statement, ""));
    let file = queue.statements.iter().find(|one| one.name == file);
    let last = file.and_then(|file| file.statements.last());
    name.is_empty() || last.and_then(|last| last.name.as_deref()) == Some(name)
}

/// A fetch never returns more than it was asked for; a batch that was fetched is completed.
fn assert_bounded(run: &Run) {
    let library = Library::built_in();
    for one in run.results.iter().filter(|one| one.operation == "fetch") {
        let queue = library.queue(&one.queue).expect("reads");
        if !answers(&queue, &one.statement) || queue.batch == Batch::Unbounded {
            continue;
        }
        let size = one.variant.trim_start_matches("batch-");
        let (size, narrowed) = size
            .split_once('-')
            .map_or((size, false), |(size, _)| (size, true));
        let asked: u64 = size
            .parse()
            .expect("a fetch variant is named after its size");
        let least = u64::from(!narrowed);
        assert!(
            (least..=asked).contains(&one.rows),
            "{} rows: {one:#?}",
            one.rows
        );
        if one.fixture == "heavy-single-queue" && !narrowed {
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
    let every = Library::built_in().queue_names();
    assert_all_run(&every, &["heavy-single-queue"], &[]);
}

#[test]
fn every_statement_runs_on_sparse_queues() {
    assert_all_run(&FEW_QUEUES, &["many-queues-sparse"], &SOME_VARIANTS);
}

#[test]
fn every_statement_runs_on_jobs_with_steps() {
    assert_all_run(&FEW_QUEUES, &["with-steps"], &SOME_VARIANTS);
}

#[test]
fn what_a_deep_history_is_about_runs_there() {
    let every = Library::built_in().queue_names();
    assert_all_run(&every, &["deep-history"], &SOME_VARIANTS);
}

/// The tables of a queue that carry payloads.
const WITH_PAYLOAD: &str = "select table_name::text from information_schema.columns \
     where table_schema = 'public' and column_name = $1 and table_name = any($2)";

/// The seq, data and checksum of every payload in the queue's tables.
async fn payloads(session: &Session, queue: &Queue) -> Vec<(u64, String, String)> {
    let payload = queue
        .payload
        .as_deref()
        .expect("built-in queues name their payload");
    let tables = session
        .query(WITH_PAYLOAD, &[&payload, &queue.tables])
        .await
        .expect("reads");
    let mut all = Vec::new();
    for table in &tables {
        let table: &str = table.get(0);
        let query = format!(
            "select ({payload} ->> 'seq')::bigint, {payload} ->> 'data', {payload} ->> 'checksum' from {table} where {payload} is not null"
        );
        for row in session.query(&query, &[]).await.expect("reads") {
            let seq = u64::try_from(row.get::<_, i64>(0)).expect("counts from one");
            all.push((seq, row.get(1), row.get(2)));
        }
    }
    all.sort();
    all
}

/// Every job is there once, as it was made; finished ones may be left out.
async fn assert_populated(managed: &Managed, queue: &Queue, fixture: &Fixture) {
    let databases = managed.databases();
    let events = Events::ignored();
    let template = cache::ensure(databases, managed.version_text(), queue, fixture, &events)
        .await
        .expect("builds");
    let copy = databases.copy(&template.database).await.expect("copies");
    let session = databases.address().connect(&copy).await.expect("connects");
    let place = format!("{} of {}", queue.name, fixture.name);
    let mut found = BTreeSet::new();
    for (seq, data, checksum) in payloads(&session, queue).await {
        assert!(found.insert(seq), "{place}: job {seq} twice");
        let expected = format!("{:016x}", payload_checksum(seq, data.as_bytes()));
        assert_eq!(checksum, expected, "{place}, row {seq}");
    }
    let rows = Rows::new(fixture);
    let wanted = (1..=rows.jobs())
        .filter(|seq| matches!(rows.job(*seq).state, State::Ready | State::Running));
    for seq in wanted {
        assert!(found.contains(&seq), "{place}: job {seq} is not there");
    }
    session.close().await;
    databases.drop(&copy).await.expect("drops");
}

#[tokio::test]
async fn tables_hold_the_jobs_that_were_asked_for_with_their_checksums() {
    let place = Place::with_warm_cache();
    let library = Library::built_in();
    let managed = Managed::start(&managed_options(&place), &Events::ignored())
        .await
        .expect("the server starts");
    let scale = Scale {
        rows: Some(1500),
        ..Scale::default()
    };
    for fixture in [
        "deep-history",
        "heavy-single-queue",
        "many-queues-sparse",
        "with-steps",
    ] {
        let fixture = library.fixture(fixture).expect("reads").scaled(scale);
        for queue in library.queue_names() {
            let queue = library.queue(queue).expect("reads");
            assert_populated(&managed, &queue, &fixture).await;
        }
    }
    managed.stop().await;
}

#[test]
fn a_claim_that_is_a_lock_of_the_session_outlasts_a_sample() {
    let place = Place::with_warm_cache();
    let what = [
        "--queue",
        "advisory-locks",
        "--fixture",
        "heavy-single-queue",
        "--rows",
        "2000",
        "--variant",
        "completed-10",
    ];
    let run = measured(&place, &what);
    let completed = run.results.iter().filter(|one| one.statement == "complete");
    let mut any = false;
    for one in completed {
        any = true;
        assert_eq!(one.rows, 10, "{one:#?}");
        // Of the second execution: the first let go of the locks that a fetch had left.
        let output = one.output.expect("its rows were received");
        assert!(output.bytes >= 10, "{output:?}");
    }
    assert!(any, "{:#?}", run.results);
}
