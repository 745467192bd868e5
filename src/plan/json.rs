//! Reads EXPLAIN (FORMAT JSON) straight into [`Plan`]s.
//!
//! A key this program does not know is kept, never an error. Depth is handled in two steps: ordinary plans are read on the
//! caller's stack under serde_json's own limit of 128 levels; deeper ones on a thread with a stack made for them, up to
//! [`MAX_DEPTH`] nodes.

mod counters;
pub(super) mod node;
mod scalar;
mod statement;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::statement::Plan;

/// The deepest plan that is read, in nodes from the root to a leaf.
pub const MAX_DEPTH: usize = 1_000;

/// JSON levels of a plan of [`MAX_DEPTH`] nodes: an object and an array each, and what is around and inside them.
const MAX_LEVELS: usize = 2 * MAX_DEPTH + 6;

/// serde_json's own limit.
const SHALLOW_LEVELS: usize = 128;

/// Stack for one JSON level: several times what an unoptimised build was seen to need.
const STACK_PER_LEVEL: usize = 64 * 1024;

/// Why a text is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Not JSON, or a key has a value of the wrong kind.
    #[error(
        "plan is not EXPLAIN (FORMAT JSON) output: {source}; save the plan again with explain (format json)"
    )]
    Json {
        /// What serde_json says, with line and column.
        source: serde_json::Error,
    },
    /// Nested deeper than any plan should be.
    #[error(
        "plan is nested {levels} JSON levels deep, more than the {MAX_LEVELS} of a plan {MAX_DEPTH} nodes deep; \
         explain a smaller part of the statement"
    )]
    TooDeep {
        /// JSON levels found.
        levels: usize,
    },
    /// Text format, nested deeper than any plan should be.
    #[error(
        "plan is {depth} nodes deep, more than {MAX_DEPTH}; explain a smaller part of the statement"
    )]
    DeepText {
        /// Nodes from the root to the deepest leaf.
        depth: usize,
    },
    /// Text without a plan's node in it.
    #[error(
        "no plan in the text: expected a node, for example \"Seq Scan on job  (cost=0.00..1.04 rows=4 width=8)\"; \
             save the whole output of explain again"
    )]
    NoNode,
    /// JSON, but without a plan in it.
    #[error(
        "no plan in the JSON: expected an object with the key \"Plan\", or an array of such objects; \
             save the plan again with explain (format json)"
    )]
    Empty,
    /// The system gave no thread to read a deep plan on.
    #[error(
        "no stack to read a plan {levels} JSON levels deep: {source}; free memory or raise the limit on processes"
    )]
    NoStack {
        /// JSON levels found.
        levels: usize,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Plan {
    /// Reads what `EXPLAIN (FORMAT JSON)` prints (an array with one object a statement) or what auto_explain logs (the object alone).
    ///
    /// # Errors
    /// [`PlanError`] if the text is not JSON, holds no plan, or is nested deeper than [`MAX_DEPTH`] nodes.
    pub fn parse(text: &str) -> Result<Vec<Plan>, PlanError> {
        let plans = match serde_json::from_str::<Plans>(text) {
            Ok(plans) => plans.0,
            Err(source) => match nesting(text) {
                levels if levels > MAX_LEVELS => return Err(PlanError::TooDeep { levels }),
                levels if levels >= SHALLOW_LEVELS => parse_deep(text, levels)?,
                _ => return Err(PlanError::Json { source }),
            },
        };
        if plans.is_empty() {
            Err(PlanError::Empty)
        } else {
            Ok(plans)
        }
    }
}

/// Reads on a thread whose stack suffices for so many levels.
fn parse_deep(text: &str, levels: usize) -> Result<Vec<Plan>, PlanError> {
    let read = || {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        deserializer.disable_recursion_limit();
        let plans = Plans::deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(plans.0)
    };
    let stack_size = (levels + SHALLOW_LEVELS) * STACK_PER_LEVEL;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(stack_size)
            .spawn_scoped(scope, read);
        let thread = thread.map_err(|source| PlanError::NoStack { levels, source })?;
        let outcome = thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        outcome.map_err(|source| PlanError::Json { source })
    })
}

/// The deepest nesting of brackets outside strings.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

/// Moves past the end of a string that has just begun.
fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => return,
            _ => {}
        }
    }
}

/// The plans of an EXPLAIN output.
struct Plans(Vec<Plan>);

impl<'de> Deserialize<'de> for Plans {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlansVisitor)
    }
}

struct PlansVisitor;

impl<'de> Visitor<'de> for PlansVisitor {
    type Value = Plans;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object with the key \"Plan\", or an array of such objects")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Plans, A::Error> {
        statement::read_statement(map).map(|plan| Plans(plan.into_iter().collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Plans, A::Error> {
        let mut plans = Vec::new();
        while let Some(Entry(plan)) = seq.next_element()? {
            plans.extend(plan);
        }
        Ok(Plans(plans))
    }
}

/// An element of the outer array: an object with a plan, or the words `Utility Statement`, which stand for none.
struct Entry(Option<Plan>);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object with the key \"Plan\"")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
        statement::read_statement(map).map(Entry)
    }

    fn visit_str<E: serde::de::Error>(self, _utility_statement: &str) -> Result<Entry, E> {
        Ok(Entry(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(nodes: usize) -> String {
        let mut text = String::from("[{\"Plan\":");
        text.push_str(&"{\"Node Type\":\"Limit\",\"Plans\":[".repeat(nodes - 1));
        text.push_str("{\"Node Type\":\"Result\"}");
        text.push_str(&"]}".repeat(nodes - 1));
        text.push_str("}]");
        text
    }

    #[test]
    fn deep_plans_are_read_walked_and_dropped() {
        for nodes in [1, 60, 64, 500, MAX_DEPTH] {
            let plans = Plan::parse(&chain(nodes)).unwrap();
            assert_eq!(plans[0].preorder().count(), nodes);
            assert!(crate::plan::digest(&plans[0]).ends_with("Result"));
            assert_eq!(crate::plan::work(&plans[0]).nodes.len(), nodes);
            assert_eq!(crate::plan::PlanShape::of(&plans[0]).id().len(), 12);
        }
    }

    #[test]
    fn deeper_is_an_error_that_says_so() {
        let error = Plan::parse(&chain(5_000)).unwrap_err();
        assert!(
            error.to_string().contains("10001 JSON levels deep"),
            "{error}"
        );
        assert!(Plan::parse(&"[".repeat(1_000_000)).is_err());
        assert!(Plan::parse(&"[".repeat(1_000)).is_err());
    }

    #[test]
    fn what_is_no_plan_is_named() {
        for (text, part) in [
            ("", "not EXPLAIN (FORMAT JSON) output"),
            ("[]", "no plan in the JSON"),
            ("{}", "no plan in the JSON"),
            ("[{\"Planning Time\": 1}]", "no plan in the JSON"),
            ("[\"Utility Statement\"]", "no plan in the JSON"),
            ("[{\"Plan\": {}}]", "Node Type"),
            ("[{\"Plan\": {\"Node Type\": 3}}]", "invalid type"),
        ] {
            let error = Plan::parse(text).unwrap_err();
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn unknown_keys_and_brackets_in_strings_are_kept() {
        let text = r#"[{"Plan":{"Node Type":"Result","Filter":"(a = '[[[{\"')","Vendor Key":{"a":[1,2]}},"Vendor":true}]"#;
        let plan = Plan::parse(text).unwrap().remove(0);
        assert_eq!(plan.root.extra["Vendor Key"]["a"][1], 2);
        assert_eq!(plan.extra["Vendor"], true);
        assert_eq!(nesting(text), 5);
    }

    #[test]
    fn query_identifiers_keep_their_64_bits() {
        for id in [-7_904_215_365_482_117_001_i64, i64::MAX, i64::MIN] {
            let text = format!(r#"{{"Plan":{{"Node Type":"Result"}},"Query Identifier":{id}}}"#);
            assert_eq!(Plan::parse(&text).unwrap()[0].query_identifier, Some(id));
        }
    }
}
