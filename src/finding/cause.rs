//! Several findings with one cause are told as one: the cause, with its symptoms in the evidence.
//!
//! A lost index makes a fetch read the whole table, sort it, spill the sort and compile the query; mending the index mends all of it, so
//! it is said once. A finding is a symptom of another where [`CAUSES`] says that the one rule's findings explain the other's, and both
//! are at the same place of the plan: at the same node, or one at a node below the other's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Finding;
use crate::plan::{PlanTree, node_label};

/// Under which name a finding's evidence has its symptoms.
const SYMPTOMS: &str = "symptoms";

/// What the findings of one rule explain.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    /// Id of the rule that names the cause.
    pub rule: &'static str,
    /// Ids of the rules whose findings at the same place follow from it.
    pub symptoms: &'static [&'static str],
}

/// Which rule's findings explain which others'. Of several causes of one symptom the first here is told, so causes stand before what
/// they cause.
pub static CAUSES: &[Cause] = &[
    Cause {
        rule: "partial-index-lost",
        symptoms: &[
            "sort-in-fetch",
            "limit-over-sort",
            "selective-seq-scan",
            "pages-per-row",
            "misestimate",
            "nested-loop-inner",
            "lossy-bitmap",
            "spill",
            "parallel-in-fetch",
            "parallel-workers-missing",
            "jit-in-fetch",
            "jit-dominates",
            "costly-generic-plan",
        ],
    },
    Cause {
        rule: "sort-in-fetch",
        symptoms: &[
            "pages-per-row",
            "misestimate",
            "lossy-bitmap",
            "spill",
            "parallel-in-fetch",
            "parallel-workers-missing",
            "jit-in-fetch",
            "costly-generic-plan",
        ],
    },
    Cause {
        rule: "limit-over-sort",
        symptoms: &[
            "misestimate",
            "lossy-bitmap",
            "spill",
            "parallel-workers-missing",
            "jit-dominates",
            "costly-generic-plan",
        ],
    },
    Cause {
        rule: "selective-seq-scan",
        symptoms: &[
            "misestimate",
            "nested-loop-inner",
            "spill",
            "parallel-in-fetch",
            "parallel-workers-missing",
            "jit-in-fetch",
            "jit-dominates",
            "costly-generic-plan",
        ],
    },
    Cause {
        rule: "dead-head",
        symptoms: &[
            "pages-per-row",
            "heap-fetches",
            "nested-loop-inner",
            "costly-generic-plan",
        ],
    },
    Cause {
        rule: "future-rows-scanned",
        symptoms: &[
            "pages-per-row",
            "heap-fetches",
            "nested-loop-inner",
            "costly-generic-plan",
        ],
    },
    Cause {
        rule: "locked-head",
        symptoms: &["pages-per-row", "nested-loop-inner", "costly-generic-plan"],
    },
    Cause {
        rule: "volatile-in-index-condition",
        symptoms: &["pages-per-row", "misestimate"],
    },
    Cause {
        rule: "skip-locked-in-subquery",
        symptoms: &["limit-overshoot"],
    },
    Cause {
        rule: "non-hot-update",
        symptoms: &["wal-per-job"],
    },
    Cause {
        rule: "wal-per-job",
        symptoms: &["wal-volume"],
    },
    Cause {
        rule: "misestimate",
        symptoms: &["nested-loop-inner", "lossy-bitmap", "spill"],
    },
    Cause {
        rule: "pages-per-row",
        symptoms: &["heap-fetches", "nested-loop-inner", "costly-generic-plan"],
    },
    Cause {
        rule: "parallel-in-fetch",
        symptoms: &["parallel-workers-missing"],
    },
    Cause {
        rule: "jit-in-fetch",
        symptoms: &["time-outside-plan"],
    },
    Cause {
        rule: "jit-dominates",
        symptoms: &["time-outside-plan"],
    },
    Cause {
        rule: "trigger-cost",
        symptoms: &["time-outside-plan"],
    },
];

/// Puts findings that others explain into the evidence of those, under `symptoms`; what is left stays in its order. A cause matters as
/// much as the worst of its symptoms.
#[must_use]
pub fn told_once(findings: Vec<Finding>, tree: &PlanTree<'_>) -> Vec<Finding> {
    if findings.len() < 2 {
        return findings;
    }
    let causes = causes(&findings, tree);
    let mut told: Vec<Option<Finding>> = findings.into_iter().map(Some).collect();
    for at in 0..told.len() {
        let first = first_cause(&causes, at);
        if first == at {
            continue;
        }
        if let (Some(symptom), Some(Some(cause))) = (told[at].take(), told.get_mut(first)) {
            add(cause, symptom);
        }
    }
    told.into_iter().flatten().collect()
}

/// What each finding follows from at once, by its place in the list.
fn causes(findings: &[Finding], tree: &PlanTree<'_>) -> Vec<Option<usize>> {
    let nodes = nodes(findings, tree);
    let mut causes = vec![None; findings.len()];
    for cause in CAUSES {
        if !findings.iter().any(|finding| finding.rule == cause.rule) {
            continue;
        }
        let reach = Reach::of(findings, &nodes, tree, cause.rule);
        for (finding, known) in findings.iter().zip(&mut causes) {
            if known.is_none() && cause.symptoms.contains(&finding.rule.as_str()) {
                *known = reach.first(finding);
            }
        }
    }
    causes
}

/// Follows causes of causes; as many steps as there are rules in the list, since none explains itself.
fn first_cause(causes: &[Option<usize>], at: usize) -> usize {
    let mut first = at;
    for _ in CAUSES {
        match causes.get(first).copied().flatten() {
            Some(cause) => first = cause,
            None => break,
        }
    }
    first
}

fn add(cause: &mut Finding, symptom: Finding) {
    let Finding {
        rule,
        severity,
        message,
        node,
        mut evidence,
        ..
    } = symptom;
    cause.severity = cause.severity.max(severity);
    let own = evidence.remove(SYMPTOMS);
    let list = cause
        .evidence
        .entry(SYMPTOMS.to_owned())
        .or_insert_with(|| json!([]));
    if let Value::Array(list) = list {
        list.push(json!({ "rule": rule, "message": message, "node": node, "evidence": evidence }));
        if let Some(Value::Array(own)) = own {
            list.extend(own);
        }
    }
}

/// The nodes that go by the label of a finding. A finding names no single node where several have the same label.
type Nodes = BTreeMap<String, Vec<usize>>;

fn nodes(findings: &[Finding], tree: &PlanTree<'_>) -> Nodes {
    let wanted: BTreeSet<&str> = findings
        .iter()
        .filter_map(|finding| finding.node.as_deref())
        .collect();
    let mut nodes = Nodes::new();
    for position in tree.positions() {
        let label = node_label(position.node);
        if wanted.contains(label.as_str()) {
            nodes.entry(label).or_default().push(position.index);
        }
    }
    nodes
}

/// Where a finding is; the root where it is about the whole statement, or about several nodes at once.
fn nodes_of<'n>(nodes: &'n Nodes, finding: &Finding) -> &'n [usize] {
    let known = finding.node.as_ref().and_then(|label| nodes.get(label));
    known.map_or(&[0], Vec::as_slice)
}

/// Which finding of one rule is at, above or below the nodes of each label: the first of them. Made in two passes over the plan, so
/// that a plan of many thousand nodes and findings takes no longer than its size.
struct Reach<'n> {
    by_label: BTreeMap<&'n str, Option<usize>>,
    of_root: Option<usize>,
}

impl<'n> Reach<'n> {
    fn of(findings: &[Finding], nodes: &'n Nodes, tree: &PlanTree<'_>, rule: &str) -> Self {
        let mut from_above: Vec<Option<usize>> = vec![None; tree.len()];
        let mut seen: BTreeSet<Option<&str>> = BTreeSet::new();
        for (at, finding) in findings.iter().enumerate() {
            if finding.rule == rule && seen.insert(finding.node.as_deref()) {
                for node in nodes_of(nodes, finding) {
                    from_above[*node] = earlier(from_above[*node], Some(at));
                }
            }
        }
        let mut from_below = from_above.clone();
        for position in tree.positions() {
            if let Some(parent) = position.parent {
                from_above[position.index] =
                    earlier(from_above[position.index], from_above[parent]);
            }
        }
        for position in tree.positions().iter().rev() {
            if let Some(parent) = position.parent {
                from_below[parent] = earlier(from_below[parent], from_below[position.index]);
            }
        }
        let first = |nodes: &[usize]| {
            let reaching = |node: &usize| earlier(from_above[*node], from_below[*node]);
            nodes.iter().map(reaching).fold(None, earlier)
        };
        let labels = nodes.iter();
        Reach {
            by_label: labels
                .map(|(label, nodes)| (label.as_str(), first(nodes)))
                .collect(),
            of_root: first(&[0]),
        }
    }

    fn first(&self, symptom: &Finding) -> Option<usize> {
        let label = symptom.node.as_deref();
        let known = label.and_then(|label| self.by_label.get(label));
        known.copied().unwrap_or(self.of_root)
    }
}

fn earlier(one: Option<usize>, other: Option<usize>) -> Option<usize> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::finding::rules::find;
    use crate::plan::Plan;

    /// A sort over a scan, beside another scan.
    const PLAN: &str = r#"{"Plan":{"Node Type":"Append","Plans":[
        {"Node Type":"Sort","Plans":[{"Node Type":"Seq Scan","Relation Name":"job"}]},
        {"Node Type":"Seq Scan","Relation Name":"step"}]}}"#;

    fn finding(rule: &str, node: Option<&str>) -> Finding {
        Finding {
            rule: rule.to_owned(),
            severity: find(rule).unwrap().severity,
            message: format!("{rule} was found"),
            help: String::new(),
            node: node.map(str::to_owned),
            evidence: BTreeMap::from([("pages".to_owned(), json!(7))]),
        }
    }

    fn told(findings: &[(&str, Option<&str>)]) -> Vec<Finding> {
        let plan = Plan::parse(PLAN).unwrap().remove(0);
        let findings = findings
            .iter()
            .map(|(rule, node)| finding(rule, *node))
            .collect();
        told_once(findings, &PlanTree::new(&plan))
    }

    fn rules(findings: &[Finding]) -> Vec<&str> {
        findings.iter().map(|one| one.rule.as_str()).collect()
    }

    fn symptoms(finding: &Finding) -> Vec<&str> {
        let list = finding.evidence.get(SYMPTOMS).and_then(Value::as_array);
        let rules = list.into_iter().flatten().map(|symptom| &symptom["rule"]);
        rules.filter_map(Value::as_str).collect()
    }

    #[test]
    fn the_list_names_rules_and_runs_in_no_circle() {
        let mut earlier: BTreeSet<&str> = BTreeSet::new();
        for cause in CAUSES {
            assert!(find(cause.rule).is_some(), "{}", cause.rule);
            assert!(earlier.insert(cause.rule), "{} stands twice", cause.rule);
            for symptom in cause.symptoms {
                assert!(find(symptom).is_some(), "{symptom}");
                assert!(
                    !earlier.contains(symptom),
                    "{symptom} stands before what causes it"
                );
            }
        }
    }

    #[test]
    fn a_symptom_at_the_same_node_or_below_is_told_with_its_cause() {
        for place in ["Sort", "Seq Scan job"] {
            let found = told(&[("sort-in-fetch", Some("Sort")), ("spill", Some(place))]);
            assert_eq!(rules(&found), ["sort-in-fetch"], "{place}");
            assert_eq!(symptoms(&found[0]), ["spill"]);
            let kept = &found[0].evidence[SYMPTOMS][0];
            assert_eq!(kept["message"], "spill was found");
            assert_eq!(kept["evidence"]["pages"], 7);
            assert_eq!(found[0].evidence["pages"], 7, "the cause's own");
        }
    }

    #[test]
    fn a_cause_below_its_symptom_is_told_too() {
        let found = told(&[
            ("spill", Some("Sort")),
            ("misestimate", Some("Seq Scan job")),
        ]);
        assert_eq!(rules(&found), ["misestimate"]);
        assert_eq!(symptoms(&found[0]), ["spill"]);
        assert_eq!(
            found[0].severity,
            Severity::Warning,
            "as much as its symptom"
        );
    }

    #[test]
    fn what_is_elsewhere_or_unexplained_stays() {
        let elsewhere = told(&[
            ("sort-in-fetch", Some("Sort")),
            ("spill", Some("Seq Scan step")),
        ]);
        assert_eq!(rules(&elsewhere), ["sort-in-fetch", "spill"]);
        let unexplained = told(&[
            ("sort-in-fetch", Some("Sort")),
            ("trigger-cost", None),
            ("sort-in-fetch", Some("Sort")),
        ]);
        assert_eq!(
            rules(&unexplained),
            ["sort-in-fetch", "trigger-cost", "sort-in-fetch"]
        );
    }

    #[test]
    fn the_whole_statement_is_every_place() {
        let found = told(&[
            ("trigger-cost", None),
            ("time-outside-plan", None),
            ("partial-index-lost", Some("Seq Scan step")),
            ("costly-generic-plan", None),
        ]);
        assert_eq!(rules(&found), ["trigger-cost", "partial-index-lost"]);
        assert_eq!(symptoms(&found[0]), ["time-outside-plan"]);
        assert_eq!(symptoms(&found[1]), ["costly-generic-plan"]);
    }

    #[test]
    fn causes_of_causes_are_followed_to_the_first() {
        let found = told(&[
            ("sort-in-fetch", Some("Sort")),
            ("partial-index-lost", Some("Seq Scan job")),
            ("spill", Some("Sort")),
            ("time-outside-plan", None),
            ("jit-in-fetch", None),
        ]);
        assert_eq!(rules(&found), ["partial-index-lost"]);
        assert_eq!(
            symptoms(&found[0]),
            [
                "sort-in-fetch",
                "spill",
                "time-outside-plan",
                "jit-in-fetch"
            ]
        );
    }

    #[test]
    fn many_findings_in_a_large_plan_take_no_longer_than_its_size() {
        let scan = r#"{"Node Type":"Seq Scan","Relation Name":"job"}"#;
        let scans = vec![scan; 20_000].join(",");
        let text = format!(r#"{{"Plan":{{"Node Type":"Append","Plans":[{scans}]}}}}"#);
        let plan = Plan::parse(&text).unwrap().remove(0);
        let findings = ["misestimate", "spill"]
            .iter()
            .flat_map(|rule| vec![finding(rule, Some("Seq Scan job")); 20_000])
            .collect();
        let found = told_once(findings, &PlanTree::new(&plan));
        assert_eq!(found.len(), 20_000, "the first of them has every symptom");
        assert_eq!(symptoms(&found[0]).len(), 20_000);
    }
}
