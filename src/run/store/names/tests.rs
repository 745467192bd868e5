//! Tests of what names stand for.

use std::fs;

use super::*;
use crate::run::{RunKind, sample, store::RunStore};

/// A place with three runs, the newest interrupted, and two baselines.
fn place() -> (tempfile::TempDir, Vec<String>) {
    let top = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    let statuses = [
        RunStatus::Complete,
        RunStatus::Complete,
        RunStatus::Interrupted,
    ];
    for (month, status) in (1..).zip(statuses) {
        let time = format!("2026-0{month}-01T00:00:00Z").parse().unwrap();
        let store = RunStore::create(&top.path().join("out"), RunKind::Plans, time).unwrap();
        let mut run = sample::run();
        run.run_id = store.run_id().to_owned();
        run.status = status;
        store.save(&run).unwrap();
        ids.push(run.run_id);
    }
    fs::create_dir(top.path().join("baselines")).unwrap();
    for name in ["main.json", "2026.json", "notes.txt"] {
        fs::write(top.path().join("baselines").join(name), "{}").unwrap();
    }
    (top, ids)
}

#[test]
fn a_name_is_a_path_a_run_or_a_baseline() {
    let (top, ids) = place();
    let (out, baselines) = (top.path().join("out"), top.path().join("baselines"));
    let places = Places {
        out: &out,
        baselines: &baselines,
    };
    let found = |name: &str| places.find(name).unwrap();
    assert_eq!(found("latest"), out.join(&ids[2]));
    assert_eq!(found("latest~0"), out.join(&ids[2]));
    assert_eq!(found("latest~2"), out.join(&ids[0]));
    assert_eq!(found(&ids[1]), out.join(&ids[1]));
    assert_eq!(found("202602"), out.join(&ids[1]));
    assert_eq!(found("main"), baselines.join("main.json"));
    assert_eq!(
        found("2026"),
        baselines.join("2026.json"),
        "a whole name goes before a beginning"
    );
    assert_eq!(found("./nowhere"), Path::new("./nowhere"));
    assert_eq!(places.latest_complete().unwrap(), out.join(&ids[1]));
    assert_eq!(places.baseline_names().unwrap(), ["2026", "main"]);
    // Killed before its first file: no run yet.
    fs::create_dir(out.join("20270101T000000Z-plans-0000")).unwrap();
    assert_eq!(found("latest"), out.join(&ids[2]));
}

#[test]
fn a_name_that_stands_for_nothing_brings_up_what_there_is() {
    let (top, ids) = place();
    let (out, baselines) = (top.path().join("out"), top.path().join("baselines"));
    let places = Places {
        out: &out,
        baselines: &baselines,
    };
    let said = |name: &str| places.find(name).unwrap_err().to_string();
    assert_eq!(
        said("mian"),
        "there is no run and no baseline `mian`: did you mean `main`?"
    );
    assert_eq!(
        said("lastest"),
        "there is no run and no baseline `lastest`: did you mean `latest`?"
    );
    let unknown = said("release");
    assert!(
        unknown.contains("`2026`, `main`") && unknown.contains(&ids[2]),
        "{unknown}"
    );
    assert!(said("latest~3").ends_with("has 3 runs; --out names another folder"));
    assert!(said("latest~99999999999999999999999").contains("has 3 runs"));
    let ambiguous = said("20260");
    assert!(
        ambiguous.starts_with("several runs begin with `20260`: ") && ambiguous.contains(&ids[0]),
        "{ambiguous}"
    );
    assert!(said("").starts_with("there is no run"));
    let nowhere = top.path().join("nowhere");
    let nothing = Places {
        out: &nowhere,
        baselines: &nowhere,
    };
    let unknown = nothing.find("main").unwrap_err().to_string();
    assert!(unknown.contains("there are none"), "{unknown}");
    assert!(nothing.latest_complete().is_err() && nothing.find("latest").is_err());
}

#[test]
fn a_baseline_has_a_plain_name_or_a_path() {
    let places = Places {
        out: Path::new("out"),
        baselines: Path::new("baselines"),
    };
    let file = |name: &str| places.baseline_file(name);
    assert_eq!(file("main").unwrap(), Path::new("baselines/main.json"));
    assert_eq!(
        file("pg15_v1.2-x").unwrap(),
        Path::new("baselines/pg15_v1.2-x.json")
    );
    assert_eq!(file("./ci/main.json").unwrap(), Path::new("./ci/main.json"));
    for wrong in [
        "latest",
        "latest~1",
        "20261121T091304Z-plans-3f9a",
        "main.json",
        "",
        ".hidden",
        "-x",
        "a b",
        "größe",
    ] {
        assert!(
            matches!(file(wrong), Err(NameError::BadName { .. })),
            "{wrong}"
        );
    }
}
