//! The line of a node: its name with what it works on, what was expected of it and what it did.

use serde_json::Value;

use crate::plan::node::{Actual, Estimate, Operation, PlanNode};

/// A node as its line tells it. The line is that behind the arrow.
pub(super) fn read(line: &str) -> PlanNode {
    let figures = [
        "(cost=",
        "(actual time=",
        "(actual rows=",
        "(never executed)",
    ]
    .iter()
    .filter_map(|begin| line.rfind(begin))
    .min()
    .unwrap_or(line.len());
    let (name, figures) = line.split_at(figures);
    let mut node = PlanNode {
        estimate: estimate(figures).unwrap_or_default(),
        actual: actual(figures),
        ..PlanNode::default()
    };
    read_name(&mut node, name.trim());
    node
}

/// Whether this begins with the name of a node that PostgreSQL has.
pub(super) fn is_node_name(text: &str) -> bool {
    let text = text.strip_prefix("Parallel ").unwrap_or(text);
    let name = text.find(" on ").or_else(|| text.find(" using "));
    let name = text[..name.unwrap_or(text.len())].trim();
    let writes = ["Insert", "Update", "Delete", "Merge"].contains(&name) && name.len() < text.len();
    let joins = ["Nested Loop", "Hash", "Merge"]
        .iter()
        .filter_map(|kind| name.strip_prefix(kind))
        .any(|rest| rest.ends_with(" Join"));
    let name = ["Partial ", "Finalize "]
        .iter()
        .find_map(|mode| name.strip_prefix(mode))
        .unwrap_or(name);
    let name = name.strip_suffix(" Backward").unwrap_or(name);
    writes || joins || NAMES.contains(&name) || name.starts_with("Custom Scan (")
}

/// Names as printed in text format, without those of joins and of what writes.
const NAMES: [&str; 49] = [
    "Aggregate",
    "Append",
    "Bitmap Heap Scan",
    "Bitmap Index Scan",
    "BitmapAnd",
    "BitmapOr",
    "CTE Scan",
    "Custom Scan",
    "Foreign Delete",
    "Foreign Insert",
    "Foreign Scan",
    "Foreign Update",
    "Function Scan",
    "Gather",
    "Gather Merge",
    "Group",
    "GroupAggregate",
    "Hash",
    "HashAggregate",
    "HashSetOp Except",
    "HashSetOp Except All",
    "HashSetOp Intersect",
    "HashSetOp Intersect All",
    "Incremental Sort",
    "Index Only Scan",
    "Index Scan",
    "Limit",
    "LockRows",
    "Materialize",
    "Memoize",
    "Merge Append",
    "MixedAggregate",
    "Named Tuplestore Scan",
    "Nested Loop",
    "ProjectSet",
    "Recursive Union",
    "Result",
    "Sample Scan",
    "Seq Scan",
    "SetOp Except",
    "SetOp Intersect",
    "Sort",
    "Subquery Scan",
    "Table Function Scan",
    "Tid Range Scan",
    "Tid Scan",
    "Unique",
    "Values Scan",
    "WorkTable Scan",
];

/// `(cost=0.43..8.45 rows=1 width=14)`.
fn estimate(figures: &str) -> Option<Estimate> {
    let (inside, _) = figures.split_once("(cost=")?.1.split_once(')')?;
    let mut words = inside.split(' ');
    let (startup, total) = words.next()?.split_once("..")?;
    let mut number = |key| words.next()?.strip_prefix(key)?.parse().ok();
    Some(Estimate {
        startup_cost: finite(startup)?,
        total_cost: finite(total)?,
        rows: number("rows=")?,
        width: number("width=")?,
    })
}

/// `(actual time=0.010..0.011 rows=1 loops=1)`, without the time where TIMING is off; `(never executed)`.
fn actual(figures: &str) -> Option<Actual> {
    let Some((_, rest)) = figures.split_once("(actual ") else {
        return figures.contains("(never executed)").then(Actual::default);
    };
    actual_words(rest.split_once(')').map_or(rest, |(inside, _)| inside))
}

/// `time=0.010..0.011 rows=1 loops=1`: of a node or of a worker.
pub(super) fn actual_words(words: &str) -> Option<Actual> {
    let mut actual = Actual::default();
    let mut has_loops = false;
    for (key, value) in words
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
    {
        match key {
            "time" => {
                let (startup, total) = value.split_once("..")?;
                actual.startup_ms = Some(finite(startup)?);
                actual.total_ms = Some(finite(total)?);
            }
            "rows" => actual.rows = finite(value)?,
            "loops" => {
                // The cast saturates.
                actual.loops = finite(value)?.round() as u64;
                has_loops = true;
            }
            _ => {}
        }
    }
    has_loops.then_some(actual)
}

fn finite(number: &str) -> Option<f64> {
    number
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

fn read_name(node: &mut PlanNode, name: &str) {
    let mut rest = name;
    if let Some(aware) = rest.strip_prefix("Parallel ") {
        node.parallel_aware = true;
        rest = aware;
    }
    if let Some(capable) = rest.strip_prefix("Async ") {
        let key = "Async Capable".to_owned();
        node.extra.insert(key, Value::Bool(true));
        rest = capable;
    }
    if let Some((provider, target)) = custom_scan(rest) {
        node.node_type = "Custom Scan".to_owned();
        let key = "Custom Plan Provider".to_owned();
        node.extra.insert(key, Value::from(provider));
        if let Some(target) = target.strip_prefix(" on ") {
            read_target(node, target);
        }
        return;
    }
    let using = rest.split_once(" using ");
    let on = rest.split_once(" on ");
    match (using, on) {
        // What comes first counts: an index may be called `a on b`, and then it is quoted.
        (Some((kind, behind)), on) if on.is_none_or(|(before, _)| kind.len() < before.len()) => {
            read_kind(node, kind);
            let (index, behind) = identifier(behind);
            node.index_name = Some(index);
            if let Some(target) = behind.strip_prefix(" on ") {
                read_target(node, target);
            }
        }
        (_, Some((kind, target))) => {
            read_kind(node, kind);
            if node.node_type == "Bitmap Index Scan" {
                node.index_name = Some(identifier(target).0);
            } else {
                read_target(node, target);
            }
        }
        _ => read_kind(node, rest),
    }
}

/// Provider and rest of `Custom Scan (Provider) on job`.
fn custom_scan(name: &str) -> Option<(&str, &str)> {
    let inside = name.strip_prefix("Custom Scan (")?;
    let close = inside.rfind(')')?;
    Some((&inside[..close], &inside[close + 1..]))
}

fn read_kind(node: &mut PlanNode, kind: &str) {
    let kind = kind.trim();
    let text = |word: &str| Some(word.to_owned());
    for joins in ["Nested Loop", "Hash", "Merge"] {
        let Some(rest) = kind.strip_prefix(joins) else {
            continue;
        };
        let is_nested_loop = joins == "Nested Loop";
        if rest.ends_with(" Join") || is_nested_loop && rest.is_empty() {
            let join_type = rest.strip_suffix(" Join").unwrap_or_default().trim();
            let join_type = if join_type.is_empty() {
                "Inner"
            } else {
                join_type
            };
            let suffix = if is_nested_loop { "" } else { " Join" };
            node.node_type = format!("{joins}{suffix}");
            node.join_type = text(join_type);
            return;
        }
    }
    if let Some(operation) = operation(kind) {
        node.node_type = "ModifyTable".to_owned();
        node.operation = Some(operation);
        return;
    }
    if let Some(word) = kind.strip_prefix("Foreign ") {
        node.node_type = "Foreign Scan".to_owned();
        let reads = || Operation::Other("Select".to_owned());
        node.operation = Some(operation(word).unwrap_or_else(reads));
        return;
    }
    if read_aggregate(node, kind) || read_set_operation(node, kind) {
        return;
    }
    let forward = kind.strip_suffix(" Backward");
    node.node_type = forward.unwrap_or(kind).to_owned();
    if matches!(node.node_type.as_str(), "Index Scan" | "Index Only Scan") {
        let direction = if forward.is_some() {
            "Backward"
        } else {
            "Forward"
        };
        node.scan_direction = text(direction);
    }
}

fn operation(word: &str) -> Option<Operation> {
    Some(match word {
        "Insert" => Operation::Insert,
        "Update" => Operation::Update,
        "Delete" => Operation::Delete,
        "Merge" => Operation::Merge,
        _ => return None,
    })
}

fn read_aggregate(node: &mut PlanNode, kind: &str) -> bool {
    let mode = ["Partial", "Finalize"]
        .into_iter()
        .find_map(|mode| Some((mode, kind.strip_prefix(mode)?.strip_prefix(' ')?)));
    let (mode, name) = mode.unwrap_or(("Simple", kind));
    let strategy = match name {
        "Aggregate" => "Plain",
        "GroupAggregate" => "Sorted",
        "HashAggregate" => "Hashed",
        "MixedAggregate" => "Mixed",
        _ => return false,
    };
    node.node_type = "Aggregate".to_owned();
    node.strategy = Some(strategy.to_owned());
    node.partial_mode = Some(mode.to_owned());
    true
}

fn read_set_operation(node: &mut PlanNode, kind: &str) -> bool {
    let (strategy, command) = match (kind.strip_prefix("SetOp"), kind.strip_prefix("HashSetOp")) {
        (Some(command), _) => ("Sorted", command),
        (_, Some(command)) => ("Hashed", command),
        _ => return false,
    };
    node.node_type = "SetOp".to_owned();
    node.strategy = Some(strategy.to_owned());
    node.command = Some(command.trim().to_owned()).filter(|command| !command.is_empty());
    true
}

/// `public.job j`, `job`, `"*VALUES*"`: what is scanned or written, with its alias where that is another.
///
/// A lone name of a Function Scan is taken for the function's. It may as well be the alias of several functions, or of none: the
/// text does not tell.
pub(super) fn read_target(node: &mut PlanNode, target: &str) {
    let (first, rest) = identifier(target);
    let (schema, name, rest) = match rest.strip_prefix('.') {
        Some(rest) => {
            let (name, rest) = identifier(rest);
            (Some(first), name, rest)
        }
        None => (None, first, rest),
    };
    let alias = Some(identifier(rest.trim_start()).0)
        .filter(|alias| !alias.is_empty())
        .unwrap_or_else(|| name.clone());
    node.alias = Some(alias);
    let object = match node.node_type.as_str() {
        "Subquery Scan" | "Values Scan" | "Result" => return,
        "CTE Scan" | "WorkTable Scan" => &mut node.cte_name,
        "Function Scan" => &mut node.function_name,
        "Table Function Scan" | "Named Tuplestore Scan" => {
            let kind = node.node_type.trim_end_matches(" Scan");
            let kind = kind.strip_prefix("Named ").unwrap_or(kind);
            node.extra.insert(format!("{kind} Name"), Value::from(name));
            return;
        }
        _ => &mut node.relation_name,
    };
    *object = Some(name);
    node.schema = schema;
}

/// The identifier that a text begins with, without its quotes, and what is behind it.
fn identifier(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '.']).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        return (name.to_owned(), rest);
    };
    let mut name = String::new();
    let mut rest = quoted;
    while let Some((part, behind)) = rest.split_once('"') {
        name.push_str(part);
        rest = behind;
        match rest.strip_prefix('"') {
            Some(behind) => {
                name.push('"');
                rest = behind;
            }
            None => return (name, rest),
        }
    }
    name.push_str(rest);
    (name, "")
}
