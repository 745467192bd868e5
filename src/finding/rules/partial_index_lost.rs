//! `partial-index-lost`: a partial index made for the statement is not used.
//!
//! # Why it hurts
//! PostgreSQL uses a partial index only if it can prove, while planning, that the statement's conditions imply the index's. `state = $1`
//! proves nothing in a generic plan, whatever is bound later; so a fetch that takes three pages with its custom plan takes as many as the
//! table has once the plan is generic. An `OR`, a cast or another spelling of the condition hides the index in every mode.
//!
//! # Example
//! ```text
//! index job_ready on job (queue, priority, run_at, id) where state = 'ready'
//! custom:   Limit -> LockRows -> Index Scan using job_ready            3 pages
//! generic:  Limit -> LockRows -> Sort -> Seq Scan, state = $1     10,362 pages
//! ```
//!
//! # Fix
//! Write the condition into the statement as a literal, in the words of the index; bind only what really varies. Where the statement
//! cannot be changed, let the client force custom plans (`plan_cache_mode = force_custom_plan`) or make the column the first of a full
//! index.
//!
//! # Thresholds
//! The scan that takes the index's place reads at least 64 pages and, where the custom plan is known, twice as many as that plan's scans
//! of the relation. Where nothing compares the column with a parameter, it also reads more than 8 pages for each row it keeps, or that a
//! Limit above an OR leaves of it. A warning below ten times the custom plan's pages.
//!
//! # Source
//! pgqueuer#607 (an OR: 10,000 jobs a second became 330); PostgreSQL's manual, "Partial Indexes".

use serde_json::json;

use super::{Rule, page};
use crate::finding::access::{Access, accesses};
use crate::finding::case::{Case, Index, PlanView};
use crate::finding::predicate::{Comparison, alternatives, comparisons, conjuncts, without_alias};
use crate::finding::wording::{count, evidence};
use crate::finding::{Finding, Severity};
use crate::plan::{PlanMode, PlanNode, PlanTree};

pub(super) const RULE: Rule = Rule {
    id: "partial-index-lost",
    summary: "a partial index made for the statement is not used",
    severity: Severity::Critical,
    check,
    page: page(include_str!("partial_index_lost.rs")),
};

const LEAST_PAGES: u64 = 64;
const PAGES_PER_ROW: f64 = 8.0;
const CRITICAL_FACTOR: u64 = 10;

fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(view) = case.judged() else {
        return Vec::new();
    };
    let scans = accesses(&view);
    let indexes = case
        .catalog
        .relations
        .iter()
        .flat_map(|relation| &relation.indexes);
    let unused = indexes
        .filter(|index| index.predicate.is_some() && !scans.iter().any(|scan| scan.uses(index)));
    let custom_scans = case
        .custom
        .as_ref()
        .filter(|_| case.mode == PlanMode::Generic)
        .map(accesses);
    let mut candidates: Vec<Candidate<'_>> = unused
        .map(|index| Candidate {
            index,
            custom_pages: custom_scans
                .as_ref()
                .map(|scans| relation_pages(scans, index)),
            custom_uses: custom_scans
                .as_ref()
                .is_some_and(|scans| scans.iter().any(|scan| scan.uses(index))),
        })
        .collect();
    // Several indexes may have a condition on the same column: the one that was made for the statement is the one its custom plan uses.
    candidates.sort_by_key(|candidate| !candidate.custom_uses);
    let mut findings: Vec<Finding> = Vec::new();
    for candidate in candidates {
        if let Some(finding) = lost(case, &view, &scans, &candidate)
            && findings.iter().all(|known| known.node != finding.node)
        {
            findings.push(finding);
        }
    }
    findings
}

/// A partial index that the plan does not use.
struct Candidate<'a> {
    index: &'a Index,
    /// Pages the custom plan reads of its relation; none where the custom plan is judged, or not known.
    custom_pages: Option<u64>,
    /// Whether the custom plan uses it.
    custom_uses: bool,
}

/// How the statement comes to miss the index.
enum Cause<'a> {
    /// It states the index's condition only through a parameter.
    Parameter(Comparison<'a>),
    /// The custom plan uses the index, this generic one does not.
    Generic,
    /// It states the condition as one side of an OR.
    Disjunction(String),
    /// It states the condition in so many words, and yet the index is not used.
    Unused,
}

fn lost(
    case: &Case<'_>,
    view: &PlanView<'_>,
    scans: &[Access<'_>],
    candidate: &Candidate<'_>,
) -> Option<Finding> {
    let (index, custom_pages) = (candidate.index, candidate.custom_pages);
    let predicate = index.predicate.as_deref()?;
    let on_relation = scans.iter().filter(|scan| scan.relation == index.relation);
    let (scan, cause) = on_relation
        .filter_map(|scan| Some((scan, cause(scan, predicate, candidate.custom_uses)?)))
        .max_by_key(|(scan, _)| scan.pages)?;
    let pages = relation_pages(scans, index);
    if !weighs(view, scan, &cause, custom_pages, pages) {
        return None;
    }
    let is_small =
        custom_pages.is_some_and(|custom| pages < custom.saturating_mul(CRITICAL_FACTOR));
    Some(Finding {
        rule: RULE.id.to_owned(),
        severity: if is_small {
            Severity::Warning
        } else {
            RULE.severity
        },
        message: message(scan, &cause, index, predicate, pages, custom_pages),
        help: help(&cause, index, predicate),
        node: Some(scan.label()),
        evidence: evidence([
            ("index", json!(index.name)),
            ("index_condition", json!(predicate)),
            (
                if case.mode == PlanMode::Generic {
                    "pages_generic"
                } else {
                    "pages"
                },
                json!(pages),
            ),
            ("pages_custom", json!(custom_pages)),
        ]),
    })
}

fn cause<'a>(scan: &Access<'a>, predicate: &str, custom_uses: bool) -> Option<Cause<'a>> {
    let wanted = comparisons(predicate);
    let parameter = scan.comparisons.iter().find(|have| {
        have.is_equality()
            && have.is_with_parameter()
            && wanted
                .iter()
                .any(|want| want.is_equality() && want.column == have.column)
    });
    if let Some(parameter) = parameter {
        return Some(Cause::Parameter(*parameter));
    }
    if custom_uses {
        return Some(Cause::Generic);
    }
    if scan.states(predicate) {
        return Some(Cause::Unused);
    }
    let states_it = |side: &&str| {
        let have = comparisons(side);
        wanted.len() == conjuncts(predicate).len() && wanted.iter().all(|want| have.contains(want))
    };
    let disjunction = scan
        .disjunctions()
        .find(|either| alternatives(either).iter().any(states_it))?;
    let shown = without_alias(disjunction, scan.node.alias.as_deref());
    Some(Cause::Disjunction(shown))
}

fn weighs(
    view: &PlanView<'_>,
    scan: &Access<'_>,
    cause: &Cause<'_>,
    custom_pages: Option<u64>,
    pages: u64,
) -> bool {
    if !view.work.has_buffers {
        // Nothing was executed: only a change of plan is worth a word.
        return matches!(cause, Cause::Generic)
            || (matches!(cause, Cause::Parameter(_)) && custom_pages.is_some());
    }
    let is_dear = match cause {
        Cause::Unused => scan.pages as f64 > PAGES_PER_ROW * (scan.rows + 1.0),
        Cause::Disjunction(_) => scan.pages as f64 > PAGES_PER_ROW * (rows_kept(view, scan) + 1.0),
        Cause::Parameter(_) | Cause::Generic => {
            custom_pages.is_none_or(|custom| pages >= custom.saturating_mul(2))
        }
    };
    scan.pages >= LEAST_PAGES && is_dear
}

/// The rows of a scan that a Limit above leaves, or all of them.
fn rows_kept(view: &PlanView<'_>, scan: &Access<'_>) -> f64 {
    let tree = PlanTree::new(view.plan);
    let limit = tree
        .ancestors(scan.index)
        .map(|ancestor| tree.node(ancestor))
        .find(|ancestor| ancestor.node_type == "Limit");
    limit.map_or(scan.rows, PlanNode::total_rows)
}

fn relation_pages(scans: &[Access<'_>], index: &Index) -> u64 {
    scans
        .iter()
        .filter(|scan| scan.relation == index.relation)
        .map(|scan| scan.pages)
        .sum()
}

fn message(
    scan: &Access<'_>,
    cause: &Cause<'_>,
    index: &Index,
    predicate: &str,
    pages: u64,
    custom_pages: Option<u64>,
) -> String {
    let name = &index.name;
    let reason = match cause {
        Cause::Parameter(part) => format!(
            "{} {} {} does not imply its condition {predicate}",
            part.column, part.operator, part.value
        ),
        Cause::Disjunction(either) => {
            format!("{either} does not imply its condition {predicate}")
        }
        Cause::Generic => format!("without the values nothing implies its condition {predicate}"),
        Cause::Unused => format!("although the statement states its condition {predicate}"),
    };
    let beside = custom_pages.map_or(String::new(), |custom| {
        format!(" against {} of the custom plan", count(custom))
    });
    format!(
        "{name} is not used: {reason}; {} reads {} pages{beside}",
        scan.label(),
        count(pages)
    )
}

fn help(cause: &Cause<'_>, index: &Index, predicate: &str) -> String {
    match cause {
        Cause::Parameter(part) => {
            format!(
                "compare {} with a literal in place of a parameter: {predicate}, in the words of the index",
                part.column
            )
        }
        Cause::Disjunction(_) => format!(
            "take the OR apart: state {predicate} alone, in the words of the index, and write another statement for the other side"
        ),
        Cause::Generic => format!(
            "write {predicate} into the statement as a literal, or let the client force custom plans"
        ),
        Cause::Unused => {
            format!(
                "analyze {}; if {} stays unused, its columns do not serve the statement's order or conditions",
                index.relation, index.name
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::Severity;
    use crate::finding::rules::golden_case::GoldenCase;
    use crate::plan::PlanMode;

    #[test]
    fn a_status_as_a_parameter_loses_the_index_in_the_generic_plan() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "fetch-parameter-generic")
                .mode(PlanMode::Generic)
                .custom(version, "fetch-parameter-custom");
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert_eq!(findings[0].severity, Severity::Critical);
            assert!(
                findings[0].message.starts_with("job_ready is not used: state = $1 does not imply its condition (state = 'ready'::text)"),
                "{}",
                findings[0].message
            );
            assert!(
                findings[0].evidence["pages_generic"].as_u64()
                    > findings[0].evidence["pages_custom"].as_u64()
            );
            assert_eq!(findings[0].node.as_deref(), Some("Seq Scan job"));
        }
    }

    #[test]
    fn the_index_of_the_custom_plan_is_the_one_that_is_lost() {
        let golden = GoldenCase::read(15, "fetch-parameter-generic")
            .mode(PlanMode::Generic)
            .custom(15, "fetch-parameter-custom")
            .with_index_first("job", "job_done", "(state = 'completed'::text)");
        let findings = super::check(&golden.case());
        assert_eq!(findings.len(), 1);
        assert!(
            findings[0].message.starts_with("job_ready is not used"),
            "{findings:?}"
        );
    }

    #[test]
    fn an_or_hides_the_index_that_one_side_is_made_for() {
        for version in [14, 15, 16, 17, 18] {
            let golden = GoldenCase::read(version, "fetch-or").with_index_first(
                "job",
                "job_done",
                "(state = 'completed'::text)",
            );
            let findings = super::check(&golden.case());
            assert_eq!(findings.len(), 1, "pg{version}");
            assert!(
                findings[0].message.starts_with(
                    "job_ready is not used: (state = 'ready'::text) OR ((state = 'failed'::text) AND (priority > 3)) does not imply its \
                     condition (state = 'ready'::text); Seq Scan job reads "
                ),
                "{}",
                findings[0].message
            );
            assert!(findings[0].help.starts_with("take the OR apart"));
        }
    }

    #[test]
    fn it_fires_without_the_custom_plan_too() {
        let golden = GoldenCase::read(15, "fetch-parameter-generic").mode(PlanMode::Generic);
        assert_eq!(super::check(&golden.case()).len(), 1);
    }

    #[test]
    fn it_is_quiet_where_the_index_is_used_or_would_not_serve() {
        for name in [
            "fetch-array",
            "fetch-parameter-custom",
            "fetch-cte-generic",
            "complete-array",
            "modifying-cte-unread",
            "natural-mistake",
        ] {
            let golden = GoldenCase::read(15, name).mode(PlanMode::Generic);
            assert_eq!(super::check(&golden.case()), [], "{name}");
        }
        let golden = GoldenCase::read(15, "fetch-parameter-generic")
            .mode(PlanMode::Generic)
            .without_catalog();
        assert_eq!(super::check(&golden.case()), []);
    }
}
