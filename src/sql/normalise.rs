//! One text for all calls of a statement: without its literals, the lengths of its lists, its comments and its layout.
//!
//! What pg_stat_statements does with the parsed query, done with its tokens: literals become `?`, a list of constants after `in` or
//! `array` becomes `...`, further rows of constants after `values` go. Unquoted words are in lower case, as the server reads them.

use std::ops::Range;

use super::part::{Part, parts};
use super::token::{PsqlForm, TokenKind};

/// Key words that stand apart from a parenthesis behind them; a name there would be a function's.
const APART: &[&str] = &[
    "all",
    "and",
    "any",
    "array",
    "as",
    "between",
    "by",
    "case",
    "conflict",
    "distinct",
    "else",
    "except",
    "exists",
    "filter",
    "from",
    "having",
    "in",
    "intersect",
    "into",
    "join",
    "lateral",
    "like",
    "limit",
    "materialized",
    "not",
    "offset",
    "on",
    "or",
    "over",
    "returning",
    "select",
    "set",
    "some",
    "then",
    "union",
    "using",
    "values",
    "when",
    "where",
    "with",
    "within",
];

/// The text that all calls of a statement have in common.
#[must_use]
pub fn normalised(sql: &str) -> String {
    let mut pieces = Pieces::default();
    for part in parts(sql) {
        pieces.take(&part);
    }
    while pieces.all.last().is_some_and(|last| last.text == ";") {
        pieces.all.pop();
    }
    written(&pieces.all)
}

/// Appends a text without its plain literals, at a fraction of what [`normalised`] takes: texts with the same skeleton have the same
/// normalised text. One with comments, quoted names, dollar quotes or backslashes is appended as it is; of a text with JSON's escapes
/// (`escaped`) the white space `\n`, `\r` and `\t` is taken for that.
pub fn push_skeleton(sql: &[u8], escaped: bool, skeleton: &mut Vec<u8>) {
    let length = skeleton.len();
    if push_without_literals(sql, escaped, skeleton).is_none() {
        skeleton.truncate(length);
        skeleton.extend_from_slice(sql);
    }
}

/// None if the text has what only a lexer can tell from a literal.
fn push_without_literals(sql: &[u8], escaped: bool, skeleton: &mut Vec<u8>) -> Option<()> {
    let in_word =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80;
    let (mut at, mut before) = (0, b' ');
    while let Some(byte) = sql.get(at).copied() {
        let next = sql.get(at + 1).copied().unwrap_or(b' ');
        skeleton.push(byte);
        at += 1;
        match (byte, next) {
            (b'\'', _) => {
                // A backslash may keep a quote from ending the string.
                let end = memchr::memchr2(b'\'', b'\\', sql.get(at..)?)?;
                if sql.get(at + end) != Some(&b'\'') {
                    return None;
                }
                at += end + 1;
                skeleton.push(byte);
            }
            (b'-', b'-') | (b'/', b'*') | (b'"', _) => return None,
            (b'\\', next) if !(escaped && matches!(next, b'n' | b'r' | b't')) => return None,
            (b'$', next) if !next.is_ascii_digit() => return None,
            (b'0'..=b'9', _) if !in_word(before) => {
                let rest = sql.get(at..)?;
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                // With letters behind it the number may go on.
                if rest.get(digits).is_some_and(|byte| in_word(*byte)) {
                    skeleton.extend_from_slice(rest.get(..digits)?);
                } else if let Some(digit) = skeleton.last_mut() {
                    *digit = b'0';
                }
                at += digits;
            }
            _ => {}
        }
        before = sql.get(at.checked_sub(1)?).copied()?;
    }
    Some(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A literal or a parameter.
    Literal,
    Word,
    Open,
    Close,
    Comma,
    Dot,
    Cast,
    Operator,
    /// What stands for the members of a list.
    List,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    kind: Kind,
    text: String,
}

fn is_literal(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::String
            | TokenKind::DollarQuoted
            | TokenKind::Number
            | TokenKind::Unterminated(_)
            | TokenKind::Psql(PsqlForm::Literal)
    )
}

/// What has been read so far.
#[derive(Default)]
struct Pieces {
    all: Vec<Piece>,
    /// Where the brackets stand that are still open.
    open: Vec<usize>,
    /// Where the last row of constants after `values` begins, and where it ends.
    row: Option<Range<usize>>,
}

impl Pieces {
    fn take(&mut self, part: &Part<'_>) {
        match part.kind {
            TokenKind::Operator => self.push_operator(part),
            kind if is_literal(kind) => self.push_literal("?"),
            TokenKind::PositionalParameter => self.push_literal(part.text),
            TokenKind::Word => self.push(Kind::Word, &part.text.to_ascii_lowercase()),
            TokenKind::QuotedIdentifier => self.push(Kind::Word, part.text),
            TokenKind::Open => {
                self.open.push(self.all.len());
                self.push(Kind::Open, part.text);
            }
            TokenKind::Close => {
                self.push(Kind::Close, part.text);
                if let Some(open) = self.open.pop() {
                    self.fold(open);
                }
            }
            TokenKind::Comma => self.push(Kind::Comma, part.text),
            TokenKind::Dot => self.push(Kind::Dot, part.text),
            TokenKind::Cast => self.push(Kind::Cast, part.text),
            _ => self.push(Kind::Other, part.text),
        }
    }

    fn push(&mut self, kind: Kind, text: &str) {
        let text = text.to_owned();
        self.all.push(Piece { kind, text });
    }

    /// A sign in front of a literal is part of it.
    fn push_literal(&mut self, text: &str) {
        let (before, sign) = match self.all.as_slice() {
            [.., before, sign] => (Some(before.kind), Some(sign)),
            [sign] => (None, Some(sign)),
            [] => (None, None),
        };
        let begins =
            before.is_none_or(|kind| matches!(kind, Kind::Open | Kind::Comma | Kind::Operator));
        if begins && sign.is_some_and(|sign| matches!(sign.text.as_str(), "-" | "+")) {
            self.all.pop();
        }
        self.push(Kind::Literal, text);
    }

    /// The lexer tells an operator character by character.
    fn push_operator(&mut self, part: &Part<'_>) {
        match self.all.last_mut() {
            Some(last) if last.kind == Kind::Operator && !part.spaced => {
                last.text.push_str(part.text)
            }
            _ => self.push(Kind::Operator, part.text),
        }
    }

    /// Folds the bracket that has just been closed, if its members are constants and their number may vary from call to call.
    fn fold(&mut self, open: usize) {
        let before = open.checked_sub(1).and_then(|at| self.all.get(at));
        let (kind, word) = before.map_or((Kind::Other, ""), |before| {
            (before.kind, before.text.as_str())
        });
        let is_list = kind == Kind::Word && matches!(word, "in" | "array");
        let is_first_row = kind == Kind::Word && word == "values";
        let earlier_row = self
            .row
            .clone()
            .filter(|row| kind == Kind::Comma && row.end + 1 == open);
        if !(is_list || is_first_row || earlier_row.is_some())
            || !is_constant(self.between(open + 1, self.all.len() - 1))
        {
            return;
        }
        if is_list {
            let close = self.all.pop();
            self.all.truncate(open + 1);
            self.push(Kind::List, "...");
            self.all.extend(close);
        } else if let Some(row) = earlier_row
            && alike(
                self.between(row.start, row.end),
                self.between(open, self.all.len()),
            )
        {
            self.all.truncate(row.end);
        } else {
            self.row = Some(open..self.all.len());
        }
    }

    fn between(&self, start: usize, end: usize) -> &[Piece] {
        self.all.get(start..end).unwrap_or_default()
    }
}

/// Whether two rows say the same; what a literal or which parameter it is does not matter.
fn alike(row: &[Piece], other: &[Piece]) -> bool {
    let same = |one: &Piece, other: &Piece| {
        one == other || one.kind == Kind::Literal && other.kind == Kind::Literal
    };
    row.len() == other.len() && row.iter().zip(other).all(|(one, other)| same(one, other))
}

/// Only literals and parameters, with casts: types may be several words, with numbers in parentheses.
fn is_constant(members: &[Piece]) -> bool {
    let (mut in_cast, mut depth) = (false, 0_usize);
    let constant = members.iter().all(|piece| {
        match piece.kind {
            Kind::Cast => in_cast = true,
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Comma if depth == 0 => in_cast = false,
            _ => {}
        }
        match piece.kind {
            Kind::Literal | Kind::Comma | Kind::Cast | Kind::List => true,
            Kind::Word | Kind::Dot | Kind::Open | Kind::Close => in_cast,
            Kind::Operator | Kind::Other => false,
        }
    });
    constant && !members.is_empty()
}

fn written(pieces: &[Piece]) -> String {
    let mut text = String::new();
    let mut before: Option<&Piece> = None;
    for piece in pieces {
        if before.is_some_and(|before| stand_apart(before, piece)) {
            text.push(' ');
        }
        text.push_str(&piece.text);
        before = Some(piece);
    }
    text
}

fn stand_apart(before: &Piece, piece: &Piece) -> bool {
    if matches!(before.kind, Kind::Open | Kind::Dot | Kind::Cast) || piece.text == ";" {
        return false;
    }
    match piece.kind {
        Kind::Close | Kind::Comma | Kind::Dot | Kind::Cast => false,
        Kind::Open if piece.text == "[" => false,
        Kind::Open => before.kind != Kind::Word || APART.contains(&before.text.as_str()),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn calls_that_differ_in_literals_lists_and_layout_have_one_text() {
        for (expected, calls) in [
            (
                "select id from job where queue = ? and priority < ? limit ?",
                &[
                    "SELECT id FROM job WHERE queue = 'a' AND priority < -1 LIMIT 10;",
                    "select id\n\tfrom job -- why\nwhere queue=E'it\\'s' and priority<5 limit 1",
                    "select id from /* traced */ job where queue = $$x$$ and priority < .5 limit 99",
                ][..],
            ),
            (
                "delete from job where id in (...)",
                &[
                    "delete from job where id in (1)",
                    "delete from job where id in (1, -2, 3)",
                    "delete from job where id IN ('1'::bigint,'2'::numeric(10, 2))",
                    "delete from job where id in ($1, $2, $3)",
                ][..],
            ),
            (
                "select * from job where id = any (array[...])",
                &[
                    "select * from job where id = any (array[1,2])",
                    "select * from job where id = any(ARRAY['a'::text])",
                ][..],
            ),
            (
                "insert into job(id, at) values (?, now()), (?, now())",
                &["insert into job (id,at) values (1,now()),(2,now())"][..],
            ),
            (
                "insert into job(id, state) values (?, ?)",
                &[
                    "insert into job (id, state) values (1, 'a')",
                    "insert into job(id, state) values (1, 'a'), (2, 'b'), (3, 'c')",
                ][..],
            ),
            (
                "insert into job(id, state) values ($1, $2)",
                &[
                    "insert into job (id, state) values ($1, $2)",
                    "insert into job(id, state) values ($1, $2), ($3, $4)",
                ][..],
            ),
        ] {
            for call in calls {
                assert_eq!(normalised(call), expected, "{call}");
            }
        }
    }

    #[test]
    fn what_is_another_statement_stays_another() {
        for (one, other) in [
            ("select a from job", "select b from job"),
            ("select \"A\" from job", "select a from job"),
            ("select $1", "select $2"),
            ("select f(1)", "select f(1, 2)"),
            ("select 1", "select 1, 2"),
            ("select 5 - 3", "select 5 + 3"),
            (
                "select a from job where id in (1, b)",
                "select a from job where id in (1, 2)",
            ),
            ("values (1), (2)", "values (1, 2)"),
        ] {
            assert_ne!(normalised(one), normalised(other), "{one} | {other}");
        }
    }

    fn skeleton(sql: &str) -> Vec<u8> {
        let mut skeleton = Vec::new();
        push_skeleton(sql.as_bytes(), false, &mut skeleton);
        skeleton
    }

    #[test]
    fn skeletons_leave_literals_out_and_nothing_else() {
        for (one, other, same) in [
            (
                "select 1 from a where b = 'x'",
                "select 22 from a where b = 'yy z'",
                true,
            ),
            ("select 1.5", "select 22.75", true),
            (r"\n'a'", r"\n'b'", false),
            ("select a1, $1", "select a2, $1", false),
            ("select $1", "select $2", false),
            ("select 0x1e+5", "select 7x1e+5", false),
            ("select 1 -- it's", "select 2 -- it's", false),
            (r"select E'a\' 1', 'b'", r"select E'a\' 2', 'c'", false),
            ("select \"a'\", 1", "select \"b'\", 1", false),
            ("select 'a' 'b'", "select 'a''b'", false),
        ] {
            assert_eq!(skeleton(one) == skeleton(other), same, "{one} | {other}");
        }
    }

    proptest! {
        #[test]
        fn the_same_skeleton_has_the_same_normalised_text(
            pieces in prop::collection::vec((r#"[-a-e1_$.:,()'"/* \n+xe]{0,6}|in \(|values"#, 0..5_usize, 0..5_usize), 0..8)
        ) {
            let literals = ["1", "23", "'a'", "'b c'", "4.5"];
            let text = |of: fn(usize, usize) -> usize| -> String {
                pieces.iter().map(|(piece, one, other)| format!("{piece}{}", literals[of(*one, *other)])).collect()
            };
            let (one, other) = (text(|one, _| one), text(|_, other| other));
            if skeleton(&one) == skeleton(&other) {
                prop_assert_eq!(normalised(&one), normalised(&other), "{} | {}", one, other);
            }
        }

        #[test]
        fn no_text_is_too_odd_and_none_grows_by_more_than_spaces_and_dots(text in r#"([-'"$:;,.()\[\]a-e1 \n]|in|values|array|::){0,40}|.{0,60}"#) {
            let once = normalised(&text);
            prop_assert!(once.len() <= 2 * text.len() + 8);
        }
    }
}
