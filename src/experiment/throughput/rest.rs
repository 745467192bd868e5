//! What the workers left in a queue: looked for when they have gone, unless there is a reason not to.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::ThroughputExperiment;
use super::figures;
use super::one_drain::Prepared;
use crate::load::board::Board;
use crate::load::drain::{Drain, Drained};
use crate::load::fleet::FleetOutcome;
use crate::run::event::RunEvent;
use crate::run::throughput::Ended;

/// From one look at how far it is to the next.
const LOOK: Duration = Duration::from_millis(250);

impl ThroughputExperiment<'_> {
    /// Looks for what the workers left in the queue. Where that cannot be, why, in a sentence.
    pub(super) async fn drain_rest(
        &self,
        prepared: &Prepared<'_>,
        board: &Arc<Board>,
        outcome: &FleetOutcome,
    ) -> Result<Drained, String> {
        if let Some(reason) = self.no_drain(outcome) {
            return Err(unknown(reason));
        }
        let is_empty = outcome.ended == Ended::Empty && prepared.jobs.all_are_due();
        let untouched = figures::deliveries(board);
        if is_empty && untouched.total == untouched.completed {
            return Ok(Drained {
                is_complete: true,
                ..Drained::default()
            });
        }
        let drain = Drain {
            address: self.workspace.databases().address(),
            database: &prepared.assignment.database,
            queue: prepared.queue,
            queue_names: &prepared.jobs.queue_names,
            board,
        };
        if self.stop.is_asked() {
            self.events.emit(RunEvent::Notice {
                text: "the rest is drained, unmeasured, to see whether jobs are lost; a signal ends that".to_owned(),
            });
        }
        match self.unless_hurried(drain.run(), board).await {
            Some(drained) => drained.map_err(|error| unknown(&error.to_string())),
            None => Err(unknown(INTERRUPTED)),
        }
    }

    /// Why what is left is not even looked for.
    fn no_drain(&self, outcome: &FleetOutcome) -> Option<&'static str> {
        if !self.options.drain_rest {
            Some("what was left in the queue was not drained (--no-drain)")
        } else if self.has_lost_server() {
            Some("the server is gone, so what was left in the queue was not drained")
        } else if outcome.began_ns.is_none() {
            Some("no job was fetched, so the queue was not drained")
        } else if self.stop.is_hurried() {
            Some(INTERRUPTED)
        } else {
            None
        }
    }

    /// Does this and tells how far it is; none where a signal ends it.
    async fn unless_hurried<T>(&self, work: impl Future<Output = T>, board: &Board) -> Option<T> {
        tokio::pin!(work);
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                _ = looks.tick() => {}
            }
            if self.stop.is_hurried() {
                return None;
            }
            let found = board.ledger().count(true).remaining;
            self.events.emit(RunEvent::RestProgress { found });
        }
    }
}

const INTERRUPTED: &str = "interrupted: what was left in the queue was not drained";

/// What follows where nobody has looked.
fn unknown(reason: &str) -> String {
    format!("{reason}: nobody knows whether jobs are lost")
}
