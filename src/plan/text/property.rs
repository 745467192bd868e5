//! A line that belongs to a node or to a worker in it, as the keys and values that JSON has for the same.

use serde_json::{Map, Value, json};

use super::figures::{self, Figures};
use super::line::{items, key_and_value};
use crate::plan::json::node::{count_field, rows_field};
use crate::plan::node::{Condition, PlanNode, Sort, Worker};

/// Key under which lines are kept that are none of `Key: value`.
pub(super) const OTHER_LINES: &str = "Other Lines";

/// Keys whose value is a list.
const LISTS: [&str; 7] = [
    "Conflict Arbiter Indexes",
    "Group Key",
    "Hash Key",
    "Output",
    "Params Evaluated",
    "Presorted Key",
    "Sort Key",
];

/// Adds a line to a node.
pub(super) fn add_to_node(node: &mut PlanNode, line: &str) {
    let Some((key, value)) = key_and_value(line) else {
        return keep_line(&mut node.extra, line);
    };
    match figures::read(key, value) {
        Some(Figures::Buffers(buffers)) => node.buffers = Some(buffers),
        Some(Figures::IoTimes(times)) => node.io_times = Some(times),
        Some(Figures::Wal(wal)) => node.wal = Some(wal),
        None => {
            if let Some(condition) = Condition::named(key) {
                node.conditions.push((condition, value.to_owned()));
                return;
            }
            for (key, value) in fields(key, value) {
                add_field(node, key, value, line);
            }
        }
    }
}

/// Adds a line to what a worker did; the words behind `Worker 0:` are such a line too.
pub(super) fn add_to_worker(worker: &mut Worker, line: &str) {
    if let Some(actual) = line
        .strip_prefix("actual ")
        .and_then(super::head::actual_words)
    {
        worker.actual = Some(actual);
        return;
    }
    let Some((key, value)) = key_and_value(line) else {
        return keep_line(&mut worker.extra, line);
    };
    match figures::read(key, value) {
        Some(Figures::Buffers(buffers)) => worker.buffers = Some(buffers),
        Some(Figures::IoTimes(times)) => worker.io_times = Some(times),
        Some(Figures::Wal(wal)) => worker.wal = Some(wal),
        None => worker.extra.extend(fields(key, value)),
    }
}

/// Keeps a line that says nothing this program knows.
pub(super) fn keep_line(extra: &mut std::collections::BTreeMap<String, Value>, line: &str) {
    let kept = extra
        .entry(OTHER_LINES.to_owned())
        .or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(lines) = kept {
        lines.push(Value::from(line));
    }
}

/// Number and rest of `Worker 0:  actual time=…`.
pub(super) fn worker(line: &str) -> Option<(u64, &str)> {
    let (number, rest) = line.strip_prefix("Worker ")?.split_once(':')?;
    Some((number.parse().ok()?, rest.trim()))
}

fn add_field(node: &mut PlanNode, key: String, value: Value, line: &str) {
    if let Some(count) = count_field(node, &key) {
        match value.as_u64() {
            Some(number) => *count = Some(number),
            None => keep_line(&mut node.extra, line),
        }
    } else if let Some(rows) = rows_field(node, &key) {
        match value.as_f64() {
            Some(number) => *rows = Some(number),
            None => keep_line(&mut node.extra, line),
        }
    } else if node.node_type == "Aggregate"
        && ["Group Key", "Hash Key", "Sort Key"].contains(&key.as_str())
    {
        add_grouping(node, key, value);
    } else if let Err((key, value)) = add_sort(node, key, value) {
        match (key.as_str(), value) {
            ("Disabled", Value::Bool(disabled)) => node.disabled = disabled,
            ("Output", list) => node.output = texts(&list),
            ("Conflict Resolution", Value::String(word)) => node.conflict_resolution = Some(word),
            (_, value) => {
                node.extra.insert(key, value);
            }
        }
    }
}

/// One group key stands alone; several are grouping sets, in the order printed.
fn add_grouping(node: &mut PlanNode, key: String, list: Value) {
    let sets = "Grouping Sets";
    let earlier = node.extra.remove("Group Key");
    let known = node.extra.get_mut(sets).and_then(Value::as_array_mut);
    match (known, earlier) {
        (Some(known), _) => known.push(json!({ key: list })),
        (None, Some(earlier)) => {
            let both = json!([{ "Group Key": earlier }, { key: list }]);
            node.extra.insert(sets.to_owned(), both);
        }
        (None, None) if key == "Group Key" => {
            node.extra.insert(key, list);
        }
        (None, None) => {
            node.extra.insert(sets.to_owned(), json!([{ key: list }]));
        }
    }
}

/// Takes what a sort says of itself, and gives anything else back.
fn add_sort(node: &mut PlanNode, key: String, value: Value) -> Result<(), (String, Value)> {
    let known = [
        "Sort Key",
        "Presorted Key",
        "Sort Method",
        "Sort Space Used",
        "Sort Space Type",
    ];
    if !known.contains(&key.as_str()) {
        return Err((key, value));
    }
    let sort: &mut Sort = node.sort.get_or_insert_default();
    let text = || value.as_str().map(str::to_owned);
    match key.as_str() {
        "Sort Key" => sort.keys = texts(&value),
        "Presorted Key" => sort.presorted_keys = texts(&value),
        "Sort Method" => sort.method = text(),
        "Sort Space Used" => sort.space_kb = value.as_u64(),
        _ => sort.space_type = text(),
    }
    Ok(())
}

fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The keys and values that JSON has for a line.
fn fields(key: &str, value: &str) -> Vec<(String, Value)> {
    let pairs = pairs(key, value);
    let found = |name: &str| {
        pairs
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    };
    match key {
        "Sort Method" => sort_fields(value, &found),
        "Buckets" => with_original(&pairs),
        "Batches" | "Planned Partitions" | "Hits" | "Storage" => pairs
            .iter()
            .map(|(key, value)| (json_key(key).to_owned(), amount(value)))
            .collect(),
        "Full-sort Groups" | "Pre-sorted Groups" => {
            vec![(key.to_owned(), Value::Object(sort_groups(&pairs)))]
        }
        "Heap Blocks" => words(value, |word| match word {
            "exact" => Some("Exact Heap Blocks"),
            "lossy" => Some("Lossy Heap Blocks"),
            _ => None,
        }),
        "Tuples" => words(value, |word| match word {
            "inserted" => Some("Tuples Inserted"),
            "updated" => Some("Tuples Updated"),
            "deleted" => Some("Tuples Deleted"),
            "skipped" => Some("Tuples Skipped"),
            _ => None,
        }),
        _ if LISTS.contains(&key) => {
            let is_empty = value == "()";
            let list = if is_empty { Vec::new() } else { items(value) };
            vec![(key.to_owned(), Value::from(list))]
        }
        _ => vec![(key.to_owned(), scalar(value))],
    }
}

/// `Key: a  Key: b` taken apart: two blanks separate, as in `Sort Method: quicksort  Memory: 25kB`.
fn pairs<'a>(key: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut parts = value.split("  ").filter(|part| !part.is_empty());
    let first = (key, parts.next().unwrap_or_default());
    let rest = parts.filter_map(|part| key_and_value(part.trim()));
    std::iter::once(first).chain(rest).collect()
}

fn sort_fields<'a>(value: &str, found: &impl Fn(&str) -> Option<&'a str>) -> Vec<(String, Value)> {
    let method = found("Sort Method").unwrap_or(value);
    let mut fields = vec![("Sort Method".to_owned(), Value::from(method))];
    for kind in ["Memory", "Disk"] {
        if let Some(space) = found(kind) {
            fields.push(("Sort Space Used".to_owned(), amount(space)));
            fields.push(("Sort Space Type".to_owned(), Value::from(kind)));
        }
    }
    fields
}

/// `Buckets: 1024 (originally 512)  Batches: 1  Memory Usage: 8kB` of a hash.
fn with_original(pairs: &[(&str, &str)]) -> Vec<(String, Value)> {
    let mut fields = Vec::new();
    for (key, value) in pairs {
        let (now, before) = match value.split_once(" (originally ") {
            Some((now, before)) => (now, before.trim_end_matches(')')),
            None => (*value, *value),
        };
        if let "Buckets" | "Batches" = *key {
            fields.push((format!("Hash {key}"), amount(now)));
            fields.push((format!("Original Hash {key}"), amount(before)));
        } else {
            fields.push((json_key(key).to_owned(), amount(now)));
        }
    }
    fields
}

/// What text and JSON call differently.
fn json_key(key: &str) -> &str {
    match key {
        "Batches" => "HashAgg Batches",
        "Memory Usage" => "Peak Memory Usage",
        "Hits" => "Cache Hits",
        "Misses" => "Cache Misses",
        "Evictions" => "Cache Evictions",
        "Overflows" => "Cache Overflows",
        other => other,
    }
}

/// `Full-sort Groups: 2  Sort Method: quicksort  Average Memory: 26kB  Peak Memory: 26kB`.
fn sort_groups(pairs: &[(&str, &str)]) -> Map<String, Value> {
    let mut groups = Map::new();
    for (key, value) in pairs {
        match key.split_once(' ') {
            Some(("Sort", _)) => {
                groups.insert("Sort Methods Used".to_owned(), Value::from(items(value)));
            }
            Some((word @ ("Average" | "Peak"), kind)) => {
                let space = groups
                    .entry(format!("Sort Space {kind}"))
                    .or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(space) = space {
                    space.insert(format!("{word} Sort Space Used"), amount(value));
                }
            }
            _ => {
                groups.insert("Group Count".to_owned(), amount(value));
            }
        }
    }
    groups
}

/// `exact=12 lossy=3` by the names that JSON has.
fn words(value: &str, name: impl Fn(&str) -> Option<&'static str>) -> Vec<(String, Value)> {
    value
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .map(|(word, number)| (name(word).unwrap_or(word).to_owned(), amount(number)))
        .collect()
}

/// A number of kilobytes or of anything else; a text where it is none.
fn amount(text: &str) -> Value {
    let digits = text.trim_end_matches("kB").trim_end();
    match scalar(digits) {
        Value::Number(number) => Value::Number(number),
        _ => Value::from(text),
    }
}

fn scalar(text: &str) -> Value {
    let is_number = text.starts_with(|first: char| first.is_ascii_digit() || first == '-');
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if is_number => serde_json::from_str(text)
            .ok()
            .filter(Value::is_number)
            .unwrap_or_else(|| Value::from(text)),
        _ => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(lines: &[&str]) -> PlanNode {
        let mut node = PlanNode::default();
        for line in lines {
            add_to_node(&mut node, line);
        }
        node
    }

    #[test]
    fn what_a_sort_used() {
        let sort = node(&[
            "Sort Key: job.priority DESC, f(a, b)",
            "Sort Method: external merge  Disk: 1234kB",
        ])
        .sort;
        let sort = sort.unwrap();
        assert_eq!(sort.keys, ["job.priority DESC", "f(a, b)"]);
        assert_eq!(sort.method.as_deref(), Some("external merge"));
        assert_eq!(
            (sort.space_kb, sort.space_type.as_deref()),
            (Some(1234), Some("Disk"))
        );
    }

    #[test]
    fn lines_of_several_figures_have_the_keys_of_json() {
        for (line, expected) in [
            (
                "Buckets: 2048 (originally 1024)  Batches: 4  Memory Usage: 8kB",
                json!({"Hash Buckets": 2048, "Original Hash Buckets": 1024, "Hash Batches": 4, "Original Hash Batches": 4, "Peak Memory Usage": 8}),
            ),
            (
                "Planned Partitions: 4  Batches: 5  Memory Usage: 817kB  Disk Usage: 712kB",
                json!({"Planned Partitions": 4, "HashAgg Batches": 5, "Peak Memory Usage": 817, "Disk Usage": 712}),
            ),
            (
                "Hits: 9  Misses: 1  Evictions: 0  Overflows: 0  Memory Usage: 1kB",
                json!({"Cache Hits": 9, "Cache Misses": 1, "Cache Evictions": 0, "Cache Overflows": 0, "Peak Memory Usage": 1}),
            ),
            (
                "Storage: Memory  Maximum Storage: 17kB",
                json!({"Storage": "Memory", "Maximum Storage": 17}),
            ),
            (
                "Full-sort Groups: 2  Sort Methods: quicksort, top-N heapsort  Average Memory: 26kB  Peak Memory: 27kB",
                json!({"Full-sort Groups": {"Group Count": 2, "Sort Methods Used": ["quicksort", "top-N heapsort"],
                    "Sort Space Memory": {"Average Sort Space Used": 26, "Peak Sort Space Used": 27}}}),
            ),
            ("Subplans Removed: 3", json!({"Subplans Removed": 3})),
            ("Vendor Key: f(x)", json!({"Vendor Key": "f(x)"})),
            ("what is this", json!({"Other Lines": ["what is this"]})),
        ] {
            let extra: Map<String, Value> = node(&[line]).extra.into_iter().collect();
            assert_eq!(Value::Object(extra), expected, "{line}");
        }
    }

    #[test]
    fn counts_rows_and_conditions_have_their_fields() {
        let node = node(&[
            "Index Cond: (a = 1)",
            "Filter: false",
            "Rows Removed by Filter: 12",
            "Heap Blocks: exact=3 lossy=4",
            "Tuples: inserted=1 skipped=2",
            "Index Searches: 7",
            "Disabled: true",
            "Workers Planned: many",
        ]);
        assert_eq!(node.condition(Condition::Filter), Some("false"));
        assert_eq!(node.rows_removed_by_filter, Some(12.0));
        assert_eq!(
            (node.exact_heap_blocks, node.lossy_heap_blocks),
            (Some(3), Some(4))
        );
        assert_eq!(
            (node.tuples_inserted, node.index_searches),
            (Some(1.0), Some(7))
        );
        assert!(node.disabled);
        assert_eq!(node.workers_planned, None);
        assert_eq!(node.extra[OTHER_LINES], json!(["Workers Planned: many"]));
    }

    #[test]
    fn group_keys_stand_alone_or_as_sets() {
        let mut one = PlanNode {
            node_type: "Aggregate".to_owned(),
            ..PlanNode::default()
        };
        add_to_node(&mut one, "Group Key: a, b");
        assert_eq!(one.extra["Group Key"], json!(["a", "b"]));
        add_to_node(&mut one, "Group Key: ()");
        add_to_node(&mut one, "Sort Key: c");
        let sets = json!([{"Group Key": ["a", "b"]}, {"Group Key": []}, {"Sort Key": ["c"]}]);
        assert_eq!(one.extra["Grouping Sets"], sets);
        assert!(one.sort.is_none() && !one.extra.contains_key("Group Key"));
    }
}
