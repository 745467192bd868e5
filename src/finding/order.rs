//! Which index of a relation comes nearest to the order a statement asks for, and what keeps it from giving it.

use super::access::Access;
use super::case::{Case, Index};
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
    let indexes = case
        .catalog
        .relation(scan.relation)
        .map_or(&[][..], |relation| &relation.indexes);
    let mut found: Vec<Nearest<'a>> = indexes
        .iter()
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
