//! Databases of our own on a server of others: told apart by comment and owner, never by name alone.

use std::sync::atomic::AtomicU64;

use sha2::{Digest, Sha256};

use super::mark::{LivingSessions, Maker, Mark, Role, SessionIdentity, Standing};
use super::marker::{Marker, WITHOUT_LIMITS};
use super::{CopyStrategy, DatabaseError, Databases, OurDatabase, failed};
use crate::postgres::connect::{Address, Session};
use crate::postgres::permissions::Permissions;

/// This run on a server of others.
#[derive(Clone, Debug)]
pub struct Guest {
    run: String,
    session: SessionIdentity,
    /// Whether templates are kept for the next run.
    keep: bool,
}

/// A database that its comment may prove to be this program's.
pub(super) struct CommentedDatabase {
    pub(super) name: String,
    pub(super) comment: String,
    /// Size in bytes.
    pub(super) bytes: u64,
}

/// How to behave on a server of others.
#[derive(Clone, Debug)]
pub struct GuestOptions {
    /// Identifies the cache directory, and with it what is ours.
    pub installation: String,
    /// Whether templates are kept for the next run.
    pub keep: bool,
    /// How templates are copied.
    pub strategy: CopyStrategy,
    /// What may be done while a fixture is built.
    pub permissions: Permissions,
}

impl Guest {
    /// Where a database with this mark stands for this run.
    pub(super) fn standing(&self, mark: &Mark, living: &LivingSessions) -> Standing {
        mark.standing(&self.run, living)
    }

    pub(super) fn maker(&self, role: &Role) -> Maker {
        Maker {
            run: self.run.clone(),
            session: self.session.clone(),
            kept: self.keep && matches!(role, Role::Template(_)),
        }
    }
}

impl Databases {
    /// On a server of others: databases are made through `session`, which is in its maintenance database.
    ///
    /// # Errors
    /// If the server does not tell the session's identity.
    pub async fn among_others(
        address: &Address,
        session: Session,
        options: GuestOptions,
    ) -> Result<Databases, DatabaseError> {
        let identity = identity(&session).await.map_err(failed(
            "ask for the program's own session in",
            address.maintenance(),
        ))?;
        let prepared = || failed("prepare to work from", address.maintenance());
        let limits = session.batch_execute(WITHOUT_LIMITS).await;
        limits.map_err(prepared())?;
        let second = address.connect(address.maintenance()).await?;
        let marker = Marker::new(second, lock_key(&identity)).await;
        let marker = marker.map_err(prepared())?;
        let guest = Guest {
            run: format!("{}-{}", identity.backend_pid, identity.backend_start),
            session: identity,
            keep: options.keep,
        };
        Ok(Databases {
            address: address.clone(),
            session,
            installation: options.installation,
            strategy: options.strategy,
            permissions: options.permissions,
            marker: Some(marker),
            guest: Some(guest),
            made: AtomicU64::new(0),
        })
    }

    /// The same over a new session, after the first one was lost: still the same run.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn reconnected(&self) -> Result<Databases, DatabaseError> {
        let session = self.address.connect(self.address.maintenance()).await?;
        Ok(Databases {
            address: self.address.clone(),
            session,
            installation: self.installation.clone(),
            strategy: self.strategy,
            permissions: self.permissions,
            marker: None,
            guest: self.guest.clone(),
            made: AtomicU64::new(0),
        })
    }

    pub(super) async fn ours_among_others(
        &self,
        guest: &Guest,
    ) -> Result<Vec<OurDatabase>, DatabaseError> {
        let (commented, living) = self.commented_databases().await?;
        let each = commented.into_iter().filter_map(|database| {
            let mark = Mark::read(&database.comment, &self.installation)?;
            Some(OurDatabase {
                name: database.name,
                standing: guest.standing(&mark, &living),
                is_maker_living: mark.is_maker_living(&living),
                used: mark.time(),
                role: Some(mark.into_role()),
                bytes: database.bytes,
            })
        });
        Ok(each.collect())
    }

    /// The databases of this role that may be this program's by name and have a comment, and the sessions there are.
    pub(super) async fn commented_databases(
        &self,
    ) -> Result<(Vec<CommentedDatabase>, LivingSessions), DatabaseError> {
        let listed = || failed("list the databases from", self.address.maintenance());
        let living = self.living_sessions().await.map_err(listed())?;
        let rows = self
            .session
            .query(
                "select datname::text, shobj_description(oid, 'pg_database'), pg_database_size(oid) from pg_database \
                 where datname like 'pgqa\\_%' and pg_get_userbyid(datdba) = current_user \
                 and shobj_description(oid, 'pg_database') is not null order by datname",
                &[],
            )
            .await
            .map_err(listed())?;
        let database = |row: &tokio_postgres::Row| CommentedDatabase {
            name: row.get(0),
            comment: row.get(1),
            bytes: u64::try_from(row.get::<_, i64>(2)).unwrap_or(0),
        };
        Ok((rows.iter().map(database).collect(), living))
    }

    /// All sessions, of whatever role: whoever made a database of ours is among them, or gone. A run may have come in as another
    /// member of the role that owns the databases.
    async fn living_sessions(&self) -> Result<LivingSessions, tokio_postgres::Error> {
        let rows = self
            .session
            .query(
                "select pid, extract(epoch from backend_start)::text from pg_stat_activity where pid is not null",
                &[],
            )
            .await?;
        let session = |row: &tokio_postgres::Row| (row.get(0), row.get(1));
        Ok(LivingSessions(rows.iter().map(session).collect()))
    }

    /// Whether a database still is what it was when it was found: false where there is none of that name.
    pub(super) async fn is_still_ours(&self, name: &str) -> Result<bool, DatabaseError> {
        let row = self
            .session
            .query_opt(
                "select shobj_description(oid, 'pg_database'), pg_get_userbyid(datdba) = current_user from pg_database \
                 where datname = $1::text::name",
                &[&name],
            )
            .await
            .map_err(failed("look at", name))?;
        let Some(row) = row else {
            return Ok(false);
        };
        let comment: Option<&str> = row.get(0);
        let marked = comment.is_some_and(|text| Mark::read(text, &self.installation).is_some());
        if marked && row.get(1) {
            Ok(true)
        } else {
            Err(DatabaseError::NotOurs {
                name: name.to_owned(),
            })
        }
    }

    /// Waits until what was being made when the work was dropped is made and marked.
    pub async fn settle(&self) {
        if let Some(marker) = &self.marker {
            marker.settle(&self.session).await;
        }
    }

    /// Drops what fits, and names it.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn drop_standing(
        &self,
        fits: impl Fn(&OurDatabase) -> bool,
    ) -> Result<Vec<String>, DatabaseError> {
        let mut dropped = Vec::new();
        for database in self.ours().await? {
            if fits(&database) {
                self.drop(&database.name).await?;
                dropped.push(database.name);
            }
        }
        Ok(dropped)
    }
}

/// The session's own identity. Where a role is set for it, that one may not look at what the role it came in as may see.
async fn identity(session: &Session) -> Result<SessionIdentity, tokio_postgres::Error> {
    session.batch_execute("begin; set local role none").await?;
    let row = session
        .query_one(
            "select pid, extract(epoch from backend_start)::text from pg_stat_activity where pid = pg_backend_pid()",
            &[],
        )
        .await?;
    session.batch_execute("commit").await?;
    Ok(SessionIdentity {
        backend_pid: row.get(0),
        backend_start: row.get(1),
    })
}

/// A key of an advisory lock that nobody else uses.
fn lock_key(identity: &SessionIdentity) -> i64 {
    let text = format!("{} {} pgqa", identity.backend_pid, identity.backend_start);
    let digest = Sha256::digest(text.as_bytes());
    digest
        .iter()
        .take(8)
        .fold(0, |key, byte| (key << 8) | i64::from(*byte))
}

/// `2 sessions (psql, myapp)`.
pub(super) fn sessions(applications: &[String]) -> String {
    let mut names: Vec<&str> = applications.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let noun = if applications.len() == 1 {
        "session"
    } else {
        "sessions"
    };
    let named: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
    let named = if named.is_empty() {
        String::new()
    } else {
        format!(" ({})", named.join(", "))
    };
    format!("{} {noun}{named}", applications.len())
}
