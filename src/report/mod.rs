//! What a run looks like: one view, then one file a format.

mod comparison;
mod csv;
mod findings;
mod json;
mod markdown;
mod marks;
mod matrix;
mod naming;
mod nested;
mod page;
mod palette;
mod review;
mod scans;
mod self_check;
mod selftest;
mod status;
mod table;
pub mod text;
mod throughput;
mod verdicts;
mod versions;
mod view;

use std::path::Path;

use crate::run::Run;
use crate::run::comparison::Comparison;
use crate::run::comparison::drains::DrainComparison;
use crate::run::review::Review;
use crate::run::self_check::SelfCheck;
use crate::run::selftest::SelfTest;
use crate::run::throughput::ThroughputRun;

/// A format that a run is printed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people at a terminal.
    Table,
    /// Exactly what `run.json` holds.
    Json,
    /// For a comment on a pull request.
    Markdown,
    /// One line a result, RFC 4180.
    Csv,
    /// Queues against fixtures: the pages of a fetch of ten. Of plans only.
    Matrix,
}

impl Format {
    /// Every format, in the order help names them.
    pub const ALL: [Format; 5] = [
        Format::Table,
        Format::Json,
        Format::Markdown,
        Format::Csv,
        Format::Matrix,
    ];

    /// Those that drains are printed in, too.
    pub const OF_DRAINS: [Format; 4] = [Format::Table, Format::Json, Format::Markdown, Format::Csv];

    /// The name used on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Table => "table",
            Format::Json => "json",
            Format::Markdown => "markdown",
            Format::Csv => "csv",
            Format::Matrix => "matrix",
        }
    }
}

/// A format that a comparison of two runs is printed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparisonFormat {
    /// For people at a terminal.
    Table,
    /// The comparison as data.
    Json,
    /// For a comment on a pull request.
    Markdown,
    /// For what shows test results: a test case a plan.
    Junit,
}

impl ComparisonFormat {
    /// Every format, in the order help names them.
    pub const ALL: [ComparisonFormat; 4] = [
        ComparisonFormat::Table,
        ComparisonFormat::Json,
        ComparisonFormat::Markdown,
        ComparisonFormat::Junit,
    ];

    /// The name used on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ComparisonFormat::Table => "table",
            ComparisonFormat::Json => "json",
            ComparisonFormat::Markdown => "markdown",
            ComparisonFormat::Junit => "junit",
        }
    }
}

/// A format that a review is printed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewFormat {
    /// For people at a terminal.
    Table,
    /// For an issue or a comment.
    Markdown,
    /// The review as data.
    Json,
}

impl ReviewFormat {
    /// Every format, in the order help names them.
    pub const ALL: [ReviewFormat; 3] = [
        ReviewFormat::Table,
        ReviewFormat::Markdown,
        ReviewFormat::Json,
    ];

    /// The name used on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ReviewFormat::Table => "table",
            ReviewFormat::Markdown => "markdown",
            ReviewFormat::Json => "json",
        }
    }
}

/// How much of a review is shown; as JSON all of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReviewOptions {
    /// So many plans, the worst, are shown with their trees, and so many statements of logs with their shapes.
    pub top: usize,
}

/// What the place a report is printed at looks like.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'a> {
    /// Columns of the terminal; the table is never wider. Below 60 it is laid out for 60.
    pub width: usize,
    /// Whether the table may use colour.
    pub color: bool,
    /// The run's folder, to be named at the end; none where it is not known.
    pub folder: Option<&'a Path>,
}

/// Prints a run. Whatever its names and messages contain, the text holds no control characters but line ends and, in a coloured
/// table, colours. It ends with a line end.
#[must_use]
pub fn render(run: &Run, format: Format, layout: Layout<'_>) -> String {
    match format {
        Format::Table => table::render(run, layout),
        Format::Json => json::render(run),
        Format::Markdown => markdown::render(run, layout),
        Format::Csv => csv::render(run),
        Format::Matrix => matrix::render(run),
    }
}

/// Prints a run of drains, as Markdown where a matrix is wanted, which `throughput` does not ask for. What holds for the text of [`render`]
/// holds for this.
#[must_use]
pub fn render_throughput(run: &ThroughputRun, format: Format, layout: Layout<'_>) -> String {
    throughput::render(run, format, layout)
}

/// Prints two runs of drains side by side; as JUnit they are printed as JSON, which `compare` does not ask for.
#[must_use]
pub fn render_drain_comparison(
    comparison: &DrainComparison,
    format: ComparisonFormat,
    layout: Layout<'_>,
) -> String {
    throughput::render_comparison(comparison, format, layout)
}

/// Prints two runs side by side. What holds for the text of [`render`] holds for this.
#[must_use]
pub fn render_comparison(
    comparison: &Comparison,
    format: ComparisonFormat,
    layout: Layout<'_>,
) -> String {
    comparison::render(comparison, format, layout)
}

/// Prints a review of plans and logs. What holds for the text of [`render`] holds for this.
#[must_use]
pub fn render_review(
    found: &Review,
    format: ReviewFormat,
    options: ReviewOptions,
    layout: Layout<'_>,
) -> String {
    review::render(found, format, options, layout)
}

/// Prints a self-check for people at a terminal. What holds for the text of [`render`] holds for this.
#[must_use]
pub fn render_self_check(found: &SelfCheck, layout: Layout<'_>) -> String {
    self_check::render(found, layout)
}

/// Prints a self-test for people at a terminal. What holds for the text of [`render`] holds for this.
#[must_use]
pub fn render_selftest(found: &SelfTest, layout: Layout<'_>) -> String {
    selftest::render(found, layout)
}

#[cfg(test)]
mod tests;
