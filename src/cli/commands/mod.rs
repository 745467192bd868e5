//! The commands, one a file.

pub mod compare_plans;
pub mod extract_queries;
pub mod fixtures;
pub mod listing;
pub mod queues;
pub mod rules;
pub mod selftest;
