//! What there is, listed and shown; fixtures built and dropped by name.

use pgq_analyze::definition::{Library, Operation};
use pgq_analyze::finding::rules::RULES;

use crate::own_queue::{write, write_fixture};
use crate::place::Place;
use crate::program::run;

/// Runs a command that needs no server; it makes nothing.
#[track_caller]
fn shown(place: &Place, arguments: &[&str]) -> String {
    let ran = run(place, arguments).expect_code(0);
    assert_eq!(ran.stderr, "");
    assert!(!place.cache().exists(), "no server was needed");
    ran.stdout
}

#[test]
fn queues() {
    let place = Place::new();
    let list = shown(&place, &["queues", "list"]);
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(names, Library::built_in().queue_names());
    for name in names {
        let text = shown(&place, &["queues", "show", name]);
        let queue = Library::built_in().queue(name).expect("reads");
        assert!(
            text.starts_with(&format!("{name}: {}\n", queue.description)),
            "{text}"
        );
        for file in &queue.statements {
            assert!(
                text.contains(&format!("{}: {}.sql", file.operation, file.name)),
                "{text}"
            );
            assert!(
                file.variants
                    .iter()
                    .all(|variant| text.contains(&variant.name)),
                "{text}"
            );
        }
    }
    let own = shown(&place, &["queues", "show", &write(&place, &[])]);
    assert!(
        own.starts_with("own-queue: A small queue of one's own\n"),
        "{own}"
    );
    assert!(
        own.contains(&format!("{}: complete.sql", Operation::Complete)),
        "{own}"
    );
}

#[test]
fn fixtures() {
    let place = Place::new();
    let list = shown(&place, &["fixtures", "list"]);
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(names, Library::built_in().fixture_names());
    for name in names {
        let text = shown(&place, &["fixtures", "show", name]);
        let fixture = Library::built_in().fixture(name).expect("reads");
        assert!(
            text.contains(fixture.source.text.trim_end()),
            "the file itself: {text}"
        );
    }
    let own = write_fixture(&place, "jobs = 12345\nquick = 77\n[steps]\nper_job = 2");
    let text = shown(&place, &["fixtures", "show", &own]);
    for (what, number) in [
        ("jobs", "12,345"),
        ("jobs with --quick", "77"),
        ("steps", "24,690"),
    ] {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{what}  ")));
        assert!(
            line.is_some_and(|line| line.ends_with(&format!(" {number}"))),
            "{what}: {text}"
        );
    }
}

#[test]
fn scenarios() {
    let place = Place::new();
    let list = shown(&place, &["scenarios", "list"]);
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(names, Library::built_in().scenario_names());
    for name in [
        "default",
        "quick",
        "high-throughput",
        "low-latency",
        "cpu-bound",
        "io-bound",
        "memory-bound",
        "with-steps",
        "scale-1",
        "scale-2",
        "scale-4",
        "scale-8",
        "steady",
        "million",
        "million-default-autovacuum",
    ] {
        let text = shown(&place, &["scenarios", "show", name]);
        let scenario = Library::built_in().scenario(name).expect("reads");
        assert!(
            text.contains(scenario.source.text.trim_end()),
            "the file itself: {text}"
        );
        let task = format!("\ntask            {}\n", scenario.task);
        assert!(text.contains(&task), "{text}");
    }
    let own = "kind = \"throughput\"\ndescription = \"d\"\nfixture = \"f\"\nqueue = \"q\"\n[task.io]\nwait = \"2s\"\n";
    let path = place.write("own.toml", own).display().to_string();
    let text = shown(&place, &["scenarios", "show", &path]);
    for (what, value) in [
        ("jobs", "as the fixture says"),
        ("lasts", "until the queue is empty"),
        ("workers", "4 in threads"),
        ("poll interval", "50ms"),
        ("task", "io:wait=2s"),
        ("warm-up", "0"),
        ("outcomes", "failed=0,released=0,panicked=0"),
        ("settings", "none"),
        ("thresholds", "none"),
    ] {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{what}  ")));
        assert!(
            line.is_some_and(|line| line.ends_with(&format!(" {value}"))),
            "{what}: {text}"
        );
    }
}

#[test]
fn a_scenario_with_something_wrong_in_it_is_refused_with_the_place() {
    let place = Place::new();
    let head = "description = \"d\"\nfixture = \"f\"\nqueue = \"q\"\n";
    for (text, message) in [
        (
            format!("kind = \"throughput\"\n{head}[worker]\n"),
            ":5:2: unknown key `worker`; did you mean `workers`?",
        ),
        (
            format!("kind = \"throughput\"\n{head}thresholds = [\"lost == 0\"]\n"),
            ":5:15: there is no metric `lost`; did you mean `ledger.lost`?",
        ),
        (
            format!("kind = \"load\"\n{head}[producers]\ncount = 2\n"),
            ":1:8: this is a scenario of kind `load`; `pgq-analyze load` runs it",
        ),
    ] {
        let path = place.write("wrong.toml", &text).display().to_string();
        run(&place, ["scenarios", "show", &path])
            .expect_code(1)
            .expect_said(&[&format!("error: {path}{message}")]);
    }
    run(&place, ["scenarios", "show", "quik"])
        .expect_code(2)
        .expect_said(&["there is no built-in scenario `quik`; did you mean `quick`?"]);
}

#[test]
fn rules() {
    let place = Place::new();
    let list = shown(&place, &["rules", "list"]);
    assert_eq!(list.lines().count(), RULES.len());
    for rule in RULES {
        assert!(
            list.contains(rule.id) && list.contains(rule.summary),
            "{list}"
        );
        let page = shown(&place, &["rules", "show", rule.id]);
        assert!(page.contains(rule.id) && page.len() > 200, "{page}");
    }
}

#[test]
fn a_fixture_is_built_then_dropped() {
    let place = Place::new();
    let own = write(&place, &[]);
    let build = [
        "fixtures",
        "build",
        "with-steps",
        "--rows",
        "200",
        "--queue",
        "durable-steps",
        "--queue",
        &own,
    ];
    let ran = run(&place, build)
        .expect_code(0)
        .expect_said(&["built with-steps for durable-steps: 200 jobs"]);
    assert_eq!(
        ran.stdout,
        "with-steps for durable-steps is ready: 200 jobs\nwith-steps for own-queue is ready: 200 jobs\n"
    );
    let drop_one = ["fixtures", "drop", "with-steps", "--queue", "own-queue"];
    let ran = run(&place, drop_one).expect_code(0);
    assert!(
        ran.stdout
            .starts_with("dropped with-steps for own-queue: 200 jobs, "),
        "{}",
        ran.stdout
    );
    run(&place, drop_one).expect_code(2).expect_said(&[
        "error: nothing is built of fixture `with-steps` for queue own-queue: built are with-steps",
    ]);
    let ran = run(&place, build).expect_code(0);
    assert!(
        !ran.stderr.contains("built with-steps for durable-steps"),
        "it was kept: {}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("built with-steps for own-queue"),
        "it was gone: {}",
        ran.stderr
    );
    let ran = run(&place, ["fixtures", "drop", "with-steps"]).expect_code(0);
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    run(&place, ["fixtures", "drop", "with-steps"])
        .expect_code(2)
        .expect_said(&["error: nothing is built of fixture `with-steps`: nothing is built"]);
}

#[test]
fn the_same_name_with_other_content_is_built_anew() {
    let place = Place::with_warm_cache();
    let small = write_fixture(&place, "jobs = 50");
    let build = ["fixtures", "build", &small, "--queue", "status-partial"];
    run(&place, build)
        .expect_code(0)
        .expect_said(&["built own-fixture for status-partial: 50 jobs"]);
    write_fixture(&place, "jobs = 50\n[task_keys]\ncount = 3");
    run(&place, build)
        .expect_code(0)
        .expect_said(&["built own-fixture for status-partial: 50 jobs"]);
    write_fixture(
        &place,
        "jobs = 50\n[task_keys]\ncount = 3\n[measure]\nvariants = [\"batch-1\"]",
    );
    let ran = run(&place, build).expect_code(0);
    assert!(
        !ran.stderr.contains("built"),
        "what is measured decides no row: {}",
        ran.stderr
    );
}
