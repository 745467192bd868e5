//! Where findings were made, in as few words as say it all.

use std::collections::BTreeSet;

use super::super::naming::Naming;
use super::super::text::inert;
use super::{Hit, identity, severity_name};
use crate::finding::Severity;
use crate::run::plan_result::{PlanMode, PlanResult};

/// Fewer variants than this are listed, even if there are no others.
const LEAST_EVERY: usize = 3;

/// Which of several plans a message is about, for example `fetch batch-10`; with its fixture where there are several.
pub(super) fn example(result: &PlanResult, hits: &[Hit<'_>], naming: &Naming<'_>) -> String {
    let mode = match result.plan_mode {
        PlanMode::Custom => "",
        PlanMode::Generic => "generic plan of ",
    };
    let name = format!("{mode}{}", naming.name(result));
    let several = hits
        .iter()
        .any(|(other, _)| other.fixture != result.fixture || other.postgres != result.postgres);
    if several {
        format!("{name} on {}", fixture(result, naming))
    } else {
        name
    }
}

/// The worst findings of a group, in lines, then those that matter less.
pub(super) fn places(worst: &[Hit<'_>], rest: &[Hit<'_>], naming: &Naming<'_>) -> Vec<String> {
    let mut lines = by_variants(&plans(worst), naming);
    if let Some(line) = generic_twins(worst, rest) {
        lines.push(line);
        return lines;
    }
    for severity in [Severity::Warning, Severity::Note] {
        let hits: Vec<Hit<'_>> = rest
            .iter()
            .copied()
            .filter(|(_, finding)| finding.severity == severity)
            .collect();
        let lesser = by_variants(&plans(&hits), naming);
        lines.extend(
            lesser
                .into_iter()
                .map(|line| format!("{}: {line}", lead(&hits))),
        );
    }
    lines
}

fn plans<'a>(hits: &[Hit<'a>]) -> Vec<&'a PlanResult> {
    hits.iter().map(|(result, _)| *result).collect()
}

/// One line for generic plans that show what their custom plans show, and nothing else does.
fn generic_twins(worst: &[Hit<'_>], rest: &[Hit<'_>]) -> Option<String> {
    let identities = |hits: &[Hit<'_>]| -> BTreeSet<_> {
        hits.iter()
            .map(|(result, _)| identity(result))
            .map(|parts| parts.map(str::to_owned))
            .collect()
    };
    let (variants, twins) = (identities(worst), identities(rest));
    let severity = rest.first()?.1.severity;
    let is_uniform = rest.iter().all(|(result, finding)| {
        finding.severity == severity && result.plan_mode == PlanMode::Generic
    });
    if !is_uniform || !twins.is_subset(&variants) {
        return None;
    }
    let whose = match (twins.len(), variants.len()) {
        (_, 1) => "its generic plan".to_owned(),
        (some, all) if some == all => "their generic plans".to_owned(),
        (1, _) => "the generic plan of one of them".to_owned(),
        (some, _) => format!("the generic plans of {some} of them"),
    };
    Some(format!("{}: {whose}", lead(rest)))
}

/// What makes findings matter less than the worst of their group.
fn lead(hits: &[Hit<'_>]) -> String {
    let never_chosen = hits.iter().all(|(result, _)| {
        result.plan_mode == PlanMode::Generic && result.auto_plan == Some(PlanMode::Custom)
    });
    let severity = hits
        .first()
        .map_or("", |(_, finding)| severity_name(finding.severity));
    if never_chosen {
        format!("{severity}, as never chosen")
    } else {
        severity.to_owned()
    }
}

fn fixture(result: &PlanResult, naming: &Naming<'_>) -> String {
    let fixture = inert(&result.fixture);
    if naming.several_servers {
        format!("{fixture} (PostgreSQL {})", inert(&result.postgres))
    } else {
        fixture
    }
}

/// For each set of variants the fixtures that share it.
fn by_variants(results: &[&PlanResult], naming: &Naming<'_>) -> Vec<String> {
    let mut by_fixture: Vec<(String, Vec<&PlanResult>)> = Vec::new();
    for result in results {
        let fixture = fixture(result, naming);
        match by_fixture.iter_mut().find(|(name, _)| *name == fixture) {
            Some((_, results)) => results.push(result),
            None => by_fixture.push((fixture, vec![result])),
        }
    }
    let mut by_variants: Vec<(String, Vec<String>)> = Vec::new();
    for (fixture, results) in by_fixture {
        let variants = variants(&results, naming);
        match by_variants.iter_mut().find(|(known, _)| *known == variants) {
            Some((_, fixtures)) => fixtures.push(fixture),
            None => by_variants.push((variants, vec![fixture])),
        }
    }
    by_variants
        .into_iter()
        .map(|(variants, fixtures)| format!("{variants} on {}", fixtures.join(", ")))
        .collect()
}

/// The plans of a variant that a finding was made in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Modes {
    Custom,
    Generic,
    Both,
}

/// For example `both plans of fetch batch-10, batch-100; every variant of complete`.
fn variants(results: &[&PlanResult], naming: &Naming<'_>) -> String {
    let mut subjects: Vec<(Modes, &PlanResult, Vec<String>)> = Vec::new();
    for result in results {
        let (modes, variant) = (modes(result, results), inert(&result.variant));
        let known = subjects
            .iter_mut()
            .find(|(known, first, _)| *known == modes && first.statement == result.statement);
        match known {
            Some((.., variants)) if variants.contains(&variant) => (),
            Some((.., variants)) => variants.push(variant),
            None => subjects.push((modes, result, vec![variant])),
        }
    }
    let subjects = subjects
        .iter()
        .map(|(modes, first, variants)| subject(*modes, first, variants, naming));
    subjects.collect::<Vec<_>>().join("; ")
}

fn modes(result: &PlanResult, results: &[&PlanResult]) -> Modes {
    let has = |mode| {
        results
            .iter()
            .any(|other| other.plan_mode == mode && identity(other) == identity(result))
    };
    match (has(PlanMode::Custom), has(PlanMode::Generic)) {
        (true, true) => Modes::Both,
        (false, true) => Modes::Generic,
        _ => Modes::Custom,
    }
}

fn subject(modes: Modes, first: &PlanResult, variants: &[String], naming: &Naming<'_>) -> String {
    let is_every = variants.len() >= LEAST_EVERY && variants.len() == naming.variants(first);
    let plans = match modes {
        Modes::Custom => "",
        Modes::Generic if variants.len() > 1 && !is_every => "generic plans of ",
        Modes::Generic => "generic plan of ",
        Modes::Both => "both plans of ",
    };
    let subject = naming.subject(first);
    if is_every {
        format!("{plans}every variant of {subject}")
    } else {
        format!("{plans}{subject} {}", variants.join(", "))
    }
}
