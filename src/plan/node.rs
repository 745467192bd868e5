//! One node of a plan, as PostgreSQL 14 to 18 print it.
//!
//! Times, rows and "rows removed" are averages per loop; pages, I/O times, WAL, heap fetches and heap blocks are totals over all
//! loops and processes, and include the node's children.

use std::collections::BTreeMap;

use serde_json::Value;

/// A node of a plan with everything below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanNode {
    /// `Node Type` as printed, for example `Index Scan` or `ModifyTable`.
    pub node_type: String,
    /// What the node is to its parent; none for the root.
    pub parent_relationship: Option<Relationship>,
    /// What a `ModifyTable` (or a foreign scan that modifies) does.
    pub operation: Option<Operation>,
    /// `Strategy` of an aggregate or set operation, for example `Hashed`.
    pub strategy: Option<String>,
    /// `Partial Mode` of an aggregate: `Simple`, `Partial`, `Finalize`.
    pub partial_mode: Option<String>,
    /// `Join Type`, for example `Inner` or `Anti`.
    pub join_type: Option<String>,
    /// `Command` of a set operation, for example `Except`.
    pub command: Option<String>,
    /// `Scan Direction` of an index scan: `Forward`, `Backward`, `NoMovement`.
    pub scan_direction: Option<String>,
    /// Whether the processes of a parallel plan share the node's work.
    pub parallel_aware: bool,
    /// `Disabled` (from 18): an `enable_…` setting forbade the node and nothing else was left.
    pub disabled: bool,
    /// `Schema` (only with VERBOSE).
    pub schema: Option<String>,
    /// `Relation Name`.
    pub relation_name: Option<String>,
    /// `Alias`.
    pub alias: Option<String>,
    /// `Index Name`.
    pub index_name: Option<String>,
    /// `CTE Name` of a CTE Scan or WorkTable Scan.
    pub cte_name: Option<String>,
    /// `Function Name` of a Function Scan.
    pub function_name: Option<String>,
    /// `Subplan Name`, for example `InitPlan 1 (returns $0)`, `SubPlan 2` or `CTE next`.
    pub subplan_name: Option<String>,
    /// What the planner expected.
    pub estimate: Estimate,
    /// What happened; none without ANALYZE.
    pub actual: Option<Actual>,
    /// Pages; none without BUFFERS.
    pub buffers: Option<Buffers>,
    /// Time spent on I/O; none without `track_io_timing`.
    pub io_times: Option<IoTimes>,
    /// WAL; none without the WAL option.
    pub wal: Option<Wal>,
    /// `Output` (only with VERBOSE).
    pub output: Vec<String>,
    /// Filters and the conditions of scans and joins, in the order printed.
    pub conditions: Vec<(Condition, String)>,
    /// `Rows Removed by Filter`, per loop.
    pub rows_removed_by_filter: Option<f64>,
    /// `Rows Removed by Index Recheck`, per loop.
    pub rows_removed_by_index_recheck: Option<f64>,
    /// `Rows Removed by Join Filter`, per loop.
    pub rows_removed_by_join_filter: Option<f64>,
    /// What a Sort or Incremental Sort sorts by, and how it did it.
    pub sort: Option<Box<Sort>>,
    /// `Heap Fetches` of an index-only scan.
    pub heap_fetches: Option<u64>,
    /// `Exact Heap Blocks` of a bitmap heap scan.
    pub exact_heap_blocks: Option<u64>,
    /// `Lossy Heap Blocks` of a bitmap heap scan.
    pub lossy_heap_blocks: Option<u64>,
    /// `Index Searches` (from 18): descents into the index.
    pub index_searches: Option<u64>,
    /// `Workers Planned`.
    pub workers_planned: Option<u64>,
    /// `Workers Launched`.
    pub workers_launched: Option<u64>,
    /// What each worker did, where the plan says.
    pub workers: Vec<Worker>,
    /// `Tuples Inserted` of an INSERT with ON CONFLICT, or of a MERGE.
    pub tuples_inserted: Option<f64>,
    /// `Tuples Updated` of a MERGE.
    pub tuples_updated: Option<f64>,
    /// `Tuples Deleted` of a MERGE.
    pub tuples_deleted: Option<f64>,
    /// `Conflicting Tuples` of an INSERT with ON CONFLICT.
    pub conflicting_tuples: Option<f64>,
    /// `Conflict Resolution` of an INSERT: `NOTHING` or `UPDATE`.
    pub conflict_resolution: Option<String>,
    /// Every key that has no field here, as printed.
    pub extra: BTreeMap<String, Value>,
    /// The nodes below, in the order printed: InitPlans and CTEs, then inputs, then SubPlans.
    pub children: Vec<PlanNode>,
}

impl PlanNode {
    /// The text of a condition, if the node has it.
    #[must_use]
    pub fn condition(&self, condition: Condition) -> Option<&str> {
        self.conditions
            .iter()
            .find(|(kind, _)| *kind == condition)
            .map(|(_, text)| text.as_str())
    }

    /// The number of times the node was started, over all processes; 0 without ANALYZE.
    #[must_use]
    pub fn loops(&self) -> u64 {
        self.actual.as_ref().map_or(0, |actual| actual.loops)
    }

    /// The rows the node returned over all its loops; 0 without ANALYZE.
    #[must_use]
    pub fn total_rows(&self) -> f64 {
        self.actual
            .as_ref()
            .map_or(0.0, |actual| actual.rows * actual.loops as f64)
    }

    /// The rows a scan read and threw away (filter and recheck) over all its loops.
    #[must_use]
    pub fn total_rows_removed(&self) -> f64 {
        let per_loop = self.rows_removed_by_filter.unwrap_or(0.0)
            + self.rows_removed_by_index_recheck.unwrap_or(0.0);
        per_loop * self.loops() as f64
    }

    /// Whether the node writes: `ModifyTable`.
    #[must_use]
    pub fn is_modify_table(&self) -> bool {
        self.node_type == "ModifyTable"
    }

    /// Whether executing the node writes to a table, its own or a foreign one: locking a row writes into it.
    #[must_use]
    pub fn writes(&self) -> bool {
        let reads =
            |operation: &Operation| matches!(operation, Operation::Other(word) if word == "Select");
        self.node_type == "LockRows"
            || self.is_modify_table()
            || self
                .operation
                .as_ref()
                .is_some_and(|operation| !reads(operation))
    }

    /// Whether workers run the inputs of the node: `Gather`, `Gather Merge`.
    #[must_use]
    pub fn is_gather(&self) -> bool {
        self.node_type.starts_with("Gather")
    }

    /// Whether the node is an InitPlan or a CTE: printed below its owner, run when something first asks for it.
    #[must_use]
    pub fn is_init_plan(&self) -> bool {
        self.parent_relationship == Some(Relationship::InitPlan)
    }

    /// The name of the CTE this node computes, if it computes one.
    #[must_use]
    pub fn computes_cte(&self) -> Option<&str> {
        let name = self
            .subplan_name
            .as_deref()
            .filter(|_| self.is_init_plan())?;
        name.strip_prefix("CTE ")
    }
}

/// What a node is to its parent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Relationship {
    /// The input, or the outer side of a join.
    Outer,
    /// The inner side of a join.
    Inner,
    /// One of several inputs, of an Append for example.
    Member,
    /// A subquery in FROM.
    Subquery,
    /// Run once, before its result is needed; CTEs too.
    InitPlan,
    /// Run for each row of its owner, or hashed once.
    SubPlan,
    /// A word this program does not know.
    Other(String),
}

/// What a node that writes does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// MERGE.
    Merge,
    /// A word this program does not know.
    Other(String),
}

impl Operation {
    /// The word as PostgreSQL prints it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Operation::Insert => "Insert",
            Operation::Update => "Update",
            Operation::Delete => "Delete",
            Operation::Merge => "Merge",
            Operation::Other(word) => word,
        }
    }
}

/// The conditions a node may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// `Index Cond`: decides which part of an index is read, or which of its entries lead to the table.
    Index,
    /// `Order By` of an index scan that computes distances.
    OrderBy,
    /// `Recheck Cond` of a bitmap heap scan.
    Recheck,
    /// `TID Cond`.
    Tid,
    /// `Hash Cond`.
    Hash,
    /// `Merge Cond`.
    Merge,
    /// `Join Filter`.
    Join,
    /// `Filter`: rows were read and are thrown away.
    Filter,
    /// `One-Time Filter`: evaluated before the node's input is touched.
    OneTime,
}

impl Condition {
    /// Every condition there is.
    const ALL: [Condition; 9] = [
        Condition::Index,
        Condition::OrderBy,
        Condition::Recheck,
        Condition::Tid,
        Condition::Hash,
        Condition::Merge,
        Condition::Join,
        Condition::Filter,
        Condition::OneTime,
    ];

    /// The key as PostgreSQL prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Condition::Index => "Index Cond",
            Condition::OrderBy => "Order By",
            Condition::Recheck => "Recheck Cond",
            Condition::Tid => "TID Cond",
            Condition::Hash => "Hash Cond",
            Condition::Merge => "Merge Cond",
            Condition::Join => "Join Filter",
            Condition::Filter => "Filter",
            Condition::OneTime => "One-Time Filter",
        }
    }

    /// The condition that PostgreSQL prints with this key.
    #[must_use]
    pub fn named(key: &str) -> Option<Condition> {
        Condition::ALL
            .into_iter()
            .find(|condition| condition.name() == key)
    }
}

/// What the planner expected of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Cost before the first row, in the planner's units.
    pub startup_cost: f64,
    /// Cost of all rows, in the planner's units.
    pub total_cost: f64,
    /// Rows per loop.
    pub rows: f64,
    /// Bytes a row.
    pub width: f64,
}

/// What a node did when it ran.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Actual {
    /// Time to the first row, per loop, in milliseconds; none with TIMING off.
    pub startup_ms: Option<f64>,
    /// Time to the last row, per loop, in milliseconds; none with TIMING off.
    pub total_ms: Option<f64>,
    /// Rows returned, per loop (rounded by the server before 18).
    pub rows: f64,
    /// Times the node was started, over all processes.
    pub loops: u64,
}

/// Pages of one kind of relation, in blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockCounts {
    /// Found in the buffer cache.
    pub hit: u64,
    /// Read into it.
    pub read: u64,
    /// Made dirty.
    pub dirtied: u64,
    /// Written out.
    pub written: u64,
}

/// Pages touched, in blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Ordinary tables and indexes.
    pub shared: BlockCounts,
    /// Temporary tables and their indexes.
    pub local: BlockCounts,
    /// Temporary files (sorts, hashes, materialised rows) read.
    pub temp_read: u64,
    /// Temporary files written.
    pub temp_written: u64,
}

impl Buffers {
    /// Shared and local pages looked at, `hit + read`: the figure that repeats from run to run.
    #[must_use]
    pub fn total(&self) -> u64 {
        [
            self.shared.hit,
            self.shared.read,
            self.local.hit,
            self.local.read,
        ]
        .iter()
        .fold(0, |sum, pages| sum.saturating_add(*pages))
    }

    /// Temporary pages read and written.
    #[must_use]
    pub fn temp(&self) -> u64 {
        self.temp_read.saturating_add(self.temp_written)
    }
}

/// Time spent on I/O, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct IoTimes {
    /// Reading pages of tables and indexes (before 17 local ones too).
    pub shared_read_ms: f64,
    /// Writing them.
    pub shared_write_ms: f64,
    /// Reading pages of temporary tables (from 17).
    pub local_read_ms: f64,
    /// Writing them (from 17).
    pub local_write_ms: f64,
    /// Reading temporary files (from 15).
    pub temp_read_ms: f64,
    /// Writing temporary files (from 15).
    pub temp_write_ms: f64,
}

/// WAL written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wal {
    /// Records.
    pub records: u64,
    /// Full-page images.
    pub fpi: u64,
    /// Bytes.
    pub bytes: u64,
    /// Times the WAL buffers were full (from 18).
    pub buffers_full: u64,
}

/// What a Sort or Incremental Sort sorts by, and how it did it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sort {
    /// `Sort Key`, for example `job.priority DESC`.
    pub keys: Vec<String>,
    /// `Presorted Key` of an incremental sort.
    pub presorted_keys: Vec<String>,
    /// `Sort Method`, for example `quicksort` or `external merge`; none without ANALYZE.
    pub method: Option<String>,
    /// `Sort Space Used`, in kB.
    pub space_kb: Option<u64>,
    /// `Sort Space Type`: `Memory` or `Disk`.
    pub space_type: Option<String>,
}

/// What one worker process did in a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Worker {
    /// `Worker Number`, from 0.
    pub number: u64,
    /// What happened in this process.
    pub actual: Option<Actual>,
    /// Pages of this process.
    pub buffers: Option<Buffers>,
    /// I/O of this process.
    pub io_times: Option<IoTimes>,
    /// WAL of this process.
    pub wal: Option<Wal>,
    /// Everything else, as printed.
    pub extra: BTreeMap<String, Value>,
}
