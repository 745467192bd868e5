//! What differs between two plans, node by node. Nodes are matched by the work they do, not by their place.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::node_work::{NodeWork, node_works};
use super::outline::OutlineNode;

/// What became of one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeChange {
    /// The node in the first plan; none if the second has a node for work that the first did not do.
    pub first: Option<OutlineNode>,
    /// The node that does the same work in the second plan; none if nothing does it any more.
    pub second: Option<OutlineNode>,
    /// Whether the two differ in what they are or what they did.
    pub changed: bool,
}

impl NodeChange {
    fn of(first: Option<&OutlineNode>, second: Option<&OutlineNode>) -> NodeChange {
        let changed = match (first, second) {
            (Some(first), Some(second)) => differ(first, second),
            _ => true,
        };
        NodeChange {
            first: first.cloned(),
            second: second.cloned(),
            changed,
        }
    }

    /// Whether both plans have the node and do it another way: another kind of node, another index.
    #[must_use]
    pub fn node_changed(&self) -> bool {
        matches!((&self.first, &self.second), (Some(first), Some(second)) if first.node != second.node)
    }

    /// Conditions and sort keys that only the first plan's node has.
    #[must_use]
    pub fn conditions_gone(&self) -> Vec<&str> {
        only_in(self.first.as_ref(), self.second.as_ref())
    }

    /// Conditions and sort keys that only the second plan's node has.
    #[must_use]
    pub fn conditions_new(&self) -> Vec<&str> {
        only_in(self.second.as_ref(), self.first.as_ref())
    }
}

/// Every node of both plans once, in the order of the second plan; those only the first has stand where they would have been: behind
/// the one that the last matched node before them became.
///
/// A scan does the work of a scan of the same relation and alias, whatever its type; a node that writes, of one that writes the same
/// relation; a join, of one that joins the same relations; other nodes, of one of their kind over the same relations. Where several
/// nodes do the same work, those are matched that run at the same point of the statement (in an InitPlan, in a CTE), then those that do
/// it the same way, then by order.
#[must_use]
pub fn difference(first: &[OutlineNode], second: &[OutlineNode]) -> Vec<NodeChange> {
    let matches = matched(&node_works(first), &node_works(second));
    let mut partner = vec![None; first.len()];
    for (at, matched) in matches.iter().enumerate() {
        if let Some(matched) = matched {
            partner[*matched] = Some(at);
        }
    }
    // Behind which node of the second plan those that only the first has are listed; 0 is before all of them.
    let mut gone: Vec<Vec<&OutlineNode>> = vec![Vec::new(); second.len() + 1];
    let mut behind = 0;
    for (node, partner) in first.iter().zip(partner) {
        match partner {
            Some(at) => behind = at + 1,
            None => gone[behind].push(node),
        }
    }
    let mut changes = Vec::with_capacity(first.len().max(second.len()));
    for (at, gone) in gone.into_iter().enumerate() {
        if let Some(node) = at.checked_sub(1).map(|at| &second[at]) {
            let before = matches[at - 1].map(|matched| &first[matched]);
            changes.push(NodeChange::of(before, Some(node)));
        }
        changes.extend(
            gone.into_iter()
                .map(|node| NodeChange::of(Some(node), None)),
        );
    }
    changes
}

/// For each node of the second plan the one of the first that does the same work.
fn matched(first: &[NodeWork<'_>], second: &[NodeWork<'_>]) -> Vec<Option<usize>> {
    let mut matches = Matches {
        first,
        second,
        taken: vec![false; first.len()],
        matched: vec![None; second.len()],
    };
    // From the narrowest sense of "the same" to the widest.
    matches.by(|node| Some((node.work, node.context, node.node, node.conditions)));
    matches.by(|node| Some((node.work, node.context, node.node)));
    matches.by(|node| Some((node.work, node.context)));
    matches.by(|node| Some((node.similar_work?, node.context, node.node)));
    matches.by(|node| Some((node.similar_work?, node.context)));
    matches.by(|node| Some((node.work, node.asides, node.node)));
    matches.by(|node| Some((node.work, node.asides)));
    matches.by(|node| Some((node.similar_work?, node.asides)));
    matches.by(|node| Some((node.work, node.node)));
    matches.by(|node| Some(node.work));
    matches.by(|node| node.similar_work);
    matches.matched
}

struct Matches<'a, 'b> {
    first: &'a [NodeWork<'b>],
    second: &'a [NodeWork<'b>],
    taken: Vec<bool>,
    matched: Vec<Option<usize>>,
}

impl<'a, 'b> Matches<'a, 'b> {
    /// Matches what has no partner yet and the same key, in order.
    fn by<K: Eq + std::hash::Hash>(&mut self, key: impl Fn(&'a NodeWork<'b>) -> Option<K>) {
        let mut free: HashMap<K, VecDeque<usize>> = HashMap::new();
        for (at, node) in self.first.iter().enumerate() {
            if let Some(key) = key(node).filter(|_| !self.taken[at]) {
                free.entry(key).or_default().push_back(at);
            }
        }
        for (node, matched) in self.second.iter().zip(&mut self.matched) {
            let Some(key) = key(node).filter(|_| matched.is_none()) else {
                continue;
            };
            *matched = free.get_mut(&key).and_then(VecDeque::pop_front);
            if let Some(matched) = *matched {
                self.taken[matched] = true;
            }
        }
    }
}

fn differ(first: &OutlineNode, second: &OutlineNode) -> bool {
    let counts = |node: &OutlineNode| (node.rows, node.rows_removed, node.pages, node.wal_bytes);
    let conditions = |node: &OutlineNode| -> Vec<String> {
        node.conditions
            .iter()
            .map(|text| unnumbered(text))
            .collect()
    };
    first.node != second.node
        || counts(first) != counts(second)
        || conditions(first) != conditions(second)
}

/// The conditions of one node that another has not.
fn only_in<'a>(node: Option<&'a OutlineNode>, other: Option<&OutlineNode>) -> Vec<&'a str> {
    let known: Vec<String> = other
        .into_iter()
        .flat_map(|other| &other.conditions)
        .map(|text| unnumbered(text))
        .collect();
    node.into_iter()
        .flat_map(|node| &node.conditions)
        .filter(|text| !known.contains(&unnumbered(text)))
        .map(String::as_str)
        .collect()
}

/// A condition without the numbers of parameters, InitPlans and SubPlans, which change with anything in front of them.
pub(super) fn unnumbered(condition: &str) -> String {
    let mut text = String::with_capacity(condition.len());
    let mut rest = condition;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest[at..].find(|c: char| !c.is_ascii_digit());
        let end = digits.map_or(rest.len(), |digits| at + digits);
        text.push_str(&rest[..at]);
        if !["$", "InitPlan ", "SubPlan "]
            .iter()
            .any(|number_of| rest[..at].ends_with(number_of))
        {
            text.push_str(&rest[at..end]);
        }
        rest = &rest[end..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests;
