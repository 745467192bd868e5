//! Texts on stdout: aligned columns, the terminal's width and colour, and a reader that may leave early.

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::Context;

use crate::cli::args::{Color, Common};
use crate::cli::exit::Exit;
use crate::report::Layout;

/// Off a terminal there is no width to fit: as wide as most editors and CI logs show.
const WIDTH_OFF_TERMINAL: usize = 160;

/// Aligns rows into columns, two spaces apart.
#[must_use]
pub fn lines<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.into_iter().collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// What stdout looks like, for a report of a run kept in `folder`.
#[must_use]
pub fn layout<'f>(common: &Common, folder: Option<&'f Path>) -> Layout<'f> {
    let terminal = std::io::stdout().is_terminal();
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let color = match common.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && !no_color,
    };
    let width = terminal
        .then(terminal_width)
        .flatten()
        .unwrap_or(WIDTH_OFF_TERMINAL);
    Layout {
        width,
        color,
        folder,
    }
}

fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Prints a text on stdout.
///
/// # Errors
/// If it cannot be written; a reader that has gone is no error.
pub fn print(text: &str) -> anyhow::Result<Exit> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot print the results")
        }
        _ => Ok(Exit::Done),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_are_aligned() {
        let rows = [
            ["a".to_owned(), "one".to_owned()],
            ["long".to_owned(), "two".to_owned()],
        ];
        assert_eq!(super::lines(rows), "a     one\nlong  two\n");
    }
}
