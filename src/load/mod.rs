//! Workers that fetch, work and complete with a queue's own statements, and the ledger that accounts for every job.

pub mod board;
pub mod clock;
pub mod ledger;
pub mod schedule;
