//! The rules, one a file; `RULES` is the list everything else is derived from.

mod dead_head;
mod fetch_not_bounded;
mod fetch_without_lock;
mod fetch_without_skip_locked;
mod future_rows_scanned;
mod include_on_claim_index;
mod limit_overshoot;
mod lock_after_limit;
mod lock_without_of;
mod locked_head;
mod non_hot_update;
mod pages_per_row;
mod partial_index_lost;
mod random_key_tail;
mod selective_seq_scan;
mod skip_locked_in_subquery;
mod sort_in_fetch;
mod volatile_in_index_condition;
mod wal_per_job;
mod work_after_root;

mod costly_generic_plan;
mod heap_fetches;
mod jit_dominates;
mod jit_in_fetch;
mod limit_over_sort;
mod lossy_bitmap;
mod misestimate;
mod nested_loop_inner;
mod parallel_in_fetch;
mod parallel_workers_missing;
mod planning_dominates;
mod spill;
mod time_outside_plan;
mod trigger_cost;
mod wal_volume;

#[cfg(test)]
mod golden_case;

use super::case::Case;
use super::cause::told_once;
use super::{Finding, Severity};
use crate::plan::PlanTree;

/// Something to look for in a plan.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name in files and on the command line, for example `sort-in-fetch`.
    pub id: &'static str,
    /// What it finds, in one line.
    pub summary: &'static str,
    /// How bad that is at its worst.
    pub severity: Severity,
    /// Looks at a case.
    pub check: fn(&Case<'_>) -> Vec<Finding>,
    /// The doc comment its file begins with, as written there. [`Rule::documentation`] has it without the comment marks.
    pub page: &'static str,
}

/// All rules.
pub static RULES: &[Rule] = &[
    sort_in_fetch::RULE,
    selective_seq_scan::RULE,
    partial_index_lost::RULE,
    fetch_without_lock::RULE,
    lock_after_limit::RULE,
    fetch_without_skip_locked::RULE,
    // Claims and the head of the queue.
    lock_without_of::RULE,
    skip_locked_in_subquery::RULE,
    limit_overshoot::RULE,
    dead_head::RULE,
    future_rows_scanned::RULE,
    locked_head::RULE,
    volatile_in_index_condition::RULE,
    random_key_tail::RULE,
    include_on_claim_index::RULE,
    non_hot_update::RULE,
    wal_per_job::RULE,
    // Symptoms, and what no cause above explains.
    pages_per_row::RULE,
    work_after_root::RULE,
    // Of several fixtures.
    fetch_not_bounded::RULE,
    // What any statement may suffer from.
    limit_over_sort::RULE,
    misestimate::RULE,
    nested_loop_inner::RULE,
    lossy_bitmap::RULE,
    heap_fetches::RULE,
    spill::RULE,
    costly_generic_plan::RULE,
    parallel_in_fetch::RULE,
    parallel_workers_missing::RULE,
    jit_in_fetch::RULE,
    jit_dominates::RULE,
    planning_dominates::RULE,
    trigger_cost::RULE,
    time_outside_plan::RULE,
    wal_volume::RULE,
];

/// The rule of this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// What the rules find in the judged plan of a case, worst first; of several findings with one cause the cause.
#[must_use]
pub fn judge(case: &Case<'_>) -> Vec<Finding> {
    let found: Vec<Finding> = RULES.iter().flat_map(|rule| (rule.check)(case)).collect();
    // Without a plan, what was found is about several.
    let mut findings = match case.judged() {
        Some(view) => told_once(found, &PlanTree::new(view.plan)),
        None => found,
    };
    if case.is_generic_never_chosen() {
        findings.iter_mut().for_each(lower);
    }
    // Stable: among equals the order of RULES stays, causes before symptoms.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Nobody gets this plan, so it costs nobody anything.
fn lower(finding: &mut Finding) {
    finding.severity = Severity::Note;
    finding
        .message
        .push_str("; in the generic plan, which is never chosen here");
}

impl Rule {
    /// The rule's page as Markdown.
    #[must_use]
    pub fn documentation(&self) -> String {
        let lines = self.page.lines().map(|line| line.trim_start_matches("//!"));
        lines
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// The lines beginning with `//!` that a source text begins with.
const fn page(source: &'static str) -> &'static str {
    let bytes = source.as_bytes();
    let mut end = 0;
    while end + 3 <= bytes.len()
        && bytes[end] == b'/'
        && bytes[end + 1] == b'/'
        && bytes[end + 2] == b'!'
    {
        while end < bytes.len() && bytes[end] != b'\n' {
            end += 1;
        }
        if end < bytes.len() {
            end += 1;
        }
    }
    source.split_at(end).0
}

#[cfg(test)]
mod tests {
    use super::golden_case::GoldenCase;
    use super::*;
    use crate::plan::PlanMode;

    #[test]
    fn every_rule_has_an_id_of_its_own_and_a_page_that_says_it_all() {
        for rule in RULES {
            assert_eq!(find(rule.id).map(|found| found.summary), Some(rule.summary));
            let documentation = rule.documentation();
            assert!(
                documentation.starts_with(&format!("`{}`: ", rule.id)),
                "{documentation}"
            );
            for heading in ["Why it hurts", "Example", "Fix", "Thresholds", "Source"] {
                assert!(
                    documentation.contains(&format!("\n# {heading}\n")),
                    "{}: no {heading}",
                    rule.id
                );
            }
            assert!(!documentation.contains("use super"), "{documentation}");
        }
        assert!(find("no-such-rule").is_none());
    }

    #[test]
    fn a_finding_in_a_generic_plan_nobody_gets_is_a_note_that_says_so() {
        let golden = GoldenCase::read(15, "fetch-parameter-generic").mode(PlanMode::Generic);
        let mut case = golden.case();
        assert_eq!(judge(&case)[0].severity, Severity::Critical);
        case.auto_plan = Some(PlanMode::Custom);
        let lowered = judge(&case);
        assert!(
            lowered
                .iter()
                .all(|finding| finding.severity == Severity::Note),
            "{lowered:?}"
        );
        assert!(lowered[0].message.ends_with("never chosen here"));
        case.forced_plan_mode = Some(PlanMode::Generic);
        assert_eq!(judge(&case)[0].severity, Severity::Critical);
    }

    #[test]
    fn no_advice_names_a_parameter_by_its_number() {
        let mut judged = 0;
        for version in [14, 15, 16, 17, 18] {
            let folder = format!("{}/tests/plans/pg{version}", env!("CARGO_MANIFEST_DIR"));
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|ending| ending != "json") {
                    continue;
                }
                let name = path.file_stem().unwrap().to_string_lossy();
                let golden = GoldenCase::read(version, &name).mode(PlanMode::Generic);
                for finding in judge(&golden.case()) {
                    assert!(!finding.help.contains('$'), "{name}: {}", finding.help);
                    judged += 1;
                }
            }
        }
        assert!(judged > 20, "{judged} findings");
    }

    #[test]
    fn findings_with_one_cause_are_told_as_one_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            let judged = |name: &str, operation| {
                let golden = GoldenCase::read(version, name).operation(operation);
                let findings = judge(&golden.case()).into_iter();
                let symptoms = |finding: &Finding| {
                    let list = finding
                        .evidence
                        .get("symptoms")
                        .and_then(|list| list.as_array());
                    let rules = list
                        .into_iter()
                        .flatten()
                        .map(|one| one["rule"].to_string());
                    rules.collect::<Vec<_>>().join(" ").replace('"', "")
                };
                let told = findings.map(|one| (one.rule.clone(), symptoms(&one)));
                told.collect::<Vec<_>>()
            };
            let one = |rule: &str, symptoms: &str| (rule.to_owned(), symptoms.to_owned());
            assert_eq!(
                judged("fetch-or", "fetch"),
                [one("partial-index-lost", "sort-in-fetch")],
                "pg{version}"
            );
            assert_eq!(
                judged("modifying-cte-chain", "complete"),
                [one("trigger-cost", "time-outside-plan")],
                "pg{version}"
            );
            assert_eq!(
                judged("spilled-fetch", "fetch"),
                [one("sort-in-fetch", "spill")],
                "pg{version}"
            );
            assert_eq!(
                judged("misestimated-join", "inspect"),
                [one("misestimate", "nested-loop-inner")],
                "pg{version}"
            );
        }
    }

    #[test]
    fn healthy_statements_are_quiet_on_every_version() {
        for version in [14, 15, 16, 17, 18] {
            for (name, operation) in [
                ("fetch-array", "fetch"),
                ("fetch-array-plain", "fetch"),
                ("fetch-cte-custom", "fetch"),
                ("fetch-parameter-custom", "fetch"),
                ("complete-array", "complete"),
                ("complete-unnest", "complete"),
                ("insert-conflict", "enqueue"),
            ] {
                let golden = GoldenCase::read(version, name).operation(operation);
                assert_eq!(judge(&golden.case()), [], "pg{version}/{name}");
            }
        }
    }
}
