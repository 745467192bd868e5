//! `sort-in-fetch`: a fetch sorts many rows to return a few.
//!
//! # Why it hurts
//! Without an index in the order of the fetch, PostgreSQL reads every row that might be due, sorts them all and throws away all but
//! the first few. The fetch costs as much as the backlog is deep, so a queue that has fallen behind falls behind faster; and with
//! `FOR UPDATE` without `SKIP LOCKED`, workers do all that work one after the other.
//!
//! # Example
//! ```text
//! Limit (rows=10)
//!   -> LockRows (rows=10)
//!     -> Sort (rows=10)  Sort Key: priority, run_at, id
//!       -> Seq Scan on task (rows=18000)  Filter: queue = 'mail' and status = 'ready'
//! ```
//!
//! # Fix
//! An index whose columns are those compared for equality, then the sort keys in their order: the scan then stops after the rows
//! asked for. Where the status is written as a literal in the statement, make it the condition of a partial index, which also keeps
//! finished jobs out of it; where it is a parameter, write it as a literal first. Where such an index exists and is not used, analyse
//! the table and look at the conditions: an `OR`, a cast or a parameter in place of the literal hides it. Lock with `SKIP LOCKED`.
//!
//! # Thresholds
//! The operation is `fetch`, or is not known and the plan locks rows. A Limit stands above the Sort; at least 100 rows are sorted, and
//! at least twice as many as are returned. A warning below 1,000 sorted rows.
//!
//! # Source
//! pgqueuer#667 (11,450 pages a fetch became 85), pg-boss#418.

use serde_json::json;

use super::{Rule, page};
use crate::finding::access::{Access, accesses};
use crate::finding::case::{Case, Index, PlanView};
use crate::finding::statement_text::waits_for_locked_rows;
use crate::finding::wording::{
    count, evidence, first_word, index_keys, index_to_create, listed, rows,
};
use crate::finding::{Finding, Severity};
use crate::plan::{PlanTree, Sort, node_label};

pub(super) const RULE: Rule = Rule {
    id: "sort-in-fetch",
    summary: "a fetch sorts many rows to return a few",
    severity: Severity::Critical,
    check,
    page: page(include_str!("sort_in_fetch.rs")),
};

/// Fewer sorted rows than this are not worth an index.
const LEAST_SORTED: f64 = 100.0;

/// From so many sorted rows on the sort is what the fetch costs.
const CRITICAL_SORTED: f64 = 1_000.0;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    let locks = tree
        .positions()
        .iter()
        .any(|position| position.node.node_type == "LockRows");
    if case.operation != "fetch" && !(case.operation.is_empty() && locks) {
        return Vec::new();
    }
    let sorts = tree
        .positions()
        .iter()
        .filter(|position| position.node.node_type.ends_with("Sort"));
    sorts
        .filter_map(|position| look_at(case, &view, &tree, position.index))
        .collect()
}

fn look_at(
    case: &Case<'_>,
    view: &PlanView<'_>,
    tree: &PlanTree<'_>,
    sort: usize,
) -> Option<Finding> {
    let node = tree.node(sort);
    let details = node.sort.as_ref()?;
    let sorted: f64 = tree
        .children(sort)
        .filter(|child| !tree.node(*child).is_init_plan())
        .map(|child| tree.node(child).total_rows())
        .sum();
    let kept = node.total_rows();
    let is_limited = tree
        .ancestors(sort)
        .any(|ancestor| tree.node(ancestor).node_type == "Limit");
    if !is_limited || sorted < LEAST_SORTED || sorted < 2.0 * kept {
        return None;
    }
    let pages: u64 = (sort..tree.end(sort))
        .map(|below| view.work.nodes[below].buffers.total())
        .sum();
    let scans: Vec<Access<'_>> = accesses(view)
        .into_iter()
        .filter(|access| (sort..tree.end(sort)).contains(&access.index))
        .collect();
    let scan = scans
        .iter()
        .max_by(|one, other| one.rows.total_cmp(&other.rows));
    let relation = scan.map_or("its input", |scan| scan.relation);
    let order = index_keys(&details.keys).unwrap_or_else(|| details.keys.clone());
    let existing = scan.and_then(|scan| existing_index(case, scan, &details.keys));
    let spilled = spill(details).map_or(String::new(), |kilobytes| {
        format!(" and spills {} kB to disk", count(kilobytes))
    });
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: if sorted < CRITICAL_SORTED {
            Severity::Warning
        } else {
            RULE.severity
        },
        message: format!(
            "sorts {} rows of {relation} to return {}{spilled}: {}, so a fetch reads all that is due{} ({} pages)",
            rows(sorted),
            rows(kept),
            cause(case, scan, &order, existing),
            alike(details),
            count(pages)
        ),
        help: help(case, tree, scan, details, existing),
        node: Some(node_label(node)),
        evidence: evidence([
            ("rows_sorted", json!(sorted.round() as u64)),
            ("rows_returned", json!(kept.round() as u64)),
            ("pages", json!(pages)),
            ("sort_keys", json!(order)),
        ]),
    })
}

/// The kilobytes a sort wrote to disk, if it did.
fn spill(sort: &Sort) -> Option<u64> {
    sort.space_kb
        .filter(|_| sort.space_type.as_deref() == Some("Disk"))
}

/// An incremental sort reads only the rows that are equal in the keys its input is already sorted by.
fn alike(sort: &Sort) -> String {
    match index_keys(&sort.presorted_keys) {
        Some(presorted) if !presorted.is_empty() => {
            format!(" with the same {}", presorted.join(", "))
        }
        _ => String::new(),
    }
}

/// Why the rows do not come in order.
fn cause(
    case: &Case<'_>,
    scan: Option<&Access<'_>>,
    order: &[String],
    existing: Option<&Index>,
) -> String {
    let order_text = order.join(", ");
    if let Some(index) = existing {
        return format!(
            "index {} has the order {order_text} but is not used",
            index.name
        );
    }
    let single = scan.map_or(Vec::new(), |scan| single_column_indexes(case, scan, order));
    match single.as_slice() {
        [_, _, ..] => format!(
            "no index gives the order {order_text} ({} have one column each)",
            listed(&single)
        ),
        _ => format!("no index used gives the order {order_text}"),
    }
}

/// The relation's indexes on nothing but one of the columns the fetch asks for.
fn single_column_indexes<'a>(case: &Case<'a>, scan: &Access<'_>, order: &[String]) -> Vec<&'a str> {
    let is_asked_for = |column: &str| {
        let compared = scan.comparisons.iter().map(|part| part.column);
        let sorted = order.iter().map(|key| first_word(key));
        compared.chain(sorted).any(|asked| asked == column)
    };
    let indexes = case
        .catalog
        .relation(scan.relation)
        .map_or(&[][..], |relation| &relation.indexes);
    indexes
        .iter()
        .filter(|index| index.columns.len() == 1 && is_asked_for(first_word(&index.columns[0])))
        .map(|index| index.name.as_str())
        .collect()
}

fn help(
    case: &Case<'_>,
    tree: &PlanTree<'_>,
    scan: Option<&Access<'_>>,
    sort: &Sort,
    existing: Option<&Index>,
) -> String {
    let index = index_help(case, scan, &sort.keys, existing);
    let locks = tree
        .positions()
        .iter()
        .any(|position| position.node.node_type == "LockRows");
    if locks && waits_for_locked_rows(case.statement_text) {
        format!(
            "{index}\nadd skip locked to the locking clause: without it every worker waits for the one that locked these rows first"
        )
    } else {
        index
    }
}

fn index_help(
    case: &Case<'_>,
    scan: Option<&Access<'_>>,
    keys: &[String],
    existing: Option<&Index>,
) -> String {
    if let (Some(index), Some(scan)) = (existing, scan) {
        let condition = index.predicate.as_ref().map_or(String::new(), |predicate| {
            format!(
                " and state its condition {predicate} in the statement as a literal, in those words"
            )
        });
        return format!(
            "analyze {}{condition}; then the scan of {} stops after the rows asked for",
            scan.relation, index.name
        );
    }
    let index = scan
        .zip(index_keys(keys))
        .and_then(|(scan, order)| index_to_create(case, scan, &order));
    match index {
        Some(index) => format!("{index}; with it the scan stops after the rows asked for"),
        None => format!(
            "create an index in the order {}, led by the columns compared for equality",
            keys.join(", ")
        ),
    }
}

/// An index of the relation that gives the order once the columns compared for equality are set aside.
fn existing_index<'a>(case: &Case<'a>, scan: &Access<'_>, keys: &[String]) -> Option<&'a Index> {
    let order = index_keys(keys)?;
    let is_fixed = |column: &str| {
        scan.comparisons
            .iter()
            .any(|part| part.is_equality() && part.column == first_word(column))
    };
    let indexes = case
        .catalog
        .relation(scan.relation)
        .map_or(&[][..], |relation| &relation.indexes);
    indexes
        .iter()
        .filter(|index| !scan.uses(index))
        .find(|index| {
            let rest: Vec<String> = index
                .columns
                .iter()
                .skip_while(|column| is_fixed(column))
                .map(|column| column.to_lowercase())
                .collect();
            let wanted: Vec<&String> = order.iter().filter(|key| !is_fixed(key)).collect();
            !wanted.is_empty()
                && rest.len() >= wanted.len()
                && rest.iter().zip(wanted).all(|(have, want)| have == want)
        })
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;
    use crate::plan::PlanMode;

    #[test]
    fn the_natural_mistake_is_told_the_index_to_write() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "natural-mistake");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Critical);
            assert!(
                findings[0].message.starts_with(
                    "sorts 18,000 rows of task to return 10: no index gives the order priority, run_at, id (task_pkey, task_status \
                     and task_run_at have one column each)"
                ),
                "{}",
                findings[0].message
            );
            assert!(
                findings[0]
                    .help
                    .starts_with("create index on task (queue, status, priority, run_at, id);"),
                "pg{version}: {}",
                findings[0].help
            );
            assert_eq!(findings[0].node.as_deref(), Some("Sort"));
        }
    }

    #[test]
    fn a_status_written_as_a_literal_becomes_the_condition_of_the_index() {
        let golden = GoldenCase::read(15, "natural-mistake")
            .statement_text("select … where queue = $1 and status = 'ready' …");
        let findings = super::check(&golden.case());
        assert!(
            findings[0].help.starts_with(
                "create index on task (queue, priority, run_at, id) where status = 'ready';"
            ),
            "{}",
            findings[0].help
        );
    }

    #[test]
    fn a_state_compared_with_a_parameter_is_to_be_written_out() {
        let golden = GoldenCase::read(15, "natural-mistake").statement_text(
            "update task set status = 'running' where id in (select id from task where queue = :queue and status = :status …)",
        );
        let findings = super::check(&golden.case());
        assert_eq!(
            findings[0].help,
            "write status = 'ready' as a literal and create index on task (queue, priority, run_at, id) where status = 'ready'; \
             with it the scan stops after the rows asked for"
        );
    }

    #[test]
    fn advice_for_a_generic_plan_has_the_values_of_the_custom_one() {
        let statement = "update job set state = 'running' where id in \
                         (select id from job where state = $1 order by priority limit $2 for update)";
        let generic = GoldenCase::read(15, "fetch-parameter-generic")
            .statement_text(statement)
            .mode(PlanMode::Generic)
            .without_indexes();
        let alone = super::check(&generic.case());
        assert!(
            alone[0].help.starts_with("create index on job (") && !alone[0].help.contains('$'),
            "{}",
            alone[0].help
        );
        let both = generic.custom(15, "fetch-parameter-custom");
        let findings = super::check(&both.case());
        assert!(
            findings[0]
                .help
                .starts_with("write state = 'ready' as a literal and create index on job ("),
            "{}",
            findings[0].help
        );
    }

    #[test]
    fn a_lock_that_waits_is_named() {
        let help = |text| {
            let golden = GoldenCase::read(15, "natural-mistake").statement_text(text);
            super::check(&golden.case())[0].help.clone()
        };
        assert!(help("select … limit 10 for update").contains("\nadd skip locked"));
        assert!(!help("select … limit 10 for update skip locked").contains("skip locked"));
    }

    #[test]
    fn an_index_that_exists_is_named() {
        let golden = GoldenCase::read(15, "fetch-parameter-generic").mode(PlanMode::Generic);
        let findings = super::check(&golden.case());
        assert!(
            findings[0]
                .message
                .contains("index job_ready has the order priority, run_at, id but is not used"),
            "{findings:?}"
        );
        assert!(
            findings[0]
                .help
                .contains("state its condition (state = 'ready'::text)")
        );
    }

    #[test]
    fn it_is_quiet_where_nothing_is_sorted_and_outside_fetches() {
        for (name, operation) in [
            ("fetch-array", "fetch"),
            ("natural-mistake", "inspect"),
            ("sort-spill", ""),
            ("gather-merge", "prune"),
        ] {
            let golden = GoldenCase::read(15, name).operation(operation);
            assert_eq!(super::check(&golden.case()), [], "{name}");
        }
    }
}
