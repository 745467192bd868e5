//! `random-key-tail`: jobs are claimed in the order of a random value, a uuid mostly.
//!
//! # Why it hurts
//! A random uuid behind the priority breaks ties, and that is all it does well. Each insert goes to another page of the index, so all of it
//! has to be in memory and is written again and again; no two keys are equal, so entries of equal priority are not merged into one
//! (deduplication); and within a priority nobody is served first come, first served: a job may wait for as long as there are others.
//!
//! # Example
//! ```text
//! create index job_ready on job (queue, priority, public_id) where state = 'ready'     public_id uuid default gen_random_uuid()
//! select … order by priority, public_id limit 10 for update skip locked
//! ```
//!
//! # Fix
//! Order by what grows: `order by priority, run_at, id` with an identity, or a time-ordered uuid (`uuidv7()` from PostgreSQL 18 on).
//!
//! # Thresholds
//! The operation is `fetch`, or is not known and the plan locks rows. A column with a random default (a uuid that is not of version 7, or
//! one made by `random()` or `md5(…)`) is among the keys of a Sort below a Limit, or in the key of the index that such a Limit chooses from,
//! and is not compared for equality there. Without the catalog nothing is told: plans do not name types.
//!
//! # Source
//! PostgreSQL's manual, "B-Tree Deduplication"; common to designs whose jobs have public ids.

use serde_json::json;

use super::{Rule, page};
use crate::finding::access::{Access, accesses};
use crate::finding::case::{Case, Column};
use crate::finding::claim::{Feeds, is_fetch};
use crate::finding::predicate::{Comparison, names_column};
use crate::finding::wording::{evidence, first_word};
use crate::finding::{Finding, Severity};
use crate::plan::PlanTree;
use crate::sql::part::parts;

pub(super) const RULE: Rule = Rule {
    id: "random-key-tail",
    summary: "jobs are claimed in the order of a random value, a uuid mostly",
    severity: Severity::Warning,
    check,
    page: page(include_str!("random_key_tail.rs")),
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
    let limits = tree
        .positions()
        .iter()
        .filter(|position| position.node.node_type == "Limit");
    let below: Vec<usize> = limits
        .flat_map(|limit| feeds.reaching(limit.index))
        .collect();
    let keys: Vec<&str> = below
        .iter()
        .filter_map(|index| tree.node(*index).sort.as_deref())
        .flat_map(|sort| &sort.keys)
        .map(String::as_str)
        .collect();
    let scans = accesses(&view);
    let chosen_from = scans.iter().filter(|scan| below.contains(&scan.index));
    let mut findings: Vec<Finding> = Vec::new();
    for scan in chosen_from {
        let found = in_index(case, scan).or_else(|| in_order(case, scan, &keys));
        // The same column of several partitions is told once.
        let is_new = |finding: &Finding| {
            let known = findings.iter().map(|known| &known.evidence["column"]);
            !known
                .into_iter()
                .any(|known| *known == finding.evidence["column"])
        };
        findings.extend(found.filter(is_new));
    }
    findings
}

/// The key of the index that the scan walks in its order: not of a bitmap, which has none.
fn in_index(case: &Case<'_>, scan: &Access<'_>) -> Option<Finding> {
    let index = case.catalog.index(scan.node.index_name.as_deref()?)?;
    let is_fixed = |key: &str| {
        let mut equal = scan.comparisons.iter();
        // Of keys that are looked up, in an array or in a join, the order is nobody's.
        equal.any(|part| part.column == key && is_equal(part))
    };
    let mut keys = index.columns.iter().map(|key| first_word(key));
    let column = keys.find_map(|key| {
        let column = random_column(case, scan.relation, key)?;
        (!is_fixed(key)).then_some(column)
    })?;
    let others: Vec<&str> = index
        .columns
        .iter()
        .map(String::as_str)
        .filter(|key| first_word(key) != column.name)
        .collect();
    // A key that is nothing else is how rows are found, not how they are served.
    (!others.is_empty()).then(|| {
        let message = format!(
            "the key of {} has {}, a random {}: inserts go all over the index, no entries are merged, and within equal {} jobs are served \
             at random",
            index.name,
            column.name,
            column.type_name,
            others.join(", ")
        );
        finding(scan, column, message)
    })
}

fn is_equal(part: &Comparison<'_>) -> bool {
    part.is_equality() || part.value.starts_with("ANY ")
}

/// The order of a sort.
fn in_order(case: &Case<'_>, scan: &Access<'_>, keys: &[&str]) -> Option<Finding> {
    let columns = &case.catalog.relation(scan.relation)?.columns;
    let column = columns.iter().find(|column| {
        is_random(column) && keys.iter().any(|key| names_column(key, &column.name))
    })?;
    let message = format!(
        "the order of the fetch has {}, a random {}: nobody is served first come, first served, and an index in that order has its inserts \
         all over it",
        column.name, column.type_name
    );
    Some(finding(scan, column, message))
}

fn random_column<'a>(case: &Case<'a>, relation: &str, name: &str) -> Option<&'a Column> {
    let columns = &case.catalog.relation(relation)?.columns;
    let mut named = columns.iter().filter(|column| column.name == name);
    named.find(|column| is_random(column))
}

/// Whether each row gets a value that has nothing to do with the one before: by its default, or by what it is generated from.
fn is_random(column: &Column) -> bool {
    let Some(default) = column.default.as_deref() else {
        return false;
    };
    let calls: Vec<String> = parts(default)
        .iter()
        .filter(|part| part.is_name())
        .map(|part| part.text.to_ascii_lowercase())
        .collect();
    let calls_one_of = |names: &[&str]| calls.iter().any(|call| names.contains(&call.as_str()));
    let is_ordered = calls
        .iter()
        .any(|call| call.contains("v7") || call.contains("ulid"));
    let is_made_at_random = calls_one_of(&["random", "md5", "sha256", "gen_random_bytes"]);
    !is_ordered
        && (is_made_at_random || calls_one_of(&["gen_random_uuid", "uuid_generate_v4", "uuidv4"]))
}

fn finding(scan: &Access<'_>, column: &Column, message: String) -> Finding {
    Finding {
        rule: RULE.id.to_owned(),
        severity: RULE.severity,
        message,
        help: format!(
            "order by something that grows in place of {}, such as run_at and an identity, in the index and in the statement; or make it a \
             time-ordered uuid (uuidv7() from PostgreSQL 18 on)",
            column.name
        ),
        node: Some(scan.label()),
        evidence: evidence([
            ("column", json!(column.name)),
            ("type", json!(column.type_name)),
            ("default", json!(column.default)),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use super::is_random;
    use crate::finding::case::Column;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_uuid_in_the_key_of_the_claim_is_named() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "random-tail");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0].message.starts_with(
                    "the key of ticket_ready has public_id, a random uuid: inserts go all over the index, no entries are merged, and \
                     within equal queue, priority jobs are served at random"
                ),
                "{findings:?}"
            );
        }
    }

    #[test]
    fn a_uuid_in_the_order_is_named_where_no_index_has_it() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "random-order");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0]
                    .message
                    .starts_with("the order of the fetch has public_id, a random uuid"),
                "{findings:?}"
            );
        }
    }

    #[test]
    fn it_is_quiet_where_keys_grow_are_looked_up_or_are_not_known() {
        for version in [14, 15, 16, 17, 18] {
            for name in ["fetch-array", "random-looked-up", "natural-mistake"] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
            let unknown = GoldenCase::read(version, "random-tail").without_catalog();
            assert_eq!(super::check(&unknown.case()), [], "pg{version}");
        }
    }

    #[test]
    fn what_is_random_is_told_by_its_default() {
        for (default, expected) in [
            (Some("gen_random_uuid()"), true),
            (Some("uuid_generate_v4()"), true),
            (Some("(md5((id)::text))::uuid"), true),
            (Some("uuidv7()"), false),
            (Some("nextval('job_id_seq'::regclass)"), false),
            (Some("'md5'::text"), false),
            (None, false),
        ] {
            let column = Column {
                default: default.map(str::to_owned),
                ..Column::default()
            };
            assert_eq!(is_random(&column), expected, "{default:?}");
        }
    }
}
