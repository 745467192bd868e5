//! Lines for a terminal, wrapped to its width.

use super::Layout;
use super::palette::{Palette, Role};
use super::text::{width, wrap};

/// Narrower than this nothing can be laid out.
const LEAST_WIDTH: usize = 60;

/// Lines of a terminal, none wider than it.
pub(super) struct Page {
    /// What is there so far.
    pub(super) lines: Vec<String>,
    /// Columns.
    pub(super) width: usize,
    /// Its colours.
    pub(super) palette: Palette,
}

impl Page {
    /// An empty page.
    pub(super) fn of(layout: Layout<'_>) -> Page {
        Page {
            lines: Vec::new(),
            width: layout.width.max(LEAST_WIDTH),
            palette: Palette {
                color: layout.color,
            },
        }
    }

    /// An empty line.
    pub(super) fn blank(&mut self) {
        self.lines.push(String::new());
    }

    /// `text`, wrapped, every line indented.
    pub(super) fn hanging(&mut self, indent: usize, role: Role, text: &str) {
        self.labelled(indent, (Role::Plain, ""), role, text);
    }

    /// `text`, wrapped, with `label` in the indentation of the first line.
    pub(super) fn labelled(&mut self, indent: usize, label: (Role, &str), role: Role, text: &str) {
        let (label_role, label) = label;
        let margin = indent - width(label).min(indent);
        let mut lead = self.palette.paint(label_role, label) + &" ".repeat(margin);
        for line in wrap(text, self.width - indent) {
            let line = lead + &self.palette.paint(role, &line);
            self.lines.push(line.trim_end().to_owned());
            lead = " ".repeat(indent);
        }
    }

    /// Everything, without empty lines at the end.
    pub(super) fn text(mut self) -> String {
        while self.lines.last().is_some_and(String::is_empty) {
            self.lines.pop();
        }
        self.lines.join("\n") + "\n"
    }
}
