//! The arguments of the commands about what is measured: queues, fixtures, scenarios, rules.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ScaleOptions;
use super::values::{name, place};

/// `queues`.
#[derive(Debug, Args)]
pub struct Queues {
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub action: QueuesAction,
}

/// What to do with queues.
#[derive(Debug, Subcommand)]
pub enum QueuesAction {
    /// One line each
    List,
    /// A queue's contract, statements and variants
    Show {
        /// A built-in name, or the path of a folder
        #[arg(value_parser = name)]
        queue: String,
    },
}

/// `fixtures`.
#[derive(Debug, Args)]
pub struct Fixtures {
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub action: FixturesAction,
}

/// What to do with fixtures.
#[derive(Debug, Subcommand)]
pub enum FixturesAction {
    /// One line each
    List,
    /// A fixture's file with what it means
    Show {
        /// A built-in name, or the path of a file
        #[arg(value_parser = name)]
        fixture: String,
    },
    /// Build a fixture and keep it, so that the next run starts at once
    Build {
        /// A built-in name, or the path of a file
        #[arg(value_parser = name)]
        fixture: String,
        /// Queue to build it for: a built-in name, or the path of a folder (repeatable) [default: status-partial, durable-steps]
        #[arg(long, value_name = "QUEUE", value_parser = name)]
        queue: Vec<String>,
        #[command(flatten)]
        #[allow(missing_docs)]
        scale: ScaleOptions,
    },
    /// Write a fixture with the proportions of a table that is in use, out of its statistics
    ///
    /// Reads the catalogs of the database that --database-url names, in a read-only transaction: no row of the table is read, nothing is
    /// locked, and no value gets into the fixture, whose remarks say where each number comes from. The role has to be allowed to
    /// read the table (or those of its columns that count). What could not be told is said on stderr.
    FromDatabase(Box<FromDatabase>),
    /// Drop what was built of a fixture
    Drop {
        /// Its name, or the path of its file
        #[arg(value_parser = name)]
        fixture: String,
        /// Only what was built for this queue: its name, or the path of its folder
        #[arg(long, value_name = "QUEUE", value_parser = name)]
        queue: Option<String>,
    },
}

/// `fixtures from-database`.
#[derive(Debug, Args)]
pub struct FromDatabase {
    /// The table that holds the jobs: name or schema.name, in double quotes where SQL wants them
    #[arg(long, value_name = "TABLE", value_parser = name)]
    pub table: String,
    /// Write ./NAME.toml
    #[arg(long, value_name = "NAME", value_parser = name, conflicts_with = "out", help_heading = "Output")]
    pub name: Option<String>,
    /// Write this file, or stdout where it is `-` [default: -]
    #[arg(long, value_name = "FILE", value_parser = place(), help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long, help_heading = "Output")]
    pub force: bool,
    /// Which column holds what, and what states mean
    #[command(flatten)]
    pub columns: ColumnOptions,
}

/// Which column holds what, and what states mean.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What the columns are [default: recognised by name and type]")]
pub struct ColumnOptions {
    /// The column with the job's state: words, an enum, whole numbers, true and false
    #[arg(long, value_name = "COLUMN", value_parser = name)]
    pub state_column: Option<String>,
    /// Values of it that mean: waits to be fetched, due or not (repeatable, or with commas)
    #[arg(long, value_name = "VALUE,…", value_parser = name, value_delimiter = ',')]
    pub ready: Vec<String>,
    /// Values of it that mean: done
    #[arg(long, value_name = "VALUE,…", value_parser = name, value_delimiter = ',')]
    pub completed: Vec<String>,
    /// Values of it that mean: given up
    #[arg(long, value_name = "VALUE,…", value_parser = name, value_delimiter = ',')]
    pub failed: Vec<String>,
    /// Values of it that mean: fetched and not finished
    #[arg(long, value_name = "VALUE,…", value_parser = name, value_delimiter = ',')]
    pub running: Vec<String>,
    /// The column with the job's queue
    #[arg(long, value_name = "COLUMN", value_parser = name)]
    pub queue_column: Option<String>,
    /// The column with its priority
    #[arg(long, value_name = "COLUMN", value_parser = name)]
    pub priority_column: Option<String>,
    /// The column that says when it is due: timestamps or dates
    #[arg(long, value_name = "COLUMN", value_parser = name)]
    pub due_column: Option<String>,
    /// The column that says which kind of job it is
    #[arg(long, value_name = "COLUMN", value_parser = name)]
    pub task_key_column: Option<String>,
    /// The column with what the job carries
    #[arg(long, value_name = "COLUMN", value_parser = name)]
    pub payload_column: Option<String>,
}

/// `scenarios`.
#[derive(Debug, Args)]
pub struct Scenarios {
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub action: ScenariosAction,
}

/// What to do with scenarios.
#[derive(Debug, Subcommand)]
pub enum ScenariosAction {
    /// One line each
    List,
    /// A scenario's file with what it means
    Show {
        /// A built-in name, or the path of a file
        #[arg(value_parser = name)]
        scenario: String,
    },
}

/// `rules`.
#[derive(Debug, Args)]
pub struct Rules {
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub action: RulesAction,
}

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub enum RulesAction {
    /// One line each
    List,
    /// What a rule looks for, why it hurts a queue, and what mends it
    Show {
        /// Its id, as findings name it
        #[arg(value_parser = name)]
        rule: String,
    },
}

/// `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// What to call it: `my-queue` makes ./my-queue; a path such as ./queues/my-queue is taken as it is
    #[arg(value_parser = name)]
    pub name: String,
    /// Copy the built-in queue of this name, or with --fixture or --scenario the built-in one of those
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub from: Option<String>,
    /// Write a fixture file instead of a queue folder
    #[arg(long)]
    pub fixture: bool,
    /// Write a scenario file instead of a queue folder
    #[arg(long, conflicts_with = "fixture")]
    pub scenario: bool,
}
