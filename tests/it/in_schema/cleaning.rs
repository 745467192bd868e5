//! Schemas that were kept or left: dropped by `clean` or the next run, never with what others have built on them.

use rustix::process::Signal;

use super::{expect_nothing_left, long_run, run_in_schema, server, url};
use crate::given_server::GivenServer;
use crate::own_queue;
use crate::place::Place;
use crate::program::{Ran, run};

fn clean(place: &Place, server: &GivenServer, more: &[&str]) -> Ran {
    let url = url(server, "worker");
    let arguments = ["clean", "--database-url", &url];
    run(place, arguments.iter().chain(more))
}

/// Leaves schema `bench` with a fixture for this queue.
fn keep(place: &Place, server: &GivenServer, queue: &str) {
    let more = ["--rows", "300", "--keep"];
    run_in_schema(place, server, queue, &more)
        .expect_code(0)
        .expect_said(&[
            "in which 1 fixture is built\n",
            "kept for the next run: schema bench",
        ]);
    let _ = std::fs::remove_dir_all(place.out());
}

#[test]
fn what_depends_on_a_kept_schema_is_not_dropped_with_it() {
    let place = Place::new();
    let server = server(&place);
    let queue = own_queue::write(&place, &[]);
    keep(&place, &server, &queue);
    let view = "create view public.report as select count(*) from bench.task";
    server.sql("app", view);
    let kept = server.sql("app", "select * from public.report");
    // Another size is another fixture, for which the schema would have to be emptied.
    let said = [
        "cannot be dropped: what depends on it lies outside",
        "view public.report",
    ];
    run_in_schema(&place, &server, &queue, &["--rows", "10"])
        .expect_code(1)
        .expect_said(&said);
    clean(&place, &server, &["--yes"])
        .expect_code(1)
        .expect_said(&[
            "failed: cannot remove schema bench of database app",
            said[0],
        ]);
    assert_eq!(server.sql("app", "select * from public.report"), kept);
    server.sql("app", "drop view public.report");
    clean(&place, &server, &["--yes"]).expect_code(0);
    expect_nothing_left(&server);
}

#[test]
fn clean_drops_schemas_of_its_own() {
    let place = Place::new();
    let server = server(&place);
    let queue = own_queue::write(&place, &[]);
    keep(&place, &server, &queue);
    for (name, comment) in [("mine", None), ("payroll", Some("payroll"))] {
        server.sql("app", &format!("create schema {name} authorization worker"));
        if let Some(comment) = comment {
            server.sql("app", &format!("comment on schema {name} is '{comment}'"));
        }
    }
    let elsewhere = Place::new();
    let listed = clean(&elsewhere, &server, &["--yes"]).expect_code(0);
    for part in [
        "nothing to remove\nkept:\n",
        "schema bench of database app  of another installation",
    ] {
        assert!(listed.stdout.contains(part), "{part}: {}", listed.stdout);
    }
    let cleaned = clean(&place, &server, &["--yes"]).expect_code(0).stdout;
    assert!(
        cleaned.contains("schema bench of database app"),
        "{cleaned}"
    );
    assert!(
        cleaned.contains("fixture heavy-single-queue for "),
        "{cleaned}"
    );
    for word in ["mine", "payroll"] {
        assert!(!cleaned.contains(word), "{word}: {cleaned}");
        let there = format!("select count(*) from pg_namespace where nspname = '{word}'");
        assert_eq!(server.sql("app", &there), [["1"]]);
        server.sql("app", &format!("drop schema {word}"));
    }
    expect_nothing_left(&server);
    keep(&place, &server, &queue);
    clean(&elsewhere, &server, &["--yes", "--other-installations"]).expect_code(0);
    expect_nothing_left(&server);
}

#[test]
fn clean_leaves_a_schema_that_is_worked_in() {
    let place = Place::new();
    let server = server(&place);
    let running = long_run(&place, &server);
    let said = clean(&place, &server, &["--yes"]).expect_code(0).stdout;
    let part = "schema bench of database app  a run that is going uses it";
    assert!(said.contains(part), "{said}");
    running.signal(Signal::KILL);
    running.finish();
    // Its session is gone as soon as the server looks for it.
    crate::place::wait_for("the schema to be let go", || {
        let said = clean(&place, &server, &["--yes"]).expect_code(0).stdout;
        said.contains("left behind by a run")
            .then_some(())
            .or_else(|| said.contains("fixture ").then_some(()))
    });
    expect_nothing_left(&server);
}
