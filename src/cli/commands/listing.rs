//! Short texts on stdout: aligned columns, and a reader that may leave early.

use std::io::Write;

use anyhow::Context;

use crate::cli::exit::Exit;

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
