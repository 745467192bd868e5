//! `fetch-without-lock`: a fetch chooses its rows by a limit and writes them without having locked them.
//!
//! # Why it hurts
//! Two workers that fetch at the same time see the same table and choose the same rows. The UPDATE locks a row only when it comes to it:
//! the second worker waits there for the first, and then PostgreSQL checks the conditions of the UPDATE itself again, not those of the
//! subquery. `id = any(…)` still holds, so the second worker claims the same jobs once more, and they are done twice. Where the UPDATE
//! compares the state too, or the row is deleted, it gets none, though other jobs are due. A single session shows nothing of it; without
//! the lock it even reads less.
//!
//! # Example
//! ```text
//! update job set state = 'running' where id = any(array(select id from job where state = 'ready' order by id limit 3)) returning id
//! worker a: 1, 2, 3     worker b, after waiting for a: 1, 2, 3
//! ```
//!
//! # Fix
//! `for update skip locked` at the end of the subquery, behind its limit: each worker locks rows as it chooses them and passes over those
//! of the others.
//!
//! # Thresholds
//! The operation is `fetch`. An UPDATE, DELETE or MERGE gets its rows from a Limit over a scan of a relation that it scans again, and
//! nothing on the way locks rows. Quiet where an advisory lock decides who gets a row, and where the rows written are named by their key or
//! are the worker's own (`locked_by = $1`): a cursor row, whoever's turn it is.
//!
//! # Source
//! PostgreSQL's manual, "Read Committed Isolation Level"; measured with two sessions: both claimed the same three jobs.

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::Case;
use crate::finding::claim::{
    Feeds, UnlockedChoice, is_alias, is_by_advisory_lock, is_lock, second_worker,
};
use crate::finding::own_row::is_own_row;
use crate::finding::statement_text::LockPolicy;
use crate::finding::wording::{evidence, rows_of};
use crate::finding::{Finding, Severity};
use crate::plan::{Operation, PlanNode, PlanTree, node_label};

pub(super) const RULE: Rule = Rule {
    id: "fetch-without-lock",
    summary: "a fetch chooses rows by a limit and writes them without having locked them",
    severity: Severity::Critical,
    check,
    page: page(include_str!("fetch_without_lock.rs")),
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    if case.operation != "fetch" || is_by_advisory_lock(case, &tree) {
        return Vec::new();
    }
    let feeds = Feeds::of(&tree);
    let writes = tree.positions().iter().filter(|position| {
        position.node.is_modify_table() && position.node.operation != Some(Operation::Insert)
    });
    writes
        .filter(|write| {
            let all = feeds.reaching(write.index);
            !all.iter().any(|index| is_lock(tree.node(*index)))
        })
        .filter_map(|write| {
            let is_meant = |choice: &UnlockedChoice| {
                let mut scans = [choice.chosen_by, choice.found_by].into_iter();
                is_of(write.node, tree.node(choice.found_by))
                    && !scans.any(|scan| is_own_row(case, &tree, scan))
            };
            Some((
                write.index,
                feeds.unlocked_choice_of(write.index, is_meant)?,
            ))
        })
        .map(|(write, choice)| finding(case, &tree, write, choice))
        .collect()
}

/// Whether what a node writes is what a scan reads: the same relation, or a partition of it, which goes by its alias.
fn is_of(write: &PlanNode, scan: &PlanNode) -> bool {
    let names = [&write.alias, &write.relation_name];
    scan.relation_name == write.relation_name
        || scan.alias.as_deref().is_some_and(|alias| {
            let mut names = names.into_iter().flatten();
            names.any(|name| is_alias(alias, name))
        })
}

fn finding(case: &Case<'_>, tree: &PlanTree<'_>, write: usize, choice: UnlockedChoice) -> Finding {
    let relation = choice.relation(tree);
    let chosen = tree.node(choice.limit).total_rows();
    let twice = choice.claims_twice(case, tree);
    Finding {
        rule: RULE.id.to_owned(),
        severity: RULE.severity,
        message: format!(
            "chooses {} without locking them ({}), then writes them ({}): workers that fetch at the same time choose \
             the same; {}",
            rows_of(chosen, relation),
            choice.label(tree),
            node_label(tree.node(write)),
            second_worker(Some(LockPolicy::Wait), twice)
        ),
        help: "add for update skip locked to the subquery, behind its limit: rows are then locked as they are chosen, and those of \
               other workers passed over"
            .to_owned(),
        node: Some(node_label(tree.node(choice.limit))),
        evidence: evidence([
            ("relation", json!(relation)),
            ("rows_chosen", json!(chosen.round() as u64)),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::Finding;
    use crate::finding::rules::golden_case::GoldenCase;

    const CLAIM: &str = "update job set state = 'running' where id = any(array(select id from job where state = 'ready' limit 10))";

    fn found(version: u32, name: &str, text: &'static str) -> Vec<Finding> {
        super::check(&GoldenCase::read(version, name).statement_text(text).case())
    }

    #[test]
    fn rows_chosen_without_a_lock_are_claimed_twice() {
        for version in [14, 15, 16, 17, 18] {
            let findings = found(version, "fetch-without-lock", CLAIM);
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(
                findings[0].message,
                "chooses 10 rows of job without locking them (Limit ← Index Only Scan job_ready), then writes them (Update): workers \
                 that fetch at the same time choose the same; the second waits for the first and then claims them again, so jobs are \
                 done twice",
            );
            assert!(findings[0].help.contains("for update skip locked"));
            assert_eq!(findings[0].node.as_deref(), Some("Limit"));
        }
    }

    #[test]
    fn rows_checked_again_or_deleted_are_not_had() {
        for version in [14, 15, 16, 17, 18] {
            for (name, text) in [
                ("fetch-without-lock-in", CLAIM),
                ("fetch-without-lock-delete", "delete from later …"),
            ] {
                let findings = found(version, name, text);
                assert_eq!(findings.len(), 1, "pg{version}/{name}");
                assert!(
                    findings[0]
                        .message
                        .ends_with("then gets none of them, though more are due"),
                    "{findings:?}"
                );
            }
        }
    }

    #[test]
    fn without_its_text_either_may_be() {
        let findings = found(15, "fetch-without-lock", "");
        assert!(
            findings[0].message.ends_with("or the same ones again"),
            "{findings:?}"
        );
    }

    #[test]
    fn it_is_quiet_where_rows_are_locked_or_nothing_is_chosen() {
        for version in [14, 15, 16, 17, 18] {
            for name in [
                "fetch-array",
                "fetch-cte-custom",
                "fetch-cte-generic",
                "natural-mistake",
                "lock-after-limit-in",
                "lock-after-limit-cte",
                "lock-of-chosen-queue",
                "complete-array",
                "modifying-cte-part-read",
                "triggers",
                "own-row-slice",
            ] {
                assert_eq!(found(version, name, CLAIM), [], "pg{version}/{name}");
            }
        }
        let advisory = "update job set state = 'running' where id in (select id from job where pg_try_advisory_lock(id) limit 10)";
        assert_eq!(found(15, "fetch-without-lock", advisory), []);
        let prune = GoldenCase::read(15, "fetch-without-lock-delete").operation("prune");
        assert_eq!(super::check(&prune.case()), []);
    }
}
