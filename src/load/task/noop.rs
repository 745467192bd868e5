//! The task that takes nothing: what is left is the queue's own cost.

/// Does nothing.
#[must_use]
pub fn work() -> u64 {
    0
}
