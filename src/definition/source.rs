//! A file of a definition, and errors that say where in it something is wrong.

use crate::sql::{Position, TemplateError};

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its path as shown to the user, for example `queries/status-partial/fetch.sql`.
    pub path: String,
    /// Its content.
    pub text: String,
}

impl Source {
    /// A file with this path and content; a byte order mark at its start is dropped.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Source {
        let mut text = text.into();
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        Source {
            path: path.into(),
            text,
        }
    }

    /// The last part of its path.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The place of the character at `offset`, in bytes.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        Position::of(&self.text, offset)
    }

    /// An error at the character at `offset`, in bytes.
    #[must_use]
    pub fn error(&self, offset: usize, message: impl Into<String>) -> DefinitionError {
        self.error_at(self.position(offset), message)
    }

    /// An error at a place.
    #[must_use]
    pub fn error_at(&self, position: Position, message: impl Into<String>) -> DefinitionError {
        DefinitionError {
            path: self.path.clone(),
            position: Some(position),
            message: message.into(),
            help: None,
        }
    }

    /// An error of a template that starts at `start`, in bytes.
    pub(super) fn template_error(&self, start: usize, error: TemplateError) -> DefinitionError {
        self.error(start + error.offset, error.message)
            .help(error.help)
    }
}

/// Something wrong in a file of a definition. Shown as `path:line:column: message; help`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.render())]
pub struct DefinitionError {
    /// The file, or the folder where a file is missing.
    pub path: String,
    /// Where in it; none where the file as a whole is meant.
    pub position: Option<Position>,
    /// What is wrong.
    pub message: String,
    /// What to do about it, for example ``did you mean `batch_size`?``.
    pub help: Option<String>,
}

impl DefinitionError {
    /// An error that concerns a file or folder as a whole.
    pub(super) fn of_file(path: impl Into<String>, message: impl Into<String>) -> DefinitionError {
        DefinitionError {
            path: path.into(),
            position: None,
            message: message.into(),
            help: None,
        }
    }

    /// Adds what to do about it.
    pub(super) fn help(mut self, help: impl Into<String>) -> DefinitionError {
        self.help = Some(help.into());
        self
    }

    fn render(&self) -> String {
        let DefinitionError {
            path,
            position,
            message,
            help,
        } = self;
        let place = position.map_or_else(String::new, |position| format!(":{position}"));
        let help = help
            .as_ref()
            .map_or_else(String::new, |help| format!("; {help}"));
        format!("{path}{place}: {message}{help}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_file_line_and_column() {
        let source = Source::new("queries/q/fetch.sql", "\u{feff}one\ntwo");
        assert_eq!(
            (source.file_name(), source.text.as_str()),
            ("fetch.sql", "one\ntwo")
        );
        let error = source.error(5, "no `w`");
        assert_eq!(error.to_string(), "queries/q/fetch.sql:2:2: no `w`");
        assert_eq!(
            error.help("write one").to_string(),
            "queries/q/fetch.sql:2:2: no `w`; write one"
        );
        assert_eq!(
            DefinitionError::of_file("queries/q", "no fetch").to_string(),
            "queries/q: no fetch"
        );
    }
}
