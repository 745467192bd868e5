//! The commands, one a file.

pub mod clean;
pub mod compare;
pub mod compare_plans;
pub mod completions;
pub mod extract_queries;
pub mod fixtures;
pub mod init;
pub mod listing;
pub mod postgres;
pub mod queues;
pub mod review;
pub mod rules;
pub mod runs;
pub mod scenarios;
pub mod selftest;
pub mod throughput;
pub mod worker;
