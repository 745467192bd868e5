//! One plan mode of one statement in one fresh copy: a sample for the counts, then samples for the times.

use std::time::{Duration, Instant};

use super::ground::Ground;
use super::nested::{Collecting, Nested};
use super::{ExplainError, options};
use crate::plan::{Plan, work};
use crate::postgres::version::Version;
use crate::run::plan_result::{OutputCounts, Scan, When};
use crate::statement::StatementError;
use crate::statement::execute::Executable;
use crate::statement::generic::Prepared;
use crate::statement::value::{RawText, RawValue, as_parameters};

/// How many samples to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// Samples for the times, at most.
    pub samples: usize,
    /// However slow a statement is, this many are taken, unless fewer were asked for.
    pub least: usize,
    /// Time for one statement of a variant, both plan modes together.
    pub budget: Duration,
}

/// The fewest samples of a slow statement, where nothing is concluded from its times.
pub const LEAST_SAMPLES: usize = 3;

impl Sampling {
    /// The first half of the samples.
    pub(super) fn first_half(self) -> Sampling {
        Sampling {
            samples: self.samples.div_ceil(2),
            least: self.least.div_ceil(2),
            ..self
        }
    }

    /// The second half, where the first one took so many: as many again, however long that takes, since the halves of a series are told
    /// apart by their number alone. Of an odd number of samples the first half has one more.
    pub(super) fn second_half(self, taken: usize) -> Sampling {
        let samples = taken.min(self.samples.saturating_sub(taken));
        Sampling {
            samples,
            least: samples,
            ..self
        }
    }

    /// Whether another sample is due, with `taken` so far and this deadline.
    pub(super) fn goes_on(&self, taken: usize, deadline: Instant) -> bool {
        taken < self.samples && (taken < self.least || Instant::now() < deadline)
    }
}

/// What EXPLAIN is asked about.
#[derive(Clone, Copy, Debug)]
pub enum Target<'e> {
    /// The statement itself with bound values: a custom plan.
    Custom,
    /// A prepared statement, executed under `force_generic_plan`.
    Generic(&'e Prepared),
}

/// What the samples gave.
#[derive(Debug)]
pub struct Measurement {
    /// What EXPLAIN printed for the first sample, untouched.
    pub dump: String,
    /// The same, read.
    pub plan: Plan,
    /// The statements inside functions and triggers of the first sample; none where the server does not tell.
    pub nested: Option<Nested>,
    /// What its rows amounted to when they were sent; or why they could not be.
    pub output: Result<OutputCounts, ExplainError>,
    /// The pages of one execution after another, where others are in the copy.
    pub scans: Vec<Scan>,
    /// Planning times of the other samples, in milliseconds.
    pub planning_ms: Vec<f64>,
    /// Execution times of the other samples, in milliseconds.
    pub execution_ms: Vec<f64>,
}

/// Explains a statement in one session.
#[derive(Clone, Copy, Debug)]
pub struct Explainer<'e> {
    /// Where it is measured.
    pub ground: &'e Ground,
    /// The server's version.
    pub version: Version,
    /// The statement with its values.
    pub executable: &'e Executable<'e>,
    /// What to explain.
    pub target: Target<'e>,
}

impl Explainer<'_> {
    /// The plan as the planner makes it, not executed. This also warms the catalog caches.
    ///
    /// # Errors
    /// What the server says, with the place in the file.
    pub async fn plan_only(&self) -> Result<Plan, ExplainError> {
        let query = self.query(&options::explain(options::planning())).await?;
        self.read(&self.explain(&query).await?)
    }

    /// Executes: the first time for the counts, then for what the rows amount to, then for the times until there are enough or the
    /// deadline is over.
    ///
    /// # Errors
    /// What the server says, with the place in the file.
    pub async fn measure(
        &self,
        sampling: Sampling,
        deadline: Instant,
    ) -> Result<Measurement, ExplainError> {
        let mut series = self.count().await?;
        let mut taken = 0;
        while sampling.goes_on(taken, deadline) {
            self.time(&mut series).await?;
            taken += 1;
        }
        Ok(series.measurement)
    }

    /// Executes for the first time, for the counts, then for what the rows amount to.
    ///
    /// # Errors
    /// What the server says, with the place in the file.
    pub(super) async fn count(&self) -> Result<Series, ExplainError> {
        let counting = options::explain(&options::counting(self.version));
        let timing = options::explain(&options::timing(self.version));
        let counting = self.query(&counting).await?;
        let timing = self.query(&timing).await?;
        let collecting = self
            .ground
            .insight
            .sees_nested
            .then(|| Collecting::begin(&self.ground.session, self.version));
        let dump = self.counted(&counting, collecting.as_ref()).await?;
        let nested = collecting.map(Collecting::finish);
        let plan = self.read(&dump)?;
        let mut scans = Vec::new();
        if self.ground.present.is_anybody() {
            let (when, pages) = (When::First, pages(&plan));
            scans.push(Scan { when, pages });
            scans.push(self.scan(When::Second, &timing).await?);
        }
        let output = self.output(&plan).await;
        let measurement = Measurement {
            dump,
            plan,
            nested,
            output,
            scans,
            planning_ms: Vec::new(),
            execution_ms: Vec::new(),
        };
        Ok(Series {
            _counting: counting,
            timing,
            measurement,
        })
    }

    /// Executes once more, for the times.
    ///
    /// # Errors
    /// What the server says, with the place in the file.
    pub(super) async fn time(&self, series: &mut Series) -> Result<(), ExplainError> {
        let sample = self.read(&self.execute(&series.timing).await?)?;
        let measurement = &mut series.measurement;
        measurement.planning_ms.extend(sample.planning.time_ms);
        measurement.execution_ms.extend(sample.execution_ms);
        Ok(())
    }

    /// A sample of what EXPLAIN prints, while the plans of nested statements are collected.
    pub(super) async fn counted(
        &self,
        query: &Query,
        collecting: Option<&Collecting<'_>>,
    ) -> Result<String, ExplainError> {
        let settings = collecting.map_or("", |collecting| &collecting.settings);
        self.sample_with(settings, self.explain(query)).await
    }

    /// Executes twice, after the snapshot that was held in the copy was released.
    ///
    /// # Errors
    /// What the server says, with the place in the file.
    pub(super) async fn scan_after_release(&self, series: &mut Series) -> Result<(), ExplainError> {
        for when in [When::FirstAfterRelease, When::SecondAfterRelease] {
            let scan = self.scan(when, &series.timing).await?;
            series.measurement.scans.push(scan);
        }
        Ok(())
    }

    async fn scan(&self, when: When, query: &Query) -> Result<Scan, ExplainError> {
        let plan = self.read(&self.execute(query).await?)?;
        let pages = pages(&plan);
        Ok(Scan { when, pages })
    }

    /// A sample of what EXPLAIN prints.
    pub(super) async fn execute(&self, query: &Query) -> Result<String, ExplainError> {
        self.sample(self.explain(query)).await
    }

    /// An execution as a sample: begin, execute and undo are sent in one go, so that it costs one round trip.
    pub(super) async fn sample<T>(
        &self,
        execution: impl Future<Output = Result<T, ExplainError>>,
    ) -> Result<T, ExplainError> {
        self.sample_with("", execution).await
    }

    /// The same with settings that hold until it is undone.
    async fn sample_with<T>(
        &self,
        settings: &str,
        execution: impl Future<Output = Result<T, ExplainError>>,
    ) -> Result<T, ExplainError> {
        let Ground {
            session: client,
            isolation,
            ..
        } = self.ground;
        let begin = format!("{}; {settings}", isolation.begin_sample());
        let undo = self.ground.undo_sample();
        let (begun, executed, undone) = tokio::join!(
            client.simple_query(&begin),
            execution,
            client.simple_query(&undo)
        );
        begun.map_err(ExplainError::session("begin a sample"))?;
        let executed = executed?;
        undone.map_err(ExplainError::session("undo a sample"))?;
        Ok(executed)
    }

    /// What EXPLAIN prints.
    pub(super) async fn explain(&self, query: &Query) -> Result<String, ExplainError> {
        let values = as_parameters(&query.values);
        let explained = self.ground.session.query_one(&query.statement, &values);
        let row = explained
            .await
            .map_err(|error| self.failed(&error, query.prefix))?;
        Ok(row.get::<_, RawText>(0).0)
    }

    /// Prepares what is explained, with `prefix` in front.
    pub(super) async fn query(&self, prefix: &str) -> Result<Query, ExplainError> {
        let (command, types, values) = match self.target {
            Target::Custom => (
                self.executable.text().to_owned(),
                self.executable.types(),
                self.executable.values(),
            ),
            Target::Generic(prepared) => (prepared.execute(), Vec::new(), Vec::new()),
        };
        let characters = prefix.chars().count();
        let prepared = self
            .ground
            .session
            .prepare_typed(&format!("{prefix}{command}"), &types)
            .await;
        let statement = prepared.map_err(|error| self.failed(&error, characters))?;
        Ok(Query {
            statement,
            values,
            prefix: characters,
        })
    }

    pub(super) fn failed(&self, error: &tokio_postgres::Error, prefix: usize) -> StatementError {
        match self.target {
            Target::Custom => self.executable.failed(error, prefix),
            Target::Generic(_) => self.executable.failed_as_a_whole(error),
        }
    }

    pub(super) fn read(&self, text: &str) -> Result<Plan, ExplainError> {
        let fail = |source| ExplainError::Plan {
            statement: self.executable.place(),
            source,
        };
        let plans = Plan::parse(text).map_err(fail)?;
        plans
            .into_iter()
            .next()
            .ok_or_else(|| fail(crate::plan::json::PlanError::Empty))
    }
}

/// The pages a statement touched.
fn pages(plan: &Plan) -> u64 {
    work(plan).total.buffers.total()
}

/// Samples under way.
pub(super) struct Series {
    /// Kept so that it is not closed between samples.
    _counting: Query,
    timing: Query,
    /// What they have given so far.
    pub(super) measurement: Measurement,
}

/// A command that executes a statement, or explains it, prepared.
pub(super) struct Query {
    pub(super) statement: tokio_postgres::Statement,
    values: Vec<RawValue>,
    /// Characters before the statement itself.
    pub(super) prefix: usize,
}

impl Query {
    /// How many columns it returns.
    pub(super) fn columns(&self) -> usize {
        self.statement.columns().len()
    }

    /// The values of its parameters.
    pub(super) fn values(&self) -> &[RawValue] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many samples each half has, where there is time for so many in the first.
    fn halves(samples: usize, in_time: usize) -> [usize; 2] {
        let sampling = Sampling {
            samples,
            least: 20,
            budget: Duration::ZERO,
        };
        let first = sampling.first_half();
        let taken = in_time.clamp(first.least, first.samples);
        let second = sampling.second_half(taken);
        assert_eq!(second.samples, second.least, "whatever the time");
        [taken, second.samples]
    }

    #[test]
    fn halves_are_where_a_series_is_split() {
        for (samples, in_time, expected) in [
            (20, 0, [10, 10]),
            (100, 0, [10, 10]),
            (100, 33, [33, 33]),
            (100, 1_000, [50, 50]),
            (21, 1_000, [11, 10]),
            (21, 10, [10, 10]),
            (31, 15, [15, 15]),
        ] {
            let [first, second] = halves(samples, in_time);
            assert_eq!([first, second], expected, "{samples} {in_time}");
            assert_eq!((first + second).div_ceil(2), first);
        }
    }
}
