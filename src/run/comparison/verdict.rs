//! What a plan that both runs have came to.

use std::collections::BTreeMap;

use super::brief;
use super::counts::Count;
use super::finding_change::FindingChanges;
use super::pairing::{Found, Missing, Pair};
use super::plan_words::{self, ScanOrder};
use super::queue_change::{QueueChanges, QueueFacts};
use super::{Cause, ComparedPlan, Effect, Figures, Reason, Tolerances, Verdict};
use crate::finding::Severity;
use crate::finding::wording::listed;
use crate::plan::{NodeChange, PlanMode, difference};
use crate::run::baseline::{BaselineFinding, BaselinePlan};
use crate::run::environment::{Limitation, version_numbers};
use crate::run::plan_result::GenericShape;
use crate::units::{Count as Grouped, Rows};

/// Judges the plans of two runs.
pub(super) struct Judge<'c> {
    /// What the servers lack, by the version of the second run's.
    pub(super) limitations: BTreeMap<(u32, u32), Vec<&'c Limitation>>,
    /// What changed in the queues.
    pub(super) changes: &'c QueueChanges,
    /// How much a count may grow.
    pub(super) tolerances: Tolerances,
}

impl Judge<'_> {
    /// A plan with what counts say about it; its times and its verdict are still to come.
    pub(super) fn plan(&self, pair: &Pair<'_>) -> ComparedPlan {
        match pair.found {
            Found::Both(first, second) => self.both(pair, first, second),
            Found::First(first, missing) => {
                let mut plan = named(pair, first);
                plan.first = Some(Figures::of(first));
                plan.findings_went = first.findings.clone();
                plan.reasons.extend(missing_reason(missing, "second"));
                plan
            }
            Found::Second(second, missing) => {
                let mut plan = named(pair, second);
                plan.second = Some(Figures::of(second));
                plan.findings_came = second.findings.clone();
                plan.reasons.extend(missing_reason(missing, "first"));
                plan
            }
        }
    }

    /// Adds the reason in few words to a plan that has its verdict.
    pub(super) fn say_why(&self, plan: &mut ComparedPlan, pair: &Pair<'_>) {
        let none = QueueFacts::default();
        let both = match pair.found {
            Found::Both(first, second) => Some((first, second)),
            Found::First(..) | Found::Second(..) => None,
        };
        let queue = self.changes.of_queue(pair.queue).unwrap_or(&none);
        plan.why = brief::why(plan, both, queue);
    }

    fn both(&self, pair: &Pair<'_>, first: &BaselinePlan, second: &BaselinePlan) -> ComparedPlan {
        let none = QueueFacts::default();
        let limitations = self.limitations.get(&version_numbers(&second.postgres));
        let at_hand = !first.plan.is_empty() && !second.plan.is_empty();
        let nodes = if at_hand && first.plan != second.plan {
            difference(&first.plan, &second.plan)
        } else {
            Vec::new()
        };
        let case = Case {
            first,
            second,
            nodes: &nodes,
            queue: self.changes.of_queue(pair.queue).unwrap_or(&none),
            limitations: limitations.map_or(&[], Vec::as_slice),
            tolerances: self.tolerances,
        };
        let mut reasons = Vec::new();
        reasons.extend(case.rows());
        let order = case.order();
        // That a scan turned round is another shape, which says nothing that its order does not.
        let is_said = |reason: &Reason| order.is_some() && reason.effect == Effect::Neutral;
        reasons.extend(case.shape().filter(|reason| !is_said(reason)));
        reasons.extend(order);
        reasons.extend(Count::ALL.iter().filter_map(|count| case.count(*count)));
        reasons.extend(case.auto_plan(pair));
        let findings = FindingChanges::of(
            &judged_findings(first, pair.mode),
            &judged_findings(second, pair.mode),
        );
        let counts_alike = reasons
            .iter()
            .all(|reason| reason.effect == Effect::Neutral);
        reasons.extend(findings.reasons.into_iter().map(|mut reason| {
            if counts_alike && reason.effect == Effect::Worse {
                reason.message +=
                    "; the counts, of a single session, are the same and cannot show it";
            }
            reason
        }));
        let mut plan = named(pair, second);
        let figures = [first, second].map(Figures::of);
        if figures[0].count_otherwise(&figures[1]) || !reasons.is_empty() {
            plan.nodes = nodes;
        }
        plan.reasons = reasons;
        plan.findings_came = findings.came;
        plan.findings_went = findings.went;
        [plan.first, plan.second] = figures.map(Some);
        plan
    }
}

/// A plan without anything said about it.
fn named(pair: &Pair<'_>, plan: &BaselinePlan) -> ComparedPlan {
    ComparedPlan {
        postgres: plan.postgres.clone(),
        queue: pair.queue.to_owned(),
        fixture: plan.fixture.clone(),
        operation: plan.operation.clone(),
        statement: plan.statement.clone(),
        variant: plan.variant.clone(),
        plan_mode: pair.mode,
        verdict: Verdict::Unchanged,
        why: String::new(),
        reasons: Vec::new(),
        first: None,
        second: None,
        nodes: Vec::new(),
        findings_came: Vec::new(),
        findings_went: Vec::new(),
        times: None,
    }
}

/// Why it cannot be told what became of a plan; none where it has just appeared or vanished.
fn missing_reason(missing: Missing<'_>, side: &str) -> Option<Reason> {
    let message = match missing {
        Missing::Absent => return None,
        Missing::Failed(message) => format!("not measured in the {side} run: {message}"),
        Missing::Unfinished => {
            format!("not measured in the {side} run, which did not come to its end")
        }
    };
    Some(Reason {
        what: Cause::Failure,
        effect: Effect::Unknown,
        message,
    })
}

/// The findings of a plan. Those of a custom plan that stands for a generic one which PostgreSQL never chooses are notes there, as those
/// of such a generic plan are.
fn judged_findings(plan: &BaselinePlan, mode: PlanMode) -> Vec<BaselineFinding> {
    let never_chosen = mode == PlanMode::Generic && plan.auto_plan == Some(PlanMode::Custom);
    let mut findings = plan.findings.clone();
    if never_chosen && plan.plan_mode == PlanMode::Custom {
        for finding in &mut findings {
            finding.severity = Severity::Note;
        }
    }
    findings
}

/// A plan of both runs.
struct Case<'c> {
    first: &'c BaselinePlan,
    second: &'c BaselinePlan,
    nodes: &'c [NodeChange],
    queue: &'c QueueFacts,
    limitations: &'c [&'c Limitation],
    tolerances: Tolerances,
}

impl Case<'_> {
    fn rows(&self) -> Option<Reason> {
        let [before, after] = [self.first.rows, self.second.rows];
        if before == after {
            return None;
        }
        let root = self.second.plan.first();
        let does = match root {
            Some(root) if root.rows == after && after > 0 => "returns",
            Some(root) if root.writes() => "writes",
            _ => "returns",
        };
        Some(self.reason(
            Cause::Rows,
            Effect::Worse,
            &["rows"],
            format!("{does} {} instead of {}", Rows(after), Grouped(before)),
        ))
    }

    /// A plan of another shape: worse if it touches more pages, however few.
    fn shape(&self) -> Option<Reason> {
        if self.first.shape == self.second.shape {
            return None;
        }
        let figure = Count::Pages.figure(self.first, self.second);
        let (effect, more) = match &figure {
            Some(figure) if figure.after > figure.before => (Effect::Worse, "more "),
            Some(figure) if figure.after < figure.before => (Effect::Better, "fewer "),
            Some(_) => (Effect::Neutral, "the same "),
            None => (Effect::Neutral, "another number of "),
        };
        let pages = figure.map_or("rows".to_owned(), |figure| {
            // Beyond the tolerance the pages are a reason of their own, which has the figures.
            let beyond = figure.effect(self.tolerances.pages_per_row).is_some();
            if beyond || effect == Effect::Neutral {
                figure.name.to_owned()
            } else {
                format!("{}, {}", figure.name, figure.change())
            }
        });
        let mut words =
            plan_words::changes(&self.first.plan, &self.second.plan, &self.queue.indexes);
        if effect == Effect::Worse {
            words.extend(plan_words::most_pages(self.nodes));
        }
        let because = if words.is_empty() {
            String::new()
        } else {
            format!(": {}", words.join("; "))
        };
        let keys = ["shape", "buffers.total", "pages_per_row"];
        Some(self.reason(
            Cause::Shape,
            effect,
            &keys,
            format!("another plan, with {more}{pages}{because}"),
        ))
    }

    /// Another order of service, in a fetch.
    fn order(&self) -> Option<Reason> {
        if self.second.operation != "fetch" {
            return None;
        }
        let indexes = &self.queue.indexes;
        let order = plan_words::reversed(&self.first.plan, &self.second.plan, indexes)?;
        let how = match order {
            ScanOrder::Scan { index, backward } => {
                let direction = if backward { "backward" } else { "forward" };
                format!("{index} is scanned {direction} now")
            }
            ScanOrder::Sort { before, after } => {
                format!("rows are sorted by {after} now, not by {before}")
            }
        };
        Some(self.reason(
            Cause::Order,
            Effect::Worse,
            &["shape"],
            format!("the order of service is reversed: {how}"),
        ))
    }

    fn count(&self, count: Count) -> Option<Reason> {
        let figure = count.figure(self.first, self.second)?;
        let tolerance = count.tolerance(self.tolerances);
        let mut effect = figure.effect(tolerance)?;
        let mut message = format!("{} {}", figure.name, figure.change());
        if effect == Effect::Worse {
            message += &self.why(count);
        }
        // A plan that throws away more rows and touches fewer pages is no worse: pages are what rows thrown away cost.
        let cheaper = || {
            let pages = Count::Pages.figure(self.first, self.second);
            let effect = pages.and_then(|pages| pages.effect(self.tolerances.pages_per_row));
            effect == Some(Effect::Better)
        };
        if count == Count::RowsRemoved && effect == Effect::Worse && cheaper() {
            effect = Effect::Neutral;
            message += ", while fewer pages are touched";
        }
        Some(self.reason(count.cause(), effect, count.result_keys(), message))
    }

    /// Where a count of a plan of the same shape comes from.
    fn why(&self, count: Count) -> String {
        if self.first.shape != self.second.shape {
            // The reason about the shape says it.
            return String::new();
        }
        let new: Vec<&str> = self.queue.indexes.new.iter().map(String::as_str).collect();
        let writes = self.second.wal.bytes > self.first.wal.bytes;
        if matches!(count, Count::Pages | Count::Wal) && writes && !new.is_empty() {
            return plan_words::written_to(&new);
        }
        let given = self.given_other_jobs();
        let own = match count {
            Count::Pages => {
                let most = plan_words::most_pages(self.nodes);
                most.map_or(String::new(), |most| format!(": {most}"))
            }
            Count::OutputPages => ": values stored out of line are read to be sent".to_owned(),
            Count::RowsRemoved => {
                let most = plan_words::most_rows_removed(self.nodes);
                most.map_or(String::new(), |most| format!(": {most}"))
            }
            Count::Wal => String::new(),
        };
        own + &given
    }

    /// That a statement is the same and works on what a fetch claims that is not.
    fn given_other_jobs(&self) -> String {
        let second = self.second;
        let fetches = self
            .queue
            .changed_before(&second.operation, &second.statement);
        if fetches.is_empty() {
            return String::new();
        }
        format!(
            "; its own SQL has not changed, but that of {} has, which claims the jobs it is given",
            listed(&fetches)
        )
    }

    /// PostgreSQL settles on the other plan: worse if that costs more.
    fn auto_plan(&self, pair: &Pair<'_>) -> Option<Reason> {
        let [before, after] = [self.first.auto_plan?, self.second.auto_plan?];
        // One plan in either mode: which of them it is called by costs nothing.
        let is_one = |plan: &BaselinePlan| plan.generic_shape == GenericShape::Same;
        let is_one = is_one(self.first) && is_one(self.second);
        // The custom plan's row says it.
        if before == after || is_one || pair.mode != PlanMode::Custom {
            return None;
        }
        let costs = match pair.settled {
            [Some(one), Some(other)] => Count::Pages.figure(one, other),
            _ => None,
        };
        let effect = costs
            .as_ref()
            .and_then(|figure| figure.effect(self.tolerances.pages_per_row));
        let costs = costs.map_or(String::new(), |figure| {
            format!(": {} {}", figure.name, figure.change())
        });
        Some(self.reason(
            Cause::AutoPlan,
            effect.unwrap_or(Effect::Neutral),
            &["auto_plan", "buffers.total", "pages_per_row"],
            format!(
                "PostgreSQL settles on the {} plan now, not on the {} one{costs}",
                after.name(),
                before.name()
            ),
        ))
    }

    /// A reason, unless one of the servers has no comparable value for what it rests on.
    fn reason(&self, what: Cause, effect: Effect, keys: &[&str], message: String) -> Reason {
        let mut limitations = self.limitations.iter();
        let limitation = limitations
            .find(|limitation| keys.iter().any(|key| limitation.covers(key)))
            .filter(|_| effect != Effect::Neutral);
        match limitation {
            Some(limitation) => Reason {
                what,
                effect: Effect::Unknown,
                message: format!(
                    "{message}, which cannot be compared without {}",
                    limitation.capability
                ),
            },
            None => Reason {
                what,
                effect,
                message,
            },
        }
    }
}

impl Figures {
    fn of(plan: &BaselinePlan) -> Figures {
        Figures {
            shape: plan.shape.clone(),
            digest: plan.digest.clone(),
            rows: plan.rows,
            rows_removed: plan.rows_removed,
            pages: plan.pages,
            wal: plan.wal,
            output: plan.output,
            auto_plan: plan.auto_plan,
        }
    }

    /// Whether shape or counts differ.
    fn count_otherwise(&self, other: &Figures) -> bool {
        self.shape != other.shape
            || self.rows != other.rows
            || self.rows_removed != other.rows_removed
            || self.pages != other.pages
            || self.wal != other.wal
    }
}

impl ComparedPlan {
    /// Puts the reasons in order and gives the verdict they amount to.
    pub(super) fn settle(&mut self) {
        self.reasons
            .sort_by_key(|reason| (reason.effect, reason.what));
        self.say_if_never_chosen();
        // The worst effect comes first.
        self.verdict = match self.reasons.first().map(|reason| reason.effect) {
            Some(Effect::Worse) => Verdict::Regressed,
            Some(Effect::Unknown) => Verdict::Inconclusive,
            _ if self.first.is_none() => Verdict::Appeared,
            _ if self.second.is_none() => Verdict::Vanished,
            Some(Effect::Better) => Verdict::Improved,
            Some(Effect::Neutral) | None => Verdict::Unchanged,
        };
    }

    fn say_if_never_chosen(&mut self) {
        let settles = self.second.as_ref().and_then(|figures| figures.auto_plan);
        let never_chosen = self.plan_mode == PlanMode::Generic && settles == Some(PlanMode::Custom);
        if let Some(reason) = self.reasons.first_mut().filter(|_| never_chosen) {
            reason.message += " (PostgreSQL does not choose this generic plan by itself here)";
        }
    }
}
