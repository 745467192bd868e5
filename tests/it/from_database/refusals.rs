//! What cannot be told, and what is in the way: said with the next step.

use std::fs;

use super::{TASKS, fixture, from_database, server};
use crate::place::Place;
use crate::program::run;

/// The command fails, prints nothing, and says this; no password is in it.
#[track_caller]
fn said(place: &Place, url: &str, table: &str, more: &[&str], parts: &[&str]) {
    let ran = from_database(place, url, table, more)
        .expect_code(1)
        .expect_said(parts);
    assert_eq!(ran.stdout, "");
    assert!(!ran.stderr.contains("S3CRET"), "{}", ran.stderr);
}

#[test]
fn a_table_nothing_is_known_of_is_an_error_with_the_next_step() {
    let place = Place::new();
    let server = server(&place);
    server.sql("shop", TASKS);
    server.sql(
        "shop",
        "create view jobs.open_task as select * from jobs.task",
    );
    let url = server.url("shop");
    said(
        &place,
        &url,
        "jobs.task",
        &[],
        &["error: jobs.task was never analysed", "`analyze jobs.task`"],
    );
    server.sql("shop", "analyze jobs.task");
    said(
        &place,
        &url,
        "jobs.open_task",
        &[],
        &["error: jobs.open_task is a view"],
    );
    said(
        &place,
        &url,
        "jobs.tasks",
        &[],
        &["error: there is no table jobs.tasks in database shop: did you mean jobs.task?"],
    );
    // The search path does not lead there.
    said(
        &place,
        &url,
        "task",
        &[],
        &["there is no table task in database shop: did you mean jobs.task?"],
    );
    said(
        &place,
        &url,
        "jobs.task",
        &["--queue-column", "queue"],
        &["jobs.task has no column queue (--queue-column)"],
    );
    said(
        &place,
        &url,
        "jobs.task",
        &["--due-column", "kind"],
        &["column kind of jobs.task is of type text (--due-column): name a column of timestamps"],
    );
}

#[test]
fn what_a_role_may_not_read_it_sees_no_statistics_of() {
    let place = Place::new();
    let server = server(&place);
    server.sql("shop", TASKS);
    server.sql(
        "shop",
        "analyze jobs.task; create role app login; grant usage on schema jobs to app",
    );
    let app = server.tcp_url("app:S3CRET", "shop");
    said(
        &place,
        &app,
        "jobs.task",
        &[],
        &[
            "error: role app may not read jobs.task",
            "grant select on jobs.task to app",
        ],
    );
    // What it may read it sees.
    server.sql("shop", "grant select (status) on jobs.task to app");
    let ran = from_database(&place, &app, "jobs.task", &[])
        .expect_code(0)
        .expect_said(&["note: role app may not read column queue_name"]);
    assert!(
        (fixture(&ran.stdout).states.ready - 0.6).abs() < 0.02,
        "{}",
        ran.stdout
    );
    server.sql("shop", "grant pg_read_all_data to app");
    let ran = from_database(&place, &app, "jobs.task", &[]).expect_code(0);
    assert!(!ran.stderr.contains("may not read"), "{}", ran.stderr);
    server.sql("shop", "alter table jobs.task enable row level security");
    said(
        &place,
        &app,
        "jobs.task",
        &[],
        &["error: row security hides the statistics of jobs.task from role app"],
    );
}

#[test]
fn a_command_line_that_cannot_be_meant_is_usage() {
    let place = Place::new();
    let said = |arguments: &[&str], part: &str| {
        let all = [&["fixtures", "from-database"], arguments].concat();
        run(&place, all).expect_code(2).expect_said(&[part]);
    };
    let nowhere = "postgres://u:S3CRET@/shop?host=/nonexistent";
    said(&["--table", "job"], "name it with --database-url");
    said(&["--database-url", nowhere], "--table");
    said(
        &["--database-url", nowhere, "--table", "a.b.c"],
        "more than two parts",
    );
    said(
        &[
            "--database-url",
            nowhere,
            "--table",
            "job",
            "--name",
            "a",
            "--out",
            "b",
        ],
        "--name",
    );
    let ran = from_database(&place, nowhere, "job", &[]).expect_code(1);
    assert!(!ran.stderr.contains("S3CRET"), "{}", ran.stderr);
}

#[test]
fn states_that_are_numbers_need_a_meaning_and_files_stay() {
    let place = Place::new();
    let server = server(&place);
    server.sql("shop", "create table job (id int, status int); insert into job select n, case when n % 4 = 0 then 1 else 0 end from generate_series(1, 1000) n; analyze job");
    let url = server.url("shop");
    let written = |more: &[&str]| from_database(&place, &url, "job", more);
    let ran = written(&["--name", "drawn"]).expect_code(0).expect_said(&[
        "note: cannot tell what these values of column status mean: 0, 1;",
        "--state-column status --ready '0'",
        "no column looks as if it held queues",
        "wrote ./drawn.toml; next: pgq-analyze compare-plans --fixture ./drawn.toml --quick",
    ]);
    assert_eq!(ran.stdout, "");
    let file = place.path().join("drawn.toml");
    let read = || fs::read_to_string(&file).expect("reads the fixture");
    let before = read();
    assert!((fixture(&before).states.ready - 1.0).abs() < 1e-9);
    let named = ["--ready", "0", "--completed", "1", "--out", "drawn.toml"];
    written(&named)
        .expect_code(1)
        .expect_said(&["error: drawn.toml is there already: --force replaces it"]);
    assert_eq!(read(), before);
    written(&[&named[..], &["--force"]].concat()).expect_code(0);
    assert!(
        (fixture(&read()).states.completed - 0.25).abs() < 1e-9,
        "{}",
        read()
    );
    let ran = written(&["--out", "-", "--quiet"]).expect_code(0);
    assert_eq!((ran.stderr.as_str(), fixture(&ran.stdout).jobs), ("", 1000));
}
