//! A second session that marks a database the moment it exists, whatever becomes of this program.
//!
//! CREATE DATABASE runs in no transaction with anything else, so between it and the COMMENT the program could be killed. The server
//! finishes a statement whose client is gone; so a second session waits on the server, on an advisory lock that the first one holds
//! while it makes the database, and writes the comment as soon as that is made or the first session has ended.

use std::time::Duration;

use tokio_postgres::Error;

use crate::postgres::connect::Session;

/// Limits that an administrator may have set for the role and that these sessions would run into: whichever of them the version
/// has. And what decides whether a statement sees what others have just committed, and how a constant is read.
pub const WITHOUT_LIMITS: &str = "select set_config(name, '0', false) from pg_settings where name in \
     ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout'); \
     set default_transaction_isolation = 'read committed'; set standard_conforming_strings = on";

/// How long a database that was made may take to be marked.
const SETTLING: Duration = Duration::from_secs(5);

/// The waiting session.
#[derive(Debug)]
pub(super) struct Marker {
    session: Session,
    /// Key of the advisory lock.
    lock: i64,
}

impl Marker {
    pub(super) async fn new(session: Session, lock: i64) -> Result<Marker, Error> {
        session.batch_execute(WITHOUT_LIMITS).await?;
        Ok(Marker { session, lock })
    }

    /// Waits until what was being marked is marked, where [`Marker::make`] was dropped in the middle.
    pub(super) async fn settle(&self, maker: &Session) {
        // The one that waits may wait for a lock that nobody was left to let go.
        let _ = maker.batch_execute("select pg_advisory_unlock_all()").await;
        let _ = tokio::time::timeout(SETTLING, self.session.batch_execute("select 1")).await;
    }

    /// Runs `create` in `maker`, and `comment` (a constant of SQL) onto the database `name` behind it. Says how making ended, and
    /// whether the comment was written.
    ///
    /// # Errors
    /// If the database was not made.
    pub(super) async fn make(
        &self,
        maker: &Session,
        create: &str,
        name: &str,
        comment: &str,
    ) -> Result<bool, Error> {
        let Marker { session, lock } = self;
        maker
            .batch_execute(&format!("select pg_advisory_lock({lock})"))
            .await?;
        let mark = format!(
            "do $pgqa$ begin
                 perform pg_advisory_lock({lock});
                 perform pg_advisory_unlock({lock});
                 if exists (select from pg_database where datname = '{name}' and pg_get_userbyid(datdba) = current_user
                     and shobj_description(oid, 'pg_database') is null) then
                     comment on database {name} is {comment};
                 end if;
             end $pgqa$"
        );
        let unlock = format!("select pg_advisory_unlock({lock})");
        // The one that waits is sent first: it has to be there whenever the database is.
        let making = async {
            tokio::task::yield_now().await;
            tokio::join!(maker.batch_execute(create), maker.batch_execute(&unlock))
        };
        let (marked, (made, _)) = tokio::join!(session.batch_execute(&mark), making);
        made?;
        Ok(marked.is_ok())
    }
}
