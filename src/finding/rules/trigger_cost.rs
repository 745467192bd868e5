//! `trigger-cost`: a trigger takes a good part of the execution.
//!
//! # Why it hurts
//! A trigger for each row makes of one statement for a thousand jobs a thousand calls, each with a query of its own; a foreign key whose
//! referring columns have no index reads the whole referring table for each row that is deleted. No node of the plan shows it: AFTER
//! triggers run when all nodes are through, and their pages are counted in none.
//!
//! # Example
//! ```text
//! Delete on job (rows=5800)  23 ms
//! Trigger for constraint step_job_id_fkey: time=689 ms calls=5800    Execution Time: 712 ms
//! ```
//!
//! # Fix
//! A foreign key: an index on the columns that refer, or no foreign key where jobs come and go. A trigger of your own: for each statement
//! with transition tables in place of each row, a `when (…)` condition, or what it does in the statement itself.
//!
//! # Thresholds
//! A fifth of the execution time, over all calls of a trigger. A note in a measured plan, because times do not repeat.
//!
//! # Source
//! PostgreSQL's manual, "Overview of Trigger Behavior"; the share is that of common plan reviewers. Measured: 5,800 jobs deleted in 712
//! ms, of which 690 for a foreign key without an index.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Rule, page};
use crate::finding::case::{Case, PlanView};
use crate::finding::time_share::TimeShare;
use crate::finding::wording::{count, evidence, milliseconds};
use crate::finding::{Finding, Severity};
use crate::plan::Trigger;
use crate::units::Milliseconds;

pub(super) const RULE: Rule = Rule {
    id: "trigger-cost",
    summary: "a trigger takes a good part of the execution",
    severity: Severity::Warning,
    check,
    page: page(include_str!("trigger_cost.rs")),
};

const LEAST_SHARE: f64 = 0.2;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let costs = costs(&view.plan.triggers).into_iter();
    costs
        .filter_map(|(name, cost)| look_at(case, &view, name, &cost))
        .collect()
}

/// A trigger that fired, with its likes on other partitions.
#[derive(Default)]
struct Cost<'a> {
    time_ms: f64,
    calls: u64,
    relations: Vec<&'a str>,
    is_constraint: bool,
}

/// By name: each partition has a trigger of its own, and all of them the same.
fn costs(triggers: &[Trigger]) -> BTreeMap<&str, Cost<'_>> {
    let mut costs: BTreeMap<&str, Cost<'_>> = BTreeMap::new();
    for trigger in triggers {
        let name = trigger
            .constraint_name
            .as_deref()
            .or(trigger.name.as_deref());
        let cost = costs.entry(name.unwrap_or("without a name")).or_default();
        cost.time_ms += trigger.time_ms.unwrap_or(0.0).max(0.0);
        cost.calls = cost.calls.saturating_add(trigger.calls);
        cost.relations.extend(trigger.relation.as_deref());
        cost.is_constraint |= trigger.constraint_name.is_some();
    }
    costs
}

fn look_at(case: &Case<'_>, view: &PlanView<'_>, name: &str, cost: &Cost<'_>) -> Option<Finding> {
    let share = TimeShare::of(Some(cost.time_ms), view)?;
    if share.share() < LEAST_SHARE || cost.calls == 0 {
        return None;
    }
    let each = cost.time_ms / cost.calls as f64;
    let relation = cost.relations.first().copied().unwrap_or("its table");
    let (kind, help) = if cost.is_constraint {
        (
            "constraint",
            format!(
                "create an index on the columns that refer by {name} (without one each row deleted or changed in the table referred to \
                 reads all of the other), or drop the constraint"
            ),
        )
    } else {
        (
            "trigger",
            format!(
                "call {name} for each statement with transition tables (referencing new table as …), restrict it by when (…), or do \
                 its work in the statement"
            ),
        )
    };
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: case.severity_of_a_time(),
        message: format!(
            "{kind} {name} on {relation} takes {share}: {} calls of {} each, which no node shows",
            count(cost.calls),
            Milliseconds(each)
        ),
        help,
        node: None,
        evidence: evidence([
            ("trigger", json!(name)),
            ("trigger_ms", json!(milliseconds(cost.time_ms))),
            ("calls", json!(cost.calls)),
            ("execution_ms", json!(share.elapsed_ms)),
        ]),
    })
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;

    #[test]
    fn a_foreign_key_without_an_index_fires_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "modifying-cte-unread").operation("prune");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0]
                    .message
                    .starts_with("constraint watched_job_id_fkey on job takes ")
                    && findings[0].message.contains(": 5,800 calls of "),
                "{findings:?}"
            );
            assert!(
                findings[0].help.starts_with(
                    "create an index on the columns that refer by watched_job_id_fkey"
                ),
                "{findings:?}"
            );
            assert_eq!(findings[0].severity, Severity::Warning);
        }
    }

    #[test]
    fn triggers_for_each_row_fire_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "triggers").operation("complete");
            let findings = super::check(&golden.case());
            let [after, before] = findings.as_slice() else {
                panic!("pg{version}: {findings:?}");
            };
            assert!(
                after
                    .message
                    .starts_with("trigger watched_after on watched")
            );
            assert!(
                before
                    .message
                    .starts_with("trigger watched_before on watched")
            );
            assert!(
                before
                    .help
                    .contains("for each statement with transition tables")
            );
        }
    }

    #[test]
    fn the_share_of_all_its_likes_decides() {
        let found = |time: f64, rest: &str, fixture: &'static str| {
            let golden = GoldenCase::of(&format!(
                r#"{{"Plan":{{"Node Type":"ModifyTable"}},"Triggers":[
                    {{"Trigger Name":"told","Relation":"job_1","Time":{time},"Calls":3}},
                    {{"Trigger Name":"told","Relation":"job_2","Time":0.005,"Calls":1}}]{rest}}}"#
            ));
            let mut case = golden.case();
            case.fixture = fixture;
            super::check(&case)
        };
        let execution = r#","Execution Time":0.08"#;
        let finding = found(0.015, execution, "").remove(0);
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.evidence["calls"], 4);
        assert_eq!(found(0.015, execution, "clean")[0].severity, Severity::Note);
        assert_eq!(found(0.010, execution, ""), []);
        assert_eq!(found(0.015, "", ""), [], "nothing tells how long it took");
    }

    #[test]
    fn it_is_quiet_without_triggers() {
        for name in [
            "fetch-array",
            "complete-array",
            "timing-off",
            "fetch-array-plain",
        ] {
            let golden = GoldenCase::read(15, name);
            assert_eq!(super::check(&golden.case()), [], "{name}");
        }
    }
}
