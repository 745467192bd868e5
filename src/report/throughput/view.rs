//! A run prepared for people once: what is side by side, then drain by drain.

use std::collections::BTreeMap;

use super::facts::{Fact, facts, headline, warnings};
use super::grid::Grid;
use super::grids;
use super::overview::overview;
use super::scaling::ScalingView;
use super::troubles::troubles;
use crate::report::text::inert;
use crate::run::Failure;
use crate::run::throughput::{Repeats, ThroughputResult, ThroughputRun, repeats};
use crate::units::{Count, Milliseconds, counted};

/// More cells than this are only shown side by side.
const DETAILED: usize = 6;

/// Everything a report says.
pub(super) struct View {
    /// Cells side by side; none where there is but one drain.
    pub(super) overview: Option<Grid>,
    /// What sweeps told.
    pub(super) scaling: Vec<ScalingView>,
    /// One for each cell, unless there are many.
    pub(super) drains: Vec<DrainView>,
    /// Says that drains are left out; empty where none is.
    pub(super) left_out: String,
    /// What went wrong in drains that are not told in full.
    pub(super) troubles: Vec<String>,
    /// Thresholds that do not hold in every drain; empty where there is but one, which tells them itself.
    pub(super) broken_thresholds: Vec<String>,
    /// What could not be measured.
    pub(super) failures: Vec<String>,
    /// What the servers lack.
    pub(super) limitations: Vec<String>,
    /// What it came to, in one line.
    pub(super) summary: String,
    /// Where the time went, and on what server.
    pub(super) times: String,
}

/// One drain.
pub(super) struct DrainView {
    /// Queue and fixture.
    pub(super) title: String,
    /// Server, scenario, which repeat.
    pub(super) details: String,
    /// What it came to.
    pub(super) headline: String,
    /// What to know before anything else, a sentence each.
    pub(super) warnings: Vec<String>,
    /// In lines.
    pub(super) facts: Vec<Fact>,
    /// In tables; none of them is empty.
    pub(super) grids: Vec<Grid>,
    /// What happened that was not meant to.
    pub(super) incidents: Vec<String>,
    /// Why figures are missing, and what to know.
    pub(super) notes: Vec<String>,
}

impl View {
    /// Prepares a run.
    pub(super) fn of(run: &ThroughputRun) -> View {
        let cells = repeats(&run.results);
        let is_detailed = cells.len() <= DETAILED && run.scaling.is_empty();
        let detailed: &[Repeats<'_>] = if is_detailed { &cells } else { &[] };
        let left_out = if is_detailed {
            String::new()
        } else {
            "Latencies, costs and waits of each drain: `pgq-analyze runs show latest --format csv`; workers and tables: run.json".to_owned()
        };
        let limitations = run
            .environment
            .servers()
            .flat_map(|server| &server.limitations);
        View {
            overview: (run.results.len() > 1).then(|| overview(&cells)),
            scaling: run.scaling.iter().map(ScalingView::of).collect(),
            drains: detailed.iter().filter_map(DrainView::of).collect(),
            left_out,
            troubles: troubles(&cells, is_detailed),
            broken_thresholds: broken_thresholds(&run.results),
            failures: run.failures.iter().map(failure).collect(),
            limitations: limitations.map(|one| inert(&one.message)).collect(),
            summary: summary(run),
            times: times(run),
        }
    }
}

impl DrainView {
    fn of(repeats: &Repeats<'_>) -> Option<DrainView> {
        let result = repeats.in_the_middle()?;
        let mut details = format!(
            "PostgreSQL {}, scenario {}",
            inert(&result.postgres),
            inert(&result.scenario)
        );
        let count = repeats.results.len();
        if count > 1 {
            details += &format!(", repeat {} of {count}, the median one", result.repeat);
        }
        let waits = result.waits.as_ref().map(grids::waits);
        let mut grids = vec![grids::latency(result), grids::statements(result)];
        grids.extend(waits);
        grids.push(grids::tables(&result.tables));
        grids.push(grids::workers(&result.worker_results));
        grids.push(grids::thresholds(&result.thresholds));
        grids.retain(|grid| !grid.is_empty());
        Some(DrainView {
            title: format!("{} on {}", inert(&result.queue), inert(&result.fixture)),
            details,
            headline: headline(result),
            warnings: warnings(result),
            facts: facts(result),
            grids,
            incidents: incidents(result),
            notes: result.notes.iter().map(|note| inert(note)).collect(),
        })
    }
}

/// In how many drains of several each threshold does not hold.
fn broken_thresholds(results: &[ThroughputResult]) -> Vec<String> {
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    if results.len() > 1 {
        for one in results.iter().flat_map(|result| &result.thresholds) {
            let (broken, all) = counts.entry(&one.threshold).or_default();
            *broken += u64::from(!one.held);
            *all += 1;
        }
    }
    let broken = counts.into_iter().filter(|(_, (broken, _))| *broken > 0);
    let told = broken.map(|(threshold, (broken, all))| {
        format!(
            "{}: not in {} of {} drains",
            inert(threshold),
            Count(broken),
            Count(all)
        )
    });
    told.collect()
}

/// What happened in a drain that was not meant to, a line each.
pub(super) fn incidents(result: &ThroughputResult) -> Vec<String> {
    let told = result.incidents.iter().map(|incident| {
        let worker = incident.worker;
        let worker = worker.map_or_else(String::new, |worker| format!("worker {worker}: "));
        format!(
            "at {:.1} s  {worker}{}",
            incident.at_s,
            inert(&incident.message)
        )
    });
    let failed = result.worker_results.iter().filter_map(|worker| {
        let failure = worker.failure.as_ref()?;
        Some(format!(
            "worker {} ended early: {}",
            worker.worker,
            inert(failure)
        ))
    });
    told.chain(failed).collect()
}

/// What could not be measured and why, in a line.
pub(super) fn failure(failure: &Failure) -> String {
    let parts = [&failure.queue, &failure.fixture];
    let mut parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    if parts.is_empty() {
        parts.push("PostgreSQL");
        parts.push(&failure.postgres);
        return format!("{}: {}", inert(&parts.join(" ")), inert(&failure.message));
    }
    let mut what = parts.join(" on ");
    if let Some(cell) = &failure.variant {
        what += &format!(", {cell}");
    }
    format!("{}: {}", inert(&what), inert(&failure.message))
}

fn summary(run: &ThroughputRun) -> String {
    let mut parts = vec![format!("{} measured", counted(run.results.len(), "drain"))];
    if !run.failures.is_empty() {
        parts.push(format!("{} not measured", Count(run.failures.len() as u64)));
    }
    let broken = run.results.iter().filter(|one| one.breaks_promise());
    match broken.count() {
        _ if run.results.is_empty() => {}
        0 => parts.push("no ledger broken".to_owned()),
        broken => parts.push(format!("{} with a broken ledger", Count(broken as u64))),
    }
    let limited = run.results.iter().filter(|one| one.generator.is_limit);
    match limited.count() {
        0 => {}
        count => parts.push(format!(
            "this program was the limit of {}",
            Count(count as u64)
        )),
    }
    let thresholds = || run.results.iter().flat_map(|result| &result.thresholds);
    let failed = thresholds().filter(|threshold| !threshold.held).count();
    if thresholds().next().is_some() {
        parts.push(format!(
            "{} of {} held",
            Count((thresholds().count() - failed) as u64),
            counted(thresholds().count(), "threshold")
        ));
    }
    parts.join(" · ")
}

fn times(run: &ThroughputRun) -> String {
    let servers = run.environment.servers();
    let servers: Vec<String> = servers
        .map(|server| {
            inert(
                server
                    .server_version
                    .split_whitespace()
                    .next()
                    .unwrap_or_default(),
            )
        })
        .collect();
    format!(
        "PostgreSQL {} · total {} (copies {}, workers {})",
        servers.join(", "),
        Milliseconds(run.timing.total_ms),
        Milliseconds(run.timing.clone_ms),
        Milliseconds(run.timing.execute_ms)
    )
}
