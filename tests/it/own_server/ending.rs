//! Runs that end before they are through, and servers that do.

use std::collections::BTreeSet;
use std::time::Duration;

use pgq_analyze::run::RunStatus;
use rustix::process::Signal;

use super::{LONG, databases, measure, start};
use crate::given_server::GivenServer;
use crate::place::{Place, wait_for};
use crate::program::{Running, command, comparing, take_run};

/// Starts a run with time to do something in the middle of it.
fn begin(place: &Place, server: &GivenServer) -> Running {
    let url = server.url("postgres");
    // The test looks on from a session of its own.
    let further = ["--allow-busy-server"];
    let arguments = [&LONG[..], &["--yes", "--database-url", &url], &further].concat();
    Running::start(place, command(place, comparing(place, &arguments)))
}

/// The program's databases that are for this.
fn named(server: &GivenServer, role: &str) -> Vec<String> {
    let found = databases(server);
    let mark = format!("\"role\":\"{role}\"");
    found
        .into_iter()
        .filter(|(_, comment)| comment.contains(&mark))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn signals_leave_nothing() {
    let place = Place::new();
    let server = start(&place);
    for (signal, role) in [
        (Signal::INT, "building"),
        (Signal::TERM, "copy"),
        (Signal::INT, "copy"),
    ] {
        let running = begin(&place, &server);
        wait_for("a database", || {
            (!named(&server, role).is_empty()).then_some(())
        });
        running.signal(signal);
        running.finish().expect_code(130);
        assert_eq!(databases(&server), []);
        let _ = std::fs::remove_dir_all(place.out());
    }
}

#[test]
fn a_signal_while_sessions_are_held_in_a_copy_leaves_nothing() {
    let place = Place::new();
    let server = start(&place);
    let lines = "jobs = 4000\nageing = { completed = 0.5, snapshot = true }\ncontention = { locked_head = 100 }";
    let fixture = crate::own_queue::write_fixture(&place, lines);
    let url = server.url("postgres");
    let held = "select count(*) from pg_stat_activity where datname like 'pgqa_%' and state = 'idle in transaction'";
    for signal in [Signal::INT, Signal::TERM] {
        let what = ["--queue", "status-partial", "--fixture", &fixture];
        let how = ["--samples", "10000", "--budget", "60", "--yes"];
        let on = ["--database-url", &url, "--allow-busy-server"];
        let arguments = [&what[..], &how, &on].concat();
        let running = Running::start(&place, command(&place, comparing(&place, &arguments)));
        wait_for("both sessions", || {
            let sessions: u32 = server.sql("postgres", held)[0][0]
                .parse()
                .expect("a number");
            (sessions >= 2).then_some(())
        });
        running.signal(signal);
        running.finish().expect_code(130);
        assert_eq!(databases(&server), []);
        assert_eq!(server.sql("postgres", held)[0][0], "0");
        let _ = std::fs::remove_dir_all(place.out());
    }
}

#[test]
fn a_signal_while_a_database_is_made_leaves_nothing() {
    let place = Place::new();
    let server = start(&place);
    for _ in 0..4 {
        let running = begin(&place, &server);
        wait_for("a database to be made", || {
            let making = "select count(*) from pg_stat_activity where query like 'create database pgqa_%' and state = 'active'";
            (server.sql("postgres", making)[0][0] != "0").then_some(())
        });
        running.signal(Signal::INT);
        running.finish().expect_code(130);
        assert_eq!(databases(&server), []);
        let _ = std::fs::remove_dir_all(place.out());
    }
}

#[test]
fn what_a_killed_run_leaves_is_marked_and_removed_by_the_next() {
    let place = Place::new();
    let server = start(&place);
    let mut left = BTreeSet::new();
    for moment in 0..12 {
        let running = begin(&place, &server);
        wait_for("the first database", || {
            let making = "select count(*) from pg_stat_activity where query like 'create database pgqa_%' and state = 'active'";
            (server.sql("postgres", making)[0][0] != "0" || !databases(&server).is_empty())
                .then_some(())
        });
        std::thread::sleep(Duration::from_millis(moment * 37));
        running.signal(Signal::KILL);
        running.finish();
        // The server finishes what it was doing.
        let sessions =
            "select count(*) from pg_stat_activity where application_name = 'pgq-analyze'";
        wait_for("the run's sessions to end", || {
            (server.sql("postgres", sessions)[0][0] == "0").then_some(())
        });
        for (name, comment) in databases(&server) {
            assert!(
                comment.contains("\"program\":\"pgq-analyze\""),
                "{name} at {moment}: {comment}"
            );
            left.insert(name);
        }
    }
    assert!(left.len() >= 2, "some were left: {left:?}");
    let last = databases(&server);
    let ran = measure(&place, &server.url("postgres"), &[]).expect_code(0);
    for (name, _) in last {
        assert!(
            ran.stderr
                .contains(&format!("removed database {name}, left behind")),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(databases(&server), []);
}

#[test]
fn what_a_living_run_uses_is_no_leftover() {
    let place = Place::new();
    let server = start(&place);
    let other = begin(&place, &server);
    wait_for("a copy", || {
        (!named(&server, "copy").is_empty()).then_some(())
    });
    other.signal(Signal::STOP);
    let in_use = databases(&server);
    let ran = measure(&place, &server.url("postgres"), &["--allow-busy-server"]).expect_code(0);
    assert!(!ran.stderr.contains("left behind"), "{}", ran.stderr);
    assert_eq!(databases(&server), in_use);
    other.signal(Signal::CONT);
    other.finish().expect_code(0);
    assert_eq!(databases(&server), []);
}

#[test]
fn a_template_that_vanishes_fails_its_variants() {
    let place = Place::new();
    let server = start(&place);
    let running = begin(&place, &server);
    let template = wait_for("a copy", || {
        let copied = !named(&server, "copy").is_empty();
        named(&server, "template").pop().filter(|_| copied)
    });
    // The program may be copying it at this moment.
    wait_for("the template to be dropped", || {
        let gone = "set client_min_messages = error; drop database if exists TEMPLATE with (force); select 1";
        for statement in gone
            .replace("TEMPLATE", &template)
            .split("; ")
            .skip(1)
            .take(1)
        {
            let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                server.sql("postgres", statement)
            }));
            if dropped.is_ok() {
                return Some(());
            }
        }
        None
    });
    let ran = running.finish().expect_code(1);
    assert!(
        ran.stderr
            .contains(&format!("template database \"{template}\" does not exist")),
        "{}",
        ran.stderr
    );
    let run = take_run(&place);
    assert_eq!(run.status, RunStatus::Complete);
    assert!(!run.results.is_empty() && !run.failures.is_empty());
    assert_eq!(databases(&server), []);
}

#[test]
fn a_lost_connection_ends_the_run_and_leaves_nothing() {
    let place = Place::new();
    let server = start(&place);
    let running = begin(&place, &server);
    wait_for("results", || {
        (named(&server, "copy").len() > 3).then_some(())
    });
    server.sql(
        "postgres",
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgq-analyze'",
    );
    running
        .finish()
        .expect_code(1)
        .expect_said(&["the server is gone", "the connection was lost"]);
    let run = take_run(&place);
    assert_eq!(run.status, RunStatus::Failed);
    assert!(!run.results.is_empty());
    assert_eq!(databases(&server), []);
}
