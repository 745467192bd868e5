//! What a run of drains looks like: one view, then one file a format.

mod comparison;
mod csv;
mod facts;
mod grid;
mod grids;
mod ledger;
mod markdown;
mod overview;
mod scaling;
mod table;
#[cfg(test)]
mod tests;
mod troubles;
mod view;

use super::{ComparisonFormat, Format, Layout};
use crate::run::comparison::drains::DrainComparison;
use crate::run::store::json_text;
use crate::run::throughput::ThroughputRun;

/// Prints a run of drains.
pub(super) fn render(run: &ThroughputRun, format: Format, layout: Layout<'_>) -> String {
    match format {
        Format::Table => table::render(run, layout),
        Format::Json => json_text(run),
        Format::Markdown | Format::Matrix => markdown::render(run, layout),
        Format::Csv => csv::render(run),
    }
}

/// Prints two runs of drains side by side.
pub(super) fn render_comparison(
    comparison: &DrainComparison,
    format: ComparisonFormat,
    layout: Layout<'_>,
) -> String {
    match format {
        ComparisonFormat::Table => comparison::table(comparison, layout),
        ComparisonFormat::Markdown => comparison::markdown(comparison),
        ComparisonFormat::Json | ComparisonFormat::Junit => comparison::json(comparison),
    }
}
