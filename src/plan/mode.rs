//! The two ways PostgreSQL plans a prepared statement.

use serde::{Deserialize, Serialize};

/// How PostgreSQL plans a prepared statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanMode {
    /// Planned for the values bound.
    Custom,
    /// Planned once, without looking at the values.
    Generic,
}

impl PlanMode {
    /// The name used in JSON, file names and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PlanMode::Custom => "custom",
            PlanMode::Generic => "generic",
        }
    }
}
