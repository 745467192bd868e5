//! Oracles worked out by hand on plans of real servers, and what holds for any two plans.

use proptest::prelude::*;

use super::super::{Plan, outline, work};
use super::*;

fn golden(name: &str) -> Vec<OutlineNode> {
    let path = format!(
        "{}/tests/plans/pg15/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let plan = &Plan::parse(&std::fs::read_to_string(path).unwrap()).unwrap()[0];
    outline(plan, &work(plan))
}

/// A plan written as a reader sees it: two spaces a level, `NODE | RELATION | ALIAS | ROLE`.
fn drawn(text: &str) -> Vec<OutlineNode> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let margin = |line: &str| line.len() - line.trim_start().len();
    let first = lines.clone().map(margin).min().unwrap_or(0);
    let nodes = lines.map(|line| {
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let part = |at: usize| parts.get(at).copied().unwrap_or_default().to_owned();
        OutlineNode {
            depth: (margin(line) - first) / 2,
            node: part(0),
            relation: part(1),
            alias: part(2),
            role: part(3),
            ..OutlineNode::default()
        }
    });
    nodes.collect()
}

/// A line a node: `=` as it was, `~` changed, `+` new, `-` gone; a changed one with what it was.
fn told(first: &[OutlineNode], second: &[OutlineNode]) -> Vec<String> {
    let name = |node: &OutlineNode| match node.role.as_str() {
        "" => node.node.clone(),
        role => format!("{role}: {}", node.node),
    };
    let changes = difference(first, second);
    let lines = changes
        .iter()
        .map(|change| match (&change.first, &change.second) {
            (Some(first), None) => format!("- {}", name(first)),
            (None, Some(second)) => format!("+ {}", name(second)),
            (Some(first), Some(second)) if change.node_changed() => {
                format!("~ {} < {}", name(second), name(first))
            }
            (Some(_), Some(second)) if change.changed => format!("~ {}", name(second)),
            (_, second) => format!("= {}", second.as_ref().map(name).unwrap_or_default()),
        });
    lines.collect()
}

#[test]
fn an_index_that_is_not_used_any_more() {
    let (first, second) = (
        golden("fetch-parameter-custom"),
        golden("fetch-parameter-generic"),
    );
    assert_eq!(
        told(&first, &second),
        [
            "~ Update",
            "= InitPlan: Limit",
            "= LockRows",
            "+ Sort",
            "~ Seq Scan job < Index Scan job_ready",
            "~ Index Scan job_pkey",
        ]
    );
    let changes = difference(&first, &second);
    let scan = &changes[4];
    assert_eq!(
        scan.conditions_gone()[0],
        "Index Cond: ((queue = 'q1'::text) AND (run_at <= now()))"
    );
    assert!(scan.conditions_new()[0].starts_with("Filter: "));
    assert_eq!(
        changes[3].conditions_new(),
        ["Sort Key: job_1.priority, job_1.run_at, job_1.id"]
    );
}

#[test]
fn a_join_is_known_by_what_it_joins() {
    assert_eq!(
        told(&golden("fetch-cte-custom"), &golden("fetch-cte-generic")),
        [
            "= Update",
            "= CTE next: Limit",
            "= LockRows",
            "= Index Scan job_ready",
            "~ Hash Join < Nested Loop",
            "= CTE Scan next",
            "+ Hash",
            "~ Seq Scan job < Index Scan job_pkey",
        ]
    );
}

#[test]
fn a_cte_that_became_a_subquery() {
    assert_eq!(
        told(
            &golden("fetch-cte-custom"),
            &golden("fetch-parameter-custom")
        ),
        [
            "= Update",
            "= InitPlan: Limit",
            "= LockRows",
            "= Index Scan job_ready",
            "- Nested Loop",
            "- CTE Scan next",
            "~ Index Scan job_pkey",
        ]
    );
}

#[test]
fn bitmaps_belong_to_their_scan() {
    assert_eq!(
        told(&golden("bitmap"), &golden("bitmap-lossy")),
        [
            "= Aggregate",
            "~ Bitmap Heap Scan task < Index Scan task_run_at",
            "+ Bitmap Index Scan task_status",
        ]
    );
    let one = drawn(
        "Sort
           Index Scan job_ready | job",
    );
    let two = drawn(
        "Sort
           Bitmap Heap Scan job | job
             BitmapOr
               Bitmap Index Scan job_ready
               Bitmap Index Scan job_retry",
    );
    let three = drawn(
        "Sort
           Bitmap Heap Scan job | job
             BitmapOr
               Bitmap Index Scan job_retry
               Bitmap Index Scan job_status",
    );
    assert_eq!(
        told(&one, &two)[1..],
        [
            "~ Bitmap Heap Scan job < Index Scan job_ready",
            "+ BitmapOr",
            "+ Bitmap Index Scan job_ready",
            "+ Bitmap Index Scan job_retry",
        ]
    );
    assert_eq!(
        told(&two, &three)[2..],
        [
            "= BitmapOr",
            "= Bitmap Index Scan job_retry",
            "~ Bitmap Index Scan job_status < Bitmap Index Scan job_ready",
        ]
    );
}

#[test]
fn a_lock_that_moved_above_the_limit() {
    let below = drawn(
        "Update | job
           Limit | | | InitPlan
             LockRows
               Index Scan job_ready | job | job_1
           Index Scan job_pkey | job",
    );
    let above = drawn(
        "Update | job
           LockRows | | | InitPlan
             Subquery Scan | | oldest
               Limit
                 Index Scan job_ready | job | job_1
           Index Scan job_pkey | job",
    );
    assert_eq!(
        told(&below, &above),
        [
            "= Update",
            "= InitPlan: LockRows",
            "+ Subquery Scan",
            "= Limit",
            "= Index Scan job_ready",
            "= Index Scan job_pkey",
        ]
    );
}

#[test]
fn the_same_relation_twice_is_told_apart_by_place_and_alias() {
    let first = drawn(
        "Update | job
           Limit | | | InitPlan
             Seq Scan job | job | job_1
           Index Scan job_pkey | job",
    );
    // Without an alias the number of a relation depends on what else is there.
    let second = drawn(
        "Update | job
           Index Scan job_pkey | job | job_1
           Limit | | | InitPlan
             Index Scan job_ready | job | job_2",
    );
    assert_eq!(
        told(&first, &second),
        [
            "= Update",
            "= Index Scan job_pkey",
            "= InitPlan: Limit",
            "~ Index Scan job_ready < Seq Scan job",
        ]
    );
    let joined = |one: &str, other: &str| {
        drawn(&format!(
            "Nested Loop\n  Seq Scan job | job | {one}\n  Index Scan job_pkey | job | {other}"
        ))
    };
    assert_eq!(
        told(&joined("a", "b"), &joined("b", "a")),
        [
            "= Nested Loop",
            "~ Seq Scan job < Index Scan job_pkey",
            "~ Index Scan job_pkey < Seq Scan job",
        ]
    );
}

#[test]
fn a_cte_is_known_by_its_work_not_by_its_name() {
    let plan = |cte: &str, index: &str| {
        drawn(&format!(
            "Hash Join\n  Limit | | | CTE {cte}\n    Index Scan {index} | job\n  Seq Scan worker | worker\n  Hash\n    CTE Scan {cte}"
        ))
    };
    assert_eq!(
        told(&plan("next", "a"), &plan("claimed", "b")),
        [
            "= Hash Join",
            "= CTE claimed: Limit",
            "~ Index Scan b < Index Scan a",
            "= Seq Scan worker",
            "= Hash",
            "~ CTE Scan claimed < CTE Scan next",
        ]
    );
}

#[test]
fn numbers_of_parameters_are_no_difference() {
    assert_eq!(
        unnumbered("Filter: ((a = $12) AND (b1 = 2$3))"),
        "Filter: ((a = $) AND (b1 = 2$))"
    );
    assert_eq!(
        unnumbered("(id = ANY ((InitPlan 10).col1))"),
        "(id = ANY ((InitPlan ).col1))"
    );
    assert_eq!(unnumbered("7"), "7");
}

#[test]
fn large_plans_take_no_time() {
    let node = |at: usize| OutlineNode {
        depth: at % 20_000,
        node: ["Nested Loop", "Seq Scan", "Hash"][at % 3].to_owned(),
        relation: if at % 3 == 1 {
            "job".to_owned()
        } else {
            String::new()
        },
        ..OutlineNode::default()
    };
    let first: Vec<_> = (0..50_000).map(node).collect();
    let second: Vec<_> = (3..50_003).map(node).collect();
    let started = std::time::Instant::now();
    assert!(difference(&first, &second).len() >= 50_000);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

fn any_node() -> impl Strategy<Value = OutlineNode> {
    let nodes = [
        "Seq Scan",
        "Index Scan i",
        "Bitmap Heap Scan",
        "Bitmap Index Scan i",
        "BitmapOr",
        "Update",
        "Limit",
        "LockRows",
        "Sort",
        "Incremental Sort",
        "Hash Join",
        "Nested Loop",
        "CTE Scan a",
        "CTE Scan b",
        "Function Scan f",
        "Result",
        "",
    ];
    let roles = ["", "", "", "InitPlan", "CTE a", "CTE b", "SubPlan"];
    let texts = ["", "job", "job_1", "j"];
    let pick =
        |from: &'static [&'static str]| proptest::sample::select(from).prop_map(str::to_owned);
    let nodes = proptest::sample::select(nodes.to_vec()).prop_map(str::to_owned);
    let roles = proptest::sample::select(roles.to_vec()).prop_map(str::to_owned);
    let texts = move || proptest::sample::select(texts.to_vec()).prop_map(str::to_owned);
    let conditions = proptest::collection::vec(pick(&["Filter: (a = $1)", "Sort Key: a"]), 0..2);
    (
        0..6_usize,
        nodes,
        roles,
        texts(),
        texts(),
        conditions,
        0..3_u64,
    )
        .prop_map(
            |(depth, node, role, relation, alias, conditions, pages)| OutlineNode {
                depth,
                node,
                role,
                relation,
                alias,
                conditions,
                pages,
                ..OutlineNode::default()
            },
        )
}

fn any_plan() -> impl Strategy<Value = Vec<OutlineNode>> {
    proptest::collection::vec(any_node(), 0..25)
}

proptest! {
    #[test]
    fn every_node_appears_once(first in any_plan(), second in any_plan()) {
        let changes = difference(&first, &second);
        let seconds: Vec<_> = changes.iter().filter_map(|change| change.second.clone()).collect();
        prop_assert_eq!(&seconds, &second);
        let text = |node: &OutlineNode| format!("{node:?}");
        let mut firsts: Vec<_> = changes.iter().filter_map(|change| change.first.as_ref()).map(text).collect();
        let mut expected: Vec<_> = first.iter().map(text).collect();
        firsts.sort();
        expected.sort();
        prop_assert_eq!(firsts, expected);
        prop_assert!(changes.iter().all(|change| change.first.is_some() || change.second.is_some()));
    }

    #[test]
    fn nothing_changed_between_a_plan_and_itself(plan in any_plan()) {
        let changes = difference(&plan, &plan);
        prop_assert_eq!(changes.len(), plan.len());
        for change in changes {
            prop_assert!(!change.changed && !change.node_changed(), "{:?}", change);
            prop_assert_eq!(&change.first, &change.second);
            prop_assert!(change.conditions_gone().is_empty() && change.conditions_new().is_empty());
        }
    }

    #[test]
    fn the_other_way_round_sides_are_swapped(first in any_plan(), second in any_plan()) {
        let text = |first: &Option<OutlineNode>, second: &Option<OutlineNode>, changed: bool| format!("{first:?} {second:?} {changed}");
        let mut there: Vec<_> = difference(&first, &second).iter().map(|c| text(&c.first, &c.second, c.changed)).collect();
        let mut back: Vec<_> = difference(&second, &first).iter().map(|c| text(&c.second, &c.first, c.changed)).collect();
        there.sort();
        back.sort();
        prop_assert_eq!(there, back);
    }
}
