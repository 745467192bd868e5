//! What was done to the locking clauses of a statement, in words.

use super::fragment::{became, key, shown};
use super::item::{Item, Items, clauses, have_same_structure};
use super::query::{ClauseKind, Query};
use crate::finding::statement_text::{LockPolicy, RowLock};
use crate::sql::part::Part;

/// What was done to the locks of all queries of a statement.
pub(super) fn lock_words(first: &[Query<'_>], second: &[Query<'_>]) -> Vec<String> {
    let (before, after) = (
        clauses(first, ClauseKind::Lock),
        clauses(second, ClauseKind::Lock),
    );
    let mut words = Vec::new();
    // With the lock of another query there are the words of a move as well.
    let mut items = Items::between(before.clone(), after.clone(), false);
    items.pair(|gone, new| changed(gone.clause, new.clause), &mut words);
    words.extend(items.clauses_left());
    if let ([before], [after]) = (before.as_slice(), after.as_slice()) {
        let moved = about_the_limit((first, before), (second, after))
            .or_else(|| moved((first, before), (second, after)));
        words.extend(moved);
    }
    words
}

fn changed(gone: &[Part<'_>], new: &[Part<'_>]) -> Option<String> {
    let (before, after) = (RowLock::at_start_of(gone)?, RowLock::at_start_of(new)?);
    let lock = &new[..after.length];
    if key(&gone[..before.length]) != key(lock) {
        return Some(became(gone, new));
    }
    let lock = shown(lock);
    match (before.policy, after.policy) {
        (LockPolicy::Skip, LockPolicy::Wait) => Some(format!(
            "`skip locked` is gone from `{lock}`: it waits for rows that another transaction has locked"
        )),
        (LockPolicy::Fail, LockPolicy::Wait) => Some(format!(
            "`nowait` is gone from `{lock}`: it waits for rows that another transaction has locked"
        )),
        (LockPolicy::Wait, LockPolicy::Skip) => {
            Some(format!("`skip locked` was added to `{lock}`"))
        }
        (LockPolicy::Wait, LockPolicy::Fail) => Some(format!("`nowait` was added to `{lock}`")),
        _ => Some(became(gone, new)),
    }
}

/// Where a lock stands, seen from the query that has a limit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In that query.
    Within,
    /// In a query around it: what is locked was counted before.
    Around,
    /// In a query inside it: what is locked is counted afterwards.
    Inside,
}

impl Place {
    /// None where nothing is limited, or what is limited has nothing to do with it.
    fn of(queries: &[Query<'_>], lock: &Item<'_, '_>) -> Option<Place> {
        if queries[lock.query].is_limited() {
            return Some(Place::Within);
        }
        let mut limited = (0..queries.len()).filter(|number| queries[*number].is_limited());
        let only = limited.next().filter(|_| limited.next().is_none())?;
        if encloses(queries, lock.query, only) {
            Some(Place::Around)
        } else if encloses(queries, only, lock.query) {
            Some(Place::Inside)
        } else {
            None
        }
    }
}

fn encloses(queries: &[Query<'_>], outer: usize, inner: usize) -> bool {
    // A query stands behind the one it is in, so this ends.
    std::iter::successors(queries[inner].parent, |number| queries[*number].parent)
        .any(|number| number == outer)
}

fn about_the_limit(
    (first, before): (&[Query<'_>], &Item<'_, '_>),
    (second, after): (&[Query<'_>], &Item<'_, '_>),
) -> Option<String> {
    let (was, is) = (Place::of(first, before)?, Place::of(second, after)?);
    if was == is {
        return None;
    }
    let now = match is {
        Place::Within => "in the query with the `limit` now",
        Place::Around => {
            "around the query with the `limit` now, so rows that others have locked count towards it"
        }
        Place::Inside => {
            "inside the query with the `limit` now, so more rows may be locked than it returns"
        }
    };
    let lock = shown(after.clause);
    Some(format!("`{lock}` stands {now}"))
}

/// From one query to another, where both versions have the same ones.
fn moved(
    (first, before): (&[Query<'_>], &Item<'_, '_>),
    (second, after): (&[Query<'_>], &Item<'_, '_>),
) -> Option<String> {
    if before.query == after.query || !have_same_structure(first, second) {
        return None;
    }
    let (from, to) = (name(first, before.query), name(second, after.query));
    (from != to).then(|| format!("`{}` moved from {from} to {to}", shown(after.clause)))
}

/// What a query is called.
fn name(queries: &[Query<'_>], number: usize) -> String {
    let query = &queries[number];
    match (query.parent, query.cte) {
        (None, _) => "the outer query".to_owned(),
        (_, Some(cte)) => format!("the CTE `{cte}`"),
        _ => "the subquery".to_owned(),
    }
}
