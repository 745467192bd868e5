//! Where a subject is measured: a disposable copy of a fixture, or tables that stay.

use std::sync::Arc;
use std::time::Duration;

use super::ExplainError;
use super::company::Present;
use super::copies::Copies;
use super::functions::Functions;
use super::nested;
use super::standing::Standing;
use crate::postgres::connect::{Address, Session};
use crate::postgres::database::DatabaseError;

/// What a session is set to, so that nothing but the statement decides its counts.
pub(super) const SESSION_SETTINGS: &str = "set max_parallel_workers_per_gather = 0; set synchronize_seqscans = off; set lock_timeout = '5s'; \
     set statement_timeout = '120s'; set jit = off; set default_transaction_isolation = 'read committed'";

/// Where somebody holds locks all along, waiting longer for them is of no use.
const SHORT_LOCK_TIMEOUT: &str = "set lock_timeout = '1s'";

/// A call for each advisory lock of this session that takes it again. One number is in two halves in pg_locks.
const HELD_LOCKS: &str = "select case mode when 'ShareLock' then 'pg_advisory_lock_shared' else 'pg_advisory_lock' end \
     || case objsubid \
            when 1 then format('(%s)', classid::bigint << 32 | objid::bigint) \
            else format('(%s, %s)', classid::bigint::bit(32)::int, objid::bigint::bit(32)::int) \
        end \
     from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted order by 1";

/// A list of results has at most 1,664 entries.
const LOCKS_A_COMMAND: usize = 1000;

/// What happens to what statements change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// In a disposable copy: what feeds a statement is committed, each sample is a transaction of its own, rolled back.
    Copy,
    /// In tables that stay: everything happens in one transaction that is rolled back, each sample behind a savepoint.
    Transaction,
}

impl Isolation {
    /// Begins a sample. Its transaction has its number before the statement starts: assigning one may write to WAL.
    #[must_use]
    pub fn begin_sample(self) -> &'static str {
        match self {
            Isolation::Copy => "begin; select pg_current_xact_id()",
            Isolation::Transaction => "savepoint pgqa_sample",
        }
    }

    /// Undoes a sample. Advisory locks of the session survive a rollback.
    #[must_use]
    pub fn undo_sample(self) -> &'static str {
        match self {
            Isolation::Copy => "rollback; select pg_advisory_unlock_all()",
            Isolation::Transaction => {
                "rollback to savepoint pgqa_sample; release savepoint pgqa_sample; select pg_advisory_unlock_all()"
            }
        }
    }
}

/// Whether statements that write are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// They are.
    ReadWrite,
    /// They are left out, known by their plans; and what a plan does not show, the server refuses in a read-only transaction.
    ReadOnly,
}

/// What is known of the functions that statements call there.
#[derive(Debug, Default)]
pub struct Insight {
    /// Whether sessions may have the plans of nested statements sent: [`nested::probe`] has succeeded.
    pub sees_nested: bool,
    /// The functions.
    pub functions: Functions,
}

impl Insight {
    /// Makes a session ready for it.
    pub(super) async fn prepare(&self, session: &Session) -> Result<(), ExplainError> {
        if self.sees_nested {
            let loaded = nested::load(session).await;
            loaded.map_err(ExplainError::session("load auto_explain"))?;
        }
        Ok(())
    }
}

/// A place to measure in, with the session that measures.
#[derive(Debug)]
pub struct Ground {
    /// The session.
    pub session: Session,
    /// What happens to what statements change.
    pub isolation: Isolation,
    /// Whether they may change anything.
    pub access: Access,
    /// What is known of functions.
    pub(super) insight: Arc<Insight>,
    /// Takes again, after a sample was undone, the advisory locks that were the session's before it.
    pub(super) locks: String,
    /// The database.
    pub(super) database: String,
    /// What other sessions of ours are in it.
    pub(super) present: Present,
}

impl Ground {
    /// In a disposable copy in which others may be: connects and sets the session up.
    pub(super) async fn in_copy(
        address: &Address,
        database: &str,
        insight: &Arc<Insight>,
        present: Present,
    ) -> Result<Ground, ExplainError> {
        let session = address
            .connect(database)
            .await
            .map_err(DatabaseError::from)?;
        let settings = if present.holds_locks() {
            format!("{SESSION_SETTINGS}; {SHORT_LOCK_TIMEOUT}")
        } else {
            SESSION_SETTINGS.to_owned()
        };
        session
            .simple_query(&settings)
            .await
            .map_err(ExplainError::session(
                "set up a session in a copy of the fixture",
            ))?;
        insight.prepare(&session).await?;
        Ok(Ground {
            session,
            isolation: Isolation::Copy,
            access: Access::ReadWrite,
            insight: Arc::clone(insight),
            locks: String::new(),
            database: database.to_owned(),
            present,
        })
    }

    /// Has samples leave the session the advisory locks it has now: they are its claims on what a fetch gave it.
    ///
    /// # Errors
    /// If the server refuses.
    pub(super) async fn keep_locks(&mut self) -> Result<(), ExplainError> {
        let held = self.session.query(HELD_LOCKS, &[]).await;
        let held = held.map_err(ExplainError::session("look at the locks of the session"))?;
        let calls: Vec<&str> = held.iter().map(|row| row.get(0)).collect();
        let commands = calls.chunks(LOCKS_A_COMMAND);
        self.locks = commands
            .map(|calls| format!("; select {}", calls.join(", ")))
            .collect();
        Ok(())
    }

    /// Undoes a sample.
    pub(super) fn undo_sample(&self) -> String {
        format!("{}{}", self.isolation.undo_sample(), self.locks)
    }

    /// Begins a transaction whose changes the statement under measurement is to find.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn begin(&self) -> Result<(), tokio_postgres::Error> {
        match self.isolation {
            Isolation::Copy => self.session.batch_execute("begin").await,
            Isolation::Transaction => Ok(()),
        }
    }

    /// Ends what [`Ground::begin`] began: committed in a copy, left in the transaction elsewhere.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn commit(&self) -> Result<(), tokio_postgres::Error> {
        match self.isolation {
            Isolation::Copy => self.session.batch_execute("commit").await,
            Isolation::Transaction => Ok(()),
        }
    }

    /// Before something that may fail without ending the work here: an error would end the transaction that everything happens in.
    pub(super) async fn attempt(&self) -> Result<(), tokio_postgres::Error> {
        match self.isolation {
            Isolation::Copy => Ok(()),
            Isolation::Transaction => self.session.batch_execute("savepoint pgqa_attempt").await,
        }
    }

    /// After it: goes back to before it where it failed, and to the plan mode the server chooses by itself.
    pub(super) async fn end_attempt(&self, succeeded: bool) -> Result<(), tokio_postgres::Error> {
        let end = match (self.isolation, succeeded) {
            (Isolation::Copy, _) => "",
            (Isolation::Transaction, true) => "release savepoint pgqa_attempt;",
            (Isolation::Transaction, false) => {
                "rollback to savepoint pgqa_attempt; release savepoint pgqa_attempt;"
            }
        };
        let end = format!("{end} reset plan_cache_mode");
        self.session.batch_execute(&end).await
    }
}

/// Gives places to measure in, one at a time.
#[derive(Debug)]
pub enum Grounds<'d> {
    /// Fresh copies of a template.
    Copies(Copies<'d>),
    /// Tables that stay.
    Standing(Standing),
}

impl Grounds<'_> {
    /// The same, with what is known of functions there.
    #[must_use]
    pub fn with_insight(mut self, insight: Insight) -> Self {
        let kept = match &mut self {
            Grounds::Copies(copies) => &mut copies.insight,
            Grounds::Standing(standing) => &mut standing.insight,
        };
        *kept = Arc::new(insight);
        self
    }

    /// A place where nothing was measured before, and no head of a queue is locked yet: making a statement ready there has it locked,
    /// when the functions that it calls were rehearsed.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn open_unlocked(&mut self) -> Result<Ground, ExplainError> {
        match self {
            Grounds::Copies(copies) => copies.open_unlocked().await,
            Grounds::Standing(standing) => standing.open().await,
        }
    }

    /// Takes a place back, and undoes what was done in tables that stay.
    pub async fn finish(&mut self, ground: Ground) {
        match self {
            Grounds::Copies(copies) => copies.finish(ground).await,
            Grounds::Standing(standing) => standing.finish(ground).await,
        }
    }

    /// The time spent on places since the last time this was asked.
    pub fn take_spent(&mut self) -> Duration {
        match self {
            Grounds::Copies(copies) => copies.take_spent(),
            Grounds::Standing(standing) => standing.take_spent(),
        }
    }

    /// Drops what is not needed any more.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn clear(&mut self) -> Result<(), ExplainError> {
        match self {
            Grounds::Copies(copies) => copies.drop_finished().await,
            Grounds::Standing(_) => Ok(()),
        }
    }
}
