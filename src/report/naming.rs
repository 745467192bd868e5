//! How a report calls what was measured, and which of a queue's plans a result has.

use std::collections::{BTreeMap, BTreeSet};

use super::text::inert;
use crate::run::Run;
use crate::run::plan_result::PlanResult;

/// How results are called (by the operation, or by the statement where a queue has several for the operation), and their plans.
pub(super) struct Naming<'a> {
    /// The plans of each queue, by what a reader sees of them, in the order they occur.
    plans: BTreeMap<&'a str, Vec<&'a str>>,
    statements: BTreeMap<(&'a str, &'a str), Vec<&'a str>>,
    /// The variants of each statement, by server version, queue, fixture and statement.
    variants: BTreeMap<[&'a str; 4], BTreeSet<&'a str>>,
    /// Whether the run has results of several server versions.
    pub(super) several_servers: bool,
}

impl<'a> Naming<'a> {
    /// Knows the names of a run.
    pub(super) fn of(run: &'a Run) -> Self {
        let mut statements: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        let mut plans: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        let mut variants: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
        for result in &run.results {
            let queue = result.queue.as_str();
            position_or_push(
                statements
                    .entry((queue, result.operation.as_str()))
                    .or_default(),
                &result.statement,
            );
            position_or_push(plans.entry(queue).or_default(), &result.digest);
            variants
                .entry(statement(result))
                .or_default()
                .insert(&result.variant);
        }
        let several_servers = run
            .results
            .windows(2)
            .any(|pair| pair[0].postgres != pair[1].postgres);
        Naming {
            plans,
            statements,
            variants,
            several_servers,
        }
    }

    /// Which of its queue's plans a result has.
    pub(super) fn plan(&self, result: &PlanResult) -> usize {
        let known = self.plans.get(result.queue.as_str());
        known
            .and_then(|plans| plans.iter().position(|plan| *plan == result.digest))
            .unwrap_or(0)
    }

    /// How many variants of a result's statement were measured on its fixture.
    pub(super) fn variants(&self, result: &PlanResult) -> usize {
        self.variants
            .get(&statement(result))
            .map_or(0, BTreeSet::len)
    }

    /// The operation or the statement.
    pub(super) fn subject(&self, result: &PlanResult) -> String {
        let several = self
            .statements
            .get(&(result.queue.as_str(), result.operation.as_str()))
            .is_some_and(|all| all.len() > 1);
        inert(if several {
            &result.statement
        } else {
            &result.operation
        })
    }

    /// [`Naming::subject`] and variant.
    pub(super) fn name(&self, result: &PlanResult) -> String {
        format!("{} {}", self.subject(result), inert(&result.variant))
    }
}

fn statement(result: &PlanResult) -> [&str; 4] {
    [
        &result.postgres,
        &result.queue,
        &result.fixture,
        &result.statement,
    ]
}

/// Where `value` is in `known`, at its end if it was not there before.
pub(super) fn position_or_push<T: PartialEq>(known: &mut Vec<T>, value: T) -> usize {
    known
        .iter()
        .position(|other| *other == value)
        .unwrap_or_else(|| {
            known.push(value);
            known.len() - 1
        })
}
