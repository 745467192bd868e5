//! One SQL statement with named parameters: checked once, then bound to whatever stands for a value.

use std::ops::Range;

use super::token::{PsqlForm, TokenKind, Unterminated, tokens};

/// A statement with the places of its `:name` parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    occurrences: Vec<Occurrence>,
}

/// One `:name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The name, without the colon.
    pub name: String,
    /// Where it stands in the template's source, in bytes, colon included.
    pub span: Range<usize>,
}

/// SQL that cannot be a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {help}")]
pub struct TemplateError {
    /// Where, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl Template {
    /// Reads `source`, which is one statement (see [`super::split::statements`]) or an expression.
    ///
    /// # Errors
    /// Quotes and comments that do not end, brackets that do not match, `$1`, and whatever psql would replace or run and this
    /// program does not.
    pub fn parse(source: &str) -> Result<Template, TemplateError> {
        let mut occurrences = Vec::new();
        let mut open: Vec<(&str, usize)> = Vec::new();
        for token in tokens(source) {
            let text = &source[token.span.clone()];
            match token.kind {
                TokenKind::Parameter => occurrences.push(Occurrence {
                    name: text[1..].to_owned(),
                    span: token.span,
                }),
                TokenKind::Open => open.push((text, token.span.start)),
                TokenKind::Close => match open.pop() {
                    Some(("(", _)) if text == ")" => {}
                    Some(("[", _)) if text == "]" => {}
                    _ => return Err(unmatched(text, token.span.start)),
                },
                kind => refuse(kind, text, token.span.start)?,
            }
        }
        match open.pop() {
            Some((bracket, offset)) => Err(unmatched(bracket, offset)),
            None => Ok(Template {
                source: source.to_owned(),
                occurrences,
            }),
        }
    }

    /// The text it was read from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Every `:name`, in order.
    #[must_use]
    pub fn occurrences(&self) -> &[Occurrence] {
        &self.occurrences
    }

    /// The names of its parameters, each once, in the order they first appear.
    #[must_use]
    pub fn parameters(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for occurrence in &self.occurrences {
            if !names.contains(&occurrence.name.as_str()) {
                names.push(&occurrence.name);
            }
        }
        names
    }

    /// Puts what `replacement` gives for its name in the place of every parameter.
    pub fn bind(&self, mut replacement: impl FnMut(&str) -> String) -> Bound {
        let mut bound = Bound {
            text: String::with_capacity(self.source.len()),
            pieces: Vec::new(),
        };
        let mut copied = 0;
        for Occurrence { name, span } in &self.occurrences {
            bound.push(&self.source[copied..span.start], copied, true);
            bound.push(&replacement(name), span.start, false);
            copied = span.end;
        }
        bound.push(&self.source[copied..], copied, true);
        bound
    }
}

/// The text of a template with its parameters replaced, which knows where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The text to send.
    pub text: String,
    pieces: Vec<Piece>,
}

/// A stretch of bound text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    /// Where it starts in the bound text, in bytes.
    start: usize,
    /// Where it starts in the source, in bytes.
    source: usize,
    /// Whether it was copied, so that what follows its start corresponds; a replacement stands for its parameter as a whole.
    copied: bool,
}

impl Bound {
    /// The byte of the template's source that the character at `position` (counted from 1, as a server counts error positions) of
    /// [`Bound::text`] stems from: for a character of a replacement, its parameter; beyond the end, the end.
    #[must_use]
    pub fn source_offset(&self, position: usize) -> usize {
        let characters_before = position.saturating_sub(1);
        let offset = self
            .text
            .char_indices()
            .nth(characters_before)
            .map_or(self.text.len(), |(offset, _)| offset);
        let piece = self
            .pieces
            .partition_point(|piece| piece.start <= offset)
            .checked_sub(1)
            .map(|index| &self.pieces[index]);
        piece.map_or(0, |piece| {
            if piece.copied {
                piece.source + (offset - piece.start)
            } else {
                piece.source
            }
        })
    }

    fn push(&mut self, text: &str, source: usize, copied: bool) {
        self.pieces.push(Piece {
            start: self.text.len(),
            source,
            copied,
        });
        self.text.push_str(text);
    }
}

fn unmatched(bracket: &str, offset: usize) -> TemplateError {
    let help = "close every bracket that is opened, in order".to_owned();
    TemplateError {
        offset,
        message: format!("`{bracket}` has no counterpart"),
        help,
    }
}

/// An error for a token that a template must not have, with the right form.
fn refuse(kind: TokenKind, text: &str, offset: usize) -> Result<(), TemplateError> {
    let (message, help) = match kind {
        TokenKind::Psql(form) => {
            let message = match form {
                PsqlForm::Command => format!("`{text}` is a command of psql"),
                _ => format!("psql would replace `{text}`, this program does not"),
            };
            (message, right_form(form, text))
        }
        TokenKind::PositionalParameter => (
            format!("positional parameter `{text}`"),
            "name it, as in `:batch_size`; numbers are given when it is bound".to_owned(),
        ),
        TokenKind::Unterminated(what) => {
            let (what, end) = match what {
                Unterminated::String => ("string", "'"),
                Unterminated::Identifier => ("quoted identifier", "\""),
                Unterminated::DollarQuote => ("dollar-quoted string", "the `$tag$` it starts with"),
                Unterminated::Comment => ("comment", "*/ (comments nest)"),
            };
            (
                format!("{what} that does not end"),
                format!("end it with {end}"),
            )
        }
        _ => return Ok(()),
    };
    Err(TemplateError {
        offset,
        message,
        help,
    })
}

fn right_form(form: PsqlForm, text: &str) -> String {
    let name = text.trim_matches(|c: char| !(c.is_alphanumeric() || c == '_'));
    match form {
        PsqlForm::Literal => format!("write `:{name}`: values are bound, so they need no quotes"),
        PsqlForm::Identifier => format!(
            "write the identifier itself: a value cannot stand for a name (`:{name}` is a value)"
        ),
        PsqlForm::IsSet => {
            format!("write `:{name} is not null` and give the parameter the default `null`")
        }
        PsqlForm::Attached => format!(
            "write ` : :{name}` for a parameter, ` : {name}` for a column, with these spaces"
        ),
        PsqlForm::Name => format!(
            "write `:{}`: parameter names are [a-z_][a-z0-9_]*",
            snake_case(name)
        ),
        PsqlForm::Command => {
            "leave it out: a file holds SQL, values are declared (`-- param NAME TYPE = EXPR`)"
                .to_owned()
        }
    }
}

/// `batchSize` as `batch_size`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase()
            && snake.ends_with(|last: char| last.is_ascii_lowercase() || last.is_ascii_digit())
        {
            snake.push('_');
        }
        snake.push(if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        });
    }
    if snake.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{snake}")
    } else {
        snake
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_found_once_and_replaced_everywhere() {
        let template =
            Template::parse("select :b, ':no', :a::text, b[1: :b] from t -- :no").unwrap();
        assert_eq!(template.parameters(), ["b", "a"]);
        let bound = template.bind(|name| {
            if name == "b" {
                "$1".to_owned()
            } else {
                "$2".to_owned()
            }
        });
        assert_eq!(
            bound.text,
            "select $1, ':no', $2::text, b[1: $1] from t -- :no"
        );
    }

    #[test]
    fn a_position_in_bound_text_leads_back_to_the_source() {
        let source = "select ä, :batch_size + :n from t";
        let bound = Template::parse(source).unwrap().bind(|name| {
            if name == "n" {
                String::new()
            } else {
                "$1".to_owned()
            }
        });
        let back = |needle: &str| {
            let at = bound.text.find(needle).unwrap();
            bound.source_offset(bound.text[..at].chars().count() + 1)
        };
        assert_eq!(back("select"), 0);
        assert_eq!(back("$1"), source.find(":batch_size").unwrap());
        assert_eq!(
            back("1 +"),
            source.find(":batch_size").unwrap(),
            "inside a replacement"
        );
        assert_eq!(back("from"), source.find("from").unwrap());
        assert_eq!(bound.source_offset(1000), source.len());
        assert_eq!(bound.source_offset(0), 0);
    }

    #[track_caller]
    fn refused(source: &str, offset: usize, message: &str) {
        let error = Template::parse(source).unwrap_err();
        assert_eq!(
            (error.offset, error.to_string().as_str()),
            (offset, message)
        );
    }

    #[test]
    fn psql_forms_are_refused_with_the_right_form() {
        let replace = |text: &str, form: &str| {
            format!("psql would replace `{text}`, this program does not; {form}")
        };
        refused(
            "a = :'x'",
            4,
            &replace(
                ":'x'",
                "write `:x`: values are bound, so they need no quotes",
            ),
        );
        let identifier =
            "write the identifier itself: a value cannot stand for a name (`:x` is a value)";
        refused("from :\"x\"", 5, &replace(":\"x\"", identifier));
        refused(
            ":{?x}",
            0,
            &replace(
                ":{?x}",
                "write `:x is not null` and give the parameter the default `null`",
            ),
        );
        let slice = "write ` : :n` for a parameter, ` : n` for a column, with these spaces";
        refused("a[1:n]", 3, &replace(":n", slice));
        let name = "write `:batch_size`: parameter names are [a-z_][a-z0-9_]*";
        refused("limit :batchSize", 6, &replace(":batchSize", name));
        let help =
            "leave it out: a file holds SQL, values are declared (`-- param NAME TYPE = EXPR`)";
        refused(
            "select 1 \\gset",
            9,
            &format!("`\\gset` is a command of psql; {help}"),
        );
    }

    #[test]
    fn broken_sql_is_refused() {
        refused(
            "limit $1",
            6,
            "positional parameter `$1`; name it, as in `:batch_size`; numbers are given when it is bound",
        );
        refused("select 'a", 7, "string that does not end; end it with '");
        refused(
            "select \"a",
            7,
            "quoted identifier that does not end; end it with \"",
        );
        refused(
            "select $a$ b",
            7,
            "dollar-quoted string that does not end; end it with the `$tag$` it starts with",
        );
        refused(
            "select /* b",
            7,
            "comment that does not end; end it with */ (comments nest)",
        );
        let brackets = "close every bracket that is opened, in order";
        refused("f(1", 1, &format!("`(` has no counterpart; {brackets}"));
        refused("f(1]", 3, &format!("`]` has no counterpart; {brackets}"));
        refused("1)", 1, &format!("`)` has no counterpart; {brackets}"));
    }

    proptest! {
        #[test]
        fn binding_names_to_themselves_changes_nothing(source in "(:[a-z]{1,3}|[a-z' ,()1:]){0,30}", position in 0_usize..60) {
            if let Ok(template) = Template::parse(&source) {
                let bound = template.bind(|name| format!(":{name}"));
                prop_assert_eq!(&bound.text, &source);
                prop_assert!(bound.source_offset(position) <= source.len());
            }
        }

        #[test]
        fn any_text_is_read_or_refused(source in "\\PC{0,60}") {
            let _ = Template::parse(&source);
        }
    }
}
