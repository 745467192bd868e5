//! What a worker is doing.

use serde::{Deserialize, Serialize};

/// What a worker is doing. The next state is in each one's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum WorkerState {
    /// Opens its connection and prepares; then waits for the start.
    #[default]
    Connecting = 0,
    /// Waits for the start, the next poll, a notification or a task; then fetches, completes or works.
    Waiting = 1,
    /// A fetch is on its way; then works, or waits if it found nothing, or retries.
    Fetching = 2,
    /// A task occupies it; then completes.
    Working = 3,
    /// A completion is on its way; then fetches, or retries.
    Completing = 4,
    /// Waits before it does again what failed, on a new connection where the old one is gone; then does it.
    Retrying = 5,
    /// Asked to stop: fetches no more, completes or releases what it holds; then is finished.
    Draining = 6,
    /// Done; there is nothing after that.
    Finished = 7,
}

impl WorkerState {
    /// Every state, in order.
    pub const ALL: [WorkerState; 8] = [
        WorkerState::Connecting,
        WorkerState::Waiting,
        WorkerState::Fetching,
        WorkerState::Working,
        WorkerState::Completing,
        WorkerState::Retrying,
        WorkerState::Draining,
        WorkerState::Finished,
    ];

    /// Its name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            WorkerState::Connecting => "connecting",
            WorkerState::Waiting => "waiting",
            WorkerState::Fetching => "fetching",
            WorkerState::Working => "working",
            WorkerState::Completing => "completing",
            WorkerState::Retrying => "retrying",
            WorkerState::Draining => "draining",
            WorkerState::Finished => "finished",
        }
    }
}
