//! One statement of one variant: made ready for its custom and its generic plan, and which of them is chosen.

use std::time::Duration;

use tokio_postgres::Client;

use super::ExplainError;
use super::ground::{Access, Ground};
use super::rehearsal::rehearse;
use super::sample::{Explainer, Measurement, Target};
use crate::definition::operation::Operation;
use crate::definition::queue::{ClaimEnds, Queue};
use crate::definition::statement::{FETCHED, Statement, StatementFile, Variant};
use crate::plan::Plan;
use crate::plan::digest::node_label;
use crate::plan::shape::PlanShape;
use crate::postgres::version::Version;
use crate::run::plan_result::{GenericShape, PlanMode};
use crate::statement::StatementError;
use crate::statement::evaluate::{self, Purpose};
use crate::statement::execute::{Executable, Returned};
use crate::statement::generic::Prepared;
use crate::statement::relation::Relation;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'d> {
    /// The queue.
    pub queue: &'d Queue,
    /// The statement file.
    pub file: &'d StatementFile,
    /// Its statement; those before it in the file run first, unmeasured.
    pub statement: &'d Statement,
    /// The variant.
    pub variant: &'d Variant,
}

impl Subject<'_> {
    /// The statement's name in results: the file's, and where the file holds several, the statement's own.
    #[must_use]
    pub fn statement_name(&self) -> String {
        match &self.statement.name {
            Some(name) if self.file.statements.len() > 1 => format!("{}/{name}", self.file.name),
            _ => self.file.name.clone(),
        }
    }
}

/// What came out.
#[derive(Debug)]
pub struct Measured {
    /// The plan made for the values.
    pub custom: Measurement,
    /// The plan made without them, executed only where it has another shape.
    pub generic: Option<Measurement>,
    /// Why there is no generic plan, or no measurement of it, although there should be one.
    pub generic_failure: Option<ExplainError>,
    /// How the two relate.
    pub generic_shape: GenericShape,
    /// Which one PostgreSQL settles on; none without parameters.
    pub auto_plan: Option<PlanMode>,
    /// Its parameter `batch_size`, where it has one that is an integer.
    pub batch_size: Option<u64>,
    /// Time spent on statements.
    pub executed: Duration,
}

/// What planning alone tells.
pub(super) struct Planned {
    pub(super) generic_shape: GenericShape,
    pub(super) auto_plan: Option<PlanMode>,
    pub(super) failure: Option<ExplainError>,
    pub(super) batch_size: Option<u64>,
}

/// A statement that can be executed in one plan mode.
pub(super) struct Ready<'d> {
    pub(super) executable: Executable<'d>,
    /// The statement as it was prepared, for the generic plan.
    pub(super) generic: Option<Prepared>,
    /// Of the generic plan nothing but that there is one.
    pub(super) planned: Planned,
}

impl Ready<'_> {
    pub(super) fn explainer<'e>(&'e self, ground: &'e Ground, version: Version) -> Explainer<'e> {
        Explainer {
            ground,
            version,
            executable: &self.executable,
            target: self
                .generic
                .as_ref()
                .map_or(Target::Custom, Target::Generic),
        }
    }
}

/// Makes ready for the custom plan, and finds out what there is to know of the generic one.
pub(super) async fn ready_custom<'d>(
    ground: &mut Ground,
    version: Version,
    subject: Subject<'d>,
) -> Result<Ready<'d>, ExplainError> {
    let executable = prepare(ground, version, subject).await?;
    let mut ready = Ready {
        planned: Planned {
            generic_shape: GenericShape::None,
            auto_plan: None,
            failure: None,
            batch_size: batch_size(&executable),
        },
        executable,
        generic: None,
    };
    let Ready {
        executable,
        planned,
        ..
    } = &mut ready;
    let explainer = Explainer {
        ground,
        version,
        executable,
        target: Target::Custom,
    };
    let plan = explainer.plan_only().await?;
    refuse_write(ground, executable, &plan)?;
    let custom_shape = PlanShape::of(&plan);
    if !executable.parameters().is_empty() {
        ground
            .attempt()
            .await
            .map_err(ExplainError::session("prepare for the generic plan"))?;
        let outcome = plan_generic(explainer, &custom_shape, planned).await;
        planned.failure = outcome.err();
        let kept = planned.failure.is_none();
        let ended = ground.end_attempt(kept).await;
        ended.map_err(ExplainError::session("go on after the generic plan"))?;
    }
    Ok(ready)
}

/// Brings a place to where the subject can be measured, sample after sample.
async fn prepare<'d>(
    ground: &mut Ground,
    version: Version,
    subject: Subject<'d>,
) -> Result<Executable<'d>, ExplainError> {
    rehearse(ground, version, subject).await?;
    ground.present.lock_head().await?;
    let executable = make_ready(ground, subject).await?.executable;
    if subject.queue.claim_ends == ClaimEnds::Session {
        ground.keep_locks().await?;
    }
    Ok(executable)
}

/// Where nothing may be written, a statement that would is not executed. What feeds it, and what a plan does not show, the server
/// refuses in a read-only transaction.
fn refuse_write(
    ground: &Ground,
    executable: &Executable<'_>,
    plan: &Plan,
) -> Result<(), StatementError> {
    let write = match ground.access {
        Access::ReadWrite => None,
        Access::ReadOnly => plan
            .preorder()
            .map(|position| position.node)
            .find(|node| node.writes()),
    };
    match write {
        None => Ok(()),
        Some(node) => {
            let label = node_label(node);
            let what = match &node.relation_name {
                Some(relation) if !label.contains(relation.as_str()) => {
                    format!("{label} on {relation}")
                }
                _ => label,
            };
            Err(executable.refused_write(&what))
        }
    }
}

fn batch_size(executable: &Executable<'_>) -> Option<u64> {
    let mut parameters = executable.parameters().iter();
    parameters
        .find(|parameter| parameter.name == "batch_size")?
        .count()
}

/// Finds out which plan PostgreSQL settles on, and whether the generic one has another shape. `plan_cache_mode` may be left set.
async fn plan_generic(
    custom: Explainer<'_>,
    custom_shape: &PlanShape,
    planned: &mut Planned,
) -> Result<(), ExplainError> {
    let (client, executable) = (&*custom.ground.session, custom.executable);
    let prepared = Prepared::prepare(client, "pgqa_auto", executable).await?;
    planned.auto_plan = Some(prepared.auto_plan(client, executable).await?);
    let generic = prepare_generic(client, executable).await?;
    let explainer = Explainer {
        target: Target::Generic(&generic),
        ..custom
    };
    planned.generic_shape = if PlanShape::of(&explainer.plan_only().await?) == *custom_shape {
        GenericShape::Same
    } else {
        GenericShape::Differs
    };
    Ok(())
}

/// Makes ready for the generic plan.
pub(super) async fn ready_generic<'d>(
    ground: &mut Ground,
    version: Version,
    subject: Subject<'d>,
) -> Result<Ready<'d>, ExplainError> {
    let executable = prepare(ground, version, subject).await?;
    let generic = prepare_generic(&ground.session, &executable).await?;
    let ready = Ready {
        planned: Planned {
            generic_shape: GenericShape::None,
            auto_plan: None,
            failure: None,
            batch_size: batch_size(&executable),
        },
        executable,
        generic: Some(generic),
    };
    ready.explainer(ground, version).plan_only().await?;
    Ok(ready)
}

/// Prepares the statement under `force_generic_plan`, which stays on.
async fn prepare_generic(
    client: &Client,
    executable: &Executable<'_>,
) -> Result<Prepared, ExplainError> {
    let prepared = Prepared::prepare(client, "pgqa_generic", executable).await?;
    client
        .batch_execute("set plan_cache_mode = force_generic_plan")
        .await
        .map_err(ExplainError::session("ask for the generic plan"))?;
    Ok(prepared)
}

/// A statement ready to be explained, and what ran and was committed before it.
#[derive(Debug)]
pub struct Readied<'d> {
    /// What feeds it and the statements before it in its file, in the order they ran.
    pub before: Vec<Executable<'d>>,
    /// The statement.
    pub executable: Executable<'d>,
}

/// Brings a place to where the subject can be measured: feeds it, runs the statements before it, binds its values.
///
/// # Errors
/// If the server refuses one of them, or the fetch that feeds it returns nothing.
pub async fn make_ready<'d>(
    ground: &Ground,
    subject: Subject<'d>,
) -> Result<Readied<'d>, StatementError> {
    let Subject {
        queue,
        file,
        statement,
        variant,
    } = subject;
    let mut relations = Vec::new();
    let mut before = Vec::new();
    if file.is_fed(variant) {
        relations.push(feed(ground, queue, file, variant, &mut before).await?);
    }
    let purpose = Purpose::Measure(variant);
    let earlier = file
        .statements
        .iter()
        .position(|one| std::ptr::eq(one, statement))
        .unwrap_or(0);
    run_in_order(
        ground,
        file,
        &file.statements[..earlier],
        purpose,
        &mut relations,
        &mut before,
    )
    .await?;
    let values =
        evaluate::parameters(&ground.session, file, statement, purpose, &relations).await?;
    Ok(Readied {
        before,
        executable: Executable::new(file, statement, &variant.name, &values),
    })
}

/// Runs the queue's fetch and, in a copy, commits it: what is completed afterwards is claimed as it would be in real life.
async fn feed<'d>(
    ground: &Ground,
    queue: &'d Queue,
    file: &StatementFile,
    variant: &'d Variant,
    before: &mut Vec<Executable<'d>>,
) -> Result<Relation, StatementError> {
    let fail =
        |message: String| StatementError::in_file(file, variant.position, &variant.name, message);
    let fetch = queue
        .serving(Operation::Fetch)
        .ok_or_else(|| fail(format!("queue {} has no fetch to feed it", queue.name)))?;
    let returned = run_in_order(
        ground,
        fetch,
        &fetch.statements,
        Purpose::Feed(variant),
        &mut Vec::new(),
        before,
    )
    .await?;
    let returned = returned.ok_or_else(|| {
        fail(format!(
            "the fetch that feeds it ({}) returns no job: use a fixture with jobs that are ready",
            fetch.source.path
        ))
    })?;
    Relation::gather(&ground.session, FETCHED, &returned).await
}

/// Runs statements of one file in one transaction; each leaves its rows to the later ones. Returns what the last
/// that returned any rows returned.
async fn run_in_order<'d>(
    ground: &Ground,
    file: &'d StatementFile,
    statements: &'d [Statement],
    purpose: Purpose<'d>,
    relations: &mut Vec<Relation>,
    done: &mut Vec<Executable<'d>>,
) -> Result<Option<Returned>, StatementError> {
    let mut last = None;
    if statements.is_empty() {
        return Ok(last);
    }
    let client = &*ground.session;
    ground
        .begin()
        .await
        .map_err(StatementError::server("begin a transaction"))?;
    for statement in statements {
        let values = evaluate::parameters(client, file, statement, purpose, relations).await?;
        let executable = Executable::new(file, statement, &purpose.variant().name, &values);
        let returned = executable.run(client).await?;
        done.push(executable);
        if let Some(name) = &statement.name {
            relations.push(Relation::gather(client, name, &returned).await?);
        }
        if !returned.rows.is_empty() {
            last = Some(returned);
        }
    }
    ground
        .commit()
        .await
        .map_err(StatementError::server("commit"))?;
    Ok(last)
}
