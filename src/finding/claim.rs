//! How a plan claims rows: which of them it locks as it chooses them, and which it chooses by a limit and finds again afterwards.
//!
//! A row lock keeps what it was chosen by true, because PostgreSQL checks the conditions of the query that has the locking clause
//! again on the newest version of the row (PostgreSQL's manual, "Read Committed Isolation Level"). The conditions of a subquery that
//! chose the row without a lock are not checked again.

use std::collections::{BTreeMap, BTreeSet};

use super::access::accesses;
use super::case::{Case, PlanView};
use super::statement_text::{LockPolicy, assigns, names_advisory_lock};
use crate::plan::{Operation, PlanNode, PlanTree, References, node_label};

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
    pub fn claims_twice(
        &self,
        case: &Case<'_>,
        view: &PlanView<'_>,
        tree: &PlanTree<'_>,
    ) -> ClaimsTwice {
        let writes = |operation: &Operation| {
            tree.positions().iter().any(|position| {
                position.node.is_modify_table()
                    && position.node.operation.as_ref() == Some(operation)
            })
        };
        let mut found_by = accesses(view)
            .into_iter()
            .filter(|access| access.index == self.found_by)
            .flat_map(|access| access.comparisons);
        if writes(&Operation::Delete)
            || found_by.any(|part| assigns(case.statement_text, part.column))
        {
            ClaimsTwice::Never
        } else if writes(&Operation::Update) && !case.statement_text.is_empty() {
            ClaimsTwice::Always
        } else {
            ClaimsTwice::Unknown
        }
    }
}

/// Whether two workers that choose the same row both claim it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimsTwice {
    /// The row is gone by then, or what finds it again compares a column that the claim changes, and so leaves a claimed row alone.
    Never,
    /// Nothing that the claim changes is looked at again.
    Always,
    /// Another statement may make it so.
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

    /// The choice by which a node that locks or writes gets its rows, if a limit makes it and nothing locks them there. A limit that
    /// chooses something else (whose rows to take, not which) keeps fewer rows than the node gets.
    #[must_use]
    pub fn unlocked_choice(&self, node: usize) -> Option<UnlockedChoice> {
        let all = self.reaching(node);
        let inputs = self.tree.children(node);
        let got: f64 = inputs
            .map(|child| self.tree.node(child))
            .filter(|child| !child.is_init_plan())
            .map(PlanNode::total_rows)
            .sum();
        let mut limits = all.iter().filter(|index| {
            let limit = self.tree.node(**index);
            limit.node_type == "Limit" && got <= limit.total_rows()
        });
        limits.find_map(|limit| {
            let below = self.reaching(*limit);
            if below.iter().any(|index| is_lock(self.tree.node(*index))) {
                return None;
            }
            let scans = |index: &&usize| is_scan(self.tree.node(**index));
            all.difference(&below).filter(scans).find_map(|found_by| {
                let relation = &self.tree.node(*found_by).relation_name;
                let chosen_by = below
                    .iter()
                    .filter(scans)
                    .find(|index| self.tree.node(**index).relation_name == *relation)?;
                Some(UnlockedChoice {
                    limit: *limit,
                    chosen_by: *chosen_by,
                    found_by: *found_by,
                })
            })
        })
    }
}

/// Whether the node locks rows.
#[must_use]
pub fn is_lock(node: &PlanNode) -> bool {
    node.node_type == "LockRows"
}

fn is_scan(node: &PlanNode) -> bool {
    node.relation_name.is_some() && !node.is_modify_table()
}
