//! Tests of run folders.

use std::fs;
use std::path::Path;

use super::super::plan_result::PlanMode;
use super::super::{RunKind, sample};
use super::{RUN_FILE, RunStore, StoreError, file_name, json_text, read};

fn now() -> jiff::Timestamp {
    "2026-11-21T09:13:04.987654Z".parse().unwrap()
}

fn store(out: &Path) -> RunStore {
    RunStore::create(out, RunKind::Plans, now()).unwrap()
}

#[test]
fn run_ids_tell_time_and_kind() {
    let out = tempfile::tempdir().unwrap();
    let store = store(out.path());
    let (time, suffix) = store.run_id().rsplit_once('-').unwrap();
    assert_eq!(time, "20261121T091304Z-plans");
    assert!(
        suffix.len() == 4
            && suffix
                .chars()
                .all(|digit| matches!(digit, '0'..='9' | 'a'..='f')),
        "{suffix}"
    );
    assert_eq!(store.folder(), out.path().join(store.run_id()));
    assert!(store.folder().is_dir());
}

#[test]
fn a_collision_tries_another_id() {
    let out = tempfile::tempdir().unwrap();
    let numbers = |numbers: &'static [u16]| {
        let mut numbers = numbers.iter().copied().cycle();
        move || numbers.next().unwrap()
    };
    let first = RunStore::create_with(out.path(), RunKind::Plans, now(), numbers(&[7])).unwrap();
    let second =
        RunStore::create_with(out.path(), RunKind::Plans, now(), numbers(&[7, 7, 8])).unwrap();
    assert_eq!(first.run_id(), "20261121T091304Z-plans-0007");
    assert_eq!(second.run_id(), "20261121T091304Z-plans-0008");
    let error =
        RunStore::create_with(out.path(), RunKind::Plans, now(), numbers(&[7, 8])).unwrap_err();
    assert!(matches!(error, StoreError::Create { .. }), "{error}");
}

#[test]
fn runs_that_begin_within_a_second_sort_as_they_began() {
    let out = tempfile::tempdir().unwrap();
    let stores: Vec<RunStore> = (0..20).map(|_| store(out.path())).collect();
    let ids: Vec<&str> = stores.iter().map(RunStore::run_id).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    // After the last suffix there is any other that is free.
    fs::create_dir(out.path().join("20261121T091304Z-plans-ffff")).unwrap();
    assert!(!ids.contains(&store(out.path()).run_id()));
}

#[test]
fn a_run_that_wrote_nothing_leaves_no_folder() {
    let out = tempfile::tempdir().unwrap();
    let kept = store(out.path());
    drop(store(out.path()));
    kept.save(&sample::run()).unwrap();
    let folder = kept.folder().to_owned();
    drop(kept);
    assert!(folder.is_dir());
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
}

#[test]
fn a_saved_run_is_read_back_by_folder_and_by_file() {
    let out = tempfile::tempdir().unwrap();
    let store = store(out.path());
    let mut run = sample::run();
    store.save(&run).unwrap();
    run.results.truncate(2);
    store.save(&run).unwrap();
    assert_eq!(read(store.folder()).unwrap(), run);
    assert_eq!(read(&store.folder().join(RUN_FILE)).unwrap(), run);
    assert_eq!(fs::read_dir(store.folder()).unwrap().count(), 1);
}

#[test]
fn plans_are_kept_untouched_and_never_replaced() {
    let out = tempfile::tempdir().unwrap();
    let store = store(out.path());
    let write = |statement, text| {
        store
            .write_plan(
                "status-partial",
                "small",
                statement,
                "batch-10",
                PlanMode::Generic,
                text,
            )
            .unwrap()
    };
    assert_eq!(
        write("fetch/second", "[1]\n"),
        "plans/status-partial/small/fetch-second.batch-10.generic.json"
    );
    assert_eq!(
        write("fetch-second", "[2]"),
        "plans/status-partial/small/fetch-second.batch-10.generic.2.json"
    );
    assert_eq!(
        write("fetch-second", "[3]"),
        "plans/status-partial/small/fetch-second.batch-10.generic.3.json"
    );
    let first = store
        .folder()
        .join("plans/status-partial/small/fetch-second.batch-10.generic.json");
    assert_eq!(fs::read_to_string(first).unwrap(), "[1]\n");
}

#[test]
fn no_name_leaves_the_folder() {
    let out = tempfile::tempdir().unwrap();
    let store = store(out.path());
    let long = "ü".repeat(300);
    for name in [
        "../../../escape",
        "/etc/passwd",
        "..",
        ".",
        "",
        "a\0b",
        "c:\\d",
        "\u{202e}x\n",
        &long,
    ] {
        let within = store
            .write_plan(name, name, name, name, PlanMode::Custom, "[]")
            .unwrap();
        let path = store.folder().join(&within).canonicalize().unwrap();
        assert!(
            path.starts_with(store.folder().canonicalize().unwrap().join("plans")),
            "{within}"
        );
        assert_eq!(within.matches('/').count(), 3, "{within}");
    }
    assert_eq!(file_name("../../x"), "-.-..-x");
    assert_eq!(file_name("v1.2_größe"), "v1.2_größe");
}

#[test]
fn an_out_folder_that_cannot_be_made_fails_at_once_and_says_what_to_do() {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("file");
    fs::write(&file, "").unwrap();
    let error = RunStore::create(&file.join("below"), RunKind::Plans, now()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("cannot create the run folder ")
            && text.ends_with("choose another folder with --out"),
        "{text}"
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn what_is_no_run_is_named_with_the_reason() {
    let out = tempfile::tempdir().unwrap();
    let message = |text: &str| {
        fs::write(out.path().join(RUN_FILE), text).unwrap();
        read(out.path())
            .unwrap_err()
            .to_string()
            .replace(&out.path().display().to_string(), "RUN")
    };
    let newer =
        json_text(&sample::run()).replacen("\"format_version\": 1", "\"format_version\": 2", 1);
    assert_eq!(
        message(&newer),
        "RUN/run.json has format version 2, this program reads 1: use the program that wrote it, or measure again"
    );
    let whole = json_text(&sample::run());
    for damaged in [
        "",
        "[]",
        "{}",
        "{\"format_version\": \"1\"}",
        "{\"format_version\": 1}",
        &whole[..whole.len() / 2],
    ] {
        assert_eq!(
            message(damaged),
            "RUN/run.json is damaged or no run of pgq-analyze: measure again",
            "{damaged}"
        );
    }
    let absent = out.path().join("absent");
    let text = read(&absent).unwrap_err().to_string();
    assert_eq!(
        text,
        format!(
            "cannot read the run {}: name a run folder or its run.json",
            absent.display()
        )
    );
}

/// Set in the process that saves until it is killed: the folder to save into.
const SAVE_INTO: &str = "PGQ_ANALYZE_TEST_SAVE_INTO";

#[test]
fn a_process_killed_while_it_saves_leaves_whole_files() {
    if let Some(out) = std::env::var_os(SAVE_INTO) {
        let (store, run) = (store(Path::new(&out)), sample::run());
        loop {
            store.save(&run).unwrap();
        }
    }
    let out = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let mut saver = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "run::store::tests::a_process_killed_while_it_saves_leaves_whole_files",
            ])
            .env(SAVE_INTO, out.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(30 + round * 7));
        saver.kill().unwrap();
        saver.wait().unwrap();
    }
    let files: Vec<_> = fs::read_dir(out.path())
        .unwrap()
        .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    assert!(!files.is_empty());
    for file in files {
        assert_eq!(read(&file).unwrap(), sample::run(), "{}", file.display());
    }
}
