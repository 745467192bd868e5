//! The folded parts of a comment: changed lines, plans node by node, what became better, terms.

use super::causes::lines_are_few;
use super::comment::{Comment, shortened};
use super::{Listed, SENTENCE_CHARACTERS};
use crate::report::Layout;
use crate::report::comparison::figures::Figure;
use crate::report::comparison::nodes::{LEGEND, tree};
use crate::report::comparison::source_line;
use crate::report::comparison::view::{AtNoCost, QueueView, View};
use crate::report::comparison::words::{unchanged_but_different, verdict_name};
use crate::report::findings::severity_name;
use crate::report::markdown::text::{code, escaped, fenced, folded, prose};
use crate::report::text::inert;
use crate::run::comparison::{ComparedPlan, Comparison, StatementChange, Tolerances, Verdict};
use crate::units::counted;

/// Columns of a tree of nodes; GitHub scrolls what is wider than the page.
const COLUMNS: usize = 110;

/// Lines of a tree of nodes.
const TREE_LINES: usize = 40;

/// Lines of a statement.
const STATEMENT_LINES: usize = 60;

/// Remarks that are listed; the rest is counted.
const REMARKS: usize = 12;

/// What a fold takes besides its content.
const FOLD_CHARACTERS: usize = 200;

/// The terms a reader needs.
const TERMS: &str = "\
- **plan**: the steps PostgreSQL takes for one statement, read from `EXPLAIN (ANALYZE)` on a prepared data set (the *fixture*) with one set of parameters (the *variant*).
- **page**: 8 kB of a table or an index. Pages per row: how many were touched for each job that was returned or written; more pages means more work, whatever the machine.
- **WAL**: what is written to the write-ahead log, in bytes; each index that has to be maintained adds to it.
- **pages read to send the rows**: for values stored out of line, on top of the plan's pages. **rows thrown away**: read, and dropped by a filter.
- **custom, generic plan**: made for the parameters' values, or once for all values. PostgreSQL chooses between them after several executions of a prepared statement.
- **regressed**: a count is worse than allowed, jobs are served in another order, other rows come back, or a rule found something new. **inconclusive**: could not be judged.
";

/// Everything that is not needed at a glance, worst first.
pub(super) fn folded_parts(
    comment: &mut Comment,
    comparison: &Comparison,
    view: &View<'_>,
    entries: &[Listed<'_, '_>],
) {
    let changes = comparison.changes.iter().flat_map(|change| {
        let statements = change.statements.iter();
        statements.map(|statement| changed_lines(&change.queue, statement))
    });
    if !lines_are_few(view) {
        let title = "What changed in the statements";
        fold(comment, title, "changed statement", changes);
    }
    let legend = format!("{}\n\n", escaped(LEGEND));
    let at_no_cost = || view.queues.iter().flat_map(|queue| &queue.at_no_cost);
    let others = at_no_cost().map(|one| tree_of(&one.statement, &one.places, one.plan));
    let trees = entries.iter().map(node_by_node).chain(others);
    let trees = trees.filter(|text| !text.is_empty());
    let trees = trees.enumerate().map(|(position, text)| match position {
        0 => legend.clone() + &text,
        _ => text,
    });
    fold(comment, "The plans, node by node", "plan", trees);
    let lists = entries.iter().map(in_full);
    let lists = lists.chain(at_no_cost().map(without_cost));
    fold(comment, "Every plan that changed", "entry", lists);
    let remarks = view.remarks.iter().take(REMARKS).map(|(kind, text)| {
        format!(
            "- {kind}: {}\n",
            escaped(&shortened(text, SENTENCE_CHARACTERS))
        )
    });
    let rest = view.remarks.len().saturating_sub(REMARKS);
    let rest = (rest > 0).then(|| format!("- … {rest} more\n"));
    fold(
        comment,
        "What was not compared",
        "remark",
        remarks.chain(rest),
    );
}

/// Adds what fits of some pieces, folded.
fn fold(
    comment: &mut Comment,
    title: &str,
    noun: &'static str,
    pieces: impl Iterator<Item = String>,
) {
    let mut content = String::new();
    let mut room = comment.left().saturating_sub(FOLD_CHARACTERS);
    let mut left_out = 0;
    for piece in pieces {
        let length = piece.chars().count();
        if left_out == 0 && length <= room {
            room -= length;
            content += &piece;
        } else {
            left_out += 1;
        }
    }
    if !content.is_empty() {
        comment.push(&folded(title, &content));
    }
    comment.leave_out(noun, left_out);
}

/// The lines of a statement that changed, not too many.
pub(super) fn lines_of(change: &StatementChange) -> Vec<String> {
    let mut lines: Vec<String> = change
        .lines
        .iter()
        .take(STATEMENT_LINES)
        .map(|line| shortened(&source_line(line), SENTENCE_CHARACTERS))
        .collect();
    let rest = change.lines.len().saturating_sub(STATEMENT_LINES);
    if rest > 0 {
        lines.push(format!(" … {rest} more lines"));
    }
    lines
}

fn changed_lines(queue: &str, change: &StatementChange) -> String {
    let name = [&change.statement, queue].map(|name| code(&shortened(&inert(name), 80)));
    format!(
        "{} of {}:\n\n{}\n",
        name[0],
        name[1],
        fenced("diff", "", &lines_of(change))
    )
}

/// Both plans of an entry, as one tree.
fn node_by_node((_, entry): &Listed<'_, '_>) -> String {
    if entry.verdict == Verdict::Improved {
        return String::new();
    }
    tree_of(&entry.statement, &entry.place, entry.worst)
}

fn tree_of(statement: &str, place: &str, plan: &ComparedPlan) -> String {
    let tree = tree(&plan.nodes, COLUMNS, TREE_LINES);
    if tree.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = tree.into_iter().map(|(_, line)| line).collect();
    format!(
        "{} {}:\n\n{}\n",
        code(&shortened(statement, 80)),
        escaped(&shortened(place, 200)),
        fenced("diff", "", &lines)
    )
}

/// What differs and is worth nothing, in a line.
pub(super) fn without_cost(one: &AtNoCost<'_>) -> String {
    let mut parts = Vec::new();
    if let Some(digests) = &one.digests {
        let [before, after] = digests
            .each_ref()
            .map(|digest| code(&shortened(digest, SENTENCE_CHARACTERS)));
        parts.push(format!("{before} → {after}"));
    }
    let words = one.words.iter();
    parts.extend(words.map(|words| prose(&shortened(words, SENTENCE_CHARACTERS))));
    format!(
        "- unchanged {} {}: {}\n",
        code(&shortened(&one.statement, 80)),
        escaped(&shortened(&one.places, 200)),
        parts.join("; ")
    )
}

/// An entry with everything it has to say.
fn in_full((queue, entry): &Listed<'_, '_>) -> String {
    let short = |text: &str| shortened(text, SENTENCE_CHARACTERS);
    let mut text = format!(
        "- **{}** {} of {}: {}",
        verdict_name(entry.verdict),
        code(&shortened(&entry.statement, 80)),
        code(&shortened(&queue.name, 80)),
        escaped(&short(&entry.place))
    );
    if !entry.others.is_empty() {
        text += &format!(
            "; and {} more: {}",
            entry.plans - 1,
            escaped(&short(&entry.others))
        );
    }
    text.push('\n');
    for figure in &entry.figures {
        text += &format!("  - {}\n", escaped(&figure.in_words()));
    }
    for reason in entry.reasons.iter().filter(|reason| !reason.is_figure()) {
        text += &format!("  - {}\n", prose(&short(&reason.text)));
    }
    for variation in &entry.variations {
        let figures: Vec<String> = variation.figures.iter().map(Figure::in_words).collect();
        let places = escaped(&short(&variation.places));
        text += &format!("  - also {places}: {}\n", escaped(&figures.join("; ")));
        for reason in variation.reasons.iter().filter(|one| !one.is_figure()) {
            text += &format!("    - {}\n", prose(&short(&reason.text)));
        }
    }
    for (word, findings) in [("came", &entry.came), ("went", &entry.went)] {
        for finding in findings.iter().filter(|finding| !entry.tells(finding)) {
            let (severity, rule) = (severity_name(finding.severity), code(&short(&finding.rule)));
            let message = prose(&short(&finding.message));
            text += &format!("  - {word}: {severity} {rule}: {message}\n");
        }
    }
    text
}

/// What every comment ends with: the terms, what was compared.
pub(super) fn footer(comparison: &Comparison, view: &View<'_>, layout: Layout<'_>) -> String {
    // Where nothing changed there is nothing to explain.
    let mut text = match view.queues.iter().any(QueueView::has_plans) {
        true => folded("What the terms mean", TERMS),
        false => String::new(),
    };
    let [first, second] = view
        .sides
        .each_ref()
        .map(|side| escaped(&shortened(side, 300)));
    let unchanged = counted(comparison.verdicts.unchanged, "plan");
    text += &format!(
        "\n<sub>{unchanged} unchanged{} · {} · before: {first} · after: {second}",
        unchanged_but_different(comparison),
        tolerances(&comparison.tolerances)
    );
    if view.has_times && !view.times_decide {
        text += " · times are shown and decide nothing: they differ from run to run, counts do not";
    }
    if let Some(folder) = layout.folder {
        let folder = inert(&folder.to_string_lossy());
        text += &format!(" · run folder: {}", code(&shortened(&folder, 300)));
    }
    text + "</sub>\n"
}

fn tolerances(tolerances: &Tolerances) -> String {
    let shares = [
        ("pages", tolerances.pages_per_row),
        ("WAL", tolerances.wal_per_row),
        (
            "pages read to send the rows",
            tolerances.output_pages_per_row,
        ),
        ("rows thrown away", tolerances.rows_removed_per_row),
    ];
    let percent = |share: f64| format!("{} %", (share * 10_000.0).round() / 100.0);
    if shares.iter().all(|(_, share)| *share == shares[0].1) {
        return format!("counts per row may grow by {}", percent(shares[0].1));
    }
    let each = shares.map(|(name, share)| format!("{name} {}", percent(share)));
    format!("counts per row may grow: {}", each.join(", "))
}
