//! What PostgreSQL knows of a table without looking at its rows: sizes, counters, and the planner's statistics of its columns.
//!
//! All of it comes out of the catalogs, in one read-only transaction with limits on waiting and running; the table itself is neither
//! read nor locked. Values are asked for by column, so that nothing is read of a column whose values nobody needs.

mod name;
mod reader;

use thiserror::Error;

pub use name::TableName;
pub use reader::{Limits, Reader};

use super::database::server_message;
use super::version::Version;

/// Why a table's statistics cannot be read.
#[derive(Debug, Error)]
pub enum TableError {
    /// A name that is none.
    #[error(
        "`{text}` names no table: {reason}; write name or schema.name, in double quotes where PostgreSQL wants them"
    )]
    Name {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The server does not answer.
    #[error("cannot read {what}: {}", server_message(source))]
    Unanswered {
        /// What was asked for.
        what: String,
        /// What it says.
        source: tokio_postgres::Error,
    },
    /// There is none.
    #[error("there is no table {table} in database {database}{}", hint(near))]
    Missing {
        /// The name as it was understood.
        table: String,
        /// Where it was looked for.
        database: String,
        /// The nearest table there is, as SQL names it.
        near: Option<String>,
    },
    /// Something else has that name.
    #[error("{table} is {kind}, which has no rows of its own: name the table that holds the jobs")]
    NoTable {
        /// Its name.
        table: String,
        /// What it is.
        kind: &'static str,
    },
}

fn hint(near: &Option<String>) -> String {
    match near {
        Some(near) => format!(": did you mean {near}?"),
        None => {
            ", or the search path does not find it: name its schema too, as in --table jobs.job"
                .to_owned()
        }
    }
}

/// A table as the catalogs describe it; of a partitioned table, all of its partitions together.
#[derive(Clone, Debug, PartialEq)]
pub struct TableStatistics {
    /// The server's version.
    pub server: Version,
    /// Whether the server is a standby, which counts neither dead rows nor changes.
    pub is_standby: bool,
    /// The role that asked.
    pub role: String,
    /// Whether policies keep rows, and with them statistics, from that role.
    pub is_row_secured: bool,
    /// When it was asked, in seconds since 1970.
    pub asked_at: f64,
    /// When it was analysed last, in seconds since 1970; none where the server does not know.
    pub analysed_at: Option<f64>,
    /// Its name with its schema, as SQL writes it.
    pub name: String,
    /// Whether it has partitions, or tables that inherit from it: its statistics are then those of all of them.
    pub has_children: bool,
    /// Whether it is itself a partition of another.
    pub is_partition: bool,
    /// Number of tables its rows lie in: 1 for a plain table.
    pub parts: u64,
    /// How many of them were never vacuumed or analysed, so that nothing is known of their size.
    pub unknown_parts: u64,
    /// Estimated number of rows (reltuples).
    pub rows: f64,
    /// Live rows by the cumulative statistics (n_live_tup).
    pub live: u64,
    /// Dead rows by the cumulative statistics (n_dead_tup).
    pub dead: u64,
    /// Rows changed since it was analysed (n_mod_since_analyze).
    pub modified: u64,
    /// Where its values that lie out of line are, if any may.
    pub out_of_line: OutOfLine,
    /// Its columns.
    pub columns: Vec<Column>,
}

/// The values of a table that lie out of line (its TOAST tables).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OutOfLine {
    /// Their pages, as VACUUM counted them last.
    pub pages: u64,
    /// The pieces they are cut into, as VACUUM counted them last.
    pub pieces: f64,
    /// Live pieces by the cumulative statistics.
    pub live: u64,
    /// Dead pieces by the cumulative statistics.
    pub dead: u64,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Its type, as SQL writes it.
    pub type_name: String,
    /// Whether the role may read it, and with it its statistics.
    pub is_readable: bool,
    /// What ANALYZE noted, if it has.
    pub statistics: Option<ColumnStatistics>,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Words: a character type or an enum.
    Words,
    /// Whole numbers.
    Integer,
    /// Other numbers.
    Number,
    /// True or false.
    Boolean,
    /// A moment with its time zone.
    Moment,
    /// A moment without a time zone.
    LocalMoment,
    /// A day.
    Day,
    /// Anything else: JSON, bytes, arrays, ids.
    Other,
}

/// What ANALYZE noted of a column, without its values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnStatistics {
    /// Share of the rows in which it is null.
    pub null_fraction: f64,
    /// Average size of a value in its row, in bytes, compressed where it is; a value out of line counts as the pointer to it.
    pub width: f64,
    /// Number of distinct values, or where below 0, minus their share of the rows.
    pub distinct: f64,
    /// Shares of the rows that have the most common values, the most common first.
    pub common: Vec<f64>,
}

impl ColumnStatistics {
    /// Number of distinct values in a table of so many rows; 0 where all are null.
    #[must_use]
    pub fn distinct_values(&self, rows: f64) -> f64 {
        let distinct = match self.distinct < 0.0 {
            true => -self.distinct * rows,
            false => self.distinct,
        };
        distinct.round().max(self.common.len() as f64)
    }
}

/// When the jobs are due, by the statistics of one column, in seconds since 1970; may be infinite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    /// The most common values, in the order of their shares.
    pub common: Vec<f64>,
    /// Bounds between which the other values lie, with equally many between each two.
    pub bounds: Vec<f64>,
}
