//! Where the time of triggers is. AFTER triggers run when all nodes are through, BEFORE triggers inside a ModifyTable; EXPLAIN lists
//! both alike, so the place is told from what fits.

use super::statement::{Plan, Trigger};
use super::tree::PlanTree;
use super::work::PlanWork;

/// What start and end of an execution may take outside all nodes, in milliseconds: a shorter trigger may hide in there.
const OVERHEAD_MS: f64 = 0.1;

/// What rounding may add to a trigger's time, in milliseconds.
const ROUNDING_MS: f64 = 0.001;

/// Where a trigger ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerPlace {
    /// Within a ModifyTable: its time is in that node's.
    Inside,
    /// After all nodes: its time is in none.
    After,
    /// Its time would fit in both places.
    Unknown,
}

/// The time of one trigger.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TriggerWork {
    /// Time of all calls, in milliseconds; 0 with TIMING off.
    pub time_ms: f64,
    /// Where that time is.
    pub place: TriggerPlace,
}

/// Places each trigger of the plan.
pub(super) fn place(plan: &Plan, tree: &PlanTree<'_>, work: &PlanWork) -> Vec<TriggerWork> {
    let mut outside = plan
        .execution_ms
        .map(|execution| execution - work.total.time_ms);
    let mut placed = Vec::with_capacity(plan.triggers.len());
    for trigger in &plan.triggers {
        let time_ms = trigger.time_ms.unwrap_or(0.0).max(0.0);
        let place = place_one(trigger, time_ms, outside, modify_time(trigger, tree, work));
        if place == TriggerPlace::After {
            outside = outside.map(|rest| rest - time_ms);
        }
        placed.push(TriggerWork { time_ms, place });
    }
    placed
}

/// A constraint's trigger is an AFTER trigger. Any other ran where there is room for it.
fn place_one(trigger: &Trigger, time_ms: f64, outside: Option<f64>, inside: f64) -> TriggerPlace {
    if trigger.constraint_name.is_some() {
        return TriggerPlace::After;
    }
    let Some(outside) = outside.filter(|_| trigger.time_ms.is_some()) else {
        return TriggerPlace::Unknown;
    };
    let fits_outside = time_ms <= outside;
    let fits_inside = time_ms <= inside + ROUNDING_MS;
    match (fits_outside, fits_inside) {
        (true, false) => TriggerPlace::After,
        (false, true) => TriggerPlace::Inside,
        // Room in both places: start and end of an execution alone seldom leave so much time outside all nodes.
        (true, true) if time_ms > OVERHEAD_MS && time_ms > outside / 2.0 => TriggerPlace::After,
        _ => TriggerPlace::Unknown,
    }
}

/// The most any ModifyTable on the trigger's relation took by itself, in milliseconds.
fn modify_time(trigger: &Trigger, tree: &PlanTree<'_>, work: &PlanWork) -> f64 {
    let writers: Vec<_> = tree
        .positions()
        .iter()
        .filter(|position| position.node.is_modify_table())
        .collect();
    let own =
        |position: &&&super::tree::Position<'_>| position.node.relation_name == trigger.relation;
    let named = writers
        .iter()
        .filter(own)
        .map(|position| work.nodes[position.index].time_ms);
    // Triggers of partitions name the partition, the ModifyTable the parent.
    let any = writers
        .iter()
        .map(|position| work.nodes[position.index].time_ms);
    named
        .reduce(f64::max)
        .or_else(|| any.reduce(f64::max))
        .unwrap_or(0.0)
}
