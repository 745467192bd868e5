//! The library: built-in definitions, the user's own, and what is said when there is none.

use std::path::PathBuf;

use super::*;

const LIBRARY: Library = Library {
    queues: &[(
        "status-partial",
        &[
            ("queue.toml", "description = 'x'"),
            ("schema.sql", "create table job ()"),
            ("populate.sql", "insert into job select"),
            ("fetch.sql", "-- operation: fetch\nselect 1"),
        ],
    )],
    fixtures: &[("heavy", "description = 'x'\njobs = 10")],
    scenarios: &[(
        "drain",
        "kind = 'throughput'\ndescription = 'x'\nfixture = 'heavy'\nqueue = 'status-partial'",
    )],
};

/// A folder `my-queue` and a file `my-fixture.toml` in a folder of their own.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let queue = folder.path().join("my-queue");
    fs::create_dir_all(queue.join("sub.sql")).unwrap();
    for (name, text) in LIBRARY.queues[0].1 {
        fs::write(queue.join(name), text).unwrap();
    }
    fs::write(queue.join(".hidden.sql"), "'").unwrap();
    fs::write(queue.join("notes.txt"), "'").unwrap();
    fs::write(folder.path().join("my-fixture.toml"), LIBRARY.fixtures[0].1).unwrap();
    (folder, queue)
}

fn message<T: std::fmt::Debug>(result: Result<T, LibraryError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_name_is_a_built_in_definition() {
    assert_eq!(
        (LIBRARY.queue_names(), LIBRARY.fixture_names()),
        (vec!["status-partial"], vec!["heavy"])
    );
    let queue = LIBRARY.queue("status-partial").unwrap();
    assert_eq!(
        (queue.name.as_str(), queue.schema.path.as_str()),
        ("status-partial", "queries/status-partial/schema.sql")
    );
    let fixture = LIBRARY.fixture("heavy").unwrap();
    assert_eq!(
        (fixture.name.as_str(), fixture.source.path.as_str()),
        ("heavy", "fixtures/heavy.toml")
    );
}

#[test]
fn every_built_in_definition_is_sound() {
    let library = Library::built_in();
    for name in library.queue_names() {
        assert_eq!(library.queue(name).unwrap().name, name);
    }
    for name in library.fixture_names() {
        assert_eq!(library.fixture(name).unwrap().name, name);
    }
    assert!(library.scenario_names().is_sorted());
    for name in library.scenario_names() {
        let scenario = library.scenario(name).unwrap();
        assert_eq!(scenario.name, name);
        let queue = library.queue(&scenario.queue).unwrap();
        let fixture = library.fixture(&scenario.fixture).unwrap();
        assert!(fixture.needs_copies().is_empty(), "{name}");
        let has_steps = queue.serving(super::super::Operation::StepSave).is_some();
        let takes_steps = matches!(scenario.task, super::super::scenario::Task::Steps { .. });
        assert_eq!(
            (takes_steps, fixture.steps.is_some()),
            (has_steps, has_steps),
            "{name}"
        );
    }
}

#[test]
fn the_templates_are_sound_and_show_every_key() {
    let library = Library::built_in();
    let files = library.queue_template();
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text));
    let queue = Queue::parse("new", "new", sources.collect()).unwrap();
    for operation in super::super::Operation::ALL {
        let steps = matches!(operation.name(), "step-load" | "step-save");
        assert_ne!(queue.serving(operation).is_some(), steps, "{operation}");
    }
    let fixture = Fixture::parse(Source::new("new.toml", library.fixture_template()));
    let fixture = fixture.unwrap();
    // An unknown key is answered with all there are; the template shows each, if only in a comment.
    let keys = |error: DefinitionError| -> Vec<String> {
        let help = error.help.unwrap();
        let words = help.split('`').skip(1).step_by(2);
        words.map(str::to_owned).collect()
    };
    let shows = |text: &str, key: &str| {
        let starts = |line: &str| {
            line.starts_with(&format!("{key} =")) || line.starts_with(&format!("[{key}]"))
        };
        text.lines()
            .any(|line| starts(line.trim_start_matches("# ")))
    };
    let mut files = LIBRARY.queues[0].1.to_vec();
    files[0] = ("queue.toml", "unheard_of = 1");
    let sources = files.iter().map(|(name, text)| Source::new(*name, *text));
    let known = keys(Queue::parse("q", "q", sources.collect()).unwrap_err());
    assert!(known.len() > 9, "{known:?}");
    for key in known {
        assert!(shows(&queue.manifest.text, &key), "{key}");
    }
    let known = keys(Fixture::parse(Source::new("f.toml", "unheard_of = 1")).unwrap_err());
    assert!(known.len() > 9, "{known:?}");
    for key in known {
        assert!(shows(&fixture.source.text, &key), "{key}");
    }
    let scenario = Scenario::parse(Source::new("new.toml", library.scenario_template())).unwrap();
    let known = keys(Scenario::parse(Source::new("s.toml", "unheard_of = 1")).unwrap_err());
    assert!(known.len() > 9, "{known:?}");
    for key in known.iter().filter(|key| *key != "task") {
        assert!(shows(&scenario.source.text, key), "{key}");
    }
    for task in ["noop", "cpu", "io", "memory", "read-write", "steps"] {
        assert!(
            shows(&scenario.source.text, &format!("task.{task}")),
            "{task}"
        );
    }
}

#[test]
fn the_files_of_a_built_in_definition_are_had_by_name() {
    let (name, files) = LIBRARY.queues[0];
    assert_eq!(LIBRARY.queue_files(name), Some(files));
    let (name, text) = LIBRARY.fixtures[0];
    assert_eq!(LIBRARY.fixture_text(name), Some(text));
    assert_eq!(LIBRARY.queue_files("./status-partial"), None);
    assert_eq!(LIBRARY.fixture_text("light"), None);
    let (name, text) = LIBRARY.scenarios[0];
    assert_eq!(LIBRARY.scenario_text(name), Some(text));
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest_and_where_to_look() {
    let path = "to name a path, write a `/` in it";
    assert_eq!(
        message(LIBRARY.queue("status-partal")),
        format!(
            "there is no built-in queue `status-partal`; did you mean `status-partial`? `pgq-analyze queues list` lists all; {path}: `./status-partal`"
        )
    );
    assert_eq!(
        message(LIBRARY.fixture("x")),
        format!(
            "there is no built-in fixture `x`; `pgq-analyze fixtures list` lists all; {path}: `./x`"
        )
    );
    assert_eq!(
        message(LIBRARY.scenario("drian")),
        format!(
            "there is no built-in scenario `drian`; did you mean `drain`? `pgq-analyze scenarios list` lists all; {path}: `./drian`"
        )
    );
}

#[test]
fn an_argument_with_a_slash_is_a_path() {
    let (folder, queue) = folder();
    let argument = format!("{}/", queue.display());
    let read = LIBRARY.queue(&argument).unwrap();
    assert_eq!(read.name, "my-queue");
    assert_eq!(
        read.statements.len(),
        1,
        "hidden files, folders and other files are passed over"
    );
    assert_eq!(read.schema.path, format!("{argument}schema.sql"));
    assert_eq!(
        read.digest(),
        LIBRARY.queue("status-partial").unwrap().digest(),
        "the path does not matter"
    );
    assert_eq!(
        LIBRARY
            .queue(&format!("{argument}sub.sql/.."))
            .unwrap()
            .name,
        "my-queue"
    );
    let fixture = LIBRARY
        .fixture(&format!("{}/my-fixture.toml", folder.path().display()))
        .unwrap();
    assert_eq!((fixture.name.as_str(), fixture.jobs), ("my-fixture", 10));
}

#[test]
fn names_are_known_without_the_files() {
    assert_eq!(fixture_name("heavy"), "heavy");
    assert_eq!(fixture_name("./no/such.toml"), "such");
    assert_eq!(fixture_name("a/.toml/x"), "x");
    assert_eq!(queue_name("mine"), "mine");
    assert_eq!(queue_name("./no/such/"), "such");
    let here = std::env::current_dir().unwrap();
    assert_eq!(
        queue_name("./"),
        here.file_name().unwrap().to_str().unwrap()
    );
    assert_eq!(queue_name("/"), "queue");
}

#[test]
fn paths_that_cannot_be_read_are_named() {
    let (folder, queue) = folder();
    let missing = "No such file or directory (os error 2)";
    let help = "name a folder with queue.toml, schema.sql, populate.sql and statement files";
    assert_eq!(
        message(LIBRARY.queue("./no/such")),
        format!("./no/such: cannot read this folder: {missing}; {help}")
    );
    let help = "name a .toml file that describes a fixture";
    assert_eq!(
        message(LIBRARY.fixture("./no/such.toml")),
        format!("./no/such.toml: cannot read this file: {missing}; {help}")
    );
    let fetch = format!("{}/fetch.sql", queue.display());
    assert_eq!(
        message(LIBRARY.queue(&fetch)),
        format!("{fetch}: this is a file; name the folder that holds queue.toml")
    );
    let folder = folder.path().display().to_string();
    assert_eq!(
        message(LIBRARY.fixture(&folder)),
        format!("{folder}: this is a folder; name a file, for example `./my-fixture.toml`")
    );
    assert_eq!(
        message(LIBRARY.scenario(&folder)),
        format!("{folder}: this is a folder; name a file, for example `./my-scenario.toml`")
    );
    std::os::unix::fs::symlink("nowhere", queue.join("broken.sql")).unwrap();
    let broken = format!(
        "{}/broken.sql: cannot read this file: {missing}; check that it may be read",
        queue.display()
    );
    assert_eq!(
        message(LIBRARY.queue(&format!("{}", queue.display()))),
        broken
    );
}

#[test]
fn what_is_not_utf_8_is_named_with_its_place() {
    let (_folder, queue) = folder();
    fs::write(
        queue.join("fetch.sql"),
        b"-- operation: fetch\nselect '\xff'",
    )
    .unwrap();
    let path = queue.display();
    assert_eq!(
        message(LIBRARY.queue(&format!("{path}"))),
        format!("{path}/fetch.sql:2:9: this is not UTF-8; save the file as UTF-8")
    );
}
