//! `lock-without-of`: a fetch that joins locks the joined rows too, because FOR UPDATE names no table.
//!
//! # Why it hurts
//! `FOR UPDATE` locks the rows of every table in the FROM of its query. Where jobs are joined to the settings of their queue, one worker locks
//! the settings' row, and all others find it locked: with `SKIP LOCKED` they pass over every job of that queue and get none, without it they
//! wait. A single session shows nothing of it but a WAL record more.
//!
//! # Example
//! ```text
//! select job.id from job join queue_settings using (queue) where … limit 10 for update skip locked
//! LockRows (rows=10)
//!   -> Nested Loop
//!     -> Index Scan using job_ready on job
//!     -> Seq Scan on queue_settings     one row, locked by whoever is first
//! ```
//!
//! # Fix
//! Name the table whose rows are claimed: `for update of job skip locked`.
//!
//! # Thresholds
//! The operation is `fetch`, or is not known. The text has a `for update` or `for no key update` without `of`, and a LockRows of the plan
//! gets its rows from two or more tables named in that query's FROM. Without the text nothing is told: plans do not say what they lock. A
//! warning where the operation is not known.
//!
//! # Source
//! PostgreSQL's manual, "The Locking Clause" of SELECT; measured with two sessions: the second got none of 1,000 ready jobs.

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::Case;
use crate::finding::claim::{Feeds, is_fetch, locks};
use crate::finding::statement_text::{LockPolicy, lock_policies, locks_without_of};
use crate::finding::wording::{evidence, listed};
use crate::finding::{Finding, Severity};
use crate::plan::{PlanTree, node_label};

pub(super) const RULE: Rule = Rule {
    id: "lock-without-of",
    summary: "a fetch that joins locks the joined rows too, because FOR UPDATE names no table",
    severity: Severity::Critical,
    check,
    page: page(include_str!("lock_without_of.rs")),
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    if !is_fetch(case, &tree) {
        return Vec::new();
    }
    let feeds = Feeds::of(&tree);
    let clauses = locks_without_of(case.statement_text);
    let found = clauses.iter().filter_map(|names| {
        let locked = locks(&tree)
            .map(|lock| (lock, feeds.inputs_named(lock, names)))
            .find(|(_, scans)| scans.len() > 1);
        let (lock, scans) = locked?;
        // In the order of FROM, each once.
        let mut tables: Vec<&str> = Vec::new();
        for name in names {
            if scans.contains_key(name) && !tables.contains(name) {
                tables.push(name);
            }
        }
        Some((lock, tables))
    });
    found
        .map(|(lock, tables)| finding(case, &tree, lock, &tables))
        .collect()
}

fn finding(case: &Case<'_>, tree: &PlanTree<'_>, lock: usize, tables: &[&str]) -> Finding {
    let claimed = claimed(tree, tables);
    let joined: Vec<&str> = tables
        .iter()
        .copied()
        .filter(|name| *name != claimed)
        .collect();
    let joined = listed(&joined);
    let waits = !lock_policies(case.statement_text).contains(&LockPolicy::Skip);
    let (others, suffix) = if waits {
        ("wait for it", "")
    } else {
        ("pass over every row joined to it", " skip locked")
    };
    Finding {
        rule: RULE.id.to_owned(),
        severity: if case.operation.is_empty() {
            Severity::Warning
        } else {
            RULE.severity
        },
        message: format!(
            "locks the rows of {joined} joined to {claimed} as well, for the locking clause names no table: while one worker has a row of \
             {joined}, all others {others}"
        ),
        help: format!("name the table whose rows are claimed: for update of {claimed}{suffix}"),
        node: Some(node_label(tree.node(lock))),
        evidence: evidence([("claimed", json!(claimed)), ("joined", json!(joined))]),
    }
}

/// The name of the table whose rows are claimed: the one the statement writes, else the first of FROM.
fn claimed<'n>(tree: &PlanTree<'_>, tables: &[&'n str]) -> &'n str {
    let is_written = |name: &&&str| {
        let mut writes = tree.positions().iter();
        writes.any(|position| {
            position.node.is_modify_table()
                && position
                    .node
                    .relation_name
                    .as_deref()
                    .is_some_and(|written| written.eq_ignore_ascii_case(name))
        })
    };
    let written = tables.iter().find(is_written);
    written.or(tables.first()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    const JOINED: &str = "update job set state = 'running' where id = any(array(select j.id from job j join setting s on s.queue = j.queue \
        where j.queue = 'q1' and j.state = 'ready' and not s.is_paused order by j.priority limit 10 for update skip locked)) returning id";
    const OF: &str = "update job set state = 'running' where id = any(array(select j.id from job j join setting s on s.queue = j.queue \
        where j.queue = 'q1' and j.state = 'ready' and not s.is_paused order by j.priority limit 10 for update of j skip locked)) returning id";
    const ALONE: &str = "update job set state = 'running' where id = any(array(select id from job limit 10 for update skip locked))";

    #[test]
    fn the_row_of_the_settings_is_locked_too() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "lock-joined").statement_text(JOINED);
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Critical);
            assert!(
                findings[0]
                    .message
                    .starts_with("locks the rows of s joined to j as well"),
                "{findings:?}"
            );
            assert_eq!(
                findings[0].help,
                "name the table whose rows are claimed: for update of j skip locked"
            );
        }
        let unknown = GoldenCase::read(15, "lock-joined")
            .operation("")
            .statement_text(JOINED)
            .without_catalog();
        assert_eq!(super::check(&unknown.case())[0].severity, Severity::Warning);
    }

    #[test]
    fn it_is_quiet_where_one_table_is_named_or_read() {
        for version in [14, 15, 16, 17, 18] {
            for (name, text) in [
                ("lock-joined", OF),
                ("lock-joined", ""),
                ("fetch-array", ALONE),
                // A table within EXISTS is not locked.
                (
                    "exists-skip-locked",
                    "update few set state = 'running' where exists (select from few c where c.id = few.id limit 1 \
                  for update skip locked)",
                ),
                (
                    "lock-after-limit-cte",
                    "with next as materialized (select id from job limit 10), locked as materialized (select job.id \
                  from job join next using (id) for update skip locked) update job set state = 'running' from locked",
                ),
            ] {
                let golden = GoldenCase::read(version, name).statement_text(text);
                assert_eq!(
                    super::check(&golden.case()),
                    [],
                    "pg{version}/{name}: {text}"
                );
            }
            let rescue = GoldenCase::read(version, "lock-joined")
                .operation("rescue")
                .statement_text(JOINED);
            assert_eq!(super::check(&rescue.case()), [], "pg{version}");
        }
    }
}
