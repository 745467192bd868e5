//! Plans in text format as PostgreSQL 12 to 18, and what stands between it and us, print them.

use super::*;
use crate::plan::json::MAX_DEPTH;
use crate::plan::node::{Actual, Relationship};
use crate::plan::{digest, work};

fn lines_of(plan: &Plan) -> Vec<(usize, String)> {
    plan.preorder()
        .map(|position| (position.depth, crate::plan::node_label(position.node)))
        .collect()
}

const FETCH: &str = "\
Update on job  (cost=4.32..40.52 rows=10 width=42) (actual time=0.100..0.300 rows=10 loops=1)
  Buffers: shared hit=90 read=2
  InitPlan 1 (returns $1)
    ->  Limit  (cost=0.41..4.02 rows=10 width=24) (actual time=0.020..0.050 rows=10 loops=1)
          Buffers: shared hit=30
          ->  LockRows  (cost=0.41..4000.02 rows=1 width=24) (actual time=0.019..0.048 rows=10 loops=1)
                Buffers: shared hit=30
                ->  Index Scan using job_ready on job job_1  (cost=0.41..3.02 rows=1 width=24) (actual time=0.010..0.030 rows=10 loops=1)
                      Index Cond: ((queue = 'q1'::text) AND (run_at <= now()))
                      Filter: (payload <> 'a: b
c'::text)
                      Buffers: shared hit=20
  ->  Index Scan using job_pkey on job  (cost=0.29..36.45 rows=10 width=42) (actual time=0.060..0.110 rows=10 loops=1)
        Index Cond: (id = ANY ($1))
        Buffers: shared hit=60
Planning:
  Buffers: shared hit=7
Planning Time: 0.250 ms
Execution Time: 0.400 ms
";

#[test]
fn a_fetch_has_its_tree_figures_and_times() {
    let plan = parse(FETCH).unwrap();
    assert_eq!(
        digest(&plan),
        "Update ← Index Scan job_pkey (InitPlan: Limit ← LockRows ← Index Scan job_ready)"
    );
    assert_eq!(plan.execution_ms, Some(0.4));
    assert_eq!(plan.planning.buffers.unwrap().shared.hit, 7);
    let scan = plan.preorder().nth(3).unwrap().node;
    assert_eq!(scan.alias.as_deref(), Some("job_1"));
    assert_eq!(scan.conditions[1].1, "(payload <> 'a: b\nc'::text)");
    assert_eq!(scan.rows_removed_by_filter, Some(0.0));
    let pages: Vec<u64> = work(&plan)
        .nodes
        .iter()
        .map(|own| own.buffers.total())
        .collect();
    // What the InitPlan touched is in the figures of the scan that asked for it.
    assert_eq!(pages, [32, 0, 10, 20, 30]);
}

#[test]
fn indentation_line_ends_and_arrows_may_be_others() {
    let expected = parse(FETCH).unwrap();
    let indented: String = FETCH
        .lines()
        .map(|line| format!("\t    {line}\r\n"))
        .collect();
    assert_eq!(
        parse(&indented.replace("\r\nc'", "\nc'")).unwrap().root,
        expected.root
    );
    let halved: String = FETCH
        .lines()
        .map(|line| {
            let blanks = line.len() - line.trim_start().len();
            format!("{}{}\n", " ".repeat(blanks / 2), line.trim_start())
        })
        .collect();
    assert_eq!(parse(&halved).unwrap().root, expected.root);
    let arrows = FETCH.replace("->", "→");
    assert_eq!(parse(&arrows).unwrap().root, expected.root);
    let tabs = FETCH.replace("        ", "\t");
    assert_eq!(parse(&tabs).unwrap().root, expected.root);
}

/// Lines of nodes, the type that JSON has for each, and its label.
const NAMES: [(&str, &str, &str); 24] = [
    ("Hash Left Join", "Hash Join", "Hash Left Join"),
    ("Hash Join", "Hash Join", "Hash Join"),
    ("Hash", "Hash", "Hash"),
    (
        "Parallel Hash Right Semi Join",
        "Hash Join",
        "Parallel Hash Right Semi Join",
    ),
    ("Nested Loop", "Nested Loop", "Nested Loop"),
    (
        "Nested Loop Anti Join",
        "Nested Loop",
        "Nested Loop Anti Join",
    ),
    ("Merge Full Join", "Merge Join", "Merge Full Join"),
    ("Merge Append", "Merge Append", "Merge Append"),
    ("Merge on job j", "ModifyTable", "Merge"),
    ("Insert on public.job", "ModifyTable", "Insert"),
    (
        "Partial GroupAggregate",
        "Aggregate",
        "Partial GroupAggregate",
    ),
    ("HashSetOp Except All", "SetOp", "HashSetOp Except All"),
    ("SetOp Intersect", "SetOp", "SetOp Intersect"),
    (
        "Index Only Scan Backward using i on s.t a",
        "Index Only Scan",
        "Index Only Scan Backward i",
    ),
    (
        "Bitmap Index Scan on \"odd \"\"name\"\" on x\"",
        "Bitmap Index Scan",
        "Bitmap Index Scan odd \"name\" on x",
    ),
    (
        "Parallel Seq Scan on public.\"Job\" j",
        "Seq Scan",
        "Parallel Seq Scan Job",
    ),
    ("CTE Scan on next", "CTE Scan", "CTE Scan next"),
    (
        "Function Scan on pg_catalog.generate_series n",
        "Function Scan",
        "Function Scan generate_series",
    ),
    ("Values Scan on \"*VALUES*\"", "Values Scan", "Values Scan"),
    ("Subquery Scan on next", "Subquery Scan", "Subquery Scan"),
    (
        "Custom Scan (ChunkAppend) on metrics",
        "Custom Scan",
        "Custom Scan metrics",
    ),
    (
        "Async Foreign Scan on far",
        "Foreign Scan",
        "Foreign Scan far",
    ),
    ("Foreign Delete on far", "Foreign Scan", "Foreign Scan far"),
    ("What Is New on t", "What Is New", "What Is New t"),
];

#[test]
fn names_of_nodes_are_those_of_json() {
    for (line, kind, label) in NAMES {
        let plan = parse(&format!("{line}  (cost=0.00..1.00 rows=1 width=4)")).unwrap();
        let root = &plan.root;
        assert_eq!(
            (
                root.node_type.as_str(),
                crate::plan::node_label(root).as_str()
            ),
            (kind, label),
            "{line}"
        );
    }
    let scan = parse("Seq Scan on public.\"Job\" \"J\"  (cost=0.00..1.00 rows=1 width=4)")
        .unwrap()
        .root;
    assert_eq!(
        [scan.schema, scan.relation_name, scan.alias],
        ["public", "Job", "J"].map(|name| Some(name.to_owned()))
    );
}

#[test]
fn workers_of_12_and_of_later_versions() {
    let newer = "\
Gather  (cost=0.00..1.00 rows=1 width=8) (actual time=1.000..2.000 rows=3 loops=1)
  Workers Planned: 2
  Workers Launched: 1
  ->  Sort  (cost=0.00..1.00 rows=1 width=8) (actual time=0.500..0.600 rows=2 loops=2)
        Sort Key: a
        Sort Method: quicksort  Memory: 25kB
        Worker 0:  actual time=0.400..0.500 rows=1 loops=1
          Sort Method: quicksort  Memory: 26kB
          Buffers: shared hit=4
          JIT:
            Functions: 3
        ->  Parallel Seq Scan on t  (cost=0.00..1.00 rows=1 width=8) (actual time=0.100..0.200 rows=2 loops=2)
              Buffers: shared hit=9
              Worker 0: actual time=0.300..0.400 rows=1 loops=1
                Buffers: shared hit=5
Execution Time: 2.500 ms
";
    let plan = parse(newer).unwrap();
    assert_eq!(lines_of(&plan).len(), 3);
    let sort = &plan.root.children[0];
    assert_eq!(sort.sort.as_ref().unwrap().space_kb, Some(25));
    let worker = &sort.workers[0];
    assert_eq!(worker.actual.unwrap().total_ms, Some(0.5));
    assert_eq!(worker.buffers.unwrap().shared.hit, 4);
    assert_eq!(worker.extra["Sort Space Used"], 26);
    assert_eq!(worker.extra["Functions"], 3);
    let scan = &sort.children[0];
    assert!(scan.parallel_aware);
    assert_eq!(scan.workers[0].buffers.unwrap().shared.hit, 5);
    assert_eq!(scan.buffers.unwrap().shared.hit, 9);
    assert_eq!(plan.execution_ms, Some(2.5));
}

#[test]
fn what_auto_explain_prints_before_the_plan() {
    let text = "\tQuery Text: select *\n\t  from job -- ->  Seq Scan (cost=1)\n\twhere id = $1\n\tQuery Parameters: $1 = '7'\n\tSeq Scan on job  (cost=0.00..1.00 rows=1 width=4)\n\t  Filter: (id = 7)\n\tSettings: jit = 'off'\n\tQuery Identifier: 42\n";
    let plan = parse(text).unwrap();
    assert_eq!(
        plan.query_text.as_deref(),
        Some("select *\n  from job -- ->  Seq Scan (cost=1)\nwhere id = $1")
    );
    assert_eq!(plan.extra["Query Parameters"], "$1 = '7'");
    assert_eq!(plan.settings["jit"], "off");
    assert_eq!(plan.query_identifier, Some(42));
    assert_eq!(plan.root.actual, None);
}

#[test]
fn nodes_that_never_ran_write_several_tables_or_are_merged() {
    let text = "\
Merge on part  (cost=0.00..1.00 rows=0 width=0) (actual time=1.000..1.000 rows=0 loops=1)
  Merge on part_1 part_2
  Merge on public.part_3
  Tuples: updated=2
  ->  Append  (cost=0.00..1.00 rows=2 width=8) (actual time=0.100..0.200 rows=2.50 loops=2)
        Subplans Removed: 1
        ->  Seq Scan on part_1 part_2  (cost=0.00..1.00 rows=1 width=8) (never executed)
              Disabled: true
        ->  Seq Scan on part_3  (cost=0.00..1.00 rows=1 width=8) (actual time=0.100..0.200 rows=2.50 loops=2)
Trigger changed: time=0.100 calls=2
";
    let plan = parse(text).unwrap();
    let root = &plan.root;
    assert_eq!(root.extra["Target Tables"][1]["Schema"], "public");
    assert_eq!(
        (root.tuples_inserted, root.tuples_updated),
        (Some(0.0), Some(2.0))
    );
    assert_eq!(plan.triggers[0].relation.as_deref(), Some("part"));
    let append = &root.children[0];
    assert_eq!(append.extra["Subplans Removed"], 1);
    assert_eq!(append.total_rows(), 5.0);
    let never = &append.children[0];
    assert!(never.disabled && never.parent_relationship == Some(Relationship::Member));
    let nothing = Actual {
        startup_ms: Some(0.0),
        total_ms: Some(0.0),
        ..Actual::default()
    };
    assert_eq!(never.actual, Some(nothing));
}

#[test]
fn without_costs_the_first_node_name_begins() {
    let plan =
        parse("Limit\n  ->  Index Scan using i on t\n        Index Cond: (a = 1)\n").unwrap();
    assert_eq!(digest(&plan), "Limit ← Index Scan i");
    let timed =
        parse("Limit (actual rows=1 loops=1)\n  ->  Seq Scan on t (actual rows=1 loops=1)\n")
            .unwrap();
    assert_eq!(timed.rows(), 1);
}

#[test]
fn what_is_no_plan_is_said() {
    for text in [
        "",
        "\n\n",
        "hello",
        "Limits are\nhigh",
        "Query Text: select 1",
    ] {
        let error = parse(text).unwrap_err();
        assert!(
            error.to_string().contains("no plan in the text"),
            "{text}: {error}"
        );
    }
}

#[test]
fn deep_and_wide_plans_are_read_in_linear_time() {
    let chain = |nodes: usize| -> String {
        let line = |depth: usize| {
            format!(
                "{}->  Limit  (cost=0.00..1.00 rows=1 width=4)\n",
                " ".repeat(6 * depth)
            )
        };
        (0..nodes).map(line).collect()
    };
    let plan = parse(&chain(MAX_DEPTH)).unwrap();
    assert_eq!(plan.preorder().count(), MAX_DEPTH);
    let error = parse(&chain(MAX_DEPTH + 1)).unwrap_err();
    assert!(error.to_string().contains("1001 nodes deep"), "{error}");
    let member = "  ->  Seq Scan on p  (cost=0.00..1.00 rows=1 width=4)\n        Filter: (a = 1)\n";
    let wide = format!(
        "Append  (cost=0.00..1.00 rows=1 width=4)\n{}",
        member.repeat(50_000)
    );
    assert_eq!(parse(&wide).unwrap().preorder().count(), 50_001);
    let open = format!(
        "Result  (cost=0.00..1.00 rows=1 width=4)\n  Filter: ('{}",
        "x\n".repeat(200_000)
    );
    assert!(parse(&open).is_ok());
}
