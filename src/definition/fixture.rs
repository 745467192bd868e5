//! A fixture: how many jobs, in which states, how distributed; the canonical rows a queue's tables are filled from.

mod check;
pub mod draft;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::operation::Operation;
use super::option::OptionValue;
use super::queue::Queue;
use super::source::{DefinitionError, Source};
use super::{digest, suggestion, toml_file};
use crate::sql::Position;

/// Rows under `--quick` where a fixture does not say.
const QUICK_JOBS: u64 = 100_000;

/// Name of what stands for a fixture where tables are measured that are there already.
pub const IN_PLACE: &str = "in-place";

/// A data distribution.
#[derive(Clone, Debug, PartialEq)]
pub struct Fixture {
    /// The file's name without `.toml`.
    pub name: String,
    /// The file.
    pub source: Source,
    /// What it stands for, in one line.
    pub description: String,
    /// Decides every random choice; 1 where the file does not say.
    pub seed: u64,
    /// Number of jobs, 1 or more.
    pub jobs: u64,
    /// Number of jobs under `--quick`; 100,000 at most where the file does not say, never more than `jobs`.
    pub quick: u64,
    /// Over how many queues the jobs spread.
    pub queues: Queues,
    /// In which states the jobs are.
    pub states: States,
    /// Which priorities they have.
    pub priorities: Priorities,
    /// When they are due.
    pub schedule: Schedule,
    /// Which task keys they have.
    pub task_keys: TaskKeys,
    /// What they carry.
    pub payload: Payload,
    /// Steps of each job, where there are any.
    pub steps: Option<Steps>,
    /// What is done to the tables after the load, if anything.
    pub ageing: Option<Ageing>,
    /// When the planner's statistics are taken.
    pub statistics: Statistics,
    /// What another session holds, if anything.
    pub contention: Option<Contention>,
    /// Options of the queue that the fixture sets.
    pub options: BTreeMap<String, OptionValue>,
    /// What the fixture is about.
    pub measure: Measure,
}

/// `[queues]`: over how many queues the jobs spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Queues {
    /// Number of queues, 1 or more.
    pub count: u64,
    /// Exponent of the Zipf distribution of jobs over queues; 0 spreads them evenly.
    pub zipf: f64,
}

impl Default for Queues {
    fn default() -> Self {
        Queues {
            count: 1,
            zipf: 0.0,
        }
    }
}

/// `[states]`: the share of jobs in each state, 1 in sum. Without the table all jobs are ready.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct States {
    /// Waiting to be fetched.
    #[serde(default)]
    pub ready: f64,
    /// Done.
    #[serde(default)]
    pub completed: f64,
    /// Given up.
    #[serde(default)]
    pub failed: f64,
    /// Fetched and not finished.
    #[serde(default)]
    pub running: f64,
}

impl Default for States {
    fn default() -> Self {
        States {
            ready: 1.0,
            completed: 0.0,
            failed: 0.0,
            running: 0.0,
        }
    }
}

/// Whether a value is what stands where the file does not say; what was added to the format later is in digests only where it is used.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// `[priorities]`: which priorities the jobs have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Priorities {
    /// Priorities 1 to this number, 1 to 32,767.
    pub levels: u64,
}

impl Default for Priorities {
    fn default() -> Self {
        Priorities { levels: 1 }
    }
}

/// `[schedule]`: when the jobs are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// The share of jobs due in the future; 0 where the file does not say.
    pub future: f64,
    /// Whether they stand in front of those that are due: they have priority 1, the others none below 2.
    #[serde(skip_serializing_if = "is_default")]
    pub future_first: bool,
}

/// `[task_keys]`: which task keys the jobs have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskKeys {
    /// Number of different keys, 1 or more.
    pub count: u64,
    /// The share of ready jobs at the head of the queue that have one key more, which no worker asks for; 0 where the file does not
    /// say. They have priority 1 and are the oldest.
    #[serde(skip_serializing_if = "is_default")]
    pub ineligible_head: f64,
}

impl Default for TaskKeys {
    fn default() -> Self {
        TaskKeys {
            count: 1,
            ineligible_head: 0.0,
        }
    }
}

/// `[payload]`: what the jobs carry.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Payload {
    /// Size in bytes, 1 to 100,000,000; 100 where the file does not say. What every payload must hold takes its part of it.
    pub bytes: u64,
    /// The share of it that compresses well; one half where the file does not say.
    pub compressible: f64,
}

impl Default for Payload {
    fn default() -> Self {
        Payload {
            bytes: 100,
            compressible: 0.5,
        }
    }
}

/// `[steps]`: steps with memoised results.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// Number of steps of each job, 1 or more.
    pub per_job: u64,
    /// The share of steps that are done; 0 where the file does not say.
    #[serde(default)]
    pub done: f64,
}

/// `[ageing]`: what is done to the tables after the load, by the queue's own fetch and complete.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ageing {
    /// The share of the jobs that are ready and due that is fetched and completed, from the head of each queue.
    pub completed: f64,
    /// Whether a snapshot is held from before that on, in every copy, so that the dead rows stay.
    #[serde(default)]
    pub snapshot: bool,
    /// Whether VACUUM runs afterwards.
    #[serde(default)]
    pub vacuum: bool,
}

/// `[statistics]`: the planner's statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Statistics {
    /// When ANALYZE runs.
    pub analyze: Analyze,
}

/// When ANALYZE runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Analyze {
    /// On the loaded tables.
    #[default]
    After,
    /// On the empty tables, before the load and never again: statistics are stale.
    Before,
    /// Never, and neither does VACUUM: there are no statistics.
    Never,
}

/// `[contention]`: what another session holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contention {
    /// How many jobs at the head of the queue another session has locked, 1 or more.
    pub locked_head: u64,
}

/// `[measure]`: what the fixture is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Measure {
    /// The operations to measure; none means fetch and complete.
    pub operations: Option<Vec<Operation>>,
    /// The variants to measure; none means every one.
    pub variants: Option<Vec<String>>,
}

/// How a fixture is made smaller or larger, and another of its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// `--quick`: the number of jobs the fixture names for that.
    pub quick: bool,
    /// `--rows`: this number of jobs, 1 or more; goes before `quick`.
    pub rows: Option<u64>,
    /// `--seed`: this seed.
    pub seed: Option<u64>,
}

/// A fixture as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    description: String,
    seed: Option<u64>,
    jobs: u64,
    quick: Option<u64>,
    #[serde(default)]
    queues: Queues,
    #[serde(default)]
    states: States,
    #[serde(default)]
    priorities: Priorities,
    #[serde(default)]
    schedule: Schedule,
    #[serde(default)]
    task_keys: TaskKeys,
    #[serde(default)]
    payload: Payload,
    steps: Option<Steps>,
    ageing: Option<Ageing>,
    #[serde(default)]
    statistics: Statistics,
    contention: Option<Contention>,
    #[serde(default)]
    options: BTreeMap<String, OptionValue>,
    #[serde(default)]
    measure: Measure,
}

impl Fixture {
    /// Reads a fixture.
    ///
    /// # Errors
    /// The first thing wrong in it, with its place.
    pub fn parse(source: Source) -> Result<Fixture, DefinitionError> {
        let read: Document = toml_file::read(&source)?;
        let name = source
            .file_name()
            .strip_suffix(".toml")
            .unwrap_or(source.file_name())
            .to_owned();
        let fixture = Fixture {
            name,
            source,
            description: read.description,
            seed: read.seed.unwrap_or(1),
            jobs: read.jobs,
            quick: read.quick.unwrap_or(read.jobs.min(QUICK_JOBS)),
            queues: read.queues,
            states: read.states,
            priorities: read.priorities,
            schedule: read.schedule,
            task_keys: read.task_keys,
            payload: read.payload,
            steps: read.steps,
            ageing: read.ageing,
            statistics: read.statistics,
            contention: read.contention,
            options: read.options,
            measure: read.measure,
        };
        check::fixture(&fixture)?;
        Ok(fixture)
    }

    /// Whether nothing is in the way of a fetch but the number of jobs: jobs are due and can be had, tables and statistics are as a load
    /// leaves them, payloads small, and no other session holds anything.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.states.ready > 0.0
            && !self.schedule.future_first
            && self.task_keys.ineligible_head == 0.0
            && self.payload == Payload::default()
            && self.statistics == Statistics::default()
            && self.ageing.is_none()
            && self.contention.is_none()
            && self.options.is_empty()
    }

    /// Stands for tables that are there already, whatever is in them: it makes no rows.
    #[must_use]
    pub fn in_place() -> Fixture {
        let description = "tables that are there already".to_owned();
        Fixture {
            name: IN_PLACE.to_owned(),
            source: Source::new(IN_PLACE, ""),
            description,
            seed: 0,
            jobs: 0,
            quick: 0,
            queues: Queues::default(),
            states: States::default(),
            priorities: Priorities::default(),
            schedule: Schedule::default(),
            task_keys: TaskKeys::default(),
            payload: Payload::default(),
            steps: None,
            ageing: None,
            statistics: Statistics::default(),
            contention: None,
            options: BTreeMap::new(),
            measure: Measure::default(),
        }
    }

    /// The same distribution with another number of jobs or another seed. Shares stay; a locked head is cut to the jobs
    /// there are.
    #[must_use]
    pub fn scaled(&self, scale: Scale) -> Fixture {
        let mut fixture = self.clone();
        let quick = scale.quick.then_some(self.quick);
        fixture.jobs = scale.rows.or(quick).unwrap_or(self.jobs).max(1);
        fixture.quick = self.quick.min(fixture.jobs);
        fixture.seed = scale.seed.unwrap_or(self.seed);
        if let Some(contention) = &mut fixture.contention {
            contention.locked_head = contention.locked_head.min(fixture.jobs);
        }
        fixture
    }

    /// Identifies what the fixture builds: SHA-256 over the values that decide it, in hexadecimal. Comments, the description, the
    /// variants to measure and the number of jobs under `--quick` (see [`Fixture::scaled`]) are no part of it.
    #[must_use]
    pub fn digest(&self) -> String {
        let values = serde_json::json!({
            "seed": self.seed,
            "jobs": self.jobs,
            "queues": self.queues,
            "states": self.states,
            "priorities": self.priorities,
            "schedule": self.schedule,
            "task_keys": self.task_keys,
            "payload": self.payload,
            "steps": self.steps,
            "ageing": self.ageing,
            "statistics": self.statistics,
            "contention": self.contention,
            "options": self.options,
        });
        digest::of([("fixture", values.to_string().as_str())])
    }

    /// Whether it is about tables that this queue makes: the queue has every option that the fixture sets.
    #[must_use]
    pub fn is_about(&self, queue: &Queue) -> bool {
        let mut options = self.options.keys();
        options.all(|name| queue.options.contains_key(name))
    }

    /// The options it sets and the variants it is about that none of these queues has, each with its place and the nearest one they
    /// have: nothing is measured of them.
    #[must_use]
    pub fn passed_over(&self, queues: &[Queue]) -> Vec<DefinitionError> {
        let options = queues.iter().flat_map(|queue| queue.options.keys());
        let known: Vec<&str> = options.map(String::as_str).collect();
        let names = self.options.keys().map(|name| {
            let position = toml_file::position_of(&self.source, &["options", name]);
            (name, "an option", position)
        });
        let options = self.unknown(names, &known);
        let files = queues.iter().flat_map(|queue| &queue.statements);
        let variants = files.flat_map(|file| &file.variants);
        let known: Vec<&str> = variants.map(|variant| variant.name.as_str()).collect();
        let about = self.measure.variants.iter().flatten().enumerate();
        let names = about.map(|(index, name)| {
            let path = &["measure", "variants"];
            let position = toml_file::position_of_item(&self.source, path, index);
            (name, "a variant", position)
        });
        [options, self.unknown(names, &known)].concat()
    }

    /// Those of the names that are not known, each with what it is the name of and its place.
    fn unknown<'n>(
        &self,
        names: impl Iterator<Item = (&'n String, &'static str, Position)>,
        known: &[&str],
    ) -> Vec<DefinitionError> {
        let unknown = names.filter(|(name, ..)| !known.contains(&name.as_str()));
        let passed_over = unknown.map(|(name, kind, position)| {
            let message = format!("no queue that is measured has {kind} `{name}`");
            let error = self.source.error_at(position, message);
            match suggestion::nearest(name, known.iter().copied()) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help("nothing is measured of it"),
            }
        });
        passed_over.collect()
    }

    /// What is built of it into a template: without what happens in each copy, a snapshot with the ageing behind it and a locked head.
    #[must_use]
    pub fn template(&self) -> Fixture {
        Fixture {
            ageing: self.ageing.filter(|ageing| !ageing.snapshot),
            contention: None,
            ..self.clone()
        }
    }

    /// What takes other sessions beside the one that measures, and so disposable copies, as the file writes it.
    #[must_use]
    pub fn needs_copies(&self) -> Vec<&'static str> {
        let snapshot = self.ageing.filter(|ageing| ageing.snapshot);
        [
            snapshot.map(|_| "[ageing] snapshot"),
            self.contention.map(|_| "[contention] locked_head"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Whether anything is done to its tables but filling, vacuuming and analysing them.
    #[must_use]
    pub fn is_disturbed(&self) -> bool {
        self.ageing.is_some()
            || self.contention.is_some()
            || self.statistics.analyze != Analyze::After
    }
}
