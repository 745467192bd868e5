//! The columns that a statement returns.

use tokio_postgres::Column;
use tokio_postgres::types::Type;

use crate::definition::nearest;

/// The columns that a statement returns: names and types, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns(Vec<(String, Type)>);

impl Columns {
    /// Columns with these names and types.
    #[must_use]
    pub fn new(columns: Vec<(String, Type)>) -> Columns {
        Columns(columns)
    }

    /// The columns of a prepared statement.
    pub(super) fn of(columns: &[Column]) -> Columns {
        let column = |column: &Column| (column.name().to_owned(), column.type_().clone());
        Columns(columns.iter().map(column).collect())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Their names and types.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Type)> {
        self.0.iter().map(|(name, type_)| (name.as_str(), type_))
    }

    /// The index of the first one of this name.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.names().position(|known| known == name)
    }

    /// The type of one of them.
    pub(super) fn type_at(&self, index: usize) -> &Type {
        &self.0[index].1
    }

    /// What to say about a name that is none of theirs.
    pub(super) fn instead_of(&self, name: &str) -> String {
        match nearest(name, self.names()) {
            Some(near) => format!("did you mean {near}?"),
            None if self.is_empty() => "it returns no columns".to_owned(),
            None => format!("it has {}", self.names().collect::<Vec<_>>().join(", ")),
        }
    }
}
