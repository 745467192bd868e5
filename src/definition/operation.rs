//! What a statement does for a queue.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::suggestion;

/// What a statement does for a queue. Ordered as a job lives: made, fetched, finished, looked after, looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Adds jobs.
    Enqueue,
    /// Takes jobs that are due, so that no other worker takes them.
    Fetch,
    /// Reports jobs as done, or reports the outcomes of a batch at once.
    Complete,
    /// Reports jobs as failed: tried again later, or given up.
    Fail,
    /// Hands jobs back unworked.
    Release,
    /// Says that the worker still has its jobs.
    Heartbeat,
    /// Makes jobs ready again whose worker is gone.
    Rescue,
    /// Removes finished jobs.
    Prune,
    /// Reads the results of steps done earlier.
    StepLoad,
    /// Keeps the result of a step.
    StepSave,
    /// Looks without changing anything, for example counts by state.
    Inspect,
}

impl Operation {
    /// Every operation, in order.
    pub const ALL: [Operation; 11] = [
        Operation::Enqueue,
        Operation::Fetch,
        Operation::Complete,
        Operation::Fail,
        Operation::Release,
        Operation::Heartbeat,
        Operation::Rescue,
        Operation::Prune,
        Operation::StepLoad,
        Operation::StepSave,
        Operation::Inspect,
    ];

    /// The name used in files, on the command line and in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Operation::Enqueue => "enqueue",
            Operation::Fetch => "fetch",
            Operation::Complete => "complete",
            Operation::Fail => "fail",
            Operation::Release => "release",
            Operation::Heartbeat => "heartbeat",
            Operation::Rescue => "rescue",
            Operation::Prune => "prune",
            Operation::StepLoad => "step-load",
            Operation::StepSave => "step-save",
            Operation::Inspect => "inspect",
        }
    }

    /// The name, without `.sql`, of the file that serves it where a queue does not say otherwise.
    #[must_use]
    pub fn default_file(self) -> &'static str {
        match self {
            Operation::Inspect => "backlog",
            _ => self.name(),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that is no operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown operation `{name}`; {help}")]
pub struct UnknownOperation {
    /// The word.
    pub name: String,
    /// The operation that was probably meant, or all there are.
    pub help: String,
}

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(name: &str) -> Result<Operation, UnknownOperation> {
        Operation::ALL
            .into_iter()
            .find(|operation| operation.name() == name)
            .ok_or_else(|| UnknownOperation {
                name: name.to_owned(),
                help: suggestion::did_you_mean(
                    name,
                    "operations",
                    Operation::ALL.map(Operation::name),
                ),
            })
    }
}

impl Serialize for Operation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Operation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Operation, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_keep_their_order() {
        for operation in Operation::ALL {
            assert_eq!(operation.to_string().parse(), Ok(operation));
        }
        assert!(Operation::ALL.is_sorted());
        assert_eq!(Operation::Inspect.default_file(), "backlog");
        assert_eq!(Operation::StepLoad.default_file(), "step-load");
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        assert_eq!(
            "fetsh".parse::<Operation>().unwrap_err().to_string(),
            "unknown operation `fetsh`; did you mean `fetch`?"
        );
        let all = "unknown operation `x`; operations: `enqueue`, `fetch`, `complete`, `fail`, `release`, `heartbeat`, `rescue`, `prune`, \
                   `step-load`, `step-save`, `inspect`";
        assert_eq!("x".parse::<Operation>().unwrap_err().to_string(), all);
    }
}
