//! Runs of drains compared, listed and kept as a baseline.

use std::fs;

use serde_json::Value;

use super::{keyed_queue, throughput};
use crate::place::Place;
use crate::program::{Ran, run};

/// A command that takes `--out`.
fn with_out(place: &Place, arguments: &[&str]) -> Ran {
    let out = place.out().display().to_string();
    run(place, [arguments, &["--out", &out]].concat())
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
}

#[test]
fn the_same_is_unchanged_and_a_planted_index_is_found() {
    let place = Place::with_warm_cache();
    let queue = keyed_queue::write(&place);
    // Autovacuum comes when it likes, and writes WAL when it does.
    let still = "--set=autovacuum=off";
    let what = ["quick", "--queue", &queue, "--workers=1", still];
    let drain = |rows: &str| {
        throughput(&place, &[&what, &["--rows", rows][..]].concat()).expect_code(0);
    };
    let compare = ["compare", "latest~1", "latest"];
    drain("1000");
    with_out(&place, &["runs", "save", "main"]).expect_code(0);
    drain("1000");
    let gate = ["--fail-on", "difference"];
    with_out(&place, &[&compare[..], &gate].concat()).expect_code(0);
    let compared = json(&with_out(&place, &["compare", "main", "latest", "--json"]).expect_code(0));
    assert_eq!(compared["kind"], "throughput");
    assert_eq!(compared["verdicts"]["unchanged"], 1, "{compared:#}");

    let index = "create index task_taken on task (taken_by, payload);\n";
    place.write(
        "keyed/indexes.sql",
        &(keyed_queue::INDEXES.to_owned() + index),
    );
    drain("1000");
    let gate = ["--fail-on", "regression"];
    let ran = with_out(&place, &[&compare[..], &gate].concat()).expect_code(3);
    assert!(ran.stdout.contains("WAL per job"), "{}", ran.stdout);
    let back = ["compare", "latest", "latest~1"];
    with_out(&place, &[&back[..], &gate].concat()).expect_code(0);
    with_out(
        &place,
        &[&["compare", "main", "latest"], &gate[..]].concat(),
    )
    .expect_code(3);

    let listed = json(&with_out(&place, &["runs", "list", "--json"]).expect_code(0));
    let runs = listed["runs"].as_array().expect("a list");
    let kinds: Vec<_> = runs.iter().map(|run| &run["status"]).collect();
    assert_eq!(kinds, ["complete"; 3]);
    let shown = with_out(&place, &["runs", "show", "latest"]).expect_code(0);
    assert!(
        shown.stdout.contains("keyed on heavy-single-queue"),
        "{}",
        shown.stdout
    );

    // Of another number of jobs: nothing that could be compared.
    drain("500");
    with_out(&place, &compare)
        .expect_code(1)
        .expect_said(&["error: ", "heavy-single-queue"]);

    // What is damaged is said to be, and not to be a run of another command.
    let folders = fs::read_dir(place.out()).expect("lists");
    let latest = folders.map(|entry| entry.expect("reads").path()).max();
    let latest = latest.expect("a run").join("run.json");
    let whole = fs::read_to_string(&latest).expect("reads");
    for damaged in [
        whole[..whole.len() / 2].to_owned(),
        whole.replacen("\"ledger\"", "\"leger\"", 1),
    ] {
        fs::write(&latest, damaged).expect("writes");
        for pair in [["latest~1", "latest"], ["latest", "latest~1"]] {
            with_out(&place, &[&["compare"], &pair[..]].concat())
                .expect_code(1)
                .expect_said(&["run.json is damaged"]);
        }
    }
}
