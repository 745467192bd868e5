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

/// For each set of variants the fixtures that share it: `batch-1, batch-100, generic plan of batch-1 on heavy-single-queue, future-rows`.
pub(super) fn places(plans: &[&ComparedPlan], several_servers: bool) -> String {
    let mut grounds: Vec<String> = Vec::new();
    let mut variants: Vec<[Vec<String>; 2]> = Vec::new();
    for plan in plans {
        let position = position_or_push(&mut grounds, ground(plan, several_servers));
        variants.resize_with(grounds.len(), Default::default);
        let mode = usize::from(plan.plan_mode == PlanMode::Generic);
        position_or_push(&mut variants[position][mode], inert(&plan.variant));
    }
    let mut sets: Vec<([Vec<String>; 2], Vec<String>)> = Vec::new();
    for (ground, variants) in grounds.into_iter().zip(variants) {
        match sets.iter_mut().find(|(known, _)| *known == variants) {
            Some((_, grounds)) => grounds.push(ground),
            None => sets.push((variants, vec![ground])),
        }
    }
    let texts = sets.into_iter().map(|([custom, generic], grounds)| {
        let mut parts = Vec::new();
        if !custom.is_empty() {
            parts.push(some_of(&custom));
        }
        match generic.as_slice() {
            [] => {}
            [only] => parts.push(format!("generic plan of {only}")),
            several if several == custom => parts.push("generic plans of the same".to_owned()),
            several => parts.push(format!("generic plans of {}", some_of(several))),
        }
        format!("{} on {}", parts.join(", "), grounds.join(", "))
    });
    texts.collect::<Vec<_>>().join("; ")
}

fn some_of(variants: &[String]) -> String {
    let rest = variants.len().saturating_sub(LISTED_VARIANTS);
    let listed = variants[..variants.len() - rest].join(", ");
    match rest {
        0 => listed,
        _ => format!("{listed}, {rest} more"),
    }
}
