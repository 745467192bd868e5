//! Why a session could not be opened, in words that say what to do.

use std::error::Error;
use std::time::Duration;

use rustls::CertificateError;
use thiserror::Error;
use tokio_postgres::error::{DbError, SqlState};

use crate::postgres::conninfo::{ConninfoError, SslMode};

/// Why there is no server to work on.
#[derive(Debug, Error)]
pub enum AddressError {
    /// The connection string, or what completes it.
    #[error(transparent)]
    Conninfo(#[from] ConninfoError),
    /// The servers.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// One of several servers was meant, and the string leads to another one now.
    #[error(
        "the connection string leads to {server} now, and led to {expected} before: name that server alone"
    )]
    Another {
        /// Server and user.
        server: String,
        /// Server and user as they were before.
        expected: String,
    },
}

/// Why a session could not be opened.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The host's name leads nowhere.
    #[error("cannot find host {host}: {reason}; check its name")]
    UnknownHost {
        /// The name.
        host: String,
        /// What the look-up says.
        reason: String,
    },
    /// Nobody takes the connection, or it broke.
    #[error("cannot connect to {server}: {reason}{next}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// Why.
        reason: String,
        /// What to do.
        next: &'static str,
    },
    /// No session within the time limit.
    #[error(
        "{server} did not open a session within {seconds} s: check host and port, or allow more with connect_timeout"
    )]
    TimedOut {
        /// Host and port.
        server: String,
        /// The limit.
        seconds: u64,
    },
    /// The server does not want this user, or not in this database.
    #[error("{server} refuses {user}: {message}")]
    Refused {
        /// Host and port.
        server: String,
        /// The user and the database.
        user: String,
        /// What the server says, and what to do.
        message: String,
        /// Whether another server may still let the user in.
        starting: bool,
    },
    /// The server wants a password, and there is none.
    #[error(
        "{server} wants a password for user {user}, and there is none: put one into ~/.pgpass or set PGPASSWORD{passed_over}"
    )]
    NoPassword {
        /// Host and port.
        server: String,
        /// The user.
        user: String,
        /// Password files that were not used.
        passed_over: String,
    },
    /// No TLS, or none that is good enough.
    #[error("no TLS connection to {server} with sslmode={}: {reason}; {next}", mode.name())]
    Tls {
        /// Host and port.
        server: String,
        /// The mode.
        mode: SslMode,
        /// What is wrong.
        reason: String,
        /// What to do.
        next: String,
    },
    /// Not the kind of server that was asked for.
    #[error("{server} {is}, and target_session_attrs={wanted} asks for another")]
    Unsuitable {
        /// Host and port.
        server: String,
        /// What it is.
        is: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// Several servers, or several ways, and each failed.
    #[error("{}", each(.0))]
    Each(Vec<ConnectError>),
}

fn each(errors: &[ConnectError]) -> String {
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    texts.join("; and ")
}

impl ConnectError {
    /// One error out of those of several tries.
    pub(super) fn of(mut errors: Vec<ConnectError>) -> ConnectError {
        // A name with several addresses is told of once.
        errors.dedup_by_key(|error| error.to_string());
        match errors.pop() {
            Some(only) if errors.is_empty() => only,
            Some(last) => {
                errors.push(last);
                ConnectError::Each(errors)
            }
            None => ConnectError::Unreachable {
                server: "the server".to_owned(),
                reason: "its name has no address".to_owned(),
                next: "; check the host",
            },
        }
    }

    /// Whether the same server may let a session in a moment later: it is starting, ending, or was just lost.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            ConnectError::Unreachable { .. } | ConnectError::TimedOut { .. } => true,
            ConnectError::Refused { starting, .. } => *starting,
            ConnectError::UnknownHost { .. }
            | ConnectError::Unsuitable { .. }
            | ConnectError::NoPassword { .. }
            | ConnectError::Tls { .. } => false,
            ConnectError::Each(errors) => errors.iter().any(ConnectError::may_pass),
        }
    }

    /// Whether the next server may be asked: one that answered and refused the user has the last word.
    pub(super) fn leaves_others(&self) -> bool {
        match self {
            ConnectError::UnknownHost { .. }
            | ConnectError::Unreachable { .. }
            | ConnectError::TimedOut { .. }
            | ConnectError::Unsuitable { .. } => true,
            ConnectError::Refused { starting, .. } => *starting,
            ConnectError::NoPassword { .. } | ConnectError::Tls { .. } => false,
            ConnectError::Each(errors) => errors.iter().all(ConnectError::leaves_others),
        }
    }
}

/// What an error is explained with.
#[derive(Debug)]
pub(super) struct Circumstances {
    pub(super) server: String,
    pub(super) user: String,
    pub(super) mode: SslMode,
    /// Where the trusted authorities stand.
    pub(super) trusted: String,
    /// Whether TLS begins at once.
    pub(super) direct: bool,
    pub(super) password_from: String,
    pub(super) warnings: Vec<String>,
}

impl Circumstances {
    fn user_in(&self, database: &str) -> String {
        format!("user {} in database {database}", self.user)
    }
}

/// What the driver, or the clock, said.
#[derive(Debug)]
pub(super) enum Failure {
    Driver(tokio_postgres::Error),
    TimedOut(Duration),
}

impl Failure {
    fn driver(&self) -> Option<&tokio_postgres::Error> {
        match self {
            Failure::Driver(error) => Some(error),
            Failure::TimedOut(_) => None,
        }
    }

    fn io(&self) -> Option<&std::io::Error> {
        self.driver()?.source()?.downcast_ref()
    }

    fn tls(&self) -> Option<&rustls::Error> {
        self.io()?.get_ref()?.downcast_ref()
    }

    /// Whether the server has no TLS. The driver says so in words only.
    pub(super) fn is_no_tls(&self) -> bool {
        self.cause()
            .is_some_and(|cause| cause == "server does not support TLS")
    }

    fn cause(&self) -> Option<String> {
        Some(self.driver()?.source()?.to_string())
    }

    /// Whether it might be otherwise with TLS, or without: pg_hba.conf may know the one and not the other.
    pub(super) fn may_depend_on_tls(&self) -> bool {
        let code = self.driver().and_then(tokio_postgres::Error::code);
        self.is_no_tls()
            || self.tls().is_some()
            || code == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
    }

    /// The error for the user.
    pub(super) fn explain(&self, about: &Circumstances, database: &str) -> ConnectError {
        let server = about.server.clone();
        let error = match self {
            Failure::Driver(error) => error,
            Failure::TimedOut(limit) => {
                return ConnectError::TimedOut {
                    server,
                    seconds: limit.as_secs(),
                };
            }
        };
        if let Some(refusal) = error.as_db_error() {
            return refused(refusal, about, database);
        }
        if self.is_no_tls() {
            return no_tls(
                about,
                "the server offers none",
                "set ssl = on there, or connect without (sslmode=disable), in clear text",
            );
        }
        if let Some(error) = self.tls() {
            return bad_tls(error, about);
        }
        let cause = self.cause().unwrap_or_else(|| error.to_string());
        match self.io().map(std::io::Error::kind) {
            Some(std::io::ErrorKind::TimedOut) => ConnectError::Unreachable {
                server,
                reason: cause,
                next: "; check host and port, or allow more with connect_timeout",
            },
            Some(kind) => ConnectError::Unreachable {
                server,
                reason: cause,
                next: match kind {
                    std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::NotFound => {
                        "; is a server running there?"
                    }
                    std::io::ErrorKind::UnexpectedEof if about.direct => {
                        "; sslnegotiation=direct needs PostgreSQL 17 or newer"
                    }
                    std::io::ErrorKind::UnexpectedEof => "; is it a PostgreSQL server?",
                    _ => "",
                },
            },
            None if cause == "password missing" => ConnectError::NoPassword {
                server,
                user: about.user.clone(),
                passed_over: about
                    .warnings
                    .iter()
                    .map(|warning| format!(" ({warning})"))
                    .collect(),
            },
            None => ConnectError::Refused {
                server,
                user: about.user_in(database),
                message: cause,
                starting: false,
            },
        }
    }
}

fn refused(refusal: &DbError, about: &Circumstances, database: &str) -> ConnectError {
    let mode = about.mode.name();
    let next = match *refusal.code() {
        SqlState::INVALID_PASSWORD => format!("; the password came from {}", about.password_from),
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            format!(
                "; the server's pg_hba.conf says who may come in and how (sslmode is {mode}; a client certificate is given with sslcert and sslkey)"
            )
        }
        SqlState::INVALID_CATALOG_NAME => "; name one that is there".to_owned(),
        SqlState::TOO_MANY_CONNECTIONS => {
            "; end other sessions, or raise max_connections".to_owned()
        }
        SqlState::CANNOT_CONNECT_NOW => "; try again when it is up".to_owned(),
        _ => String::new(),
    };
    let detail = refusal
        .detail()
        .map(|detail| format!(" ({detail})"))
        .unwrap_or_default();
    ConnectError::Refused {
        server: about.server.clone(),
        user: about.user_in(database),
        message: format!("{}{detail}{next}", refusal.message()),
        starting: *refusal.code() == SqlState::CANNOT_CONNECT_NOW,
    }
}

fn no_tls(about: &Circumstances, reason: &str, next: &str) -> ConnectError {
    ConnectError::Tls {
        server: about.server.clone(),
        mode: about.mode,
        reason: reason.to_owned(),
        next: next.to_owned(),
    }
}

fn bad_tls(error: &rustls::Error, about: &Circumstances) -> ConnectError {
    let not_trusted = || {
        no_tls(
            about,
            &format!(
                "the server's certificate is signed by no authority in {}",
                about.trusted
            ),
            "name the file of the authority that signed it with sslrootcert",
        )
    };
    match error {
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => no_tls(
                about,
                "the server's certificate has expired",
                "have it renewed",
            ),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => no_tls(
                about,
                "the server's certificate is not valid yet",
                "check the clocks of both machines",
            ),
            CertificateError::NotValidForName => wrong_name(about, ""),
            CertificateError::NotValidForNameContext { presented, .. } => {
                wrong_name(about, &format!(" (but for {})", presented.join(", ")))
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => not_trusted(),
            CertificateError::Other(other)
                if matches!(
                    other.0.downcast_ref(),
                    Some(webpki::Error::CaUsedAsEndEntity)
                ) =>
            {
                not_trusted()
            }
            other => no_tls(
                about,
                &format!("the server's certificate cannot be used: {other:?}"),
                "have it made anew",
            ),
        },
        rustls::Error::AlertReceived(alert) => no_tls(
            about,
            &format!("the server broke it off ({alert:?})"),
            "if it is about the client's certificate, name another with sslcert and sslkey",
        ),
        other => no_tls(
            about,
            &other.to_string(),
            "check that the port is a PostgreSQL server's",
        ),
    }
}

fn wrong_name(about: &Circumstances, names: &str) -> ConnectError {
    no_tls(
        about,
        &format!("the server's certificate is not for this host{names}"),
        "connect by a name that stands in it, or check the authority alone with sslmode=verify-ca",
    )
}
