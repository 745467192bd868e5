//! How a plan claims rows: which of them it locks as it chooses them, and which it chooses by a limit and finds again afterwards.
//!
//! A row lock keeps what it was chosen by true, because PostgreSQL checks the conditions of the query that has the locking clause
//! again on the newest version of the row (PostgreSQL's manual, "Read Committed Isolation Level"). The conditions of a subquery that
//! chose the row without a lock are not checked again.

use std::collections::{BTreeMap, BTreeSet};

use super::case::Case;
use super::predicate::{column_name, comparisons, conjuncts, names_column};
use super::statement_text::{LockPolicy, assigned_columns, names_advisory_lock};
use crate::plan::{Operation, PlanNode, PlanTree, References, Relationship, node_label};

/// Rows that the planner expects of `id = any(array(…))`, whatever the limit within.
const ARRAY_ESTIMATE: f64 = 10.0;

/// Rows that a limit chooses without locking them, and that are found again to be locked or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnlockedChoice {
    /// Preorder index of the Limit.
    pub limit: usize,
    /// The scan the limit chooses from.
    pub chosen_by: usize,
    /// The scan of the same relation that finds the rows again.
    pub found_by: usize,
}

impl UnlockedChoice {
    /// The choice in words: `Limit ← Index Only Scan job_ready`.
    #[must_use]
    pub fn label(&self, tree: &PlanTree<'_>) -> String {
        let [limit, scan] = [self.limit, self.chosen_by].map(|index| node_label(tree.node(index)));
        format!("{limit} ← {scan}")
    }

    /// The relation whose rows are chosen.
    #[must_use]
    pub fn relation<'a>(&self, tree: &PlanTree<'a>) -> &'a str {
        tree.node(self.chosen_by)
            .relation_name
            .as_deref()
            .unwrap_or_default()
    }

    /// Whether two workers that choose the same row both claim it.
    #[must_use]
    pub fn claims_twice(&self, case: &Case<'_>, tree: &PlanTree<'_>) -> ClaimsTwice {
        let writes = |operation: &Operation| {
            tree.positions().iter().any(|position| {
                position.node.is_modify_table()
                    && position.node.operation.as_ref() == Some(operation)
                    && position.node.relation_name.as_deref() == Some(self.relation(tree))
            })
        };
        match (writes(&Operation::Update), writes(&Operation::Delete)) {
            (false, true) => ClaimsTwice::Never,
            (true, false) if !case.statement_text.is_empty() => {
                self.is_looked_at_again(&assigned_columns(case.statement_text), tree)
            }
            _ => ClaimsTwice::Unknown,
        }
    }

    /// Whether a claim that gives these columns new values is seen by what finds the row again.
    fn is_looked_at_again(&self, assigned: &[&str], tree: &PlanTree<'_>) -> ClaimsTwice {
        let is_assigned = |column: &str| {
            assigned
                .iter()
                .any(|known| known.eq_ignore_ascii_case(column))
        };
        // `attempts < 3` may hold before and after `attempts = attempts + 1`; one value, or none at all, does not.
        let is_over = |part: &str| match part.strip_suffix(" IS NULL") {
            Some(tested) => column_name(tested).is_some_and(is_assigned),
            None => comparisons(part)
                .iter()
                .any(|part| part.is_equality() && is_assigned(part.column)),
        };
        let found_by = &tree.node(self.found_by).conditions;
        let chosen = self.limit..tree.end(self.limit);
        let mut elsewhere = tree
            .positions()
            .iter()
            .filter(|position| !chosen.contains(&position.index))
            .flat_map(|position| &position.node.conditions);
        if found_by
            .iter()
            .any(|(_, text)| conjuncts(text).into_iter().any(is_over))
        {
            ClaimsTwice::Never
        } else if elsewhere.any(|(_, text)| assigned.iter().any(|name| names_column(text, name))) {
            ClaimsTwice::Unknown
        } else {
            ClaimsTwice::Always
        }
    }
}

/// Whether two workers that choose the same row both claim it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimsTwice {
    /// The row is gone by then, or what finds it again asks for one value of a column that the claim changes, and so leaves a claimed
    /// row alone.
    Never,
    /// Nothing that the claim changes is looked at again.
    Always,
    /// Another statement may make it so, or a condition on what the claim changes, which may hold before and after.
    Unknown,
}

/// What becomes of the second of two workers that have chosen the same rows.
#[must_use]
pub fn second_worker(policy: Option<LockPolicy>, twice: ClaimsTwice) -> &'static str {
    match (policy, twice) {
        (Some(LockPolicy::Skip), ClaimsTwice::Never) => {
            "the second passes over what the first has locked and gets fewer or none, though more are due"
        }
        (Some(LockPolicy::Skip), _) => {
            "the second passes over what the first has locked and gets fewer or none, though more are due, and claims again what the \
             first has just committed"
        }
        (Some(LockPolicy::Fail), _) => "the second fails",
        (Some(LockPolicy::Wait), ClaimsTwice::Never) => {
            "the second waits for the first and then gets none of them, though more are due"
        }
        (Some(LockPolicy::Wait), ClaimsTwice::Always) => {
            "the second waits for the first and then claims them again, so jobs are done twice"
        }
        (Some(LockPolicy::Wait), ClaimsTwice::Unknown) => {
            "the second waits for the first and then gets none of them, though more are due, or the same ones again"
        }
        (None, _) => "the second gets fewer or none, though more are due, or the same ones again",
    }
}

/// Whether the statement is a fetch; one whose operation is not known is, if it locks rows.
#[must_use]
pub fn is_fetch(case: &Case<'_>, tree: &PlanTree<'_>) -> bool {
    case.operation == "fetch" || (case.operation.is_empty() && locks(tree).next().is_some())
}

/// The nodes that lock rows.
pub fn locks<'t>(tree: &'t PlanTree<'_>) -> impl Iterator<Item = usize> + use<'t> {
    let positions = tree.positions().iter();
    positions
        .filter(|position| is_lock(position.node))
        .map(|position| position.index)
}

/// Whether an advisory lock decides who gets a row, by the statement's text or its plan's conditions.
#[must_use]
pub fn is_by_advisory_lock(case: &Case<'_>, tree: &PlanTree<'_>) -> bool {
    let mut conditions = tree
        .positions()
        .iter()
        .flat_map(|position| &position.node.conditions);
    names_advisory_lock(case.statement_text)
        || conditions.any(|(_, text)| names_advisory_lock(text))
}

/// Whether a Limit bounds how many rows this node locks: the rows are locked as they are chosen.
#[must_use]
pub fn is_limited(tree: &PlanTree<'_>, lock: usize) -> bool {
    let mut at = lock;
    while !tree.node(at).is_init_plan()
        && let Some(parent) = tree.parent(at)
        && !tree.node(parent).is_modify_table()
    {
        if tree.node(parent).node_type == "Limit" {
            return true;
        }
        at = parent;
    }
    false
}

/// Whether an alias of a plan is a name of the statement, or that with the number PostgreSQL puts behind a name that is there twice.
pub(super) fn is_alias(alias: &str, name: &str) -> bool {
    let rest = alias
        .get(..name.len())
        .filter(|start| start.eq_ignore_ascii_case(name))
        .map(|start| &alias[start.len()..]);
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('_').is_some_and(is_number))
}

/// What feeds which node of a plan.
pub struct Feeds<'t, 'a> {
    tree: &'t PlanTree<'a>,
    /// InitPlans and CTEs by the node that asks for them, or by their owner where nothing is seen to.
    asked_for: BTreeMap<usize, Vec<usize>>,
}

impl<'t, 'a> Feeds<'t, 'a> {
    /// Finds them all.
    #[must_use]
    pub fn of(tree: &'t PlanTree<'a>) -> Self {
        let references = References::of(tree);
        let mut asked_for: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for position in tree.positions() {
            let Some(owner) = position.parent.filter(|_| position.node.is_init_plan()) else {
                continue;
            };
            let askers = references.askers(position.index);
            let known = if askers.is_empty() {
                std::slice::from_ref(&owner)
            } else {
                askers
            };
            for asker in known {
                asked_for.entry(*asker).or_default().push(position.index);
            }
        }
        Feeds { tree, asked_for }
    }

    /// The node itself and all that it gets its rows and values from.
    #[must_use]
    pub fn reaching(&self, node: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut pending = vec![node];
        while let Some(at) = pending.pop() {
            if !found.insert(at) {
                continue;
            }
            let children = self.tree.children(at);
            pending.extend(children.filter(|child| !self.tree.node(*child).is_init_plan()));
            pending.extend(self.asked_for.get(&at).into_iter().flatten());
        }
        found
    }

    /// The relations a node gets its rows from that go by one of these names.
    #[must_use]
    pub fn relations_named(&self, node: usize, names: &[&str]) -> BTreeSet<&'a str> {
        let is_named = |node: &PlanNode| {
            let known = [&node.alias, &node.relation_name];
            known
                .into_iter()
                .flatten()
                .any(|known| names.iter().any(|name| is_alias(known, name)))
        };
        self.relations(&self.reaching(node), is_named)
    }

    /// The scans that are inputs of a node, those of its InitPlans, CTEs and SubPlans apart, and that go by one of these names, by that
    /// name.
    #[must_use]
    pub fn inputs_named<'n>(
        &self,
        node: usize,
        names: &[&'n str],
    ) -> BTreeMap<&'n str, Vec<usize>> {
        let mut found: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut pending = vec![node];
        while let Some(at) = pending.pop() {
            let inputs = self.tree.children(at).filter(|child| {
                let child = self.tree.node(*child);
                !child.is_init_plan() && child.parent_relationship != Some(Relationship::SubPlan)
            });
            pending.extend(inputs);
            let scan = self.tree.node(at);
            let known = scan.alias.as_ref().or(scan.relation_name.as_ref());
            let is_scan = scan.relation_name.is_some() && !scan.is_modify_table();
            let name = known
                .filter(|_| is_scan)
                .and_then(|known| names.iter().find(|name| is_alias(known, name)));
            if let Some(name) = name {
                found.entry(name).or_default().push(at);
            }
        }
        found
    }

    /// All relations a node gets its rows from.
    #[must_use]
    pub fn relations_read(&self, node: usize) -> BTreeSet<&'a str> {
        self.relations(&self.reaching(node), |_| true)
    }

    /// Whether a lock is of other relations than those that a limit chooses rows of: a row that stands for a queue or for all of them.
    #[must_use]
    pub fn is_of_its_own(&self, lock: usize, locked: &BTreeSet<&str>) -> bool {
        if is_limited(self.tree, lock) {
            return false;
        }
        let all = self.reaching(lock);
        let positions = self.tree.positions().iter();
        let mut limits = positions.filter(|position| position.node.node_type == "Limit");
        limits.any(|limit| {
            let others = &self.reaching(limit.index) - &all;
            let chosen = self.relations(&others, |_| true);
            !chosen.is_empty() && chosen.is_disjoint(locked)
        })
    }

    fn relations(
        &self,
        nodes: &BTreeSet<usize>,
        is_meant: impl Fn(&PlanNode) -> bool,
    ) -> BTreeSet<&'a str> {
        nodes
            .iter()
            .map(|index| self.tree.node(*index))
            .filter(|node| !node.is_modify_table() && is_meant(node))
            .filter_map(|node| node.relation_name.as_deref())
            .collect()
    }

    /// The choice by which a node that locks or writes gets its rows, if a limit makes it and nothing locks them there. A limit that
    /// chooses something else (whose rows to take, not which) keeps fewer rows than the node gets.
    #[must_use]
    pub fn unlocked_choice(&self, node: usize) -> Option<UnlockedChoice> {
        self.unlocked_choice_of(node, |_| true)
    }

    /// The first such choice that is meant.
    #[must_use]
    pub fn unlocked_choice_of(
        &self,
        node: usize,
        is_meant: impl Fn(&UnlockedChoice) -> bool,
    ) -> Option<UnlockedChoice> {
        let all = self.reaching(node);
        let inputs: Vec<&PlanNode> = self
            .tree
            .children(node)
            .map(|child| self.tree.node(child))
            .filter(|child| !child.is_init_plan())
            .collect();
        let mut limits = all.iter().filter(|index| {
            let limit = self.tree.node(**index);
            limit.node_type == "Limit" && chooses(limit, &inputs)
        });
        limits.find_map(|limit| {
            let below = self.reaching(*limit);
            if below.iter().any(|index| is_lock(self.tree.node(*index))) {
                return None;
            }
            let scanned = |index: &usize| {
                let node = self.tree.node(*index);
                let relation = node.relation_name.as_deref();
                Some((relation.filter(|_| !node.is_modify_table())?, *index))
            };
            // Backwards: the first scan of a relation stays.
            let chosen_by: BTreeMap<&str, usize> = below.iter().rev().filter_map(scanned).collect();
            let outside = all.difference(&below).filter_map(scanned);
            let mut choices = outside.filter_map(|(relation, found_by)| {
                Some(UnlockedChoice {
                    limit: *limit,
                    chosen_by: *chosen_by.get(relation)?,
                    found_by,
                })
            });
            choices.find(&is_meant)
        })
    }
}

/// Whether a limit keeps at least as many rows as a node gets from its inputs: by what was executed, or by the planner's estimates
/// where that was nothing.
fn chooses(limit: &PlanNode, inputs: &[&PlanNode]) -> bool {
    let got = |rows: fn(&PlanNode) -> f64| inputs.iter().map(|input| rows(input)).sum::<f64>();
    let kept = limit.total_rows();
    if kept > 0.0 {
        got(PlanNode::total_rows) <= kept
    } else {
        got(|input| input.estimate.rows) <= limit.estimate.rows.max(ARRAY_ESTIMATE)
    }
}

/// Whether the node locks rows.
#[must_use]
pub fn is_lock(node: &PlanNode) -> bool {
    node.node_type == "LockRows"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::case::Catalog;
    use crate::plan::{Plan, PlanMode};

    /// An UPDATE of the jobs that a limit chose, with this condition on the scan that finds them again, and these rows expected of the
    /// limit and of that scan; rows that were read, if it was executed.
    fn plan(condition: &str, expected: [u64; 2], actual: Option<[u64; 2]>) -> Plan {
        let rows = |at: usize| {
            let actual = actual.map(|rows| {
                format!(
                    r#","Actual Rows":{},"Actual Loops":1,"Actual Startup Time":0,"Actual Total Time":0"#,
                    rows[at]
                )
            });
            format!(
                r#""Plan Rows":{}{}"#,
                expected[at],
                actual.unwrap_or_default()
            )
        };
        let text = format!(
            r#"{{"Plan":{{"Node Type":"ModifyTable","Operation":"Update","Relation Name":"job","Plans":[
                {{"Node Type":"Limit","Parent Relationship":"InitPlan","Subplan Name":"InitPlan 1 (returns $0)",{},"Plans":[
                    {{"Node Type":"Index Scan","Index Name":"job_ready","Relation Name":"job","Alias":"job_1"}}]}},
                {{"Node Type":"Index Scan","Index Name":"job_key","Relation Name":"job","Alias":"job",{},"Index Cond":"{condition}"}}
            ]}}}}"#,
            rows(0),
            rows(1),
        );
        Plan::parse(&text).unwrap().remove(0)
    }

    fn is_chosen(expected: [u64; 2], actual: Option<[u64; 2]>) -> bool {
        let plan = plan("(id = ANY ($0))", expected, actual);
        let tree = PlanTree::new(&plan);
        Feeds::of(&tree).unlocked_choice(0).is_some()
    }

    fn claims_twice(condition: &str, assignments: &str) -> ClaimsTwice {
        let plan = plan(condition, [5, 5], None);
        let tree = PlanTree::new(&plan);
        let text = format!("update job set {assignments} where …");
        let case = Case {
            queue: "",
            fixture: "",
            operation: "fetch",
            variant: "",
            statement: "fetch",
            statement_text: &text,
            batch_size: None,
            mode: PlanMode::Custom,
            custom: None,
            generic: None,
            auto_plan: None,
            forced_plan_mode: None,
            catalog: &Catalog::default(),
        };
        let choice = Feeds::of(&tree).unlocked_choice(0).unwrap();
        choice.claims_twice(&case, &tree)
    }

    #[test]
    fn a_limit_that_chooses_whose_rows_to_take_chooses_no_rows() {
        assert!(is_chosen([5, 5], Some([5, 5])) && !is_chosen([1, 1], Some([1, 400])));
        // Nothing was due, or nothing was executed: the planner's word.
        for actual in [Some([0, 0]), None] {
            assert!(!is_chosen([1, 400], actual) && is_chosen([10, 10], actual));
            // An array of unknown length, of one row here.
            assert!(is_chosen([1, 10], actual));
        }
    }

    #[test]
    fn a_row_that_stands_for_a_queue_is_a_lock_of_its_own() {
        let job = r#"{"Node Type":"Index Scan","Index Name":"job_ready","Relation Name":"job","Alias":"job_1"}"#;
        let queue = r#"{"Node Type":"LockRows","Plans":[{"Node Type":"Seq Scan","Relation Name":"queue","Alias":"q_1"}]}"#;
        let parse = |text: String| Plan::parse(&text).unwrap().remove(0);
        let plan = parse(format!(
            r#"{{"Plan":{{"Node Type":"Limit","Plans":[{{"Node Type":"Nested Loop","Plans":[{queue},{job}]}}]}}}}"#
        ));
        let tree = PlanTree::new(&plan);
        let feeds = Feeds::of(&tree);
        let names = feeds.relations_named(2, &["q"]);
        assert_eq!(names, BTreeSet::from(["queue"]));
        assert!(
            feeds
                .relations_named(2, &["queue_1", "job", "que"])
                .is_empty()
        );
        assert!(!feeds.is_of_its_own(2, &names), "a limit bounds it");
        let plan = parse(format!(
            r#"{{"Plan":{{"Node Type":"Nested Loop","Plans":[{queue},{{"Node Type":"Limit","Plans":[{job}]}}]}}}}"#
        ));
        let tree = PlanTree::new(&plan);
        let feeds = Feeds::of(&tree);
        assert!(feeds.is_of_its_own(1, &names));
        assert!(!feeds.is_of_its_own(1, &BTreeSet::from(["job"])));
    }

    #[test]
    fn only_what_is_certain_is_said_of_a_second_claim() {
        for (condition, assignments, expected) in [
            ("(id = ANY ($0))", "state = 'running'", ClaimsTwice::Always),
            (
                "((id = ANY ($0)) AND (state = 'ready'::text))",
                "state = 'running'",
                ClaimsTwice::Never,
            ),
            (
                "((id = ANY ($0)) AND (state = 'ready'::text))",
                "(worker, state) = ('a', 'running')",
                ClaimsTwice::Never,
            ),
            (
                "((id = ANY ($0)) AND (locked_at IS NULL))",
                "locked_at = now()",
                ClaimsTwice::Never,
            ),
            (
                "((id = ANY ($0)) AND (attempts < 3))",
                "attempts = attempts + 1",
                ClaimsTwice::Unknown,
            ),
            (
                "((id = ANY ($0)) AND ((locked_until IS NULL) OR (locked_until < now())))",
                "locked_until = now() + '30 s'",
                ClaimsTwice::Unknown,
            ),
        ] {
            assert_eq!(
                claims_twice(condition, assignments),
                expected,
                "{condition}"
            );
        }
    }
}
