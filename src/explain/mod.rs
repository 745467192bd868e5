//! Samples of one variant: fresh copies, plan modes, EXPLAIN options by server version.

pub mod copies;
pub mod ground;
pub mod options;
pub mod sample;
pub mod variant;

use thiserror::Error;

use crate::plan::json::PlanError;
use crate::postgres::database::{DatabaseError, server_message};
use crate::statement::StatementError;

/// Why a variant could not be measured.
#[derive(Debug, Error)]
pub enum ExplainError {
    /// Making or dropping a copy failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The statement, its parameters or what feeds it.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The connection to a copy, or a statement of our own in it.
    #[error("cannot {action} a copy of the fixture: {}", server_message(source))]
    Copy {
        /// What was tried.
        action: &'static str,
        /// What the server says.
        source: tokio_postgres::Error,
    },
    /// What EXPLAIN printed is no plan this program can read.
    #[error("cannot read the plan of {statement}: {source}")]
    Plan {
        /// The statement.
        statement: String,
        /// Why.
        source: PlanError,
    },
}

impl ExplainError {
    fn copy(action: &'static str) -> impl FnOnce(tokio_postgres::Error) -> ExplainError {
        move |source| ExplainError::Copy { action, source }
    }
}
