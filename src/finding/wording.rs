//! Numbers and indexes as messages write them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::access::{Access, accesses};
use super::case::Case;
use super::predicate::{Comparison, column_name, without_cast};
use super::statement_text::{Operand, assigns, compared_with};

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

/// Rows of a relation: `10 rows of job`; without a number where there were none, or nothing was executed.
#[must_use]
pub fn rows_of(number: f64, relation: &str) -> String {
    if number.round() < 1.0 {
        format!("rows of {relation}")
    } else {
        format!("{} rows of {relation}", rows(number))
    }
}

/// A time as evidence has it: PostgreSQL tells microseconds, and sums of them no more.
#[must_use]
pub fn milliseconds(time: f64) -> f64 {
    (time * 1e3).round() / 1e3
}

/// The figures behind a message.
#[must_use]
pub fn evidence<const N: usize>(figures: [(&str, Value); N]) -> BTreeMap<String, Value> {
    figures
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The index that would serve a scan in an order, as advice: columns compared for equality, then the order, then other columns
/// compared. What is constant goes to the index's condition instead: a column the statement compares with a literal, and one it
/// compares with a parameter and changes itself, which is a state rather than a key; that one has to be written as a literal first.
/// None if no column is known.
#[must_use]
pub fn index_to_create(case: &Case<'_>, access: &Access<'_>, order: &[String]) -> Option<String> {
    let mut keys: Vec<String> = Vec::new();
    let mut conditions: Vec<String> = Vec::new();
    let mut to_write: Vec<String> = Vec::new();
    let (equal, other): (Vec<_>, Vec<_>) = access
        .comparisons
        .iter()
        .partition(|part| part.is_equality());
    for part in equal {
        match constant(case, access, part) {
            Some((condition, Operand::Literal)) => push_new(&mut conditions, condition),
            Some((condition, Operand::Parameter)) => {
                push_new(&mut to_write, condition.clone());
                push_new(&mut conditions, condition);
            }
            None => push_key(&mut keys, part.column),
        }
    }
    order.iter().for_each(|key| push_key(&mut keys, key));
    other
        .iter()
        .for_each(|part| push_key(&mut keys, part.column));
    if keys.is_empty() {
        return None;
    }
    let first = match to_write.as_slice() {
        [] => String::new(),
        written => format!("write {} as a literal and ", written.join(" and ")),
    };
    let suffix = match conditions.as_slice() {
        [] => String::new(),
        conditions => format!(" where {}", conditions.join(" and ")),
    };
    Some(format!(
        "{first}create index on {} ({}){suffix}",
        access.relation,
        keys.join(", ")
    ))
}

/// A comparison as the condition of an index, and what the statement has for the value today; none if it belongs to the keys.
fn constant(
    case: &Case<'_>,
    access: &Access<'_>,
    part: &Comparison<'_>,
) -> Option<(String, Operand)> {
    let operand = compared_with(case.statement_text, part.column)?;
    if operand == Operand::Parameter && !assigns(case.statement_text, part.column) {
        return None;
    }
    let value = if part.is_with_parameter() {
        value_in_custom_plan(case, access.relation, part.column)?
    } else {
        without_cast(part.value).to_owned()
    };
    Some((format!("{} = {value}", part.column), operand))
}

/// What the custom plan shows where the generic one has a parameter.
fn value_in_custom_plan(case: &Case<'_>, relation: &str, column: &str) -> Option<String> {
    let scans = accesses(&case.custom?);
    let mut comparisons = scans
        .iter()
        .filter(|scan| scan.relation == relation)
        .flat_map(|scan| &scan.comparisons);
    comparisons
        .find(|part| part.column == column && part.is_equality() && !part.is_with_parameter())
        .map(|part| without_cast(part.value).to_owned())
}

fn push_new(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}

/// Adds a key, unless an earlier one has its column.
fn push_key(keys: &mut Vec<String>, key: &str) {
    if keys
        .iter()
        .all(|known| first_word(known) != first_word(key))
    {
        keys.push(key.to_owned());
    }
}

/// Sort keys as index keys: `job.priority DESC` is `priority desc`. None if a key is no plain column, or if they are of several
/// relations.
#[must_use]
pub fn index_keys(sort_keys: &[String]) -> Option<Vec<String>> {
    let qualifier = |key: &String| {
        first_word(key)
            .rsplit_once('.')
            .map(|(alias, _)| alias.to_owned())
    };
    let first = sort_keys.first().and_then(qualifier);
    if sort_keys.iter().any(|key| qualifier(key) != first) {
        return None;
    }
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

/// `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn listed(items: &[&str]) -> String {
    match items {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [init @ .., last] => format!("{} and {last}", init.join(", ")),
    }
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
    fn no_rows_are_not_counted() {
        assert_eq!(
            [rows_of(0.0, "job"), rows_of(12_000.4, "job")],
            ["rows of job", "12,000 rows of job"]
        );
    }

    #[test]
    fn sort_keys_become_index_keys() {
        let keys =
            |keys: &[&str]| index_keys(&keys.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            keys(&["job_1.priority DESC", "job_1.id"]).unwrap(),
            ["priority desc", "id"]
        );
        assert_eq!(keys(&["lower(name)"]), None);
        assert_eq!(keys(&["job.priority", "step.number"]), None);
    }

    #[test]
    fn items_are_listed() {
        assert_eq!(
            [listed(&[]), listed(&["a"]), listed(&["a", "b", "c"])],
            ["", "a", "a, b and c"]
        );
    }
}
