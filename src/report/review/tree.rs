//! A plan as an annotated tree: a line a node, figures of the node itself in front, findings by their numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::anchors::anchors;
use super::columns::{Column, fitting, present};
use super::order::clipped;
use super::selection::{Shown, What, selection};
use crate::finding::Severity;
use crate::plan::{PlanNode, PlanTree, PlanWork, Relationship, Work, node_label, work};
use crate::report::palette::{Palette, Role};
use crate::report::text::{elide, elide_middle, inert, width};
use crate::run::review::ReviewedPlan;
use crate::units::{ByteUnit, Count, Significant, TimeUnit};

/// Narrower than this, space is spared.
const ROOMY: usize = 100;

/// Columns that the names of the nodes have at least, as a share of the width.
const TREE_SHARE: f64 = 0.4;

/// Of the guides of a deep node so many columns are drawn.
const LONGEST_GUIDES: usize = 45;

/// A name of a node is cut to so many characters before it is measured.
const LONGEST_NAME: usize = 300;

/// Below this there is no room for conditions behind a node's name.
const LEAST_DETAIL: usize = 14;

/// An estimate that is off by this factor is marked.
const MISESTIMATE: f64 = 10.0;

/// From these shares of the statement on a node's figures stand out.
const HOT: f64 = 0.4;
const WARM: f64 = 0.1;

/// Columns of a bar.
const BAR: usize = 5;

/// A plan's tree.
pub(super) struct Tree {
    lines: Vec<Line>,
    heads: Vec<(Column, String)>,
}

/// A line of it.
struct Line {
    guides: String,
    findings: Vec<(usize, Severity)>,
    name: String,
    detail: String,
    cells: BTreeMap<Column, (Role, String)>,
}

/// What was laid out of a tree.
pub(super) struct Drawn {
    /// The lines, none wider than asked for.
    pub(super) lines: Vec<String>,
    /// Columns for which there was no room.
    pub(super) left_out: Vec<&'static str>,
}

impl Tree {
    /// The tree of a plan for a page so many columns wide.
    pub(super) fn of(plan: &ReviewedPlan, columns: usize) -> Tree {
        let tree = PlanTree::new(&plan.plan);
        let work = work(&plan.plan);
        let anchors = anchors(&plan.findings, &tree, &work);
        let marked: BTreeSet<usize> = anchors.keys().copied().collect();
        let step = if columns < ROOMY { 2 } else { 3 };
        let shown = selection(&tree, &work, &marked, step);
        let figures = Figures::of(&tree, &work, columns >= ROOMY);
        let heads = figures.heads();
        let lines = shown.into_iter().map(|Shown { what, guides }| match what {
            What::Node(index) => {
                let node = tree.node(index);
                let numbers = anchors.get(&index).into_iter().flatten();
                Line {
                    guides,
                    findings: numbers
                        .filter_map(|number| {
                            let finding = plan.findings.get(number.checked_sub(1)?)?;
                            Some((*number, finding.severity))
                        })
                        .collect(),
                    name: name(node),
                    detail: detail(node),
                    cells: figures.of_node(index),
                }
            }
            What::Rest(count, own) => Line {
                guides,
                findings: Vec::new(),
                name: format!("… {} more nodes", Count(count as u64)),
                detail: String::new(),
                cells: figures.of_work(&own),
            },
        });
        let lines = lines.collect();
        Tree { lines, heads }
    }

    /// Lays it out in so many columns.
    pub(super) fn draw(&self, columns: usize, palette: Palette) -> Drawn {
        let gutter = if columns < ROOMY { 1 } else { 2 };
        let widths: Vec<(Column, usize)> = self
            .heads
            .iter()
            .map(|(column, head)| {
                let cells = self.lines.iter().filter_map(|line| line.cells.get(column));
                let widest = cells.map(|(_, cell)| width(cell)).max().unwrap_or(0);
                (*column, widest.max(width(head)))
            })
            .collect();
        let names = self.lines.iter().map(Line::width);
        let least = (columns as f64 * TREE_SHARE) as usize;
        let for_names = names.max().unwrap_or(0).min(least);
        let chosen = fitting(&widths, columns.saturating_sub(for_names), gutter);
        let widths: BTreeMap<Column, usize> = widths.into_iter().collect();
        let chosen: Vec<(Column, usize)> = chosen
            .into_iter()
            .filter_map(|column| Some((column, *widths.get(&column)?)))
            .collect();
        let heads: BTreeMap<Column, (Role, String)> = self
            .heads
            .iter()
            .map(|(column, head)| (*column, (Role::Quiet, head.clone())))
            .collect();
        let taken: usize = chosen.iter().map(|(_, width)| width + gutter).sum();
        let room = columns.saturating_sub(taken).max(1);
        let head = numbers(&chosen, &heads, gutter, palette)
            + &palette.paint(Role::Quiet, &elide("node", room));
        let mut lines = vec![head];
        lines.extend(self.lines.iter().map(|line| {
            let text = numbers(&chosen, &line.cells, gutter, palette) + &line.text(room, palette);
            text.trim_end().to_owned()
        }));
        let is_chosen = |column: &Column| chosen.iter().any(|(one, _)| one == column);
        let left_out = self.heads.iter().map(|(column, _)| column);
        Drawn {
            lines,
            left_out: left_out
                .filter(|column| !is_chosen(column))
                .map(|column| column.name())
                .collect(),
        }
    }
}

/// The figures of a line, each followed by its gutter.
fn numbers(
    columns: &[(Column, usize)],
    cells: &BTreeMap<Column, (Role, String)>,
    gutter: usize,
    palette: Palette,
) -> String {
    let mut text = String::new();
    for (column, columns) in columns {
        let (role, cell) = cells
            .get(column)
            .map_or((Role::Plain, ""), |(role, cell)| (*role, cell.as_str()));
        let space = " ".repeat(columns.saturating_sub(width(cell)));
        let painted = palette.paint(role, cell);
        if *column == Column::Bar {
            text += &(painted + &space);
        } else {
            text += &(space + &painted);
        }
        text += &" ".repeat(gutter);
    }
    text
}

impl Line {
    fn marks(&self) -> String {
        let numbers: Vec<String> = self
            .findings
            .iter()
            .take(3)
            .map(|(number, _)| number.to_string())
            .collect();
        let more = if self.findings.len() > 3 { "…" } else { "" };
        if numbers.is_empty() {
            String::new()
        } else {
            format!("[{}{more}] ", numbers.join(","))
        }
    }

    /// Columns that guides, marks and name would take.
    fn width(&self) -> usize {
        width(&self.guides) + width(&self.marks()) + width(&self.name)
    }

    /// Guides, marks, name and what else fits into so many columns.
    fn text(&self, room: usize, palette: Palette) -> String {
        // Of a deep tree's guides the last ones say where a node stands.
        let guides = end_of(&self.guides, (room / 2).min(LONGEST_GUIDES));
        let marks = elide(&self.marks(), room.saturating_sub(width(&guides)));
        // Cutting trims the space behind the marks.
        let space = if marks.is_empty() || marks.ends_with(' ') {
            ""
        } else {
            " "
        };
        let left = room.saturating_sub(width(&guides) + width(&marks) + space.len());
        let name = match left {
            0 => String::new(),
            left => elide_middle(&self.name, left),
        };
        let severity = self.findings.iter().map(|(_, severity)| *severity).max();
        let role = severity.map_or(Role::Plain, Role::from);
        let mut text =
            palette.paint(Role::Quiet, &guides) + &palette.paint(role, &marks) + space + &name;
        let left = left.saturating_sub(width(&name) + 2);
        if left >= LEAST_DETAIL && !self.detail.is_empty() {
            text += "  ";
            text += &palette.paint(Role::Quiet, &elide(&self.detail, left));
        }
        text
    }
}

/// The last columns of guides that are wider: all their characters take one.
fn end_of(guides: &str, columns: usize) -> String {
    let length = guides.chars().count();
    if length <= columns {
        return guides.to_owned();
    }
    let kept = columns.saturating_sub(1);
    let end: String = guides.chars().skip(length - kept).collect();
    format!("…{end}")
}

/// The node as the digest names it, with what it is to its parent.
fn name(node: &PlanNode) -> String {
    let label = inert(&clipped(&node_label(node), LONGEST_NAME));
    let is_aside = matches!(
        node.parent_relationship,
        Some(Relationship::InitPlan | Relationship::SubPlan)
    );
    match node.subplan_name.as_deref().filter(|_| is_aside) {
        Some(role) => {
            let role = role.split(" (returns").next().unwrap_or(role);
            format!("{}: {label}", inert(&clipped(role, LONGEST_NAME)))
        }
        None => label,
    }
}

/// The relation where the name does not have it, then conditions and sort keys.
fn detail(node: &PlanNode) -> String {
    let mut parts = Vec::new();
    let relation = node.relation_name.as_deref();
    let is_named = !node.is_modify_table() && node.index_name.is_none();
    let scanned = [
        relation,
        node.cte_name.as_deref(),
        node.function_name.as_deref(),
    ];
    let alias = node.alias.as_deref();
    let alias = alias.filter(|alias| !scanned.contains(&Some(alias)));
    match (relation, alias) {
        (Some(relation), Some(alias)) if !is_named => parts.push(format!("on {relation} {alias}")),
        (Some(relation), None) if !is_named => parts.push(format!("on {relation}")),
        (_, Some(alias)) => parts.push(format!("as {alias}")),
        _ => {}
    }
    if node.actual.is_some() && node.loops() == 0 {
        parts.push("never executed".to_owned());
    }
    let conditions = node.conditions.iter();
    parts.extend(
        conditions.map(|(kind, text)| format!("{}: {}", kind.name(), clipped(text, LONGEST_NAME))),
    );
    if let Some(sort) = &node.sort {
        if !sort.keys.is_empty() {
            parts.push(format!("Sort Key: {}", sort.keys.join(", ")));
        }
        if let (Some(method), Some(space)) = (&sort.method, sort.space_kb) {
            parts.push(format!("{method} {} kB", Count(space)));
        }
    }
    inert(&clipped(&parts.join("  "), 2 * LONGEST_NAME))
}

/// What stands in front of the nodes.
struct Figures<'a> {
    tree: &'a PlanTree<'a>,
    work: &'a PlanWork,
    columns: Vec<Column>,
    time: TimeUnit,
    wal: ByteUnit,
    /// What leads from the rows expected to those returned.
    arrow: &'static str,
    /// Whether a limit stands above a node, which may have stopped it early.
    is_limited: Vec<bool>,
    /// Whether any estimate is marked.
    any_is_off: bool,
}

impl<'a> Figures<'a> {
    fn of(tree: &'a PlanTree<'a>, work: &'a PlanWork, is_roomy: bool) -> Figures<'a> {
        let mut is_limited: Vec<bool> = Vec::with_capacity(tree.len());
        for position in tree.positions() {
            let above = position.parent.is_some_and(|parent| {
                is_limited[parent]
                    || ["Limit", "LockRows"].contains(&tree.node(parent).node_type.as_str())
            });
            is_limited.push(above);
        }
        let columns = present(tree, work);
        let has_arrow = is_roomy && columns.contains(&Column::Rows);
        let mut figures = Figures {
            tree,
            work,
            arrow: if has_arrow { " →" } else { "" },
            columns,
            time: TimeUnit::of_column(work.nodes.iter().map(|own| own.time_ms)),
            wal: ByteUnit::of_column(work.nodes.iter().map(|own| own.wal.bytes as f64)),
            is_limited,
            any_is_off: false,
        };
        figures.any_is_off = (0..tree.len()).any(|index| figures.is_off(index));
        figures
    }

    fn heads(&self) -> Vec<(Column, String)> {
        let heads = self.columns.iter().map(|column| {
            let head = match column {
                Column::Time => self.time.name().to_owned(),
                Column::TimeShare | Column::PagesShare => "%".to_owned(),
                Column::Bar => String::new(),
                Column::Estimate => format!("expected{}", self.arrow),
                Column::Wal => format!("WAL {}", self.wal.name()),
                other => other.name().to_owned(),
            };
            (*column, head)
        });
        heads.collect()
    }

    fn of_node(&self, index: usize) -> BTreeMap<Column, (Role, String)> {
        let own = self.work.nodes.get(index).copied().unwrap_or_default();
        let node = self.tree.node(index);
        let mut cells = self.of_work(&own);
        let is_off = self.is_off(index);
        for column in &self.columns {
            let cell = match column {
                Column::Cost => (
                    Role::Plain,
                    Significant(node.estimate.total_cost).to_string(),
                ),
                Column::Estimate => {
                    let estimate = rows(node.estimate.rows);
                    (Role::Quiet, format!("{estimate}{}", self.arrow))
                }
                Column::Rows => {
                    let mark = match (is_off, self.any_is_off) {
                        (true, _) => "!",
                        (false, true) => " ",
                        (false, false) => "",
                    };
                    let role = if is_off { Role::Warning } else { Role::Plain };
                    let actual = node.actual.as_ref().filter(|actual| actual.loops > 0);
                    let count = actual.map_or_else(|| "–".to_owned(), |actual| rows(actual.rows));
                    (role, format!("{count}{mark}"))
                }
                Column::Loops => (Role::Plain, Count(node.loops()).to_string()),
                Column::Removed => {
                    let joined =
                        node.rows_removed_by_join_filter.unwrap_or(0.0) * node.loops() as f64;
                    let removed = (node.total_rows_removed() + joined).round() as u64;
                    (Role::Plain, non_zero(removed))
                }
                _ => continue,
            };
            cells.insert(*column, cell);
        }
        cells
    }

    /// The figures of what one node, or several together, did by themselves.
    fn of_work(&self, own: &Work) -> BTreeMap<Column, (Role, String)> {
        let total = &self.work.total;
        let time = of(own.time_ms, total.time_ms);
        let pages = of(own.buffers.total() as f64, total.buffers.total() as f64);
        let cells = self.columns.iter().filter_map(|column| {
            let cell = match column {
                Column::Time => (heat(time), self.time.cell(own.time_ms)),
                Column::TimeShare => (heat(time), percent(time)),
                Column::Pages => (heat(pages), Count(own.buffers.total()).to_string()),
                Column::PagesShare => (heat(pages), percent(pages)),
                Column::Bar => (heat(time.max(pages)), bar(time.max(pages))),
                Column::Wal if own.wal.bytes == 0 => (Role::Plain, String::new()),
                Column::Wal if self.wal == ByteUnit::Bytes => {
                    (Role::Plain, Count(own.wal.bytes).to_string())
                }
                Column::Wal => (Role::Plain, self.wal.cell(own.wal.bytes as f64)),
                Column::Temp => (Role::Warning, non_zero(own.buffers.temp())),
                _ => return None,
            };
            Some((*column, cell))
        });
        cells.collect()
    }

    /// Whether the estimate is off by a factor of ten; fewer rows than expected are none where a limit may have stopped the node.
    fn is_off(&self, index: usize) -> bool {
        let node = self.tree.node(index);
        let Some(actual) = node.actual.as_ref().filter(|actual| actual.loops > 0) else {
            return false;
        };
        let (expected, got) = (node.estimate.rows.max(1.0), actual.rows.max(1.0));
        let is_limited = self.is_limited.get(index).copied().unwrap_or(false);
        got >= MISESTIMATE * expected || (!is_limited && expected >= MISESTIMATE * got)
    }
}

fn of(part: f64, all: f64) -> f64 {
    if all > 0.0 {
        (part / all).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

fn heat(share: f64) -> Role {
    if share >= HOT {
        Role::Critical
    } else if share >= WARM {
        Role::Warning
    } else {
        Role::Plain
    }
}

/// A share in words; nothing where it is none.
fn percent(share: f64) -> String {
    if share <= 0.0 {
        String::new()
    } else if share < 0.005 {
        "<1%".to_owned()
    } else {
        format!("{:.0}%", share * 100.0)
    }
}

/// A share as a bar, to an eighth of a column.
fn bar(share: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * (8 * BAR) as f64).round() as usize;
    let part = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    "█".repeat(eighths / 8) + part
}

fn non_zero(count: u64) -> String {
    if count == 0 {
        String::new()
    } else {
        Count(count).to_string()
    }
}

/// Rows of a loop, which from PostgreSQL 18 on are no whole number.
fn rows(rows: f64) -> String {
    if rows.fract() == 0.0 && rows.abs() < 1e15 {
        Count(rows.max(0.0) as u64).to_string()
    } else {
        Significant(rows).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_told_as_they_are() {
        for (share, text, shown) in [
            (0.0, "", ""),
            (0.001, "<1%", ""),
            (0.05, "5%", "▎"),
            (0.5, "50%", "██▌"),
            (1.0, "100%", "█████"),
        ] {
            assert_eq!(
                (percent(share).as_str(), bar(share).as_str()),
                (text, shown)
            );
        }
        assert_eq!(of(1.0, 0.0), 0.0);
    }

    #[test]
    fn the_guides_of_a_deep_node_keep_their_end() {
        assert_eq!(end_of("│ │ └─", 6), "│ │ └─");
        assert_eq!(end_of("│ │ └─", 4), "… └─");
        assert_eq!(end_of("│ │ └─", 0), "…");
    }

    #[test]
    fn rows_may_be_a_fraction() {
        assert_eq!(
            [rows(12_345.0), rows(0.25), rows(f64::NAN), rows(1e300)],
            ["12,345", "0.250", "–", "1.00e300"]
        );
    }
}
