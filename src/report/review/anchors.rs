//! Which node of the tree a finding stands at. A finding names its node as the digest does; where several are called so, it stands at the
//! dearest, and several findings of one rule stand at one each.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::plan::{PlanTree, PlanWork, node_label};

/// What separates the nodes of a chain in a finding's name of its place: it stands at the last.
const CHAIN: &str = " ← ";

/// The numbers of the findings at each node, by preorder index; the first finding has number 1. One that names no node, or none that
/// there is, is at none.
pub(super) fn anchors(
    findings: &[Finding],
    tree: &PlanTree<'_>,
    work: &PlanWork,
) -> BTreeMap<usize, Vec<usize>> {
    let mut anchored: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut taken: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    let mut called: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for label in findings.iter().filter_map(label) {
        called.entry(label).or_default();
    }
    if called.is_empty() {
        return anchored;
    }
    for position in tree.positions() {
        if let Some(nodes) = called.get_mut(node_label(position.node).as_str()) {
            nodes.push(position.index);
        }
    }
    for nodes in called.values_mut() {
        nodes.sort_by(|one, other| cost(work, *other).total_cmp(&cost(work, *one)));
    }
    for (at, finding) in findings.iter().enumerate() {
        let Some(label) = label(finding) else {
            continue;
        };
        let nodes = called.get(label).map_or(&[][..], Vec::as_slice);
        let taken = taken.entry((&finding.rule, label)).or_default();
        let free = nodes.get(taken.len()).or(nodes.first());
        if let Some(node) = free {
            taken.push(*node);
            anchored.entry(*node).or_default().push(at + 1);
        }
    }
    anchored
}

fn label(finding: &Finding) -> Option<&str> {
    finding.node.as_deref()?.rsplit(CHAIN).next()
}

/// Pages first: they repeat.
fn cost(work: &PlanWork, node: usize) -> f64 {
    work.nodes.get(node).map_or(0.0, |own| {
        own.buffers.total() as f64 + own.time_ms.clamp(0.0, 1e6) / 1e7
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::plan::{Plan, work};

    fn finding(rule: &str, node: Option<&str>) -> Finding {
        Finding {
            rule: rule.to_owned(),
            severity: Severity::Note,
            message: String::new(),
            help: String::new(),
            node: node.map(str::to_owned),
            evidence: BTreeMap::new(),
        }
    }

    #[test]
    fn findings_stand_at_the_node_they_name() {
        let scan = |pages: u64| {
            format!(
                r#"{{"Node Type":"Seq Scan","Relation Name":"job","Shared Hit Blocks":{pages},"Actual Loops":1,"Actual Rows":1}}"#
            )
        };
        let text = format!(
            r#"{{"Plan":{{"Node Type":"Append","Shared Hit Blocks":12,"Actual Loops":1,"Actual Rows":1,"Plans":[{},{}]}}}}"#,
            scan(2),
            scan(10)
        );
        let plan = Plan::parse(&text).unwrap().remove(0);
        let findings = [
            finding("a", Some("Seq Scan job")),
            finding("b", Some("Limit ← Seq Scan job")),
            finding("a", Some("Seq Scan job")),
            finding("a", Some("Seq Scan job")),
            finding("c", None),
            finding("c", Some("Seq Scan gone")),
        ];
        let found = anchors(&findings, &PlanTree::new(&plan), &work(&plan));
        assert_eq!(found, BTreeMap::from([(1, vec![3]), (2, vec![1, 2, 4])]));
    }
}
