//! What is known of a fixture's jobs before anybody fetches one.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::definition::Fixture;
use crate::fixture::copy_format;
use crate::fixture::rows::{Rows, State};
use crate::load::board::Board;
use crate::load::queueing::Row;

/// 2000-01-01 in seconds since 1970: the zero of rows.
const ROWS_EPOCH: i64 = 946_684_800;

/// The jobs of a fixture.
#[derive(Debug)]
pub(super) struct Jobs {
    rows: Rows,
    /// Names of the queues they are in.
    pub(super) queue_names: Vec<String>,
    /// Those that a fetch may return now.
    pub(super) due: u64,
    /// Those that are to be drained in the end: ready, due or not, and running.
    pub(super) acknowledged: u64,
}

impl Jobs {
    /// The jobs of a fixture, already scaled.
    pub(super) fn of(fixture: &Fixture) -> Jobs {
        let rows = Rows::new(fixture);
        let now = seconds_now() - ROWS_EPOCH;
        let (mut due, mut acknowledged) = (0, 0);
        for seq in 1..=rows.jobs() {
            let job = rows.job(seq);
            acknowledged += u64::from(is_open(job.state));
            due += u64::from(job.state == State::Ready && job.run_at <= now);
        }
        Jobs {
            rows,
            queue_names: (0..fixture.queues.count)
                .map(copy_format::queue_name)
                .collect(),
            due,
            acknowledged,
        }
    }

    /// Whether each of those to be drained can be fetched now.
    pub(super) fn all_are_due(&self) -> bool {
        self.due == self.acknowledged
    }

    /// The first of them, at most so many, as a producer adds them: due, whatever the fixture says.
    pub(super) fn rows_to_add(&self, most: u64) -> impl Iterator<Item = Row> + '_ {
        (1..=self.rows.jobs().min(most)).map(|seq| {
            let job = self.rows.job(seq);
            let mut payload = Vec::new();
            self.rows.write_payload(seq, &mut payload);
            Row {
                queue: copy_format::queue_name(job.queue),
                task_key: format!("task-{}", job.task_key + 1),
                unique_key: format!("key-{seq}"),
                priority: i32::from(job.priority),
                run_at: job.created_at * 1_000_000,
                payload: String::from_utf8_lossy(&payload).into_owned(),
            }
        })
    }

    /// Enters them in the ledger.
    pub(super) fn expect_on(&self, board: &Board) {
        let ledger = board.ledger();
        for seq in 1..=self.rows.jobs() {
            if is_open(self.rows.job(seq).state) {
                ledger.expect(seq);
            }
        }
        board.control().due.set(self.due);
    }
}

/// Whether somebody is still to do it.
fn is_open(state: State) -> bool {
    matches!(state, State::Ready | State::Running)
}

fn seconds_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
