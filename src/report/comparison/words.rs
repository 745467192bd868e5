//! What a comparison came to, in sentences.

use std::collections::BTreeMap;

use crate::report::naming::position_or_push;
use crate::report::palette::Role;
use crate::report::text::inert;
use crate::run::comparison::{Comparison, Side, Verdict, VerdictCounts};
use crate::units::{Count, counted};

/// More statements than this are counted in a headline, not named.
const NAMED: usize = 3;

/// What a comparison came to, in a sentence.
pub(super) struct Headline {
    /// In a word or two.
    pub(super) verdict: &'static str,
    /// The rest of the sentence.
    pub(super) text: String,
    /// What it is worth in colour.
    pub(super) role: Role,
}

/// The verdict on all plans.
pub(super) fn headline(comparison: &Comparison) -> Headline {
    let counts = &comparison.verdicts;
    let all = total(counts);
    let plans = counted(all, "plan");
    let (verdict, text, role) = if all == 0 {
        (
            "nothing compared",
            "no plan is in both runs".to_owned(),
            Role::Warning,
        )
    } else if counts.regressed > 0 {
        let number = Count(counts.regressed as u64);
        let where_ = statements(comparison, Verdict::Regressed);
        (
            "regressed",
            format!("{number} of {plans} ({where_})"),
            Role::Critical,
        )
    } else if counts.inconclusive > 0 {
        let number = Count(counts.inconclusive as u64);
        let where_ = statements(comparison, Verdict::Inconclusive);
        let text = format!("{number} of {plans} could not be judged ({where_})");
        ("inconclusive", text, Role::Warning)
    } else if counts.unchanged == all {
        let plans = if all == 1 {
            plans
        } else {
            format!("all {plans}")
        };
        ("unchanged", plans, Role::Note)
    } else if counts.improved > 0 {
        let number = Count(counts.improved as u64);
        let where_ = statements(comparison, Verdict::Improved);
        (
            "improved",
            format!("{number} of {plans} ({where_})"),
            Role::Note,
        )
    } else {
        ("nothing regressed", plans, Role::Note)
    };
    let rest = rest(counts, verdict);
    let mut text = if rest.is_empty() {
        text
    } else {
        format!("{text}; {rest}")
    };
    text += &unchanged_but_different(comparison);
    Headline {
        verdict,
        text,
        role,
    }
}

/// The counts that the headline's own words do not say.
fn rest(counts: &VerdictCounts, said: &str) -> String {
    let others: Vec<String> = named(counts)
        .into_iter()
        .filter(|(number, name)| *number > 0 && *name != said)
        .map(|(number, name)| format!("{} {name}", Count(number as u64)))
        .collect();
    others.join(", ")
}

/// For example `fetch and complete of status-partial`.
fn statements(comparison: &Comparison, verdict: Verdict) -> String {
    let mut statements: Vec<String> = Vec::new();
    let mut queues: Vec<String> = Vec::new();
    let concerned = comparison
        .plans
        .iter()
        .filter(|plan| plan.verdict == verdict);
    for plan in concerned {
        position_or_push(&mut statements, inert(&plan.statement));
        position_or_push(&mut queues, inert(&plan.queue));
    }
    format!(
        "{} of {}",
        some_of(&statements, "statement"),
        some_of(&queues, "queue")
    )
}

fn some_of(names: &[String], noun: &str) -> String {
    if names.len() > NAMED {
        return counted(names.len(), noun);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    crate::finding::wording::listed(&names)
}

/// Of the unchanged plans those in which something differs: `, 2 of them with another plan`.
pub(super) fn unchanged_but_different(comparison: &Comparison) -> String {
    let plans = || comparison.plans.iter();
    let others = plans().filter(|plan| plan.is_another_at_no_cost()).count();
    let differing = plans()
        .filter(|plan| plan.verdict == Verdict::Unchanged && plan.differs())
        .count();
    let mut text = String::new();
    if others > 0 {
        text += &format!(", {} of them with another plan", Count(others as u64));
    }
    let rest = differing.saturating_sub(others);
    if rest > 0 {
        text += &format!(", {} of them with something to note", Count(rest as u64));
    }
    text
}

/// How many plans have each verdict, in a line.
pub(super) fn closing(comparison: &Comparison) -> String {
    let counts = &comparison.verdicts;
    let parts: Vec<String> = named(counts)
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, name)| format!("{} {name}", Count(number as u64)))
        .collect();
    format!(
        "{}: {}{}",
        counted(total(counts), "plan"),
        parts.join(", "),
        unchanged_but_different(comparison)
    )
}

fn total(counts: &VerdictCounts) -> usize {
    named(counts).iter().map(|(number, _)| number).sum()
}

fn named(counts: &VerdictCounts) -> [(usize, &'static str); 6] {
    [
        (counts.regressed, "regressed"),
        (counts.inconclusive, "inconclusive"),
        (counts.improved, "improved"),
        (counts.appeared, "appeared"),
        (counts.vanished, "vanished"),
        (counts.unchanged, "unchanged"),
    ]
}

/// A verdict's name.
pub(super) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Regressed => "regressed",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Improved => "improved",
        Verdict::Appeared => "appeared",
        Verdict::Vanished => "vanished",
        Verdict::Unchanged => "unchanged",
    }
}

/// What a verdict is worth in colour.
pub(super) fn verdict_role(verdict: Verdict) -> Role {
    match verdict {
        Verdict::Regressed => Role::Critical,
        Verdict::Inconclusive => Role::Warning,
        Verdict::Improved => Role::Note,
        Verdict::Appeared | Verdict::Vanished | Verdict::Unchanged => Role::Plain,
    }
}

/// A run as it was named, with its servers.
pub(super) fn side(side: &Side) -> String {
    let mut text = inert(&side.name);
    // A path may end in the id already.
    if !side.name.contains(&side.run_id) {
        text = format!("{text} (run {})", inert(&side.run_id));
    }
    if !side.servers.is_empty() {
        let servers: Vec<String> = side.servers.iter().map(|one| inert(one)).collect();
        text = format!("{text} on PostgreSQL {}", servers.join(", "));
    }
    text
}

/// What else the runs differ in, which was allowed.
pub(super) fn unlike(comparison: &Comparison) -> Vec<String> {
    let unlike = comparison.unlike.iter().map(|unlike| {
        let [what, first, second] =
            [&unlike.what, &unlike.first, &unlike.second].map(|one| inert(one));
        format!("{what}: {first} → {second}")
    });
    unlike.collect()
}

/// What was not compared, and what has another name: kind and sentence.
pub(super) fn remarks(comparison: &Comparison) -> Vec<(&'static str, String)> {
    let mut remarks = Vec::new();
    for renamed in &comparison.renamed {
        let (first, second) = (inert(&renamed.first), inert(&renamed.second));
        remarks.push((
            "renamed",
            format!("queue {first} is {second} in the second run"),
        ));
    }
    let mut groups: BTreeMap<(bool, &str), (usize, Vec<String>)> = BTreeMap::new();
    for one in &comparison.unpaired {
        let (plans, fixtures) = groups.entry((one.in_first, &one.queue)).or_default();
        *plans += one.plans;
        position_or_push(fixtures, inert(&one.fixture));
    }
    for ((in_first, queue), (plans, fixtures)) in groups {
        let run = if in_first { "first" } else { "second" };
        let plans = counted(plans, "plan");
        let (queue, fixtures) = (inert(queue), fixtures.join(", "));
        remarks.push((
            "not compared",
            format!("{plans} of {queue} on {fixtures}: asked of the {run} run only"),
        ));
    }
    for failure in &comparison.not_measured {
        let place = [
            &failure.queue,
            &failure.fixture,
            &failure.statement,
            &failure.variant,
        ];
        let place: Vec<String> = place
            .into_iter()
            .flatten()
            .map(|part| inert(part))
            .collect();
        let message = inert(&failure.message);
        remarks.push(("not measured", format!("{}: {message}", place.join(" "))));
    }
    remarks
}
