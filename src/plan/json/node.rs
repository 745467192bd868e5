//! Reads one node, and with it the nodes below.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::counters::Counters;
use super::scalar::{Count, Key, Real};
use crate::plan::node::{Condition, Operation, PlanNode, Relationship, Sort, Worker};

impl<'de> Deserialize<'de> for PlanNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = PlanNode;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a plan node")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PlanNode, A::Error> {
        let mut node = PlanNode::default();
        let mut counters = Counters::default();
        while let Some(Key(key)) = map.next_key()? {
            let key = key.as_ref();
            let known = counters.read(key, &mut map)?
                || read_estimate(&mut node, key, &mut map)?
                || read_name(&mut node, key, &mut map)?
                || read_kind(&mut node, key, &mut map)?
                || read_condition(&mut node, key, &mut map)?
                || read_sort(&mut node, key, &mut map)?
                || read_count(&mut node, key, &mut map)?
                || read_parts(&mut node, key, &mut map)?;
            if !known {
                node.extra.insert(key.to_owned(), map.next_value()?);
            }
        }
        if node.node_type.is_empty() {
            return Err(A::Error::custom("a plan node has no \"Node Type\""));
        }
        node.actual = counters.actual();
        node.buffers = counters.buffers();
        node.io_times = counters.io_times();
        node.wal = counters.wal();
        Ok(node)
    }
}

fn read_estimate<'de, A: MapAccess<'de>>(
    node: &mut PlanNode,
    key: &str,
    map: &mut A,
) -> Result<bool, A::Error> {
    let number = match key {
        "Startup Cost" => &mut node.estimate.startup_cost,
        "Total Cost" => &mut node.estimate.total_cost,
        "Plan Rows" => &mut node.estimate.rows,
        "Plan Width" => &mut node.estimate.width,
        _ => return Ok(false),
    };
    *number = map.next_value::<Real>()?.0;
    Ok(true)
}

fn read_name<'de, A: MapAccess<'de>>(
    node: &mut PlanNode,
    key: &str,
    map: &mut A,
) -> Result<bool, A::Error> {
    let name = match key {
        "Strategy" => &mut node.strategy,
        "Partial Mode" => &mut node.partial_mode,
        "Join Type" => &mut node.join_type,
        "Command" => &mut node.command,
        "Scan Direction" => &mut node.scan_direction,
        "Schema" => &mut node.schema,
        "Relation Name" => &mut node.relation_name,
        "Alias" => &mut node.alias,
        "Index Name" => &mut node.index_name,
        "CTE Name" => &mut node.cte_name,
        "Function Name" => &mut node.function_name,
        "Subplan Name" => &mut node.subplan_name,
        "Conflict Resolution" => &mut node.conflict_resolution,
        _ => return Ok(false),
    };
    *name = Some(map.next_value()?);
    Ok(true)
}

fn read_kind<'de, A: MapAccess<'de>>(
    node: &mut PlanNode,
    key: &str,
    map: &mut A,
) -> Result<bool, A::Error> {
    match key {
        "Node Type" => node.node_type = map.next_value()?,
        "Parallel Aware" => node.parallel_aware = map.next_value()?,
        "Disabled" => node.disabled = map.next_value()?,
        "Parent Relationship" => {
            node.parent_relationship = Some(relationship(&map.next_value::<Key<'de>>()?.0))
        }
        "Operation" => node.operation = Some(operation(&map.next_value::<Key<'de>>()?.0)),
        _ => return Ok(false),
    }
    Ok(true)
}

fn relationship(word: &str) -> Relationship {
    match word {
        "Outer" => Relationship::Outer,
        "Inner" => Relationship::Inner,
        "Member" => Relationship::Member,
        "Subquery" => Relationship::Subquery,
        "InitPlan" => Relationship::InitPlan,
        "SubPlan" => Relationship::SubPlan,
        other => Relationship::Other(other.to_owned()),
    }
}

fn operation(word: &str) -> Operation {
    match word {
        "Insert" => Operation::Insert,
        "Update" => Operation::Update,
        "Delete" => Operation::Delete,
        "Merge" => Operation::Merge,
        other => Operation::Other(other.to_owned()),
    }
}

fn read_condition<'de, A: MapAccess<'de>>(
    node: &mut PlanNode,
    key: &str,
    map: &mut A,
) -> Result<bool, A::Error> {
    let Some(condition) = Condition::named(key) else {
        return Ok(false);
    };
    node.conditions.push((condition, map.next_value()?));
    Ok(true)
}

fn read_sort<'de, A: MapAccess<'de>>(
    node: &mut PlanNode,
    key: &str,
    map: &mut A,
) -> Result<bool, A::Error> {
    if !matches!(
        key,
        "Sort Key" | "Presorted Key" | "Sort Method" | "Sort Space Used" | "Sort Space Type"
    ) {
        return Ok(false);
    }
    let sort: &mut Sort = node.sort.get_or_insert_default();
    match key {
        "Sort Key" => sort.keys = map.next_value()?,
        "Presorted Key" => sort.presorted_keys = map.next_value()?,
        "Sort Method" => sort.method = Some(map.next_value()?),
        "Sort Space Used" => sort.space_kb = Some(map.next_value::<Count>()?.0),
        _ => sort.space_type = Some(map.next_value()?),
    }
    Ok(true)
}

fn read_count<'de, A: MapAccess<'de>>(
    node: &mut PlanNode,
    key: &str,
    map: &mut A,
) -> Result<bool, A::Error> {
    let Some(count) = count_field(node, key) else {
        return read_rows(node, key, map);
    };
    *count = Some(map.next_value::<Count>()?.0);
    Ok(true)
}

/// The field of a count, by its key.
pub(in crate::plan) fn count_field<'n>(
    node: &'n mut PlanNode,
    key: &str,
) -> Option<&'n mut Option<u64>> {
    Some(match key {
        "Heap Fetches" => &mut node.heap_fetches,
        "Exact Heap Blocks" => &mut node.exact_heap_blocks,
        "Lossy Heap Blocks" => &mut node.lossy_heap_blocks,
        "Index Searches" => &mut node.index_searches,
        "Workers Planned" => &mut node.workers_planned,
        "Workers Launched" => &mut node.workers_launched,
        _ => return None,
    })
}

fn read_rows<'de, A: MapAccess<'de>>(
    node: &mut PlanNode,
    key: &str,
    map: &mut A,
) -> Result<bool, A::Error> {
    let Some(rows) = rows_field(node, key) else {
        return Ok(false);
    };
    *rows = Some(map.next_value::<Real>()?.0);
    Ok(true)
}

/// The field of a number of rows, by its key.
pub(in crate::plan) fn rows_field<'n>(
    node: &'n mut PlanNode,
    key: &str,
) -> Option<&'n mut Option<f64>> {
    Some(match key {
        "Rows Removed by Filter" => &mut node.rows_removed_by_filter,
        "Rows Removed by Index Recheck" => &mut node.rows_removed_by_index_recheck,
        "Rows Removed by Join Filter" => &mut node.rows_removed_by_join_filter,
        "Tuples Inserted" => &mut node.tuples_inserted,
        "Tuples Updated" => &mut node.tuples_updated,
        "Tuples Deleted" => &mut node.tuples_deleted,
        "Conflicting Tuples" => &mut node.conflicting_tuples,
        _ => return None,
    })
}

fn read_parts<'de, A: MapAccess<'de>>(
    node: &mut PlanNode,
    key: &str,
    map: &mut A,
) -> Result<bool, A::Error> {
    match key {
        "Output" => node.output = map.next_value()?,
        "Workers" => node.workers = map.next_value()?,
        "Plans" => node.children = map.next_value()?,
        _ => return Ok(false),
    }
    Ok(true)
}

impl<'de> Deserialize<'de> for Worker {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(WorkerVisitor)
    }
}

struct WorkerVisitor;

impl<'de> Visitor<'de> for WorkerVisitor {
    type Value = Worker;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("what a worker did")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Worker, A::Error> {
        let mut worker = Worker::default();
        let mut counters = Counters::default();
        while let Some(Key(key)) = map.next_key()? {
            let key = key.as_ref();
            if key == "Worker Number" {
                worker.number = map.next_value::<Count>()?.0;
            } else if !counters.read(key, &mut map)? {
                worker.extra.insert(key.to_owned(), map.next_value()?);
            }
        }
        worker.actual = counters.actual();
        worker.buffers = counters.buffers();
        worker.io_times = counters.io_times();
        worker.wal = counters.wal();
        Ok(worker)
    }
}
