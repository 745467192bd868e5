//! Names and literals of golden plans are in no output of a review that is asked to replace them.

use std::collections::BTreeSet;

use pgq_analyze::plan::Plan;
use pgq_analyze::report::{Layout, ReviewFormat, ReviewOptions, render_review};
use pgq_analyze::review::judging::judge;
use pgq_analyze::review::{FoundPlan, Material, review};
use pgq_analyze::run::review::{Problem, ReviewedPlan, Source};
use serde_json::Value;

use crate::{VERSIONS, golden_plans};

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

/// Functions of PostgreSQL itself, which keep their names.
const OWN_FUNCTIONS: [&str; 2] = ["generate_series", "unnest"];

/// Fields that hold a name.
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
                    Some(name)
                        if NAMES.contains(&field.as_str()) && !OWN_FUNCTIONS.contains(&name) =>
                    {
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
    for (name, text) in VERSIONS.into_iter().flat_map(golden_plans) {
        let text = marked(&text);
        assert!(text.contains("zqx"), "{name}");
        for plan in Plan::parse(&text).unwrap() {
            material.plans.push(FoundPlan {
                source: Source {
                    path: format!("/srv/zqx/{name}.json"),
                    line: 7,
                },
                statement: Some(
                    "select zqx_id from zqx_job where zqx_state = 'zqx' -- zqx".to_owned(),
                ),
                plan,
            });
        }
    }
    assert!(material.plans.len() > 200);
    material
}

#[test]
fn no_name_and_no_literal_of_a_real_plan_is_in_any_output() {
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
    let found = review(material, true);
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
