//! Tests of reading runs and baseline files, and of writing the latter.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::run::plan_result::PlanMode;
use crate::run::sample;
use crate::run::store::{RunStore, json_text};

const PLAN: &str = r#"[{"Plan": {"Node Type": "Index Scan", "Index Name": "job_pkey", "Relation Name": "job", "Actual Rows": 5,
    "Actual Loops": 1, "Shared Hit Blocks": 17}}]"#;

/// A run folder with one result whose plan is kept.
fn store(out: &Path) -> (RunStore, Run) {
    let time = "2026-11-21T09:13:04Z".parse().unwrap();
    let store = RunStore::create(out, RunKind::Plans, time).unwrap();
    let mut run = sample::run();
    run.run_id = store.run_id().to_owned();
    run.results.truncate(2);
    run.results[0].dump = store
        .write_plan("q", "f", "fetch", "batch-1", PlanMode::Custom, PLAN)
        .unwrap();
    store.save(&run).unwrap();
    (store, run)
}

fn message(path: &Path) -> String {
    let error = read(path).unwrap_err();
    // As the program says it: with the causes behind it.
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        text += &format!(": {next}");
        cause = next.source();
    }
    text.replace(&path.display().to_string(), "PATH")
}

#[test]
fn a_run_is_read_with_the_nodes_of_its_plans() {
    let out = tempfile::tempdir().unwrap();
    let (store, _) = store(out.path());
    let folder = store.folder().to_owned();
    drop(store);
    for path in [folder.clone(), folder.join(RUN_FILE)] {
        let Kept::Run(baseline) = read(&path).unwrap() else {
            panic!("a run");
        };
        assert_eq!(baseline.plans[0].plan[0].node, "Index Scan job_pkey");
        assert_eq!(baseline.plans[0].plan[0].pages, 17);
        // The other result has no plan.
        assert_eq!(baseline.plans_lost(), 1);
    }
}

#[test]
fn a_plan_is_never_looked_for_outside_the_run() {
    let out = tempfile::tempdir().unwrap();
    let (store, mut run) = store(out.path());
    let outside = out.path().join("outside.json");
    fs::write(&outside, PLAN).unwrap();
    for dump in [
        "../outside.json",
        &outside.display().to_string(),
        "",
        "plans",
        "./../outside.json",
    ] {
        run.results[0].dump = dump.to_owned();
        assert_eq!(of_run(&run, store.folder()).plans_lost(), 2, "{dump}");
    }
    for damaged in ["", "[]", "{", "null", "[{\"Plan\": {}}"] {
        fs::write(store.folder().join("damaged.json"), damaged).unwrap();
        run.results[0].dump = "damaged.json".to_owned();
        assert_eq!(of_run(&run, store.folder()).plans_lost(), 2, "{damaged}");
    }
}

#[test]
fn a_run_that_is_going_is_refused_and_one_that_was_killed_is_read() {
    let out = tempfile::tempdir().unwrap();
    let (store, mut run) = store(out.path());
    run.status = RunStatus::Running;
    store.save(&run).unwrap();
    let folder = store.folder().to_owned();
    assert!(matches!(read(&folder), Err(BaselineError::Running { .. })));
    drop(store);
    let kept = read(&folder).unwrap();
    assert_eq!(kept.baseline().status, RunStatus::Running);
    let error = save(&out.path().join("b.json"), kept.baseline(), Replace::Yes).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{} is no baseline: the run was killed before its end; measure again",
            run.run_id
        )
    );
    assert!(!out.path().join("b.json").exists());
}

#[test]
fn a_baseline_is_written_once_and_read_back() {
    let out = tempfile::tempdir().unwrap();
    let (store, run) = store(out.path());
    let baseline = of_run(&run, store.folder());
    let file = out.path().join("new/folder/main.json");
    save(&file, &baseline, Replace::No).unwrap();
    let text = fs::read(&file).unwrap();
    let Kept::Baseline(read_back) = read(&file).unwrap() else {
        panic!("a baseline");
    };
    assert_eq!(read_back.plans[0].plan, baseline.plans[0].plan);
    assert!(matches!(
        save(&file, &baseline, Replace::No),
        Err(BaselineError::Exists { .. })
    ));
    save(&file, &read_back, Replace::Yes).unwrap();
    assert_eq!(fs::read(&file).unwrap(), text, "the same bytes");
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_compared_is_named_with_the_reason_and_the_next_step() {
    let out = tempfile::tempdir().unwrap();
    let (store, run) = store(out.path());
    let path: PathBuf = out.path().join("it.json");
    let whole = baseline::text(&of_run(&run, store.folder()));
    let said = |text: &str| {
        fs::write(&path, text).unwrap();
        message(&path)
    };
    let half = said(&whole[..whole.len() / 2]);
    assert!(
        half.starts_with("the baseline PATH is damaged: restore it, or renew it with pgq-analyze runs save PATH RUN --force: EOF while"),
        "{half}"
    );
    let conflict = said(&whole.replacen("  \"plans\"", "<<<<<<< HEAD\n  \"plans\"", 1));
    assert!(
        conflict.contains("the baseline PATH is damaged") && conflict.contains("line"),
        "{conflict}"
    );
    let other = said(&whole.replacen("\"baseline_version\": 1", "\"baseline_version\": 9", 1));
    assert!(
        other.starts_with("the baseline PATH has version 9, this program reads 1: use the program that wrote it, or renew it"),
        "{other}"
    );
    let lacking = said(&whole.replacen("\n  \"plans\"", "\n  \"planes\"", 1));
    assert!(
        lacking.contains("is damaged") && lacking.contains("missing field `plans`"),
        "{lacking}"
    );
    let run_text = json_text(&run);
    let newer = said(&run_text.replacen("\"format_version\": 1", "\"format_version\": 2", 1));
    assert!(newer.contains("has format version 2"), "{newer}");
    let kind = said(&run_text.replacen("\"kind\": \"plans\"", "\"kind\": \"load\"", 1));
    assert_eq!(
        kind,
        "PATH is a run of kind `load`, which has no plans: name a run of compare-plans"
    );
    assert!(said(&run_text[..run_text.len() / 2]).contains("measure again"));
    for neither in ["", "select 1", "[]", "{}", "\u{0}"] {
        assert!(said(neither).contains("PATH is damaged"), "{neither}");
    }
    let large = fs::File::create(&path).unwrap();
    large.set_len(LARGEST_BYTES + 1).unwrap();
    let large = message(&path);
    assert!(
        large.starts_with("PATH has 1073741825 bytes, more than any run or baseline: name a"),
        "{large}"
    );
    let absent = message(&out.path().join("absent"));
    assert!(
        absent
            .starts_with("cannot read PATH: name a run folder, its run.json or a baseline file: "),
        "{absent}"
    );
    fs::create_dir(out.path().join("folder")).unwrap();
    let folder = message(&out.path().join("folder"));
    assert!(
        folder.starts_with("PATH is no run folder, it has no run.json"),
        "{folder}"
    );
}
