//! Where to connect and how: a connection string, completed as libpq completes it.
//!
//! What the string leaves out comes from the service it names, then from the environment's PG* variables, then from the usual
//! defaults; passwords at last from the password file. Nothing is connected to here.

mod encryption;
mod keyword;
mod password_file;
mod redact;
mod secret;
mod servers;
mod service;
mod surroundings;
mod text;
mod values;

use std::time::Duration;

use thiserror::Error;
use tokio_postgres::config::ChannelBinding;

pub use encryption::{ClientCertificate, Encryption, RootCertificate, SslMode, TlsVersion};
pub use redact::redact;
pub use secret::Secret;
pub use servers::{Host, Server};
pub use surroundings::Surroundings;
use values::Values;

/// How long one server may take to let a session in, unless `connect_timeout` says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The database that databases are made from where the user names none.
pub(super) const MAINTENANCE: &str = "postgres";

/// Why a connection string cannot be used.
#[derive(Debug, Error)]
pub enum ConninfoError {
    /// It cannot be taken apart.
    #[error("cannot read the connection string `{text}`: {reason}")]
    Text {
        /// The string, its password hidden.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// A parameter nobody knows.
    #[error("libpq knows no connection parameter {key} (from {origin}){nearest}")]
    UnknownKey {
        /// Its name.
        key: String,
        /// Where it was given.
        origin: String,
        /// What was probably meant.
        nearest: String,
    },
    /// A parameter that asks for what cannot be given.
    #[error("cannot obey {setting} (from {origin}): {reason}")]
    Refused {
        /// Its name.
        setting: &'static str,
        /// Where it was given.
        origin: String,
        /// Why not.
        reason: &'static str,
    },
    /// A value out of place.
    #[error("{setting} (from {origin}) cannot be `{value}`: {expected}")]
    Value {
        /// The parameter.
        setting: &'static str,
        /// Where it was given.
        origin: String,
        /// Its value.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// Lists of different lengths.
    #[error("{hosts} in host, but {others} in {setting}: name one for each, or one for all")]
    Lists {
        /// How many hosts.
        hosts: usize,
        /// How many of the other.
        others: usize,
        /// The other.
        setting: &'static str,
    },
    /// No name for the role.
    #[error(
        "no user to connect as: this process's account has no name; put user=… into the connection string, or set PGUSER"
    )]
    NoUser,
    /// A file that cannot be read.
    #[error("cannot read {what} {path}: {source}")]
    File {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file with a mistake in it.
    #[error("{what} {path}, line {line}: {reason}")]
    Damaged {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A service no file names.
    #[error(
        "no service {service} in {looked}: check its name, or name the file with PGSERVICEFILE"
    )]
    ServiceNotFound {
        /// Its name.
        service: String,
        /// The files.
        looked: String,
    },
    /// Certificates or keys that cannot be used.
    #[error("{0}")]
    Certificate(String),
}

/// Which of several servers will do, as `target_session_attrs` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetSession {
    /// Any.
    Any,
    /// One that can be written to.
    ReadWrite,
    /// One whose transactions are read only.
    ReadOnly,
    /// No standby.
    Primary,
    /// A standby.
    Standby,
    /// A standby; if there is none, any.
    PreferStandby,
}

/// How the system watches over a connection; what is not given is the system's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keepalives {
    /// Whether at all.
    pub on: Option<bool>,
    /// Silence before the first question.
    pub idle: Option<Duration>,
    /// Time between questions.
    pub interval: Option<Duration>,
    /// Questions without an answer.
    pub count: Option<u32>,
    /// How long what was sent may stay unacknowledged.
    pub user_timeout: Option<Duration>,
}

/// Everything a connection needs.
#[derive(Clone, Debug)]
pub struct Conninfo {
    /// The string as it was given.
    pub text: Secret,
    /// The servers, in the order they are tried.
    pub servers: Vec<Server>,
    /// The role.
    pub user: String,
    /// The database, if anybody named one.
    pub database: Option<String>,
    /// TLS.
    pub encryption: Encryption,
    /// Which of the servers will do.
    pub target: TargetSession,
    /// Whether the servers are tried in random order.
    pub random_order: bool,
    /// How long one server may take until the session is ready; none: for ever.
    pub connect_timeout: Option<Duration>,
    /// Whether the password's proof is bound to the TLS connection.
    pub channel_binding: ChannelBinding,
    /// Settings of the session, as `-c name=value`.
    pub options: Option<String>,
    /// What the server shows the session as.
    pub application_name: String,
    /// How the system watches over the connection.
    pub keepalives: Keepalives,
    /// What was passed over, for the user to know.
    pub warnings: Vec<String>,
}

impl Conninfo {
    /// Completes a connection string.
    ///
    /// # Errors
    /// See [`ConninfoError`]; no password is ever in it.
    pub fn resolve(text: &str, surroundings: &Surroundings) -> Result<Conninfo, ConninfoError> {
        let values = Values::gather(text, surroundings)?;
        let mut warnings = Vec::new();
        let user = values.get("user").or(surroundings.account.as_deref());
        let user = user.ok_or(ConninfoError::NoUser)?.to_owned();
        let database = values.get("dbname").map(str::to_owned);
        let servers = servers::servers(
            &values,
            surroundings,
            &user,
            database.as_deref(),
            &mut warnings,
        )?;
        let over_network = servers
            .iter()
            .any(|server| !matches!(server.host, Host::Socket(_)));
        Ok(Conninfo {
            text: Secret::new(text),
            encryption: encryption::encryption(&values, surroundings, over_network)?,
            target: target(&values)?,
            random_order: values.choice(
                "load_balance_hosts",
                &[("disable", false), ("random", true)],
            )?,
            connect_timeout: connect_timeout(&values)?,
            channel_binding: values.choice(
                "channel_binding",
                &[
                    ("prefer", ChannelBinding::Prefer),
                    ("disable", ChannelBinding::Disable),
                    ("require", ChannelBinding::Require),
                ],
            )?,
            options: values.get("options").map(str::to_owned),
            application_name: values
                .get("application_name")
                .or(values.get("fallback_application_name"))
                .unwrap_or(env!("CARGO_PKG_NAME"))
                .to_owned(),
            keepalives: keepalives(&values)?,
            servers,
            user,
            database,
            warnings,
        })
    }

    /// The database that databases are made from: the one named, else `postgres`.
    #[must_use]
    pub fn maintenance(&self) -> &str {
        self.database.as_deref().unwrap_or(MAINTENANCE)
    }
}

fn target(values: &Values) -> Result<TargetSession, ConninfoError> {
    values.choice(
        "target_session_attrs",
        &[
            ("any", TargetSession::Any),
            ("read-write", TargetSession::ReadWrite),
            ("read-only", TargetSession::ReadOnly),
            ("primary", TargetSession::Primary),
            ("standby", TargetSession::Standby),
            ("prefer-standby", TargetSession::PreferStandby),
        ],
    )
}

/// As libpq has it, nothing above zero means for ever; unlike there, an own default keeps a server that hangs from hanging the run.
fn connect_timeout(values: &Values) -> Result<Option<Duration>, ConninfoError> {
    let seconds = values.number("connect_timeout")?;
    Ok(match seconds {
        None => Some(CONNECT_TIMEOUT),
        Some(seconds) => u64::try_from(seconds)
            .ok()
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs),
    })
}

fn keepalives(values: &Values) -> Result<Keepalives, ConninfoError> {
    // Zero and less stand for the system's own.
    let positive = |name| {
        values.number(name).map(|number| {
            number
                .and_then(|number| u32::try_from(number).ok())
                .filter(|number| *number > 0)
        })
    };
    let seconds =
        |name| positive(name).map(|number| number.map(|number| Duration::from_secs(number.into())));
    Ok(Keepalives {
        on: values.number("keepalives")?.map(|number| number != 0),
        idle: seconds("keepalives_idle")?,
        interval: seconds("keepalives_interval")?,
        count: positive("keepalives_count")?,
        user_timeout: positive("tcp_user_timeout")?
            .map(|number| Duration::from_millis(number.into())),
    })
}

#[cfg(test)]
mod tests;
