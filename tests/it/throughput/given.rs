//! Drains on a server of the user's own: settings that cannot be set are said, and nothing stays behind.

use super::{assert_emptied, drained, read, throughput};
use crate::given_server::{GivenServer, Options};
use crate::place::Place;
use crate::program::run_folder;

#[test]
fn what_a_session_cannot_set_is_noted_and_nothing_stays_behind() {
    let place = Place::new();
    let server = GivenServer::start(&place, &Options::default());
    let url = server.url("postgres");
    let run = drained(
        &place,
        &[
            "quick",
            "--yes",
            "--database-url",
            &url,
            "--set=autovacuum_naptime=7s",
            "--set=work_mem=5MB",
            "--synchronous-commit=off",
        ],
    );
    let [result] = &run.results[..] else {
        panic!("one drain: {:?}", run.results);
    };
    assert_emptied(result, 100);
    for note in ["autovacuum_naptime = 7s", "pg_stat_statements"] {
        let said = result.notes.iter().any(|one| one.contains(note));
        assert!(said, "{note}: {:?}", result.notes);
    }
    assert!(!result.notes.iter().any(|note| note.contains("work_mem")));
    assert_eq!(result.statements, None);
    let left = "select datname from pg_database where datname like 'pgqa%'";
    assert_eq!(server.sql("postgres", left), Vec::<Vec<String>>::new());
}

#[test]
fn more_workers_than_the_server_lets_in_are_refused_before_the_first_one() {
    let place = Place::new();
    let options = Options {
        settings: &["max_connections = 20"],
        ..Options::default()
    };
    let server = GivenServer::start(&place, &options);
    let url = server.url("postgres");
    throughput(
        &place,
        &["quick", "--yes", "--workers=40", "--database-url", &url],
    )
    .expect_code(1)
    .expect_said(&[
        "40 workers need 46 connections, the server allows 20: take at most 11 --workers",
    ]);
    assert!(read(&run_folder(&place)).results.is_empty());
    assert!(!server.log().contains(" worker "), "nobody connected");
}
