//! Scans that read many pages for each row they hand out, and why: dead rows, rows that are not due, a filter, or none of these.
//!
//! EXPLAIN counts neither dead rows nor index entries that fail a condition of the index: only pages tell of them. Each scan is given
//! one cause, so that one rule speaks of it.

use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::Severity;
use super::access::{Access, accesses};
use super::case::Case;
use super::predicate::{Comparison, comparisons, conjuncts};
use super::wording::{evidence, first_word, rows};
use crate::plan::Condition;
use crate::sql::part::parts;

/// Fewer pages a loop than this are not worth a word.
const LEAST_PAGES: f64 = 64.0;

/// From so many pages a loop on the scan is what the statement costs.
const CRITICAL_PAGES: f64 = 1_000.0;

/// What a row may cost an index scan: a descent, and the row's own page.
pub const PAGES_PER_ROW: f64 = 8.0;

const LEAST_REMOVED: f64 = 100.0;
const REMOVED_SHARE: f64 = 0.9;

/// A scan that reads many pages for each row it hands out.
#[derive(Clone, Debug)]
pub struct CostlyScan<'a> {
    /// The scan.
    pub access: Access<'a>,
    /// What it reads the pages for.
    pub cause: Cause<'a>,
}

/// What a scan reads its pages for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause<'a> {
    /// Index entries of rows that are dead.
    DeadRows {
        /// How many the relation has, where they were counted.
        counted: Option<u64>,
        /// A comparison that may as well pass over the entries, where the index is not known.
        or: Option<Comparison<'a>>,
    },
    /// Index entries of rows whose time has not come: the comparison that passes over them.
    FutureRows(Comparison<'a>),
    /// Index entries that another comparison passes over one by one.
    Unbounded(Comparison<'a>),
    /// Rows that a comparison with a volatile function throws away, which no index can serve.
    Volatile(Comparison<'a>),
    /// Rows that the filter throws away.
    Filter,
    /// Pages with few rows or entries, or none; how many dead rows the relation has, where they were counted.
    Sparse(Option<u64>),
}

impl CostlyScan<'_> {
    /// How much it matters, by the pages of a loop.
    #[must_use]
    pub fn severity(&self) -> Severity {
        if self.access.pages as f64 / (self.access.loops.max(1) as f64) < CRITICAL_PAGES {
            Severity::Warning
        } else {
            Severity::Critical
        }
    }

    /// What it read and handed out: `reads 1,857 pages of job for 10 rows`.
    #[must_use]
    pub fn told(&self) -> String {
        format!(
            "reads {} pages of {} for {} rows",
            rows(self.access.pages as f64),
            self.access.relation,
            rows(self.access.rows)
        )
    }

    /// The figures.
    #[must_use]
    pub fn evidence(&self) -> BTreeMap<String, Value> {
        evidence([
            ("pages", json!(self.access.pages)),
            ("rows", json!(self.access.rows.round() as u64)),
            (
                "rows_removed",
                json!(self.access.rows_removed.round() as u64),
            ),
            ("loops", json!(self.access.loops)),
        ])
    }
}

/// The costly scans of the judged plan, each with its cause.
#[must_use]
pub fn costly_scans<'a>(case: &Case<'a>) -> Vec<CostlyScan<'a>> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let scans = accesses(&view).into_iter();
    scans
        .filter_map(|access| {
            let cause = cause(case, &access)?;
            Some(CostlyScan { access, cause })
        })
        .collect()
}

fn cause<'a>(case: &Case<'a>, scan: &Access<'a>) -> Option<Cause<'a>> {
    let loops = scan.loops.max(1) as f64;
    let (pages, kept, removed) = (
        scan.pages as f64 / loops,
        scan.rows / loops,
        scan.rows_removed / loops,
    );
    if pages < LEAST_PAGES || scan.loops == 0 {
        return None;
    }
    let looked_at = kept + removed;
    if scan.is_sequential() {
        let dead = case.catalog.relation(scan.relation);
        return (pages > looked_at)
            .then(|| Cause::Sparse(dead.and_then(|relation| relation.dead_rows)));
    }
    if pages > PAGES_PER_ROW * looked_at {
        return passed_over(case, scan);
    }
    let is_filtered = removed >= LEAST_REMOVED
        && removed >= REMOVED_SHARE * looked_at
        && pages > PAGES_PER_ROW * kept;
    is_filtered.then(|| filters_by_volatile(scan).map_or(Cause::Filter, Cause::Volatile))
}

/// The scan looked at few rows: what cost the pages was not even a row to it.
fn passed_over<'a>(case: &Case<'a>, scan: &Access<'a>) -> Option<Cause<'a>> {
    if looks_up_keys(case, scan) {
        return None;
    }
    let dead = case
        .catalog
        .relation(scan.relation)
        .and_then(|relation| relation.dead_rows);
    let named = |part| {
        if is_of_time(case, scan, &part) {
            Cause::FutureRows(part)
        } else {
            Cause::Unbounded(part)
        }
    };
    let are_dead = |or| Cause::DeadRows { counted: dead, or };
    let index = scan.node.index_name.as_deref();
    let is_known = index.is_some_and(|index| case.catalog.index(index).is_some());
    let unbounded = unbounded_comparison(case, scan);
    Some(match (dead, unbounded) {
        // Where dead rows were counted, and there are about as many as pages were read, it is they that stand in front.
        (Some(counted), _) if counted.saturating_mul(2) >= scan.pages => are_dead(None),
        (Some(_), Some(part)) => named(part),
        (Some(_), None) => Cause::Sparse(dead),
        (None, Some(part)) if is_known && were_expected(scan) => named(part),
        (None, Some(part)) if !is_known && were_foreseen(scan) => named(part),
        (None, part) => are_dead(part.filter(|_| !is_known)),
    })
}

/// Keys given in an array are looked up one by one; those that are not there cost pages and give no row.
fn looks_up_keys(case: &Case<'_>, scan: &Access<'_>) -> bool {
    let condition = scan
        .node
        .condition(Condition::Index)
        .or_else(|| scan.node.condition(Condition::Recheck));
    let Some(condition) = condition else {
        return false;
    };
    let all = comparisons(condition);
    let is_array = |part: &Comparison<'_>| part.value.starts_with("ANY ");
    let is_of_keys = scan.index_names.iter().all(|name| {
        let Some(index) = case.catalog.index(name) else {
            // As PostgreSQL names it.
            return name.ends_with("_pkey");
        };
        let key = index.columns.first().filter(|_| index.is_unique());
        let mut arrays = all.iter().filter(|part| is_array(part));
        key.is_some_and(|key| arrays.any(|part| part.column == first_word(key)))
    });
    let are_equal = all.len() == conjuncts(condition).len()
        && all.iter().all(|part| part.is_equality() || is_array(part));
    all.iter().any(is_array) && (are_equal || is_of_keys)
}

/// Whether the planner reckoned with so many pages. Entries that fail the index condition are among those it expects to read, at one
/// unit of cost a page at least; dead ones are not.
fn were_expected(scan: &Access<'_>) -> bool {
    scan.pages as f64 / scan.loops.max(1) as f64 <= scan.node.estimate.total_cost
}

/// Whether the planner reckoned with many more pages than the rows it expected can take: two of an index and a table for each, at
/// PostgreSQL's default cost of 4, and a few to begin with.
fn were_foreseen(scan: &Access<'_>) -> bool {
    let estimate = &scan.node.estimate;
    // What is asked for each row has a cost of its own.
    let filter = scan.node.condition(Condition::Filter);
    let is_plain = !filter.is_some_and(|filter| filter.contains("SubPlan"));
    is_plain && were_expected(scan) && estimate.total_cost > 8.0 * estimate.rows + LEAST_PAGES
}

/// A comparison in the index condition on a column behind one that is not fixed: checked entry by entry. Where the index is not known,
/// the first that is no equality may be such.
fn unbounded_comparison<'a>(case: &Case<'a>, scan: &Access<'a>) -> Option<Comparison<'a>> {
    let condition = comparisons(scan.node.condition(Condition::Index)?);
    let Some(index) = case.catalog.index(scan.node.index_name.as_deref()?) else {
        return condition.into_iter().find(|part| !part.is_equality());
    };
    let compared = |column: &&String| {
        condition
            .iter()
            .find(|part| part.column == first_word(column))
    };
    let fixed = index
        .columns
        .iter()
        .take_while(|column| compared(column).is_some_and(Comparison::is_equality))
        .count();
    // The first column that is not fixed bounds the walk if it is compared; those behind it never do.
    let mut behind = index.columns.iter().skip(fixed + 1);
    behind.find_map(|column| compared(&column)).copied()
}

/// Whether a comparison asks for what has come due: a time not later than another.
fn is_of_time(case: &Case<'_>, scan: &Access<'_>, part: &Comparison<'_>) -> bool {
    let names_time = |text: &str| {
        let text = text.to_ascii_lowercase();
        ["timestamp", "date", "now()", "current_", "clock_"]
            .iter()
            .any(|word| text.contains(word))
    };
    let columns = case
        .catalog
        .relation(scan.relation)
        .map_or(&[][..], |relation| &relation.columns);
    let kind = columns.iter().find(|column| column.name == part.column);
    let is_upper_bound = part.operator == "<=" || part.operator == "<";
    // A column whose type is not known and that is compared with a parameter: times are what queues ask for so.
    let is_time = kind.map_or_else(
        || names_time(part.value) || part.is_with_parameter(),
        |column| names_time(&column.type_name),
    );
    is_upper_bound && is_time
}

/// The volatile comparison that throws the rows away: others of the filter may as well, unless they are of the kind that a partial index
/// has for its condition.
fn filters_by_volatile<'a>(scan: &Access<'a>) -> Option<Comparison<'a>> {
    let filter = scan.node.condition(Condition::Filter)?;
    let known = comparisons(filter);
    let mut others = known.iter().filter(|part| !is_volatile(part.value));
    let all_known = known.len() == conjuncts(filter).len();
    (all_known && others.all(Comparison::is_equality))
        .then(|| volatile_comparison(scan))
        .flatten()
}

/// A comparison in the filter of a scan whose value is another at each call, so that no index can serve it.
#[must_use]
pub fn volatile_comparison<'a>(scan: &Access<'a>) -> Option<Comparison<'a>> {
    let filter = comparisons(scan.node.condition(Condition::Filter)?);
    filter.into_iter().find(|part| is_volatile(part.value))
}

/// Whether an expression calls one of PostgreSQL's own volatile functions that a queue may compare a column with.
fn is_volatile(expression: &str) -> bool {
    const VOLATILE: [&str; 3] = ["clock_timestamp", "timeofday", "random"];
    parts(expression)
        .iter()
        .any(|part| VOLATILE.iter().any(|name| part.is_word(name)))
}

#[cfg(test)]
mod tests {
    use super::is_volatile;

    #[test]
    fn a_clock_that_moves_on_is_volatile() {
        assert!(is_volatile("(clock_timestamp() - '00:05:00'::interval)"));
        assert!(!is_volatile("now()") && !is_volatile("'clock_timestamp'::text"));
    }
}
