//! The arguments of the commands that measure.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use glob::Pattern;

use super::comparing::Gate;
use super::values::{FormatName, any_format, name, pattern, place, seconds, timeout};
use crate::cli::exit::Usage;
use crate::definition::Operation;
use crate::report::{ComparisonFormat, Format};

/// What to measure.
#[derive(Clone, Debug, Args)]
pub struct What {
    /// Queue to take: a built-in name, or the path of a folder (repeatable) [default: status-partial, durable-steps]
    #[arg(long, value_name = "QUEUE", value_parser = name, help_heading = "What")]
    pub queue: Vec<String>,
    /// Fixture to take: a built-in name, or the path of a file (repeatable) [default: heavy-single-queue, many-queues-sparse, with-steps]
    #[arg(long, value_name = "FIXTURE", value_parser = name, help_heading = "What")]
    pub fixture: Vec<String>,
    /// Operation to take (repeatable) [default: fetch, complete]
    #[arg(long, value_name = "OPERATION", value_parser = Operation::from_str, help_heading = "What")]
    pub operation: Vec<Operation>,
    /// Variants to take, as a pattern such as `batch-1*` (repeatable)
    #[arg(long, value_name = "PATTERN", value_parser = pattern, help_heading = "What")]
    pub variant: Vec<Pattern>,
    /// Take every built-in queue, fixture and operation that no other option narrows
    #[arg(long, help_heading = "What")]
    pub all: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub scale: ScaleOptions,
}

/// How large fixtures are made.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct ScaleOptions {
    /// Build fixtures with fewer rows; the default on a server of one's own
    #[arg(long, help_heading = "What")]
    pub quick: bool,
    /// Build fixtures at their full size on a server of one's own too
    #[arg(long, conflicts_with_all = ["quick", "rows"], help_heading = "What")]
    pub full: bool,
    /// Build fixtures with this many jobs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "quick", help_heading = "What")]
    pub rows: Option<u64>,
    /// Replace the fixtures' seeds
    #[arg(long, value_name = "N", help_heading = "What")]
    pub seed: Option<u64>,
}

impl ScaleOptions {
    /// On a server of one's own, fixtures are small unless something else is said.
    #[must_use]
    pub fn on_server(self, given: bool) -> ScaleOptions {
        let small = given && !self.full && self.rows.is_none();
        ScaleOptions {
            quick: self.quick || small,
            ..self
        }
    }

    /// Time for the samples of a statement of a variant.
    #[must_use]
    pub fn budget(self, asked: Option<Duration>) -> Duration {
        asked.unwrap_or(if self.quick { QUICK_BUDGET } else { BUDGET })
    }
}

/// Time for the samples of a statement of a variant where the user does not say.
const BUDGET: Duration = Duration::from_secs(2);

/// The same with `--quick`: time for as many samples as ever of what is quick, and for the least of what is not.
const QUICK_BUDGET: Duration = Duration::from_millis(250);

/// `compare-plans`.
#[derive(Debug, Args)]
pub struct ComparePlans {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub what: What,
    /// Samples for the times of a plan, at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000), help_heading = "How")]
    pub samples: u64,
    /// Time for the samples of a statement of a variant, both plan modes together; never fewer than 3 samples, or 20 a side in turns
    /// [default: 2; 0.25 with small fixtures]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "How")]
    pub budget: Option<Duration>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub one_database: OneDatabase,
    /// Compare the run with this one, or with this baseline, and print only the comparison: a folder, an id, latest, a file, a name in
    /// baselines/
    #[arg(long, value_name = "RUN|FILE", value_parser = name, help_heading = "Comparing")]
    pub baseline: Option<String>,
    /// Keep the run as that baseline file, made where it is missing; whatever the comparison says, the exit code is then 0
    #[arg(
        long,
        requires = "baseline",
        conflicts_with = "fail_on",
        help_heading = "Comparing"
    )]
    pub update_baseline: bool,
    /// Measure another version of the queue too, sample by sample in turns, and print only how this one compares with it: a folder, or
    /// git:REV for the queue's own folder as a revision has it; here times count too
    #[arg(long, value_name = "DIR|git:REV", value_parser = name, conflicts_with = "baseline", help_heading = "Comparing")]
    pub against: Option<String>,
    /// Measure every queue against itself and print how often a comparison would have cried wolf; ends with 3 if counts differ, 5 if
    /// times do in more than 1 of 100 plans
    #[arg(long, conflicts_with_all = ["baseline", "against", "fail_on", "tolerance", "allow_different"], help_heading = "Comparing")]
    pub self_check: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub gate: Gate,
    /// How to print the results: table, json, markdown, csv, matrix (pages of a fetch of ten, queues against fixtures); a comparison: table, json, markdown, junit
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = any_format, help_heading = "Output")]
    pub format: FormatName,
    /// Print what run.json holds, or the comparison as data; short for --format json
    #[arg(long, conflicts_with = "format", help_heading = "Output")]
    pub json: bool,
    /// Where to leave the run's folder
    #[arg(
        long,
        value_name = "DIR",
        default_value = "to-analyse",
        value_parser = place(),
        help_heading = "Output"
    )]
    pub out: PathBuf,
}

/// Where no databases are to be made on a server of one's own.
#[derive(Clone, Debug, Args)]
pub struct OneDatabase {
    /// Build fixtures in this schema of the database that the URL names, and drop it at the end
    #[arg(long, value_name = "NAME", help_heading = "On a server of your own")]
    pub in_schema: Option<String>,
    /// Measure on the tables that stand in the database that the URL names (a staging copy)
    #[arg(
        long,
        requires = "queue",
        conflicts_with_all = ["in_schema", "fixture", "all", "quick", "full", "rows", "seed", "keep", "copy_strategy"],
        help_heading = "On a server of your own"
    )]
    pub in_place: bool,
    /// In place: measure statements that write too, in transactions that are rolled back
    #[arg(long, requires = "in_place", help_heading = "On a server of your own")]
    pub allow_writes: bool,
    /// In place: how long a statement may wait for a lock [default: 1]
    #[arg(long, value_name = "SECONDS", requires = "in_place", value_parser = timeout, help_heading = "On a server of your own")]
    pub lock_timeout: Option<Duration>,
    /// In place: how long a statement may take [default: 30]
    #[arg(long, value_name = "SECONDS", requires = "in_place", value_parser = timeout, help_heading = "On a server of your own")]
    pub statement_timeout: Option<Duration>,
}

impl ComparePlans {
    /// The format asked for, of a run.
    ///
    /// # Errors
    /// If only comparisons have it.
    pub fn format(&self) -> Result<Format, Usage> {
        let named = self.format.of_run.filter(|_| !self.json);
        let json = self.json.then_some(Format::Json);
        named.or(json).ok_or_else(|| {
            Usage(
                "--format junit is for a comparison: name what to compare with, by --baseline or --against"
                    .to_owned(),
            )
        })
    }

    /// The format asked for, of a comparison.
    ///
    /// # Errors
    /// If only runs have it.
    pub fn comparison_format(&self) -> Result<ComparisonFormat, Usage> {
        let named = self.format.of_comparison.filter(|_| !self.json);
        let json = self.json.then_some(ComparisonFormat::Json);
        named.or(json).ok_or_else(|| {
            let names = ComparisonFormat::ALL.map(ComparisonFormat::name);
            Usage(format!(
                "a comparison is not printed as csv or matrix: --format takes {} there",
                names.join(", ")
            ))
        })
    }
}

/// `extract-queries`.
#[derive(Debug, Args)]
pub struct ExtractQueries {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub what: What,
    /// Where to write the files
    #[arg(
        long,
        value_name = "DIR",
        default_value = "extracted-queries",
        value_parser = place(),
        help_heading = "Output"
    )]
    pub out: PathBuf,
}

/// `selftest`.
#[derive(Debug, Args)]
pub struct Selftest {
    /// Time for all of it, about
    #[arg(long, value_name = "SECONDS", default_value = "12", value_parser = seconds, help_heading = "How")]
    pub budget: Duration,
    /// Pairs of runs of the same statement by pgbench and by this program, however long they take
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000), help_heading = "How")]
    pub pairs: Option<u16>,
    /// Print everything as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}
