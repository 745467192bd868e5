//! A statement that calls functions is executed once beforehand, so that its counts are those of a session that has called them before:
//! the first call reads what it takes of the catalogs to plan the statements inside, hundreds of pages that no later call reads.
//!
//! A rehearsal must leave no trace in the tables. So it takes place in a transaction in which every table has a new file with a few of its
//! rows, and which is rolled back; the rows that are measured on are never touched.

use super::ground::{Ground, Isolation};
use super::nested::Collecting;
use super::sample::{Explainer, Target};
use super::variant::{Subject, make_ready};
use super::{ExplainError, options};
use crate::postgres::version::Version;

/// Rehearses a statement where it may reach functions, and where its tables may be emptied for that. What feeds it runs as well.
///
/// # Errors
/// If the transaction cannot be rolled back. What fails within it is not told: it is either the statement's, and fails again where it is
/// measured, or ours for want of a right, and the counts are those of a first call.
pub(super) async fn rehearse(
    ground: &mut Ground,
    version: Version,
    subject: Subject<'_>,
) -> Result<(), ExplainError> {
    let functions = &ground.insight.functions;
    let reached = functions.are_reached_by(subject.statement.template.source());
    if !reached || !functions.can_be_rehearsed() {
        return Ok(());
    }
    let isolation = ground.isolation;
    let (begin, end) = match isolation {
        Isolation::Copy => ("begin; select pg_current_xact_id()", "rollback"),
        Isolation::Transaction => (
            "savepoint pgqa_rehearsal",
            "rollback to savepoint pgqa_rehearsal; release savepoint pgqa_rehearsal",
        ),
    };
    let begun = ground.session.batch_execute(begin).await;
    begun.map_err(ExplainError::session("begin a rehearsal"))?;
    // What would be committed in between is part of it.
    ground.isolation = Isolation::Transaction;
    let _ = in_the_transaction(ground, version, subject).await;
    ground.isolation = isolation;
    let insight = &ground.insight;
    let again = insight.functions.look_up_again(insight.sees_nested);
    let script = format!("{end}; select pg_advisory_unlock_all(); {again}");
    let ended = ground.session.batch_execute(&script).await;
    ended.map_err(ExplainError::session("undo a rehearsal"))
}

async fn in_the_transaction(
    ground: &Ground,
    version: Version,
    subject: Subject<'_>,
) -> Result<(), ExplainError> {
    let insight = &ground.insight;
    let script = insight.functions.empty_and_refill(insight.sees_nested);
    let emptied = ground.session.batch_execute(&script).await;
    emptied.map_err(ExplainError::session("empty the tables for a rehearsal"))?;
    let executable = make_ready(ground, subject).await?.executable;
    let explainer = Explainer {
        ground,
        version,
        executable: &executable,
        target: Target::Custom,
    };
    let query = explainer
        .query(&options::explain(&options::counting(version)))
        .await?;
    // Printing plans looks names up as well.
    let collecting = insight
        .sees_nested
        .then(|| Collecting::begin(&ground.session, version));
    explainer.counted(&query, collecting.as_ref()).await?;
    Ok(())
}
