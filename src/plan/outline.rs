//! A plan as a list of nodes, each with what it is, what it asked for and what it did by itself: what two runs are compared by.
//!
//! Everything in it is a count or a text, nothing a time or an estimate, so it is the same on every run of the same statement.

use serde::{Deserialize, Serialize};

use super::digest::node_label;
use super::node::{PlanNode, Relationship};
use super::statement::Plan;
use super::tree::PlanTree;
use super::work::PlanWork;

/// Characters of a literal that are kept: an array of a thousand ids says no more than its beginning.
const LITERAL_CHARACTERS: usize = 40;

/// One node of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OutlineNode {
    /// Edges to the root. A node's subtree is itself and the nodes behind it that are deeper.
    pub depth: usize,
    /// The node as a digest names it, for example `Index Scan job_ready_idx`.
    pub node: String,
    /// What it is to its parent where that is more than an input: `InitPlan`, `SubPlan` or `CTE next`; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// The relation it reads or writes; empty for a node that has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub relation: String,
    /// The relation's alias in the statement, where it has another name there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub alias: String,
    /// Conditions and sort keys as PostgreSQL prints them, for example `Index Cond: (id = 1)`; long literals are cut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// Rows it returned, over all loops.
    pub rows: u64,
    /// Rows it read and threw away, over all loops.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_removed: u64,
    /// Pages it touched by itself.
    pub pages: u64,
    /// WAL it wrote by itself, in bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wal_bytes: u64,
}

impl OutlineNode {
    /// Whether it writes rows: `Insert`, `Update`, `Delete`, `Merge`.
    #[must_use]
    pub fn writes(&self) -> bool {
        let written = ["Insert", "Update", "Delete", "Merge"];
        written.contains(&self.node.as_str())
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The nodes of a plan in preorder, with what each did by itself.
#[must_use]
pub fn outline(plan: &Plan, work: &PlanWork) -> Vec<OutlineNode> {
    let tree = PlanTree::new(plan);
    let nodes = tree.positions().iter().map(|position| {
        let own = work.nodes.get(position.index).copied().unwrap_or_default();
        let node = position.node;
        OutlineNode {
            depth: position.depth,
            node: node_label(node),
            role: role(node),
            relation: node.relation_name.clone().unwrap_or_default(),
            alias: alias(node),
            conditions: conditions(node),
            rows: count(node.total_rows()),
            rows_removed: count(removed(node)),
            pages: own.buffers.total(),
            wal_bytes: own.wal.bytes,
        }
    });
    nodes.collect()
}

/// Rows that a plan's nodes read and threw away.
#[must_use]
pub fn rows_removed(plan: &Plan) -> u64 {
    count(plan.preorder().map(|position| removed(position.node)).sum())
}

fn removed(node: &PlanNode) -> f64 {
    let joined = node.rows_removed_by_join_filter.unwrap_or(0.0) * node.loops() as f64;
    node.total_rows_removed() + joined
}

/// PostgreSQL prints averages per loop: over all loops they add up to a whole number, but for rounding.
fn count(rows: f64) -> u64 {
    // The cast saturates.
    rows.round() as u64
}

fn role(node: &PlanNode) -> String {
    match (&node.parent_relationship, node.computes_cte()) {
        (_, Some(name)) => format!("CTE {name}"),
        (Some(Relationship::InitPlan), None) => "InitPlan".to_owned(),
        (Some(Relationship::SubPlan), None) => "SubPlan".to_owned(),
        _ => String::new(),
    }
}

fn alias(node: &PlanNode) -> String {
    let alias = node.alias.as_ref();
    let alias = alias.filter(|alias| node.relation_name.as_ref() != Some(alias));
    alias.cloned().unwrap_or_default()
}

fn conditions(node: &PlanNode) -> Vec<String> {
    let conditions = node
        .conditions
        .iter()
        .map(|(kind, text)| format!("{}: {}", kind.name(), shortened(text)));
    let keys = node
        .sort
        .iter()
        .filter(|sort| !sort.keys.is_empty())
        .map(|sort| format!("Sort Key: {}", sort.keys.join(", ")));
    conditions.chain(keys).collect()
}

/// The text with the middle of long literals left out.
fn shortened(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (position, part) in text.split('\'').enumerate() {
        if position > 0 {
            shown.push('\'');
        }
        // Every second part stands between quotes; a quote within a literal is doubled and gives an empty part, which changes nothing.
        if position % 2 == 1 && part.chars().count() > LITERAL_CHARACTERS {
            shown.extend(part.chars().take(LITERAL_CHARACTERS - 1));
            shown.push('…');
        } else {
            shown.push_str(part);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::work::work;
    use super::*;

    const PLAN: &str = r#"{"Plan":{"Node Type":"Index Scan","Index Name":"job_pkey","Relation Name":"job","Alias":"j",
        "Actual Rows":5,"Actual Loops":2,"Actual Total Time":0.1,"Actual Startup Time":0.0,
        "Index Cond":"(id = ANY ('{1000,1001,1002,1003,1004,1005,1006,1007,1008}'::bigint[]))",
        "Rows Removed by Filter":3,"Shared Hit Blocks":17}}"#;

    #[test]
    fn a_node_says_what_it_is_and_what_it_did() {
        let plan = &Plan::parse(PLAN).unwrap()[0];
        let nodes = outline(plan, &work(plan));
        assert_eq!(
            nodes,
            [OutlineNode {
                node: "Index Scan job_pkey".to_owned(),
                relation: "job".to_owned(),
                alias: "j".to_owned(),
                conditions: vec![
                    "Index Cond: (id = ANY ('{1000,1001,1002,1003,1004,1005,1006,100…'::bigint[]))"
                        .to_owned()
                ],
                rows: 10,
                rows_removed: 6,
                pages: 17,
                ..OutlineNode::default()
            }]
        );
        assert_eq!(rows_removed(plan), 6);
        let text = serde_json::to_string(&nodes[0]).unwrap();
        assert!(
            !text.contains("role") && !text.contains("wal_bytes"),
            "{text}"
        );
        assert_eq!(
            serde_json::from_str::<OutlineNode>(&text).unwrap(),
            nodes[0]
        );
    }
}
