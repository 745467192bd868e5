//! Steps of a job: those whose results are kept already are skipped, each of the others is done and saved.

use std::collections::HashSet;

use thiserror::Error;

use crate::statement::serving::{Answer, FetchedJob, STEP_KEY, Serving};
use crate::statement::value::RawText;

/// What the task is measured by: steps saved.
pub const METRIC: &str = "steps per second";

/// A step-load whose answer does not tell what is done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StepsError {
    /// No column names the step.
    #[error(
        "{path}: it returns no column step_key, so it does not tell which steps are done; return step_key"
    )]
    NoStepKey {
        /// The file.
        path: String,
    },
    /// No column says whose step it is.
    #[error(
        "{path}: it does not tell whose steps they are; return the job's key, under the name of the fetched column if there are several of its type"
    )]
    NoJob {
        /// The file.
        path: String,
    },
}

/// The steps of each job, of `count`, that are still to be done, in order: those that step-load did not return. `path` is its file.
///
/// # Errors
/// If the answer does not tell.
pub fn missing(
    step_load: &Serving,
    answer: &Answer,
    jobs: &[&FetchedJob],
    count: u64,
    path: &str,
) -> Result<Vec<Vec<String>>, StepsError> {
    let path = || path.to_owned();
    let column = step_load.columns().position(STEP_KEY);
    let column = column.ok_or_else(|| StepsError::NoStepKey { path: path() })?;
    let owners = step_load.jobs_of(answer, jobs);
    let owners = owners.ok_or_else(|| StepsError::NoJob { path: path() })?;
    let mut done = vec![HashSet::new(); jobs.len()];
    for (row, owner) in answer.rows.iter().zip(owners) {
        if let (Some(owner), Ok(RawText(step))) = (owner, row.try_get(column)) {
            done[owner].insert(step);
        }
    }
    Ok(done.iter().map(|done| not_among(done, count)).collect())
}

fn not_among(done: &HashSet<String>, count: u64) -> Vec<String> {
    (1..=count)
        .map(step_key)
        .filter(|step| !done.contains(step))
        .collect()
}

/// The name of a job's step, from 1; the same as in fixtures.
#[must_use]
pub fn step_key(number: u64) -> String {
    format!("step-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_skipped() {
        let done = HashSet::from([step_key(1), step_key(3), "another".to_owned()]);
        assert_eq!(not_among(&done, 4), ["step-2", "step-4"]);
        assert_eq!(not_among(&HashSet::new(), 2), ["step-1", "step-2"]);
    }
}
