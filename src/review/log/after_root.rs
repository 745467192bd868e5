//! The pages of a statement whose data-modifying CTE may run on after the root, from the pages of its nodes alone.
//!
//! What [`crate::plan::work()`] finds for such a plan, without the plan: the CTE's pages less those of the scans that read it are the
//! statement's beyond the root's. That holds for plans with one such CTE, owned by the root, and no InitPlan, as long as no node claims
//! more than the one above it has; for all others there is no answer here.

use std::ops::Range;

use crate::plan::{Plan, PlanTree, References};

/// Pages of a node with all it called: shared hit and read, local hit and read.
pub(super) type NodePages = [u64; 4];

/// The nodes that matter, by preorder index.
#[derive(Debug)]
pub(super) struct AfterRoot {
    /// Of each node the one it is an input of; none for the root, and for the CTE and what is below it.
    caller: Vec<Option<usize>>,
    /// The CTE.
    cte: usize,
    /// The scans that read it.
    scans: Vec<usize>,
}

impl AfterRoot {
    /// Of a plan; none if it is not of this kind.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let tree = PlanTree::new(plan);
        let references = References::of(&tree);
        let mut init_plans = tree
            .positions()
            .iter()
            .filter(|position| position.node.is_init_plan());
        let cte = init_plans.next()?;
        let writes = cte.node.computes_cte().is_some() && cte.node.is_modify_table();
        if !writes || cte.parent != Some(0) || init_plans.next().is_some() {
            return None;
        }
        let inside: Range<usize> = cte.index..tree.end(cte.index);
        let caller =
            |index: usize, parent: Option<usize>| parent.filter(|_| !inside.contains(&index));
        let positions = tree.positions().iter();
        Some(AfterRoot {
            caller: positions
                .map(|position| caller(position.index, position.parent))
                .collect(),
            cte: cte.index,
            scans: references.askers(cte.index).to_vec(),
        })
    }

    /// The statement's pages; none if the nodes do not add up.
    pub(super) fn pages(&self, nodes: &[NodePages]) -> Option<u64> {
        if nodes.len() != self.caller.len() {
            return None;
        }
        let mut own = nodes.to_vec();
        for (pages, caller) in nodes.iter().zip(&self.caller) {
            if let Some(caller) = caller {
                take(own.get_mut(*caller)?, pages)?;
            }
        }
        let mut after = *nodes.get(self.cte)?;
        for scan in &self.scans {
            let read = own.get(*scan)?;
            after
                .iter_mut()
                .zip(read)
                .for_each(|(left, read)| *left = left.saturating_sub(*read));
        }
        Some(total(nodes.first()?).saturating_add(total(&after)))
    }
}

/// All of a node's pages.
pub(super) fn total(pages: &NodePages) -> u64 {
    pages
        .iter()
        .fold(0, |sum, pages| sum.saturating_add(*pages))
}

/// Takes from each count; none if there is less.
fn take(from: &mut NodePages, pages: &NodePages) -> Option<()> {
    for (left, pages) in from.iter_mut().zip(pages) {
        *left = left.checked_sub(*pages)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::work;

    /// A root over two scans of a deleting CTE, with these pages.
    fn plan(pages: &[NodePages; 5]) -> Plan {
        let node = |at: usize, keys: &str| {
            let [hit, read, local_hit, local_read] = pages[at];
            format!(
                r#"{{{keys},"Actual Loops":1,"Shared Hit Blocks":{hit},"Shared Read Blocks":{read},"Local Hit Blocks":{local_hit},"Local Read Blocks":{local_read}"#
            )
        };
        let text = format!(
            r#"{{"Plan":{},"Plans":[{},"Plans":[{}}}]}},{}}},{}}}]}}}}"#,
            node(0, r#""Node Type":"Append""#),
            node(
                1,
                r#""Node Type":"ModifyTable","Operation":"Delete","Parent Relationship":"InitPlan","Subplan Name":"CTE a""#
            ),
            node(2, r#""Node Type":"Seq Scan","Parent Relationship":"Outer""#),
            node(
                3,
                r#""Node Type":"CTE Scan","CTE Name":"a","Parent Relationship":"Member""#
            ),
            node(
                4,
                r#""Node Type":"CTE Scan","CTE Name":"a","Parent Relationship":"Member""#
            ),
        );
        Plan::parse(&text).unwrap().remove(0)
    }

    proptest! {
        #[test]
        fn pages_are_those_of_the_work_in_full(pages in any::<[[u8; 4]; 5]>(), room in any::<bool>()) {
            let mut pages = pages.map(|node| node.map(u64::from));
            if room {
                pages[0] = pages[0].map(|count| count + 510);
            }
            let plan = plan(&pages);
            let quick = AfterRoot::of(&plan).unwrap().pages(&pages);
            prop_assert!(quick.is_some() || !room);
            if let Some(quick) = quick {
                prop_assert_eq!(quick, work(&plan).total.buffers.total());
            }
        }
    }
}
