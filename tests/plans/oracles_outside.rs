//! What is outside of a node's own time, or shared, worked out by hand: processes, triggers, compilation, serialization, rounding.

use pgq_analyze::plan::{Plan, PlanWork, TriggerPlace, Work, work};

fn worked(text: &str) -> PlanWork {
    work(&Plan::parse(text).unwrap()[0])
}

/// A node's keys with what was measured at it, children included.
fn measured(keys: &str, time_ms: f64, loops: u64, pages: u64, children: &[String]) -> String {
    format!(
        r#"{{{keys}, "Actual Startup Time": 0.0, "Actual Total Time": {time_ms}, "Actual Rows": 1, "Actual Loops": {loops},
            "Shared Hit Blocks": {pages}, "Plans": [{}]}}"#,
        children.join(",")
    )
}

fn statement(root: &str, rest: &str) -> String {
    format!(r#"[{{"Plan": {root}{rest}}}]"#)
}

/// Checks elapsed and processor time and pages of every node, in preorder.
fn check(worked: &PlanWork, expected: &[(f64, f64, u64)]) {
    assert_eq!(worked.nodes.len(), expected.len());
    for (index, (node, (time_ms, cpu_ms, pages))) in worked.nodes.iter().zip(expected).enumerate() {
        assert!((node.time_ms - time_ms).abs() < 1e-9, "{index}: {node:?}");
        assert!((node.cpu_ms - cpu_ms).abs() < 1e-9, "{index}: {node:?}");
        assert_eq!(node.buffers.total(), *pages, "{index}: {node:?}");
    }
    let sum = worked
        .nodes
        .iter()
        .fold(Work::default(), |sum, node| sum.plus(node));
    assert!((sum.time_ms - worked.total.time_ms).abs() < 1e-9);
    assert!((sum.cpu_ms - worked.total.cpu_ms).abs() < 1e-9);
    assert_eq!(sum.buffers, worked.total.buffers);
}

const OUTER: &str = r#""Parent Relationship": "Outer""#;

#[test]
fn below_a_gather_processes_run_side_by_side() {
    // The sort ran in the leader and two workers, 6 ms in each: 18 ms of processor time in 6 ms. Its scan 4 ms in each: 12 in 4.
    // Own time of the sort: 6 - 4 = 2 ms elapsed, 6 ms of three processes; of the Gather 7 - 6 = 1 ms, by the leader alone.
    let scan = measured(
        &format!(r#""Node Type": "Seq Scan", "Parallel Aware": true, {OUTER}"#),
        4.0,
        3,
        90,
        &[],
    );
    let sort = measured(
        &format!(r#""Node Type": "Sort", {OUTER}"#),
        6.0,
        3,
        96,
        &[scan],
    );
    let gather = measured(
        r#""Node Type": "Gather Merge", "Workers Planned": 4, "Workers Launched": 2"#,
        7.0,
        1,
        100,
        &[sort],
    );
    let worked = worked(&statement(&gather, ""));
    check(&worked, &[(1.0, 1.0, 4), (2.0, 6.0, 6), (4.0, 12.0, 90)]);
    assert!((worked.total.time_ms - 7.0).abs() < 1e-9);
    assert!((worked.total.cpu_ms - 19.0).abs() < 1e-9);
}

#[test]
fn a_gather_that_runs_again_has_its_processes_each_time() {
    // The Gather ran twice, its scan six times (3 processes × 2) at 1 ms: 6 ms of processor time in 6 / 3 = 2 ms of the Gather's 2 × 1.5.
    let scan = measured(
        &format!(r#""Node Type": "Seq Scan", {OUTER}"#),
        1.0,
        6,
        60,
        &[],
    );
    let gather = measured(
        r#""Node Type": "Gather", "Parent Relationship": "Inner", "Workers Launched": 2"#,
        1.5,
        2,
        60,
        &[scan],
    );
    let outer = measured(
        &format!(r#""Node Type": "Seq Scan", {OUTER}"#),
        0.5,
        1,
        2,
        &[],
    );
    let root = measured(
        r#""Node Type": "Nested Loop""#,
        4.0,
        1,
        62,
        &[outer, gather],
    );
    let worked = worked(&statement(&root, ""));
    check(
        &worked,
        &[(0.5, 0.5, 0), (0.5, 0.5, 2), (1.0, 1.0, 0), (2.0, 6.0, 60)],
    );
}

#[test]
fn a_sub_plan_in_workers_is_run_by_each_of_them() {
    // 300 loops of 0.01 ms in three processes: 3 ms of processor time in 1 ms, out of its owner's 4 ms.
    let sub = measured(
        r#""Node Type": "Index Scan", "Parent Relationship": "SubPlan", "Subplan Name": "SubPlan 1""#,
        0.01,
        300,
        900,
        &[],
    );
    let scan = measured(
        &format!(r#""Node Type": "Seq Scan", {OUTER}, "Filter": "(SubPlan 1)""#),
        4.0,
        3,
        930,
        &[sub],
    );
    let gather = measured(
        r#""Node Type": "Gather", "Workers Launched": 2"#,
        5.0,
        1,
        930,
        &[scan],
    );
    check(
        &worked(&statement(&gather, "")),
        &[(1.0, 1.0, 0), (3.0, 9.0, 30), (1.0, 3.0, 900)],
    );
}

#[test]
fn a_modifying_cte_that_is_read_to_the_end_leaves_nothing_after_the_root() {
    // The scan pulls all 5 ms and 50 pages of the update; of its own it has 5.2 - 5 = 0.2 ms, the root 5.3 - 5.2 = 0.1 ms.
    let update = measured(
        r#""Node Type": "ModifyTable", "Operation": "Update", "Parent Relationship": "InitPlan", "Subplan Name": "CTE done""#,
        5.0,
        1,
        50,
        &[],
    );
    let scan = measured(
        &format!(r#""Node Type": "CTE Scan", "CTE Name": "done", {OUTER}"#),
        5.2,
        1,
        50,
        &[],
    );
    let root = measured(r#""Node Type": "Aggregate""#, 5.3, 1, 50, &[update, scan]);
    let worked = worked(&statement(&root, ""));
    check(&worked, &[(0.1, 0.1, 0), (5.0, 5.0, 50), (0.2, 0.2, 0)]);
    assert_eq!(worked.after_root, Work::default());
    assert!(!worked.total.clamped);
}

#[test]
fn a_node_that_was_never_executed_has_nothing_and_takes_nothing() {
    // The inner side was never started, nor the InitPlan it would have asked for: all 2 ms and 8 pages are the outer side's and the join's.
    let never = r#", "Actual Startup Time": 0.0, "Actual Total Time": 0.0, "Actual Rows": 0, "Actual Loops": 0, "Shared Hit Blocks": 0"#;
    let init = format!(
        r#"{{"Node Type": "Result", "Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1"{never}}}"#
    );
    let inner = format!(
        r#"{{"Node Type": "Index Scan", "Parent Relationship": "Inner", "Index Cond": "(id = (InitPlan 1).col1)"{never}}}"#
    );
    let outer = measured(
        &format!(r#""Node Type": "Seq Scan", {OUTER}"#),
        1.5,
        1,
        8,
        &[],
    );
    let root = measured(
        r#""Node Type": "Nested Loop""#,
        2.0,
        1,
        8,
        &[init, outer, inner],
    );
    let worked = worked(&statement(&root, ""));
    check(
        &worked,
        &[(0.5, 0.5, 0), (0.0, 0.0, 0), (1.5, 1.5, 8), (0.0, 0.0, 0)],
    );
    assert!(!worked.total.clamped);
}

#[test]
fn after_triggers_are_outside_of_every_node_and_before_triggers_inside() {
    // The update has 8 - 1 = 7 ms, of which the BEFORE trigger's 5; the AFTER trigger's 6 ms fit only in what is left of the execution:
    // 14.2 - 8 = 6.2 ms. The constraint's 0.1 ms come after all nodes whatever there is room for.
    let scan = measured(
        &format!(r#""Node Type": "Index Scan", {OUTER}"#),
        1.0,
        1,
        10,
        &[],
    );
    let update = measured(
        r#""Node Type": "ModifyTable", "Operation": "Update", "Relation Name": "job""#,
        8.0,
        1,
        40,
        &[scan],
    );
    let triggers = r#", "Triggers": [
        {"Trigger Name": "RI_ConstraintTrigger_c_1", "Constraint Name": "job_queue_fkey", "Relation": "job", "Time": 0.1, "Calls": 9},
        {"Trigger Name": "told", "Relation": "job", "Time": 6.0, "Calls": 9},
        {"Trigger Name": "stamped", "Relation": "job", "Time": 5.0, "Calls": 9}], "Execution Time": 14.2"#;
    let worked = worked(&statement(&update, triggers));
    check(&worked, &[(7.0, 7.0, 30), (1.0, 1.0, 10)]);
    let places: Vec<TriggerPlace> = worked
        .triggers
        .iter()
        .map(|trigger| trigger.place)
        .collect();
    assert_eq!(
        places,
        [
            TriggerPlace::After,
            TriggerPlace::After,
            TriggerPlace::Inside
        ]
    );
    assert!((worked.after_triggers_ms - 6.1).abs() < 1e-9);
    assert!((worked.total.time_ms - 8.0).abs() < 1e-9, "the nodes alone");
}

#[test]
fn compilation_overlaps_the_nodes_and_serialization_is_outside() {
    // 60 of the scan's 70 ms were compilation: they are the scan's, and not counted again. The 5 ms of sending the rows are in no node.
    let scan = measured(
        &format!(r#""Node Type": "Seq Scan", {OUTER}"#),
        70.0,
        1,
        28,
        &[],
    );
    let root = measured(r#""Node Type": "Aggregate""#, 71.0, 1, 28, &[scan]);
    let rest = r#", "JIT": {"Functions": 9, "Timing": {"Total": 60.0}},
        "Serialization": {"Time": 5.0, "Output Volume": 12, "Format": "text", "Shared Hit Blocks": 7}, "Execution Time": 76.5"#;
    let worked = worked(&statement(&root, rest));
    check(&worked, &[(1.0, 1.0, 0), (70.0, 70.0, 28)]);
    assert!((worked.total.time_ms - 71.0).abs() < 1e-9);
    assert_eq!(worked.total.buffers.total(), 28);
}

#[test]
fn what_rounding_adds_is_cut_in_proportion_and_said() {
    // 1,000 loops of 0.002 ms and 500 of 0.004 claim 2 ms each of a node that took 3.6: each gets 3.6 / 4 of its claim, the node nothing.
    let children = [(0.002, 1_000), (0.004, 500)].map(|(time, loops)| {
        measured(
            r#""Node Type": "Index Scan", "Parent Relationship": "Member""#,
            time,
            loops,
            5,
            &[],
        )
    });
    let root = measured(r#""Node Type": "Append""#, 3.6, 1, 10, &children);
    let worked = worked(&statement(&root, ""));
    check(&worked, &[(0.0, 0.0, 0), (1.8, 1.8, 5), (1.8, 1.8, 5)]);
    assert!(worked.nodes[0].clamped && worked.total.clamped);
    assert!(!worked.nodes[1].clamped, "its own claim is what was cut");
}

#[test]
fn temporary_pages_and_wal_are_dealt_like_pages() {
    // Of 30 temporary pages written 20 are the sort's; of 12 WAL records 2 are the scan's, of 900 bytes 100.
    let scan = format!(
        r#"{{"Node Type": "Seq Scan", {OUTER}, "Actual Rows": 1, "Actual Loops": 1, "Shared Hit Blocks": 4, "Shared Dirtied Blocks": 2,
            "WAL Records": 2, "WAL FPI": 0, "WAL Bytes": 100}}"#
    );
    let sort = format!(
        r#"{{"Node Type": "Sort", {OUTER}, "Actual Rows": 1, "Actual Loops": 1, "Shared Hit Blocks": 4, "Shared Dirtied Blocks": 2,
            "Temp Written Blocks": 20, "Temp Read Blocks": 19, "WAL Records": 2, "WAL FPI": 0, "WAL Bytes": 100, "Plans": [{scan}]}}"#
    );
    let root = format!(
        r#"{{"Node Type": "ModifyTable", "Operation": "Update", "Actual Rows": 0, "Actual Loops": 1, "Shared Hit Blocks": 9,
            "Shared Dirtied Blocks": 5, "Temp Written Blocks": 30, "Temp Read Blocks": 29, "WAL Records": 12, "WAL FPI": 1,
            "WAL Bytes": 900, "Plans": [{sort}]}}"#
    );
    let worked = worked(&statement(&root, ""));
    let own = |index: usize| {
        let Work { buffers, wal, .. } = worked.nodes[index];
        (
            buffers.shared.hit,
            buffers.shared.dirtied,
            buffers.temp_written,
            buffers.temp_read,
            (wal.records, wal.fpi, wal.bytes),
        )
    };
    assert_eq!(own(0), (5, 3, 10, 10, (10, 1, 800)));
    assert_eq!(own(1), (0, 0, 20, 19, (0, 0, 0)));
    assert_eq!(own(2), (4, 2, 0, 0, (2, 0, 100)));
    assert!(worked.has_buffers && worked.has_wal && !worked.has_times);
}
