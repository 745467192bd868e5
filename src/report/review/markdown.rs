//! A review as Markdown, for an issue or a comment.

use super::grid::Grid;
use super::order::{LONGEST_TEXT, View, clipped, one_line, place};
use super::statements;
use super::summary;
use super::table::{LEGEND, headlines};
use super::tree::Tree;
use crate::finding::Finding;
use crate::report::findings::evidence;
use crate::report::markdown::text::{block, cell, code, escaped, fenced, folded, prose};
use crate::report::palette::Palette;
use crate::report::text::{elide_middle, inert, inert_lines};
use crate::run::review::ReviewedPlan;
use crate::units::Count;

/// Columns of a tree: what a comment shows without scrolling, about.
const COLUMNS: usize = 120;

/// Columns of a text in a table.
const CELL: usize = 160;

/// Prints the review.
pub(super) fn render(view: &View<'_>) -> String {
    let mut text = format!("## Review\n\n**{}**\n", escaped(&view.summary()));
    if !view.review.problems.is_empty() {
        text += "\n### Not read\n\n";
        for problem in &view.review.problems {
            let message = inert(&clipped(&problem.message, LONGEST_TEXT));
            text += &format!(
                "- {}: {}\n",
                code(&place(&problem.source)),
                escaped(&message)
            );
        }
    }
    text += &statements_section(view);
    if view.ranked.len() > 1 {
        let (grid, more) = summary::grid(view, COLUMNS);
        text += &format!("\n### Plans, worst first\n\n{}", table(&grid));
        if more > 0 {
            text += &format!("\nand {} more\n", Count(more as u64));
        }
    }
    for (number, plan) in view.shown() {
        text += &one_plan(number, plan);
    }
    if let Some(left_out) = view.left_out() {
        text += &format!("\n{}\n", escaped(&left_out));
    }
    text + &format!("\n<sub>{}</sub>\n", escaped(LEGEND))
}

fn table(grid: &Grid) -> String {
    let last = grid.heads.len().saturating_sub(1);
    let heads: Vec<String> = grid.heads.iter().map(|head| escaped(head)).collect();
    let rules: Vec<&str> = (0..grid.heads.len())
        .map(|column| {
            if column == last || grid.left.contains(&column) {
                ":--"
            } else {
                "--:"
            }
        })
        .collect();
    let mut text = format!("| {} |\n|{}|\n", heads.join(" | "), rules.join("|"));
    for row in &grid.rows {
        let cells = row.iter().enumerate().map(|(column, (_, shown))| {
            let shown = elide_middle(shown, CELL);
            if column == last {
                cell(&code(&shown))
            } else {
                cell(&escaped(&shown))
            }
        });
        text += &format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    }
    text
}

fn statements_section(view: &View<'_>) -> String {
    if view.review.statements.is_empty() {
        return String::new();
    }
    let (grid, more) = statements::grid(view);
    let mut text = format!("\n### Statements\n\n{}", table(&grid));
    if more > 0 {
        text += &format!("\nand {} more\n", Count(more as u64));
    }
    for story in statements::stories(view) {
        text += &format!("\n**{}**\n\n", escaped(&story.title));
        text += &fenced("sql", "", std::slice::from_ref(&story.statement));
        text.push('\n');
        for (letter, shape) in &story.shapes {
            let letter = if letter.is_empty() {
                String::new()
            } else {
                format!("{letter}: ")
            };
            text += &format!("- {letter}{}\n", escaped(shape));
        }
        for flip in &story.flips {
            text += &format!("- flip {}\n", escaped(flip));
        }
    }
    text
}

fn one_plan(number: usize, plan: &ReviewedPlan) -> String {
    let mut text = format!("\n### {number}  {}\n\n", code(&place(&plan.source)));
    if let Some(statement) = &plan.statement {
        text += &fenced("sql", "", &[one_line(statement)]);
        text.push('\n');
    }
    for line in headlines(plan) {
        text += &format!("{}  \n", escaped(&line));
    }
    let drawn = Tree::of(plan, COLUMNS).draw(COLUMNS, Palette { color: false });
    text += &format!("\n{}\n", fenced("text", "", &drawn.lines));
    for (at, finding) in plan.findings.iter().enumerate() {
        text += &one_finding(at + 1, finding);
    }
    if plan.findings.is_empty() {
        text += "No findings.\n";
    }
    let notes: String = plan
        .notes
        .iter()
        .map(|note| format!("- {}\n", escaped(&inert(&clipped(note, LONGEST_TEXT)))))
        .collect();
    if notes.is_empty() {
        text
    } else {
        text + &folded("What this plan does not tell", &notes)
    }
}

fn one_finding(number: usize, finding: &Finding) -> String {
    let shown = |text: &str| inert(&clipped(text, LONGEST_TEXT));
    let node = finding
        .node
        .as_deref()
        .map_or(String::new(), |node| format!(" at {}", code(&shown(node))));
    let mut text = format!(
        "- \\[{number}\\] **{}** {}{node}: {}\n",
        finding.severity.name(),
        code(&shown(&finding.rule)),
        escaped(&shown(&finding.message))
    );
    let evidence = clipped(&evidence(&finding.evidence), LONGEST_TEXT);
    if !evidence.is_empty() {
        text += &format!("  - evidence: {}\n", escaped(&evidence));
    }
    let help = inert_lines(&clipped(&finding.help, LONGEST_TEXT));
    if help.iter().any(|line| line.starts_with(' ')) {
        text += &format!("  - help:\n{}", block(&help));
    } else {
        let lines = help
            .iter()
            .map(|line| format!("  - help: {}\n", prose(line)));
        text.extend(lines);
    }
    text
}
