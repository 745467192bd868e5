//! Two runs side by side: one view, then one file a format.

mod entry;
mod figures;
mod json;
mod junit;
mod markdown;
mod nodes;
mod places;
#[cfg(test)]
mod sample;
mod table;
#[cfg(test)]
mod tests;
mod view;
mod words;

use super::text::inert;
use super::{ComparisonFormat, Layout};
use crate::run::comparison::Comparison;

/// Spaces that a tab of a statement is shown as.
const TAB: &str = "    ";

/// Prints a comparison.
pub(super) fn render(
    comparison: &Comparison,
    format: ComparisonFormat,
    layout: Layout<'_>,
) -> String {
    match format {
        ComparisonFormat::Table => table::render(comparison, layout),
        ComparisonFormat::Json => json::render(comparison),
        ComparisonFormat::Markdown => markdown::render(comparison, layout),
        ComparisonFormat::Junit => junit::render(comparison),
    }
}

/// A line of a statement, inert, its tabs as spaces.
fn source_line(line: &str) -> String {
    inert(&line.replace('\t', TAB))
}
