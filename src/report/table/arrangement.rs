//! Which columns a table has and how wide they are, so that numbers never break.
//!
//! What does not fit is given up in one fixed order, the least important first; all tables of a report share the outcome.

use super::super::findings::severity_name;
use super::super::palette::Role;
use super::super::text::{elide, width, wrap};
use super::super::view::{Row, Units, View};

/// Columns of space between two columns of the table.
pub(super) const GUTTER: usize = 2;

/// The name column wraps at words down to this width, and within words no earlier.
const LEAST_NAME_WIDTH: usize = 24;

/// Columns by which a generic plan stands below its custom one, and a name's later lines below its first.
const INDENT: usize = 2;

/// So many rules are named in a cell before the rest is counted.
const RULES_NAMED: usize = 2;

/// Longer names of rules are cut.
const RULE_WIDTH: usize = 40;

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Name,
    Mode,
    Rows,
    Pages,
    PagesPerRow,
    WalPerRow,
    Planning,
    ExecutionP50,
    ExecutionP95,
    Plan,
    Findings,
}

/// Every column, from left to right.
const COLUMNS: [Column; 11] = [
    Column::Name,
    Column::Mode,
    Column::Rows,
    Column::Pages,
    Column::PagesPerRow,
    Column::WalPerRow,
    Column::Planning,
    Column::ExecutionP50,
    Column::ExecutionP95,
    Column::Plan,
    Column::Findings,
];

/// Something a table can do without.
enum Sacrifice {
    /// Plans are listed below the table; a letter stands for each.
    PlansInline,
    /// The worst severity and a count stand for the rules.
    RuleIds,
    /// The names wrap.
    LongNames,
    /// A whole column.
    Column(Column),
}

/// In the order things are given up.
const SACRIFICES: [Sacrifice; 11] = [
    Sacrifice::PlansInline,
    Sacrifice::RuleIds,
    Sacrifice::Column(Column::Planning),
    Sacrifice::LongNames,
    Sacrifice::Column(Column::ExecutionP95),
    Sacrifice::Column(Column::WalPerRow),
    Sacrifice::Column(Column::ExecutionP50),
    Sacrifice::Column(Column::PagesPerRow),
    Sacrifice::Column(Column::Rows),
    Sacrifice::Column(Column::Plan),
    Sacrifice::Column(Column::Findings),
];

/// The columns a table has and how wide each is.
pub(super) struct Arrangement {
    columns: Vec<(Column, usize)>,
    plans_inline: bool,
    rule_ids: bool,
}

impl Arrangement {
    /// The fullest arrangement that fits in `available` columns.
    pub(super) fn choose(view: &View, available: usize) -> Self {
        let mut arrangement = Arrangement {
            columns: COLUMNS.map(|column| (column, 0)).to_vec(),
            plans_inline: true,
            rule_ids: true,
        };
        let mut least_name = None;
        arrangement.measure(view);
        for sacrifice in SACRIFICES {
            if arrangement.fits(available, least_name) {
                break;
            }
            match sacrifice {
                Sacrifice::PlansInline => arrangement.plans_inline = false,
                Sacrifice::RuleIds => arrangement.rule_ids = false,
                Sacrifice::LongNames => least_name = Some(longest_word(view).min(LEAST_NAME_WIDTH)),
                Sacrifice::Column(given_up) => arrangement
                    .columns
                    .retain(|(column, _)| *column != given_up),
            }
            arrangement.measure(view);
        }
        arrangement.narrow_names(available);
        arrangement
    }

    fn measure(&mut self, view: &View) {
        for position in 0..self.columns.len() {
            let column = self.columns[position].0;
            let header = column
                .header(view.units)
                .map(|line| width(&line))
                .into_iter();
            let rows = view.groups.iter().flat_map(|group| &group.rows);
            let cells = rows
                .flat_map(|row| self.natural(column, row))
                .map(|(_, line)| width(&line));
            let widest = header.chain(cells).max().unwrap_or(0);
            self.columns[position].1 = widest;
        }
    }

    fn total(&self) -> usize {
        let content: usize = self.columns.iter().map(|(_, columns)| columns).sum();
        content + GUTTER * (self.columns.len() - 1)
    }

    fn fits(&self, available: usize, least_name: Option<usize>) -> bool {
        let natural = self.width_of(Column::Name);
        self.total() - natural + least_name.unwrap_or(natural).min(natural) <= available
    }

    fn width_of(&self, wanted: Column) -> usize {
        self.columns
            .iter()
            .find(|(column, _)| *column == wanted)
            .map_or(0, |(_, columns)| *columns)
    }

    /// Lets the names have what the other columns leave.
    fn narrow_names(&mut self, available: usize) {
        let excess = self.total().saturating_sub(available);
        if let Some((_, columns)) = self
            .columns
            .iter_mut()
            .find(|(column, _)| *column == Column::Name)
        {
            *columns = columns.saturating_sub(excess).max(1);
        }
    }

    /// The columns and their widths, from left to right.
    pub(super) fn columns(&self) -> impl Iterator<Item = (Column, usize)> {
        self.columns.iter().copied()
    }

    /// Whether the tables show plans themselves, not letters for them.
    pub(super) fn plans_inline(&self) -> bool {
        self.plans_inline
    }

    /// The lines of a cell, none wider than its column.
    pub(super) fn lines(&self, column: Column, row: &Row) -> Vec<(Role, String)> {
        let lines = self.natural(column, row);
        let columns = self.width_of(column);
        match lines.as_slice() {
            [(role, name)] if column == Column::Name && width(name) > columns => {
                wrapped_name(*role, name, columns)
            }
            _ => lines,
        }
    }

    /// The lines of a cell that has all the space it wants.
    fn natural(&self, column: Column, row: &Row) -> Vec<(Role, String)> {
        let plain = |text: &str| vec![(Role::Plain, text.to_owned())];
        match column {
            Column::Name if row.compared => {
                vec![(row.name_role, format!("{:INDENT$}{}", "", row.name))]
            }
            Column::Name => vec![(row.name_role, row.name.clone())],
            Column::Mode => vec![(
                if row.mode == "generic*" {
                    row.name_role
                } else {
                    Role::Quiet
                },
                row.mode.clone(),
            )],
            Column::Rows => plain(&row.rows),
            Column::Pages => vec![(row.name_role, row.pages.clone())],
            Column::PagesPerRow => plain(&row.pages_per_row),
            Column::WalPerRow => plain(&row.wal_per_row),
            Column::Planning => plain(&row.planning),
            Column::ExecutionP50 => plain(&row.execution_p50),
            Column::ExecutionP95 => plain(&row.execution_p95),
            Column::Findings if self.rule_ids => rules(row),
            Column::Findings => worst(row),
            Column::Plan if self.plans_inline => vec![(Role::Quiet, row.digest.clone())],
            Column::Plan => plain(&row.plan),
        }
    }
}

/// A name in several lines, all but the first indented, so that they do not look like rows of their own.
fn wrapped_name(role: Role, name: &str, columns: usize) -> Vec<(Role, String)> {
    let lines = wrap(name.trim_start(), columns.saturating_sub(INDENT).max(1))
        .into_iter()
        .enumerate();
    lines
        .map(|(position, line)| {
            (
                role,
                " ".repeat(if position == 0 { 0 } else { INDENT }) + &line,
            )
        })
        .collect()
}

/// The width that names need so that none breaks within a word.
fn longest_word(view: &View) -> usize {
    let rows = view.groups.iter().flat_map(|group| &group.rows);
    let words = rows.map(|row| match row.compared {
        true => width(&row.name),
        false => row.name.split(' ').map(width).max().unwrap_or(0),
    });
    words.max().unwrap_or(0) + INDENT
}

/// The rules that fired, worst first.
fn rules(row: &Row) -> Vec<(Role, String)> {
    let mut lines: Vec<(Role, String)> = row
        .found
        .iter()
        .take(RULES_NAMED)
        .map(|found| {
            let times = if found.times > 1 {
                format!(" ×{}", found.times)
            } else {
                String::new()
            };
            (
                found.severity.into(),
                format!(
                    "{} {}{times}",
                    severity_name(found.severity),
                    elide(&found.rule, RULE_WIDTH)
                ),
            )
        })
        .collect();
    if row.found.len() > RULES_NAMED {
        lines.push((
            Role::Quiet,
            format!("+{} more", row.found.len() - RULES_NAMED),
        ));
    }
    lines
}

/// The worst severity and how many findings there are beside it.
fn worst(row: &Row) -> Vec<(Role, String)> {
    let total: usize = row.found.iter().map(|found| found.times).sum();
    let worst = row.found.first().map(|found| {
        let others = if total > 1 {
            format!(" +{}", total - 1)
        } else {
            String::new()
        };
        (
            found.severity.into(),
            format!("{}{others}", severity_name(found.severity)),
        )
    });
    worst.into_iter().collect()
}

impl Column {
    /// The two lines of its header.
    pub(super) fn header(self, units: Units) -> [String; 2] {
        let (above, below) = match self {
            Column::Name => ("", "statement".to_owned()),
            Column::Mode => ("", "mode".to_owned()),
            Column::Rows => ("", "rows".to_owned()),
            Column::Pages => ("", "pages".to_owned()),
            Column::PagesPerRow => ("pages", "/row".to_owned()),
            Column::WalPerRow => ("WAL", format!("{}/row", units.wal.name())),
            Column::Planning => ("planning", format!("p50 {}", units.planning.name())),
            Column::ExecutionP50 => ("execution", format!("p50 {}", units.execution.name())),
            Column::ExecutionP95 => ("", format!("p95 {}", units.execution.name())),
            Column::Findings => ("", "findings".to_owned()),
            Column::Plan => ("", "plan".to_owned()),
        };
        [above.to_owned(), below]
    }

    /// Whether its cells are numbers, which stand at its right edge.
    pub(super) fn is_number(self) -> bool {
        !matches!(
            self,
            Column::Name | Column::Mode | Column::Findings | Column::Plan
        )
    }
}
