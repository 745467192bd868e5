//! One statement of a file with its parameters numbered and bound, ready to be sent.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Column, Row};

use super::StatementError;
use super::evaluate::BoundParameter;
use super::value::{RawValue, as_parameters, type_of};
use crate::definition::statement::{Statement, StatementFile};
use crate::postgres::database::server_message;
use crate::sql::position::Position;
use crate::sql::template::Bound;

/// A statement that can be sent.
#[derive(Clone, Debug)]
pub struct Executable<'d> {
    file: &'d StatementFile,
    statement: &'d Statement,
    variant: &'d str,
    bound: Bound,
    parameters: Vec<BoundParameter>,
}

/// What a statement returned: its columns are known even where there is no row.
#[derive(Debug)]
pub struct Returned {
    prepared: tokio_postgres::Statement,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Returned {
    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        self.prepared.columns()
    }
}

impl<'d> Executable<'d> {
    /// Numbers the parameters of one statement of `file` in the order they first appear and binds their values.
    #[must_use]
    pub fn new(
        file: &'d StatementFile,
        statement: &'d Statement,
        variant: &'d str,
        values: &[BoundParameter],
    ) -> Executable<'d> {
        let names = statement.template.parameters();
        let number = |name: &str| {
            names
                .iter()
                .position(|known| *known == name)
                .map_or(0, |index| index + 1)
        };
        let bound = statement.template.bind(|name| format!("${}", number(name)));
        let parameters = names
            .iter()
            .filter_map(|name| values.iter().find(|value| value.name == *name))
            .cloned()
            .collect();
        Executable {
            file,
            statement,
            variant,
            bound,
            parameters,
        }
    }

    /// The statement with `$1`, `$2` … for its parameters.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.bound.text
    }

    /// The statement with each parameter replaced by the literal given for its name.
    #[must_use]
    pub fn with_literals(&self, literals: &[(String, String)]) -> String {
        let literal = |name: &str| {
            literals
                .iter()
                .find(|(known, _)| known == name)
                .map_or("null", |(_, literal)| literal)
        };
        self.statement
            .template
            .bind(|name| literal(name).to_owned())
            .text
    }

    /// Its parameters in the order of their numbers.
    #[must_use]
    pub fn parameters(&self) -> &[BoundParameter] {
        &self.parameters
    }

    /// Their types.
    #[must_use]
    pub fn types(&self) -> Vec<Type> {
        self.parameters
            .iter()
            .map(|parameter| type_of(parameter.oid))
            .collect()
    }

    /// Their values.
    #[must_use]
    pub fn values(&self) -> Vec<RawValue> {
        self.parameters
            .iter()
            .map(|parameter| parameter.value.clone())
            .collect()
    }

    /// Runs the statement and returns its rows.
    ///
    /// # Errors
    /// What the server says, with the place in the file.
    pub async fn run(&self, client: &Client) -> Result<Returned, StatementError> {
        let run = async {
            let prepared = client.prepare_typed(self.text(), &self.types()).await?;
            let rows = client
                .query(&prepared, &as_parameters(&self.values()))
                .await?;
            Ok(Returned { prepared, rows })
        };
        run.await
            .map_err(|error: tokio_postgres::Error| self.failed(&error, 0))
    }

    /// File and place of the statement, for errors.
    #[must_use]
    pub fn place(&self) -> String {
        format!(
            "{}:{}",
            self.file.source.path,
            self.file.position_in(self.statement, 0)
        )
    }

    /// Turns what the server said about this statement, sent with `prefix` characters in front, into an error at its place in the file.
    #[must_use]
    pub fn failed(&self, error: &tokio_postgres::Error, prefix: usize) -> StatementError {
        let position = match error
            .as_db_error()
            .and_then(tokio_postgres::error::DbError::position)
        {
            Some(tokio_postgres::error::ErrorPosition::Original(position)) => {
                (*position as usize).saturating_sub(prefix)
            }
            _ => 1,
        };
        let place = self
            .file
            .position_in(self.statement, self.bound.source_offset(position));
        self.failed_at(place, error)
    }

    /// Turns what the server said about a command of our own that concerns this statement into an error at the statement's start:
    /// a position within that command says nothing about the file.
    #[must_use]
    pub fn failed_as_a_whole(&self, error: &tokio_postgres::Error) -> StatementError {
        self.failed_at(self.file.position_in(self.statement, 0), error)
    }

    fn failed_at(&self, place: Position, error: &tokio_postgres::Error) -> StatementError {
        let message = server_message(error);
        match error.code() {
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => self.writes(place, message),
            Some(&SqlState::LOCK_NOT_AVAILABLE) => StatementError::Blocked {
                path: self.file.source.path.clone(),
                position: place,
                variant: self.variant.to_owned(),
                reason: message,
            },
            Some(&SqlState::QUERY_CANCELED) => {
                let next = "; it takes longer than it may (--statement-timeout, in place)";
                StatementError::in_file(self.file, place, self.variant, message + next)
            }
            _ => StatementError::in_file(self.file, place, self.variant, message),
        }
    }

    /// The refusal of a statement whose plan writes; `what` says how, for example `Update on job`.
    #[must_use]
    pub fn refused_write(&self, what: &str) -> StatementError {
        let place = self.file.position_in(self.statement, 0);
        self.writes(place, format!("its plan writes ({what})"))
    }

    fn writes(&self, position: Position, reason: String) -> StatementError {
        StatementError::Writes {
            path: self.file.source.path.clone(),
            position,
            variant: self.variant.to_owned(),
            reason,
        }
    }
}
