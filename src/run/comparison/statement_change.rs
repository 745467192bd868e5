//! What was done to the SQL of a statement: its lines side by side, and in words where that can be told for certain.

mod condition;
mod fragment;
mod item;
mod list;
mod lock;
mod query;
#[cfg(test)]
mod tests;

use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

use self::condition::condition_words;
use self::fragment::{became, key};
use self::item::{Items, clauses, have_same_structure};
use self::list::{assignment_words, output_words, with_words};
use self::lock::lock_words;
use self::query::{ClauseKind, Query, queries};
use super::StatementChange;
use crate::sql::part::parts;
use crate::sql::token::TokenKind;

/// Unchanged lines shown around those that changed.
const CONTEXT: usize = 2;

/// Stands between two places of a statement in [`StatementChange::lines`].
const GAP: &str = " …";

/// Clauses that are told whole, as a reader calls them.
const WHOLE: [(ClauseKind, &str); 13] = [
    (ClauseKind::OrderBy, "order by"),
    (ClauseKind::Limit, "limit"),
    (ClauseKind::Fetch, "fetch"),
    (ClauseKind::Offset, "offset"),
    (ClauseKind::From, "from"),
    (ClauseKind::GroupBy, "group by"),
    (ClauseKind::Having, "having"),
    (ClauseKind::Window, "window"),
    (ClauseKind::SetOperation, "set operation"),
    (ClauseKind::Insert, "insert into"),
    (ClauseKind::Values, "values"),
    (ClauseKind::OnConflict, "on conflict"),
    (ClauseKind::Update, "update"),
];

/// What was done to a statement, given the lines of its SQL in both runs; none where nothing but white space, comments and the case of
/// key words and names differs.
#[must_use]
pub fn statement_change(
    name: &str,
    first: &[String],
    second: &[String],
) -> Option<StatementChange> {
    let (before, after) = (first.join("\n"), second.join("\n"));
    if meaning(&before) == meaning(&after) {
        return None;
    }
    Some(StatementChange {
        statement: name.to_owned(),
        words: words(&before, &after),
        lines: lines(first, second),
    })
}

/// The text without what PostgreSQL does not look at.
fn meaning(sql: &str) -> String {
    let mut parts = parts(sql);
    while parts
        .last()
        .is_some_and(|part| part.kind == TokenKind::Semicolon)
    {
        parts.pop();
    }
    key(&parts)
}

/// The lines that differ, with some around them.
fn lines(first: &[String], second: &[String]) -> Vec<String> {
    let operations = capture_diff_slices(Algorithm::Myers, first, second);
    let mut lines = Vec::new();
    for group in group_diff_ops(operations, CONTEXT) {
        if !lines.is_empty() {
            lines.push(GAP.to_owned());
        }
        for operation in group {
            let marked = |mark: char, lines: &[String]| -> Vec<String> {
                lines.iter().map(|line| format!("{mark}{line}")).collect()
            };
            if let DiffOp::Equal { .. } = operation {
                lines.extend(marked(' ', &second[operation.new_range()]));
            } else {
                lines.extend(marked('-', &first[operation.old_range()]));
                lines.extend(marked('+', &second[operation.new_range()]));
            }
        }
    }
    lines
}

/// What was done, most telling first; nothing where one of the texts is not understood.
fn words(first: &str, second: &str) -> Vec<String> {
    let (Some(first), Some(second)) = (queries(first), queries(second)) else {
        return Vec::new();
    };
    let (before, after) = (first[0].verb(), second[0].verb());
    if before != after {
        let verb = |kind: Option<ClauseKind>| {
            kind.map(|kind| format!("{kind:?}").to_lowercase())
                .unwrap_or_default()
        };
        return vec![format!(
            "it is `{}` now and was `{}`",
            verb(after),
            verb(before)
        )];
    }
    let mut words = lock_words(&first, &second);
    words.extend(condition_words(&first, &second));
    words.extend(output_words(&first, &second));
    words.extend(assignment_words(&first, &second));
    words.extend(with_words(&first, &second));
    words.extend(
        WHOLE
            .iter()
            .flat_map(|(kind, name)| whole_words(*kind, name, &first, &second)),
    );
    words
}

/// What became of clauses that are told whole: `order by: a became b`.
fn whole_words(
    kind: ClauseKind,
    name: &str,
    first: &[Query<'_>],
    second: &[Query<'_>],
) -> Vec<String> {
    let (before, after) = (clauses(first, kind), clauses(second, kind));
    let is_same_structure = have_same_structure(first, second);
    let mut items = Items::between(before, after, is_same_structure);
    let mut words = Vec::new();
    items.pair(
        |gone, new| Some(format!("{name}: {}", became(gone.parts, new.parts))),
        &mut words,
    );
    words.extend(items.clauses_left());
    words
}
