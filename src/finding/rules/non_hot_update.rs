//! `non-hot-update`: updates of jobs write to every index, though they need not.
//!
//! # Why it hurts
//! PostgreSQL never changes a row in place: it writes a new version. Where that fits on the same page and no index has a column that
//! changes, the indexes are left alone (a heap-only tuple) and the old version is cleared away by whoever reads the page next. Otherwise
//! every index gets another entry, the primary key too, and all old ones wait for VACUUM. A job is updated two or three times in its life.
//!
//! # Example
//! ```text
//! update job set state = 'running', updated_at = now() …     index on (updated_at), or fillfactor 100
//! Update on job (rows=10)  WAL: records=50 bytes=5405     heap-only: records=20 bytes=1880
//! ```
//!
//! # Fix
//! No index on a column that each claim changes: what changes goes into the condition of a partial index that the job leaves, or into no
//! index. And room for the next version: `alter table job set (fillfactor = 50)`; pages that are full already stay so until the table is
//! rewritten.
//!
//! # Thresholds
//! An UPDATE gives a column a new value that an index has in its key or behind INCLUDE, itself or generated from it. Left alone: an index
//! whose condition names a changed column, since the job has to enter or leave it, and one that this statement scans. A note; a warning
//! where the index is on nothing else, without a condition: then nothing claims by it. Or: no index has what changes, and the UPDATE writes
//! at least 2.5 records of WAL a row, as only new index entries do: there was no room. A warning for fetch, complete and where the operation
//! is not known, otherwise a note. Without the text or the catalog nothing is told.
//!
//! # Source
//! PostgreSQL's manual, "Heap-Only Tuples (HOT)"; measured: a claim writes 188 bytes of WAL with room on the page, 541 without.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Rule, page};
use crate::finding::access::accesses;
use crate::finding::case::{Case, Index, PlanView, Relation};
use crate::finding::predicate::names_column;
use crate::finding::statement_text::updates;
use crate::finding::wording::{count, evidence, listed};
use crate::finding::{Finding, Severity};
use crate::plan::{Operation, PlanNode, PlanTree, node_label};

pub(super) const RULE: Rule = Rule {
    id: "non-hot-update",
    summary: "updates of jobs write to every index, though they need not",
    severity: Severity::Warning,
    check,
    page: page(include_str!("non_hot_update.rs")),
};

/// A heap-only update writes one record. One that is not writes that of the new version, one for the old where it is on another page, and
/// one for each index.
const LEAST_RECORDS: f64 = 2.5;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    let assigned = updates(case.statement_text);
    let writes = tree.positions().iter().filter(|position| {
        position.node.is_modify_table() && position.node.operation == Some(Operation::Update)
    });
    writes
        .filter_map(|position| {
            let name = position.node.relation_name.as_deref()?;
            let relation = case.catalog.relation(name)?;
            let of_it: Vec<&(&str, Vec<&str>)> = assigned
                .iter()
                .filter(|(table, _)| table.eq_ignore_ascii_case(name))
                .collect();
            // Of two updates of one table it is not known which one this node is.
            let [(_, columns)] = of_it[..] else {
                return None;
            };
            let changed = changed(relation, columns);
            let held = by_index(&view, position.node, relation, &changed);
            held.or_else(|| {
                no_room(
                    case,
                    &view,
                    position.node,
                    position.index,
                    relation,
                    &changed,
                )
            })
        })
        .collect()
}

/// The columns that get new values: those assigned, and those generated from them.
fn changed<'a>(relation: &'a Relation, assigned: &[&'a str]) -> BTreeSet<&'a str> {
    let is_assigned = |name: &str| {
        assigned
            .iter()
            .any(|column| column.eq_ignore_ascii_case(name))
    };
    let generated = relation.columns.iter().filter(|column| {
        let source = column.default.as_deref().filter(|_| column.generated);
        source.is_some_and(|source| assigned.iter().any(|name| names_column(source, name)))
    });
    let generated = generated.map(|column| column.name.as_str());
    let columns = relation.columns.iter().map(|column| column.name.as_str());
    // As the catalog writes them, where it has them.
    let known: BTreeSet<&str> = columns.filter(|name| is_assigned(name)).collect();
    if known.is_empty() {
        assigned.iter().copied().chain(generated).collect()
    } else {
        known.into_iter().chain(generated).collect()
    }
}

/// The columns among `changed` that one of these texts names.
fn named<'a>(changed: &BTreeSet<&'a str>, texts: &[&str]) -> Vec<&'a str> {
    let is_named = |name: &&&str| texts.iter().any(|text| names_column(text, name));
    changed.iter().filter(is_named).copied().collect()
}

/// What of the changed columns the entries of an index hold.
fn held<'a>(index: &Index, changed: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let mut texts: Vec<&str> = index.columns.iter().map(String::as_str).collect();
    texts.extend(index.included());
    named(changed, &texts)
}

/// Whether a change of the job's state moves it into or out of the index.
fn is_left(index: &Index, changed: &BTreeSet<&str>) -> bool {
    let predicate = index.predicate.as_deref();
    predicate.is_some_and(|predicate| !named(changed, &[predicate]).is_empty())
}

fn by_index(
    view: &PlanView<'_>,
    node: &PlanNode,
    relation: &Relation,
    changed: &BTreeSet<&str>,
) -> Option<Finding> {
    let scans = accesses(view);
    let is_used = |index: &Index| scans.iter().any(|scan| scan.uses(index));
    let needless: Vec<(&Index, Vec<&str>)> = relation
        .indexes
        .iter()
        .filter(|index| !is_left(index, changed) && !is_used(index))
        .map(|index| (index, held(index, changed)))
        .filter(|(_, held)| !held.is_empty())
        .collect();
    let alone = |(index, held): &&(&Index, Vec<&str>)| {
        let key = held.first().copied();
        index.predicate.is_none()
            && index.columns.len() == 1
            && index.columns.first().map(String::as_str) == key
    };
    let worst = needless.iter().find(alone).or(needless.first())?;
    let told: Vec<String> = needless
        .iter()
        .map(|(index, held)| format!("{} ({})", index.name, held.join(", ")))
        .collect();
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    let names: Vec<&str> = needless
        .iter()
        .map(|(index, _)| index.name.as_str())
        .collect();
    let (index, columns) = worst;
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: if alone(&worst) {
            RULE.severity
        } else {
            Severity::Note
        },
        message: format!(
            "changes what {} {}, so no update of {} is heap-only and each writes to all of its {} indexes that the row is in",
            listed(&told),
            if names.len() == 1 { "holds" } else { "hold" },
            relation.name,
            count(relation.indexes.len() as u64)
        ),
        help: format!(
            "drop {} if nothing needs it, or leave {} out of it: what a claim changes belongs into the condition of a partial index that \
             the job leaves",
            index.name,
            listed(columns)
        ),
        node: Some(node_label(node)),
        evidence: evidence([
            ("relation", json!(relation.name)),
            ("indexes", json!(names)),
            ("columns", json!(columns)),
        ]),
    })
}

fn no_room(
    case: &Case<'_>,
    view: &PlanView<'_>,
    node: &PlanNode,
    at: usize,
    relation: &Relation,
    changed: &BTreeSet<&str>,
) -> Option<Finding> {
    let keeps_out = |index: &Index| held(index, changed).is_empty() && !is_left(index, changed);
    let updated = node.rows_written();
    let records = view.work.nodes.get(at)?.wal.records as f64 / updated.max(1.0);
    if updated < 1.0 || records < LEAST_RECORDS || relation.indexes.is_empty() {
        return None;
    }
    if !relation.indexes.iter().all(keeps_out) {
        return None;
    }
    let fillfactor = relation.fillfactor();
    let (told, lower) = match fillfactor {
        Some(percent) => (
            format!(" (fillfactor {percent})"),
            (percent / 2).clamp(10, 50),
        ),
        None => (String::new(), 50),
    };
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: if ["fetch", "complete", ""].contains(&case.operation) {
            RULE.severity
        } else {
            Severity::Note
        },
        message: format!(
            "no index of {} has a column that changes, but its pages have no room for new versions{told}: each update writes {records:.1} \
             records of WAL and an entry to {} indexes",
            relation.name,
            count(relation.indexes.len() as u64)
        ),
        help: format!(
            "alter table {} set (fillfactor = {lower}): new pages then have room for the versions that a job goes through; vacuum (full) or \
             a copy of the table gives it to those that are full",
            relation.name
        ),
        node: Some(node_label(node)),
        evidence: evidence([
            ("relation", json!(relation.name)),
            (
                "wal_records_per_row",
                json!((records * 10.0).round() / 10.0),
            ),
            ("fillfactor", json!(fillfactor)),
            ("indexes", json!(relation.indexes.len())),
        ]),
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::rules::golden_case::GoldenCase;
    use crate::finding::{Finding, Severity};

    const CLAIM: &str = "update slot set state = 'running', updated_at = now() where id = any(array(select id from slot where queue = 'q1' \
        and state = 'ready' and run_at <= now() order by priority, run_at, id limit 10 for update skip locked)) returning id";

    const VERSIONS: [u32; 5] = [14, 15, 16, 17, 18];

    fn found(golden: GoldenCase) -> Vec<Finding> {
        super::check(&golden.statement_text(CLAIM).case())
    }

    #[test]
    fn pages_without_room_are_named_with_the_fillfactor_to_set() {
        for version in VERSIONS {
            let findings = found(GoldenCase::read(version, "no-room"));
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Warning);
            assert!(
                findings[0].message.starts_with(
                    "no index of slot has a column that changes, but its pages have no room for new versions (fillfactor 100)"
                ),
                "{}",
                findings[0].message
            );
            assert!(
                findings[0]
                    .help
                    .starts_with("alter table slot set (fillfactor = 50)")
            );
            let beat = found(GoldenCase::read(version, "no-room").operation("heartbeat"));
            assert_eq!(beat[0].severity, Severity::Note);
        }
    }

    #[test]
    fn an_index_on_what_each_claim_changes_is_named() {
        for version in VERSIONS {
            let alone = GoldenCase::read(version, "no-room").with_index(
                "slot",
                "slot_updated",
                &["updated_at"],
                None,
            );
            let findings = found(alone);
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Warning);
            assert_eq!(
                findings[0].message,
                "changes what slot_updated (updated_at) holds, so no update of slot is heap-only and each writes to all of its 3 indexes that \
                 the row is in"
            );
            assert!(findings[0].help.starts_with("drop slot_updated"));
            let keyed = GoldenCase::read(version, "room").with_index(
                "slot",
                "slot_state",
                &["queue", "state"],
                None,
            );
            assert_eq!(found(keyed)[0].severity, Severity::Note);
        }
    }

    #[test]
    fn it_is_quiet_where_there_is_room_or_the_job_has_to_leave_an_index() {
        for version in VERSIONS {
            assert_eq!(found(GoldenCase::read(version, "room")), [], "pg{version}");
            let partial = GoldenCase::read(version, "no-room").with_index(
                "slot",
                "slot_ready",
                &["priority", "updated_at"],
                Some("(state = 'ready'::text)"),
            );
            assert_eq!(found(partial), [], "pg{version}");
            let unknown = GoldenCase::read(version, "no-room").without_catalog();
            assert_eq!(found(unknown), [], "pg{version}");
            let unread = GoldenCase::read(version, "no-room");
            assert_eq!(super::check(&unread.case()), [], "pg{version}");
        }
    }

    #[test]
    fn a_column_generated_from_what_changes_changes_too() {
        let golden = GoldenCase::read(15, "room")
            .with_generated_column("slot", "is_open", "(state <> 'running'::text)")
            .with_index("slot", "slot_open", &["is_open"], None);
        let findings = found(golden);
        assert!(
            findings[0]
                .message
                .starts_with("changes what slot_open (is_open) holds"),
            "{findings:?}"
        );
    }
}
