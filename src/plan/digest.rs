//! A plan in one line: `Update ← Index Scan job_pkey (InitPlan: Limit ← LockRows ← Index Scan job_ready)`.

use std::collections::BTreeMap;

use super::node::{PlanNode, Relationship};
use super::reference::References;
use super::statement::Plan;
use super::tree::PlanTree;

/// From so many alike members of an Append on, they are counted rather than listed.
const ALIKE: usize = 3;

/// The plan in one line. `A ← B` is A fed by B, `A (B, C)` is A over several inputs; an InitPlan or CTE stands in parentheses behind
/// the node that asks for it (else behind its owner), a SubPlan behind its owner.
#[must_use]
pub fn digest(plan: &Plan) -> String {
    let tree = PlanTree::new(plan);
    let references = References::of(&tree);
    let mut attached: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for position in tree.positions() {
        let Some(parent) = position.parent.filter(|_| is_aside(position.node)) else {
            continue;
        };
        let asker = references
            .askers(position.index)
            .first()
            .copied()
            .unwrap_or(parent);
        attached.entry(asker).or_default().push(position.index);
    }
    let writer = Writer {
        tree: &tree,
        attached,
    };
    let mut line = String::new();
    writer.write(&mut line, 0, true);
    line
}

/// The name a digest gives a node: its type as EXPLAIN's text format has it, and for a scan its index, else its relation.
#[must_use]
pub fn node_label(node: &PlanNode) -> String {
    let kind = kind(node);
    match object(node) {
        Some(object) => format!("{kind} {object}"),
        None => kind,
    }
}

/// Not an input of its parent: InitPlan, CTE, SubPlan.
fn is_aside(node: &PlanNode) -> bool {
    matches!(
        node.parent_relationship,
        Some(Relationship::InitPlan | Relationship::SubPlan)
    )
}

struct Writer<'a> {
    tree: &'a PlanTree<'a>,
    attached: BTreeMap<usize, Vec<usize>>,
}

impl Writer<'_> {
    /// Appends the subtree; without names it tells whether two members are alike.
    fn write(&self, line: &mut String, from: usize, names: bool) {
        let mut index = from;
        loop {
            let node = self.tree.node(index);
            line.push_str(&if names { node_label(node) } else { kind(node) });
            self.write_attached(line, index, names);
            let inputs: Vec<usize> = self
                .tree
                .children(index)
                .filter(|child| !is_aside(self.tree.node(*child)))
                .collect();
            match inputs.as_slice() {
                [] => return,
                [input] => {
                    line.push_str(" ← ");
                    index = *input;
                }
                several => return self.write_inputs(line, node, several, names),
            }
        }
    }

    fn write_attached(&self, line: &mut String, index: usize, names: bool) {
        for aside in self.attached.get(&index).into_iter().flatten() {
            let node = self.tree.node(*aside);
            let role = match (&node.parent_relationship, node.computes_cte()) {
                (_, Some(_)) => "CTE",
                (Some(Relationship::InitPlan), None) => "InitPlan",
                _ => "SubPlan",
            };
            line.push_str(" (");
            line.push_str(role);
            line.push_str(": ");
            self.write(line, *aside, names);
            line.push(')');
        }
    }

    fn write_inputs(&self, line: &mut String, node: &PlanNode, inputs: &[usize], names: bool) {
        line.push_str(" (");
        let counts_alike = node.node_type.ends_with("Append") && inputs.len() >= ALIKE;
        let kinds: Vec<String> = if counts_alike {
            inputs.iter().map(|input| self.kinds(*input)).collect()
        } else {
            Vec::new()
        };
        let mut at = 0;
        while at < inputs.len() {
            let alike = kinds.get(at).map_or(1, |first| {
                kinds[at..].iter().take_while(|kind| *kind == first).count()
            });
            if at > 0 {
                line.push_str(", ");
            }
            self.write(line, inputs[at], names);
            if alike >= ALIKE {
                line.push_str(&format!(" and {} like it", alike - 1));
                at += alike;
            } else {
                at += 1;
            }
        }
        line.push(')');
    }

    /// The subtree without names.
    fn kinds(&self, index: usize) -> String {
        let mut line = String::new();
        self.write(&mut line, index, false);
        line
    }
}

/// The node's type, as EXPLAIN's text format words it.
fn kind(node: &PlanNode) -> String {
    let base = match (node.node_type.as_str(), node.strategy.as_deref()) {
        ("ModifyTable", _) => node
            .operation
            .as_ref()
            .map_or("ModifyTable", |operation| operation.name())
            .to_owned(),
        ("Aggregate", strategy) => aggregate(strategy, node.partial_mode.as_deref()),
        ("SetOp", strategy) => {
            let prefix = if strategy == Some("Hashed") {
                "Hash"
            } else {
                ""
            };
            format!(
                "{prefix}SetOp {}",
                node.command.as_deref().unwrap_or_default()
            )
            .trim_end()
            .to_owned()
        }
        ("Nested Loop" | "Hash Join" | "Merge Join", _) => {
            join(&node.node_type, node.join_type.as_deref())
        }
        (scan, _) if node.scan_direction.as_deref() == Some("Backward") => {
            format!("{scan} Backward")
        }
        (other, _) => other.to_owned(),
    };
    if node.parallel_aware {
        format!("Parallel {base}")
    } else {
        base
    }
}

fn aggregate(strategy: Option<&str>, partial_mode: Option<&str>) -> String {
    let name = match strategy {
        Some("Sorted") => "GroupAggregate",
        Some("Hashed") => "HashAggregate",
        Some("Mixed") => "MixedAggregate",
        _ => "Aggregate",
    };
    match partial_mode {
        Some(mode @ ("Partial" | "Finalize")) => format!("{mode} {name}"),
        _ => name.to_owned(),
    }
}

/// `Hash Join` and `Anti` are `Hash Anti Join`; an inner join is not marked.
fn join(node_type: &str, join_type: Option<&str>) -> String {
    match join_type {
        None | Some("Inner") => node_type.to_owned(),
        Some(join_type) => format!("{} {join_type} Join", node_type.trim_end_matches(" Join")),
    }
}

/// What a scan scans: the index, else the relation, CTE or function. What a ModifyTable writes is left to its scans.
fn object(node: &PlanNode) -> Option<&str> {
    if node.is_modify_table() {
        return None;
    }
    let names = [
        &node.index_name,
        &node.relation_name,
        &node.cte_name,
        &node.function_name,
    ];
    names.into_iter().flatten().next().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        digest(&Plan::parse(text).unwrap()[0])
    }

    #[test]
    fn members_of_an_append_that_are_alike_are_counted() {
        let member = |name: &str| {
            format!(
                r#"{{"Node Type":"Seq Scan","Parent Relationship":"Member","Relation Name":"{name}"}}"#
            )
        };
        let append = |names: &[&str]| {
            let members: Vec<String> = names.iter().map(|name| member(name)).collect();
            line(&format!(
                r#"{{"Plan":{{"Node Type":"Append","Plans":[{}]}}}}"#,
                members.join(",")
            ))
        };
        assert_eq!(append(&["p1", "p2"]), "Append (Seq Scan p1, Seq Scan p2)");
        assert_eq!(
            append(&["p1", "p2", "p3", "p4"]),
            "Append (Seq Scan p1 and 3 like it)"
        );
    }

    #[test]
    fn kinds_are_worded_as_in_text_format() {
        for (node, expected) in [
            (
                r#""Node Type":"Hash Join","Join Type":"Anti""#,
                "Hash Anti Join",
            ),
            (
                r#""Node Type":"Nested Loop","Join Type":"Left""#,
                "Nested Loop Left Join",
            ),
            (
                r#""Node Type":"Hash Join","Join Type":"Inner","Parallel Aware":true"#,
                "Parallel Hash Join",
            ),
            (
                r#""Node Type":"Aggregate","Strategy":"Hashed","Partial Mode":"Partial""#,
                "Partial HashAggregate",
            ),
            (
                r#""Node Type":"SetOp","Strategy":"Hashed","Command":"Except""#,
                "HashSetOp Except",
            ),
            (
                r#""Node Type":"Index Scan","Scan Direction":"Backward","Index Name":"i""#,
                "Index Scan Backward i",
            ),
            (
                r#""Node Type":"ModifyTable","Operation":"Merge","Relation Name":"job""#,
                "Merge",
            ),
        ] {
            assert_eq!(line(&format!("{{\"Plan\":{{{node}}}}}")), expected);
        }
    }
}
