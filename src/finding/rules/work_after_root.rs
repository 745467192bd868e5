//! `work-after-root`: a data-modifying CTE works on after the statement has returned its last row.
//!
//! # Why it hurts
//! PostgreSQL finishes every INSERT, UPDATE, DELETE and MERGE in a WITH clause, also where the main query reads only a part of what it
//! returns, or nothing. That work is in no total: the root of the plan shows a cheap statement, tools that add up plans believe it, and
//! a LIMIT in the main query bounds nothing that is written. A fetch written that way claims the whole backlog and returns ten jobs.
//!
//! # Example
//! ```text
//! Limit (rows=10)  0.84 ms, 56 pages
//!   CTE claimed -> Update on job (5,000 rows)
//!   -> CTE Scan on claimed (rows=10)
//! the statement: 10.2 ms, 5,040 pages
//! ```
//!
//! # Fix
//! Put the LIMIT where the rows are chosen, inside the data-modifying CTE. Where the CTE is meant to run to its end (a completion that
//! writes several tables), nothing is wrong: take the statement's totals, not the root's.
//!
//! # Thresholds
//! At least 64 pages after the root's last row, and at least half of the statement's. A note where the main query reads nothing of the
//! CTE; a warning where it reads a part, because then a bound was meant.
//!
//! # Source
//! PostgreSQL's manual, "Data-Modifying Statements in WITH"; measured: root 56 pages, statement 5,040.

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::{Case, PlanView};
use crate::finding::wording::{count, evidence, rows};
use crate::finding::{Finding, Severity};
use crate::plan::{PlanNode, PlanTree, Work, node_label};

pub(super) const RULE: Rule = Rule {
    id: "work-after-root",
    summary: "a data-modifying CTE works on after the statement has returned its last row",
    severity: Severity::Warning,
    check,
    page: page(include_str!("work_after_root.rs")),
};

const LEAST_PAGES: u64 = 64;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    let total = view.work.total.buffers.total();
    let heavy = view.work.unread.iter().filter(|(_, part)| {
        let pages = part.buffers.total();
        pages >= LEAST_PAGES && pages.saturating_mul(2) >= total
    });
    heavy
        .map(|(cte, part)| finding(&view, &tree, *cte, part))
        .collect()
}

fn finding(view: &PlanView<'_>, tree: &PlanTree<'_>, cte: usize, part: &Work) -> Finding {
    let node = tree.node(cte);
    let name = node.computes_cte().unwrap_or_default();
    let scans = tree
        .positions()
        .iter()
        .filter(|position| position.node.cte_name.as_deref() == Some(name));
    let read: f64 = scans
        .clone()
        .map(|position| position.node.total_rows() + position.node.total_rows_removed())
        .sum();
    let is_read = scans.count() > 0;
    let written: f64 = tree
        .children(cte)
        .map(|child| tree.node(child))
        .filter(|child| !child.is_init_plan())
        .map(PlanNode::total_rows)
        .sum();
    let (root, total) = (
        view.work.root.buffers.total(),
        view.work.total.buffers.total(),
    );
    let what = if is_read {
        format!(
            "the statement reads {} of the {} rows that {name} writes",
            rows(read),
            rows(written)
        )
    } else {
        format!(
            "the statement reads nothing of {name}, which writes {} rows",
            rows(written)
        )
    };
    let help = if is_read {
        format!("move the limit into {name}, where its rows are chosen")
    } else {
        "nothing, if that is meant; but take the statement's totals, not the root's".to_owned()
    };
    Finding {
        rule: RULE.id.to_owned(),
        severity: if is_read {
            RULE.severity
        } else {
            Severity::Note
        },
        message: format!(
            "{what}: the root shows {} pages, the statement touches {}",
            count(root),
            count(total)
        ),
        help,
        node: Some(node_label(node)),
        evidence: evidence([
            ("cte", json!(name)),
            ("pages_after_root", json!(part.buffers.total())),
            ("pages_root", json!(root)),
            ("pages_statement", json!(total)),
            ("rows_written", json!(written.round() as u64)),
            ("rows_read", json!(read.round() as u64)),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_cte_read_in_part_fires_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "modifying-cte-part-read");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Warning);
            assert!(
                findings[0]
                    .message
                    .starts_with("the statement reads 3 of the 1,001 rows that changed writes"),
                "{findings:?}"
            );
            assert_eq!(
                findings[0].help,
                "move the limit into changed, where its rows are chosen"
            );
        }
    }

    #[test]
    fn a_cte_nobody_reads_is_a_note() {
        let golden = GoldenCase::read(15, "modifying-cte-unread").operation("prune");
        let findings = super::check(&golden.case());
        assert_eq!(findings[0].severity, Severity::Note);
        assert!(
            findings[0].message.contains("the root shows 3 pages"),
            "{findings:?}"
        );
    }

    #[test]
    fn it_is_quiet_where_ctes_are_read_to_the_end() {
        for name in [
            "modifying-cte-chain",
            "fetch-cte-custom",
            "cte-read-twice",
            "complete-array",
        ] {
            let golden = GoldenCase::read(15, name);
            assert_eq!(super::check(&golden.case()), [], "{name}");
        }
    }
}
