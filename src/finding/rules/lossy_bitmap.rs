//! `lossy-bitmap`: a bitmap did not fit in memory, so whole pages are checked again.
//!
//! # Why it hurts
//! A bitmap index scan collects the places of all rows it finds before the first is read. Where they do not fit in `work_mem`, only
//! pages are kept, and every row of such a page is read and checked again. A queue's statement that collects so many places reads most
//! of its backlog, for the few rows it wants of it.
//!
//! # Example
//! ```text
//! Bitmap Heap Scan on job (rows=5400)  Rows Removed by Index Recheck: 41000
//!   Heap Blocks: exact=812 lossy=3120
//! ```
//!
//! # Fix
//! An index that fits the statement better (one of several columns in place of several of one, in the order asked for), so that fewer
//! places are collected; or more memory: `work_mem`.
//!
//! # Thresholds
//! 5 % of the pages read are lossy. A note below 64 lossy pages.
//!
//! # Source
//! The share is that of common plan reviewers; PostgreSQL's manual, "Combining Multiple Indexes".

use serde_json::json;

use super::{Rule, page};
use crate::finding::access::{Access, accesses};
use crate::finding::case::Case;
use crate::finding::wording::{count, evidence, listed, rows};
use crate::finding::{Finding, Severity};

pub(super) const RULE: Rule = Rule {
    id: "lossy-bitmap",
    summary: "a bitmap did not fit in memory, so whole pages are checked again",
    severity: Severity::Warning,
    check,
    page: page(include_str!("lossy_bitmap.rs")),
};

const LEAST_SHARE: f64 = 0.05;
const LEAST_PAGES: u64 = 64;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    accesses(&view).iter().filter_map(look_at).collect()
}

fn look_at(scan: &Access<'_>) -> Option<Finding> {
    let lossy = scan.node.lossy_heap_blocks.filter(|lossy| *lossy > 0)?;
    let pages = lossy.saturating_add(scan.node.exact_heap_blocks.unwrap_or(0));
    let share = lossy as f64 / pages as f64;
    if share < LEAST_SHARE {
        return None;
    }
    let again = scan.node.rows_removed_by_index_recheck.unwrap_or(0.0) * scan.loops as f64;
    let read_again = if again >= 1.0 {
        format!(": {} rows of them were read for nothing", rows(again))
    } else {
        String::new()
    };
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: if lossy < LEAST_PAGES {
            Severity::Note
        } else {
            RULE.severity
        },
        message: format!(
            "{} of {} pages of {} ({:.0} %) were kept as whole pages for want of memory{read_again}",
            count(lossy),
            count(pages),
            scan.relation,
            100.0 * share
        ),
        help: format!(
            "let one index serve the conditions, so that fewer rows are collected ({} here), or raise work_mem for this statement",
            listed(&scan.index_names)
        ),
        node: Some(scan.label()),
        evidence: evidence([
            ("relation", json!(scan.relation)),
            ("pages_lossy", json!(lossy)),
            ("pages_exact", json!(pages - lossy)),
            ("rows_rechecked_away", json!(again.round() as u64)),
        ]),
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_bitmap_of_whole_pages_fires_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "lossy-bitmap").operation("");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Warning);
            assert!(
                findings[0].message.contains(" pages of thin (")
                    && findings[0].help.contains("(thin_status here)"),
                "{findings:?}"
            );
        }
    }

    #[test]
    fn the_share_decides() {
        let found = |lossy: u64| {
            let golden = GoldenCase::of(&format!(
                r#"{{"Plan":{{"Node Type":"Bitmap Heap Scan","Relation Name":"job","Actual Loops":1,"Actual Rows":9,
                    "Exact Heap Blocks":950,"Lossy Heap Blocks":{lossy}}}}}"#
            ));
            super::check(&golden.case())
        };
        assert_eq!(found(49), []);
        assert_eq!(found(50)[0].severity, Severity::Note);
        assert_eq!(found(64)[0].severity, Severity::Warning);
        assert_eq!(found(u64::MAX).len(), 1);
    }

    #[test]
    fn it_is_quiet_where_the_bitmap_fits() {
        for version in [14, 15, 16, 17, 18] {
            for name in ["exact-bitmap", "bitmap", "bitmap-lossy", "fetch-array"] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
        }
    }
}
