//! What two runs differ in besides what is compared: fixtures, seeds, settings, versions.

use serde::{Deserialize, Serialize};

/// Something in which two runs ought to be equal and are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlike {
    /// What it is, for example `setting work_mem` or `seed of fixture heavy-single-queue`.
    pub what: String,
    /// In the first run.
    pub first: String,
    /// In the second run.
    pub second: String,
}

/// All of them in a line, with what to do.
#[must_use]
pub fn listed(unlike: &[Unlike]) -> String {
    let parts = unlike
        .iter()
        .map(|one| format!("{} ({} and {})", one.what, one.first, one.second));
    parts.collect::<Vec<_>>().join(", ")
}
