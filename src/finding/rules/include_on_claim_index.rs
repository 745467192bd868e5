//! `include-on-claim-index`: the index that a claim walks carries columns that the claim cannot read from it.
//!
//! # Why it hurts
//! INCLUDE puts columns into an index so that a query need not read the row. But a query with FOR UPDATE always reads the row, to lock it:
//! it never is an index-only scan. What remains of the columns is their price: larger entries, no deduplication of equal keys, and, where a
//! claim changes one of them (`attempts`), another thing that keeps its update from being heap-only.
//!
//! # Example
//! ```text
//! create index job_ready on job (queue, priority, run_at, id) include (attempts, max_attempts) where state = 'ready'
//! LockRows -> Index Scan using job_ready     not an Index Only Scan, whatever is included
//! ```
//!
//! # Fix
//! The same index without INCLUDE, built concurrently beside the old one, which is then dropped; unless another statement is an index-only
//! scan of it and worth the price.
//!
//! # Thresholds
//! A scan whose rows a LockRows locks uses an index with INCLUDE. Without the catalog nothing is told: plans do not say what an index includes.
//!
//! # Source
//! PostgreSQL's manual, "Index-Only Scans and Covering Indexes" and "B-Tree Deduplication" (never with INCLUDE); measured: 418 pages of
//! entries were read where the index without them took 311.

use serde_json::json;

use super::{Rule, page};
use crate::finding::access::{Access, accesses};
use crate::finding::case::{Case, Index};
use crate::finding::claim::{Feeds, locks};
use crate::finding::wording::{count, evidence, listed};
use crate::finding::{Finding, Severity};
use crate::plan::PlanTree;

pub(super) const RULE: Rule = Rule {
    id: "include-on-claim-index",
    summary: "the index that a claim walks carries columns that the claim cannot read from it",
    severity: Severity::Warning,
    check,
    page: page(include_str!("include_on_claim_index.rs")),
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    let feeds = Feeds::of(&tree);
    let locked: Vec<usize> = locks(&tree).flat_map(|lock| feeds.reaching(lock)).collect();
    let scans = accesses(&view)
        .into_iter()
        .filter(|scan| locked.contains(&scan.index) && scan.node.node_type != "Index Only Scan");
    scans
        .flat_map(|scan| {
            let indexes = scan
                .index_names
                .iter()
                .filter_map(|name| case.catalog.index(name));
            let found: Vec<Finding> = indexes
                .filter(|index| !index.included().is_empty())
                .map(|index| finding(&scan, index))
                .collect();
            found
        })
        .collect()
}

fn finding(scan: &Access<'_>, index: &Index) -> Finding {
    let included = listed(&index.included());
    let condition = index
        .predicate
        .as_deref()
        .map_or(String::new(), |condition| format!(" where {condition}"));
    Finding {
        rule: RULE.id.to_owned(),
        severity: RULE.severity,
        message: format!(
            "{} includes {included} ({} pages in all), but a row that is to be locked is read from {} in any case",
            index.name,
            count(index.pages),
            scan.relation
        ),
        help: format!(
            "create index concurrently on {} ({}){condition}, and drop {}, unless another statement is an index-only scan of it",
            scan.relation,
            index.columns.join(", "),
            index.name
        ),
        node: Some(scan.label()),
        evidence: evidence([
            ("index", json!(index.name)),
            ("included", json!(index.included())),
            ("index_pages", json!(index.pages)),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn columns_that_a_claim_cannot_use_are_named_with_the_index_to_write() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "include-claim");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0]
                    .message
                    .starts_with("mail_ready includes attempts and max_attempts"),
                "{findings:?}"
            );
            assert_eq!(
                findings[0].help,
                "create index concurrently on mail (queue, priority, run_at, id) where (state = 'ready'::text), and drop mail_ready, \
                 unless another statement is an index-only scan of it"
            );
        }
    }

    #[test]
    fn it_is_quiet_where_nothing_is_included_locked_or_known() {
        for version in [14, 15, 16, 17, 18] {
            let unknown = GoldenCase::read(version, "include-claim").without_catalog();
            assert_eq!(super::check(&unknown.case()), [], "pg{version}");
            for name in ["fetch-array", "include-counted", "complete-array"] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
        }
    }
}
