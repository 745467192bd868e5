//! One directive: `operation`, `param`, `variant`, `statement`.

use std::ops::Range;

use super::super::operation::Operation;
use super::super::source::{DefinitionError, Source};
use super::super::suggestion;
use super::header::{DIRECTIVES, DirectiveLines};
use super::reserved::RESERVED_WORDS;
use super::{Expression, FETCHED, Parameter, Setting, Target, Variant};
use crate::sql::Template;
use crate::sql::token::{Token, TokenKind, is_parameter_name, tokens};

/// A directive as it was read. Offsets are the bytes in the file where the name stands.
pub(super) enum Directive {
    Operation { operation: Operation, offset: usize },
    Parameter(Parameter),
    Variant(Variant),
    Statement { name: String, offset: usize },
}

/// Reads one directive.
pub(super) fn read(source: &Source, lines: &DirectiveLines) -> Result<Directive, DefinitionError> {
    let reader = Reader { source, lines };
    let word_end = lines
        .text
        .find(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'))
        .unwrap_or(lines.text.len());
    match &lines.text[..word_end] {
        "operation" => reader.operation(word_end),
        "param" => reader.parameter(word_end),
        "variant" => reader.variant(word_end),
        "statement" => reader.statement(word_end),
        word => {
            let message = if word.is_empty() {
                "this is no directive".to_owned()
            } else {
                format!("unknown directive `{word}`")
            };
            let help = match suggestion::nearest(word, DIRECTIVES) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "after the first directive come only directives (`operation:`, `param`, `variant`, `statement:`)"
                    .to_owned(),
            };
            Err(reader.error(0, message).help(help))
        }
    }
}

struct Reader<'a> {
    source: &'a Source,
    lines: &'a DirectiveLines,
}

impl<'a> Reader<'a> {
    fn text(&self) -> &'a str {
        &self.lines.text
    }

    fn error(&self, at: usize, message: impl Into<String>) -> DefinitionError {
        self.source.error(self.lines.offset(at), message)
    }

    /// Tokens from the byte `start` on, without white space, with spans in the directive's text.
    fn tokens(&self, range: Range<usize>) -> Vec<Token> {
        let shift = |token: Token| Token {
            kind: token.kind,
            span: token.span.start + range.start..token.span.end + range.start,
        };
        tokens(&self.text()[range.clone()])
            .filter(|token| token.kind != TokenKind::Whitespace)
            .map(shift)
            .collect()
    }

    /// The range without white space at its ends.
    fn trim(&self, range: Range<usize>) -> Range<usize> {
        let text = &self.text()[range.clone()];
        let start = range.start + (text.len() - text.trim_start().len());
        start..start + text.trim().len()
    }

    /// What follows the `:` of `operation: NAME` or `statement: NAME`.
    fn word_after_colon(
        &self,
        directive: &str,
        word_end: usize,
    ) -> Result<Range<usize>, DefinitionError> {
        let behind = self.trim(word_end..self.text().len());
        if !self.text()[behind.clone()].starts_with(':') {
            return Err(self
                .error(behind.start, format!("`:` is missing after `{directive}`"))
                .help(format!("write `-- {directive}: NAME`")));
        }
        let name = self.trim(behind.start + 1..self.text().len());
        if name.is_empty() {
            return Err(self
                .error(name.start, format!("`{directive}:` names nothing"))
                .help(format!("write `-- {directive}: NAME`")));
        }
        Ok(name)
    }

    fn operation(&self, word_end: usize) -> Result<Directive, DefinitionError> {
        let name = self.word_after_colon("operation", word_end)?;
        match self.text()[name.clone()].parse() {
            Ok(operation) => Ok(Directive::Operation {
                operation,
                offset: self.lines.offset(name.start),
            }),
            Err(unknown) => {
                let unknown: super::super::operation::UnknownOperation = unknown;
                Err(self
                    .error(name.start, format!("unknown operation `{}`", unknown.name))
                    .help(unknown.help))
            }
        }
    }

    fn statement(&self, word_end: usize) -> Result<Directive, DefinitionError> {
        let range = self.word_after_colon("statement", word_end)?;
        let name = &self.text()[range.clone()];
        if !is_parameter_name(name) {
            let help =
                "statement names are [a-z_][a-z0-9_]*, so that expressions can say `NAME.<column>`";
            return Err(self
                .error(range.start, format!("`{name}` cannot name a statement"))
                .help(help));
        }
        if RESERVED_WORDS.contains(&name) {
            let message = format!("`{name}` is a reserved word of SQL and cannot name a statement");
            let help = "choose another name: expressions say `NAME.<column>`";
            return Err(self.error(range.start, message).help(help));
        }
        if name == FETCHED {
            return Err(self
                .error(
                    range.start,
                    "`fetched` is the feeding fetch, not a statement",
                )
                .help("choose another name"));
        }
        Ok(Directive::Statement {
            name: name.to_owned(),
            offset: self.lines.offset(range.start),
        })
    }

    /// `param NAME TYPE [= EXPR]`.
    fn parameter(&self, word_end: usize) -> Result<Directive, DefinitionError> {
        let form = "write `-- param NAME TYPE = EXPR`, or without `= EXPR`";
        let all = self.tokens(word_end..self.text().len());
        let Some((first, rest)) = all.split_first() else {
            return Err(self.error(word_end, "`param` names nothing").help(form));
        };
        let name = self.parameter_name(first)?;
        let equals = rest.iter().position(|token| self.is_equals(token));
        let type_tokens = &rest[..equals.unwrap_or(rest.len())];
        let (Some(type_first), Some(type_last)) = (type_tokens.first(), type_tokens.last()) else {
            return Err(self
                .error(first.span.end, format!("parameter `{name}` has no type"))
                .help(form));
        };
        self.check_type(type_tokens)?;
        let type_name = self.text()[type_first.span.start..type_last.span.end].replace('\n', " ");
        let default = match equals {
            Some(index) => Some(self.expression(rest[index].span.end..self.text().len())?),
            None => None,
        };
        let position = self.source.position(self.lines.offset(first.span.start));
        Ok(Directive::Parameter(Parameter {
            name,
            type_name,
            default,
            position,
        }))
    }

    fn check_type(&self, type_tokens: &[Token]) -> Result<(), DefinitionError> {
        for token in type_tokens {
            let text = &self.text()[token.span.clone()];
            let fits = matches!(
                token.kind,
                TokenKind::Word
                    | TokenKind::QuotedIdentifier
                    | TokenKind::Dot
                    | TokenKind::Open
                    | TokenKind::Close
                    | TokenKind::Number
                    | TokenKind::Comma
            );
            if !fits || text.eq_ignore_ascii_case("default") {
                let help = "write `-- param NAME TYPE = EXPR`";
                return Err(self
                    .error(token.span.start, format!("`{text}` is no part of a type"))
                    .help(help));
            }
        }
        Ok(())
    }

    fn is_equals(&self, token: &Token) -> bool {
        token.kind == TokenKind::Operator && self.text()[token.span.clone()] == *"="
    }

    fn parameter_name(&self, token: &Token) -> Result<String, DefinitionError> {
        let text = &self.text()[token.span.clone()];
        if token.kind == TokenKind::Word && is_parameter_name(text) {
            return Ok(text.to_owned());
        }
        let help = if token.kind == TokenKind::Parameter {
            format!(
                "write `{}`; the colon stands in the statement only",
                &text[1..]
            )
        } else {
            "parameter names are [a-z_][a-z0-9_]*".to_owned()
        };
        Err(self
            .error(
                token.span.start,
                format!("`{text}` cannot name a parameter"),
            )
            .help(help))
    }

    /// `variant NAME[: P = EXPR, …]`.
    fn variant(&self, word_end: usize) -> Result<Directive, DefinitionError> {
        let form = "write `-- variant NAME: PARAMETER = EXPR, …`";
        let behind = self.trim(word_end..self.text().len());
        let length = self.text()[behind.clone()]
            .find(|c: char| c == ':' || c.is_whitespace())
            .unwrap_or(behind.len());
        let name = &self.text()[behind.start..behind.start + length];
        if name.is_empty() {
            return Err(self
                .error(behind.start, "`variant` names nothing")
                .help(form));
        }
        if !name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            return Err(self
                .error(behind.start, format!("`{name}` cannot name a variant"))
                .help("variant names are [a-z0-9-]+"));
        }
        let rest = self.trim(behind.start + length..behind.end);
        let settings = match self.text()[rest.clone()].strip_prefix(':') {
            None if rest.is_empty() => Vec::new(),
            None => {
                return Err(self
                    .error(rest.start, format!("`:` is missing after variant `{name}`"))
                    .help(form));
            }
            Some(_) => self.settings(rest.start + 1..rest.end)?,
        };
        let position = self.source.position(self.lines.offset(behind.start));
        Ok(Directive::Variant(Variant {
            name: name.to_owned(),
            settings,
            position,
        }))
    }

    /// `P = EXPR, …`; commas in brackets and quotes do not split.
    fn settings(&self, range: Range<usize>) -> Result<Vec<Setting>, DefinitionError> {
        if self.trim(range.clone()).is_empty() {
            return Ok(Vec::new());
        }
        let mut settings: Vec<Setting> = Vec::new();
        let (mut start, mut depth) = (range.start, 0_usize);
        for token in self.tokens(range.clone()) {
            match token.kind {
                TokenKind::Open => depth += 1,
                TokenKind::Close => depth = depth.saturating_sub(1),
                TokenKind::Comma if depth == 0 => {
                    settings.push(self.setting(start..token.span.start)?);
                    start = token.span.end;
                }
                _ => {}
            }
        }
        settings.push(self.setting(start..range.end)?);
        Ok(settings)
    }

    fn setting(&self, range: Range<usize>) -> Result<Setting, DefinitionError> {
        let tokens = self.tokens(range.clone());
        let Some(first) = tokens.first() else {
            return Err(self
                .error(range.start, "nothing before or after a comma")
                .help("write `PARAMETER = EXPR`, separated by commas"));
        };
        let position = self.source.position(self.lines.offset(first.span.start));
        let (target, next) = match (tokens.get(1).map(|token| token.kind), tokens.get(2)) {
            (Some(TokenKind::Dot), Some(name)) => {
                let qualifier = &self.text()[first.span.clone()];
                if qualifier != "fetch" {
                    let message = format!("`{qualifier}.` cannot be set by a variant");
                    return Err(self
                        .error(first.span.start, message)
                        .help("a variant sets its own parameters and `fetch.PARAMETER`"));
                }
                (Target::Fetch(self.parameter_name(name)?), 3)
            }
            _ => (Target::Parameter(self.parameter_name(first)?), 1),
        };
        match tokens.get(next) {
            Some(equals) if self.is_equals(equals) => Ok(Setting {
                target,
                value: self.expression(equals.span.end..range.end)?,
                position,
            }),
            other => {
                let at = other.map_or(self.trim(range).end, |token| token.span.start);
                Err(self
                    .error(at, "`=` is missing in a variant")
                    .help("write `PARAMETER = EXPR`; commas separate"))
            }
        }
    }

    fn expression(&self, range: Range<usize>) -> Result<Expression, DefinitionError> {
        let range = self.trim(range);
        let sql = &self.text()[range.clone()];
        if sql.is_empty() {
            return Err(self
                .error(range.start, "a value is missing after `=`")
                .help("write an SQL expression, for example `null`"));
        }
        let template = Template::parse(sql).map_err(|error| {
            self.error(range.start + error.offset, error.message)
                .help(error.help)
        })?;
        if let Some(occurrence) = template.occurrences().first() {
            let message = format!("parameter `:{}` in an expression", occurrence.name);
            let help = "an expression is evaluated by itself: write the value";
            return Err(self
                .error(range.start + occurrence.span.start, message)
                .help(help));
        }
        for token in self.tokens(range.clone()) {
            let what = match token.kind {
                TokenKind::LineComment => "a comment",
                TokenKind::Semicolon => "`;`",
                _ => continue,
            };
            return Err(self
                .error(token.span.start, format!("{what} in an expression"))
                .help("remove it"));
        }
        let place = |at: usize| self.source.position(self.lines.offset(range.start + at));
        let later_lines = sql
            .match_indices('\n')
            .map(|(at, _)| place(at + 1))
            .collect();
        Ok(Expression {
            sql: sql.to_owned(),
            position: place(0),
            later_lines,
        })
    }
}
