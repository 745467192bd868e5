//! Where compared plans are, in as few words as say it all.

use crate::report::naming::position_or_push;
use crate::report::text::inert;
use crate::run::comparison::ComparedPlan;
use crate::run::plan_result::PlanMode;

/// More variants than this are counted, not listed.
const LISTED_VARIANTS: usize = 8;

/// For example `batch-10 on heavy-single-queue`, `generic plan of batch-10 on future-rows (PostgreSQL 15.18)`.
pub(super) fn place(plan: &ComparedPlan, several_servers: bool) -> String {
    format!("{} on {}", variant(plan), ground(plan, several_servers))
}

fn variant(plan: &ComparedPlan) -> String {
    match plan.plan_mode {
        PlanMode::Custom => inert(&plan.variant),
        PlanMode::Generic => format!("generic plan of {}", inert(&plan.variant)),
    }
}

fn ground(plan: &ComparedPlan, several_servers: bool) -> String {
    let fixture = inert(&plan.fixture);
    if several_servers {
        format!("{fixture} (PostgreSQL {})", inert(&plan.postgres))
    } else {
        fixture
    }
}

/// For each set of variants the fixtures that share it: `batch-1, batch-100 on heavy-single-queue, future-rows`.
pub(super) fn places(plans: &[&ComparedPlan], several_servers: bool) -> String {
    let mut grounds: Vec<String> = Vec::new();
    let mut variants: Vec<Vec<String>> = Vec::new();
    for plan in plans {
        let position = position_or_push(&mut grounds, ground(plan, several_servers));
        variants.resize_with(grounds.len(), Vec::new);
        position_or_push(&mut variants[position], variant(plan));
    }
    let mut sets: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for (ground, variants) in grounds.into_iter().zip(variants) {
        match sets.iter_mut().find(|(known, _)| *known == variants) {
            Some((_, grounds)) => grounds.push(ground),
            None => sets.push((variants, vec![ground])),
        }
    }
    let texts = sets.into_iter().map(|(mut variants, grounds)| {
        if variants.len() > LISTED_VARIANTS {
            let rest = variants.len() - LISTED_VARIANTS;
            variants.truncate(LISTED_VARIANTS);
            variants.push(format!("{rest} more"));
        }
        format!("{} on {}", variants.join(", "), grounds.join(", "))
    });
    texts.collect::<Vec<_>>().join("; ")
}
