//! Runs listed, shown and removed.

use std::fs;

use super::{Measured, json};

#[test]
fn runs_are_listed_newest_first() {
    let measured = Measured::new();
    measured.measure(&["--operation", "fetch"]).expect_code(0);
    measured.run(&["runs", "save", "main"]).expect_code(0);
    let folders = measured.folders();
    let id = |at: usize| {
        folders[at]
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned()
    };
    let text = measured.run(&["runs", "list"]).expect_code(0).stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with(&id(1)) && lines[1].starts_with(&id(0)),
        "{text}"
    );
    assert!(
        lines[0].contains("complete") && lines[0].contains("own-queue × own-fixture: 2 plans"),
        "{text}"
    );
    assert!(
        text.contains("\nmain ") && text.contains("baselines in baselines/:"),
        "{text}"
    );

    fs::write(folders[0].join("run.json"), "{\"format_version\"").expect("writes");
    fs::create_dir(measured.place.out().join("notes")).expect("makes a folder");
    let listed = json(&measured.run(&["runs", "list", "--json"]).expect_code(0));
    assert_eq!(listed["format_version"], 1);
    let runs = listed["runs"].as_array().expect("a list");
    assert_eq!(runs.len(), 2, "{listed:#}");
    assert_eq!(
        (&runs[0]["status"], &runs[0]["plans"]),
        (&"complete".into(), &2.into())
    );
    assert_eq!(runs[1]["status"], "damaged");
    assert!(
        runs[1]["problem"].to_string().contains("damaged"),
        "{listed:#}"
    );
    assert_eq!(listed["baselines"][0]["name"], "main");
    let text = measured.run(&["runs", "list"]).expect_code(0).stdout;
    assert!(
        text.lines()
            .nth(1)
            .is_some_and(|line| line.contains("damaged")),
        "{text}"
    );
}

#[test]
fn a_run_is_shown_as_it_was_printed() {
    let measured = Measured::new();
    let folder = measured.folders()[0].clone();
    let printed = measured
        .run(&["runs", "show", "latest"])
        .expect_code(0)
        .stdout;
    assert!(
        printed.contains("fetch batch-5") && printed.contains("plans measured"),
        "{printed}"
    );
    let shown = measured
        .run(&["runs", "show", "latest", "--json"])
        .expect_code(0)
        .stdout;
    assert_eq!(
        shown,
        fs::read_to_string(folder.join("run.json")).expect("reads")
    );
    let csv = [
        "runs",
        "show",
        &folder.display().to_string(),
        "--format",
        "csv",
    ];
    let lines = measured.run(&csv).expect_code(0).stdout.lines().count();
    assert_eq!(lines, 5, "a head and four plans");
    measured.run(&["runs", "save", "main"]).expect_code(0);
    measured
        .run(&["runs", "show", "main"])
        .expect_code(2)
        .expect_said(&["is a baseline"]);
}

#[test]
fn only_runs_that_are_named_and_have_ended_are_removed() {
    let measured = Measured::new();
    measured.measure(&["--operation", "fetch"]).expect_code(0);
    measured.run(&["runs", "save", "main"]).expect_code(0);
    let folders = measured.folders();
    let stays = |arguments: &[&str], code: i32, said: &str| {
        measured
            .run(&[&["runs", "remove"], arguments].concat())
            .expect_code(code)
            .expect_said(&["error: ", said]);
        assert_eq!(measured.folders(), folders, "nothing is removed");
    };
    stays(&["latest", "main"], 1, "is no run folder");
    stays(&["latest", &measured.queue], 1, "is no run folder");
    stays(&["latest", "nothing"], 2, "no baseline `nothing`");
    stays(&["latest~1", "latest~2"], 2, "there is no `latest~2`");
    stays(&[], 2, "");
    let lock = fs::File::open(&folders[1]).expect("opens");
    lock.lock().expect("locks");
    stays(&["latest~1", "latest"], 1, "still going");
    drop(lock);
    let ran = measured.run(&["runs", "remove", "latest"]).expect_code(0);
    assert!(ran.stdout.starts_with("removed "), "{}", ran.stdout);
    assert_eq!(measured.folders(), folders[..1]);
    let name = folders[0]
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    measured
        .run(&["runs", "remove", &name, "latest"])
        .expect_code(0);
    assert_eq!(measured.folders().len(), 0);
    let list = measured.run(&["runs", "list"]).expect_code(0).stdout;
    assert!(list.starts_with("no runs in "), "{list}");
}
