//! The statements of logs: what each cost in all, the shapes its plans had, and when it went from one to another.

use super::grid::Grid;
use super::order::{View, clipped, one_line, place};
use crate::report::palette::Role;
use crate::report::text::inert;
use crate::run::review::{Flip, LoggedShape, LoggedStatement};
use crate::units::{Count, Milliseconds, Significant, TimeUnit, UNKNOWN, counted};

/// So many statements are listed, or as many as are shown in full.
const MOST_LISTED: usize = 40;

/// So many shapes, and so many flips, are told of a statement.
const MOST_SHAPES: usize = 8;
const MOST_FLIPS: usize = 6;

/// Of a digest so many characters are kept.
const LONGEST_DIGEST: usize = 400;

/// The statements that are listed, and how many are not.
pub(super) fn grid(view: &View<'_>) -> (Grid, usize) {
    let all = &view.review.statements;
    let listed = MOST_LISTED.max(view.top).min(all.len());
    let statements = &all[..listed];
    let unit = TimeUnit::of_column(statements.iter().map(|statement| statement.total_ms));
    let rows = statements.iter().enumerate().map(|(at, statement)| {
        let flips = match statement.flips_total {
            0 => String::new(),
            flips => Count(flips).to_string(),
        };
        vec![
            (Role::Title, format!("s{}", at + 1)),
            (Role::Plain, Count(statement.calls).to_string()),
            (Role::Plain, unit.cell(statement.total_ms)),
            (Role::Plain, known(statement.total_pages)),
            (Role::Plain, a_call(statement.total_pages, statement.calls)),
            (
                Role::Plain,
                Count(statement.shapes.len() as u64).to_string(),
            ),
            (Role::Warning, flips),
            (Role::Quiet, one_line(&statement.statement)),
        ]
    });
    let heads = [
        "#".to_owned(),
        "calls".to_owned(),
        format!("total {}", unit.name()),
        "pages".to_owned(),
        "a call".to_owned(),
        "shapes".to_owned(),
        "flips".to_owned(),
        "statement".to_owned(),
    ];
    let grid = Grid {
        heads: heads.to_vec(),
        rows: rows.collect(),
        left: Vec::new(),
        needed: vec![0],
        cut_in_middle: false,
    };
    (grid, all.len() - listed)
}

/// What there is to say of one statement.
pub(super) struct Story {
    /// What it is called: `s1  server.log:12`.
    pub(super) title: String,
    /// Its text.
    pub(super) statement: String,
    /// Its shapes: a letter and what there is to say.
    pub(super) shapes: Vec<(String, String)>,
    /// Its flips, in lines.
    pub(super) flips: Vec<String>,
}

/// The stories of the statements shown in full: those of several shapes first tell which plan is which.
pub(super) fn stories<'v>(view: &'v View<'_>) -> impl Iterator<Item = Story> + use<'v> {
    let statements = view.review.statements.iter().take(view.top).enumerate();
    statements.map(|(at, statement)| story(view, at, statement))
}

fn story(view: &View<'_>, at: usize, statement: &LoggedStatement) -> Story {
    let id = statement
        .query_id
        .map_or(String::new(), |id| format!(" · query id {id}"));
    let shapes = statement.shapes.iter().take(MOST_SHAPES).enumerate();
    let mut shapes: Vec<(String, String)> = shapes
        .map(|(at, shape)| (letter(at), of_shape(view, shape)))
        .collect();
    let more = statement.shapes.len().saturating_sub(MOST_SHAPES);
    if more > 0 {
        shapes.push((
            String::new(),
            format!("and {}", counted(more, "more shape")),
        ));
    }
    Story {
        title: format!("s{}  {}{id}", at + 1, place(&statement.first)),
        statement: one_line(&statement.statement),
        shapes,
        flips: flips(statement),
    }
}

fn of_shape(view: &View<'_>, shape: &LoggedShape) -> String {
    let calls = shape.calls.max(1);
    let pages = match (shape.total_pages, shape.max_pages) {
        (Some(total), Some(most)) => format!(
            " · {} pages a call, at most {}",
            Significant(total as f64 / calls as f64),
            Count(most)
        ),
        _ => String::new(),
    };
    let plan = match view.numbers.get(shape.plan) {
        Some(number) if *number <= view.top => format!(" · plan {number} below"),
        Some(number) => format!(" · plan {number}"),
        None => String::new(),
    };
    let entries = if shape.calls == 1 { "call" } else { "calls" };
    format!(
        "{} {entries} · {} a call, at most {}{pages}{plan}: {}",
        Count(shape.calls),
        Milliseconds(shape.total_ms / calls as f64),
        Milliseconds(shape.max_ms),
        inert(&clipped(&shape.digest, LONGEST_DIGEST))
    )
}

/// When it went from one shape to another.
fn flips(statement: &LoggedStatement) -> Vec<String> {
    let called = |id: &str| {
        let place = statement.shapes.iter().position(|shape| shape.shape == id);
        place.map_or_else(|| inert(&clipped(id, 40)), letter)
    };
    let told = |flip: &Flip| {
        let time = flip.time.as_deref().map_or(String::new(), |time| {
            format!("{} ", inert(&clipped(time, 60)))
        });
        format!(
            "{time}{}: from {} to {}",
            place(&flip.source),
            called(&flip.from),
            called(&flip.to)
        )
    };
    let listed = statement.flips.iter().take(MOST_FLIPS);
    let mut lines: Vec<String> = listed.map(told).collect();
    let more = statement.flips_total.saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(format!("and {} more", Count(more)));
    }
    lines
}

/// A, B, … Z, then by number.
fn letter(at: usize) -> String {
    match u8::try_from(at) {
        Ok(at @ 0..26) => char::from(b'A' + at).to_string(),
        _ => format!("shape {}", at + 1),
    }
}

fn known(count: Option<u64>) -> String {
    count.map_or(UNKNOWN.to_owned(), |count| Count(count).to_string())
}

fn a_call(total: Option<u64>, calls: u64) -> String {
    total.map_or(UNKNOWN.to_owned(), |total| {
        Significant(total as f64 / calls.max(1) as f64).to_string()
    })
}
