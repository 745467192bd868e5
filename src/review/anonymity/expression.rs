//! Names and literals of an expression or a statement replaced, token by token; comments go.

use super::words::{is_function, is_kept_after, is_keyword, is_type, is_type_and_name};
use super::{Kind, Pseudonyms};
use crate::sql::part::{Part, parts};
use crate::sql::token::{TokenKind, Unterminated};

impl Pseudonyms {
    /// The text in one line, with names and literals replaced.
    pub(super) fn text(&mut self, text: &str) -> String {
        let parts = parts(text);
        let mut replaced = String::with_capacity(text.len());
        for (at, part) in parts.iter().enumerate() {
            if part.spaced && at > 0 {
                replaced.push(' ');
            }
            replaced.push_str(&self.part(&parts, at, part));
        }
        replaced
    }

    fn part(&mut self, parts: &[Part<'_>], at: usize, part: &Part<'_>) -> String {
        let around = Around { parts, at };
        match part.kind {
            TokenKind::Word if around.is_kept() => part.text.to_owned(),
            TokenKind::Word => self.name(around.kind(), &part.text.to_lowercase()),
            TokenKind::QuotedIdentifier => {
                let name = unquoted(part.text, '"');
                self.name(around.kind(), &name)
            }
            TokenKind::Unterminated(Unterminated::Identifier) => {
                self.name(Kind::Column, part.text.trim_matches('"'))
            }
            TokenKind::String | TokenKind::DollarQuoted => self.literal(part.text),
            TokenKind::Unterminated(Unterminated::String | Unterminated::DollarQuote) => {
                self.literal(part.text)
            }
            TokenKind::Number if around.is_counting() => part.text.to_owned(),
            TokenKind::Number => self.number(part.text),
            TokenKind::Parameter => {
                let name = part.text.trim_start_matches(':');
                format!(":{}", self.other(Kind::Parameter, name))
            }
            TokenKind::Psql(_) => format!(":{}", self.other(Kind::Parameter, part.text)),
            TokenKind::Unterminated(Unterminated::Comment) | TokenKind::Unknown => " ".to_owned(),
            _ => part.text.to_owned(),
        }
    }

    /// A literal, an array item by item: how many there are is no secret.
    fn literal(&mut self, text: &str) -> String {
        let content = content(text);
        let items = content
            .strip_prefix('{')
            .and_then(|items| items.strip_suffix('}'))
            .filter(|items| !items.is_empty() && !items.contains(['"', '\\', '{', '}', '\'']));
        let Some(items) = items else {
            return format!("'{}'", self.other(Kind::Literal, &content));
        };
        let items: Vec<String> = items
            .split(',')
            .map(|item| match item.parse::<f64>() {
                Ok(_) => self.number(item),
                Err(_) => self.other(Kind::Literal, item),
            })
            .collect();
        format!("'{{{}}}'", items.join(","))
    }
}

/// What stands in a literal, whatever quotes it.
fn content(text: &str) -> String {
    if let Some(rest) = text.strip_prefix('$') {
        let tag = rest.find('$').map_or(text.len(), |end| end + 2);
        let content = text.get(tag..).unwrap_or_default();
        let end = content.len().saturating_sub(tag);
        return content.get(..end).unwrap_or(content).to_owned();
    }
    let start = text.find('\'').unwrap_or(0);
    unquoted(&text[start..], '\'')
}

/// The text between quotes, doubled ones made single.
fn unquoted(text: &str, quote: char) -> String {
    let start = text.find(quote).map_or(0, |at| at + 1);
    let inner = &text[start..];
    let inner = inner.strip_suffix(quote).unwrap_or(inner);
    inner.replace(&format!("{quote}{quote}"), &quote.to_string())
}

/// A token among its neighbours.
struct Around<'p, 't> {
    parts: &'p [Part<'t>],
    at: usize,
}

impl<'p, 't> Around<'p, 't> {
    fn part(&self, offset: isize) -> Option<&'p Part<'t>> {
        self.parts.get(self.at.checked_add_signed(offset)?)
    }

    fn word(&self, offset: isize) -> String {
        self.part(offset)
            .filter(|part| part.kind == TokenKind::Word)
            .map_or_else(String::new, |part| part.text.to_ascii_lowercase())
    }

    fn is(&self, offset: isize, kind: TokenKind) -> bool {
        self.part(offset).is_some_and(|part| part.kind == kind)
    }

    /// Whether a word belongs to the language.
    fn is_kept(&self) -> bool {
        let word = self.word(0);
        // Behind a dot stands a name, whatever it is, and in front of one too.
        if self.is(-1, TokenKind::Dot) || (self.is(1, TokenKind::Dot) && word != "excluded") {
            return self.is(1, TokenKind::Open)
                && is_function(&word)
                && self.word(-2) == "pg_catalog";
        }
        let before = self.word(-1);
        is_keyword(&word)
            || is_kept_after(&word, &before)
            || (is_function(&word) && self.is(1, TokenKind::Open))
            || self.is_type(&word)
            || match word.as_str() {
                "skip" => self.word(1) == "locked",
                "over" | "filter" => self.is(1, TokenKind::Open),
                "within" => self.word(1) == "group",
                "row" | "rows" => {
                    self.is(1, TokenKind::Open)
                        || self.is(-1, TokenKind::Number)
                        || self.is(-1, TokenKind::Close)
                }
                "hashed" => self.word(1) == "subplan",
                "partial" => self.part(0).is_some_and(|part| part.text == "PARTIAL"),
                "returns" => self.is(1, TokenKind::PositionalParameter),
                "epoch" | "day" | "hour" | "minute" | "second" => self.word(-2) == "extract",
                _ => false,
            }
    }

    /// A word that names a type, where it can be nothing else.
    fn is_type(&self, word: &str) -> bool {
        if self.is(-1, TokenKind::Cast) {
            return is_type(word) || is_type_and_name(word);
        }
        is_type(word)
            || (is_type_and_name(word)
                && (self.is(1, TokenKind::String) || self.is_behind_a_name()))
    }

    /// Whether a name stands in front of the word: `job j`, `id uuid`.
    fn is_behind_a_name(&self) -> bool {
        self.part(-1)
            .is_some_and(|part| part.is_name() && !is_keyword(&self.word(-1)))
    }

    /// What a name stands for, by its neighbours.
    fn kind(&self) -> Kind {
        let before = self.word(-1);
        if self.is(-1, TokenKind::Cast) {
            Kind::Type
        } else if self.is(-1, TokenKind::Dot) {
            if self.is(1, TokenKind::Open) {
                Kind::Function
            } else {
                Kind::Column
            }
        } else if ["from", "join", "into", "update", "only", "table"].contains(&before.as_str()) {
            Kind::Table
        } else if self.word(1) == "as" && ["with", "recursive", ""].contains(&before.as_str()) {
            Kind::Cte
        } else if self.is(1, TokenKind::Open) {
            Kind::Function
        } else if ["as", "of"].contains(&before.as_str())
            || self.is(1, TokenKind::Dot)
            || self.is_behind_a_name()
        {
            Kind::Alias
        } else {
            Kind::Column
        }
    }

    /// Whether a number counts rows or subplans, or belongs to a type: `limit 10`, `InitPlan 1`, `varchar(20)`.
    fn is_counting(&self) -> bool {
        let counted = ["limit", "offset", "first", "next", "initplan", "subplan"];
        let is_of_type =
            |offset| self.is(offset, TokenKind::Open) && is_type(&self.word(offset - 1));
        counted.contains(&self.word(-1).as_str())
            || is_of_type(-1)
            || (self.is(-1, TokenKind::Comma) && is_of_type(-3))
    }
}
