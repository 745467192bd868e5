//! What a run was asked to measure, and why it lacks a plan that it was asked for.

use std::collections::{BTreeMap, BTreeSet};

use glob::Pattern;

use super::Missing;
use super::entries::{Entry, Group, Key, Names, in_order};
use crate::plan::PlanMode;
use crate::run::baseline::{Baseline, BaselinePlan};
use crate::run::environment::version_numbers;
use crate::run::{Failure, RunStatus};

/// One of the two runs, its plans by what identifies them in both.
#[derive(Debug)]
pub(super) struct Asked<'b> {
    run: &'b Baseline,
    entries: BTreeMap<Key<'b>, Entry<'b>>,
    /// Groups with a plan or a failure.
    touched: BTreeSet<Group<'b>>,
    /// Servers, queues and fixtures that it was to use.
    servers: BTreeSet<usize>,
    queues: BTreeSet<&'b str>,
    fixtures: BTreeSet<&'b str>,
    /// Failures, what was left out and what was blocked, each with the server and the queue it belongs to, where it names one that is known.
    failures: Vec<(Option<usize>, Option<&'b str>, &'b Failure)>,
    /// Variants that were measured, by fixture.
    variants: BTreeSet<(&'b str, &'b str)>,
}

impl<'b> Asked<'b> {
    /// Of a run with its entries.
    pub(super) fn new(
        run: &'b Baseline,
        entries: BTreeMap<Key<'b>, Entry<'b>>,
        names: &Names<'b>,
    ) -> Asked<'b> {
        let without_plan = run.failures.iter().chain(&run.skipped).chain(&run.blocked);
        let failures = without_plan.map(|failure| {
            let queue = failure.queue.as_deref().map(|name| names.queue(name));
            (names.server(&failure.postgres), queue, failure)
        });
        let failures: Vec<_> = failures.collect();
        let failed = failures.iter().filter_map(|(server, queue, failure)| {
            Some(Group {
                server: (*server)?,
                queue: (*queue)?,
                fixture: failure.fixture.as_deref()?,
            })
        });
        let touched: BTreeSet<Group<'b>> =
            entries.keys().map(|key| key.group).chain(failed).collect();
        // Tables that stand have no record of a fixture.
        let used = touched.iter().map(|group| group.fixture);
        let variants = run.plans.iter();
        Asked {
            run,
            fixtures: run
                .fixtures
                .keys()
                .map(String::as_str)
                .chain(used)
                .collect(),
            touched,
            servers: names.numbers().collect(),
            queues: run.queues.keys().map(|name| names.queue(name)).collect(),
            variants: variants
                .map(|plan| (plan.fixture.as_str(), plan.variant.as_str()))
                .collect(),
            failures,
            entries,
        }
    }

    /// What identifies its plans, in the order they were measured.
    pub(super) fn keys(&self) -> Vec<Key<'b>> {
        in_order(self.entries.iter())
    }

    /// Its plans of one group, in the order they were measured.
    pub(super) fn of_group(&self, group: &Group<'b>) -> Vec<Key<'b>> {
        let first = Key {
            group: *group,
            statement: "",
            variant: "",
            mode: PlanMode::Custom,
        };
        let entries = self.entries.range(first..);
        in_order(entries.take_while(|(key, _)| key.group == *group))
    }

    /// A plan.
    pub(super) fn get(&self, key: &Key<'_>) -> Option<Entry<'b>> {
        self.entries.get(key).copied()
    }

    /// The plan that PostgreSQL settles on by itself, of the statement and variant of a plan.
    pub(super) fn settled(&self, key: &Key<'b>) -> Option<&'b BaselinePlan> {
        let mode = self.get(key)?.plan.auto_plan?;
        let chosen = Key { mode, ..*key };
        self.get(&chosen).map(|entry| entry.plan)
    }

    /// Why it lacks a plan that the `other` run has; none if it was not asked for it.
    pub(super) fn missing(
        &self,
        key: &Key<'b>,
        plan: &BaselinePlan,
        other: &Asked<'_>,
    ) -> Option<Missing<'b>> {
        if let Some(message) = self.failure(key, plan) {
            return Some(Missing::Failed(message));
        }
        let unfinished = self.run.status != RunStatus::Complete;
        let named = self.queues.contains(key.group.queue)
            && self.fixtures.contains(key.group.fixture)
            // A run that was stopped may not have come to all its servers.
            && (unfinished || self.servers.contains(&key.group.server));
        if !(named || self.touched.contains(&key.group)) || !self.selects(plan, other) {
            return None;
        }
        Some(if unfinished {
            Missing::Unfinished
        } else {
            Missing::Absent
        })
    }

    /// The message of the failure that is most about a plan.
    fn failure(&self, key: &Key<'b>, plan: &BaselinePlan) -> Option<&'b str> {
        let is_about = |named: Option<&String>, what: &str| named.is_none_or(|name| name == what);
        let about = self.failures.iter().filter(|(server, queue, failure)| {
            let right_server = match server {
                Some(server) => *server == key.group.server,
                None => may_be_server(&failure.postgres, &plan.postgres),
            };
            right_server
                && queue.is_none_or(|queue| queue == key.group.queue)
                && is_about(failure.fixture.as_ref(), key.group.fixture)
                && is_about(failure.statement.as_ref(), key.statement)
                && is_about(failure.variant.as_ref(), key.variant)
        });
        let exactness = |failure: &Failure| {
            let named = [
                &failure.queue,
                &failure.fixture,
                &failure.statement,
                &failure.variant,
            ];
            named.iter().filter(|name| name.is_some()).count()
        };
        let most = about.max_by_key(|(_, _, failure)| exactness(failure));
        most.map(|(_, _, failure)| failure.message.as_str())
    }

    /// Whether its selection takes a plan that the `other` run measured.
    fn selects(&self, plan: &BaselinePlan, other: &Asked<'_>) -> bool {
        let Some(selection) = &self.run.selection else {
            return true;
        };
        if !selection.operations.is_empty() && !selection.operations.contains(&plan.operation) {
            return false;
        }
        if !selection.variants.is_empty() {
            let mut patterns = selection.variants.iter();
            return patterns.any(|text| matches(text, &plan.variant));
        }
        // It measured what the fixture is about. That was no other variants than those the other run measured without a pattern;
        // of those measured by a pattern it is the ones that are here as well, of any statement.
        let others = other.run.selection.as_ref();
        others.is_none_or(|selection| selection.variants.is_empty())
            || self
                .variants
                .contains(&(plan.fixture.as_str(), plan.variant.as_str()))
    }
}

/// Whether a failure that names no known server is about the one of a plan: it names what was asked for, `18` or a directory.
fn may_be_server(failed: &str, postgres: &str) -> bool {
    let major = version_numbers(failed).0;
    major == 0 || major == version_numbers(postgres).0
}

/// A text that is no pattern matches itself.
fn matches(pattern: &str, variant: &str) -> bool {
    Pattern::new(pattern).map_or(pattern == variant, |pattern| pattern.matches(variant))
}
