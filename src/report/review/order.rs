//! The plans of a review, worst first, and how many of them are shown.

use std::cmp::{Ordering, Reverse};

use crate::finding::Severity;
use crate::report::ReviewOptions;
use crate::report::text::inert;
use crate::run::review::{Review, ReviewedPlan, Source};
use crate::units::{Count, counted};

/// Statements of a text are cut to so many characters before anything else is done with them: some are lists of a million keys.
pub(super) const LONGEST_TEXT: usize = 2_000;

/// A review as it is shown.
pub(super) struct View<'a> {
    /// All of it.
    pub(super) review: &'a Review,
    /// The plans, worst first: a plan's number is its place here, from 1.
    pub(super) ranked: Vec<&'a ReviewedPlan>,
    /// The number of each plan of the review.
    pub(super) numbers: Vec<usize>,
    /// So many plans, and so many statements of logs, are shown in full.
    pub(super) top: usize,
}

impl<'a> View<'a> {
    pub(super) fn of(review: &'a Review, options: ReviewOptions) -> View<'a> {
        let weights = weights(review);
        let mut order: Vec<usize> = (0..review.plans.len()).collect();
        order.sort_by(|one, other| {
            let plans = [*one, *other].map(|at| &review.plans[at]);
            let [first, second] = plans.map(badness);
            let by_weight = weights[*other].compare(&weights[*one]);
            second.cmp(&first).then(by_weight)
        });
        let mut numbers = vec![0; order.len()];
        for (place, at) in order.iter().enumerate() {
            numbers[*at] = place + 1;
        }
        View {
            review,
            ranked: order.iter().map(|at| &review.plans[*at]).collect(),
            numbers,
            top: options.top,
        }
    }

    /// The plans shown in full, with their numbers.
    pub(super) fn shown(&self) -> impl Iterator<Item = (usize, &'a ReviewedPlan)> {
        let numbered = self.ranked.iter().enumerate();
        numbered
            .take(self.top)
            .map(|(place, plan)| (place + 1, *plan))
    }

    /// What there is in one line: `12 plans · 3 findings: 1 critical, 2 warnings · 1 problem`.
    pub(super) fn summary(&self) -> String {
        let mut parts = vec![counted(self.ranked.len(), "plan")];
        if !self.review.statements.is_empty() {
            parts.push(counted(self.review.statements.len(), "statement"));
        }
        parts.push(findings_in_words(&self.ranked));
        if !self.review.problems.is_empty() {
            parts.push(counted(self.review.problems.len(), "problem"));
        }
        parts.join(" · ")
    }

    /// That some plans are not shown, and how to see them; none where all are.
    pub(super) fn left_out(&self) -> Option<String> {
        let all = self.ranked.len();
        (all > self.top).then(|| {
            let which = match self.top {
                0 => "no plan is shown".to_owned(),
                1 => "the worst plan is shown".to_owned(),
                top => format!("the {} worst plans are shown", Count(top as u64)),
            };
            format!(
                "{which}, {} are not: --top {all} shows all",
                Count((all - self.top) as u64)
            )
        })
    }
}

/// Severities with their numbers, worst first.
fn findings_in_words(plans: &[&ReviewedPlan]) -> String {
    let of = |severity| {
        let findings = plans.iter().flat_map(|plan| &plan.findings);
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let severities = [Severity::Critical, Severity::Warning, Severity::Note];
    let parts: Vec<String> = severities
        .into_iter()
        .map(|severity| (severity, of(severity)))
        .filter(|(_, number)| *number > 0)
        .map(|(severity, number)| match severity {
            Severity::Critical => format!("{} critical", Count(number as u64)),
            other => counted(number, other.name()),
        })
        .collect();
    match parts.as_slice() {
        [] => "no findings".to_owned(),
        [one] => format!("findings: {one}"),
        several => format!("findings: {}", several.join(", ")),
    }
}

/// How bad its findings make a plan: by which severities there are. One finding more is no worse than a dearer plan.
fn badness(plan: &ReviewedPlan) -> [bool; 3] {
    [Severity::Critical, Severity::Warning, Severity::Note].map(|severity| {
        let mut findings = plan.findings.iter();
        findings.any(|finding| finding.severity == severity)
    })
}

/// What a plan costs: its pages and its time, of a log those of all entries of its shape.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    pages: u64,
    milliseconds: f64,
}

impl Weight {
    fn compare(&self, other: &Weight) -> Ordering {
        let by_pages = self.pages.cmp(&other.pages);
        by_pages.then(self.milliseconds.total_cmp(&other.milliseconds))
    }
}

fn weights(review: &Review) -> Vec<Weight> {
    let own = review.plans.iter().map(|plan| Weight {
        pages: plan.buffers.map_or(0, |buffers| buffers.total),
        milliseconds: plan.execution_ms.unwrap_or(0.0),
    });
    let mut weights: Vec<Weight> = own.collect();
    let shapes = review
        .statements
        .iter()
        .flat_map(|statement| &statement.shapes);
    for shape in shapes {
        if let Some(weight) = weights.get_mut(shape.plan) {
            weight.pages = weight.pages.max(shape.total_pages.unwrap_or(0));
            weight.milliseconds = weight.milliseconds.max(shape.total_ms);
        }
    }
    weights
}

/// Where something is: `plan.json:12`, or only the file where it begins in its first line.
pub(super) fn place(source: &Source) -> String {
    let path = inert(&clipped(&source.path, LONGEST_TEXT));
    if source.line > 1 {
        format!("{path}:{}", source.line)
    } else {
        path
    }
}

/// A statement in one line: its layout says nothing here; a control character that is no space stays, to be spelled out.
pub(super) fn one_line(statement: &str) -> String {
    let mut line = String::new();
    for word in statement.split_ascii_whitespace() {
        if line.len() > LONGEST_TEXT {
            line.push('…');
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&clipped(word, LONGEST_TEXT));
    }
    inert(&line)
}

/// A text without its middle where it is longer than so many characters.
pub(super) fn clipped(text: &str, characters: usize) -> String {
    let half = characters / 2;
    let Some((start, _)) = text.char_indices().nth(characters) else {
        return text.to_owned();
    };
    let first = text.char_indices().nth(half).map_or(start, |(at, _)| at);
    let last = text
        .char_indices()
        .rev()
        .nth(half.saturating_sub(1))
        .map_or(text.len(), |(at, _)| at);
    format!("{}…{}", &text[..first], &text[last.max(first)..])
}

/// The severities of a plan's findings and the worst rule, for a cell: `critical sort-in-fetch +1`, or `1c 2w`.
pub(super) fn findings_cell(plan: &ReviewedPlan, is_wide: bool) -> String {
    let Some(worst) = plan.findings.iter().min_by_key(|one| Reverse(one.severity)) else {
        return String::new();
    };
    if is_wide {
        let more = plan.findings.len() - 1;
        let more = if more > 0 {
            format!(" +{more}")
        } else {
            String::new()
        };
        let rule = inert(&clipped(&worst.rule, 60));
        return format!("{} {rule}{more}", worst.severity.name());
    }
    let counts = [
        (Severity::Critical, 'c'),
        (Severity::Warning, 'w'),
        (Severity::Note, 'n'),
    ];
    let counts = counts.map(|(severity, letter)| {
        let of = plan.findings.iter().filter(|one| one.severity == severity);
        (of.count(), letter)
    });
    let told: Vec<String> = counts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, letter)| format!("{number}{letter}"))
        .collect();
    told.join(" ")
}

/// The worst severity of a plan.
pub(super) fn worst(plan: &ReviewedPlan) -> Option<Severity> {
    plan.findings.iter().map(|finding| finding.severity).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_loses_its_middle() {
        assert_eq!(clipped("abcdef", 6), "abcdef");
        assert_eq!(clipped("abcdefg", 6), "abc…efg");
        assert_eq!(clipped("äöüß", 2), "ä…ß");
        assert_eq!(one_line(" a\n\tb\u{1b} "), "a b\\u{1b}");
        let long = one_line(&"x ".repeat(1_000_000));
        assert!(long.len() < 2 * LONGEST_TEXT && long.ends_with('…'));
    }
}
