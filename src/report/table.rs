//! A run for people at a terminal: one table a fixture and queue, then what was found, what is missing and what it came to.

mod arrangement;
mod versions;

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use self::arrangement::{Arrangement, Column};
use super::Layout;
use super::findings::{FindingGroup, severity_name};
use super::nested;
use super::page::Page;
use super::palette::{Palette, Role};
use super::status;
use super::text::{inert, width};
use super::view::{FailureLine, Group, View};
use crate::run::Run;

/// Columns between a plan's letter and the plan.
const LETTER_MARGIN: usize = 2;

/// Columns before the text of a labelled line such as `help`.
const LABEL_WIDTH: usize = 10;

/// Only a line below the header: what belongs together is told by space.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// Prints the run as tables.
pub(super) fn render(run: &Run, layout: Layout<'_>) -> String {
    let view = View::of(run);
    let mut page = Page::of(layout);
    banner(&mut page, run);
    let arrangement = Arrangement::choose(&view, page.width);
    if let Some(comparison) = &view.versions {
        versions::versions(&mut page, comparison, view.units.wal);
    }
    let mut explained = false;
    for group in &view.groups {
        table(&mut page, &view, group, &arrangement);
        nested::table(&mut page, &group.nested, &mut explained);
    }
    legend(&mut page, &view, &arrangement);
    findings(&mut page, &view);
    sentences(&mut page, "Queues", &view.verdicts);
    without_result(&mut page, "Not measured", &view.failures);
    without_result(&mut page, "Left out", &view.skipped);
    without_result(&mut page, "Blocked", &view.blocked);
    sentences(&mut page, "Scans", &view.scans);
    sentences(&mut page, "Limitations", &view.limitations);
    closing(&mut page, run, layout);
    page.text()
}

fn banner(page: &mut Page, run: &Run) {
    let Some((word, explanation)) = status::banner(run.status) else {
        return;
    };
    page.hanging(0, Role::Critical, &format!("{word}: {explanation}"));
    for line in status::missing(run) {
        page.hanging(2, Role::Plain, &line);
    }
    page.blank();
}

fn table(page: &mut Page, view: &View, group: &Group, arrangement: &Arrangement) {
    titled(page, &group.fixture, &group.details);
    let mut table = Table::new();
    // Everything fits already: no width is asked of a terminal, no style left to its abilities.
    table
        .force_no_tty()
        .set_content_arrangement(ContentArrangement::Disabled)
        .load_style(STYLE);
    table.set_header(cells(page, arrangement, |column| {
        let marked = column.key().is_some_and(|key| !group.is_comparable(key));
        let lines = arrangement.header(column, view.units, marked);
        lines.into_iter().map(|line| (Role::Quiet, line)).collect()
    }));
    let mut above = None;
    for row in &group.rows {
        if let Some(heading) = arrangement.heading(above, row) {
            table.add_row(cells(page, arrangement, |column| match column {
                Column::Name => heading.clone(),
                _ => Vec::new(),
            }));
        }
        table.add_row(cells(page, arrangement, |column| {
            arrangement.lines(column, row)
        }));
        above = Some(row);
    }
    let last = arrangement.columns().count() - 1;
    for (position, column) in table.column_iter_mut().enumerate() {
        column.set_padding((
            0,
            if position == last {
                0
            } else {
                arrangement.gutter() as u16
            },
        ));
    }
    page.lines
        .extend(table.lines().map(|line| line.trim_end().to_owned()));
    page.blank();
    if !arrangement.plans_inline() {
        plans(page, &group.plans);
    }
}

/// The name of a fixture, and what else there is to say of what follows.
fn titled(page: &mut Page, fixture: &str, details: &str) {
    let title = format!("{fixture} — {details}");
    if width(&title) > page.width {
        page.hanging(0, Role::Title, &title);
        return;
    }
    let title = page.palette.paint(Role::Title, fixture)
        + &page.palette.paint(Role::Plain, &format!(" — {details}"));
    page.lines.push(title);
}

/// One cell a column.
fn cells(
    page: &Page,
    arrangement: &Arrangement,
    lines: impl Fn(Column) -> Vec<(Role, String)>,
) -> Vec<Cell> {
    arrangement
        .columns()
        .map(|(column, columns)| cell(page.palette, column, columns, lines(column)))
        .collect()
}

/// A cell as wide as its column, whatever else the column holds, so that all tables of a report share their columns.
fn cell(palette: Palette, column: Column, columns: usize, lines: Vec<(Role, String)>) -> Cell {
    let painted = lines.iter().map(|(role, line)| {
        let space = " ".repeat(columns.saturating_sub(width(line)));
        let line = palette.paint(*role, line);
        if column.is_number() {
            space + &line
        } else {
            line + &space
        }
    });
    Cell::new(painted.collect::<Vec<_>>().join("\n")).set_alignment(CellAlignment::Left)
}

fn plans(page: &mut Page, plans: &[(String, String)]) {
    let widest = plans
        .iter()
        .map(|(letter, _)| width(letter))
        .max()
        .unwrap_or(0);
    for (letter, digest) in plans {
        page.labelled(
            widest + LETTER_MARGIN,
            (Role::Title, letter),
            Role::Quiet,
            digest,
        );
    }
    page.blank();
}

fn legend(page: &mut Page, view: &View, arrangement: &Arrangement) {
    let mut marks = view.legend.clone();
    if !arrangement.rule_ids() && !view.findings.is_empty() {
        marks.push((
            "c, w, n",
            "number of critical findings, of warnings, of notes",
        ));
    }
    if marks.is_empty() {
        return;
    }
    for (mark, meaning) in &marks {
        page.labelled(LABEL_WIDTH, (Role::Quiet, mark), Role::Quiet, meaning);
    }
    page.blank();
}

fn findings(page: &mut Page, view: &View) {
    if view.findings.is_empty() {
        if !view.groups.is_empty() {
            page.hanging(0, Role::Plain, "no findings");
            page.blank();
        }
        return;
    }
    heading(page, "Findings");
    for finding in &view.findings {
        one_finding(page, finding);
    }
}

fn one_finding(page: &mut Page, finding: &FindingGroup) {
    let label = format!("{}  ", severity_name(finding.severity));
    let indent = width(&label);
    page.labelled(
        indent,
        (finding.severity.into(), &label),
        Role::Title,
        &format!("{}  {}", finding.rule, finding.queue),
    );
    page.hanging(2, Role::Plain, &finding.message);
    let node: Vec<String> = finding.node.iter().cloned().collect();
    let evidence: Vec<String> = Some(finding.evidence.clone())
        .filter(|text| !text.is_empty())
        .into_iter()
        .collect();
    for (label, lines) in [
        ("where", &finding.places),
        ("node", &node),
        ("evidence", &evidence),
        ("help", &finding.help),
    ] {
        for (position, line) in lines.iter().enumerate() {
            // What wraps stays under its own line's indentation, so that SQL keeps its look.
            let own = (line.len() - line.trim_start_matches(' ').len()).min(LABEL_WIDTH);
            // Each advice is one of its own.
            let is_labelled = position == 0 || (label == "help" && own == 0);
            let label = if is_labelled {
                format!("  {label}")
            } else {
                String::new()
            };
            page.labelled(
                2 + LABEL_WIDTH + own,
                (Role::Quiet, &label),
                Role::Plain,
                &line[own..],
            );
        }
    }
    page.blank();
}

fn without_result(page: &mut Page, title: &str, lines: &[FailureLine]) {
    if lines.is_empty() {
        return;
    }
    heading(page, title);
    for failure in lines {
        page.hanging(2, Role::Warning, &failure.place);
        page.hanging(4, Role::Plain, &failure.message);
    }
    page.blank();
}

fn sentences(page: &mut Page, title: &str, sentences: &[String]) {
    if sentences.is_empty() {
        return;
    }
    heading(page, title);
    for sentence in sentences {
        page.hanging(2, Role::Plain, sentence);
    }
    page.blank();
}

fn heading(page: &mut Page, text: &str) {
    page.hanging(0, Role::Title, text);
    page.blank();
}

fn closing(page: &mut Page, run: &Run, layout: Layout<'_>) {
    let summary = status::summary(run);
    match status::banner(run.status) {
        Some((word, _)) => page.hanging(0, Role::Critical, &format!("{word} · {summary}")),
        None => page.hanging(0, Role::Title, &summary),
    }
    page.hanging(0, Role::Quiet, &status::times(run));
    if let Some(folder) = layout.folder {
        page.hanging(0, Role::Plain, &inert(&folder.to_string_lossy()));
    }
}
