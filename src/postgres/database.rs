//! Databases of our own: made, marked, copied, dropped, and never anybody else's.
//!
//! A database is ours only if its comment says so and names this installation. One exception: where the whole server is ours, a
//! database named as we name ours and without any comment is what a maker left behind that was killed before it could mark it.

pub mod guest;
pub mod mark;
pub mod marker;
pub mod others;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio_postgres::error::SqlState;

use super::connect::{Address, ConnectError, Session};
use super::permissions::Permissions;
use guest::Guest;
use mark::Mark;
pub use mark::{Role, Standing, TemplateMark};
use marker::Marker;

/// Copies that are done with are kept until they take this many bytes, and then dropped together. Not one by one: ext4 looks through
/// all inodes freed in the last five seconds before it makes a file, so a copy made right after another was dropped took three times
/// as long. And not many more: past the kernel's limit of dirty pages every write waits for the disk, and a copy takes five times as long.
pub const KEPT_COPIES_BYTES: u64 = 256 << 20;

/// Why something could not be done with a database.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// No session could be opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
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
    /// On a server of others: its name is somebody else's now.
    #[error(
        "database {name} is not this program's any more (another owner or comment): it is left alone"
    )]
    NotOurs {
        /// The database.
        name: String,
    },
    /// The connection was lost, and no new one is to be had.
    #[error("{server} is not reached any more")]
    Unreachable {
        /// The server.
        server: String,
    },
    /// Sessions that do not go away keep it from being copied.
    #[error(
        "cannot copy database {name}: {sessions} stay in it after the program has closed its own; a pooler that keeps sessions open does that: name the server itself"
    )]
    StillUsed {
        /// The database.
        name: String,
        /// How many sessions, and of which applications.
        sessions: String,
    },
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

/// A database of ours, as found on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OurDatabase {
    /// Its name.
    pub name: String,
    /// What it is for; none for one whose maker was killed before it could say.
    pub role: Option<Role>,
    /// Where it stands for this run.
    pub standing: Standing,
    /// Size in bytes.
    pub bytes: u64,
    /// Whether the run that made it is still going; never on a managed server.
    pub is_maker_living: bool,
    /// When it was last marked, in seconds since 1970: a template is whenever it is used.
    pub used: u64,
}

impl OurDatabase {
    /// Whether another run that is still going has made it, for itself or for later ones too.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.is_maker_living && self.standing != Standing::Own
    }
}

/// How a template is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyStrategy {
    /// Through the write-ahead log, block by block: nobody else waits for anything. Absent before version 15.
    WalLog,
    /// File by file, between two checkpoints of the whole server.
    FileCopy,
}

/// Makes and drops databases on one server, through one session of its own.
#[derive(Debug)]
pub struct Databases {
    address: Address,
    session: Session,
    installation: String,
    strategy: CopyStrategy,
    permissions: Permissions,
    /// On a server that is not all ours.
    guest: Option<Guest>,
    /// There too: what marks a database even if this program is killed while it is made.
    marker: Option<Marker>,
    made: AtomicU64,
}

impl Databases {
    /// On a managed server, all of which is ours: connects to its maintenance database.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn connect(
        address: &Address,
        installation: &str,
    ) -> Result<Databases, DatabaseError> {
        let session = address.connect(address.maintenance()).await?;
        Ok(Databases {
            address: address.clone(),
            session,
            installation: installation.to_owned(),
            strategy: CopyStrategy::FileCopy,
            permissions: Permissions::MANAGED,
            guest: None,
            marker: None,
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

    /// What may be done while a fixture is built.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        self.permissions
    }

    /// Makes an empty database for a template to be built in.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn create(&self) -> Result<String, DatabaseError> {
        let source = "template template0 encoding 'UTF8'";
        self.make("make", source, Role::Building).await
    }

    /// Makes a disposable copy of a template.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn copy(&self, template: &str) -> Result<String, DatabaseError> {
        // Version 14 has no other strategy than copying files, and no word for it.
        let strategy = match (self.server_version_number().await?, self.strategy) {
            (..150_000, _) => "",
            (_, CopyStrategy::FileCopy) => " strategy file_copy",
            (_, CopyStrategy::WalLog) => " strategy wal_log",
        };
        let source = format!("template {template}{strategy}");
        self.make("copy a template to", &source, Role::Copy).await
    }

    /// Makes a database that carries its mark from the moment it exists.
    async fn make(
        &self,
        action: &'static str,
        source: &str,
        role: Role,
    ) -> Result<String, DatabaseError> {
        let name = self.fresh_name();
        let create = format!("create database {name} {source}");
        let marked = match &self.marker {
            None => {
                let made = self.session.batch_execute(&create).await;
                made.map(|()| false)
            }
            Some(marker) => {
                let comment = self.mark_of(&role).literal();
                marker.make(&self.session, &create, &name, &comment).await
            }
        };
        if !marked.map_err(failed(action, &name))? {
            self.mark(&name, role).await?;
        }
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
        let mark = self.mark_of(&role).literal();
        let comment = format!("comment on database {name} is {mark}");
        self.execute("mark", name, &comment).await
    }

    fn mark_of(&self, role: &Role) -> Mark {
        let maker = self.guest.as_ref().map(|guest| guest.maker(role));
        Mark::new(&self.installation, maker, role.clone())
    }

    /// Drops a database of ours, ending whatever session is still in it. On a server of others only after another look at whose it
    /// is; one that is gone is none to drop.
    ///
    /// # Errors
    /// If the server refuses, or the database is not ours any more.
    pub async fn drop(&self, name: &str) -> Result<(), DatabaseError> {
        let drop = format!("drop database if exists {name}");
        let forced = format!("{drop} with (force)");
        if self.guest.is_none() {
            return self.execute("drop", name, &forced).await;
        }
        if !self.is_still_ours(name).await? {
            return Ok(());
        }
        match self.session.batch_execute(&forced).await {
            // Autovacuum at work in it is not ours to end by force, but makes way by itself.
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                self.execute("drop", name, &drop).await
            }
            done => done.map_err(failed("drop", name)),
        }
    }

    /// Every database of ours on this server.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn ours(&self) -> Result<Vec<OurDatabase>, DatabaseError> {
        if let Some(guest) = &self.guest {
            return self.ours_among_others(guest).await;
        }
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
            let (role, used) = match row.get::<_, Option<&str>>(1) {
                // Without a comment: its maker was killed between making and marking it.
                None => (None, 0),
                Some(comment) => {
                    let mark = Mark::read(comment, &self.installation)?;
                    let used = mark.time();
                    (Some(mark.into_role()), used)
                }
            };
            Some(OurDatabase {
                name: row.get(0),
                role,
                standing: Standing::Own,
                is_maker_living: false,
                bytes: u64::try_from(row.get::<_, i64>(2)).unwrap_or(0),
                used,
            })
        });
        Ok(each.collect())
    }

    /// Waits until the last session has left a database: one that was closed is still there for a moment, and keeps the database
    /// from being copied.
    ///
    /// # Errors
    /// If the server refuses, or sessions stay.
    pub async fn wait_until_unused(&self, name: &str) -> Result<(), DatabaseError> {
        let mut applications = Vec::new();
        for _ in 0..1000 {
            let rows = self
                .session
                .query(
                    "select coalesce(application_name, '') from pg_stat_activity \
                     where datname = $1 and coalesce(backend_type, 'client backend') = 'client backend' and usesysid is not null",
                    &[&name],
                )
                .await
                .map_err(failed("look for sessions in", name))?;
            if rows.is_empty() {
                return Ok(());
            }
            applications = rows.iter().map(|row| row.get::<_, String>(0)).collect();
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        Err(DatabaseError::StillUsed {
            name: name.to_owned(),
            sessions: guest::sessions(&applications),
        })
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
