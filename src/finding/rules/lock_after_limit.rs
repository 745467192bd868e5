//! `lock-after-limit`: rows are chosen by a limit first and locked afterwards.
//!
//! # Why it hurts
//! A locking clause has to stand in the query that has the limit: then a row that another worker holds is passed over and the next one
//! taken, and the conditions are checked again on the row as it is now. Outside, the limit has already chosen. Two workers choose the
//! same rows: with `SKIP LOCKED` the second loses those that the first has locked and gets fewer or none, though more are due; without
//! it, it waits. And the conditions by which the rows were chosen are not checked again, so a row that another worker has claimed and
//! committed in the meantime is claimed once more: its job is done twice. A single session shows only that each row is read once more.
//!
//! # Example
//! ```text
//! select id from job where id in (select id from job where state = 'ready' order by id limit 3) for update skip locked
//! LockRows (rows=3)
//!   -> Nested Loop
//!     -> Subquery Scan -> Limit (rows=3) -> Index Only Scan using job_ready
//!     -> Index Scan using job_pkey on job
//! worker a: 1, 2, 3     worker b: none
//! ```
//!
//! # Fix
//! Put `for update skip locked` into the subquery or common table expression that has the limit, behind it.
//!
//! # Thresholds
//! The operation is `fetch`, or is not known. A LockRows without a Limit above it gets its rows from a Limit (through joins, subqueries,
//! common table expressions or an array) over a scan of a relation that is scanned again outside, and nothing below that Limit locks rows.
//! Quiet where an advisory lock decides who gets a row.
//!
//! # Source
//! PostgreSQL's manual, "The Locking Clause" of SELECT and "Read Committed Isolation Level"; measured with two sessions: the second got
//! none of twenty jobs, or the three that the first had just committed.

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::Case;
use crate::finding::claim::{
    Feeds, UnlockedChoice, is_by_advisory_lock, is_fetch, is_limited, locks, second_worker,
};
use crate::finding::statement_text::lock_policies;
use crate::finding::wording::{evidence, rows_of};
use crate::finding::{Finding, Severity};
use crate::plan::{PlanTree, node_label};

pub(super) const RULE: Rule = Rule {
    id: "lock-after-limit",
    summary: "rows are chosen by a limit first and locked afterwards",
    severity: Severity::Critical,
    check,
    page: page(include_str!("lock_after_limit.rs")),
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    if !is_fetch(case, &tree) || is_by_advisory_lock(case, &tree) {
        return Vec::new();
    }
    let feeds = Feeds::of(&tree);
    locks(&tree)
        .filter(|lock| !is_limited(&tree, *lock))
        .filter_map(|lock| Some((lock, feeds.unlocked_choice(lock)?)))
        .map(|(lock, choice)| finding(case, &tree, lock, choice))
        .collect()
}

fn finding(case: &Case<'_>, tree: &PlanTree<'_>, lock: usize, choice: UnlockedChoice) -> Finding {
    let relation = choice.relation(tree);
    let node = tree.node(lock);
    let chosen = tree.node(choice.limit).total_rows();
    // Which clause belongs to which node is not known where they differ.
    let policies = lock_policies(case.statement_text);
    let policy = policies
        .first()
        .copied()
        .filter(|first| policies.iter().all(|policy| policy == first));
    let twice = choice.claims_twice(case, tree);
    Finding {
        rule: RULE.id.to_owned(),
        severity: RULE.severity,
        message: format!(
            "chooses {} first ({}) and locks them afterwards ({} above {}): workers that fetch at the same time choose \
             the same; {}",
            rows_of(chosen, relation),
            choice.label(tree),
            node_label(node),
            node_label(tree.node(choice.found_by)),
            second_worker(policy, twice)
        ),
        help: "move the locking clause into the subquery that has the limit, behind it: for update skip locked there locks rows as they \
               are chosen"
            .to_owned(),
        node: Some(node_label(node)),
        evidence: evidence([
            ("relation", json!(relation)),
            ("rows_chosen", json!(chosen.round() as u64)),
            ("rows_locked", json!(node.total_rows().round() as u64)),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::Finding;
    use crate::finding::rules::golden_case::GoldenCase;

    const SKIPS: &str = "update job set state = 'running' where id = any(array(select id from job where id in \
                         (select id from job where state = 'ready' limit 10) for update skip locked))";
    const WAITS: &str = "update job set state = 'running' where id = any(array(select id from job where id in \
                         (select id from job where state = 'ready' limit 10) for update))";

    fn found(version: u32, name: &str, text: &'static str) -> Vec<Finding> {
        super::check(&GoldenCase::read(version, name).statement_text(text).case())
    }

    #[test]
    fn a_lock_outside_the_limit_fires_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let findings = found(version, "lock-after-limit-in", SKIPS);
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(
                findings[0].message,
                "chooses 10 rows of job first (Limit ← Index Only Scan job_ready) and locks them afterwards (LockRows above Index Scan \
                 job_pkey): workers that fetch at the same time choose the same; the second passes over what the first has locked and \
                 gets fewer or none, though more are due, and claims again what the first has just committed",
            );
            assert!(findings[0].help.contains("for update skip locked"));
            assert_eq!(findings[0].node.as_deref(), Some("LockRows"));
        }
    }

    #[test]
    fn what_becomes_of_the_second_worker_depends_on_the_clause_and_on_what_is_checked_again() {
        for (name, text, end) in [
            ("lock-after-limit-in", WAITS, "so jobs are done twice"),
            ("lock-after-limit-cte", SKIPS, "though more are due"),
            (
                "lock-after-limit-cte",
                WAITS,
                "gets none of them, though more are due",
            ),
            ("lock-after-limit-array", WAITS, "or the same ones again"),
            ("lock-after-limit-in", "", "or the same ones again"),
        ] {
            for version in [14, 15, 16, 17, 18] {
                let findings = found(version, name, text);
                assert_eq!(findings.len(), 1, "pg{version}/{name}");
                assert!(findings[0].message.ends_with(end), "{findings:?}");
            }
        }
    }

    #[test]
    fn it_is_quiet_where_rows_are_locked_as_they_are_chosen() {
        for version in [14, 15, 16, 17, 18] {
            for name in [
                "fetch-array",
                "fetch-cte-custom",
                "fetch-cte-generic",
                "natural-mistake",
                "lock-of-chosen-queue",
                "fetch-without-lock",
            ] {
                assert_eq!(found(version, name, SKIPS), [], "pg{version}/{name}");
            }
        }
        let prune = GoldenCase::read(15, "lock-after-limit-in").operation("prune");
        assert_eq!(super::check(&prune.case()), []);
    }
}
