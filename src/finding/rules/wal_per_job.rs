//! `wal-per-job`: a statement writes much WAL for each row it returns or writes.
//!
//! # Why it hurts
//! Every byte of WAL is written at least twice, flushed before a commit answers, sent to each replica, archived and read again after a
//! crash: of a queue that does little else than change rows, WAL is what limits the throughput. A claim that changes a few columns in place
//! writes two to three hundred bytes a job, one that has to enter a handful of indexes anew about a thousand. What writes more copies the
//! whole row, payload and all, for each change of its state, or locks and changes rows that nobody asked for.
//!
//! # Example
//! ```text
//! Update on job (rows=100)  WAL: records=410 bytes=241000
//! ```
//!
//! # Fix
//! Rows that are wide: keep the payload in a table of its own, or out of line (`alter column payload set storage external` and a small
//! `toast_tuple_target`), so that an update copies a pointer. Many records a row: fewer indexes, and a fillfactor that leaves room
//! (`non-hot-update`). Many full-page images: checkpoints farther apart (`max_wal_size`, `checkpoint_timeout`), `wal_compression`.
//!
//! # Thresholds
//! A statement that updates, deletes or locks rows writes at least 2,000 bytes of WAL, full-page images left out at 8 kB each, for each row
//! it returns or writes. Statements that only insert are left alone: what they write is the job. Full-page images are a note: at least one
//! for each row.
//!
//! # Source
//! Measured: 190 bytes a job for a heap-only claim, 300 with the lock's record, 541 with no room on the page, 881 to 965 with five indexes.

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::{Case, PlanView};
use crate::finding::wording::{count, evidence, rows};
use crate::finding::{Finding, Severity};
use crate::plan::{Operation, PlanTree, Wal, node_label};

pub(super) const RULE: Rule = Rule {
    id: "wal-per-job",
    summary: "a statement writes much WAL for each row it returns or writes",
    severity: Severity::Warning,
    check,
    page: page(include_str!("wal_per_job.rs")),
};

const MOST_BYTES: f64 = 2_000.0;

/// What a full-page image takes at most.
const IMAGE_BYTES: u64 = 8_192;

/// A record of more bytes than this holds a row: those of index entries, locks and changes in place are shorter.
const BYTES_OF_A_ROW: u64 = 400;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    let changes = tree.positions().iter().any(|position| {
        position.node.writes() && position.node.operation != Some(Operation::Insert)
    });
    let written = written(&view, &tree);
    if !changes || written < 1.0 {
        return Vec::new();
    }
    let wal = view.work.total.wal;
    let images = wal.fpi.saturating_mul(IMAGE_BYTES);
    let bytes = wal.bytes.saturating_sub(images) as f64 / written;
    if bytes >= MOST_BYTES {
        vec![too_much(&view, &tree, written, bytes)]
    } else if wal.fpi as f64 >= written {
        vec![images_of_pages(wal, written)]
    } else {
        Vec::new()
    }
}

/// The rows that the statement is about: those it returns, or the most that one of its nodes writes, whichever are more.
fn written(view: &PlanView<'_>, tree: &PlanTree<'_>) -> f64 {
    let writes = tree.positions().iter();
    writes
        .filter(|position| position.node.is_modify_table())
        .map(|position| position.node.rows_written())
        .fold(view.rows as f64, f64::max)
}

fn too_much(view: &PlanView<'_>, tree: &PlanTree<'_>, written: f64, bytes: f64) -> Finding {
    let own = |index: usize| {
        view.work
            .nodes
            .get(index)
            .map_or(Wal::default(), |work| work.wal)
    };
    let most = (0..tree.len())
        .max_by_key(|index| own(*index).bytes)
        .unwrap_or(0);
    let (node, wal) = (tree.node(most), own(most));
    let images = wal.fpi.saturating_mul(IMAGE_BYTES);
    let size = wal.bytes.saturating_sub(images) / wal.records.max(1);
    let relation = node.relation_name.as_deref().unwrap_or("the table");
    let help = if node.operation == Some(Operation::Insert) {
        format!(
            "it copies rows into {relation}: copy what has to be kept, and leave what is wide where it is, in a table of its own"
        )
    } else if node.is_modify_table() && size >= BYTES_OF_A_ROW {
        format!(
            "its records have {} bytes, so whole rows of {relation} are written for each change: keep what is wide in a table of its own, \
             or out of line: alter table {relation} alter column payload set storage external, set (toast_tuple_target = 128)",
            count(size)
        )
    } else if node.is_modify_table() {
        format!(
            "it writes {} records for each row, most of them entries of indexes: fewer indexes on {relation}, and room on its pages \
             (fillfactor), so that updates are heap-only",
            rows(wal.records as f64 / node.rows_written().max(1.0))
        )
    } else {
        "it locks more rows than it returns: lock none but those that are claimed, below the limit"
            .to_owned()
    };
    Finding {
        rule: RULE.id.to_owned(),
        severity: RULE.severity,
        message: format!(
            "writes {} bytes of WAL for each of {} rows, most of them in {}",
            rows(bytes),
            rows(written),
            node_label(node)
        ),
        help,
        node: Some(node_label(node)),
        evidence: figures(view.work.total.wal, written),
    }
}

fn images_of_pages(wal: Wal, written: f64) -> Finding {
    Finding {
        rule: RULE.id.to_owned(),
        severity: Severity::Note,
        message: format!(
            "writes {} full-page images for {} rows: pages changed for the first time since a checkpoint",
            count(wal.fpi),
            rows(written)
        ),
        help: "set checkpoints farther apart (max_wal_size, checkpoint_timeout) and wal_compression, and change rows that lie together"
            .to_owned(),
        node: None,
        evidence: figures(wal, written),
    }
}

fn figures(wal: Wal, written: f64) -> std::collections::BTreeMap<String, serde_json::Value> {
    evidence([
        ("wal_bytes", json!(wal.bytes)),
        ("wal_records", json!(wal.records)),
        ("full_page_images", json!(wal.fpi)),
        ("rows", json!(written.round() as u64)),
    ])
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn rows_that_are_copied_whole_are_named() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "wide-claim").without_catalog();
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Warning);
            assert!(
                findings[0].message.starts_with("writes ")
                    && findings[0]
                        .message
                        .ends_with(" bytes of WAL for each of 10 rows, most of them in Update"),
                "pg{version}: {}",
                findings[0].message
            );
            assert!(
                findings[0].help.contains("whole rows of wide are written"),
                "{}",
                findings[0].help
            );
        }
    }

    #[test]
    fn full_page_images_are_told_apart() {
        for version in [14, 15, 16, 17, 18] {
            let mut golden = GoldenCase::read(version, "fetch-array");
            golden.add_full_page_images(120);
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Note);
            assert!(
                findings[0]
                    .message
                    .starts_with("writes 120 full-page images for 100 rows"),
                "{findings:?}"
            );
        }
    }

    #[test]
    fn it_is_quiet_where_a_claim_writes_what_it_must() {
        for version in [14, 15, 16, 17, 18] {
            for name in [
                "fetch-array",
                "fetch-cte-custom",
                "complete-array",
                "no-room",
                "insert-conflict",
                "modifying-cte-chain",
                "future-rows",
            ] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
        }
    }
}
