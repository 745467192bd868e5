//! Databases of our own: made, marked, copied, dropped, and never anybody else's.
//!
//! A database is ours only if its comment says so and names this installation. One exception: where the whole server is ours, a
//! database named as we name ours and without any comment is what a maker left behind that was killed before it could mark it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio_postgres::error::SqlState;

use super::connect::{Address, ConnectError, Session};

/// Why something could not be done with a database.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// No session could be opened.
    #[error(transparent)]
    Connect(Box<ConnectError>),
    /// The server refused.
    #[error("cannot {action} database {name}: {}", server_message(source))]
    Server {
        /// What was tried.
        action: &'static str,
        /// The database.
        name: String,
        /// What the server says.
        source: tokio_postgres::Error,
    },
}

impl From<ConnectError> for DatabaseError {
    fn from(error: ConnectError) -> DatabaseError {
        DatabaseError::Connect(Box::new(error))
    }
}

/// What PostgreSQL said: message, detail and hint; or what the driver said, with its causes.
#[must_use]
pub fn server_message(error: &tokio_postgres::Error) -> String {
    let Some(server) = error.as_db_error() else {
        let cause = std::error::Error::source(error)
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        return format!("{error}{cause}");
    };
    let detail = server
        .detail()
        .map(|detail| format!(" ({})", detail.trim_end_matches('.')))
        .unwrap_or_default();
    let hint = server
        .hint()
        .map(|hint| format!("; {}", hint.trim_end_matches('.')))
        .unwrap_or_default();
    let next = match *server.code() {
        SqlState::DISK_FULL => "; make room, or put the cache on another disk with --cache-dir",
        _ => "",
    };
    format!("{}{detail}{hint}{next}", server.message())
}

/// What a database of ours is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "kebab-case")]
pub enum Role {
    /// A template that is still being built; worthless if its builder is gone.
    Building,
    /// A finished fixture.
    Template(TemplateMark),
    /// A disposable copy.
    Copy,
}

/// What a template holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateMark {
    /// Digest of everything that decides its content.
    pub key: String,
    /// Name of the queue.
    pub queue: String,
    /// Name of the fixture.
    pub fixture: String,
    /// Number of jobs.
    pub jobs: u64,
    /// Digest of the planner's statistics.
    pub statistics: String,
    /// Whether its copies can be prewarmed.
    pub prewarm: bool,
}

/// The comment that marks a database as ours.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    program: String,
    installation: String,
    /// Seconds since 1970.
    time: u64,
    #[serde(flatten)]
    role: Role,
}

/// A database of ours, as found on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurDatabase {
    /// Its name.
    pub name: String,
    /// What it is for; none for one whose maker was killed before it could say.
    pub role: Option<Role>,
    /// Size in bytes.
    pub bytes: u64,
}

/// Makes and drops databases on one server, through one session of its own.
#[derive(Debug)]
pub struct Databases {
    address: Address,
    session: Session,
    installation: String,
    made: AtomicU64,
}

impl Databases {
    /// Connects to the server's maintenance database.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn connect(
        address: &Address,
        installation: &str,
    ) -> Result<Databases, DatabaseError> {
        let session = address.connect(address.maintenance()).await?;
        let (address, installation) = (address.clone(), installation.to_owned());
        Ok(Databases {
            address,
            session,
            installation,
            made: AtomicU64::new(0),
        })
    }

    /// Where the server is reached.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The session in the maintenance database.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Makes an empty database for a template to be built in.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn create(&self) -> Result<String, DatabaseError> {
        let name = self.fresh_name();
        let statement = format!("create database {name} template template0 encoding 'UTF8'");
        self.execute("make", &name, &statement).await?;
        self.mark(&name, Role::Building).await?;
        Ok(name)
    }

    /// Makes a disposable copy of a template.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn copy(&self, template: &str) -> Result<String, DatabaseError> {
        let name = self.fresh_name();
        // Version 14 has no other strategy than this one, and no word for it.
        let strategy = if self.server_version_number().await? >= 150_000 {
            " strategy file_copy"
        } else {
            ""
        };
        let statement = format!("create database {name} template {template}{strategy}");
        self.execute("copy a template to", &name, &statement)
            .await?;
        self.mark(&name, Role::Copy).await?;
        Ok(name)
    }

    async fn server_version_number(&self) -> Result<i32, DatabaseError> {
        let row = self
            .session
            .query_one("select current_setting('server_version_num')::int", &[])
            .await;
        row.map(|row| row.get(0))
            .map_err(failed("ask for the version in", self.address.maintenance()))
    }

    /// Size of a database in bytes.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn size(&self, name: &str) -> Result<u64, DatabaseError> {
        let row = self
            .session
            .query_one("select pg_database_size($1::text::name)", &[&name])
            .await;
        row.map(|row| u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
            .map_err(failed("ask for the size of", name))
    }

    /// Writes the comment that says what a database of ours is for.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn mark(&self, name: &str, role: Role) -> Result<(), DatabaseError> {
        let mark = Mark {
            program: env!("CARGO_PKG_NAME").to_owned(),
            installation: self.installation.clone(),
            time: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
            role,
        };
        let text = serde_json::to_string(&mark)
            .unwrap_or_default()
            .replace('\'', "''");
        self.execute(
            "mark",
            name,
            &format!("comment on database {name} is '{text}'"),
        )
        .await
    }

    /// Drops a database of ours, ending whatever session is still in it.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn drop(&self, name: &str) -> Result<(), DatabaseError> {
        self.execute(
            "drop",
            name,
            &format!("drop database if exists {name} with (force)"),
        )
        .await
    }

    /// Every database of ours on this server.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn ours(&self) -> Result<Vec<OurDatabase>, DatabaseError> {
        let rows = self
            .session
            .query(
                "select datname::text, shobj_description(oid, 'pg_database'), pg_database_size(oid) from pg_database \
                 where datname like 'pgqa\\_%' order by datname",
                &[],
            )
            .await
            .map_err(failed("list the databases from", self.address.maintenance()))?;
        let each = rows.iter().filter_map(|row| {
            let role = match row.get::<_, Option<&str>>(1) {
                // Without a comment: its maker was killed between making and marking it.
                None => None,
                Some(comment) => Some(self.role_of(comment)?),
            };
            Some(OurDatabase {
                name: row.get(0),
                role,
                bytes: u64::try_from(row.get::<_, i64>(2)).unwrap_or(0),
            })
        });
        Ok(each.collect())
    }

    fn role_of(&self, comment: &str) -> Option<Role> {
        let mark: Mark = serde_json::from_str(comment).ok()?;
        (mark.program == env!("CARGO_PKG_NAME") && mark.installation == self.installation)
            .then_some(mark.role)
    }

    /// Waits until the last session has left a database: one that was closed is still there for a moment, and keeps the database
    /// from being copied.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn wait_until_unused(&self, name: &str) -> Result<(), DatabaseError> {
        for _ in 0..1000 {
            let row = self
                .session
                .query_one(
                    "select count(*) from pg_stat_activity where datname = $1",
                    &[&name],
                )
                .await;
            if row
                .map_err(failed("look for sessions in", name))?
                .get::<_, i64>(0)
                == 0
            {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        Ok(())
    }

    /// On a managed server, which nobody else uses: drops what a run that ended hard left behind, and says what.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn drop_leftovers(&self) -> Result<Vec<String>, DatabaseError> {
        let mut dropped = Vec::new();
        for database in self.ours().await? {
            if !matches!(database.role, Some(Role::Template(_))) {
                self.drop(&database.name).await?;
                dropped.push(database.name);
            }
        }
        Ok(dropped)
    }

    /// Removes the directories of databases that a killed server never finished copying: it forgets them, their files stay.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn remove_orphaned_files(&self, data: &Path) -> Result<usize, DatabaseError> {
        let rows = self.session.query("select oid from pg_database", &[]).await;
        let rows = rows.map_err(failed(
            "list the databases from",
            self.address.maintenance(),
        ))?;
        let known: BTreeSet<u32> = rows.iter().map(|row| row.get(0)).collect();
        let orphans = std::fs::read_dir(data.join("base"))
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| {
                entry
                    .file_name()
                    .to_str()
                    .and_then(|name| name.parse::<u32>().ok())
                    .is_some_and(|oid| !known.contains(&oid))
            });
        Ok(orphans
            .filter(|orphan| std::fs::remove_dir_all(orphan.path()).is_ok())
            .count())
    }

    /// A name nobody has: a digest of who asks, when, and for the how-manieth time.
    fn fresh_name(&self) -> String {
        let count = self.made.fetch_add(1, Ordering::Relaxed);
        let nanoseconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos());
        let text = format!(
            "{} {} {nanoseconds} {count}",
            self.installation,
            std::process::id()
        );
        let digest = Sha256::digest(text.as_bytes());
        let hexadecimal: String = digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("pgqa_{hexadecimal}")
    }

    async fn execute(
        &self,
        action: &'static str,
        name: &str,
        statement: &str,
    ) -> Result<(), DatabaseError> {
        self.session
            .batch_execute(statement)
            .await
            .map_err(failed(action, name))
    }
}

fn failed(action: &'static str, name: &str) -> impl FnOnce(tokio_postgres::Error) -> DatabaseError {
    let name = name.to_owned();
    move |source| DatabaseError::Server {
        action,
        name,
        source,
    }
}
