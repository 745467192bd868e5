//! What changed from server version to server version, prepared once: plan by plan, each version against the one before it.

use std::collections::BTreeMap;

use super::marks::NOT_COMPARABLE;
use super::naming::{Naming, position_or_push};
use super::palette::Role;
use super::text::inert;
use super::view::{letter, wal_per_row};
use crate::run::Run;
use crate::run::environment::version_numbers;
use crate::run::plan_result::{GenericShape, PlanMode, PlanResult};
use crate::units::{ByteUnit, Count, Significant, UNKNOWN, counted};

/// Counts differ a little between versions without a reason in the plan: a page of a catalog that is read once, a record that is
/// aligned otherwise. From this share on a difference is told.
const TELLING: f64 = 0.05;

/// From this factor on more pages are more than a warning.
const STRIKING_RATIO: f64 = 2.0;

/// What stands for a number that is the same as on the version before.
const SAME: &str = "=";

/// What a run on several versions says of their differences.
pub(super) struct Versions {
    /// By fixture, then by queue.
    pub(super) groups: Vec<VersionGroup>,
    /// What the versions differ in besides their version, as sentences.
    pub(super) unlike: Vec<String>,
    /// Which tables are printed in full, and where the others are.
    pub(super) in_full: String,
}

/// One queue on one fixture.
pub(super) struct VersionGroup {
    /// Name of the fixture.
    pub(super) fixture: String,
    /// What else there is to say: number of jobs, queue.
    pub(super) details: String,
    /// The versions, from the oldest to the newest.
    pub(super) versions: Vec<String>,
    /// The plans that changed, in the order they were measured.
    pub(super) rows: Vec<VersionRow>,
    /// The plans that changed their shape, each once: letter and digest.
    pub(super) plans: Vec<(String, String)>,
    /// How many are not listed, and why.
    pub(super) folded: Vec<String>,
}

/// One plan that changed.
pub(super) struct VersionRow {
    /// Operation or statement.
    pub(super) subject: String,
    /// Variant, and the mode of a generic plan.
    pub(super) variant: String,
    /// Pages by version; a letter before them where the plan changed.
    pub(super) pages: Vec<VersionCell>,
    /// WAL per row by version, in the report's unit; none where it hardly changed.
    pub(super) wal: Option<Vec<VersionCell>>,
    /// What changed, a version each, for example `17.10: plan A → B, +24 % pages`.
    pub(super) changes: Vec<String>,
}

/// One number of one version.
pub(super) struct VersionCell {
    /// What it says.
    pub(super) text: String,
    /// What the difference from the version before is worth in colour.
    pub(super) role: Role,
}

/// A plan on every version: none where it was not measured.
type Chain<'r> = Vec<Option<&'r PlanResult>>;

/// How much a plan changed.
enum Extent {
    Unchanged,
    /// By this share at most.
    Slight(f64),
    Telling,
}

impl Versions {
    /// Compares the versions of a run; none where nothing was measured on two.
    pub(super) fn of(run: &Run, naming: &Naming<'_>, wal: ByteUnit) -> Option<Self> {
        let groups: Vec<VersionGroup> = by_fixture_and_queue(&run.results)
            .iter()
            .filter_map(|results| VersionGroup::of(run, results, naming, wal))
            .collect();
        let all: Vec<&PlanResult> = run.results.iter().collect();
        let versions = versions(&all);
        let (newest, others) = versions.split_last()?;
        (!groups.is_empty()).then(|| Versions {
            groups,
            unlike: unlike(run),
            in_full: format!(
                "In full below: PostgreSQL {}. The tables of {} are in run.json and with --format csv.",
                inert(newest),
                inert(&others.join(", "))
            ),
        })
    }
}

/// The results of each pair, the fixtures and then the queues in the order they were measured.
pub(super) fn by_fixture_and_queue(results: &[PlanResult]) -> Vec<Vec<&PlanResult>> {
    let (mut fixtures, mut queues) = (Vec::new(), Vec::new());
    let mut groups: BTreeMap<_, Vec<&PlanResult>> = BTreeMap::new();
    for result in results {
        let key = (
            position_or_push(&mut fixtures, result.fixture.as_str()),
            position_or_push(&mut queues, result.queue.as_str()),
        );
        groups.entry(key).or_default().push(result);
    }
    groups.into_values().collect()
}

/// The versions that results are of, from the oldest to the newest.
pub(super) fn versions<'r>(results: &[&'r PlanResult]) -> Vec<&'r str> {
    let mut known = Vec::new();
    for result in results {
        position_or_push(&mut known, result.postgres.as_str());
    }
    known.sort_by_key(|version| version_numbers(version));
    known
}

impl Versions {
    /// Whether a version's column is marked.
    pub(super) fn is_limited(&self) -> bool {
        let mut heads = self.groups.iter().flat_map(|group| &group.versions);
        heads.any(|head| head.ends_with(NOT_COMPARABLE))
    }
}

impl VersionGroup {
    fn of(run: &Run, results: &[&PlanResult], naming: &Naming<'_>, unit: ByteUnit) -> Option<Self> {
        let versions = versions(results);
        let first = results.first()?;
        if versions.len() < 2 {
            return None;
        }
        let (mut rows, mut plans) = (Vec::new(), BTreeMap::new());
        let (mut unchanged, mut slight) = (0, Vec::new());
        for chain in chains(results, &versions) {
            match extent(&chain) {
                Extent::Unchanged => unchanged += 1,
                Extent::Slight(share) => slight.push((share, chain)),
                Extent::Telling => {
                    if has_several_shapes(&chain) {
                        plans.extend(
                            chain
                                .iter()
                                .flatten()
                                .map(|result| (naming.plan(result), inert(&result.digest))),
                        );
                    }
                    rows.push(VersionRow::of(&chain, &versions, naming, unit));
                }
            }
        }
        let jobs = run.environment.fixtures.get(&first.fixture);
        let jobs = jobs.map(|fixture| format!("{} jobs · ", Count(fixture.jobs)));
        Some(VersionGroup {
            fixture: inert(&first.fixture),
            details: format!("{}{}", jobs.unwrap_or_default(), inert(&first.queue)),
            versions: versions.iter().map(|one| head(run, one)).collect(),
            rows,
            plans: plans
                .into_iter()
                .map(|(plan, digest)| (letter(plan), digest))
                .collect(),
            folded: folded(unchanged, slight, naming),
        })
    }
}

/// A version as its column is called: marked where its counts are not comparable.
fn head(run: &Run, version: &str) -> String {
    let limitations = run.environment.server(version).map(|one| &one.limitations);
    let is_limited = |key| limitations.into_iter().flatten().any(|one| one.covers(key));
    let limited = is_limited("buffers.total") || is_limited("wal.bytes");
    let mark = if limited { NOT_COMPARABLE } else { "" };
    format!("{}{mark}", inert(version))
}

/// How many plans are not listed: those that did not change, and those that changed too little.
fn folded(unchanged: usize, slight: Vec<(f64, Chain<'_>)>, naming: &Naming<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if unchanged > 0 {
        let plans = counted(unchanged, "plan");
        lines.push(format!("{plans} unchanged in shape, pages and WAL"));
    }
    let number = slight.len();
    let most = slight
        .into_iter()
        .max_by(|one, other| one.0.total_cmp(&other.0));
    if let Some((share, chain)) = most {
        let plans = counted(number, "plan");
        let name = chain.iter().flatten().next().map(|first| {
            let (subject, variant) = names(first, is_generic(&chain), naming);
            format!("{subject} {variant}")
        });
        lines.push(format!(
            "{plans} of the same shape whose pages and WAL differ by {:.1} % at most ({})",
            share * 100.0,
            name.unwrap_or_default()
        ));
    }
    lines
}

/// Every plan of a group on every version, in reading order.
fn chains<'r>(results: &[&'r PlanResult], versions: &[&str]) -> Vec<Chain<'r>> {
    let (mut statements, mut variants) = (Vec::new(), Vec::new());
    let mut chains: BTreeMap<_, Chain<'r>> = BTreeMap::new();
    for result in results {
        let Some(version) = versions.iter().position(|one| *one == result.postgres) else {
            continue;
        };
        let statement = position_or_push(&mut statements, result.statement.as_str());
        let variant = position_or_push(&mut variants, (statement, result.variant.as_str()));
        let key = |generic| (statement, variant, generic);
        let mut put = |generic| {
            let empty = || vec![None; versions.len()];
            let place = &mut chains.entry(key(generic)).or_insert_with(empty)[version];
            place.get_or_insert(result);
        };
        match (result.plan_mode, result.generic_shape) {
            (PlanMode::Generic, _) => put(true),
            (PlanMode::Custom, GenericShape::Same) => {
                put(false);
                // The generic plan is the same plan; it stands here if another version has a generic plan of its own.
                put(true);
            }
            (PlanMode::Custom, _) => put(false),
        }
    }
    let listed = |(key, chain): ((usize, usize, bool), Chain<'r>)| {
        (!key.2 || is_generic(&chain)).then_some(chain)
    };
    chains.into_iter().filter_map(listed).collect()
}

/// Whether it is the generic plan that is compared.
fn is_generic(chain: &[Option<&PlanResult>]) -> bool {
    let mut results = chain.iter().flatten();
    results.any(|result| result.plan_mode == PlanMode::Generic)
}

fn has_several_shapes(chain: &[Option<&PlanResult>]) -> bool {
    steps(chain).any(|(before, after)| before.shape != after.shape)
}

/// Each version's result with the one of the nearest version before it.
fn steps<'c, 'r>(
    chain: &'c [Option<&'r PlanResult>],
) -> impl Iterator<Item = (&'r PlanResult, &'r PlanResult)> + 'c {
    let measured = || chain.iter().copied().flatten();
    measured().zip(measured().skip(1))
}

fn extent(chain: &[Option<&PlanResult>]) -> Extent {
    if chain.iter().any(Option::is_none) {
        return Extent::Telling;
    }
    let mut most = 0.0_f64;
    for (before, after) in steps(chain) {
        if before.shape != after.shape || before.rows != after.rows || settles(before, after) {
            return Extent::Telling;
        }
        for (before, after) in [pages(before, after), wal(before, after)] {
            most = most.max(share(before, after));
        }
    }
    match most {
        0.0 => Extent::Unchanged,
        share if share <= TELLING => Extent::Slight(share),
        _ => Extent::Telling,
    }
}

fn pages(before: &PlanResult, after: &PlanResult) -> (f64, f64) {
    (before.buffers.total as f64, after.buffers.total as f64)
}

/// WAL per row, of all rows where there are none.
fn wal(before: &PlanResult, after: &PlanResult) -> (f64, f64) {
    let bytes = |result: &PlanResult| wal_per_row(result).unwrap_or(result.wal.bytes as f64);
    (bytes(before), bytes(after))
}

/// By how much a number changed, as a share of what it was.
fn share(before: f64, after: f64) -> f64 {
    match before {
        _ if before == after => 0.0,
        0.0 => f64::INFINITY,
        _ => (after / before - 1.0).abs(),
    }
}

/// Whether PostgreSQL settles on another plan by itself.
fn settles(before: &PlanResult, after: &PlanResult) -> bool {
    before.auto_plan.is_some()
        && after.auto_plan.is_some()
        && before.auto_plan != after.auto_plan
        // The custom plan's row says it.
        && [before, after].iter().all(|result| result.plan_mode == PlanMode::Custom)
}

fn names(first: &PlanResult, generic: bool, naming: &Naming<'_>) -> (String, String) {
    let mode = if generic { " generic" } else { "" };
    (
        naming.subject(first),
        format!("{}{mode}", inert(&first.variant)),
    )
}

impl VersionRow {
    fn of(
        chain: &[Option<&PlanResult>],
        versions: &[&str],
        naming: &Naming<'_>,
        unit: ByteUnit,
    ) -> Self {
        let generic = is_generic(chain);
        let (subject, variant) = chain
            .iter()
            .flatten()
            .next()
            .map_or_else(Default::default, |first| names(first, generic, naming));
        let wal_matters = steps(chain).any(|(before, after)| {
            let (before, after) = wal(before, after);
            share(before, after) > TELLING
        });
        let wal_text = |result: &PlanResult| {
            wal_per_row(result).map_or_else(|| UNKNOWN.to_owned(), |bytes| unit.cell(bytes))
        };
        let pages_text = |result: &PlanResult| Count(result.buffers.total).to_string();
        let plan = has_several_shapes(chain).then_some(naming);
        VersionRow {
            subject,
            variant,
            pages: cells(chain, plan, pages, pages_text),
            wal: wal_matters.then(|| cells(chain, None, wal, wal_text)),
            changes: changes(chain, versions, generic, naming),
        }
    }
}

/// A cell for each version; with the letters of the plans, where they are asked for.
fn cells<'r>(
    chain: &[Option<&'r PlanResult>],
    plans: Option<&Naming<'_>>,
    numbers: fn(&PlanResult, &PlanResult) -> (f64, f64),
    text: impl Fn(&PlanResult) -> String,
) -> Vec<VersionCell> {
    let mut last: Option<&PlanResult> = None;
    let cell = |result: &Option<&'r PlanResult>| {
        let Some(after) = *result else {
            return VersionCell {
                text: UNKNOWN.to_owned(),
                role: Role::Quiet,
            };
        };
        let before = last.replace(after);
        let same_shape = before.is_some_and(|before| before.shape == after.shape);
        let letter = plans
            .filter(|_| !same_shape)
            .map(|naming| letter(naming.plan(after)) + " ")
            .unwrap_or_default();
        let (text, role) = match before.map(|before| numbers(before, after)) {
            None => (text(after), Role::Plain),
            Some((before, after)) if before == after && same_shape => {
                (SAME.to_owned(), Role::Quiet)
            }
            Some((before, number)) => (text(after), worth(before, number)),
        };
        VersionCell {
            text: letter + &text,
            role,
        }
    };
    chain.iter().map(cell).collect()
}

fn worth(before: f64, after: f64) -> Role {
    match share(before, after) {
        share if share <= TELLING => Role::Plain,
        _ if after < before => Role::Note,
        _ if after < before * STRIKING_RATIO => Role::Warning,
        _ => Role::Critical,
    }
}

/// What changed, a line for each version on which something did.
fn changes(
    chain: &[Option<&PlanResult>],
    versions: &[&str],
    generic: bool,
    naming: &Naming<'_>,
) -> Vec<String> {
    let mut last: Option<&PlanResult> = None;
    let mut lines = Vec::new();
    for (version, result) in versions.iter().zip(chain) {
        let version = inert(version);
        let Some(after) = *result else {
            lines.push(format!("{version}: not measured"));
            continue;
        };
        if let Some(before) = last {
            let words = words(before, after, generic, naming);
            if !words.is_empty() {
                lines.push(format!("{version}: {}", words.join(", ")));
            }
        }
        last = Some(after);
    }
    lines
}

fn words(
    before: &PlanResult,
    after: &PlanResult,
    generic: bool,
    naming: &Naming<'_>,
) -> Vec<String> {
    let mut words = Vec::new();
    if before.shape != after.shape {
        let plans = [before, after].map(|result| naming.plan(result));
        words.push(match plans {
            [one, other] if one == other => "conditions elsewhere in the plan".to_owned(),
            [one, other] => format!("plan {} → {}", letter(one), letter(other)),
        });
    }
    let became_custom = generic && after.plan_mode == PlanMode::Custom;
    if became_custom && before.plan_mode == PlanMode::Generic {
        words.push("same as custom".to_owned());
    }
    if before.rows != after.rows {
        words.push(format!(
            "rows {} → {}",
            Count(before.rows),
            Count(after.rows)
        ));
    }
    let counts = [("pages", pages(before, after)), ("WAL", wal(before, after))];
    words.extend(
        counts
            .into_iter()
            .filter_map(|(what, (before, after))| difference(what, before, after)),
    );
    if let Some(mode) = after.auto_plan.filter(|_| settles(before, after)) {
        words.push(format!("settles on {}", mode.name()));
    }
    words
}

/// For example `+24 % pages`, `3× pages`, `−66 % WAL`; none where it is too small to tell.
fn difference(what: &str, before: f64, after: f64) -> Option<String> {
    if share(before, after) <= TELLING {
        return None;
    }
    let ratio = after / before;
    Some(if before == 0.0 {
        format!("{what} where there was none")
    } else if ratio >= STRIKING_RATIO {
        format!("{}× {what}", Significant(ratio))
    } else {
        let sign = if ratio > 1.0 { '+' } else { '−' };
        let percent = (ratio - 1.0).abs() * 100.0;
        format!("{sign}{percent:.0} % {what}")
    })
}

/// What the servers differ in besides their version and what follows from it.
fn unlike(run: &Run) -> Vec<String> {
    let mut lines = Vec::new();
    let mut tell = |what: &str, of: &dyn Fn(&crate::run::environment::ServerRecord) -> String| {
        let mut kinds: Vec<(String, Vec<String>)> = Vec::new();
        for server in run.environment.servers() {
            let version = server.server_version.split_whitespace().next();
            let version = inert(version.unwrap_or_default());
            let kind = of(server);
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, versions)) => versions.push(version),
                None => kinds.push((kind, vec![version])),
            }
        }
        if kinds.len() > 1 {
            let each = kinds
                .iter()
                .map(|(kind, versions)| format!("{}: {}", versions.join(", "), inert(kind)));
            lines.push(format!("{what} — {}", each.collect::<Vec<_>>().join(" · ")));
        }
    };
    tell("different builds", &|server| server.build.clone());
    tell("pages of different size", &|server| {
        format!("{} bytes", Count(server.block_size))
    });
    tell("missing", &|server| {
        let missing = server.limitations.iter();
        let names: Vec<&str> = missing.map(|one| one.capability.as_str()).collect();
        if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(", ")
        }
    });
    lines
}
