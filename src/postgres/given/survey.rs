//! What is found on a server of the user's own, and what follows: refused, permitted, not comparable.

use tokio_postgres::Row;

use super::clients::{self, Activity, Client};
use super::{GivenError, Purpose};
use crate::postgres::connect::{Address, Session};
use crate::postgres::database::CopyStrategy;
use crate::postgres::permissions::Permissions;
use crate::postgres::version::Version;
use crate::run::environment::Limitation;

/// What a server says of itself and of the role that asks.
const FACTS: &str = "select current_setting('server_version'), version(), pg_is_in_recovery(), \
         current_setting('default_transaction_read_only')::bool, current_user::text, role.rolsuper, \
         role.rolsuper or role.rolcreatedb, current_setting('full_page_writes')::bool, \
         current_setting('wal_log_hints')::bool or current_setting('data_checksums')::bool, \
         current_setting('wal_level') = 'logical', current_setting('autovacuum')::bool, \
         (select count(*) from pg_stat_replication), \
         (select count(*) from pg_prepared_xacts), \
         exists (select from pg_settings where name = 'pg_stat_statements.max') \
     from pg_roles role where role.rolname = current_user";

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The server, for messages: host, port and role.
    pub server: String,
    /// Its version.
    pub version: Version,
    /// Its version and build, in its own words.
    pub version_text: String,
    /// The role worked under.
    pub role: String,
    /// Whether the role is a superuser.
    pub is_superuser: bool,
    /// Whether it may create databases.
    pub may_create_databases: bool,
    /// Whether the server is a standby.
    pub is_standby: bool,
    /// Whether transactions are read only unless they say otherwise.
    pub is_read_only: bool,
    /// Whether whole pages are written to WAL after each checkpoint.
    pub full_page_writes: bool,
    /// Whether setting a hint bit can be a WAL record: data checksums or wal_log_hints.
    pub hints_in_wal: bool,
    /// Whether WAL holds what logical decoding needs.
    pub logical_wal: bool,
    /// Whether autovacuum runs.
    pub autovacuum: bool,
    /// Standbys and other receivers that everything written is sent to.
    pub receivers: u64,
    /// Transactions that are prepared for a two-phase commit.
    pub prepared_transactions: u64,
    /// Whether pg_stat_statements is loaded. Its settings are there wherever it is, for every role; which libraries are loaded is not
    /// for everybody to see.
    pub has_statement_statistics: bool,
    /// Sessions of other clients.
    pub clients: Vec<Client>,
}

impl Survey {
    /// Asks the server; sessions served by the backends `own` are not others'.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn of(
        address: &Address,
        session: &Session,
        own: &[i32],
    ) -> Result<Survey, GivenError> {
        let server = address.describe();
        let failed = |question: &'static str| {
            let server = server.clone();
            move |source| GivenError::Unanswered {
                server,
                question,
                source,
            }
        };
        let facts = session
            .query_one(FACTS, &[])
            .await
            .map_err(failed("what it is"))?;
        let version = Version::find(facts.get(0)).unwrap_or(Version { major: 0, minor: 0 });
        if !version.is_supported() {
            // What follows asks for what old versions do not know.
            return Err(GivenError::TooOld { server, version });
        }
        let clients = session
            .query(clients::QUERY, &[])
            .await
            .map_err(failed("who is using it"))?;
        let others = clients.iter().filter(|row| !own.contains(&row.get(0)));
        let count = |index: usize| u64::try_from(facts.get::<_, i64>(index)).unwrap_or(0);
        Ok(Survey {
            server,
            version,
            version_text: facts.get(1),
            is_standby: facts.get(2),
            is_read_only: facts.get(3),
            role: facts.get(4),
            is_superuser: facts.get(5),
            may_create_databases: facts.get(6),
            full_page_writes: facts.get(7),
            hints_in_wal: facts.get(8),
            logical_wal: facts.get(9),
            autovacuum: facts.get(10),
            receivers: count(11),
            prepared_transactions: count(12),
            has_statement_statistics: facts.get(13),
            clients: others.map(client).collect(),
        })
    }

    /// Whether the server can be worked on at all.
    ///
    /// # Errors
    /// The first thing that speaks against it.
    pub fn refuse(
        &self,
        purpose: Purpose,
        allow_busy: bool,
        strategy: Option<CopyStrategy>,
    ) -> Result<(), GivenError> {
        let (server, role, version) = (self.server.clone(), self.role.clone(), self.version);
        if self.is_standby {
            return Err(GivenError::Standby { server });
        }
        if self.is_read_only {
            return Err(GivenError::ReadOnly { server, role });
        }
        if purpose == Purpose::Databases && !self.may_create_databases {
            return Err(GivenError::NoCreateDb { server, role });
        }
        if strategy == Some(CopyStrategy::WalLog) && version.major < 15 {
            return Err(GivenError::NoWalLog { server, version });
        }
        let busy = self.busy();
        if let (Some(clients), false) = (busy, allow_busy) {
            return Err(GivenError::Busy { server, clients });
        }
        Ok(())
    }

    /// Whether somebody else is using the server.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.busy().is_some()
    }

    /// Who is using the server, if anybody is.
    fn busy(&self) -> Option<String> {
        let active = || self.others(|activity| activity != Activity::Idle);
        let mut parts = Vec::new();
        if active().next().is_some() {
            parts.push(clients::describe(active()));
        }
        if self.prepared_transactions > 0 {
            let count = self.prepared_transactions;
            let noun = if count == 1 {
                "transaction"
            } else {
                "transactions"
            };
            parts.push(format!("{count} prepared {noun}"));
        }
        (!parts.is_empty()).then(|| parts.join(", and "))
    }

    fn others(&self, fits: impl Fn(Activity) -> bool) -> impl Iterator<Item = &Client> {
        self.clients
            .iter()
            .filter(move |client| fits(client.activity))
    }

    /// What may be done while a fixture is built.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        Permissions {
            hand_over_statistics: self.is_superuser,
            checkpoint: false,
            autovacuum: self.autovacuum,
        }
    }

    /// What is worth knowing and no limitation.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        let idle = || self.others(|activity| activity == Activity::Idle);
        let mut notices = Vec::new();
        if idle().next().is_some() {
            notices.push(format!(
                "other clients are connected and idle: {}",
                clients::describe(idle())
            ));
        }
        notices
    }

    /// What the server lacks, and which columns suffer; `strategy` is how fixtures are copied, where they are.
    #[must_use]
    pub fn limitations(&self, strategy: Option<CopyStrategy>) -> Vec<Limitation> {
        let mut limitations = vec![as_found(strategy)];
        limitations.extend(self.wal_limitation());
        if let Some(clients) = self.busy() {
            limitations.push(limitation(
                "a server of one's own",
                &["planning_ms", "execution_ms"],
                format!("the server is in use by other clients ({clients}): times depend on them"),
            ));
        }
        if !self.is_superuser {
            limitations.extend(self.without_superuser(strategy.is_some()));
        }
        if !self.has_statement_statistics {
            limitations.push(limitation(
                "pg_stat_statements",
                &[],
                "pg_stat_statements is not loaded: each statement's share of the server's time cannot be had".to_owned(),
            ));
        }
        limitations
    }

    fn wal_limitation(&self) -> Option<Limitation> {
        let (capability, columns, what): (_, &[&str], _) = if self.hints_in_wal {
            (
                "wal_log_hints",
                &["wal"],
                "data checksums or wal_log_hints are on: what is written to WAL depends on when the last checkpoint was",
            )
        } else if self.full_page_writes {
            (
                "full_page_writes",
                &["wal.fpi", "wal.bytes"],
                "full_page_writes is on: whole pages in WAL depend on when the last checkpoint was",
            )
        } else if self.logical_wal {
            (
                "wal_level",
                &["wal.bytes"],
                "wal_level is logical: WAL holds more than on other servers",
            )
        } else {
            return None;
        };
        Some(limitation(capability, columns, what.to_owned()))
    }

    fn without_superuser(&self, copies: bool) -> Vec<Limitation> {
        let role = &self.role;
        let sampled = copies.then(|| {
            limitation(
                "superuser",
                &["shape", "digest", "buffers", "pages_per_row", "wal"],
                format!(
                    "role {role} is no superuser: in tables of more than 30,000 rows statistics are what ANALYZE samples at random, and may differ from build to build"
                ),
            )
        });
        let settings = limitation(
            "checkpoint",
            &[],
            format!(
                "role {role} is no superuser: the server's settings stay as they are, and no CHECKPOINT is taken"
            ),
        );
        sampled.into_iter().chain([settings]).collect()
    }
}

fn as_found(strategy: Option<CopyStrategy>) -> Limitation {
    let copies = match strategy {
        Some(CopyStrategy::WalLog) => ", and a fresh copy lies in memory, unwritten",
        Some(CopyStrategy::FileCopy) | None => "",
    };
    limitation(
        "profile",
        &[
            "buffers.hit",
            "buffers.read",
            "buffers.dirtied",
            "buffers.written",
        ],
        format!(
            "the server runs with its own settings and its own background processes{copies}: which pages are in memory, and who writes them, is not the run's to decide"
        ),
    )
}

fn limitation(capability: &str, columns: &[&str], message: String) -> Limitation {
    Limitation {
        capability: capability.to_owned(),
        not_comparable: columns.iter().map(|&column| column.to_owned()).collect(),
        message,
    }
}

fn client(row: &Row) -> Client {
    Client {
        database: row.get(1),
        application: row.get(2),
        activity: clients::activity(row.get(3)),
    }
}
