//! Which columns a table has and how wide they are, so that numbers never break.
//!
//! What does not fit is given up in one fixed order, the least important first; all tables of a report share the outcome.

use super::super::findings::severity_name;
use super::super::marks::NOT_COMPARABLE;
use super::super::palette::Role;
use super::super::text::{elide, width, wrap};
use super::super::view::{Row, Units, View};
use crate::finding::Severity;
use crate::units::TimeUnit;

/// Columns of space between two columns of the table, where there is room.
const WIDE_GUTTER: usize = 2;

/// Columns of space between two columns of the table at least.
const NARROW_GUTTER: usize = 1;

/// Names break within words only where not even this width is left.
const LEAST_NAME_WIDTH: usize = 24;

/// Columns by which what belongs to the line above stands further right: variants below their statement, a generic plan below its
/// custom one, a name's later lines below its first.
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
    /// A count for each severity stands for the rules.
    RuleIds,
    /// The names of columns take three lines.
    ShortHeads,
    /// A statement is named once, above its variants.
    FullNames,
    /// Columns stand close together.
    WideGutter,
    /// The names wrap.
    UnbrokenNames,
    /// A whole column.
    Column(Column),
}

/// In the order things are given up.
const SACRIFICES: [Sacrifice; 14] = [
    Sacrifice::PlansInline,
    Sacrifice::RuleIds,
    Sacrifice::ShortHeads,
    Sacrifice::FullNames,
    Sacrifice::WideGutter,
    Sacrifice::UnbrokenNames,
    Sacrifice::Column(Column::ExecutionP95),
    Sacrifice::Column(Column::Planning),
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
    gutter: usize,
    plans_inline: bool,
    rule_ids: bool,
    short_heads: bool,
    full_names: bool,
}

impl Arrangement {
    /// The fullest arrangement that fits in `available` columns.
    pub(super) fn choose(view: &View, available: usize) -> Self {
        let mut arrangement = Arrangement {
            columns: COLUMNS.map(|column| (column, 0)).to_vec(),
            gutter: WIDE_GUTTER,
            plans_inline: true,
            rule_ids: true,
            short_heads: true,
            full_names: true,
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
                Sacrifice::ShortHeads => arrangement.short_heads = false,
                Sacrifice::FullNames => arrangement.full_names = false,
                Sacrifice::WideGutter => arrangement.gutter = NARROW_GUTTER,
                Sacrifice::UnbrokenNames => {
                    least_name = Some(arrangement.longest_piece(view).min(LEAST_NAME_WIDTH));
                }
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
            let marked = view
                .groups
                .iter()
                .any(|group| column.key().is_some_and(|key| !group.is_comparable(key)));
            let header = self.header(column, view.units, marked);
            let header = header.iter().map(|line| width(line));
            let rows = || view.groups.iter().flat_map(|group| &group.rows);
            let cells = rows()
                .flat_map(|row| self.natural(column, row))
                .map(|(_, line)| width(&line));
            let headings = rows()
                .filter(|_| column == Column::Name && !self.full_names)
                .map(|row| width(&row.subject));
            let widest = header.chain(cells).chain(headings).max().unwrap_or(0);
            self.columns[position].1 = widest;
        }
    }

    fn total(&self) -> usize {
        let content: usize = self.columns.iter().map(|(_, columns)| columns).sum();
        content + self.gutter * (self.columns.len() - 1)
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

    /// The lines of a column's header, as many for every column; the last one marked where its values are not comparable.
    pub(super) fn header(&self, column: Column, units: Units, marked: bool) -> Vec<String> {
        let mut lines = column.header(units, self.short_heads);
        if let Some(last) = lines.last_mut().filter(|_| marked) {
            last.push_str(NOT_COMPARABLE);
        }
        let height = if self.short_heads { 2 } else { 3 };
        let mut header = vec![String::new(); height - lines.len().min(height)];
        header.extend(lines);
        header
    }

    /// Columns of space behind each column but the last.
    pub(super) fn gutter(&self) -> usize {
        self.gutter
    }

    /// Whether the tables show plans themselves, not letters for them.
    pub(super) fn plans_inline(&self) -> bool {
        self.plans_inline
    }

    /// Whether the tables name rules, not count them by severity.
    pub(super) fn rule_ids(&self) -> bool {
        self.rule_ids
    }

    /// The lines above a row that name its statement, if the rows do not; `above` is the row in front of it.
    pub(super) fn heading(&self, above: Option<&Row>, row: &Row) -> Option<Vec<(Role, String)>> {
        let is_known = above.is_some_and(|above| above.subject == row.subject);
        (!self.full_names && !is_known)
            .then(|| broken(Role::Plain, &row.subject, self.width_of(Column::Name)))
    }

    /// The lines of a cell, none wider than its column.
    pub(super) fn lines(&self, column: Column, row: &Row) -> Vec<(Role, String)> {
        let lines = self.natural(column, row);
        match lines.as_slice() {
            [(role, name)] if column == Column::Name => {
                broken(*role, name, self.width_of(Column::Name))
            }
            _ => lines,
        }
    }

    /// A row's name with its indentation.
    fn name(&self, row: &Row) -> String {
        let steps = usize::from(!self.full_names) + usize::from(row.compared);
        let name = if self.full_names {
            row.name()
        } else {
            row.variant.clone()
        };
        " ".repeat(steps * INDENT) + &name
    }

    /// The width that names need so that none breaks within a piece.
    fn longest_piece(&self, view: &View) -> usize {
        let rows = view.groups.iter().flat_map(|group| &group.rows);
        let pieces = rows.flat_map(|row| {
            let name = self.name(row);
            let indent = name.len() - name.trim_start_matches(' ').len() + INDENT;
            let longest = |name: &str| pieces(name).map(|piece| width(piece.trim_end())).max();
            let heading = longest(&row.subject).unwrap_or(0) + INDENT;
            [longest(&name).unwrap_or(0) + indent, heading]
        });
        pieces.max().unwrap_or(0)
    }

    /// The lines of a cell that has all the space it wants.
    fn natural(&self, column: Column, row: &Row) -> Vec<(Role, String)> {
        let plain = |text: &str| vec![(Role::Plain, text.to_owned())];
        match column {
            Column::Name => vec![(row.name_role, self.name(row))],
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
            Column::Findings => severities(row),
            Column::Plan if self.plans_inline => vec![(Role::Quiet, row.digest.clone())],
            Column::Plan => plain(&row.plan),
        }
    }
}

/// A name in lines of at most `columns`, broken behind spaces and slashes where possible; all but the first are indented, so that they
/// do not look like rows of their own.
fn broken(role: Role, name: &str, columns: usize) -> Vec<(Role, String)> {
    if width(name) <= columns {
        return vec![(role, name.to_owned())];
    }
    let own = name.len() - name.trim_start_matches(' ').len();
    let indent = (own + INDENT).min(columns / 2);
    let mut lines = Vec::new();
    let mut line = " ".repeat(own.min(indent));
    for part in pieces(&name[own..]).flat_map(|piece| chopped(piece, columns - indent)) {
        if !line.trim_start().is_empty() && width(&line) + width(part.trim_end()) > columns {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
        }
        line.push_str(&part);
    }
    lines.push(line);
    lines
        .into_iter()
        .map(|line| (role, line.trim_end().to_owned()))
        .collect()
}

/// A piece of a name, itself in pieces if it takes more than `columns`.
fn chopped(piece: &str, columns: usize) -> Vec<String> {
    let mut parts = wrap(piece.trim_end(), columns.max(1));
    if let Some(last) = parts.last_mut() {
        last.push_str(&piece[piece.trim_end().len()..]);
    }
    parts
}

/// What a name may be broken into.
fn pieces(name: &str) -> impl Iterator<Item = &str> {
    name.split_inclusive([' ', '/'])
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

/// How many findings there are of each severity, worst first, for example `1c 2n`.
fn severities(row: &Row) -> Vec<(Role, String)> {
    let counts = [Severity::Critical, Severity::Warning, Severity::Note].map(|severity| {
        let found = row.found.iter().filter(|found| found.severity == severity);
        (severity, found.map(|found| found.times).sum::<usize>())
    });
    let counts: Vec<String> = counts
        .iter()
        .filter(|(_, times)| *times > 0)
        .map(|(severity, times)| format!("{times}{}", &severity_name(*severity)[..1]))
        .collect();
    let worst = row.found.first();
    worst
        .map(|found| (found.severity.into(), counts.join(" ")))
        .into_iter()
        .collect()
}

impl Column {
    /// The lines of its header, short ones or one more of narrow ones.
    fn header(self, units: Units, short: bool) -> Vec<String> {
        let wal = format!("{}/row", units.wal.name());
        let median = |unit: TimeUnit| format!("p50 {}", unit.name());
        let high = format!("p95 {}", units.execution.name());
        let lines: &[&str] = match (self, short) {
            (Column::Name, _) => &["statement"],
            (Column::Mode, _) => &["mode"],
            (Column::Rows, _) => &["rows"],
            (Column::Pages, _) => &["pages"],
            (Column::PagesPerRow, _) => &["pages", "/row"],
            (Column::WalPerRow, _) => &["WAL", &wal],
            (Column::Planning, true) => &["planning", &median(units.planning)],
            (Column::Planning, false) => &["plan-", "ning", &median(units.planning)],
            (Column::ExecutionP50, true) => &["execution", &median(units.execution)],
            (Column::ExecutionP50, false) => &["execu-", "tion", &median(units.execution)],
            (Column::ExecutionP95, _) => &[&high],
            (Column::Findings, true) => &["findings"],
            (Column::Findings, false) => &["find-", "ings"],
            (Column::Plan, _) => &["plan"],
        };
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    /// The key of a result that its cells show; none where they show something made of several.
    pub(super) fn key(self) -> Option<&'static str> {
        match self {
            Column::Mode => Some("auto_plan"),
            Column::Rows => Some("rows"),
            Column::Pages => Some("buffers.total"),
            Column::PagesPerRow => Some("pages_per_row"),
            Column::WalPerRow => Some("wal.bytes"),
            Column::Planning => Some("planning_ms.p50"),
            Column::ExecutionP50 => Some("execution_ms.p50"),
            Column::ExecutionP95 => Some("execution_ms.p95"),
            Column::Name | Column::Plan | Column::Findings => None,
        }
    }

    /// Whether its cells are numbers, which stand at its right edge.
    pub(super) fn is_number(self) -> bool {
        !matches!(
            self,
            Column::Name | Column::Mode | Column::Findings | Column::Plan
        )
    }
}
