//! `runs list`: the runs in a folder and the baseline files, a line each.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use crate::cli::commands::compare::as_usage;
use crate::cli::commands::listing;
use crate::cli::exit;
use crate::finding::Severity;
use crate::report::text::inert_lines;
use crate::run::baseline::{Baseline, BaselineFinding, BaselinePlan};
use crate::run::store::baselines::{self, BaselineError, Kept};
use crate::run::store::folders::{self, RunFolder};
use crate::run::store::names::Places;
use crate::run::store::{self, AnyRun, RUN_FILE};
use crate::run::{PlanResult, Run, RunStatus, ThroughputRun};
use crate::units::{Bytes, counted};

/// Version of the list's JSON.
const FORMAT_VERSION: u32 = 1;

/// Names of queues or fixtures that are spelled out; more of them are counted.
const SPELLED_OUT: usize = 2;

/// What there is.
#[derive(Debug, Serialize)]
struct Listed {
    /// [`FORMAT_VERSION`].
    format_version: u32,
    /// Newest first.
    runs: Vec<ListedRun>,
    /// By name.
    baselines: Vec<ListedBaseline>,
}

/// A run folder.
#[derive(Debug, Serialize)]
struct ListedRun {
    run_id: String,
    folder: String,
    /// UTC, RFC 3339.
    began: String,
    status: Status,
    #[serde(flatten)]
    content: Content,
    bytes: u64,
    /// What is wrong with it; none where nothing is.
    problem: Option<String>,
}

/// A baseline file.
#[derive(Debug, Serialize)]
struct ListedBaseline {
    name: String,
    file: String,
    run_id: String,
    #[serde(flatten)]
    content: Content,
    bytes: u64,
    /// What is wrong with it; none where nothing is.
    problem: Option<String>,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// It goes on.
    Running,
    /// It came to its end.
    Complete,
    /// It was stopped by a signal.
    Interrupted,
    /// It was stopped by an error.
    Failed,
    /// It ended without a word.
    Killed,
    /// It cannot be read.
    Damaged,
}

/// What was measured.
#[derive(Debug, Default, Serialize)]
struct Content {
    servers: Vec<String>,
    queues: Vec<String>,
    fixtures: Vec<String>,
    plans: usize,
    drains: usize,
    failures: usize,
    findings: FindingCounts,
}

/// How many findings of each severity.
#[derive(Debug, Default, Serialize)]
struct FindingCounts {
    critical: usize,
    warning: usize,
    note: usize,
}

/// The list as text or as JSON.
///
/// # Errors
/// If a folder cannot be read; a run or a file in it that cannot is listed as such.
pub(super) fn text(places: &Places<'_>, json: bool) -> anyhow::Result<String> {
    let listed = listed(places)?;
    if json {
        return Ok(serde_json::to_string_pretty(&listed)? + "\n");
    }
    let mut text = String::new();
    if listed.runs.is_empty() {
        text += &format!("no runs in {}\n", places.out.display());
    } else {
        text += &listing::lines(listed.runs.iter().map(ListedRun::cells));
    }
    if !listed.baselines.is_empty() {
        text += &format!("\nbaselines in {}/:\n", places.baselines.display());
        text += &listing::lines(listed.baselines.iter().map(ListedBaseline::cells));
    }
    Ok(inert_lines(text.trim_end()).join("\n") + "\n")
}

fn listed(places: &Places<'_>) -> anyhow::Result<Listed> {
    let mut runs = folders::list_named(places.out).map_err(|source| {
        anyhow::Error::new(source).context(format!(
            "cannot read {}: name the folder with --out",
            places.out.display()
        ))
    })?;
    runs.reverse();
    let names = places.baseline_names().map_err(as_usage)?;
    Ok(Listed {
        format_version: FORMAT_VERSION,
        runs: runs.iter().map(ListedRun::of).collect(),
        baselines: names
            .into_iter()
            .map(|name| ListedBaseline::of(name, places))
            .collect(),
    })
}

impl ListedRun {
    fn of(folder: &RunFolder) -> ListedRun {
        let (status, content, problem) = look_into(folder);
        ListedRun {
            run_id: folder.run_id.clone(),
            folder: folder.path.display().to_string(),
            began: folder.began.to_string(),
            status,
            content,
            bytes: folder.bytes(),
            problem,
        }
    }

    fn cells(&self) -> [String; 6] {
        let status = serde_json::to_value(self.status).unwrap_or_default();
        [
            self.run_id.clone(),
            self.began.replace('T', " ").replace('Z', " UTC"),
            status.as_str().unwrap_or_default().to_owned(),
            Bytes(self.bytes).to_string(),
            self.content.servers.join(", "),
            described(&self.content, self.problem.as_deref()),
        ]
    }
}

fn look_into(folder: &RunFolder) -> (Status, Content, Option<String>) {
    let (run_id, status, content) = match store::read_any(&folder.path) {
        Ok(AnyRun::Plans(run)) => (run.run_id.clone(), run.status, Content::of_run(&run)),
        Ok(AnyRun::Throughput(run)) => (run.run_id.clone(), run.status, Content::of_drains(&run)),
        // Its first result is not there yet.
        Err(_) if !folder.path.join(RUN_FILE).exists() && folder.is_running() => {
            return (Status::Running, Content::default(), None);
        }
        Err(error) => {
            let problem = exit::message(&error.into());
            return (Status::Damaged, Content::default(), Some(problem));
        }
    };
    if run_id != folder.run_id {
        let problem = format!("its run.json is that of {run_id}");
        return (Status::Damaged, Content::default(), Some(problem));
    }
    let status = match status {
        RunStatus::Running if folder.is_running() => Status::Running,
        RunStatus::Running => Status::Killed,
        RunStatus::Complete => Status::Complete,
        RunStatus::Interrupted => Status::Interrupted,
        RunStatus::Failed => Status::Failed,
    };
    (status, content, None)
}

/// The run that a baseline file was made of, what is in it, and what is wrong with it.
fn kept_in(file: &Path) -> Result<(String, Content, Option<String>), BaselineError> {
    if let Ok(Some(run)) = baselines::read_drains(file) {
        return Ok((run.run_id.clone(), Content::of_drains(&run), None));
    }
    Ok(match baselines::read(file)? {
        Kept::Baseline(read) => (read.run_id.clone(), Content::of_baseline(&read), None),
        Kept::Run(read) => {
            let problem = Some("a run, not a baseline file".to_owned());
            (read.run_id.clone(), Content::of_baseline(&read), problem)
        }
    })
}

impl ListedBaseline {
    fn of(name: String, places: &Places<'_>) -> ListedBaseline {
        let file = places.baselines.join(format!("{name}.json"));
        let bytes = std::fs::metadata(&file).map_or(0, |meta| meta.len());
        let (run_id, content, problem) = match kept_in(&file) {
            Ok(found) => found,
            Err(error) => {
                let problem = exit::message(&error.into());
                (String::new(), Content::default(), Some(problem))
            }
        };
        ListedBaseline {
            name,
            file: file.display().to_string(),
            run_id,
            content,
            bytes,
            problem,
        }
    }

    fn cells(&self) -> [String; 5] {
        [
            self.name.clone(),
            self.run_id.clone(),
            Bytes(self.bytes).to_string(),
            self.content.servers.join(", "),
            described(&self.content, self.problem.as_deref()),
        ]
    }
}

impl Content {
    fn of_run(run: &Run) -> Content {
        let results = &run.results;
        Content {
            servers: servers(
                run.environment
                    .servers()
                    .map(|server| &*server.server_version),
            ),
            queues: names(results.iter().map(|result| &*result.queue)),
            fixtures: names(results.iter().map(|result| &*result.fixture)),
            plans: results.len(),
            drains: 0,
            failures: run.failures.len(),
            findings: FindingCounts::of(results.iter().flat_map(severities_of_result)),
        }
    }

    fn of_drains(run: &ThroughputRun) -> Content {
        let results = &run.results;
        let environment = &run.environment;
        Content {
            servers: servers(environment.servers().map(|one| &*one.server_version)),
            queues: names(results.iter().map(|result| &*result.queue)),
            fixtures: names(results.iter().map(|result| &*result.fixture)),
            drains: results.len(),
            failures: run.failures.len(),
            ..Content::default()
        }
    }

    fn of_baseline(baseline: &Baseline) -> Content {
        let plans = &baseline.plans;
        Content {
            servers: servers(
                baseline
                    .servers
                    .iter()
                    .map(|server| &*server.server_version),
            ),
            queues: names(plans.iter().map(|plan| &*plan.queue)),
            fixtures: names(plans.iter().map(|plan| &*plan.fixture)),
            plans: plans.len(),
            drains: 0,
            failures: baseline.failures.len(),
            findings: FindingCounts::of(plans.iter().flat_map(severities_of_plan)),
        }
    }
}

fn severities_of_result(result: &PlanResult) -> impl Iterator<Item = Severity> {
    result.findings.iter().map(|finding| finding.severity)
}

fn severities_of_plan(plan: &BaselinePlan) -> impl Iterator<Item = Severity> {
    let severity = |finding: &BaselineFinding| finding.severity;
    plan.findings.iter().map(severity)
}

impl FindingCounts {
    fn of(severities: impl Iterator<Item = Severity>) -> FindingCounts {
        let mut counts = FindingCounts::default();
        for severity in severities {
            *match severity {
                Severity::Critical => &mut counts.critical,
                Severity::Warning => &mut counts.warning,
                Severity::Note => &mut counts.note,
            } += 1;
        }
        counts
    }

    fn text(&self) -> String {
        let counts = [
            (self.critical, "critical"),
            (self.warning, "warning"),
            (self.note, "note"),
        ];
        let parts = counts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(count, name)| format!("{count} {name}"))
            .collect();
        if parts.is_empty() {
            "no findings".to_owned()
        } else {
            format!("findings: {}", parts.join(", "))
        }
    }
}

/// Versions without what a distribution adds to them.
fn servers<'a>(versions: impl Iterator<Item = &'a str>) -> Vec<String> {
    let short = |version: &str| {
        let word = version.split_whitespace().next();
        word.unwrap_or_default().to_owned()
    };
    versions.map(short).collect()
}

/// Each name once, in the order they occur.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let once = names.filter(|name| seen.insert(*name));
    once.map(str::to_owned).collect()
}

fn described(content: &Content, problem: Option<&str>) -> String {
    if let Some(problem) = problem {
        return problem.to_owned();
    }
    if content.plans + content.drains == 0 {
        return "nothing measured yet".to_owned();
    }
    let mut text = format!(
        "{} × {}: {}",
        few(&content.queues, "queues"),
        few(&content.fixtures, "fixtures"),
        if content.drains > 0 {
            counted(content.drains, "drain")
        } else {
            counted(content.plans, "plan")
        },
    );
    if content.failures > 0 {
        text += &format!(", {} not measured", content.failures);
    }
    if content.drains > 0 {
        return text;
    }
    text + ", " + &content.findings.text()
}

fn few(names: &[String], noun: &str) -> String {
    if names.len() > SPELLED_OUT {
        format!("{} {noun}", names.len())
    } else {
        names.join(", ")
    }
}
