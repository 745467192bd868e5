//! Workers that fetch, work and complete with a queue's own statements, and the ledger that accounts for every job.

pub mod assignment;
pub mod outcome;
pub mod retry;
pub mod task;
