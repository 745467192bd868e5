//! The arguments of the commands about what is measured: queues, fixtures, scenarios, rules.

use clap::{Args, Subcommand};

use super::ScaleOptions;
use super::values::name;

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
