//! How a plan reaches the rows of its relations: each scan of a table, with the index scans below a bitmap heap scan counted in.

use super::case::{Index, PlanView};
use super::predicate::{Comparison, comparisons, conjuncts, disjunctions, names_column};
use crate::plan::{Condition, PlanNode, PlanTree, node_label};

/// The conditions that say which rows of its relation a scan hands out.
const CONDITIONS: [Condition; 3] = [Condition::Index, Condition::Recheck, Condition::Filter];

/// One scan of one relation.
#[derive(Clone, Debug)]
pub struct Access<'a> {
    /// Preorder index of the node that hands out the rows.
    pub index: usize,
    /// That node.
    pub node: &'a PlanNode,
    /// The relation, without schema.
    pub relation: &'a str,
    /// The indexes used.
    pub index_names: Vec<&'a str>,
    /// Comparisons of the index condition, the recheck condition and the filter.
    pub comparisons: Vec<Comparison<'a>>,
    /// Pages of these nodes alone, over all loops.
    pub pages: u64,
    /// Rows handed out, over all loops.
    pub rows: f64,
    /// Rows read and thrown away, over all loops.
    pub rows_removed: f64,
    /// Times the scan was started.
    pub loops: u64,
}

impl Access<'_> {
    /// The name of the node, as the digest has it.
    #[must_use]
    pub fn label(&self) -> String {
        node_label(self.node)
    }

    /// Whether the scan uses this index.
    #[must_use]
    pub fn uses(&self, index: &Index) -> bool {
        self.index_names.contains(&index.name.as_str())
    }

    /// Whether the conditions of the scan state a condition word by word. Only one made of nothing but comparisons can be recognised.
    #[must_use]
    pub fn states(&self, condition: &str) -> bool {
        let wanted = comparisons(condition);
        wanted.len() == conjuncts(condition).len()
            && wanted.iter().all(|want| self.comparisons.contains(want))
    }

    /// The parts of its conditions of which one side is enough: `(a = 1) OR (b = 2)`.
    pub fn disjunctions(&self) -> impl Iterator<Item = &str> {
        CONDITIONS
            .iter()
            .filter_map(|kind| self.node.condition(*kind))
            .flat_map(disjunctions)
    }

    /// Whether any of its conditions names the column.
    #[must_use]
    pub fn names(&self, column: &str) -> bool {
        let mut conditions = CONDITIONS
            .iter()
            .filter_map(|kind| self.node.condition(*kind));
        conditions.any(|condition| names_column(condition, column))
    }

    /// Whether the whole relation is read, page after page.
    #[must_use]
    pub fn is_sequential(&self) -> bool {
        self.node.node_type == "Seq Scan"
    }
}

/// The scans of a plan, in preorder.
#[must_use]
pub fn accesses<'a>(view: &PlanView<'a>) -> Vec<Access<'a>> {
    let tree = PlanTree::new(view.plan);
    let mut found = Vec::new();
    for position in tree.positions() {
        let scans = [
            "Seq Scan",
            "Index Scan",
            "Index Only Scan",
            "Bitmap Heap Scan",
        ];
        let Some(relation) = position.node.relation_name.as_deref() else {
            continue;
        };
        if scans.contains(&position.node.node_type.as_str()) {
            found.push(access(view, &tree, position.index, relation));
        }
    }
    found
}

fn access<'a>(
    view: &PlanView<'a>,
    tree: &PlanTree<'a>,
    index: usize,
    relation: &'a str,
) -> Access<'a> {
    let node = tree.node(index);
    let bitmaps = (index + 1..tree.end(index))
        .filter(|below| tree.node(*below).node_type == "Bitmap Index Scan");
    let parts: Vec<usize> = std::iter::once(index).chain(bitmaps).collect();
    Access {
        index,
        node,
        relation,
        index_names: parts
            .iter()
            .filter_map(|part| tree.node(*part).index_name.as_deref())
            .collect(),
        comparisons: CONDITIONS
            .iter()
            .filter_map(|kind| node.condition(*kind))
            .flat_map(comparisons)
            .collect(),
        pages: parts
            .iter()
            .map(|part| {
                view.work
                    .nodes
                    .get(*part)
                    .map_or(0, |work| work.buffers.total())
            })
            .sum(),
        rows: node.total_rows(),
        rows_removed: node.total_rows_removed(),
        loops: node.loops(),
    }
}
