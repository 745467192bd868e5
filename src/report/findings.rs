//! Findings as people read them: the same thing found in several plans is said once.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;

use super::text::{inert, inert_lines};
use super::view::Naming;
use crate::finding::{Finding, Severity};
use crate::run::plan_result::{PlanMode, PlanResult};
use crate::units::{Count, Significant};

/// A rule's findings in one plan.
pub(super) struct Found {
    /// How much they matter.
    pub(super) severity: Severity,
    /// Id of the rule.
    pub(super) rule: String,
    /// How often it fired.
    pub(super) times: usize,
}

/// The findings of one plan by severity and rule, worst first.
pub(super) fn of_row(findings: &[Finding]) -> Vec<Found> {
    let mut times: BTreeMap<(Reverse<Severity>, &str), usize> = BTreeMap::new();
    for finding in findings {
        *times
            .entry((Reverse(finding.severity), &finding.rule))
            .or_default() += 1;
    }
    times
        .into_iter()
        .map(|((severity, rule), times)| Found {
            severity: severity.0,
            rule: inert(rule),
            times,
        })
        .collect()
}

/// One thing that is wrong with one queue, wherever it was found.
pub(super) struct FindingGroup {
    /// How much it matters.
    pub(super) severity: Severity,
    /// Id of the rule.
    pub(super) rule: String,
    /// Name of the queue.
    pub(super) queue: String,
    /// How often it was found.
    pub(super) times: usize,
    /// What was found in the plan that touches the most pages.
    pub(super) message: String,
    /// The node, where it is one.
    pub(super) node: Option<String>,
    /// The figures behind the message.
    pub(super) evidence: String,
    /// What to do about it, in lines.
    pub(super) help: Vec<String>,
    /// The variants and fixtures it was found in, in lines.
    pub(super) places: Vec<String>,
}

/// What findings must share to be said once.
type Key<'a> = (Reverse<Severity>, &'a str, &'a str, String);

/// Groups the findings of a run: worst first, then those found most often.
pub(super) fn grouped(results: &[PlanResult], naming: &Naming<'_>) -> Vec<FindingGroup> {
    let mut groups: BTreeMap<Key<'_>, Vec<(&PlanResult, &Finding)>> = BTreeMap::new();
    for result in results {
        for finding in &result.findings {
            // The node says where; only where there is none the message has to, whatever its figures.
            let pattern = finding
                .node
                .clone()
                .unwrap_or_else(|| without_figures(&finding.message));
            let key = (
                Reverse(finding.severity),
                result.queue.as_str(),
                finding.rule.as_str(),
                pattern,
            );
            groups.entry(key).or_default().push((result, finding));
        }
    }
    let mut groups: Vec<FindingGroup> = groups
        .into_values()
        .filter_map(|hits| FindingGroup::of(&hits, naming))
        .collect();
    groups.sort_by_key(|group| (Reverse(group.severity), Reverse(group.times)));
    groups
}

impl FindingGroup {
    fn of(hits: &[(&PlanResult, &Finding)], naming: &Naming<'_>) -> Option<Self> {
        let &(result, worst) = hits.iter().max_by_key(|(result, _)| result.buffers.total)?;
        Some(FindingGroup {
            severity: worst.severity,
            rule: inert(&worst.rule),
            queue: inert(&result.queue),
            times: hits.len(),
            message: inert(&worst.message),
            node: worst.node.as_deref().map(inert),
            evidence: evidence(&worst.evidence),
            help: inert_lines(&worst.help),
            places: places(hits, naming),
        })
    }

    /// How many findings of `groups` matter this much.
    pub(super) fn count(groups: &[Self], severity: Severity) -> usize {
        groups
            .iter()
            .filter(|group| group.severity == severity)
            .map(|group| group.times)
            .sum()
    }
}

/// The name of a severity, as in `run.json`.
pub(super) fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

fn without_figures(message: &str) -> String {
    let mut pattern = String::new();
    for character in message.chars() {
        match character {
            '0'..='9' | '.' | ',' if pattern.ends_with('#') => (),
            '0'..='9' => pattern.push('#'),
            other => pattern.push(other),
        }
    }
    pattern
}

fn evidence(figures: &BTreeMap<String, Value>) -> String {
    let figures = figures
        .iter()
        .map(|(name, value)| format!("{} {}", inert(name), figure(value)));
    figures.collect::<Vec<_>>().join(", ")
}

fn figure(value: &Value) -> String {
    match value {
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(count), _) => Count(count).to_string(),
            (None, Some(quantity)) => Significant(quantity).to_string(),
            (None, None) => number.to_string(),
        },
        Value::String(text) => inert(text),
        other => inert(&other.to_string()),
    }
}

/// Where findings were made: for each set of variants the fixtures that share it.
fn places(hits: &[(&PlanResult, &Finding)], naming: &Naming<'_>) -> Vec<String> {
    let mut by_fixture: Vec<(String, Vec<&PlanResult>)> = Vec::new();
    for (result, _) in hits {
        let mut fixture = inert(&result.fixture);
        if naming.several_servers {
            fixture = format!("{fixture} (PostgreSQL {})", inert(&result.postgres));
        }
        match by_fixture.iter_mut().find(|(name, _)| *name == fixture) {
            Some((_, results)) => results.push(result),
            None => by_fixture.push((fixture, vec![result])),
        }
    }
    let mut by_variants: Vec<(String, Vec<String>)> = Vec::new();
    for (fixture, results) in by_fixture {
        let variants = variants(&results, naming);
        match by_variants.iter_mut().find(|(known, _)| *known == variants) {
            Some((_, fixtures)) => fixtures.push(fixture),
            None => by_variants.push((variants, vec![fixture])),
        }
    }
    by_variants
        .into_iter()
        .map(|(variants, fixtures)| format!("{variants} on {}", fixtures.join(", ")))
        .collect()
}

/// For example `fetch batch-10, batch-100 (generic); complete completed-10`.
fn variants(results: &[&PlanResult], naming: &Naming<'_>) -> String {
    let mut by_subject: Vec<(String, Vec<String>)> = Vec::new();
    for result in results {
        let of_variant = results
            .iter()
            .filter(|other| other.statement == result.statement && other.variant == result.variant);
        let custom = of_variant
            .clone()
            .any(|other| other.plan_mode == PlanMode::Custom);
        let generic = of_variant
            .clone()
            .any(|other| other.plan_mode == PlanMode::Generic);
        let modes = match (custom, generic) {
            (true, true) => " (custom and generic)",
            (false, true) => " (generic)",
            _ => "",
        };
        let (subject, variant) = (naming.subject(result), inert(&result.variant) + modes);
        match by_subject.iter_mut().find(|(known, _)| *known == subject) {
            Some((_, variants)) if variants.contains(&variant) => (),
            Some((_, variants)) => variants.push(variant),
            None => by_subject.push((subject, vec![variant])),
        }
    }
    let subjects = by_subject
        .into_iter()
        .map(|(subject, variants)| format!("{subject} {}", variants.join(", ")));
    subjects.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{figure, without_figures};

    #[test]
    fn messages_that_differ_in_figures_share_a_pattern() {
        assert_eq!(
            without_figures("sorts 100,000 rows (2.5 MB) for 10"),
            "sorts # rows (# MB) for #"
        );
        assert_eq!(without_figures("no figures, none."), "no figures, none.");
    }

    #[test]
    fn figures_read_like_the_rest_of_the_report() {
        assert_eq!(figure(&json!(100_000)), "100,000");
        assert_eq!(figure(&json!(0.123_456)), "0.123");
        assert_eq!(figure(&json!("job\u{1b}")), "job\\u{1b}");
        assert_eq!(figure(&json!(["a", 1])), "[\"a\",1]");
    }
}
