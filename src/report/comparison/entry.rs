//! What became of a statement: its worst plan in full, the others as far as they differ from it.

use std::collections::{BTreeMap, BTreeSet};

use super::figures::{Figure, figures, worst_factor};
use super::places::{place, places};
use crate::finding::Severity;
use crate::report::findings::without_figures;
use crate::report::text::inert;
use crate::run::comparison::{Cause, ComparedPlan, Effect, Reason, Verdict};
use crate::run::plan_result::PlanMode;
use crate::units::ByteUnit;

/// What is worse in a way that has no factor (other rows, another order, a finding) stands among the changes by this factor.
const FACTOR_OF_OTHERS: f64 = 10.0;

/// What is said of a generic plan besides, which makes it no other story.
const ASIDES: [&str; 2] = [
    " (PostgreSQL does not choose this generic plan by itself here)",
    "; in the generic plan, which is never chosen here",
];

/// Plans of one statement that came to the same verdict.
pub(super) struct Entry<'a> {
    /// What they came to.
    pub(super) verdict: Verdict,
    /// Name of the statement.
    pub(super) statement: String,
    /// The plan the figures are of: the one that changed most.
    pub(super) worst: &'a ComparedPlan,
    /// Where that is, for example `batch-10 on heavy-single-queue`.
    pub(super) place: String,
    /// How many plans there are.
    pub(super) plans: usize,
    /// Where the others are, in words; empty if there are none.
    pub(super) others: String,
    /// Whether these are generic plans that PostgreSQL does not choose by itself, all of them.
    pub(super) is_never_chosen: bool,
    /// The figures of the worst.
    pub(super) figures: Vec<Figure>,
    /// Why the worst has its verdict, in a few words.
    pub(super) why: String,
    /// Why, in words, most important first.
    pub(super) reasons: Vec<ReasonLine>,
    /// The others that have something else to say, together where it is the same.
    pub(super) variations: Vec<Variation>,
    /// Findings that came: with what to do about them.
    pub(super) came: Vec<Finding>,
    /// Findings that went.
    pub(super) went: Vec<Finding>,
}

/// Plans of an entry for which more is to be said than for the worst.
pub(super) struct Variation {
    /// Where they are.
    pub(super) places: String,
    /// The figures of the first of them that differ from one run to the other.
    pub(super) figures: Vec<Figure>,
    /// What the worst plan's reasons do not say.
    pub(super) reasons: Vec<ReasonLine>,
}

/// Why a plan has its verdict.
pub(super) struct ReasonLine {
    /// What changed.
    pub(super) what: Cause,
    /// What it is worth.
    pub(super) effect: Effect,
    /// In words.
    pub(super) text: String,
}

/// A finding that only one of the runs has.
pub(super) struct Finding {
    /// How much it matters.
    pub(super) severity: Severity,
    /// Id of the rule.
    pub(super) rule: String,
    /// What was found.
    pub(super) message: String,
    /// What to do about it, in lines.
    pub(super) help: Vec<String>,
}

/// What sorts entries: verdict, whether it is a plan PostgreSQL does not choose, the greatest factor first.
type Rank = (Verdict, bool, u64);

/// Behind every entry.
pub(super) const LAST: Rank = (Verdict::Unchanged, true, u64::MAX);

fn rank(plan: &ComparedPlan) -> Rank {
    let auto = plan.second.as_ref().and_then(|figures| figures.auto_plan);
    let is_never_chosen = plan.plan_mode == PlanMode::Generic && auto == Some(PlanMode::Custom);
    // Of positive numbers the bits are in the same order.
    let extent = extent(plan).max(0.0).to_bits();
    (plan.verdict, is_never_chosen, u64::MAX - extent)
}

/// By how much a plan changed, for ordering.
fn extent(plan: &ComparedPlan) -> f64 {
    let other = plan.reasons.iter().any(|reason| {
        let is_figure = matches!(
            reason.what,
            Cause::PagesPerRow
                | Cause::WalPerRow
                | Cause::OutputPagesPerRow
                | Cause::RowsRemovedPerRow
                | Cause::Shape
        );
        reason.effect == Effect::Worse && !is_figure
    });
    let least = if other { FACTOR_OF_OTHERS } else { 0.0 };
    worst_factor(plan).unwrap_or(0.0).max(least)
}

impl<'a> Entry<'a> {
    /// An entry of plans that have the same statement and verdict; none of none.
    pub(super) fn of(plans: &[&'a ComparedPlan], several_servers: bool) -> Option<Entry<'a>> {
        // The first of those that changed equally much.
        let worst = *plans.iter().min_by_key(|plan| rank(plan))?;
        let others: Vec<&ComparedPlan> = plans
            .iter()
            .copied()
            .filter(|plan| !std::ptr::eq(*plan, worst))
            .collect();
        let mut told = Told::default();
        let reasons = told.new_in(worst);
        Some(Entry {
            verdict: worst.verdict,
            statement: inert(&worst.statement),
            worst,
            place: place(worst, several_servers),
            plans: plans.len(),
            others: places(&others, several_servers),
            is_never_chosen: rank(worst).1,
            figures: figures(worst),
            why: inert(&worst.why),
            reasons,
            variations: variations(&others, &told, several_servers),
            came: findings(worst, &others, |plan| &plan.findings_came),
            went: findings(worst, &others, |plan| match plan.second {
                Some(_) => &plan.findings_went,
                // It has not got better by not being measured.
                None => &[],
            }),
        })
    }

    /// Where it stands among the others.
    pub(super) fn rank(&self) -> Rank {
        rank(self.worst)
    }
}

/// A message without what it says of the generic plan besides.
pub(super) fn without_asides(message: &str) -> &str {
    ASIDES.iter().fold(message, |message, aside| {
        message.strip_suffix(aside).unwrap_or(message)
    })
}

/// What has been said of a statement already.
#[derive(Clone, Default)]
struct Told(BTreeSet<String>);

impl Told {
    /// The reasons of a plan that say something new. Of what makes another plan only what was not said is repeated.
    fn new_in(&mut self, plan: &ComparedPlan) -> Vec<ReasonLine> {
        let mut lines = Vec::new();
        for reason in &plan.reasons {
            let message = without_asides(&reason.message);
            let (head, tail) = message.split_once(": ").unwrap_or((message, ""));
            let pieces: Vec<String> = match reason.what {
                Cause::Shape => tail.split("; ").map(without_figures).collect(),
                // A finding is the same whatever it weighs.
                Cause::Finding if !tail.is_empty() => vec![without_figures(tail)],
                // The pages that comes to follow.
                Cause::AutoPlan => vec![without_figures(head)],
                _ => vec![without_figures(message)],
            };
            let news = pieces
                .into_iter()
                .filter(|piece| self.0.insert(piece.clone()));
            let is_new = news.count() > 0;
            // `another plan, with fewer pages per row` is news even if what makes it another is not.
            let is_head_new = reason.what == Cause::Shape && self.0.insert(without_figures(head));
            if is_new {
                lines.push(ReasonLine::of(reason, inert(&reason.message)));
            } else if is_head_new {
                lines.push(ReasonLine::of(reason, format!("{}: as above", inert(head))));
            }
        }
        lines
    }
}

/// What is to be said of the other plans and was not said of the worst, those that say the same together.
fn variations(others: &[&ComparedPlan], told: &Told, several_servers: bool) -> Vec<Variation> {
    let story = |plan: &ComparedPlan| -> BTreeSet<(Cause, Effect, String)> {
        let telling = plan
            .reasons
            .iter()
            .filter(|reason| reason.effect != Effect::Neutral);
        let story = telling.map(|reason| {
            let which = match reason.what {
                // From which plan to which.
                Cause::AutoPlan => reason.message.split(": ").next().unwrap_or_default(),
                _ => "",
            };
            (reason.what, reason.effect, which.to_owned())
        });
        story.collect()
    };
    let mut groups: Vec<Vec<&ComparedPlan>> = Vec::new();
    for plan in others {
        let fits = |group: &&mut Vec<&ComparedPlan>| story(group[0]) == story(plan);
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(plan),
            None => groups.push(vec![plan]),
        }
    }
    let variations = groups.into_iter().filter_map(|group| {
        let mut told = told.clone();
        let reasons = group.iter().flat_map(|plan| told.new_in(plan));
        let reasons: Vec<ReasonLine> = reasons
            .filter(|reason| reason.effect != Effect::Neutral)
            .collect();
        let is_new = reasons.iter().any(|reason| !reason.is_figure());
        let mut figures = figures(group[0]);
        figures.retain(|figure| figure.first != figure.second);
        is_new.then(|| Variation {
            places: places(&group, several_servers),
            figures,
            reasons,
        })
    });
    variations.collect()
}

impl Entry<'_> {
    /// Whether another entry says the same, but for figures: of the same verdict, in the same words, with the same advice.
    pub(super) fn says_the_same_as(&self, other: &Entry<'_>) -> bool {
        let words = |entry: &Entry<'_>| -> Vec<String> {
            let words = entry.reasons.iter().filter(|reason| !reason.is_figure());
            words
                .map(|reason| without_figures(&reason.text))
                .chain(entry.came.iter().flat_map(|finding| finding.help.clone()))
                .collect()
        };
        let (one, another) = (words(self), words(other));
        self.verdict == other.verdict && !one.is_empty() && one == another
    }

    /// Whether a reason says what a finding says.
    pub(super) fn tells(&self, finding: &Finding) -> bool {
        let mut reasons = self.reasons.iter();
        reasons.any(|reason| {
            reason.what == Cause::Finding
                && (reason.text.contains(&finding.message) || reason.text.contains(&finding.rule))
        })
    }
}

impl ReasonLine {
    fn of(reason: &Reason, text: String) -> ReasonLine {
        ReasonLine {
            what: reason.what,
            effect: reason.effect,
            text,
        }
    }

    /// Whether it is about a count that has a figure.
    pub(super) fn is_count(&self) -> bool {
        matches!(
            self.what,
            Cause::PagesPerRow
                | Cause::WalPerRow
                | Cause::OutputPagesPerRow
                | Cause::RowsRemovedPerRow
        )
    }

    /// Whether it says no more than the figures beside it.
    pub(super) fn is_figure(&self) -> bool {
        let is_count = self.is_count() || self.what == Cause::Time;
        let figures = self.text.split_once(" → ").map(|(_, figures)| figures);
        is_count && figures.is_some_and(|figures| figures.split(' ').all(is_number_or_unit))
    }
}

/// For example `1,210`, `(81×)`, `kB`.
fn is_number_or_unit(word: &str) -> bool {
    let units = ByteUnit::ALL.map(ByteUnit::name);
    let is_unit = units.contains(&word) || ["ms", "s"].contains(&word);
    is_unit
        || word
            .chars()
            .all(|one| one.is_ascii_digit() || ".,()+−×%".contains(one))
}

/// The findings of some plans, each rule once, worst first; as the first plan has it, unless it matters more in another.
fn findings<'a>(
    worst: &'a ComparedPlan,
    others: &[&'a ComparedPlan],
    of: impl Fn(&'a ComparedPlan) -> &'a [crate::run::baseline::BaselineFinding],
) -> Vec<Finding> {
    let mut rules: BTreeMap<&str, Finding> = BTreeMap::new();
    let plans = [worst].into_iter().chain(others.iter().copied());
    for found in plans.flat_map(of) {
        let finding = || Finding {
            severity: found.severity,
            rule: inert(&found.rule),
            message: inert(&found.message),
            help: found.help.lines().map(inert).collect(),
        };
        let known = rules.entry(&found.rule).or_insert_with(finding);
        if known.severity < found.severity {
            *known = finding();
        }
    }
    let mut findings: Vec<Finding> = rules.into_values().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}
