//! `sort-in-fetch`: a fetch sorts many rows to return a few.
//!
//! # Why it hurts
//! Without an index in the order of the fetch, PostgreSQL reads every row that might be due, sorts them all and throws away all but
//! the first few. The fetch costs as much as the backlog is deep, so a queue that has fallen behind falls behind faster.
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
//! the table and look at the conditions: an `OR`, a cast or a parameter in place of the literal hides it. An index serves an order and
//! its exact reverse; one key the other way round is another order.
//!
//! # Thresholds
//! The operation is `fetch`, or is not known and the plan locks rows. A Limit stands above the Sort; at least 100 rows are sorted, and
//! at least twice as many as are returned. A warning below 1,000 sorted rows; a note where it read fewer than 8 pages and sorted at most 100
//! rows for each row it returned, or sorted rows of a batch that was read before.
//!
//! # Source
//! pgqueuer#667 (11,450 pages a fetch became 85), pg-boss#418.

use serde_json::json;

use super::{Rule, page};
use crate::finding::access::{Access, accesses};
use crate::finding::case::{Case, PlanView};
use crate::finding::claim::is_fetch;
use crate::finding::order::{Nearest, is_known, nearest};
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

/// Below so many pages for each row kept, and so many rows sorted for it, sorting costs less than the rest of the fetch.
const CHEAP_PAGES: f64 = 8.0;
const CHEAP_ROWS: f64 = 101.0;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    if !is_fetch(case, &tree) {
        return Vec::new();
    }
    sorts(&tree)
        .filter_map(|sort| look_at(case, &view, &tree, sort, "so a fetch reads all that is due"))
        .map(|found| Finding {
            rule: RULE.id.to_owned(),
            severity: severity(&found, view.work.has_buffers),
            ..found.finding
        })
        .collect()
}

fn severity(found: &LimitedSort, has_pages: bool) -> Severity {
    let kept = found.kept.max(1.0);
    let reads_little = has_pages && (found.pages as f64) < CHEAP_PAGES * kept;
    // Rows without pages are those of a batch that was read before.
    let is_cheap = reads_little && (found.pages == 0 || found.sorted < CHEAP_ROWS * kept);
    if is_cheap {
        Severity::Note
    } else if found.sorted < CRITICAL_SORTED {
        Severity::Warning
    } else {
        RULE.severity
    }
}

/// The nodes that sort.
pub(super) fn sorts(tree: &PlanTree<'_>) -> impl Iterator<Item = usize> {
    let positions = tree.positions().iter();
    positions
        .filter(|position| position.node.node_type.ends_with("Sort"))
        .map(|position| position.index)
}

/// A sort below a limit that keeps few of its rows.
pub(super) struct LimitedSort {
    /// Rows sorted, over all loops.
    pub(super) sorted: f64,
    /// Rows kept, over all loops.
    pub(super) kept: f64,
    /// Pages the sort and all below it read.
    pub(super) pages: u64,
    /// What to say of it; whose finding it is and how much it matters is for the rule.
    pub(super) finding: Finding,
}

/// Looks at a sort; `so` is what follows from it.
pub(super) fn look_at(
    case: &Case<'_>,
    view: &PlanView<'_>,
    tree: &PlanTree<'_>,
    sort: usize,
    so: &str,
) -> Option<LimitedSort> {
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
    let nearest = scan.and_then(|scan| nearest(case, scan, &index_keys(&details.keys)?));
    let spilled = spill(details).map_or(String::new(), |kilobytes| {
        format!(" and spills {} kB to disk", count(kilobytes))
    });
    let finding = Finding {
        rule: String::new(),
        severity: Severity::Note,
        message: format!(
            "sorts {} rows of {relation} to return {}{spilled}: {}, {so}{} ({} pages)",
            rows(sorted),
            rows(kept),
            cause(case, scan, &order, nearest),
            alike(details),
            count(pages)
        ),
        help: help(case, scan, &details.keys, nearest),
        node: Some(node_label(node)),
        evidence: evidence([
            ("rows_sorted", json!(sorted.round() as u64)),
            ("rows_returned", json!(kept.round() as u64)),
            ("pages", json!(pages)),
            ("sort_keys", json!(order)),
        ]),
    };
    Some(LimitedSort {
        sorted,
        kept,
        pages,
        finding,
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
    nearest: Option<Nearest<'_>>,
) -> String {
    let order_text = order.join(", ");
    match nearest {
        Some(Nearest::Unused(index)) => {
            return format!(
                "index {} has the order {order_text} but is not used",
                index.name
            );
        }
        Some(Nearest::OtherDirection(index, column)) => {
            return format!(
                "no index gives the order {order_text} (in {} {column} goes the other way)",
                index.name
            );
        }
        Some(Nearest::SeveralValues(index, column)) => {
            return format!(
                "no index gives the order {order_text} ({} does for one {column}, and the statement asks for several)",
                index.name
            );
        }
        None => (),
    }
    if !scan.is_some_and(|scan| is_known(case, scan, order)) {
        return format!("no index used gives the order {order_text}");
    }
    let single = scan.map_or(Vec::new(), |scan| single_column_indexes(case, scan, order));
    match single.as_slice() {
        [_, _, ..] => format!(
            "no index gives the order {order_text} ({} have one column each)",
            listed(&single)
        ),
        _ => format!("no index gives the order {order_text}"),
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
    scan: Option<&Access<'_>>,
    keys: &[String],
    nearest: Option<Nearest<'_>>,
) -> String {
    if let (Some(Nearest::Unused(index)), Some(scan)) = (nearest, scan) {
        let first = match index.predicate.as_deref() {
            Some(predicate) if !scan.states(predicate) => format!(
                "state its condition {predicate} in the statement as a literal, in those words"
            ),
            _ => format!("analyze {}", scan.relation),
        };
        let name = &index.name;
        return format!("{first}; then the scan of {name} stops after the rows asked for");
    }
    let create = scan
        .zip(index_keys(keys))
        .and_then(|(scan, order)| index_to_create(case, scan, &order));
    let create = match create {
        Some(index) => format!("{index}; with it the scan stops after the rows asked for"),
        None => format!(
            "create an index in the order {}, led by the columns compared for equality",
            keys.join(", ")
        ),
    };
    match nearest {
        Some(Nearest::OtherDirection(index, column)) => format!(
            "{create}\nor turn {column} round again: {} gives its own order and its exact reverse",
            index.name
        ),
        Some(Nearest::SeveralValues(index, column)) => format!(
            "{create}\nor ask for one {column} at a time, which the scan of {} serves in order",
            index.name
        ),
        _ => create,
    }
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
    fn a_key_the_other_way_round_is_named() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "fetch-flipped").statement_text(
                "update job set state = 'running' … where queue = $1 and state = 'ready' …",
            );
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0].message.contains(
                    "no index gives the order priority desc, run_at, id (in job_ready priority goes the other way)"
                ),
                "{}",
                findings[0].message
            );
            assert!(
                findings[0].help.starts_with(
                    "create index on job (queue, priority desc, run_at, id) where state = 'ready';"
                ) && findings[0].help.contains("\nor turn priority round again"),
                "{}",
                findings[0].help
            );
        }
    }

    #[test]
    fn several_values_in_front_of_the_order_are_named() {
        for version in [14, 15, 16, 17, 18] {
            let findings = super::check(&GoldenCase::read(version, "fetch-or-queue").case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0]
                    .message
                    .contains("(job_ready does for one queue, and the statement asks for several)"),
                "pg{version}: {}",
                findings[0].message
            );
            assert!(
                findings[0]
                    .help
                    .contains("\nor ask for one queue at a time")
            );
        }
    }

    #[test]
    fn an_index_hidden_by_an_or_is_named() {
        for version in [14, 15, 16, 17, 18] {
            let findings = super::check(&GoldenCase::read(version, "fetch-or").case());
            assert!(
                findings[0]
                    .message
                    .contains("index job_ready has the order priority, run_at, id but is not used"),
                "{}",
                findings[0].message
            );
            assert!(
                findings[0]
                    .help
                    .starts_with("state its condition (state = 'ready'::text)"),
                "{}",
                findings[0].help
            );
        }
    }

    #[test]
    fn an_index_of_other_rows_is_not_advised() {
        let golden = GoldenCase::read(15, "natural-mistake").with_index_first(
            "task",
            "task_done",
            "(status = 'done'::text)",
        );
        let findings = super::check(&golden.case());
        assert!(
            findings[0]
                .message
                .contains("no index gives the order priority, run_at, id")
                && !findings[0].help.contains("done"),
            "{findings:?}"
        );
        let ready = GoldenCase::read(15, "natural-mistake").with_index_first(
            "task",
            "task_ready",
            "(status = 'ready'::text)",
        );
        assert!(
            super::check(&ready.case())[0]
                .message
                .contains("index task_ready has the order")
        );
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
