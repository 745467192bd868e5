//! A made-up run for tests: two queues, two fixtures, a generic plan gone wrong, findings, failures.

use std::collections::BTreeMap;

use serde_json::json;

use super::environment::{Cpu, FixtureRecord, Limitation, ServerRecord};
use super::nested::{NestedResult, Within};
use super::plan_result::{BufferCounts, GenericShape, OutputCounts, PlanMode, Summary, WalCounts};
use super::{Environment, FORMAT_VERSION, Failure, PlanResult, Run, RunKind, RunStatus, Timing};
use crate::finding::{Finding, Severity};

const CLAIM: &str = "Update ← Nested Loop (CTE Scan next (CTE next: Limit ← LockRows ← Index Scan job_ready), Index Scan job_pkey)";
const HASH: &str = "Update ← Hash Join (Seq Scan job, Hash ← CTE Scan next (CTE next: Limit ← LockRows ← Index Scan job_ready))";
const SORT: &str = "Update ← Nested Loop (HashAggregate ← Limit ← LockRows ← Sort ← Bitmap Heap Scan job ← Bitmap Index Scan job_state, Index Scan job_pkey)";
const KEY: &str = "Update ← Index Scan job_pkey";

/// The run; it came to its end.
pub(crate) fn run() -> Run {
    let mut results = Vec::new();
    for (fixture, factor) in [("heavy-single-queue", 1), ("future-rows", 51)] {
        status_partial(fixture, factor, &mut results);
        full_btree(fixture, factor, &mut results);
    }
    Run {
        format_version: FORMAT_VERSION,
        run_id: "20261121T091304Z-plans-3f9a".to_owned(),
        kind: RunKind::Plans,
        status: RunStatus::Complete,
        command: ["pgq-analyze", "compare-plans", "--quick"].map(str::to_owned).to_vec(),
        environment: environment(),
        timing: Timing { clone_ms: 4_321.5, execute_ms: 2_345.678, total_ms: 71_234.5 },
        peak_rss_bytes: 48_234_496,
        results,
        failures: vec![Failure {
            postgres: "15.18".to_owned(),
            queue: Some("full-btree".to_owned()),
            fixture: Some("future-rows".to_owned()),
            statement: Some("complete".to_owned()),
            variant: Some("completed-5000".to_owned()),
            message: "variant `completed-5000` of full-btree: the fetch that feeds it returned 1,204 of 5,000 jobs; give the \
                      fixture more ready jobs or the variant a smaller batch"
                .to_owned(),
        }],
        interleaved_with: None,
        skipped: Vec::new(),
        blocked: Vec::new(),
        scaling: Vec::new(),
    }
}

/// Where it was.
pub(crate) fn environment() -> Environment {
    let fixture = |digest: &str, jobs| FixtureRecord {
        digest: digest.to_owned(),
        seed: 1,
        jobs,
        plain: false,
    };
    Environment {
        program_version: "0.1.0".to_owned(),
        server: ServerRecord {
            server_version: "15.18".to_owned(),
            build: "x86_64-pc-linux-gnu, compiled by gcc 12.2.0, 64-bit".to_owned(),
            block_size: 8192,
            settings: BTreeMap::from([("jit".to_owned(), "off".to_owned()), ("shared_buffers".to_owned(), "1GB".to_owned())]),
            profile: "plans".to_owned(),
            statistics: BTreeMap::from([("heavy-single-queue".to_owned(), BTreeMap::from([("status-partial".to_owned(), "5f0e".to_owned())]))]),
            catalogs: BTreeMap::new(),
            limitations: vec![Limitation {
                capability: "pg_prewarm".to_owned(),
                not_comparable: vec!["buffers".to_owned()],
                message: "pg_prewarm is not installed: the first execution reads from disk, `read` is not comparable".to_owned(),
            }],
        },
        other_servers: Vec::new(),
        cpu: Cpu { model: "Example 9000".to_owned(), cores: 2 },
        clock_cost_ns: 23.5,
        seed: None,
        queues: BTreeMap::from([("status-partial".to_owned(), "77aa".to_owned()), ("full-btree".to_owned(), "12bc".to_owned())]),
        fixtures: BTreeMap::from([
            ("heavy-single-queue".to_owned(), fixture("c0ffee", 1_000_000)),
            ("future-rows".to_owned(), fixture("f00d", 200_000)),
        ]),
        tables: BTreeMap::from([("status-partial".to_owned(), "7ab1".to_owned()), ("full-btree".to_owned(), "7ab2".to_owned())]),
        statements: BTreeMap::from([(
            "status-partial".to_owned(),
            BTreeMap::from([("complete".to_owned(), "update job set state = 'completed' where id = any(:ids)".to_owned())]),
        )]),
        selection: None,
    }
}

fn status_partial(fixture: &str, factor: u64, results: &mut Vec<PlanResult>) {
    for (variant, rows, pages) in [
        ("batch-1", 1, 7),
        ("batch-10", 10, 166),
        ("batch-100", 100, 1_420),
    ] {
        let mut fetch = result(
            "status-partial",
            fixture,
            "fetch",
            variant,
            rows,
            pages * factor,
            CLAIM,
        );
        fetch.auto_plan = Some(PlanMode::Custom);
        if factor > 1 {
            fetch.findings.push(future_rows_scanned(pages * factor));
        }
        if variant == "batch-10" {
            fetch.generic_shape = GenericShape::Differs;
            let mut generic = result(
                "status-partial",
                fixture,
                "fetch",
                variant,
                rows,
                24_494,
                HASH,
            );
            generic.plan_mode = PlanMode::Generic;
            generic.generic_shape = GenericShape::Differs;
            generic.auto_plan = fetch.auto_plan;
            generic.findings.push(generic_limit());
            results.extend([fetch, generic]);
        } else {
            results.push(fetch);
        }
    }
    let mut complete = result(
        "status-partial",
        fixture,
        "complete",
        "completed-100",
        100,
        913,
        KEY,
    );
    complete.nested = Some(inside_functions(&complete.dump));
    results.push(complete);
    let mut inspect = result(
        "status-partial",
        fixture,
        "inspect",
        "default",
        0,
        5_121,
        "Aggregate ← Seq Scan job",
    );
    inspect.generic_shape = GenericShape::None;
    results.push(inspect);
}

fn full_btree(fixture: &str, factor: u64, results: &mut Vec<PlanResult>) {
    for (statement, variant, pages) in [
        ("fetch-cte", "batch-10", 52),
        ("fetch-array", "batch-10-filtered", 11_450),
    ] {
        let digest = if pages > 1_000 { SORT } else { CLAIM };
        let mut fetch = result(
            "full-btree",
            fixture,
            statement,
            variant,
            10,
            pages * factor,
            digest,
        );
        fetch.operation = "fetch".to_owned();
        if digest == SORT {
            fetch.findings.push(sort_in_fetch(pages * factor));
            fetch
                .findings
                .extend((factor > 1).then(|| future_rows_scanned(pages * factor)));
        }
        fetch.auto_plan = Some(PlanMode::Generic);
        if digest == SORT && factor == 1 {
            results.push(fetch);
            continue;
        }
        fetch.generic_shape = GenericShape::Differs;
        let mut generic = fetch.clone();
        generic.plan_mode = PlanMode::Generic;
        generic.buffers = buffers(3_120);
        generic.pages_per_row = Some(312.0);
        generic.findings.clear();
        generic.execution_ms = Summary::of(
            (0..20)
                .map(|sample| 28.0 + f64::from(sample) / 10.0)
                .collect(),
        );
        (generic.shape, generic.digest) = (shape_of(HASH), HASH.to_owned());
        results.extend([fetch, generic]);
    }
}

fn result(
    queue: &str,
    fixture: &str,
    operation: &str,
    variant: &str,
    rows: u64,
    pages: u64,
    digest: &str,
) -> PlanResult {
    let samples = if operation == "inspect" { 5 } else { 20 };
    let times: Vec<f64> = (0..samples)
        .map(|sample| pages as f64 * (0.0075 + f64::from(sample) * 0.0001))
        .collect();
    PlanResult {
        postgres: "15.18".to_owned(),
        queue: queue.to_owned(),
        fixture: fixture.to_owned(),
        operation: operation.to_owned(),
        variant: variant.to_owned(),
        statement: operation.to_owned(),
        plan_mode: PlanMode::Custom,
        auto_plan: None,
        generic_shape: GenericShape::Same,
        shape: shape_of(digest),
        digest: digest.to_owned(),
        rows,
        rows_removed: Some(0),
        buffers: buffers(pages),
        wal: WalCounts {
            records: rows * 3,
            fpi: 0,
            bytes: rows * 410 + 58,
        },
        pages_per_row: (rows > 0).then(|| pages as f64 / rows as f64),
        output: Some(OutputCounts {
            bytes: rows * 180,
            pages: 0,
        }),
        nested: Some(Vec::new()),
        nested_left_out: 0,
        scans: Vec::new(),
        planning_ms: Summary::of(times.iter().map(|_| 0.231).collect()),
        execution_ms: Summary::of(times),
        findings: Vec::new(),
        dump: format!("plans/{queue}/{fixture}/{operation}.{variant}.custom.json"),
    }
}

/// A trigger's statement, with what an attacker may write into it, and a foreign key's check.
fn inside_functions(dump: &str) -> Vec<NestedResult> {
    let entry = |number: u32, within, statement: &str, digest: &str, pages: u64| NestedResult {
        statement: statement.to_owned(),
        within,
        calls: 100,
        shape: shape_of(digest),
        digest: digest.to_owned(),
        rows: 100,
        rows_removed: 0,
        buffers: buffers(pages),
        wal: WalCounts {
            records: 100,
            fpi: 0,
            bytes: 5_900,
        },
        dump: dump.replace(".json", &format!(".nested-{number}.json")),
    };
    let key = "SELECT 1 FROM ONLY \"public\".\"job\" x WHERE \"id\" OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF x";
    let history = "insert into history (id, entered)\n    values (new.id, '\u{1b}[31m|<b>@you')";
    let within = Within {
        function: "note_completion()".to_owned(),
        line: Some(3),
        statement: None,
    };
    vec![
        entry(1, None, key, "LockRows ← Index Scan job_pkey", 400),
        entry(2, Some(within), history, "Insert ← Result", 101),
    ]
}

fn shape_of(digest: &str) -> String {
    format!(
        "{:08x}",
        digest.bytes().fold(7_u32, |shape, byte| shape
            .wrapping_mul(31)
            .wrapping_add(u32::from(byte)))
    )
}

fn buffers(total: u64) -> BufferCounts {
    BufferCounts {
        hit: total,
        read: 0,
        dirtied: total / 20,
        written: 0,
        temp: 0,
        total,
    }
}

fn finding(
    rule: &str,
    severity: Severity,
    node: &str,
    message: String,
    help: &str,
    evidence: serde_json::Value,
) -> Finding {
    let evidence = evidence
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Finding {
        rule: rule.to_owned(),
        severity,
        message,
        help: help.to_owned(),
        node: Some(node.to_owned()),
        evidence,
    }
}

fn sort_in_fetch(pages: u64) -> Finding {
    finding(
        "sort-in-fetch",
        Severity::Critical,
        "Sort",
        format!(
            "sorts 100,000 ready jobs to return 10 of them, touching {pages} pages; the backlog decides what a fetch costs"
        ),
        "give the claim an index in the order it asks for:\n  create index on job (queue, priority, run_at, id) where state = 'ready'",
        json!({"rows_sorted": 100_000, "rows_returned": 10, "pages": pages}),
    )
}

fn future_rows_scanned(pages: u64) -> Finding {
    finding(
        "future-rows-scanned",
        Severity::Warning,
        "Index Scan job_ready",
        format!("reads {pages} pages: jobs that are not due yet stand before those that are"),
        "put run_at before priority in job_ready, or keep future jobs in a state of their own",
        json!({"pages": pages, "share_of_statement": 0.9231}),
    )
}

fn generic_limit() -> Finding {
    finding(
        "generic-plan-worse",
        Severity::Note,
        "Seq Scan job",
        "the generic plan takes 10 % of the table for what `limit $2` keeps and reads all of it"
            .to_owned(),
        "claim with `id = any(array(select … limit :batch_size))`, which plans alike for every value",
        json!({"pages_generic": 24_494, "pages_custom": 166}),
    )
}
