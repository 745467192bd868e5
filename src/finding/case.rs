//! What a rule may look at: one measured statement with its plans, and the relations it works on.

use serde::{Deserialize, Serialize};

use super::Severity;
use crate::definition::fixture::Analyze;
use crate::plan::{Plan, PlanMode, PlanWork};

/// A statement under judgement. Whoever measured or read the plans puts it together; a rule never looks further.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Name of the queue; empty where there is none (plans out of a log).
    pub queue: &'a str,
    /// Name of the fixture; empty where there is none.
    pub fixture: &'a str,
    /// Name of the operation, for example `fetch`; empty where it is not known.
    pub operation: &'a str,
    /// Name of the variant; empty where there is none.
    pub variant: &'a str,
    /// Name of the statement; empty where there is none.
    pub statement: &'a str,
    /// The statement's SQL; empty where it is not known. Tells what is a literal and what a parameter, which a custom plan does not.
    pub statement_text: &'a str,
    /// Jobs asked for by this execution, where known.
    pub batch_size: Option<u64>,
    /// The mode of the plan that is judged.
    pub mode: PlanMode,
    /// The plan made for the values bound.
    pub custom: Option<PlanView<'a>>,
    /// The plan made without looking at them.
    pub generic: Option<PlanView<'a>>,
    /// Which plan PostgreSQL settles on by itself after several executions; none where it was not tried.
    pub auto_plan: Option<PlanMode>,
    /// Which plan clients of this queue force; none if they leave the choice to PostgreSQL.
    pub forced_plan_mode: Option<PlanMode>,
    /// The relations the statement works on, as far as known.
    pub catalog: &'a Catalog,
    /// The same variant among few jobs and among many, where nothing else is in its way; none where one fixture alone is looked at.
    pub sizes: Option<Sizes<'a>>,
}

/// What a statement read among few jobs, and among many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes<'a> {
    /// Among few.
    pub few: AtSize<'a>,
    /// Among many.
    pub many: AtSize<'a>,
}

/// What a statement read at one number of jobs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AtSize<'a> {
    /// Name of the fixture.
    pub fixture: &'a str,
    /// Jobs in it.
    pub jobs: u64,
    /// Pages of the statement.
    pub pages: u64,
    /// Rows it returned.
    pub rows: u64,
}

impl AtSize<'_> {
    /// Pages for each row.
    #[must_use]
    pub fn pages_per_row(&self) -> f64 {
        self.pages as f64 / self.rows.max(1) as f64
    }
}

impl<'a> Case<'a> {
    /// The plan that is judged.
    #[must_use]
    pub fn judged(&self) -> Option<PlanView<'a>> {
        match self.mode {
            PlanMode::Custom => self.custom,
            PlanMode::Generic => self.generic,
        }
    }

    /// Whether the plan that is judged is a generic one that no client of this queue gets.
    #[must_use]
    pub fn is_generic_never_chosen(&self) -> bool {
        self.mode == PlanMode::Generic
            && self.forced_plan_mode.or(self.auto_plan) == Some(PlanMode::Custom)
    }

    /// How much it matters what a clock alone tells. Where plans are measured on a fixture they are compared from run to run, and gates
    /// rest on counts: times do not repeat, so there it is a note.
    #[must_use]
    pub fn severity_of_a_time(&self) -> Severity {
        if self.fixture.is_empty() {
            Severity::Warning
        } else {
            Severity::Note
        }
    }
}

/// A plan with what its nodes did.
#[derive(Clone, Copy, Debug)]
pub struct PlanView<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What its nodes did by themselves.
    pub work: &'a PlanWork,
    /// Rows returned, or written where none are returned.
    pub rows: u64,
}

impl PlanView<'_> {
    /// What the execution took with its triggers, in milliseconds; none where it was not timed. A log tells it beside the plan, so there
    /// it is what nodes and triggers took.
    #[must_use]
    pub fn elapsed_ms(&self) -> Option<f64> {
        let of_parts = || self.work.total.time_ms + self.work.after_triggers_ms;
        let told = self.plan.execution_ms;
        told.or_else(|| self.work.has_times.then(of_parts))
            .filter(|elapsed| *elapsed > 0.0 && elapsed.is_finite())
    }
}

/// The relations a statement works on, from `pg_class` and `pg_index`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// Tables and partitions.
    pub relations: Vec<Relation>,
    /// When the fixture has ANALYZE run; none where there is no fixture, and in a run that did not record it.
    #[serde(default)]
    pub analyze: Option<Analyze>,
}

/// A table or partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// Name without schema.
    pub name: String,
    /// `relpages`.
    pub pages: u64,
    /// `reltuples`; 0 where it was never analysed.
    pub rows: u64,
    /// Rows that are live, counted; none where they were not.
    #[serde(default)]
    pub live_rows: Option<u64>,
    /// Dead rows, counted: versions that no new transaction sees and VACUUM has not removed, marked or not; none where they were not.
    #[serde(default)]
    pub dead_rows: Option<u64>,
    /// Its columns, in order; empty in a run of a program that did not record them.
    #[serde(default)]
    pub columns: Vec<Column>,
    /// `pg_class.reloptions`, for example `fillfactor=50`; none in a run of a program that did not record them.
    #[serde(default)]
    pub options: Option<Vec<String>>,
    /// Its indexes.
    pub indexes: Vec<Index>,
}

/// A column of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as `format_type` prints it.
    pub type_name: String,
    /// Its default, or what it is generated from, as `pg_get_expr` prints it.
    pub default: Option<String>,
    /// Whether it is generated from other columns whenever a row is written.
    pub generated: bool,
}

/// An index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Name without schema.
    pub name: String,
    /// Name of its relation, without schema.
    pub relation: String,
    /// Key columns in order, as `pg_get_indexdef(index, n, true)` prints them, a descending one (`pg_index.indoption & 1`) with ` desc`
    /// behind it.
    pub columns: Vec<String>,
    /// `pg_get_indexdef(index)`.
    pub definition: String,
    /// The condition of a partial index, as `pg_get_expr` prints it.
    pub predicate: Option<String>,
    /// `relpages`.
    pub pages: u64,
}

impl Catalog {
    /// The relation of this name.
    #[must_use]
    pub fn relation(&self, name: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.name == name)
    }

    /// The index of this name.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<&Index> {
        self.relations
            .iter()
            .flat_map(|relation| &relation.indexes)
            .find(|index| index.name == name)
    }
}

impl Relation {
    /// How full an insert may make a page, in percent; none where the options are not known.
    #[must_use]
    pub fn fillfactor(&self) -> Option<u64> {
        let options = self.options.as_ref()?;
        let mut set = options
            .iter()
            .filter_map(|option| option.strip_prefix("fillfactor="));
        // PostgreSQL's default for tables.
        Some(set.next().map_or(100, |value| value.parse().unwrap_or(100)))
    }
}

impl Index {
    /// Whether two rows of equal keys cannot both be in it.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        self.definition.starts_with("CREATE UNIQUE INDEX ")
    }

    /// The columns behind INCLUDE, as written there: in the entries, but not in the key.
    #[must_use]
    pub fn included(&self) -> Vec<&str> {
        // No condition can stand in front of it, and a key of such an index that holds the word in quotes is none of a queue's.
        let list = self
            .definition
            .split_once(") INCLUDE (")
            .and_then(|(_, rest)| rest.split_once(')'));
        list.map_or_else(Vec::new, |(columns, _)| columns.split(", ").collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_tells_what_it_includes() {
        let index = |definition: &str| Index {
            definition: definition.to_owned(),
            ..Index::default()
        };
        let claim = index(
            "CREATE INDEX a ON public.job USING btree (queue, lower(name)) INCLUDE (attempts, \"Kind\") WHERE (state = 'ready'::text)",
        );
        assert_eq!(claim.included(), ["attempts", "\"Kind\""]);
        assert!(!claim.is_unique());
        let key = index("CREATE UNIQUE INDEX job_pkey ON public.job USING btree (id)");
        assert!(key.is_unique() && key.included().is_empty());
        assert!(index("").included().is_empty());
    }

    #[test]
    fn a_table_without_a_fillfactor_has_the_default() {
        let relation = |options: Option<&[&str]>| Relation {
            options: options.map(|list| list.iter().map(ToString::to_string).collect()),
            ..Relation::default()
        };
        assert_eq!(relation(None).fillfactor(), None);
        assert_eq!(relation(Some(&[])).fillfactor(), Some(100));
        assert_eq!(
            relation(Some(&["autovacuum_enabled=false", "fillfactor=50"])).fillfactor(),
            Some(50)
        );
    }

    #[test]
    fn a_catalog_of_an_older_run_is_read() {
        let text = r#"{"relations":[{"name":"job","pages":1,"rows":2,"indexes":[]}]}"#;
        let catalog: Catalog = serde_json::from_str(text).unwrap();
        let job = catalog.relation("job").unwrap();
        assert!(job.columns.is_empty() && job.options.is_none());
    }
}
