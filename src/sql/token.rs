//! A lexer for PostgreSQL's SQL, as exact as splitting statements and finding parameters needs.
//!
//! It follows chapter 4.1 "Lexical Structure" of PostgreSQL's manual with `standard_conforming_strings` on, and the chapter on
//! psql where a colon or a backslash is concerned. Operators come one character at a time.

use std::ops::Range;

/// One token: what it is, and the bytes it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands, in bytes.
    pub span: Range<usize>,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Spaces, tabs, line ends.
    Whitespace,
    /// `-- …` up to the end of the line, which is not part of it.
    LineComment,
    /// `/* … */`, which nests.
    BlockComment,
    /// A key word or an unquoted identifier.
    Word,
    /// `"…"`, also `U&"…"`.
    QuotedIdentifier,
    /// `'…'` with its prefix (`E`, `B`, `X`, `N`, `U&`) and its continuations on later lines.
    String,
    /// `$tag$ … $tag$`.
    DollarQuoted,
    /// A number.
    Number,
    /// `$1`.
    PositionalParameter,
    /// `:name`.
    Parameter,
    /// Something psql would replace or run and this program does not.
    Psql(PsqlForm),
    /// `::`.
    Cast,
    /// `;`.
    Semicolon,
    /// `,`.
    Comma,
    /// `.`.
    Dot,
    /// `(` or `[`.
    Open,
    /// `)` or `]`.
    Close,
    /// A character of an operator, `:` and `:=` included.
    Operator,
    /// A quote or comment that does not end.
    Unterminated(Unterminated),
    /// A character that has no place in SQL.
    Unknown,
}

/// What psql makes of a colon or a backslash where this program sees no parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PsqlForm {
    /// `:'x'`: the variable as a literal.
    Literal,
    /// `:"x"`: the variable as an identifier.
    Identifier,
    /// `:{?x}`: whether the variable is set.
    IsSet,
    /// `:x` right after a colon, a word character or `]`, as in `[1:n]`.
    Attached,
    /// `:X`: a name that is no parameter name.
    Name,
    /// `\command`.
    Command,
}

/// What does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unterminated {
    /// A string.
    String,
    /// A quoted identifier.
    Identifier,
    /// A dollar-quoted string.
    DollarQuote,
    /// A block comment.
    Comment,
}

impl TokenKind {
    /// Whether it is white space or a comment.
    #[must_use]
    pub fn is_trivia(self) -> bool {
        matches!(
            self,
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment
        )
    }
}

/// The tokens of `text`, in order and without gaps.
#[must_use]
pub fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, offset: 0 }
}

/// Whether `name` may name a parameter: `[a-z_][a-z0-9_]*`.
#[must_use]
pub fn is_parameter_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Iterator over the tokens of a text; see [`tokens`].
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    text: &'a str,
    offset: usize,
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let rest = &self.text[self.offset..];
        let first = rest.chars().next()?;
        let (kind, length) = lex(rest, first, self.text[..self.offset].chars().next_back());
        let span = self.offset..self.offset + length;
        self.offset = span.end;
        Some(Token { kind, span })
    }
}

/// The token at the start of `rest`, and its length. `before` is the character in front of it.
fn lex(rest: &str, first: char, before: Option<char>) -> (TokenKind, usize) {
    let one = first.len_utf8();
    match first {
        _ if is_space(first) => (TokenKind::Whitespace, span_of(rest, is_space)),
        '-' if rest.starts_with("--") => (
            TokenKind::LineComment,
            rest.find(['\n', '\r']).unwrap_or(rest.len()),
        ),
        '/' if rest.starts_with("/*") => block_comment(rest),
        '\'' => string(rest, 0, false),
        '"' => quoted_identifier(rest, 0),
        '$' => dollar(rest),
        ':' => colon(rest, before),
        '\\' => (
            TokenKind::Psql(PsqlForm::Command),
            1 + span_of(&rest[1..], |c| !is_space(c)),
        ),
        ';' => (TokenKind::Semicolon, 1),
        ',' => (TokenKind::Comma, 1),
        '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
            (TokenKind::Number, number(rest))
        }
        '.' => (TokenKind::Dot, 1),
        '(' | '[' => (TokenKind::Open, 1),
        ')' | ']' => (TokenKind::Close, 1),
        _ if first.is_ascii_digit() => (TokenKind::Number, number(rest)),
        _ if is_word_start(first) => word(rest),
        '+' | '-' | '*' | '/' | '<' | '>' | '=' | '~' | '!' | '@' | '#' | '%' | '^' | '&' | '|'
        | '`' | '?' => (TokenKind::Operator, one),
        _ => (TokenKind::Unknown, one),
    }
}

/// What PostgreSQL takes for white space; a no-break space is a letter to it.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn is_word_part(c: char) -> bool {
    is_word_start(c) || c.is_ascii_digit() || c == '$'
}

/// What psql reads as part of a variable's name.
fn is_variable_part(c: char) -> bool {
    is_word_start(c) || c.is_ascii_digit()
}

/// Length of the longest start of `text` whose characters all satisfy `accepts`.
fn span_of(text: &str, accepts: impl Fn(char) -> bool) -> usize {
    text.find(|c| !accepts(c)).unwrap_or(text.len())
}

fn word(rest: &str) -> (TokenKind, usize) {
    let bytes = rest.as_bytes();
    let unicode = bytes[0].eq_ignore_ascii_case(&b'u') && bytes.get(1) == Some(&b'&');
    match (bytes[0].to_ascii_lowercase(), bytes.get(1), bytes.get(2)) {
        (b'e', Some(b'\''), _) => string(rest, 1, true),
        (b'b' | b'x' | b'n', Some(b'\''), _) => string(rest, 1, false),
        (_, _, Some(b'\'')) if unicode => string(rest, 2, false),
        (_, _, Some(b'"')) if unicode => quoted_identifier(rest, 2),
        _ => (TokenKind::Word, span_of(rest, is_word_part)),
    }
}

/// A string whose opening quote stands at `quote`.
fn string(rest: &str, quote: usize, backslash_escapes: bool) -> (TokenKind, usize) {
    let bytes = rest.as_bytes();
    let mut at = quote + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if backslash_escapes => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => match continuation(&rest[at + 1..]) {
                Some(gap) => at += 1 + gap + 1,
                None => return (TokenKind::String, at + 1),
            },
            _ => at += 1,
        }
    }
    (TokenKind::Unterminated(Unterminated::String), rest.len())
}

/// A string goes on where only white space with a line end stands between a closing and an opening quote: the length of
/// that space.
fn continuation(rest: &str) -> Option<usize> {
    let gap = span_of(rest, is_space);
    (rest[gap..].starts_with('\'') && rest[..gap].contains(['\n', '\r'])).then_some(gap)
}

fn quoted_identifier(rest: &str, quote: usize) -> (TokenKind, usize) {
    let bytes = rest.as_bytes();
    let mut at = quote + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' if bytes.get(at + 1) == Some(&b'"') => at += 2,
            b'"' => return (TokenKind::QuotedIdentifier, at + 1),
            _ => at += 1,
        }
    }
    (
        TokenKind::Unterminated(Unterminated::Identifier),
        rest.len(),
    )
}

fn block_comment(rest: &str) -> (TokenKind, usize) {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (1_usize, 2);
    while depth > 0 && at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    if depth == 0 {
        (TokenKind::BlockComment, at)
    } else {
        (TokenKind::Unterminated(Unterminated::Comment), rest.len())
    }
}

/// `$1`, `$$ … $$`, `$tag$ … $tag$`.
fn dollar(rest: &str) -> (TokenKind, usize) {
    let digits = span_of(&rest[1..], |c| c.is_ascii_digit());
    if digits > 0 {
        return (TokenKind::PositionalParameter, 1 + digits);
    }
    let tag_end = 1 + span_of(&rest[1..], is_variable_part);
    if !rest[tag_end..].starts_with('$') {
        return (TokenKind::Unknown, 1);
    }
    let tag = &rest[..=tag_end];
    match rest[tag.len()..].find(tag) {
        Some(body) => (TokenKind::DollarQuoted, tag.len() + body + tag.len()),
        None => (
            TokenKind::Unterminated(Unterminated::DollarQuote),
            rest.len(),
        ),
    }
}

fn number(rest: &str) -> usize {
    let radix = rest.len() > 1
        && rest.starts_with('0')
        && matches!(rest.as_bytes()[1].to_ascii_lowercase(), b'x' | b'o' | b'b');
    let mut previous = ' ';
    for (at, c) in rest.char_indices() {
        let sign_of_exponent = matches!(c, '+' | '-')
            && !radix
            && previous.eq_ignore_ascii_case(&'e')
            && rest[at + 1..].starts_with(|next: char| next.is_ascii_digit());
        if !(c.is_ascii_alphanumeric() || c == '_' || c == '.' || sign_of_exponent) {
            return at;
        }
        previous = c;
    }
    rest.len()
}

/// `::`, `:=`, `:name`, and what psql would read. A bare colon, also in front of a number, is the one of an array slice.
fn colon(rest: &str, before: Option<char>) -> (TokenKind, usize) {
    let after = &rest[1..];
    let quoted = |quote: char| after[1..].find(quote).map_or(2, |end| 1 + 1 + end + 1);
    match after.chars().next() {
        Some(':') => return (TokenKind::Cast, 2),
        Some('=') => return (TokenKind::Operator, 2),
        Some('\'') => return (TokenKind::Psql(PsqlForm::Literal), quoted('\'')),
        Some('"') => return (TokenKind::Psql(PsqlForm::Identifier), quoted('"')),
        Some('{') if after.starts_with("{?") => {
            return (TokenKind::Psql(PsqlForm::IsSet), quoted('}'));
        }
        _ => {}
    }
    let name = &after[..span_of(after, is_variable_part)];
    let attached = before.is_some_and(|c| c == ':' || c == ']' || is_word_part(c));
    match name {
        _ if name.bytes().all(|b| b.is_ascii_digit()) => (TokenKind::Operator, 1),
        _ if attached => (TokenKind::Psql(PsqlForm::Attached), 1 + name.len()),
        _ if is_parameter_name(name) => (TokenKind::Parameter, 1 + name.len()),
        _ => (TokenKind::Psql(PsqlForm::Name), 1 + name.len()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::TokenKind::*;
    use super::*;

    /// The tokens without white space, with their text.
    fn lexed(text: &str) -> Vec<(TokenKind, &str)> {
        tokens(text)
            .filter(|token| token.kind != Whitespace)
            .map(|token| (token.kind, &text[token.span]))
            .collect()
    }

    #[test]
    fn quotes_and_comments_are_single_tokens() {
        for (kind, text) in [
            (String, "'it''s :x; -- no'"),
            (String, r"'C:\'"),
            (String, r"E'it\'s :x'"),
            (String, "E'a'\n  'b\\'c'"),
            (String, "U&'d\\0061t'"),
            (String, "b'01'"),
            (QuotedIdentifier, "\"a\"\":b\""),
            (QuotedIdentifier, "u&\"d\\0061t\""),
            (LineComment, "-- :x; 'y"),
            (BlockComment, "/* a /* b; */ :c ' */"),
            (DollarQuoted, "$$ :x; ' $a$ $$"),
            (DollarQuoted, "$body$ $$ ; $$ $body$"),
            (Word, "a$b$c"),
            (Number, "1_000.5e-3"),
            (Number, "0x1F"),
            (Number, ".5"),
            (PositionalParameter, "$12"),
            (Word, "naïve"),
        ] {
            assert_eq!(lexed(text), [(kind, text)], "{text}");
        }
    }

    #[test]
    fn strings_on_one_line_do_not_join() {
        assert_eq!(lexed("'a' 'b'"), [(String, "'a'"), (String, "'b'")]);
    }

    #[test]
    fn what_does_not_end_reaches_to_the_end() {
        use super::Unterminated as U;
        for (what, text) in [
            (U::String, "'a"),
            (U::String, r"e'a\'"),
            (U::Identifier, "\"a"),
            (U::DollarQuote, "$a$ $$"),
            (U::Comment, "/* /* */"),
        ] {
            assert_eq!(lexed(text), [(Unterminated(what), text)], "{text}");
        }
    }

    #[test]
    fn colons() {
        assert_eq!(
            lexed(":a::int"),
            [(Parameter, ":a"), (Cast, "::"), (Word, "int")]
        );
        assert_eq!(
            lexed("(:a_1)"),
            [(Open, "("), (Parameter, ":a_1"), (Close, ")")]
        );
        assert_eq!(lexed("a[1:2]").len(), 6, "a slice with constant bounds");
        assert_eq!(
            lexed("x[1: :n]")[4],
            (Parameter, ":n"),
            "a slice with a parameter"
        );
        assert_eq!(lexed("f(a := 1)")[3], (Operator, ":="));
        for (form, text) in [
            (PsqlForm::Literal, ":'x'"),
            (PsqlForm::Identifier, ":\"x\""),
            (PsqlForm::IsSet, ":{?x}"),
            (PsqlForm::Name, ":batchSize"),
            (PsqlForm::Command, "\\gset"),
        ] {
            assert_eq!(lexed(text), [(Psql(form), text)], "{text}");
        }
        for text in ["1:n", "a:n", "]:n", ":::n"] {
            assert_eq!(
                lexed(text).last(),
                Some(&(Psql(PsqlForm::Attached), ":n")),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn tokens_tile_the_text(text in r#"([-'"$:;\\/*\[\]a-eEx0-9{?} \n.ä]|--|/\*|\*/|\$\$|E'|U&'|::){0,40}|.{0,60}"#) {
            let mut end = 0;
            for token in tokens(&text) {
                prop_assert_eq!(token.span.start, end);
                prop_assert!(token.span.end > end);
                prop_assert!(text.get(token.span.clone()).is_some());
                end = token.span.end;
            }
            prop_assert_eq!(end, text.len());
        }
    }
}
