//! Two plans as one tree: each node with what became of it, what it did before and after.

use crate::finding::predicate::{is_counted, without_counted_alias};
use crate::plan::{NodeChange, OutlineNode};
use crate::report::palette::Role;
use crate::report::text::{elide, inert, width, wrap};
use crate::units::Count;

/// Runs of nodes that are the same are folded from this length on.
const FOLDED: usize = 4;

/// Nodes deeper than this are not indented further: a line has to hold them.
const DEEPEST: usize = 12;

/// Lines that a condition takes at most.
const CONDITION_LINES: usize = 4;

/// Columns a node's name gets at least.
const LEAST_NAME: usize = 24;

/// One line of the tree.
struct Line {
    /// `-` only in the first, `+` only in the second, `~` changed, space for the same.
    mark: char,
    /// Columns before the text.
    indent: usize,
    /// The node, or a condition of it.
    text: String,
    /// Rows and pages, before and after; none for a line that is no node.
    figures: Option<[String; 2]>,
}

/// The tree in lines no wider than `columns`, at most `most` of them, with what each is worth in colour. Nothing where no node
/// differs.
pub(super) fn tree(nodes: &[NodeChange], columns: usize, most: usize) -> Vec<(Role, String)> {
    if nodes.iter().all(|node| mark(node) == ' ') {
        return Vec::new();
    }
    let mut lines = lines(nodes);
    let left_out = lines.len().saturating_sub(most);
    lines.truncate(most);
    let mut shown = laid_out(&lines, columns);
    if left_out > 0 {
        let text = format!("  … {} more lines", Count(left_out as u64));
        shown.push((Role::Quiet, elide(&text, columns)));
    }
    shown
}

/// What the marks of a tree mean.
pub(super) const LEGEND: &str =
    "- only before   + only after   ~ changed; rows returned and pages touched by the node itself";

fn mark(node: &NodeChange) -> char {
    match (&node.first, &node.second) {
        (Some(_), None) => '-',
        (None, Some(_)) => '+',
        _ if node.changed => '~',
        _ => ' ',
    }
}

fn lines(nodes: &[NodeChange]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut position = 0;
    while let Some(node) = nodes.get(position) {
        let rest = nodes[position..].iter();
        let same = rest.take_while(|node| mark(node) == ' ').count();
        if same >= FOLDED {
            lines.push(Line {
                mark: ' ',
                indent: indent(node),
                text: format!("… {} nodes as before", Count(same as u64)),
                figures: None,
            });
            position += same;
        } else {
            push_node(&mut lines, node);
            position += 1;
        }
    }
    lines
}

fn indent(node: &NodeChange) -> usize {
    let node = node.second.as_ref().or(node.first.as_ref());
    node.map_or(0, |node| node.depth).min(DEEPEST) * 2
}

fn push_node(lines: &mut Vec<Line>, change: &NodeChange) {
    let (mark, indent) = (mark(change), indent(change));
    let (first, second) = (change.first.as_ref(), change.second.as_ref());
    let [before, after] = [first, second].map(|node| node.map(label).unwrap_or_default());
    let text = match mark {
        '-' => before,
        '~' if before != after => format!("{after} (was {before})"),
        _ => after,
    };
    let both = |count: fn(&OutlineNode) -> u64| both(first.map(count), second.map(count));
    lines.push(Line {
        mark,
        indent,
        text,
        figures: Some([both(|node| node.rows), both(|node| node.pages)]),
    });
    let gone = change.conditions_gone().into_iter().map(|one| ('-', one));
    let new = change.conditions_new().into_iter().map(|one| ('+', one));
    for (mark, condition) in gone.chain(new) {
        lines.push(Line {
            mark,
            indent: indent + 4,
            text: inert(&without_counted_alias(condition)),
            figures: None,
        });
    }
    lines.extend(removed(first, second).map(|text| Line {
        mark: '~',
        indent: indent + 4,
        text,
        figures: None,
    }));
}

/// For example `InitPlan: Index Scan job_ready on job j`.
fn label(node: &OutlineNode) -> String {
    let mut text = inert(&node.node);
    if !node.role.is_empty() {
        text = format!("{}: {text}", inert(&node.role));
    }
    let relation = inert(&node.relation);
    let is_named = text.split(' ').any(|word| word == relation);
    if !relation.is_empty() && !is_named {
        text = format!("{text} on {relation}");
    }
    // An alias that PostgreSQL made up by counting says nothing, nor does one that is the node's name already.
    let alias = inert(&node.alias);
    let says_more = !is_counted(&node.alias) && !text.split(' ').any(|word| word == alias);
    if !alias.is_empty() && says_more {
        text = format!("{text} {alias}");
    }
    text
}

/// How many rows a node threw away, where that changed.
fn removed(first: Option<&OutlineNode>, second: Option<&OutlineNode>) -> Option<String> {
    let [before, after] = [first, second].map(|node| node.map(|node| node.rows_removed));
    let differs = before.unwrap_or(0) != after.unwrap_or(0);
    differs.then(|| format!("rows thrown away: {}", both(before, after)))
}

/// A count before and after; once where it is the same.
fn both(before: Option<u64>, after: Option<u64>) -> String {
    match (before, after) {
        (Some(before), Some(after)) if before != after => {
            format!("{} → {}", Count(before), Count(after))
        }
        (Some(count), _) | (None, Some(count)) => Count(count).to_string(),
        (None, None) => String::new(),
    }
}

/// Names to the left, figures to the right; below the name where there is no room.
fn laid_out(lines: &[Line], columns: usize) -> Vec<(Role, String)> {
    let widest = |column: usize, head: &str| {
        let cells = lines.iter().filter_map(|line| line.figures.as_ref());
        let widths = cells.map(|figures| width(&figures[column]));
        widths.max().unwrap_or(0).max(width(head))
    };
    let (rows, pages) = (widest(0, "rows"), widest(1, "pages"));
    let own = |line: &Line| 2 + line.indent + width(&line.text);
    let nodes = lines.iter().filter(|line| line.figures.is_some());
    let longest = nodes.map(own).max().unwrap_or(0);
    let room = columns.saturating_sub(rows + pages + 4);
    let is_beside = room >= LEAST_NAME;
    let name = longest.min(room);
    let mut shown = Vec::new();
    if is_beside {
        let head = format!(
            "{}  {:>rows$}  {:>pages$}",
            " ".repeat(name),
            "rows",
            "pages"
        );
        shown.push((Role::Quiet, head));
    }
    for line in lines {
        let text = format!("{} {}{}", line.mark, " ".repeat(line.indent), line.text);
        let role = role(line.mark);
        match &line.figures {
            Some([of_rows, of_pages]) if is_beside => {
                let text = elide(&text, name);
                let space = " ".repeat(name.saturating_sub(width(&text)));
                shown.push((
                    role,
                    format!("{text}{space}  {of_rows:>rows$}  {of_pages:>pages$}"),
                ));
            }
            Some([of_rows, of_pages]) => {
                shown.push((role, elide(&text, columns)));
                shown.push((role, elide(&format!("    rows {of_rows}"), columns)));
                shown.push((role, elide(&format!("    pages {of_pages}"), columns)));
            }
            None => shown.extend(wrapped(line, columns).into_iter().map(|text| (role, text))),
        }
    }
    shown
}

/// A line that is no node: a condition may be longer than a line.
fn wrapped(line: &Line, columns: usize) -> Vec<String> {
    let indent = line.indent + 2;
    let mut texts = wrap(&line.text, columns.saturating_sub(indent).max(1));
    if texts.len() > CONDITION_LINES {
        texts.truncate(CONDITION_LINES);
        let last = texts.pop();
        texts.extend(last.map(|last| last + "…"));
    }
    let mut mark = line.mark;
    let lines = texts.into_iter().map(|text| {
        let lead = " ".repeat(line.indent);
        let line = format!("{} {lead}{text}", std::mem::replace(&mut mark, ' '));
        elide(&line, columns)
    });
    lines.collect()
}

fn role(mark: char) -> Role {
    match mark {
        '-' => Role::Warning,
        '+' => Role::Note,
        '~' => Role::Plain,
        _ => Role::Quiet,
    }
}
