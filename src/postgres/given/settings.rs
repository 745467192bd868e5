//! Settings that a scenario wants, on a server that is not ours: what a session may set is each worker's own, the rest stays as it is.

use std::collections::BTreeMap;

use thiserror::Error;
use tokio_postgres::Client;

use crate::postgres::database::server_message;
use crate::run::environment::Limitation;

/// Why settings cannot be had.
#[derive(Debug, Error)]
pub enum SettingError {
    /// No server has it.
    #[error("the server knows no setting {name}: correct its name, or leave it out")]
    Unknown {
        /// The setting.
        name: String,
    },
    /// A value it cannot have.
    #[error(
        "the server refuses setting {name} = {value}: {}; change it, or leave it out",
        server_message(source)
    )]
    Refused {
        /// The setting.
        name: String,
        /// What it was to be.
        value: String,
        /// What the server says.
        source: tokio_postgres::Error,
    },
    /// It does not tell.
    #[error("cannot read setting {name}: {}", server_message(source))]
    Unanswered {
        /// The setting.
        name: String,
        /// What the server says.
        source: tokio_postgres::Error,
    },
}

/// What of the wanted settings can be had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSettings {
    /// What each worker's session sets.
    pub session: BTreeMap<String, String>,
    /// What the server runs with instead.
    pub limitations: Vec<Limitation>,
}

const ASK: &str = "select current_setting(name), setting, \
         context = 'user' or context = 'superuser' and current_setting('is_superuser')::bool \
     from pg_settings where lower(name) = lower($1)";

/// Divides settings into those that a session may set, each of which is tried, and those that only the server's owner could. Changes
/// nothing.
///
/// # Errors
/// If one is unknown, or cannot have its value.
pub async fn of_sessions(
    client: &Client,
    wanted: &BTreeMap<String, String>,
) -> Result<SessionSettings, SettingError> {
    let mut settings = SessionSettings::default();
    for (name, value) in wanted {
        let unanswered = |source| SettingError::Unanswered {
            name: name.clone(),
            source,
        };
        let row = client.query_opt(ASK, &[name]).await.map_err(unanswered)?;
        let Some(row) = row else {
            return Err(SettingError::Unknown { name: name.clone() });
        };
        let (shown, plain, own): (&str, &str, bool) = (row.get(0), row.get(1), row.get(2));
        if own {
            // For this one statement only.
            let tried = client
                .query_one("select set_config($1, $2, true)", &[name, value])
                .await;
            tried.map_err(|source| SettingError::Refused {
                name: name.clone(),
                value: value.clone(),
                source,
            })?;
            settings.session.insert(name.clone(), value.clone());
        } else if !is_same(value, shown) && !is_same(value, plain) {
            settings.limitations.push(differs(name, value, shown));
        }
    }
    Ok(settings)
}

fn differs(name: &str, value: &str, shown: &str) -> Limitation {
    Limitation {
        capability: name.to_owned(),
        not_comparable: Vec::new(),
        message: format!(
            "the scenario wants {name} = {value}, which is the whole server's: it stays {shown}, as found"
        ),
    }
}

/// Whether two values of a setting mean the same: booleans have several words.
fn is_same(wanted: &str, found: &str) -> bool {
    let word = |value: &str| {
        let value = value.trim().to_ascii_lowercase();
        match value.as_str() {
            "true" | "yes" | "1" => "on".to_owned(),
            "false" | "no" | "0" => "off".to_owned(),
            _ => value,
        }
    };
    word(wanted) == word(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_as_the_server_reads_them() {
        assert!(is_same("TRUE", "on"));
        assert!(is_same(" 4MB", "4mb"));
        assert!(!is_same("4MB", "8MB"));
        assert!(!is_same("off", "on"));
    }

    #[test]
    fn what_stays_is_named_with_its_value() {
        let message = differs("autovacuum_naptime", "1s", "1min").message;
        assert!(message.contains("autovacuum_naptime = 1s"), "{message}");
        assert!(message.contains("stays 1min"), "{message}");
    }
}
