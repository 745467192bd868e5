//! The columns of figures in front of a tree: which there are, and which of them fit.

use crate::plan::{PlanTree, PlanWork};

/// A column of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    /// Time of the node itself.
    Time,
    /// That time as a share of the statement's.
    TimeShare,
    /// Pages of the node itself.
    Pages,
    /// Those pages as a share of the statement's.
    PagesShare,
    /// The larger share as a bar.
    Bar,
    /// The planner's cost of the node with all below it, where nothing was executed.
    Cost,
    /// Rows expected, per loop.
    Estimate,
    /// Rows returned, per loop.
    Rows,
    /// Times the node was started.
    Loops,
    /// Rows read and thrown away, over all loops.
    Removed,
    /// WAL of the node itself.
    Wal,
    /// Temporary pages of the node itself.
    Temp,
}

/// In the order in which they stand.
const ALL: [Column; 12] = [
    Column::Time,
    Column::TimeShare,
    Column::Pages,
    Column::PagesShare,
    Column::Bar,
    Column::Cost,
    Column::Estimate,
    Column::Rows,
    Column::Loops,
    Column::Removed,
    Column::Wal,
    Column::Temp,
];

/// In the order in which they are given room.
const BY_IMPORTANCE: [Column; 12] = [
    Column::Pages,
    Column::Time,
    Column::Rows,
    Column::Estimate,
    Column::Removed,
    Column::Bar,
    Column::Cost,
    Column::Loops,
    Column::Temp,
    Column::Wal,
    Column::TimeShare,
    Column::PagesShare,
];

impl Column {
    /// What it is called where it is told that it is left out.
    pub(super) fn name(self) -> &'static str {
        match self {
            Column::Time => "time",
            Column::TimeShare => "share of time",
            Column::Pages => "pages",
            Column::PagesShare => "share of pages",
            Column::Bar => "bar",
            Column::Cost => "cost",
            Column::Estimate => "estimate",
            Column::Rows => "rows",
            Column::Loops => "loops",
            Column::Removed => "removed",
            Column::Wal => "WAL",
            Column::Temp => "temp",
        }
    }

    /// Whether the plan has anything to show in it.
    fn is_there(self, tree: &PlanTree<'_>, work: &PlanWork) -> bool {
        let any_node = |is: fn(&crate::plan::PlanNode) -> bool| {
            tree.positions().iter().any(|position| is(position.node))
        };
        let any_work = |is: fn(&crate::plan::Work) -> bool| work.nodes.iter().any(is);
        let was_executed = tree
            .positions()
            .first()
            .is_some_and(|root| root.node.actual.is_some());
        match self {
            Column::Time | Column::TimeShare => work.has_times,
            Column::Pages | Column::PagesShare => work.has_buffers,
            Column::Bar => work.has_times || work.has_buffers,
            Column::Cost => !was_executed,
            Column::Estimate => true,
            Column::Rows => was_executed,
            Column::Loops => any_node(|node| node.loops() > 1),
            Column::Removed => any_node(|node| {
                node.total_rows_removed() + node.rows_removed_by_join_filter.unwrap_or(0.0) >= 1.0
            }),
            Column::Wal => any_work(|own| own.wal.bytes > 0),
            Column::Temp => any_work(|own| own.buffers.temp() > 0),
        }
    }
}

/// The columns that this plan has anything to show in, in their order.
pub(super) fn present(tree: &PlanTree<'_>, work: &PlanWork) -> Vec<Column> {
    let there = ALL.into_iter().filter(|column| column.is_there(tree, work));
    there.collect()
}

/// Those that fit into so many columns of the terminal, gutter included, in their order; the rest is left out.
pub(super) fn fitting(present: &[(Column, usize)], room: usize, gutter: usize) -> Vec<Column> {
    let mut left = room;
    let mut chosen = Vec::new();
    for column in BY_IMPORTANCE {
        let Some((_, width)) = present.iter().find(|(there, _)| *there == column) else {
            continue;
        };
        // One there is always: pages, or what comes next where there are none.
        if chosen.is_empty() || width + gutter <= left {
            left = left.saturating_sub(width + gutter);
            chosen.push(column);
        }
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_most_is_given_room_first() {
        let present: Vec<(Column, usize)> = ALL.into_iter().map(|column| (column, 5)).collect();
        assert_eq!(fitting(&present, 1_000, 2), ALL);
        assert_eq!(
            fitting(&present, 28, 2),
            [Column::Time, Column::Pages, Column::Estimate, Column::Rows]
        );
        assert_eq!(
            fitting(&present, 0, 2),
            [Column::Pages],
            "it is there however narrow it is"
        );
        let listed = |list: [Column; 12]| {
            let mut list = list.to_vec();
            list.sort_unstable();
            list
        };
        assert_eq!(listed(ALL), listed(BY_IMPORTANCE));
    }
}
