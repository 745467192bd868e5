//! Samples of one variant: fresh copies, plan modes, EXPLAIN options by server version.

pub mod company;
pub mod copies;
pub mod functions;
pub mod ground;
pub mod nested;
pub mod options;
mod output;
mod rehearsal;
pub mod sample;
pub mod standing;
pub mod turns;
pub mod variant;

use thiserror::Error;

use crate::plan::json::PlanError;
use crate::postgres::database::{DatabaseError, server_message};
use crate::statement::StatementError;
use crate::statement::head::HeadError;

/// Why a variant could not be measured.
#[derive(Debug, Error)]
pub enum ExplainError {
    /// Making or dropping a copy failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The statement, its parameters or what feeds it.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// Jobs could not be completed or locked in a copy before it is measured.
    #[error("cannot prepare a copy of the fixture: {0}")]
    Head(#[from] HeadError),
    /// A connection, or a statement of our own.
    #[error("cannot {action}: {}", server_message(source))]
    Session {
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
    fn session(action: &'static str) -> impl FnOnce(tokio_postgres::Error) -> ExplainError {
        move |source| ExplainError::Session { action, source }
    }

    /// Where the statement, or what feeds it, has waited for a lock for as long as it may: the statement's place in its file.
    #[must_use]
    pub fn blocked_at(&self) -> Option<String> {
        match self {
            ExplainError::Statement(StatementError::Blocked { path, position, .. }) => {
                Some(format!("{path}:{position}"))
            }
            _ => None,
        }
    }

    /// Whether the statement was left out because it writes where nothing may be written.
    #[must_use]
    pub fn is_refused_write(&self) -> bool {
        matches!(self, ExplainError::Statement(StatementError::Writes { .. }))
    }
}
