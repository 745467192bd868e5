//! A scenario's settings, where the server is not started with them.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::postgres::database::server_message;
use crate::postgres::workspace::Workspace;

/// A worker's own, wherever the server is.
const OF_WORKERS: &str = "synchronous_commit";

/// A server that does not say what may be set.
#[derive(Debug, Error)]
#[error("cannot ask what settings a session may change: {}", server_message(.0))]
pub(super) struct SettingsError(tokio_postgres::Error);

/// What each worker's session sets, and what cannot be set, a sentence each.
///
/// # Errors
/// If the server does not tell.
pub(super) async fn of_sessions(
    workspace: &Workspace,
    settings: &BTreeMap<String, String>,
) -> Result<(BTreeMap<String, String>, Vec<String>), SettingsError> {
    if workspace.managed().is_some() {
        let own = settings.iter().filter(|(name, _)| *name == OF_WORKERS);
        let own = own.map(|(name, value)| (name.clone(), value.clone()));
        return Ok((own.collect(), Vec::new()));
    }
    let names: Vec<&str> = settings.keys().map(String::as_str).collect();
    let session = workspace.databases().session();
    let query = "select lower(name), context = 'user', current_setting(name) from pg_settings where lower(name) = any($1)";
    let rows = session
        .query(query, &[&names])
        .await
        .map_err(SettingsError)?;
    let (mut set, mut notes) = (BTreeMap::new(), Vec::new());
    for (name, value) in settings {
        let found = rows
            .iter()
            .find(|row| row.get::<_, &str>(0) == name.to_lowercase());
        match found {
            Some(row) if row.get(1) => {
                set.insert(name.clone(), value.clone());
            }
            Some(row) => notes.push(format!(
                "{name} is {} on this server, the scenario asks for {value}: a session cannot change it",
                row.get::<_, &str>(2)
            )),
            None => notes.push(format!("this server has no setting {name}")),
        }
    }
    Ok((set, notes))
}
