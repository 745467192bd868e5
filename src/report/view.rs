//! A run prepared for people once: grouped, named and in ready-to-print values, beside the results they were made from.
//!
//! Every text in a view that came with the run is inert: safe on a terminal, one line.

use std::cmp::Ordering;

use super::findings::{self, FindingGroup, Found};
use super::marks;
use super::naming::{Naming, position_or_push};
use super::nested::NestedBlock;
use super::palette::Role;
use super::scans;
use super::text::inert;
use super::verdicts;
use super::versions::{Versions, by_fixture_and_queue, versions};
use crate::run::environment::{Limitation, ServerRecord};
use crate::run::plan_result::{PlanMode, PlanResult};
use crate::run::{Failure, Run};
use crate::units::{ByteUnit, Count, Significant, TimeUnit, UNKNOWN};

/// From this factor on a generic plan that touches more pages than the custom one is worth a colour.
const STRIKING_RATIO: f64 = 2.0;

/// The keys of a result that tables have columns for.
const SHOWN_KEYS: [&str; 8] = [
    "auto_plan",
    "rows",
    "buffers.total",
    "pages_per_row",
    "wal.bytes",
    "planning_ms.p50",
    "execution_ms.p50",
    "execution_ms.p95",
];

/// Everything a report says about plans.
pub(super) struct View {
    /// One table each: by fixture, then by queue, each in the order they were measured.
    pub(super) groups: Vec<Group>,
    /// The units of the columns, the same for every table of a report.
    pub(super) units: Units,
    /// What the rules found, worst first.
    pub(super) findings: Vec<FindingGroup>,
    /// Whether fetches are bounded, a line for each queue.
    pub(super) verdicts: Vec<String>,
    /// What could not be measured.
    pub(super) failures: Vec<FailureLine>,
    /// What was left out on purpose, and why.
    pub(super) skipped: Vec<FailureLine>,
    /// What waited for locks that a session of the fixture holds.
    pub(super) blocked: Vec<FailureLine>,
    /// Where one execution after another touched other pages, a line for each queue on a fixture.
    pub(super) scans: Vec<String>,
    /// What the servers lack, and which keys of their results suffer.
    pub(super) limitations: Vec<String>,
    /// What changed from version to version; none for a single one. With several, only the newest has its tables in `groups`.
    pub(super) versions: Option<Versions>,
    /// Explains the marks that occur in the tables.
    pub(super) legend: Vec<(&'static str, &'static str)>,
}

/// One queue on one fixture.
pub(super) struct Group {
    /// Name of the fixture.
    pub(super) fixture: String,
    /// What else there is to say: number of jobs, queue, and the server version where the run has several.
    pub(super) details: String,
    /// In the order they were measured, a generic plan below its custom one.
    pub(super) rows: Vec<Row>,
    /// The plans of the rows, each once: letter and digest.
    pub(super) plans: Vec<(String, String)>,
    /// What ran inside functions, plan by plan.
    pub(super) nested: Vec<NestedBlock>,
    /// What its server lacks.
    limitations: Vec<Limitation>,
}

/// One result.
pub(super) struct Row {
    /// Operation (or statement, where the queue has several for the operation).
    pub(super) subject: String,
    /// Variant; for a generic plan below its custom one, how they compare.
    pub(super) variant: String,
    /// Whether the row is a generic plan below its custom one.
    pub(super) compared: bool,
    /// What the name is worth in colour.
    pub(super) name_role: Role,
    /// `custom`, `generic`, `both` or `single`; `*` marks the one PostgreSQL settles on.
    pub(super) mode: String,
    /// Rows, as a cell.
    pub(super) rows: String,
    /// Pages, as a cell.
    pub(super) pages: String,
    /// Pages per row, as a cell.
    pub(super) pages_per_row: String,
    /// WAL per row in the column's unit.
    pub(super) wal_per_row: String,
    /// Median planning time in the column's unit.
    pub(super) planning: String,
    /// Median execution time in the column's unit.
    pub(super) execution_p50: String,
    /// 95th percentile of the execution time in the column's unit.
    pub(super) execution_p95: String,
    /// What the rules found, worst first.
    pub(super) found: Vec<Found>,
    /// The plan in one line.
    pub(super) digest: String,
    /// The letter that stands for the plan, the same wherever the queue has it: between fixtures a flip shows.
    pub(super) plan: String,
}

/// The units of the columns.
#[derive(Clone, Copy)]
pub(super) struct Units {
    /// Of WAL per row.
    pub(super) wal: ByteUnit,
    /// Of planning times.
    pub(super) planning: TimeUnit,
    /// Of execution times.
    pub(super) execution: TimeUnit,
    /// Whether there is a mark behind some pages, which leaves a space behind the others.
    more_when_sent: bool,
}

/// Something that could not be measured, as text.
pub(super) struct FailureLine {
    /// Where: queue, fixture, statement and variant.
    pub(super) place: String,
    /// The error.
    pub(super) message: String,
}

impl View {
    /// Prepares a run.
    pub(super) fn of(run: &Run) -> Self {
        let naming = Naming::of(run);
        let units = Units::of(&run.results);
        let groups: Vec<Group> = grouped(&run.results)
            .into_iter()
            .map(|results| Group::of(run, &results, units, &naming))
            .collect();
        let versions = Versions::of(run, &naming, units.wal);
        let is_limited = groups.iter().any(Group::is_limited)
            || versions.as_ref().is_some_and(Versions::is_limited);
        View {
            groups,
            units,
            findings: findings::grouped(&run.results, &naming),
            verdicts: verdicts::lines(run, &naming),
            failures: run.failures.iter().map(FailureLine::of).collect(),
            skipped: FailureLine::by_statement(&run.skipped),
            blocked: FailureLine::by_statement(&run.blocked),
            scans: scans::lines(&run.results),
            limitations: limitations(run, &naming),
            versions,
            legend: marks::legend(&run.results, is_limited),
        }
    }
}

/// What the servers lack, each with the version where there are several.
fn limitations(run: &Run, naming: &Naming<'_>) -> Vec<String> {
    let of_server = |server: &ServerRecord| {
        let version = server.server_version.split_whitespace().next();
        let place = match version.filter(|_| naming.several_servers) {
            Some(version) => format!("PostgreSQL {}: ", inert(version)),
            None => String::new(),
        };
        let line = |limitation: &Limitation| {
            let keys = limitation.not_comparable.join(", ");
            let keys = if keys.is_empty() {
                keys
            } else {
                format!(" (not comparable: {keys})")
            };
            format!("{place}{}", inert(&(limitation.message.clone() + &keys)))
        };
        server.limitations.iter().map(line).collect::<Vec<_>>()
    };
    run.environment.servers().flat_map(of_server).collect()
}

/// The results of each table: of several versions those of the newest.
fn grouped(results: &[PlanResult]) -> Vec<Vec<&PlanResult>> {
    let mut groups = by_fixture_and_queue(results);
    for group in &mut groups {
        if let Some(newest) = versions(group).pop() {
            group.retain(|result| result.postgres == newest);
        }
    }
    groups
}

impl Group {
    fn of(run: &Run, results: &[&PlanResult], units: Units, naming: &Naming<'_>) -> Self {
        let ordered = in_reading_order(results);
        let rows: Vec<Row> = ordered
            .iter()
            .map(|(result, custom)| Row::of(result, *custom, units, naming))
            .collect();
        let named = ordered.iter().zip(&rows);
        let nested = named
            .filter_map(|((result, _), row)| NestedBlock::of(result, &row.full_name()))
            .collect();
        let mut plans: Vec<(usize, String)> = results
            .iter()
            .map(|result| (naming.plan(result), inert(&result.digest)))
            .collect();
        plans.sort_unstable();
        plans.dedup();
        let (fixture, details) = results
            .first()
            .map_or_else(Default::default, |first| title(run, first, naming));
        let plans = plans
            .into_iter()
            .map(|(plan, digest)| (letter(plan), digest))
            .collect();
        let server = results
            .first()
            .and_then(|first| run.environment.server(&first.postgres));
        Group {
            fixture,
            details,
            rows,
            plans,
            nested,
            limitations: server.map_or_else(Vec::new, |server| server.limitations.clone()),
        }
    }

    /// Whether the values at this key of a result are comparable with those of other servers.
    pub(super) fn is_comparable(&self, key: &str) -> bool {
        !self
            .limitations
            .iter()
            .any(|limitation| limitation.covers(key))
    }

    /// Whether a column is marked.
    fn is_limited(&self) -> bool {
        SHOWN_KEYS.iter().any(|key| !self.is_comparable(key))
    }
}

fn title(run: &Run, first: &PlanResult, naming: &Naming<'_>) -> (String, String) {
    let jobs = run
        .environment
        .fixtures
        .get(&first.fixture)
        .map(|fixture| format!("{} jobs", Count(fixture.jobs)));
    let server = naming
        .several_servers
        .then(|| format!("PostgreSQL {}", inert(&first.postgres)));
    let details: Vec<String> = jobs
        .into_iter()
        .chain([inert(&first.queue)])
        .chain(server)
        .collect();
    (inert(&first.fixture), details.join(" · "))
}

/// The results of a group, those of a statement together, each generic plan behind its custom one.
fn in_reading_order<'a>(
    results: &[&'a PlanResult],
) -> Vec<(&'a PlanResult, Option<&'a PlanResult>)> {
    let of_mode = |mode| {
        results
            .iter()
            .copied()
            .filter(move |result| result.plan_mode == mode)
    };
    let same = |one: &PlanResult, other: &PlanResult| {
        one.statement == other.statement && one.variant == other.variant
    };
    let mut statements = Vec::new();
    let mut by_statement = results.to_vec();
    // A file of several statements is measured variant by variant; stable, so that variants keep their order.
    by_statement
        .sort_by_cached_key(|result| position_or_push(&mut statements, result.statement.as_str()));
    let mut ordered = Vec::with_capacity(results.len());
    for result in by_statement {
        if result.plan_mode == PlanMode::Custom {
            ordered.push((result, None));
            ordered.extend(
                of_mode(PlanMode::Generic)
                    .filter(|generic| same(generic, result))
                    .map(|generic| (generic, Some(result))),
            );
        } else if !of_mode(PlanMode::Custom).any(|custom| same(custom, result)) {
            ordered.push((result, None));
        }
    }
    ordered
}

impl Row {
    fn of(
        result: &PlanResult,
        custom: Option<&PlanResult>,
        units: Units,
        naming: &Naming<'_>,
    ) -> Self {
        let unknown = || UNKNOWN.to_owned();
        let (variant, name_role) = match custom {
            Some(custom) => comparison(result, custom),
            None => (inert(&result.variant), Role::Plain),
        };
        Row {
            subject: naming.subject(result),
            variant,
            compared: custom.is_some(),
            name_role,
            mode: marks::mode(result),
            rows: Count(result.rows).to_string(),
            pages: marks::pages(result, units.more_when_sent),
            pages_per_row: result
                .pages_per_row
                .map_or_else(unknown, |pages| Significant(pages).to_string()),
            wal_per_row: wal_per_row(result).map_or_else(unknown, |bytes| units.wal.cell(bytes)),
            planning: result
                .planning_ms
                .p50
                .map_or_else(unknown, |time| units.planning.cell(time)),
            execution_p50: result
                .execution_ms
                .p50
                .map_or_else(unknown, |time| units.execution.cell(time)),
            execution_p95: result
                .execution_ms
                .p95
                .map_or_else(unknown, |time| units.execution.cell(time)),
            found: findings::of_row(&result.findings),
            digest: inert(&result.digest),
            plan: letter(naming.plan(result)),
        }
    }
}

impl Row {
    /// What a row is called where no other stands above it.
    fn full_name(&self) -> String {
        format!("{} {}", self.subject, self.variant)
    }

    /// What a row is called where nothing above it says its subject.
    pub(super) fn name(&self) -> String {
        if self.compared {
            self.variant.clone()
        } else {
            self.full_name()
        }
    }
}

/// WAL bytes for each row; none without rows.
pub(super) fn wal_per_row(result: &PlanResult) -> Option<f64> {
    (result.rows > 0).then(|| result.wal.bytes as f64 / result.rows as f64)
}

/// How many pages a generic plan touches, measured by its custom one, and what that is worth.
fn comparison(generic: &PlanResult, custom: &PlanResult) -> (String, Role) {
    let (pages, base) = (generic.buffers.total, custom.buffers.total);
    let ratio = pages as f64 / base as f64;
    let text = match pages.cmp(&base) {
        Ordering::Equal => "same pages".to_owned(),
        Ordering::Greater if base == 0 => "more pages".to_owned(),
        Ordering::Greater => format!("{}× pages", Significant(ratio)),
        Ordering::Less if pages == 0 => "no pages".to_owned(),
        Ordering::Less => format!("{}× fewer pages", Significant(ratio.recip())),
    };
    let role = match generic.auto_plan {
        _ if pages == base || ratio < STRIKING_RATIO => Role::Plain,
        Some(PlanMode::Generic) => Role::Critical,
        Some(PlanMode::Custom) | None => Role::Warning,
    };
    (format!("↳ {text}"), role)
}

impl Units {
    fn of(results: &[PlanResult]) -> Self {
        let executions = results
            .iter()
            .flat_map(|result| [result.execution_ms.p50, result.execution_ms.p95]);
        Units {
            wal: ByteUnit::of_column(results.iter().filter_map(wal_per_row)),
            planning: TimeUnit::of_column(
                results.iter().filter_map(|result| result.planning_ms.p50),
            ),
            execution: TimeUnit::of_column(executions.flatten()),
            more_when_sent: results.iter().any(marks::reads_when_sent),
        }
    }
}

impl FailureLine {
    /// One line for all variants of a statement that have the same reason.
    fn by_statement(failures: &[Failure]) -> Vec<FailureLine> {
        let mut statements: Vec<Failure> = Vec::new();
        for failure in failures {
            let same = |known: &&mut Failure| {
                (
                    &known.postgres,
                    &known.queue,
                    &known.statement,
                    &known.message,
                ) == (
                    &failure.postgres,
                    &failure.queue,
                    &failure.statement,
                    &failure.message,
                )
            };
            let variants = statements
                .iter_mut()
                .find(same)
                .and_then(|known| known.variant.as_mut());
            match (variants, &failure.variant) {
                (Some(variants), Some(variant)) => {
                    variants.push_str(", ");
                    variants.push_str(variant);
                }
                _ => statements.push(failure.clone()),
            }
        }
        statements.iter().map(FailureLine::of).collect()
    }

    fn of(failure: &Failure) -> Self {
        let measured: Vec<&str> = [&failure.statement, &failure.variant]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        let mut place = match (&failure.queue, &failure.fixture) {
            (Some(queue), Some(fixture)) => format!("{queue} on {fixture}"),
            _ => format!("PostgreSQL {}", failure.postgres),
        };
        if !measured.is_empty() {
            place = format!("{place}, {}", measured.join(" "));
        }
        FailureLine {
            place: inert(&place),
            message: inert(&failure.message),
        }
    }
}

/// The letter that stands for a queue's `plan`-th plan: A to Z, AA to AZ, …
pub(super) fn letter(plan: usize) -> String {
    let last = char::from(b'A' + (plan % 26) as u8);
    if plan < 26 {
        last.to_string()
    } else {
        format!("{}{last}", letter(plan / 26 - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::letter;

    #[test]
    fn letters_go_on_after_z() {
        assert_eq!(
            [0, 25, 26, 51, 52, 701, 702].map(letter),
            ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]
        );
    }
}
