//! `limit-overshoot`: a fetch claims more rows than it was asked for.
//!
//! # Why it hurts
//! A worker asks for as many jobs as it can work on. What it is given beyond that waits in its hands while other workers have none, is past
//! its time when its turn comes, and is claimed by somebody else as lost. It is seldom seen in tests: with few rows, or other statistics,
//! the same statement keeps to its limit.
//!
//! # Example
//! ```text
//! update job set state = 'running' where exists (… limit 10 for update skip locked)
//! Update on job (rows=50000)
//! ```
//!
//! # Fix
//! A limit that is run once: `where id = any(array(select id … limit 10 for update skip locked))`, or a `materialized` CTE; and no join
//! behind it that multiplies rows.
//!
//! # Thresholds
//! The operation is `fetch`, or is not known and the plan locks rows. The statement returns, updates or deletes more of the rows it locks
//! than the batch asked for; where that is not known, than the number written behind the only LIMIT with a locking clause.
//!
//! # Source
//! odd-jobs#115, delayed_job_active_record#177; measured: 10 asked for, 50,000 claimed.

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::{Case, PlanView};
use crate::finding::claim::{Feeds, is_fetch, locks};
use crate::finding::statement_text::literal_limit;
use crate::finding::wording::{count, evidence, rows};
use crate::finding::{Finding, Severity};
use crate::plan::{Operation, PlanTree};

pub(super) const RULE: Rule = Rule {
    id: "limit-overshoot",
    summary: "a fetch claims more rows than it was asked for",
    severity: Severity::Critical,
    check,
    page: page(include_str!("limit_overshoot.rs")),
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let tree = PlanTree::new(view.plan);
    let asked = case
        .batch_size
        .or_else(|| literal_limit(case.statement_text));
    let Some(asked) = asked.filter(|_| is_fetch(case, &tree)) else {
        return Vec::new();
    };
    let claimed = claimed(&view, &tree);
    let is_over = claimed.round() > asked as f64;
    is_over
        .then(|| finding(asked, claimed))
        .into_iter()
        .collect()
}

/// The most rows that the statement returns, or updates or deletes of a relation that it locks rows of.
fn claimed(view: &PlanView<'_>, tree: &PlanTree<'_>) -> f64 {
    let feeds = Feeds::of(tree);
    let locked: Vec<&str> = locks(tree)
        .flat_map(|lock| feeds.relations_read(lock))
        .collect();
    let writes = tree.positions().iter().filter(|position| {
        let operation = position.node.operation.as_ref();
        let relation = position.node.relation_name.as_deref();
        position.node.is_modify_table()
            && operation != Some(&Operation::Insert)
            && relation.is_some_and(|relation| locked.contains(&relation))
    });
    writes
        .map(|position| position.node.rows_written())
        .fold(view.rows as f64, f64::max)
}

fn finding(asked: u64, claimed: f64) -> Finding {
    Finding {
        rule: RULE.id.to_owned(),
        severity: RULE.severity,
        message: format!(
            "claims {} rows where {} were asked for: its limit does not hold for the statement as a whole",
            rows(claimed),
            count(asked)
        ),
        help: "let the limit run once and decide alone: where id = any(array(select id … limit … for update skip locked)), with no join \
               behind it that multiplies rows"
            .to_owned(),
        node: None,
        evidence: evidence([
            ("rows_asked", json!(asked)),
            ("rows_claimed", json!(claimed.round() as u64)),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::Finding;
    use crate::finding::rules::golden_case::GoldenCase;

    const EXISTS: &str = "update few set state = 'running' where state = 'ready' and exists (select from few c where c.id = few.id \
        and c.state = 'ready' order by c.id limit 1 for update skip locked) returning id";

    fn found(version: u32, name: &str, batch_size: Option<u64>) -> Vec<Finding> {
        let golden = GoldenCase::read(version, name).statement_text(EXISTS);
        let mut case = golden.case();
        case.batch_size = batch_size;
        super::check(&case)
    }

    #[test]
    fn more_than_the_batch_or_the_limit_is_named() {
        for version in [14, 15, 16, 17, 18] {
            for (asked, told) in [(Some(10), "10"), (None, "1")] {
                let findings = found(version, "exists-skip-locked", asked);
                assert_eq!(findings.len(), 1, "pg{version}");
                assert!(
                    findings[0]
                        .message
                        .starts_with(&format!("claims 100 rows where {told} were asked for")),
                    "{findings:?}"
                );
            }
        }
    }

    #[test]
    fn rows_that_were_not_returned_count_where_they_were_written() {
        for version in [14, 15, 16, 17, 18] {
            let findings = found(version, "skip-locked-rescanned", Some(1));
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].evidence["rows_asked"], 1);
        }
    }

    #[test]
    fn it_is_quiet_where_the_limit_holds_or_is_not_known() {
        for version in [14, 15, 16, 17, 18] {
            for (name, asked) in [
                ("exists-skip-locked", Some(100)),
                ("fetch-array", Some(100)),
                ("fetch-cte-custom", Some(10)),
                ("future-rows", Some(10)),
                ("exists-skip-locked-plain", Some(1)),
            ] {
                assert_eq!(found(version, name, asked), [], "pg{version}/{name}");
            }
            let unknown = GoldenCase::read(version, "exists-skip-locked");
            assert_eq!(super::check(&unknown.case()), [], "pg{version}");
        }
    }
}
