//! A run as JSON: exactly what `run.json` holds.

use crate::run::Run;
use crate::run::store::json_text;

/// The text of `run.json`.
pub(super) fn render(run: &Run) -> String {
    json_text(run)
}
