//! `locked-head`: a fetch reads and tries row after row that others have locked before it finds one that is free.
//!
//! # Why it hurts
//! `SKIP LOCKED` does not wait, but it does not pass for nothing either: each row that another session holds is read, its lock is tried, and
//! it is left. All workers begin at the same head, so with w workers that hold b rows each, a fetch walks over up to w × b rows to get its
//! own b: the more workers, the less each of them gets done. One session that locks a long stretch and dawdles does the same to all.
//!
//! # Example
//! ```text
//! Limit (rows=10)
//!   -> LockRows (rows=10)  Buffers: shared hit=2015
//!     -> Index Scan using job_ready (rows=1010)
//! ```
//!
//! # Fix
//! Claim and commit: a fetch that sets the state takes its rows out of the index of the ready jobs, and holds locks for as long as the
//! statement takes, not for as long as the job does. Then smaller batches or fewer workers on one queue, or the queue split. For the one
//! session that holds a stretch: `select pid, xact_start, query from pg_stat_activity where xact_start < now() - interval '1 minute'`.
//!
//! # Thresholds
//! The operation is `fetch`, or is not known and the plan locks rows. A LockRows passes on at most half of the rows it gets, it and what it
//! reads touch at least 64 pages, more than 8 for each row passed on, and at most 8 for each row passed over. Where advisory locks decide,
//! the same of the filter that tries them. Critical from 1,000 pages.
//!
//! # Source
//! good_job#720, Hangfire#348; pgmq: 11,300 jobs a second with 16 workers, 3,300 with 256; measured: 1,000 locked jobs in front, 2,015 pages
//! for 10.

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::{Case, PlanView};
use crate::finding::claim::{Feeds, is_by_advisory_lock, is_fetch, is_lock};
use crate::finding::costly_scan::PAGES_PER_ROW;
use crate::finding::predicate::{comparisons, conjuncts};
use crate::finding::statement_text::names_advisory_lock;
use crate::finding::wording::{count, evidence, listed, rows, rows_of};
use crate::finding::{Finding, Severity};
use crate::plan::{Condition, PlanNode, PlanTree, node_label};

pub(super) const RULE: Rule = Rule {
    id: "locked-head",
    summary: "a fetch tries row after row that others have locked before it finds one that is free",
    severity: Severity::Critical,
    check,
    page: page(include_str!("locked_head.rs")),
};

const LEAST_PAGES: u64 = 64;
const CRITICAL_PAGES: u64 = 1_000;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    let is_advisory = is_by_advisory_lock(case, &tree);
    if !is_fetch(case, &tree) && !is_advisory {
        return Vec::new();
    }
    let feeds = Feeds::of(&tree);
    let positions = tree.positions().iter();
    positions
        .filter_map(|position| {
            let node = position.node;
            let passed_over = if is_lock(node) {
                node.rows_received() - node.total_rows()
            } else if is_advisory && tries_advisory_locks(&tree, &feeds, position.index) {
                node.total_rows_removed()
            } else {
                return None;
            };
            look_at(&view, &tree, &feeds, position.index, passed_over)
        })
        .collect()
}

/// Whether the filter of a node keeps the rows whose advisory lock was got: it takes the locks itself, or reads what a walk from lock to
/// lock has found.
fn tries_advisory_locks(tree: &PlanTree<'_>, feeds: &Feeds<'_, '_>, index: usize) -> bool {
    let node = tree.node(index);
    let Some(filter) = node.condition(Condition::Filter) else {
        return false;
    };
    let walks = |node: &PlanNode| node.node_type == "Recursive Union";
    // Another condition may have thrown the rows away.
    let is_alone = conjuncts(filter).iter().all(|part| {
        names_advisory_lock(part) || comparisons(part).iter().any(|part| part.is_equality())
    });
    (is_alone && names_advisory_lock(filter))
        || (node.node_type == "CTE Scan"
            && feeds
                .reaching(index)
                .iter()
                .any(|below| walks(tree.node(*below))))
}

fn look_at(
    view: &PlanView<'_>,
    tree: &PlanTree<'_>,
    feeds: &Feeds<'_, '_>,
    index: usize,
    passed_over: f64,
) -> Option<Finding> {
    let node = tree.node(index);
    let got = node.total_rows();
    let pages = feeds.reaching(index).iter().fold(0_u64, |sum, below| {
        let work = view.work.nodes.get(*below);
        sum.saturating_add(work.map_or(0, |work| work.buffers.total()))
    });
    let reads = pages as f64;
    let is_costly = pages >= LEAST_PAGES && reads > PAGES_PER_ROW * got;
    // Otherwise the pages were read for something else.
    let is_for_locks = passed_over >= got.max(1.0) && reads <= PAGES_PER_ROW * passed_over;
    if !is_costly || !is_for_locks {
        return None;
    }
    let relations: Vec<&str> = feeds.relations_read(index).into_iter().collect();
    // Partitions may be many.
    let relation = match relations.as_slice() {
        [first, _, _, _, ..] => format!("{first} and {} others", relations.len() - 1),
        few => listed(few),
    };
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: if pages < CRITICAL_PAGES {
            Severity::Warning
        } else {
            RULE.severity
        },
        message: format!(
            "passes over {} that others have locked to get {}, in {} pages",
            rows_of(passed_over, &relation),
            rows(got),
            count(pages)
        ),
        help: "claim and commit at once, so that claimed jobs leave the index of the ready ones and no lock outlasts the fetch; then take \
               smaller batches, fewer workers a queue or more queues; who holds rows for long is in pg_stat_activity by xact_start"
            .to_owned(),
        node: Some(node_label(node)),
        evidence: evidence([
            ("rows_tried", json!((got + passed_over).round() as u64)),
            ("rows_locked", json!(got.round() as u64)),
            ("pages", json!(pages)),
        ]),
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_head_that_another_session_has_locked_is_told_in_rows_and_pages() {
        for version in [14, 15, 16, 17, 18] {
            for operation in ["fetch", ""] {
                let golden = GoldenCase::read(version, "locked-head").operation(operation);
                let findings = super::check(&golden.case());
                assert_eq!(findings.len(), 1, "pg{version}");
                assert_eq!(findings[0].severity, Severity::Critical);
                assert!(
                    findings[0].message.starts_with(
                        "passes over 1,000 rows of job that others have locked to get 10, in "
                    ),
                    "{}",
                    findings[0].message
                );
                assert_eq!(findings[0].node.as_deref(), Some("LockRows"));
                assert_eq!(findings[0].evidence["rows_tried"], 1_010);
            }
        }
    }

    #[test]
    fn advisory_locks_that_others_hold_are_told_alike() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "locked-head-advisory");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0]
                    .message
                    .starts_with("passes over 1,000 rows of job that others have locked to get 10"),
                "{}",
                findings[0].message
            );
        }
    }

    #[test]
    fn it_is_quiet_where_locks_are_got() {
        for version in [14, 15, 16, 17, 18] {
            for name in [
                "fetch-array",
                "fetch-cte-custom",
                "natural-mistake",
                "dead-head",
                "future-rows",
                "lock-after-limit-in",
                "complete-array",
            ] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
            let prune = GoldenCase::read(version, "locked-head").operation("prune");
            assert_eq!(super::check(&prune.case()), [], "pg{version}");
        }
    }
}
