//! What was done to the lists of a statement, in words: what it returns, what it sets, its CTEs.

use super::fragment::{Separator, became, key, listed, shown, split, subject, unqualified};
use super::item::{Item, Items, clauses, have_same_structure};
use super::query::{ClauseKind, Query};
use crate::sql::part::Part;

/// What was done to what the queries of a statement return.
pub(super) fn output_words(first: &[Query<'_>], second: &[Query<'_>]) -> Vec<String> {
    let is_same_structure = have_same_structure(first, second);
    let mut words = Vec::new();
    for kind in [ClauseKind::Returning, ClauseKind::Select] {
        let (before, after) = (clauses(first, kind), clauses(second, kind));
        let mut items = Items::between(before, after, is_same_structure);
        let word = |gone: &Item<'_, '_>, new: &Item<'_, '_>| {
            // A later part of a union stands in no other query either.
            let verb = match (second[new.query].parent, kind) {
                (None, ClauseKind::Returning) => "it returns",
                (None, _) => "it selects",
                (_, ClauseKind::Returning) => "a CTE returns",
                _ => "a subquery selects",
            };
            Some(changed_list(verb, gone.parts, new.parts))
        };
        items.pair(word, &mut words);
        if kind == ClauseKind::Returning {
            let is =
                |item: &Item<'_, '_>, what: &str| format!("`{}` is {what}", shown(item.clause));
            words.extend(items.gone.iter().map(|item| is(item, "gone")));
            words.extend(items.new.iter().map(|item| is(item, "new")));
        }
    }
    words
}

fn changed_list(verb: &str, before: &[Part<'_>], after: &[Part<'_>]) -> String {
    let (old, all) = (
        split(before, Separator::Comma),
        split(after, Separator::Comma),
    );
    let without = |list: &[&[Part<'_>]], other: &[&[Part<'_>]]| -> Vec<usize> {
        let known: Vec<String> = other.iter().map(|piece| key(&unqualified(piece))).collect();
        let numbers = 0..list.len();
        numbers
            .filter(|at| !known.contains(&key(&unqualified(list[*at]))))
            .collect()
    };
    let gone: Vec<_> = without(&old, &all).into_iter().map(|at| old[at]).collect();
    let new: Vec<_> = without(&all, &old).into_iter().map(|at| all[at]).collect();
    let has_everything = new.iter().any(|piece| is_everything(piece));
    match (gone.is_empty(), new.is_empty()) {
        // Another order, or the same once more.
        (true, true) => format!("what {verb}: {}", became(before, after)),
        (true, false) => format!("{verb} `{}` as well", listed(&new)),
        (false, true) => format!("{verb} `{}` no more", listed(&gone)),
        (false, false) => {
            let before = if has_everything { &old } else { &gone };
            format!("{verb} `{}` instead of `{}`", listed(&new), listed(before))
        }
    }
}

/// `*` or `job.*`.
fn is_everything(piece: &[Part<'_>]) -> bool {
    piece.last().is_some_and(|last| last.text == "*")
        && (piece.len() == 1 || piece[piece.len() - 2].text == ".")
}

/// What was done to the columns a statement gives new values.
pub(super) fn assignment_words(first: &[Query<'_>], second: &[Query<'_>]) -> Vec<String> {
    let mut items = Items::between(
        assignments(first),
        assignments(second),
        have_same_structure(first, second),
    );
    let mut words = Vec::new();
    let word = |gone: &Item<'_, '_>, new: &Item<'_, '_>| {
        let column =
            subject(gone.parts).filter(|column| Some(column) == subject(new.parts).as_ref())?;
        Some(format!(
            "what `{column}` is set to: {}",
            became(gone.parts, new.parts)
        ))
    };
    items.pair(word, &mut words);
    words.extend(
        items
            .gone
            .iter()
            .map(|item| format!("it sets `{}` no more", shown(item.parts))),
    );
    words.extend(
        items
            .new
            .iter()
            .map(|item| format!("it sets `{}` as well", shown(item.parts))),
    );
    words
}

fn assignments<'q, 'a>(queries: &'q [Query<'a>]) -> Vec<Item<'q, 'a>> {
    let lists = clauses(queries, ClauseKind::Set).into_iter();
    lists
        .flat_map(|item| {
            let pieces = split(item.parts, Separator::Comma).into_iter();
            pieces.map(move |parts| Item { parts, ..item })
        })
        .collect()
}

/// CTEs that came or went, and what is said about them besides their queries.
pub(super) fn with_words(first: &[Query<'_>], second: &[Query<'_>]) -> Vec<String> {
    let names = |queries: &[Query<'_>]| -> Vec<String> {
        let names = queries.iter().filter_map(|query| query.cte);
        names.map(str::to_lowercase).collect()
    };
    let (before, after) = (names(first), names(second));
    let gone: Vec<&String> = before.iter().filter(|name| !after.contains(name)).collect();
    let new: Vec<&String> = after.iter().filter(|name| !before.contains(name)).collect();
    let is = |name: &str, what: &str| format!("the CTE `{name}` is {what}");
    match (gone.is_empty(), new.is_empty()) {
        (false, true) => gone.into_iter().map(|name| is(name, "gone")).collect(),
        (true, false) => new.into_iter().map(|name| is(name, "new")).collect(),
        // A CTE that has another name only.
        (false, false) => Vec::new(),
        (true, true) => {
            let (before, after) = (
                clauses(first, ClauseKind::With),
                clauses(second, ClauseKind::With),
            );
            let mut words = Vec::new();
            let word =
                |gone: &Item<'_, '_>, new: &Item<'_, '_>| Some(became(gone.clause, new.clause));
            Items::between(before, after, false).pair(word, &mut words);
            words
        }
    }
}
