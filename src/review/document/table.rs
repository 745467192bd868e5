//! Takes off what psql and other clients put around the rows of a result: header, rules, borders, footer, the names of columns in
//! expanded output, the quotes of csv.
//!
//! The `+` with which psql marks that a value goes on in the next line is taken off later, by those who know that no line of theirs
//! ends with one ([`without_mark`]).

use super::line::Line;
use crate::plan::text::begins_plan;

/// The column of EXPLAIN's result.
const COLUMN: &str = "QUERY PLAN";

/// What separates a name from its value in expanded output, with what a border may be made of.
const BORDERS: [char; 3] = ['|', '│', '║'];

/// Marks of a value that goes on in the next line: ASCII, Unicode.
const MARKS: [char; 2] = ['+', '↵'];

/// What surrounds the lines that come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    /// No table.
    None,
    /// Rows without borders.
    Plain,
    /// Rows between borders.
    Bordered,
    /// Records in expanded output: each row has the column's name before it.
    Expanded,
    /// Values in double quotes; whether one is open.
    Quoted(bool),
}

/// The rows of tables, and all other lines as they are.
pub(super) fn rows(lines: Vec<Line<'_>>) -> Vec<Line<'_>> {
    let mut table = Table::None;
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        if line.is_boundary() {
            table = Table::None;
            rows.push(line);
            continue;
        }
        let (next, row) = row(table, line);
        table = next;
        rows.extend(row);
    }
    rows
}

/// What a line is where such a table goes on, and how the table goes on behind it; none where it is only decoration.
fn row(table: Table, line: Line<'_>) -> (Table, Option<Line<'_>>) {
    let text = line.text();
    if let Table::Quoted(true) = table {
        return quoted(line.text(), true, &line);
    }
    if is_header(text) {
        let is_bordered = text.trim_start().starts_with(BORDERS);
        let table = if is_bordered {
            Table::Bordered
        } else {
            Table::Plain
        };
        return (table, Some(Line::boundary(line.number)));
    }
    if is_record(text) {
        return (Table::Expanded, None);
    }
    if let Some(value) = named_value(text) {
        if value.starts_with('"') {
            return quoted(value, false, &line);
        }
        let value = value.to_owned();
        return (Table::Expanded, Some(line.with(value)));
    }
    if table != Table::None && is_footer(text) {
        return (Table::None, Some(Line::boundary(line.number)));
    }
    match table {
        Table::None if begins_quoted(text) => quoted(text, false, &line),
        Table::None => (table, Some(line)),
        Table::Plain | Table::Quoted(_) if text.starts_with('"') => quoted(text, false, &line),
        Table::Plain | Table::Quoted(_) if text.trim().is_empty() => {
            (Table::None, Some(Line::boundary(line.number)))
        }
        _ if is_rule(text) => (table, None),
        Table::Plain | Table::Quoted(_) => (table, Some(line)),
        Table::Bordered => match between_borders(text) {
            Some(inner) => {
                let inner = inner.to_owned();
                (table, Some(line.with(inner)))
            }
            None => (Table::None, Some(line)),
        },
        Table::Expanded => match continued(text) {
            Some(value) => {
                let value = value.to_owned();
                (table, Some(line.with(value)))
            }
            None if text.trim().is_empty() => (table, None),
            // Border 0 has blanks where the others have a bar; anything else is not part of the table.
            None if text.starts_with(' ') => (table, Some(line)),
            None => (Table::None, Some(line)),
        },
    }
}

/// Whether the line has nothing but the column's name.
fn is_header(text: &str) -> bool {
    let name = text.trim().trim_matches(BORDERS).trim();
    let name = name.trim_matches('"');
    name.eq_ignore_ascii_case(COLUMN)
}

/// `-[ RECORD 1 ]----`, `* Record 1`.
fn is_record(text: &str) -> bool {
    let text = text.trim_start_matches(['+', '-', '─', '┌', '├', '╔', '╠', '═', ' ']);
    let record = text
        .strip_prefix("[ RECORD ")
        .or_else(|| text.strip_prefix("* Record "));
    record.is_some_and(|number| number.starts_with(|first: char| first.is_ascii_digit()))
}

/// The value behind the column's name: `QUERY PLAN | Seq Scan on job`.
fn named_value(text: &str) -> Option<&str> {
    let is_bordered = text.starts_with(BORDERS);
    let inner = text.trim_start_matches(BORDERS).trim_start();
    let rest = inner.strip_prefix(COLUMN)?;
    let value = match rest.strip_prefix(' ').unwrap_or(rest).strip_prefix(BORDERS) {
        Some(value) => value.strip_prefix(' ').unwrap_or(value),
        None => rest.strip_prefix(',').or_else(|| rest.strip_prefix(' '))?,
    };
    Some(if is_bordered {
        without_border(value)
    } else {
        value
    })
}

/// A further line of the value: `           | {   +`.
fn continued(text: &str) -> Option<&str> {
    let is_bordered = text.starts_with(BORDERS);
    let inner = text.trim_start_matches(BORDERS).trim_start();
    let value = inner.strip_prefix(BORDERS)?;
    let value = value.strip_prefix(' ').unwrap_or(value);
    Some(if is_bordered {
        without_border(value)
    } else {
        value
    })
}

/// `(12 rows)`, in whatever language.
fn is_footer(text: &str) -> bool {
    let inside = text
        .trim()
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'));
    inside
        .and_then(|inside| inside.split_once(' '))
        .is_some_and(|(number, word)| {
            number.parse::<u64>().is_ok()
                && !word.is_empty()
                && word.chars().all(char::is_alphabetic)
        })
}

/// A line that is drawn: `-----`, `+-----+`, `├─────┤`.
fn is_rule(text: &str) -> bool {
    let text = text.trim();
    let drawn =
        |symbol: char| "-+=|:".contains(symbol) || ('\u{2500}'..='\u{257f}').contains(&symbol);
    let strokes = text.chars().filter(|symbol| "-=─═".contains(*symbol));
    text.chars().all(drawn) && strokes.count() >= 3
}

fn between_borders(text: &str) -> Option<&str> {
    let inner = text.trim_start().strip_prefix(BORDERS)?;
    Some(without_border(inner.strip_prefix(' ').unwrap_or(inner)))
}

fn without_border(text: &str) -> &str {
    let text = text.trim_end();
    text.strip_suffix(BORDERS).unwrap_or(text)
}

/// Whether a row begins a plan behind a double quote.
fn begins_quoted(text: &str) -> bool {
    text.strip_prefix('"').is_some_and(|inner| {
        let value = inner.strip_suffix('"').unwrap_or(inner);
        begins_plan(value)
            || value.is_empty()
            || matches!(value.trim(), "[" | "{" | "- Plan:")
            || value.starts_with("[{\"\"")
    })
}

/// A line of csv, without its quotes, `""` being one of the value's own.
fn quoted<'a>(text: &str, is_open: bool, line: &Line<'a>) -> (Table, Option<Line<'a>>) {
    let mut open = is_open;
    let mut value = String::with_capacity(text.len());
    let mut symbols = text.chars().peekable();
    while let Some(symbol) = symbols.next() {
        match symbol {
            '"' if open && symbols.peek() == Some(&'"') => {
                symbols.next();
                value.push('"');
            }
            '"' => open = !open,
            symbol => value.push(symbol),
        }
    }
    (Table::Quoted(open), Some(line.with(value)))
}

/// Whether a line ends with the mark that the value goes on in the next.
pub(super) fn has_mark(text: &str) -> bool {
    text.trim_end().ends_with(MARKS)
}

/// A line without the mark that the value goes on in the next, and without the blanks before it.
pub(super) fn without_mark(text: &str) -> &str {
    let text = text.trim_end();
    match text.strip_suffix(MARKS) {
        Some(rest) => rest.trim_end(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::document::line::lines;

    fn texts(text: &str) -> Vec<String> {
        let rows = rows(lines(text));
        let texts = rows.iter().map(|line| without_mark(line.text()).trim());
        texts
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_frame_leaves_the_rows() {
        for text in [
            "   QUERY PLAN   \n----------------\n [             +\n   {           +\n(1 row)\n",
            "+----------------+\n|   QUERY PLAN   |\n+----------------+\n| [             +|\n|   {            |\n+----------------+\n(1 row)\n",
            "┌────────────────┐\n│   QUERY PLAN   │\n├────────────────┤\n│ [             ↵│\n│   {            │\n└────────────────┘\n(1 Zeile)\n",
            "-[ RECORD 1 ]--\nQUERY PLAN | [  +\n           |   {\n",
            "* Record 1\nQUERY PLAN [  +\n             {\n",
            "┌─[ RECORD 1 ]─┬──┐\n│ QUERY PLAN │ [ ↵│\n│            │   { │\n└────────────┴────┘\n",
            "\"QUERY PLAN\"\n\"[\"\n\"  {\"\n",
            "QUERY PLAN\n\"[\n  {\"\n",
            "QUERY PLAN,\"[\n  {\"\n",
            "| QUERY PLAN |\n| --- |\n| [ |\n|   { |\n",
        ] {
            let mut rows = texts(text);
            rows.retain(|row| !is_rule(row));
            assert_eq!(rows, ["[", "{"], "{text}");
        }
    }

    #[test]
    fn what_is_no_table_stays() {
        for text in [
            "a | b\n- c\n(1 row)",
            "QUERY PLANS\nx",
            "---\n\"quoted\" words",
        ] {
            assert_eq!(texts(text).join("\n"), text);
        }
    }

    #[test]
    fn footers_and_rules_are_told_from_rows() {
        assert!(is_footer("(2 rows)") && is_footer(" (1 Zeile) "));
        assert!(
            !is_footer("(cost=1 rows=2)") && !is_footer("(a b)") && !is_footer("(2 rows, more)")
        );
        assert!(is_rule("-----") && is_rule("├───┼──┤") && !is_rule("->") && !is_rule(""));
    }
}
