//! A managed server with everything an earlier run left behind removed, and the connection that makes databases on it.

use std::path::PathBuf;

use thiserror::Error;

use super::account::{Account, AccountError};
use super::binaries::{self, BinariesError, Installation, Wanted};
use super::cache_directory::{CacheDirectory, CacheError};
use super::cluster::{Cluster, ClusterError};
use super::connect::Address;
use super::database::{DatabaseError, Databases};
use super::packages::Place;
use super::profile::Profile;
use super::server::{Server, ServerError};
use super::version::Version;
use crate::run::event::{Events, RunEvent};

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
}

/// A running managed server. Dropping it stops it; [`Managed::stop`] also drops the databases nobody needs any more.
#[derive(Debug)]
pub struct Managed {
    databases: Databases,
    server: Server,
    profile: Profile,
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
        let server = Server::start(cluster, &options.profile, events).await?;
        let databases = Databases::connect(
            &Address::socket(server.socket_directory()),
            &cache.installation,
        )
        .await?;
        let managed = Managed {
            databases,
            server,
            profile: options.profile,
        };
        managed.reap(events).await?;
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

    /// The settings it was started with.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Drops unfinished templates and copies, whatever state the run was left in, and stops the server.
    pub async fn stop(self) {
        // What cannot be dropped now is dropped by the next run.
        let _ = self.databases.drop_leftovers().await;
    }
}

fn databases(count: usize) -> String {
    if count == 1 {
        "a database".to_owned()
    } else {
        format!("{count} databases")
    }
}
