//! The copy that workers drain: made, given back to autovacuum, read into memory, watched, and dropped.

use std::time::Instant;

use thiserror::Error;

use crate::definition::{Operation, Queue};
use crate::explain::copies;
use crate::fixture::autovacuum;
use crate::fixture::cache::Template;
use crate::monitor::MonitorError;
use crate::monitor::activity::Observed;
use crate::monitor::counters;
use crate::monitor::watch::{Watch, WatchOptions};
use crate::postgres::database::{DatabaseError, server_message};
use crate::postgres::equipment::Part;
use crate::postgres::managed::Managed;
use crate::postgres::workspace::Workspace;

/// Why there is no copy to drain.
#[derive(Debug, Error)]
pub enum GroundError {
    /// It cannot be made, marked or dropped.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Something is refused in it.
    #[error(
        "cannot {action} database {name}, the copy to drain: {}",
        server_message(source)
    )]
    Copy {
        /// What was tried.
        action: &'static str,
        /// The copy.
        name: String,
        /// What the server says.
        source: tokio_postgres::Error,
    },
    /// It cannot be watched.
    #[error(transparent)]
    Monitor(#[from] MonitorError),
}

/// A copy of a fixture that is drained once.
#[derive(Debug)]
pub struct Ground<'w> {
    workspace: &'w Workspace,
    database: String,
    copy_ms: f64,
}

impl<'w> Ground<'w> {
    /// Makes the copy and reads it into memory. Autovacuum gets its tables back, unless the queue itself keeps it away from them.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn make(
        workspace: &'w Workspace,
        template: &Template,
    ) -> Result<Ground<'w>, GroundError> {
        let started = Instant::now();
        let databases = workspace.databases();
        let ground = Ground {
            workspace,
            database: databases.copy(&template.database).await?,
            copy_ms: 0.0,
        };
        let failed = |action| {
            let name = ground.database.clone();
            move |source| GroundError::Copy {
                action,
                name,
                source,
            }
        };
        let session = databases.address().connect(&ground.database).await;
        let session = session.map_err(DatabaseError::from)?;
        autovacuum::give_back(&session)
            .await
            .map_err(failed("give autovacuum the tables of"))?;
        copies::warm(&session, template.mark.prewarm)
            .await
            .map_err(failed("read into memory"))?;
        session.close().await;
        Ok(Ground {
            copy_ms: started.elapsed().as_secs_f64() * 1000.0,
            ..ground
        })
    }

    /// The copy's name.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// How long it took to make it, in milliseconds.
    #[must_use]
    pub fn copy_ms(&self) -> f64 {
        self.copy_ms
    }

    /// Begins to watch, after a checkpoint where the server is ours. No session may be in the copy.
    ///
    /// # Errors
    /// If the server refuses, or a watched table is not there.
    pub async fn watch(&self, queue: &Queue, observed: Observed) -> Result<Watch, GroundError> {
        let databases = self.workspace.databases();
        if databases.permissions().checkpoint {
            let checkpoint = databases.session().batch_execute("checkpoint").await;
            checkpoint.map_err(|source| GroundError::Copy {
                action: "take a checkpoint for",
                name: self.database.clone(),
                source,
            })?;
        }
        // This session has just written a whole database to WAL.
        counters::report(databases.session(), self.workspace.version()).await?;
        let options = WatchOptions {
            address: databases.address(),
            version: self.workspace.version(),
            database: &self.database,
            tables: &queue.tables,
            server_process: self.workspace.managed().and_then(Managed::process),
            observed,
        };
        Ok(Watch::begin(options).await?)
    }

    /// Drops it, over a new session where the server was restarted meanwhile.
    ///
    /// # Errors
    /// If the server refuses, or is gone.
    pub async fn leave(self) -> Result<(), GroundError> {
        let databases = self.workspace.databases();
        if databases.session().is_closed() {
            return Ok(databases.reconnected().await?.drop(&self.database).await?);
        }
        Ok(databases.drop(&self.database).await?)
    }
}

/// Why a statement's share of the server's time cannot be had, and what would help.
#[must_use]
pub fn without_statements(workspace: &Workspace) -> String {
    let remedy = workspace
        .remedy(Part::PgStatStatements)
        .map_or(String::new(), |remedy| format!("; {remedy}"));
    format!(
        "pg_stat_statements is not loaded or cannot be read: no statement's share of the server's time is shown{remedy}"
    )
}

/// Names and texts of the statements that serve a queue under load.
#[must_use]
pub fn named_statements(queue: &Queue) -> Vec<(String, String)> {
    let serving = Operation::ALL
        .iter()
        .filter_map(|&operation| queue.serving(operation));
    let named = serving.flat_map(|file| {
        file.statements.iter().map(|statement| {
            let name = match &statement.name {
                Some(part) if file.statements.len() > 1 => format!("{}/{part}", file.name),
                _ => file.name.clone(),
            };
            (name, statement.template.source().to_owned())
        })
    });
    named.collect()
}
