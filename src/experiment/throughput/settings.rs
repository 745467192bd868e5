//! A scenario's settings, as far as they are each worker's own.

use std::collections::BTreeMap;

use crate::postgres::given::settings::{self, SessionSettings, SettingError};
use crate::postgres::workspace::Workspace;

/// A worker's own, wherever the server is: one that is started for the run has all others from its start.
const OF_WORKERS: &str = "synchronous_commit";

/// What each worker's session sets, and what cannot be set.
///
/// # Errors
/// If the server knows no such setting, refuses its value, or does not tell.
pub(super) async fn of_sessions(
    workspace: &Workspace,
    wanted: &BTreeMap<String, String>,
) -> Result<SessionSettings, SettingError> {
    if workspace.managed().is_none() {
        return settings::of_sessions(workspace.databases().session(), wanted).await;
    }
    let own = wanted.iter().filter(|(name, _)| *name == OF_WORKERS);
    Ok(SessionSettings {
        session: own
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        limitations: Vec::new(),
    })
}
