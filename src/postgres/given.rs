//! A server of the user's own: looked at before anything is made on it, worked on in databases of our own, and left as it was.

pub mod clients;
pub mod pooler;
pub mod settings;
pub mod survey;

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::cache_directory::{CacheDirectory, CacheError};
use super::connect::{Address, AddressError, Opened};
use super::conninfo::Surroundings;
use super::database::guest::GuestOptions;
use super::database::{CopyStrategy, DatabaseError, Databases, Standing, server_message};
use super::version::{OLDEST_SUPPORTED, Version};
use crate::run::environment::Limitation;
use crate::run::event::{Events, RunEvent};
use pooler::PoolerError;
use survey::Survey;

/// Name of the settings that such a server runs with, as runs record it.
pub const AS_FOUND: &str = "as-found";

/// How long to wait before a server counts as busy.
const SETTLING: Duration = Duration::from_millis(500);

/// How long tidying up may wait for a server that was restarted in the middle.
const RECONNECT: Duration = Duration::from_secs(10);

/// Why a server of the user's own cannot be worked on.
#[derive(Debug, Error)]
pub enum GivenError {
    /// No cache directory to know our own databases by.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// It cannot be reached.
    #[error(transparent)]
    Address(#[from] Box<AddressError>),
    /// What stands before it does not keep a session on one connection.
    #[error(transparent)]
    Pooler(#[from] PoolerError),
    /// It does not answer a question.
    #[error("cannot ask {server} {question}: {}", server_message(source))]
    Unanswered {
        /// The server.
        server: String,
        /// What was asked.
        question: &'static str,
        /// What it says.
        source: tokio_postgres::Error,
    },
    /// Too old.
    #[error(
        "{server} is PostgreSQL {version}: this program works with {OLDEST_SUPPORTED} and later; name another server"
    )]
    TooOld {
        /// The server.
        server: String,
        /// Its version.
        version: Version,
    },
    /// A standby.
    #[error(
        "{server} is a standby, which takes no changes: name its primary, or a staging copy of it"
    )]
    Standby {
        /// The server.
        server: String,
    },
    /// Set to be read only.
    #[error(
        "{server} is read only for role {role} (default_transaction_read_only is on): name a role that may write, or a staging copy"
    )]
    ReadOnly {
        /// The server.
        server: String,
        /// The role.
        role: String,
    },
    /// No right to make databases.
    #[error(
        "role {role} may not create databases on {server}: have it granted (alter role {} createdb), or work in a schema of one database with --in-schema NAME",
        crate::postgres::given::quoted(role)
    )]
    NoCreateDb {
        /// The server.
        server: String,
        /// The role.
        role: String,
    },
    /// Others are using it.
    #[error(
        "{server} is in use by other clients: {clients}; measuring would slow them down and they would change what is measured: name a server that nobody uses, or go on all the same with --allow-busy-server"
    )]
    Busy {
        /// The server.
        server: String,
        /// Who: how many, in which databases, by which applications.
        clients: String,
    },
    /// A strategy that the version does not have.
    #[error(
        "{server} is PostgreSQL {version}, which copies databases file by file only: leave out --copy-strategy wal-log"
    )]
    NoWalLog {
        /// The server.
        server: String,
        /// Its version.
        version: Version,
    },
    /// A database could not be listed or dropped.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What is to be done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Databases of our own are made.
    Databases,
    /// Work stays in the one database that was named; no database is made.
    OneDatabase,
    /// What we left there is dropped. Nothing is measured: what could not be trusted is nobody's concern.
    Cleaning,
}

/// A server of the user's own, and how to behave on it.
#[derive(Clone)]
pub struct GivenOptions {
    /// Where it is: a URL or `key=value` pairs, with a password, maybe. Never printed.
    pub url: String,
    /// The cache directory, whose identity marks our databases.
    pub cache_directory: PathBuf,
    /// What is to be done there.
    pub purpose: Purpose,
    /// Whether templates are kept for the next run.
    pub keep: bool,
    /// Whether it may be used while others use it.
    pub allow_busy: bool,
    /// How templates are copied; none for what is best where it is.
    pub strategy: Option<CopyStrategy>,
}

impl std::fmt::Debug for GivenOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GivenOptions")
            .field("cache_directory", &self.cache_directory)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// A server of the user's own that can be worked on. [`Given::stop`] drops what this run made.
#[derive(Debug)]
pub struct Given {
    address: Address,
    installation: String,
    databases: Databases,
    survey: Survey,
    strategy: CopyStrategy,
    keep: bool,
    limitations: Vec<Limitation>,
}

impl Given {
    /// Connects and looks at everything that decides whether and how the server can be worked on. Makes nothing.
    ///
    /// # Errors
    /// See [`GivenError`].
    pub async fn connect(options: &GivenOptions, events: &Events) -> Result<Given, GivenError> {
        let place = std::path::absolute(&options.cache_directory).map_err(|source| {
            CacheError::Unusable {
                path: options.cache_directory.display().to_string(),
                source,
            }
        })?;
        let installation = CacheDirectory::open(&place)?.installation;
        let Opened {
            address,
            session,
            warnings,
        } = Address::of(&options.url, &Surroundings::of_this_process())
            .await
            .map_err(Box::new)?;
        let notice = |text| events.emit(RunEvent::Notice { text });
        warnings.into_iter().for_each(notice);
        let own = pooler::check(&address, &session).await?;
        let mut survey = Survey::of(&address, &session, &own).await?;
        if survey.is_busy() {
            // A session that was just closed is seen for a moment more.
            tokio::time::sleep(SETTLING).await;
            survey = Survey::of(&address, &session, &own).await?;
        }
        survey.refuse(options.purpose, options.allow_busy, options.strategy)?;
        let strategy = match options.strategy {
            _ if survey.version.major < 15 => CopyStrategy::FileCopy,
            asked => asked.unwrap_or(CopyStrategy::WalLog),
        };
        let guest = GuestOptions {
            installation: installation.clone(),
            keep: options.keep,
            strategy,
            permissions: survey.permissions(),
        };
        let databases = Databases::among_others(&address, session, guest).await?;
        events.emit(RunEvent::ServerFound {
            version: survey.version.to_string(),
            server: survey.server.clone(),
        });
        let limitations = match options.purpose {
            Purpose::Databases => survey.limitations(Some(strategy)),
            Purpose::OneDatabase => survey.limitations(None),
            Purpose::Cleaning => Vec::new(),
        };
        if options.purpose != Purpose::Cleaning {
            survey.notices().into_iter().for_each(notice);
        }
        for limitation in &limitations {
            notice(limitation.message.clone());
        }
        Ok(Given {
            address,
            installation,
            databases,
            survey,
            strategy,
            keep: options.keep,
            limitations,
        })
    }

    /// Removes what killed runs of this installation left behind, and names it.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn begin(&self, events: &Events) -> Result<(), GivenError> {
        let leftover =
            |database: &super::database::OurDatabase| database.standing == Standing::Leftover;
        for name in self.databases.drop_standing(leftover).await? {
            events.emit(RunEvent::Reaped {
                what: format!("database {name}, left behind by an earlier run"),
            });
        }
        Ok(())
    }

    /// Where it is reached.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Identifies the cache directory, and with it what is ours.
    #[must_use]
    pub fn installation(&self) -> &str {
        &self.installation
    }

    /// Its databases.
    #[must_use]
    pub fn databases(&self) -> &Databases {
        &self.databases
    }

    /// What was found.
    #[must_use]
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    /// How templates are copied.
    #[must_use]
    pub fn strategy(&self) -> CopyStrategy {
        self.strategy
    }

    /// Whether templates are kept for the next run.
    #[must_use]
    pub fn keeps_templates(&self) -> bool {
        self.keep
    }

    /// What it lacks, and which columns suffer.
    #[must_use]
    pub fn limitations(&self) -> &[Limitation] {
        &self.limitations
    }

    /// Drops what this run made, whatever state the work was left in, and names what stays. If the connection is lost, over a new one.
    pub async fn stop(self, events: &Events) {
        let own = |database: &super::database::OurDatabase| database.standing == Standing::Own;
        let dropped = if self.databases.session().is_closed() {
            match tokio::time::timeout(RECONNECT, self.reconnected()).await {
                Ok(Ok(databases)) => databases.drop_standing(own).await.map(|_| databases),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(DatabaseError::Unreachable {
                    server: self.survey.server.clone(),
                }),
            }
        } else {
            self.databases.settle().await;
            self.databases
                .drop_standing(own)
                .await
                .map(|_| self.databases)
        };
        match dropped {
            Ok(databases) => tell_what_stays(&databases, events).await,
            Err(error) => events.emit(RunEvent::Notice {
                text: format!(
                    "databases of this run may be left on {}: {error}; the next run there removes them",
                    self.survey.server
                ),
            }),
        }
    }

    async fn reconnected(&self) -> Result<Databases, DatabaseError> {
        loop {
            match self.databases.reconnected().await {
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                connected => return connected,
            }
        }
    }
}

async fn tell_what_stays(databases: &Databases, events: &Events) {
    let ours = databases.ours().await.unwrap_or_default();
    let kept: Vec<&str> = ours
        .iter()
        .filter(|database| database.standing == Standing::Kept)
        .map(|database| database.name.as_str())
        .collect();
    if !kept.is_empty() {
        events.emit(RunEvent::Notice {
            text: format!(
                "kept for the next run: {}; `{} clean --database-url …` removes them",
                kept.join(", "),
                env!("CARGO_PKG_NAME")
            ),
        });
    }
}

/// An identifier as SQL takes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
