//! Disposable copies of a template, one at a time, and the time they take.

use std::time::{Duration, Instant};

use super::ExplainError;
use crate::postgres::connect::Session;
use crate::postgres::database::Databases;

/// What a session in a copy is set to, so that nothing but the statement decides its counts.
const SESSION_SETTINGS: &str = "set max_parallel_workers_per_gather = 0; set synchronize_seqscans = off; set lock_timeout = '5s'; \
     set statement_timeout = '120s'; set jit = off";

/// Reads every table, index and TOAST table of ours into shared buffers, so that no read-ahead shows in the counts.
const PREWARM: &str = "select count(pgqa.pg_prewarm(c.oid)) from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     where c.relkind in ('r', 'i', 't', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pgqa')";

/// Makes copies of one template.
#[derive(Debug)]
pub struct Copies<'d> {
    databases: &'d Databases,
    template: String,
    prewarm: bool,
    /// A copy that is done with: dropped after the next one was made, when its session is surely gone.
    finished: Option<String>,
    /// The time spent on copies: making, connecting, prewarming, dropping.
    spent: Duration,
}

/// A copy with the only session in it.
#[derive(Debug)]
pub struct Copy {
    name: String,
    /// The session.
    pub session: Session,
}

impl<'d> Copies<'d> {
    /// Will copy `template`; `prewarm` says whether the template has the extension for it.
    #[must_use]
    pub fn new(databases: &'d Databases, template: &str, prewarm: bool) -> Copies<'d> {
        Copies { databases, template: template.to_owned(), prewarm, finished: None, spent: Duration::ZERO }
    }

    /// Makes a fresh copy and connects to it.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn open(&mut self) -> Result<Copy, ExplainError> {
        let started = Instant::now();
        let name = self.databases.copy(&self.template).await?;
        self.spent += started.elapsed();
        self.drop_finished().await?;
        let started = Instant::now();
        let session = self.databases.address().connect(&name).await.map_err(ExplainError::copy("connect to"))?;
        session.batch_execute(SESSION_SETTINGS).await.map_err(ExplainError::copy("prepare"))?;
        if self.prewarm {
            session.simple_query(PREWARM).await.map_err(ExplainError::copy("prewarm"))?;
        }
        self.spent += started.elapsed();
        Ok(Copy { name, session })
    }

    /// Takes a copy back.
    pub async fn finish(&mut self, copy: Copy) {
        let started = Instant::now();
        copy.session.close().await;
        self.finished = Some(copy.name);
        self.spent += started.elapsed();
    }

    /// The time spent on copies since the last time this was asked.
    pub fn take_spent(&mut self) -> Duration {
        std::mem::take(&mut self.spent)
    }

    /// Drops the copy that was finished last.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn drop_finished(&mut self) -> Result<(), ExplainError> {
        if let Some(name) = self.finished.take() {
            let started = Instant::now();
            self.databases.drop(&name).await?;
            self.spent += started.elapsed();
        }
        Ok(())
    }
}
