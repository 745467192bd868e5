//! A made-up comparison for tests: every verdict, every kind of reason.

use crate::finding::Severity;
use crate::plan::{NodeChange, OutlineNode};
use crate::run::RunKind;
use crate::run::baseline::BaselineFinding;

use crate::run::comparison::{
    Cause, ComparedPlan, Comparison, Effect, FORMAT_VERSION, Figures, QueueChange, Reason, Renamed,
    Side, StatementChange, Times, Tolerances, Unlike, Unpaired, Verdict, VerdictCounts,
};
use crate::run::plan_result::{OutputCounts, PlanMode, WalCounts};
use crate::units::{Count, Growth, Significant};

const BY_INDEX: &str =
    "Update ← Index Scan job_pkey (InitPlan: Limit ← LockRows ← Index Scan job_ready)";
const SORTED: &str =
    "Update ← Index Scan job_pkey (InitPlan: Limit ← LockRows ← Sort ← Seq Scan job)";

/// The comparison.
pub(super) fn comparison() -> Comparison {
    let mut plans = Vec::new();
    for (fixture, factor) in [("heavy-single-queue", 1), ("future-rows", 2)] {
        for (variant, rows, pages) in [
            ("batch-1", 1, 7),
            ("batch-10", 10, 176),
            ("batch-100", 100, 1_420),
        ] {
            plans.push(without_index(
                fixture,
                variant,
                rows,
                pages,
                12_100 * factor,
            ));
        }
        plans.push(without_skip_locked(fixture));
        plans.push(one_more_index(fixture));
        plans.push(wide_payload(fixture));
    }
    plans.extend([improved(), failed(), flipped(), appeared(), vanished()]);
    for variant in ["empty", "batch-1", "batch-10", "batch-100"] {
        plans.push(unchanged(variant));
    }
    of(plans)
}

/// The sample with other plans.
pub(super) fn of(plans: Vec<ComparedPlan>) -> Comparison {
    Comparison {
        format_version: FORMAT_VERSION,
        kind: RunKind::Plans,
        first: side("main", "20261120T170509Z-plans-77b0"),
        second: side(
            "to-analyse/20261121T091304Z-plans-3f9a",
            "20261121T091304Z-plans-3f9a",
        ),
        tolerances: Tolerances::default(),
        unlike: Vec::new(),
        renamed: Vec::new(),
        changes: changes(),
        verdicts: VerdictCounts::of(&plans),
        plans,
        not_measured: Vec::new(),
        unpaired: vec![Unpaired {
            in_first: true,
            postgres: "18.4".to_owned(),
            queue: "status-partial".to_owned(),
            fixture: "retry-storm".to_owned(),
            plans: 12,
        }],
    }
}

/// Nothing changed.
pub(super) fn quiet() -> Comparison {
    let variants = ["batch-1", "batch-10", "batch-100", "batch-1000"];
    Comparison {
        changes: Vec::new(),
        unpaired: Vec::new(),
        not_measured: Vec::new(),
        ..of(variants.map(unchanged).to_vec())
    }
}

/// Runs that ought not to be compared.
pub(super) fn unlike() -> Comparison {
    let unlike = |what: &str, first: &str, second: &str| Unlike {
        what: what.to_owned(),
        first: first.to_owned(),
        second: second.to_owned(),
    };
    Comparison {
        unlike: vec![
            unlike("setting work_mem", "4MB", "64MB"),
            unlike("PostgreSQL", "17.10", "18.4"),
        ],
        renamed: vec![Renamed {
            first: "jobs".to_owned(),
            second: "status-partial".to_owned(),
        }],
        ..quiet()
    }
}

fn side(name: &str, run_id: &str) -> Side {
    Side {
        name: name.to_owned(),
        run_id: run_id.to_owned(),
        servers: vec!["18.4".to_owned()],
    }
}

fn changes() -> Vec<QueueChange> {
    let strings = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    vec![QueueChange {
        queue: "status-partial".to_owned(),
        tables: false,
        indexes_gone: strings(&[
            "CREATE INDEX job_ready ON job USING btree (queue, priority DESC, run_at, id) WHERE (state = 'ready'::text)",
        ]),
        indexes_new: strings(&["CREATE INDEX job_attempts ON job USING btree (attempts)"]),
        statements: vec![StatementChange {
            statement: "rescue".to_owned(),
            words: strings(&["`skip locked` is gone from `for update`"]),
            lines: strings(&[
                " where id = any(array(",
                "     select id from job",
                "-    limit :batch_size for update skip locked",
                "+\tlimit :batch_size for update",
                " ))",
            ]),
        }],
    }]
}

/// Counts of one side.
pub(super) fn side_figures(digest: &str, rows: u64, pages: u64) -> Figures {
    Figures {
        shape: format!("{:08x}", digest.len()),
        digest: digest.to_owned(),
        rows,
        rows_removed: Some(0),
        pages,
        wal: WalCounts {
            records: rows * 3,
            fpi: 0,
            bytes: rows * 410,
        },
        output: Some(OutputCounts {
            bytes: rows * 180,
            pages: 0,
        }),
        auto_plan: Some(PlanMode::Custom),
    }
}

/// A plan in which nothing changed.
pub(super) fn unchanged(variant: &str) -> ComparedPlan {
    let figures = side_figures("Update ← Index Scan job_pkey", 10, 93);
    ComparedPlan {
        postgres: "18.4".to_owned(),
        queue: "status-partial".to_owned(),
        fixture: "heavy-single-queue".to_owned(),
        operation: "fetch".to_owned(),
        statement: "complete".to_owned(),
        variant: variant.to_owned(),
        plan_mode: PlanMode::Custom,
        verdict: Verdict::Unchanged,
        why: String::new(),
        reasons: Vec::new(),
        first: Some(figures.clone()),
        second: Some(figures),
        nodes: Vec::new(),
        findings_came: Vec::new(),
        findings_went: Vec::new(),
        times: Some(Times {
            first_p50: 0.21,
            second_p50: 0.214,
            test: None,
        }),
    }
}

fn reason(what: Cause, effect: Effect, message: &str) -> Reason {
    Reason {
        what,
        effect,
        message: message.to_owned(),
    }
}

fn finding(rule: &str, severity: Severity, message: &str, help: &str) -> BaselineFinding {
    BaselineFinding {
        rule: rule.to_owned(),
        severity,
        node: None,
        message: message.to_owned(),
        help: help.to_owned(),
    }
}

fn node(depth: usize, node: &str, rows: u64, pages: u64) -> OutlineNode {
    OutlineNode {
        depth,
        node: node.to_owned(),
        rows,
        pages,
        ..OutlineNode::default()
    }
}

fn pair(first: OutlineNode, second: OutlineNode) -> NodeChange {
    let changed = OutlineNode {
        depth: 0,
        ..first.clone()
    } != OutlineNode {
        depth: 0,
        ..second.clone()
    };
    NodeChange {
        first: Some(first),
        second: Some(second),
        changed,
    }
}

/// Nodes of a fetch that finds the first jobs in an index, and of one that has to sort all of them.
fn nodes_without_index(rows: u64, before: u64, after: u64) -> Vec<NodeChange> {
    let conditions = |text: &str| vec![text.to_owned()];
    let scan = OutlineNode {
        relation: "job".to_owned(),
        alias: "j".to_owned(),
        conditions: conditions(
            "Index Cond: ((state = 'ready'::text) AND (queue = 'default'::text))",
        ),
        ..node(4, "Index Scan job_ready", rows, before - rows)
    };
    let whole = OutlineNode {
        node: "Seq Scan job".to_owned(),
        depth: 5,
        conditions: conditions(
            "Filter: ((run_at <= now()) AND (state = 'ready'::text) AND (queue = 'default'::text))",
        ),
        rows: 18_000,
        rows_removed: 82_000,
        pages: after - rows,
        ..scan.clone()
    };
    let sort = OutlineNode {
        conditions: conditions("Sort Key: job.priority DESC, job.run_at, job.id"),
        ..node(4, "Sort", rows, 0)
    };
    let limit = OutlineNode {
        role: "InitPlan".to_owned(),
        ..node(2, "Limit", rows, 0)
    };
    let same = |node: OutlineNode| pair(node.clone(), node);
    vec![
        same(node(0, "Update job", rows, rows * 4)),
        same(node(1, "Index Scan job_pkey", rows, rows * 3)),
        same(limit),
        same(node(3, "LockRows", rows, rows)),
        NodeChange {
            first: None,
            second: Some(sort),
            changed: true,
        },
        pair(scan, whole),
    ]
}

fn without_index(fixture: &str, variant: &str, rows: u64, before: u64, after: u64) -> ComparedPlan {
    let pages = Count(after);
    let sorts = format!(
        "sorts 18,000 ready jobs to return {rows} of them, touching {pages} pages; the backlog decides what a fetch costs"
    );
    let shape = format!(
        "another plan, with more pages per row: `job_ready` is not scanned any more: the index is gone; job is read whole; Seq Scan job reads {pages} pages"
    );
    let [first, second] = [before, after].map(|pages| pages as f64 / rows as f64);
    let growth = Growth {
        before: first,
        after: second,
    };
    let figures = format!(
        "pages per row {} → {} ({growth})",
        Significant(first),
        Significant(second)
    );
    ComparedPlan {
        fixture: fixture.to_owned(),
        statement: "fetch".to_owned(),
        verdict: Verdict::Regressed,
        why: "`job_ready` is gone → job is read whole and sorted".to_owned(),
        reasons: vec![
            reason(Cause::Shape, Effect::Worse, &shape),
            reason(Cause::PagesPerRow, Effect::Worse, &figures),
            reason(
                Cause::Finding,
                Effect::Worse,
                &format!("new critical finding sort-in-fetch: {sorts}"),
            ),
        ],
        first: Some(side_figures(BY_INDEX, rows, before)),
        second: Some(Figures {
            rows_removed: Some(82_000),
            ..side_figures(SORTED, rows, after)
        }),
        nodes: nodes_without_index(rows, before, after),
        findings_came: vec![finding(
            "sort-in-fetch",
            Severity::Critical,
            &sorts,
            "give the claim an index in the order it asks for:\n  create index on job (queue, priority desc, run_at, id) where state = 'ready'",
        )],
        times: Some(Times {
            first_p50: 0.21,
            second_p50: 11.934,
            test: None,
        }),
        ..unchanged(variant)
    }
}

fn without_skip_locked(fixture: &str) -> ComparedPlan {
    let message = "waits for rows that other workers have locked, as `skip locked` is not asked for; the counts of a single session cannot show it";
    ComparedPlan {
        fixture: fixture.to_owned(),
        statement: "rescue".to_owned(),
        verdict: Verdict::Regressed,
        why: "waits for rows that other workers have locked".to_owned(),
        reasons: vec![reason(Cause::Finding, Effect::Worse, message)],
        findings_came: vec![finding(
            "lock-without-skip",
            Severity::Critical,
            message,
            "write `for update skip locked`",
        )],
        ..unchanged("default")
    }
}

fn one_more_index(fixture: &str) -> ComparedPlan {
    let mut plan = unchanged("completed-100");
    let figures = plan.first.clone();
    plan.second = figures.map(|figures| Figures {
        wal: WalCounts {
            records: 40,
            fpi: 0,
            bytes: 4_920,
        },
        pages: figures.pages + 21,
        ..figures
    });
    ComparedPlan {
        fixture: fixture.to_owned(),
        statement: "complete-unnest".to_owned(),
        verdict: Verdict::Regressed,
        why: "`job_attempts` is new, and each row that is written goes to it too".to_owned(),
        reasons: vec![
            reason(
                Cause::WalPerRow,
                Effect::Worse,
                "WAL per row 410 B → 492 B (+20 %): each row is written to the new index job_attempts as well",
            ),
            reason(
                Cause::PagesPerRow,
                Effect::Worse,
                "pages per row 9.30 → 11.4 (+23 %)",
            ),
        ],
        ..plan
    }
}

fn wide_payload(fixture: &str) -> ComparedPlan {
    let mut plan = unchanged("default");
    let figures = plan.first.clone();
    plan.second = figures.map(|figures| Figures {
        output: Some(OutputCounts {
            bytes: 512_000,
            pages: 91,
        }),
        ..figures
    });
    ComparedPlan {
        fixture: fixture.to_owned(),
        statement: "inspect".to_owned(),
        verdict: Verdict::Regressed,
        why: "it returns `*` instead of `id`".to_owned(),
        reasons: vec![reason(
            Cause::OutputPagesPerRow,
            Effect::Worse,
            "pages read per row to send the rows 0 → 9.10: it returns `*` instead of `id`",
        )],
        ..plan
    }
}

fn improved() -> ComparedPlan {
    ComparedPlan {
        statement: "prune".to_owned(),
        verdict: Verdict::Improved,
        reasons: vec![reason(
            Cause::PagesPerRow,
            Effect::Better,
            "pages per row 93.0 → 9.30 (−90 %)",
        )],
        first: Some(side_figures("Delete ← Seq Scan job", 10, 930)),
        findings_went: vec![finding(
            "seq-scan",
            Severity::Warning,
            "reads all of job to delete 10 rows of it",
            "give it an index",
        )],
        ..unchanged("default")
    }
}

fn failed() -> ComparedPlan {
    ComparedPlan {
        statement: "heartbeat".to_owned(),
        verdict: Verdict::Inconclusive,
        reasons: vec![reason(
            Cause::Failure,
            Effect::Unknown,
            "could not be measured in the second run: relation \"job_lease\" does not exist",
        )],
        second: None,
        times: None,
        ..unchanged("default")
    }
}

fn flipped() -> ComparedPlan {
    ComparedPlan {
        statement: "release".to_owned(),
        verdict: Verdict::Regressed,
        why: "the order of service is reversed: job_ready is scanned backward now".to_owned(),
        plan_mode: PlanMode::Generic,
        reasons: vec![reason(
            Cause::Order,
            Effect::Worse,
            "jobs are served in the opposite order: index `job_ready` is scanned backward",
        )],
        ..unchanged("released-10")
    }
}

fn appeared() -> ComparedPlan {
    ComparedPlan {
        statement: "step-load".to_owned(),
        verdict: Verdict::Appeared,
        first: None,
        ..unchanged("default")
    }
}

fn vanished() -> ComparedPlan {
    ComparedPlan {
        statement: "step-save".to_owned(),
        verdict: Verdict::Vanished,
        second: None,
        ..unchanged("default")
    }
}
