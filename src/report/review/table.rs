//! A review for people at a terminal.

use super::order::{LONGEST_TEXT, View, clipped, one_line, place};
use super::statements::{self, Story};
use super::summary;
use super::tree::Tree;
use crate::finding::Finding;
use crate::plan::work;
use crate::report::Layout;
use crate::report::findings::evidence;
use crate::report::page::Page;
use crate::report::palette::Role;
use crate::report::text::{elide, inert, inert_lines, width, wrap};
use crate::run::review::ReviewedPlan;
use crate::units::{Bytes, Count, Milliseconds, Pages, Rows};

/// Lines that a statement takes at most.
const STATEMENT_LINES: usize = 2;

/// Columns before the text of a labelled line such as `help`.
const LABEL_WIDTH: usize = 10;

/// What stands before what belongs to something.
const INDENT: usize = 2;

/// Prints the review.
pub(super) fn render(view: &View<'_>, layout: Layout<'_>) -> String {
    let mut page = Page::of(layout);
    statements(&mut page, view);
    if view.ranked.len() > 1 {
        page.hanging(0, Role::Title, "Plans, worst first");
        page.blank();
        let (grid, more) = summary::grid(view, page.width);
        let lines = grid.lines(page.width, page.palette);
        page.lines.extend(lines);
        if more > 0 {
            let more = format!("and {} more", Count(more as u64));
            page.hanging(0, Role::Quiet, &more);
        }
        page.blank();
    }
    let mut left_out: Vec<&str> = Vec::new();
    for (number, plan) in view.shown() {
        for column in one_plan(&mut page, number, plan, view.ranked.len() > 1) {
            if !left_out.contains(&column) {
                left_out.push(column);
            }
        }
    }
    if view.shown().next().is_some() {
        legend(&mut page, &left_out);
    }
    if let Some(left_out) = view.left_out() {
        page.hanging(0, Role::Plain, &left_out);
    }
    page.hanging(0, Role::Title, &view.summary());
    page.text()
}

fn statements(page: &mut Page, view: &View<'_>) {
    if view.review.statements.is_empty() {
        return;
    }
    page.hanging(0, Role::Title, "Statements");
    page.blank();
    let (grid, more) = statements::grid(view);
    let lines = grid.lines(page.width, page.palette);
    page.lines.extend(lines);
    if more > 0 {
        let more = format!("and {} more", Count(more as u64));
        page.hanging(0, Role::Quiet, &more);
    }
    page.blank();
    for story in statements::stories(view) {
        one_story(page, &story);
    }
}

fn one_story(page: &mut Page, story: &Story) {
    page.hanging(0, Role::Title, &story.title);
    statement(page, &story.statement);
    for (letter, text) in &story.shapes {
        page.labelled(
            INDENT + 3,
            (Role::Title, &format!("  {letter}")),
            Role::Plain,
            text,
        );
    }
    for (at, line) in story.flips.iter().enumerate() {
        let label = if at == 0 { "  flips" } else { "" };
        page.labelled(
            INDENT + LABEL_WIDTH,
            (Role::Warning, label),
            Role::Plain,
            line,
        );
    }
    page.blank();
}

/// A statement in one line or two; what does not fit is cut.
fn statement(page: &mut Page, line: &str) {
    let columns = page.width - INDENT;
    let mut lines = wrap(line, columns);
    if lines.len() > STATEMENT_LINES {
        lines.truncate(STATEMENT_LINES);
        if let Some(last) = lines.last_mut() {
            *last = elide(&format!("{last} …"), columns);
        }
    }
    for line in lines {
        page.hanging(INDENT, Role::Quiet, &line);
    }
}

/// Prints one plan; returns the columns there was no room for.
fn one_plan(
    page: &mut Page,
    number: usize,
    plan: &ReviewedPlan,
    is_one_of_many: bool,
) -> Vec<&'static str> {
    let place = place(&plan.source);
    let title = if is_one_of_many {
        format!("{number}  {place}")
    } else {
        place
    };
    page.hanging(0, Role::Title, &title);
    if let Some(text) = &plan.statement {
        statement(page, &one_line(text));
    }
    for line in headlines(plan) {
        page.hanging(INDENT, Role::Plain, &line);
    }
    page.blank();
    let drawn = Tree::of(plan, page.width).draw(page.width, page.palette);
    page.lines.extend(drawn.lines);
    page.blank();
    for (at, finding) in plan.findings.iter().enumerate() {
        one_finding(page, at + 1, finding);
    }
    if plan.findings.is_empty() {
        page.hanging(0, Role::Good, "no findings");
    }
    for note in &plan.notes {
        let note = inert(&clipped(note, LONGEST_TEXT));
        page.labelled(LABEL_WIDTH, (Role::Quiet, "not told"), Role::Quiet, &note);
    }
    if page.lines.last().is_some_and(|line| !line.is_empty()) {
        page.blank();
    }
    drawn.left_out
}

/// What the statement cost in all, and what of it is in no node.
pub(super) fn headlines(plan: &ReviewedPlan) -> Vec<String> {
    let work = work(&plan.plan);
    let mut figures: Vec<String> = Vec::new();
    figures.extend(plan.execution_ms.map(|time| Milliseconds(time).to_string()));
    figures.extend(
        plan.planning_ms
            .map(|time| format!("planning {}", Milliseconds(time))),
    );
    if let Some(buffers) = plan.buffers {
        let after = work.after_root.buffers.total();
        let after = if after > 0 {
            format!(" ({} of them after the root's last row)", Count(after))
        } else {
            String::new()
        };
        figures.push(format!("{}{after}", Pages(buffers.total)));
        if buffers.read > 0 {
            figures.push(format!("{} read", Count(buffers.read)));
        }
        if buffers.temp > 0 {
            figures.push(format!("{} temporary", Count(buffers.temp)));
        }
    }
    figures.extend(
        plan.wal
            .filter(|wal| wal.records > 0)
            .map(|wal| format!("{} WAL", Bytes(wal.bytes))),
    );
    figures.extend(plan.rows.map(|rows| Rows(rows).to_string()));
    let mut lines: Vec<String> = Some(figures.join(" · "))
        .filter(|line| !line.is_empty())
        .into_iter()
        .collect();
    let outside = outside(plan);
    if !outside.is_empty() {
        lines.push(outside.join(" · "));
    }
    lines
}

/// Triggers, compilation and settings: what no node shows.
fn outside(plan: &ReviewedPlan) -> Vec<String> {
    const MOST_TRIGGERS: usize = 4;
    let name = |name: &Option<String>| name.as_deref().map(|name| inert(&clipped(name, 60)));
    let plan = &plan.plan;
    let mut parts: Vec<String> = Vec::new();
    for trigger in plan.triggers.iter().take(MOST_TRIGGERS) {
        let called = name(&trigger.name).or_else(|| name(&trigger.constraint_name));
        let time = trigger
            .time_ms
            .map_or(String::new(), |time| format!("{} in ", Milliseconds(time)));
        let calls = if trigger.calls == 1 { "call" } else { "calls" };
        parts.push(format!(
            "trigger {}: {time}{} {calls}",
            called.unwrap_or_default(),
            Count(trigger.calls)
        ));
    }
    let more = plan.triggers.len().saturating_sub(MOST_TRIGGERS);
    if more > 0 {
        parts.push(format!("{} more triggers", Count(more as u64)));
    }
    if let Some(jit) = &plan.jit {
        let time = jit
            .total_ms
            .map_or(String::new(), |time| format!(" {}", Milliseconds(time)));
        parts.push(format!("JIT{time}, {} functions", Count(jit.functions)));
    }
    if let Some(time) = plan.serialization.as_ref().and_then(|sent| sent.time_ms) {
        parts.push(format!("serialization {}", Milliseconds(time)));
    }
    parts
}

fn one_finding(page: &mut Page, number: usize, finding: &Finding) {
    let severity = finding.severity.name();
    let label = format!("[{number}] {severity}  ");
    let rule = inert(&clipped(&finding.rule, LONGEST_TEXT));
    let title = match &finding.node {
        Some(node) => format!("{rule}  at {}", inert(&clipped(node, 200))),
        None => rule,
    };
    page.labelled(
        width(&label),
        (finding.severity.into(), &label),
        Role::Title,
        &title,
    );
    let message = inert(&clipped(&finding.message, LONGEST_TEXT));
    page.hanging(INDENT, Role::Plain, &message);
    let evidence = clipped(&evidence(&finding.evidence), LONGEST_TEXT);
    if !evidence.is_empty() {
        page.labelled(
            INDENT + LABEL_WIDTH,
            (Role::Quiet, "  evidence"),
            Role::Quiet,
            &evidence,
        );
    }
    for (at, line) in inert_lines(&clipped(&finding.help, LONGEST_TEXT))
        .iter()
        .enumerate()
    {
        let own = (line.len() - line.trim_start_matches(' ').len()).min(LABEL_WIDTH);
        let label = if at == 0 { "  help" } else { "" };
        page.labelled(
            INDENT + LABEL_WIDTH + own,
            (Role::Quiet, label),
            Role::Plain,
            line.get(own..).unwrap_or_default(),
        );
    }
    page.blank();
}

/// What the figures in front of a tree are.
pub(super) const LEGEND: &str = "time, pages and WAL are those of the node itself, without the nodes it calls; rows are per loop, removed over all \
    loops; ! an estimate off by 10 times or more; ⋯ nodes left out in between; [1] the finding of that number below the tree";

fn legend(page: &mut Page, left_out: &[&str]) {
    page.hanging(0, Role::Quiet, LEGEND);
    if !left_out.is_empty() {
        let left_out = format!("no room at this width for: {}", left_out.join(", "));
        page.hanging(0, Role::Quiet, &left_out);
    }
    page.blank();
}
