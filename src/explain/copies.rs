//! Disposable copies of a template, one in use at a time, and the time they take.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ExplainError;
use super::company::{Company, Present};
use super::ground::{Ground, Insight};
use crate::postgres::connect::Session;
use crate::postgres::database::{Databases, KEPT_COPIES_BYTES};

/// Reads every table, index and TOAST table of ours into shared buffers, so that no read-ahead shows in the counts.
const PREWARM: &str = "select count(pgqa.pg_prewarm(c.oid)) from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     where c.relkind in ('r', 'i', 't', 'm') and c.oid >= 16384 and n.nspname <> 'pgqa'";

/// Without the extension: a statement for each table of ours that reads it whole. By row addresses, because a sequential scan keeps
/// only the last few pages of a large table in memory.
const READ_WHOLE: &str = "select format('select count(*) from only %s where ctid >= ''(0,0)''', c.oid::regclass) from pg_class c \
     where c.relkind in ('r', 'm') and c.oid >= 16384 order by c.oid";

/// Makes copies of one template.
#[derive(Debug)]
pub struct Copies<'d> {
    databases: &'d Databases,
    template: String,
    prewarm: bool,
    /// What is known of functions in it.
    pub(super) insight: Arc<Insight>,
    /// Who is in each copy.
    company: Option<Arc<Company>>,
    /// Size of the template and thus, about, of each copy.
    bytes: u64,
    /// Copies that are done with.
    finished: Vec<String>,
    /// Bytes of them that wait to be dropped together.
    kept: u64,
    /// The time spent on copies: making, connecting, prewarming, dropping.
    spent: Duration,
}

impl<'d> Copies<'d> {
    /// Will copy the database `template`; `prewarm` says whether it has the extension for it.
    ///
    /// # Errors
    /// If the server does not tell the template's size.
    pub async fn of(
        databases: &'d Databases,
        template: &str,
        prewarm: bool,
    ) -> Result<Copies<'d>, ExplainError> {
        let bytes = databases.size(template).await?;
        Ok(Copies {
            databases,
            template: template.to_owned(),
            prewarm,
            insight: Arc::default(),
            company: None,
            bytes,
            finished: Vec::new(),
            kept: KEPT_COPIES_BYTES,
            spent: Duration::ZERO,
        })
    }

    /// One of `number` that are in use at the same time and together keep no more than one does.
    #[must_use]
    pub fn sharing(self, number: usize) -> Copies<'d> {
        Copies {
            kept: KEPT_COPIES_BYTES / number.max(1) as u64,
            ..self
        }
    }

    /// Copies in which there are others.
    #[must_use]
    pub fn with_company(self, company: Option<Company>) -> Copies<'d> {
        let company = company.map(Arc::new);
        Copies { company, ..self }
    }

    /// Makes a fresh copy, has done in it what is to be done before it is measured, and connects to it.
    ///
    /// # Errors
    /// If the server refuses, or jobs that are to be completed or locked cannot be.
    pub async fn open(&mut self) -> Result<Ground, ExplainError> {
        let mut ground = self.open_unlocked().await?;
        let started = Instant::now();
        let locked = ground.present.lock_head().await;
        self.spent += started.elapsed();
        match locked {
            Ok(()) => Ok(ground),
            Err(error) => {
                self.finish(ground).await;
                Err(error)
            }
        }
    }

    /// The same before jobs are locked that are to be.
    ///
    /// # Errors
    /// If the server refuses, or jobs that are to be completed cannot be.
    pub(super) async fn open_unlocked(&mut self) -> Result<Ground, ExplainError> {
        if self.finished.len() as u64 * self.bytes >= self.kept {
            self.drop_finished().await?;
        }
        let started = Instant::now();
        let name = self.databases.copy(&self.template).await?;
        let ground = self.enter(&name).await;
        if ground.is_err() {
            self.finished.push(name);
        }
        self.spent += started.elapsed();
        ground
    }

    async fn enter(&self, name: &str) -> Result<Ground, ExplainError> {
        let address = self.databases.address();
        let present = match &self.company {
            Some(company) => Company::join(company, address, name).await?,
            None => Present::default(),
        };
        let ground = Ground::in_copy(address, name, &self.insight, present).await?;
        let warmed = warm(&ground.session, self.prewarm).await;
        warmed.map_err(ExplainError::session("prewarm a copy of the fixture"))?;
        Ok(ground)
    }

    /// Takes a copy back.
    pub async fn finish(&mut self, copy: Ground) {
        let started = Instant::now();
        copy.session.close().await;
        copy.present.leave().await;
        self.finished.push(copy.database);
        self.spent += started.elapsed();
    }

    /// The time spent on copies since the last time this was asked.
    pub fn take_spent(&mut self) -> Duration {
        std::mem::take(&mut self.spent)
    }

    /// Drops the copies that are done with.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn drop_finished(&mut self) -> Result<(), ExplainError> {
        let started = Instant::now();
        for name in self.finished.drain(..) {
            self.databases.drop(&name).await?;
        }
        self.spent += started.elapsed();
        Ok(())
    }
}

/// Reads a copy into shared buffers through a session in it; `prewarm` says whether it has the extension for it.
///
/// # Errors
/// If the server refuses.
pub async fn warm(session: &Session, prewarm: bool) -> Result<(), tokio_postgres::Error> {
    if prewarm {
        session.batch_execute(PREWARM).await
    } else {
        read_whole(session).await
    }
}

/// Reads every table once. That is what the sum of pages needs to repeat: from 17 on a scan of a table reads ahead of what is asked
/// for, further the more it finds missing. An index is never read ahead; its pages then count as read instead of hit.
async fn read_whole(session: &Session) -> Result<(), tokio_postgres::Error> {
    let statements = session.query(READ_WHOLE, &[]).await?;
    let mut script = String::from("begin; set local enable_seqscan = off");
    for statement in &statements {
        script.push_str("; ");
        script.push_str(statement.get(0));
    }
    session.batch_execute(&(script + "; commit")).await
}
