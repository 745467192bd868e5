//! A schema of our own in a database of others: made, marked, cleared, dropped, and never anybody else's.
//!
//! It is ours only by its comment and its owner, as databases are. An advisory lock, held as long as it is used, keeps a second run
//! out; who gets the lock knows that whatever stands there was left by a run that is gone, or kept for this one.

mod dropping;
pub mod left;
pub mod watch;

use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio_postgres::error::SqlState;

use super::connect::{Address, ConnectError, Session};
use super::database::mark::{Mark, Role};
use super::database::marker::WITHOUT_LIMITS;
use super::database::server_message;

/// Longer names PostgreSQL cuts off.
const LONGEST_NAME: usize = 63;

/// How often a schema is tried to be dropped while sessions of our own are still ending.
const TRIES: usize = 50;

/// Why there is no schema to work in.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// No name that PostgreSQL would take as it is.
    #[error(
        "`{name}` cannot name a schema of the program's own: {reason}; take another name for --in-schema"
    )]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Another run is in it.
    #[error(
        "schema {name} of database {database} is being used by another run ({holder}): wait until it is through, or take another name for --in-schema"
    )]
    InUse {
        /// The schema.
        name: String,
        /// The database.
        database: String,
        /// Who holds it, as far as the server tells.
        holder: String,
    },
    /// Somebody else's.
    #[error(
        "schema {name} of database {database} is not this program's ({reason}): nothing in it was touched; take a name for --in-schema that is not there yet"
    )]
    Foreign {
        /// The schema.
        name: String,
        /// The database.
        database: String,
        /// How that is known.
        reason: String,
    },
    /// Dropping it would drop what lies elsewhere.
    #[error(
        "schema {name} of database {database} cannot be dropped: what depends on it lies outside and would go with it ({what}); drop that first, or take another name for --in-schema"
    )]
    DependedOn {
        /// The schema.
        name: String,
        /// The database.
        database: String,
        /// The objects.
        what: String,
    },
    /// No right to make it.
    #[error(
        "role {role} may not make a schema in database {database}: have it granted (grant create on database {} to {})",
        quoted(database),
        quoted(role)
    )]
    NotPermitted {
        /// The role.
        role: String,
        /// The database.
        database: String,
    },
    /// There is no session to be had.
    #[error(transparent)]
    Connect(Box<ConnectError>),
    /// The server refused.
    #[error(
        "cannot {action} schema {name} of database {database}: {}",
        server_message(source)
    )]
    Server {
        /// What was tried.
        action: &'static str,
        /// The schema.
        name: String,
        /// The database.
        database: String,
        /// What the server says.
        source: tokio_postgres::Error,
    },
}

/// Which schema, where.
#[derive(Clone, Debug)]
pub struct SchemaOptions {
    /// Where the server is reached.
    pub address: Address,
    /// The database.
    pub database: String,
    /// The schema.
    pub name: String,
    /// Identifies the cache directory, and with it what is ours.
    pub installation: String,
    /// Whether it stays, with what was built in it, for the next run.
    pub keep: bool,
}

/// A schema of our own, with the session that holds it.
#[derive(Debug)]
pub struct OwnSchema {
    /// Sessions over it work in the schema.
    address: Address,
    session: Session,
    options: SchemaOptions,
}

/// What was there when a schema was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing: it was made.
    Nothing,
    /// A run that is gone left it unfinished; it was made anew.
    Leftover,
    /// An earlier run kept it.
    Kept,
}

impl OwnSchema {
    /// Takes hold of the schema, and makes it where it is not there.
    ///
    /// # Errors
    /// See [`SchemaError`].
    pub async fn open(options: SchemaOptions) -> Result<(OwnSchema, Found), SchemaError> {
        check_name(&options.name)?;
        let schema = OwnSchema::hold(options).await?;
        let found = match schema.look().await? {
            None => {
                schema.make().await?;
                Found::Nothing
            }
            Some(Role::Template(_)) => Found::Kept,
            Some(Role::Building | Role::Copy) => {
                schema.clear().await?;
                Found::Leftover
            }
        };
        Ok((schema, found))
    }

    /// Takes the lock, whether there is such a schema or not, and ends what sessions of a run that is gone are left in it.
    async fn hold(options: SchemaOptions) -> Result<OwnSchema, SchemaError> {
        let label = label(&options.name);
        let address = options.address.in_schema(&options.name, &label);
        let session = address
            .connect(&options.database)
            .await
            .map_err(|error| SchemaError::Connect(Box::new(error)))?;
        let schema = OwnSchema {
            address,
            session,
            options,
        };
        schema.execute("prepare", WITHOUT_LIMITS).await?;
        schema.lock(&label).await?;
        schema.end_sessions().await?;
        Ok(schema)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// The database it is in.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.options.database
    }

    /// Where sessions are opened that find the schema's tables, and only those, without naming it.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The session that holds it.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What it holds now, by its mark.
    ///
    /// # Errors
    /// If the server refuses, or it is not ours any more.
    pub async fn role(&self) -> Result<Option<Role>, SchemaError> {
        self.look().await
    }

    /// Writes the comment that says what it holds.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn mark(&self, role: Role) -> Result<(), SchemaError> {
        self.execute("mark", &self.comment(role)).await
    }

    /// Empties it, whatever is in it.
    ///
    /// # Errors
    /// If the server refuses, or it is not ours any more.
    pub async fn clear(&self) -> Result<(), SchemaError> {
        match self.look().await? {
            None => self.make().await,
            Some(_) => self.drop_and(&self.making()).await,
        }
    }

    /// Leaves the schema: dropped, or, where it is to be kept and holds a finished fixture, left as it is. Gives whether it stays.
    ///
    /// # Errors
    /// If the server refuses, or it is not ours any more.
    pub async fn close(self) -> Result<bool, SchemaError> {
        self.end_sessions().await?;
        let found = self.look().await?;
        let stays = self.options.keep && matches!(found, Some(Role::Template(_)));
        if found.is_some() && !stays {
            self.drop_and("").await?;
        }
        self.session.close().await;
        Ok(stays)
    }

    /// The lock goes with the session.
    async fn lock(&self, label: &str) -> Result<(), SchemaError> {
        let row = self
            .session
            .query_one(
                "select pg_try_advisory_lock(hashtextextended($1, 0))",
                &[&label],
            )
            .await
            .map_err(self.options.failed("lock"))?;
        if row.get(0) {
            return Ok(());
        }
        let holders = self
            .session
            .query(
                "select format('backend %s, since %s', pid, date_trunc('second', backend_start)) from pg_stat_activity \
                 where application_name = $1 and datname = current_database() and pid <> pg_backend_pid() order by backend_start limit 1",
                &[&label],
            )
            .await
            .map_err(self.options.failed("ask who holds"))?;
        let holder = holders.first().map(|row| row.get(0));
        Err(SchemaError::InUse {
            name: self.options.name.clone(),
            database: self.options.database.clone(),
            holder: holder.unwrap_or_else(|| "which this role may not see".to_owned()),
        })
    }

    /// Ends the sessions that were opened to work in the schema, and waits until they are gone: those of a run that was killed, or
    /// of this one where it was interrupted, may be busy for a while, and hold locks.
    async fn end_sessions(&self) -> Result<(), SchemaError> {
        for _ in 0..TRIES {
            let ended = self
                .session
                .query(
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = current_setting('application_name') \
                     and datname = current_database() and usename = current_user and pid <> pg_backend_pid()",
                    &[],
                )
                .await
                .map_err(self.options.failed("end the program's own sessions in"))?;
            if ended.is_empty() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// What the schema is for; none where there is none.
    async fn look(&self) -> Result<Option<Role>, SchemaError> {
        let row = self
            .session
            .query_opt(
                "select obj_description(oid, 'pg_namespace'), pg_get_userbyid(nspowner)::text, pg_get_userbyid(nspowner) = current_user \
                 from pg_namespace where nspname = $1",
                &[&self.name()],
            )
            .await
            .map_err(self.options.failed("look at"))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let (comment, owner, is_owner): (Option<&str>, &str, bool) =
            (row.get(0), row.get(1), row.get(2));
        let foreign = |reason| SchemaError::Foreign {
            name: self.options.name.clone(),
            database: self.options.database.clone(),
            reason,
        };
        let mark = comment.and_then(|text| Mark::read(text, &self.options.installation));
        match mark {
            None => Err(foreign(
                "its comment is not that of this program with this cache directory".to_owned(),
            )),
            Some(_) if !is_owner => Err(foreign(format!("it belongs to role {owner}"))),
            Some(mark) => Ok(Some(mark.into_role())),
        }
    }

    /// What makes it, for one transaction, so that it carries its mark from the moment it exists.
    fn making(&self) -> String {
        let comment = self.comment(Role::Building);
        format!("create schema {}; {comment}", quoted(self.name()))
    }

    async fn make(&self) -> Result<(), SchemaError> {
        let statements = format!("begin; {}; commit", self.making());
        let made = self.session.batch_execute(&statements).await;
        let Err(error) = made else {
            return Ok(());
        };
        let _ = self.session.batch_execute("rollback").await;
        if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            return Err(self.not_permitted().await?);
        }
        Err(self.options.failed("make")(error))
    }

    async fn not_permitted(&self) -> Result<SchemaError, SchemaError> {
        let row = self
            .session
            .query_one("select current_user::text", &[])
            .await
            .map_err(self.options.failed("ask for the role that works in"))?;
        Ok(SchemaError::NotPermitted {
            role: row.get(0),
            database: self.options.database.clone(),
        })
    }

    fn comment(&self, role: Role) -> String {
        let mark = Mark::new(&self.options.installation, None, role);
        format!(
            "comment on schema {} is {}",
            quoted(self.name()),
            mark.literal()
        )
    }

    async fn execute(&self, action: &'static str, statement: &str) -> Result<(), SchemaError> {
        self.session
            .batch_execute(statement)
            .await
            .map_err(self.options.failed(action))
    }
}

impl SchemaOptions {
    fn failed(&self, action: &'static str) -> impl FnOnce(tokio_postgres::Error) -> SchemaError {
        let (name, database) = (self.name.clone(), self.database.clone());
        move |source| SchemaError::Server {
            action,
            name,
            database,
            source,
        }
    }
}

/// What the sessions that work in a schema of this name call themselves: that tells them from all others, whatever the name's length.
fn label(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let hexadecimal: String = digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{} in schema {hexadecimal}", env!("CARGO_PKG_NAME"))
}

fn check_name(name: &str) -> Result<(), SchemaError> {
    let reason = if name.is_empty() {
        "it is empty"
    } else if name.len() > LONGEST_NAME {
        "it is longer than the 63 bytes that PostgreSQL keeps of a name"
    } else if name.starts_with("pg_") {
        "names that start with pg_ are the server's"
    } else if name.contains(char::is_control) {
        "there is a control character in it"
    } else {
        return Ok(());
    };
    Err(SchemaError::Name {
        name: name.to_owned(),
        reason,
    })
}

/// An identifier as SQL takes it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_not_stay_what_they_are_are_refused() {
        for name in ["", "pg_mine", "a\nb", &"x".repeat(64)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        for name in ["bench", "Über \"x\"", &"x".repeat(63)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn sessions_in_two_schemas_are_told_apart_however_long_their_names() {
        let long = "x".repeat(60);
        let (one, other) = (label(&format!("{long}1")), label(&format!("{long}2")));
        assert_ne!(one, other);
        assert!(one.len() <= LONGEST_NAME, "PostgreSQL keeps no more of it");
    }
}
