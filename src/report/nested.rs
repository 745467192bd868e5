//! The statements inside functions and triggers, below the table of those that called them.

use super::page::Page;
use super::palette::Role;
use super::text::{elide, inert, width};
use crate::run::nested::{NestedResult, place};
use crate::run::plan_result::PlanResult;
use crate::units::{Bytes, Count, UNKNOWN};

/// So many statements of a variant are listed before the rest is counted.
const MOST_LISTED: usize = 10;

/// Columns by which each level stands further right.
const INDENT: usize = 2;

/// Columns of space between two columns.
const GUTTER: usize = 2;

/// However narrow the page, a statement's text has this many columns.
const LEAST_TEXT: usize = 12;

/// In Markdown longer texts are cut.
const MARKDOWN_TEXT: usize = 160;

/// What stands above them.
pub(super) const TITLE: &str = "Statements inside functions and triggers";

/// What their figures are.
pub(super) const EXPLANATION: &str = "of the first execution, all calls together; the figures above include them, but for what AFTER triggers of the outer statement touched";

/// The names of their columns; those of the numbers come first.
const HEADS: [&str; 5] = [
    "calls",
    "rows",
    "pages",
    "WAL",
    "statement ▸ where it stands",
];

/// What one plan executed inside functions.
pub(super) struct NestedBlock {
    /// The plan, as its row is called.
    name: String,
    lines: Vec<NestedLine>,
    /// What is not listed.
    more: Option<String>,
}

struct NestedLine {
    numbers: [String; 4],
    statement: String,
    place: String,
}

impl NestedBlock {
    /// What there is of a result, whose row is called `name`; none where it executed nothing inside functions.
    pub(super) fn of(result: &PlanResult, name: &str) -> Option<NestedBlock> {
        let entries = result.nested.as_deref().unwrap_or_default();
        let unlisted = entries.len().saturating_sub(MOST_LISTED) as u64;
        let mut more = Vec::new();
        if unlisted > 0 {
            more.push(format!("{} more in run.json", Count(unlisted)));
        }
        if result.nested_left_out > 0 {
            more.push(format!(
                "{} executions of still others are in no entry: there were too many, or their plans were too large",
                Count(result.nested_left_out)
            ));
        }
        let block = NestedBlock {
            name: name.to_owned(),
            lines: entries
                .iter()
                .take(MOST_LISTED)
                .map(NestedLine::of)
                .collect(),
            more: (!more.is_empty()).then(|| more.join("; ")),
        };
        (!block.lines.is_empty() || block.more.is_some()).then_some(block)
    }
}

impl NestedLine {
    fn of(entry: &NestedResult) -> NestedLine {
        // The layout of a function's source says nothing here; a control character that is no space stays, to be spelled out.
        let words: Vec<&str> = entry.statement.split_ascii_whitespace().collect();
        let statement = inert(&words.join(" "));
        NestedLine {
            numbers: [
                Count(entry.calls).to_string(),
                Count(entry.rows).to_string(),
                Count(entry.buffers.total).to_string(),
                Bytes(entry.wal.bytes).to_string(),
            ],
            statement: if statement.is_empty() {
                UNKNOWN.to_owned()
            } else {
                statement
            },
            place: inert(&place(entry.within.as_ref())),
        }
    }

    /// Statement and place in so many columns; the place is what is cut last.
    fn text(&self, columns: usize) -> String {
        let place = elide(&self.place, columns.saturating_sub(LEAST_TEXT + 3));
        let left = columns.saturating_sub(width(&place) + 3);
        format!("{} ▸ {place}", elide(&self.statement, left))
    }
}

/// Prints them for a terminal, with what their figures are where that was not said before.
pub(super) fn table(page: &mut Page, blocks: &[NestedBlock], said: &mut bool) {
    if blocks.is_empty() {
        return;
    }
    page.hanging(0, Role::Title, TITLE);
    if !std::mem::replace(said, true) {
        page.hanging(0, Role::Quiet, EXPLANATION);
    }
    let widths = widths(blocks);
    let numbers = |numbers: &[&str]| {
        let cells = numbers.iter().zip(widths);
        let padded = cells.map(|(number, columns)| {
            " ".repeat(columns.saturating_sub(width(number)) + GUTTER) + number
        });
        padded.collect::<String>() + &" ".repeat(GUTTER)
    };
    let [heads @ .., last] = HEADS;
    page.lines
        .push(page.palette.paint(Role::Quiet, &(numbers(&heads) + last)));
    for block in blocks {
        page.hanging(INDENT, Role::Plain, &block.name);
        for line in &block.lines {
            let lead = numbers(&line.numbers.each_ref().map(String::as_str));
            let text = line.text(page.width.saturating_sub(width(&lead)));
            page.lines
                .push(lead + &page.palette.paint(Role::Quiet, &text));
        }
        if let Some(more) = &block.more {
            page.hanging(2 * INDENT, Role::Quiet, more);
        }
    }
    page.blank();
}

/// The width of each column of numbers, the same for all blocks.
fn widths(blocks: &[NestedBlock]) -> [usize; 4] {
    let mut widths = [0; 4];
    for (position, widest) in widths.iter_mut().enumerate() {
        let lines = blocks.iter().flat_map(|block| &block.lines);
        let cells = lines.map(|line| width(&line.numbers[position]));
        *widest = cells.chain([width(HEADS[position])]).max().unwrap_or(0);
    }
    widths
}

/// Prints them as a table in Markdown; `escaped` makes text inert there.
pub(super) fn markdown(blocks: &[NestedBlock], escaped: fn(&str) -> String) -> String {
    if blocks.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "{}\n\n| plan | {} |\n",
        escaped(EXPLANATION),
        HEADS.join(" | ")
    );
    text += "|:--|--:|--:|--:|--:|:--|\n";
    for block in blocks {
        let mut name = escaped(&block.name);
        for line in &block.lines {
            let cell = escaped(&line.text(MARKDOWN_TEXT));
            text += &format!("| {name} | {} | {cell} |\n", line.numbers.join(" | "));
            name = String::new();
        }
        if let Some(more) = &block.more {
            text += &format!("| {name} | | | | | {} |\n", escaped(more));
        }
    }
    text + "\n"
}
