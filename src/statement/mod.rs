//! A definition made executable: defaults evaluated, `fetched` fed, values passed through in binary.

mod array;
pub mod evaluate;
pub mod execute;
pub mod generic;
pub mod head;
pub mod payload;
pub mod relation;
pub mod serving;
pub mod value;

use thiserror::Error;

use crate::definition::statement::StatementFile;
use crate::sql::position::Position;

/// Why a statement could not be made executable or run.
#[derive(Debug, Error)]
pub enum StatementError {
    /// The server refused a statement, an expression or a type of a user's file.
    #[error("{path}:{position}: variant {variant}: {message}")]
    InFile {
        /// The file, as the user knows it.
        path: String,
        /// Where in the file.
        position: Position,
        /// The variant.
        variant: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// A statement writes, or locks rows, where nothing may be written.
    #[error("{path}:{position}: {reason}")]
    Writes {
        /// The file, as the user knows it.
        path: String,
        /// Where in the file.
        position: Position,
        /// The variant.
        variant: String,
        /// What it does.
        reason: String,
    },
    /// A statement has waited for a lock for as long as it may.
    #[error(
        "{path}:{position}: variant {variant}: {reason}; another session holds what it waits for (--lock-timeout, in place)"
    )]
    Blocked {
        /// The file, as the user knows it.
        path: String,
        /// Where in the file.
        position: Position,
        /// The variant.
        variant: String,
        /// What the server says.
        reason: String,
    },
    /// A statement that cannot serve under load as it is written.
    #[error("{path}:{position}: {reason}")]
    CannotServe {
        /// The file, as the user knows it.
        path: String,
        /// Where in the file.
        position: Position,
        /// Why not, and what to do.
        reason: String,
    },
    /// The connection failed, or a statement of our own did.
    #[error(
        "cannot {action}: {}",
        crate::postgres::database::server_message(source)
    )]
    Server {
        /// What was tried.
        action: &'static str,
        /// What the server says.
        source: tokio_postgres::Error,
    },
}

impl StatementError {
    /// An error at a place of a statement file.
    #[must_use]
    pub fn in_file(
        file: &StatementFile,
        position: Position,
        variant: &str,
        message: String,
    ) -> StatementError {
        StatementError::InFile {
            path: file.source.path.clone(),
            position,
            variant: variant.to_owned(),
            message,
        }
    }

    /// Makes an error of what a statement of our own met.
    pub fn server(action: &'static str) -> impl FnOnce(tokio_postgres::Error) -> StatementError {
        move |source| StatementError::Server { action, source }
    }
}
