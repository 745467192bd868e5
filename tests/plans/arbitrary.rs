//! Whatever the text: no panic, nothing negative, and the nodes add up to the statement.

use proptest::prelude::*;

use pgq_analyze::plan::{Plan, PlanShape, Work, digest, work};

use crate::{VERSIONS, golden_plans};

/// Does everything that can be done with a text.
fn exercise(text: &str) {
    for plan in Plan::parse(text).unwrap_or_default() {
        exercise_plan(&plan, text);
    }
}

/// Does everything that can be done with a plan, which was read from this text.
pub(crate) fn exercise_plan(plan: &Plan, text: &str) {
    let worked = work(plan);
    assert_eq!(worked.nodes.len(), plan.preorder().count());
    let sum = worked
        .nodes
        .iter()
        .fold(Work::default(), |sum, node| sum.plus(node));
    assert!(
        worked
            .nodes
            .iter()
            .all(|node| node.time_ms >= 0.0 && node.cpu_ms >= 0.0),
        "{text}"
    );
    let tolerance = 1e-9 * worked.total.time_ms.max(1.0);
    assert!(
        (sum.time_ms - worked.total.time_ms).abs() <= tolerance,
        "{} {} {text}",
        sum.time_ms,
        worked.total.time_ms
    );
    assert_eq!(
        (sum.buffers, sum.wal),
        (worked.total.buffers, worked.total.wal),
        "{text}"
    );
    assert!(!digest(plan).is_empty());
    assert_eq!(PlanShape::of(plan).id().len(), 12);
    let _rows: u64 = plan.rows();
}

fn all_golden_plans() -> Vec<String> {
    VERSIONS
        .into_iter()
        .flat_map(golden_plans)
        .map(|(_, text)| text)
        .collect()
}

#[derive(Clone, Debug)]
struct Tree {
    kind: usize,
    role: usize,
    time_ms: f64,
    loops: u64,
    pages: u64,
    records: u64,
    children: Vec<Tree>,
}

const KINDS: [&str; 8] = [
    r#""Node Type": "Seq Scan", "Filter": "(a = $0) AND (b = (InitPlan 1).col1)""#,
    r#""Node Type": "ModifyTable", "Operation": "Update""#,
    r#""Node Type": "CTE Scan", "CTE Name": "a""#,
    r#""Node Type": "CTE Scan", "CTE Name": "b", "Filter": "$1""#,
    r#""Node Type": "Gather", "Workers Launched": 2"#,
    r#""Node Type": "Nested Loop""#,
    r#""Node Type": "Result", "One-Time Filter": "$1""#,
    r#""Node Type": "Append""#,
];

const ROLES: [&str; 8] = [
    r#""Parent Relationship": "Outer""#,
    r#""Parent Relationship": "Inner""#,
    r#""Parent Relationship": "InitPlan", "Subplan Name": "CTE a""#,
    r#""Parent Relationship": "InitPlan", "Subplan Name": "CTE b""#,
    r#""Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1 (returns $0)""#,
    r#""Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1""#,
    r#""Parent Relationship": "SubPlan", "Subplan Name": "SubPlan 1""#,
    r#""Parent Relationship": "Member""#,
];

impl Tree {
    fn json(&self) -> String {
        let children: Vec<String> = self.children.iter().map(Tree::json).collect();
        format!(
            r#"{{{}, {}, "Actual Total Time": {}, "Actual Rows": 1, "Actual Loops": {}, "Shared Hit Blocks": {}, "WAL Records": {}, "Plans": [{}]}}"#,
            KINDS[self.kind],
            ROLES[self.role],
            self.time_ms,
            self.loops,
            self.pages,
            self.records,
            children.join(",")
        )
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let figures = (
        0..KINDS.len(),
        0..ROLES.len(),
        0.0..100.0_f64,
        0..4_u64,
        0..1000_u64,
        0..50_u64,
    );
    let leaf = figures
        .clone()
        .prop_map(|(kind, role, time_ms, loops, pages, records)| Tree {
            kind,
            role,
            time_ms,
            loops,
            pages,
            records,
            children: Vec::new(),
        });
    leaf.prop_recursive(5, 60, 5, move |inner| {
        (figures.clone(), prop::collection::vec(inner, 0..5)).prop_map(
            |((kind, role, time_ms, loops, pages, records), children)| Tree {
                kind,
                role,
                time_ms,
                loops,
                pages,
                records,
                children,
            },
        )
    })
}

proptest! {
    #[test]
    fn random_text_never_panics(text in "\\PC{0,200}", json in r#"[\[\]{}":,0-9a-zA-Z \\.-]{0,200}"#) {
        exercise(&text);
        exercise(&json);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        exercise(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn generated_plans_add_up(tree in tree()) {
        exercise(&format!(r#"[{{"Plan": {}}}]"#, tree.json()));
    }

    #[test]
    fn truncated_and_mutated_plans_never_panic(
        which in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let plans = all_golden_plans();
        let mut bytes = which.get(&plans).clone().into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        exercise(&String::from_utf8_lossy(&bytes));
        bytes.truncate(cut.index(bytes.len()));
        exercise(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn plans_with_other_numbers_add_up(which in any::<prop::sample::Index>(), digits in prop::collection::vec(0..10_u8, 1..50)) {
        // Keeps the structure real and makes the figures contradict each other.
        let plans = all_golden_plans();
        let mut next = digits.iter().cycle();
        let scrambled: String = which
            .get(&plans)
            .chars()
            .map(|symbol| match symbol {
                '1'..='9' => char::from(b'0' + next.next().unwrap_or(&1).max(&1)),
                other => other,
            })
            .collect();
        exercise(&scrambled);
    }
}

#[test]
fn extreme_numbers_do_no_harm() {
    let huge = r#"{"Plan":{"Node Type":"Gather","Workers Launched":18446744073709551615,"Actual Total Time":1e308,"Actual Rows":1e300,
        "Actual Loops":18446744073709551615,"Shared Hit Blocks":18446744073709551615,"Shared Read Blocks":18446744073709551615,
        "Plan Rows":100000000000000000000000000,"Plans":[{"Node Type":"Result","Actual Total Time":-5,"Actual Loops":-3,"Actual Rows":-1,
        "Shared Hit Blocks":99999999999999999999999999}]}}"#;
    assert!(Plan::parse(huge).is_ok());
    exercise(huge);
}

#[test]
fn fifty_thousand_nodes_are_read_and_worked_out() {
    let member = r#"{"Node Type":"Seq Scan","Parent Relationship":"Member","Relation Name":"p","Filter":"(a = $0)","Actual Total Time":0.1,"Actual Rows":1,"Actual Loops":1}"#;
    let members = vec![member; 50_000].join(",");
    exercise(&format!(
        r#"[{{"Plan":{{"Node Type":"Append","Actual Total Time":6000,"Actual Loops":1,"Plans":[{members}]}}}}]"#
    ));
}
