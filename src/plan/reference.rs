//! Which nodes ask for an InitPlan or a CTE. EXPLAIN prints both below their owner; they run when something first needs them.
//!
//! An InitPlan is named in expressions, as `$n` up to PostgreSQL 16 and as `(InitPlan n)` from 17 on; a CTE is named by the CTE
//! Scans that read it. A reference is looked for in the owner's subtree only, and outside what it refers to.

use std::collections::{BTreeMap, BTreeSet};

use super::node::{Condition, PlanNode};
use super::tree::PlanTree;

/// Who asks for the InitPlans and CTEs of a plan.
#[derive(Clone, Debug, Default)]
pub struct References {
    askers: BTreeMap<usize, Vec<usize>>,
    scanned: BTreeMap<usize, usize>,
}

impl References {
    /// Finds them all.
    #[must_use]
    pub fn of(tree: &PlanTree<'_>) -> Self {
        let mut references = References::default();
        let positions = tree.positions();
        if !positions
            .iter()
            .any(|position| position.node.is_init_plan())
        {
            return references;
        }
        references.find_cte_scans(tree);
        let mentions = Mentions::of(tree);
        for position in positions
            .iter()
            .filter(|position| position.node.is_init_plan())
        {
            if let Some(owner) = position.parent
                && position.node.computes_cte().is_none()
            {
                references
                    .askers
                    .insert(position.index, mentions.askers(tree, position.index, owner));
            }
        }
        references
    }

    /// The nodes that ask for the InitPlan or scan the CTE at this preorder index, the first to run first. Empty if nothing is seen
    /// to: names in output lists are printed only with VERBOSE, and a LIMIT's expression never.
    #[must_use]
    pub fn askers(&self, index: usize) -> &[usize] {
        self.askers.get(&index).map_or(&[], Vec::as_slice)
    }

    /// The CTE that the CTE Scan at this preorder index reads.
    #[must_use]
    pub fn scanned_cte(&self, index: usize) -> Option<usize> {
        self.scanned.get(&index).copied()
    }

    /// From each CTE Scan up to the first ancestor that owns a CTE of that name. A scan inside the CTE itself would be a WorkTable
    /// Scan, so a name found there means an outer CTE.
    fn find_cte_scans(&mut self, tree: &PlanTree<'_>) {
        for position in tree.positions() {
            let Some(name) = position
                .node
                .cte_name
                .as_deref()
                .filter(|_| position.node.node_type == "CTE Scan")
            else {
                continue;
            };
            let cte = tree.ancestors(position.index).find_map(|owner| {
                let computed = tree
                    .children(owner)
                    .filter(|child| tree.node(*child).computes_cte() == Some(name));
                computed
                    .into_iter()
                    .find(|child| tree.end(*child) <= position.index)
            });
            if let Some(cte) = cte {
                self.askers.entry(cte).or_default().push(position.index);
                self.scanned.insert(position.index, cte);
            }
        }
    }
}

/// What expressions name: a parameter, or an InitPlan by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Parameter(u64),
    InitPlan(u64),
}

/// Where each name is mentioned, in the order of execution.
struct Mentions(BTreeMap<Name, BTreeSet<(usize, usize)>>);

impl Mentions {
    /// A node evaluates its expressions after its inputs gave it a row, except a one-time filter, which it evaluates before. So with a
    /// clock that ticks when the walk enters and leaves a node, a mention is dated by the leaving, a one-time filter's by the entering.
    fn of(tree: &PlanTree<'_>) -> Self {
        let mut mentions: BTreeMap<Name, BTreeSet<(usize, usize)>> = BTreeMap::new();
        let (entered, left) = clock(tree);
        for position in tree.positions() {
            for (text, first) in expressions(position.node) {
                let date = if first {
                    entered[position.index]
                } else {
                    left[position.index]
                };
                for name in names(text) {
                    mentions
                        .entry(name)
                        .or_default()
                        .insert((date, position.index));
                }
            }
        }
        Mentions(mentions)
    }

    fn askers(&self, tree: &PlanTree<'_>, init_plan: usize, owner: usize) -> Vec<usize> {
        let label = tree
            .node(init_plan)
            .subplan_name
            .as_deref()
            .unwrap_or_default();
        let own_names: Vec<Name> = names(label).collect();
        let has_parameters = own_names
            .iter()
            .any(|name| matches!(name, Name::Parameter(_)));
        // Up to 16 the label is `InitPlan 1 (returns $0)`, and only `$0` is ever mentioned.
        let sought = own_names
            .iter()
            .filter(|name| !has_parameters || matches!(name, Name::Parameter(_)));
        let found: BTreeSet<(usize, usize)> = sought
            .filter_map(|name| self.0.get(name))
            .flatten()
            .filter(|(_, index)| {
                *index == owner || (tree.end(init_plan)..tree.end(owner)).contains(index)
            })
            .map(|(date, index)| (*date, evaluated_at(tree, *index, owner)))
            .collect();
        let mut askers = Vec::with_capacity(found.len());
        for (_, index) in found {
            if !askers.contains(&index) {
                askers.push(index);
            }
        }
        askers
    }
}

/// The leader evaluates an InitPlan that workers need before it starts them: inside the Gather between owner and mention.
fn evaluated_at(tree: &PlanTree<'_>, mention: usize, owner: usize) -> usize {
    let between = tree
        .ancestors(mention)
        .take_while(|ancestor| *ancestor >= owner);
    between
        .filter(|ancestor| tree.node(*ancestor).is_gather())
        .last()
        .unwrap_or(mention)
}

/// When a depth-first walk enters and leaves each node.
fn clock(tree: &PlanTree<'_>) -> (Vec<usize>, Vec<usize>) {
    let (mut entered, mut left) = (vec![0; tree.len()], vec![0; tree.len()]);
    let mut open: Vec<usize> = Vec::new();
    let mut now = 0;
    for position in tree.positions() {
        while open
            .last()
            .is_some_and(|index| tree.end(*index) <= position.index)
        {
            left[open.pop().unwrap_or_default()] = now;
            now += 1;
        }
        entered[position.index] = now;
        now += 1;
        open.push(position.index);
    }
    for index in open.into_iter().rev() {
        left[index] = now;
        now += 1;
    }
    (entered, left)
}

/// The texts of a node that may name an InitPlan; true for those evaluated before the node's input.
fn expressions(node: &PlanNode) -> impl Iterator<Item = (&str, bool)> {
    let conditions = node
        .conditions
        .iter()
        .map(|(kind, text)| (text.as_str(), *kind == Condition::OneTime));
    let sort_keys = node
        .sort
        .iter()
        .flat_map(|sort| &sort.keys)
        .map(|key| (key.as_str(), false));
    let output = node.output.iter().map(|column| (column.as_str(), false));
    let rest = node.extra.values().flat_map(|value| match value {
        serde_json::Value::Array(items) => items.iter().collect(),
        other => vec![other],
    });
    conditions.chain(sort_keys).chain(output).chain(
        rest.filter_map(serde_json::Value::as_str)
            .map(|text| (text, false)),
    )
}

/// `$12` and `InitPlan 3` in an expression, outside quotes.
fn names(text: &str) -> impl Iterator<Item = Name> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let rest = &bytes[at..];
            let begins_word = at == 0 || !is_word(bytes[at - 1]);
            if rest[0] == b'\'' || rest[0] == b'"' {
                at += 1 + rest[1..]
                    .iter()
                    .position(|byte| *byte == rest[0])
                    .map_or(rest.len(), |close| close + 1);
            } else if let Some((number, length)) = rest
                .strip_prefix(b"$")
                .filter(|_| begins_word)
                .and_then(number)
            {
                at += 1 + length;
                return Some(Name::Parameter(number));
            } else if let Some((number, length)) = rest
                .strip_prefix(b"InitPlan ")
                .filter(|_| begins_word)
                .and_then(number)
            {
                at += b"InitPlan ".len() + length;
                return Some(Name::InitPlan(number));
            } else {
                at += 1;
            }
        }
        None
    })
}

/// The number a text begins with, and its length: `1` is not found in `10`, because all digits are taken.
fn number(bytes: &[u8]) -> Option<(u64, usize)> {
    let length = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let digits = std::str::from_utf8(&bytes[..length]).ok()?;
    digits.parse().ok().map(|number| (number, length))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_numbers_outside_quotes() {
        let found = |text| names(text).collect::<Vec<_>>();
        assert_eq!(found("(id = ANY ($10))"), [Name::Parameter(10)]);
        assert_eq!(found("(a = '$1') AND (\"$2\" = $3)"), [Name::Parameter(3)]);
        assert_eq!(
            found("InitPlan 1 (returns $0,$1)"),
            [Name::InitPlan(1), Name::Parameter(0), Name::Parameter(1)]
        );
        assert_eq!(
            found("(id = ANY ((InitPlan 12).col1))"),
            [Name::InitPlan(12)]
        );
        assert_eq!(found("f$1(x) = 'it''s $4' || $99999999999999999999"), []);
        assert_eq!(found("'open $1"), []);
    }
}
