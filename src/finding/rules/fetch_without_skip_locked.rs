//! `fetch-without-skip-locked`: a fetch waits for rows that other workers have locked.
//!
//! # Why it hurts
//! Workers that fetch at the same time choose the same rows, the first that are due. Without `SKIP LOCKED` all but one of them wait
//! until that one commits, then look again: they fetch one after the other, however many there are, and a worker that dawdles in its
//! transaction stops them all. A single session shows nothing of it: pages, WAL and times are the same with and without.
//!
//! # Example
//! ```text
//! select id from job where state = 'ready' order by run_at limit 10 for update
//! Limit (rows=10)
//!   -> LockRows (rows=10)     waits here while another worker holds one of the rows
//!     -> Index Scan using job_ready
//! ```
//!
//! # Fix
//! `for update skip locked`: a worker passes over what others hold and takes the next rows. What has to be locked in a fixed order, or
//! by one worker only, is better locked by a row or an advisory lock of its own.
//!
//! # Thresholds
//! The operation is `fetch`, its plan locks rows, and its text has a `for update` or `for no key update` with neither `skip locked` nor
//! `nowait`. Where the operation is not known, a warning, if a Limit stands above the lock. Quiet where an advisory lock decides who gets
//! a row, and for a lock without a Limit of another table than a Limit of the plan chooses rows of: that is a row lock of its own. Quiet, too,
//! where the rows are named by their key or are the worker's own (`locked_by = $1`): workers then take turns because they mean to. A rescue
//! or prune that waits is left alone: one process runs it now and then.
//!
//! # Source
//! PostgreSQL's manual, "The Locking Clause" of SELECT; common to first attempts at a queue.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::Case;
use crate::finding::claim::{Feeds, is_by_advisory_lock, is_fetch, is_limited, locks};
use crate::finding::own_row::is_own_row;
use crate::finding::statement_text::{lock_policies, waiting_locks};
use crate::finding::wording::{evidence, listed, rows};
use crate::finding::{Finding, Severity};
use crate::plan::{PlanTree, node_label};

pub(super) const RULE: Rule = Rule {
    id: "fetch-without-skip-locked",
    summary: "a fetch waits for rows that other workers have locked",
    severity: Severity::Critical,
    check,
    page: page(include_str!("fetch_without_skip_locked.rs")),
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    if !is_fetch(case, &tree) || is_by_advisory_lock(case, &tree) {
        return Vec::new();
    }
    let is_known = !case.operation.is_empty();
    let feeds = Feeds::of(&tree);
    let waiting = waiting_locks(case.statement_text);
    let all_wait = waiting.len() == lock_policies(case.statement_text).len();
    let found = waiting
        .iter()
        .filter_map(|names| locked_by(&tree, &feeds, names, all_wait))
        .find(|(lock, relations)| {
            (is_known || is_limited(&tree, *lock))
                && !feeds.is_of_its_own(*lock, relations)
                && !locks_own_rows(case, &tree, &feeds, *lock, relations)
        });
    // One finding for the statement, whatever the number of its locks.
    found
        .map(|(lock, relations)| finding(&tree, lock, &relations, is_known))
        .into_iter()
        .collect()
}

/// Whether every scan of the relations that a node locks names the rows it wants, or asks for the worker's own.
fn locks_own_rows(
    case: &Case<'_>,
    tree: &PlanTree<'_>,
    feeds: &Feeds<'_, '_>,
    lock: usize,
    relations: &BTreeSet<&str>,
) -> bool {
    let below = feeds.reaching(lock);
    let mut scans = below.iter().filter(|index| {
        let relation = tree.node(**index).relation_name.as_deref();
        relation.is_some_and(|relation| relations.contains(relation))
    });
    !relations.is_empty() && scans.all(|scan| is_own_row(case, tree, *scan))
}

/// The node that a clause with these names became, with the relations it locks: the first over a relation of such a name. Where there is
/// none (the names are of views or subqueries) the first node that locks, if all of them wait.
fn locked_by<'a>(
    tree: &PlanTree<'a>,
    feeds: &Feeds<'_, 'a>,
    names: &[&str],
    all_wait: bool,
) -> Option<(usize, BTreeSet<&'a str>)> {
    let named = locks(tree)
        .map(|lock| (lock, feeds.relations_named(lock, names)))
        .find(|(_, relations)| !relations.is_empty());
    named.or_else(|| {
        let lock = locks(tree).next().filter(|_| all_wait)?;
        Some((lock, feeds.relations_read(lock)))
    })
}

fn finding(
    tree: &PlanTree<'_>,
    lock: usize,
    relations: &BTreeSet<&str>,
    is_known: bool,
) -> Finding {
    let node = tree.node(lock);
    let relations = listed(&relations.iter().copied().collect::<Vec<_>>());
    let locked = node.total_rows();
    let same = if locked == 0.0 {
        "the same rows".to_owned()
    } else {
        format!("the same {}", rows(locked))
    };
    Finding {
        rule: RULE.id.to_owned(),
        severity: if is_known {
            RULE.severity
        } else {
            Severity::Warning
        },
        message: format!(
            "locks rows of {relations} without skip locked and waits where another worker holds one: workers that fetch at the same \
             time choose {same} and take turns"
        ),
        help: "add skip locked to the locking clause, for update skip locked: a worker then passes over rows that others hold and \
               takes the next ones"
            .to_owned(),
        node: Some(node_label(node)),
        evidence: evidence([
            ("relation", json!(relations)),
            ("rows_locked", json!(locked.round() as u64)),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    const WAITS: &str =
        "select id, payload from task where queue = 'q1' order by id limit 10 for update";

    #[test]
    fn a_lock_that_waits_fires_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "natural-mistake").statement_text(WAITS);
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Critical);
            assert!(
                findings[0]
                    .message
                    .starts_with("locks rows of task without skip locked")
                    && findings[0]
                        .message
                        .ends_with("choose the same 10 and take turns"),
                "{findings:?}"
            );
            assert!(findings[0].help.contains("for update skip locked"));
            assert_eq!(findings[0].node.as_deref(), Some("LockRows"));
        }
    }

    #[test]
    fn an_unknown_operation_is_warned_of_if_a_limit_chooses() {
        let with = |name| {
            let golden = GoldenCase::read(15, name)
                .operation("")
                .statement_text(WAITS);
            super::check(&golden.case())
                .first()
                .map(|finding| finding.severity)
        };
        assert_eq!(with("natural-mistake"), Some(Severity::Warning));
        assert_eq!(with("lock-after-limit-array"), None);
    }

    #[test]
    fn only_what_is_locked_is_named() {
        let named = |text| {
            let golden = GoldenCase::read(15, "lock-after-limit-cte").statement_text(text);
            let findings = super::check(&golden.case());
            findings
                .first()
                .map(|finding| finding.evidence["relation"].clone())
        };
        let locks_job = "with next as (select id from job limit 10), locked as (select job.id from job join next using (id) \
                         where job.state = 'ready' for update of job) update job set state = 'running' from locked";
        assert_eq!(named(locks_job), Some("job".into()));
        // Not in this plan: a clause that skips may be the one that is.
        assert_eq!(
            named(
                "with next as (select 1 from job for update skip locked) select 1 from other for update"
            ),
            None
        );
    }

    #[test]
    fn it_is_quiet_where_nobody_waits_or_nothing_is_fetched() {
        let quiet = |name, operation, text| {
            let golden = GoldenCase::read(15, name)
                .operation(operation)
                .statement_text(text);
            assert_eq!(super::check(&golden.case()), [], "{name}: {text}");
        };
        let fetch = "natural-mistake";
        quiet(fetch, "fetch", "select 1 limit 10 for update skip locked");
        quiet(fetch, "fetch", "select 1 limit 10 for update nowait");
        quiet(
            fetch,
            "fetch",
            "select 1 where pg_try_advisory_xact_lock(id) limit 10 for update",
        );
        quiet(fetch, "fetch", "");
        quiet(fetch, "prune", WAITS);
        quiet("fetch-without-lock", "fetch", WAITS);
    }
}
