//! What a run of drains looks like: one view, then one file a format.

mod csv;
mod facts;
mod grid;
mod grids;
mod markdown;
mod overview;
mod scaling;
mod table;
#[cfg(test)]
mod tests;
mod view;

use super::{Format, Layout};
use crate::run::store::json_text;
use crate::run::throughput::ThroughputRun;

/// Prints a run of drains.
pub(super) fn render(run: &ThroughputRun, format: Format, layout: Layout<'_>) -> String {
    match format {
        Format::Table => table::render(run, layout),
        Format::Json => json_text(run),
        Format::Markdown => markdown::render(run, layout),
        Format::Csv => csv::render(run),
    }
}
