//! `spill`: a sort, a hash or a set of kept rows did not fit in memory and went to disk.
//!
//! # Why it hurts
//! What does not fit in `work_mem` is written to temporary files and read again, once for each pass. Every worker that runs the statement
//! does so for itself, so the disks are busy with rows nobody asked for. In a queue's statement it says, above all, that far too many
//! rows are sorted, hashed or kept.
//!
//! # Example
//! ```text
//! Sort (rows=20005)  Sort Method: external merge  Disk: 5336kB
//!   Buffers: temp read=1547 written=2194
//! ```
//!
//! # Fix
//! Fewer or narrower rows first: an index in the order asked for, a limit below the join, no payload in what is sorted. Then memory for
//! this statement: `set local work_mem = …`; a hash may take `hash_mem_multiplier` times as much.
//!
//! # Thresholds
//! Any.
//!
//! # Source
//! PostgreSQL's manual, "Resource Consumption".

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Rule, page};
use crate::finding::case::{Case, PlanView};
use crate::finding::wording::{count, evidence};
use crate::finding::{Finding, Severity};
use crate::plan::{Buffers, PlanNode, PlanTree, node_label};

pub(super) const RULE: Rule = Rule {
    id: "spill",
    summary: "a sort, a hash or a set of kept rows did not fit in memory and went to disk",
    severity: Severity::Warning,
    check,
    page: page(include_str!("spill.rs")),
};

const PAGE_KILOBYTES: u64 = 8;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    let positions = tree.positions().iter();
    positions
        .filter_map(|position| look_at(&view, &tree, position.index))
        .collect()
}

fn look_at(view: &PlanView<'_>, tree: &PlanTree<'_>, index: usize) -> Option<Finding> {
    let node = tree.node(index);
    // The batches of a hash are written by the Hash and by the join that probes it: one thing, told of the join.
    if node.node_type == "Hash" && tree.parent(index).is_some() {
        return None;
    }
    let hash = tree
        .children(index)
        .find(|child| tree.node(*child).node_type == "Hash");
    let (mut read, mut written) = temporary(view, index);
    let mut disk = Disk::of(node);
    if let Some(hash) = hash {
        let (more_read, more_written) = temporary(view, hash);
        read = read.saturating_add(more_read);
        written = written.saturating_add(more_written);
        disk = disk.or(Disk::of(tree.node(hash)));
    }
    if written == 0 && disk.is_none() {
        return None;
    }
    let kilobytes = disk
        .and_then(|disk| disk.kilobytes)
        .unwrap_or_else(|| written.saturating_mul(PAGE_KILOBYTES));
    let batches = disk.and_then(|disk| disk.batches);
    let pages = if view.work.has_buffers {
        format!(
            ": {} temporary pages are written, {} read",
            count(written),
            count(read)
        )
    } else {
        String::new()
    };
    let setting = view.plan.settings.get("work_mem");
    let memory = setting.map_or(String::new(), |memory| format!(" of {memory}"));
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: RULE.severity,
        message: format!("{} in work_mem{memory}{pages}", what(node, batches)),
        help: help(node, kilobytes, batches),
        node: Some(node_label(node)),
        evidence: evidence([
            ("temporary_pages_written", json!(written)),
            ("temporary_pages_read", json!(read)),
            ("disk_kb", json!((kilobytes > 0).then_some(kilobytes))),
            ("batches", json!(batches)),
        ]),
    })
}

/// Temporary pages that a node read and wrote by itself.
fn temporary(view: &PlanView<'_>, index: usize) -> (u64, u64) {
    let Buffers {
        temp_read,
        temp_written,
        ..
    } = view
        .work
        .nodes
        .get(index)
        .map_or_else(Buffers::default, |work| work.buffers);
    (temp_read, temp_written)
}

/// What a node says of its use of the disk: all there is without BUFFERS.
#[derive(Clone, Copy, Debug)]
struct Disk {
    kilobytes: Option<u64>,
    batches: Option<u64>,
}

impl Disk {
    /// Of this process or, where workers did it, the first of them that says so.
    fn of(node: &PlanNode) -> Option<Disk> {
        let sort = node.sort.as_ref();
        let sorted_on_disk = sort
            .filter(|sort| sort.space_type.as_deref() == Some("Disk"))
            .map(|sort| Disk {
                kilobytes: sort.space_kb,
                batches: None,
            });
        let of_workers = || {
            node.workers
                .iter()
                .find_map(|worker| Disk::told(&worker.extra))
        };
        sorted_on_disk
            .or_else(|| Disk::told(&node.extra))
            .or_else(of_workers)
    }

    /// A hash says how many batches it had, an aggregate what it wrote, kept rows (from 17) where they were.
    fn told(keys: &BTreeMap<String, Value>) -> Option<Disk> {
        let number = |key: &str| keys.get(key).and_then(Value::as_u64);
        let is_disk = |key: &str| keys.get(key).and_then(Value::as_str) == Some("Disk");
        let batches = number("Hash Batches").filter(|batches| *batches > 1);
        let aggregate = number("Disk Usage").filter(|kilobytes| *kilobytes > 0);
        if batches.is_some() || aggregate.is_some() {
            return Some(Disk {
                kilobytes: aggregate,
                batches: batches.or_else(|| number("HashAgg Batches")),
            });
        }
        let kept = [
            ("Sort Space Type", "Sort Space Used"),
            ("Storage", "Maximum Storage"),
        ];
        kept.into_iter()
            .find(|(place, _)| is_disk(place))
            .map(|(_, size)| Disk {
                kilobytes: number(size),
                batches: None,
            })
    }
}

/// What did not fit.
fn what(node: &PlanNode, batches: Option<u64>) -> String {
    match (node.node_type.as_str(), batches) {
        (kind, _) if kind.ends_with("Sort") => "the rows to sort do not fit".to_owned(),
        (kind, Some(batches)) if kind.ends_with("Join") || kind == "Aggregate" => {
            format!("the hash table fits only in {} parts", count(batches))
        }
        (kind, None) if kind.ends_with("Join") || kind == "Aggregate" => {
            "the hash table does not fit".to_owned()
        }
        _ => "the rows kept do not fit".to_owned(),
    }
}

fn help(node: &PlanNode, kilobytes: u64, batches: Option<u64>) -> String {
    let fewer = match node.sort.as_ref() {
        Some(sort) => format!(
            "an index in the order {} needs no sort; else sort fewer or narrower rows",
            sort.keys.join(", ")
        ),
        None => "handle fewer or narrower rows".to_owned(),
    };
    let peak = node.children.iter().chain(std::iter::once(node));
    let peak = peak
        .filter_map(|part| part.extra.get("Peak Memory Usage")?.as_u64())
        .max();
    // In memory a row takes more than on disk; the parts of a hash are about equal.
    let needed = match (batches, peak) {
        (Some(batches), Some(peak)) => peak.saturating_mul(batches),
        _ => kilobytes.saturating_mul(2),
    };
    if needed == 0 {
        format!("{fewer}, or raise work_mem for this statement")
    } else {
        format!(
            "{fewer}, or set local work_mem to about {} kB for this statement",
            count(needed)
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn whatever_goes_to_disk_fires_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            for (name, node, what) in [
                ("sort-spill", "Sort", "the rows to sort do not fit in "),
                ("spill-hash", "Hash Join", "the hash table fits only in "),
                (
                    "spill-aggregate",
                    "HashAggregate",
                    "the hash table fits only in ",
                ),
                (
                    "spill-kept",
                    "CTE Scan kept",
                    "the rows kept do not fit in ",
                ),
            ] {
                let golden = GoldenCase::read(version, name).operation("");
                let findings = super::check(&golden.case());
                let found = findings
                    .iter()
                    .find(|one| one.node.as_deref() == Some(node));
                let found = found.unwrap_or_else(|| panic!("pg{version}/{name}: {findings:?}"));
                assert!(found.message.starts_with(what), "pg{version}: {found:?}");
                assert!(
                    found.evidence["temporary_pages_written"].as_u64() > Some(0),
                    "pg{version}: {found:?}"
                );
                assert!(found.help.contains("work_mem to about "), "{found:?}");
            }
        }
    }

    #[test]
    fn a_hash_and_its_join_are_one() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "spill-hash");
            assert_eq!(super::check(&golden.case()).len(), 1, "pg{version}");
        }
    }

    #[test]
    fn a_plan_without_pages_tells_by_its_nodes() {
        let found = |keys: &str| {
            let golden = GoldenCase::of(&format!(r#"{{"Plan":{{{keys}}}}}"#));
            super::check(&golden.case())
        };
        for (keys, kilobytes) in [
            (
                r#""Node Type":"Sort","Sort Key":["id"],"Sort Space Type":"Disk","Sort Space Used":100"#,
                Some(100),
            ),
            (
                r#""Node Type":"Sort","Sort Key":["id"],"Workers":[{"Worker Number":0,"Sort Space Type":"Disk","Sort Space Used":7}]"#,
                Some(7),
            ),
            (
                r#""Node Type":"Aggregate","HashAgg Batches":5,"Disk Usage":64,"Peak Memory Usage":4"#,
                Some(64),
            ),
            (
                r#""Node Type":"Materialize","Storage":"Disk","Maximum Storage":32"#,
                Some(32),
            ),
            (
                r#""Node Type":"Hash Join","Plans":[{"Node Type":"Seq Scan"},{"Node Type":"Hash","Hash Batches":4,"Peak Memory Usage":9}]"#,
                None,
            ),
        ] {
            let findings = found(keys);
            assert_eq!(findings.len(), 1, "{keys}");
            assert_eq!(
                findings[0].evidence["disk_kb"].as_u64(),
                kilobytes,
                "{keys}"
            );
            assert!(!findings[0].message.contains("temporary pages"), "{keys}");
        }
        for keys in [
            r#""Node Type":"Sort","Sort Key":["id"],"Sort Space Type":"Memory","Sort Space Used":100"#,
            r#""Node Type":"Aggregate","HashAgg Batches":1,"Disk Usage":0"#,
            r#""Node Type":"Materialize","Storage":"Memory","Maximum Storage":32"#,
            r#""Node Type":"Hash Join","Plans":[{"Node Type":"Hash","Hash Batches":1}]"#,
        ] {
            assert_eq!(found(keys), [], "{keys}");
        }
    }

    #[test]
    fn it_is_quiet_where_all_fits() {
        for version in [14, 15, 16, 17, 18] {
            for name in [
                "sort-in-memory",
                "natural-mistake",
                "fetch-cte-generic",
                "cte-read-twice",
            ] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
        }
    }
}
