//! Which index of a relation comes nearest to the order a statement asks for, and what keeps it from giving it.

use super::access::Access;
use super::case::{Case, Index};
use super::predicate::{Comparison, column_name, comparisons, without_cast};
use super::wording::first_word;

/// The index that comes nearest to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nearest<'a> {
    /// It has the order, or its exact reverse, and is not used.
    Unused(&'a Index),
    /// It has the same columns, but not all of them in the same direction: the index, and the first column the other way round.
    OtherDirection(&'a Index, &'a str),
    /// It has the order among rows with one value of this column, and the statement asks for several.
    SeveralValues(&'a Index, &'a str),
}

/// The index of the scan's relation that comes nearest to an order, given as index keys (see
/// [`index_keys`](super::wording::index_keys)). Columns compared for equality are set aside: they have one value.
#[must_use]
pub fn nearest<'a>(case: &Case<'a>, scan: &Access<'_>, order: &[String]) -> Option<Nearest<'a>> {
    let wanted: Vec<&str> = order
        .iter()
        .map(String::as_str)
        .filter(|key| !is_fixed(scan, key))
        .collect();
    if !wanted.iter().all(|key| is_plain(key)) {
        return None;
    }
    let indexes = case
        .catalog
        .relation(scan.relation)
        .map_or(&[][..], |relation| &relation.indexes);
    let mut found: Vec<Nearest<'a>> = indexes
        .iter()
        .filter(|index| !has_nulls(index) && may_hold(index, scan))
        .filter_map(|index| compare(index, scan, &wanted))
        .collect();
    // Stable: among equals the first of the catalog.
    found.sort_by_key(|nearest| match nearest {
        Nearest::Unused(_) => 0,
        Nearest::OtherDirection(..) => 1,
        Nearest::SeveralValues(..) => 2,
    });
    found.first().copied()
}

/// Whether all indexes of the scan's relation are known, and of each whether it gives the order.
#[must_use]
pub fn is_known(case: &Case<'_>, scan: &Access<'_>, order: &[String]) -> bool {
    let relation = case.catalog.relation(scan.relation);
    relation.is_some_and(|relation| !relation.indexes.iter().any(has_nulls))
        && order.iter().all(|key| is_plain(key))
}

/// Whether a key is a column with nothing behind it but a direction: a place for nulls, a collation or an operator is not known of
/// indexes.
fn is_plain(key: &str) -> bool {
    let (column, direction) = key.split_once(' ').unwrap_or((key, ""));
    column_name(column).is_some() && ["", "desc"].contains(&direction)
}

/// Whether an index has nulls elsewhere than its directions say; the columns do not show it.
fn has_nulls(index: &Index) -> bool {
    index.definition.contains(" NULLS ")
}

/// Whether the rows the scan asks for may be in the index: one of finished jobs has no ready ones.
fn may_hold(index: &Index, scan: &Access<'_>) -> bool {
    let condition = index
        .predicate
        .as_deref()
        .map_or_else(Vec::new, comparisons);
    let excludes = |want: &Comparison<'_>| {
        scan.comparisons.iter().any(|have| {
            have.column == want.column
                && have.is_equality()
                && want.is_equality()
                && !have.is_with_parameter()
                && without_cast(have.value) != without_cast(want.value)
        })
    };
    !condition.iter().any(excludes)
}

fn compare<'a>(index: &'a Index, scan: &Access<'_>, wanted: &[&str]) -> Option<Nearest<'a>> {
    let is_wanted = |column: &str| {
        wanted
            .iter()
            .any(|key| first_word(key) == first_word(column))
    };
    let leading = index
        .columns
        .iter()
        .take_while(|column| {
            is_fixed(scan, column) || (scan.names(first_word(column)) && !is_wanted(column))
        })
        .count();
    let rest = index.columns.get(leading..leading + wanted.len())?;
    let same_columns = rest
        .iter()
        .zip(wanted)
        .all(|(have, want)| first_word(have) == first_word(want));
    if wanted.is_empty() || !same_columns {
        return None;
    }
    let several = index.columns[..leading]
        .iter()
        .find(|column| !is_fixed(scan, column));
    if let Some(column) = several {
        return Some(Nearest::SeveralValues(index, first_word(column)));
    }
    let turned: Vec<bool> = rest
        .iter()
        .zip(wanted)
        .map(|(have, want)| !have.eq_ignore_ascii_case(want))
        .collect();
    match rest.iter().zip(&turned).find(|(_, turned)| **turned) {
        Some((column, _)) if turned.contains(&false) => {
            Some(Nearest::OtherDirection(index, first_word(column)))
        }
        _ if scan.uses(index) => None,
        _ => Some(Nearest::Unused(index)),
    }
}

fn is_fixed(scan: &Access<'_>, key: &str) -> bool {
    let mut equal = scan.comparisons.iter().filter(|part| part.is_equality());
    equal.any(|part| part.column == first_word(key))
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn what_is_not_known_of_indexes_is_not_plain() {
        assert!(is_plain("priority") && is_plain("priority desc"));
        for key in [
            "priority desc nulls last",
            "priority nulls first",
            "name collate \"c\"",
            "lower(name)",
        ] {
            assert!(!is_plain(key), "{key}");
        }
    }
}
