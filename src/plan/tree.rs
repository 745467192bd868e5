//! Walking a plan: a preorder iterator, and the same as a table with parents and subtrees.

use super::node::PlanNode;
use super::statement::Plan;

/// A node with its place in the plan.
#[derive(Clone, Copy, Debug)]
pub struct Position<'a> {
    /// Preorder index: the root is 0.
    pub index: usize,
    /// Edges to the root.
    pub depth: usize,
    /// Preorder index of the parent; none for the root.
    pub parent: Option<usize>,
    /// The node.
    pub node: &'a PlanNode,
}

/// Yields a node before the nodes below it, children in the order printed.
#[derive(Clone, Debug)]
pub struct Preorder<'a> {
    next_index: usize,
    pending: Vec<(&'a PlanNode, usize, Option<usize>)>,
}

impl<'a> Iterator for Preorder<'a> {
    type Item = Position<'a>;

    fn next(&mut self) -> Option<Position<'a>> {
        let (node, depth, parent) = self.pending.pop()?;
        let index = self.next_index;
        self.next_index += 1;
        self.pending.extend(
            node.children
                .iter()
                .rev()
                .map(|child| (child, depth + 1, Some(index))),
        );
        Some(Position {
            index,
            depth,
            parent,
            node,
        })
    }
}

impl PlanNode {
    /// The node and everything below it, in preorder; the node itself has index 0.
    #[must_use]
    pub fn preorder(&self) -> Preorder<'_> {
        Preorder {
            next_index: 0,
            pending: vec![(self, 0, None)],
        }
    }
}

impl Plan {
    /// All nodes in preorder.
    #[must_use]
    pub fn preorder(&self) -> Preorder<'_> {
        self.root.preorder()
    }
}

/// A plan as a table in preorder: a node's subtree is a range of it.
#[derive(Clone, Debug)]
pub struct PlanTree<'a> {
    positions: Vec<Position<'a>>,
    ends: Vec<usize>,
}

impl<'a> PlanTree<'a> {
    /// Lays the plan out.
    #[must_use]
    pub fn new(plan: &'a Plan) -> Self {
        let positions: Vec<_> = plan.preorder().collect();
        let mut ends: Vec<usize> = (1..=positions.len()).collect();
        for position in positions.iter().rev() {
            if let Some(parent) = position.parent {
                ends[parent] = ends[parent].max(ends[position.index]);
            }
        }
        PlanTree { positions, ends }
    }

    /// The number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Never: a plan has a root. Here because `len` is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// All nodes with their places, in preorder.
    #[must_use]
    pub fn positions(&self) -> &[Position<'a>] {
        &self.positions
    }

    /// The node at a preorder index of this plan.
    #[must_use]
    pub fn node(&self, index: usize) -> &'a PlanNode {
        self.positions[index].node
    }

    /// The parent of a node.
    #[must_use]
    pub fn parent(&self, index: usize) -> Option<usize> {
        self.positions[index].parent
    }

    /// The index after the last node of the subtree that begins at `index`.
    #[must_use]
    pub fn end(&self, index: usize) -> usize {
        self.ends[index]
    }

    /// The children of a node, in the order printed.
    pub fn children(&self, index: usize) -> impl Iterator<Item = usize> + use<'_, 'a> {
        let end = self.ends[index];
        let mut next = index + 1;
        std::iter::from_fn(move || {
            let child = (next < end).then_some(next)?;
            next = self.ends[child];
            Some(child)
        })
    }

    /// The node's ancestors, its parent first.
    pub fn ancestors(&self, index: usize) -> impl Iterator<Item = usize> + use<'_, 'a> {
        std::iter::successors(self.parent(index), |ancestor| self.parent(*ancestor))
    }
}
