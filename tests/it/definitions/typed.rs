//! Values of any type pass through in binary: from a fetch into what it feeds, with a custom and with a generic plan.

use pgq_analyze::run::Run;
use pgq_analyze::run::plan_result::{GenericShape, PlanMode};

use crate::own_queue::write;
use crate::place::Place;
use crate::program::{compare_plans, measured, result, take_run};

/// A key of each kind of type there is, names that need quotes, and a column no row of which is ever set.
const SCHEMA: &str = r#"create type stage as enum ('waiting', 'taken', 'it''s "done"');
create domain weight as numeric(12, 3) check (value >= 0);
create type place as (shelf int, label text);
create table task (
    id uuid,
    stage stage not null,
    weight weight not null,
    place place not null,
    "Due, at" timestamptz not null,
    "the ""key""" text not null,
    span int4range not null,
    document jsonb not null,
    note text,
    tags text[] not null
);
"#;

const POPULATE: &str = r#"insert into task
select md5(seq::text)::uuid, 'waiting', seq / 8.0, row(seq, 'a "b", \' || seq)::place, run_at,
       'it''s ' || seq, int4range(seq::int, seq::int + 2), jsonb_build_object('n', seq), null, array['x', seq::text]
from pgqa_job;
"#;

const INDEXES: &str = "alter table task add primary key (id);\n";

const FETCH: &str = r#"-- Takes the first tasks.
-- operation: fetch
-- param batch_size int
-- param stage stage = 'waiting'
-- variant batch-5: batch_size = 5
update task
set stage = 'taken'
where id = any(array(select id from task where stage = :stage order by weight limit :batch_size for update skip locked))
returning id, stage, weight, place, "Due, at", "the ""key""", span, document, note, tags;
"#;

const MANIFEST: &str = "description = \"Types\"\ntables = [\"task\"]\n";

fn files<'f>(more: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let mut files = vec![
        ("queue.toml", MANIFEST),
        ("schema.sql", SCHEMA),
        ("populate.sql", POPULATE),
        ("indexes.sql", INDEXES),
        ("fetch.sql", FETCH),
    ];
    files.extend(more);
    files
}

/// Measures such a queue with more files on a hundred rows.
#[track_caller]
fn measure(more: &[(&str, &str)]) -> Run {
    let place = Place::with_warm_cache();
    let queue = write(&place, &files(more));
    let what = [
        "--queue",
        &queue,
        "--fixture",
        "heavy-single-queue",
        "--rows",
        "100",
    ];
    measured(&place, &what)
}

/// Compares every array with the table: a row is returned for each task all of whose values came through unchanged.
const COMPLETE: &str = r#"-- Deletes what was taken.
-- operation: complete
-- param ids uuid[] = fetched.id
-- param stages stage[] = fetched.stage
-- param weights weight[] = fetched.weight
-- param places place[] = fetched.place
-- param dues timestamptz[] = fetched."Due, at"
-- param keys text[] = fetched."the ""key"""
-- param spans int4range[] = fetched.span
-- param documents jsonb[] = fetched.document
-- param notes text[] = fetched.note
-- param exact numeric[] = (select array_agg(w + 0.0005) from unnest(fetched.weight) as w)
-- param odd stage = 'it''s "done"'
-- param nothing uuid = null
-- param spot place = row(7, 'a,"b"')
-- variant completed-5: fetch.batch_size = 5
-- variant nothing-known: fetch.batch_size = 5, notes = null
delete from task
using unnest(:ids, :stages, :weights, :places, :dues, :keys, :spans, :documents, :exact)
    as given (id, stage, weight, shelf, label, due, key, span, document, exact)
where task.id = given.id and task.stage = given.stage and given.stage = 'taken' and task.weight = given.weight
  and task.place = row(given.shelf, given.label)::place and task."Due, at" = given.due
  and task."the ""key""" = given.key and task.span = given.span and task.document = given.document
  and task.weight + 0.0005 = given.exact
  and (array_length(:notes, 1) = 5 and :notes[1] is null or :notes is null)
  and :nothing is null and :odd = 'it''s "done"'::stage and (:spot).label = 'a,"b"'
returning task.id;
"#;

#[test]
fn every_type_passes_through_unchanged() {
    let run = measure(&[("complete.sql", COMPLETE)]);
    assert_eq!(run.failures, []);
    for variant in ["completed-5", "nothing-known"] {
        let custom = result(&run, "own-queue", "complete", variant, PlanMode::Custom);
        assert_eq!(custom.rows, 5, "each value of each task: {}", custom.digest);
        assert_ne!(
            custom.generic_shape,
            GenericShape::None,
            "a generic plan was made of it"
        );
        if custom.generic_shape == GenericShape::Differs {
            let generic = result(&run, "own-queue", "complete", variant, PlanMode::Generic);
            assert_eq!(generic.rows, 5, "{}", generic.digest);
        }
    }
    let fetch = result(&run, "own-queue", "fetch", "batch-5", PlanMode::Custom);
    assert_eq!(fetch.rows, 5);
}

/// The optimizer leaves out a condition that these values make true, so the generic plan has another shape and is executed.
const COMPLETE_GENERIC: &str = r#"-- Deletes what was taken, unless told not to look.
-- operation: complete
-- param ids uuid[] = fetched.id
-- param stages stage[] = fetched.stage
-- param places place[] = fetched.place
-- param weights numeric[] = fetched.weight
-- param documents jsonb[] = fetched.document
-- param all_of_them boolean = true
-- variant completed-5: fetch.batch_size = 5
delete from task
where (id = any(:ids) and stage = any(:stages) and place = any(:places) and weight = any(:weights) and document = any(:documents))
  and (:all_of_them or exists (select from task as other where other.id = task.id and other.note is not null))
returning id;
"#;

#[test]
fn a_generic_plan_is_executed_with_the_same_values() {
    let run = measure(&[("complete.sql", COMPLETE_GENERIC)]);
    let custom = result(
        &run,
        "own-queue",
        "complete",
        "completed-5",
        PlanMode::Custom,
    );
    assert_eq!(
        (custom.rows, custom.generic_shape),
        (5, GenericShape::Differs),
        "{}",
        custom.digest
    );
    let generic = result(
        &run,
        "own-queue",
        "complete",
        "completed-5",
        PlanMode::Generic,
    );
    assert_eq!(generic.rows, 5, "{}", generic.digest);
}

const COMPLETE_IN_STEPS: &str = r#"-- Notes what was taken, then deletes what was noted.
-- operation: complete
-- param ids uuid[] = fetched.id
-- param noted_ids uuid[] = noted.id
-- param labels text[] = noted."what it says"
-- variant completed-5: fetch.batch_size = 5

-- statement: noted
update task set note = 'noted ' || weight where id = any(:ids) returning id, note as "what it says";

-- statement: deleted
delete from task where id = any(:noted_ids) and note = any(:labels) returning id;
"#;

#[test]
fn a_later_statement_uses_an_earlier_one_s_rows() {
    let run = measure(&[("complete.sql", COMPLETE_IN_STEPS)]);
    for statement in ["complete/noted", "complete/deleted"] {
        let one = result(
            &run,
            "own-queue",
            statement,
            "completed-5",
            PlanMode::Custom,
        );
        assert_eq!(one.rows, 5, "{statement}: {}", one.digest);
    }
}

#[test]
fn an_earlier_statement_without_rows_leaves_empty_arrays() {
    let nothing_noted = COMPLETE_IN_STEPS.replace(
        "where id = any(:ids)",
        "where id = any(:ids) and note = 'no such note'",
    );
    let run = measure(&[("complete.sql", &nothing_noted)]);
    assert_eq!(run.failures, []);
    for statement in ["complete/noted", "complete/deleted"] {
        let one = result(
            &run,
            "own-queue",
            statement,
            "completed-5",
            PlanMode::Custom,
        );
        assert_eq!(one.rows, 0, "{statement}: {}", one.digest);
    }
}

#[test]
fn an_array_column_is_refused_with_the_reason() {
    let complete = "-- Deletes what was taken.
-- operation: complete
-- param tags text[] = fetched.tags
-- variant completed-5: fetch.batch_size = 5
delete from task where tags = :tags;
";
    let place = Place::with_warm_cache();
    let queue = write(&place, &files(&[("complete.sql", complete)]));
    let at = format!("{queue}/complete.sql:3:");
    compare_plans(
        &place,
        &[
            "--queue",
            &queue,
            "--fixture",
            "heavy-single-queue",
            "--rows",
            "100",
        ],
    )
    .expect_code(1)
    .expect_said(&[
        "failed: ",
        &at,
        "completed-5",
        "fetched leaves out what no array can hold: tags",
    ]);
    let run = take_run(&place);
    assert_eq!(run.failures.len(), 1, "{:?}", run.failures);
    assert_eq!(run.results.len(), 1, "the fetch is measured all the same");
}
