//! What differs between two plans, in words a reader of the statement understands.

use std::collections::{BTreeMap, BTreeSet};

use super::queue_change::IndexChanges;
use crate::finding::predicate::{
    column_name, comparisons, conjuncts, without_cast, without_casts, without_counted_alias,
};
use crate::finding::wording::listed;
use crate::plan::{NodeChange, OutlineNode};
use crate::units::Count;

/// Kinds of nodes that read an index, the direction first where they have one.
const INDEX_SCANS: [(&str, bool, bool); 5] = [
    ("Index Scan Backward ", true, true),
    ("Index Scan ", true, false),
    ("Index Only Scan Backward ", true, true),
    ("Index Only Scan ", true, false),
    ("Bitmap Index Scan ", false, false),
];

/// Kinds of joins, and how the name of a node that is one begins.
const JOINS: [(&str, &str); 3] = [
    ("Nested Loop", "Nested Loop"),
    ("Hash Join", "Hash "),
    ("Merge Join", "Merge "),
];

/// Characters of a condition that are shown.
const CONDITION_CHARACTERS: usize = 80;

/// So many conditions are named; the rest is counted.
const CONDITIONS: usize = 2;

/// In which way the order of rows was reversed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ScanOrder {
    /// An index is scanned the other way.
    Scan {
        /// The index.
        index: String,
        /// Whether it is scanned backward now.
        backward: bool,
    },
    /// Rows are sorted the other way.
    Sort {
        /// The sort keys of the first plan.
        before: String,
        /// The sort keys of the second plan.
        after: String,
    },
}

/// What a plan consists of, as far as it is put into words.
#[derive(Debug, Default)]
struct Parts<'p> {
    /// Indexes, and whether each is read in its order, and backward.
    indexes: BTreeMap<&'p str, BTreeSet<(bool, bool)>>,
    /// The relations of the indexes, as far as nodes name them.
    indexed: BTreeSet<(&'p str, &'p str)>,
    /// Relations read from beginning to end.
    whole: BTreeSet<&'p str>,
    /// What rows are sorted by, of each sort.
    sorts: Vec<&'p str>,
    joins: BTreeSet<&'static str>,
    combines: bool,
    locks: bool,
    /// What is looked up in an index, and what is filtered, as relation (empty for the scan of a bitmap) and condition.
    sought: Vec<(&'p str, &'p str)>,
    filtered: Vec<(&'p str, &'p str)>,
}

impl<'p> Parts<'p> {
    fn of(plan: &'p [OutlineNode]) -> Parts<'p> {
        let mut parts = Parts::default();
        for node in plan {
            parts.add(node);
        }
        parts
    }

    fn add(&mut self, node: &'p OutlineNode) {
        let name = node.node.strip_prefix("Parallel ").unwrap_or(&node.node);
        let scan = INDEX_SCANS.iter().find_map(|(kind, ordered, backward)| {
            Some((name.strip_prefix(kind)?, *ordered, *backward))
        });
        if let Some((index, ordered, backward)) = scan {
            self.indexes
                .entry(index)
                .or_default()
                .insert((ordered, backward));
            self.indexed.insert((index, &node.relation));
        } else if name.starts_with("Seq Scan") {
            self.whole.insert(&node.relation);
        }
        let is_join =
            |begin: &str| name.starts_with(begin) && (name.ends_with(" Join") || name == begin);
        self.joins.extend(
            JOINS
                .iter()
                .find(|(_, begin)| is_join(begin))
                .map(|(name, _)| *name),
        );
        self.combines |= name == "BitmapOr";
        self.locks |= name == "LockRows";
        for condition in &node.conditions {
            match condition.split_once(": ") {
                Some(("Sort Key", keys)) => self.sorts.push(keys),
                Some(("Index Cond" | "Recheck Cond", text)) => {
                    self.sought.push((&node.relation, text));
                }
                Some(("Filter", text)) => self.filtered.push((&node.relation, text)),
                _ => {}
            }
        }
    }

    /// Columns of a relation that are looked up in an index.
    fn sought_columns(&self, relation: &str) -> BTreeSet<&'p str> {
        columns(&self.sought, relation)
    }

    fn filtered_columns(&self, relation: &str) -> BTreeSet<&'p str> {
        columns(&self.filtered, relation)
    }
}

fn columns<'p>(conditions: &[(&str, &'p str)], relation: &str) -> BTreeSet<&'p str> {
    let of_relation = conditions.iter().filter(|(of, _)| *of == relation);
    of_relation
        .flat_map(|(_, text)| comparisons(text))
        .map(|comparison| comparison.column)
        .collect()
}

/// What the second plan does otherwise, most telling first.
pub(super) fn changes(
    first: &[OutlineNode],
    second: &[OutlineNode],
    indexes: &IndexChanges,
) -> Vec<String> {
    if first.is_empty() || second.is_empty() {
        return Vec::new();
    }
    let (before, after) = (Parts::of(first), Parts::of(second));
    let mut words = index_words(&before, &after, indexes);
    words.extend(only(&after.whole, &before.whole).map(|name| format!("{name} is read whole")));
    words.extend(
        only(&before.whole, &after.whole).map(|name| format!("{name} is not read whole any more")),
    );
    words.extend(sort_words(&before, &after));
    words.extend(join_words(&before, &after));
    words.extend(filter_words(&before, &after));
    if after.combines && !before.combines {
        words.push("several index lookups are combined (BitmapOr), as for an `or`".to_owned());
    }
    match (before.locks, after.locks) {
        (true, false) => words.push("rows are not locked any more".to_owned()),
        (false, true) => words.push("rows are locked now".to_owned()),
        _ => {}
    }
    words
}

/// The same in a few words: what became of the index, and what follows; none where neither index nor order is concerned.
pub(super) fn brief(
    first: &[OutlineNode],
    second: &[OutlineNode],
    indexes: &IndexChanges,
) -> Option<String> {
    let (before, after) = (Parts::of(first), Parts::of(second));
    let lost = before
        .indexes
        .keys()
        .find(|name| !after.indexes.contains_key(*name));
    let found = after
        .indexes
        .keys()
        .find(|name| !before.indexes.contains_key(*name));
    let whole = only(&after.whole, &before.whole).next();
    let sorted = sort_words(&before, &after).filter(|_| !after.sorts.is_empty());
    let follows = match (whole, &sorted, found) {
        (Some(relation), Some(_), _) => Some(format!("{relation} is read whole and sorted")),
        (Some(relation), None, _) => Some(format!("{relation} is read whole")),
        (None, Some(keys), None) => Some(keys.clone()),
        (None, Some(_), Some(index)) => Some(format!("`{index}` is scanned, and rows are sorted")),
        (None, None, Some(index)) => Some(format!("`{index}` is scanned")),
        (None, None, None) => None,
    };
    let fate = lost.map(|name| {
        if indexes.gone.contains(*name) {
            format!("`{name}` is gone")
        } else if indexes.redefined.contains(*name) {
            format!("`{name}` has another definition")
        } else {
            format!("`{name}` is not scanned any more")
        }
    });
    match (fate, follows) {
        (Some(fate), Some(follows)) => Some(format!("{fate} → {follows}")),
        (fate, follows) => fate.or(follows).or_else(|| sort_words(&before, &after)),
    }
}

fn only<'a>(
    one: &'a BTreeSet<&'a str>,
    other: &'a BTreeSet<&'a str>,
) -> impl Iterator<Item = &'a str> {
    one.difference(other)
        .copied()
        .filter(|name| !name.is_empty())
}

fn index_words(before: &Parts<'_>, after: &Parts<'_>, indexes: &IndexChanges) -> Vec<String> {
    let mut words = Vec::new();
    for name in before.indexes.keys() {
        if !after.indexes.contains_key(name) {
            let fate = if indexes.gone.contains(*name) {
                ": the index is gone"
            } else if indexes.redefined.contains(*name) {
                ": the index has another definition"
            } else {
                ""
            };
            words.push(format!("{name} is not scanned any more{fate}"));
        }
    }
    for (name, ways) in &after.indexes {
        let Some(earlier) = before.indexes.get(name) else {
            let what = if indexes.new.contains(*name) {
                ", a new index"
            } else {
                ""
            };
            words.push(format!("{name} is scanned now{what}"));
            continue;
        };
        let in_order = |ways: &BTreeSet<(bool, bool)>| ways.iter().any(|(ordered, _)| *ordered);
        match (in_order(earlier), in_order(ways)) {
            (true, false) => words.push(format!("{name} is read into a bitmap, not in its order")),
            (false, true) => words.push(format!("{name} is read in its order, not into a bitmap")),
            _ => {}
        }
    }
    words
}

fn sort_words(before: &Parts<'_>, after: &Parts<'_>) -> Option<String> {
    match (before.sorts.first(), after.sorts.first()) {
        (None, Some(keys)) => {
            let keys = without_counted_alias(keys);
            Some(format!("rows are sorted now, by {keys}"))
        }
        (Some(_), None) => Some("rows are not sorted any more".to_owned()),
        _ => None,
    }
}

/// Joins that came, with those that went.
fn join_words(before: &Parts<'_>, after: &Parts<'_>) -> Option<String> {
    let came: Vec<&str> = after.joins.difference(&before.joins).copied().collect();
    let went: Vec<&str> = before.joins.difference(&after.joins).copied().collect();
    if came.is_empty() {
        return None;
    }
    Some(if went.is_empty() {
        format!("there is a {} now", listed(&came))
    } else {
        format!("{} instead of {}", listed(&came), listed(&went))
    })
}

/// What was looked up in an index and is a filter now, though the index is still scanned; and what is a filter now and was nowhere
/// before, such as the condition of a partial index that is not used any more.
fn filter_words(before: &Parts<'_>, after: &Parts<'_>) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for (relation, text) in &after.filtered {
        // The scan of a bitmap names no relation: its columns count for the heap scan above, which rechecks them.
        let sought = before.sought_columns(relation);
        let still = after.sought_columns(relation);
        let filtered = before.filtered_columns(relation);
        let has_lost = before.has_lost_an_index(after, relation);
        for part in conjuncts(text) {
            let column = comparisons(part)
                .first()
                .map(|comparison| comparison.column);
            let what = match column {
                // Of an index that is not scanned any more that goes without saying.
                Some(column) if sought.contains(column) && has_lost => continue,
                Some(column) if sought.contains(column) && !still.contains(column) => {
                    "was looked up in an index and is a filter now"
                }
                Some(column) if !sought.contains(column) && !filtered.contains(column) => {
                    "is checked row by row now"
                }
                // A plan made for the parameters' values has lost what asks whether one of them is null.
                None if part.starts_with("($") && part.contains(" IS NULL) OR ") => continue,
                None if part.contains(" OR ") && !before.mentions(part) => {
                    "is checked row by row now"
                }
                _ => continue,
            };
            let word = format!("`{}` {what}", cut(part));
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    let rest = words.len().saturating_sub(CONDITIONS);
    words.truncate(CONDITIONS);
    match rest {
        0 => {}
        1 => words.push("and 1 more condition".to_owned()),
        _ => words.push(format!("and {rest} more conditions")),
    }
    words
}

impl Parts<'_> {
    /// Whether an index of this relation is not scanned at all any more.
    fn has_lost_an_index(&self, after: &Parts<'_>, relation: &str) -> bool {
        let mut indexed = self.indexed.iter();
        indexed.any(|(index, of)| {
            (*of == relation || of.is_empty()) && !after.indexes.contains_key(index)
        })
    }

    fn mentions(&self, part: &str) -> bool {
        let mut conditions = self.sought.iter().chain(&self.filtered);
        conditions.any(|(_, text)| text.contains(part))
    }
}

fn cut(condition: &str) -> String {
    let text = without_casts(&without_counted_alias(condition));
    let text = without_cast(&text);
    if text.chars().count() <= CONDITION_CHARACTERS {
        return text.to_owned();
    }
    let kept: String = text.chars().take(CONDITION_CHARACTERS - 1).collect();
    format!("{kept}…")
}

/// Whether the second plan takes rows in the opposite order: it scans an index the other way, or sorts by the same keys the other way.
pub(super) fn reversed(
    first: &[OutlineNode],
    second: &[OutlineNode],
    indexes: &IndexChanges,
) -> Option<ScanOrder> {
    let (before, after) = (Parts::of(first), Parts::of(second));
    for (name, ways) in &after.indexes {
        let turned = match (before.indexes.get(name), ways.first()) {
            (Some(earlier), Some(way)) if earlier.len() == 1 && ways.len() == 1 => {
                let (ordered, backward) = *way;
                earlier.first() == Some(&(ordered, !backward))
            }
            _ => false,
        };
        if turned && !indexes.turned.contains(*name) {
            return Some(ScanOrder::Scan {
                index: (*name).to_owned(),
                backward: ways.iter().any(|(_, backward)| *backward),
            });
        }
    }
    if before.sorts.len() != after.sorts.len() {
        return None;
    }
    let mut sorts = before.sorts.iter().zip(&after.sorts);
    let (before, after) = sorts.find(|(before, after)| are_turned(before, after))?;
    Some(ScanOrder::Sort {
        before: without_counted_alias(before),
        after: without_counted_alias(after),
    })
}

/// Whether two lists of sort keys name the same, in the same order, and differ in a direction.
fn are_turned(before: &str, after: &str) -> bool {
    fn keys(text: &str) -> Vec<(&str, bool)> {
        let key = |text: &'_ str| -> (usize, bool) {
            let bare = text
                .split_once(" NULLS ")
                .map_or(text, |(expression, _)| expression);
            let expression = bare.strip_suffix(" DESC");
            (expression.unwrap_or(bare).len(), expression.is_some())
        };
        text.split(", ")
            .map(|part| {
                let (length, descending) = key(part);
                let expression = &part[..length];
                // The alias may have changed.
                (column_name(expression).unwrap_or(expression), descending)
            })
            .collect()
    }
    let (before, after) = (keys(before), keys(after));
    let same = before.len() == after.len()
        && before
            .iter()
            .zip(&after)
            .all(|(one, other)| one.0 == other.0);
    same && before != after
}

/// The node with most of the additional pages, where one has at least half of them: `Seq Scan job reads 27,300 of the 27,469 pages`.
pub(super) fn most_pages(nodes: &[NodeChange]) -> Option<String> {
    let (node, before, total) = most(nodes, |node| node.pages)?;
    let does = if node.node.contains("Scan") {
        "reads"
    } else {
        "touches"
    };
    Some(format!(
        "{} {does} {} of the {} pages{}",
        node.node,
        Count(node.pages),
        Count(total),
        earlier(before)
    ))
}

/// The node that throws away most of the additional rows.
pub(super) fn most_rows_removed(nodes: &[NodeChange]) -> Option<String> {
    let (node, before, _) = most(nodes, |node| node.rows_removed)?;
    Some(format!(
        "{} throws away {} rows{}",
        node.node,
        Count(node.rows_removed),
        earlier(before)
    ))
}

fn earlier(before: Option<u64>) -> String {
    before.map_or(String::new(), |before| {
        format!(" ({} before)", Count(before))
    })
}

/// The node of the second plan whose count grew most, if that is at least half of all that was added; its count before, and the
/// second plan's total.
fn most(
    nodes: &[NodeChange],
    count: fn(&OutlineNode) -> u64,
) -> Option<(&OutlineNode, Option<u64>, u64)> {
    let total = |side: fn(&NodeChange) -> Option<&OutlineNode>| -> u64 {
        let nodes = nodes.iter().filter_map(side);
        nodes.fold(0, |sum, node| sum.saturating_add(count(node)))
    };
    let before = total(|change| change.first.as_ref());
    let after = total(|change| change.second.as_ref());
    let added = after.checked_sub(before).filter(|added| *added > 0)?;
    let grown = nodes.iter().filter_map(|change| {
        let node = change.second.as_ref()?;
        let before = change.first.as_ref().map(count);
        let gain = count(node).saturating_sub(before.unwrap_or(0));
        Some((gain, node, before))
    });
    // The first of those that grew alike.
    let (gain, node, before) = grown.rev().max_by_key(|(gain, _, _)| *gain)?;
    (gain.saturating_mul(2) >= added).then_some((node, before, after))
}

/// That rows are written to new indexes too.
pub(super) fn written_to(new: &[&str]) -> String {
    let (what, they) = match new {
        [_] => ("index", "it"),
        _ => ("indexes", "them"),
    };
    format!(
        ": there is a new {what}, {}, and each row that is written goes to {they} too",
        listed(new)
    )
}
