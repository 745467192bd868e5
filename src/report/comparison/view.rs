//! A comparison prepared for people once: what has the same story is one entry, worst first.
//!
//! Every text in a view that came with the runs is inert: safe on a terminal, one line.

use std::collections::{BTreeMap, BTreeSet};

use super::figures::{Figure, figures, worst_factor};
use super::places::{place, places};
use super::words::{self, Headline};
use crate::finding::Severity;
use crate::report::findings::without_figures;
use crate::report::text::inert;
use crate::run::comparison::{
    Cause, ComparedPlan, Comparison, Effect, QueueChange, Reason, Verdict,
};
use crate::run::plan_result::PlanMode;
use crate::units::ByteUnit;

/// What is worse in a way that has no factor (other rows, another order, a finding) stands among the changes by this factor.
const FACTOR_OF_OTHERS: f64 = 10.0;

/// Everything a report says about two runs.
pub(super) struct View<'a> {
    /// What it came to, in a sentence.
    pub(super) headline: Headline,
    /// What was compared: baseline first.
    pub(super) sides: [String; 2],
    /// The queues in which something changed, worst first.
    pub(super) queues: Vec<QueueView<'a>>,
    /// What the runs differ in besides what is compared, which was allowed.
    pub(super) unlike: Vec<String>,
    /// What was not compared, and what has another name: kind and sentence.
    pub(super) remarks: Vec<(&'static str, String)>,
    /// How many plans have each verdict, in a line.
    pub(super) closing: String,
    /// Whether times decide: samples were taken in turns.
    pub(super) times_decide: bool,
    /// Whether any times are known.
    pub(super) has_times: bool,
}

/// What changed in a queue.
pub(super) struct QueueView<'a> {
    /// Its name.
    pub(super) name: String,
    /// What changed in its files; none where nothing did, or the runs do not tell.
    pub(super) changes: Option<&'a QueueChange>,
    /// What became of its plans, worst first.
    pub(super) entries: Vec<Entry<'a>>,
}

/// Plans of one statement that have the same story.
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
    /// The figures of the worst.
    pub(super) figures: Vec<Figure>,
    /// Why, in words, most important first.
    pub(super) reasons: Vec<ReasonLine>,
    /// Findings that came: with what to do about them.
    pub(super) came: Vec<Finding>,
    /// Findings that went.
    pub(super) went: Vec<Finding>,
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

impl<'a> View<'a> {
    /// Prepares a comparison.
    pub(super) fn of(comparison: &'a Comparison) -> View<'a> {
        let several_servers = comparison.plans.iter().any(|plan| {
            let first = comparison.plans.first();
            first.is_some_and(|first| first.postgres != plan.postgres)
        });
        let queues = queues(comparison, several_servers);
        let mut times = comparison
            .plans
            .iter()
            .filter_map(|plan| plan.times.as_ref());
        View {
            headline: words::headline(comparison),
            sides: [&comparison.first, &comparison.second].map(words::side),
            queues,
            unlike: words::unlike(comparison),
            remarks: words::remarks(comparison),
            closing: words::closing(&comparison.verdicts),
            times_decide: times.clone().any(|times| times.test.is_some()),
            has_times: times.next().is_some(),
        }
    }

    /// Every entry with its queue, worst first, whatever its queue.
    pub(super) fn entries(&self) -> Vec<(&QueueView<'a>, &Entry<'a>)> {
        let queues = self.queues.iter();
        let mut entries: Vec<_> = queues
            .flat_map(|queue| queue.entries.iter().map(move |entry| (queue, entry)))
            .collect();
        entries.sort_by_key(|(_, entry)| entry.rank());
        entries
    }
}

/// What plans must share to have the same story.
type Story<'a> = (
    &'a str,
    &'a str,
    Verdict,
    bool,
    Vec<(Cause, Effect)>,
    BTreeSet<&'a str>,
);

fn story(plan: &ComparedPlan) -> Story<'_> {
    let telling = plan
        .reasons
        .iter()
        .filter(|reason| reason.effect != Effect::Neutral);
    let causes: BTreeSet<_> = telling.map(|reason| (reason.what, reason.effect)).collect();
    let came = plan.findings_came.iter();
    (
        &plan.queue,
        &plan.statement,
        plan.verdict,
        plan.plan_mode == PlanMode::Generic,
        causes.into_iter().collect(),
        came.map(|finding| finding.rule.as_str()).collect(),
    )
}

fn queues(comparison: &Comparison, several_servers: bool) -> Vec<QueueView<'_>> {
    let mut stories: BTreeMap<Story<'_>, Vec<&ComparedPlan>> = BTreeMap::new();
    let changed = comparison.plans.iter();
    for plan in changed.filter(|plan| plan.verdict != Verdict::Unchanged) {
        stories.entry(story(plan)).or_default().push(plan);
    }
    let mut queues: BTreeMap<&str, QueueView<'_>> = BTreeMap::new();
    for change in &comparison.changes {
        let queue = queues.entry(&change.queue);
        queue
            .or_insert_with(|| QueueView::named(&change.queue))
            .changes = Some(change);
    }
    for ((name, ..), plans) in stories {
        let queue = queues.entry(name).or_insert_with(|| QueueView::named(name));
        queue.entries.extend(Entry::of(&plans, several_servers));
    }
    let mut queues: Vec<QueueView<'_>> = queues.into_values().collect();
    for queue in &mut queues {
        queue.entries.sort_by_key(Entry::rank);
    }
    queues.sort_by_key(|queue| queue.entries.first().map_or(LAST, Entry::rank));
    queues
}

impl QueueView<'_> {
    fn named(name: &str) -> Self {
        QueueView {
            name: inert(name),
            changes: None,
            entries: Vec::new(),
        }
    }
}

/// What sorts entries: verdict, whether it is a plan PostgreSQL does not choose, the greatest factor first.
type Rank = (Verdict, bool, u64);

const LAST: Rank = (Verdict::Unchanged, true, u64::MAX);

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
    fn of(plans: &[&'a ComparedPlan], several_servers: bool) -> Option<Entry<'a>> {
        // The first of those that changed equally much.
        let worst = *plans
            .iter()
            .rev()
            .max_by(|one, other| extent(one).total_cmp(&extent(other)))?;
        let others: Vec<&ComparedPlan> = plans
            .iter()
            .copied()
            .filter(|plan| !std::ptr::eq(*plan, worst))
            .collect();
        Some(Entry {
            verdict: worst.verdict,
            statement: inert(&worst.statement),
            worst,
            place: place(worst, several_servers),
            plans: plans.len(),
            others: places(&others, several_servers),
            figures: figures(worst),
            reasons: reasons(worst, &others, several_servers),
            came: findings(worst, &others, |plan| &plan.findings_came),
            went: findings(worst, &others, |plan| match plan.second {
                Some(_) => &plan.findings_went,
                // It has not got better by not being measured.
                None => &[],
            }),
        })
    }

    fn rank(&self) -> Rank {
        let chosen = |figures: &crate::run::comparison::Figures| figures.auto_plan;
        let auto = self.worst.second.as_ref().and_then(chosen);
        let is_never_chosen =
            self.worst.plan_mode == PlanMode::Generic && auto == Some(PlanMode::Custom);
        // Of positive numbers the bits are in the same order.
        let extent = extent(self.worst).max(0.0).to_bits();
        (self.verdict, is_never_chosen, u64::MAX - extent)
    }
}

/// The reasons of the worst plan, then what differs in the shapes of others.
fn reasons(
    worst: &ComparedPlan,
    others: &[&ComparedPlan],
    several_servers: bool,
) -> Vec<ReasonLine> {
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut lines = Vec::new();
    for reason in &worst.reasons {
        if known.insert(without_figures(&reason.message)) {
            lines.push(ReasonLine::of(reason, inert(&reason.message)));
        }
    }
    for plan in others {
        let shapes = plan
            .reasons
            .iter()
            .filter(|reason| reason.what == Cause::Shape);
        for reason in shapes {
            if known.insert(without_figures(&reason.message)) {
                let place = place(plan, several_servers);
                lines.push(ReasonLine::of(
                    reason,
                    format!("{place}: {}", inert(&reason.message)),
                ));
            }
        }
    }
    lines
}

impl Entry<'_> {
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

    /// Whether it says no more than the figures beside it.
    pub(super) fn is_figure(&self) -> bool {
        let is_count = matches!(
            self.what,
            Cause::PagesPerRow
                | Cause::WalPerRow
                | Cause::OutputPagesPerRow
                | Cause::RowsRemovedPerRow
                | Cause::Time
        );
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
