//! Queues drained side by side: each on a fresh copy that is watched.

pub mod ground;
