//! Plans in a document, however they got there: as EXPLAIN printed them (text, JSON, YAML, XML), in the tables of psql and other
//! clients, in Markdown and mail, one or many, with other text around them.
//!
//! Every wrapping has a reader that takes it off line by line, so that a plan is told with the line it begins in. A place where
//! something ends (a table, a block of code) delimits: no plan reaches across.

mod json;
mod line;
mod quoting;
mod statement;
mod table;
mod whole;
mod writer;
mod xml;
mod yaml;

use self::json::{Brackets, Reached};
use self::line::Line;
use self::statement::Explained;
use super::FoundPlan;
use crate::plan::text::{self, begins_plan};
use crate::plan::{Plan, PlanError};
use crate::run::review::{Problem, Source};

/// How many times its own length may be read of a document in vain, by brackets that are never closed.
const FUTILE_READING: usize = 8;

/// The plans in a document, in its order, and what looks like a plan and cannot be read, or only in part. A document without anything
/// that looks like a plan gives neither.
#[must_use]
pub fn find_plans(path: &str, text: &str) -> (Vec<FoundPlan>, Vec<Problem>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut finder = Finder::new(path, text.len());
    if !finder.read_json_alone(text) {
        let mut lines = table::rows(quoting::unquoted(line::lines(text)));
        finder.read(&mut lines);
    }
    (finder.plans, finder.problems)
}

/// What has been found so far.
struct Finder<'p> {
    path: &'p str,
    plans: Vec<FoundPlan>,
    problems: Vec<Problem>,
    explained: Explained,
    /// The line of `Query Text:` before a plan in text or YAML format.
    preamble: Option<usize>,
    /// Bytes that may still be read in vain.
    patience: usize,
}

impl<'p> Finder<'p> {
    fn new(path: &'p str, length: usize) -> Self {
        Finder {
            path,
            plans: Vec::new(),
            problems: Vec::new(),
            explained: Explained::default(),
            preamble: None,
            patience: length.saturating_mul(FUTILE_READING),
        }
    }

    /// Reads a document that is nothing but JSON; tells whether it was.
    fn read_json_alone(&mut self, text: &str) -> bool {
        if !text.trim_start().starts_with(['[', '{']) {
            return false;
        }
        let Ok(plans) = Plan::parse(text) else {
            return false;
        };
        self.add_json(plans, text, 1, None);
        true
    }

    fn read(&mut self, lines: &mut [Line<'_>]) {
        let mut at = 0;
        while at < lines.len() {
            at = self.read_at(lines, at);
        }
    }

    /// Reads what begins in a line, if anything does, and gives the line behind it; where something may begin behind it in the same line,
    /// that line again, with what was read taken off.
    fn read_at(&mut self, lines: &mut [Line<'_>], at: usize) -> usize {
        let Some(line) = lines[at].text_within() else {
            self.explained.end();
            self.preamble = None;
            return at + 1;
        };
        let trimmed = line.trim();
        if json::may_begin(line) {
            return self.read_json(lines, at);
        }
        if begins_plan(line) || text::may_begin_plan(line) && is_followed_by_arrow(lines, at) {
            return self.read_text(lines, at);
        }
        if trimmed.starts_with("<explain") {
            return self.read_xml(lines, at);
        }
        if begins_yaml(lines, at) {
            return self.read_yaml(lines, at);
        }
        if trimmed.starts_with("Query Text:") || trimmed.starts_with("- Query Text:") {
            self.preamble = Some(at);
        } else if trimmed.is_empty() {
            self.preamble = None;
        }
        self.explained.read(line);
        at + 1
    }

    fn read_json(&mut self, lines: &mut [Line<'_>], at: usize) -> usize {
        let extent = self.json_extent(lines, at);
        let number = lines[at].number;
        let last = extent.lines - 1;
        let text = {
            let lines = &lines[at..at + extent.lines];
            let has_marks = table::has_mark(lines[0].text());
            let texts = lines.iter().enumerate().map(|(index, line)| {
                let whole = line.text();
                let text = extent
                    .last_bytes
                    .filter(|_| index == last)
                    .and_then(|bytes| whole.get(..bytes));
                let text = text.unwrap_or(whole);
                if has_marks {
                    table::without_mark(text)
                } else {
                    text
                }
            });
            texts.collect::<Vec<_>>().join("\n")
        };
        match (
            self.read_json_text(&text, number, extent.last_bytes.is_some()),
            extent.last_bytes,
        ) {
            (_, Some(bytes)) => {
                let rest = lines[at + last].text().get(bytes..).unwrap_or_default();
                let separators = rest.len() - rest.trim_start_matches([' ', ',', ';', '\t']).len();
                lines[at + last].skip(bytes.saturating_add(separators));
                at + last
            }
            (true, None) => at + extent.lines,
            (false, None) => {
                self.patience = self.patience.saturating_sub(text.len());
                self.explained.read(lines[at].text());
                at + 1
            }
        }
    }

    /// Where the JSON ends that begins in a line. If it never does, the next document that begins as far left is another.
    fn json_extent(&mut self, lines: &[Line<'_>], at: usize) -> JsonExtent {
        let mut brackets = Brackets::default();
        let first = text::column(lines[at].text());
        let mut next = None;
        let mut read = 0_usize;
        for (index, line) in lines.iter().enumerate().skip(at) {
            let Some(text) = line.text_within() else {
                return JsonExtent::half(next.unwrap_or(index) - at);
            };
            if index > at && next.is_none() && text::column(text) <= first && json::may_begin(text)
            {
                next = Some(index);
                if self.patience == 0 {
                    break;
                }
            }
            read = read.saturating_add(text.len());
            match brackets.read(text.as_bytes()) {
                Reached::Open if brackets.is_open() => {}
                Reached::End(end) => {
                    return JsonExtent {
                        lines: index + 1 - at,
                        last_bytes: Some(end),
                    };
                }
                _ => return JsonExtent::half(next.unwrap_or(index + 1) - at),
            }
        }
        if next.is_some() {
            self.patience = self.patience.saturating_sub(read);
        }
        JsonExtent::half(next.unwrap_or(lines.len()) - at)
    }

    /// Reads a text that is JSON or half of it; tells whether there was anything of a plan in it.
    fn read_json_text(&mut self, text: &str, number: u64, is_whole: bool) -> bool {
        let named = text.contains("\"Node Type\"");
        match Plan::parse(text) {
            Ok(plans) => {
                let statement = self.explained.take();
                self.add_json(plans, text, number, statement);
                return true;
            }
            Err(_) if !named => return false,
            Err(PlanError::Empty) => {
                // A node alone, as some programs keep it.
                if let Ok(plans) = Plan::parse(&format!("{{\"Plan\":{text}}}")) {
                    let statement = self.explained.take();
                    self.add_json(plans, text, number, statement);
                } else {
                    self.problem(number, PlanError::Empty.to_string());
                }
            }
            Err(error) if is_whole => self.problem(number, error.to_string()),
            Err(error) => self.read_half(json::mended(text), number, &error.to_string()),
        }
        true
    }

    /// Reads what could be saved of a plan of which the rest is missing.
    fn read_half(&mut self, mended: Option<String>, number: u64, reason: &str) {
        let plans = mended.and_then(|text| Some((Plan::parse(&text).ok()?, text)));
        let statement = self.explained.take();
        match plans {
            Some((plans, text)) => {
                self.add_json(plans, &text, number, statement);
                let message = format!(
                    "the plan is cut: {reason}; what is there is reviewed, save the whole output for the rest"
                );
                self.problem(number, message);
            }
            None => self.problem(number, format!("the plan is cut: {reason}")),
        }
    }

    fn add_json(&mut self, plans: Vec<Plan>, text: &str, number: u64, statement: Option<String>) {
        // A single plan begins where the document does.
        let beginnings = if plans.len() > 1 {
            json::beginnings(text)
        } else {
            Vec::new()
        };
        let mut behind = 0;
        let leading = text.len() - text.trim_start().len();
        let mut line = number;
        for (index, plan) in plans.into_iter().enumerate() {
            let begin = beginnings.get(index).copied().filter(|_| index > 0);
            let begin = begin.unwrap_or(leading).max(behind);
            let between = text.get(behind..begin).unwrap_or_default();
            line += between.matches('\n').count() as u64;
            behind = begin;
            self.add(plan, line, statement.clone());
        }
    }

    fn read_text(&mut self, lines: &[Line<'_>], at: usize) -> usize {
        let texts = lines[at..].iter().map_while(Line::text_within);
        let extent = text::extent(texts);
        let end = at + extent.lines;
        let begin = self
            .preamble
            .take()
            .filter(|begin| *begin < at)
            .unwrap_or(at);
        let texts: Vec<&str> = lines[begin..end].iter().map(Line::text).collect();
        let number = lines[at].number;
        match text::parse(&texts.join("\n")) {
            Ok(plan) => {
                let missing = whole::what_is_missing(&plan);
                let cut = extent.is_cut.then(|| {
                    "the plan is cut in the middle of its last line; what is there is reviewed, save the whole output for the rest"
                        .to_owned()
                });
                let statement = self.explained.take();
                self.add(plan, number, statement);
                if let Some(message) = missing.or(cut) {
                    self.problem(number, message);
                }
            }
            Err(error) => self.problem(number, error.to_string()),
        }
        end
    }

    fn read_xml(&mut self, lines: &[Line<'_>], at: usize) -> usize {
        let count = xml_lines(&lines[at..]);
        let text = unmarked(&lines[at..at + count]);
        self.add_converted(xml::to_json(&text), lines[at].number, "XML");
        at + count
    }

    fn read_yaml(&mut self, lines: &[Line<'_>], at: usize) -> usize {
        let begin = self
            .preamble
            .take()
            .filter(|begin| *begin < at)
            .unwrap_or(at);
        let first = text::column(lines[begin].text());
        let in_list = lines[begin].text().trim_start().starts_with("- ");
        let goes_on = |line: &Line<'_>| {
            let text = table::without_mark(line.text());
            let column = text::column(text);
            let is_key = text
                .split(": ")
                .next()
                .is_some_and(|key| key.len() < text.len() || key.ends_with(':'));
            !line.is_boundary()
                && !text.trim().is_empty()
                && (column > first || !in_list && column == first && is_key)
        };
        let count = lines[at + 1..]
            .iter()
            .take_while(|line| goes_on(line))
            .count();
        let end = at + 1 + count;
        let text = unmarked(&lines[begin..end]);
        self.add_converted(yaml::to_json(&text), lines[at].number, "YAML");
        end
    }

    /// Reads JSON made of another format, or what could be made of it.
    fn add_converted(&mut self, json: Result<String, (String, String)>, number: u64, format: &str) {
        match json {
            Ok(json) => match Plan::parse(&json) {
                Ok(plans) => {
                    let statement = self.explained.take();
                    // Lines of the document are not those of what was made of it.
                    for plan in plans {
                        self.add(plan, number, statement.clone());
                    }
                }
                Err(error) => {
                    let message = format!("the {format} is no output of explain: {error}");
                    self.problem(number, message);
                }
            },
            Err((json, reason)) => self.read_half(json::mended(&json), number, &reason),
        }
    }

    fn add(&mut self, plan: Plan, line: u64, statement: Option<String>) {
        let statement = plan.query_text.clone().or(statement);
        self.preamble = None;
        self.plans.push(FoundPlan {
            source: self.source(line),
            statement,
            plan,
        });
    }

    fn problem(&mut self, line: u64, message: String) {
        let source = self.source(line);
        self.problems.push(Problem { source, message });
    }

    fn source(&self, line: u64) -> Source {
        Source {
            path: self.path.to_owned(),
            line,
        }
    }
}

/// Where JSON ends.
struct JsonExtent {
    /// How many lines it takes.
    lines: usize,
    /// How many bytes of the last of them; none where it has no end.
    last_bytes: Option<usize>,
}

impl JsonExtent {
    fn half(lines: usize) -> Self {
        JsonExtent {
            lines: lines.max(1),
            last_bytes: None,
        }
    }
}

/// Whether the next line is a node: a line without costs could be a word of prose otherwise.
fn is_followed_by_arrow(lines: &[Line<'_>], at: usize) -> bool {
    let mut behind = lines[at + 1..].iter().map_while(Line::text_within);
    let next = behind.find(|line| !line.trim().is_empty() && !line.contains(": "));
    let node = next.and_then(|line| line.trim_start().strip_prefix("->"));
    node.is_some_and(text::may_begin_plan)
}

/// How many lines the XML takes that begins in the first of these. If its end is missing, what begins next is not its own.
fn xml_lines(lines: &[Line<'_>]) -> usize {
    let mut other = None;
    let mut count = 0;
    for line in lines.iter().map_while(Line::text_within) {
        let explains_again = count > 0 && line.trim_start().starts_with("<explain");
        if explains_again {
            break;
        }
        if line.contains("</explain>") {
            return count + 1;
        }
        if count > 0 && other.is_none() && (json::may_begin(line) || begins_plan(line)) {
            other = Some(count);
        }
        count += 1;
    }
    other.unwrap_or(count)
}

/// `- Plan:` with the plan's first key in the next line, or `Plan:` alone, as auto_explain prints it.
fn begins_yaml(lines: &[Line<'_>], at: usize) -> bool {
    let line = table::without_mark(lines[at].text()).trim();
    let next = lines
        .get(at + 1)
        .map(|line| line.text().trim())
        .unwrap_or_default();
    matches!(line, "- Plan:" | "Plan:") && next.starts_with("Node Type:")
}

fn unmarked(lines: &[Line<'_>]) -> String {
    let lines: Vec<&str> = lines
        .iter()
        .map(|line| table::without_mark(line.text()))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests;
