//! EXPLAIN output as data: nodes, the work each did by itself, the shape, a one-line digest.
//!
//! Knows PostgreSQL 14 to 18 and nothing of queues, servers or files.

pub mod difference;
pub mod digest;
pub mod json;
pub mod mode;
pub mod node;
mod node_work;
pub mod outline;
pub mod reference;
pub mod rows;
pub mod shape;
pub mod statement;
pub mod text;
pub mod tree;
pub mod trigger;
pub mod work;

pub use difference::{NodeChange, difference};
pub use digest::{digest, node_label};
pub use json::PlanError;
pub use mode::PlanMode;
pub use node::{
    Actual, BlockCounts, Buffers, Condition, Estimate, IoTimes, Operation, PlanNode, Relationship,
    Sort, Wal, Worker,
};
pub use outline::{OutlineNode, outline};
pub use reference::References;
pub use shape::PlanShape;
pub use statement::{Jit, Plan, Planning, Serialization, Trigger};
pub use tree::{PlanTree, Position, Preorder};
pub use trigger::{TriggerPlace, TriggerWork};
pub use work::{PlanWork, Work, work};
