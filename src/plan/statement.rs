//! A plan with what EXPLAIN says about the statement as a whole.

use std::collections::BTreeMap;

use serde_json::Value;

use super::node::{Buffers, IoTimes, PlanNode};

/// The plan of one statement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The topmost node.
    pub root: PlanNode,
    /// `Query Text` (auto_explain).
    pub query_text: Option<String>,
    /// `Query Identifier`: 64 bits, signed.
    pub query_identifier: Option<i64>,
    /// `Settings` that differ from the default and bear on planning.
    pub settings: BTreeMap<String, String>,
    /// What planning took.
    pub planning: Planning,
    /// `Execution Time`, in milliseconds; none without ANALYZE (or SUMMARY off).
    pub execution_ms: Option<f64>,
    /// Triggers that fired.
    pub triggers: Vec<Trigger>,
    /// Just-in-time compilation, where it took place or would.
    pub jit: Option<Jit>,
    /// `Serialization` of the result (from 17).
    pub serialization: Option<Serialization>,
    /// Every key that has no field here, as printed.
    pub extra: BTreeMap<String, Value>,
}

/// What planning took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Planning {
    /// `Planning Time`, in milliseconds.
    pub time_ms: Option<f64>,
    /// Pages of the catalogs.
    pub buffers: Option<Buffers>,
    /// I/O on them.
    pub io_times: Option<IoTimes>,
    /// `Memory Used`, in kB (from 17, option MEMORY).
    pub memory_used_kb: Option<u64>,
    /// `Memory Allocated`, in kB (from 17, option MEMORY).
    pub memory_allocated_kb: Option<u64>,
    /// Everything else, as printed.
    pub extra: BTreeMap<String, Value>,
}

/// A trigger that fired. EXPLAIN does not say whether it is a BEFORE or an AFTER trigger: see [`super::trigger`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trigger {
    /// `Trigger Name`; foreign keys have one only with VERBOSE.
    pub name: Option<String>,
    /// `Constraint Name` of a constraint's trigger; such triggers run AFTER.
    pub constraint_name: Option<String>,
    /// `Relation` the trigger belongs to.
    pub relation: Option<String>,
    /// `Time` of all calls, in milliseconds; none with TIMING off.
    pub time_ms: Option<f64>,
    /// `Calls`.
    pub calls: u64,
    /// Everything else, as printed.
    pub extra: BTreeMap<String, Value>,
}

/// Just-in-time compilation. It overlaps the nodes: its time is in theirs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Jit {
    /// Functions compiled.
    pub functions: u64,
    /// Time of all its stages, in milliseconds; none without ANALYZE.
    pub total_ms: Option<f64>,
    /// Options and the time of each stage, as printed.
    pub extra: BTreeMap<String, Value>,
}

/// Turning the result into what is sent to the client; outside every node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Serialization {
    /// `Time`, in milliseconds; none with TIMING off.
    pub time_ms: Option<f64>,
    /// `Output Volume`, in kB.
    pub output_volume_kb: Option<u64>,
    /// `Format`: `text` or `binary`.
    pub format: Option<String>,
    /// Pages, of TOAST tables mostly.
    pub buffers: Option<Buffers>,
    /// I/O on them.
    pub io_times: Option<IoTimes>,
    /// Everything else, as printed.
    pub extra: BTreeMap<String, Value>,
}
