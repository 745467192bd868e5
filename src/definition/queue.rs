//! A queue: a folder with `queue.toml`, the scripts that make and fill its tables, and its statement files.

mod check;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::fixture::Fixture;
use super::operation::Operation;
use super::option::OptionValue;
use super::script::{self, ScriptStatement};
use super::source::{DefinitionError, Source};
use super::statement::StatementFile;
use super::{digest, toml_file};

/// A queue as its folder defines it.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    /// The folder's name.
    pub name: String,
    /// What the design is, in one line.
    pub description: String,
    /// What it promises about how often a job is delivered.
    pub delivery: Delivery,
    /// Whether a fetch returns at most as many jobs as asked for.
    pub batch: Batch,
    /// What ends the claim of a worker that is gone.
    pub claim_ends: ClaimEnds,
    /// Which plans the clients of this queue use.
    pub plan_mode: PlanCacheMode,
    /// In which order jobs are served.
    pub order: Order,
    /// The tables whose sizes, dead rows and HOT share are watched.
    pub tables: Vec<String>,
    /// The fetched column that carries the job's payload, if any.
    pub payload: Option<String>,
    /// The fetched column that says since when the job has been due, if any.
    pub due: Option<String>,
    /// The channel on which it notifies of new jobs, if it does.
    pub channel: Option<String>,
    /// The statement file, without `.sql`, that serves an operation, where it is not the one named like the operation.
    pub operations: BTreeMap<Operation, String>,
    /// The options with their defaults.
    pub options: BTreeMap<String, OptionValue>,
    /// `queue.toml`, which all the above was read from.
    pub manifest: Source,
    /// `schema.sql`: makes the tables.
    pub schema: Source,
    /// `populate.sql`: fills them from the canonical rows.
    pub populate: Source,
    /// `indexes.sql`: makes keys and indexes after that.
    pub indexes: Option<Source>,
    /// The statement files, by operation and then by name.
    pub statements: Vec<StatementFile>,
}

/// What a queue promises about how often a job is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Once, or again after a crash.
    #[default]
    AtLeastOnce,
    /// Once, or not at all after a crash.
    AtMostOnce,
    /// Once.
    ExactlyOnce,
}

/// Whether a fetch returns at most as many jobs as asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Batch {
    /// At most as many.
    #[default]
    Bounded,
    /// It may return more (append-only designs).
    Unbounded,
}

/// What ends the claim of a worker that is gone, so that its jobs are fetched again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimEnds {
    /// The queue's rescue.
    #[default]
    Rescue,
    /// Time: a fetch takes jobs whose claim has run out.
    Timeout,
    /// The end of the worker's session, which held locks.
    Session,
}

/// Which plans the clients of a queue use; PostgreSQL's setting `plan_cache_mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanCacheMode {
    /// What PostgreSQL chooses for a prepared statement.
    #[default]
    Auto,
    /// A plan for each set of values: clients do not prepare, or force it.
    Custom,
    /// One plan for all values: clients force it.
    Generic,
}

/// In which order a queue serves jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// By priority, lower first.
    #[default]
    Priority,
    /// In no order.
    None,
    /// First in, first out.
    Fifo,
}

/// The word that stands for a value in `queue.toml`.
macro_rules! word_of {
    ($($type:ty),*) => { $(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.serialize(f)
            }
        }
    )* };
}

word_of!(Delivery, Batch, ClaimEnds, PlanCacheMode, Order);

/// `queue.toml` as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    description: String,
    #[serde(default)]
    delivery: Delivery,
    #[serde(default)]
    batch: Batch,
    #[serde(default)]
    claim_ends: ClaimEnds,
    #[serde(default)]
    plan_mode: PlanCacheMode,
    #[serde(default)]
    order: Order,
    #[serde(default)]
    tables: Vec<String>,
    payload: Option<String>,
    due: Option<String>,
    channel: Option<String>,
    #[serde(default)]
    operations: BTreeMap<Operation, String>,
    #[serde(default)]
    options: BTreeMap<String, OptionValue>,
}

/// What has to be in `queue.toml`.
const MANIFEST: &str = "at least `description = \"…\"`";

/// Files that a queue cannot be built without, in the order they are missed, and what they hold.
const SCRIPTS: [(&str, &str); 3] = [
    ("queue.toml", MANIFEST),
    ("schema.sql", "the statements that make the tables"),
    (
        "populate.sql",
        "the statements that fill them from pgqa_job",
    ),
];

fn missing(folder: &str, file: &str, what: &str) -> DefinitionError {
    DefinitionError::of_file(folder, format!("`{file}` is missing"))
        .help(format!("write it: {what}"))
}

impl Queue {
    /// Reads a queue from the files of its folder. `folder` is the folder's path as shown to the user; files other than
    /// `queue.toml` and `*.sql` are passed over.
    ///
    /// # Errors
    /// A file that is missing, or the first thing wrong in one, with its place.
    pub fn parse(name: &str, folder: &str, files: Vec<Source>) -> Result<Queue, DefinitionError> {
        for (file, what) in SCRIPTS {
            if !files.iter().any(|source| source.file_name() == file) {
                return Err(missing(folder, file, what));
            }
        }
        Queue::parse_without_scripts(name, folder, files)
    }

    /// As [`Queue::parse`], for a queue whose tables are made and filled by somebody else: where `schema.sql` or `populate.sql` is
    /// missing it is empty.
    ///
    /// # Errors
    /// The first thing wrong in a file, with its place.
    pub fn parse_without_scripts(
        name: &str,
        folder: &str,
        files: Vec<Source>,
    ) -> Result<Queue, DefinitionError> {
        let mut files: BTreeMap<String, Source> = files
            .into_iter()
            .map(|file| (file.file_name().to_owned(), file))
            .collect();
        let manifest = files
            .remove("queue.toml")
            .ok_or_else(|| missing(folder, "queue.toml", MANIFEST))?;
        let [schema, populate] = ["schema.sql", "populate.sql"].map(|file| {
            let empty = || Source::new(format!("{folder}/{file}"), "");
            files.remove(file).unwrap_or_else(empty)
        });
        let indexes = files.remove("indexes.sql");
        let statements = files
            .into_values()
            .filter(|file| file.file_name().ends_with(".sql"))
            .map(StatementFile::parse);
        let mut statements = statements.collect::<Result<Vec<_>, _>>()?;
        if statements.is_empty() {
            return Err(
                DefinitionError::of_file(folder, "there is no statement file")
                    .help("write one, for example `fetch.sql`"),
            );
        }
        statements.sort_by(|a, b| (a.operation, &a.name).cmp(&(b.operation, &b.name)));
        let read: Manifest = toml_file::read(&manifest)?;
        let queue = Queue {
            name: name.to_owned(),
            description: read.description,
            delivery: read.delivery,
            batch: read.batch,
            claim_ends: read.claim_ends,
            plan_mode: read.plan_mode,
            order: read.order,
            tables: read.tables,
            payload: read.payload,
            due: read.due,
            channel: read.channel,
            operations: read.operations,
            options: read.options,
            manifest,
            schema,
            populate,
            indexes,
            statements,
        };
        check::queue(&queue)?;
        Ok(queue)
    }

    /// A queue of one statement without parameters, on tables that somebody else makes; it stands in no folder. `payload` is the column
    /// that jobs are known by.
    ///
    /// # Errors
    /// What is wrong with the statement.
    pub fn of_one_statement(
        name: &str,
        operation: Operation,
        statement: &str,
        payload: &str,
    ) -> Result<Queue, DefinitionError> {
        let file = |file: &str, text: String| Source::new(format!("{name}/{file}"), text);
        let manifest = format!("description = \"One statement\"\npayload = \"{payload}\"\n");
        let manifest = file("queue.toml", manifest);
        let text = format!("-- The statement.\n-- operation: {operation}\n\n{statement};\n");
        let files = vec![
            manifest,
            file(&format!("{}.sql", operation.default_file()), text),
        ];
        Queue::parse_without_scripts(name, name, files)
    }

    /// The statement file with this name.
    #[must_use]
    pub fn statement(&self, name: &str) -> Option<&StatementFile> {
        self.statements.iter().find(|file| file.name == name)
    }

    /// The statement files of an operation, by name.
    pub fn statements_of(&self, operation: Operation) -> impl Iterator<Item = &StatementFile> {
        self.statements
            .iter()
            .filter(move |file| file.operation == operation)
    }

    /// The statement file that serves an operation: under load, and to feed others. What `[operations]` says, else the file named
    /// like the operation (for inspect `backlog`).
    #[must_use]
    pub fn serving(&self, operation: Operation) -> Option<&StatementFile> {
        let name = self
            .operations
            .get(&operation)
            .map_or(operation.default_file(), String::as_str);
        self.statement(name)
            .filter(|file| file.operation == operation)
    }

    /// `schema.sql`, `populate.sql` and, if there is one, `indexes.sql`, in the order they run.
    pub fn scripts(&self) -> impl Iterator<Item = &Source> {
        [&self.schema, &self.populate]
            .into_iter()
            .chain(&self.indexes)
    }

    /// Identifies the queue: SHA-256 over all its files, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        let files = self
            .scripts()
            .chain([&self.manifest])
            .chain(self.statements.iter().map(|file| &file.source));
        digest::of(files.map(|file| (file.file_name(), file.text.as_str())))
    }

    /// Identifies the tables it makes and how they are filled: SHA-256 over its scripts and tables, in hexadecimal. Unlike
    /// [`Queue::digest`] it does not change with the statements measured. Options are not part of it; see [`Queue::options_for`].
    #[must_use]
    pub fn tables_digest(&self) -> String {
        let scripts = self
            .scripts()
            .map(|file| (file.file_name(), file.text.as_str()));
        digest::of(scripts.chain(self.tables.iter().map(|table| ("table", table.as_str()))))
    }

    /// The options with which a fixture is built: the queue's, and in their place what the fixture sets.
    ///
    /// # Errors
    /// An option the queue does not have, or a value of another kind, with its place in the fixture.
    pub fn options_for(
        &self,
        fixture: &Fixture,
    ) -> Result<BTreeMap<String, OptionValue>, DefinitionError> {
        let mut options = self.options.clone();
        for (name, value) in &fixture.options {
            check::fixture_option(self, fixture, name, value)?;
            options.insert(name.clone(), value.clone());
        }
        Ok(options)
    }

    /// The statements of one of its scripts, with options (see [`Queue::options_for`]) as SQL literals in the place of `:name`.
    ///
    /// # Errors
    /// An option that `options` lacks, and SQL that cannot be split, with its place in the script.
    pub fn script(
        &self,
        script: &Source,
        options: &BTreeMap<String, OptionValue>,
    ) -> Result<Vec<ScriptStatement>, DefinitionError> {
        script::bind(script, options)
    }
}
