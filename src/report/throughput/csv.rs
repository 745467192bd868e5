//! A run of drains as CSV (RFC 4180): a header, then one line a result with every figure of it.
//!
//! Headers are the paths of the values in a result of `run.json`, after `run_id`. Objects whose keys are not known before, such as `errors`,
//! are one column each: `name=value` with spaces between. Lists of objects have no place here: `run.json` has them.

use serde_json::{Map, Value};

use crate::report::csv::{Field, line, quoted};
use crate::run::throughput::{ThroughputResult, ThroughputRun};

/// Columns that tell which drain it is, in this order before all others.
const IDENTITY: [&str; 8] = [
    "postgres",
    "scenario",
    "queue",
    "fixture",
    "workers",
    "batch_size",
    "repeat",
    "throughput",
];

/// Objects with keys that a run decides.
const OPEN: [&str; 6] = [
    "errors",
    "histograms",
    "settings",
    "task.amounts",
    "waits.by_state",
    "waits.shares",
];

/// Prints the results of a run.
pub(super) fn render(run: &ThroughputRun) -> String {
    let columns = columns();
    let mut csv = line(std::iter::once("run_id".to_owned()).chain(columns.iter().cloned()));
    for result in &run.results {
        let values = values(result);
        let fields = columns.iter().map(|column| {
            let value = values.iter().find(|(path, _)| path == column);
            quoted(field(value.map(|(_, value)| value)))
        });
        let id = quoted(Field::Text(run.run_id.clone()));
        csv.push_str(&line(std::iter::once(id).chain(fields)));
    }
    csv
}

/// The paths of all figures that a result may have.
fn columns() -> Vec<String> {
    let known = values(&ThroughputResult::specimen());
    let known = known.into_iter().filter(|(_, value)| !value.is_null());
    let rest = known.map(|(path, _)| path);
    let rest = rest.filter(|path| !IDENTITY.contains(&path.as_str()));
    IDENTITY
        .map(str::to_owned)
        .into_iter()
        .chain(rest)
        .collect()
}

/// The values of a result by their paths; no lists.
fn values(result: &ThroughputResult) -> Vec<(String, Value)> {
    let mut values = Vec::new();
    // A result is made of structs and string keys: it always serialises.
    if let Ok(Value::Object(object)) = serde_json::to_value(result) {
        collect("", &object, &mut values);
    }
    values
}

fn collect(prefix: &str, object: &Map<String, Value>, values: &mut Vec<(String, Value)>) {
    for (key, value) in object {
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        match value {
            Value::Array(_) => {}
            Value::Object(inner) if !OPEN.contains(&path.as_str()) => {
                collect(&path, inner, values);
            }
            _ => values.push((path, value.clone())),
        }
    }
}

fn field(value: Option<&Value>) -> Field {
    match value {
        None | Some(Value::Null | Value::Array(_)) => Field::Number(String::new()),
        Some(Value::Object(object)) => Field::Text(pairs("", object).join(" ")),
        Some(Value::String(text)) => Field::Text(text.clone()),
        Some(number) => Field::Number(number.to_string()),
    }
}

fn pairs(prefix: &str, object: &Map<String, Value>) -> Vec<String> {
    let pairs = object.iter().flat_map(|(key, value)| match value {
        Value::Object(inner) => pairs(&format!("{prefix}{key}."), inner),
        Value::String(text) => vec![format!("{prefix}{key}={text}")],
        value => vec![format!("{prefix}{key}={value}")],
    });
    pairs.collect()
}
