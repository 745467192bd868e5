//! The table of all plans, worst first.

use super::grid::Grid;
use super::order::{View, clipped, findings_cell, place, worst};
use crate::report::palette::Role;
use crate::report::text::{elide_middle, inert};
use crate::units::{Count, TimeUnit, UNKNOWN};

/// So many plans are listed, or as many as are shown in full.
const MOST_LISTED: usize = 40;

/// From this width on the worst rule is named; below it there is a count of each severity.
const WIDE: usize = 100;

/// Of a digest so many characters are kept: a plan of thousands of nodes has one of megabytes.
const LONGEST_DIGEST: usize = 400;

/// The plans that are listed, and how many are not.
pub(super) fn grid(view: &View<'_>, columns: usize) -> (Grid, usize) {
    let listed = MOST_LISTED.max(view.top).min(view.ranked.len());
    let plans = &view.ranked[..listed];
    let unit = TimeUnit::of_column(plans.iter().filter_map(|plan| plan.execution_ms));
    let rows = plans.iter().enumerate().map(|(at, plan)| {
        let time = plan
            .execution_ms
            .map_or(UNKNOWN.to_owned(), |time| unit.cell(time));
        let pages = plan.buffers.map(|buffers| buffers.total);
        vec![
            (Role::Title, (at + 1).to_string()),
            (
                worst(plan).map_or(Role::Plain, Role::from),
                findings_cell(plan, columns >= WIDE),
            ),
            (Role::Plain, time),
            (Role::Plain, known(pages)),
            (Role::Plain, known(plan.rows)),
            (Role::Plain, elide_middle(&place(&plan.source), columns / 4)),
            (Role::Quiet, inert(&clipped(&plan.digest, LONGEST_DIGEST))),
        ]
    });
    let heads = [
        "#",
        "findings",
        unit.name(),
        "pages",
        "rows",
        "where",
        "plan",
    ];
    let grid = Grid {
        heads: heads.map(str::to_owned).to_vec(),
        rows: rows.collect(),
        left: vec![1, 5],
        needed: vec![0, 1, 5],
        cut_in_middle: true,
    };
    (grid, view.ranked.len() - listed)
}

fn known(count: Option<u64>) -> String {
    count.map_or(UNKNOWN.to_owned(), |count| Count(count).to_string())
}
