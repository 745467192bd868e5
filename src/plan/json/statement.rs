//! Reads what EXPLAIN says about the statement as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::counters::Counters;
use super::scalar::{Count, Identifier, Key, Real};
use crate::plan::statement::{Jit, Plan, Planning, Serialization, Trigger};

/// Reads an object of the outer array; none if it holds no `Plan`.
pub(super) fn read_statement<'de, A: MapAccess<'de>>(mut map: A) -> Result<Option<Plan>, A::Error> {
    let mut plan = Plan::default();
    let mut has_root = false;
    let mut planning_ms = None;
    while let Some(Key(key)) = map.next_key()? {
        match key.as_ref() {
            "Plan" => {
                plan.root = map.next_value()?;
                has_root = true;
            }
            "Query Text" => plan.query_text = Some(map.next_value()?),
            "Query Identifier" => plan.query_identifier = Some(map.next_value::<Identifier>()?.0),
            "Settings" => plan.settings = map.next_value::<BTreeMap<String, String>>()?,
            "Planning" => plan.planning = read_part(&mut map)?,
            "Planning Time" => planning_ms = Some(map.next_value::<Real>()?.0),
            "Execution Time" => plan.execution_ms = Some(map.next_value::<Real>()?.0),
            "Triggers" => {
                plan.triggers = map
                    .next_value::<Vec<Part<Trigger>>>()?
                    .into_iter()
                    .map(|part| part.0)
                    .collect()
            }
            "JIT" => plan.jit = Some(read_part(&mut map)?),
            "Serialization" => plan.serialization = Some(read_part(&mut map)?),
            other => {
                let value = map.next_value()?;
                plan.extra.insert(other.to_owned(), value);
            }
        }
    }
    plan.planning.time_ms = planning_ms;
    Ok(has_root.then_some(plan))
}

fn read_part<'de, A: MapAccess<'de>, T: StatementPart>(map: &mut A) -> Result<T, A::Error> {
    map.next_value::<Part<T>>().map(|part| part.0)
}

/// An object beside the plan: takes its keys one by one, then the counters found among them.
trait StatementPart: Default {
    /// Takes the key's value if it knows the key; tells whether it did.
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;

    /// Takes what is left once the object has ended.
    fn finish(&mut self, counters: &Counters, extra: BTreeMap<String, Value>);
}

struct Part<T>(T);

impl<'de, T: StatementPart> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PartVisitor(PhantomData))
    }
}

struct PartVisitor<T>(PhantomData<T>);

impl<'de, T: StatementPart> Visitor<'de> for PartVisitor<T> {
    type Value = Part<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object beside the plan")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part<T>, A::Error> {
        let mut part = T::default();
        let mut counters = Counters::default();
        let mut extra = BTreeMap::new();
        while let Some(Key(key)) = map.next_key()? {
            if !counters.read(&key, &mut map)? && !part.read(&key, &mut map)? {
                extra.insert(key.into_owned(), map.next_value()?);
            }
        }
        part.finish(&counters, extra);
        Ok(Part(part))
    }
}

impl StatementPart for Planning {
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "Memory Used" => self.memory_used_kb = Some(map.next_value::<Count>()?.0),
            "Memory Allocated" => self.memory_allocated_kb = Some(map.next_value::<Count>()?.0),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(&mut self, counters: &Counters, extra: BTreeMap<String, Value>) {
        self.buffers = counters.buffers();
        self.io_times = counters.io_times();
        self.extra = extra;
    }
}

impl StatementPart for Trigger {
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "Trigger Name" => self.name = Some(map.next_value()?),
            "Constraint Name" => self.constraint_name = Some(map.next_value()?),
            "Relation" => self.relation = Some(map.next_value()?),
            "Time" => self.time_ms = Some(map.next_value::<Real>()?.0),
            "Calls" => self.calls = map.next_value::<Count>()?.0,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(&mut self, _counters: &Counters, extra: BTreeMap<String, Value>) {
        self.extra = extra;
    }
}

impl StatementPart for Jit {
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if key != "Functions" {
            return Ok(false);
        }
        self.functions = map.next_value::<Count>()?.0;
        Ok(true)
    }

    fn finish(&mut self, _counters: &Counters, extra: BTreeMap<String, Value>) {
        self.total_ms = extra
            .get("Timing")
            .and_then(|timing| timing.get("Total"))
            .and_then(Value::as_f64);
        self.extra = extra;
    }
}

impl StatementPart for Serialization {
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "Time" => self.time_ms = Some(map.next_value::<Real>()?.0),
            "Output Volume" => self.output_volume_kb = Some(map.next_value::<Count>()?.0),
            "Format" => self.format = Some(map.next_value()?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(&mut self, counters: &Counters, extra: BTreeMap<String, Value>) {
        self.buffers = counters.buffers();
        self.io_times = counters.io_times();
        self.extra = extra;
    }
}
