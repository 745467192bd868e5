//! The arguments of `throughput`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::ScaleOptions;
use super::values::{completion, format, lasting, name, outcomes, place, setting, task, threshold};
use crate::definition::quantity;
use crate::definition::scenario::plan::Lasting;
use crate::definition::scenario::{Completion, Outcomes, Task};
use crate::definition::threshold::Threshold;
use crate::report::Format;

/// `throughput`.
#[derive(Clone, Debug, Args)]
pub struct Throughput {
    /// Scenario to run: a built-in name, or the path of a file
    #[arg(value_name = "SCENARIO", default_value = "default", value_parser = name)]
    pub scenario: String,
    /// Queue to drain instead of the scenario's: a built-in name, or the path of a folder (repeatable: side by side, in turns)
    #[arg(long, value_name = "QUEUE", value_parser = name, help_heading = "What")]
    pub queue: Vec<String>,
    /// Fixture to take instead of the scenario's: a built-in name, or the path of a file
    #[arg(long, value_name = "FIXTURE", value_parser = name, help_heading = "What")]
    pub fixture: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub scale: ScaleOptions,
    /// How long the workers run, as 30s or 2min, or until-empty
    #[arg(long, value_name = "TIME", value_parser = lasting, help_heading = "What")]
    pub duration: Option<Lasting>,
    /// How long at the beginning throughput and latency are not counted
    #[arg(long, value_name = "TIME", value_parser = quantity::duration, help_heading = "What")]
    pub warmup: Option<Duration>,
    /// How often to do it, each time on a fresh copy
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000), help_heading = "What")]
    pub repeat: Option<u64>,
    /// Values to go through: workers=1,2,4 or batch-size=1,10,100 (both: as a grid)
    #[arg(long, value_name = "NAME=VALUES", value_parser = name, help_heading = "What")]
    pub sweep: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub workers: WorkerOptions,
    /// Set a setting of the server, as autovacuum_naptime=1s (repeatable)
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting, help_heading = "How")]
    pub settings: Vec<(String, String)>,
    /// How durable a commit is: on, off, local, remote_write, remote_apply
    #[arg(long, value_name = "VALUE", value_parser = ["on", "off", "local", "remote_write", "remote_apply"], help_heading = "How")]
    pub synchronous_commit: Option<String>,
    /// What has to hold in every result besides the scenario's own, as `latency.fetch.service.p95 < 20ms` (repeatable); ends with 3
    /// if it does not
    #[arg(long, value_name = "THRESHOLD", value_parser = threshold, help_heading = "How")]
    pub threshold: Vec<Threshold>,
    /// Leave in the queue what a run that ends before it is empty leaves there: what is lost is then not known
    #[arg(long, help_heading = "How")]
    pub no_drain: bool,
    /// How long workers that are asked to stop may take to finish what they hold
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = quantity::duration, help_heading = "How")]
    pub stop_timeout: Duration,
    /// How to print the results: table, json, markdown, csv
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

/// How the workers work.
#[derive(Clone, Debug, Default, Args)]
pub struct WorkerOptions {
    /// Number of workers, each with a connection of its own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Workers")]
    pub workers: Option<u64>,
    /// Processes to spread them over; 0 for threads of this one
    #[arg(long, value_name = "N", help_heading = "Workers")]
    pub processes: Option<u64>,
    /// Jobs to ask for with a fetch, and to complete together
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Workers")]
    pub batch_size: Option<u64>,
    /// Jobs a worker has in work at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Workers")]
    pub concurrency: Option<u64>,
    /// Wait after a fetch that found nothing
    #[arg(long, value_name = "TIME", value_parser = quantity::duration, help_heading = "Workers")]
    pub poll_interval: Option<Duration>,
    /// Longest wait of a finished job for others to be completed with
    #[arg(long, value_name = "TIME", value_parser = quantity::duration, help_heading = "Workers")]
    pub flush_interval: Option<Duration>,
    /// How to complete jobs: each, batch, with-next-fetch
    #[arg(long, value_name = "HOW", value_parser = completion, help_heading = "Workers")]
    pub completion: Option<Completion>,
    /// Wake waiting workers by NOTIFY, besides polling
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Workers")]
    pub listen: Option<bool>,
    /// What a job takes: noop, cpu:operations=1000, io:wait=10ms, memory:bytes=1MB, read-write:read=8kB,write=8kB,within=true, steps
    #[arg(long, value_name = "TASK", value_parser = task, help_heading = "Workers")]
    pub task: Option<Task>,
    /// Shares of deliveries whose task reports an error, hands the job back, or panics: failed=0.1,released=0,panicked=0
    #[arg(long, value_name = "SHARES", value_parser = outcomes, help_heading = "Workers")]
    pub outcomes: Option<Outcomes>,
}

impl Throughput {
    /// The format asked for.
    #[must_use]
    pub fn format(&self) -> Format {
        match self.json {
            true => Format::Json,
            false => self.format,
        }
    }
}
