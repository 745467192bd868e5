//! Steps of a job: those whose results are kept already are skipped, each of the others is done and saved.

use std::collections::{HashMap, HashSet};

use thiserror::Error;
use tokio_postgres::Row;

use crate::definition::statement::StatementFile;
use crate::statement::value::{RawText, RawValue};

/// What the task is measured by: steps saved.
pub const METRIC: &str = "steps per second";

/// The returned column that names a step.
const STEP_KEY: &str = "step_key";

/// What tells whose step it is: the values of the job's key columns, as the server sends them.
pub type Key = Vec<Option<Vec<u8>>>;

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
        "{path}: it does not tell whose steps they are: return the column {column} that its parameters are made of, under that name or one that ends in _{column}"
    )]
    NoJob {
        /// The file.
        path: String,
        /// The fetched column.
        column: String,
    },
}

/// Which columns tell whose steps are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepColumns {
    /// The job's key among the fetched columns.
    fetched: Vec<usize>,
    /// The same among the columns that step-load returns.
    returned: Vec<usize>,
    /// The step's name among those.
    step_key: usize,
}

impl StepColumns {
    /// Finds them: a job's key is what the parameters of step-load are made of.
    ///
    /// # Errors
    /// If step-load does not return them.
    pub fn find(
        step_load: &StatementFile,
        fetched: &[&str],
        returned: &[&str],
    ) -> Result<StepColumns, StepsError> {
        let path = || step_load.source.path.clone();
        let place = |wanted: &dyn Fn(&str) -> bool| returned.iter().position(|name| wanted(name));
        let step_key = place(&|name| name == STEP_KEY)
            .ok_or_else(|| StepsError::NoStepKey { path: path() })?;
        let mut columns = StepColumns {
            fetched: Vec::new(),
            returned: Vec::new(),
            step_key,
        };
        for (index, column) in fetched.iter().enumerate() {
            let mentions = step_load.parameters.iter().any(|parameter| {
                let default = parameter.default.as_ref();
                default.is_some_and(|default| default.sql.trim() == format!("fetched.{column}"))
            });
            if !mentions {
                continue;
            }
            let ending = format!("_{column}");
            let found = place(&|name| name == *column)
                .or_else(|| place(&|name| name.ends_with(&ending)))
                .ok_or_else(|| StepsError::NoJob {
                    path: path(),
                    column: (*column).to_owned(),
                })?;
            columns.fetched.push(index);
            columns.returned.push(found);
        }
        if columns.fetched.is_empty() {
            let column = fetched.first().map_or("id", |column| column).to_owned();
            return Err(StepsError::NoJob {
                path: path(),
                column,
            });
        }
        Ok(columns)
    }

    /// The key of a fetched job.
    #[must_use]
    pub fn key_of_job(&self, job: &Row) -> Key {
        key(job, &self.fetched)
    }

    /// The steps that are done, out of the rows of step-load.
    #[must_use]
    pub fn done(&self, rows: &[Row]) -> StepsDone {
        let mut done = StepsDone::default();
        for row in rows {
            let name = row.try_get::<_, RawText>(self.step_key);
            if let Ok(RawText(name)) = name {
                done.add(key(row, &self.returned), name);
            }
        }
        done
    }
}

fn key(row: &Row, columns: &[usize]) -> Key {
    let value = |column: &usize| row.try_get::<_, RawValue>(*column).ok()?.0;
    columns.iter().map(value).collect()
}

/// The steps that are done, by job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepsDone(HashMap<Key, HashSet<String>>);

impl StepsDone {
    /// Adds one.
    pub fn add(&mut self, job: Key, step: String) {
        self.0.entry(job).or_default().insert(step);
    }

    /// The steps of a job, of so many, that are still to be done, in order.
    #[must_use]
    pub fn missing(&self, job: &Key, count: u64) -> Vec<String> {
        let done = self.0.get(job);
        (1..=count)
            .map(step_key)
            .filter(|step| !done.is_some_and(|done| done.contains(step)))
            .collect()
    }
}

/// The name of a job's step, from 1; the same as in fixtures.
#[must_use]
pub fn step_key(number: u64) -> String {
    format!("step-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::source::Source;

    fn step_load(parameters: &str) -> StatementFile {
        let text = format!("-- operation: step-load\n{parameters}\nselect :ids;\n");
        StatementFile::parse(Source::new("queries/q/step-load.sql", text)).unwrap()
    }

    #[test]
    fn a_job_is_known_by_what_the_parameters_are_made_of() {
        let file = step_load("-- param ids uuid[] = fetched.id");
        let fetched = ["queue", "id", "payload"];
        let found = StepColumns::find(&file, &fetched, &["execution_id", "step_key", "result"]);
        let expected = StepColumns {
            fetched: vec![1],
            returned: vec![0],
            step_key: 1,
        };
        assert_eq!(found, Ok(expected));
        let error = |returned: &[&str]| {
            StepColumns::find(&file, &fetched, returned)
                .unwrap_err()
                .to_string()
        };
        assert!(error(&["id", "result"]).contains("returns no column step_key"));
        assert!(error(&["step_key", "result"]).contains("return the column id"));
        let constant = step_load("-- param ids uuid[] = null");
        assert!(StepColumns::find(&constant, &fetched, &["id", "step_key"]).is_err());
    }

    #[test]
    fn what_is_done_is_skipped() {
        let key = |byte| vec![Some(vec![byte])];
        let mut done = StepsDone::default();
        done.add(key(1), step_key(1));
        done.add(key(1), step_key(3));
        done.add(key(2), step_key(2));
        assert_eq!(done.missing(&key(1), 4), ["step-2", "step-4"]);
        assert_eq!(done.missing(&key(3), 2), ["step-1", "step-2"]);
    }
}
