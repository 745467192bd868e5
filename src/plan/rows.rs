//! How many rows a statement returned or wrote.

use super::node::{PlanNode, Relationship};
use super::statement::Plan;

impl Plan {
    /// Rows the root returned, or, where the root writes and returns none, the rows it wrote. 0 without ANALYZE.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let returned = self.root.total_rows();
        let rows = if returned == 0.0 && self.root.is_modify_table() {
            written(&self.root)
        } else {
            returned
        };
        rows.round() as u64 // `as` saturates: no plan can make this wrap
    }
}

/// The rows a ModifyTable wrote: what it counted itself (ON CONFLICT, MERGE), else the rows its input gave it.
fn written(node: &PlanNode) -> f64 {
    let conflicts_updated = node.conflict_resolution.as_deref() == Some("UPDATE");
    let counted = [
        node.tuples_inserted,
        node.tuples_updated,
        node.tuples_deleted,
        node.conflicting_tuples.filter(|_| conflicts_updated),
    ];
    if counted.iter().any(Option::is_some) {
        return counted.iter().flatten().sum();
    }
    let inputs = node.children.iter().filter(|child| !child.is_init_plan());
    inputs
        .filter(|child| child.parent_relationship != Some(Relationship::SubPlan))
        .map(PlanNode::total_rows)
        .sum()
}
