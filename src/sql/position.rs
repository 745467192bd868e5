//! Where something stands in a text, as people and editors count.

use std::fmt;

/// A place in a text: both counted from 1, columns in characters (a tab is one).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

impl Position {
    /// The first character of a text.
    pub const START: Position = Position { line: 1, column: 1 };

    /// The place of the character at `offset` (in bytes) of `text`. An offset inside a character means that character, one beyond
    /// the end means the end.
    #[must_use]
    pub fn of(text: &str, offset: usize) -> Position {
        let start = (0..=offset.min(text.len()))
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_characters_from_one() {
        let text = "ab\näöx\n";
        assert_eq!(Position::of(text, 0), Position::START);
        assert_eq!(Position::of(text, 2), Position { line: 1, column: 3 });
        assert_eq!(Position::of(text, 3), Position { line: 2, column: 1 });
        assert_eq!(
            Position::of(text, text.find('x').unwrap()),
            Position { line: 2, column: 3 }
        );
        assert_eq!(
            Position::of(text, 4),
            Position { line: 2, column: 1 },
            "inside a character"
        );
        assert_eq!(
            Position::of(text, 99),
            Position { line: 3, column: 1 },
            "beyond the end"
        );
        assert_eq!(Position::of("", 0).to_string(), "1:1");
    }
}
