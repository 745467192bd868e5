//! How long starting takes: a whole fleet on a queue without a job, until each worker has had an answer to its first fetch.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::assignment::Assignment;
use super::board::Shape;
use super::clock::now_ns;
use super::fleet::{FleetError, SharedBoard};
use super::processes::Program;
use crate::postgres::connect::Address;

/// How often the workers are looked at.
const LOOK: Duration = Duration::from_millis(1);

/// How long they may take.
const LIMIT_NS: u64 = 60_000_000_000;

/// Why it was not measured.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// They could not be started.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// One of them had no answer.
    #[error("worker {worker} {reason}")]
    Failed {
        /// Its number, from 1.
        worker: usize,
        /// Why.
        reason: String,
    },
    /// It took too long.
    #[error("the workers had no answer within {} s", LIMIT_NS / 1_000_000_000)]
    TimedOut,
}

/// Starts the workers of an assignment whose database holds no job; gives the time until the last of them had the answer to its first
/// fetch, in milliseconds. Worker processes are made of `program`.
///
/// # Errors
/// If workers cannot be started, or one of them had no answer.
pub async fn startup_ms(
    address: &Address,
    assignment: &Assignment,
    program: &Program,
) -> Result<f64, ProbeError> {
    let workers = usize::try_from(assignment.workers.count).unwrap_or(usize::MAX);
    let shared = SharedBoard::new(Shape { workers, jobs: 0 }, assignment.workers.processes)?;
    let board = Arc::clone(&shared.board);
    let assignment = Arc::new(Assignment {
        only_first_fetch: true,
        ..assignment.clone()
    });
    let started_ns = now_ns();
    let mut crew = shared.start(address, &assignment, program)?.crew;
    while !crew.have_ended() {
        if now_ns() - started_ns > LIMIT_NS {
            board.control().end();
            return Err(ProbeError::TimedOut);
        }
        tokio::time::sleep(LOOK).await;
        crew.look(&board);
    }
    for report in crew.take_reports() {
        if let Some(reason) = report.failure {
            return Err(ProbeError::Failed {
                worker: report.worker + 1,
                reason,
            });
        }
    }
    let last_ns = board.workers().map(|one| one.ready_ns.get()).max();
    Ok(last_ns.unwrap_or(0).saturating_sub(started_ns) as f64 / 1e6)
}
