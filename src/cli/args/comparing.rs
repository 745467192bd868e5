//! The arguments of the commands about runs: comparing them, gates, listing and keeping.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::values::{comparison_format, format, name, place, review_format};
use crate::finding::Severity;
use crate::report::{ComparisonFormat, Format, ReviewFormat};
use crate::run::comparison::Tolerance;

/// What a comparison has to satisfy.
#[derive(Clone, Debug, Default, Args)]
pub struct Gate {
    /// End with exit code 3 if a plan regressed, or if any plan differs; with 5 if some could not be judged
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Comparing")]
    pub fail_on: Option<FailOn>,
    /// How much a count may grow, as pages_per_row=5; counts: pages_per_row, wal_per_row, output_pages_per_row, rows_removed_per_row
    /// [default: 1 each]; of throughput pages_per_job, wal_bytes_per_job, wal_records_per_job, dead_rows_per_job, commits_per_job
    /// [default: 5 each] (repeatable)
    #[arg(long, value_name = "COUNT=PERCENT", help_heading = "Comparing")]
    pub tolerance: Vec<Tolerance>,
    /// Compare runs although fixtures, seeds, settings or versions differ; what differs is listed
    #[arg(long, help_heading = "Comparing")]
    pub allow_different: bool,
}

/// What a gate fails on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// A plan that regressed
    Regression,
    /// Any plan that is not unchanged
    Difference,
}

/// `compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// What is judged by: a run (folder, id, the beginning of one, latest, latest~1) or a baseline (file, or its name in baselines/)
    #[arg(value_name = "FIRST", value_parser = name)]
    pub first: String,
    /// What is judged, named likewise
    #[arg(value_name = "SECOND", value_parser = name)]
    pub second: String,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub gate: Gate,
    /// How to print the comparison: table, json, markdown or junit
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = comparison_format, help_heading = "Output")]
    pub format: ComparisonFormat,
    /// Print the comparison as data; short for --format json
    #[arg(long, conflicts_with = "format", help_heading = "Output")]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub runs_folder: RunsFolder,
}

impl Compare {
    /// The format asked for.
    #[must_use]
    pub fn format(&self) -> ComparisonFormat {
        if self.json {
            ComparisonFormat::Json
        } else {
            self.format
        }
    }
}

/// `review`.
#[derive(Debug, Args)]
pub struct Review {
    /// Files and folders with plans or server logs; - for standard input
    #[arg(required = true, value_name = "PATH", value_parser = place())]
    pub paths: Vec<PathBuf>,
    /// Show so many plans in full, the worst
    #[arg(long, value_name = "N", default_value_t = 5, help_heading = "Output")]
    pub top: usize,
    /// End with exit code 3 if there is a finding of this severity, or a worse one
    #[arg(long, value_enum, value_name = "SEVERITY", help_heading = "Output")]
    pub fail_on: Option<SeverityName>,
    /// Replace the names of tables, indexes, columns, functions and files, and all literals; structure and figures stay
    #[arg(long, help_heading = "Output")]
    pub anonymize: bool,
    /// How to print it: table, markdown or json
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = review_format, help_heading = "Output")]
    pub format: ReviewFormat,
    /// Print the review as data; short for --format json
    #[arg(long, conflicts_with = "format", help_heading = "Output")]
    pub json: bool,
}

impl Review {
    /// The format asked for.
    #[must_use]
    pub fn format(&self) -> ReviewFormat {
        if self.json {
            ReviewFormat::Json
        } else {
            self.format
        }
    }
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SeverityName {
    /// Any finding
    Note,
    /// Something that costs now, or will when the table grows
    Warning,
    /// Something that does not scale
    Critical,
}

impl From<SeverityName> for Severity {
    fn from(name: SeverityName) -> Severity {
        match name {
            SeverityName::Note => Severity::Note,
            SeverityName::Warning => Severity::Warning,
            SeverityName::Critical => Severity::Critical,
        }
    }
}

/// Where the runs are.
#[derive(Clone, Debug, Args)]
pub struct RunsFolder {
    /// Where run folders are
    #[arg(
        long,
        value_name = "DIR",
        default_value = "to-analyse",
        value_parser = place(),
        help_heading = "Where"
    )]
    pub out: PathBuf,
}

/// `runs`.
#[derive(Debug, Args)]
pub struct Runs {
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub action: RunsAction,
}

/// What to do with runs.
#[derive(Debug, Subcommand)]
pub enum RunsAction {
    /// One line each, newest first; then the baseline files in baselines/
    List {
        /// Print the list as JSON
        #[arg(long, help_heading = "Output")]
        json: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        runs_folder: RunsFolder,
    },
    /// Print a run as compare-plans printed it
    Show {
        /// Its folder, its id or the beginning of it, latest, or latest~1 for the one before
        #[arg(value_name = "RUN", value_parser = name)]
        run: String,
        /// How to print it: table, json, markdown or csv
        #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = format, help_heading = "Output")]
        format: Format,
        /// Print what run.json holds; short for --format json
        #[arg(long, conflicts_with = "format", help_heading = "Output")]
        json: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        runs_folder: RunsFolder,
    },
    /// Keep a complete run as a baseline file, small and made to be committed
    ///
    /// The file holds counts, shapes, findings and the statements' SQL, no samples. A file that is there is not replaced without --force.
    Save {
        /// What to call it: `main` makes baselines/main.json; a path such as ./ci/main.json is taken as it is
        #[arg(value_name = "NAME|FILE", value_parser = name)]
        baseline: String,
        /// The run, named as for show [default: the newest complete one]
        #[arg(value_name = "RUN", value_parser = name)]
        run: Option<String>,
        /// Replace the file if it is there
        #[arg(long, short)]
        force: bool,
        #[command(flatten)]
        #[allow(missing_docs)]
        runs_folder: RunsFolder,
    },
    /// Remove run folders; never one whose run is going, never anything else
    ///
    /// Nothing is asked and nothing is removed unless all that are named can be. Old runs go with `pgq-analyze clean --runs`.
    Remove {
        /// Their folders, their ids or the beginnings of them
        #[arg(required = true, value_name = "RUN", value_parser = name)]
        runs: Vec<String>,
        #[command(flatten)]
        #[allow(missing_docs)]
        runs_folder: RunsFolder,
    },
}
