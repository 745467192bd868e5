//! Plans and statements without the names and literals of whoever they belong to: `job` becomes `table_1` wherever it stands, and
//! what is built of it stays as it is. Done before anything is judged, so that no finding can name what it never saw.
//!
//! Whatever is not known to be PostgreSQL's own is replaced: key words, types and functions are kept by lists (`words`).

mod expression;
mod words;

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use self::words::{is_function, is_node_word};
use super::notes::is_known;
use super::{FoundPlan, Material};
use crate::plan::{Operation, Plan, PlanNode, Trigger, Worker};
use crate::run::review::{LoggedStatement, ReviewedPlan, Source};

/// Said in the place of what is wrong with a file: that may cite what is in it.
const UNTOLD: &str = "not read, or only in part; without --anonymize the reason is told";

/// What a name stands for, as its replacement calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Table,
    Index,
    Column,
    Function,
    Cte,
    Alias,
    Schema,
    Type,
    Trigger,
    Constraint,
    Parameter,
    Literal,
    Node,
    Field,
    File,
    Shape,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Table => "table",
            Kind::Index => "index",
            Kind::Column => "column",
            Kind::Function => "function",
            Kind::Cte => "cte",
            Kind::Alias => "alias",
            Kind::Schema => "schema",
            Kind::Type => "type",
            Kind::Trigger => "trigger",
            Kind::Constraint => "constraint",
            Kind::Parameter => "parameter",
            Kind::Literal => "literal",
            Kind::Node => "Node",
            Kind::Field => "Field",
            Kind::File => "file",
            Kind::Shape => "shape",
        }
    }
}

/// The first number that stands for another.
const FIRST_NUMBER: usize = 1_001;

/// What stands for what, the same wherever it occurs.
#[derive(Debug, Default)]
pub struct Pseudonyms {
    names: HashMap<String, String>,
    others: HashMap<(&'static str, String), String>,
    numbers: HashMap<String, String>,
    counts: BTreeMap<Kind, usize>,
}

/// Replaces the names and literals in all that was read.
#[must_use]
pub fn replace_names(material: &mut Material) -> Pseudonyms {
    let mut names = Pseudonyms::default();
    // What the plans call tables and indexes is known before the first expression is looked at, where it might pass for a column.
    for found in &material.plans {
        names.learn(&found.plan);
    }
    for found in &mut material.plans {
        names.replace(found);
    }
    for statement in &mut material.statements {
        names.replace_statement(statement);
    }
    for problem in &mut material.problems {
        names.replace_source(&mut problem.source);
        problem.message = UNTOLD.to_owned();
    }
    names
}

impl Pseudonyms {
    /// Replaces what the shapes of logged statements are known by: that tells of the names. `plans` are those they refer to, judged.
    pub fn replace_shapes(&mut self, statements: &mut [LoggedStatement], plans: &[ReviewedPlan]) {
        for statement in statements {
            let mut known: HashMap<String, String> = HashMap::new();
            for shape in &mut statement.shapes {
                let plan = plans.get(shape.plan);
                let id = match plan {
                    Some(plan) => plan.shape.clone(),
                    None => self.other(Kind::Shape, &shape.shape),
                };
                shape.digest = plan.map_or_else(String::new, |plan| plan.digest.clone());
                known.insert(std::mem::replace(&mut shape.shape, id.clone()), id);
            }
            for flip in &mut statement.flips {
                for id in [&mut flip.from, &mut flip.to] {
                    *id = match known.get(id) {
                        Some(id) => id.clone(),
                        None => self.other(Kind::Shape, id),
                    };
                }
            }
        }
    }

    /// What stands for a name; `kind` is what it is taken for where it is not known yet.
    fn name(&mut self, kind: Kind, name: &str) -> String {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        // PostgreSQL numbers what is there several times: `job_1` is another `job`.
        let numbered = name.rsplit_once('_').and_then(|(base, number)| {
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let base = self.names.get(base).filter(|_| is_number)?;
            Some(format!("{base}_{number}"))
        });
        let replacement = numbered.unwrap_or_else(|| self.next(kind));
        self.names.insert(name.to_owned(), replacement.clone());
        replacement
    }

    /// What stands for something that is no name within a statement.
    fn other(&mut self, kind: Kind, text: &str) -> String {
        let key = (kind.word(), text.to_owned());
        if let Some(known) = self.others.get(&key) {
            return known.clone();
        }
        let replacement = self.next(kind);
        self.others.insert(key, replacement.clone());
        replacement
    }

    fn next(&mut self, kind: Kind) -> String {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        format!("{}_{count}", kind.word())
    }

    /// What stands for a number; the same number is always the same one.
    fn number(&mut self, number: &str) -> String {
        let next = FIRST_NUMBER + self.numbers.len();
        let replacement = self.numbers.entry(number.to_owned());
        replacement.or_insert_with(|| next.to_string()).clone()
    }

    /// A name that stays as it is.
    fn keep(&mut self, name: &str) {
        self.names.insert(name.to_owned(), name.to_owned());
    }

    /// Learns what is a table, an index and so on.
    fn learn(&mut self, plan: &Plan) {
        let nodes = || plan.preorder().map(|position| position.node);
        for node in nodes() {
            let function = node.function_name.as_deref();
            if let Some(own) = function.filter(|name| is_function(name)) {
                self.keep(own);
            }
            let alias = node.alias.as_deref();
            // `*VALUES*`, `*SELECT* 1`: no name of a statement.
            if let Some(own) = alias.filter(|name| is_made_up(name)) {
                self.keep(own);
            }
            let names = [
                (Kind::Table, node.relation_name.as_deref()),
                (Kind::Index, node.index_name.as_deref()),
                (Kind::Cte, node.computes_cte()),
                (Kind::Cte, node.cte_name.as_deref()),
                (Kind::Function, function),
                (Kind::Schema, node.schema.as_deref()),
            ];
            for (kind, name) in names {
                name.map(|name| self.name(kind, name));
            }
        }
        for trigger in &plan.triggers {
            let relation = trigger.relation.as_deref();
            relation.map(|name| self.name(Kind::Table, name));
        }
        // Behind the tables: `job_1` is a numbered `job`, whichever comes first.
        for alias in nodes().filter_map(|node| node.alias.as_deref()) {
            self.name(Kind::Alias, alias);
        }
    }

    fn replace(&mut self, found: &mut FoundPlan) {
        self.replace_source(&mut found.source);
        let plan = &mut found.plan;
        let texts = [&mut found.statement, &mut plan.query_text];
        for text in texts.into_iter().flatten() {
            *text = self.text(text);
        }
        let mut pending = vec![&mut plan.root];
        while let Some(node) = pending.pop() {
            self.replace_in_node(node);
            pending.extend(node.children.iter_mut().rev());
        }
        for trigger in &mut plan.triggers {
            self.replace_in_trigger(trigger);
        }
        plan.settings = std::mem::take(&mut plan.settings)
            .into_iter()
            .map(|(setting, value)| self.setting(setting, value))
            .collect();
        self.replace_in_fields(&mut plan.extra);
        self.replace_in_fields(&mut plan.planning.extra);
        if let Some(jit) = &mut plan.jit {
            self.replace_in_fields(&mut jit.extra);
        }
        if let Some(serialization) = &mut plan.serialization {
            self.replace_word(&mut serialization.format);
            self.replace_in_fields(&mut serialization.extra);
        }
    }

    fn replace_in_node(&mut self, node: &mut PlanNode) {
        if let Some(name) = node.computes_cte() {
            node.subplan_name = Some(format!("CTE {}", self.name(Kind::Cte, name)));
        } else if let Some(name) = &mut node.subplan_name {
            *name = self.text(name);
        }
        for (kind, name) in [
            (Kind::Table, &mut node.relation_name),
            (Kind::Index, &mut node.index_name),
            (Kind::Cte, &mut node.cte_name),
            (Kind::Function, &mut node.function_name),
            (Kind::Schema, &mut node.schema),
            (Kind::Alias, &mut node.alias),
        ] {
            if let Some(name) = name {
                *name = self.name(kind, name);
            }
        }
        node.node_type = self.node_words(&node.node_type);
        for word in [
            &mut node.strategy,
            &mut node.partial_mode,
            &mut node.join_type,
            &mut node.command,
            &mut node.scan_direction,
            &mut node.conflict_resolution,
        ] {
            self.replace_word(word);
        }
        if let Some(Operation::Other(word)) = &mut node.operation {
            *word = self.node_words(word);
        }
        for text in node
            .output
            .iter_mut()
            .chain(node.conditions.iter_mut().map(|(_, condition)| condition))
        {
            *text = self.text(text);
        }
        if let Some(sort) = &mut node.sort {
            for key in sort.keys.iter_mut().chain(&mut sort.presorted_keys) {
                *key = self.text(key);
            }
            self.replace_word(&mut sort.method);
            self.replace_word(&mut sort.space_type);
        }
        for Worker { extra, .. } in &mut node.workers {
            self.replace_in_fields(extra);
        }
        self.replace_in_fields(&mut node.extra);
    }

    fn replace_in_trigger(&mut self, trigger: &mut Trigger) {
        for (kind, name) in [
            (Kind::Trigger, &mut trigger.name),
            (Kind::Constraint, &mut trigger.constraint_name),
            (Kind::Table, &mut trigger.relation),
        ] {
            if let Some(name) = name {
                *name = self.name(kind, name);
            }
        }
        self.replace_in_fields(&mut trigger.extra);
    }

    fn replace_statement(&mut self, statement: &mut LoggedStatement) {
        statement.statement = self.text(&statement.statement);
        self.replace_source(&mut statement.first);
        for shape in &mut statement.shapes {
            self.replace_source(&mut shape.first);
            self.replace_source(&mut shape.last);
        }
        for flip in &mut statement.flips {
            self.replace_source(&mut flip.source);
        }
    }

    fn replace_source(&mut self, source: &mut Source) {
        if source.path != "-" {
            source.path = self.other(Kind::File, &source.path);
        }
    }

    /// A setting. Its value stays where it is a number or a switch: `search_path` holds names.
    fn setting(&mut self, setting: String, value: String) -> (String, String) {
        let name = if setting.contains('.') {
            self.name(Kind::Parameter, &setting)
        } else {
            setting
        };
        let is_size = value.starts_with(|first: char| first.is_ascii_digit() || first == '-')
            && value.len() <= 12;
        let value = if is_size || ["on", "off", "auto"].contains(&value.as_str()) {
            value
        } else {
            self.other(Kind::Literal, &value)
        };
        (name, value)
    }

    fn replace_in_fields(&mut self, fields: &mut BTreeMap<String, Value>) {
        let replaced = std::mem::take(fields).into_iter().map(|(field, value)| {
            let field = if is_known(&field) || is_node_words(&field) {
                field
            } else {
                self.other(Kind::Field, &field)
            };
            (field, self.value(value))
        });
        *fields = replaced.collect();
    }

    /// A value of a field: every text in it is an expression, or taken for one.
    fn value(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) if is_node_words(&text) => Value::String(text),
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.value(item)).collect())
            }
            Value::Object(fields) => {
                let mut fields = fields.into_iter().collect();
                self.replace_in_fields(&mut fields);
                Value::Object(fields.into_iter().collect())
            }
            other => other,
        }
    }

    fn replace_word(&mut self, word: &mut Option<String>) {
        if let Some(word) = word {
            *word = self.node_words(word);
        }
    }

    /// Words that PostgreSQL describes nodes by; others it would not print there.
    fn node_words(&mut self, text: &str) -> String {
        if is_node_words(text) {
            text.to_owned()
        } else {
            self.other(Kind::Node, text)
        }
    }
}

fn is_node_words(text: &str) -> bool {
    !text.is_empty() && text.split([' ', '-']).all(is_node_word)
}

/// Names that PostgreSQL gives what has none: `*VALUES*`, `*SELECT* 1`.
fn is_made_up(name: &str) -> bool {
    name.starts_with('*')
        && name.bytes().all(|byte| {
            byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"* _".contains(&byte)
        })
}

#[cfg(test)]
mod tests;
