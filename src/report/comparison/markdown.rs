//! A comparison as a comment on a pull request: what it came to, a short table and the cause in words; the rest is folded.
//!
//! Its reader may never have seen this program. It stays below what GitHub takes for a comment: what is least bad is cut first,
//! and what was cut is counted.

mod comment;
mod details;

use self::comment::{Comment, shortened};
use super::figures::{Counted, Figure, figure};
use super::view::{Entry, QueueView, View};
use super::words::verdict_name;
use crate::report::Layout;
use crate::report::markdown::text::{cell, code, escaped, fenced, prose};
use crate::report::text::inert;
use crate::run::comparison::{Cause, Comparison, Effect, Verdict};
use crate::units::UNKNOWN;

/// Rows of the table; the rest is counted.
const TABLE_ROWS: usize = 10;

/// Differences between the runs that are listed.
const CAVEATS: usize = 6;

/// Characters of the reason in the table.
const WHY_CHARACTERS: usize = 200;

/// Characters of a name or a sentence.
pub(super) const SENTENCE_CHARACTERS: usize = 600;

/// Prints a comparison for GitHub and its like.
pub(super) fn render(comparison: &Comparison, layout: Layout<'_>) -> String {
    let view = View::of(comparison);
    let mut comment = Comment::new(&details::footer(comparison, &view, layout));
    comment.push(&headline(&view));
    comment.push(&caveats(&view));
    let entries = view.entries();
    table(&mut comment, &view, &entries);
    causes(&mut comment, &view, &entries);
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

fn table(comment: &mut Comment, view: &View<'_>, entries: &[Listed<'_, '_>]) {
    if entries.is_empty() {
        return;
    }
    let head = "\n| | statement | plans | pages per row | WAL per row | why |\n|:--|:--|:--|--:|--:|:--|\n";
    if !comment.push(head) {
        return;
    }
    let several_queues = view
        .queues
        .iter()
        .filter(|queue| !queue.entries.is_empty())
        .count()
        > 1;
    let rows = entries.iter().take(TABLE_ROWS);
    let shown = rows
        .take_while(|listed| comment.push(&row(listed, several_queues)))
        .count();
    let rest: usize = entries[shown..].iter().map(|(_, entry)| entry.plans).sum();
    if rest > 0 {
        let text = format!("| | … and {rest} more plans, below | | | | |\n");
        comment.push(&text);
    }
}

fn row((queue, entry): &Listed<'_, '_>, several_queues: bool) -> String {
    let mut statement = code(&shortened(&entry.statement, 80));
    if several_queues {
        statement = format!("{statement} of {}", code(&shortened(&queue.name, 80)));
    }
    let mut place = escaped(&shortened(&entry.place, 120));
    if entry.plans > 1 {
        place = format!("{place} and {} more", entry.plans - 1);
    }
    let verdict = verdict_name(entry.verdict);
    let verdict = match entry.verdict {
        Verdict::Regressed => format!("**{verdict}**"),
        _ => verdict.to_owned(),
    };
    let [pages, wal] = [Counted::Pages, Counted::Wal].map(|counted| {
        let is_total = !super::figures::is_per_row(entry.worst);
        let figure = figure(entry.worst, counted);
        let unit = figure.label.split_once(", ").map_or("", |(_, unit)| unit);
        let total = if is_total { " in all" } else { "" };
        before_after(&figure, unit) + total
    });
    let cells = [verdict, statement, place, pages, wal, why(entry)].map(|text| cell(&text));
    format!("| {} |\n", cells.join(" | "))
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

/// The reasons that are no figures of the table, in few words.
fn why(entry: &Entry<'_>) -> String {
    let in_table = |what| matches!(what, Cause::PagesPerRow | Cause::WalPerRow);
    let telling = |reason: &&super::view::ReasonLine| reason.effect != Effect::Neutral;
    let reasons = || entry.reasons.iter().filter(telling);
    let words: Vec<&str> = reasons()
        .filter(|reason| !(reason.is_figure() && in_table(reason.what)))
        .map(|reason| reason.text.as_str())
        .collect();
    let text = match (words.as_slice(), &entry.worst.first, &entry.worst.second) {
        ([first, ..], ..) => first,
        (_, Some(first), Some(second)) if first.shape == second.shape => "the same plan",
        (_, Some(_), Some(_)) => "another plan",
        _ => "",
    };
    prose(&shortened(text, WHY_CHARACTERS))
}

/// For each queue what changed in its files, for each statement that is worse why and what to do.
fn causes(comment: &mut Comment, view: &View<'_>, entries: &[Listed<'_, '_>]) {
    for queue in &view.queues {
        indexes(comment, queue);
    }
    let regressed = |listed: &&Listed<'_, '_>| listed.1.verdict == Verdict::Regressed;
    let mut told: Vec<(&str, &str)> = Vec::new();
    for (queue, entry) in entries.iter().filter(regressed) {
        let statement = (queue.name.as_str(), entry.statement.as_str());
        if told.contains(&statement) {
            continue;
        }
        told.push(statement);
        let same = |(other, one): &&Listed<'_, '_>| {
            one.verdict == Verdict::Regressed
                && (other.name.as_str(), one.statement.as_str()) == statement
        };
        let stories: Vec<&Entry<'_>> = entries.iter().filter(same).map(|(_, one)| *one).collect();
        comment.push_or_count("statement that is worse", &cause(queue, &stories));
    }
}

/// Indexes and tables that changed.
fn indexes(comment: &mut Comment, queue: &QueueView<'_>) {
    let Some(changes) = queue.changes else {
        return;
    };
    let mut text = String::new();
    if changes.tables {
        text += "- the schema or the data of its tables changed\n";
    }
    let kinds = [
        ("gone", &changes.indexes_gone),
        ("new", &changes.indexes_new),
    ];
    for (word, indexes) in kinds {
        for index in indexes {
            let index = code(&shortened(&inert(index), SENTENCE_CHARACTERS));
            text += &format!("- index {word}: {index}\n");
        }
    }
    if !text.is_empty() {
        let name = code(&shortened(&queue.name, 80));
        comment.push_or_count(
            "change of indexes",
            &format!("\nTables of {name}:\n\n{text}"),
        );
    }
}

/// Why a statement is worse, and what to do.
fn cause(queue: &QueueView<'_>, stories: &[&Entry<'_>]) -> String {
    let Some(first) = stories.first() else {
        return String::new();
    };
    let name = [&first.statement, &queue.name].map(|name| code(&shortened(name, 80)));
    let mut text = format!("\n### {} of {}\n\n", name[0], name[1]);
    let changes = queue
        .changes
        .into_iter()
        .flat_map(|changes| &changes.statements);
    let mut own = changes.filter(|change| inert(&change.statement) == first.statement);
    if let Some(change) = own.next() {
        let words = change.words.iter().map(|words| sentence(&inert(words)));
        let words: Vec<String> = words.collect();
        text += &match words.as_slice() {
            [] => "- **Changed in the file**: see its lines below\n".to_owned(),
            words => format!("- **Changed in the file**: {}\n", words.join("; ")),
        };
    }
    let mut known: Vec<&str> = Vec::new();
    for entry in stories {
        let words = entry
            .reasons
            .iter()
            .filter(|reason| reason.effect != Effect::Neutral);
        let mut words: Vec<&str> = words.map(|reason| reason.text.as_str()).collect();
        words.retain(|words| !known.contains(words));
        known.extend(&words);
        let place = escaped(&shortened(&entry.place, 120));
        text += &match words.as_slice() {
            [] => String::new(),
            [only] => format!("- **{place}**: {}\n", sentence(only)),
            several => {
                let lines = several
                    .iter()
                    .map(|words| format!("  - {}\n", sentence(words)));
                format!("- **{place}**:\n{}", lines.collect::<String>())
            }
        };
    }
    text + &advice(stories)
}

/// What the rules advise, each once.
fn advice(stories: &[&Entry<'_>]) -> String {
    let mut text = String::new();
    let mut known: Vec<&str> = Vec::new();
    for finding in stories.iter().flat_map(|entry| &entry.came) {
        if finding.help.is_empty() || known.contains(&finding.rule.as_str()) {
            continue;
        }
        known.push(&finding.rule);
        let is_prose = finding.help.iter().all(|line| !line.starts_with(' '));
        if is_prose {
            let lines: Vec<String> = finding.help.iter().map(|line| sentence(line)).collect();
            text += &format!("- **What to do**: {}\n", lines.join("; "));
        } else {
            // Indented lines are SQL.
            let is_sql = |line: &&String| line.starts_with(' ');
            let (sql, words): (Vec<&String>, Vec<&String>) = finding.help.iter().partition(is_sql);
            let words: Vec<String> = words.into_iter().map(|line| sentence(line)).collect();
            let margin = sql
                .iter()
                .map(|line| line.len() - line.trim_start_matches(' ').len());
            let margin = margin.min().unwrap_or(0);
            let sql: Vec<String> = sql
                .into_iter()
                .map(|line| shortened(&line[margin..], SENTENCE_CHARACTERS))
                .collect();
            text += &format!(
                "- **What to do**: {}\n\n{}",
                words.join("; "),
                fenced("sql", "  ", &sql)
            );
        }
    }
    text
}

/// A sentence of unknown length as Markdown.
fn sentence(text: &str) -> String {
    prose(&shortened(text, SENTENCE_CHARACTERS))
}
