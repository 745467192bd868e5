//! Two versions of a queue measured in turns.

mod refusals;
mod revision;

use pgq_analyze::run::plan_result::{GenericShape, PlanMode};
use pgq_analyze::run::{Run, RunStatus, store};
use rustix::process::Signal;
use serde_json::Value;

use crate::given_server::{GivenServer, Options};
use crate::own_queue;
use crate::place::{Place, wait_for};
use crate::processes::wait_until_stopped;
use crate::program::{Ran, Running, command, run};

/// As few rows as tell anything.
const SMALL: [&str; 2] = ["--rows", "2000"];

/// A fetch that does for a few milliseconds what shows in no count.
const SLOW_FETCH: &str = "-- Takes the first tasks.
-- operation: fetch
-- param batch_size int
-- variant batch-1: batch_size = 1
-- variant batch-5: batch_size = 5

update task
set waiting = false
where number = any(array(select number from task where waiting order by number limit :batch_size for update skip locked))
returning number, length(repeat(md5(number::text), 200000)) as effort;
";

/// Refused when it is planned.
const BROKEN_FETCH: &str = "-- Takes the first tasks.
-- operation: fetch
-- param batch_size int
-- variant batch-1: batch_size = 1

select no_such_column from task limit :batch_size;
";

fn compare_versions(place: &Place, arguments: &[&str]) -> Ran {
    run(place, in_turns(place, arguments))
}

/// The fewest samples there may be, unless the arguments say otherwise.
fn in_turns(place: &Place, arguments: &[&str]) -> Vec<String> {
    let out = place.out().display().to_string();
    let fixed = ["compare-plans", "--out", &out, "--fixture"];
    let mut all = [&fixed, &["heavy-single-queue"][..], &SMALL].concat();
    if !arguments.contains(&"--budget") {
        all.extend(["--budget", "0"]);
    }
    all.extend(arguments);
    all.into_iter().map(str::to_owned).collect()
}

/// The runs in the place's folder: the version that is judged by, then the one that is judged.
fn both_runs(place: &Place) -> [Run; 2] {
    let folders = std::fs::read_dir(place.out()).expect("reads the folder");
    let mut folders: Vec<_> = folders
        .map(|entry| entry.expect("reads the folder").path())
        .collect();
    folders.sort();
    let runs: Vec<Run> = folders
        .iter()
        .map(|folder| store::read(folder).expect("the run reads back"))
        .collect();
    let [first, second] = <[Run; 2]>::try_from(runs).expect("two runs");
    assert_eq!(first.interleaved_with.as_deref(), Some(&*second.run_id));
    assert_eq!(second.interleaved_with.as_deref(), Some(&*first.run_id));
    [first, second]
}

/// What was said of every plan: statement, variant and verdict.
fn verdicts(ran: &Ran) -> Vec<(String, String, String)> {
    let comparison: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let plans = comparison["plans"].as_array().expect("a list");
    let text = |plan: &Value, key: &str| plan[key].as_str().expect("a text").to_owned();
    let of = |plan| {
        (
            text(plan, "statement"),
            text(plan, "variant"),
            text(plan, "verdict"),
        )
    };
    plans.iter().map(of).collect()
}

#[test]
fn equal_folders_raise_no_alarm() {
    let place = Place::with_warm_cache();
    let first = own_queue::write_as(&place, "old/first-name", &[]);
    let second = own_queue::write_as(&place, "jobs", &[]);
    let versions = ["--queue", &second, "--against", &first, "--json"];
    let gate = ["--fail-on", "difference"];
    let ran = compare_versions(&place, &[&versions[..], &gate].concat()).expect_code(0);
    let ran = ran.expect_said(&["jobs is the same in", "kept: "]);
    let said = verdicts(&ran);
    assert!(said.len() >= 4, "{said:?}");
    assert!(
        said.iter().all(|(_, _, verdict)| verdict == "unchanged"),
        "{said:?}"
    );
    let comparison: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let tests = comparison["plans"].as_array().expect("a list").iter();
    let tested = tests.filter(|plan| plan["times"]["test"].is_object());
    assert_eq!(tested.count(), said.len(), "times were tested");
    for run in both_runs(&place) {
        assert_eq!(run.status, RunStatus::Complete);
        let named = |result: &pgq_analyze::run::PlanResult| {
            result.queue == "jobs" && result.execution_ms.n == 20
        };
        assert!(run.results.iter().all(named), "{:#?}", run.results);
    }
}

#[test]
fn a_slower_version_is_told_by_its_time() {
    let place = Place::with_warm_cache();
    let first = own_queue::write_as(&place, "old/jobs", &[]);
    let second = own_queue::write_as(&place, "jobs", &[("fetch.sql", SLOW_FETCH)]);
    let only_fetch = ["--operation", "fetch", "--fail-on", "regression"];
    let versions = ["--queue", &second, "--against", &first, "--json"];
    let ran = compare_versions(&place, &[&versions[..], &only_fetch].concat()).expect_code(3);
    let comparison: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let plans = comparison["plans"].as_array().expect("a list");
    assert!(!plans.is_empty());
    for plan in plans {
        assert_eq!(plan["verdict"], "regressed", "{plan:#}");
        let reasons = plan["reasons"].as_array().expect("a list");
        let worse: Vec<_> = reasons
            .iter()
            .filter(|reason| reason["effect"] == "worse")
            .map(|reason| &reason["what"])
            .collect();
        assert_eq!(worse, ["time"], "by nothing else: {plan:#}");
        assert_eq!(plan["times"]["test"]["real"], true);
        assert!(plan["times"]["test"]["low_ms"].as_f64() > Some(0.1));
    }

    // The same the other way round is better, and fails no gate.
    let turned = ["--queue", &first, "--against", &second, "--json"];
    let ran = compare_versions(&place, &[&turned[..], &only_fetch].concat()).expect_code(0);
    let said = verdicts(&ran);
    assert!(
        said.iter().all(|(_, _, verdict)| verdict == "improved"),
        "{said:?}"
    );
}

#[test]
fn what_one_version_lacks_or_fails_at_is_said_of_that_version() {
    let place = Place::with_warm_cache();
    let first = own_queue::write_as(&place, "old/jobs", &[("fetch-first.sql", BROKEN_FETCH)]);
    let more = own_queue::FETCH.replace("batch-5: batch_size = 5", "batch-9: batch_size = 9");
    let second = own_queue::write_as(&place, "jobs", &[("fetch.sql", &more)]);
    let versions = ["--queue", &second, "--against", &first, "--json"];
    let only_fetch = ["--operation", "fetch"];
    let ran = compare_versions(&place, &[&versions[..], &only_fetch].concat()).expect_code(1);
    let said = verdicts(&ran);
    let verdict = |statement: &str, variant: &str| {
        let found = said
            .iter()
            .find(|(one, other, _)| (&**one, &**other) == (statement, variant));
        found.map(|(_, _, verdict)| verdict.as_str())
    };
    assert_eq!(verdict("fetch", "batch-1"), Some("unchanged"), "{said:?}");
    assert_eq!(verdict("fetch", "batch-5"), Some("vanished"), "{said:?}");
    assert_eq!(verdict("fetch", "batch-9"), Some("appeared"), "{said:?}");
    let [first, second] = both_runs(&place);
    assert_eq!(second.failures, []);
    assert_eq!(first.failures.len(), 1, "{:#?}", first.failures);
    assert_eq!(first.failures[0].statement.as_deref(), Some("fetch-first"));
    assert!(first.failures[0].message.contains("no_such_column"));
}

#[test]
fn a_generic_plan_of_its_own_is_timed_in_turns_with_that_of_the_other_version() {
    let place = Place::with_warm_cache();
    let built_in = concat!(env!("CARGO_MANIFEST_DIR"), "/queries/status-partial");
    let mut versions = Vec::new();
    for (name, fetch) in [("old/jobs", "fetch.sql"), ("jobs", "fetch-cte.sql")] {
        for entry in std::fs::read_dir(built_in).expect("reads the folder") {
            let entry = entry.expect("reads the folder");
            let file = entry.file_name().into_string().expect("a name");
            if file.starts_with("fetch") || file.ends_with(".md") {
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).expect("reads the file");
            place.write(&format!("{name}/{file}"), &text);
        }
        let text = std::fs::read_to_string(format!("{built_in}/{fetch}")).expect("reads the file");
        place.write(&format!("{name}/fetch.sql"), &text);
        versions.push(place.path().join(name).display().to_string());
    }
    let versions = ["--queue", &versions[1], "--against", &versions[0], "--json"];
    let only = ["--operation", "fetch", "--variant", "batch-10"];
    let ran = compare_versions(&place, &[&versions[..], &only].concat()).expect_code(0);
    let [first, second] = both_runs(&place);
    let generic = |run: &Run| {
        let mut results = run.results.iter();
        let found = results.find(|result| result.plan_mode == PlanMode::Generic);
        found.map(|result| (result.generic_shape, result.execution_ms.n))
    };
    assert_eq!(generic(&first), Some((GenericShape::Same, 20)));
    assert_eq!(generic(&second), Some((GenericShape::Differs, 20)));
    let comparison: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let plans = comparison["plans"].as_array().expect("a list");
    assert_eq!(plans.len(), 2, "{plans:#?}");
    assert!(
        plans.iter().all(|plan| plan["times"]["test"].is_object()),
        "{plans:#?}"
    );
}

#[test]
fn a_queue_is_the_same_as_itself() {
    let place = Place::with_warm_cache();
    let queue = own_queue::write(&place, &[]);
    let ran = compare_versions(&place, &["--queue", &queue, "--self-check", "--json"]);
    // Times may waver on any machine, counts may not.
    assert!(
        matches!(ran.code, Some(0 | 5)),
        "{:?} {}",
        ran.code,
        ran.stderr
    );
    let found: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(found["counts"]["alarms"], 0, "{found:#}");
    assert_eq!(found["samples"], 20);
    let plans = found["counts"]["comparisons"].as_u64();
    assert!(plans >= Some(4), "{found:#}");
    for rule in ["times", "without_correction", "rank_test_alone", "naive"] {
        assert_eq!(found[rule]["comparisons"].as_u64(), plans, "{rule}");
    }
    let [first, second] = both_runs(&place);
    crate::repeatable::assert_same_counts(&first, &second);
}

#[test]
fn on_a_server_of_ones_own_both_get_databases_and_none_stays() {
    let place = Place::new();
    let server = GivenServer::start(&place, &Options::default());
    let first = own_queue::write_as(&place, "old/jobs", &[]);
    let schema = "create table task (number bigint, waiting boolean not null, note text);\n";
    let second = own_queue::write_as(&place, "jobs", &[("schema.sql", schema)]);
    let url = server.url("postgres");
    let versions = ["--queue", &second, "--against", &first, "--json"];
    let there = ["--database-url", &url, "--yes"];
    let ran = compare_versions(&place, &[&versions[..], &there].concat()).expect_code(0);
    // Four variants in two versions, each with tables of its own.
    ran.expect_said(&["2 built, 8 to 16 copies", "kept: "]);
    let [first, second] = both_runs(&place);
    crate::repeatable::assert_same_counts(&first, &second);
    let left = "select datname from pg_database where datname like 'pgqa%'";
    assert_eq!(server.sql("postgres", left), Vec::<Vec<String>>::new());
}

#[test]
fn both_runs_are_kept_when_it_is_interrupted() {
    let place = Place::with_warm_cache();
    let queue = own_queue::write(&place, &[]);
    let arguments = ["--queue", &queue, "--self-check", "--samples", "10000"];
    // Each plan is sampled for seconds.
    let arguments = [&arguments[..], &["--budget", "2"]].concat();
    let out = place.out();
    let running = Running::start(&place, command(&place, in_turns(&place, &arguments)));
    wait_for("two run folders with plans", || {
        let folders = std::fs::read_dir(&out).into_iter().flatten().flatten();
        let begun = folders.filter(|folder| folder.path().join("run.json").is_file());
        let begun = begun.count() == 2;
        begun.then_some(())
    });
    running.signal(Signal::INT);
    running.finish().expect_code(130).expect_said(&["kept: "]);
    wait_until_stopped(&place.cache());
    for run in both_runs(&place) {
        assert_eq!(run.status, RunStatus::Interrupted);
    }
}
