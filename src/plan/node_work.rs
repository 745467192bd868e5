//! Which work a node of a plan does: which relation it scans or writes, which ones it joins, sorts or limits. What
//! [`difference`](super::difference) matches nodes by.
//!
//! Sets of relations are kept as sums of hashes, one number a set whatever its size: plans of many thousand nodes stay quick.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::difference::unnumbered;
use super::outline::OutlineNode;

/// The work of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeWork<'a> {
    /// What it does, in terms of the statement's relations and aliases.
    pub(super) work: u64,
    /// The same more loosely, where that says anything: the relation without its alias, the kind without what is beneath.
    pub(super) similar_work: Option<u64>,
    /// The InitPlans, CTEs and SubPlans it stands in.
    pub(super) context: u64,
    /// How many of them.
    pub(super) asides: usize,
    /// Its name, which says how it does the work.
    pub(super) node: &'a str,
    /// Its conditions.
    pub(super) conditions: u64,
}

/// The work of every node of a plan.
pub(super) fn node_works(nodes: &[OutlineNode]) -> Vec<NodeWork<'_>> {
    let parents = parents(nodes);
    let classes: Vec<Class<'_>> = nodes.iter().map(Class::of).collect();
    let beneath = relations_beneath(nodes, &parents, &classes);
    let mut works: Vec<NodeWork<'_>> = Vec::with_capacity(nodes.len());
    // The scan that the parts of a bitmap belong to.
    let mut scans: Vec<u64> = Vec::with_capacity(nodes.len());
    for (at, node) in nodes.iter().enumerate() {
        let parent = parents[at].map(|parent| (works[parent], scans[parent]));
        let (mut context, mut asides) =
            parent.map_or((0, 0), |(parent, _)| (parent.context, parent.asides));
        if !node.role.is_empty() {
            // The name of a CTE says nothing of its work.
            let role = node.role.split(' ').next();
            (context, asides) = (hash(&(context, role)), asides + 1);
        }
        let set = beneath[at];
        let scan = match classes[at] {
            Class::Scan => hash(&(&node.relation, alias(node))),
            _ => parent.map_or(0, |(_, scan)| scan),
        };
        let (work, similar_work) = match classes[at] {
            Class::Scan => (hash(&("scan", set)), Some(hash(&("scan", &node.relation)))),
            Class::Write => {
                let work = hash(&("write", &node.relation));
                (work, Some(work))
            }
            Class::Bitmap(kind) => (
                hash(&(kind, scan, &node.node)),
                Some(hash(&("bitmap", kind, scan))),
            ),
            Class::Join => (hash(&("join", set)), None),
            Class::CteScan(_) => (hash(&("cte scan", set)), Some(hash(&"cte scan"))),
            Class::Leaf(_) => (hash(&("leaf", set)), None),
            Class::Over(kind) => (hash(&("over", kind, set)), Some(hash(&("over", kind)))),
        };
        works.push(NodeWork {
            work,
            similar_work,
            context,
            asides,
            node: &node.node,
            conditions: conditions(node),
        });
        scans.push(scan);
    }
    works
}

/// What sort of work a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class<'a> {
    /// Reads a relation.
    Scan,
    /// Writes a relation.
    Write,
    /// Part of a bitmap heap scan.
    Bitmap(&'a str),
    /// Joins its inputs.
    Join,
    /// Reads a CTE of this name.
    CteScan(&'a str),
    /// Reads something else: a function, a list of values.
    Leaf(&'a str),
    /// Does something with its input: sorts, limits, locks, …
    Over(&'a str),
}

impl<'a> Class<'a> {
    fn of(node: &'a OutlineNode) -> Class<'a> {
        let name = node.node.strip_prefix("Parallel ").unwrap_or(&node.node);
        let bitmap = ["Bitmap Index Scan", "BitmapOr", "BitmapAnd"];
        if let Some(kind) = bitmap.into_iter().find(|kind| name.starts_with(kind)) {
            Class::Bitmap(kind)
        } else if ["Insert", "Update", "Delete", "Merge", "ModifyTable"].contains(&name) {
            Class::Write
        } else if !node.relation.is_empty() {
            Class::Scan
        } else if name.starts_with("Nested Loop") || name.ends_with(" Join") {
            Class::Join
        } else if let Some(cte) = name.strip_prefix("CTE Scan ") {
            Class::CteScan(cte)
        } else if name.contains(" Scan") && !name.starts_with("Subquery Scan") {
            Class::Leaf(name)
        } else {
            Class::Over(kind(name))
        }
    }
}

/// Nodes that do the same thing in different ways have one kind.
fn kind(name: &str) -> &str {
    match name {
        _ if name.ends_with("Aggregate") => "Aggregate",
        "Incremental Sort" => "Sort",
        "Gather Merge" => "Gather",
        "Merge Append" => "Append",
        other => other,
    }
}

/// The alias the statement gives a relation. PostgreSQL numbers a relation that is used several times without one: `job_1`.
fn alias(node: &OutlineNode) -> &str {
    let number = node
        .alias
        .strip_prefix(&node.relation)
        .and_then(|rest| rest.strip_prefix('_'));
    let is_numbered = number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    if node.alias.is_empty() || is_numbered {
        &node.relation
    } else {
        &node.alias
    }
}

/// The node that each one stands beneath. Depths may be anything: the outline may come out of a file.
fn parents(nodes: &[OutlineNode]) -> Vec<Option<usize>> {
    let mut path: Vec<usize> = Vec::new();
    let above = nodes.iter().enumerate().map(|(at, node)| {
        while path
            .last()
            .is_some_and(|last| nodes[*last].depth >= node.depth)
        {
            path.pop();
        }
        let parent = path.last().copied();
        path.push(at);
        parent
    });
    above.collect()
}

/// What each node reads: the relations, functions and CTEs beneath it, without those of InitPlans, CTEs and SubPlans.
fn relations_beneath(
    nodes: &[OutlineNode],
    parents: &[Option<usize>],
    classes: &[Class<'_>],
) -> Vec<u64> {
    // A CTE is known by what it reads, not by its name. Within it another CTE is only that.
    let in_ctes = summed(nodes, parents, |at| match classes[at] {
        Class::CteScan(_) => Own::Is(hash(&"cte")),
        Class::Write => Own::Adds(hash(&("write", &nodes[at].relation))),
        _ => own(&nodes[at], classes[at]),
    });
    let mut ctes: HashMap<&str, usize> = HashMap::new();
    let mut read = vec![0; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        if let Some(name) = node.role.strip_prefix("CTE ") {
            ctes.insert(name, at);
        }
        if let Class::CteScan(name) = classes[at] {
            let cte = ctes.get(name).map(|cte| in_ctes[*cte]);
            read[at] = hash(&("cte", cte));
        }
    }
    summed(nodes, parents, |at| match classes[at] {
        Class::CteScan(_) => Own::Is(read[at]),
        class => own(&nodes[at], class),
    })
}

/// What a node adds to what is beneath it.
enum Own {
    /// So much.
    Adds(u64),
    /// It takes the place of what is beneath it.
    Is(u64),
}

fn own(node: &OutlineNode, class: Class<'_>) -> Own {
    match class {
        Class::Scan => Own::Is(hash(&("relation", &node.relation, alias(node)))),
        Class::Leaf(name) => Own::Is(hash(&("leaf", name))),
        _ => Own::Adds(0),
    }
}

fn summed(
    nodes: &[OutlineNode],
    parents: &[Option<usize>],
    own: impl Fn(usize) -> Own,
) -> Vec<u64> {
    let mut sums = vec![0_u64; nodes.len()];
    // Backwards, what is beneath a node comes before it.
    for (at, node) in nodes.iter().enumerate().rev() {
        sums[at] = match own(at) {
            Own::Adds(more) => sums[at].wrapping_add(more),
            Own::Is(sum) => sum,
        };
        if let Some(parent) = parents[at].filter(|_| node.role.is_empty()) {
            sums[parent] = sums[parent].wrapping_add(sums[at]);
        }
    }
    sums
}

fn conditions(node: &OutlineNode) -> u64 {
    let texts: Vec<String> = node
        .conditions
        .iter()
        .map(|text| unnumbered(text))
        .collect();
    hash(&texts)
}

/// The same value has the same hash within one program, which is all it is used for.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
