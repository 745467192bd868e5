//! Workers that fetch, work and complete with a queue's own statements, and the ledger that accounts for every job.

pub mod assignment;
pub mod board;
pub mod clock;
pub mod drain;
pub mod fleet;
pub mod ledger;
pub mod memory;
pub mod outcome;
pub mod probe;
pub mod processes;
pub mod queueing;
pub mod recorder;
pub mod retry;
pub mod runtime;
pub mod schedule;
pub mod series;
pub mod task;
pub mod worker;
