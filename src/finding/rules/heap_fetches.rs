//! `heap-fetches`: an index-only scan goes to the table for many of its rows.
//!
//! # Why it hurts
//! An index-only scan may leave the table alone only where a page of it is marked as visible to all. A queue changes its pages all the
//! time, which takes the mark away, and only VACUUM sets it again; until then each row costs a page of the table as well, and the scan
//! is an index scan by another name.
//!
//! # Example
//! ```text
//! Index Only Scan using job_state on job (rows=50000)  Heap Fetches: 48210
//! ```
//!
//! # Fix
//! `vacuum`, and autovacuum often enough for the table: `alter table … set (autovacuum_vacuum_scale_factor = 0.01)`. Where a transaction
//! holds an old snapshot, VACUUM cannot set the mark either. For what must be quick whatever the state of the table, count in another
//! way: by a table of counters, or over fewer rows.
//!
//! # Thresholds
//! At least 100 heap fetches, and for a quarter of the rows looked at.
//!
//! # Source
//! The thresholds are those of common plan reviewers; PostgreSQL's manual, "Index-Only Scans and Covering Indexes".

use serde_json::json;

use super::{Rule, page};
use crate::finding::access::{Access, accesses};
use crate::finding::case::Case;
use crate::finding::wording::{count, evidence, rows};
use crate::finding::{Finding, Severity};

pub(super) const RULE: Rule = Rule {
    id: "heap-fetches",
    summary: "an index-only scan goes to the table for many of its rows",
    severity: Severity::Warning,
    check,
    page: page(include_str!("heap_fetches.rs")),
};

const LEAST_FETCHES: u64 = 100;
const LEAST_SHARE: f64 = 0.25;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    accesses(&view).iter().filter_map(look_at).collect()
}

fn look_at(scan: &Access<'_>) -> Option<Finding> {
    let fetches = scan.node.heap_fetches?;
    // The fetches are those of all loops; rows are an average of each, and before 18 a rounded one.
    let rounding = if scan.loops > 1 {
        0.5 * scan.loops as f64
    } else {
        0.0
    };
    let looked_at = scan.rows + scan.rows_removed + rounding;
    if fetches < LEAST_FETCHES || (fetches as f64) < LEAST_SHARE * looked_at {
        return None;
    }
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: RULE.severity,
        message: format!(
            "goes to {} {} times for {} rows: its pages are not marked as visible to all",
            scan.relation,
            count(fetches),
            rows(looked_at - rounding)
        ),
        help: format!(
            "vacuum {0}; alter table {0} set (autovacuum_vacuum_scale_factor = 0.01); where that does not help, end what holds an old \
             snapshot",
            scan.relation
        ),
        node: Some(scan.label()),
        evidence: evidence([
            ("relation", json!(scan.relation)),
            ("heap_fetches", json!(fetches)),
            ("rows_read", json!((looked_at - rounding).round() as u64)),
            ("pages", json!(scan.pages)),
        ]),
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_table_changed_since_it_was_vacuumed_fires_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "heap-fetches").operation("inspect");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0].message.starts_with("goes to seen "),
                "{findings:?}"
            );
            assert!(findings[0].help.starts_with("vacuum seen;"));
            assert_eq!(
                findings[0].node.as_deref(),
                Some("Index Only Scan seen_state")
            );
        }
    }

    #[test]
    fn fetches_are_of_all_loops_and_rows_of_each() {
        let found = |fetches: u64, rows: f64, loops: u64| {
            let golden = GoldenCase::of(&format!(
                r#"{{"Plan":{{"Node Type":"Index Only Scan","Relation Name":"job","Index Name":"job_id","Actual Loops":{loops},
                    "Actual Rows":{rows},"Heap Fetches":{fetches}}}}}"#
            ));
            super::check(&golden.case()).len()
        };
        assert_eq!([found(100, 400.0, 1), found(100, 401.0, 1)], [1, 0]);
        assert_eq!([found(100, 3.0, 100), found(99, 3.0, 99)], [1, 0]);
        assert_eq!(found(100, 4.0, 100), 0, "as many as 4.5 a loop");
    }

    #[test]
    fn it_is_quiet_after_vacuum_and_where_the_scan_is_another() {
        for version in [14, 15, 16, 17, 18] {
            for name in ["heap-fetches-none", "fetch-array", "index-filter"] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
        }
    }
}
