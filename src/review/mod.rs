//! Plans wherever somebody has them: files, folders, standard input, server logs.

pub mod document;
pub mod input;
pub mod log;
pub mod log_signs;
pub mod recorded;
mod walk;

use crate::plan::Plan;
use crate::run::review::Source;

/// A plan found in a document, not yet judged.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundPlan {
    /// Where it begins.
    pub source: Source,
    /// The text of its statement, where it is told.
    pub statement: Option<String>,
    /// The plan.
    pub plan: Plan,
}
