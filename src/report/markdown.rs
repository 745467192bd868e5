//! A run as Markdown that fits a comment on a pull request: short tables, findings in a list, everything else folded.

pub(super) mod text;

use self::text::{block, code, escaped, folded};
use super::Layout;
use super::findings::{FindingGroup, severity_name};
use super::marks::NOT_COMPARABLE;
use super::nested;
use super::status;
use super::text::inert;
use super::versions::{VersionCell, VersionGroup, Versions};
use super::view::{FailureLine, Group, Row, View};
use crate::run::Run;

/// Prints the run for GitHub and its like.
pub(super) fn render(run: &Run, layout: Layout<'_>) -> String {
    let view = View::of(run);
    let mut text = String::from("## Query plans\n\n");
    text += &banner(run);
    text += &format!(
        "**{}**  \n{}\n",
        escaped(&status::summary(run)),
        escaped(&status::times(run))
    );
    if let Some(comparison) = &view.versions {
        text += &versions(comparison, &view);
    }
    for group in &view.groups {
        text += &table(&view, group);
    }
    if !view.legend.is_empty() {
        let marks: Vec<String> = view
            .legend
            .iter()
            .map(|(mark, meaning)| escaped(&format!("{mark}: {meaning}")))
            .collect();
        text += &format!("\n<sub>{}</sub>\n", marks.join(" · "));
    }
    text += &findings(&view);
    text += &list("Queues", view.verdicts.iter().cloned());
    for (title, lines) in [
        ("Not measured", &view.failures),
        ("Left out", &view.skipped),
        ("Blocked", &view.blocked),
    ] {
        let line = |line: &FailureLine| format!("{}: {}", line.place, line.message);
        text += &list(title, lines.iter().map(line));
    }
    text += &list("Scans", view.scans.iter().cloned());
    text += &list("Limitations", view.limitations.iter().cloned());
    text += &inside_functions(&view);
    text += &plans(&view);
    if let Some(folder) = layout.folder {
        text += &format!(
            "\n<sub>Run folder: {}</sub>\n",
            code(&inert(&folder.to_string_lossy()))
        );
    }
    text
}

fn banner(run: &Run) -> String {
    let Some((word, explanation)) = status::banner(run.status) else {
        return String::new();
    };
    let mut text = format!("> **{word}**: {explanation}\n");
    for line in status::missing(run) {
        text += &format!("> - {}\n", escaped(&line));
    }
    text + "\n"
}

fn table(view: &View, group: &Group) -> String {
    let mut text = format!(
        "\n### {} — {}\n\n",
        escaped(&group.fixture),
        escaped(&group.details)
    );
    let (wal, execution) = (view.units.wal.name(), view.units.execution.name());
    let heads = [
        ("statement".to_owned(), ""),
        ("mode".to_owned(), "auto_plan"),
        ("rows".to_owned(), "rows"),
        ("pages".to_owned(), "buffers.total"),
        ("pages/row".to_owned(), "pages_per_row"),
        (format!("WAL/row, {wal}"), "wal.bytes"),
        (format!("p50, {execution}"), "execution_ms.p50"),
        ("plan".to_owned(), ""),
        ("findings".to_owned(), ""),
    ];
    let heads = heads.map(|(head, key)| {
        if key.is_empty() || group.is_comparable(key) {
            head
        } else {
            format!("{head} {NOT_COMPARABLE}")
        }
    });
    text += &format!("| {} |\n", heads.join(" | "));
    text += "|:--|:--|--:|--:|--:|--:|--:|:--|:--|\n";
    for row in &group.rows {
        let cells = [
            escaped(&row.name()),
            escaped(&row.mode),
            row.rows.clone(),
            row.pages.trim_end().to_owned(),
            row.pages_per_row.clone(),
            row.wal_per_row.clone(),
            row.execution_p50.clone(),
            row.plan.clone(),
            rules(row),
        ];
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}

/// What changed from version to version.
fn versions(versions: &Versions, view: &View) -> String {
    let mut text = String::from("\n### From version to version\n");
    for group in &versions.groups {
        text += &format!(
            "\n**{} — {}**\n\n",
            escaped(&group.fixture),
            escaped(&group.details)
        );
        text += &version_table(group, view);
        for (letter, digest) in &group.plans {
            text += &format!("- {letter}: {}\n", code(digest));
        }
        for line in &group.folded {
            text += &format!("- {}\n", escaped(line));
        }
    }
    let lines = versions.unlike.iter().chain([&versions.in_full]);
    let lines: Vec<String> = lines.map(|line| escaped(line)).collect();
    text + &format!("\n<sub>{}</sub>\n", lines.join("  \n"))
}

fn version_table(group: &VersionGroup, view: &View) -> String {
    if group.rows.is_empty() {
        return String::new();
    }
    let heads: Vec<String> = group.versions.iter().map(|one| escaped(one)).collect();
    let mut text = format!(
        "| pages of statement | {} | what changed |\n|:--|{}:--|\n",
        heads.join(" | "),
        "--:|".repeat(heads.len())
    );
    for row in &group.rows {
        let name = escaped(&format!("{} {}", row.subject, row.variant));
        let changes: Vec<String> = row.changes.iter().map(|change| escaped(change)).collect();
        text += &format!(
            "| {name} | {} | {} |\n",
            numbers(&row.pages),
            changes.join("; ")
        );
        if let Some(wal) = &row.wal {
            let unit = view.units.wal.name();
            text += &format!("| {name}: WAL {unit}/row | {} | |\n", numbers(wal));
        }
    }
    text + "\n"
}

fn numbers(cells: &[VersionCell]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| escaped(&cell.text)).collect();
    cells.join(" | ")
}

fn rules(row: &Row) -> String {
    // A pipe ends a table's cell even within code, unless a backslash stands before it.
    let rules = row.found.iter().map(|found| {
        let rule = code(&found.rule).replace('|', "\\|");
        format!("{} {rule}", severity_name(found.severity))
    });
    rules.collect::<Vec<_>>().join(", ")
}

fn findings(view: &View) -> String {
    if view.findings.is_empty() {
        return String::from("\nNo findings.\n");
    }
    let mut text = String::from("\n### Findings\n\n");
    for finding in &view.findings {
        let (severity, rule) = (severity_name(finding.severity), code(&finding.rule));
        text += &format!(
            "- **{severity}** {rule} in {}: {}\n",
            code(&finding.queue),
            escaped(&finding.message)
        );
    }
    let details: String = view.findings.iter().map(finding_details).collect();
    text + &folded("Where, evidence and help", &details)
}

fn finding_details(finding: &FindingGroup) -> String {
    let mut text = format!("- {} in {}\n", code(&finding.rule), code(&finding.queue));
    for place in &finding.places {
        text += &format!("  - where: {}\n", escaped(place));
    }
    if let Some(node) = &finding.node {
        text += &format!("  - node: {}\n", code(node));
    }
    if !finding.evidence.is_empty() {
        text += &format!("  - evidence: {}\n", escaped(&finding.evidence));
    }
    match finding.help.as_slice() {
        [] => (),
        // Indented lines are SQL; others are sentences of their own.
        lines if lines.iter().all(|line| !line.starts_with(' ')) => {
            for line in lines {
                text += &format!("  - help: {}\n", escaped(line));
            }
        }
        lines => text += &format!("  - help:\n{}", block(lines)),
    }
    text
}

fn list(heading: &str, items: impl Iterator<Item = String>) -> String {
    let items: String = items
        .map(|item| format!("- {}\n", escaped(&item)))
        .collect();
    if items.is_empty() {
        items
    } else {
        format!("\n### {heading}\n\n{items}")
    }
}

/// What ran inside functions, folded away.
fn inside_functions(view: &View) -> String {
    let groups = view.groups.iter().filter(|group| !group.nested.is_empty());
    let text: String = groups
        .map(|group| {
            format!(
                "**{} — {}**\n\n{}",
                escaped(&group.fixture),
                escaped(&group.details),
                nested::markdown(&group.nested, escaped)
            )
        })
        .collect();
    if text.is_empty() {
        text
    } else {
        folded(
            nested::TITLE,
            &format!("{}\n\n{text}", escaped(nested::EXPLANATION)),
        )
    }
}

/// The plans by letter, with the times that the short tables leave out.
fn plans(view: &View) -> String {
    let (planning, execution) = (view.units.planning.name(), view.units.execution.name());
    let mut text = String::new();
    for group in &view.groups {
        text += &format!(
            "**{} — {}**\n\n",
            escaped(&group.fixture),
            escaped(&group.details)
        );
        for (letter, digest) in &group.plans {
            text += &format!("- {letter}: {}\n", code(digest));
        }
        text += &format!(
            "\n| statement | mode | planning p50, {planning} | execution p50, {execution} | execution p95, {execution} |\n"
        );
        text += "|:--|:--|--:|--:|--:|\n";
        for row in &group.rows {
            let (name, mode) = (escaped(&row.name()), escaped(&row.mode));
            text += &format!(
                "| {name} | {mode} | {} | {} | {} |\n",
                row.planning, row.execution_p50, row.execution_p95
            );
        }
        text.push('\n');
    }
    if text.is_empty() {
        text
    } else {
        folded("Plans and times", &text)
    }
}
