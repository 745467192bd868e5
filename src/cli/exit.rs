//! How the program ends, for scripts.

use std::fmt;
use std::process::ExitCode;

/// The exit codes this version uses; the first that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// A signal ended it; results so far are kept.
    Interrupted,
    /// The command line is wrong.
    Usage,
    /// It could not be done, or not all of it.
    Failed,
    /// Jobs were lost, altered or delivered against what the queue promises.
    JobsLost,
    /// A gate failed: what ought to hold does not.
    GateFailed,
    /// It could not be told.
    Inconclusive,
    /// Done.
    Done,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Interrupted => 130,
            Exit::Usage => 2,
            Exit::Failed => 1,
            Exit::JobsLost => 4,
            Exit::GateFailed => 3,
            Exit::Inconclusive => 5,
            Exit::Done => 0,
        })
    }
}

/// An error in what was asked for, not in doing it: an unknown queue, a pattern that matches nothing.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// What an error says, followed by its causes; those that it names itself are not repeated.
#[must_use]
pub fn message(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::message;

    #[test]
    fn a_cause_is_said_once() {
        let error = anyhow!("no such file").context("cannot read job.sql: no such file");
        assert_eq!(message(&error), "cannot read job.sql: no such file");
        let error = anyhow!("no such file").context("cannot read job.sql");
        assert_eq!(message(&error), "cannot read job.sql: no such file");
    }
}
