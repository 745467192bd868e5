//! Which nodes of a plan are shown: all of a plan of ordinary size; of a larger one those with findings and the dearest, each below the
//! nearest node that is shown, and the rest counted there.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{PlanTree, PlanWork, Work};

/// Up to so many nodes are shown.
const MOST_SHOWN: usize = 80;

/// A node that is shown for its own sake is shown with so many of those above it, itself among them.
const CONTEXT: usize = 4;

/// A line of the tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    /// What it shows.
    pub(super) what: What,
    /// What stands in front of it: the lines that lead to it.
    pub(super) guides: String,
}

/// What a line shows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// The node at this preorder index.
    Node(usize),
    /// So many nodes below the line's parent that are not shown.
    Rest(usize, Work),
}

/// The lines of a plan's tree, guides drawn with so many columns a level (2 or 3).
pub(super) fn selection(
    tree: &PlanTree<'_>,
    work: &PlanWork,
    marked: &BTreeSet<usize>,
    step: usize,
) -> Vec<Shown> {
    let kept = kept(tree, work, marked);
    let (parents, rests) = placed(tree, work, &kept);
    let mut lines: Vec<(Option<usize>, What, bool)> = Vec::new();
    // Preorder among the nodes that are kept; what is left out below one stands behind all that is shown below it.
    let mut place = BTreeMap::new();
    let mut open: Vec<usize> = Vec::new();
    let close = |open: &mut Vec<usize>,
                 lines: &mut Vec<_>,
                 place: &BTreeMap<usize, usize>,
                 until: usize| {
        while open.last().is_some_and(|node| tree.end(*node) <= until) {
            let node = open.pop().unwrap_or_default();
            if let Some((count, rest)) = rests.get(&node) {
                let parent = place.get(&node).copied();
                lines.push((parent, What::Rest(*count, *rest), false));
            }
        }
    };
    for index in &kept {
        close(&mut open, &mut lines, &place, *index);
        let parent = parents.get(index).copied().flatten();
        let skips = parent != tree.parent(*index);
        let parent = parent.and_then(|parent| place.get(&parent).copied());
        place.insert(*index, lines.len());
        lines.push((parent, What::Node(*index), skips));
        open.push(*index);
    }
    close(&mut open, &mut lines, &place, usize::MAX);
    drawn(lines, step)
}

/// The preorder indexes of the nodes that are shown.
fn kept(tree: &PlanTree<'_>, work: &PlanWork, marked: &BTreeSet<usize>) -> BTreeSet<usize> {
    if tree.len() <= MOST_SHOWN {
        return (0..tree.len()).collect();
    }
    let mut order: Vec<(usize, f64)> = (0..tree.len())
        .map(|index| (index, share(work, index)))
        .collect();
    // Stable: where nothing was executed, those in front.
    order.sort_by(|one, other| other.1.total_cmp(&one.1));
    order.sort_by_key(|(index, _)| Reverse(marked.contains(index)));
    let mut kept = BTreeSet::from([0]);
    for (index, _) in order {
        if kept.len() >= MOST_SHOWN {
            break;
        }
        let path = std::iter::once(index).chain(tree.ancestors(index));
        let path: Vec<usize> = path
            .take_while(|node| !kept.contains(node))
            .take(CONTEXT)
            .take(MOST_SHOWN - kept.len())
            .collect();
        kept.extend(path);
    }
    kept
}

/// What a node did by itself, as a share of the statement's time or of its pages, whichever is more.
pub(super) fn share(work: &PlanWork, index: usize) -> f64 {
    let own = work.nodes.get(index).copied().unwrap_or_default();
    let of = |part: f64, all: f64| if all > 0.0 { part / all } else { 0.0 };
    let time = of(own.time_ms, work.total.time_ms);
    let pages = of(
        own.buffers.total() as f64,
        work.total.buffers.total() as f64,
    );
    time.max(pages)
}

type Parents = BTreeMap<usize, Option<usize>>;
type Rests = BTreeMap<usize, (usize, Work)>;

/// The nearest node above each one shown that is shown too; and below each what is not.
fn placed(tree: &PlanTree<'_>, work: &PlanWork, kept: &BTreeSet<usize>) -> (Parents, Rests) {
    let (mut parents, mut rests) = (Parents::new(), Rests::new());
    let mut open: Vec<usize> = Vec::new();
    for position in tree.positions() {
        let index = position.index;
        while open.last().is_some_and(|node| tree.end(*node) <= index) {
            open.pop();
        }
        if kept.contains(&index) {
            parents.insert(index, open.last().copied());
            open.push(index);
        } else if let Some(above) = open.last() {
            let rest = rests.entry(*above).or_default();
            let own = work.nodes.get(index).copied().unwrap_or_default();
            *rest = (rest.0 + 1, rest.1.plus(&own));
        }
    }
    (parents, rests)
}

/// Draws the guides: each line has its parent among the lines before it, and whether nodes between the two are left out.
fn drawn(lines: Vec<(Option<usize>, What, bool)>, step: usize) -> Vec<Shown> {
    let mut is_last = vec![true; lines.len()];
    let mut seen = BTreeSet::new();
    for (at, (parent, ..)) in lines.iter().enumerate().rev() {
        is_last[at] = seen.insert(*parent);
    }
    // What the lines below each one begin with.
    let mut beneath: Vec<String> = Vec::with_capacity(lines.len());
    let mut shown = Vec::with_capacity(lines.len());
    for (at, (parent, what, skips)) in lines.into_iter().enumerate() {
        let Some(before) = parent.map(|parent| beneath[parent].clone()) else {
            beneath.push(String::new());
            shown.push(Shown {
                what,
                guides: String::new(),
            });
            continue;
        };
        let corner = if is_last[at] { '└' } else { '├' };
        let dash = if skips { '⋯' } else { '─' };
        let space = " ".repeat(step.saturating_sub(2));
        shown.push(Shown {
            what,
            guides: format!("{before}{corner}{dash}{space}"),
        });
        let stem = if is_last[at] { ' ' } else { '│' };
        beneath.push(format!("{before}{stem}{}", " ".repeat(step - 1)));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, work};

    fn lines(text: &str, marked: &[usize]) -> Vec<Shown> {
        let plan = Plan::parse(text).unwrap().remove(0);
        let tree = PlanTree::new(&plan);
        selection(&tree, &work(&plan), &marked.iter().copied().collect(), 2)
    }

    #[test]
    fn a_small_plan_is_shown_whole() {
        let leaf = r#"{"Node Type":"Result"}"#;
        let text = format!(
            r#"{{"Plan":{{"Node Type":"Append","Plans":[{{"Node Type":"Sort","Plans":[{leaf}]}},{leaf}]}}}}"#
        );
        let shown = lines(&text, &[]);
        let guides: Vec<&str> = shown.iter().map(|line| line.guides.as_str()).collect();
        assert_eq!(guides, ["", "├─", "│ └─", "└─"]);
        assert!(
            shown
                .iter()
                .enumerate()
                .all(|(at, line)| line.what == What::Node(at))
        );
    }

    fn wide(members: usize, dear: usize) -> String {
        let members: Vec<String> = (0..members)
            .map(|at| {
                let pages = if at == dear { 1_000 } else { 1 };
                format!(
                    r#"{{"Node Type":"Sort","Actual Rows":1,"Actual Loops":1,"Shared Hit Blocks":{pages},"Plans":[
                        {{"Node Type":"Result","Actual Rows":1,"Actual Loops":1,"Shared Hit Blocks":0}}]}}"#
                )
            })
            .collect();
        let pages = members.len() + 999;
        format!(
            r#"{{"Plan":{{"Node Type":"Append","Actual Rows":1,"Actual Loops":1,"Shared Hit Blocks":{pages},"Plans":[{}]}}}}"#,
            members.join(",")
        )
    }

    #[test]
    fn of_a_large_plan_the_dearest_are_shown_and_the_rest_is_counted() {
        let shown = lines(&wide(1_000, 700), &[1_000]);
        assert!(shown.len() <= 2 * MOST_SHOWN, "{}", shown.len());
        let is_shown = |node: usize| shown.iter().any(|line| line.what == What::Node(node));
        assert!(is_shown(0) && is_shown(1 + 2 * 700) && is_shown(1_000));
        let (mut nodes, mut pages) = (0, 0);
        for line in &shown {
            match &line.what {
                What::Node(_) => nodes += 1,
                What::Rest(count, work) => {
                    nodes += count;
                    pages += work.buffers.total();
                }
            }
        }
        assert_eq!(nodes, 2_001, "every node is shown or counted");
        assert!(pages < 1_000);
    }

    #[test]
    fn a_deep_plan_is_shown_without_what_lies_between() {
        let depth = 900;
        let text = format!(
            r#"{{"Plan":{}{{"Node Type":"Result"}}{}}}"#,
            r#"{"Node Type":"Limit","Plans":["#.repeat(depth),
            "]}".repeat(depth)
        );
        let shown = lines(&text, &[depth]);
        assert!(shown.len() <= 2 * MOST_SHOWN);
        assert!(shown.iter().any(|line| line.what == What::Node(depth)));
        let skipping = shown.iter().filter(|line| line.guides.ends_with('⋯'));
        assert_eq!(
            skipping.count(),
            1,
            "from the root's end to what leads to the last node"
        );
    }
}
