//! Nodes in the order printed become a tree; what text leaves out because it is nothing, or because it goes without saying, is put in.

use serde_json::Value;

use super::line::is_header;
use crate::plan::json::{MAX_DEPTH, PlanError};
use crate::plan::node::{
    Actual, Buffers, Condition, IoTimes, Operation, PlanNode, Relationship, Wal,
};
use crate::plan::statement::Plan;

/// Nodes as they come, each with its parent.
#[derive(Default)]
pub(super) struct Assembly {
    nodes: Vec<PlanNode>,
    parents: Vec<Option<usize>>,
    /// The nodes from the root to the last one, with the columns they begin in.
    path: Vec<(usize, usize)>,
    deepest: usize,
}

impl Assembly {
    /// The node read last.
    pub(super) fn last(&mut self) -> Option<&mut PlanNode> {
        self.nodes.last_mut()
    }

    /// Adds a node that begins in this column; one with a header begins where that does. Whatever begins further left is above it.
    pub(super) fn push(&mut self, mut node: PlanNode, column: usize, header: Option<String>) {
        // The root is above all, however the lines are indented.
        while self.path.len() > 1 && self.path.last().is_some_and(|(open, _)| *open >= column) {
            self.path.pop();
        }
        let parent = self.path.last().map(|(_, index)| *index);
        if let Some(header) = header {
            let asked_once = !header.starts_with("SubPlan ");
            node.parent_relationship = Some(if asked_once {
                Relationship::InitPlan
            } else {
                Relationship::SubPlan
            });
            node.subplan_name = Some(header);
        }
        self.path.push((column, self.nodes.len()));
        self.deepest = self.deepest.max(self.path.len());
        self.nodes.push(node);
        self.parents.push(parent);
    }

    /// The topmost node with everything below it.
    pub(super) fn finish(mut self) -> Result<PlanNode, PlanError> {
        if self.deepest > MAX_DEPTH {
            let depth = self.deepest;
            return Err(PlanError::DeepText { depth });
        }
        complete(&mut self.nodes);
        while let (Some(mut node), Some(parent)) = (self.nodes.pop(), self.parents.pop()) {
            node.children.reverse();
            relate(&mut node);
            match parent.and_then(|parent| self.nodes.get_mut(parent)) {
                Some(parent) => parent.children.push(node),
                None => return Ok(node),
            }
        }
        Err(PlanError::NoNode)
    }
}

/// Says of each input what it is to the node.
fn relate(node: &mut PlanNode) {
    let inputs = node
        .children
        .iter()
        .filter(|child| child.parent_relationship.is_none());
    let count = inputs.count();
    let kind = node.node_type.as_str();
    let is_modify_table = node.is_modify_table();
    let relationship = |number: usize| match kind {
        "Append" | "Merge Append" | "BitmapAnd" | "BitmapOr" => Relationship::Member,
        "Subquery Scan" => Relationship::Subquery,
        "Custom Scan" if count == 1 => Relationship::Other("child".to_owned()),
        "Custom Scan" => Relationship::Other("children".to_owned()),
        // Up to 13, with a plan for each partition.
        _ if is_modify_table && count > 1 => Relationship::Member,
        _ if number == 1 => Relationship::Inner,
        _ => Relationship::Outer,
    };
    let roles: Vec<Relationship> = (0..count).map(relationship).collect();
    let inputs = node
        .children
        .iter_mut()
        .filter(|child| child.parent_relationship.is_none());
    for (child, role) in inputs.zip(roles) {
        child.parent_relationship = Some(role);
    }
}

/// Puts in what text leaves out. It prints no counts that are nothing: where another node has such a count, its option was on.
fn complete(nodes: &mut [PlanNode]) {
    let any = |has: fn(&PlanNode) -> bool| nodes.iter().any(has);
    let has_buffers = any(|node| node.buffers.is_some());
    let has_io_times = any(|node| node.io_times.is_some());
    let has_wal = any(|node| node.wal.is_some());
    let has_times = any(|node| node.actual.is_some_and(|actual| actual.total_ms.is_some()));
    for node in nodes {
        let Some(actual) = &mut node.actual else {
            continue;
        };
        if has_times && actual.loops == 0 {
            *actual = Actual {
                startup_ms: Some(0.0),
                total_ms: Some(0.0),
                ..Actual::default()
            };
        }
        if has_buffers {
            node.buffers.get_or_insert_with(Buffers::default);
        }
        if has_io_times {
            node.io_times.get_or_insert_with(IoTimes::default);
        }
        if has_wal {
            node.wal.get_or_insert_with(Wal::default);
        }
        complete_counts(node);
    }
}

/// What a node that ran counts, though it is nothing.
fn complete_counts(node: &mut PlanNode) {
    let has = |condition| node.condition(condition).is_some();
    let (filters, joins) = (has(Condition::Filter), has(Condition::Join));
    let is_bitmap_heap_scan = node.node_type == "Bitmap Heap Scan";
    let rechecks =
        has(Condition::Recheck) || has(Condition::Index) && node.node_type != "Bitmap Index Scan";
    if filters {
        node.rows_removed_by_filter.get_or_insert(0.0);
    }
    if joins {
        node.rows_removed_by_join_filter.get_or_insert(0.0);
    }
    if rechecks {
        node.rows_removed_by_index_recheck.get_or_insert(0.0);
    }
    if is_bitmap_heap_scan {
        node.exact_heap_blocks.get_or_insert(0);
        node.lossy_heap_blocks.get_or_insert(0);
    }
    if node.operation == Some(Operation::Merge) {
        node.tuples_inserted.get_or_insert(0.0);
        node.tuples_updated.get_or_insert(0.0);
        node.tuples_deleted.get_or_insert(0.0);
        let skipped = node.extra.entry("Tuples Skipped".to_owned());
        skipped.or_insert_with(|| Value::from(0));
    }
}

/// The trigger of a statement that writes to one relation only is that relation's: text leaves its name out.
pub(super) fn complete_triggers(plan: &mut Plan) {
    let mut written: Vec<&str> = plan
        .preorder()
        .filter(|position| position.node.is_modify_table())
        .filter_map(|position| position.node.relation_name.as_deref())
        .collect();
    written.sort_unstable();
    written.dedup();
    let [only] = written.as_slice() else {
        return;
    };
    let only = (*only).to_owned();
    for trigger in &mut plan.triggers {
        trigger.relation.get_or_insert_with(|| only.clone());
    }
}

/// Header of a node that is no input of its parent.
pub(super) fn header(line: &str) -> Option<String> {
    is_header(line).then(|| line.to_owned())
}
