//! A run reduced to what another run can be compared with: counts, shapes and plans, no samples. Saved, it is a baseline file.
//!
//! The file is made to be committed: the same run gives the same bytes, a line holds one thing, and what did not change keeps its line.

mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::environment::{FixtureRecord, Limitation, SelectionRecord, ServerRecord};
use super::plan_result::{GenericShape, OutputCounts, PlanMode, PlanResult, WalCounts};
use super::{Failure, Run, RunKind, RunStatus};
use crate::finding::{Finding, Severity};
use crate::plan::OutlineNode;

pub use text::text;

/// The version of baseline files that this program writes.
pub const FORMAT_VERSION: u32 = 1;

/// A run, reduced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Version of this format; [`FORMAT_VERSION`].
    pub baseline_version: u32,
    /// The run it was made of.
    pub run_id: String,
    /// What that run did.
    pub kind: RunKind,
    /// Version of the program that measured.
    pub program_version: String,
    /// The servers, in the order they were used.
    pub servers: Vec<BaselineServer>,
    /// What each fixture was, by name.
    pub fixtures: BTreeMap<String, FixtureRecord>,
    /// What each queue was, by name.
    pub queues: BTreeMap<String, BaselineQueue>,
    /// Which of the queues' statements were asked for.
    pub selection: Option<SelectionRecord>,
    /// What was measured, in the order it was measured.
    pub plans: Vec<BaselinePlan>,
    /// What could not be measured, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// What was left out on purpose, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Failure>,
    /// What waited for a lock that a session of the fixture holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<Failure>,
    /// Whether the run came to its end; not in the file, which is made of no other.
    #[serde(skip, default = "complete")]
    pub status: RunStatus,
    /// The run whose samples were taken in turns with those of this one; not in the file, which has no samples.
    #[serde(skip)]
    pub interleaved_with: Option<String>,
}

fn complete() -> RunStatus {
    RunStatus::Complete
}

/// A server as it was measured on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BaselineServer {
    /// As [`ServerRecord::server_version`].
    pub server_version: String,
    /// As [`ServerRecord::block_size`].
    pub block_size: u64,
    /// As [`ServerRecord::profile`].
    pub profile: String,
    /// As [`ServerRecord::settings`].
    pub settings: BTreeMap<String, String>,
    /// As [`ServerRecord::statistics`].
    pub statistics: BTreeMap<String, BTreeMap<String, String>>,
    /// As [`ServerRecord::limitations`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limitations: Vec<Limitation>,
}

/// A queue as it was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BaselineQueue {
    /// Digest of all its files.
    pub digest: String,
    /// Digest of what makes and fills its tables.
    pub tables: String,
    /// Its indexes by name, each as `pg_get_indexdef` prints it.
    pub indexes: BTreeMap<String, String>,
    /// The SQL of its statements by name, a line each.
    pub statements: BTreeMap<String, Vec<String>>,
}

/// One plan as it was measured: the fields of a [`PlanResult`] that repeat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselinePlan {
    /// As [`PlanResult::postgres`].
    pub postgres: String,
    /// As [`PlanResult::queue`].
    pub queue: String,
    /// As [`PlanResult::fixture`].
    pub fixture: String,
    /// As [`PlanResult::operation`].
    pub operation: String,
    /// As [`PlanResult::statement`].
    pub statement: String,
    /// As [`PlanResult::variant`].
    pub variant: String,
    /// As [`PlanResult::plan_mode`].
    pub plan_mode: PlanMode,
    /// As [`PlanResult::auto_plan`].
    pub auto_plan: Option<PlanMode>,
    /// As [`PlanResult::generic_shape`].
    pub generic_shape: GenericShape,
    /// As [`PlanResult::shape`].
    pub shape: String,
    /// As [`PlanResult::digest`].
    pub digest: String,
    /// As [`PlanResult::rows`].
    pub rows: u64,
    /// As [`PlanResult::rows_removed`].
    pub rows_removed: Option<u64>,
    /// Pages, as `buffers.total` of a result.
    pub pages: u64,
    /// As [`PlanResult::wal`].
    pub wal: WalCounts,
    /// As [`PlanResult::output`].
    pub output: Option<OutputCounts>,
    /// What the rules found, worst first.
    pub findings: Vec<BaselineFinding>,
    /// The plan's nodes in preorder; empty where the run had lost its plan.
    pub plan: Vec<OutlineNode>,
    /// Execution times of the samples in milliseconds, in the order they were taken; not in the file.
    #[serde(skip)]
    pub execution_ms: Vec<f64>,
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineFinding {
    /// As [`Finding::rule`].
    pub rule: String,
    /// As [`Finding::severity`].
    pub severity: Severity,
    /// As [`Finding::node`].
    pub node: Option<String>,
    /// As [`Finding::message`].
    pub message: String,
    /// As [`Finding::help`].
    pub help: String,
}

impl Baseline {
    /// Reduces a run. `outline` gives the plan of a result, or nothing where it is lost.
    #[must_use]
    pub fn of(run: &Run, mut outline: impl FnMut(&PlanResult) -> Vec<OutlineNode>) -> Baseline {
        let plans = run.results.iter();
        Baseline {
            plans: plans
                .map(|result| BaselinePlan::of(result, outline(result)))
                .collect(),
            ..Baseline::without_plans(run)
        }
    }

    /// A run of any kind reduced to where it was and with what: what has to be equal in two runs that are compared.
    #[must_use]
    pub fn without_plans<R>(run: &Run<R>) -> Baseline {
        let environment = &run.environment;
        let queues = environment.queues.iter().map(|(name, digest)| {
            let statements = environment.statements.get(name).into_iter().flatten();
            let lines = |sql: &String| sql.lines().map(str::to_owned).collect();
            let queue = BaselineQueue {
                digest: digest.clone(),
                tables: environment.tables.get(name).cloned().unwrap_or_default(),
                indexes: indexes(run, name),
                statements: statements
                    .map(|(statement, sql)| (statement.clone(), lines(sql)))
                    .collect(),
            };
            (name.clone(), queue)
        });
        Baseline {
            baseline_version: FORMAT_VERSION,
            run_id: run.run_id.clone(),
            kind: run.kind,
            program_version: environment.program_version.clone(),
            servers: environment.servers().map(BaselineServer::of).collect(),
            fixtures: environment.fixtures.clone(),
            queues: queues.collect(),
            selection: environment.selection.clone(),
            plans: Vec::new(),
            failures: run.failures.clone(),
            skipped: run.skipped.clone(),
            blocked: run.blocked.clone(),
            status: run.status,
            interleaved_with: run.interleaved_with.clone(),
        }
    }

    /// How many of its plans have lost their nodes: the run's dump is gone or damaged.
    #[must_use]
    pub fn plans_lost(&self) -> usize {
        let lost = self.plans.iter().filter(|plan| plan.plan.is_empty());
        lost.count()
    }
}

/// The indexes of a queue's tables, on whichever fixture and server they were seen first.
fn indexes<R>(run: &Run<R>, queue: &str) -> BTreeMap<String, String> {
    let mut indexes = BTreeMap::new();
    let servers = run.environment.servers();
    let catalogs = servers.flat_map(|server| server.catalogs.values());
    for catalog in catalogs.filter_map(|queues| queues.get(queue)) {
        for index in catalog
            .relations
            .iter()
            .flat_map(|relation| &relation.indexes)
        {
            indexes
                .entry(index.name.clone())
                .or_insert_with(|| index.definition.clone());
        }
    }
    indexes
}

impl BaselineServer {
    fn of(server: &ServerRecord) -> BaselineServer {
        BaselineServer {
            server_version: server.server_version.clone(),
            block_size: server.block_size,
            profile: server.profile.clone(),
            settings: server.settings.clone(),
            statistics: server.statistics.clone(),
            limitations: server.limitations.clone(),
        }
    }
}

impl BaselinePlan {
    fn of(result: &PlanResult, plan: Vec<OutlineNode>) -> BaselinePlan {
        BaselinePlan {
            postgres: result.postgres.clone(),
            queue: result.queue.clone(),
            fixture: result.fixture.clone(),
            operation: result.operation.clone(),
            statement: result.statement.clone(),
            variant: result.variant.clone(),
            plan_mode: result.plan_mode,
            auto_plan: result.auto_plan,
            generic_shape: result.generic_shape,
            shape: result.shape.clone(),
            digest: result.digest.clone(),
            rows: result.rows,
            rows_removed: result.rows_removed,
            pages: result.buffers.total,
            wal: result.wal,
            output: result.output,
            findings: result.findings.iter().map(BaselineFinding::of).collect(),
            plan,
            execution_ms: result.execution_ms.samples.clone(),
        }
    }
}

impl BaselineFinding {
    fn of(finding: &Finding) -> BaselineFinding {
        BaselineFinding {
            rule: finding.rule.clone(),
            severity: finding.severity,
            node: finding.node.clone(),
            message: finding.message.clone(),
            help: finding.help.clone(),
        }
    }
}
