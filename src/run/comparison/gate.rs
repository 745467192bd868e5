//! What a comparison has to satisfy for a command to succeed, and how much a count may grow.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::counts::Count;
use super::drains::JobCount;
use super::{ComparedPlan, Comparison, Verdict};
use crate::definition::nearest;
use crate::finding::wording::listed;

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

/// No count may be allowed to grow by more than this many percent: who wants that wants no gate.
const GREATEST_PERCENT: f64 = 1_000.0;

/// How much one count may grow, as given on the command line: `pages_per_row=5`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    count: Tolerated,
    share: f64,
}

/// A count that may grow.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Tolerated {
    /// Of a plan.
    Row(Count),
    /// Of a drain.
    Job(JobCount),
}

impl Tolerated {
    fn all() -> impl Iterator<Item = Tolerated> {
        let rows = Count::ALL.into_iter().map(Tolerated::Row);
        rows.chain(JobCount::ALL.into_iter().map(Tolerated::Job))
    }

    fn key(self) -> &'static str {
        match self {
            Tolerated::Row(count) => count.key(),
            Tolerated::Job(count) => count.key(),
        }
    }
}

impl Tolerance {
    /// The name of its count.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.count.key()
    }

    /// Whether its count is one of drains (or else of plans).
    #[must_use]
    pub fn is_of_drains(&self) -> bool {
        matches!(self.count, Tolerated::Job(_))
    }

    /// Its count, where it is one of drains.
    pub(super) fn job_count(&self) -> Option<JobCount> {
        match self.count {
            Tolerated::Job(count) => Some(count),
            Tolerated::Row(_) => None,
        }
    }

    /// By which share it may grow.
    pub(super) fn share(&self) -> f64 {
        self.share
    }
}

/// Why a text is no tolerance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToleranceError {
    /// It is not of the form.
    #[error("`{text}` is no tolerance; write COUNT=PERCENT, for example pages_per_row=5")]
    Form {
        /// What was given.
        text: String,
    },
    /// There is no such count.
    #[error("there is no count `{name}`; {help}")]
    Count {
        /// What was given.
        name: String,
        /// The nearest one, or all of them.
        help: String,
    },
    /// The share is no number, or out of bounds.
    #[error(
        "`{percent}` is no tolerance for {count}; give a percentage from 0 to 1000, for example {count}=5"
    )]
    Percent {
        /// What was given.
        percent: String,
        /// The count.
        count: &'static str,
    },
}

impl FromStr for Tolerance {
    type Err = ToleranceError;

    /// Reads `COUNT=PERCENT`; a `%` may follow.
    fn from_str(text: &str) -> Result<Tolerance, ToleranceError> {
        let Some((name, percent)) = text.split_once('=') else {
            return Err(ToleranceError::Form {
                text: text.to_owned(),
            });
        };
        let (name, percent) = (name.trim(), percent.trim());
        let Some(count) = Tolerated::all().find(|count| count.key() == name) else {
            let keys: Vec<&str> = Tolerated::all().map(Tolerated::key).collect();
            let help = match nearest(name, keys.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the counts are {}", listed(&keys)),
            };
            let name = name.to_owned();
            return Err(ToleranceError::Count { name, help });
        };
        let number = percent.strip_suffix('%').unwrap_or(percent).trim_end();
        match number.parse::<f64>() {
            Ok(number) if (0.0..=GREATEST_PERCENT).contains(&number) => Ok(Tolerance {
                count,
                share: number / 100.0,
            }),
            _ => Err(ToleranceError::Percent {
                percent: percent.to_owned(),
                count: count.key(),
            }),
        }
    }
}

impl Tolerances {
    /// The default with some replaced; of several for one count the last one holds. Those of drains are left aside.
    #[must_use]
    pub fn with(given: &[Tolerance]) -> Tolerances {
        let mut tolerances = Tolerances::default();
        for tolerance in given {
            if let Tolerated::Row(count) = tolerance.count {
                *count.tolerance_of(&mut tolerances) = tolerance.share;
            }
        }
        tolerances
    }
}

/// What makes a command fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// A plan that regressed.
    Regression,
    /// Any plan that is not unchanged, or is another one at the same cost.
    Difference,
}

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing it is about was found.
    Passed,
    /// It was found.
    Failed,
    /// It was not found, but some plans could not be judged or measured.
    Inconclusive,
}

impl FailOn {
    /// Judges a comparison.
    #[must_use]
    pub fn judge(self, comparison: &Comparison) -> Outcome {
        let fails = |plan: &ComparedPlan| match self {
            FailOn::Regression => plan.verdict == Verdict::Regressed,
            FailOn::Difference => plan.differs() && plan.verdict != Verdict::Inconclusive,
        };
        let mut plans = comparison.plans.iter();
        if plans.clone().any(fails) {
            Outcome::Failed
        } else if plans.any(|plan| plan.verdict == Verdict::Inconclusive)
            || !comparison.not_measured.is_empty()
        {
            Outcome::Inconclusive
        } else {
            Outcome::Passed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn refusal(text: &str) -> String {
        let refused = text.parse::<Tolerance>();
        refused.expect_err("no tolerance").to_string()
    }

    #[test]
    fn a_tolerance_names_a_count_and_a_percentage() {
        let given = ["pages_per_row=5", "wal_per_row = 2.5 %", "pages_per_row=0%"];
        let given = given.map(|text| text.parse().expect("reads"));
        let wanted = Tolerances {
            pages_per_row: 0.0,
            wal_per_row: 0.025,
            ..Tolerances::default()
        };
        assert_eq!(Tolerances::with(&given), wanted);
        let others = ["output_pages_per_row=1000", "rows_removed_per_row=100"];
        let others = Tolerances::with(&others.map(|text| text.parse().expect("reads")));
        assert_eq!(
            (others.output_pages_per_row, others.rows_removed_per_row),
            (10.0, 1.0)
        );
    }

    #[test]
    fn what_is_no_tolerance_is_told_how_to_write_one() {
        assert_eq!(
            refusal("5"),
            "`5` is no tolerance; write COUNT=PERCENT, for example pages_per_row=5"
        );
        assert_eq!(
            refusal("page_per_row=5"),
            "there is no count `page_per_row`; did you mean `pages_per_row`?"
        );
        assert_eq!(
            refusal("time=5"),
            "there is no count `time`; the counts are pages_per_row, wal_per_row, output_pages_per_row, rows_removed_per_row, pages_per_job, \
             wal_bytes_per_job, wal_records_per_job, dead_rows_per_job and commits_per_job"
        );
        for percent in ["", "-1", "1001", "NaN", "inf", "five"] {
            assert_eq!(
                refusal(&format!("wal_per_row={percent}")),
                format!(
                    "`{percent}` is no tolerance for wal_per_row; give a percentage from 0 to 1000, for example wal_per_row=5"
                )
            );
        }
    }

    #[test]
    fn a_gate_fails_by_what_it_is_about() {
        let mut comparison = sample::comparison();
        assert_eq!(FailOn::Regression.judge(&comparison), Outcome::Failed);
        let mut keep = |kept: &[Verdict]| {
            comparison = sample::comparison();
            comparison.plans.retain(|plan| kept.contains(&plan.verdict));
            [FailOn::Regression, FailOn::Difference].map(|gate| gate.judge(&comparison))
        };
        use Outcome::{Failed, Inconclusive, Passed};
        // One of them is another plan at the same cost.
        assert_eq!(keep(&[Verdict::Unchanged]), [Passed, Failed]);
        assert_eq!(
            keep(&[Verdict::Improved, Verdict::Unchanged]),
            [Passed, Failed]
        );
        assert_eq!(
            keep(&[Verdict::Vanished, Verdict::Appeared]),
            [Passed, Failed]
        );
        assert_eq!(
            keep(&[Verdict::Inconclusive, Verdict::Improved]),
            [Inconclusive, Failed]
        );
        assert_eq!(
            keep(&[Verdict::Inconclusive, Verdict::Unchanged]),
            [Inconclusive, Failed]
        );
        let mut same = sample::unchanged();
        let judged = |comparison: &Comparison| {
            [FailOn::Regression, FailOn::Difference].map(|gate| gate.judge(comparison))
        };
        assert_eq!(judged(&same), [Passed, Passed]);
        same.plans[0].verdict = Verdict::Inconclusive;
        assert_eq!(judged(&same), [Inconclusive, Inconclusive]);
    }
}
