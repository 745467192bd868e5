//! The pipelines: they emit events and fill a run.

pub mod catalog;
mod company;
pub mod cost;
pub mod environment;
pub mod extract;
pub mod growth;
pub mod in_place;
pub mod in_schema;
pub mod in_turns;
pub mod pace;
pub mod plans;
pub mod selection;
pub mod selftest;
pub mod site;
pub mod throughput;
