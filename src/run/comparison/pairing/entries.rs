//! The plans of one run by what identifies them in both.

use std::collections::BTreeMap;

use crate::plan::PlanMode;
use crate::run::baseline::{Baseline, BaselinePlan};
use crate::run::environment::version_numbers;
use crate::run::plan_result::GenericShape;

/// Server, queue and fixture, in terms of the second run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group<'b> {
    /// The server's number.
    pub(super) server: usize,
    /// The queue's name in the second run, or in the first where only that has it.
    pub(super) queue: &'b str,
    /// The fixture.
    pub(super) fixture: &'b str,
}

/// What identifies a plan in both runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key<'b> {
    /// Where it was measured.
    pub(super) group: Group<'b>,
    /// Statement.
    pub(super) statement: &'b str,
    /// Variant.
    pub(super) variant: &'b str,
    /// Mode.
    pub(super) mode: PlanMode,
}

/// A plan of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'b> {
    /// The plan.
    pub(super) plan: &'b BaselinePlan,
    /// Whether it is a custom plan that stands for the generic one, which has the same shape and was not executed.
    pub(super) stands_in: bool,
    /// Its place in the run.
    place: (usize, bool),
}

/// How names of one run translate to those of the second.
#[derive(Debug)]
pub(super) struct Names<'b> {
    /// Versions of the run's servers, each with its number.
    servers: Vec<(&'b str, usize)>,
    /// Queues that have another name.
    queues: BTreeMap<&'b str, &'b str>,
}

impl<'b> Names<'b> {
    /// Of the second run: nothing to translate.
    pub(super) fn of_second(servers: &[&'b str]) -> Names<'b> {
        let numbered = servers.iter().enumerate();
        Names {
            servers: numbered.map(|(at, name)| (*name, at)).collect(),
            queues: BTreeMap::new(),
        }
    }

    /// Of the first run. A server without a partner gets a number that the second run does not use.
    pub(super) fn of_first(
        servers: &[Vec<&'b str>; 2],
        pairs: &[(usize, usize)],
        queues: &[(&'b str, &'b str)],
    ) -> Names<'b> {
        let number = |at: usize| {
            let pair = pairs.iter().find(|pair| pair.0 == at);
            pair.map_or(servers[1].len() + at, |pair| pair.1)
        };
        let numbered = servers[0].iter().enumerate();
        Names {
            servers: numbered.map(|(at, name)| (*name, number(at))).collect(),
            queues: queues.iter().copied().collect(),
        }
    }

    /// The number of the server that a plan names; none of a server that the run does not know.
    pub(super) fn server(&self, postgres: &str) -> Option<usize> {
        let names: Vec<&str> = self.servers.iter().map(|(name, _)| *name).collect();
        place_of(&names, postgres).map(|at| self.servers[at].1)
    }

    /// The numbers of the run's servers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> {
        self.servers.iter().map(|(_, number)| *number)
    }

    /// The queue's name in the second run.
    pub(super) fn queue(&self, name: &'b str) -> &'b str {
        self.queues.get(name).copied().unwrap_or(name)
    }
}

/// Which of these servers a plan names, by its version's text or else its numbers.
pub(super) fn place_of(servers: &[&str], postgres: &str) -> Option<usize> {
    let equal = servers.iter().position(|name| *name == postgres);
    let numbers = version_numbers(postgres);
    equal.or_else(|| {
        servers
            .iter()
            .position(|name| version_numbers(name) == numbers)
    })
}

/// The plans of a run. A custom plan stands for the generic one too where the two have the same shape.
pub(super) fn entries<'b>(run: &'b Baseline, names: &Names<'b>) -> BTreeMap<Key<'b>, Entry<'b>> {
    let mut entries = BTreeMap::new();
    for stands_in in [false, true] {
        for (at, plan) in run.plans.iter().enumerate() {
            let both =
                plan.plan_mode == PlanMode::Custom && plan.generic_shape == GenericShape::Same;
            let Some(server) = names.server(&plan.postgres).filter(|_| both || !stands_in) else {
                continue;
            };
            let key = Key {
                group: Group {
                    server,
                    queue: names.queue(&plan.queue),
                    fixture: &plan.fixture,
                },
                statement: &plan.statement,
                variant: &plan.variant,
                mode: if stands_in {
                    PlanMode::Generic
                } else {
                    plan.plan_mode
                },
            };
            entries.entry(key).or_insert(Entry {
                plan,
                stands_in,
                place: (at, stands_in),
            });
        }
    }
    entries
}

/// What identifies entries, in the order in which the run measured them.
pub(super) fn in_order<'e, 'b: 'e>(
    entries: impl Iterator<Item = (&'e Key<'b>, &'e Entry<'b>)>,
) -> Vec<Key<'b>> {
    let mut listed: Vec<_> = entries.collect();
    listed.sort_by_key(|(_, entry)| entry.place);
    listed.into_iter().map(|(key, _)| *key).collect()
}
