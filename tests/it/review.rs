//! `review`: plans of one's own, judged without a server.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use crate::place::Place;
use crate::program::{Ran, bare_command, command, finish};

/// A golden plan.
fn golden(name: &str) -> PathBuf {
    let root = env!("CARGO_MANIFEST_DIR");
    PathBuf::from(format!("{root}/tests/plans/pg15/{name}.json"))
}

/// Puts a golden plan into the place under its own name.
fn kept(place: &Place, name: &str) -> String {
    let file = format!("{name}.json");
    fs::copy(golden(name), place.path().join(&file)).expect("copies");
    file
}

fn review(place: &Place, arguments: &[&str]) -> Ran {
    let all = ["review"].iter().chain(arguments);
    finish(bare_command(crate::program::BINARY, place, all))
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).expect("prints JSON")
}

#[test]
fn a_plan_is_drawn_with_what_is_wrong_at_its_nodes() {
    let place = Place::new();
    let file = kept(&place, "natural-mistake");
    let ran = review(&place, &[&file]).expect_code(0);
    assert_eq!(ran.stderr, "");
    for part in [
        "natural-mistake.json",
        "944 pages",
        "[1] ",
        "└─ Seq Scan task",
        "critical  sort-in-fetch",
        "help ",
        "the statement is not known",
        "1 plan · findings: ",
    ] {
        let text = ran.stdout.replace(",2]", "]").replace("[1]", "[1] ");
        assert!(text.contains(part), "{part}\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}'), "no colour off a terminal");
    let colored = review(&place, &[&file, "--color", "always"]).expect_code(0);
    assert!(
        colored.stdout.contains("\u{1b}[1;31m"),
        "{}",
        colored.stdout
    );
}

#[test]
fn json_is_the_review_as_data() {
    let place = Place::new();
    let files = [
        kept(&place, "natural-mistake"),
        kept(&place, "fetch-array-plain"),
    ];
    let ran = review(&place, &[&files[0], &files[1], "--json"]).expect_code(0);
    let found = json(&ran);
    assert_eq!(found["format_version"], 1);
    let plan = &found["plans"][0];
    assert_eq!(plan["source"]["path"], files[0].as_str());
    assert_eq!(plan["buffers"]["total"], 944);
    assert_eq!(plan["findings"][0]["severity"], "critical");
    assert!(plan["execution_ms"].is_number() && plan["shape"].is_string());
    let without_analyze = &found["plans"][1];
    for key in ["rows", "execution_ms", "buffers", "wal"] {
        assert!(without_analyze[key].is_null(), "{key}");
    }
    assert!(
        without_analyze["notes"][0]
            .as_str()
            .is_some_and(|note| note.contains("analyze"))
    );
}

#[test]
fn standard_input_is_read_and_a_reader_may_leave_early() {
    let place = Place::new();
    let mut asked = command(&place, ["review", "-"]);
    asked
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = asked.spawn().expect("starts");
    let text = fs::read(golden("fetch-array")).expect("reads");
    child
        .stdin
        .take()
        .expect("has one")
        .write_all(&text)
        .expect("writes");
    let output = child.wait_with_output().expect("ends");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && shown.contains("no findings"),
        "{shown}"
    );

    // Nobody reads what is printed.
    let mut asked = command(&place, ["review", "--json"]);
    asked.args([golden("fetch-array"), golden("gather")]);
    asked.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = asked.spawn().expect("starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_is_reviewed() {
    let place = Place::new();
    let file = kept(&place, "natural-mistake");
    let whole = fs::read_to_string(golden("gather")).expect("reads");
    let write =
        |name: &str, bytes: &[u8]| fs::write(place.path().join(name), bytes).expect("writes");
    write("half.json", &whole.as_bytes()[..whole.len() / 2]);
    write("noise.bin", &[0, 159, 146, 150, 255, 0, 1, 2]);
    write("empty.json", b"");
    let names = [
        "missing.json",
        "half.json",
        &file,
        "noise.bin",
        "empty.json",
    ];
    let ran = review(&place, &names).expect_code(1);
    for name in ["missing.json", "half.json", "noise.bin", "empty.json"] {
        let said = ran
            .stderr
            .lines()
            .filter(|line| line.starts_with(&format!("error: {name}")));
        assert_eq!(said.count(), 1, "{name}\n{}", ran.stderr);
    }
    assert!(ran.stdout.contains("sort-in-fetch"), "{}", ran.stdout);
    // A gate does not hide that something could not be read.
    review(&place, &[&file, "missing.json", "--fail-on", "note"]).expect_code(1);
    let nothing = review(&place, &["missing.json"]).expect_code(1);
    assert_eq!(nothing.stdout, "");
    let as_data = json(&review(&place, &["missing.json", "--json"]).expect_code(1));
    assert_eq!(as_data["problems"][0]["source"]["path"], "missing.json");
}

#[test]
fn a_gate_fails_on_findings_of_a_severity_or_worse() {
    let place = Place::new();
    let [bad, good] = ["natural-mistake", "fetch-array"].map(|name| kept(&place, name));
    for severity in ["note", "warning", "critical"] {
        let gated = |file: &str| review(&place, &[file, "--fail-on", severity]);
        let ran = gated(&bad).expect_code(3);
        assert!(ran.stdout.contains("sort-in-fetch"), "what failed is shown");
        gated(&good).expect_code(0);
    }
    review(&place, &[&bad]).expect_code(0);
    for wrong in [
        &["--fail-on", "error", &bad][..],
        &["--format", "csv", &bad],
        &["--json", "--format", "json", &bad],
        &["--top", "x", &bad],
        &[],
    ] {
        review(&place, wrong).expect_code(2);
    }
}

#[test]
fn anonymous_output_names_nothing() {
    let place = Place::new();
    let file = kept(&place, "natural-mistake");
    for format in ["table", "markdown", "json"] {
        let arguments = [&file, "--anonymize", "--format", format];
        let ran = review(&place, &arguments).expect_code(0);
        for name in [
            "task",
            "priority",
            "run_at",
            "payload",
            "natural-mistake",
            "'q1'",
        ] {
            assert!(!ran.stdout.contains(name), "{name}\n{}", ran.stdout);
        }
        assert!(
            ran.stdout.contains("table_1") && ran.stdout.contains("sort-in-fetch"),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn of_many_plans_as_many_are_shown_as_asked_for() {
    let place = Place::new();
    let files: Vec<String> = ["natural-mistake", "gather", "bitmap", "append"]
        .iter()
        .map(|name| kept(&place, name))
        .collect();
    let mut arguments: Vec<&str> = files.iter().map(String::as_str).collect();
    arguments.extend(["--top", "1"]);
    let ran = review(&place, &arguments).expect_code(0);
    assert!(
        ran.stdout.starts_with("Plans, worst first"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("the worst plan is shown, 3 are not: --top 4 shows all"),
        "{}",
        ran.stdout
    );
    let help = review(&place, &["--help"]).expect_code(0);
    assert!(
        help.stdout.contains("Examples:") && help.stdout.contains("--anonymize"),
        "{}",
        help.stdout
    );
}
