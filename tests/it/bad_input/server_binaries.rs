//! Servers that are not there, too old, or do not start.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use pgq_analyze::postgres::binaries::{self, Wanted};

use crate::place::{Place, only_entry};
use crate::processes::servers_in;
use crate::program::{Ran, command, compare_plans, comparing, finish, take_run};

const SMALL: [&str; 8] = [
    "--queue",
    "status-partial",
    "--fixture",
    "many-queues-sparse",
    "--operation",
    "fetch",
    "--variant",
    "batch-1",
];

/// What a run leaves that never had a server: no process, no run folder.
#[track_caller]
fn assert_nothing_left(place: &Place) {
    assert!(servers_in(&place.cache()).is_empty());
    let runs: Vec<_> = fs::read_dir(place.out()).into_iter().flatten().collect();
    assert!(runs.is_empty(), "{runs:?}");
}

#[test]
fn no_server_binaries_at_all() {
    let error = binaries::choose(&Wanted::Newest, Vec::new()).expect_err("there is none");
    let message = error.to_string();
    for part in [
        "no PostgreSQL server binaries found",
        "PATH",
        "/usr/lib/postgresql/*/bin",
        "install ",
        "`pgq-analyze postgres install 18`",
        "--postgres",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn no_server_binaries_of_the_version_asked_for() {
    let place = Place::new();
    compare_plans(&place, &["--postgres", "99"])
        .expect_code(1)
        .expect_said(&[
            "error: no PostgreSQL 99 server binaries found (found ",
            "): install ",
            "choose one of 14 to 18",
            "--postgres DIR",
        ]);
    assert_nothing_left(&place);
    // Nothing to find by way of PATH changes only what was found.
    let mut without_path = command(&place, comparing(&place, &["--postgres", "99"]));
    without_path.env("PATH", place.path());
    finish(without_path)
        .expect_code(1)
        .expect_said(&["error: no PostgreSQL 99 server binaries found ("]);
    assert_nothing_left(&place);
}

/// A directory with a `postgres` that is this shell script, and an `initdb` that makes a data directory.
fn made_up_binaries(place: &Place, postgres: &str) -> String {
    for (name, script) in [
        ("postgres", postgres),
        ("initdb", r#"for last; do :; done; mkdir "$last""#),
    ] {
        let path: PathBuf = place.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("makes it executable");
    }
    place.path().join("bin").display().to_string()
}

#[test]
fn a_server_that_is_too_old() {
    let place = Place::new();
    let bin = made_up_binaries(&place, "echo 'postgres (PostgreSQL) 13.21'");
    compare_plans(&place, &["--postgres", &bin])
        .expect_code(1)
        .expect_said(&[
            "error: PostgreSQL 13.21 in ",
            &bin,
            "older than 14",
            "--postgres",
        ]);
    assert_nothing_left(&place);
    assert!(!place.cache().exists(), "nothing was made for it");
}

#[test]
fn a_directory_without_a_server() {
    let place = Place::new();
    let bin = place.path().display().to_string();
    compare_plans(&place, &["--postgres", &bin])
        .expect_code(1)
        .expect_said(&[
            "error: ",
            &bin,
            "has no PostgreSQL server binaries",
            "initdb",
        ]);
    assert_nothing_left(&place);
}

#[test]
fn a_server_that_ends_at_once_shows_its_log() {
    let place = Place::new();
    let script = r#"[ "$1" = --version ] && { echo 'postgres (PostgreSQL) 15.4'; exit; }
for line in 1 2 3 4 5 6 7; do echo "line $line of the log"; done >&2
exit 3"#;
    let bin = made_up_binaries(&place, script);
    let ran = compare_plans(&place, &["--postgres", &bin])
        .expect_code(1)
        .expect_said(&[
            "error: the PostgreSQL 15.4 server did not start (exit status: 3)",
            "server.log: line 3 of the log | line 4 of the log",
            "line 7 of the log",
        ]);
    assert!(
        !ran.stderr.contains("line 2 of the log"),
        "the last lines: {}",
        ran.stderr
    );
    assert_nothing_left(&place);
}

#[test]
fn a_cluster_with_a_broken_configuration_shows_the_server_s_reason_and_works_once_mended() {
    let place = Place::new();
    let started = |code: i32| -> Ran { compare_plans(&place, &SMALL).expect_code(code) };
    started(0);
    take_run(&place);
    let cluster = only_entry(&place.cache(), |name| {
        let name = name.to_string_lossy();
        name.starts_with("postgres-") && !name.ends_with(".lock")
    });
    let file = cluster.join("data/postgresql.auto.conf");
    let sound = fs::read_to_string(&file).expect("there is a configuration");
    fs::write(&file, format!("{sound}no_such_setting = on\n")).expect("breaks it");
    started(1).expect_said(&[
        "error: the PostgreSQL ",
        "server did not start (exit status: 1)",
        "server.log: ",
        "no_such_setting",
        "postgresql.auto.conf",
    ]);
    assert_nothing_left(&place);
    fs::write(&file, sound).expect("mends it");
    let again = started(0);
    assert!(
        !again.stderr.contains("creating"),
        "the cluster is kept: {}",
        again.stderr
    );
}
