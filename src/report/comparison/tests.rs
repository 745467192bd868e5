//! Tests of whole comparisons.

use std::path::Path;

use insta::assert_snapshot;
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::sample;
use crate::plan::{NodeChange, OutlineNode};
use crate::report::text::{inert, width};
use crate::report::{ComparisonFormat, Layout, render_comparison};
use crate::run::comparison::sample as compared;
use crate::run::comparison::{
    Cause, ComparedPlan, Comparison, Effect, Reason, TimeTest, Times, Verdict, VerdictCounts,
};
use crate::run::plan_result::PlanMode;

/// Characters GitHub takes for a comment.
const GITHUB: usize = 65_536;

fn plain(width: usize) -> Layout<'static> {
    Layout {
        width,
        color: false,
        folder: Some(Path::new("to-analyse/20261121T091304Z-plans-3f9a")),
    }
}

fn render(comparison: &Comparison, format: ComparisonFormat) -> String {
    render_comparison(comparison, format, plain(100))
}

#[test]
fn table_of_100_columns() {
    assert_snapshot!(render(&sample::comparison(), ComparisonFormat::Table));
}

#[test]
fn table_of_160_columns() {
    let text = render_comparison(&sample::comparison(), ComparisonFormat::Table, plain(160));
    assert_snapshot!(text);
}

#[test]
fn table_in_colour() {
    let mut comparison = sample::comparison();
    comparison.plans.truncate(1);
    comparison.verdicts = VerdictCounts::of(&comparison.plans);
    let layout = Layout {
        color: true,
        ..plain(100)
    };
    let text = render_comparison(&comparison, ComparisonFormat::Table, layout);
    assert_snapshot!(text.replace('\u{1b}', "ESC"));
}

#[test]
fn markdown() {
    assert_snapshot!(render(&sample::comparison(), ComparisonFormat::Markdown));
}

#[test]
fn junit() {
    let mut comparison = sample::comparison();
    // One of each story.
    comparison
        .plans
        .retain(|plan| plan.fixture != "future-rows" && plan.variant != "batch-10");
    comparison.verdicts = VerdictCounts::of(&comparison.plans);
    assert_snapshot!(render(&comparison, ComparisonFormat::Junit));
}

#[test]
fn what_is_unchanged_is_said_in_few_lines() {
    let lines = |comparison: &Comparison, format| -> Vec<String> {
        let text = render_comparison(
            comparison,
            format,
            Layout {
                folder: None,
                ..plain(100)
            },
        );
        text.lines().map(str::to_owned).collect()
    };
    assert_eq!(
        lines(&sample::quiet(), ComparisonFormat::Table),
        [
            "unchanged: all 4 plans",
            "  first   main (run 20261120T170509Z-plans-77b0) on PostgreSQL 18.4",
            "  second  to-analyse/20261121T091304Z-plans-3f9a on PostgreSQL 18.4"
        ]
    );
    let markdown = lines(&sample::quiet(), ComparisonFormat::Markdown);
    assert_eq!(markdown.len(), 5, "{markdown:#?}");
    assert_eq!(markdown[2], "**Unchanged: all 4 plans**");
}

#[test]
fn runs_that_differ_otherwise_say_so() {
    assert_snapshot!(render(&sample::unlike(), ComparisonFormat::Table));
    let text = render(&sample::unlike(), ComparisonFormat::Markdown);
    let caveat = "\n> The runs differ in more than what is compared, so the figures may differ for that reason: setting work\\_mem: 4MB → 64MB; PostgreSQL: 17.10 → 18.4.\n";
    assert!(text.contains(caveat), "{text}");
}

#[test]
fn every_reason_that_compare_gives_is_told() {
    let comparison = compared::comparison();
    let said = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let table = said(&render(&comparison, ComparisonFormat::Table));
    let junit = render(&comparison, ComparisonFormat::Junit);
    let is_worse = |reason: &&Reason| reason.effect == Effect::Worse;
    let reasons: Vec<&Reason> = comparison
        .plans
        .iter()
        .flat_map(|plan| plan.reasons.iter().filter(is_worse))
        .collect();
    assert!(reasons.len() > 5, "{reasons:?}");
    for reason in reasons {
        let escaped = quick_xml::escape::escape(reason.message.as_str());
        assert!(
            junit.contains(escaped.as_ref()),
            "{} in {junit}",
            reason.message
        );
        // Bare figures stand in columns.
        if !matches!(
            reason.what,
            Cause::PagesPerRow | Cause::WalPerRow | Cause::RowsRemovedPerRow | Cause::Time
        ) {
            assert!(
                table.contains(&said(&reason.message)),
                "{} in {table}",
                reason.message
            );
        }
    }
}

#[test]
fn another_plan_at_the_same_cost_is_listed_and_counted() {
    let mut plan = sample::unchanged("batch-10");
    plan.reasons = vec![Reason {
        what: Cause::Shape,
        effect: Effect::Neutral,
        message: "another plan, with the same pages per row".to_owned(),
    }];
    let second = plan.second.as_mut().expect("measured");
    second.digest = "Update ← Bitmap Heap Scan job".to_owned();
    let mut other = plan.clone();
    other.variant = "batch-100".to_owned();
    let comparison = Comparison {
        changes: Vec::new(),
        unpaired: Vec::new(),
        not_measured: Vec::new(),
        ..sample::of(vec![plan, other, sample::unchanged("batch-1")])
    };
    let table = render_comparison(&comparison, ComparisonFormat::Table, plain(160));
    let line = "\nunchanged  complete  batch-10, batch-100 on heavy-single-queue: \
                Update ← Index Scan job_pkey → Update ← Bitmap Heap Scan job\n";
    assert!(table.contains(line), "{table}");
    let counts = "3 plans: 3 unchanged, 2 of them with another plan\n";
    assert!(table.contains(counts), "{table}");
    let comment = render(&comparison, ComparisonFormat::Markdown);
    for part in [
        "**Unchanged: all 3 plans, 2 of them with another plan**\n",
        "\n- unchanged `complete` batch-10, batch-100 on heavy-single-queue: \
         `Update ← Index Scan job_pkey` → `Update ← Bitmap Heap Scan job`\n",
    ] {
        assert!(comment.contains(part), "{comment}");
    }
    let junit = render(&comparison, ComparisonFormat::Junit);
    assert_eq!(junit.matches("<system-out>").count(), 2, "{junit}");
}

#[test]
fn plans_of_one_statement_are_one_row_and_one_entry() {
    let comparison = sample::comparison();
    let table = render(&comparison, ComparisonFormat::Table);
    assert_eq!(table.matches("regressed  fetch  ").count(), 1, "{table}");
    let comment = render(&comparison, ComparisonFormat::Markdown);
    assert_eq!(comment.matches("| `fetch` |").count(), 1, "{comment}");
    let (open, _) = comment.split_once("<details>").expect("folded parts");
    assert!(open.lines().count() <= 45, "{open}");
    let said = open.matches("the index is gone").count();
    assert_eq!(said, 1, "{open}");
}

#[test]
fn nothing_to_compare_is_no_success() {
    let text = render(&sample::of(Vec::new()), ComparisonFormat::Table);
    assert!(
        text.starts_with("nothing compared: no plan is in both runs\n"),
        "{text}"
    );
}

/// One plan on two servers, worse on the newer, its samples taken in turns.
fn in_turns() -> Comparison {
    let slower = TimeTest {
        p_value: 0.000_02,
        p_adjusted: 0.000_31,
        shift_ms: 0.42,
        low_ms: 0.31,
        high_ms: 0.55,
        half_shifts_ms: [0.4, 0.44],
        real: true,
    };
    let mut plan = sample::unchanged("batch-10");
    plan.verdict = Verdict::Regressed;
    plan.reasons = vec![Reason {
        what: Cause::Time,
        effect: Effect::Worse,
        message: "execution time 0.210 ms → 0.630 ms (3.0×)".to_owned(),
    }];
    plan.times = Some(Times {
        first_p50: 0.21,
        second_p50: 0.63,
        test: Some(slower),
    });
    let mut older = sample::unchanged("batch-10");
    older.postgres = "15.18".to_owned();
    Comparison {
        changes: Vec::new(),
        unpaired: Vec::new(),
        not_measured: Vec::new(),
        ..sample::of(vec![older, plan])
    }
}

#[test]
fn a_time_that_decides_is_told_with_its_test() {
    let text = render(&in_turns(), ComparisonFormat::Table);
    let line =
        "\n  execution time, ms  0.210 → 0.630  +0.420 ms (0.310 … 0.550), p 0.000310 after Holm\n";
    assert!(text.contains(line), "{text}");
    assert!(!text.contains("decide nothing"), "{text}");
    assert!(
        text.contains("\nregressed  complete  batch-10 on heavy-single-queue (PostgreSQL 18.4)\n"),
        "{text}"
    );
}

#[test]
fn test_cases_of_several_servers_have_names_of_their_own() {
    let text = render(&in_turns(), ComparisonFormat::Junit);
    for server in ["15.18", "18.4"] {
        let name = format!("name=\"complete batch-10 custom (PostgreSQL {server})\"");
        assert_eq!(text.matches(&name).count(), 1, "{text}");
    }
}

#[test]
fn what_is_worst_comes_first() {
    let mut plans = sample::comparison().plans;
    plans.reverse();
    let text = render(&sample::of(plans), ComparisonFormat::Table);
    let statements: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once("  "))
        .filter(|(verdict, _)| {
            [
                "regressed",
                "inconclusive",
                "improved",
                "appeared",
                "vanished",
            ]
            .contains(verdict)
        })
        .filter_map(|(_, rest)| rest.split(' ').next())
        .collect();
    assert_eq!(statements[0], "fetch", "{text}");
    assert_eq!(
        statements[5..],
        ["heartbeat", "prune", "step-load", "step-save"],
        "{text}"
    );
}

#[test]
fn a_plan_that_is_never_chosen_comes_behind_those_that_are() {
    let mut plans = sample::comparison().plans;
    plans.retain(|plan| plan.statement == "fetch" || plan.statement == "inspect");
    for plan in plans.iter_mut().filter(|plan| plan.statement == "fetch") {
        plan.plan_mode = PlanMode::Generic;
    }
    let text = render(&sample::of(plans), ComparisonFormat::Table);
    let position = |text: &str, entry| text.find(entry).expect("an entry");
    assert!(
        position(&text, "\nregressed  inspect") < position(&text, "\nregressed  fetch"),
        "{text}"
    );
}

#[test]
fn a_comment_stays_below_what_github_takes() {
    let template = sample::comparison();
    let mut plans = Vec::new();
    for number in 0..400 {
        for plan in &template.plans {
            let mut plan = plan.clone();
            plan.statement = format!("{}-{number}-{}", plan.statement, "@|<".repeat(300));
            plan.queue = format!("queue-{number}");
            plans.push(plan);
        }
    }
    let mut comparison = sample::of(plans);
    comparison.first.name = "@".repeat(100_000);
    let changes = template.changes.iter().cycle().take(500).cloned();
    comparison.changes = changes.collect();
    let text = render(&comparison, ComparisonFormat::Markdown);
    assert!(text.chars().count() < GITHUB, "{}", text.chars().count());
    assert!(
        text.contains("Left out, as a comment holds no more: "),
        "{text}"
    );
    assert!(text.contains("<summary>What the terms mean</summary>"));
    let opened = text.matches("<details>").count();
    assert_eq!(opened, text.matches("</details>").count());
}

#[test]
fn a_format_has_one_name() {
    assert_eq!(
        ComparisonFormat::ALL.map(ComparisonFormat::name),
        ["table", "json", "markdown", "junit"]
    );
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("fetch".to_owned()),
        any::<String>(),
        "[a-z @`|<>*-]{1,80}",
        Just("a\u{1b}[31m]]>\u{fffe}\u{0}\n</failure>\t`@team`".to_owned())
    ]
}

fn any_node() -> impl Strategy<Value = OutlineNode> {
    let texts = prop::array::uniform4(any_text());
    let conditions = prop::collection::vec(any_text(), 0..3);
    let counts = prop::array::uniform3(prop_oneof![0_u64..1_000, any::<u64>()]);
    (0_usize..40, texts, conditions, counts).prop_map(|(depth, texts, conditions, counts)| {
        let [node, role, relation, alias] = texts;
        OutlineNode {
            depth,
            node,
            role,
            relation,
            alias,
            conditions,
            rows: counts[0],
            rows_removed: counts[1],
            pages: counts[2],
            wal_bytes: 0,
        }
    })
}

fn any_change() -> impl Strategy<Value = NodeChange> {
    let side = || prop::option::of(any_node());
    (side(), side(), any::<bool>()).prop_map(|(first, second, changed)| NodeChange {
        first,
        second,
        changed,
    })
}

fn any_plan() -> impl Strategy<Value = ComparedPlan> {
    let plans = sample::comparison().plans;
    let times = prop::option::of(any::<[f64; 2]>());
    (
        prop::sample::select(plans),
        prop::array::uniform6(any_text()),
        prop::array::uniform4(prop_oneof![0_u64..1_000, any::<u64>()]),
        prop::collection::vec(any_change(), 0..12),
        times,
    )
        .prop_map(|(mut plan, texts, counts, nodes, times)| {
            let [queue, fixture, statement, variant, message, digest] = texts;
            (plan.queue, plan.fixture) = (queue, fixture);
            (plan.statement, plan.variant) = (statement, variant);
            if let Some(reason) = plan.reasons.first_mut() {
                reason.message.clone_from(&message);
            }
            for finding in &mut plan.findings_came {
                finding.help.clone_from(&message);
                finding.message.clone_from(&digest);
            }
            if let Some(second) = &mut plan.second {
                (second.rows, second.pages) = (counts[0], counts[1]);
                (second.wal.bytes, second.rows_removed) = (counts[2], Some(counts[3]));
                second.digest = digest;
            }
            plan.nodes = nodes;
            plan.times = times.map(|[first_p50, second_p50]| Times {
                first_p50,
                second_p50,
                test: None,
            });
            plan
        })
}

fn any_comparison() -> impl Strategy<Value = Comparison> {
    (
        prop::collection::vec(any_plan(), 0..8),
        prop::array::uniform6(any_text()),
    )
        .prop_map(|(plans, texts)| {
            let queue = plans.first().map(|plan| plan.queue.clone());
            let mut comparison = sample::of(plans);
            let [name, server, index, words, line, unpaired] = texts;
            comparison.first.name = name;
            comparison.second.servers = vec![server];
            let change = &mut comparison.changes[0];
            change.queue = queue.unwrap_or_default();
            change.indexes_gone = vec![index];
            change.statements[0].words = vec![words];
            change.statements[0].lines.push(line);
            comparison.unpaired[0].queue = unpaired;
            comparison.unlike = sample::unlike().unlike;
            comparison
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

/// Whether no mention stands outside of code.
fn is_without_mentions(text: &str) -> bool {
    let mut in_block = false;
    text.lines().all(|line| {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        in_block || !outside_of_code(line).replace("@<!-- -->", "").contains('@')
    })
}

fn outside_of_code(line: &str) -> String {
    let mut outside = String::new();
    let (mut in_code, mut is_escaped) = (false, false);
    for character in line.chars() {
        match character {
            '`' if in_code || !is_escaped => in_code = !in_code,
            _ if in_code => (),
            _ => outside.push(character),
        }
        is_escaped = character == '\\' && !in_code && !is_escaped;
    }
    outside
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_line_is_wider_than_asked(comparison in any_comparison(), columns in 60_usize..200, color in any::<bool>()) {
        let layout = Layout { color, ..plain(columns) };
        let text = uncoloured(&render_comparison(&comparison, ComparisonFormat::Table, layout));
        for line in text.lines() {
            prop_assert!(width(line) <= columns, "{} > {columns}: {line}", width(line));
        }
        prop_assert_eq!(inert(&text.replace('\n', "")), text.replace('\n', ""), "nothing acts on a terminal");
    }

    #[test]
    fn markdown_is_inert(comparison in any_comparison()) {
        let text = render(&comparison, ComparisonFormat::Markdown);
        prop_assert_eq!(inert(&text.replace('\n', "")), text.replace('\n', ""));
        prop_assert!(is_without_mentions(&text), "{}", text);
    }

    #[test]
    fn json_reads_back(comparison in any_comparison()) {
        let text = render(&comparison, ComparisonFormat::Json);
        let finite = |plan: &ComparedPlan| {
            plan.times.as_ref().is_none_or(|times| times.first_p50.is_finite() && times.second_p50.is_finite())
        };
        if comparison.plans.iter().all(finite) {
            prop_assert_eq!(serde_json::from_str::<Comparison>(&text).unwrap(), comparison);
        }
    }

    #[test]
    fn junit_is_well_formed_and_has_every_plan(comparison in any_comparison()) {
        let text = render(&comparison, ComparisonFormat::Junit);
        let allowed = |character: char| character == '\n' || !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}');
        prop_assert!(text.chars().all(allowed), "{}", text);
        let mut reader = Reader::from_str(&text);
        let (mut cases, mut failures, mut errors) = (0, 0, 0);
        loop {
            match reader.read_event().map_err(|error| TestCaseError::fail(error.to_string()))? {
                Event::Start(element) | Event::Empty(element) => {
                    for attribute in element.attributes() {
                        prop_assert!(attribute.is_ok(), "{}", text);
                    }
                    cases += usize::from(element.name().as_ref() == "testcase");
                    failures += usize::from(element.name().as_ref() == "failure");
                    errors += usize::from(element.name().as_ref() == "error");
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let counts = comparison.verdicts;
        prop_assert_eq!((cases, failures, errors), (comparison.plans.len(), counts.regressed, counts.inconclusive));
    }
}
