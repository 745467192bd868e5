//! What the rules say of a plan that was found somewhere: all they may look at is the plan and, where it is told, its statement.

use std::collections::BTreeMap;

use super::FoundPlan;
use super::notes::notes;
use super::recorded::RecordedRun;
use crate::finding::Finding;
use crate::finding::case::{Case, Catalog, PlanView};
use crate::finding::claim::{Feeds, is_by_advisory_lock, is_limited, locks};
use crate::finding::predicate::comparisons;
use crate::finding::rules;
use crate::finding::statement_text::{LockPolicy, lock_policies};
use crate::plan::{
    Condition, Operation, Plan, PlanMode, PlanNode, PlanShape, PlanTree, PlanWork, digest,
    node_label, work,
};
use crate::run::growth::{Growth, growths};
use crate::run::review::{ReviewedPlan, Source};
use crate::sql::part::parts;
use crate::sql::token::{TokenKind, tokens};

/// A statement that fetches jobs.
const FETCH: &str = "fetch";

/// A statement that ends jobs it was given.
const COMPLETE: &str = "complete";

/// A statement that locks rows, but takes no jobs: every row that it names.
const LOCK: &str = "lock";

/// Judges a plan.
#[must_use]
pub fn judge(found: FoundPlan) -> ReviewedPlan {
    let FoundPlan {
        source,
        statement,
        plan,
    } = found;
    let statement = statement.or_else(|| plan.query_text.clone());
    let text = statement.as_deref().unwrap_or_default();
    let worked = work(&plan);
    let view = PlanView {
        plan: &plan,
        work: &worked,
        rows: plan.rows(),
    };
    let tree = PlanTree::new(&plan);
    let mode = mode(&tree);
    let (custom, generic) = match mode {
        PlanMode::Custom => (Some(view), None),
        PlanMode::Generic => (None, Some(view)),
    };
    let mut case = Case {
        queue: "",
        fixture: "",
        operation: "",
        variant: "",
        statement: "",
        statement_text: text,
        batch_size: batch_size(text),
        mode,
        custom,
        generic,
        auto_plan: None,
        forced_plan_mode: None,
        catalog: &Catalog::default(),
        sizes: None,
    };
    case.operation = operation(&case, &tree);
    let findings = rules::judge(&case);
    reviewed(source, statement, &plan, &worked, findings)
}

/// Judges the plans of a run of our own, by all that the run recorded.
#[must_use]
pub fn judge_run(recorded: &RecordedRun) -> Vec<ReviewedPlan> {
    let growths = growths(&recorded.run);
    let judged = recorded.plans.iter().enumerate().map(|(index, plan)| {
        let result = recorded.run.results.get(plan.result);
        let growth = growths
            .iter()
            .find(|growth| result.is_some_and(|result| std::ptr::eq(growth.many, result)));
        let findings = recorded.case(index).map(|case| {
            rules::judge(&Case {
                sizes: growth.map(Growth::sizes),
                ..case
            })
        });
        let FoundPlan {
            source,
            statement,
            plan: found,
        } = plan.found.clone();
        reviewed(
            source,
            statement,
            &found,
            &plan.work,
            findings.unwrap_or_default(),
        )
    });
    judged.collect()
}

fn reviewed(
    source: Source,
    statement: Option<String>,
    plan: &Plan,
    worked: &PlanWork,
    findings: Vec<Finding>,
) -> ReviewedPlan {
    let was_executed = plan.root.actual.is_some();
    // auto_explain tells no execution time within the plan: that of its nodes is the next best.
    let of_nodes = Some(worked.total.time_ms + worked.after_triggers_ms);
    ReviewedPlan {
        shape: PlanShape::of(plan).id(),
        digest: digest(plan),
        rows: was_executed.then(|| plan.rows()),
        execution_ms: plan
            .execution_ms
            .or_else(|| of_nodes.filter(|_| worked.has_times)),
        planning_ms: plan.planning.time_ms,
        buffers: worked.has_buffers.then(|| (&worked.total.buffers).into()),
        wal: worked.has_wal.then(|| (&worked.total.wal).into()),
        findings,
        notes: notes(plan, worked, statement.is_some()),
        source,
        statement,
        plan: plan.clone(),
    }
}

/// Whether the plan was made without looking at values: its conditions name parameters of the statement. Up to PostgreSQL 16 what an
/// InitPlan returns looks the same, but it is named only below the InitPlan's owner, and never within the InitPlan itself.
fn mode(tree: &PlanTree<'_>) -> PlanMode {
    let mut returned: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    for position in tree.positions() {
        let name = position.node.subplan_name.as_deref().unwrap_or_default();
        let Some(owner) = position.parent.filter(|_| position.node.is_init_plan()) else {
            continue;
        };
        for parameter in parameters(name) {
            let places = returned.entry(parameter).or_default();
            places.push((position.index, owner));
        }
    }
    let is_returned = |parameter: &str, at: usize| {
        let places = returned.get(parameter).map_or(&[][..], Vec::as_slice);
        places.iter().any(|(init_plan, owner)| {
            (*owner..tree.end(*owner)).contains(&at)
                && !(*init_plan..tree.end(*init_plan)).contains(&at)
        })
    };
    let mut named = tree.positions().iter().flat_map(|position| {
        let conditions = position.node.conditions.iter();
        let named = conditions.flat_map(|(_, text)| parameters(text));
        named.map(|parameter| (parameter, position.index))
    });
    if named.any(|(parameter, at)| !is_returned(parameter, at)) {
        PlanMode::Generic
    } else {
        PlanMode::Custom
    }
}

/// `$1` and its like in a text, outside quotes.
fn parameters(text: &str) -> impl Iterator<Item = &str> {
    let found = tokens(text).filter(|token| token.kind == TokenKind::PositionalParameter);
    found.map(|token| &text[token.span])
}

/// The number behind the statement's one LIMIT.
fn batch_size(text: &str) -> Option<u64> {
    let parts = parts(text);
    let mut limits = parts.windows(2).filter(|pair| pair[0].is_word("limit"));
    let limit = limits.next()?[1].text.parse().ok()?;
    limits.next().is_none().then_some(limit)
}

/// What the statement is for, as far as it shows; empty where it does not. A fetch locks what a limit chooses, passes over what is locked,
/// takes advisory locks, or writes what a limit chose. What writes rows that it is given the keys of, completes them.
fn operation(case: &Case<'_>, tree: &PlanTree<'_>) -> &'static str {
    let writers: Vec<usize> = tree
        .positions()
        .iter()
        .filter(|position| changes_rows(position.node))
        .map(|position| position.index)
        .collect();
    let skips = lock_policies(case.statement_text).contains(&LockPolicy::Skip);
    let is_locking = locks(tree).next().is_some();
    if (is_locking && skips)
        || locks(tree).any(|lock| is_limited(tree, lock))
        || is_by_advisory_lock(case, tree)
    {
        return FETCH;
    }
    if writers.is_empty() {
        return if is_locking { LOCK } else { "" };
    }
    let feeds = Feeds::of(tree);
    if writers
        .iter()
        .any(|writer| feeds.unlocked_choice(*writer).is_some())
    {
        return FETCH;
    }
    let has_limit = tree
        .positions()
        .iter()
        .any(|position| position.node.node_type == "Limit");
    if !has_limit && writers.iter().all(|writer| is_given_keys(tree, *writer)) {
        COMPLETE
    } else {
        ""
    }
}

fn changes_rows(node: &PlanNode) -> bool {
    node.is_modify_table() && matches!(node.operation, Some(Operation::Update | Operation::Delete))
}

/// Whether what this node writes is found by values: an index condition that asks for equality, or a list that is joined.
fn is_given_keys(tree: &PlanTree<'_>, writer: usize) -> bool {
    let relation = &tree.node(writer).relation_name;
    let below = (writer + 1)..tree.end(writer);
    let mut nodes = below.map(|index| tree.node(index));
    nodes.any(|node| {
        let label = node_label(node);
        let is_list = label.starts_with("Function Scan") || label.starts_with("Values Scan");
        let by_value = node
            .condition(Condition::Index)
            .is_some_and(|condition| comparisons(condition).iter().any(|one| one.operator == "="));
        is_list || (by_value && node.relation_name == *relation)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::plan::Plan;
    use crate::run::review::Source;

    fn found(version: u32, name: &str, statement: Option<&str>) -> FoundPlan {
        let path = format!(
            "{}/tests/plans/pg{version}/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let text = std::fs::read_to_string(&path).unwrap();
        FoundPlan {
            source: Source { path, line: 1 },
            statement: statement.map(str::to_owned),
            plan: Plan::parse(&text).unwrap().remove(0),
        }
    }

    fn guessed(version: u32, name: &str) -> (&'static str, PlanMode) {
        let plan = found(version, name, None).plan;
        let tree = PlanTree::new(&plan);
        let worked = work(&plan);
        let view = PlanView {
            plan: &plan,
            work: &worked,
            rows: plan.rows(),
        };
        let case = Case {
            queue: "",
            fixture: "",
            operation: "",
            variant: "",
            statement: "",
            statement_text: "",
            batch_size: None,
            mode: PlanMode::Custom,
            custom: Some(view),
            generic: None,
            auto_plan: None,
            forced_plan_mode: None,
            catalog: &Catalog::default(),
            sizes: None,
        };
        (operation(&case, &tree), mode(&tree))
    }

    #[test]
    fn what_a_statement_is_for_and_how_it_was_planned_is_told_from_its_plan() {
        for version in [14, 15, 16, 17, 18] {
            for (name, operation, mode) in [
                ("fetch-array", FETCH, PlanMode::Custom),
                ("fetch-cte-custom", FETCH, PlanMode::Custom),
                ("fetch-parameter-custom", FETCH, PlanMode::Custom),
                ("fetch-parameter-generic", FETCH, PlanMode::Generic),
                ("fetch-without-lock", FETCH, PlanMode::Custom),
                ("natural-mistake", FETCH, PlanMode::Custom),
                ("complete-array", COMPLETE, PlanMode::Custom),
                ("complete-unnest", COMPLETE, PlanMode::Custom),
                ("index-filter", "", PlanMode::Custom),
                ("init-plans", "", PlanMode::Custom),
                ("insert-conflict", "", PlanMode::Custom),
                ("subplan", "", PlanMode::Custom),
                ("modifying-cte-unread", "", PlanMode::Custom),
            ] {
                assert_eq!(
                    guessed(version, name),
                    (operation, mode),
                    "pg{version}/{name}"
                );
            }
        }
    }

    #[test]
    fn a_limit_is_a_batch_size_where_there_is_one() {
        for (text, expected) in [
            ("select 1 from a limit 10", Some(10)),
            ("select 1 from a LIMIT 10 for update", Some(10)),
            ("select 1 from a limit $1", None),
            ("select 1 from (select 1 from a limit 1) b limit 2", None),
            ("select 1 from a limit 99999999999999999999", None),
            ("", None),
        ] {
            assert_eq!(batch_size(text), expected, "{text}");
        }
    }

    #[test]
    fn a_plan_is_judged_with_what_there_is() {
        let judged = judge(found(15, "natural-mistake", None));
        assert_eq!(judged.findings[0].severity, Severity::Critical);
        assert!(judged.execution_ms.is_some() && judged.rows == Some(10));
        assert_eq!(judged.digest, digest(&judged.plan));
        let part = judge(found(15, "modifying-cte-part-read", None));
        let pages = part.buffers.map(|buffers| buffers.total);
        let root = part.plan.root.buffers.map(|buffers| buffers.total());
        assert!(
            pages > root,
            "what ran after the root is in: {pages:?} {root:?}"
        );
    }

    #[test]
    fn without_analyze_no_figure_is_made_up() {
        let judged = judge(found(15, "fetch-array-plain", Some("update job …")));
        assert_eq!((judged.rows, judged.execution_ms), (None, None));
        assert_eq!((judged.buffers, judged.wal), (None, None));
        assert!(judged.notes[0].contains("analyze"), "{:?}", judged.notes);
    }

    #[test]
    fn a_healthy_plan_has_no_findings() {
        for version in [14, 15, 16, 17, 18] {
            for name in ["fetch-array", "complete-array", "fetch-cte-custom"] {
                let judged = judge(found(version, name, None));
                assert_eq!(judged.findings, [], "pg{version}/{name}");
            }
        }
    }
}
