//! A plan's shape: what stays the same when the same plan is made for other values, other statistics, with or without ANALYZE.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::node::{Condition, PlanNode, Relationship};
use super::reference::References;
use super::statement::Plan;
use super::tree::PlanTree;

/// The canonical text of a plan: node types, join types, strategies, scan directions, relations and indexes, which conditions there
/// are, and how InitPlans, SubPlans and CTEs hang together. Leaves out aliases, literals, costs, rows, parameter and subplan
/// numbers and the names of CTEs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlanShape {
    text: String,
}

impl PlanShape {
    /// The shape of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let tree = PlanTree::new(plan);
        let references = References::of(&tree);
        let ctes = number_ctes(&tree);
        let mut text = String::new();
        for position in tree.positions() {
            for _ in 0..position.depth {
                text.push(' ');
            }
            let owner = position.parent.map(|parent| tree.node(parent));
            write_role(&mut text, position.node, owner, ctes.get(&position.index));
            write_node(&mut text, position.node);
            if let Some(number) = references
                .scanned_cte(position.index)
                .and_then(|cte| ctes.get(&cte))
            {
                let _ = write!(text, " of CTE {number}"); // writing to a String cannot fail
            }
            text.push('\n');
        }
        PlanShape { text }
    }

    /// The canonical text, a line a node, indented by depth.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first 12 hexadecimal digits of the text's SHA-256.
    #[must_use]
    pub fn id(&self) -> String {
        let digest = Sha256::digest(self.text.as_bytes());
        digest
            .iter()
            .take(6)
            .fold(String::with_capacity(12), |mut id, byte| {
                let _ = write!(id, "{byte:02x}"); // writing to a String cannot fail
                id
            })
    }
}

/// CTEs by preorder index, numbered in the order printed.
fn number_ctes(tree: &PlanTree<'_>) -> BTreeMap<usize, usize> {
    let ctes = tree
        .positions()
        .iter()
        .filter(|position| position.node.computes_cte().is_some());
    ctes.enumerate()
        .map(|(number, position)| (position.index, number + 1))
        .collect()
}

/// What the node is to its parent, where that is more than an input.
fn write_role(text: &mut String, node: &PlanNode, owner: Option<&PlanNode>, cte: Option<&usize>) {
    match (&node.parent_relationship, cte) {
        (_, Some(number)) => {
            let _ = write!(text, "CTE {number}: "); // writing to a String cannot fail
        }
        (Some(Relationship::InitPlan), None) => text.push_str("InitPlan: "),
        (Some(Relationship::SubPlan), None)
            if owner.is_some_and(|owner| is_hashed(node, owner)) =>
        {
            text.push_str("hashed SubPlan: ")
        }
        (Some(Relationship::SubPlan), None) => text.push_str("SubPlan: "),
        _ => {}
    }
}

/// Whether the owner's conditions look the SubPlan up in a hash table. Only conditions count: output lists need VERBOSE.
fn is_hashed(node: &PlanNode, owner: &PlanNode) -> bool {
    let Some(name) = &node.subplan_name else {
        return false;
    };
    let sought = format!("hashed {name}");
    owner.conditions.iter().any(|(_, text)| {
        let mut found = text.match_indices(&sought);
        found.any(|(at, _)| {
            !text[at + sought.len()..].starts_with(|next: char| next.is_ascii_digit())
        })
    })
}

fn write_node(text: &mut String, node: &PlanNode) {
    if node.parallel_aware {
        text.push_str("Parallel ");
    }
    text.push_str(&node.node_type);
    let operation = node.operation.as_ref().map(|operation| operation.name());
    let words = [
        operation,
        node.join_type.as_deref(),
        node.strategy.as_deref(),
        node.partial_mode
            .as_deref()
            .filter(|mode| *mode != "Simple"),
        node.command.as_deref(),
        node.scan_direction.as_deref(),
        node.conflict_resolution.as_deref(),
    ];
    for word in words.into_iter().flatten() {
        let _ = write!(text, " {word}"); // writing to a String cannot fail
    }
    for name in [&node.relation_name, &node.index_name, &node.function_name]
        .into_iter()
        .flatten()
    {
        let _ = write!(text, " {name:?}"); // quoted: a name may hold blanks and line ends
    }
    let mut conditions: Vec<Condition> = node.conditions.iter().map(|(kind, _)| *kind).collect();
    conditions.sort_unstable();
    conditions.dedup();
    for condition in conditions {
        let _ = write!(text, " [{}]", condition.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> PlanShape {
        PlanShape::of(&Plan::parse(text).unwrap()[0])
    }

    const SCAN: &str = r#"{"Plan":{"Node Type":"Index Scan","Scan Direction":"Forward","Index Name":"job_ready","Relation Name":"job",
        "Alias":"ALIAS","Index Cond":"(queue = 'LITERAL'::text)","Total Cost":COST}}"#;

    #[test]
    fn aliases_literals_and_costs_do_not_matter_but_the_index_does() {
        let one = SCAN
            .replace("ALIAS", "a")
            .replace("LITERAL", "x")
            .replace("COST", "1.5");
        let two = SCAN
            .replace("ALIAS", "b")
            .replace("LITERAL", "y")
            .replace("COST", "9.5");
        assert_eq!(shape(&one), shape(&two));
        assert_eq!(shape(&one).id(), shape(&two).id());
        assert_ne!(shape(&one), shape(&two.replace("job_ready", "job_pkey")));
        assert_ne!(shape(&one), shape(&two.replace("Forward", "Backward")));
        assert_ne!(shape(&one), shape(&two.replace("Index Cond", "Filter")));
    }

    const CTES: &str = r#"{"Plan":{"Node Type":"Nested Loop","Join Type":"Inner","Plans":[
        {"Node Type":"Result","Parent Relationship":"InitPlan","Subplan Name":"CTE a"},
        {"Node Type":"Result","Parent Relationship":"InitPlan","Subplan Name":"CTE b"},
        {"Node Type":"CTE Scan","Parent Relationship":"Outer","CTE Name":"a"},
        {"Node Type":"CTE Scan","Parent Relationship":"Inner","CTE Name":"b"}]}}"#;

    #[test]
    fn names_of_ctes_do_not_matter_but_which_is_read_does() {
        let renamed = CTES
            .replace("CTE a", "CTE x")
            .replace("\"CTE Name\":\"a\"", "\"CTE Name\":\"x\"");
        assert_eq!(shape(CTES), shape(&renamed));
        assert_ne!(
            shape(CTES),
            shape(&CTES.replace("\"CTE Name\":\"b\"", "\"CTE Name\":\"a\""))
        );
    }

    #[test]
    fn a_hashed_subplan_is_another_shape() {
        let plain = r#"{"Plan":{"Node Type":"Seq Scan","Filter":"(NOT (SubPlan 1))","Plans":[
            {"Node Type":"Seq Scan","Parent Relationship":"SubPlan","Subplan Name":"SubPlan 1"}]}}"#;
        assert!(shape(plain).text().contains("\n SubPlan: Seq Scan"));
        assert!(
            shape(&plain.replace("(SubPlan 1)", "(hashed SubPlan 1)"))
                .text()
                .contains("\n hashed SubPlan: Seq Scan")
        );
        assert!(
            shape(&plain.replace("(SubPlan 1)", "(hashed SubPlan 12)"))
                .text()
                .contains("\n SubPlan: Seq Scan")
        );
    }
}
