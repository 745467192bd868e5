//! What every target does with a plan it has read.

use pgq_analyze::plan::{Plan, PlanShape, digest, outline, work};

/// Does everything that can be done with a plan; what its nodes did by themselves adds up to the statement.
pub fn exercise(plan: &Plan) {
    let worked = work(plan);
    let pages = worked.nodes.iter().fold(0_u64, |sum, node| sum.saturating_add(node.buffers.total()));
    assert_eq!(pages, worked.total.buffers.total());
    assert_eq!(outline(plan, &worked).len(), worked.nodes.len());
    assert!(!digest(plan).is_empty());
    assert_eq!(PlanShape::of(plan).id().len(), 12);
}
