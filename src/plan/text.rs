//! Reads EXPLAIN in its default format, text, into [`Plan`]s.
//!
//! A line says less than JSON does: what is nothing is left out, and so is what goes without saying. Where it can be told it is put
//! back, so that text and JSON of the same plan give the same shape, digest and work. What cannot be told is whether the lone name of
//! a Function Scan is a function's or an alias, and whether an index that has no order was scanned forward.
//!
//! Only the order of columns counts, not how far lines are indented. A line that nothing is known of is kept with its node.

mod assembly;
mod extent;
mod figures;
mod head;
mod line;
mod property;
mod statement;

use serde_json::Value;

pub use self::extent::{Extent, extent};

use self::assembly::Assembly;
use self::line::{Line, behind_arrow, has_figures, lines};
use self::statement::Section;
use super::json::PlanError;
use super::node::Worker;
use super::statement::Plan;

/// Reads one plan in text format: what auto_explain prints before it (`Query Text`, `Query Parameters`), its node lines with what
/// belongs to them, and the lines about the whole statement behind them.
///
/// # Errors
/// [`PlanError::NoNode`] if the text is no plan, [`PlanError::DeepText`] if it is nested deeper than
/// [`MAX_DEPTH`](super::json::MAX_DEPTH) nodes.
pub fn parse(text: &str) -> Result<Plan, PlanError> {
    let (preamble, body) = split_preamble(text);
    let mut plan = Plan::default();
    read_preamble(&mut plan, preamble);
    let lines = lines(body);
    let mut lines = lines.iter();
    let first = lines.next().ok_or(PlanError::NoNode)?;
    let mut reader = Reader {
        plan,
        assembly: Assembly::default(),
        header: None,
        worker: None,
        place: Place::Node,
        column: 0,
    };
    // A root may come with an arrow where only a part of a plan was kept.
    reader.add_node(first, behind_arrow(&first.text).unwrap_or(&first.text));
    for line in lines {
        reader.add(line);
    }
    reader.finish()
}

/// Whether a line is a plan's topmost node: it has costs and no arrow before its name.
#[must_use]
pub fn begins_plan(line: &str) -> bool {
    let line = line.trim();
    let letter = line.starts_with(|first: char| first.is_ascii_uppercase());
    letter && line::has_costs(line) && line::key_and_value(line).is_none()
}

/// Whether a line is a node without costs, as `explain (costs off)` prints it. Such a line may as well be a word of prose.
#[must_use]
pub fn may_begin_plan(line: &str) -> bool {
    let line = line.trim();
    let name = line.split(" (").next().unwrap_or_default();
    head::is_node_name(if has_figures(line) {
        name.trim_end()
    } else {
        line
    })
}

/// Columns of white space before a line's text, tabs to the next multiple of 8.
#[must_use]
pub fn column(line: &str) -> usize {
    line::column(line)
}

/// Takes apart what stands before the topmost node, and the rest. Without costs the topmost node is the first line with the name of
/// one.
fn split_preamble(text: &str) -> (&str, &str) {
    let root = |is_root: fn(&str) -> bool| {
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if is_root(line) {
                return Some(at);
            }
            at += line.len();
        }
        None
    };
    let named = |line: &str| may_begin_plan(behind_arrow(line.trim()).unwrap_or(line));
    let any_node = |line: &str| line::has_costs(line) && behind_arrow(line.trim()).is_some();
    let begin = root(begins_plan)
        .or_else(|| root(any_node))
        .or_else(|| root(named));
    text.split_at(begin.unwrap_or(text.len()))
}

/// `Query Text: …`, of several lines maybe, then `Query Parameters: …`.
fn read_preamble(plan: &mut Plan, preamble: &str) {
    let Some((_, text)) = preamble.split_once("Query Text:") else {
        return;
    };
    let parameters = text.match_indices("Query Parameters:").map(|(at, _)| at);
    let parameters = parameters
        .filter(|at| text[..*at].trim_end_matches([' ', '\t']).ends_with('\n'))
        .last();
    let (text, parameters) = text.split_at(parameters.unwrap_or(text.len()));
    if let Some((_, parameters)) = parameters.split_once(':') {
        let key = "Query Parameters".to_owned();
        plan.extra.insert(key, Value::from(parameters.trim()));
    }
    // A log has a tab before every line but the first.
    let lines: Vec<&str> = text
        .trim()
        .lines()
        .map(|line| line.strip_prefix('\t').unwrap_or(line).trim_end())
        .collect();
    plan.query_text = Some(lines.join("\n"));
}

/// Where a line belongs that begins nothing by itself.
enum Place {
    /// To the node read last, or to a worker in it.
    Node,
    /// To the statement, or a section of it.
    Statement(Section),
}

/// A worker that lines belong to if they are further right than its own.
struct OpenWorker {
    column: usize,
    worker: Worker,
}

/// What has been read so far.
struct Reader {
    plan: Plan,
    assembly: Assembly,
    /// A header that waits for its node, and its column.
    header: Option<(usize, String)>,
    worker: Option<OpenWorker>,
    place: Place,
    /// Column of the section's first line.
    column: usize,
}

impl Reader {
    fn add(&mut self, line: &Line<'_>) {
        let text = line.text.as_ref();
        if let Some(worker) = &mut self.worker
            && line.column > worker.column
            && !has_figures(text)
        {
            return property::add_to_worker(&mut worker.worker, text);
        }
        if let Some(name) = behind_arrow(text) {
            self.add_node(line, name);
        } else if line::has_costs(text) || has_figures(text) && head::is_node_name(node_name(text))
        {
            self.add_node(line, text);
        } else if let Some(header) = assembly::header(text) {
            self.header = Some((line.column, header));
        } else if statement::is_of_statement(text) {
            self.close_worker();
            self.column = line.column;
            self.place = Place::Statement(statement::read(&mut self.plan, text));
        } else {
            self.add_to_place(line);
        }
    }

    fn add_node(&mut self, line: &Line<'_>, name: &str) {
        self.close_worker();
        let (column, header) = match self.header.take() {
            Some((column, header)) => (column.min(line.column), Some(header)),
            None => (line.column, None),
        };
        self.place = Place::Node;
        self.assembly.push(head::read(name), column, header);
    }

    fn add_to_place(&mut self, line: &Line<'_>) {
        let text = line.text.as_ref();
        match self.place {
            Place::Node => self.add_to_node(line.column, text),
            Place::Statement(section) if line.column > self.column => {
                statement::read_within(&mut self.plan, section, text);
            }
            Place::Statement(_) => {
                self.column = line.column;
                self.place = Place::Statement(statement::read(&mut self.plan, text));
            }
        }
    }

    fn add_to_node(&mut self, column: usize, text: &str) {
        self.close_worker_left_of(column);
        if let Some((number, rest)) = property::worker(text) {
            return self.add_worker(column, number, rest);
        }
        let Some(node) = self.assembly.last() else {
            return;
        };
        if node.is_modify_table() && line::key_and_value(text).is_none() && head::is_node_name(text)
        {
            add_target(node, text);
        } else {
            property::add_to_node(node, text);
        }
    }

    /// One worker may have several such lines, up to 12 also a line a figure.
    fn add_worker(&mut self, column: usize, number: u64, rest: &str) {
        self.close_worker();
        let Some(node) = self.assembly.last() else {
            return;
        };
        let known = node
            .workers
            .iter()
            .position(|worker| worker.number == number);
        let mut worker = match known {
            Some(known) => node.workers.remove(known),
            None => Worker {
                number,
                ..Worker::default()
            },
        };
        if !rest.is_empty() {
            property::add_to_worker(&mut worker, rest);
        }
        self.worker = Some(OpenWorker { column, worker });
    }

    fn close_worker_left_of(&mut self, column: usize) {
        if self
            .worker
            .as_ref()
            .is_some_and(|open| column <= open.column)
        {
            self.close_worker();
        }
    }

    fn close_worker(&mut self) {
        if let (Some(open), Some(node)) = (self.worker.take(), self.assembly.last()) {
            node.workers.push(open.worker);
        }
    }

    fn finish(mut self) -> Result<Plan, PlanError> {
        self.close_worker();
        let mut plan = self.plan;
        plan.root = self.assembly.finish()?;
        if plan.root.node_type.is_empty() {
            return Err(PlanError::NoNode);
        }
        assembly::complete_triggers(&mut plan);
        Ok(plan)
    }
}

/// The text before a node's figures.
fn node_name(text: &str) -> &str {
    text.split(" (").next().unwrap_or_default().trim_end()
}

/// `Update on part_1`: one of several tables that a statement writes to.
fn add_target(node: &mut super::node::PlanNode, text: &str) {
    let target = head::read(text);
    let mut table = serde_json::Map::new();
    for (key, name) in [
        ("Schema", target.schema),
        ("Relation Name", target.relation_name),
        ("Alias", target.alias),
    ] {
        if let Some(name) = name {
            table.insert(key.to_owned(), Value::from(name));
        }
    }
    let tables = node
        .extra
        .entry("Target Tables".to_owned())
        .or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(tables) = tables {
        tables.push(Value::Object(table));
    }
}

#[cfg(test)]
mod tests;
