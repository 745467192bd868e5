//! Tests of whole reviews.

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::Value;

use crate::finding::{Finding, Severity};
use crate::plan::{Plan, PlanShape, digest, work};
use crate::report::text::{inert, width};
use crate::report::{Layout, ReviewFormat, ReviewOptions, render_review};
use crate::run::review::{
    FORMAT_VERSION, Flip, LoggedShape, LoggedStatement, Problem, Review, ReviewedPlan, Source,
};

const TOP: ReviewOptions = ReviewOptions { top: 5 };

fn plain(width: usize) -> Layout<'static> {
    Layout {
        width,
        color: false,
        folder: None,
    }
}

fn table(found: &Review, width: usize) -> String {
    render_review(found, ReviewFormat::Table, TOP, plain(width))
}

/// A golden plan as a review has it, without findings: which rules there are does not matter here.
fn golden(name: &str, statement: Option<&str>) -> ReviewedPlan {
    let path = format!(
        "{}/tests/plans/pg15/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap();
    let plan = Plan::parse(&text).unwrap().remove(0);
    reviewed(&format!("plans/{name}.json"), statement, plan)
}

fn reviewed(path: &str, statement: Option<&str>, plan: Plan) -> ReviewedPlan {
    let total = work(&plan).total;
    let notes = statement
        .is_none()
        .then(|| "the statement is not known".to_owned());
    ReviewedPlan {
        source: Source {
            path: path.to_owned(),
            line: 1,
        },
        statement: statement.map(str::to_owned),
        shape: PlanShape::of(&plan).id(),
        digest: digest(&plan),
        rows: Some(plan.rows()),
        execution_ms: plan.execution_ms,
        planning_ms: plan.planning.time_ms,
        buffers: Some((&total.buffers).into()),
        wal: Some((&total.wal).into()),
        findings: Vec::new(),
        notes: notes.into_iter().collect(),
        plan,
    }
}

fn of(plans: Vec<ReviewedPlan>) -> Review {
    Review {
        format_version: FORMAT_VERSION,
        plans,
        statements: Vec::new(),
        problems: Vec::new(),
    }
}

fn finding(rule: &str, severity: Severity, node: Option<&str>) -> Finding {
    Finding {
        rule: rule.to_owned(),
        severity,
        message: format!("what {rule} found, with 1,234 rows"),
        help: "create index on task (queue, priority, run_at, id)\n  where status = 'ready'"
            .to_owned(),
        node: node.map(str::to_owned),
        evidence: [("rows_sorted".to_owned(), Value::from(18_000))].into(),
    }
}

const CLAIM: &str =
    "select id, payload from task where queue = 'q1' and status = $1 and run_at <= now()
    order by priority, run_at, id limit 10 for update";

/// Plans with findings.
fn sample() -> Review {
    let mut found = of(vec![
        golden("natural-mistake", Some(CLAIM)),
        golden("modifying-cte-part-read", None),
        golden("triggers", Some("update watched set state = 'done'")),
    ]);
    found.plans[0].findings = vec![
        finding("sort-in-fetch", Severity::Critical, Some("Sort")),
        finding("spill", Severity::Note, Some("Sort")),
        finding("wal-per-job", Severity::Note, None),
    ];
    found.plans[1].findings = vec![finding(
        "work-after-root",
        Severity::Warning,
        Some("Update"),
    )];
    found
}

/// Statements of a log whose plans are those of the sample.
fn logged() -> Review {
    let mut found = sample();
    let source = |line| Source {
        path: "server.log".to_owned(),
        line,
    };
    let shape = |plan: usize, calls: u64| LoggedShape {
        shape: found.plans[plan].shape.clone(),
        digest: found.plans[plan].digest.clone(),
        calls,
        total_ms: calls as f64 * 2.5,
        max_ms: 20.25,
        total_pages: Some(calls * 30),
        max_pages: Some(44),
        first: source(12),
        last: source(99),
        plan,
    };
    let shapes = vec![shape(0, 1_200), shape(1, 3)];
    let flips = vec![Flip {
        source: source(57),
        time: Some("2026-11-21 10:00:00.123 UTC".to_owned()),
        from: shapes[0].shape.clone(),
        to: shapes[1].shape.clone(),
    }];
    let statement = |text: &str, shapes: Vec<LoggedShape>, flips: Vec<Flip>| LoggedStatement {
        query_id: Some(-7_904_215_365_482_117_001),
        statement: text.to_owned(),
        first: source(12),
        calls: shapes.iter().map(|shape| shape.calls).sum(),
        total_ms: 3_007.5,
        total_pages: Some(36_090),
        flips_total: 4 * flips.len() as u64,
        shapes,
        flips,
    };
    found.statements = vec![
        statement(CLAIM, shapes, flips),
        statement(
            "update watched set state = ?",
            vec![shape(2, 7)],
            Vec::new(),
        ),
    ];
    found
}

#[test]
fn one_plan() {
    let mut found = sample();
    found.plans.truncate(1);
    assert_snapshot!(table(&found, 120));
}

#[test]
fn one_plan_at_60_columns() {
    let mut found = sample();
    found.plans.truncate(1);
    assert_snapshot!(table(&found, 60));
}

#[test]
fn several_plans() {
    assert_snapshot!(table(&sample(), 100));
}

#[test]
fn a_log() {
    let text = table(&logged(), 120);
    let statements = text.split("Plans, worst first").next().unwrap();
    assert_snapshot!(statements);
}

#[test]
fn markdown() {
    let mut found = logged();
    found.plans.truncate(1);
    found.problems.push(Problem {
        source: Source {
            path: "<b>.json".to_owned(),
            line: 3,
        },
        message: "no plan in the JSON".to_owned(),
    });
    assert_snapshot!(render_review(
        &found,
        ReviewFormat::Markdown,
        TOP,
        plain(80)
    ));
}

#[test]
fn json() {
    let mut found = logged();
    found.plans.truncate(1);
    found.statements[0].shapes.truncate(1);
    assert_snapshot!(render_review(&found, ReviewFormat::Json, TOP, plain(80)));
}

#[test]
fn what_is_dear_is_painted_only_where_colour_is_wanted() {
    let colored = Layout {
        color: true,
        ..plain(100)
    };
    let text = render_review(&sample(), ReviewFormat::Table, TOP, colored);
    assert!(text.contains("\u{1b}[1;31m[1,2] \u{1b}[0m"), "{text}");
    assert_eq!(uncoloured(&text), table(&sample(), 100));
}

#[test]
fn of_many_plans_the_worst_are_shown_and_the_rest_is_counted() {
    let mut plans = vec![golden("fetch-array", None); 200];
    plans.push(golden("natural-mistake", None));
    plans[200].findings = vec![finding("sort-in-fetch", Severity::Critical, Some("Sort"))];
    let text = table(&of(plans), 120);
    let trees = text.matches("expected").count();
    assert_eq!(trees, 5, "{text}");
    assert!(text.contains("and 161 more\n"), "{text}");
    assert!(
        text.contains("the 5 worst plans are shown, 196 are not: --top 201 shows all"),
        "{text}"
    );
    let first = text
        .lines()
        .find(|line| line.starts_with("  1  ") || line.starts_with(" 1  "));
    assert!(
        first.is_some_and(|line| line.contains("natural-mistake")),
        "{text}"
    );
}

#[test]
fn a_huge_plan_is_cut_sensibly_and_soon() {
    let members: Vec<String> = (0..50_000)
        .map(|at| {
            format!(
                r#"{{"Node Type":"Seq Scan","Parent Relationship":"Member","Relation Name":"part_{at}","Actual Rows":1,"Actual Loops":1,
                    "Actual Startup Time":0.001,"Actual Total Time":{},"Shared Hit Blocks":{}}}"#,
                f64::from(at % 7) / 1_000.0,
                if at == 31_337 { 9_000 } else { 1 },
            )
        })
        .collect();
    let text = format!(
        r#"{{"Plan":{{"Node Type":"Append","Actual Rows":50000,"Actual Loops":1,"Actual Startup Time":0.1,"Actual Total Time":900,
            "Shared Hit Blocks":58999,"Plans":[{}]}},"Execution Time":901}}"#,
        members.join(",")
    );
    let plan = Plan::parse(&text).unwrap().remove(0);
    let found = of(vec![reviewed("-", None, plan)]);
    let text = table(&found, 120);
    assert!(text.lines().count() < 130, "{}", text.lines().count());
    assert!(text.contains("Seq Scan part_31337"), "{text}");
    assert!(text.contains("… 49,921 more nodes"), "{text}");
}

/// The text without the colours this program knows.
fn uncoloured(text: &str) -> String {
    ["0", "1", "2", "32", "33", "36", "1;31"]
        .iter()
        .fold(text.to_owned(), |text, code| {
            text.replace(&format!("\u{1b}[{code}m"), "")
        })
}

const HOSTILE: &str = "a\u{1b}[31m\u{9b}2J\r\n\t|`<b>\u{202e}@team\u{7f}";

#[test]
fn hostile_names_are_inert_in_every_format() {
    let mut found = logged();
    for plan in &mut found.plans {
        plan.source.path = HOSTILE.to_owned();
        plan.statement = Some(HOSTILE.to_owned());
        plan.digest = HOSTILE.to_owned();
        plan.notes = vec![HOSTILE.to_owned()];
        let mut pending = vec![&mut plan.plan.root];
        while let Some(node) = pending.pop() {
            node.node_type = HOSTILE.to_owned();
            node.alias = Some(HOSTILE.to_owned());
            node.subplan_name = Some(HOSTILE.to_owned());
            node.relation_name = Some(HOSTILE.to_owned());
            for (_, text) in &mut node.conditions {
                *text = HOSTILE.to_owned();
            }
            pending.extend(&mut node.children);
        }
        for trigger in &mut plan.plan.triggers {
            trigger.name = Some(HOSTILE.to_owned());
        }
        for finding in &mut plan.findings {
            finding.rule = HOSTILE.to_owned();
            finding.message = HOSTILE.to_owned();
            finding.help = HOSTILE.to_owned();
            finding.node = Some(HOSTILE.to_owned());
        }
    }
    for statement in &mut found.statements {
        statement.statement = HOSTILE.to_owned();
        statement.first.path = HOSTILE.to_owned();
        for shape in &mut statement.shapes {
            shape.digest = HOSTILE.to_owned();
        }
        for flip in &mut statement.flips {
            flip.time = Some(HOSTILE.to_owned());
            flip.from = HOSTILE.to_owned();
        }
    }
    found.problems.push(Problem {
        source: found.plans[0].source.clone(),
        message: HOSTILE.to_owned(),
    });
    for format in ReviewFormat::ALL {
        let text = render_review(&found, format, TOP, plain(100));
        let flat = text.replace('\n', "");
        assert_eq!(inert(&flat), flat, "{}", format.name());
    }
    let text = render_review(&found, ReviewFormat::Markdown, TOP, plain(100));
    // Outside code, markup is text.
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            assert!(!line.contains("<b>") && !line.contains("@team"), "{line}");
        }
    }
    let json = render_review(&found, ReviewFormat::Json, TOP, plain(100));
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["plans"][0]["source"]["path"], HOSTILE);
}

fn any_plan() -> impl Strategy<Value = ReviewedPlan> {
    let count = || prop_oneof![0_u64..100, any::<u64>()];
    (
        0..3_usize,
        any::<[String; 4]>(),
        count(),
        prop_oneof![0.0..1e9, Just(1e300)],
        any::<f64>(),
    )
        .prop_map(|(which, texts, pages, time, rows)| {
            let mut plan = sample().plans.swap_remove(which);
            let [path, statement, name, condition] = texts;
            plan.source.path = path;
            plan.statement = Some(statement);
            plan.execution_ms = Some(time);
            let root = &mut plan.plan.root;
            root.node_type = name;
            root.estimate.rows = rows;
            if let Some(buffers) = &mut root.buffers {
                buffers.shared.hit = pages;
            }
            if let Some(actual) = &mut root.actual {
                actual.rows = rows;
                actual.total_ms = Some(time);
            }
            root.conditions
                .push((crate::plan::Condition::Filter, condition));
            plan
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_line_is_wider_than_asked(
        plans in prop::collection::vec(any_plan(), 1..4),
        columns in 60_usize..220,
        color in any::<bool>(),
    ) {
        let mut found = logged();
        found.plans = plans;
        let layout = Layout { color, ..plain(columns) };
        let text = uncoloured(&render_review(&found, ReviewFormat::Table, TOP, layout));
        for line in text.lines() {
            prop_assert!(width(line) <= columns, "{} > {columns}: {line}", width(line));
        }
        prop_assert_eq!(inert(&text.replace('\n', "")), text.replace('\n', ""));
    }
}
