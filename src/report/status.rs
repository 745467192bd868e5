//! How a run ended, in sentences: what is missing, what it came to, where the time went.

use std::collections::BTreeSet;

use super::findings::severity_name;
use super::text::inert;
use crate::finding::Severity;
use crate::run::{Run, RunStatus};
use crate::units::{Count, Milliseconds, counted};

/// Says that a run did not come to its end; none where it did.
pub(super) fn banner(status: RunStatus) -> Option<(&'static str, &'static str)> {
    match status {
        RunStatus::Complete => None,
        RunStatus::Interrupted => Some((
            "INTERRUPTED",
            "stopped before its end; what is listed was measured, the rest is missing",
        )),
        RunStatus::Failed => Some((
            "FAILED",
            "an error left nothing to go on with; what is listed was measured, the rest is missing",
        )),
        RunStatus::Running => Some((
            "UNFINISHED",
            "still running, or killed; what is listed was measured, the rest is missing",
        )),
    }
}

/// What a run that did not come to its end lacks, as far as the run can tell: pairs of queue and fixture nothing was tried of,
/// and the pair it stopped in. Empty for a run that came to its end.
pub(super) fn missing(run: &Run) -> Vec<String> {
    if run.status == RunStatus::Complete {
        return Vec::new();
    }
    let mut tried: BTreeSet<(&str, &str)> = BTreeSet::new();
    tried.extend(
        run.results
            .iter()
            .map(|result| (result.queue.as_str(), result.fixture.as_str())),
    );
    tried.extend(
        run.failures
            .iter()
            .chain(&run.skipped)
            .chain(&run.blocked)
            .filter_map(|failure| Some((failure.queue.as_deref()?, failure.fixture.as_deref()?))),
    );
    let mut lines = Vec::new();
    if let Some(last) = run.results.last() {
        let place = format!(
            "{} on {} (last: {} {})",
            last.queue, last.fixture, last.statement, last.variant
        );
        lines.push(format!("may be incomplete: {}", inert(&place)));
    }
    for queue in run.environment.queues.keys() {
        let absent = run
            .environment
            .fixtures
            .keys()
            .filter(|fixture| !tried.contains(&(queue.as_str(), fixture.as_str())));
        let absent: Vec<&str> = absent.map(String::as_str).collect();
        if !absent.is_empty() {
            lines.push(inert(&format!(
                "not begun: {queue} on {}",
                absent.join(", ")
            )));
        }
    }
    lines
}

/// What a run came to, in one line.
pub(super) fn summary(run: &Run) -> String {
    let mut parts = vec![counted(run.results.len(), "plan") + " measured"];
    if !run.failures.is_empty() {
        parts.push(format!("{} not measured", Count(run.failures.len() as u64)));
    }
    if !run.skipped.is_empty() {
        parts.push(format!("{} left out", Count(run.skipped.len() as u64)));
    }
    if !run.blocked.is_empty() {
        parts.push(format!("{} blocked", Count(run.blocked.len() as u64)));
    }
    let by_severity = [Severity::Critical, Severity::Warning, Severity::Note].map(|severity| {
        let findings = run.results.iter().flat_map(|result| &result.findings);
        let count = findings
            .filter(|finding| finding.severity == severity)
            .count();
        (count, severity_name(severity))
    });
    let found: Vec<String> = by_severity
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| match *name {
            "critical" => format!("{} critical", Count(*count as u64)),
            noun => counted(*count, noun),
        })
        .collect();
    let total = by_severity.iter().map(|(count, _)| count).sum();
    if run.results.is_empty() {
        return parts.join(" · ");
    }
    if found.is_empty() {
        parts.push("no findings".to_owned());
    } else {
        parts.push(format!(
            "{}: {}",
            counted(total, "finding"),
            found.join(", ")
        ));
    }
    parts.join(" · ")
}

/// Where the time of a run went, and on what server, in one line.
pub(super) fn times(run: &Run) -> String {
    let timing = run.timing;
    let mut servers: Vec<&str> = run
        .results
        .iter()
        .map(|result| result.postgres.as_str())
        .collect();
    servers.sort_unstable();
    servers.dedup();
    if servers.len() < 2 {
        servers = vec![&run.environment.server.server_version];
    }
    format!(
        "PostgreSQL {} · total {} (copies {}, statements {})",
        inert(&servers.join(", ")),
        Milliseconds(timing.total_ms),
        Milliseconds(timing.clone_ms),
        Milliseconds(timing.execute_ms),
    )
}
