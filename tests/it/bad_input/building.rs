//! Fixtures that cannot be built for a queue, or not in finite time or room: told with the place and the next step, and nothing is left.

use crate::own_queue::{write, write_fixture};
use crate::place::Place;
use crate::program::{Ran, command, finish, run, take_run};

/// Measures a queue on a fixture of a hundred jobs that cannot be built for it; nothing is measured.
#[track_caller]
fn refused(place: &Place, queue: &str, lines: &str, said: &[&str]) -> Ran {
    let fixture = write_fixture(place, &format!("jobs = 100\n{lines}"));
    let out = place.out().display().to_string();
    let what = ["compare-plans", "--queue", queue, "--fixture", &fixture];
    let ran = run(place, [&what[..], &["--out", &out]].concat()).expect_code(1);
    let ran = ran.expect_said(&["failed: "]).expect_said(said);
    let run = take_run(place);
    assert!(run.results.is_empty());
    assert_eq!(run.failures.len(), 1, "{:?}", run.failures);
    assert!(!ran.stderr.contains("removed"), "{}", ran.stderr);
    ran
}

#[test]
fn rows_that_are_made_twice() {
    let place = Place::with_warm_cache();
    let twice = "insert into task (number, waiting)
select seq, state = 'ready'
from pgqa_job, generate_series(1, 2);
";
    let queue = write(&place, &[("populate.sql", twice)]);
    let at = format!(
        "{queue}/indexes.sql:1:1: could not create unique index \"task_pkey\" (Key (number)=("
    );
    let rows = format!("the rows are those of {queue}/populate.sql: it makes some of them twice");
    refused(&place, &queue, "", &[&at, "is duplicated", &rows]);
    // Where the key is there before the rows, populate.sql is the place.
    let schema = "create table task (number bigint primary key, waiting boolean not null);\n";
    let queue = write(
        &place,
        &[
            ("schema.sql", schema),
            ("populate.sql", twice),
            ("indexes.sql", ""),
        ],
    );
    let at = format!("{queue}/populate.sql:1:1: duplicate key value violates unique constraint");
    let ran = refused(&place, &queue, "", &[&at]);
    assert!(!ran.stderr.contains("it makes some"), "{}", ran.stderr);
}

#[test]
fn a_script_that_takes_for_ever() {
    let place = Place::with_warm_cache();
    // The limit there is by itself, of so few rows.
    let limit =
        "do $$ begin raise exception 'at most %', current_setting('statement_timeout'); end $$;\n";
    let queue = write(&place, &[("populate.sql", limit)]);
    refused(&place, &queue, "", &["populate.sql:1:1: at most 301s"]);
    let slow = "set statement_timeout = '200ms';
insert into task (number, waiting)
select seq, true
from pgqa_job
where pg_sleep(3600) is not null;
";
    let queue = write(&place, &[("populate.sql", slow)]);
    let at = format!("{queue}/populate.sql:2:1: canceling statement due to statement timeout");
    let next = "(statement_timeout): take fewer rows (--rows, --quick), or begin the script with `set statement_timeout = '1h'`";
    refused(
        &place,
        &queue,
        "",
        &[&at, "a statement may take 301s here", next],
    );
    // What a script sets for itself ends with it.
    let quick = "set statement_timeout = '1h';
insert into task (number, waiting) select seq, state = 'ready' from pgqa_job;
";
    let indexes = "do $$ begin assert current_setting('statement_timeout') = '301s'; end $$;
alter table task add primary key (number);
";
    let queue = write(&place, &[("populate.sql", quick), ("indexes.sql", indexes)]);
    let fixture = write_fixture(&place, "jobs = 100");
    run(&place, ["fixtures", "build", &fixture, "--queue", &queue]).expect_code(0);
}

#[test]
fn tables_with_names_of_ours() {
    let place = Place::with_warm_cache();
    let sound = "create table task (number bigint, waiting boolean not null);\n";
    for (more, what) in [
        ("create table pgqa_job (seq bigint);", "table pgqa_job"),
        (
            "create view pgqa_mine as select 1 as one;",
            "view pgqa_mine",
        ),
        (
            "create schema jobs create table \"pgqa_Step\" (id int);",
            "table jobs.\"pgqa_Step\"",
        ),
        ("create schema pgqa;", "schema pgqa"),
    ] {
        let queue = write(&place, &[("schema.sql", &format!("{sound}{more}\n"))]);
        let said = format!("{queue}/schema.sql makes {what}: names that begin with pgqa_");
        refused(&place, &queue, "", &[&said, "give it another name"]);
    }
}

#[test]
fn a_row_that_no_partition_is_for() {
    let place = Place::with_warm_cache();
    let schema =
        "create table task (number bigint, waiting boolean not null) partition by range (number);
create table task_1 partition of task for values from (1) to (50);
";
    let queue = write(&place, &[("schema.sql", schema)]);
    let at = format!(
        "{queue}/populate.sql:1:1: no partition of relation \"task\" found for row (Partition key of the failing row contains (number) = (50))"
    );
    let next =
        format!("{queue}/schema.sql has to make a partition for every row, or a default one");
    refused(&place, &queue, "", &[&at, &next]);
}

#[test]
fn a_number_of_partitions_that_cannot_be() {
    let place = Place::with_warm_cache();
    let none = [
        "/populate.sql:2:1: no partition of relation \"job\" found for row",
        "has to make a partition for every row",
    ];
    refused(&place, "partitioned", "[options]\npartitions = 0", &none);
    // Known by the option alone, before anything is made.
    let huge = "[options]\npartitions = 1_000_000_000";
    let said = [
        "fixture own-fixture for queue partitioned in 1,000,000,000 partitions needs about ",
        "and the disk of ",
    ];
    refused(&place, "partitioned", huge, &said);
    let wrong = "[options]\npartitions = 'ten'";
    let fixture = write_fixture(&place, &format!("jobs = 100\n{wrong}"));
    let what = [
        "compare-plans",
        "--queue",
        "partitioned",
        "--fixture",
        &fixture,
    ];
    finish(command(&place, what)).expect_code(1).expect_said(&[
        "own-fixture.toml:4:",
        "option `partitions` is text",
        "expects a number",
    ]);
}
