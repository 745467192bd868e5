//! How many rows a statement returned or wrote.

use super::node::{PlanNode, Relationship};
use super::statement::Plan;

impl Plan {
    /// Rows the root returned, or, where the root writes and returns none, the rows it wrote. 0 without ANALYZE.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let returned = self.root.total_rows();
        let rows = if returned == 0.0 && self.root.is_modify_table() {
            self.root.rows_written()
        } else {
            returned
        };
        rows.round() as u64 // `as` saturates: no plan can make this wrap
    }
}

impl PlanNode {
    /// The rows a ModifyTable wrote: what it counted itself (ON CONFLICT, MERGE), else the rows its input gave it. 0 without ANALYZE.
    #[must_use]
    pub fn rows_written(&self) -> f64 {
        let conflicts_updated = self.conflict_resolution.as_deref() == Some("UPDATE");
        let counted = [
            self.tuples_inserted,
            self.tuples_updated,
            self.tuples_deleted,
            self.conflicting_tuples.filter(|_| conflicts_updated),
        ];
        if counted.iter().any(Option::is_some) {
            return counted.iter().flatten().sum();
        }
        self.rows_received()
    }

    /// The rows a node got from its inputs over all loops, those of InitPlans and SubPlans apart. 0 without ANALYZE.
    #[must_use]
    pub fn rows_received(&self) -> f64 {
        let is_input = |child: &&PlanNode| {
            !child.is_init_plan() && child.parent_relationship != Some(Relationship::SubPlan)
        };
        let inputs = self.children.iter().filter(is_input);
        inputs.map(PlanNode::total_rows).sum()
    }
}
