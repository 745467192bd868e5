//! A statement that ran inside a function or a trigger while another was measured.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::plan_result::{BufferCounts, WalCounts};

/// One entry of `nested`: all executions of one statement at one place of one function that had the same shape. What it touched is also
/// in the figures of the statement that called the function, but for what AFTER triggers did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NestedResult {
    /// Its text; empty where the server does not tell it (SQL functions with `begin atomic`), cut where it is very long.
    pub statement: String,
    /// Where it stands; none where PostgreSQL itself executes it (a foreign key) or a function in another language that does not say.
    pub within: Option<Within>,
    /// How often it was executed.
    pub calls: u64,
    /// Identifies its plan's shape.
    pub shape: String,
    /// Its plan in one line.
    pub digest: String,
    /// Rows of all executions.
    pub rows: u64,
    /// Rows that its nodes read and threw away, in all executions.
    pub rows_removed: u64,
    /// Pages of all executions.
    pub buffers: BufferCounts,
    /// WAL of all executions.
    pub wal: WalCounts,
    /// The file under the run folder with the plan of the execution that touched the most pages, as auto_explain printed it.
    pub dump: String,
}

/// A place in a function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Within {
    /// The function as PostgreSQL names it: with the types of its arguments where it tells them.
    pub function: String,
    /// The line of its body, from 1; none where the language does not tell.
    pub line: Option<u64>,
    /// The number of the statement in its body, from 1; only of functions in SQL.
    pub statement: Option<u64>,
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {}", self.function)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        match self.statement {
            Some(statement) => write!(f, ", statement {statement}"),
            None => Ok(()),
        }
    }
}

/// Where a nested statement stands, for people.
#[must_use]
pub fn place(within: Option<&Within>) -> String {
    within.map_or_else(
        || "by PostgreSQL, as for a foreign key".to_owned(),
        |within| format!("in {within}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_in_words() {
        let within = |line, statement| Within {
            function: "complete_job(bigint)".to_owned(),
            line,
            statement,
        };
        let told = |line, statement| place(Some(&within(line, statement)));
        assert_eq!(
            told(Some(3), None),
            "in function complete_job(bigint), line 3"
        );
        assert_eq!(
            told(None, Some(2)),
            "in function complete_job(bigint), statement 2"
        );
        assert_eq!(told(None, None), "in function complete_job(bigint)");
        assert!(place(None).contains("foreign key"));
    }
}
