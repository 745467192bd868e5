//! Queues against fixtures, as Markdown: how many pages a fetch of ten reads, and how that compares with the same fetch where nothing
//! stands in its way; and what the rules found there.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::findings::severity_name;
use super::markdown::text::{cell, code, escaped};
use super::text::inert;
use crate::finding::Severity;
use crate::run::Run;
use crate::run::growth::is_settled_on;
use crate::run::plan_result::PlanResult;
use crate::units::Count;

/// The fixture that the others are set against.
const CLEAN: &str = "heavy-single-queue";

/// The file whose statements are looked at: a queue's fetch as it is named for.
const FETCH: &str = "fetch";

/// The variants that stand for a fetch of ten, the first that there is; one job is what some queues give at most.
const VARIANTS: [&str; 4] = [
    "batch-10",
    "batch-10-filtered",
    "batch-1",
    "batch-1-filtered",
];

/// From this ratio on a cell stands out.
const NOTABLE: f64 = 2.0;

/// Pages and rows of one variant.
#[derive(Clone, Copy, Debug, Default)]
struct Fetched {
    pages: u64,
    rows: u64,
}

/// What was fetched, by queue, fixture and variant.
type Cells<'r> = BTreeMap<(&'r str, &'r str, &'r str), Fetched>;

/// Prints the matrix: a line a fixture, a column a queue, both in the order of the run; of several servers the last. Of a statement with
/// two plans it takes the one that PostgreSQL settles on. Below, what the rules found in these fetches.
pub(super) fn render(run: &Run) -> String {
    let Some(postgres) = run.results.last().map(|result| result.postgres.as_str()) else {
        return "No fetch was measured.\n".to_owned();
    };
    let cells = cells(run, postgres);
    let queues = names(run, |result| &result.queue);
    let fixtures = names(run, |result| &result.fixture);
    let mut text = format!(
        "Pages that a fetch of ten jobs reads and writes, PostgreSQL {}",
        escaped(&inert(postgres))
    );
    if fixtures.contains(&CLEAN) {
        text += &format!(
            "; behind them how many times those of the same fetch on {} that is, where it is at least {NOTABLE} times",
            code(CLEAN)
        );
    }
    text += ".\n\n| fixture | jobs |";
    for queue in &queues {
        text += &format!(" {} |", cell(&escaped(&inert(queue))));
    }
    text += &format!("\n|---|--:|{}\n", "--:|".repeat(queues.len()));
    let is_shown = |fixture: &&&str| cells.keys().any(|(_, of, _)| of == *fixture);
    for fixture in fixtures.iter().filter(is_shown) {
        let record = run.environment.fixtures.get(*fixture);
        let jobs = record.map_or_else(String::new, |record| Count(record.jobs).to_string());
        text += &format!("| {} | {jobs} |", cell(&escaped(&inert(fixture))));
        for queue in &queues {
            text += &format!(" {} |", shown(&cells, queue, fixture));
        }
        text.push('\n');
    }
    let one: Vec<String> = queues
        .iter()
        .filter(|queue| gives_one(&cells, queue))
        .map(|queue| escaped(&inert(queue)))
        .collect();
    if !one.is_empty() {
        text += &format!("\nOne job a call: {}.\n", one.join(", "));
    }
    text + &found(run, postgres, &cells, &fixtures)
}

/// What the rules found in the same fetches: a line a fixture, the queues by rule. Notes are left out; nothing where nothing was found.
fn found(run: &Run, postgres: &str, cells: &Cells<'_>, fixtures: &[&str]) -> String {
    let mut lines = String::new();
    for fixture in fixtures {
        let mut rules: BTreeMap<(Reverse<Severity>, &str), Vec<&str>> = BTreeMap::new();
        for result in fetches(run, postgres) {
            let is_cell = result.fixture == *fixture
                && variant_shown(cells, &result.queue, fixture) == Some(&result.variant);
            let findings = result.findings.iter().filter(|_| is_cell);
            for finding in findings.filter(|finding| finding.severity > Severity::Note) {
                let queues = rules.entry((Reverse(finding.severity), &finding.rule));
                let queues = queues.or_default();
                if !queues.contains(&&*result.queue) {
                    queues.push(&result.queue);
                }
            }
        }
        let rules = rules.into_iter().map(|((severity, rule), queues)| {
            let queues: Vec<String> = queues
                .into_iter()
                .map(|queue| escaped(&inert(queue)))
                .collect();
            let queues = queues.join(", ");
            format!(
                "{} {}: {queues}",
                severity_name(severity.0),
                code(&inert(rule))
            )
        });
        let rules: Vec<String> = rules.map(|rule| cell(&rule)).collect();
        if !rules.is_empty() {
            let fixture = cell(&escaped(&inert(fixture)));
            lines += &format!("| {fixture} | {} |\n", rules.join("<br>"));
        }
    }
    if lines.is_empty() {
        return lines;
    }
    format!("\nWhat the rules find in these fetches:\n\n| fixture | findings |\n|---|---|\n{lines}")
}

/// The results that cells are made of.
fn fetches<'r>(run: &'r Run, postgres: &str) -> impl Iterator<Item = &'r PlanResult> {
    run.results.iter().filter(move |result| {
        let file = result.statement.split('/').next();
        result.postgres == postgres && file == Some(FETCH) && is_settled_on(run, result)
    })
}

/// The variant that stands for a fetch of ten of a queue on a fixture.
fn variant_shown<'v>(cells: &Cells<'_>, queue: &str, fixture: &str) -> Option<&'v str> {
    let mut variants = VARIANTS.iter();
    let found = variants.find(|variant| cells.contains_key(&(queue, fixture, **variant)));
    found.copied()
}

/// The cells of a server's results. What several statements of a file touch is added up; the rows are those of the last.
fn cells<'r>(run: &'r Run, postgres: &str) -> Cells<'r> {
    let mut cells = Cells::new();
    for result in fetches(run, postgres) {
        let key = (&*result.queue, &*result.fixture, &*result.variant);
        let fetched = cells.entry(key).or_default();
        fetched.pages += result.buffers.total;
        fetched.rows = result.rows;
    }
    cells
}

/// The names that occur, in order.
fn names(run: &Run, name: fn(&PlanResult) -> &String) -> Vec<&str> {
    let mut names = Vec::new();
    for result in &run.results {
        let name = name(result).as_str();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Whether a queue never gives ten jobs.
fn gives_one(cells: &Cells<'_>, queue: &str) -> bool {
    let mut variants = cells.keys().filter(|(of, ..)| *of == queue);
    let mut any = false;
    let single = variants.all(|(.., variant)| {
        any = true;
        !variant.starts_with("batch-10")
    });
    any && single
}

fn shown(cells: &Cells<'_>, queue: &str, fixture: &str) -> String {
    let found = variant_shown(cells, queue, fixture)
        .and_then(|variant| Some((variant, cells.get(&(queue, fixture, variant))?)));
    let Some((variant, fetched)) = found else {
        return "–".to_owned();
    };
    let pages = Count(fetched.pages).to_string();
    let clean = cells.get(&(queue, CLEAN, variant));
    let ratio = clean.map(|clean| fetched.pages as f64 / clean.pages.max(1) as f64);
    match ratio.filter(|ratio| *ratio >= NOTABLE) {
        Some(ratio) if ratio >= 10.0 => format!("**{pages}** {ratio:.0}×"),
        Some(ratio) => format!("{pages} {ratio:.1}×"),
        None => pages,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Finding;
    use crate::run::plan_result::PlanMode;
    use crate::run::sample;

    /// A run of results with these queues, fixtures, statements, variants and pages.
    fn run(results: &[(&str, &str, &str, &str, u64)]) -> Run {
        let mut run = sample::run();
        let template = run.results.swap_remove(0);
        let result =
            |(queue, fixture, statement, variant, pages): &(&str, &str, &str, &str, u64)| {
                let mut result = template.clone();
                result.queue = (*queue).to_owned();
                result.fixture = (*fixture).to_owned();
                result.statement = (*statement).to_owned();
                result.variant = (*variant).to_owned();
                result.buffers.total = *pages;
                (result.plan_mode, result.auto_plan) = (PlanMode::Custom, Some(PlanMode::Custom));
                result
            };
        run.results = results.iter().map(result).collect();
        run
    }

    #[test]
    fn a_line_a_fixture_and_a_column_a_queue() {
        let run = run(&[
            ("one", CLEAN, "fetch", "batch-1", 9),
            ("one", CLEAN, "fetch", "batch-10", 50),
            ("one", CLEAN, "fetch-cte", "batch-10", 7777),
            ("two", CLEAN, "fetch/turn", "batch-10", 3),
            ("two", CLEAN, "fetch/slice", "batch-10", 7),
            ("single", CLEAN, "fetch", "batch-1", 20),
            ("one", "dead", "fetch", "batch-10", 1_500),
            ("two", "dead", "fetch/turn", "batch-10", 3),
            ("two", "dead", "fetch/slice", "batch-10", 21),
            ("single", "dead", "fetch", "batch-1", 39),
            ("one", "stuck", "fetch", "batch-10-filtered", 60),
        ]);
        let text = render(&run);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "| fixture | jobs | one | two | single |",
                "|---|--:|--:|--:|--:|",
                "| heavy-single-queue | 1,000,000 | 50 | 10 | 20 |",
                "| dead |  | **1,500** 30× | 24 2.4× | 39 |",
                "| stuck |  | 60 | – | – |",
                "",
                "One job a call: single."
            ]
        );
        assert!(text.contains("on `heavy-single-queue`"), "{text}");
    }

    #[test]
    fn the_plan_that_is_used_counts() {
        let mut run = run(&[
            ("one", "dead", "fetch", "batch-10", 10),
            ("one", "dead", "fetch", "batch-10", 70),
        ]);
        for result in &mut run.results {
            result.auto_plan = Some(PlanMode::Generic);
        }
        run.results[1].plan_mode = PlanMode::Generic;
        assert!(render(&run).contains("| dead |  | 70 |"));
        run.results.truncate(1);
        assert!(render(&run).contains("| dead |  | 10 |"), "the only one");
    }

    #[test]
    fn what_was_found_is_a_line_a_fixture_worst_first() {
        let mut run = run(&[
            ("one", CLEAN, "fetch", "batch-10", 9),
            ("one", "dead", "fetch", "batch-10", 9),
            ("two", "dead", "fetch", "batch-10", 9),
            ("two", "dead", "fetch", "batch-1", 9),
            ("two", "dead", "fetch-cte", "batch-10", 9),
        ]);
        let finding = |rule: &str, severity| Finding {
            rule: rule.to_owned(),
            severity,
            message: String::new(),
            help: String::new(),
            node: None,
            evidence: BTreeMap::new(),
        };
        run.results[0].findings = vec![finding("a-note", Severity::Note)];
        let warning = finding("a-warning", Severity::Warning);
        run.results[1].findings = vec![finding("dead-head", Severity::Critical), warning.clone()];
        run.results[2].findings = vec![finding("dead-head", Severity::Critical)];
        run.results[3].findings = vec![warning.clone()];
        run.results[4].findings = vec![warning];
        let text = render(&run);
        let (_, found) = text.split_once("|---|---|\n").expect("a second table");
        assert_eq!(
            found,
            "| dead | critical `dead-head`: one, two<br>warning `a-warning`: one |\n"
        );
    }

    #[test]
    fn names_are_inert_and_nothing_is_said_of_nothing() {
        let text = render(&run(&[("a|b\u{1b}[31m", "<b>", "fetch", "batch-10", 1)]));
        assert!(!text.contains(['\u{1b}', '<']), "{text}");
        assert_eq!(render(&run(&[])), "No fetch was measured.\n");
    }
}
