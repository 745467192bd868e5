//! The words of a connection string, as libpq knows them, and what becomes of each.
//!
//! Source: PostgreSQL's documentation of libpq, "Parameter Key Words" and "Environment Variables".

use super::ConninfoError;
use crate::definition::nearest;

/// What is done with a parameter.
#[derive(Clone, Copy, Debug)]
enum Treatment {
    /// It is obeyed.
    Obeyed,
    /// It makes no difference here, whatever its value.
    Indifferent,
    /// These values make no difference here; any other asks for something that cannot be given.
    Only(&'static [&'static str], &'static str),
}
use Treatment::{Indifferent, Obeyed, Only};

/// A parameter of a connection.
#[derive(Debug)]
pub(super) struct Keyword {
    /// Its name in a connection string.
    pub(super) name: &'static str,
    /// The environment variable that gives it, if any.
    pub(super) variable: Option<&'static str>,
    treatment: Treatment,
}

const NO_GSS: &str = "this program's driver knows no GSSAPI; use sslmode for encryption";
const NO_REVOCATION: &str = "certificate revocation lists are not checked here, and passing over one would weaken what you asked for";
const NO_METHODS: &str = "the driver cannot hold a server to one way of authenticating; channel_binding=require is the nearest";
const NO_OAUTH: &str = "the driver knows no OAuth";
const NO_KEYS: &str = "the driver wants the password itself";

const fn word(name: &'static str, variable: &'static str, treatment: Treatment) -> Keyword {
    let variable = if variable.is_empty() {
        None
    } else {
        Some(variable)
    };
    Keyword {
        name,
        variable,
        treatment,
    }
}

/// Every parameter libpq knows, up to PostgreSQL 18.
pub(super) const KEYWORDS: &[Keyword] = &[
    word("service", "PGSERVICE", Obeyed),
    word("servicefile", "PGSERVICEFILE", Obeyed),
    word("host", "PGHOST", Obeyed),
    word("hostaddr", "PGHOSTADDR", Obeyed),
    word("port", "PGPORT", Obeyed),
    word("dbname", "PGDATABASE", Obeyed),
    word("user", "PGUSER", Obeyed),
    word("password", "PGPASSWORD", Obeyed),
    word("passfile", "PGPASSFILE", Obeyed),
    word("connect_timeout", "PGCONNECT_TIMEOUT", Obeyed),
    word("options", "PGOPTIONS", Obeyed),
    word("application_name", "PGAPPNAME", Obeyed),
    word("fallback_application_name", "", Obeyed),
    word("target_session_attrs", "PGTARGETSESSIONATTRS", Obeyed),
    word("load_balance_hosts", "PGLOADBALANCEHOSTS", Obeyed),
    word("channel_binding", "PGCHANNELBINDING", Obeyed),
    word("sslmode", "PGSSLMODE", Obeyed),
    word("requiressl", "PGREQUIRESSL", Obeyed),
    word("sslnegotiation", "PGSSLNEGOTIATION", Obeyed),
    word("sslrootcert", "PGSSLROOTCERT", Obeyed),
    word("sslcert", "PGSSLCERT", Obeyed),
    word("sslkey", "PGSSLKEY", Obeyed),
    word("sslcertmode", "PGSSLCERTMODE", Obeyed),
    word("sslsni", "PGSSLSNI", Obeyed),
    word(
        "ssl_min_protocol_version",
        "PGSSLMINPROTOCOLVERSION",
        Obeyed,
    ),
    word(
        "ssl_max_protocol_version",
        "PGSSLMAXPROTOCOLVERSION",
        Obeyed,
    ),
    word("keepalives", "", Obeyed),
    word("keepalives_idle", "", Obeyed),
    word("keepalives_interval", "", Obeyed),
    word("keepalives_count", "", Obeyed),
    word("tcp_user_timeout", "", Obeyed),
    // The driver always speaks UTF-8, compresses nothing, and asks for no passphrase: an encrypted key is refused when it is read.
    word("client_encoding", "PGCLIENTENCODING", Indifferent),
    word("sslcompression", "PGSSLCOMPRESSION", Indifferent),
    word("sslpassword", "", Indifferent),
    word("krbsrvname", "PGKRBSRVNAME", Indifferent),
    word("gsslib", "PGGSSLIB", Indifferent),
    word("gssdelegation", "PGGSSDELEGATION", Indifferent),
    word("max_protocol_version", "PGMAXPROTOCOLVERSION", Indifferent),
    word("authtype", "", Indifferent),
    word("tty", "", Indifferent),
    word(
        "gssencmode",
        "PGGSSENCMODE",
        Only(&["prefer", "disable"], NO_GSS),
    ),
    word("sslcrl", "PGSSLCRL", Only(&[], NO_REVOCATION)),
    word("sslcrldir", "PGSSLCRLDIR", Only(&[], NO_REVOCATION)),
    word(
        "sslkeylogfile",
        "",
        Only(&[], "this program writes no TLS keys"),
    ),
    word(
        "requirepeer",
        "PGREQUIREPEER",
        Only(&[], "the owner of the server's process is not checked here"),
    ),
    word("require_auth", "PGREQUIREAUTH", Only(&[], NO_METHODS)),
    word(
        "min_protocol_version",
        "PGMINPROTOCOLVERSION",
        Only(&["3.0"], "the driver speaks protocol 3.0"),
    ),
    word(
        "replication",
        "",
        Only(
            &["false", "off", "no", "0"],
            "statements cannot be measured over a replication connection",
        ),
    ),
    word("oauth_issuer", "", Only(&[], NO_OAUTH)),
    word("oauth_client_id", "", Only(&[], NO_OAUTH)),
    word("oauth_client_secret", "", Only(&[], NO_OAUTH)),
    word("oauth_scope", "", Only(&[], NO_OAUTH)),
    word("scram_client_key", "", Only(&[], NO_KEYS)),
    word("scram_server_key", "", Only(&[], NO_KEYS)),
];

/// The parameter of this name.
///
/// # Errors
/// If libpq knows none, with the nearest it knows.
pub(super) fn find(name: &str, origin: &str) -> Result<&'static Keyword, ConninfoError> {
    KEYWORDS
        .iter()
        .find(|keyword| keyword.name == name)
        .ok_or_else(|| ConninfoError::UnknownKey {
            key: shown(name),
            origin: origin.to_owned(),
            nearest: nearest(name, KEYWORDS.iter().map(|keyword| keyword.name))
                .map(|name| format!(": did you mean {name}?"))
                .unwrap_or_default(),
        })
}

/// What is no plain word may be a part of a password that should have been quoted.
fn shown(name: &str) -> String {
    let is_word = |character: char| character.is_ascii_alphabetic() || character == '_';
    if name.len() <= 40 && name.chars().all(is_word) {
        name.to_owned()
    } else {
        "***".to_owned()
    }
}

impl Keyword {
    /// Refuses a value that asks for what cannot be given.
    ///
    /// # Errors
    /// If it does, with the reason.
    pub(super) fn check(&self, value: &str, origin: &str) -> Result<(), ConninfoError> {
        let Only(harmless, reason) = self.treatment else {
            return Ok(());
        };
        if value.is_empty() || harmless.contains(&value) {
            return Ok(());
        }
        Err(ConninfoError::Refused {
            setting: self.name,
            origin: origin.to_owned(),
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_weaken_a_connection_is_refused_and_what_makes_no_difference_is_not() {
        let check = |name: &str, value: &str| {
            let keyword = find(name, "the text").expect("known");
            keyword
                .check(value, "the text")
                .map_err(|error| error.to_string())
        };
        for (name, value) in [
            ("gssencmode", "prefer"),
            ("sslcrl", ""),
            ("krbsrvname", "x"),
            ("replication", "off"),
        ] {
            assert_eq!(check(name, value), Ok(()), "{name}={value}");
        }
        for (name, value) in [
            ("gssencmode", "require"),
            ("sslcrl", "a.crl"),
            ("require_auth", "md5"),
            ("replication", "database"),
        ] {
            let message = check(name, value).expect_err("refused");
            assert!(
                message.starts_with(&format!("cannot obey {name} (from the text): ")),
                "{message}"
            );
        }
    }

    #[test]
    fn no_parameter_and_no_variable_is_there_twice() {
        let names: std::collections::BTreeSet<_> =
            KEYWORDS.iter().map(|keyword| keyword.name).collect();
        let variables: std::collections::BTreeSet<_> = KEYWORDS
            .iter()
            .filter_map(|keyword| keyword.variable)
            .collect();
        assert_eq!(names.len(), KEYWORDS.len());
        assert_eq!(
            variables.len(),
            KEYWORDS
                .iter()
                .filter(|keyword| keyword.variable.is_some())
                .count()
        );
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_nearest() {
        let message = find("sslmod", "the text").expect_err("unknown").to_string();
        assert_eq!(
            message,
            "libpq knows no connection parameter sslmod (from the text): did you mean sslmode?"
        );
    }
}
