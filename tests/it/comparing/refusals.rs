//! What is not compared: each with the thing, the reason and the next step.

use std::fs;

use super::baselines::older;
use super::{Measured, count, json};
use crate::own_queue::write_as;

#[test]
fn what_is_there_and_cannot_be_compared() {
    let measured = Measured::new();
    let folder = measured.folders()[0].clone();
    let file = folder.join("run.json");
    let whole = fs::read_to_string(&file).expect("reads");
    let compare = |said: &[&str]| {
        let ran = measured
            .run(&["compare", "latest", "latest"])
            .expect_code(1);
        assert_eq!(ran.stdout, "");
        ran.expect_said(&[&["error: "], said].concat());
    };
    fs::write(&file, &whole[..whole.len() / 2]).expect("writes");
    compare(&["run.json is damaged", "measure again", "line"]);
    fs::write(&file, "").expect("writes");
    compare(&["run.json is damaged"]);
    let newer = whole.replacen("\"format_version\": 1", "\"format_version\": 7", 1);
    fs::write(&file, newer).expect("writes");
    compare(&["run.json has format version 7", "measure again"]);
    // As a run in another process would leave it until it ends.
    let running = whole.replacen("\"status\": \"complete\"", "\"status\": \"running\"", 1);
    fs::write(&file, running).expect("writes");
    let lock = fs::File::open(&folder).expect("opens");
    lock.lock().expect("locks");
    compare(&["the run ", "is still going", "wait for its end"]);
    drop(lock);
    // It was killed: what it has is compared.
    measured
        .run(&["compare", "latest", "latest"])
        .expect_code(0);
    measured
        .run(&["runs", "save", "main", "latest"])
        .expect_code(1)
        .expect_said(&["was killed before its end"]);
    measured
        .run(&["runs", "save", "main"])
        .expect_code(2)
        .expect_said(&["no complete run"]);
}

#[test]
fn what_is_not_there() {
    let measured = Measured::new();
    measured.run(&["runs", "save", "main"]).expect_code(0);
    let compare = |name: &str, code| measured.run(&["compare", name, "latest"]).expect_code(code);
    compare("./nowhere", 1).expect_said(&[
        "error: cannot read ./nowhere",
        "run folder",
        "baseline file",
    ]);
    compare(&measured.queue, 1).expect_said(&["is no run folder", "runs list"]);
    compare("mian", 2).expect_said(&["no baseline `mian`", "did you mean `main`?"]);
    compare("latest~1", 2).expect_said(&["there is no `latest~1`", "has 1 run;", "--out"]);
    let gone = ["--baseline", "mian"];
    measured
        .measure(&gone)
        .expect_code(2)
        .expect_said(&["did you mean `main`?"]);
    assert_eq!(measured.folders().len(), 1, "nothing was measured");
}

#[test]
fn a_baseline_of_another_server_is_refused_before_anything_is_measured() {
    let measured = Measured::new();
    measured.run(&["runs", "save", "main"]).expect_code(0);
    let text = fs::read_to_string(measured.baseline("main")).expect("reads");
    fs::write(measured.baseline("main"), older(&text)).expect("writes");
    let said = [
        "error: ",
        "main",
        "PostgreSQL version",
        "9.6.24",
        "--update-baseline",
        "--allow-different",
    ];
    measured
        .run(&["compare", "main", "latest"])
        .expect_code(1)
        .expect_said(&said);
    measured
        .measure(&["--baseline", "main"])
        .expect_code(1)
        .expect_said(&said);
    let seed = ["--baseline", "latest", "--seed", "7"];
    measured
        .measure(&seed)
        .expect_code(1)
        .expect_said(&["seed of fixture", "--allow-different"]);
    // No other server is tried for that.
    let own = crate::program::installation().bin_dir.display().to_string();
    let servers = format!("{own},99");
    let ran = measured
        .measure(&[&seed[..], &["--postgres", &servers]].concat())
        .expect_code(1);
    assert!(!ran.stderr.contains("failed: "), "{}", ran.stderr);
    ran.expect_said(&["error: ", "seed of fixture"]);
    assert_eq!(measured.folders().len(), 1, "nothing was measured");
    let allowed = ["compare", "main", "latest", "--allow-different", "--json"];
    let ran = measured.run(&allowed).expect_code(0);
    let unlike = json(&ran)["unlike"].to_string();
    assert!(unlike.contains("9.6.24"), "{unlike}");
    for damaged in [
        "",
        "{\"baseline_version\": 1, ",
        &text.replacen(": 1,", ": 2,", 1),
    ] {
        fs::write(measured.baseline("main"), damaged).expect("writes");
        let ran = measured.measure(&["--baseline", "main"]).expect_code(1);
        ran.expect_said(&["error: ", "baselines/main.json"]);
    }
    assert_eq!(measured.folders().len(), 1, "nothing was measured");
}

#[test]
fn runs_of_other_things_have_nothing_in_common_and_a_renamed_queue_has() {
    let mut measured = Measured::new();
    measured.run(&["runs", "save", "main"]).expect_code(0);
    measured.queue = write_as(&measured.place, "renamed", &[]);
    fs::remove_dir_all(measured.place.path().join("own-queue")).expect("removes");
    let ran = measured
        .measure(&["--baseline", "main", "--json"])
        .expect_code(0);
    let comparison = json(&ran);
    let renamed = serde_json::json!([{"first": "own-queue", "second": "renamed"}]);
    assert_eq!(comparison["renamed"], renamed);
    assert!(count(&comparison, "unchanged") >= 4, "{comparison:#}");
    // A run of something else is kept, though it cannot be compared.
    let place = &measured.place;
    let other = [
        "--queue",
        "status-partial",
        "--fixture",
        "many-queues-sparse",
        "--rows",
        "200",
    ];
    let ran = crate::program::compare_plans(place, &[&other[..], &["--baseline", "main"]].concat());
    ran.expect_code(1)
        .expect_said(&["error: ", "kept in", "no variant in common"]);
    assert_eq!(measured.folders().len(), 3);
}
