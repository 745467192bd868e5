//! What a comparison has to satisfy for a command to succeed, and how much a count may grow.

use serde::{Deserialize, Serialize};

use super::{Comparison, Verdict};

/// By which share a count may grow before it counts as worse: 0.01 is 1 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tolerances {
    /// Of pages per row.
    pub pages_per_row: f64,
    /// Of WAL bytes per row.
    pub wal_per_row: f64,
    /// Of pages read per row to send the rows.
    pub output_pages_per_row: f64,
    /// Of rows read and thrown away per row.
    pub rows_removed_per_row: f64,
}

impl Default for Tolerances {
    fn default() -> Self {
        Tolerances {
            pages_per_row: 0.01,
            wal_per_row: 0.01,
            output_pages_per_row: 0.01,
            rows_removed_per_row: 0.01,
        }
    }
}

/// What makes a command fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// A plan that regressed.
    Regression,
    /// Any plan that is not unchanged.
    Difference,
}

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing it is about was found.
    Passed,
    /// It was found.
    Failed,
    /// It was not found, but some plans could not be judged.
    Inconclusive,
}

impl FailOn {
    /// Judges a comparison.
    #[must_use]
    pub fn judge(self, comparison: &Comparison) -> Outcome {
        let fails = |verdict| match self {
            FailOn::Regression => verdict == Verdict::Regressed,
            FailOn::Difference => !matches!(verdict, Verdict::Unchanged | Verdict::Inconclusive),
        };
        let mut verdicts = comparison.plans.iter().map(|plan| plan.verdict);
        if verdicts.clone().any(fails) {
            Outcome::Failed
        } else if verdicts.any(|verdict| verdict == Verdict::Inconclusive) {
            Outcome::Inconclusive
        } else {
            Outcome::Passed
        }
    }
}
