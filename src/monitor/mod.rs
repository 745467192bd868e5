//! What the server and this machine tell while and after workers run: counters, wait events, statements, processor time.

pub mod activity;
pub mod connections;
pub mod counters;
pub mod processes;
pub mod statements;
pub mod tenths;
pub mod watch;

use thiserror::Error;

use crate::postgres::connect::ConnectError;
use crate::postgres::database::server_message;

/// Why the server does not tell.
#[derive(Debug, Error)]
pub enum MonitorError {
    /// No session could be opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It refuses an answer.
    #[error("cannot read {what}: {}", server_message(source))]
    Server {
        /// What was asked for.
        what: &'static str,
        /// What the server says.
        source: tokio_postgres::Error,
    },
    /// A watched table that is not there.
    #[error("the queue watches table {table}, which is not there: correct its `tables`")]
    NoTable {
        /// Its name.
        table: String,
    },
}

fn failed(what: &'static str) -> impl FnOnce(tokio_postgres::Error) -> MonitorError {
    move |source| MonitorError::Server { what, source }
}
