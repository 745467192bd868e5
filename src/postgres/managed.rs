//! A managed server with everything an earlier run left behind removed, and the connection that makes databases on it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::account::{Account, AccountError};
use super::binaries::{self, BinariesError, Installation, Wanted};
use super::cache_contents::{self, ClusterState};
use super::cache_directory::{CacheDirectory, CacheError};
use super::cache_limit::{CacheLimit, Kept, KeptThing, to_remove};
use super::cluster::{self, Cluster, ClusterError};
use super::cluster_record::TemplateRecord;
use super::connect::Address;
use super::database::{DatabaseError, Databases, OurDatabase, Role};
use super::equipment::{self, Part};
use super::packages::Place;
use super::profile::{self, Profile};
use super::server::{Server, ServerError};
use super::version::Version;
use crate::run::event::{Events, RunEvent};
use crate::units::Bytes;

/// Why there is no managed server.
#[derive(Debug, Error)]
pub enum ManagedError {
    /// No binaries.
    #[error(transparent)]
    Binaries(#[from] BinariesError),
    /// No account to run it under.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// No cache directory.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// No cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// It does not start.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A setting that it does not start with.
    #[error(
        "the PostgreSQL {version} server cannot run with setting {name} = {value}: {reason}; change it, or leave it out"
    )]
    Setting {
        /// Its version.
        version: Version,
        /// The setting.
        name: String,
        /// What it was to be.
        value: String,
        /// Why not.
        reason: String,
    },
    /// It refuses what it should not.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What server to run, and where.
#[derive(Clone, Debug)]
pub struct ManagedOptions {
    /// Which binaries.
    pub wanted: Wanted,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// The cache directory.
    pub cache_directory: PathBuf,
    /// The account, where root names one.
    pub server_user: Option<String>,
    /// What another invocation that has to wait is told, for example `pgq-analyze compare-plans (process 4711)`.
    pub holder: String,
    /// The settings it starts with.
    pub profile: Profile,
    /// More of them, by name; they go before those of the profile.
    pub settings: BTreeMap<String, String>,
    /// How much the cache directory may hold.
    pub cache_limit: CacheLimit,
}

/// A running managed server. Dropping it stops it; [`Managed::stop`] also drops the databases nobody needs any more.
#[derive(Debug)]
pub struct Managed {
    databases: Databases,
    server: Server,
    profile: Profile,
    cache: CacheDirectory,
    cache_limit: CacheLimit,
    holder: String,
    events: Events,
}

impl Managed {
    /// Finds, makes and starts the server, and removes what an earlier run left behind.
    ///
    /// # Errors
    /// See [`ManagedError`].
    pub async fn start(options: &ManagedOptions, events: &Events) -> Result<Managed, ManagedError> {
        let account = Account::pick(options.server_user.as_deref())?;
        let place = std::path::absolute(&options.cache_directory).map_err(|source| {
            CacheError::Unusable {
                path: options.cache_directory.display().to_string(),
                source,
            }
        })?;
        Cluster::check_way(&place, &account)?;
        let installation = if options.offline {
            binaries::find(&options.wanted, &place)?
        } else {
            let place = Place {
                cache: &place,
                holder: &options.holder,
            };
            binaries::find_or_fetch(&options.wanted, &place, events).await?
        };
        Cluster::check_place(&place, &installation, &account)?;
        let cache = CacheDirectory::open(&place)?;
        let cluster = Cluster::open(&cache, installation, account, &options.holder, events).await?;
        let version = cluster.installation.version;
        let settings = settings_of(options, &cluster.installation)?;
        let server = Server::start(cluster, &settings, events).await;
        let server = server.map_err(|error| refused(error, version, &options.settings))?;
        let databases = Databases::connect(
            &Address::socket(server.socket_directory()),
            &cache.installation,
        )
        .await?;
        let managed = Managed {
            databases,
            server,
            profile: options.profile,
            cache,
            cache_limit: options.cache_limit,
            holder: options.holder.clone(),
            events: events.clone(),
        };
        managed.reap(events).await?;
        managed.record().await?;
        Ok(managed)
    }

    async fn reap(&self, events: &Events) -> Result<(), ManagedError> {
        let dropped = self.databases.drop_leftovers().await?;
        if !dropped.is_empty() {
            events.emit(RunEvent::Reaped {
                what: format!("{} left behind by an earlier run", databases(dropped.len())),
            });
        }
        let orphans = self
            .databases
            .remove_orphaned_files(&self.server.cluster().data())
            .await?;
        if orphans > 0 {
            events.emit(RunEvent::Reaped {
                what: format!(
                    "the files of {} that were never finished",
                    databases(orphans)
                ),
            });
        }
        Ok(())
    }

    /// Its databases.
    #[must_use]
    pub fn databases(&self) -> &Databases {
        &self.databases
    }

    /// The binaries it runs with.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.server.cluster().installation
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.server.cluster().installation.version
    }

    /// What `postgres --version` says of it.
    #[must_use]
    pub fn version_text(&self) -> &str {
        &self.server.cluster().installation.version_text
    }

    /// The directory of its cluster.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.server.cluster().directory
    }

    /// The process that all others of the server descend from; none if it is gone.
    #[must_use]
    pub fn process(&self) -> Option<i32> {
        cluster::left_running(&self.server.cluster().data())
    }

    /// The settings it was started with.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Drops unfinished templates and copies, whatever state the run was left in, and stops the server.
    pub async fn stop(self) {
        // What cannot be dropped now is dropped by the next run.
        let _ = self.databases.drop_leftovers().await;
        let _ = self.make_room(0, None).await;
        let _ = self.record().await;
    }

    /// Notes which fixtures are built here, for whoever asks while the server is down.
    ///
    /// # Errors
    /// If the server does not tell.
    pub async fn record(&self) -> Result<(), DatabaseError> {
        let databases = self.databases.ours().await?;
        let templates = databases.into_iter().filter_map(|database| {
            let (bytes, used) = (database.bytes, database.used);
            match database.role? {
                Role::Template(mark) => Some(TemplateRecord {
                    fixture: mark.fixture,
                    queue: mark.queue,
                    jobs: mark.jobs,
                    bytes,
                    used,
                }),
                Role::Building | Role::Copy => None,
            }
        });
        self.server.cluster().record(Some(templates.collect()));
        Ok(())
    }

    /// Removes what was not used for the longest time until `needed` more bytes keep within the limit of the cache directory; nothing
    /// that this run has used, and nothing at all for what would not keep within it even alone.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn make_room_for(&self, needed: u64) -> Result<(), DatabaseError> {
        if self.cache_limit.bytes.is_some_and(|limit| needed > limit) {
            return Ok(());
        }
        self.make_room(needed, Some(self.cache_limit.run_began))
            .await
    }

    async fn make_room(&self, needed: u64, protected: Option<u64>) -> Result<(), DatabaseError> {
        let Some(limit) = self.cache_limit.bytes else {
            return Ok(());
        };
        let mut kept: Vec<Kept> = self
            .databases
            .ours()
            .await?
            .into_iter()
            .filter_map(kept_template)
            .collect();
        let mut fixed = 0_u64;
        let here = &self.server.cluster().directory;
        // What cannot be read cannot be counted: the limit is about what is ours to remove.
        for cluster in cache_contents::clusters(&self.cache).unwrap_or_default() {
            match &cluster.state {
                _ if cluster.directory == *here => {}
                ClusterState::Idle => kept.push(Kept {
                    bytes: cluster.bytes(),
                    used: cluster.used(),
                    what: KeptThing::Cluster(cluster),
                }),
                _ => fixed = fixed.saturating_add(cluster.bytes()),
            }
        }
        for one in to_remove(kept, fixed, needed, limit, protected) {
            self.evict(&one, limit).await?;
        }
        Ok(())
    }

    async fn evict(&self, one: &Kept, limit: u64) -> Result<(), DatabaseError> {
        let what = match &one.what {
            KeptThing::Template {
                database,
                fixture,
                queue,
            } => {
                self.databases.drop(database).await?;
                format!("fixture {fixture} for {queue}")
            }
            // Somebody may have begun to use it, or it is not ours to remove after all: then it stays.
            KeptThing::Cluster(cluster) => match cluster.remove(&self.holder) {
                Ok(true) => format!("the PostgreSQL {} cluster {}", cluster.major, cluster.name),
                Ok(false) | Err(_) => return Ok(()),
            },
        };
        self.events.emit(RunEvent::Reaped {
            what: format!(
                "{what}, {}, the longest unused: the cache is limited to {} (--cache-limit)",
                Bytes(one.bytes),
                Bytes(limit)
            ),
        });
        Ok(())
    }

    /// Bytes that the disk has room for beside what is there; none if the system does not tell.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(self.directory()).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

/// What the server starts with, in the order in which one goes before another.
fn settings_of(
    options: &ManagedOptions,
    installation: &Installation,
) -> Result<Vec<(String, String)>, ManagedError> {
    let own = options
        .settings
        .iter()
        .find(|(name, _)| profile::OWN.contains(&name.to_ascii_lowercase().as_str()));
    if let Some((name, value)) = own {
        return Err(ManagedError::Setting {
            version: installation.version,
            name: name.clone(),
            value: value.clone(),
            reason: "the program sets it itself".to_owned(),
        });
    }
    let profile = options.profile.settings_for(installation.version);
    let mut settings: Vec<(String, String)> = profile
        .map(|setting| (setting.name.to_owned(), setting.value.to_owned()))
        .collect();
    if options.profile == profile::LOAD && has_statement_statistics(installation) {
        let library = Part::PgStatStatements.name().to_owned();
        settings.push(("shared_preload_libraries".to_owned(), library));
    }
    let more = options.settings.iter();
    settings.extend(more.map(|(name, value)| (name.clone(), value.clone())));
    Ok(settings)
}

/// Not where it cannot be told: a server does not start with a library that is not there.
fn has_statement_statistics(installation: &Installation) -> bool {
    equipment::lacks(&installation.bin_dir, installation.version)
        .is_some_and(|lacking| !lacking.contains(&Part::PgStatStatements))
}

/// A server that did not start, with the setting that its log gives as the reason.
fn refused(
    error: ServerError,
    version: Version,
    settings: &BTreeMap<String, String>,
) -> ManagedError {
    let ServerError::NotReady { lines, .. } = &error else {
        return error.into();
    };
    let named = |line: &str| {
        let mut settings = settings.iter();
        let found = settings.find(|(name, _)| line.contains(&format!("\"{name}\"")))?;
        Some((found, line.to_owned()))
    };
    let Some(((name, value), line)) = lines.split(" | ").find_map(named) else {
        return error.into();
    };
    // `2026-11-21 20:00:00 UTC [4711] FATAL:  …`
    let reason = line.split_once("FATAL:").map_or(&*line, |(_, rest)| rest);
    ManagedError::Setting {
        version,
        name: name.clone(),
        value: value.clone(),
        reason: reason.trim().to_owned(),
    }
}

fn kept_template(database: OurDatabase) -> Option<Kept> {
    let Some(Role::Template(mark)) = database.role else {
        return None;
    };
    Some(Kept {
        what: KeptThing::Template {
            database: database.name,
            fixture: mark.fixture,
            queue: mark.queue,
        },
        bytes: database.bytes,
        used: database.used,
    })
}

fn databases(count: usize) -> String {
    if count == 1 {
        "a database".to_owned()
    } else {
        format!("{count} databases")
    }
}
