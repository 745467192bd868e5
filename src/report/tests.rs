//! Tests of whole reports.

use std::path::Path;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::text::{inert, width};
use super::{Format, Layout, render};
use crate::finding::{Finding, Severity};
use crate::run::plan_result::{GenericShape, PlanMode, PlanResult, Summary};
use crate::run::{Failure, Run, RunStatus, sample};

fn plain(width: usize) -> Layout<'static> {
    Layout {
        width,
        color: false,
        folder: Some(Path::new("to-analyse/20261121T091304Z-plans-3f9a")),
    }
}

/// The sample, stopped before its last fixture was through.
fn interrupted() -> Run {
    let mut run = sample::run();
    run.status = RunStatus::Interrupted;
    run.failures.clear();
    run.results.retain(|result| {
        result.fixture != "future-rows"
            || result.queue != "full-btree" && result.operation == "fetch"
    });
    run
}

#[test]
fn table_of_100_columns() {
    assert_snapshot!(render(&sample::run(), Format::Table, plain(100)));
}

#[test]
fn table_of_160_columns() {
    assert_snapshot!(render(&sample::run(), Format::Table, plain(160)));
}

/// Built-in names as long as they get and numbers as large as a million jobs make them.
fn realistic() -> Run {
    let mut run = sample::run();
    let template = run.results.swap_remove(0);
    let measured = |statement: &str, variant: &str, rows: u64, pages: u64, milliseconds: f64| {
        let mut result = template.clone();
        (result.queue, result.operation) =
            ("natural-mistake".to_owned(), statement[..5].to_owned());
        (result.statement, result.variant) = (statement.to_owned(), variant.to_owned());
        (result.rows, result.buffers.total) = (rows, pages);
        result.wal.bytes = rows * 1_234;
        result.pages_per_row = Some(pages as f64 / rows as f64);
        result.planning_ms = Summary::of(vec![0.0415; 20]);
        result.execution_ms = Summary::of(vec![milliseconds; 20]);
        result.generic_shape = GenericShape::Differs;
        result
    };
    run.results.truncate(1);
    for (statement, variant, rows) in [
        ("fetch-cte", "batch-1000-filtered", 1_000),
        ("fetch", "batch-1", 1),
        ("complete-mixed/completed", "mixed-100", 80),
        ("complete-unnest", "completed-1000", 1_000_000),
    ] {
        let custom = measured(statement, variant, rows, 12_119, 0.0873);
        let mut generic = measured(statement, variant, rows, 1_013_877, 12_345.678);
        generic.plan_mode = PlanMode::Generic;
        generic.auto_plan = Some(PlanMode::Generic);
        let all = sample::run();
        let found = all.results.into_iter().flat_map(|result| result.findings);
        let findings = found.filter(|finding| finding.severity != Severity::Warning);
        generic.findings.extend(findings);
        run.results.extend([custom, generic]);
    }
    run
}

#[test]
fn every_column_fits_100_and_160_columns() {
    for columns in [100, 160] {
        let text = render(&realistic(), Format::Table, plain(columns));
        let heads = text.lines().take_while(|line| !line.starts_with('─'));
        let heads: Vec<&str> = heads.flat_map(str::split_whitespace).collect();
        for head in [
            "statement",
            "mode",
            "rows",
            "pages",
            "/row",
            "B/row",
            "p95",
            "plan",
        ] {
            assert!(
                heads.contains(&head),
                "no {head} in {columns} columns:\n{text}"
            );
        }
        assert_eq!(
            heads.iter().filter(|head| **head == "p50").count(),
            2,
            "{text}"
        );
        assert!(heads.iter().any(|head| head.ends_with("ings")), "{text}");
        for number in [
            "1,000,000",
            "1,013,877",
            "1,234",
            "0.042",
            "0.087",
            "12,346",
            "1,014",
        ] {
            let mut words = text.split_whitespace();
            assert!(
                words.any(|word| word == number),
                "no {number} in {columns} columns:\n{text}"
            );
        }
        let widest = text.lines().map(width).max();
        assert!(widest <= Some(columns), "{widest:?} > {columns}:\n{text}");
    }
}

#[test]
fn table_of_built_in_names() {
    assert_snapshot!(render(&realistic(), Format::Table, plain(100)));
}

#[test]
fn both_plans_of_a_variant_are_said_once() {
    let mut run = sample::run();
    run.results
        .retain(|result| result.queue == "full-btree" && result.fixture == "future-rows");
    run.failures.clear();
    let (custom, generic) = (run.results[2].clone(), &mut run.results[3]);
    assert_eq!(custom.variant, generic.variant);
    generic.auto_plan = Some(PlanMode::Custom);
    for finding in custom.findings {
        let node = finding.node.map(|node| format!("Incremental {node}"));
        generic.findings.push(Finding {
            severity: Severity::Note,
            node,
            ..finding
        });
    }
    let text = render(&run, Format::Table, plain(100));
    assert_eq!(
        text.matches("sort-in-fetch  full-btree").count(),
        1,
        "{text}"
    );
    assert!(
        text.contains("note, as never chosen: its generic plan\n"),
        "{text}"
    );
    assert!(
        text.contains("4 findings: 1 critical, 1 warning, 2 notes"),
        "{text}"
    );
}

#[test]
fn plans_that_read_the_same_share_a_letter() {
    let mut run = realistic();
    for (position, result) in run.results.iter_mut().enumerate() {
        result.shape = format!("{position:012x}");
    }
    let text = render(&run, Format::Table, plain(100));
    let digest = &run.results[1].digest[..40];
    assert_eq!(text.matches(digest).count(), 1, "{text}");
}

#[test]
fn table_wide_enough_for_plans() {
    let mut run = sample::run();
    run.results.truncate(3);
    assert_snapshot!(render(&run, Format::Table, plain(240)));
}

#[test]
fn table_in_colour() {
    let mut run = sample::run();
    run.results.truncate(9);
    let text = render(
        &run,
        Format::Table,
        Layout {
            color: true,
            ..plain(100)
        },
    );
    assert_snapshot!(text.replace('\u{1b}', "ESC"));
}

#[test]
fn table_of_an_interrupted_run() {
    assert_snapshot!(render(&interrupted(), Format::Table, plain(100)));
}

#[test]
fn table_of_a_run_that_measured_nothing() {
    let mut run = sample::run();
    run.results.clear();
    run.status = RunStatus::Failed;
    assert_snapshot!(render(&run, Format::Table, plain(100)));
}

/// The sample on three versions, the newest of which plans, writes and settles otherwise.
fn several_versions() -> Run {
    let mut run = sample::run();
    run.failures.clear();
    run.results
        .retain(|result| result.fixture == "heavy-single-queue");
    let oldest = run.results.clone();
    let lacking = std::mem::take(&mut run.environment.server.limitations);
    for (version, limitations) in [("14.23", lacking), ("18.4 (Debian 18.4-1)", Vec::new())] {
        let mut server = run.environment.server.clone();
        server.server_version = version.to_owned();
        server.build = format!("x86_64-pc-linux-gnu, compiled by gcc of {version}, 64-bit");
        server.limitations = limitations;
        run.environment.other_servers.push(server);
        let postgres = version.split(' ').next().expect("a version");
        run.results.extend(oldest.iter().cloned().map(|mut result| {
            result.postgres = postgres.to_owned();
            result
        }));
    }
    for result in run
        .results
        .iter_mut()
        .filter(|result| result.postgres == "18.4")
    {
        match (result.variant.as_str(), result.plan_mode) {
            ("batch-1", _) => result.buffers.total += 3,
            ("batch-100", _) => {
                result.auto_plan = Some(PlanMode::Generic);
                result.buffers.total += 10;
            }
            ("batch-10", PlanMode::Generic) => {
                (result.shape, result.digest) =
                    ("5eed".to_owned(), "Update ← Seq Scan job".to_owned());
                result.wal.bytes *= 3;
            }
            ("batch-10", PlanMode::Custom) => result.buffers.total += 1,
            _ => {}
        }
    }
    // Not measured on one of them.
    run.results
        .retain(|result| result.postgres != "15.18" || result.variant != "completed-100");
    run
}

#[test]
fn table_of_several_server_versions() {
    assert_snapshot!(render(&several_versions(), Format::Table, plain(100)));
}

#[test]
fn versions_that_do_not_fit_beside_each_other() {
    let mut run = several_versions();
    let template = run.results.clone();
    for version in 20..30 {
        run.results
            .extend(template.iter().cloned().map(|mut result| {
                result.postgres = format!("{version}.1");
                result
            }));
    }
    let text = render(&run, Format::Table, plain(60));
    assert!(text.contains("14.23≈: B 24,494 · "), "{text}");
    let widest = text.lines().map(width).max();
    assert!(widest <= Some(60), "{text}");
}

#[test]
fn a_single_version_is_compared_with_nothing() {
    for format in [Format::Table, Format::Markdown] {
        assert!(!render(&sample::run(), format, plain(100)).contains("From version to version"));
    }
}

#[test]
fn versions_that_agree_are_folded_into_a_line() {
    let mut run = several_versions();
    let first = run.results[0].clone();
    run.results.truncate(1);
    run.results.push(PlanResult {
        postgres: "18.4".to_owned(),
        ..first
    });
    let text = render(&run, Format::Table, plain(100));
    let (comparison, _) = text.split_once("In full below").expect("a comparison");
    assert!(
        comparison.contains("\n1 plan unchanged in shape, pages and WAL\n"),
        "{text}"
    );
    assert!(!comparison.contains("what changed"), "{text}");
}

#[test]
fn markdown_of_several_server_versions() {
    let mut run = several_versions();
    run.results
        .retain(|result| result.queue == "status-partial");
    assert_snapshot!(render(&run, Format::Markdown, plain(100)));
}

#[test]
fn every_result_of_csv_names_what_its_own_server_lacks() {
    let text = render(&several_versions(), Format::Csv, plain(100));
    for line in text.lines().skip(1) {
        let lacking = line.contains(",14.23,");
        assert_eq!(line.ends_with(".json,buffers"), lacking, "{line}");
        assert_eq!(line.ends_with(".json,"), !lacking, "{line}");
    }
}

#[test]
fn markdown() {
    assert_snapshot!(render(&sample::run(), Format::Markdown, plain(100)));
}

#[test]
fn markdown_of_an_interrupted_run() {
    let mut run = interrupted();
    run.results.truncate(1);
    assert_snapshot!(render(&run, Format::Markdown, plain(100)));
}

#[test]
fn csv() {
    let mut run = sample::run();
    run.results.truncate(5);
    assert_snapshot!(render(&run, Format::Csv, plain(100)).replace("\r\n", "\n"));
}

#[test]
fn json() {
    let mut run = sample::run();
    run.results.drain(..2);
    run.results.truncate(1);
    run.results[0].planning_ms = Summary::of(vec![0.25]);
    run.results[0].execution_ms = Summary::of(vec![206.5, 205.25]);
    assert_snapshot!(render(&run, Format::Json, plain(100)));
}

#[test]
fn a_format_has_one_name() {
    assert_eq!(
        Format::ALL.map(Format::name),
        ["table", "json", "markdown", "csv", "matrix"]
    );
}

fn any_mode() -> impl Strategy<Value = PlanMode> {
    prop_oneof![Just(PlanMode::Custom), Just(PlanMode::Generic)]
}

fn any_finding() -> impl Strategy<Value = Finding> {
    let severity = prop_oneof![
        Just(Severity::Note),
        Just(Severity::Warning),
        Just(Severity::Critical)
    ];
    let figures =
        prop::collection::btree_map(any::<String>(), any::<u32>().prop_map(Into::into), 0..3);
    (
        any::<[String; 3]>(),
        severity,
        any::<Option<String>>(),
        figures,
    )
        .prop_map(|(texts, severity, node, evidence)| {
            let [rule, message, help] = texts;
            Finding {
                rule,
                severity,
                message,
                help,
                node,
                evidence,
            }
        })
}

fn any_summary() -> impl Strategy<Value = Summary> {
    prop::collection::vec(prop_oneof![0.0..1e9, Just(0.0), Just(1e300)], 0..25)
        .prop_map(Summary::of)
}

/// Results with few different names, so that groups and pairs come about, and with any text in them.
fn any_result() -> impl Strategy<Value = PlanResult> {
    let name = || {
        prop_oneof![
            Just("fetch".to_owned()),
            Just("batch-10".to_owned()),
            any::<String>(),
            "[a-z-]{1,60}"
        ]
    };
    let shape = prop_oneof![
        Just(GenericShape::Same),
        Just(GenericShape::Differs),
        Just(GenericShape::None)
    ];
    let count = || prop_oneof![0_u64..100, any::<u64>()];
    (
        prop::array::uniform6(name()),
        (any_mode(), prop::option::of(any_mode()), shape),
        (
            count(),
            count(),
            count(),
            prop::option::of(
                any::<f64>().prop_filter("JSON has no others", |pages| pages.is_finite()),
            ),
        ),
        (any_summary(), any_summary()),
        prop::collection::vec(any_finding(), 0..4),
    )
        .prop_map(|(names, modes, counts, times, findings)| {
            let mut result = sample::run().results.swap_remove(0);
            let [queue, fixture, operation, variant, statement, digest] = names;
            (result.queue, result.fixture, result.operation) = (queue, fixture, operation);
            (result.variant, result.statement, result.digest) = (variant, statement, digest);
            (result.plan_mode, result.auto_plan, result.generic_shape) = modes;
            (
                result.rows,
                result.buffers.total,
                result.wal.bytes,
                result.pages_per_row,
            ) = counts;
            (result.planning_ms, result.execution_ms) = times;
            result.findings = findings;
            result
        })
}

fn any_run() -> impl Strategy<Value = Run> {
    let status = prop_oneof![
        Just(RunStatus::Complete),
        Just(RunStatus::Interrupted),
        Just(RunStatus::Running)
    ];
    (
        prop::collection::vec(any_result(), 0..6),
        any::<[String; 4]>(),
        status,
    )
        .prop_map(|(results, texts, status)| {
            let mut run = sample::run();
            run.results.truncate(2);
            run.results.extend(results);
            run.status = status;
            let [message, variant, limitation, version] = texts;
            let mut failure: Failure = run.failures[0].clone();
            (failure.message, failure.variant) = (message, Some(variant));
            run.failures.push(failure);
            run.environment.server.limitations[0].message = limitation;
            run.environment.server.server_version = version;
            run
        })
}

/// The text without the colours this program knows.
fn uncoloured(text: &str) -> String {
    ["0", "1", "2", "33", "36", "1;31"]
        .iter()
        .fold(text.to_owned(), |text, code| {
            text.replace(&format!("\u{1b}[{code}m"), "")
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_line_is_wider_than_asked(run in any_run(), columns in 80_usize..200, color in any::<bool>()) {
        let text = uncoloured(&render(&run, Format::Table, Layout { color, ..plain(columns) }));
        for line in text.lines() {
            prop_assert!(width(line) <= columns, "{} > {columns}: {line}", width(line));
        }
        prop_assert_eq!(inert(&text.replace('\n', "")), text.replace('\n', ""), "nothing acts on a terminal");
    }

    #[test]
    fn numbers_never_break(run in any_run(), columns in 80_usize..200) {
        let text = render(&run, Format::Table, plain(columns));
        for result in &run.results {
            let pages = crate::units::Count(result.buffers.total).to_string();
            prop_assert!(text.contains(&pages), "{pages} in {text}");
        }
    }

    #[test]
    fn json_reads_back_as_the_run(run in any_run()) {
        let text = render(&run, Format::Json, plain(100));
        prop_assert_eq!(serde_json::from_str::<Run>(&text).unwrap(), run);
    }

    #[test]
    fn csv_has_a_line_a_result(run in any_run()) {
        let text = render(&run, Format::Csv, plain(100));
        prop_assert_eq!(text.matches("\r\n").count(), run.results.len() + 1);
        prop_assert_eq!(inert(&text.replace("\r\n", "")), text.replace("\r\n", ""));
    }

    #[test]
    fn markdown_is_inert(run in any_run()) {
        let text = render(&run, Format::Markdown, plain(100));
        prop_assert_eq!(inert(&text.replace('\n', "")), text.replace('\n', ""));
    }
}
