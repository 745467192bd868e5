//! `nested-loop-inner`: a nested loop reads much again for each row of its outer side.
//!
//! # Why it hurts
//! A nested loop runs its inner side once for each row of the outer one. With an index look-up inside that is the best there is for a
//! batch of jobs: three or four pages a job. With a scan inside, a batch of a hundred reads the table a hundred times.
//!
//! # Example
//! ```text
//! Nested Loop (rows=100)
//!   -> CTE Scan on next (rows=100)
//!   -> Seq Scan on step (rows=1) (loops=100)  Filter: job_id = next.id    Rows Removed by Filter: 19999
//! ```
//!
//! # Fix
//! An index on the inner table's columns that are compared with the outer row. Where there is one, the planner expected fewer outer rows:
//! analyse the tables.
//!
//! # Thresholds
//! The inner side takes at least half of the statement's pages, at least 64, and more than sixteen a loop and a row joined, in at least two
//! loops; without BUFFERS, half of the time, and throws away at least 100 rows a loop. Quiet where a Limit stops the inner side: what it
//! reads until then is for the rules about the head of a queue. Or the join itself throws away at least 10,000 pairs of rows, nine for each
//! it keeps.
//!
//! # Source
//! Half is the share of common plan reviewers; sixteen pages are four look-ups in an index of three levels.

use serde_json::json;

use super::{Rule, page};
use crate::finding::access::{Access, accesses};
use crate::finding::case::{Case, Index, PlanView};
use crate::finding::predicate::{column_name, conjuncts};
use crate::finding::wording::{count, evidence, first_word, rows};
use crate::finding::{Finding, Severity};
use crate::plan::{Condition, PlanNode, PlanTree, Relationship, node_label};

pub(super) const RULE: Rule = Rule {
    id: "nested-loop-inner",
    summary: "a nested loop reads much again for each row of its outer side",
    severity: Severity::Warning,
    check,
    page: page(include_str!("nested_loop_inner.rs")),
};

const LEAST_PAGES: u64 = 64;
const PAGES_PER_ROW: f64 = 16.0;
const LEAST_REMOVED_PER_LOOP: f64 = 100.0;
const LEAST_PAIRS: f64 = 10_000.0;
const PAIRS_PER_ROW: f64 = 9.0;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    let scans = accesses(&view);
    let positions = tree.positions().iter();
    let loops = positions.filter(|position| position.node.node_type == "Nested Loop");
    loops
        .filter_map(|position| look_at(case, &view, &tree, &scans, position.index))
        .collect()
}

fn look_at(
    case: &Case<'_>,
    view: &PlanView<'_>,
    tree: &PlanTree<'_>,
    scans: &[Access<'_>],
    join: usize,
) -> Option<Finding> {
    let inner = tree
        .children(join)
        .find(|child| tree.node(*child).parent_relationship == Some(Relationship::Inner))?;
    let (above, below) = (tree.node(join), tree.node(inner));
    let pairs = above.rows_removed_by_join_filter.unwrap_or(0.0) * above.loops() as f64;
    let is_quadratic = pairs >= LEAST_PAIRS && pairs >= PAIRS_PER_ROW * above.total_rows();
    let pages = below.buffers.map_or(0, |buffers| buffers.total());
    let cause = if reads_again(view, tree, join, inner) {
        let read = if view.work.has_buffers {
            format!("{} pages", count(pages))
        } else {
            format!("{} rows for nothing", rows(below.total_rows_removed()))
        };
        format!("reads {read} in {} loops", count(below.loops()))
    } else if is_quadratic {
        format!(
            "is compared row by row: {} pairs are thrown away",
            rows(pairs)
        )
    } else {
        return None;
    };
    let range = inner..tree.end(inner);
    let from = scans.partition_point(|scan| scan.index < inner);
    let scan = scans.get(from).filter(|scan| range.contains(&scan.index));
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: RULE.severity,
        message: format!(
            "its inner side, {}, {cause}",
            scan.map_or(node_label(below), Access::label)
        ),
        help: help(case, above, scan),
        node: Some(node_label(above)),
        evidence: evidence([
            ("relation", json!(scan.map(|scan| scan.relation))),
            ("pages_inner", json!(view.work.has_buffers.then_some(pages))),
            ("loops", json!(below.loops())),
            ("rows_returned", json!(above.total_rows().round() as u64)),
            ("pairs_removed", json!(pairs.round() as u64)),
        ]),
    })
}

/// Whether the inner side is what the statement costs, and more than a look-up each time.
fn reads_again(view: &PlanView<'_>, tree: &PlanTree<'_>, join: usize, inner: usize) -> bool {
    let node = tree.node(inner);
    let mut below = inner..tree.end(inner);
    if node.loops() < 2 || below.any(|index| tree.node(index).node_type == "Limit") {
        return false;
    }
    if let Some(buffers) = node.buffers {
        let (pages, total) = (buffers.total(), view.work.total.buffers.total());
        return pages >= LEAST_PAGES
            && pages.saturating_mul(2) >= total
            && pages as f64
                > PAGES_PER_ROW * tree.node(join).total_rows().max(node.loops() as f64);
    }
    let works = view.work.nodes.get(inner..tree.end(inner));
    let time: f64 = works.into_iter().flatten().map(|work| work.time_ms).sum();
    view.work.has_times
        && 2.0 * time >= view.work.total.time_ms
        && node.total_rows_removed() >= LEAST_REMOVED_PER_LOOP * node.loops() as f64
}

fn help(case: &Case<'_>, join: &PlanNode, scan: Option<&Access<'_>>) -> String {
    let Some(scan) = scan else {
        return "hand the rows over by key: where id = any(array(…)), or narrow the inner side to what is asked for".to_owned();
    };
    let relation = scan.relation;
    let columns = compared_with_outer(join, scan);
    if columns.is_empty() {
        return format!(
            "create an index on {relation} that serves what it is joined by, or analyze the tables joined"
        );
    }
    let serves = |index: &&Index| {
        let first = index.columns.first();
        index.predicate.is_none() && first.is_some_and(|first| columns.contains(&first_word(first)))
    };
    let known = case.catalog.relation(relation);
    match known.and_then(|relation| relation.indexes.iter().find(serves)) {
        Some(index) => format!(
            "{} serves the join and is not used: analyze the tables joined, and look for enable_… settings and casts",
            index.name
        ),
        None => format!(
            "create index on {relation} ({}); where there is one, analyze the tables joined",
            columns.join(", ")
        ),
    }
}

/// The columns of the inner relation that are compared with the outer row: in the join's filter, or in a condition of the scan.
fn compared_with_outer<'a>(join: &'a PlanNode, scan: &Access<'a>) -> Vec<&'a str> {
    let node: &'a PlanNode = scan.node;
    let alias = node.alias.as_deref().unwrap_or(scan.relation);
    let kinds = [Condition::Filter, Condition::Index, Condition::Recheck];
    let of_scan = kinds.iter().filter_map(|kind| node.condition(*kind));
    let of_join = join.condition(Condition::Join).into_iter();
    let mut columns: Vec<&'a str> = Vec::new();
    for part in of_join.chain(of_scan).flat_map(conjuncts) {
        let Some((left, right)) = part.split_once(" = ") else {
            continue;
        };
        let qualified = |side: &str| side.contains('.') && !side.contains('\'');
        let is_inner = |side: &str| {
            let side = side.trim_start_matches('(');
            side.strip_prefix(alias)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        let column = match (is_inner(left), is_inner(right)) {
            (true, false) if qualified(right) => column_name(left),
            (false, true) if qualified(left) => column_name(right),
            // A scan names its own columns without the alias where the statement has one table only.
            (false, false) if qualified(right) && !qualified(left) => column_name(left),
            _ => None,
        };
        if let Some(column) = column.filter(|column| !columns.contains(column)) {
            columns.push(column);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_scan_for_each_row_fires_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "nested-loop-scan").operation("");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0]
                    .message
                    .starts_with("its inner side, Seq Scan step, reads ")
                    && findings[0].message.ends_with(" in 50 loops"),
                "{findings:?}"
            );
            assert!(
                findings[0]
                    .help
                    .starts_with("create index on step (job_id);"),
                "pg{version}: {}",
                findings[0].help
            );
        }
    }

    #[test]
    fn rows_kept_and_compared_one_by_one_fire_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "nested-loop-kept").operation("");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0].message.contains(" is compared row by row: ")
                    && findings[0]
                        .help
                        .starts_with("job_pkey serves the join and is not used"),
                "pg{version}: {findings:?}"
            );
        }
    }

    #[test]
    fn without_pages_time_and_rows_tell() {
        let found = |time: f64, removed: u64, loops: u64| {
            let golden = GoldenCase::of(&format!(
                r#"{{"Plan":{{"Node Type":"Nested Loop","Actual Startup Time":0.0,"Actual Total Time":10.0,"Actual Rows":5,"Actual Loops":1,"Plans":[
                    {{"Node Type":"Seq Scan","Relation Name":"job","Parent Relationship":"Outer","Actual Startup Time":0.0,
                      "Actual Total Time":1.0,"Actual Rows":10,"Actual Loops":1}},
                    {{"Node Type":"Seq Scan","Relation Name":"step","Alias":"s","Parent Relationship":"Inner","Actual Startup Time":0.0,
                      "Actual Total Time":{time},"Actual Rows":1,"Actual Loops":{loops},"Filter":"(s.job_id = job.id)",
                      "Rows Removed by Filter":{removed}}}]}}}}"#
            ));
            super::check(&golden.case())
        };
        let findings = found(0.5, 100, 10);
        assert_eq!(
            findings[0].message,
            "its inner side, Seq Scan step, reads 1,000 rows for nothing in 10 loops"
        );
        assert!(
            findings[0]
                .help
                .starts_with("create index on step (job_id);")
        );
        assert_eq!(found(0.49, 100, 10), []);
        assert_eq!(found(0.5, 99, 10), []);
        assert_eq!(found(9.0, 100, 1), []);
    }

    #[test]
    fn a_look_up_for_each_row_and_a_limit_inside_are_quiet() {
        let found = |inner: &str, pages: u64, joined: u64| {
            let golden = GoldenCase::of(&format!(
                r#"{{"Plan":{{"Node Type":"Nested Loop","Actual Rows":{joined},"Actual Loops":1,"Shared Hit Blocks":{pages},"Plans":[
                    {{"Node Type":"Seq Scan","Relation Name":"queue","Parent Relationship":"Outer","Actual Rows":10,"Actual Loops":1}},
                    {{"Node Type":{inner},"Parent Relationship":"Inner","Actual Rows":5,"Actual Loops":10,"Shared Hit Blocks":{pages},
                      "Plans":[{{"Node Type":"Index Scan","Relation Name":"job","Actual Rows":5,"Actual Loops":10,
                        "Shared Hit Blocks":{pages}}}]}}]}}}}"#
            ));
            super::check(&golden.case()).len()
        };
        let kept = r#""Memoize""#;
        assert_eq!([found(kept, 161, 10), found(kept, 160, 10)], [1, 0]);
        assert_eq!([found(kept, 801, 50), found(kept, 800, 50)], [1, 0]);
        assert_eq!(found(r#""Limit""#, 5_000, 10), 0);
    }

    #[test]
    fn it_is_quiet_where_an_index_is_looked_up() {
        for version in [14, 15, 16, 17, 18] {
            for name in [
                "nested-loop-index",
                "fetch-cte-custom",
                "complete-unnest",
                "fetch-without-lock-in",
                "subplan",
            ] {
                let golden = GoldenCase::read(version, name);
                assert_eq!(super::check(&golden.case()), [], "pg{version}/{name}");
            }
        }
    }
}
