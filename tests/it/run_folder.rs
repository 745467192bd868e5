//! What a run leaves behind and prints: the contract of run.json, the plans, the formats.

use std::fs;

use pgq_analyze::plan::{Plan, digest};
use pgq_analyze::run::{FORMAT_VERSION, Run, RunKind, RunStatus, store};
use serde_json::{Value, json};

use crate::place::Place;
use crate::processes::servers_in;
use crate::program::{compare_plans, run_folder, take_run};

const WHAT: [&str; 8] = [
    "--queue",
    "status-partial",
    "--fixture",
    "many-queues-sparse",
    "--variant",
    "batch-1*",
    "--variant",
    "completed-1",
];

const WHAT_VARIANTS: [&str; 2] = ["batch-1*", "completed-1"];

const RUN_KEYS: &str = "format_version run_id kind status command environment timing peak_rss_bytes results failures skipped interleaved_with";
const ENVIRONMENT_KEYS: &str = "program_version server_version settings profile cpu clock_cost_ns seed queues fixtures statistics limitations other_servers build block_size \
     tables statements selection catalogs";
const RESULT_KEYS: &str = "postgres queue fixture operation variant statement plan_mode auto_plan generic_shape shape digest rows \
     rows_removed buffers wal pages_per_row output nested nested_left_out planning_ms execution_ms findings dump";
const SUMMARY_KEYS: &str = "n min p50 p95 p99 max samples";
const FINDING_KEYS: &str = "rule severity message help node evidence";

#[track_caller]
fn assert_keys(value: &Value, keys: &str) {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("an object: {value}"));
    let mut found: Vec<&str> = object.keys().map(String::as_str).collect();
    let mut expected: Vec<&str> = keys.split_whitespace().collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn run_json_holds_what_the_contract_promises() {
    let place = Place::with_warm_cache();
    // The natural mistake has findings, so that their keys are seen too.
    let queues = ["--queue", "status-partial", "--queue", "natural-mistake"];
    let fixture = ["--fixture", "heavy-single-queue", "--rows", "20000"];
    let printed = ["--json", "--samples", "20"];
    let what = [&queues[..], &fixture, &WHAT[4..], &printed].concat();
    let ran = compare_plans(&place, &what).expect_code(0);
    let folder = run_folder(&place);
    let text = fs::read_to_string(folder.join("run.json")).expect("there is a run.json");
    assert_eq!(ran.stdout, text, "--json prints the file, byte for byte");

    let json: Value = serde_json::from_str(&text).expect("it is JSON");
    assert_keys(&json, RUN_KEYS);
    assert_eq!(json["format_version"], 1);
    assert_eq!(json["kind"], "plans");
    assert_eq!(json["status"], "complete");
    assert_eq!(
        json["run_id"],
        *folder.file_name().expect("a name").to_string_lossy()
    );
    assert_keys(&json["environment"], ENVIRONMENT_KEYS);
    assert_eq!(json["environment"]["profile"], "plans");
    assert_eq!(json["environment"]["settings"]["fsync"], "off");
    assert_subject_matter(&json["environment"]);
    assert_keys(&json["timing"], "clone_ms execute_ms total_ms");
    let results = json["results"].as_array().expect("a list");
    assert!(results.len() >= 12, "{} results", results.len());
    for result in results {
        assert_keys(result, RESULT_KEYS);
        assert_keys(&result["buffers"], "hit read dirtied written temp total");
        assert_keys(&result["wal"], "records fpi bytes");
        assert_keys(&result["output"], "bytes pages");
        assert_keys(&result["planning_ms"], SUMMARY_KEYS);
        assert_keys(&result["execution_ms"], SUMMARY_KEYS);
    }
    let mut findings = results
        .iter()
        .flat_map(|one| one["findings"].as_array().expect("a list"));
    findings
        .clone()
        .for_each(|finding| assert_keys(finding, FINDING_KEYS));
    assert!(findings.next().is_some(), "a finding was made");

    assert_results(&store::read(&folder).expect("it reads back"), &folder);
}

/// What was asked for, of which statements and tables.
#[track_caller]
fn assert_subject_matter(environment: &Value) {
    assert_keys(&environment["selection"], "operations variants");
    assert_eq!(environment["selection"]["variants"], json!(WHAT_VARIANTS));
    let queues = "status-partial natural-mistake";
    for key in ["queues", "tables", "statements"] {
        assert_keys(&environment[key], queues);
    }
    let statements = &environment["statements"]["status-partial"];
    let mixed = "complete-mixed/completed complete-mixed/failed complete-mixed/released";
    let measured = format!("fetch fetch-cte complete complete-unnest {mixed}");
    let found = statements.as_object().expect("an object").keys();
    let known: Vec<&str> = measured.split_whitespace().collect();
    let mut unknown = found.filter(|name| !known.contains(&name.as_str()));
    assert_eq!(unknown.next(), None);
    let fetch = statements["fetch"].as_str().expect("SQL");
    assert!(
        fetch.starts_with("update job\nset state = 'running'"),
        "{fetch}"
    );
    assert!(fetch.ends_with("locked_at, payload"), "{fetch}");

    assert_keys(&environment["catalogs"], "heavy-single-queue");
    let catalogs = &environment["catalogs"]["heavy-single-queue"];
    assert_keys(catalogs, queues);
    let job = &catalogs["status-partial"]["relations"][0];
    assert_keys(
        job,
        "name pages rows live_rows dead_rows columns options indexes",
    );
    assert_eq!(
        (&job["name"], &job["rows"]),
        (&json!("job"), &json!(20_000))
    );
    let indexes = job["indexes"].as_array().expect("a list");
    assert!(indexes.len() >= 4, "{indexes:?}");
    for index in indexes {
        assert_keys(index, "name relation columns definition predicate pages");
        let definition = index["definition"].as_str().expect("SQL");
        assert!(definition.starts_with("CREATE "), "{definition}");
    }
}

/// What the numbers have to satisfy among themselves, and the plans they name.
fn assert_results(run: &Run, folder: &std::path::Path) {
    assert_eq!(
        (run.format_version, run.kind),
        (FORMAT_VERSION, RunKind::Plans)
    );
    assert_eq!(run.status, RunStatus::Complete);
    assert_eq!(run.failures, []);
    assert!(run.peak_rss_bytes > 1 << 20, "{}", run.peak_rss_bytes);
    let timing = run.timing;
    assert!(timing.clone_ms > 0.0 && timing.execute_ms > 0.0);
    assert!(
        timing.total_ms >= timing.clone_ms + timing.execute_ms,
        "{timing:?}"
    );
    let mut dumps: Vec<&str> = Vec::new();
    for one in &run.results {
        assert_eq!(one.buffers.total, one.buffers.hit + one.buffers.read);
        let per_row = (one.rows > 0).then(|| one.buffers.total as f64 / one.rows as f64);
        assert_eq!(one.pages_per_row, per_row);
        // The built-in fixtures' payloads are short: nothing is stored out of line.
        let output = one.output.expect("it is recorded");
        assert_eq!((output.bytes > 0, output.pages), (one.rows > 0, 0));
        let summary = &one.execution_ms;
        assert_eq!(summary.n, summary.samples.len());
        assert!(summary.n >= 1 && summary.p50.is_some());
        assert_eq!(summary.p95.is_some(), summary.n >= 20);
        assert_eq!(summary.p99, None, "99 % of {} samples", summary.n);
        let text = fs::read_to_string(folder.join(&one.dump)).expect("the plan is there");
        let plans = Plan::parse(&text).expect("it is EXPLAIN's JSON");
        assert_eq!(plans.len(), 1);
        assert_eq!(digest(&plans[0]), one.digest);
        assert_eq!(plans[0].rows(), one.rows);
        let expected = format!("plans/{}/{}/", one.queue, one.fixture);
        assert!(one.dump.starts_with(&expected), "{}", one.dump);
        dumps.push(&one.dump);
    }
    dumps.sort_unstable();
    dumps.dedup();
    assert_eq!(dumps.len(), run.results.len(), "each has a plan of its own");
}

#[test]
fn percentiles_need_their_samples() {
    let place = Place::with_warm_cache();
    let which = ["--operation", "fetch", "--samples", "20", "--budget", "60"];
    compare_plans(
        &place,
        &[&WHAT[..4], &which, &["--variant", "batch-1"]].concat(),
    )
    .expect_code(0);
    let run = take_run(&place);
    assert!(!run.results.is_empty());
    for one in &run.results {
        let times = &one.execution_ms;
        assert_eq!(times.n, 20);
        assert!(times.p95.is_some() && times.p99.is_none(), "{times:?}");
    }
    // The contract's least, however small the budget.
    let which = ["--operation", "fetch", "--samples", "20", "--budget", "0"];
    compare_plans(
        &place,
        &[&WHAT[..4], &which, &["--variant", "batch-1"]].concat(),
    )
    .expect_code(0);
    for one in &take_run(&place).results {
        assert_eq!((one.execution_ms.n, one.execution_ms.p95), (3, None));
    }
}

#[test]
fn every_format_shows_every_variant() {
    let place = Place::with_warm_cache();
    for format in ["table", "markdown", "csv"] {
        let ran =
            compare_plans(&place, &[&WHAT[..], &["--format", format]].concat()).expect_code(0);
        for name in [
            "many-queues-sparse",
            "status-partial",
            "batch-100-filtered",
            "completed-1",
        ] {
            assert!(
                ran.stdout.contains(name),
                "{name} in {format}:\n{}",
                ran.stdout
            );
        }
        assert!(!ran.stdout.contains('\u{1b}'), "no colour off a terminal");
    }
    let ran = compare_plans(
        &place,
        &[&WHAT[..], &["--format", "csv", "--quiet"]].concat(),
    );
    let ran = ran.expect_code(0);
    assert_eq!(ran.stderr, "", "--quiet says nothing");
    let columns: Vec<usize> = ran
        .stdout
        .lines()
        .map(|line| line.split(',').count())
        .collect();
    assert!(columns.len() > 12 && columns[0] > 10, "{}", ran.stdout);
}

#[test]
fn a_place_that_cannot_be_written_is_refused_before_a_server_starts() {
    let place = Place::new();
    let file = place.write("taken", "a file, not a folder");
    let out = file.join("runs").display().to_string();
    compare_plans(&place, &[&WHAT[..], &["--out", &out]].concat())
        .expect_code(1)
        .expect_said(&["error: ", "cannot", &out, "--out"]);
    assert!(!place.cache().exists(), "nothing was made for a server");
    assert!(servers_in(&place.cache()).is_empty());
}
