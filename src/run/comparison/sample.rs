//! A made-up pair of runs for tests, and their comparison: every verdict, nearly every reason, and what is not compared.

use super::{Comparison, Options, compare};
use crate::finding::Severity;
use crate::plan::{OutlineNode, PlanMode};
use crate::run::baseline::{Baseline, BaselineFinding, BaselinePlan};
use crate::run::environment::Limitation;
use crate::run::plan_result::{GenericShape, OutputCounts};
use crate::run::{Failure, sample};

const HEAVY: &str = "heavy-single-queue";
const FUTURE: &str = "future-rows";

/// The comparison of the two runs, in spite of what they differ in.
pub(crate) fn comparison() -> Comparison {
    let options = Options {
        allow_different: true,
        ..Options::default()
    };
    let (first, second) = runs();
    compare(("main", &first), ("latest", &second), &options).expect("comparable")
}

/// A comparison in which nothing has changed.
pub(crate) fn unchanged() -> Comparison {
    let (first, _) = runs();
    compare(("main", &first), ("latest", &first), &Options::default()).expect("comparable")
}

/// The two runs.
pub(crate) fn runs() -> (Baseline, Baseline) {
    let mut first = Baseline::of(&sample::run(), |result| {
        outline(&result.digest, result.rows, result.buffers.total)
    });
    first.servers[0].limitations.clear();
    first.failures.clear();
    second_server(&mut first);
    let queue = first.queues.entry("status-partial".to_owned()).or_default();
    queue.indexes = [
        index("job_pkey", "(id)"),
        index("job_ready", "(queue, priority)"),
    ]
    .into();
    queue.statements = [statement("fetch", CLAIM_SQL)].into();
    let mut second = first.clone();
    second.run_id = "20261122T081211Z-plans-77c1".to_owned();
    first.interleaved_with = Some(second.run_id.clone());
    second.interleaved_with = Some(first.run_id.clone());
    rename(&mut second);
    second.servers[0]
        .settings
        .insert("work_mem".to_owned(), "64MB".to_owned());
    let queue = second
        .queues
        .entry("status-partial".to_owned())
        .or_default();
    queue.tables = "7ab3".to_owned();
    queue.indexes.remove("job_ready");
    queue
        .indexes
        .extend([index("job_finished", "(finished_at)")]);
    queue.statements = [statement("fetch", &CLAIM_SQL.replace(" skip locked", ""))].into();
    worse(&mut second);
    otherwise(&mut first, &mut second);
    first.plans.push(BaselinePlan {
        fixture: "steps".to_owned(),
        ..plan(&mut second, HEAVY, "fetch", "batch-1").clone()
    });
    (first, second)
}

const CLAIM_SQL: &str = "with next as (\n    select id from job where state = 'ready' order by priority limit :batch_size\n    \
    for update skip locked\n)\nupdate job set state = 'running' from next where job.id = next.id returning job.*;";

fn index(name: &str, columns: &str) -> (String, String) {
    let definition = format!("CREATE INDEX {name} ON public.job USING btree {columns}");
    (name.to_owned(), definition)
}

fn statement(name: &str, sql: &str) -> (String, Vec<String>) {
    (name.to_owned(), sql.lines().map(str::to_owned).collect())
}

/// The custom plan of a variant on the first server.
fn plan<'r>(
    run: &'r mut Baseline,
    fixture: &str,
    statement: &str,
    variant: &str,
) -> &'r mut BaselinePlan {
    let mut plans = run.plans.iter_mut();
    let found = plans.find(|plan| {
        plan.fixture == fixture
            && plan.statement == statement
            && plan.variant == variant
            && plan.plan_mode == PlanMode::Custom
    });
    found.expect("in the sample")
}

/// A server whose pages are not comparable, with one plan.
fn second_server(run: &mut Baseline) {
    let mut server = run.servers[0].clone();
    server.server_version = "18.4".to_owned();
    server.limitations = vec![Limitation {
        capability: "pg_prewarm".to_owned(),
        not_comparable: vec!["buffers".to_owned()],
        message: "pg_prewarm is not installed".to_owned(),
    }];
    run.servers.push(server);
    let limited = BaselinePlan {
        postgres: "18.4".to_owned(),
        ..plan(run, HEAVY, "fetch", "batch-1").clone()
    };
    run.plans.push(limited);
}

fn rename(run: &mut Baseline) {
    let old = "full-btree";
    let queue = run.queues.remove(old).unwrap_or_default();
    run.queues.insert("full-btree-next".to_owned(), queue);
    for plan in run.plans.iter_mut().filter(|plan| plan.queue == old) {
        plan.queue = "full-btree-next".to_owned();
    }
}

/// What is worse in the second run.
fn worse(second: &mut Baseline) {
    let claim = plan(second, HEAVY, "fetch", "batch-10");
    (claim.shape, claim.digest, claim.pages) = ("50f7ed1c".to_owned(), SORTED.to_owned(), 27_469);
    claim.plan = outline(SORTED, 10, 27_469);
    claim.rows_removed = Some(899_990);
    claim.findings.push(finding(
        "sort-in-fetch",
        Severity::Critical,
        "sorts 100,000 ready jobs to return 10 of them, touching 27,469 pages; the backlog decides what a fetch costs",
    ));
    plan(second, HEAVY, "fetch", "batch-100").rows = 37;
    let complete = plan(second, HEAVY, "complete", "completed-100");
    complete.wal.bytes = complete.wal.bytes * 13 / 10;
    complete.pages += 205;
    set_pages(complete);
    let inspect = plan(second, HEAVY, "inspect", "default");
    inspect.rows_removed = Some(100_000);
    let claim = plan(second, FUTURE, "fetch", "batch-1");
    for node in &mut claim.plan {
        node.node = node
            .node
            .replace("Index Scan job_ready", "Index Scan Backward job_ready");
    }
    claim.shape = "bac4".to_owned();
    plan(second, FUTURE, "fetch", "batch-10").output = Some(OutputCounts {
        bytes: 500_000,
        pages: 91,
    });
    plan(second, FUTURE, "complete", "completed-100")
        .findings
        .push(finding(
            "fetch-without-skip-locked",
            Severity::Warning,
            "waits for rows that another worker holds: the workers take turns",
        ));
    let slow = plan(second, HEAVY, "fetch-array", "batch-10-filtered");
    slow.execution_ms.iter_mut().for_each(|time| *time *= 1.4);
    let limited = second.plans.iter_mut().find(|plan| plan.postgres == "18.4");
    limited.expect("in the sample").pages += 40;
    let generic = second
        .plans
        .iter_mut()
        .find(|plan| plan.queue == "status-partial" && plan.plan_mode == PlanMode::Generic);
    let generic = generic.expect("in the sample");
    generic.pages += 3_000;
    set_pages(generic);
}

/// What is better, new, gone, failed or merely different in the second run.
fn otherwise(first: &mut Baseline, second: &mut Baseline) {
    let better = plan(second, HEAVY, "fetch-cte", "batch-10");
    better.pages = 21;
    better.plan = outline(&better.digest, 10, 21);
    better.auto_plan = Some(PlanMode::Custom);
    better.generic_shape = GenericShape::Same;
    second.plans.retain(|plan| {
        let gone = plan.statement == "fetch-cte" && plan.plan_mode == PlanMode::Generic;
        !(gone && plan.fixture == HEAVY)
    });
    plan(second, FUTURE, "fetch-cte", "batch-10")
        .findings
        .clear();
    plan(first, FUTURE, "fetch-cte", "batch-10")
        .findings
        .push(finding(
            "future-rows-scanned",
            Severity::Warning,
            "reads 2,652 pages: jobs that are not due yet stand before those that are",
        ));
    plan(second, FUTURE, "fetch", "batch-100").shape = "e0a1".to_owned();
    let new = BaselinePlan {
        variant: "batch-1000".to_owned(),
        ..plan(second, FUTURE, "fetch", "batch-100").clone()
    };
    second.plans.push(new);
    let gone = |plan: &BaselinePlan| plan.variant == "batch-10-filtered" && plan.fixture == FUTURE;
    second.plans.retain(|plan| !gone(plan));
    second
        .plans
        .retain(|plan| !(plan.statement == "inspect" && plan.fixture == FUTURE));
    second.failures.push(Failure {
        postgres: "15.18".to_owned(),
        queue: Some("full-btree-next".to_owned()),
        fixture: Some(FUTURE.to_owned()),
        statement: Some("fetch-array".to_owned()),
        variant: Some("batch-10-filtered".to_owned()),
        message: "column \"task_key\" does not exist".to_owned(),
    });
}

fn finding(rule: &str, severity: Severity, message: &str) -> BaselineFinding {
    BaselineFinding {
        rule: rule.to_owned(),
        severity,
        node: None,
        message: message.to_owned(),
        help: "give the claim an index in the order it asks for:\n  create index on job (queue, priority)".to_owned(),
    }
}

const SORTED: &str = "Update ← Nested Loop (CTE Scan next (CTE next: Limit ← LockRows ← Sort ← Seq Scan job), Index Scan job_pkey)";

/// The last node takes what the plan has in pages.
fn set_pages(plan: &mut BaselinePlan) {
    let others: u64 = plan.plan.iter().skip(1).map(|node| node.pages).sum();
    if let Some(root) = plan.plan.first_mut() {
        root.pages = plan.pages.saturating_sub(others);
    }
}

/// The nodes of a plan of the sample, by its digest.
fn outline(digest: &str, rows: u64, pages: u64) -> Vec<OutlineNode> {
    let node = |depth, node: &str, rows, pages| OutlineNode {
        depth,
        node: node.to_owned(),
        rows,
        pages,
        ..OutlineNode::default()
    };
    let on_job = |mut scan: OutlineNode, conditions: &[&str]| {
        scan.relation = "job".to_owned();
        scan.conditions = conditions.iter().map(|one| (*one).to_owned()).collect();
        scan
    };
    let key = |depth, pages| {
        on_job(
            node(depth, "Index Scan job_pkey", rows, pages),
            &["Index Cond: (id = next.id)"],
        )
    };
    let few = pages / 10;
    let queue = "Index Cond: (queue = 'default'::text)";
    let mut nodes = vec![on_job(node(0, "Update", rows, few), &[])];
    if digest.ends_with("← Index Scan job_pkey") {
        nodes.push(key(1, pages - few));
        return nodes;
    }
    if !digest.starts_with("Update") {
        nodes[0] = node(0, "Aggregate", 1, 0);
        nodes.push(on_job(node(1, "Seq Scan job", rows, pages), &[]));
        return nodes;
    }
    let hash = digest.contains("Hash Join");
    nodes.push(node(
        1,
        if hash { "Hash Join" } else { "Nested Loop" },
        rows,
        0,
    ));
    let mut limit = node(2, "Limit", rows, 0);
    limit.role = "CTE next".to_owned();
    nodes.extend([limit, node(3, "LockRows", rows, few)]);
    let rest = pages - 3 * few;
    if digest.contains("Sort") {
        let mut sort = node(4, "Sort", rows, 0);
        sort.conditions = vec!["Sort Key: job_1.priority, job_1.run_at, job_1.id".to_owned()];
        let filter = "Filter: ((queue = 'default'::text) AND (state = 'ready'::text))";
        let mut scan = on_job(node(5, "Seq Scan job", 100_000, rest), &[filter]);
        scan.alias = "job_1".to_owned();
        nodes.extend([sort, scan]);
    } else {
        let mut scan = on_job(node(4, "Index Scan job_ready", rows, rest), &[queue]);
        scan.alias = "job_1".to_owned();
        nodes.push(scan);
    }
    nodes.push(node(2, "CTE Scan next", rows, 0));
    if hash {
        nodes.push(on_job(node(2, "Seq Scan job", 1_000_000, few), &[]));
    } else {
        nodes.push(key(2, few));
    }
    nodes
}
