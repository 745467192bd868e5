//! A small table: figures in front, a text behind that takes what is left of the width.

use crate::report::palette::{Palette, Role};
use crate::report::text::{elide, elide_middle, width};

/// Columns of space between two columns.
const GUTTER: usize = 2;

/// However narrow, the text has this many columns.
const LEAST_TEXT: usize = 16;

/// A table.
pub(super) struct Grid {
    /// What stands above the columns.
    pub(super) heads: Vec<String>,
    /// The cells, as many in each row as there are heads. The last is the text.
    pub(super) rows: Vec<Vec<(Role, String)>>,
    /// Columns whose cells stand at their left side.
    pub(super) left: Vec<usize>,
    /// Columns that stay however narrow it is; the first is what others refer to.
    pub(super) needed: Vec<usize>,
    /// Whether what is too wide of the text is cut in its middle, not at its end.
    pub(super) cut_in_middle: bool,
}

impl Grid {
    /// Its lines, none wider than asked for; columns that are not needed give way where there is no room, the last ones first.
    pub(super) fn lines(&self, columns: usize, palette: Palette) -> Vec<String> {
        let last = self.heads.len().saturating_sub(1);
        let mut widths: Vec<usize> = (0..last).map(|column| self.widest(column)).collect();
        let taken = |widths: &[usize]| -> usize {
            let shown = widths.iter().filter(|width| **width > 0);
            shown.map(|width| width + GUTTER).sum()
        };
        while taken(&widths) + LEAST_TEXT > columns {
            let gives_way = |column: &usize| widths[*column] > 0 && !self.needed.contains(column);
            match (0..last).rev().find(gives_way) {
                Some(column) => widths[column] = 0,
                None => break,
            }
        }
        let room = columns.saturating_sub(taken(&widths)).max(1);
        let heads: Vec<(Role, String)> = self
            .heads
            .iter()
            .map(|head| (Role::Quiet, head.clone()))
            .collect();
        let rows = std::iter::once(&heads).chain(&self.rows);
        rows.map(|row| self.line(row, &widths, room, palette))
            .collect()
    }

    fn line(
        &self,
        row: &[(Role, String)],
        widths: &[usize],
        room: usize,
        palette: Palette,
    ) -> String {
        let mut line = String::new();
        for (column, columns) in widths.iter().enumerate().filter(|(_, width)| **width > 0) {
            let Some((role, cell)) = row.get(column) else {
                continue;
            };
            let space = " ".repeat(columns.saturating_sub(width(cell)));
            let cell = palette.paint(*role, cell);
            line += &if self.left.contains(&column) {
                cell + &space
            } else {
                space + &cell
            };
            line += &" ".repeat(GUTTER);
        }
        if let Some((role, text)) = row.get(widths.len()) {
            let text = if self.cut_in_middle {
                elide_middle(text, room)
            } else {
                elide(text, room)
            };
            line += &palette.paint(*role, &text);
        }
        line.trim_end().to_owned()
    }

    fn widest(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|(_, cell)| width(cell)).max().unwrap_or(0);
        let head = self.heads.get(column).map_or(0, |head| width(head));
        // A column in which nothing stands is none.
        if widest == 0 { 0 } else { widest.max(head) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_takes_what_the_figures_leave() {
        let cell = |text: &str| (Role::Plain, text.to_owned());
        let grid = Grid {
            heads: ["#", "pages", "none", "text"].map(str::to_owned).to_vec(),
            rows: vec![
                [
                    cell("1"),
                    cell("12,345"),
                    cell(""),
                    cell("one two three four five"),
                ]
                .to_vec(),
                [cell("10"), cell("7"), cell(""), cell("six")].to_vec(),
            ],
            left: vec![1],
            needed: vec![0],
            cut_in_middle: false,
        };
        let palette = Palette { color: false };
        let expected = [
            " #  pages   text",
            " 1  12,345  one two three f…",
            "10  7       six",
        ];
        assert_eq!(grid.lines(28, palette), expected);
        let narrow = grid.lines(20, palette);
        assert_eq!(narrow[1], " 1  one two three f…");
    }
}
