//! The comparison of versions at a terminal.

use super::super::palette::Role;
use super::super::text::{width, wrap};
use super::super::versions::{VersionCell, VersionGroup, VersionRow, Versions};
use super::{Page, heading, plans};
use crate::units::ByteUnit;

/// Columns of space between two columns.
const GUTTER: usize = 2;

/// Columns by which a variant stands further right than its statement.
const INDENT: usize = 2;

/// What changed stands beside the numbers only where it has so much room.
const LEAST_WORDS: usize = 18;

/// The widths of a report's columns, the same for every fixture and queue.
struct Columns {
    name: usize,
    /// Of each version's numbers.
    number: usize,
    /// Of what changed; none where it stands below.
    words: Option<usize>,
    /// Whether the numbers have columns; else they follow each other.
    fits: bool,
}

impl Columns {
    fn of(versions: &Versions, available: usize, wal: &str) -> Self {
        let groups = || versions.groups.iter();
        let rows = || groups().flat_map(|group| &group.rows);
        let names = rows().flat_map(|row| {
            let wal = row.wal.as_ref().map(|_| 2 * INDENT + width(wal));
            [Some(width(&row.variant) + INDENT), wal]
        });
        let cells = rows().flat_map(|row| row.pages.iter().chain(row.wal.iter().flatten()));
        let heads = groups().flat_map(|group| &group.versions);
        let number = cells.map(|cell| width(&cell.text));
        let number = number.chain(heads.map(|head| width(head))).max();
        let name = names.flatten().max().unwrap_or(0).max(width(NAME));
        let number = number.unwrap_or(0);
        let most = groups().map(|group| group.versions.len()).max();
        let numbers = (number + GUTTER) * most.unwrap_or(0);
        let left = available.saturating_sub(name + numbers + GUTTER);
        Columns {
            name,
            number,
            words: Some(left).filter(|left| *left >= LEAST_WORDS),
            fits: name + numbers <= available,
        }
    }

    /// Where what changed begins.
    fn indent(&self, versions: usize) -> usize {
        self.name + (self.number + GUTTER) * versions + GUTTER
    }
}

/// What the first column is called.
const NAME: &str = "pages of statement";

/// Prints the comparison.
pub(super) fn versions(page: &mut Page, versions: &Versions, wal: ByteUnit) {
    heading(page, "From version to version");
    let wal = format!("WAL {}/row", wal.name());
    let columns = Columns::of(versions, page.width, &wal);
    for group in &versions.groups {
        one_group(page, group, &columns, &wal);
    }
    for line in versions.unlike.iter().chain([&versions.in_full]) {
        page.hanging(0, Role::Quiet, line);
    }
    page.blank();
}

fn one_group(page: &mut Page, group: &VersionGroup, columns: &Columns, wal: &str) {
    super::titled(page, &group.fixture, &group.details);
    if !group.rows.is_empty() && columns.fits {
        head(page, group, columns);
    }
    let mut above = "";
    for row in &group.rows {
        if above != row.subject {
            page.hanging(0, Role::Plain, &row.subject);
            above = &row.subject;
        }
        if columns.fits {
            in_columns(page, row, columns, wal);
        } else {
            in_sequence(page, group, row, wal);
        }
    }
    if !group.rows.is_empty() {
        page.blank();
    }
    if !group.plans.is_empty() {
        plans(page, &group.plans);
    }
    for line in &group.folded {
        page.hanging(0, Role::Quiet, line);
    }
    page.blank();
}

fn head(page: &mut Page, group: &VersionGroup, columns: &Columns) {
    let mut line = padded(NAME, columns.name);
    for version in &group.versions {
        line += &" ".repeat(columns.number + GUTTER - width(version));
        line += version;
    }
    let drawn = match columns.words {
        Some(words) => {
            line += &" ".repeat(GUTTER);
            line += "what changed";
            columns.indent(group.versions.len()) + words
        }
        None => width(&line),
    };
    page.lines.push(page.palette.paint(Role::Quiet, &line));
    page.lines.push("─".repeat(drawn.min(page.width)));
}

fn padded(text: &str, columns: usize) -> String {
    text.to_owned() + &" ".repeat(columns.saturating_sub(width(text)))
}

/// A line of numbers; with what changed beside them, or below.
fn in_columns(page: &mut Page, row: &VersionRow, columns: &Columns, wal: &str) {
    let name = " ".repeat(INDENT) + &row.variant;
    let mut lines = vec![line_of(page, &name, &row.pages, columns)];
    if let Some(cells) = &row.wal {
        let name = " ".repeat(2 * INDENT) + wal;
        lines.push(line_of(page, &name, cells, columns));
    }
    let Some(available) = columns.words else {
        page.lines.extend(lines);
        for change in &row.changes {
            page.hanging(3 * INDENT, Role::Plain, change);
        }
        return;
    };
    let indent = columns.indent(row.pages.len());
    let words = row.changes.iter();
    let mut words = words.flat_map(|change| wrap(change, available));
    let mut numbers = lines.into_iter();
    loop {
        let (line, word) = (numbers.next(), words.next());
        if line.is_none() && word.is_none() {
            return;
        }
        let line = line.unwrap_or_else(|| " ".repeat(indent - GUTTER));
        let line = line + &" ".repeat(GUTTER) + &word.unwrap_or_default();
        page.lines.push(line.trim_end().to_owned());
    }
}

fn line_of(page: &Page, name: &str, cells: &[VersionCell], columns: &Columns) -> String {
    let mut line = padded(name, columns.name);
    for cell in cells {
        line += &" ".repeat(columns.number + GUTTER - width(&cell.text));
        line += &page.palette.paint(cell.role, &cell.text);
    }
    line
}

/// Where the versions do not fit beside each other: one after the other, as text.
fn in_sequence(page: &mut Page, group: &VersionGroup, row: &VersionRow, wal: &str) {
    page.hanging(INDENT, Role::Plain, &row.variant);
    for (what, cells) in [("pages", Some(&row.pages)), (wal, row.wal.as_ref())] {
        let numbers = cells.into_iter().flatten().zip(&group.versions);
        let numbers: Vec<String> = numbers
            .map(|(cell, version)| format!("{version}: {}", cell.text))
            .collect();
        if !numbers.is_empty() {
            let text = format!("{what} {}", numbers.join(" · "));
            page.hanging(2 * INDENT, Role::Plain, &text);
        }
    }
    for change in &row.changes {
        page.hanging(3 * INDENT, Role::Plain, change);
    }
}
