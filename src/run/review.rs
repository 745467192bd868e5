//! What a review found: plans out of files and logs, with their findings; of logs also which statements took which plans.
//!
//! `review --json` prints a [`Review`].

use serde::Serialize;

use super::plan_result::{BufferCounts, WalCounts};
use crate::finding::Finding;
use crate::plan::Plan;

/// The version of what `review --json` prints.
pub const FORMAT_VERSION: u32 = 1;

/// All that was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Review {
    /// Version of this format; [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The plans, in the order they were read. Of a log the dearest of each statement and shape.
    pub plans: Vec<ReviewedPlan>,
    /// The statements of logs, those that touched the most pages first (by time where no entry has pages); empty where no log was read.
    pub statements: Vec<LoggedStatement>,
    /// What could not be read, or only in part.
    pub problems: Vec<Problem>,
}

/// Where something was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Source {
    /// The file as it was named or found; `-` for standard input.
    pub path: String,
    /// The line it begins in, from 1.
    pub line: u64,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReviewedPlan {
    /// Where it was found.
    pub source: Source,
    /// Text of the statement; none where it is not told.
    pub statement: Option<String>,
    /// Identifies the plan's shape: equal for equal plans.
    pub shape: String,
    /// The plan in one line.
    pub digest: String,
    /// Rows returned, or written where none are returned; none without ANALYZE.
    pub rows: Option<u64>,
    /// Execution time in milliseconds; none without ANALYZE.
    pub execution_ms: Option<f64>,
    /// Planning time in milliseconds; none where it is not told.
    pub planning_ms: Option<f64>,
    /// Pages; none without BUFFERS.
    pub buffers: Option<BufferCounts>,
    /// WAL; none without the WAL option.
    pub wal: Option<WalCounts>,
    /// What the rules found, worst first.
    pub findings: Vec<Finding>,
    /// What cannot be told of this plan, and what would tell it, for example that there are no pages without BUFFERS.
    pub notes: Vec<String>,
    /// The plan itself, for printing its tree.
    #[serde(skip)]
    pub plan: Plan,
}

/// A statement of a log, over all its entries.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoggedStatement {
    /// PostgreSQL's identifier of the query; none where the log does not have it. Outside the plan (`%Q`, a column, a key) the server tells
    /// for a statement inside a function that of the statement which called the function.
    pub query_id: Option<i64>,
    /// Its text, with `?` for literals and `...` for the members of lists.
    pub statement: String,
    /// Where it was first seen.
    pub first: Source,
    /// Entries.
    pub calls: u64,
    /// Time of all of them, in milliseconds.
    pub total_ms: f64,
    /// Pages of all entries that have them, `hit + read`; none where no entry has them.
    pub total_pages: Option<u64>,
    /// The shapes of its plans, the most frequent first.
    pub shapes: Vec<LoggedShape>,
    /// Where it went from one shape to another, in the order of the log: not more than a fixed number of the first and the last.
    pub flips: Vec<Flip>,
    /// All flips, also those not listed.
    pub flips_total: u64,
}

/// The entries of a statement that had the same shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoggedShape {
    /// Identifies the shape.
    pub shape: String,
    /// The plan in one line.
    pub digest: String,
    /// Entries.
    pub calls: u64,
    /// Time of all of them, in milliseconds.
    pub total_ms: f64,
    /// The longest of them, in milliseconds.
    pub max_ms: f64,
    /// Pages of all entries that have them; none where none has.
    pub total_pages: Option<u64>,
    /// The most pages of one entry.
    pub max_pages: Option<u64>,
    /// Where the first entry is.
    pub first: Source,
    /// Where the last entry is.
    pub last: Source,
    /// The entry shown, the dearest: an index into [`Review::plans`].
    pub plan: usize,
}

/// A statement whose plan changed from one entry to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flip {
    /// The first entry with the new shape.
    pub source: Source,
    /// The time of that entry as the log has it; none where the prefix has none.
    pub time: Option<String>,
    /// The shape before.
    pub from: String,
    /// The shape from then on.
    pub to: String,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where.
    pub source: Source,
    /// What is wrong and what to do: lower case, no full stop.
    pub message: String,
}
