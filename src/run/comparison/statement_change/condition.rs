//! What was done to the conditions of a statement, in words.

use super::fragment::{
    Separator, became, key, shown, split, subject, unqualified, without_parentheses,
};
use super::item::{Item, Items, clauses, have_same_structure};
use super::query::{ClauseKind, Query};
use crate::finding::statement_text::{Operand, operand};
use crate::sql::part::Part;
use crate::sql::token::TokenKind;

/// What was done to the conditions of all queries of a statement.
pub(super) fn condition_words(first: &[Query<'_>], second: &[Query<'_>]) -> Vec<String> {
    let is_same_structure = have_same_structure(first, second);
    let mut items = Items::between(conditions(first), conditions(second), is_same_structure);
    let mut words = Vec::new();
    whole_or(first, second, &mut items, &mut words);
    items.pair(|gone, new| with_or(gone.parts, new.parts), &mut words);
    items.pair(|gone, new| of_one_column(gone.parts, new.parts), &mut words);
    let gone = items
        .gone
        .iter()
        .map(|item| format!("a condition is gone: `{}`", shown(item.parts)));
    words.extend(gone);
    let new = items
        .new
        .iter()
        .map(|item| format!("a condition is new: `{}`", shown(item.parts)));
    words.extend(new);
    words
}

/// All conditions that must hold, one by one; those of a WHERE that is an `or` as one.
fn conditions<'q, 'a>(queries: &'q [Query<'a>]) -> Vec<Item<'q, 'a>> {
    let mut found = Vec::new();
    for item in clauses(queries, ClauseKind::Where) {
        // In the order written: the last of what is to be looked at comes first.
        let mut pending = vec![item.parts];
        while let Some(parts) = pending.pop() {
            let parts = without_parentheses(parts);
            let is_or = split(parts, Separator::Or).len() > 1;
            let pieces = split(parts, Separator::And);
            if is_or || pieces.len() < 2 {
                found.push(Item { parts, ..item });
            } else {
                pending.extend(pieces.into_iter().rev());
            }
        }
    }
    found
}

/// An alternative to all the conditions of a query: `where a and b` became `where a and b or c`.
fn whole_or<'q, 'a>(
    first: &'q [Query<'a>],
    second: &'q [Query<'a>],
    items: &mut Items<'q, 'a>,
    words: &mut Vec<String>,
) {
    let (before, after) = (
        clauses(first, ClauseKind::Where),
        clauses(second, ClauseKind::Where),
    );
    for new in &after {
        let Some(old) = before.iter().find(|old| old.query == new.query) else {
            continue;
        };
        let whole = key(without_parentheses(old.parts));
        let alternatives = split(without_parentheses(new.parts), Separator::Or);
        let (same, added): (Vec<_>, Vec<_>) = alternatives
            .into_iter()
            .partition(|one| key(without_parentheses(one)) == whole);
        if same.len() != 1 || added.is_empty() {
            continue;
        }
        items.gone.retain(|item| item.query != old.query);
        items.new.retain(|item| item.query != new.query);
        let added = added.into_iter().map(|one| format!("`or {}`", shown(one)));
        words.push(format!(
            "an `or` was added to the conditions: {}",
            added.collect::<Vec<_>>().join(", ")
        ));
    }
}

/// One condition that became another by alternatives added or taken away.
fn with_or(gone: &[Part<'_>], new: &[Part<'_>]) -> Option<String> {
    let alternatives = |parts: &[Part<'_>]| -> Vec<String> {
        let pieces = split(parts, Separator::Or);
        pieces
            .into_iter()
            .map(|one| key(without_parentheses(one)))
            .collect()
    };
    let (before, after) = (alternatives(gone), alternatives(new));
    let holds = |one: &[String], other: &[String]| other.iter().all(|piece| one.contains(piece));
    let what = match before.len().cmp(&after.len()) {
        std::cmp::Ordering::Less if holds(&after, &before) => "an `or` was added",
        std::cmp::Ordering::Greater if holds(&before, &after) => "an `or` is gone",
        _ => return None,
    };
    Some(format!("{what}: {}", became(gone, new)))
}

/// A condition on a column that became another on the same column.
fn of_one_column(gone: &[Part<'_>], new: &[Part<'_>]) -> Option<String> {
    let column = subject(gone).filter(|column| subject(new).as_ref() == Some(column))?;
    let change = became(gone, new);
    let lead = match (compared(gone), compared(new)) {
        (Some(Operand::Literal), Some(Operand::Parameter)) => {
            format!("`{column}` is compared with a parameter now, no longer with a literal: ")
        }
        (Some(Operand::Parameter), Some(Operand::Literal)) => {
            format!("`{column}` is compared with a literal now, no longer with a parameter: ")
        }
        _ => "the condition ".to_owned(),
    };
    Some(lead + &change)
}

/// What `column = value` compares with, with or without casts; none for any other condition.
fn compared(condition: &[Part<'_>]) -> Option<Operand> {
    let condition = unqualified(condition);
    let equals = condition.iter().position(|part| part.text == "=")?;
    let column = without_cast(&condition[..equals])?;
    let value = without_cast(without_parentheses(&condition[equals + 1..]))?;
    operand(&value).filter(|_| column.is_name())
}

/// The only part of a text, with or without a cast.
fn without_cast<'a>(parts: &[Part<'a>]) -> Option<Part<'a>> {
    match parts {
        [one] => Some(*one),
        [one, cast, kind] if cast.kind == TokenKind::Cast && kind.is_name() => Some(*one),
        _ => None,
    }
}
