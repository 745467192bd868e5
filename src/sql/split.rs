//! Splitting a script into its statements.

use std::ops::Range;

use super::token::{Token, TokenKind, tokens};

/// Where the statements of `text` stand, in bytes: without the `;` that ends them and without the white space and comments around
/// them. As psql does it, a `;` in brackets or in the `begin atomic … end` of a routine ends nothing.
#[must_use]
pub fn statements(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open = OpenStatement::default();
    for token in tokens(text) {
        if token.kind == TokenKind::Semicolon && open.depth == 0 && open.routine_depth == 0 {
            found.extend(std::mem::take(&mut open).span);
        } else if !token.kind.is_trivia() {
            open.push(text, &token);
        }
    }
    found.extend(open.span);
    found
}

/// A statement whose end has not been seen.
#[derive(Default)]
struct OpenStatement {
    span: Option<Range<usize>>,
    /// Brackets open.
    depth: usize,
    /// `begin` and `case` open in the body of a routine.
    routine_depth: usize,
    /// Its first words, in lower case.
    first_words: Vec<String>,
}

impl OpenStatement {
    fn push(&mut self, text: &str, token: &Token) {
        let start = self
            .span
            .as_ref()
            .map_or(token.span.start, |span| span.start);
        self.span = Some(start..token.span.end);
        match token.kind {
            TokenKind::Open => self.depth += 1,
            TokenKind::Close => self.depth = self.depth.saturating_sub(1),
            TokenKind::Word if self.depth == 0 => {
                self.push_word(text[token.span.clone()].to_ascii_lowercase())
            }
            _ => {}
        }
    }

    fn push_word(&mut self, word: String) {
        match word.as_str() {
            "begin" if self.makes_a_routine() => self.routine_depth += 1,
            "case" if self.routine_depth > 0 => self.routine_depth += 1,
            "end" => self.routine_depth = self.routine_depth.saturating_sub(1),
            _ => {}
        }
        if self.first_words.len() < 4 {
            self.first_words.push(word);
        }
    }

    fn makes_a_routine(&self) -> bool {
        let words: Vec<&str> = self.first_words.iter().map(String::as_str).collect();
        matches!(
            words[..],
            ["create", "function" | "procedure", ..]
                | ["create", "or", "replace", "function" | "procedure"]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        statements(text)
            .into_iter()
            .map(|span| &text[span])
            .collect()
    }

    #[test]
    fn splits_at_semicolons_and_drops_what_is_around() {
        assert_eq!(
            split("-- one\nselect 1; ;\n/* two */ select ';' -- end\n;"),
            ["select 1", "select ';'"]
        );
        assert_eq!(split(" -- nothing\n"), [""; 0]);
        assert_eq!(
            split("select 1\n-- inside\n+ 2"),
            ["select 1\n-- inside\n+ 2"]
        );
    }

    #[test]
    fn quotes_brackets_and_routine_bodies_keep_their_semicolons() {
        let body = "create function f() returns int language plpgsql as $$ begin return 1; end $$";
        let rule = "create rule r as on insert to t do (select 1; select 2)";
        let atomic = "create or replace procedure p() language sql begin atomic select case when true then 1 end; select 2; end";
        assert_eq!(
            split(&format!("{body}; {rule}; {atomic}; select 1")),
            [body, rule, atomic, "select 1"]
        );
        assert_eq!(
            split("begin; select 1; end; select 2"),
            ["begin", "select 1", "end", "select 2"]
        );
    }
}
