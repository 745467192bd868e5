//! Findings as people read them: the same thing found in several plans is said once.

mod places;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;

use super::naming::Naming;
use super::text::{inert, inert_lines};
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
    /// How much it matters at its worst.
    pub(super) severity: Severity,
    /// Id of the rule.
    pub(super) rule: String,
    /// Name of the queue.
    pub(super) queue: String,
    /// How often it was found.
    pub(super) times: usize,
    /// What was found in the example, named where there are others.
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

/// A finding and the plan it was made in.
pub(super) type Hit<'a> = (&'a PlanResult, &'a Finding);

/// What findings must share to be said once: queue, rule and where in the plan.
type Key<'a> = (&'a str, &'a str, String);

/// A reader thinks of a batch of about so many jobs: large enough to be a batch, small enough that what is wasted stands out.
const EXEMPLARY_ROWS: f64 = 10.0;

/// Groups the findings of a run: worst first, then those found most often.
pub(super) fn grouped(results: &[PlanResult], naming: &Naming<'_>) -> Vec<FindingGroup> {
    let mut groups: BTreeMap<Key<'_>, Vec<Hit<'_>>> = BTreeMap::new();
    for result in results {
        for finding in &result.findings {
            let pattern = custom_twin(results, result, finding).unwrap_or_else(|| pattern(finding));
            let key = (result.queue.as_str(), finding.rule.as_str(), pattern);
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

/// The node says where; only where there is none the message has to, whatever its figures. Whether a sort found its input sorted in
/// part makes no other thing of it.
fn pattern(finding: &Finding) -> String {
    match &finding.node {
        Some(node) => node.trim_start_matches("Incremental ").to_owned(),
        None => without_figures(&finding.message),
    }
}

/// Where the rule fired in the custom plan, if it did in both plans of a variant: that is said once, whatever the nodes are called.
fn custom_twin(results: &[PlanResult], generic: &PlanResult, finding: &Finding) -> Option<String> {
    if generic.plan_mode != PlanMode::Generic {
        return None;
    }
    let custom = results.iter().find(|other| {
        other.plan_mode == PlanMode::Custom && identity(other) == identity(generic)
    })?;
    let mut twins = custom
        .findings
        .iter()
        .filter(|other| other.rule == finding.rule);
    let first = twins.clone().next()?;
    // Of several nodes the same one is the twin.
    let same = twins.find(|other| other.node == finding.node);
    Some(pattern(same.unwrap_or(first)))
}

/// What both plans of a variant share.
pub(super) fn identity(result: &PlanResult) -> [&str; 5] {
    [
        &result.postgres,
        &result.queue,
        &result.fixture,
        &result.statement,
        &result.variant,
    ]
}

impl FindingGroup {
    fn of(hits: &[Hit<'_>], naming: &Naming<'_>) -> Option<Self> {
        let severity = hits.iter().map(|(_, finding)| finding.severity).max()?;
        let (worst, rest): (Vec<Hit<'_>>, Vec<Hit<'_>>) = hits
            .iter()
            .partition(|(_, finding)| finding.severity == severity);
        let (result, example) = chosen_example(&worst)?;
        let message = inert(&example.message);
        Some(FindingGroup {
            severity,
            rule: inert(&example.rule),
            queue: inert(&result.queue),
            times: hits.len(),
            message: if worst.len() > 1 {
                format!("{}: {message}", places::example(result, &worst, naming))
            } else {
                message
            },
            node: example.node.as_deref().map(inert),
            evidence: evidence(&example.evidence),
            help: inert_lines(&example.help),
            places: places::places(&worst, &rest, naming),
        })
    }
}

/// Of the variants, the one closest to the batch a reader thinks of, the first if there are several; of its plans the dearest.
fn chosen_example<'a>(hits: &[Hit<'a>]) -> Option<Hit<'a>> {
    let (closest, _) = hits
        .iter()
        .min_by(|(one, _), (other, _)| exemplary(one).total_cmp(&exemplary(other)))?;
    hits.iter()
        .copied()
        .filter(|(result, _)| {
            result.statement == closest.statement && result.variant == closest.variant
        })
        .min_by_key(|(result, _)| Reverse(result.buffers.total))
}

/// How far a plan is from the batch a reader thinks of, in orders of magnitude.
fn exemplary(result: &PlanResult) -> f64 {
    let rows = result.rows.max(1) as f64;
    (rows / EXEMPLARY_ROWS).ln().abs()
}

/// The name of a severity, as in `run.json`.
pub(super) fn severity_name(severity: Severity) -> &'static str {
    severity.name()
}

pub(super) fn without_figures(message: &str) -> String {
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

/// The figures behind a finding, in one line.
pub(super) fn evidence(figures: &BTreeMap<String, Value>) -> String {
    let known = figures.iter().filter(|(_, value)| !value.is_null());
    let figures =
        known.map(|(name, value)| format!("{} {}", inert(name).replace('_', " "), figure(value)));
    figures.collect::<Vec<_>>().join(" · ")
}

fn figure(value: &Value) -> String {
    match value {
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(count), _) => Count(count).to_string(),
            (None, Some(quantity)) => Significant(quantity).to_string(),
            (None, None) => number.to_string(),
        },
        Value::String(text) => inert(text),
        Value::Array(items) => items.iter().map(figure).collect::<Vec<_>>().join(", "),
        // Of a symptom its name is enough; the rest is in `run.json`.
        Value::Object(parts) => match parts.get("rule") {
            Some(rule) => figure(rule),
            None => inert(&value.to_string()),
        },
        other => inert(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{evidence, figure, without_figures};

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
        assert_eq!(
            figure(&json!(["priority", "run_at", 1_000])),
            "priority, run_at, 1,000"
        );
        assert_eq!(
            figure(&json!([{ "rule": "spill", "message": "…" }, { "rule": "misestimate" }])),
            "spill, misestimate"
        );
        assert_eq!(figure(&json!({ "pages": 7 })), "{\"pages\":7}");
        let figures = [
            ("rows_sorted", json!(3_943)),
            ("pages_custom", json!(null)),
            ("sort_keys", json!(["id"])),
        ];
        let figures = figures.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(
            evidence(&figures.into()),
            "rows sorted 3,943 · sort keys id"
        );
    }
}
