//! Reads EXPLAIN in its default format, text, into [`Plan`]s.

use super::json::PlanError;
use super::statement::Plan;

/// Reads one plan in text format: its node lines with what belongs to them, and the lines about the whole statement behind them.
///
/// # Errors
/// [`PlanError`] if the text is no plan.
pub fn parse(_text: &str) -> Result<Plan, PlanError> {
    Err(PlanError::Empty)
}
