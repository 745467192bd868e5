//! Tests that no name and no literal gets through.

use std::collections::BTreeSet;

use super::*;
use crate::review::{Material, judging::judge};
use crate::run::review::{Flip, LoggedShape, Problem};

fn anonymous(text: &str) -> String {
    Pseudonyms::default().text(text)
}

#[test]
fn names_and_literals_are_replaced_and_the_rest_stays() {
    for (text, expected) in [
        (
            "select id from job where state = 'ready' and n < 5 order by id limit 10 for update skip locked",
            "select column_1 from table_1 where column_2 = 'literal_1' and column_3 < 1001 order by column_1 limit 10 for update skip locked",
        ),
        (
            "with next as materialized (select 1) update \"Job\" j set n=j.n+1 -- why\nfrom next where j.id = next.id returning *",
            "with cte_1 as materialized (select 1001) update table_1 alias_1 set column_1=alias_1.column_1+1001 from cte_1 \
             where alias_1.column_2 = cte_1.column_2 returning *",
        ),
        (
            "((state = 'ready'::text) AND (run_at <= now()) AND (id = ANY ('{7,8,7}'::bigint[])))",
            "((column_1 = 'literal_1'::text) AND (column_2 <= now()) AND (column_3 = ANY ('{1001,1002,1001}'::bigint[])))",
        ),
        ("(id = ANY ($0))", "(column_1 = ANY ($0))"),
        ("(InitPlan 1).col1", "(InitPlan 1).column_1"),
        ("InitPlan 2 (returns $1,$2)", "InitPlan 2 (returns $1,$2)"),
        ("(hashed SubPlan 12)", "(hashed SubPlan 12)"),
        (
            "next_due(x) + length(y)",
            "function_1(column_1) + length(column_2)",
        ),
        (
            "'a'::job_state = kind::numeric(10,2)",
            "'literal_1'::type_1 = column_1::numeric(10,2)",
        ),
        (
            "job.priority DESC NULLS LAST",
            "alias_1.column_1 DESC NULLS LAST",
        ),
        (
            "interval '30 s' + e'it\\'s' || $x$a$x$",
            "interval 'literal_1' + 'literal_2' || 'literal_3'",
        ),
        (
            "select :id, '/* ' -- :secret",
            "select :parameter_1, 'literal_1'",
        ),
        ("select 'it''s open", "select 'literal_1'"),
        (
            "for no key update of job nowait",
            "for no key update of alias_1 nowait",
        ),
    ] {
        assert_eq!(anonymous(text), expected, "{text}");
    }
}

#[test]
fn equal_names_stay_equal_and_numbered_ones_stay_numbered() {
    let mut names = Pseudonyms::default();
    names.name(Kind::Table, "job");
    assert_eq!(
        names.text("JOB.id = job_1.id"),
        "table_1.column_1 = table_1_1.column_1"
    );
    assert_eq!(names.text("\"JOB\".id"), "alias_1.column_1", "another name");
    assert_eq!(names.text("'job' = 'job'"), "'literal_1' = 'literal_1'");
}

/// A golden plan in which every name and every literal is one that occurs nowhere else.
fn marked(text: &str) -> String {
    const COLUMNS: &str = "id queue state status priority run_at payload job_id note day n latest";
    let value: Value = serde_json::from_str(text).unwrap();
    let mut names: BTreeSet<String> = COLUMNS.split(' ').map(str::to_owned).collect();
    collect_names(&value, &mut names);
    let mut marked = value;
    mark(&mut marked, &names);
    marked.to_string()
}

const NAMES: [&str; 9] = [
    "Relation Name",
    "Alias",
    "Index Name",
    "CTE Name",
    "Function Name",
    "Schema",
    "Trigger Name",
    "Constraint Name",
    "Relation",
];

fn collect_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                match value.as_str() {
                    Some(name) if NAMES.contains(&field.as_str()) && !is_function(name) => {
                        names.insert(name.to_owned());
                    }
                    _ => collect_names(value, names),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        _ => {}
    }
}

fn mark(value: &mut Value, names: &BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields
            .iter_mut()
            .filter(|(field, _)| field.as_str() != "Node Type")
            .for_each(|(_, value)| mark(value, names)),
        Value::Array(items) => items.iter_mut().for_each(|item| mark(item, names)),
        Value::String(text) => *text = mark_text(text, names),
        _ => {}
    }
}

/// Every name in a text marked, and what stands in quotes.
fn mark_text(text: &str, names: &BTreeSet<String>) -> String {
    let mut marked = String::new();
    for (at, part) in text.split('\'').enumerate() {
        if at > 0 {
            marked.push('\'');
        }
        if at % 2 == 1 {
            marked.push_str("zqx ");
        }
        let mut rest = part;
        while !rest.is_empty() {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            if names.contains(&rest[..word]) {
                marked.push_str("zqx_");
            }
            let length = word.max(rest.chars().next().map_or(1, char::len_utf8));
            marked.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    marked
}

/// Every golden plan, marked.
fn marked_plans() -> Material {
    let mut material = Material::default();
    for version in [14, 15, 16, 17, 18] {
        let folder = format!("{}/tests/plans/pg{version}", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let text = marked(&std::fs::read_to_string(&path).unwrap());
            assert!(text.contains("zqx"), "{}", path.display());
            for plan in Plan::parse(&text).unwrap() {
                material.plans.push(FoundPlan {
                    source: Source {
                        path: format!("/srv/zqx/{}", path.display()),
                        line: 7,
                    },
                    statement: Some(
                        "select zqx_id from zqx_job where zqx_state = 'zqx' -- zqx".to_owned(),
                    ),
                    plan,
                });
            }
        }
    }
    assert!(material.plans.len() > 200);
    material
}

#[test]
fn no_name_and_no_literal_of_a_real_plan_is_in_any_output() {
    use crate::report::{Layout, ReviewFormat, ReviewOptions, render_review};
    let mut material = marked_plans();
    material.problems.push(Problem {
        source: Source {
            path: "zqx".to_owned(),
            line: 1,
        },
        message: "unknown `zqx`".to_owned(),
    });
    let count = material.plans.len();
    let plain: Vec<_> = material.plans.iter().cloned().map(judge).collect();
    let found = crate::review::review(material, true);
    assert_eq!(found.plans.len(), count);
    let everything = format!("{found:?}");
    let at = everything.find("zqx");
    let around = at.map(|at| &everything[at.saturating_sub(300)..(at + 60).min(everything.len())]);
    assert_eq!(around, None, "also in what is not printed");
    for format in ReviewFormat::ALL {
        let layout = Layout {
            width: 200,
            color: false,
            folder: None,
        };
        let text = render_review(&found, format, ReviewOptions { top: count }, layout);
        assert!(!text.contains("zqx"), "{}", format.name());
    }
    // Structure is kept: the same figures, the same rules at as many places.
    for (plain, anonymous) in plain.iter().zip(&found.plans) {
        assert_eq!(plain.buffers, anonymous.buffers);
        let rules = |one: &ReviewedPlan| {
            let findings = one.findings.iter();
            findings
                .map(|finding| (finding.rule.clone(), finding.severity))
                .collect::<Vec<_>>()
        };
        assert_eq!(rules(plain), rules(anonymous), "{:?}", plain.source);
    }
    let shapes = |plans: &[ReviewedPlan]| {
        plans
            .iter()
            .map(|plan| plan.shape.clone())
            .collect::<BTreeSet<_>>()
            .len()
    };
    assert_eq!(
        shapes(&plain),
        shapes(&found.plans),
        "equal plans stay equal, others do not become so"
    );
}

#[test]
fn the_shapes_of_logged_statements_are_those_of_their_plans() {
    let mut material = marked_plans();
    material.plans.truncate(2);
    let shape = |plan: usize| LoggedShape {
        shape: format!("zqx{plan}"),
        digest: "Seq Scan zqx".to_owned(),
        calls: 1,
        total_ms: 1.0,
        max_ms: 1.0,
        total_pages: None,
        max_pages: None,
        first: Source {
            path: "zqx.log".to_owned(),
            line: 1,
        },
        last: Source {
            path: "zqx.log".to_owned(),
            line: 2,
        },
        plan,
    };
    let flip = |from: &str, to: &str| Flip {
        source: Source {
            path: "zqx.log".to_owned(),
            line: 2,
        },
        time: None,
        from: from.to_owned(),
        to: to.to_owned(),
    };
    material.statements.push(LoggedStatement {
        query_id: Some(1),
        statement: "select zqx_id from zqx_job where state = ?".to_owned(),
        first: Source {
            path: "zqx.log".to_owned(),
            line: 1,
        },
        calls: 2,
        total_ms: 2.0,
        total_pages: None,
        shapes: vec![shape(0), shape(1)],
        flips: vec![flip("zqx0", "zqx1"), flip("zqx1", "zqx_gone")],
        flips_total: 2,
    });
    let found = crate::review::review(material, true);
    assert!(
        !format!("{found:?}").contains("zqx"),
        "{:?}",
        found.statements
    );
    let statement = &found.statements[0];
    assert_eq!(statement.shapes[0].digest, found.plans[0].digest);
    assert_eq!(statement.flips[0].from, found.plans[0].shape);
    assert_eq!(statement.flips[0].to, found.plans[1].shape);
}
