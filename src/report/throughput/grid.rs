//! A table of texts and numbers, for a terminal of any width and for Markdown.

use crate::report::markdown::text::{cell, escaped};
use crate::report::page::Page;
use crate::report::palette::Role;
use crate::report::text::width;

/// Columns between two columns.
const GUTTER: usize = 2;

/// Columns before the first column.
const INDENT: usize = 2;

/// A table: the first column names its rows.
#[derive(Debug, Default)]
pub(super) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<(Role, String)>>,
}

#[derive(Debug)]
struct Column {
    head: String,
    is_number: bool,
}

impl Grid {
    /// A table with these columns: texts, then numbers.
    pub(super) fn new(texts: &[&str], numbers: &[&str]) -> Grid {
        let mut grid = Grid::default();
        for head in texts {
            grid.add_column(head, false);
        }
        for head in numbers {
            grid.add_column(head, true);
        }
        grid
    }

    /// One more column, before there are rows.
    pub(super) fn add_column(&mut self, head: &str, is_number: bool) {
        self.columns.push(Column {
            head: head.to_owned(),
            is_number,
        });
    }

    /// One more row, a text for each column.
    pub(super) fn add_row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| (Role::Plain, cell));
        self.rows.push(cells.collect());
    }

    /// One more row, of which some cells have a colour.
    pub(super) fn add_painted(&mut self, cells: Vec<(Role, String)>) {
        self.rows.push(cells);
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The widest of a column.
    fn width_of(&self, at: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(at));
        let widest = cells.map(|(_, text)| width(text)).max().unwrap_or(0);
        widest.max(width(&self.columns[at].head))
    }

    /// Columns that go side by side: what does not fit goes below, with the first column again.
    fn parts(&self, columns: usize) -> Vec<Vec<usize>> {
        let mut parts = Vec::new();
        let mut part = Vec::new();
        let mut taken = INDENT;
        for at in 0..self.columns.len() {
            let wanted = GUTTER + self.width_of(at);
            if part.len() > 1 && taken + wanted > columns {
                parts.push(std::mem::replace(&mut part, vec![0]));
                taken = INDENT + self.width_of(0);
            }
            taken += wanted - if at == 0 { GUTTER } else { 0 };
            part.push(at);
        }
        parts.push(part);
        parts
    }

    /// Prints it on a terminal.
    pub(super) fn print(&self, page: &mut Page) {
        for part in self.parts(page.width) {
            let heads = part
                .iter()
                .map(|at| (Role::Quiet, self.columns[*at].head.as_str()));
            self.print_line(page, &part, heads);
            for row in &self.rows {
                let cells = part.iter().filter_map(|at| row.get(*at));
                let cells = cells.map(|(role, text)| (*role, text.as_str()));
                self.print_line(page, &part, cells);
            }
        }
    }

    fn print_line<'c>(
        &self,
        page: &mut Page,
        part: &[usize],
        cells: impl Iterator<Item = (Role, &'c str)>,
    ) {
        let mut line = " ".repeat(INDENT);
        for (position, (at, (role, text))) in part.iter().zip(cells).enumerate() {
            if position > 0 {
                line += &" ".repeat(GUTTER);
            }
            let space = " ".repeat(self.width_of(*at).saturating_sub(width(text)));
            let text = page.palette.paint(role, text);
            line += &if self.columns[*at].is_number {
                space + &text
            } else {
                text + &space
            };
        }
        page.lines.push(line.trim_end().to_owned());
    }

    /// It as Markdown.
    pub(super) fn markdown(&self) -> String {
        let heads: Vec<String> = self
            .columns
            .iter()
            .map(|column| escaped(&column.head))
            .collect();
        let mut text = format!("| {} |\n|", heads.join(" | "));
        for column in &self.columns {
            text += if column.is_number { "--:|" } else { ":--|" };
        }
        text.push('\n');
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|(_, text)| cell(&escaped(text))).collect();
            text += &format!("| {} |\n", cells.join(" | "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Layout;

    fn printed(width: usize) -> String {
        let mut grid = Grid::new(&["name"], &["first", "second", "third"]);
        grid.add_row(["one", "1", "22", "333"].map(str::to_owned));
        grid.add_row(["another", "1,000", "2", "3"].map(str::to_owned));
        let mut page = Page::of(Layout {
            width,
            color: false,
            folder: None,
        });
        page.width = width;
        grid.print(&mut page);
        page.text()
    }

    #[test]
    fn columns_are_aligned_and_what_does_not_fit_goes_below() {
        assert_eq!(
            printed(60),
            "  name     first  second  third\n  one          1      22    333\n  another  1,000       2      3\n"
        );
        assert_eq!(
            printed(25),
            "  name     first  second\n  one          1      22\n  another  1,000       2\n  name     third\n  one        333\n  another      3\n"
        );
        // Narrower than two columns: nothing is lost.
        assert!(printed(5).contains("1,000"));
    }
}
