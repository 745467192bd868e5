//! Deals out time, pages and WAL from the root down.

use super::measure::{Counters, Measures, from_counters};
use super::{PlanWork, Work};
use crate::plan::reference::References;
use crate::plan::tree::PlanTree;

/// Deals what each node was given to the nodes it called and keeps the rest as its own.
pub(super) fn deal(tree: &PlanTree<'_>, references: &References, measures: &Measures) -> PlanWork {
    let mut dealer = Dealer::new(tree, references, measures);
    for index in dealing_order(tree) {
        dealer.settle(index);
    }
    dealer.result
}

/// A node before the nodes it may call: inputs before InitPlans and CTEs, and of those the last first, since only later ones (and
/// the inputs) can refer to an earlier one.
fn dealing_order(tree: &PlanTree<'_>) -> Vec<usize> {
    let mut order = Vec::with_capacity(tree.len());
    let mut pending = vec![0];
    while let Some(index) = pending.pop() {
        order.push(index);
        let init_plans = |child: &usize| tree.node(*child).is_init_plan();
        pending.extend(tree.children(index).filter(init_plans));
        let inputs = pending.len();
        pending.extend(tree.children(index).filter(|child| !init_plans(child)));
        pending[inputs..].reverse();
    }
    order
}

/// Time and pages of each node without those of the inputs and SubPlans it called.
struct Net {
    time: Vec<f64>,
    pages: Vec<u64>,
}

impl Net {
    fn of(tree: &PlanTree<'_>, measures: &Measures) -> Self {
        let mut time = measures.time.clone();
        let mut pages: Vec<u64> = (0..tree.len()).map(|index| measures.pages(index)).collect();
        for position in tree.positions() {
            if let Some(parent) = position.parent.filter(|_| !position.node.is_init_plan()) {
                time[parent] = (time[parent] - measures.time[position.index]).max(0.0);
                pages[parent] = pages[parent].saturating_sub(measures.pages(position.index));
            }
        }
        Net { time, pages }
    }
}

struct Dealer<'a> {
    tree: &'a PlanTree<'a>,
    references: &'a References,
    measures: &'a Measures,
    /// Each node's figures without those of the nodes it called, before InitPlans and CTEs are dealt with.
    net: Net,
    /// What each node has been given so far.
    given_time: Vec<f64>,
    given_counters: Vec<Counters>,
    /// InitPlans by the node that ran them.
    init_plans: Vec<Vec<usize>>,
    /// Of each CTE: the share of its scans' time that is the CTE's, and what no scan has accounted for yet.
    cte_share: Vec<f64>,
    cte_time_left: Vec<f64>,
    cte_counters_left: Vec<Counters>,
    result: PlanWork,
}

impl<'a> Dealer<'a> {
    fn new(tree: &'a PlanTree<'a>, references: &'a References, measures: &'a Measures) -> Self {
        let size = tree.len();
        let mut dealer = Dealer {
            tree,
            references,
            measures,
            net: Net::of(tree, measures),
            given_time: vec![0.0; size],
            given_counters: vec![[0; 14]; size],
            init_plans: vec![Vec::new(); size],
            cte_share: vec![0.0; size],
            cte_time_left: measures.time.clone(),
            cte_counters_left: measures.counters.clone(),
            result: PlanWork {
                nodes: vec![Work::default(); size],
                ..PlanWork::default()
            },
        };
        dealer.given_time[0] = measures.time[0];
        dealer.given_counters[0] = measures.counters[0];
        dealer.assign_init_plans();
        dealer.share_ctes();
        dealer
    }

    /// Inputs and SubPlans: what is printed below a node and called by it.
    fn called(&self, index: usize) -> impl Iterator<Item = usize> + use<'_, 'a> {
        self.tree
            .children(index)
            .filter(|child| !self.tree.node(*child).is_init_plan())
    }

    /// An InitPlan goes to the first node that names it and has room for it: before 17 the `$1` of an InitPlan and that of the
    /// client look the same. If none is seen to name it, to whichever node of the owner's subtree has room, else to the owner.
    fn assign_init_plans(&mut self) {
        let init_plans = self
            .tree
            .positions()
            .iter()
            .filter(|position| position.node.is_init_plan());
        let mut spent: Vec<(f64, u64)> = Vec::new();
        for position in init_plans.filter(|position| position.node.computes_cte().is_none()) {
            let Some(owner) = position.parent else {
                continue;
            };
            spent.resize(self.tree.len(), (0.0, 0));
            let time = self.measures.time[position.index];
            let pages = from_counters(&self.measures.counters[position.index])
                .0
                .total();
            let slack = self.measures.rounding(self.tree, position.index);
            let has_room = |candidate: &usize| {
                let (spent_time, spent_pages) = spent[*candidate];
                let rounding = slack + 2.0 * self.measures.rounding(self.tree, *candidate);
                self.net.time[*candidate] - spent_time + rounding >= time
                    && self.net.pages[*candidate].saturating_sub(spent_pages) >= pages
            };
            let askers = self.references.askers(position.index);
            let asker = match askers.first() {
                Some(first) => {
                    let named = askers.iter().copied().find(has_room);
                    named
                        .or_else(|| self.pruner(askers).filter(has_room))
                        .unwrap_or(*first)
                }
                None => self.unnamed_asker(position.index, owner, has_room),
            };
            spent[asker].0 += time;
            spent[asker].1 += pages;
            self.init_plans[asker].push(position.index);
        }
    }

    /// The Append that chooses its partitions by an InitPlan as it begins, before any of the scans that name it runs.
    fn pruner(&self, askers: &[usize]) -> Option<usize> {
        let is_append = |index: &usize| {
            let kind = self.tree.node(*index).node_type.as_str();
            matches!(kind, "Append" | "Merge Append")
        };
        let mut above = askers.iter().flat_map(|asker| self.tree.ancestors(*asker));
        above.find(is_append)
    }

    fn unnamed_asker(
        &self,
        init_plan: usize,
        owner: usize,
        has_room: impl Fn(&usize) -> bool,
    ) -> usize {
        if self.tree.node(init_plan).loops() == 0 {
            return owner;
        }
        let others = self.tree.end(init_plan)..self.tree.end(owner);
        std::iter::once(owner)
            .chain(others)
            .find(has_room)
            .unwrap_or(owner)
    }

    /// A CTE's time is shared by its scans in proportion to theirs.
    fn share_ctes(&mut self) {
        for index in 0..self.tree.len() {
            let scans = self.references.askers(index);
            if self.tree.node(index).computes_cte().is_none() || scans.is_empty() {
                continue;
            }
            let scanned: f64 = scans.iter().map(|scan| self.net.time[*scan]).sum();
            let time = self.measures.time[index];
            self.cte_share[index] = if scanned > time { time / scanned } else { 1.0 };
        }
    }

    fn settle(&mut self, index: usize) {
        self.take_unread(index);
        let cte = self.references.scanned_cte(index);
        let called: Vec<usize> = self
            .called(index)
            .chain(self.init_plans[index].iter().copied())
            .collect();
        let (own_time, time_cut) = self.deal_time(index, &called, cte);
        let (own_counters, counters_cut) = self.deal_counters(index, &called, cte);
        let (buffers, wal) = from_counters(&own_counters);
        let clamped = self.result.nodes[index].clamped || time_cut || counters_cut;
        self.result.nodes[index] = Work {
            time_ms: own_time,
            cpu_ms: own_time * self.measures.processes[index],
            buffers,
            wal,
            clamped,
        };
    }

    /// What no scan accounted for: work after the root if the CTE writes, else something that does not add up.
    fn take_unread(&mut self, index: usize) {
        if self.tree.node(index).computes_cte().is_none() {
            return;
        }
        let rounding = self.measures.rounding(self.tree, index);
        let time = self.cte_time_left[index].max(0.0);
        let counters = self.cte_counters_left[index];
        let is_left = time > rounding || counters != [0; 14];
        if !self.tree.node(index).is_modify_table() {
            self.result.nodes[index].clamped |= is_left;
        } else if is_left {
            self.given_time[index] += time;
            add(&mut self.given_counters[index], &counters);
            let (buffers, wal) = from_counters(&counters);
            let part = Work {
                time_ms: time,
                cpu_ms: time,
                buffers,
                wal,
                clamped: false,
            };
            self.result.unread.push((index, part));
        }
    }

    /// Hands time to the nodes called and to the CTE scanned; returns what the node keeps and whether claims were cut.
    fn deal_time(&mut self, index: usize, called: &[usize], cte: Option<usize>) -> (f64, bool) {
        let cte_claim = cte.map_or(0.0, |cte| self.cte_share[cte] * self.net.time[index]);
        let claimed: f64 = called
            .iter()
            .map(|child| self.measures.time[*child])
            .sum::<f64>()
            + cte_claim;
        let given = self.given_time[index];
        let (factor, cut) = if claimed > given {
            (given / claimed, claimed > given * (1.0 + 1e-9))
        } else {
            (1.0, false)
        };
        for child in called {
            self.given_time[*child] += self.measures.time[*child] * factor;
        }
        if let Some(cte) = cte {
            self.given_time[cte] += cte_claim * factor;
            self.cte_time_left[cte] -= cte_claim;
        }
        ((given - claimed * factor).max(0.0), cut)
    }

    /// The same for counters. A CTE Scan touches no page of its own except temporary ones, so the CTE gets what is left of it.
    fn deal_counters(
        &mut self,
        index: usize,
        called: &[usize],
        cte: Option<usize>,
    ) -> (Counters, bool) {
        let mut rest = self.given_counters[index];
        let mut cut = false;
        for child in called {
            cut |= hand_over(
                &mut rest,
                &self.measures.counters[*child],
                &mut self.given_counters[*child],
            );
        }
        if let Some(cte) = cte {
            let mut taken = [0; 14];
            hand_over(&mut rest, &self.cte_counters_left[cte], &mut taken);
            for (left, taken) in self.cte_counters_left[cte].iter_mut().zip(&taken) {
                *left -= taken;
            }
            add(&mut self.given_counters[cte], &taken);
        }
        (rest, cut)
    }
}

/// Moves up to `claim` from `rest` to `target`; tells whether there was less than claimed.
fn hand_over(rest: &mut Counters, claim: &Counters, target: &mut Counters) -> bool {
    let mut cut = false;
    for ((rest, claim), target) in rest.iter_mut().zip(claim).zip(target) {
        let taken = (*rest).min(*claim);
        cut |= taken < *claim;
        *rest -= taken;
        *target += taken;
    }
    cut
}

fn add(sum: &mut Counters, more: &Counters) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum = sum.saturating_add(*more);
    }
}
