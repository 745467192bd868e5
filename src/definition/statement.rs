//! A statement file: SQL with named parameters, and in its first comment what it does and with which values it is measured.

mod check;
mod directive;
mod header;
mod reserved;
#[cfg(test)]
mod tests;

use super::operation::Operation;
use super::source::{DefinitionError, Source};
use crate::sql::token::{TokenKind, tokens};
use crate::sql::{Position, Template};
use directive::Directive;

/// The relation that holds the rows of the feeding fetch, one array a column.
pub const FETCHED: &str = "fetched";

/// A statement file.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementFile {
    /// The file's name without `.sql`.
    pub name: String,
    /// The file.
    pub source: Source,
    /// What it does, in words; empty where the file does not say. Lines are joined; an empty comment line makes a line end.
    pub description: String,
    /// What it does for the queue.
    pub operation: Operation,
    /// Its parameters, in the order they are declared.
    pub parameters: Vec<Parameter>,
    /// What it is measured with, in the order they are declared; at least one.
    pub variants: Vec<Variant>,
    /// Its statements, in order; at least one.
    pub statements: Vec<Statement>,
}

/// A declared parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, without the colon.
    pub name: String,
    /// Its type as the file writes it, for example `text[]`.
    pub type_name: String,
    /// Its value where a variant sets none.
    pub default: Option<Expression>,
    /// Where its name stands in the file.
    pub position: Position,
}

/// An SQL expression in a directive. The server evaluates it: `select (EXPR)::TYPE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// The SQL; continuation lines are joined by line ends.
    pub sql: String,
    /// Where it starts in the file.
    pub position: Position,
    /// Where its second, third … line starts.
    later_lines: Vec<Position>,
}

/// One set of values that a statement file is measured with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its name; `default` where the file declares no variant.
    pub name: String,
    /// What it sets, in order.
    pub settings: Vec<Setting>,
    /// Where its name stands in the file; at the start where the file declares no variant.
    pub position: Position,
}

/// One assignment of a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What is set.
    pub target: Target,
    /// To what.
    pub value: Expression,
    /// Where the target stands in the file.
    pub position: Position,
}

/// What an assignment of a variant sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A parameter of this file.
    Parameter(String),
    /// `fetch.NAME`: a parameter of the fetch that feeds this file.
    Fetch(String),
}

/// One statement of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its name, where `-- statement: NAME` gives one; always where the file holds several.
    pub name: Option<String>,
    /// The SQL, without the `;` that ends it.
    pub template: Template,
    /// Where it starts in the file, in bytes.
    pub start: usize,
}

impl StatementFile {
    /// Reads a statement file.
    ///
    /// # Errors
    /// The first thing wrong in it, with its place.
    pub fn parse(source: Source) -> Result<StatementFile, DefinitionError> {
        if source.text.trim().is_empty() {
            let help = "start it with a line `-- operation: fetch` (or what it does), the statement follows";
            return Err(source.error(0, "the file is empty").help(help));
        }
        let header = header::read(&source)?;
        let mut draft = Draft::default();
        for lines in &header.directives {
            draft.add(&source, directive::read(&source, lines)?)?;
        }
        draft.read_statements(&source, header.end)?;
        let name = source
            .file_name()
            .strip_suffix(".sql")
            .unwrap_or(source.file_name())
            .to_owned();
        let operation = draft
            .operation
            .ok_or_else(|| header::missing_operation(&source, &name))?;
        let mut file = StatementFile {
            name,
            source,
            description: header.description,
            operation,
            parameters: draft.parameters,
            variants: draft.variants,
            statements: draft.statements,
        };
        check::parameters_and_variants(&file)?;
        if file.variants.is_empty() {
            let variant = check::default_variant(&file)?;
            file.variants.push(variant);
        }
        check::values(&file)?;
        Ok(file)
    }

    /// The parameter with this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
    }

    /// Whether a variant is measured right after a fetch that feeds it: one of its values mentions `fetched`, or it sets
    /// the fetch.
    #[must_use]
    pub fn is_fed(&self, variant: &Variant) -> bool {
        let mut values = self
            .parameters
            .iter()
            .filter_map(|parameter| variant.value_of(parameter));
        variant.fetch_settings().next().is_some() || values.any(|value| value.mentions(FETCHED))
    }

    /// Where the byte `offset` of a statement's SQL stands in the file; see [`crate::sql::Bound::source_offset`].
    #[must_use]
    pub fn position_in(&self, statement: &Statement, offset: usize) -> Position {
        self.source.position(statement.start + offset)
    }
}

impl Variant {
    /// The value of a parameter: what this variant sets, else the default.
    #[must_use]
    pub fn value_of<'a>(&'a self, parameter: &'a Parameter) -> Option<&'a Expression> {
        let set = self.settings.iter().find(
            |setting| matches!(&setting.target, Target::Parameter(name) if *name == parameter.name),
        );
        set.map(|setting| &setting.value)
            .or(parameter.default.as_ref())
    }

    /// What it sets of the fetch that feeds it: parameter and value.
    pub fn fetch_settings(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.settings
            .iter()
            .filter_map(|setting| match &setting.target {
                Target::Fetch(name) => Some((name.as_str(), setting)),
                Target::Parameter(_) => None,
            })
    }
}

impl Expression {
    /// Whether it mentions a relation, as in `fetched.id` or `from fetched`.
    #[must_use]
    pub fn mentions(&self, relation: &str) -> bool {
        let tokens: Vec<_> = tokens(&self.sql)
            .filter(|token| !token.kind.is_trivia())
            .collect();
        let kind = |index: Option<usize>| {
            index
                .and_then(|index| tokens.get(index))
                .map(|token| token.kind)
        };
        tokens.iter().enumerate().any(|(index, token)| {
            let text = &self.sql[token.span.clone()];
            let named = match token.kind {
                TokenKind::Word => text.eq_ignore_ascii_case(relation),
                TokenKind::QuotedIdentifier => text.trim_matches('"') == relation,
                _ => false,
            };
            let qualified = kind(index.checked_sub(1)) == Some(TokenKind::Dot);
            let called = tokens
                .get(index + 1)
                .is_some_and(|next| self.sql[next.span.clone()] == *"(");
            named && !qualified && !called
        })
    }

    /// The place in the file of the character at `position` (counted from 1, as a server counts error positions) of its SQL.
    #[must_use]
    pub fn position_of(&self, position: usize) -> Position {
        let before: String = self.sql.chars().take(position.saturating_sub(1)).collect();
        let within = Position::of(&before, before.len());
        let line = if within.line == 1 {
            Some(&self.position)
        } else {
            self.later_lines.get(within.line - 2)
        };
        line.map_or(self.position, |start| Position {
            line: start.line,
            column: start.column + within.column - 1,
        })
    }
}

/// What has been read of a file so far.
#[derive(Default)]
struct Draft {
    operation: Option<Operation>,
    parameters: Vec<Parameter>,
    variants: Vec<Variant>,
    statements: Vec<Statement>,
    /// `-- statement: NAME` lines: the name and where it stands, in bytes.
    names: Vec<(String, usize)>,
}

impl Draft {
    fn add(&mut self, source: &Source, directive: Directive) -> Result<(), DefinitionError> {
        match directive {
            Directive::Operation { operation, offset } => {
                if self.operation.replace(operation).is_some() {
                    return Err(source
                        .error(offset, "a second operation")
                        .help("a file serves one operation: write another file"));
                }
            }
            Directive::Parameter(parameter) => {
                if let Some(first) = self
                    .parameters
                    .iter()
                    .find(|first| first.name == parameter.name)
                {
                    let message = format!("parameter `{}` is declared twice", parameter.name);
                    return Err(source
                        .error_at(parameter.position, message)
                        .help(format!("first in line {}", first.position.line)));
                }
                self.parameters.push(parameter);
            }
            Directive::Variant(variant) => {
                if let Some(first) = self
                    .variants
                    .iter()
                    .find(|first| first.name == variant.name)
                {
                    let message = format!("variant `{}` is declared twice", variant.name);
                    return Err(source
                        .error_at(variant.position, message)
                        .help(format!("first in line {}", first.position.line)));
                }
                self.variants.push(variant);
            }
            Directive::Statement { name, offset } => self.add_name(source, name, offset)?,
        }
        Ok(())
    }

    fn add_name(
        &mut self,
        source: &Source,
        name: String,
        offset: usize,
    ) -> Result<(), DefinitionError> {
        if let Some((_, first)) = self.names.iter().find(|(first, _)| *first == name) {
            let message = format!("statement `{name}` stands twice");
            return Err(source
                .error(offset, message)
                .help(format!("first in line {}", source.position(*first).line)));
        }
        self.names.push((name, offset));
        Ok(())
    }

    /// Splits the file into statements and gives each its name.
    fn read_statements(
        &mut self,
        source: &Source,
        header_end: usize,
    ) -> Result<(), DefinitionError> {
        let spans = crate::sql::split::statements(&source.text);
        header::refuse_directives_after(
            source,
            header_end,
            spans.first().map_or(source.text.len(), |first| first.start),
        )?;
        for lines in header::statement_lines_after(source, header_end) {
            if let Directive::Statement { name, offset } = directive::read(source, &lines)? {
                if spans.iter().any(|span| span.contains(&offset)) {
                    let message = format!("`statement: {name}` inside a statement");
                    return Err(source
                        .error(offset, message)
                        .help("end the statement before it with `;`"));
                }
                self.add_name(source, name, offset)?;
            }
        }
        // All of them before any name is asked for: psql's commands look like one statement more.
        let mut templates = Vec::new();
        for span in &spans {
            let template = Template::parse(&source.text[span.clone()])
                .map_err(|error| source.template_error(span.start, error))?;
            templates.push(template);
        }
        let several = spans.len() > 1;
        for (span, template) in spans.iter().zip(templates) {
            check::can_be_explained(source, span.start, template.source())?;
            let name = self.take_name_before(source, span.start)?;
            if several && name.is_none() {
                let message = format!(
                    "{} statements in a file, and this one has no name",
                    spans.len()
                );
                return Err(source
                    .error(span.start, message)
                    .help("write `-- statement: NAME` before each"));
            }
            self.statements.push(Statement {
                name,
                template,
                start: span.start,
            });
        }
        if let Some((name, offset)) = self.names.first() {
            return Err(source
                .error(*offset, format!("no statement follows `statement: {name}`"))
                .help("write it, or remove the line"));
        }
        if self.statements.is_empty() {
            return Err(source
                .error(
                    source.text.trim_end().len(),
                    "there is no statement in the file",
                )
                .help("write it below the comment"));
        }
        Ok(())
    }

    /// The name that stands in front of the statement at `start` and behind the one before it.
    fn take_name_before(
        &mut self,
        source: &Source,
        start: usize,
    ) -> Result<Option<String>, DefinitionError> {
        let before = self
            .names
            .iter()
            .take_while(|(_, offset)| *offset < start)
            .count();
        if before > 1 {
            let (name, offset) = &self.names[1];
            return Err(source
                .error(
                    *offset,
                    format!("a second name, `{name}`, for one statement"),
                )
                .help("keep one of the two"));
        }
        Ok((before == 1).then(|| self.names.remove(0).0))
    }
}
