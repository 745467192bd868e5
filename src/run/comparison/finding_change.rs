//! Findings that came and went.

use super::{Cause, Effect, Reason};
use crate::finding::Severity;
use crate::run::baseline::BaselineFinding;

/// The findings of one plan in two runs.
#[derive(Debug, Default)]
pub(super) struct FindingChanges {
    /// Those that only the second run has, or has with a higher severity.
    pub(super) came: Vec<BaselineFinding>,
    /// Those that only the first run has, or had with a higher severity.
    pub(super) went: Vec<BaselineFinding>,
    /// What they are worth.
    pub(super) reasons: Vec<Reason>,
}

impl FindingChanges {
    /// Findings are matched by rule, of one rule by node, then in their order.
    pub(super) fn of(first: &[BaselineFinding], second: &[BaselineFinding]) -> FindingChanges {
        let mut changes = FindingChanges::default();
        for (before, after) in matched(first, second) {
            match (before, after) {
                (Some(before), Some(after)) if after.severity > before.severity => {
                    let was = format!(" (was a {})", name(before.severity));
                    changes.reasons.push(came(after, &was));
                    changes.came.push(after.clone());
                }
                (Some(before), Some(after)) if after.severity < before.severity => {
                    let now = format!("is only a {} now", name(after.severity));
                    changes.reasons.push(went(before, &now));
                    changes.went.push(before.clone());
                }
                (None, Some(after)) => {
                    changes.reasons.push(came(after, ""));
                    changes.came.push(after.clone());
                }
                (Some(before), None) => {
                    changes.reasons.push(went(before, "is gone"));
                    changes.went.push(before.clone());
                }
                _ => {}
            }
        }
        changes
    }
}

/// What a finding that came is worth: only a note is worth nothing.
fn came(finding: &BaselineFinding, was: &str) -> Reason {
    Reason {
        what: Cause::Finding,
        effect: if finding.severity >= Severity::Warning {
            Effect::Worse
        } else {
            Effect::Neutral
        },
        message: format!(
            "new {} {}{was}: {}",
            name(finding.severity),
            finding.rule,
            finding.message
        ),
    }
}

fn went(finding: &BaselineFinding, what: &str) -> Reason {
    Reason {
        what: Cause::Finding,
        effect: if finding.severity >= Severity::Warning {
            Effect::Better
        } else {
            Effect::Neutral
        },
        message: format!("{} {} {what}", name(finding.severity), finding.rule),
    }
}

fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Critical => "critical finding",
    }
}

/// Every finding of both sides once.
fn matched<'f>(
    first: &'f [BaselineFinding],
    second: &'f [BaselineFinding],
) -> Vec<(Option<&'f BaselineFinding>, Option<&'f BaselineFinding>)> {
    let mut left: Vec<Option<&BaselineFinding>> = first.iter().map(Some).collect();
    let mut partners: Vec<Option<&BaselineFinding>> = vec![None; second.len()];
    for by_node in [true, false] {
        for (after, partner) in second.iter().zip(&mut partners) {
            let fits = |before: &&mut Option<&BaselineFinding>| {
                before.is_some_and(|before| {
                    before.rule == after.rule && (!by_node || before.node == after.node)
                })
            };
            if partner.is_none() {
                *partner = left.iter_mut().find(fits).and_then(Option::take);
            }
        }
    }
    let both = partners.into_iter().zip(second.iter().map(Some));
    let gone = left
        .into_iter()
        .flatten()
        .map(|before| (Some(before), None));
    both.chain(gone).collect()
}
