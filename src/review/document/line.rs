//! The lines of a document while what is wrapped around plans is taken off.

use std::borrow::Cow;

/// A line, or a place that no plan reaches across.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Its number in the document, from 1.
    pub(super) number: u64,
    /// What is left of it; none at the end of something: a table, a block of code.
    text: Option<Cow<'a, str>>,
    /// Bytes of it that have been read.
    read: usize,
}

impl<'a> Line<'a> {
    /// The place of a line that only delimits.
    pub(super) fn boundary(number: u64) -> Line<'a> {
        Line {
            number,
            text: None,
            read: 0,
        }
    }

    /// The same line with another text.
    pub(super) fn with(&self, text: impl Into<Cow<'a, str>>) -> Line<'a> {
        Line {
            number: self.number,
            text: Some(text.into()),
            read: 0,
        }
    }

    /// Whether the line only delimits.
    pub(super) fn is_boundary(&self) -> bool {
        self.text.is_none()
    }

    /// The text that has not been read; none at a boundary.
    pub(super) fn text_within(&self) -> Option<&str> {
        self.text.as_deref().and_then(|text| text.get(self.read..))
    }

    /// The same; empty at a boundary.
    pub(super) fn text(&self) -> &str {
        self.text_within().unwrap_or_default()
    }

    /// Takes the text's first bytes as read.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.read = self.read.saturating_add(bytes);
    }
}

/// The lines of a text, numbered.
pub(super) fn lines(text: &str) -> Vec<Line<'_>> {
    (1..)
        .zip(text.lines())
        .map(|(number, line)| Line {
            number,
            text: Some(Cow::Borrowed(line)),
            read: 0,
        })
        .collect()
}
