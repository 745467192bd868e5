//! `selftest`: what it prints, how it ends, what it leaves. How fast anything was is asserted nowhere.

use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use crate::place::{Place, wait_for};
use crate::processes::wait_until_stopped;
use crate::program::{Running, command, run};

/// The keys of an object, in the order of the alphabet.
fn keys(value: &Value) -> Vec<&str> {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("no object: {value}"));
    let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Everything that was to be removed is.
fn assert_nothing_left(cache: &Path) {
    for cluster in std::fs::read_dir(cache).expect("reads the cache").flatten() {
        let left = cluster.path().join("disk-sync-test");
        assert!(!left.exists(), "{}", left.display());
    }
}

#[test]
fn as_json_it_holds_what_its_page_names() {
    let place = Place::with_warm_cache();
    let ran = run(&place, ["selftest", "--json", "--budget", "6"]);
    // On a machine busy with other tests there may be too few rounds to tell; counts repeat all the same.
    assert!(matches!(ran.code, Some(0 | 5)), "{ran:?}");
    let found: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    let wanted = [
        "clock",
        "counts",
        "debug_build",
        "disk",
        "format_version",
        "machine",
        "pgbench",
        "program_version",
        "server",
        "times",
        "total_ms",
        "verdict",
    ];
    assert_eq!(keys(&found), wanted);
    let page = include_str!("../../docs/selftest.md");
    for part in [
        "server", "clock", "counts", "times", "pgbench", "disk", "machine",
    ] {
        for key in keys(&found[part]) {
            assert!(
                page.contains(&format!("`{key}`")),
                "docs/selftest.md lacks `{key}` of {part}"
            );
        }
    }

    let counts = &found["counts"];
    assert!(counts["copies"].as_u64() >= Some(5), "{counts}");
    let variants = counts["variants"].as_array().expect("a list");
    assert_eq!(variants.len(), 4);
    for variant in variants {
        let counted = &variant["counts"];
        for key in ["rows", "pages", "wal_records", "wal_bytes"] {
            assert!(counted[key].as_u64() > Some(0), "{key} of {variant}");
        }
        assert_eq!(
            variant["differences"],
            Value::Array(Vec::new()),
            "{variant}"
        );
    }
    let judged = |topic: &str| {
        let verdict = found["verdict"].as_array().expect("a list");
        let one = verdict.iter().find(|one| one["topic"] == topic);
        one.unwrap_or_else(|| panic!("no verdict on {topic}"))["trust"].clone()
    };
    assert_eq!(judged("counts"), "yes");
    let inconclusive = judged("interleaved-times") == "unknown";
    assert_eq!(ran.code, Some(if inconclusive { 5 } else { 0 }));

    assert!(
        found["clock"]["readings"].as_u64() > Some(1000),
        "{}",
        found["clock"]
    );
    assert!(
        found["disk"]["sync"]["n"].as_u64() >= Some(5),
        "{}",
        found["disk"]
    );
    assert_eq!(found["server"]["profile"], "plans");
    assert_eq!(found["server"]["settings"]["fsync"], "off");
    assert_both_did_the_same(&found["pgbench"]);
    assert_nothing_left(&place.cache());
}

/// pgbench and this program executed as many statements and deleted as many rows, in every pair.
fn assert_both_did_the_same(pgbench: &Value) {
    assert_eq!(pgbench["not_measured"], Value::Null, "{pgbench}");
    let pairs = pgbench["pairs"].as_array().expect("a list");
    assert!(!pairs.is_empty(), "{pgbench}");
    for pair in pairs {
        let (theirs, ours) = (&pair["pgbench"], &pair["ours"]);
        for key in ["statements", "rows"] {
            assert_eq!(theirs[key], ours[key], "{key} of {pair}");
        }
        // Several runs of a side, each of all rows.
        let (deleted, rows) = (ours["rows"].as_u64(), pgbench["rows"].as_u64());
        assert!(deleted > rows, "{pair}");
        assert_eq!(
            deleted.zip(rows).map(|(deleted, rows)| deleted % rows),
            Some(0)
        );
        for side in [theirs, ours] {
            assert!(side["cpu_us"].as_f64() > Some(0.0), "{pair}");
        }
    }
    assert!(pgbench["throughput_ratio"].as_f64() > Some(0.0));
    assert!(pgbench["cpu_ratio"].as_f64() > Some(0.0));
}

#[test]
fn without_time_it_cannot_tell() {
    let place = Place::with_warm_cache();
    let ran = run(&place, ["selftest", "--budget", "0"]).expect_code(5);
    for part in [
        "Server\n",
        "\nClock\n",
        "\nCounts on 5 copies",
        "\nWhat can be trusted here\n",
    ] {
        assert!(
            ran.stdout.contains(part),
            "{part:?} is not in\n{}",
            ran.stdout
        );
    }
    let line = |start: &str| {
        let found = ran
            .stdout
            .lines()
            .find(|line| line.trim_start().starts_with(start));
        found.unwrap_or_else(|| panic!("no line {start:?} in\n{}", ran.stdout))
    };
    assert!(line("interleaved times").contains("cannot tell"));
    assert!(line("counts ").contains("yes"));
    assert!(!ran.stdout.contains('\u{1b}'), "no colour off a terminal");
}

#[test]
fn interrupted_it_prints_nothing_and_leaves_nothing() {
    let place = Place::with_warm_cache();
    let arguments = ["selftest", "--budget", "3600", "--pairs", "1"];
    let mut running = Running::start(&place, command(&place, arguments));
    // Off a terminal it says from time to time what it is doing.
    wait_for("the copies", || {
        running
            .said()
            .contains("counting and timing on copy")
            .then_some(())
    });
    assert!(running.is_running(), "{}", running.said());
    running.signal(Signal::INT);
    let ran = running.finish().expect_code(130);
    assert_eq!(ran.stdout, "");
    wait_until_stopped(&place.cache());
    assert_nothing_left(&place.cache());
    let next = run(&place, ["selftest", "--budget", "0", "--json"]).expect_code(5);
    assert!(
        !next.stderr.contains("removed"),
        "nothing was left: {}",
        next.stderr
    );
}

#[test]
fn it_works_on_one_server() {
    let place = Place::new();
    run(&place, ["selftest", "--postgres", "15,16"])
        .expect_code(2)
        .expect_said(&["selftest works on one server"]);
    run(&place, ["selftest", "--budget", "soon"]).expect_code(2);
}
