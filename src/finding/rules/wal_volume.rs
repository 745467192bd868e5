//! `wal-volume`: one statement writes much WAL.
//!
//! # Why it hurts
//! WAL is written in one stream for the whole server, flushed before the commit returns, sent to every replica and kept for the backup.
//! A statement that writes megabytes of it makes the commits of all workers wait. Much WAL a row says why: wide rows rewritten to change a
//! state, many indexes of which each gets an entry, or images of whole pages after each checkpoint.
//!
//! # Example
//! ```text
//! Update on job (rows=2000)  WAL: records=8012 fpi=1460 bytes=14,210,331
//! ```
//!
//! # Fix
//! Wide payloads in a table of their own, so that a change of state does not rewrite them; fewer indexes on what changes; room on the
//! pages (`fillfactor`) for updates that need no index entry. Images of pages: checkpoints further apart (`max_wal_size`,
//! `checkpoint_timeout`) and `wal_compression`. Where it is only many rows: smaller batches.
//!
//! # Thresholds
//! At least 1 MiB, and 1 kB a row written, or half of it in images of pages, or 16 MiB whatever a row takes. A warning from 8 kB a row,
//! else a note.
//!
//! # Source
//! 1 MiB is the threshold of common plan reviewers, 16 MiB a segment of WAL, 8 kB a page. Measured: a row of a queue claimed takes 190 to
//! 550 bytes.

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::{Case, PlanView};
use crate::finding::claim::is_lock;
use crate::finding::wording::{count, evidence, rows};
use crate::finding::{Finding, Severity};
use crate::plan::{PlanNode, PlanTree};
use crate::units::Bytes;

pub(super) const RULE: Rule = Rule {
    id: "wal-volume",
    summary: "one statement writes much WAL",
    severity: Severity::Warning,
    check,
    page: page(include_str!("wal_volume.rs")),
};

const LEAST_BYTES: u64 = 1 << 20;
const LARGE_BYTES: u64 = 16 << 20;
const PAGE_BYTES: f64 = 8_192.0;
const LEAST_BYTES_PER_ROW: f64 = 1_024.0;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let found = case.judged().filter(|view| view.work.has_wal);
    found.and_then(|view| look_at(&view)).into_iter().collect()
}

fn look_at(view: &PlanView<'_>) -> Option<Finding> {
    let wal = view.work.total.wal;
    let written = rows_written(view);
    let per_row = wal.bytes as f64 / written.max(1.0);
    let is_images = wal.fpi as f64 * PAGE_BYTES >= wal.bytes as f64 / 2.0;
    let is_much = per_row >= LEAST_BYTES_PER_ROW || is_images || wal.bytes >= LARGE_BYTES;
    if wal.bytes < LEAST_BYTES || !is_much {
        return None;
    }
    let images = if wal.fpi > 0 {
        format!(", with images of {} pages", count(wal.fpi))
    } else {
        String::new()
    };
    let help = if is_images {
        "checkpoints further apart (max_wal_size, checkpoint_timeout) and wal_compression"
    } else if per_row >= LEAST_BYTES_PER_ROW {
        "keep wide columns in a table of their own, drop indexes on what changes, and leave room for updates in place: \
         alter table … set (fillfactor = 80)"
    } else {
        "write fewer rows at once"
    };
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: if per_row >= PAGE_BYTES {
            RULE.severity
        } else {
            Severity::Note
        },
        message: format!(
            "writes {} of WAL for {} rows, {} a row{images}",
            Bytes(wal.bytes),
            rows(written),
            Bytes(per_row.round() as u64)
        ),
        help: help.to_owned(),
        node: None,
        evidence: evidence([
            ("wal_bytes", json!(wal.bytes)),
            ("wal_records", json!(wal.records)),
            ("wal_images", json!(wal.fpi)),
            ("rows_written", json!(written.round() as u64)),
        ]),
    })
}

/// Rows written or locked, whichever are more: a row that is claimed is both. A SELECT that does neither writes WAL to set hint bits or
/// to prune pages, and has the rows it returns.
fn rows_written(view: &PlanView<'_>) -> f64 {
    let tree = PlanTree::new(view.plan);
    let given_to = |is_meant: fn(&PlanNode) -> bool| -> f64 {
        let writers = tree.positions().iter();
        let writers = writers.filter(|position| is_meant(position.node));
        let given = writers.flat_map(|position| tree.children(position.index));
        given
            .map(|child| tree.node(child))
            .filter(|child| !child.is_init_plan())
            .map(PlanNode::total_rows)
            .sum()
    };
    let written = given_to(PlanNode::is_modify_table);
    written.max(given_to(is_lock)).max(view.rows as f64)
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn wide_rows_rewritten_to_change_a_state_fire_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "wal-wide").operation("complete");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Note);
            assert!(
                findings[0].message.contains(" of WAL for 1,000 rows, "),
                "{findings:?}"
            );
            assert!(findings[0].help.starts_with("keep wide columns"));
        }
    }

    #[test]
    fn a_row_is_weighed_and_images_are_named() {
        let found = |bytes: u64, fpi: u64, rows: u64| {
            let golden = GoldenCase::of(&format!(
                r#"{{"Plan":{{"Node Type":"ModifyTable","Operation":"Update","Actual Rows":0,"Actual Loops":1,
                    "WAL Records":9,"WAL FPI":{fpi},"WAL Bytes":{bytes},
                    "Plans":[{{"Node Type":"Seq Scan","Actual Rows":{rows},"Actual Loops":1}}]}}}}"#
            ));
            super::check(&golden.case())
        };
        assert_eq!(found((1 << 20) - 1, 0, 1), []);
        assert_eq!(found(1 << 20, 0, 1025), [], "many rows, each of few bytes");
        assert_eq!(found(1 << 20, 0, 1024)[0].severity, Severity::Note);
        assert_eq!(found(1 << 20, 0, 128)[0].severity, Severity::Warning);
        let large = found(16 << 20, 0, 1_000_000).remove(0);
        assert_eq!(large.help, "write fewer rows at once");
        let images = found(1 << 20, 64, 5_000).remove(0);
        assert!(
            images.message.ends_with(", with images of 64 pages")
                && images.help.starts_with("checkpoints further apart"),
            "{images:?}"
        );
    }

    #[test]
    fn it_is_quiet_where_little_is_written_or_nothing_told() {
        for version in [14, 15, 16, 17, 18] {
            for name in ["fetch-array", "triggers", "complete-array", "sort-spill"] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
        }
    }
}
