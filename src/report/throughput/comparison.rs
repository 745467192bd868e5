//! Two runs of drains side by side, for people at a terminal, for a comment on a pull request, and as data.

use super::facts::{bytes, in_processes, known};
use super::grid::Grid;
use super::grids::milliseconds;
use super::view::failure;
use crate::report::Layout;
use crate::report::markdown::text::escaped;
use crate::report::page::Page;
use crate::report::palette::Role;
use crate::report::text::inert;
use crate::run::comparison::drains::{
    ComparedDrain, ComparedFigure, DrainComparison, FigureSpread,
};
use crate::run::comparison::{Effect, Side, Verdict};
use crate::units::{Count, Growth, Significant, counted};

/// It as data.
pub(super) fn json(comparison: &DrainComparison) -> String {
    let text = serde_json::to_string_pretty(comparison)
        .expect("a comparison is made of structs and string keys: it always serialises");
    text + "\n"
}

/// It for people at a terminal.
pub(super) fn table(comparison: &DrainComparison, layout: Layout<'_>) -> String {
    let mut page = Page::of(layout);
    let (role, headline) = headline(comparison);
    page.hanging(0, role, &headline);
    for (label, side) in sides(comparison) {
        page.labelled(10, (Role::Quiet, &format!("  {label}")), Role::Plain, &side);
    }
    for line in unlike(comparison) {
        page.labelled(10, (Role::Quiet, "  unequal"), Role::Warning, &line);
    }
    page.blank();
    for drain in &comparison.drains {
        let (role, verdict) = verdict(drain.verdict);
        let label = format!("{verdict}  ");
        page.labelled(label.len(), (role, &label), Role::Title, &place(drain));
        for reason in &drain.reasons {
            page.hanging(2, effect_role(reason.effect), &inert(&reason.message));
        }
        let figures = figures(drain);
        if !figures.is_empty() {
            page.blank();
            figures.print(&mut page);
        }
        page.blank();
    }
    for line in remarks(comparison) {
        page.hanging(0, Role::Quiet, &line);
    }
    page.text()
}

/// It for a comment on a pull request.
pub(super) fn markdown(comparison: &DrainComparison) -> String {
    let (_, headline) = headline(comparison);
    let mut text = format!("## Throughput compared\n\n**{}**\n\n", escaped(&headline));
    for (label, side) in sides(comparison) {
        text += &format!("- {label}: {}\n", escaped(&side));
    }
    for line in unlike(comparison) {
        text += &format!("- unequal: {}\n", escaped(&line));
    }
    for drain in &comparison.drains {
        let (_, verdict) = verdict(drain.verdict);
        text += &format!("\n### {verdict}: {}\n\n", escaped(&place(drain)));
        for reason in &drain.reasons {
            text += &format!("- {}\n", escaped(&inert(&reason.message)));
        }
        let figures = figures(drain);
        if !figures.is_empty() {
            text += &format!("\n{}", figures.markdown());
        }
    }
    for line in remarks(comparison) {
        text += &format!("\n{}\n", escaped(&line));
    }
    text
}

/// The sentence that a comparison begins with.
fn headline(comparison: &DrainComparison) -> (Role, String) {
    let verdicts = &comparison.verdicts;
    let all = counted(comparison.drains.len(), "drain");
    let (role, word, count) = if verdicts.regressed > 0 {
        (Role::Critical, "regressed", verdicts.regressed)
    } else if verdicts.inconclusive > 0 {
        (Role::Warning, "inconclusive", verdicts.inconclusive)
    } else if !comparison.not_measured.is_empty() {
        let failures = Count(comparison.not_measured.len() as u64);
        let text = format!("inconclusive: {all} compared, and {failures} not measured");
        return (Role::Warning, text);
    } else if verdicts.improved > 0 {
        (Role::Good, "improved", verdicts.improved)
    } else {
        return (Role::Good, format!("unchanged: {all}"));
    };
    (role, format!("{word}: {} of {all}", Count(count as u64)))
}

fn sides(comparison: &DrainComparison) -> [(&'static str, String); 2] {
    let told = |side: &Side| {
        let servers = side.servers.join(", ");
        inert(&format!(
            "{}: {}, PostgreSQL {servers}",
            side.name, side.run_id
        ))
    };
    [
        ("first", told(&comparison.first)),
        ("second", told(&comparison.second)),
    ]
}

fn unlike(comparison: &DrainComparison) -> impl Iterator<Item = String> {
    let unlike = comparison.unlike.iter();
    unlike.map(|one| inert(&format!("{}: {} → {}", one.what, one.first, one.second)))
}

fn verdict(verdict: Verdict) -> (Role, &'static str) {
    match verdict {
        Verdict::Regressed => (Role::Critical, "regressed"),
        Verdict::Inconclusive => (Role::Warning, "inconclusive"),
        Verdict::Improved => (Role::Good, "improved"),
        Verdict::Appeared => (Role::Plain, "appeared"),
        Verdict::Vanished => (Role::Plain, "vanished"),
        Verdict::Unchanged => (Role::Quiet, "unchanged"),
    }
}

fn effect_role(effect: Effect) -> Role {
    match effect {
        Effect::Worse => Role::Critical,
        Effect::Unknown => Role::Warning,
        Effect::Better => Role::Good,
        Effect::Neutral => Role::Plain,
    }
}

fn place(drain: &ComparedDrain) -> String {
    inert(&format!(
        "{} on {} ({}: {}{}, batches of {}, task {}, PostgreSQL {}; {} and {})",
        drain.queue,
        drain.fixture,
        drain.scenario,
        counted(drain.workers as usize, "worker"),
        in_processes(drain.processes),
        Count(drain.batch_size),
        drain.task.name,
        drain.postgres,
        Count(drain.first_repeats),
        counted(drain.second_repeats as usize, "repeat")
    ))
}

/// The figures of both sides, and what the difference is worth.
fn figures(drain: &ComparedDrain) -> Grid {
    let mut grid = Grid::new(&["median (range)"], &["first", "second", "change"]);
    grid.add_column("verdict", false);
    for figure in &drain.figures {
        let growth = figure
            .first
            .zip(figure.second)
            .map(|(first, second)| Growth {
                before: first.median,
                after: second.median,
            });
        let change = match growth {
            Some(growth) if growth.before == growth.after => "none".to_owned(),
            growth => known(growth),
        };
        let (role, word) = match (figure.effect, &figure.not_judged) {
            (Effect::Worse, _) => (Role::Critical, "worse".to_owned()),
            (Effect::Better, _) => (Role::Good, "better".to_owned()),
            (_, Some(why)) => (Role::Quiet, format!("not judged: {}", inert(why))),
            _ => (Role::Plain, "no change that counts".to_owned()),
        };
        grid.add_painted(vec![
            (Role::Plain, inert(&figure.name)),
            (Role::Plain, spread(figure, figure.first)),
            (Role::Plain, spread(figure, figure.second)),
            (Role::Plain, change),
            (role, word),
        ]);
    }
    grid
}

fn spread(figure: &ComparedFigure, spread: Option<FigureSpread>) -> String {
    let shown = |value: f64| {
        if figure.figure.ends_with("bytes") {
            bytes(value)
        } else if figure.figure.starts_with("latency") {
            milliseconds(Some(value))
        } else {
            Significant(value).to_string()
        }
    };
    known(spread.map(|spread| {
        let middle = shown(spread.median);
        if spread.n < 2 {
            return middle;
        }
        format!("{middle} ({}–{})", shown(spread.least), shown(spread.most))
    }))
}

/// What was not compared.
fn remarks(comparison: &DrainComparison) -> Vec<String> {
    let unpaired = comparison.unpaired.iter().map(|one| {
        let side = if one.in_first { "first" } else { "second" };
        inert(&format!(
            "only in the {side}: {} on {} ({}: {}, batches of {})",
            one.queue,
            one.fixture,
            one.scenario,
            counted(one.workers as usize, "worker"),
            Count(one.batch_size)
        ))
    });
    let failed = comparison
        .not_measured
        .iter()
        .map(|one| format!("not measured in the second: {}", failure(one)));
    unpaired.chain(failed).collect()
}
