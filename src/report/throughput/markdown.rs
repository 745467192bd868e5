//! A run of drains as Markdown that fits a comment on a pull request: what is side by side, then each drain, folded where it is long.

use super::troubles::TROUBLES;
use super::view::{DrainView, View};
use crate::report::markdown::text::{code, escaped, folded};
use crate::report::text::inert;
use crate::report::{Layout, status};
use crate::run::throughput::ThroughputRun;

/// Prints the run for GitHub and its like.
pub(super) fn render(run: &ThroughputRun, layout: Layout<'_>) -> String {
    let view = View::of(run);
    let mut text = String::from("## Throughput\n\n");
    if let Some((word, explanation)) = status::banner(run.status) {
        text += &format!("> **{word}**: {explanation}\n\n");
    }
    text += &format!(
        "**{}**  \n{}\n",
        escaped(&view.summary),
        escaped(&view.times)
    );
    if let Some(overview) = &view.overview {
        text += &format!("\n{}", overview.markdown());
    }
    for scaling in &view.scaling {
        text += &format!(
            "\n### {}\n\n{}",
            escaped(&scaling.title),
            scaling.cells.markdown()
        );
        text += &list("", &scaling.fits);
        let sentences = scaling.recommendation.iter();
        let sentences: Vec<String> = sentences
            .map(|sentence| format!("**{}**\n", escaped(sentence)))
            .collect();
        text += &format!("\n{}", sentences.join("\n"));
    }
    for drain in &view.drains {
        text += &one_drain(drain);
    }
    if !view.left_out.is_empty() {
        text += &format!("\n<sub>{}</sub>\n", escaped(&view.left_out));
    }
    text += &list(&format!("### {TROUBLES}"), &view.troubles);
    text += &list("### Thresholds that do not hold", &view.broken_thresholds);
    text += &list("### Not measured", &view.failures);
    text += &list("### Limitations", &view.limitations);
    if let Some(folder) = layout.folder {
        let folder = code(&inert(&folder.to_string_lossy()));
        text += &format!("\n<sub>Run folder: {folder}</sub>\n");
    }
    text
}

fn one_drain(drain: &DrainView) -> String {
    let mut text = format!(
        "\n### {}\n\n{}\n\n**{}**\n",
        escaped(&drain.title),
        escaped(&drain.details),
        escaped(&drain.headline)
    );
    let warnings = drain.warnings.iter();
    text += &warnings
        .map(|warning| format!("\n> {}\n", escaped(warning)))
        .collect::<String>();
    text += "\n| | |\n|:--|:--|\n";
    for fact in &drain.facts {
        text += &format!("| {} | {} |\n", fact.label, escaped(&fact.text));
    }
    text += &list("**Incidents**", &drain.incidents);
    text += &list("**Notes**", &drain.notes);
    let grids = drain.grids.iter().map(|grid| grid.markdown());
    text + &folded(
        "Latency, statements, waits, tables, workers, thresholds",
        &grids.collect::<Vec<_>>().join("\n"),
    )
}

fn list(heading: &str, items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: String = items
        .iter()
        .map(|item| format!("- {}\n", escaped(item)))
        .collect();
    if heading.is_empty() {
        format!("\n{items}")
    } else {
        format!("\n{heading}\n\n{items}")
    }
}
