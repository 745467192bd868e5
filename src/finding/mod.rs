//! What is wrong with a plan, in words: findings, the rules that make them, and the case a rule looks at.

pub mod access;
pub mod case;
pub mod cause;
pub mod claim;
pub mod costly_scan;
pub mod order;
pub mod own_row;
pub mod predicate;
pub mod rules;
pub mod statement_text;
pub mod time_share;
pub mod wording;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How much a finding matters. Ordered: a note is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing has to be done (for example: only a plan that PostgreSQL would not choose by itself shows it).
    Note,
    /// Costs something now, or will when the table grows.
    Warning,
    /// The statement does not scale: its cost grows with the table, not with what it was asked for, or its workers get in each other's
    /// way.
    Critical,
}

impl Severity {
    /// The name, as in `run.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// One thing that is wrong with one plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Id of the rule that found it, for example `sort-in-fetch`.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// One sentence: what was found, with its numbers. Lower case, no full stop.
    pub message: String,
    /// What to do about it, concretely: the index or the statement to write.
    pub help: String,
    /// The node it was found at, as the digest names it (for example `Seq Scan job`), or none for the whole statement.
    pub node: Option<String>,
    /// The figures behind the message, by name; the unit is in the name.
    pub evidence: BTreeMap<String, serde_json::Value>,
}
