//! Who else is in a copy while it is measured: a session whose snapshot keeps dead rows from being removed, a session that has locked the
//! head of the queue. And what happens before: jobs are completed behind the snapshot.

use std::sync::Arc;

use super::ExplainError;
use crate::definition::queue::Queue;
use crate::postgres::connect::{Address, Session};
use crate::postgres::database::DatabaseError;
use crate::postgres::database::marker::WITHOUT_LIMITS;
use crate::run::event::{Events, RunEvent};
use crate::statement::head::{self, Head, Transactions};

/// A snapshot of a transaction is taken by its first query.
const TAKE_SNAPSHOT: &str =
    "begin isolation level repeatable read read only; select count(*) from pg_class";

/// Every table of ours, quoted where it has to be.
const TABLES: &str = "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     where c.relkind in ('r', 'm') and c.oid >= 16384 and n.nspname <> 'pgqa' order by c.oid";

/// Who is to be in every copy.
#[derive(Clone, Debug)]
pub struct Company {
    /// The queue whose statements fetch and complete.
    pub queue: Queue,
    /// The fixture's name, for whoever is told.
    pub fixture: String,
    /// Jobs completed behind a snapshot, which is held from then on.
    pub behind_snapshot: Option<Completed>,
    /// Jobs that a session holds locked.
    pub locked: Option<Head>,
    /// Who is told how far it is.
    pub events: Events,
}

/// Jobs that are completed.
#[derive(Clone, Debug)]
pub struct Completed {
    /// Which.
    pub head: Head,
    /// Whether VACUUM runs afterwards.
    pub vacuum: bool,
}

/// The sessions that are in a copy.
#[derive(Debug, Default)]
pub(super) struct Present {
    snapshot: Option<Session>,
    locks: Option<Session>,
    /// Who says what is to be locked, until it is.
    to_lock: Option<Arc<Company>>,
}

impl Company {
    /// Does in a copy what is to be done there, and leaves the sessions that stay. The head of the queue is not locked yet: see
    /// [`Present::lock_head`].
    pub(super) async fn join(
        company: &Arc<Company>,
        address: &Address,
        database: &str,
    ) -> Result<Present, ExplainError> {
        let mut present = Present::default();
        if let Some(completed) = &company.behind_snapshot {
            let session = connect(address, database).await?;
            session
                .batch_execute(TAKE_SNAPSHOT)
                .await
                .map_err(ExplainError::session("take a snapshot in a copy"))?;
            present.snapshot = Some(session);
            company.age(completed, address, database).await?;
        }
        if company.locked.is_some() {
            present.locks = Some(connect(address, database).await?);
            present.to_lock = Some(Arc::clone(company));
        }
        Ok(present)
    }

    async fn age(
        &self,
        completed: &Completed,
        address: &Address,
        database: &str,
    ) -> Result<(), ExplainError> {
        let session = connect(address, database).await?;
        let progress = |done, total| self.tell(done, total);
        head::complete(
            &session,
            &self.queue,
            &completed.head,
            Transactions::Each,
            progress,
        )
        .await?;
        if completed.vacuum {
            let vacuumed = vacuum(&session).await;
            vacuumed.map_err(ExplainError::session("vacuum an aged copy"))?;
        }
        session.close().await;
        Ok(())
    }

    /// It may take seconds in each copy, in which nothing else would be heard.
    fn tell(&self, done: u64, total: u64) {
        let (fixture, queue) = (&self.fixture, &self.queue.name);
        self.events.emit(RunEvent::StepProgress {
            step: format!("{fixture}, {queue}: completing jobs behind a snapshot"),
            done,
            total,
        });
    }
}

/// The system's own tables are left alone: what VACUUM finds there depends on what the template has seen.
async fn vacuum(session: &Session) -> Result<(), tokio_postgres::Error> {
    for table in session.query(TABLES, &[]).await? {
        let table: &str = table.get(0);
        session.batch_execute(&format!("vacuum {table}")).await?;
    }
    Ok(())
}

async fn connect(address: &Address, database: &str) -> Result<Session, ExplainError> {
    let session = address.connect(database).await;
    let session = session.map_err(DatabaseError::from)?;
    session
        .batch_execute(WITHOUT_LIMITS)
        .await
        .map_err(ExplainError::session("set up a session in a copy"))?;
    Ok(session)
}

impl Present {
    /// Whether anybody is there.
    pub(super) fn is_anybody(&self) -> bool {
        self.snapshot.is_some() || self.locks.is_some()
    }

    /// Locks the head of the queue, where that is to be done and is not yet. What was to happen with nobody in the way has happened by
    /// then: tables can be emptied for a rehearsal only while no row of them is locked.
    pub(super) async fn lock_head(&mut self) -> Result<(), ExplainError> {
        let Some(company) = self.to_lock.take() else {
            return Ok(());
        };
        if let (Some(session), Some(head)) = (&self.locks, &company.locked) {
            head::lock(session, &company.queue, head).await?;
        }
        Ok(())
    }

    /// Whether somebody holds locks on jobs, or is about to.
    pub(super) fn holds_locks(&self) -> bool {
        self.locks.is_some()
    }

    /// Lets the snapshot go, and says whether there was one.
    pub(super) async fn release_snapshot(&mut self) -> Result<bool, ExplainError> {
        let Some(session) = self.snapshot.take() else {
            return Ok(false);
        };
        // What it kept is free as soon as the server has answered; that the session ends may take a moment longer.
        let released = session.batch_execute("rollback").await;
        released.map_err(ExplainError::session("release the snapshot in a copy"))?;
        session.close().await;
        Ok(true)
    }

    /// Ends the sessions.
    pub(super) async fn leave(self) {
        for session in [self.snapshot, self.locks].into_iter().flatten() {
            session.close().await;
        }
    }
}
