//! A comparison for people at a terminal: what it came to, then queue by queue what changed and why, worst first.

use super::entry::{Entry, Finding, ReasonLine, Variation};
use super::figures::Figure;
use super::nodes::{LEGEND, tree};
use super::view::{AtNoCost, QueueView, View, tables_alone};
use super::words::{verdict_name, verdict_role};
use crate::report::Layout;
use crate::report::findings::severity_name;
use crate::report::page::Page;
use crate::report::palette::Role;
use crate::report::text::{elide, inert, width};
use crate::run::comparison::{Comparison, Effect, QueueChange, Verdict};

/// Columns before the text of a labelled line such as `before`.
const LABEL_WIDTH: usize = 10;

/// Columns before what belongs to an entry.
const INDENT: usize = 2;

/// Lines of a tree; more say nothing at a glance.
const TREE_LINES: usize = 40;

/// Lines of a statement's changes.
const DIFFERENCE_LINES: usize = 60;

/// Prints a comparison as text.
pub(super) fn render(comparison: &Comparison, layout: Layout<'_>) -> String {
    let view = View::of(comparison);
    let mut page = Page::of(layout);
    let headline = format!("{}: {}", view.headline.verdict, view.headline.text);
    page.hanging(0, view.headline.role, &headline);
    for (label, side) in ["  first", "  second"].into_iter().zip(&view.sides) {
        page.labelled(LABEL_WIDTH, (Role::Quiet, label), Role::Plain, side);
    }
    for unlike in &view.unlike {
        let label = (Role::Quiet, "  unequal");
        page.labelled(LABEL_WIDTH, label, Role::Warning, unlike);
    }
    page.blank();
    for queue in &view.queues {
        one_queue(&mut page, queue);
    }
    remarks(&mut page, &view);
    closing(&mut page, &view, layout);
    page.text()
}

fn one_queue(page: &mut Page, queue: &QueueView<'_>) {
    page.hanging(0, Role::Title, &queue.name);
    page.blank();
    if let Some(changes) = queue.changes {
        files(page, changes);
    }
    let (lines, full): (Vec<&Entry<'_>>, Vec<&Entry<'_>>) =
        queue.entries.iter().partition(|entry| is_listed(entry));
    for (position, entry) in full.iter().enumerate() {
        let earlier = full[..position].iter();
        let mut alike = earlier.filter(|earlier| earlier.says_the_same_as(entry));
        one_entry(page, entry, alike.next().copied());
    }
    for entry in &lines {
        listed(page, entry);
    }
    for one in &queue.at_no_cost {
        at_no_cost(page, one);
    }
    if !lines.is_empty() || !queue.at_no_cost.is_empty() {
        page.blank();
    }
}

/// A line for what differs and is worth nothing.
fn at_no_cost(page: &mut Page, one: &AtNoCost<'_>) {
    let label = format!("{}  ", verdict_name(Verdict::Unchanged));
    let mut parts = Vec::new();
    if let Some([before, after]) = &one.digests {
        parts.push(format!("{before} → {after}"));
    }
    parts.extend(one.words.iter().cloned());
    let text = format!("{}  {}: {}", one.statement, one.places, parts.join("; "));
    page.labelled(width(&label), (Role::Quiet, &label), Role::Quiet, &text);
}

fn is_listed(entry: &Entry<'_>) -> bool {
    matches!(entry.verdict, Verdict::Appeared | Verdict::Vanished)
}

/// What changed in the queue's files.
fn files(page: &mut Page, changes: &QueueChange) {
    let before = page.lines.len();
    if tables_alone(changes) {
        let text = "schema or data of its tables changed";
        page.hanging(INDENT, Role::Plain, text);
    }
    let indexes = [
        ("- index", Role::Warning, &changes.indexes_gone),
        ("+ index", Role::Note, &changes.indexes_new),
    ];
    for (label, role, indexes) in indexes {
        for index in indexes {
            let label = format!("  {label}");
            page.labelled(INDENT + LABEL_WIDTH, (role, &label), role, &inert(index));
        }
    }
    for statement in &changes.statements {
        page.labelled(
            INDENT + LABEL_WIDTH,
            (Role::Quiet, "  statement"),
            Role::Title,
            &inert(&statement.statement),
        );
        for words in &statement.words {
            page.hanging(INDENT + LABEL_WIDTH, Role::Plain, &inert(words));
        }
        difference(page, &statement.lines);
    }
    if page.lines.len() > before {
        page.blank();
    }
}

/// The lines of a statement, as far as they are near to what changed.
fn difference(page: &mut Page, lines: &[String]) {
    let columns = page.width - INDENT - LABEL_WIDTH;
    for line in lines.iter().take(DIFFERENCE_LINES) {
        let role = match line.chars().next() {
            Some('-') => Role::Warning,
            Some('+') => Role::Note,
            _ => Role::Quiet,
        };
        let text = elide(&super::source_line(line), columns);
        indented(page, INDENT + LABEL_WIDTH, role, &text);
    }
    let rest = lines.len().saturating_sub(DIFFERENCE_LINES);
    if rest > 0 {
        let text = format!("… {rest} more lines");
        page.hanging(INDENT + LABEL_WIDTH, Role::Quiet, &text);
    }
}

/// A line that keeps its own spaces.
fn indented(page: &mut Page, indent: usize, role: Role, text: &str) {
    let line = " ".repeat(indent) + &page.palette.paint(role, text.trim_end());
    page.lines.push(line.trim_end().to_owned());
}

/// What only one of the runs has: a line.
fn listed(page: &mut Page, entry: &Entry<'_>) {
    let label = format!("{}  ", verdict_name(entry.verdict));
    let mut text = format!("{}  {}", entry.statement, entry.place);
    if !entry.others.is_empty() {
        text = format!("{text}; {}", entry.others);
    }
    let role = verdict_role(entry.verdict);
    page.labelled(width(&label), (role, &label), Role::Plain, &text);
    for reason in &entry.reasons {
        page.hanging(INDENT, Role::Quiet, &reason.text);
    }
}

/// An entry; `alike` is one above that says the same.
fn one_entry(page: &mut Page, entry: &Entry<'_>, alike: Option<&Entry<'_>>) {
    let label = format!("{}  ", verdict_name(entry.verdict));
    page.labelled(
        width(&label),
        (verdict_role(entry.verdict), &label),
        Role::Title,
        &format!("{}  {}", entry.statement, entry.place),
    );
    if !entry.others.is_empty() {
        let others = format!("and {} more: {}", entry.plans - 1, entry.others);
        page.hanging(INDENT, Role::Quiet, &others);
    }
    figures(page, &entry.figures);
    if let Some(alike) = alike {
        let label = (Role::Quiet, "  why");
        let text = format!("as {} above", alike.statement);
        page.labelled(INDENT + LABEL_WIDTH, label, Role::Plain, &text);
    } else {
        if entry.reasons.iter().all(ReasonLine::is_figure) && !entry.why.is_empty() {
            let label = (Role::Quiet, "  why");
            page.labelled(INDENT + LABEL_WIDTH, label, Role::Plain, &entry.why);
        }
        reasons(page, "  why", &entry.reasons);
        findings(page, entry);
    }
    for variation in &entry.variations {
        one_variation(page, variation);
    }
    digests(page, entry);
    if entry.verdict != Verdict::Improved {
        nodes(page, entry, alike);
    }
    page.blank();
}

/// Both plans as one tree, unless the same has become of the nodes of one above.
fn nodes(page: &mut Page, entry: &Entry<'_>, alike: Option<&Entry<'_>>) {
    let columns = page.width - INDENT;
    let lines = |entry: &Entry<'_>| tree(&entry.worst.nodes, columns, TREE_LINES);
    let shown = lines(entry);
    if shown.is_empty() {
        return;
    }
    if let Some(alike) = alike
        && changed(&lines(alike)) == changed(&shown)
    {
        let text = format!(
            "the same nodes have changed as of {} above",
            alike.statement
        );
        page.hanging(INDENT + LABEL_WIDTH, Role::Quiet, &text);
        return;
    }
    page.blank();
    for (role, line) in shown {
        indented(page, INDENT, role, &line);
    }
}

/// The lines of a tree that are marked, without their indentation.
fn changed(lines: &[(Role, String)]) -> Vec<String> {
    let marked = lines.iter().filter(|(_, line)| !line.starts_with(' '));
    let words = marked.map(|(_, line)| line.split_whitespace().collect::<Vec<_>>().join(" "));
    words.collect()
}

fn reasons(page: &mut Page, label: &str, reasons: &[ReasonLine]) {
    let words = reasons.iter().filter(|reason| !reason.is_figure());
    for (position, reason) in words.enumerate() {
        let label = if position == 0 { label } else { "" };
        page.labelled(
            INDENT + LABEL_WIDTH,
            (Role::Quiet, label),
            reason_role(reason.effect),
            &reason.text,
        );
    }
}

/// Plans that have more to say than the worst.
fn one_variation(page: &mut Page, variation: &Variation) {
    let figures: Vec<String> = variation.figures.iter().map(Figure::in_words).collect();
    let mut text = variation.places.clone();
    if !figures.is_empty() {
        text = format!("{text}: {}", figures.join("; "));
    }
    let label = (Role::Quiet, "  also");
    page.labelled(INDENT + LABEL_WIDTH, label, Role::Plain, &text);
    reasons(page, "", &variation.reasons);
}

/// Words are read where figures catch the eye.
fn reason_role(effect: Effect) -> Role {
    match effect {
        Effect::Worse | Effect::Better => Role::Plain,
        Effect::Unknown => Role::Warning,
        Effect::Neutral => Role::Quiet,
    }
}

/// Figures below each other: what, before, after, by how much.
fn figures(page: &mut Page, figures: &[Figure]) {
    let widest = |text: fn(&Figure) -> &str| figures.iter().map(|one| width(text(one))).max();
    let label = widest(|one| &one.label).unwrap_or(0);
    let first = widest(|one| &one.first).unwrap_or(0);
    let second = widest(|one| &one.second).unwrap_or(0);
    for figure in figures {
        let space = " ".repeat(label - width(&figure.label));
        let line = format!(
            "{}{space}  {:>first$} → {:>second$}  {}",
            figure.label, figure.first, figure.second, figure.change
        );
        let line = line.trim_end();
        if INDENT + width(line) > page.width {
            page.hanging(INDENT, figure.role, line);
        } else {
            indented(page, INDENT, figure.role, line);
        }
    }
}

fn findings(page: &mut Page, entry: &Entry<'_>) {
    for finding in &entry.came {
        if !entry.tells(finding) {
            one_finding(page, "  came", finding);
        }
        for (position, line) in finding.help.iter().enumerate() {
            // What wraps stays under its own line's indentation, so that SQL keeps its look.
            let own = (line.len() - line.trim_start_matches(' ').len()).min(LABEL_WIDTH);
            let label = if position == 0 { "  help" } else { "" };
            page.labelled(
                INDENT + LABEL_WIDTH + own,
                (Role::Quiet, label),
                Role::Plain,
                &line[own..],
            );
        }
    }
    for finding in entry.went.iter().filter(|finding| !entry.tells(finding)) {
        one_finding(page, "  went", finding);
    }
}

fn one_finding(page: &mut Page, label: &str, finding: &Finding) {
    let (severity, rule) = (severity_name(finding.severity), &finding.rule);
    page.labelled(
        INDENT + LABEL_WIDTH,
        (Role::Quiet, label),
        Role::Plain,
        &format!("{severity} {rule}: {}", finding.message),
    );
}

/// The plans in one line each, where they differ.
fn digests(page: &mut Page, entry: &Entry<'_>) {
    let plan = entry.worst;
    let (Some(first), Some(second)) = (&plan.first, &plan.second) else {
        return;
    };
    if first.digest == second.digest {
        return;
    }
    for (label, digest) in [("  before", &first.digest), ("  after", &second.digest)] {
        page.labelled(
            INDENT + LABEL_WIDTH,
            (Role::Quiet, label),
            Role::Quiet,
            &inert(digest),
        );
    }
}

fn remarks(page: &mut Page, view: &View<'_>) {
    for (label, text) in &view.remarks {
        let text = format!("{label}: {text}");
        page.hanging(0, Role::Quiet, &text);
    }
    if !view.remarks.is_empty() {
        page.blank();
    }
}

fn closing(page: &mut Page, view: &View<'_>, layout: Layout<'_>) {
    let entries = || view.queues.iter().flat_map(|queue| &queue.entries);
    let mut shown = entries().filter(|entry| !is_listed(entry)).peekable();
    if shown.peek().is_some() {
        if shown.any(|entry| entry.worst.nodes.iter().any(|node| node.changed)) {
            page.hanging(0, Role::Quiet, LEGEND);
        }
        if view.has_times && !view.times_decide {
            let text =
                "times are shown and decide nothing: they differ from run to run, counts do not";
            page.hanging(0, Role::Quiet, text);
        }
        page.blank();
    }
    // The headline says it where nothing follows it.
    if view.queues.iter().any(QueueView::has_plans) {
        page.hanging(0, view.headline.role, &view.closing);
    }
    if let Some(folder) = layout.folder {
        page.hanging(0, Role::Plain, &inert(&folder.to_string_lossy()));
    }
}
