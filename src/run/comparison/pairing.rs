//! Which plan of one run is which of the other.

mod asked;
mod entries;

use std::collections::{BTreeMap, BTreeSet};

use asked::Asked;
use entries::{Entry, Group, Key, Names, entries, place_of};

use super::{Renamed, Unpaired};
use crate::plan::PlanMode;
use crate::run::baseline::{Baseline, BaselinePlan};
use crate::run::environment::{Limitation, version_numbers};

/// Two runs, matched.
#[derive(Debug)]
pub(super) struct Pairing<'b> {
    /// Servers that are compared, by their place in either run.
    pub(super) servers: Vec<(usize, usize)>,
    /// Queues that are compared, by their names in either run.
    pub(super) queues: Vec<(&'b str, &'b str)>,
    /// Plans, in the order of the second run; those it does not have at the end of their group.
    pub(super) pairs: Vec<Pair<'b>>,
    /// What only one run was asked for.
    pub(super) unpaired: Vec<Unpaired>,
}

/// A plan in both runs, or in one that the other was asked for too.
#[derive(Debug)]
pub(super) struct Pair<'b> {
    /// The plan itself.
    pub(super) found: Found<'b>,
    /// Its mode; a custom plan may stand for the generic one.
    pub(super) mode: PlanMode,
    /// The queue, as the second run names it.
    pub(super) queue: &'b str,
    /// The plans that PostgreSQL settles on by itself, on either side.
    pub(super) settled: [Option<&'b BaselinePlan>; 2],
}

/// Where a plan was found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'b> {
    /// In both runs.
    Both(&'b BaselinePlan, &'b BaselinePlan),
    /// In the first run, and why not in the second.
    First(&'b BaselinePlan, Missing<'b>),
    /// In the second run, and why not in the first.
    Second(&'b BaselinePlan, Missing<'b>),
}

/// Why a run lacks a plan that it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing<'b> {
    /// There is no such plan.
    Absent,
    /// It could not be measured, or was left out: the message says why.
    Failed(&'b str),
    /// The run did not come to its end.
    Unfinished,
}

impl<'b> Pairing<'b> {
    /// Matches two runs.
    pub(super) fn of(first: &'b Baseline, second: &'b Baseline) -> Pairing<'b> {
        let servers = [first, second].map(server_names);
        let paired_servers = pair_servers(&servers[0], &servers[1]);
        let queues = pair_queues(first, second);
        let names = [
            Names::of_first(&servers, &paired_servers, &queues),
            Names::of_second(&servers[1]),
        ];
        let sides = [
            Asked::new(first, entries(first, &names[0]), &names[0]),
            Asked::new(second, entries(second, &names[1]), &names[1]),
        ];
        let mut pairing = Pairing {
            servers: paired_servers,
            queues,
            pairs: Vec::new(),
            unpaired: Vec::new(),
        };
        for group in groups(&sides) {
            pairing.pair_group(&group, &sides);
        }
        pairing
    }

    /// Queues whose names differ.
    pub(super) fn renamed(&self) -> Vec<Renamed> {
        let differing = self.queues.iter().filter(|(one, other)| one != other);
        let renamed = differing.map(|(first, second)| Renamed {
            first: (*first).to_owned(),
            second: (*second).to_owned(),
        });
        renamed.collect()
    }

    /// What either of the servers lacks on which a plan of the second run was measured, by that server's version.
    pub(super) fn limitations(
        &self,
        first: &'b Baseline,
        second: &'b Baseline,
    ) -> BTreeMap<(u32, u32), Vec<&'b Limitation>> {
        let mut limitations: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for &(one, other) in &self.servers {
            if let (Some(one), Some(other)) = (first.servers.get(one), second.servers.get(other)) {
                let both = one.limitations.iter().chain(&other.limitations);
                limitations
                    .entry(version_numbers(&other.server_version))
                    .or_default()
                    .extend(both);
            }
        }
        limitations
    }

    /// Why there is nothing to compare, and what to do; none where there is something.
    pub(super) fn nothing_in_common(&self, first: &Baseline, second: &Baseline) -> Option<String> {
        let tells = |pair: &Pair<'_>| {
            let absent = matches!(
                pair.found,
                Found::First(_, Missing::Absent) | Found::Second(_, Missing::Absent)
            );
            !absent
        };
        if self.pairs.iter().any(tells) {
            return None;
        }
        Some(format!(
            "the first has {}, the second {}; measure the same queue, fixture and variants",
            held(first),
            held(second)
        ))
    }

    fn pair_group(&mut self, group: &Group<'b>, sides: &[Asked<'b>; 2]) {
        let [first, second] = sides.each_ref().map(|side| side.of_group(group));
        let known: BTreeSet<&Key<'_>> = second.iter().collect();
        let gone = first.iter().filter(|key| !known.contains(key));
        let mut unpaired = [0, 0];
        for key in second.iter().chain(gone) {
            let places = sides.each_ref().map(|side| side.get(key));
            let found = match places {
                [Some(one), Some(other)] => Some(Found::Both(one.plan, other.plan)),
                [Some(one), None] => {
                    let missing = sides[1].missing(key, one.plan, &sides[0]);
                    missing.map(|missing| Found::First(one.plan, missing))
                }
                [None, Some(other)] => {
                    let missing = sides[0].missing(key, other.plan, &sides[1]);
                    missing.map(|missing| Found::Second(other.plan, missing))
                }
                [None, None] => None,
            };
            if !is_listed(key, &places, found.as_ref(), sides) {
                continue;
            }
            match found {
                Some(found) => self.pairs.push(Pair {
                    found,
                    mode: key.mode,
                    queue: key.group.queue,
                    settled: sides.each_ref().map(|side| side.settled(key)),
                }),
                None => unpaired[usize::from(places[0].is_none())] += 1,
            }
        }
        for (side, plans) in unpaired.into_iter().enumerate() {
            // Any plan of the group names the group as its run does.
            let any = [&first, &second][side].first().filter(|_| plans > 0);
            if let Some(entry) = any.and_then(|key| sides[side].get(key)) {
                self.unpaired
                    .push(unpaired_of(entry.plan, side == 0, plans));
            }
        }
    }
}

/// Whether a plan is one of its own. A custom plan that stands for the generic one is listed where the other side has a generic plan of
/// its own, or could make none.
fn is_listed(
    key: &Key<'_>,
    places: &[Option<Entry<'_>>; 2],
    found: Option<&Found<'_>>,
    sides: &[Asked<'_>; 2],
) -> bool {
    if places.iter().flatten().any(|entry| !entry.stands_in) {
        return true;
    }
    let custom = Key {
        mode: PlanMode::Custom,
        ..*key
    };
    let failed = match found {
        Some(Found::First(_, Missing::Failed(_))) => &sides[1],
        Some(Found::Second(_, Missing::Failed(_))) => &sides[0],
        _ => return false,
    };
    // Where the custom plan failed as well, its own row says it.
    failed.get(&custom).is_some()
}

fn unpaired_of(plan: &BaselinePlan, in_first: bool, plans: usize) -> Unpaired {
    Unpaired {
        in_first,
        postgres: plan.postgres.clone(),
        queue: plan.queue.clone(),
        fixture: plan.fixture.clone(),
        plans,
    }
}

/// The groups of both runs, in the order of the second; those only the first has at the end.
fn groups<'b>(sides: &[Asked<'b>; 2]) -> Vec<Group<'b>> {
    let mut known = BTreeSet::new();
    let keys = sides.iter().rev().flat_map(Asked::keys);
    keys.map(|key| key.group)
        .filter(|group| known.insert(*group))
        .collect()
}

/// What a run has, in words.
fn held(run: &Baseline) -> String {
    let distinct = |of: fn(&BaselinePlan) -> &str| -> Vec<&str> {
        let names: BTreeSet<&str> = run.plans.iter().map(of).collect();
        names.into_iter().collect()
    };
    let queues = distinct(|plan| &plan.queue);
    if queues.is_empty() {
        return "no plans".to_owned();
    }
    let operations = distinct(|plan| &plan.operation);
    let fixtures = distinct(|plan| &plan.fixture);
    let variants = distinct(|plan| &plan.variant);
    let listed = |names: &[&str]| {
        let named = &names[..names.len().min(NAMED)];
        let rest = names.len() - named.len();
        let more = if rest > 0 {
            format!(" and {rest} more")
        } else {
            String::new()
        };
        named.join(", ") + &more
    };
    format!(
        "{} of {} on {} ({})",
        listed(&operations),
        listed(&queues),
        listed(&fixtures),
        listed(&variants)
    )
}

/// So many names are listed; the rest is counted.
const NAMED: usize = 4;

/// The versions of a run's servers, then those that only its plans name.
fn server_names(run: &Baseline) -> Vec<&str> {
    let mut names: Vec<&str> = run
        .servers
        .iter()
        .map(|server| server.server_version.as_str())
        .collect();
    for plan in &run.plans {
        if place_of(&names, &plan.postgres).is_none() {
            names.push(&plan.postgres);
        }
    }
    names
}

/// Servers of equal version, then of equal major version, then the only ones.
fn pair_servers(first: &[&str], second: &[&str]) -> Vec<(usize, usize)> {
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    let rules: [fn(&str, &str) -> bool; 3] = [
        |one, other| one == other,
        |one, other| version_numbers(one) == version_numbers(other),
        |one, other| version_numbers(one).0 == version_numbers(other).0,
    ];
    for equal in rules {
        for (at, one) in first.iter().enumerate() {
            let is_free = |(place, other): &(usize, &&str)| {
                equal(one, other) && pairs.iter().all(|pair| pair.1 != *place)
            };
            if pairs.iter().all(|pair| pair.0 != at)
                && let Some((place, _)) = second.iter().enumerate().find(is_free)
            {
                pairs.push((at, place));
            }
        }
    }
    if pairs.is_empty() && first.len() == 1 && second.len() == 1 {
        pairs.push((0, 0));
    }
    pairs.sort_unstable();
    pairs
}

/// Queues of equal name; and the only one of either run that is left, where it has the other's statements.
fn pair_queues<'b>(first: &'b Baseline, second: &'b Baseline) -> Vec<(&'b str, &'b str)> {
    let names = [first, second].map(queue_names);
    let mut pairs: Vec<(&str, &str)> = names[0]
        .intersection(&names[1])
        .map(|name| (*name, *name))
        .collect();
    let left = |one: usize, other: usize| names[one].difference(&names[other]).copied();
    let (mut gone, mut new) = (left(0, 1), left(1, 0));
    if let (Some(one), None, Some(other), None) = (gone.next(), gone.next(), new.next(), new.next())
        && !statements(first, one).is_disjoint(&statements(second, other))
    {
        pairs.push((one, other));
    }
    pairs
}

fn queue_names(run: &Baseline) -> BTreeSet<&str> {
    let named = run.plans.iter().map(|plan| plan.queue.as_str());
    run.queues.keys().map(String::as_str).chain(named).collect()
}

/// Statements and variants of a queue.
fn statements<'b>(run: &'b Baseline, queue: &str) -> BTreeSet<(&'b str, &'b str)> {
    let plans = run.plans.iter().filter(|plan| plan.queue == queue);
    plans
        .map(|plan| (plan.statement.as_str(), plan.variant.as_str()))
        .collect()
}
