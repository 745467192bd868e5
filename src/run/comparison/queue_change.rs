//! What changed in the queues' files, as far as the runs tell: tables, indexes, statements.

use std::collections::{BTreeMap, BTreeSet};

use super::QueueChange;
use super::pairing::Pairing;
use super::statement_change::statement_change;
use crate::run::baseline::{Baseline, BaselineQueue};
use crate::sql::part::parts;
use crate::sql::token::TokenKind;

/// The indexes of a queue that differ, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IndexChanges {
    /// Only the first run has them.
    pub(super) gone: BTreeSet<String>,
    /// Only the second run has them.
    pub(super) new: BTreeSet<String>,
    /// Both have them, with another definition.
    pub(super) redefined: BTreeSet<String>,
    /// Those of them that have a column in another direction: the other way round they are read in the same order.
    pub(super) turned: BTreeSet<String>,
}

/// What changed in a queue, as far as the words about a plan need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct QueueFacts {
    /// Indexes.
    pub(super) indexes: IndexChanges,
    /// Whether what makes and fills the tables changed.
    pub(super) tables: bool,
    /// Statements whose SQL changed, each with whether it is a fetch.
    pub(super) statements: BTreeMap<String, bool>,
}

/// What changed in each queue.
#[derive(Debug, Default)]
pub(super) struct QueueChanges {
    changes: Vec<QueueChange>,
    /// By the queue's name in the second run.
    facts: BTreeMap<String, QueueFacts>,
}

impl QueueChanges {
    /// Over the queues that both runs have.
    pub(super) fn of(first: &Baseline, second: &Baseline, pairing: &Pairing<'_>) -> QueueChanges {
        let fetches: BTreeSet<(&str, &str)> = second
            .plans
            .iter()
            .filter(|plan| plan.operation == "fetch")
            .map(|plan| (plan.queue.as_str(), plan.statement.as_str()))
            .collect();
        let mut changes = QueueChanges::default();
        for (one, other) in &pairing.queues {
            if let (Some(before), Some(after)) = (first.queues.get(*one), second.queues.get(*other))
            {
                let indexes = IndexChanges::of(before, after);
                let Some(change) = change(other, before, after, &indexes) else {
                    continue;
                };
                let statements = change.statements.iter().map(|one| one.statement.as_str());
                let facts = QueueFacts {
                    indexes,
                    tables: change.tables,
                    statements: statements
                        .map(|name| (name.to_owned(), fetches.contains(&(*other, name))))
                        .collect(),
                };
                changes.facts.insert((*other).to_owned(), facts);
                changes.changes.push(change);
            }
        }
        changes
    }

    /// What changed in a queue; none where nothing did.
    pub(super) fn of_queue(&self, queue: &str) -> Option<&QueueFacts> {
        self.facts.get(queue)
    }

    /// The queues in which something changed.
    pub(super) fn listed(self) -> Vec<QueueChange> {
        self.changes
    }
}

impl QueueFacts {
    /// The fetches that changed, for a statement that did not and works on the jobs they claim.
    pub(super) fn changed_before(&self, operation: &str, statement: &str) -> Vec<&str> {
        let is_fed = !["fetch", "enqueue", "inspect"].contains(&operation);
        if !is_fed || self.tables || self.statements.contains_key(statement) {
            return Vec::new();
        }
        let fetches = self.statements.iter().filter(|(_, is_fetch)| **is_fetch);
        fetches.map(|(name, _)| name.as_str()).collect()
    }
}

impl IndexChanges {
    fn of(before: &BaselineQueue, after: &BaselineQueue) -> IndexChanges {
        // A run that did not record its indexes has none.
        if before.indexes.is_empty() || after.indexes.is_empty() {
            return IndexChanges::default();
        }
        let only = |one: &BaselineQueue, other: &BaselineQueue| {
            let names = one.indexes.keys();
            names
                .filter(|name| !other.indexes.contains_key(*name))
                .cloned()
                .collect()
        };
        let differing = |differ: fn(&str, &str) -> bool| {
            let both = before
                .indexes
                .iter()
                .filter_map(|(name, was)| Some((name, was, after.indexes.get(name)?)));
            both.filter(|(_, was, is)| differ(was, is))
                .map(|(name, _, _)| name.clone())
                .collect()
        };
        IndexChanges {
            gone: only(before, after),
            new: only(after, before),
            redefined: differing(|was, is| without_schema(was) != without_schema(is)),
            turned: differing(are_turned),
        }
    }
}

/// Whether two definitions of an index have the same column in another direction.
fn are_turned(one: &str, other: &str) -> bool {
    fn keys(definition: &str) -> impl Iterator<Item = (&str, &str)> {
        let keys = definition.split_once('(').map_or("", |(_, keys)| keys);
        let ends = [") INCLUDE", ") WITH", ") WHERE"];
        let end = ends.iter().filter_map(|end| keys.find(end)).min();
        let keys = &keys[..end.unwrap_or(keys.len())];
        let keys = keys.trim_end_matches(')').split(", ");
        keys.map(|key| key.split_once(' ').unwrap_or((key, "")))
    }
    keys(one)
        .zip(keys(other))
        .any(|(one, other)| one.0 == other.0 && one.1 != other.1)
}

/// The parts of an index's definition without the schema of its table: that is where a run took place, not what the queue made.
fn without_schema(definition: &str) -> Vec<&str> {
    let mut parts = parts(definition);
    if let Some(on) = parts.iter().position(|part| part.is_word("on")) {
        let is_only = parts.get(on + 1).is_some_and(|part| part.is_word("only"));
        let schema = on + 1 + usize::from(is_only);
        let dot = parts.get(schema + 1);
        if dot.is_some_and(|part| part.kind == TokenKind::Dot) {
            parts.drain(schema..schema + 2);
        }
    }
    parts.iter().map(|part| part.text).collect()
}

/// What changed in a queue; none where nothing did.
fn change(
    name: &str,
    before: &BaselineQueue,
    after: &BaselineQueue,
    indexes: &IndexChanges,
) -> Option<QueueChange> {
    let definitions = |queue: &BaselineQueue, names: &BTreeSet<String>| -> Vec<String> {
        let names = names.union(&indexes.redefined);
        names
            .filter_map(|name| queue.indexes.get(name).cloned())
            .collect()
    };
    let statements = before.statements.iter().filter_map(|(statement, lines)| {
        statement_change(statement, lines, after.statements.get(statement)?)
    });
    let change = QueueChange {
        queue: name.to_owned(),
        // A run of a program that did not record the digest has an empty one.
        tables: before.tables != after.tables
            && ![&before.tables, &after.tables].contains(&&String::new()),
        indexes_gone: definitions(before, &indexes.gone),
        indexes_new: definitions(after, &indexes.new),
        statements: statements.collect(),
    };
    let any = change.tables
        || !change.indexes_gone.is_empty()
        || !change.indexes_new.is_empty()
        || !change.statements.is_empty();
    any.then_some(change)
}
