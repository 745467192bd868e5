//! A run as CSV (RFC 4180): a header, then one line a result.
//!
//! Headers are the paths of the values in a result of `run.json` (`buffers.total`, `execution_ms.p50`), after `run_id`, so that
//! the files of several runs can be put together. `findings` is a list of `severity:rule` with spaces between,
//! `not_comparable` one of the keys that suffer from what the server lacks. `nested.statements` is the number of entries of
//! `nested`, `nested.calls` of their executions. What is not known is empty. The single samples and the failures have no place here: `run.json` has them.

use super::findings::severity_name;
use super::text::inert;
use crate::run::Run;
use crate::run::plan_result::{GenericShape, PlanMode, PlanResult};

/// A value of a result.
pub(super) enum Field {
    /// Text that came with the run.
    Text(String),
    /// A number of ours.
    Number(String),
}

/// A header, and how a result fills the column below it.
type Column = (&'static str, fn(&Run, &PlanResult) -> Field);

/// The columns from left to right.
const COLUMNS: [Column; 44] = [
    ("run_id", |run, _| text(&run.run_id)),
    ("postgres", |_, result| text(&result.postgres)),
    ("queue", |_, result| text(&result.queue)),
    ("fixture", |_, result| text(&result.fixture)),
    ("operation", |_, result| text(&result.operation)),
    ("variant", |_, result| text(&result.variant)),
    ("statement", |_, result| text(&result.statement)),
    ("plan_mode", |_, result| text(result.plan_mode.name())),
    ("auto_plan", |_, result| {
        text(result.auto_plan.map_or("", PlanMode::name))
    }),
    ("generic_shape", |_, result| {
        text(generic_shape(result.generic_shape))
    }),
    ("shape", |_, result| text(&result.shape)),
    ("digest", |_, result| text(&result.digest)),
    ("rows", |_, result| number(result.rows)),
    ("rows_removed", |_, result| known(result.rows_removed)),
    ("buffers.hit", |_, result| number(result.buffers.hit)),
    ("buffers.read", |_, result| number(result.buffers.read)),
    ("buffers.dirtied", |_, result| {
        number(result.buffers.dirtied)
    }),
    ("buffers.written", |_, result| {
        number(result.buffers.written)
    }),
    ("buffers.temp", |_, result| number(result.buffers.temp)),
    ("buffers.total", |_, result| number(result.buffers.total)),
    ("wal.records", |_, result| number(result.wal.records)),
    ("wal.fpi", |_, result| number(result.wal.fpi)),
    ("wal.bytes", |_, result| number(result.wal.bytes)),
    ("pages_per_row", |_, result| known(result.pages_per_row)),
    ("output.bytes", |_, result| {
        known(result.output.map(|output| output.bytes))
    }),
    ("output.pages", |_, result| {
        known(result.output.map(|output| output.pages))
    }),
    ("nested.statements", |_, result| {
        known(result.nested.as_ref().map(Vec::len))
    }),
    ("nested.calls", |_, result| {
        let nested = result.nested.as_ref();
        known(nested.map(|nested| nested.iter().map(|entry| entry.calls).sum::<u64>()))
    }),
    ("nested_left_out", |_, result| {
        number(result.nested_left_out)
    }),
    ("planning_ms.n", |_, result| number(result.planning_ms.n)),
    ("planning_ms.min", |_, result| known(result.planning_ms.min)),
    ("planning_ms.p50", |_, result| known(result.planning_ms.p50)),
    ("planning_ms.p95", |_, result| known(result.planning_ms.p95)),
    ("planning_ms.p99", |_, result| known(result.planning_ms.p99)),
    ("planning_ms.max", |_, result| known(result.planning_ms.max)),
    ("execution_ms.n", |_, result| number(result.execution_ms.n)),
    ("execution_ms.min", |_, result| {
        known(result.execution_ms.min)
    }),
    ("execution_ms.p50", |_, result| {
        known(result.execution_ms.p50)
    }),
    ("execution_ms.p95", |_, result| {
        known(result.execution_ms.p95)
    }),
    ("execution_ms.p99", |_, result| {
        known(result.execution_ms.p99)
    }),
    ("execution_ms.max", |_, result| {
        known(result.execution_ms.max)
    }),
    ("findings", |_, result| {
        list(
            result
                .findings
                .iter()
                .map(|finding| format!("{}:{}", severity_name(finding.severity), finding.rule)),
        )
    }),
    ("dump", |_, result| text(&result.dump)),
    ("not_comparable", |run, result| {
        list(not_comparable(run, result).into_iter())
    }),
];

/// The keys of a result that cannot be compared with those of other servers, each once.
fn not_comparable(run: &Run, result: &PlanResult) -> Vec<String> {
    let server = run.environment.server(&result.postgres);
    let limitations = server.into_iter().flat_map(|server| &server.limitations);
    let mut keys: Vec<String> = limitations
        .flat_map(|limitation| limitation.not_comparable.clone())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Prints the results of a run.
pub(super) fn render(run: &Run) -> String {
    let mut csv = line(COLUMNS.iter().map(|(header, _)| (*header).to_owned()));
    for result in &run.results {
        csv.push_str(&line(
            COLUMNS.iter().map(|(_, value)| quoted(value(run, result))),
        ));
    }
    csv
}

/// A line of fields.
pub(super) fn line(fields: impl Iterator<Item = String>) -> String {
    fields.collect::<Vec<_>>().join(",") + "\r\n"
}

/// A field as it stands in the file. A spreadsheet takes text that begins with one of `= + - @` for a formula and runs it: an
/// apostrophe before it keeps it text.
pub(super) fn quoted(field: Field) -> String {
    let shown = match field {
        Field::Number(number) => return number,
        Field::Text(text) => inert(&text),
    };
    let shown = if shown.trim_start().starts_with(['=', '+', '-', '@']) {
        format!("'{shown}")
    } else {
        shown
    };
    if shown.contains([',', '"']) {
        format!("\"{}\"", shown.replace('"', "\"\""))
    } else {
        shown
    }
}

fn text(text: &str) -> Field {
    Field::Text(text.to_owned())
}

fn number(number: impl ToString) -> Field {
    Field::Number(number.to_string())
}

fn known(number: Option<impl ToString>) -> Field {
    Field::Number(number.map_or_else(String::new, |number| number.to_string()))
}

fn list(items: impl Iterator<Item = String>) -> Field {
    Field::Text(items.collect::<Vec<_>>().join(" "))
}

fn generic_shape(shape: GenericShape) -> &'static str {
    match shape {
        GenericShape::Same => "same",
        GenericShape::Differs => "differs",
        GenericShape::None => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, quoted};

    fn text(text: &str) -> String {
        quoted(Field::Text(text.to_owned()))
    }

    #[test]
    fn fields_are_quoted_where_they_have_to_be() {
        assert_eq!(text("plain"), "plain");
        assert_eq!(text("a,b"), "\"a,b\"");
        assert_eq!(text("say \"no\""), "\"say \"\"no\"\"\"");
        assert_eq!(text("two\r\nlines"), "two\\r\\nlines");
    }

    #[test]
    fn no_text_is_a_formula() {
        assert_eq!(text("=1+1"), "'=1+1");
        assert_eq!(text(" @sum(a1)"), "' @sum(a1)");
        assert_eq!(text("-x,\"y\""), "\"'-x,\"\"y\"\"\"");
        assert_eq!(quoted(Field::Number("-1".to_owned())), "-1");
    }
}
