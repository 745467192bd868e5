//! Each node's own time and pages, worked out by hand.

use pgq_analyze::plan::{Plan, PlanWork, Work, digest, work};

/// A node as JSON: time and pages are the node's with all below it.
struct Node {
    keys: String,
    time_ms: f64,
    loops: u64,
    pages: u64,
    children: Vec<Node>,
}

fn node(keys: &str, time_ms: f64, loops: u64, pages: u64, children: Vec<Node>) -> Node {
    Node {
        keys: keys.to_owned(),
        time_ms,
        loops,
        pages,
        children,
    }
}

impl Node {
    fn json(&self) -> String {
        let children: Vec<String> = self.children.iter().map(Node::json).collect();
        format!(
            r#"{{{}, "Actual Startup Time": 0.0, "Actual Total Time": {}, "Actual Rows": 1, "Actual Loops": {}, "Shared Hit Blocks": {}, "Plans": [{}]}}"#,
            self.keys,
            self.time_ms,
            self.loops,
            self.pages,
            children.join(",")
        )
    }
}

fn worked(root: &Node) -> (Plan, PlanWork) {
    let plan = Plan::parse(&format!(r#"[{{"Plan": {}}}]"#, root.json()))
        .unwrap()
        .remove(0);
    let worked = work(&plan);
    (plan, worked)
}

/// Checks every node, in preorder, and that they add up.
fn check(root: &Node, expected: &[(f64, u64)]) -> PlanWork {
    let (plan, worked) = worked(root);
    let found: Vec<(f64, u64)> = worked
        .nodes
        .iter()
        .map(|node| (node.time_ms, node.buffers.total()))
        .collect();
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found.0 - expected.0).abs() < 1e-9,
            "node {index} of {}: {found:?}, expected {expected:?}",
            digest(&plan)
        );
        assert_eq!(
            found.1,
            expected.1,
            "pages of node {index} of {}",
            digest(&plan)
        );
    }
    let sum = worked
        .nodes
        .iter()
        .fold(Work::default(), |sum, node| sum.plus(node));
    assert!((sum.time_ms - worked.total.time_ms).abs() < 1e-9);
    assert_eq!(sum.buffers, worked.total.buffers);
    worked
}

const UPDATE: &str = r#""Node Type": "ModifyTable", "Operation": "Update""#;
const OUTER: &str = r#""Parent Relationship": "Outer""#;

fn cte(name: &str, kind: &str) -> String {
    format!(r#"{kind}, "Parent Relationship": "InitPlan", "Subplan Name": "CTE {name}""#)
}

fn cte_scan(name: &str) -> String {
    format!(r#""Node Type": "CTE Scan", {OUTER}, "CTE Name": "{name}""#)
}

fn init_plan(name: &str) -> String {
    format!(r#""Node Type": "Result", "Parent Relationship": "InitPlan", "Subplan Name": "{name}""#)
}

fn scan(filter: &str) -> String {
    format!(r#""Node Type": "Seq Scan", {OUTER}, "Filter": "{filter}""#)
}

#[test]
fn a_cte_is_charged_to_the_scan_that_pulls_it() {
    let limit = node(
        &cte("next", r#""Node Type": "Limit""#),
        0.255,
        1,
        20,
        vec![],
    );
    let pull = node(&cte_scan("next"), 0.282, 1, 20, vec![]);
    let lookup = node(
        r#""Node Type": "Index Scan", "Parent Relationship": "Inner""#,
        0.010,
        10,
        30,
        vec![],
    );
    let join = node(
        &format!(r#""Node Type": "Nested Loop", {OUTER}"#),
        0.405,
        1,
        50,
        vec![pull, lookup],
    );
    let root = node(UPDATE, 0.865, 1, 70, vec![limit, join]);
    let worked = check(
        &root,
        &[
            (0.460, 20),
            (0.255, 20),
            (0.023, 0),
            (0.027, 0),
            (0.100, 30),
        ],
    );
    assert!(!worked.total.clamped);
    assert_eq!(worked.unread.len(), 0);
}

#[test]
fn a_modifying_cte_that_is_not_read_to_the_end_works_on_after_the_root() {
    let lookup = node(
        &format!(r#""Node Type": "Index Scan", {OUTER}"#),
        3.0,
        1,
        1_040,
        vec![],
    );
    let update = node(&cte("done", UPDATE), 10.19, 1, 5_040, vec![lookup]);
    let pull = node(&cte_scan("done"), 0.83, 1, 56, vec![]);
    let root = node(r#""Node Type": "Limit""#, 0.84, 1, 56, vec![update, pull]);
    let worked = check(&root, &[(0.01, 0), (7.19, 4_000), (3.0, 1_040), (0.0, 0)]);
    assert!((worked.total.time_ms - 10.2).abs() < 1e-9);
    assert_eq!(worked.total.buffers.total(), 5_040);
    assert_eq!(
        (
            worked.root.buffers.total(),
            worked.after_root.buffers.total()
        ),
        (56, 4_984)
    );
    assert!((worked.after_root.time_ms - 9.36).abs() < 1e-9);
    assert_eq!(worked.unread[0].0, 1);
}

#[test]
fn a_modifying_cte_that_nothing_reads_is_all_after_the_root() {
    let insert = node(&cte("log", UPDATE), 4.0, 1, 40, vec![]);
    let other = node(&cte("more", UPDATE), 2.0, 1, 20, vec![]);
    let root = node(r#""Node Type": "Result""#, 0.5, 1, 3, vec![insert, other]);
    let worked = check(&root, &[(0.5, 3), (4.0, 40), (2.0, 20)]);
    assert!((worked.total.time_ms - 6.5).abs() < 1e-9);
    assert_eq!(worked.total.buffers.total(), 63);
}

#[test]
fn scans_share_a_cte_by_their_time() {
    let due = node(
        &cte("due", r#""Node Type": "Seq Scan""#),
        3.0,
        1,
        30,
        vec![],
    );
    let first = node(&cte_scan("due"), 3.0, 1, 30, vec![]);
    let second = node(&cte_scan("due"), 1.0, 1, 0, vec![]);
    let root = node(
        r#""Node Type": "Nested Loop""#,
        5.0,
        1,
        30,
        vec![due, first, second],
    );
    check(&root, &[(1.0, 0), (3.0, 30), (0.75, 0), (0.25, 0)]);
}

#[test]
fn a_cte_is_looked_up_where_it_is_in_scope() {
    let inner_cte = node(&cte("next", r#""Node Type": "Result""#), 1.0, 1, 10, vec![]);
    let inner_scan = node(&cte_scan("next"), 1.5, 1, 10, vec![]);
    let subquery = node(
        &format!(r#""Node Type": "Limit", {OUTER}"#),
        2.0,
        1,
        10,
        vec![inner_cte, inner_scan],
    );
    let outer_cte = node(&cte("next", r#""Node Type": "Result""#), 4.0, 1, 40, vec![]);
    let outer_scan = node(&cte_scan("next"), 4.5, 1, 40, vec![]);
    let root = node(
        r#""Node Type": "Append""#,
        7.0,
        1,
        50,
        vec![outer_cte, subquery, outer_scan],
    );
    check(
        &root,
        &[(0.5, 0), (4.0, 40), (0.5, 0), (1.0, 10), (0.5, 0), (0.5, 0)],
    );
}

#[test]
fn an_init_plan_is_charged_to_the_node_that_names_it() {
    // `$10` is another parameter than `$1`, and so is InitPlan 12 another than InitPlan 1.
    for (label, names, other) in [
        ("InitPlan 1 (returns $1)", "(id = ANY ($1))", "(id = $10)"),
        (
            "InitPlan 1",
            "(id = ANY ((InitPlan 1).col1))",
            "(id = (InitPlan 12).col1)",
        ),
    ] {
        let init = node(&init_plan(label), 2.0, 1, 20, vec![]);
        let first = node(&scan(other), 5.0, 1, 50, vec![]);
        let second = node(&scan(names), 3.0, 1, 25, vec![]);
        let join = node(
            &format!(r#""Node Type": "Nested Loop", {OUTER}"#),
            9.0,
            1,
            75,
            vec![first, second],
        );
        let root = node(UPDATE, 10.0, 1, 80, vec![init, join]);
        check(&root, &[(1.0, 5), (2.0, 20), (1.0, 0), (5.0, 50), (1.0, 5)]);
    }
}

#[test]
fn a_client_parameter_of_the_same_number_does_not_attract_an_init_plan() {
    // Up to 16 both print as `$1`: the first scan has no room for the InitPlan's time and pages, the second has.
    let init = node(&init_plan("InitPlan 1 (returns $1)"), 2.0, 1, 20, vec![]);
    let client = node(&scan("(state = $1)"), 0.5, 1, 2, vec![]);
    let names = node(&scan("(id = $1)"), 3.0, 1, 25, vec![]);
    let root = node(
        r#""Node Type": "Nested Loop""#,
        4.0,
        1,
        27,
        vec![init, client, names],
    );
    check(&root, &[(0.5, 0), (2.0, 20), (0.5, 2), (1.0, 5)]);
}

#[test]
fn an_init_plan_nobody_is_seen_to_name_goes_where_there_is_room() {
    let init = node(&init_plan("InitPlan 1"), 2.0, 1, 20, vec![]);
    let input = node(
        &format!(r#""Node Type": "Seq Scan", {OUTER}"#),
        3.0,
        1,
        25,
        vec![],
    );
    let root = node(UPDATE, 3.5, 1, 26, vec![init, input]);
    check(&root, &[(0.5, 1), (2.0, 20), (1.0, 5)]);
}

#[test]
fn the_leader_runs_an_init_plan_before_it_starts_workers() {
    let init = node(&init_plan("InitPlan 1"), 2.0, 1, 20, vec![]);
    let part = node(&scan("(a > (InitPlan 1).col1)"), 3.0, 3, 90, vec![]);
    let gather = node(
        &format!(r#""Node Type": "Gather", "Workers Launched": 2, {OUTER}"#),
        6.0,
        1,
        110,
        vec![part],
    );
    let root = node(
        r#""Node Type": "Aggregate""#,
        6.5,
        1,
        110,
        vec![init, gather],
    );
    let worked = check(&root, &[(0.5, 0), (2.0, 20), (1.0, 0), (3.0, 90)]);
    assert!(
        (worked.nodes[3].cpu_ms - 9.0).abs() < 1e-9,
        "three processes of 3 ms each"
    );
    assert!((worked.total.cpu_ms - 12.5).abs() < 1e-9);
}

#[test]
fn a_leader_that_stays_out_is_not_counted() {
    let part = node(
        &format!(r#""Node Type": "Seq Scan", {OUTER}"#),
        4.0,
        2,
        80,
        vec![],
    );
    let root = node(
        r#""Node Type": "Gather", "Workers Launched": 2"#,
        5.0,
        1,
        80,
        vec![part],
    );
    let worked = check(&root, &[(1.0, 0), (4.0, 80)]);
    assert!((worked.nodes[1].cpu_ms - 8.0).abs() < 1e-9);
}

#[test]
fn a_sub_plan_is_charged_to_its_owner() {
    let sub = node(
        r#""Node Type": "Index Scan", "Parent Relationship": "SubPlan", "Subplan Name": "SubPlan 1""#,
        0.01,
        100,
        300,
        vec![],
    );
    let root = node(
        r#""Node Type": "Seq Scan", "Filter": "(SubPlan 1)""#,
        1.5,
        1,
        310,
        vec![sub],
    );
    check(&root, &[(0.5, 10), (1.0, 300)]);
}

#[test]
fn claims_beyond_what_a_node_has_are_cut_and_marked() {
    let child = node(
        &format!(r#""Node Type": "Index Scan", {OUTER}"#),
        0.011,
        1_000,
        12,
        vec![],
    );
    let root = node(r#""Node Type": "Nested Loop""#, 10.0, 1, 10, vec![child]);
    let worked = check(&root, &[(0.0, 0), (10.0, 10)]);
    assert!(worked.nodes[0].clamped && worked.total.clamped);
}

#[test]
fn rows_are_those_returned_else_those_written() {
    let rows = |keys: &str, child_rows: u64| {
        let text = format!(
            r#"{{"Plan": {{"Node Type": "ModifyTable", "Actual Loops": 1, {keys}, "Plans": [
                {{"Node Type": "Result", "Parent Relationship": "InitPlan", "Subplan Name": "CTE x", "Actual Loops": 1, "Actual Rows": 999}},
                {{"Node Type": "Result", "Parent Relationship": "Outer", "Actual Loops": 2, "Actual Rows": {child_rows}}}]}}}}"#
        );
        Plan::parse(&text).unwrap()[0].rows()
    };
    assert_eq!(rows(r#""Operation": "Update", "Actual Rows": 7.00"#, 10), 7);
    assert_eq!(rows(r#""Operation": "Update", "Actual Rows": 0"#, 10), 20);
    assert_eq!(
        rows(
            r#""Operation": "Insert", "Actual Rows": 0, "Tuples Inserted": 3, "Conflicting Tuples": 17"#,
            10
        ),
        3
    );
    let upsert = r#""Operation": "Insert", "Actual Rows": 0, "Conflict Resolution": "UPDATE", "Tuples Inserted": 3, "Conflicting Tuples": 17"#;
    assert_eq!(rows(upsert, 10), 20);
    assert_eq!(
        rows(
            r#""Operation": "Merge", "Actual Rows": 0, "Tuples Inserted": 1, "Tuples Updated": 2, "Tuples Deleted": 3"#,
            10
        ),
        6
    );
}

#[test]
fn an_append_that_prunes_by_an_init_plan_runs_it() {
    let scan = |index: &str, time_ms, loops, pages| {
        let keys = format!(
            r#""Node Type": "Index Scan", "Parent Relationship": "Member", "Index Name": "{index}", "Index Cond": "(id = $0)""#
        );
        node(&keys, time_ms, loops, pages, vec![])
    };
    let init_plan = r#""Node Type": "Aggregate", "Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1 (returns $0)""#;
    let append = r#""Node Type": "Append", "Parent Relationship": "Outer""#;
    let partitions = vec![scan("part_1", 0.0, 0, 0), scan("part_2", 0.5, 1, 5)];
    let root = node(
        r#""Node Type": "Limit""#,
        1.7,
        1,
        105,
        vec![
            node(init_plan, 1.0, 1, 100, vec![]),
            node(append, 1.6, 1, 105, partitions),
        ],
    );
    check(&root, &[(0.1, 0), (1.0, 100), (0.1, 0), (0.0, 0), (0.5, 5)]);
}
