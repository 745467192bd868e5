//! The part of a self-test that sets this program beside pgbench.

use super::{Page, Role, heading, line, line_as};
use crate::run::selftest::{Pgbench, Side};
use crate::stats::spread::median;
use crate::units::{Count, Significant, UNKNOWN, counted};

/// What both came to, side by side.
pub(super) fn section(page: &mut Page, found: &Pgbench) {
    let title = format!(
        "The same statement by pgbench and by this program, {} in turns",
        counted(found.pairs.len(), "pair")
    );
    heading(page, &title);
    if let Some(program) = &found.program {
        line(page, "pgbench", program);
    }
    if !found.pairs.is_empty() {
        measured(page, found);
    }
    if let Some(reason) = &found.not_measured {
        line_as(page, "not measured", Role::Warning, reason);
    }
}

fn measured(page: &mut Page, found: &Pgbench) {
    line(page, "statement", &found.statement);
    line(
        page,
        "each run",
        &format!(
            "{} rows on {}, ten a statement",
            Count(found.rows),
            counted(found.connections, "connection")
        ),
    );
    let middle = |of: &dyn Fn(&Side) -> f64, ours: bool| {
        let sides = found
            .pairs
            .iter()
            .map(|pair| if ours { &pair.ours } else { &pair.pgbench });
        let values: Vec<f64> = sides.map(of).collect();
        median(&values)
    };
    let row = |page: &mut Page, label: &str, of: &dyn Fn(&Side) -> f64, ratio: Option<f64>| {
        let text = |value: Option<f64>| {
            value.map_or(UNKNOWN.to_owned(), |value| Significant(value).to_string())
        };
        line(
            page,
            label,
            &format!(
                "{:>10} {:>13} {:>9}",
                text(middle(of, false)),
                text(middle(of, true)),
                ratio.map_or(UNKNOWN.to_owned(), |ratio| format!(
                    "{} ×",
                    Significant(ratio)
                ))
            ),
        );
    };
    line_as(
        page,
        "",
        Role::Quiet,
        &format!("{:>10} {:>13} {:>9}", "pgbench", "this program", "ratio"),
    );
    row(
        page,
        "statements/s",
        &|side| side.throughput.round(),
        found.throughput_ratio,
    );
    row(page, "client CPU, µs", &|side| side.cpu_us, found.cpu_ratio);
}
