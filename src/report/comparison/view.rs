//! A comparison prepared for people once: what became of a statement is one entry, worst first.
//!
//! Every text in a view that came with the runs is inert: safe on a terminal, one line.

use std::collections::BTreeMap;

use super::entry::{Entry, LAST};
use super::places::places;
use super::words::{self, Headline};
use crate::report::findings::without_figures;
use crate::report::text::inert;
use crate::run::comparison::{Cause, ComparedPlan, Comparison, QueueChange, Verdict};

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
    /// What differs and is worth nothing.
    pub(super) at_no_cost: Vec<AtNoCost<'a>>,
}

/// Plans of one statement that are unchanged, though something about them differs, in the same way.
pub(super) struct AtNoCost<'a> {
    /// Name of the statement.
    pub(super) statement: String,
    /// Where they are.
    pub(super) places: String,
    /// The first of them.
    pub(super) plan: &'a ComparedPlan,
    /// The plan before and after in one line each, where that is what differs.
    pub(super) digests: Option<[String; 2]>,
    /// What else differs.
    pub(super) words: Vec<String>,
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
            closing: words::closing(comparison),
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

fn queues(comparison: &Comparison, several_servers: bool) -> Vec<QueueView<'_>> {
    let mut queues: BTreeMap<&str, QueueView<'_>> = BTreeMap::new();
    for change in &comparison.changes {
        let queue = queues.entry(&change.queue);
        queue
            .or_insert_with(|| QueueView::named(&change.queue))
            .changes = Some(change);
    }
    let mut statements: BTreeMap<(&str, &str, Verdict), Vec<&ComparedPlan>> = BTreeMap::new();
    for plan in comparison.plans.iter().filter(|plan| plan.differs()) {
        let key = (plan.queue.as_str(), plan.statement.as_str(), plan.verdict);
        statements.entry(key).or_default().push(plan);
    }
    for ((name, _, verdict), plans) in statements {
        let queue = queues.entry(name).or_insert_with(|| QueueView::named(name));
        if verdict == Verdict::Unchanged {
            queue.at_no_cost.extend(at_no_cost(&plans, several_servers));
        } else {
            queue.entries.extend(Entry::of(&plans, several_servers));
        }
    }
    let mut queues: Vec<QueueView<'_>> = queues.into_values().collect();
    for queue in &mut queues {
        queue.entries.sort_by_key(Entry::rank);
    }
    queues.sort_by_key(|queue| queue.entries.first().map_or(LAST, Entry::rank));
    queues
}

/// Whether schema or data changed for all the runs tell: indexes are made by the same files, and named by themselves.
pub(super) fn tables_alone(changes: &QueueChange) -> bool {
    changes.tables && changes.indexes_gone.is_empty() && changes.indexes_new.is_empty()
}

impl QueueView<'_> {
    /// Whether any plan of it differs.
    pub(super) fn has_plans(&self) -> bool {
        !self.entries.is_empty() || !self.at_no_cost.is_empty()
    }

    fn named(name: &str) -> Self {
        QueueView {
            name: inert(name),
            changes: None,
            entries: Vec::new(),
            at_no_cost: Vec::new(),
        }
    }
}

/// The plans of a statement that differ in something that is worth nothing, those that differ in the same as one.
fn at_no_cost<'a>(plans: &[&'a ComparedPlan], several_servers: bool) -> Vec<AtNoCost<'a>> {
    let digests = |plan: &ComparedPlan| -> Option<[String; 2]> {
        let (first, second) = (plan.first.as_ref()?, plan.second.as_ref()?);
        let differs = plan.is_another_at_no_cost() && first.digest != second.digest;
        differs.then(|| [&first.digest, &second.digest].map(|digest| inert(digest)))
    };
    let words = |plan: &ComparedPlan| -> Vec<String> {
        let has_digests = digests(plan).is_some();
        let others = plan
            .reasons
            .iter()
            .filter(|reason| !(has_digests && reason.what == Cause::Shape));
        others.map(|reason| inert(&reason.message)).collect()
    };
    let mut groups: Vec<(Vec<String>, Vec<&ComparedPlan>)> = Vec::new();
    for plan in plans {
        let mut key: Vec<String> = digests(plan).into_iter().flatten().collect();
        key.extend(words(plan).iter().map(|words| without_figures(words)));
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(plan),
            None => groups.push((key, vec![plan])),
        }
    }
    let entries = groups.into_iter().filter_map(|(_, members)| {
        let plan = *members.first()?;
        Some(AtNoCost {
            statement: inert(&plan.statement),
            places: places(&members, several_servers),
            plan,
            digests: digests(plan),
            words: words(plan),
        })
    });
    entries.collect()
}
