//! Tables that stay: everything that is done to them happens in one transaction, which is rolled back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ExplainError;
use super::company::Present;
use super::ground::{Access, Ground, Insight, Isolation, SESSION_SETTINGS};
use crate::postgres::connect::{Address, Session};
use crate::postgres::database::DatabaseError;

/// The server looks this often whether a statement's client is still there: one that is gone, however it went, holds no locks for
/// long. Servers on systems where they cannot look refuse to be told so.
const NOTICE_ABSENCE: &str = "set client_connection_check_interval = '500ms'";

/// Tables that stay: those that somebody else filled, or a fixture in a schema of our own.
#[derive(Debug)]
pub struct Standing {
    address: Address,
    database: String,
    timeouts: Option<Timeouts>,
    access: Access,
    /// What is known of functions there.
    pub(super) insight: Arc<Insight>,
    /// Tables of our own, quoted where they have to be.
    own_tables: Vec<String>,
    /// Whether dead rows were left in them since they were vacuumed.
    used: bool,
    /// Time spent on opening and closing.
    spent: Duration,
}

/// How long a statement may wait, and take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a lock.
    pub lock: Duration,
    /// In all.
    pub statement: Duration,
}

impl Standing {
    /// A fixture in a schema of our own, which sessions over `address` find; `tables` are its tables, quoted where they have to be.
    #[must_use]
    pub fn of_our_own(address: Address, database: &str, tables: Vec<String>) -> Standing {
        Standing {
            address,
            database: database.to_owned(),
            timeouts: None,
            access: Access::ReadWrite,
            insight: Arc::default(),
            own_tables: tables,
            used: false,
            spent: Duration::ZERO,
        }
    }

    /// Tables of others.
    #[must_use]
    pub fn of_others(
        address: Address,
        database: &str,
        access: Access,
        timeouts: Timeouts,
    ) -> Standing {
        Standing {
            address,
            database: database.to_owned(),
            timeouts: Some(timeouts),
            access,
            insight: Arc::default(),
            own_tables: Vec::new(),
            used: false,
            spent: Duration::ZERO,
        }
    }

    /// Connects and begins the transaction that everything happens in. Tables of our own are brought near the state they were in
    /// when they were built, and into memory.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn open(&mut self) -> Result<Ground, ExplainError> {
        let started = Instant::now();
        let ground = self.open_session().await;
        self.spent += started.elapsed();
        ground
    }

    async fn open_session(&mut self) -> Result<Ground, ExplainError> {
        let session = self
            .address
            .connect(&self.database)
            .await
            .map_err(DatabaseError::from)?;
        let _ = session.batch_execute(NOTICE_ABSENCE).await;
        if self.used {
            self.vacuum(&session).await?;
        }
        self.read(&session).await?;
        self.insight.prepare(&session).await?;
        let timeouts = self.timeouts.map_or(String::new(), |timeouts| {
            format!(
                "; set lock_timeout = {}; set statement_timeout = {}",
                timeouts.lock.as_millis(),
                timeouts.statement.as_millis()
            )
        });
        // A transaction that only reads needs no number, and the server spends none on it.
        let begin = match self.access {
            Access::ReadWrite => "begin; select pg_current_xact_id()",
            Access::ReadOnly => "begin read only",
        };
        session
            .simple_query(&format!("{SESSION_SETTINGS}{timeouts}; {begin}"))
            .await
            .map_err(ExplainError::session("begin a measurement's transaction"))?;
        Ok(Ground {
            session,
            isolation: Isolation::Transaction,
            access: self.access,
            insight: Arc::clone(&self.insight),
            locks: String::new(),
            database: self.database.clone(),
            present: Present::default(),
        })
    }

    /// Removes the dead rows of what was rolled back, index entries included, however few there are.
    async fn vacuum(&mut self, session: &Session) -> Result<(), ExplainError> {
        for table in &self.own_tables {
            session
                .batch_execute(&format!("vacuum (index_cleanup on) {table}"))
                .await
                .map_err(ExplainError::session(
                    "vacuum the tables between measurements",
                ))?;
        }
        self.used = false;
        Ok(())
    }

    /// Reads tables into memory, so that no read-ahead shows in the counts. By row number: a sequential scan of a large table would
    /// go through a few pages of shared buffers again and again, and keep none.
    async fn read(&self, session: &Session) -> Result<(), ExplainError> {
        for table in &self.own_tables {
            session
                .batch_execute(&format!(
                    "begin; set local enable_seqscan = off; set local max_parallel_workers_per_gather = 0; \
                     select count(*) from only {table} where ctid >= '(0,0)'; commit"
                ))
                .await
                .map_err(ExplainError::session("read the tables before a measurement"))?;
        }
        Ok(())
    }

    /// Undoes everything, and lets the session go.
    pub async fn finish(&mut self, ground: Ground) {
        let started = Instant::now();
        // If this fails the connection is gone, and the server has undone it by itself.
        let _ = ground.session.batch_execute("rollback").await;
        ground.session.close().await;
        self.used = true;
        self.spent += started.elapsed();
    }

    /// The time spent on places since the last time this was asked.
    pub fn take_spent(&mut self) -> Duration {
        std::mem::take(&mut self.spent)
    }
}
