//! What each difference is worth, and in which words.

use std::collections::BTreeMap;

use super::*;
use crate::finding::Severity;
use crate::run::baseline::BaselineFinding;
use crate::run::environment::Limitation;

/// What becomes of a plan that is changed like this.
fn changed(change: impl FnOnce(&mut BaselinePlan)) -> ComparedPlan {
    between(|_| {}, change)
}

fn between(
    before: impl FnOnce(&mut BaselinePlan),
    after: impl FnOnce(&mut BaselinePlan),
) -> ComparedPlan {
    let (mut first, mut second) = (fetch("a"), fetch("a"));
    before(&mut first);
    after(&mut second);
    compared(&run(vec![first]), &run(vec![second]))
        .plans
        .remove(0)
}

/// Its verdict with effect, cause and words of its reasons.
fn said(plan: &ComparedPlan) -> (Verdict, Vec<(Effect, Cause, &str)>) {
    let reasons = plan.reasons.iter();
    let reasons = reasons.map(|one| (one.effect, one.what, one.message.as_str()));
    (plan.verdict, reasons.collect())
}

#[test]
fn more_pages_per_row_are_worse() {
    let plan = changed(|plan| {
        plan.pages = 12_100;
        plan.plan[0].pages = 12_100;
    });
    let words = "pages per row 15.0 → 1,210 (81×): Index Scan job_ready_idx reads 12,100 of the 12,100 pages (150 before)";
    let wanted = (Effect::Worse, Cause::PagesPerRow, words);
    assert_eq!(said(&plan), (Verdict::Regressed, vec![wanted]));
    assert_eq!(plan.nodes.len(), 1);
}

#[test]
fn a_count_within_its_tolerance_is_unchanged() {
    for (pages, verdict) in [
        (101, Verdict::Unchanged),
        (99, Verdict::Improved),
        (102, Verdict::Regressed),
    ] {
        let plan = between(|plan| plan.pages = 100, |plan| plan.pages = pages);
        assert_eq!(plan.verdict, verdict, "{pages}");
    }
    let options = Options {
        tolerances: Tolerances::with(&["pages_per_row=50".parse().expect("reads")]),
        ..Options::default()
    };
    let mut more = fetch("a");
    more.pages = 225;
    let (first, second) = (run(vec![fetch("a")]), run(vec![more]));
    let compared = compare(("main", &first), ("latest", &second), &options).expect("comparable");
    assert_eq!(compared.verdicts.unchanged, 1);
    assert_eq!(compared.tolerances.pages_per_row, 0.5);
}

#[test]
fn counts_are_per_row_or_in_total_where_there_are_no_rows() {
    let half = changed(|plan| (plan.rows, plan.pages, plan.wal.bytes) = (5, 75, 2_000));
    let wanted = (Effect::Worse, Cause::Rows, "returns 5 rows instead of 10");
    assert_eq!(said(&half), (Verdict::Regressed, vec![wanted]));
    let none = between(
        |plan| plan.rows = 0,
        |plan| (plan.rows, plan.pages) = (0, 300),
    );
    let wanted = (Effect::Worse, Cause::PagesPerRow, "pages 150 → 300 (2.0×)");
    assert_eq!(said(&none), (Verdict::Regressed, vec![wanted]));
    // A total says nothing about a figure per row.
    let emptied = changed(|plan| (plan.rows, plan.pages) = (0, 3));
    assert_eq!(emptied.reasons.len(), 1);
    let written = changed(|plan| {
        plan.plan[0] = OutlineNode {
            rows: 0,
            ..scan("Update", 150)
        };
        plan.rows = 9;
    });
    assert_eq!(written.reasons[0].message, "writes 9 rows instead of 10");
}

#[test]
fn each_count_has_its_reason() {
    let plan = changed(|plan| {
        plan.wal.bytes = 5_200;
        plan.output = Some(OutputCounts {
            bytes: 500_000,
            pages: 91,
        });
        plan.rows_removed = Some(700);
        plan.plan[0].rows_removed = 700;
    });
    let wanted = [
        (
            Effect::Worse,
            Cause::WalPerRow,
            "WAL per row 400 B → 520 B (+30 %)",
        ),
        (
            Effect::Worse,
            Cause::OutputPagesPerRow,
            "pages read per row to send the rows 0 → 9.10: values stored out of line are read to be sent",
        ),
        (
            Effect::Worse,
            Cause::RowsRemovedPerRow,
            "rows thrown away per row 0 → 70.0: Index Scan job_ready_idx throws away 700 rows (0 before)",
        ),
    ];
    assert_eq!(said(&plan), (Verdict::Regressed, wanted.to_vec()));
    // What one of the runs did not record is not compared.
    let unknown = changed(|plan| (plan.output, plan.rows_removed) = (None, None));
    assert_eq!(unknown.verdict, Verdict::Unchanged);
}

#[test]
fn rows_thrown_away_are_no_matter_where_fewer_pages_are_touched() {
    let plan = changed(|plan| (plan.pages, plan.rows_removed) = (30, Some(50)));
    let wanted = [
        (
            Effect::Better,
            Cause::PagesPerRow,
            "pages per row 15.0 → 3.00 (−80 %)",
        ),
        (
            Effect::Neutral,
            Cause::RowsRemovedPerRow,
            "rows thrown away per row 0 → 5.00, while fewer pages are touched",
        ),
    ];
    assert_eq!(said(&plan), (Verdict::Improved, wanted.to_vec()));
}

#[test]
fn another_shape_counts_by_its_pages() {
    let shape = |pages| {
        changed(|plan| {
            plan.shape = "bbbb".to_owned();
            plan.pages = pages;
        })
    };
    let one_more = shape(151);
    let words = "another plan, with more pages per row, 15.0 → 15.1 (+0.7 %)";
    assert_eq!(one_more.reasons[0].message, words);
    assert_eq!(one_more.verdict, Verdict::Regressed);
    assert_eq!(shape(149).verdict, Verdict::Improved);
    let as_many = shape(150);
    let wanted = (
        Effect::Neutral,
        Cause::Shape,
        "another plan, with the same pages per row",
    );
    assert_eq!(said(&as_many), (Verdict::Unchanged, vec![wanted]));
}

#[test]
fn a_new_index_explains_what_is_written() {
    let mut first = run(vec![fetch("a")]);
    let mut second = run(vec![fetch("a")]);
    let set = |run: &mut Baseline, names: &[&str]| {
        let queue = run.queues.get_mut("status-partial").expect("there");
        queue.indexes = names
            .iter()
            .map(|name| ((*name).to_owned(), format!("CREATE INDEX {name} …")))
            .collect();
    };
    set(&mut first, &["job_pkey", "job_ready_idx"]);
    set(
        &mut second,
        &["job_pkey", "job_ready_idx", "job_locked_idx"],
    );
    second.plans[0].wal.bytes = 5_000;
    let comparison = compared(&first, &second);
    let words = "WAL per row 400 B → 500 B (+25 %): there is a new index, job_locked_idx, and each row that is written goes to it too";
    assert_eq!(comparison.plans[0].reasons[0].message, words);
    assert_eq!(
        comparison.changes[0].indexes_new,
        ["CREATE INDEX job_locked_idx …"]
    );
    assert_eq!(comparison.changes[0].indexes_gone, [""; 0]);
    // An index of the same name with another definition is gone and new.
    set(&mut second, &["job_pkey", "job_ready_idx"]);
    let queue = second.queues.get_mut("status-partial").expect("there");
    let redefined = queue.indexes.get_mut("job_ready_idx").expect("there");
    *redefined = "CREATE INDEX job_ready_idx, otherwise".to_owned();
    let change = &compared(&first, &second).changes[0];
    assert_eq!(change.indexes_gone, ["CREATE INDEX job_ready_idx …"]);
    assert_eq!(
        change.indexes_new,
        ["CREATE INDEX job_ready_idx, otherwise"]
    );
}

#[test]
fn an_index_is_the_same_in_another_schema() {
    let changes = |before: &str, after: &str| {
        let sides = [before, after].map(|definition| {
            let mut run = run(vec![fetch("a")]);
            let queue = run.queues.get_mut("status-partial").expect("there");
            queue.indexes = [("job_ready_idx".to_owned(), definition.to_owned())].into();
            run
        });
        compared(&sides[0], &sides[1]).changes.len()
    };
    let in_public = "CREATE INDEX job_ready_idx ON public.job USING btree (run_at)";
    let in_bench = "CREATE INDEX job_ready_idx ON \"a.bench\".job USING btree (run_at)";
    assert_eq!(changes(in_public, in_bench), 0);
    assert_eq!(changes(in_public, &in_bench.replace("run_at", "id")), 1);
    assert_eq!(
        changes(in_public, &in_bench.replace("job USING", "task USING")),
        1
    );
    let of_parts = |text: &str| text.replace(" ON ", " ON ONLY ");
    assert_eq!(changes(&of_parts(in_public), &of_parts(in_bench)), 0);
    assert_eq!(changes(in_public, &of_parts(in_public)), 1);
}

#[test]
fn the_order_of_service_is_part_of_a_fetch() {
    let backward = |plan: &mut BaselinePlan| {
        plan.shape = "bbbb".to_owned();
        plan.plan[0].node = "Index Scan Backward job_ready_idx".to_owned();
    };
    let plan = changed(backward);
    let words = "the order of service is reversed: job_ready_idx is scanned backward now";
    let wanted = (Effect::Worse, Cause::Order, words);
    assert_eq!(said(&plan), (Verdict::Regressed, vec![wanted]));
    assert_eq!(between(backward, |_| {}).verdict, Verdict::Regressed);
    let inspect = between(
        |plan| plan.operation = "inspect".to_owned(),
        |plan| {
            plan.operation = "inspect".to_owned();
            backward(plan);
        },
    );
    assert_eq!(inspect.verdict, Verdict::Unchanged);
    let sorted = |keys: &str| {
        let keys = format!("Sort Key: {keys}");
        move |plan: &mut BaselinePlan| {
            plan.plan[0] = scan("Sort", 150);
            plan.plan[0].conditions = vec![keys];
        }
    };
    let turned = between(sorted("j.priority, j.id"), sorted("priority DESC, id"));
    let words = "the order of service is reversed: rows are sorted by priority DESC, id now, not by j.priority, j.id";
    assert_eq!(turned.reasons[0].message, words);
    let same = between(sorted("j.priority, j.id"), sorted("priority, id"));
    assert_eq!(same.verdict, Verdict::Unchanged);
}

#[test]
fn an_index_turned_round_is_read_the_other_way_in_the_same_order() {
    let with = |definition: &str, node: &str| {
        let mut run = run(vec![fetch("a")]);
        let queue = run.queues.get_mut("status-partial").expect("there");
        let definition =
            format!("CREATE INDEX job_ready_idx ON public.job USING btree {definition}");
        queue.indexes = BTreeMap::from([("job_ready_idx".to_owned(), definition)]);
        run.plans[0].plan[0].node = node.to_owned();
        run
    };
    let backward = "Index Scan Backward job_ready_idx";
    let first = with("(queue, priority) WHERE (state = 'ready'::text)", backward);
    let verdict = |definition: &str| {
        let second = with(definition, "Index Scan job_ready_idx");
        compared(&first, &second).plans[0].verdict
    };
    let turned = "(queue, priority DESC) WHERE (state = 'ready'::text)";
    assert_eq!(verdict(turned), Verdict::Unchanged);
    for same in [
        "(queue, priority) WHERE (state = 'ready'::text)",
        "(queue, priority)",
        "(queue, priority, id) INCLUDE (kind)",
    ] {
        assert_eq!(verdict(same), Verdict::Regressed, "{same}");
    }
}

#[test]
fn what_a_server_cannot_count_is_inconclusive() {
    let mut first = run(vec![fetch("a")]);
    let mut second = run(vec![fetch("a")]);
    first.servers[0].limitations = vec![Limitation {
        capability: "pg_prewarm".to_owned(),
        not_comparable: vec!["buffers".to_owned()],
        message: String::new(),
    }];
    assert_eq!(compared(&first, &second).verdicts.unchanged, 1);
    second.plans[0].pages = 170;
    let plan = &compared(&first, &second).plans[0];
    let words = "pages per row 15.0 → 17.0 (+13 %), which cannot be compared without pg_prewarm";
    let wanted = (Effect::Unknown, Cause::PagesPerRow, words);
    assert_eq!(said(plan), (Verdict::Inconclusive, vec![wanted]));
    // What is comparable still counts.
    second.plans[0].wal.bytes *= 2;
    assert_eq!(compared(&first, &second).verdicts.regressed, 1);
}

fn finding(rule: &str, severity: Severity) -> BaselineFinding {
    BaselineFinding {
        rule: rule.to_owned(),
        severity,
        node: None,
        message: "waits for rows that others hold".to_owned(),
        help: "add skip locked".to_owned(),
    }
}

#[test]
fn a_finding_that_came_shows_what_counts_cannot() {
    let with =
        |severity| move |plan: &mut BaselinePlan| plan.findings.push(finding("waits", severity));
    let came = changed(with(Severity::Warning));
    let words = "new warning waits: waits for rows that others hold; the counts, of a single session, are the same and cannot show it";
    let wanted = (Effect::Worse, Cause::Finding, words);
    assert_eq!(said(&came), (Verdict::Regressed, vec![wanted]));
    assert_eq!(came.findings_came, [finding("waits", Severity::Warning)]);
    let went = between(with(Severity::Warning), |_| {});
    let wanted = (Effect::Better, Cause::Finding, "warning waits is gone");
    assert_eq!(said(&went), (Verdict::Improved, vec![wanted]));
    assert_eq!(went.findings_went.len(), 1);
    let note = changed(with(Severity::Note));
    assert_eq!(note.verdict, Verdict::Unchanged);
    assert_eq!(note.findings_came.len(), 1);
    let raised = between(with(Severity::Note), with(Severity::Critical));
    assert_eq!(raised.verdict, Verdict::Regressed);
    assert!(
        raised.reasons[0]
            .message
            .starts_with("new critical finding waits (was a note): ")
    );
    let lowered = between(with(Severity::Critical), with(Severity::Note));
    assert_eq!(
        lowered.reasons[0].message,
        "critical finding waits is only a note now"
    );
    assert_eq!(lowered.verdict, Verdict::Improved);
    let same = between(with(Severity::Warning), with(Severity::Warning));
    assert_eq!(
        (same.verdict, same.findings_came.len()),
        (Verdict::Unchanged, 0)
    );
}

#[test]
fn findings_of_one_rule_are_matched_one_by_one() {
    let at = |node: &str| BaselineFinding {
        node: Some(node.to_owned()),
        ..finding("whole", Severity::Warning)
    };
    let plan = between(
        |plan| plan.findings = vec![at("Seq Scan job"), at("Seq Scan step")],
        |plan| plan.findings = vec![at("Seq Scan step"), at("Index Scan a"), at("Index Scan b")],
    );
    assert_eq!(plan.findings_came, [at("Index Scan b")]);
    assert_eq!(plan.findings_went, []);
}

#[test]
fn what_postgresql_settles_on_counts_by_its_pages() {
    let runs = |settles, pages| {
        let mut custom = fetch("a");
        custom.generic_shape = GenericShape::Differs;
        custom.auto_plan = Some(settles);
        let mut generic = generic("a");
        generic.auto_plan = Some(settles);
        generic.pages = pages;
        run(vec![custom, generic])
    };
    let flip = |pages| {
        compared(
            &runs(PlanMode::Custom, pages),
            &runs(PlanMode::Generic, pages),
        )
    };
    let worse = flip(400);
    let words = "PostgreSQL settles on the generic plan now, not on the custom one: pages per row 15.0 → 40.0 (2.7×)";
    let wanted = (Effect::Worse, Cause::AutoPlan, words);
    assert_eq!(said(&worse.plans[0]), (Verdict::Regressed, vec![wanted]));
    assert_eq!(worse.plans[1].verdict, Verdict::Unchanged);
    assert_eq!(flip(150).plans[0].reasons[0].effect, Effect::Neutral);
    assert_eq!(flip(30).plans[0].verdict, Verdict::Improved);
}

#[test]
fn what_stands_for_a_plan_never_chosen_has_notes_only() {
    let mut custom = fetch("a");
    custom.findings = vec![finding("waits", Severity::Warning)];
    let mut differing = custom.clone();
    differing.generic_shape = GenericShape::Differs;
    let mut generic = generic("a");
    generic.pages = 150;
    generic.shape = custom.shape.clone();
    let compared = compared(&run(vec![differing, generic]), &run(vec![custom]));
    let all: Vec<Verdict> = compared.plans.iter().map(|plan| plan.verdict).collect();
    assert_eq!(all, [Verdict::Unchanged, Verdict::Unchanged]);
}

#[test]
fn a_statement_that_is_fed_otherwise_says_so() {
    let complete = BaselinePlan {
        operation: "complete".to_owned(),
        statement: "complete".to_owned(),
        ..fetch("completed-10")
    };
    let first = run(vec![fetch("a"), complete]);
    let mut second = first.clone();
    second.plans[1].wal.bytes = 4_400;
    let queue = second.queues.get_mut("status-partial").expect("there");
    let fetch = queue.statements.get_mut("fetch").expect("there");
    for line in fetch {
        *line = line.replace("order by priority", "order by priority desc");
    }
    let comparison = compared(&first, &second);
    let words = "WAL per row 400 B → 440 B (+10 %); its own SQL has not changed, but that of fetch has, which claims the jobs it is given";
    assert_eq!(comparison.plans[1].reasons[0].message, words);
    let change = &comparison.changes[0].statements[0];
    assert_eq!(change.statement, "fetch");
    assert!(!change.lines.is_empty());
}
