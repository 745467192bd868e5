//! A comparison as a comment on a pull request: what it came to, a short table and the cause in words; the rest is folded.
//!
//! Its reader may never have seen this program. It stays below what GitHub takes for a comment: what is least bad is cut first,
//! and what was cut is counted.

mod causes;
mod comment;
mod details;

use self::causes::{causes, changed_files};
use self::comment::{Comment, shortened};
use super::entry::Entry;
use super::figures::{Counted, Figure, figure};
use super::view::{QueueView, View};
use super::words::verdict_name;
use crate::report::Layout;
use crate::report::markdown::text::{cell, code, escaped, prose};
use crate::run::comparison::{Comparison, Verdict};
use crate::units::{UNKNOWN, counted};

/// Rows of the table; the rest is counted.
const TABLE_ROWS: usize = 10;

/// Differences between the runs that are listed.
const CAVEATS: usize = 6;

/// Plans at the same cost that are listed; the rest is counted.
const AT_NO_COST: usize = 3;

/// Characters of a name or a sentence.
pub(super) const SENTENCE_CHARACTERS: usize = 600;

/// Prints a comparison for GitHub and its like.
pub(super) fn render(comparison: &Comparison, layout: Layout<'_>) -> String {
    let view = View::of(comparison);
    let mut comment = Comment::new(&details::footer(comparison, &view, layout));
    comment.push(&headline(&view));
    comment.push(&caveats(&view));
    changed_files(&mut comment, &view);
    let entries = view.entries();
    let rows = Row::of(&entries);
    table(&mut comment, &view, &rows);
    causes(&mut comment, &rows);
    at_no_cost(&mut comment, &view);
    details::folded_parts(&mut comment, comparison, &view, &entries);
    comment.text()
}

fn headline(view: &View<'_>) -> String {
    let text = shortened(&view.headline.text, SENTENCE_CHARACTERS);
    format!(
        "## Query plans compared\n\n**{}: {}**\n",
        capitalised(view.headline.verdict),
        escaped(&text)
    )
}

/// What makes the figures doubtful, for everybody to see.
fn caveats(view: &View<'_>) -> String {
    if view.unlike.is_empty() {
        return String::new();
    }
    let rest = view.unlike.len().saturating_sub(CAVEATS);
    let mut unlike: Vec<String> = view
        .unlike
        .iter()
        .take(CAVEATS)
        .map(|one| escaped(&shortened(one, 200)))
        .collect();
    unlike.extend((rest > 0).then(|| format!("{rest} more")));
    format!(
        "\n> The runs differ in more than what is compared, so the figures may differ for that reason: {}.\n",
        unlike.join("; ")
    )
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters
        .next()
        .map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

/// An entry and its queue.
pub(super) type Listed<'v, 'a> = (&'v QueueView<'a>, &'v Entry<'a>);

/// A statement: its entries, worst first.
pub(super) struct Row<'v, 'a> {
    queue: &'v QueueView<'a>,
    /// The entry that is told.
    worst: &'v Entry<'a>,
    /// What became of its other plans.
    others: Vec<&'v Entry<'a>>,
}

impl<'v, 'a> Row<'v, 'a> {
    /// A row for each statement, in the order of its worst entry.
    fn of(entries: &[Listed<'v, 'a>]) -> Vec<Row<'v, 'a>> {
        let mut rows: Vec<Row<'v, 'a>> = Vec::new();
        for (queue, entry) in entries {
            let is_same = |row: &&mut Row<'_, '_>| {
                row.queue.name == queue.name && row.worst.statement == entry.statement
            };
            match rows.iter_mut().find(is_same) {
                Some(row) => row.others.push(entry),
                None => rows.push(Row {
                    queue,
                    worst: entry,
                    others: Vec::new(),
                }),
            }
        }
        rows
    }

    fn plans(&self) -> usize {
        let others = self.others.iter().map(|entry| entry.plans);
        self.worst.plans + others.sum::<usize>()
    }
}

/// Counts that have a column where one of them differs.
const COLUMNS: [(Counted, &str); 3] = [
    (Counted::Pages, "pages per row"),
    (Counted::Wal, "WAL per row"),
    (Counted::OutputPages, "pages per row to send them"),
];

fn table(comment: &mut Comment, view: &View<'_>, rows: &[Row<'_, '_>]) {
    let shown = &rows[..rows.len().min(TABLE_ROWS)];
    let columns: Vec<(Counted, &str)> = COLUMNS
        .into_iter()
        .filter(|(counted, _)| {
            let mut figures = shown.iter().map(|row| figure(row.worst.worst, *counted));
            figures.any(|figure| !figure.change.is_empty())
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    let heads: String = columns
        .iter()
        .map(|(_, name)| format!(" {name} |"))
        .collect();
    let lines = "--:|".repeat(columns.len());
    let head = format!("\n| | statement | worst plan |{heads} why |\n|:--|:--|:--|{lines}:--|\n");
    if !comment.push(&head) {
        return;
    }
    let with_plans = view.queues.iter().filter(|queue| queue.has_plans());
    let several_queues = with_plans.count() > 1;
    let pushed = shown
        .iter()
        .take_while(|row| comment.push(&line(row, &columns, several_queues)))
        .count();
    let rest: usize = rows[pushed..].iter().map(Row::plans).sum();
    if rest > 0 {
        let blanks = " |".repeat(columns.len() + 2);
        let text = format!(
            "| | … and {}, below |{blanks}\n",
            counted(rest, "more plan")
        );
        comment.push(&text);
    }
}

fn line(row: &Row<'_, '_>, columns: &[(Counted, &str)], several_queues: bool) -> String {
    let entry = row.worst;
    let mut statement = code(&shortened(&entry.statement, 80));
    if several_queues {
        statement = format!("{statement} of {}", code(&shortened(&row.queue.name, 80)));
    }
    let verdict = verdict_name(entry.verdict);
    let verdict = match entry.verdict {
        Verdict::Regressed => format!("**{verdict}**"),
        _ => verdict.to_owned(),
    };
    let figures = columns.iter().map(|(counted, _)| {
        let is_total = !super::figures::is_per_row(entry.worst);
        let figure = figure(entry.worst, *counted);
        let unit = figure.label.split_once(", ").map_or("", |(_, unit)| unit);
        let total = if is_total { " in all" } else { "" };
        before_after(&figure, unit) + total
    });
    let mut cells = vec![verdict, statement, places(row)];
    cells.extend(figures);
    cells.push(prose(&shortened(&entry.why, SENTENCE_CHARACTERS)));
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The worst plan, and how many there are besides.
fn places(row: &Row<'_, '_>) -> String {
    let entry = row.worst;
    let mut text = escaped(&shortened(&entry.place, 120));
    if entry.plans > 1 {
        text += &format!(" and {}", counted(entry.plans - 1, "more plan"));
    }
    if entry.is_never_chosen {
        text += match entry.plans {
            1 => "; only the generic plan, which PostgreSQL does not choose by itself here",
            _ => "; only generic plans, which PostgreSQL does not choose by itself here",
        };
    }
    for other in &row.others {
        text += &format!("; {} {}", other.plans, verdict_name(other.verdict));
    }
    text
}

/// Other plans that come to the same.
fn at_no_cost(comment: &mut Comment, view: &View<'_>) {
    let queues = view.queues.iter();
    let all: Vec<_> = queues.flat_map(|queue| &queue.at_no_cost).collect();
    if all.is_empty() {
        return;
    }
    let mut text = "\nUnchanged in what counts, but not the same:\n\n".to_owned();
    for one in all.iter().take(AT_NO_COST) {
        text += &details::without_cost(one);
    }
    let rest = all.len().saturating_sub(AT_NO_COST);
    if rest > 0 {
        text += &format!("- … {rest} more, below\n");
    }
    comment.push_or_count("plan at the same cost", &text);
}

/// For example `17.6 → 1,210 (69×)`; once where it is the same.
fn before_after(figure: &Figure, unit: &str) -> String {
    let unit = if unit.is_empty() {
        String::new()
    } else {
        format!(" {unit}")
    };
    if figure.first == figure.second {
        return format!("{}{unit}", figure.second);
    }
    if figure.second == UNKNOWN {
        return format!("{}{unit} → {UNKNOWN}", figure.first);
    }
    let change = match figure.change.as_str() {
        "" => String::new(),
        change => format!(" ({change})"),
    };
    format!("{} → {}{unit}{change}", figure.first, figure.second)
}
