//! The statement that a plan belongs to, where it stands before it: `EXPLAIN (ANALYZE) select …`, typed at psql's prompt maybe.

use crate::sql::token::{Token, TokenKind, tokens};

/// Words that statements begin with that EXPLAIN takes.
const BEGINNINGS: [&str; 12] = [
    "create", "declare", "delete", "execute", "insert", "merge", "refresh", "select", "table",
    "update", "values", "with",
];

/// What may be behind `explain` without brackets.
const OPTIONS: [&str; 3] = ["analyse", "analyze", "verbose"];

/// The statement that was explained last and has no plan yet.
#[derive(Debug, Default)]
pub(super) struct Explained {
    text: String,
    is_open: bool,
}

impl Explained {
    /// Reads a line that is of no plan.
    pub(super) fn read(&mut self, line: &str) {
        let line = without_prompt(line);
        let begins = line
            .trim_start()
            .get(..7)
            .is_some_and(|word| word.eq_ignore_ascii_case("explain"));
        if begins {
            self.text = line.trim_start().to_owned();
            self.is_open = true;
        } else if self.is_open && line.trim().is_empty() {
            self.is_open = false;
        } else if self.is_open {
            self.text.push('\n');
            self.text.push_str(line);
        }
        if line.trim_end().ends_with(';') {
            self.is_open = false;
        }
    }

    /// Ends the statement's text.
    pub(super) fn end(&mut self) {
        self.is_open = false;
    }

    /// The statement, for the plan that is found now; the next plan has another.
    pub(super) fn take(&mut self) -> Option<String> {
        self.is_open = false;
        explained(&std::mem::take(&mut self.text)).map(str::to_owned)
    }
}

/// What is explained in `explain (analyze, buffers) select 1; …`; none where this is no such statement.
fn explained(text: &str) -> Option<&str> {
    let mut tokens = tokens(text)
        .filter(|token| !token.kind.is_trivia())
        .peekable();
    let is_word = |token: &Token, words: &[&str]| {
        let word = &text[token.span.clone()];
        token.kind == TokenKind::Word && words.iter().any(|known| word.eq_ignore_ascii_case(known))
    };
    tokens.next().filter(|first| is_word(first, &["explain"]))?;
    let in_brackets = tokens
        .peek()
        .is_some_and(|token| token.kind == TokenKind::Open);
    if in_brackets {
        // Options, unless the statement itself begins with a bracket.
        let option = tokens.clone().nth(1)?;
        if !is_word(&option, &BEGINNINGS) && option.kind == TokenKind::Word {
            tokens
                .by_ref()
                .find(|token| token.kind == TokenKind::Close)?;
        }
    }
    while tokens.next_if(|token| is_word(token, &OPTIONS)).is_some() {}
    let first = tokens.peek()?.clone();
    if first.kind != TokenKind::Open && !is_word(&first, &BEGINNINGS) {
        return None;
    }
    let end = tokens.find(|token| token.kind == TokenKind::Semicolon);
    let end = end.map_or(text.len(), |token| token.span.start);
    Some(text[first.span.start..end].trim_end())
}

/// A line without psql's prompt: `queue=# `, `queue-> `, `queue(# `.
fn without_prompt(line: &str) -> &str {
    let Some(end) = line.find(['#', '>']) else {
        return line;
    };
    let (prompt, rest) = line.split_at(end);
    let is_name = |symbol: char| symbol.is_alphanumeric() || "_.@-[]:".contains(symbol);
    let name = prompt.trim_end_matches(['=', '-', '*', '(', '\'', '"', '!', '^', '$', '?']);
    let is_prompt = !name.is_empty() && name.len() < prompt.len() && name.chars().all(is_name);
    match rest.get(1..) {
        Some(rest) if is_prompt && (rest.is_empty() || rest.starts_with(' ')) => {
            rest.get(1..).unwrap_or_default()
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        let mut explained = Explained::default();
        text.lines().for_each(|line| explained.read(line));
        explained.take()
    }

    #[test]
    fn what_is_explained_is_found_behind_options_and_prompts() {
        for (text, expected) in [
            ("explain select 1;", "select 1"),
            (
                "EXPLAIN (ANALYZE, BUFFERS)\nUPDATE job\n  SET a = ';'\n;\nmore",
                "UPDATE job\n  SET a = ';'",
            ),
            (
                "explain analyze verbose with a as (select 1) table a",
                "with a as (select 1) table a",
            ),
            ("explain (select 1)", "(select 1)"),
            (
                "queue=# explain (analyze)\nqueue-# select 1\nqueue-# from job;",
                "select 1\nfrom job",
            ),
            ("old\nexplain select 1;\nexplain select 2;", "select 2"),
            ("explain execute fetch(10);", "execute fetch(10)"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn prose_and_blank_lines_are_no_statement() {
        for text in [
            "Explain it to me",
            "explained: select 1",
            "select 1;",
            "explain",
            "explain (",
            "explain analyze the cause",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(
            read("explain select 1\n\nand then prose").as_deref(),
            Some("select 1")
        );
    }
}
