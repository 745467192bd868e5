//! A review: plans as annotated trees with the findings at their nodes, and of logs the statements with the shapes their plans had.
//!
//! [`View`] is prepared once, worst first; then one file a format.

mod anchors;
mod columns;
mod grid;
mod json;
mod markdown;
mod order;
mod selection;
mod statements;
mod summary;
mod table;
mod tree;

use self::order::View;
use super::{Layout, ReviewFormat, ReviewOptions};
use crate::run::review::Review;

/// Prints a review.
pub(super) fn render(
    review: &Review,
    format: ReviewFormat,
    options: ReviewOptions,
    layout: Layout<'_>,
) -> String {
    match format {
        ReviewFormat::Table => table::render(&View::of(review, options), layout),
        ReviewFormat::Markdown => markdown::render(&View::of(review, options)),
        ReviewFormat::Json => json::render(review),
    }
}

#[cfg(test)]
mod tests;
