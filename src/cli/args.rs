//! The command line.

mod comparing;
mod definitions;
mod keeping;
mod measuring;
mod throughput;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::postgres::binaries::WantedList;
use crate::postgres::cache_limit::CacheLimit;
use values::{name, place};

pub use comparing::{Compare, FailOn, Gate, Review, Runs, RunsAction, RunsFolder, SeverityName};
pub use definitions::{
    ColumnOptions, Fixtures, FixturesAction, FromDatabase, Init, Queues, QueuesAction, Rules,
    RulesAction, Scenarios, ScenariosAction,
};
pub use keeping::{Clean, Postgres, PostgresAction};
pub use measuring::{ComparePlans, ExtractQueries, OneDatabase, ScaleOptions, Selftest, What};
pub use throughput::{Throughput, WorkerOptions};
pub use values::{FormatName, format_names};

const OVERVIEW: &str = "\
{before-help}{about}

{usage-heading} {usage}

Measure   compare-plans    measure every statement's plan on every fixture
          throughput       drain a full queue, every job accounted for
Read      review           your own plans and logs: what is wrong, without a database
          compare          set two runs, or a baseline and a run, side by side
          runs             list, show and remove runs, save one as a baseline
Define    queues           list the queues, show one
          fixtures         list, show, build and drop data distributions, draw one from a database
          scenarios        list, show workloads
          rules            list what is looked for in plans, explain one
          init             write a queue folder, a fixture or a scenario file, to start from
          extract-queries  write every variant as a file for psql
Set up    postgres         list the servers there are, fetch and remove some
          selftest         say what can be trusted on this server and machine
          clean            remove what the program keeps, listed first
          completions      complete the command line in a shell

Start: pgq-analyze compare-plans --quick

Options:
{options}{after-help}
";

const REVIEW_EXAMPLES: &str = "\
Examples:
  pgq-analyze review plan.json                        one plan
  psql -XAtf explain.sql | pgq-analyze review -       what psql prints
  pgq-analyze review /var/log/postgresql/             server logs with auto_explain
  pgq-analyze review plans/ --top 20                  a folder, the 20 worst in full
  pgq-analyze review --fail-on warning plans/         for a gate: exit code 3
  pgq-analyze review --anonymize --format markdown x  to show to others

How to have plans logged: docs/reviewing.md.";

/// A query-plan and throughput laboratory for Postgres-backed queues
#[derive(Debug, Parser)]
#[command(name = "pgq-analyze", version, help_template = OVERVIEW, max_term_width = 110)]
#[command(
    after_help = "Exit codes: 0 done, 1 could not do it (or not all of it), 2 usage, 3 a gate failed (--fail-on, a threshold), or counts that ought to repeat do not (selftest), 4 jobs lost, altered, unexpected or delivered twice against the queue's promise, 5 inconclusive, 130 interrupted (results so far are kept)."
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
    /// Drain a full queue with batched workers, every job accounted for
    ///
    /// Copies a fixture, lets workers fetch in batches, do the task and complete with the queue's own statements until the queue is empty
    /// (or --duration), and accounts for every job by its payload. SCENARIO is a built-in name or the path of a file; every value of it
    /// can be overridden; thresholds and settings are added to. Several queues, repeats and points of a sweep are interleaved, each on a fresh copy.
    Throughput(Box<Throughput>),
    /// Say what is wrong with plans and server logs of your own; needs no database
    ///
    /// Reads plans wherever they are, draws each as a tree with what every node did by itself, and names what is wrong at the node where it
    /// is. Of logs it also lists the statements, the plans each had, and when it went from one to another. What cannot be read is said on
    /// stderr, and the rest is reviewed; the exit code is then 1.
    #[command(after_help = REVIEW_EXAMPLES)]
    Review(Review),
    /// Set two runs side by side: what got worse, what got better, and why
    ///
    /// FIRST is the baseline, SECOND is judged by it. Counts decide (pages, rows, WAL), and they repeat; times are shown. Unequal fixtures,
    /// seeds, settings or versions are refused and named. Without --fail-on the exit code is 0 whatever is found.
    Compare(Compare),
    /// List, show and remove runs, save one as a baseline
    Runs(Runs),
    /// List the queues, show one
    Queues(Queues),
    /// List, show, build and drop data distributions, draw one from a database
    Fixtures(Fixtures),
    /// List workloads, show one
    Scenarios(Scenarios),
    /// List what is looked for in plans, explain one
    Rules(Rules),
    /// Write a queue folder, a fixture or a scenario file to start from
    ///
    /// The files are commented and run at once; what they hold is yours to replace. With --from they are those of a built-in one. Nothing
    /// is overwritten.
    Init(Init),
    /// Write every variant as a .sql file for psql
    ///
    /// Each file has the parameters' values filled in, EXPLAIN in front and ROLLBACK behind. The values come from the fixture, which is
    /// built where it is not there yet.
    ExtractQueries(ExtractQueries),
    /// Say what can be trusted on this server and machine
    ///
    /// Tests the clock, the disk, whether counts repeat, and how much times waver, sets this program's workers beside pgbench where there
    /// is one, and puts a verdict into words. Ends with 0 if counts repeat, 3 if those that ought to do not, 5 if it could not tell.
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
    /// Work as the program that started this process says: not for people
    #[command(hide = true)]
    Worker,
    /// Print a script that completes the command line in a shell
    ///
    /// For bash: source <(pgq-analyze completions bash), in ~/.bashrc to have it always.
    Completions {
        /// Which shell
        shell: Shell,
    },
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
        let command = Arguments::command();
        for command in command.get_subcommands().filter(|one| !one.is_hide_set()) {
            assert!(
                OVERVIEW.contains(&format!(" {} ", command.get_name())),
                "{} is not in the overview",
                command.get_name()
            );
        }
    }
}
