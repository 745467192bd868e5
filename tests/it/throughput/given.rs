//! Drains on a server of the user's own: settings that cannot be set are said, and nothing stays behind.

use super::{assert_emptied, drained};
use crate::given_server::{GivenServer, Options};
use crate::place::Place;

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
