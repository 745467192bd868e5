//! A query-plan and throughput laboratory for Postgres-backed queues.
//!
//! Imports go down only:
//!
//! ```text
//! cli → experiment, report, review → explain, fixture, load, monitor → statement → postgres → run → finding → definition → plan, stats, sql → units
//! ```
//!
//! `units`, `sql`, `plan`, `stats`, `definition`, `finding`, `run` (except `run::store`) and `report` are pure and synchronous: no
//! server, no clock, no file system (`definition::library` reads the folders it is given). What runs long lives in `postgres`,
//! `statement`, `fixture`, `explain`, `load`, `monitor` and `experiment`; it emits `run::event` values and never prints. Arguments, colour, printing
//! and exit codes live in `cli` alone.

pub mod cli;
pub mod definition;
pub mod experiment;
pub mod explain;
pub mod finding;
pub mod fixture;
pub mod load;
pub mod monitor;
pub mod plan;
pub mod postgres;
pub mod report;
pub mod review;
pub mod run;
pub mod sql;
pub mod statement;
pub mod stats;
pub mod units;
