//! What changed in the queues' files, as far as the runs tell: tables, indexes, statements.

use std::collections::{BTreeMap, BTreeSet};

use super::QueueChange;
use super::pairing::Pairing;
use crate::run::baseline::{Baseline, BaselineQueue};

/// The indexes of a queue that differ, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IndexChanges {
    /// Only the first run has them.
    pub(super) gone: BTreeSet<String>,
    /// Only the second run has them.
    pub(super) new: BTreeSet<String>,
    /// Both have them, with another definition.
    pub(super) redefined: BTreeSet<String>,
}

/// What changed in each queue.
#[derive(Debug, Default)]
pub(super) struct QueueChanges {
    changes: Vec<QueueChange>,
    /// By the queue's name in the second run.
    indexes: BTreeMap<String, IndexChanges>,
}

impl QueueChanges {
    /// Over the queues that both runs have.
    pub(super) fn of(first: &Baseline, second: &Baseline, pairing: &Pairing<'_>) -> QueueChanges {
        let mut changes = QueueChanges::default();
        for (one, other) in &pairing.queues {
            if let (Some(before), Some(after)) = (first.queues.get(*one), second.queues.get(*other))
            {
                let indexes = IndexChanges::of(before, after);
                let change = change(other, before, after, &indexes);
                changes.changes.extend(change);
                changes.indexes.insert((*other).to_owned(), indexes);
            }
        }
        changes
    }

    /// The indexes of a queue that differ.
    pub(super) fn indexes(&self, queue: &str) -> Option<&IndexChanges> {
        self.indexes.get(queue)
    }

    /// The queues in which something changed.
    pub(super) fn listed(self) -> Vec<QueueChange> {
        self.changes
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
        let differing = before.indexes.iter().filter(|(name, definition)| {
            let now = after.indexes.get(*name);
            now.is_some_and(|now| now != *definition)
        });
        IndexChanges {
            gone: only(before, after),
            new: only(after, before),
            redefined: differing.map(|(name, _)| name.clone()).collect(),
        }
    }
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
    let change = QueueChange {
        queue: name.to_owned(),
        // A run of a program that did not record the digest has an empty one.
        tables: before.tables != after.tables
            && ![&before.tables, &after.tables].contains(&&String::new()),
        indexes_gone: definitions(before, &indexes.gone),
        indexes_new: definitions(after, &indexes.new),
        statements: Vec::new(),
    };
    let any = change.tables
        || !change.indexes_gone.is_empty()
        || !change.indexes_new.is_empty()
        || !change.statements.is_empty();
    any.then_some(change)
}
