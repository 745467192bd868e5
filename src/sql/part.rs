//! The tokens of a statement that mean something: those that are neither space nor comment.

use super::token::{TokenKind, tokens};

/// A token that is neither space nor comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// What it is.
    pub kind: TokenKind,
    /// As it is written.
    pub text: &'a str,
    /// Whether space or a comment stands in front of it.
    pub spaced: bool,
}

impl Part<'_> {
    /// Whether it is this key word, in whatever case; `word` is in lower case.
    #[must_use]
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it may be a name: key words are not told from names.
    #[must_use]
    pub fn is_name(&self) -> bool {
        matches!(self.kind, TokenKind::Word | TokenKind::QuotedIdentifier)
    }
}

/// The parts of a text, in order.
#[must_use]
pub fn parts(sql: &str) -> Vec<Part<'_>> {
    let mut spaced = false;
    let mut parts = Vec::new();
    for token in tokens(sql) {
        if token.kind.is_trivia() {
            spaced = true;
            continue;
        }
        parts.push(Part {
            kind: token.kind,
            text: &sql[token.span],
            spaced,
        });
        spaced = false;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_and_comments_only_set_apart() {
        let parts = parts("-- why\nSELECT a,/* b */c");
        let told: Vec<_> = parts.iter().map(|part| (part.text, part.spaced)).collect();
        assert_eq!(
            told,
            [("SELECT", true), ("a", true), (",", false), ("c", true)]
        );
        assert!(parts[0].is_word("select") && !parts[0].is_word("selected"));
        assert!(parts[1].is_name() && !parts[2].is_name());
    }
}
