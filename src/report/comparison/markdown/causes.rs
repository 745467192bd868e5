//! What changed in the files, in words, and why statements are worse: each cause once, with what to do about it.

use super::comment::{Comment, shortened};
use super::{Row, SENTENCE_CHARACTERS, capitalised, details};
use crate::finding::wording::listed;
use crate::report::comparison::entry::{Entry, ReasonLine, without_asides};
use crate::report::comparison::view::{QueueView, View, tables_alone};
use crate::report::findings::without_figures;
use crate::report::markdown::text::{code, fenced, prose};
use crate::report::text::inert;
use crate::run::comparison::{Cause, Effect, Verdict};
use crate::units::counted;

/// Lines of changed statements that stand in the open, all together.
const OPEN_LINES: usize = 10;

/// Changes of a file that are listed; the rest is counted.
const CHANGES: usize = 8;

/// Causes that are told; the rest is counted.
const CAUSES: usize = 5;

/// Reasons of a cause that are told.
const REASONS: usize = 3;

/// Pieces of advice for a cause.
const ADVICE: usize = 2;

/// Characters of a reason in the open.
const REASON_CHARACTERS: usize = 360;

/// Whether the changed lines of statements are few enough to stand in the open.
pub(super) fn lines_are_few(view: &View<'_>) -> bool {
    let changes = view.queues.iter().filter_map(|queue| queue.changes);
    let statements = changes.flat_map(|changes| &changes.statements);
    let lines: usize = statements.map(|change| change.lines.len()).sum();
    lines <= OPEN_LINES
}

/// What changed in the files of each queue.
pub(super) fn changed_files(comment: &mut Comment, view: &View<'_>) {
    let several = view.queues.iter().filter(|queue| queue.changes.is_some());
    let several = several.count() > 1;
    let mut is_first = true;
    for queue in &view.queues {
        let lines = in_files(queue, several);
        let rest = lines.len().saturating_sub(CHANGES);
        for line in lines.iter().take(CHANGES) {
            let blank = if is_first { "\n" } else { "" };
            is_first = false;
            comment.push_or_count("change of a file", &format!("{blank}- {line}\n"));
        }
        if rest > 0 {
            comment.push(&format!("- … {}\n", counted(rest, "more change")));
        }
    }
    if !lines_are_few(view) {
        return;
    }
    for queue in &view.queues {
        let changes = queue.changes.into_iter();
        for change in changes.flat_map(|changes| &changes.statements) {
            let lines = details::lines_of(change);
            let text = format!("\n{}", fenced("diff", "", &lines));
            comment.push_or_count("changed statement", &text);
        }
    }
}

/// In words, one line each.
fn in_files(queue: &QueueView<'_>, several_queues: bool) -> Vec<String> {
    let Some(changes) = queue.changes else {
        return Vec::new();
    };
    let of = match several_queues {
        true => format!(" of {}", code(&shortened(&queue.name, 80))),
        false => String::new(),
    };
    let mut lines = Vec::new();
    if tables_alone(changes) {
        lines.push(format!("schema or data of the tables{of} changed"));
    }
    let kinds = [
        ("gone", &changes.indexes_gone),
        ("new", &changes.indexes_new),
    ];
    for (word, indexes) in kinds {
        for index in indexes {
            let index = code(&shortened(&inert(index), SENTENCE_CHARACTERS));
            lines.push(format!("index{of} {word}: {index}"));
        }
    }
    for change in &changes.statements {
        let name = code(&shortened(&inert(&change.statement), 80));
        let words: Vec<String> = change
            .words
            .iter()
            .map(|one| sentence(&inert(one)))
            .collect();
        lines.push(match words.is_empty() {
            true => format!("{name}{of} changed"),
            false => format!("{name}{of}: {}", words.join("; ")),
        });
    }
    lines
}

/// Statements with the same cause, but for figures.
struct Told<'v, 'a> {
    key: Vec<String>,
    names: Vec<String>,
    worst: &'v Entry<'a>,
}

/// For statements that are worse why, and what to do; those with the same cause together.
pub(super) fn causes(comment: &mut Comment, rows: &[Row<'_, '_>]) {
    let mut causes: Vec<Told<'_, '_>> = Vec::new();
    let regressed = rows
        .iter()
        .filter(|row| row.worst.verdict == Verdict::Regressed);
    for row in regressed {
        let entry = row.worst;
        let mut key: Vec<String> = words(entry)
            .iter()
            .map(|words| without_figures(words))
            .collect();
        key.extend(entry.came.iter().flat_map(|finding| finding.help.clone()));
        if key.is_empty() {
            continue;
        }
        let name = code(&shortened(&entry.statement, 80));
        match causes.iter_mut().find(|told| told.key == key) {
            Some(told) if !told.names.contains(&name) => told.names.push(name),
            Some(_) => {}
            None => causes.push(Told {
                key,
                names: vec![name],
                worst: entry,
            }),
        }
    }
    for told in causes.iter().take(CAUSES) {
        comment.push_or_count("cause", &cause(told));
    }
    let rest = causes.len().saturating_sub(CAUSES);
    if rest > 0 {
        let text = format!("\n… and {}, below.\n", counted(rest, "more cause"));
        comment.push(&text);
    }
}

/// Why an entry is worse, in words that stand without the figures; none where its row of the table says it.
fn words(entry: &Entry<'_>) -> Vec<String> {
    // What made a plan cheaper tells nothing but how it became another.
    let telling = |reason: &&ReasonLine| match reason.effect {
        Effect::Worse | Effect::Unknown => !reason.is_figure(),
        Effect::Better => reason.what == Cause::Shape && reason.text.contains(": "),
        Effect::Neutral => false,
    };
    let reasons: Vec<&ReasonLine> = entry.reasons.iter().filter(telling).collect();
    if entry.came.is_empty() && reasons.iter().all(|reason| reason.is_count()) {
        return Vec::new();
    }
    let mut known: Vec<String> = Vec::new();
    for reason in reasons {
        let words = in_words(reason);
        if !known.contains(&words) {
            known.push(words);
        }
    }
    known
}

fn in_words(reason: &ReasonLine) -> String {
    let text = without_asides(&reason.text);
    match (reason.what, text.split_once(": ")) {
        // `another plan, with more pages per row: …`; the pages stand in the table, as figures do.
        (Cause::Shape, Some((_, words))) => words.to_owned(),
        // `new critical finding sort-in-fetch: …`
        (Cause::Finding, Some((finding, words))) => {
            let rule = finding.split(' ').find(|word| word.contains('-'));
            rule.map_or(text.to_owned(), |rule| format!("`{rule}`: {words}"))
        }
        (_, words) if reason.is_count() => {
            let words = words.or_else(|| text.split_once("; "));
            words.map_or(text, |(_, words)| words).to_owned()
        }
        _ => text.to_owned(),
    }
}

fn cause(told: &Told<'_, '_>) -> String {
    let names: Vec<&str> = told.names.iter().map(String::as_str).collect();
    let words = words(told.worst);
    let shown = words
        .iter()
        .take(REASONS)
        .map(|words| prose(&shortened(words, REASON_CHARACTERS)));
    // Sentences, of which the first goes on behind a colon.
    let shown: Vec<String> = shown
        .enumerate()
        .map(|(position, words)| match position {
            0 => words,
            _ => capitalised(&words),
        })
        .collect();
    format!(
        "\n**{}**: {}.{}",
        listed(&names),
        shown.join(". "),
        advice(told.worst)
    )
}

/// What the rules advise, each once; ends the line.
fn advice(entry: &Entry<'_>) -> String {
    let mut text = String::new();
    let mut blocks = String::new();
    let helpful = entry.came.iter().filter(|one| !one.help.is_empty());
    for (position, finding) in helpful.take(ADVICE).enumerate() {
        // Indented lines are SQL.
        let is_sql = |line: &&String| line.starts_with(' ');
        let (sql, words): (Vec<&String>, Vec<&String>) = finding.help.iter().partition(is_sql);
        let words: Vec<String> = words.into_iter().map(|line| sentence(line)).collect();
        text += match position {
            0 => " **What to do**: ",
            _ => " Or: ",
        };
        text += &words.join("; ");
        if !sql.is_empty() {
            let margin = sql
                .iter()
                .map(|line| line.len() - line.trim_start_matches(' ').len());
            let margin = margin.min().unwrap_or(0);
            let sql: Vec<String> = sql
                .into_iter()
                .map(|line| shortened(&line[margin..], SENTENCE_CHARACTERS))
                .collect();
            blocks += &format!("\n{}", fenced("sql", "", &sql));
        }
        if !text.ends_with([':', '.']) {
            text.push('.');
        }
    }
    text + "\n" + &blocks
}

/// A sentence of unknown length as Markdown.
fn sentence(text: &str) -> String {
    prose(&shortened(text, SENTENCE_CHARACTERS))
}
