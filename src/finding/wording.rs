//! Numbers and indexes as messages write them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::access::Access;
use super::predicate::{column_name, states_literally};

/// A count with its thousands set apart: `18,000`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number of rows, which may be an average times loops.
#[must_use]
pub fn rows(number: f64) -> String {
    count(number.round() as u64)
}

/// The figures behind a message.
#[must_use]
pub fn evidence<const N: usize>(figures: [(&str, Value); N]) -> BTreeMap<String, Value> {
    figures
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The index that would serve a scan in an order: columns compared for equality, then the order, then other columns compared. A
/// column the statement compares with a literal goes to the index's condition instead. None if no column is known.
#[must_use]
pub fn index_to_create(
    access: &Access<'_>,
    order: &[String],
    statement_text: &str,
) -> Option<String> {
    let is_literal = |column: &str| states_literally(statement_text, column);
    let mut keys: Vec<String> = Vec::new();
    let mut add = |key: &str| {
        let is_new = keys
            .iter()
            .all(|known| first_word(known) != first_word(key));
        if is_new {
            keys.push(key.to_owned());
        }
    };
    let equal = access.comparisons.iter().filter(|part| part.is_equality());
    equal
        .clone()
        .filter(|part| !is_literal(part.column))
        .for_each(|part| add(part.column));
    order.iter().for_each(|key| add(key));
    access
        .comparisons
        .iter()
        .filter(|part| !part.is_equality())
        .for_each(|part| add(part.column));
    let conditions: Vec<String> = equal
        .filter(|part| is_literal(part.column))
        .map(|part| {
            format!(
                "{} = {}",
                part.column,
                part.value.split("::").next().unwrap_or(part.value)
            )
        })
        .collect();
    if keys.is_empty() {
        return None;
    }
    let suffix = if conditions.is_empty() {
        String::new()
    } else {
        format!(" where {}", conditions.join(" and "))
    };
    Some(format!(
        "create index on {} ({}){suffix}",
        access.relation,
        keys.join(", ")
    ))
}

/// Sort keys as index keys: `job.priority DESC` is `priority desc`. None if a key is no plain column.
#[must_use]
pub fn index_keys(sort_keys: &[String]) -> Option<Vec<String>> {
    let index_key = |key: &String| {
        let (expression, direction) = key.split_once(' ').unwrap_or((key, ""));
        let column = column_name(expression)?;
        Some(
            format!("{column} {}", direction.to_lowercase())
                .trim_end()
                .to_owned(),
        )
    };
    sort_keys.iter().map(index_key).collect()
}

/// The column of an index key, without its direction.
#[must_use]
pub fn first_word(key: &str) -> &str {
    key.split(' ').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            ["0", "999", "1,000", "18,000", "1,234,567"],
            [0, 999, 1_000, 18_000, 1_234_567].map(count)
        );
    }

    #[test]
    fn sort_keys_become_index_keys() {
        let keys =
            |keys: &[&str]| index_keys(&keys.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            keys(&["job_1.priority DESC", "id"]).unwrap(),
            ["priority desc", "id"]
        );
        assert_eq!(keys(&["lower(name)"]), None);
    }
}
