//! Baseline files: saved, compared with, renewed, and not renewed where that would lose something.

use std::fs;

use super::{Measured, count, json};

#[test]
fn a_run_is_saved_as_a_baseline_once() {
    let measured = Measured::new();
    let ran = measured.run(&["runs", "save", "main"]).expect_code(0);
    assert!(
        ran.stdout.starts_with("wrote baselines/main.json: "),
        "{}",
        ran.stdout
    );
    let text = fs::read_to_string(measured.baseline("main")).expect("it is there");
    assert!(
        text.ends_with("}\n") && text.contains("\n  \"baseline_version\": 1,\n"),
        "{text}"
    );
    assert!(!text.contains("samples"), "no samples in it");
    // The file is its owner's: replaced only on request, then by the same bytes.
    let again = measured.run(&["runs", "save", "main"]).expect_code(1);
    again.expect_said(&[
        "error: ",
        "baselines/main.json",
        "is there already",
        "--force",
    ]);
    measured
        .run(&["runs", "save", "main", "latest", "--force"])
        .expect_code(0);
    assert_eq!(
        fs::read_to_string(measured.baseline("main")).expect("reads"),
        text
    );
    // By its name, by its path, and either way round.
    for pair in [
        ["main", "latest"],
        ["./baselines/main.json", "latest"],
        ["latest", "main"],
        ["main", "main"],
    ] {
        let arguments = ["compare", pair[0], pair[1], "--fail-on", "difference"];
        measured.run(&arguments).expect_code(0);
    }
    let path = measured.place.path().join("elsewhere/of mine.json");
    let elsewhere = path.display().to_string();
    measured.run(&["runs", "save", &elsewhere]).expect_code(0);
    assert_eq!(fs::read_to_string(path).expect("reads"), text);
    measured
        .run(&["runs", "save", "again", "main"])
        .expect_code(2)
        .expect_said(&["baseline already"]);
}

#[test]
fn a_baseline_is_made_and_renewed() {
    let measured = Measured::new();
    let update = ["--baseline", "main", "--update-baseline"];
    let ran = measured.measure(&update).expect_code(0);
    assert!(
        ran.stdout.contains("own-queue"),
        "the run itself: {}",
        ran.stdout
    );
    ran.expect_said(&["wrote baselines/main.json"]);
    let first = fs::read_to_string(measured.baseline("main")).expect("it was made");
    measured.worsen();
    let ran = measured
        .measure(&[&update[..], &["--json"]].concat())
        .expect_code(0);
    assert!(
        count(&json(&ran), "regressed") > 0,
        "it is renewed all the same"
    );
    ran.expect_said(&["wrote baselines/main.json"]);
    assert_ne!(
        fs::read_to_string(measured.baseline("main")).expect("reads"),
        first
    );
    let gate = ["--baseline", "main", "--fail-on", "difference"];
    measured.measure(&gate).expect_code(0);
    // Made on another version of the server: renewed without a word about it.
    let text = fs::read_to_string(measured.baseline("main")).expect("reads");
    fs::write(measured.baseline("main"), older(&text)).expect("writes");
    measured.measure(&gate).expect_code(1);
    measured.measure(&update).expect_code(0);
    measured.measure(&gate).expect_code(0);
}

/// A baseline as a server of long ago would have made it.
pub(super) fn older(text: &str) -> String {
    let mut baseline: serde_json::Value = serde_json::from_str(text).expect("JSON");
    baseline["servers"][0]["server_version"] = "9.6.24".into();
    for plan in baseline["plans"].as_array_mut().expect("a list") {
        plan["postgres"] = "9.6.24".into();
    }
    baseline.to_string()
}

#[test]
fn a_baseline_is_not_renewed_by_less_than_it_holds() {
    let measured = Measured::new();
    measured.run(&["runs", "save", "main"]).expect_code(0);
    let text = fs::read_to_string(measured.baseline("main")).expect("reads");
    let update = ["--baseline", "main", "--update-baseline"];
    let narrower = [&update[..], &["--operation", "fetch"]].concat();
    measured.measure(&narrower).expect_code(1).expect_said(&[
        "error: ",
        "main.json was not written",
        "asked for less",
        "kept in",
        "runs save main",
        "--force",
    ]);
    measured.replace(
        "complete.sql",
        "-- Fails.\n-- operation: complete\n\nselect 1 / (count(*) - count(*)) from task;\n",
    );
    measured
        .measure(&update)
        .expect_code(1)
        .expect_said(&["main.json was not written", "could be measured"]);
    assert_eq!(
        fs::read_to_string(measured.baseline("main")).expect("reads"),
        text
    );
    assert_eq!(measured.folders().len(), 3, "the runs are kept");
}

#[test]
fn only_a_file_is_renewed() {
    let measured = Measured::new();
    let folder = measured.folders()[0].display().to_string();
    for run in ["latest", &folder] {
        let update = ["--baseline", run, "--update-baseline"];
        measured
            .measure(&update)
            .expect_code(2)
            .expect_said(&["error: ", "run"]);
    }
    let both = [
        "--baseline",
        "main",
        "--update-baseline",
        "--fail-on",
        "regression",
    ];
    measured.measure(&both).expect_code(2);
    measured.measure(&["--update-baseline"]).expect_code(2);
    measured
        .measure(&["--fail-on", "regression"])
        .expect_code(2)
        .expect_said(&["--baseline"]);
    measured
        .measure(&["--format", "junit"])
        .expect_code(2)
        .expect_said(&["--baseline"]);
    measured
        .measure(&["--baseline", "latest", "--format", "csv"])
        .expect_code(2)
        .expect_said(&["csv"]);
    assert_eq!(measured.folders().len(), 1, "nothing was measured");
}
