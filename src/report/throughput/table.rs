//! A run of drains for people at a terminal.

use super::troubles::TROUBLES;
use super::view::{DrainView, View};
use crate::report::page::Page;
use crate::report::palette::Role;
use crate::report::text::inert;
use crate::report::{Layout, status};
use crate::run::throughput::ThroughputRun;

/// Columns before the text of a labelled line.
const LABEL_WIDTH: usize = 14;

/// Prints the run.
pub(super) fn render(run: &ThroughputRun, layout: Layout<'_>) -> String {
    let view = View::of(run);
    let mut page = Page::of(layout);
    if let Some((word, explanation)) = status::banner(run.status) {
        page.hanging(0, Role::Critical, &format!("{word}: {explanation}"));
        page.blank();
    }
    if let Some(overview) = &view.overview {
        overview.print(&mut page);
        page.blank();
    }
    for scaling in &view.scaling {
        page.hanging(0, Role::Title, &scaling.title);
        scaling.cells.print(&mut page);
        page.blank();
        for fit in &scaling.fits {
            page.hanging(2, Role::Quiet, fit);
        }
        for sentence in &scaling.recommendation {
            page.hanging(2, Role::Title, sentence);
        }
        page.blank();
    }
    for drain in &view.drains {
        one_drain(&mut page, drain);
    }
    if !view.left_out.is_empty() {
        page.hanging(0, Role::Quiet, &view.left_out);
        page.blank();
    }
    list(&mut page, TROUBLES, Role::Critical, &view.troubles);
    list(
        &mut page,
        "Thresholds that do not hold",
        Role::Critical,
        &view.broken_thresholds,
    );
    list(&mut page, "Not measured", Role::Warning, &view.failures);
    list(&mut page, "Limitations", Role::Plain, &view.limitations);
    match status::banner(run.status) {
        Some((word, _)) => page.hanging(0, Role::Critical, &format!("{word} · {}", view.summary)),
        None => page.hanging(0, Role::Title, &view.summary),
    }
    page.hanging(0, Role::Quiet, &view.times);
    if let Some(folder) = layout.folder {
        page.hanging(0, Role::Plain, &inert(&folder.to_string_lossy()));
    }
    page.text()
}

fn one_drain(page: &mut Page, drain: &DrainView) {
    page.hanging(0, Role::Title, &drain.title);
    page.hanging(0, Role::Quiet, &drain.details);
    page.hanging(0, Role::Title, &drain.headline);
    for warning in &drain.warnings {
        page.hanging(2, Role::Warning, warning);
    }
    page.blank();
    for fact in &drain.facts {
        let label = format!("  {}", fact.label);
        page.labelled(LABEL_WIDTH, (Role::Quiet, &label), fact.role, &fact.text);
    }
    page.blank();
    for grid in &drain.grids {
        grid.print(page);
        page.blank();
    }
    list(page, "Incidents", Role::Warning, &drain.incidents);
    list(page, "Notes", Role::Plain, &drain.notes);
}

fn list(page: &mut Page, title: &str, role: Role, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    page.hanging(0, Role::Title, title);
    for line in lines {
        page.hanging(2, role, line);
    }
    page.blank();
}
