//! schema.sql, populate.sql, indexes.sql: scripts whose `:name` stand for options of the queue.

use std::collections::BTreeMap;

use super::option::OptionValue;
use super::source::{DefinitionError, Source};
use super::suggestion;
use crate::sql::{Bound, Position, Template, split};

/// A statement of a script with the options put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptStatement {
    bound: Bound,
    /// Where it starts in the file, in bytes.
    start: usize,
}

impl ScriptStatement {
    /// The SQL to send.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.bound.text
    }

    /// Where in `source`, the file it was made from, the character at `position` of [`ScriptStatement::text`] stems from; counted
    /// from 1, as a server counts error positions.
    #[must_use]
    pub fn position(&self, source: &Source, position: usize) -> Position {
        source.position(self.start + self.bound.source_offset(position))
    }
}

/// The statements of a script, and for each where it starts in the file.
pub(super) fn templates(source: &Source) -> Result<Vec<(usize, Template)>, DefinitionError> {
    let spans = split::statements(&source.text).into_iter();
    spans
        .map(|span| match Template::parse(&source.text[span.clone()]) {
            Ok(template) => Ok((span.start, template)),
            Err(error) => Err(source.template_error(span.start, error)),
        })
        .collect()
}

/// The statements of a script with the options put in.
pub(super) fn bind(
    source: &Source,
    options: &BTreeMap<String, OptionValue>,
) -> Result<Vec<ScriptStatement>, DefinitionError> {
    let bind_one = |(start, template): (usize, Template)| {
        for occurrence in template.occurrences() {
            if !options.contains_key(&occurrence.name) {
                return Err(unknown_option(
                    source,
                    start + occurrence.span.start,
                    &occurrence.name,
                    options,
                ));
            }
        }
        let bound = template.bind(|name| {
            options
                .get(name)
                .map_or_else(String::new, OptionValue::literal)
        });
        Ok(ScriptStatement { bound, start })
    };
    templates(source)?.into_iter().map(bind_one).collect()
}

fn unknown_option(
    source: &Source,
    offset: usize,
    name: &str,
    options: &BTreeMap<String, OptionValue>,
) -> DefinitionError {
    let help = match suggestion::nearest(name, options.keys().map(String::as_str)) {
        Some(meant) => format!("did you mean `:{meant}`?"),
        None => format!("add `{name} = …` under [options] in queue.toml"),
    };
    source
        .error(offset, format!("the queue has no option `{name}`"))
        .help(help)
}
