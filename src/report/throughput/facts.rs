//! What one drain was and what it came to, in labelled lines.

use super::ledger;
use crate::definition::scenario::Completion;
use crate::report::palette::Role;
use crate::report::text::inert;
use crate::run::throughput::{
    Ended, Generator, PerJob, TaskMetric, TaskRecord, Tenth, ThroughputResult,
};
use crate::units::{Bytes, Count, Growth, Milliseconds, Significant, UNKNOWN, counted};

/// A labelled line; without a label it belongs to the one above.
#[derive(Debug)]
pub(super) struct Fact {
    /// What it is about.
    pub(super) label: &'static str,
    /// What it is worth in colour.
    pub(super) role: Role,
    /// The line, inert.
    pub(super) text: String,
}

impl Fact {
    pub(super) fn plain(label: &'static str, text: String) -> Fact {
        Fact {
            label,
            role: Role::Plain,
            text,
        }
    }

    fn warning(label: &'static str, text: String) -> Fact {
        Fact {
            label,
            role: Role::Warning,
            text,
        }
    }
}

/// `text` where there is something, else the sign for what is not known.
pub(super) fn known(value: Option<impl ToString>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

/// A share of 1 in percent.
pub(super) fn percent(share: f64) -> String {
    if !share.is_finite() {
        return UNKNOWN.to_owned();
    }
    let percent = share * 100.0;
    let decimals = usize::from(percent.abs() < 9.95 && percent != 0.0);
    format!("{percent:.decimals$} %")
}

/// Bytes a job, rounded to whole ones.
pub(super) fn bytes(value: f64) -> String {
    if value.is_finite() && value >= 0.0 {
        // A cast saturates; nothing measured comes near.
        Bytes(value.round() as u64).to_string()
    } else {
        UNKNOWN.to_owned()
    }
}

/// So many of something, in words.
pub(super) fn number(number: u64, noun: &str) -> String {
    counted(usize::try_from(number).unwrap_or(usize::MAX), noun)
}

/// Why there is no throughput although jobs were completed.
const OVER_BEFORE: &str = "it was over before its warm-up was";

/// The result in one line.
pub(super) fn headline(result: &ThroughputResult) -> String {
    let mut parts = vec![match result.throughput {
        Some(throughput) => format!("{} jobs/s", Significant(throughput)),
        None if result.is_over_before_measuring() => OVER_BEFORE.to_owned(),
        None => "no job completed".to_owned(),
    }];
    let fetch = result.latency.get("fetch").and_then(|one| one.service);
    if let Some(p95) = fetch.and_then(|service| service.p95) {
        parts.push(format!("fetch p95 {}", Milliseconds(p95)));
    }
    if let Some(cost) = &result.per_job {
        let pages = Significant(cost.pages);
        parts.push(format!(
            "{pages} pages and {} of WAL a job",
            bytes(cost.wal_bytes)
        ));
    }
    parts.push(format!("ledger {}", result.ledger_verdict().name()));
    parts.join(" · ")
}

/// Everything there is to say in lines, in the order things happened.
pub(super) fn facts(result: &ThroughputResult) -> Vec<Fact> {
    let mut facts = set_up(result);
    facts.extend(execution(result));
    facts.extend(costs(result));
    facts.extend(troubles(result));
    facts.extend(ledger::facts(result));
    facts
}

fn set_up(result: &ThroughputResult) -> Vec<Fact> {
    let mut facts = vec![Fact::plain("workers", workers(result))];
    facts.push(Fact::plain("task", task(&result.task)));
    if !result.settings.is_empty() {
        let settings = result.settings.iter();
        let settings: Vec<String> = settings
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        facts.push(Fact::plain("settings", inert(&settings.join(", "))));
    }
    let copied = format!(
        "{} for a copy of {}: its checkpoints, and reading it into memory",
        Milliseconds(result.set_up.copy_ms),
        number(result.jobs, "job")
    );
    facts.push(Fact::plain("set-up", copied));
    if let Some(queueing) = &result.set_up.queueing {
        let text = format!(
            "{} jobs/s: one producer, {} in {}",
            Significant(queueing.throughput),
            number(queueing.jobs, "job"),
            Milliseconds(queueing.elapsed_ms)
        );
        facts.push(Fact::plain("queueing", text));
    }
    let start_up = result.startup_ms.map_or_else(
        || format!("{UNKNOWN} (not measured)"),
        |took| {
            format!(
                "{} until every worker had its first answer",
                Milliseconds(took)
            )
        },
    );
    facts.push(Fact::plain("start-up", start_up));
    facts
}

/// ` in 2 processes`; empty for threads.
pub(super) fn in_processes(processes: u64) -> String {
    match processes {
        0 => String::new(),
        1 => " in 1 process".to_owned(),
        more => format!(" in {} processes", Count(more)),
    }
}

fn workers(result: &ThroughputResult) -> String {
    let mut parts = vec![number(result.workers, "worker")];
    parts[0] += &in_processes(result.processes);
    parts.push(format!("fetches of {}", number(result.batch_size, "job")));
    parts.push(format!("{} in flight each", Count(result.concurrency)));
    parts.push(match result.completion {
        Completion::Each => "each completed at once".to_owned(),
        Completion::Batch => {
            let flush = result.flush_interval_ms;
            format!("completed in batches, flushed after {flush} ms")
        }
        Completion::WithNextFetch => "completed with the next fetch".to_owned(),
    });
    parts.push(format!("polling every {} ms", result.poll_interval_ms));
    if result.listen {
        parts.push("woken by NOTIFY".to_owned());
    }
    parts.join(", ")
}

/// The task with its amounts.
pub(super) fn task(task: &TaskRecord) -> String {
    let amounts = task.amounts.iter();
    let amounts: Vec<String> = amounts.map(|(name, value)| amount(name, *value)).collect();
    let amounts = amounts.join(", ");
    let text = if amounts.is_empty() {
        task.name.clone()
    } else {
        format!("{} ({amounts})", task.name)
    };
    inert(&text)
}

/// An amount of a task in the unit that its key ends in.
fn amount(name: &str, value: f64) -> String {
    if let Some(name) = name.strip_suffix("_ms") {
        format!("{name} {}", Milliseconds(value))
    } else if let Some(name) = name.strip_suffix("bytes") {
        format!("{} {}", name.trim_end_matches('_'), bytes(value))
            .trim()
            .to_owned()
    } else if name == "within_transaction" {
        let place = if value > 0.0 { "within" } else { "beside" };
        format!("{place} the job's transaction")
    } else {
        format!("{name} {}", Count(value as u64))
    }
}

/// What the tasks came to.
fn metric(metric: &TaskMetric) -> String {
    let name = inert(&metric.name);
    match name.strip_prefix("bytes ") {
        Some(rest) => format!("{} {rest}", bytes(metric.value)),
        None => format!("{} {name}", Significant(metric.value)),
    }
}

fn execution(result: &ThroughputResult) -> Vec<Fact> {
    let took = Milliseconds(result.duration_s * 1e3);
    let warm_up = if result.warmup_s > 0.0 {
        format!(
            " after a warm-up of {}",
            Milliseconds(result.warmup_s * 1e3)
        )
    } else {
        String::new()
    };
    let (role, ended) = match result.ended {
        Ended::Empty => (Role::Plain, "until the queue was empty"),
        Ended::Duration => (Role::Plain, "until its duration was over"),
        Ended::Stalled => (
            Role::Warning,
            "until no fetch returned anything although jobs were left",
        ),
        Ended::Interrupted => (Role::Critical, "until it was interrupted"),
        Ended::Failed => (Role::Critical, "until the workers could not go on"),
    };
    let mut facts = vec![Fact {
        label: "execution",
        role,
        text: format!("{took}{warm_up}, {ended}"),
    }];
    facts.push(Fact::plain("throughput", throughput(result)));
    if let Some(steady) = &result.steady {
        let mut text = format!("{} jobs/s", Significant(steady.throughput));
        text += &if steady.from_s > 0.0 {
            format!(" from {} on", Milliseconds(steady.from_s * 1e3))
        } else {
            " throughout".to_owned()
        };
        if let Some(p95) = steady.fetch_p95_ms {
            text += &format!(", fetch p95 {}", Milliseconds(p95));
        }
        facts.push(Fact::plain("steady", text));
    }
    if let Some(done) = &result.task_metric {
        facts.push(Fact::plain("task metric", metric(done)));
    }
    facts
}

fn throughput(result: &ThroughputResult) -> String {
    let Some(overall) = result.throughput else {
        let why = if result.is_over_before_measuring() {
            OVER_BEFORE
        } else {
            "no job was completed"
        };
        return format!("{UNKNOWN} ({why})");
    };
    let workers = result.worker_results.iter();
    let each: Vec<f64> = workers.filter_map(|worker| worker.throughput).collect();
    let mut text = format!("{} jobs/s", Significant(overall));
    if let (true, Some(least), Some(most)) = (
        each.len() > 1,
        each.iter().copied().reduce(f64::min),
        each.iter().copied().reduce(f64::max),
    ) {
        let [least, most] = [least, most].map(|one| Significant(one).to_string());
        let range = if least == most {
            least
        } else {
            format!("{least} to {most}")
        };
        text += &format!("; a worker {range}");
    }
    text
}

fn costs(result: &ThroughputResult) -> Vec<Fact> {
    let mut facts = match &result.per_job {
        Some(cost) => cost_of(cost),
        None => vec![Fact::plain(
            "cost a job",
            format!("{UNKNOWN} (not measured)"),
        )],
    };
    facts.extend(growth(&result.tenths));
    facts.push(Fact::plain("generator", generator(result)));
    facts
}

/// How much of the machine this program took.
fn generator(result: &ThroughputResult) -> String {
    let Generator {
        cpu_share,
        busiest_worker,
        ..
    } = result.generator;
    format!(
        "this program took {} of the machine's processors, its busiest worker {} of its time",
        percent(cpu_share),
        known(busiest_worker.map(percent))
    )
}

/// What throws doubt on the figures, or is the first thing to know of them, a sentence each.
pub(super) fn warnings(result: &ThroughputResult) -> Vec<String> {
    let limit = result.generator.is_limit.then(|| {
        format!(
            "the limit was this program, not the server: throughput and latency say little of the queue ({})",
            generator(result)
        )
    });
    let growth = result.growth().map(|growth| inert(&growth));
    let mut gave_up = result.gave_up();
    let ended_early = gave_up.next().map(|(_, reason)| {
        format!(
            "{} of {} ended early: {}",
            Count(gave_up.count() as u64 + 1),
            number(result.workers, "worker"),
            inert(reason)
        )
    });
    [ended_early, limit, growth].into_iter().flatten().collect()
}

fn cost_of(cost: &PerJob) -> Vec<Fact> {
    let pages = format!(
        "{} pages ({} read), {} of WAL in {} records, {} commits",
        Significant(cost.pages),
        Significant(cost.pages_read),
        bytes(cost.wal_bytes),
        Significant(cost.wal_records),
        Significant(cost.commits)
    );
    let mut rows = format!("{} dead rows", Significant(cost.dead_rows));
    let changes = [
        ("inserted", cost.rows_inserted),
        ("updated", cost.rows_updated),
        ("deleted", cost.rows_deleted),
    ];
    for (what, count) in changes.into_iter().filter(|(_, count)| *count > 0.0) {
        rows += &format!(", {} {what}", Significant(count));
    }
    if let Some(share) = cost.hot_share {
        rows += &format!(", {} of the updates HOT", percent(share));
    }
    if cost.temp_bytes > 0.0 {
        rows += &format!(", {} of temporary files", bytes(cost.temp_bytes));
    }
    let microseconds = |time: f64| format!("{} µs", Significant(time));
    let processor = format!(
        "server {}, workers {}",
        known(cost.server_cpu_us.map(microseconds)),
        microseconds(cost.client_cpu_us)
    );
    vec![
        Fact::plain("cost a job", pages),
        Fact::plain("rows a job", rows),
        Fact::plain("CPU a job", processor),
    ]
}

/// From the first tenth of the jobs to the last.
fn growth(tenths: &[Tenth]) -> Option<Fact> {
    let (first, last) = (tenths.first()?, tenths.last()?);
    let of = |name: &str, figure: fn(&Tenth) -> f64, shown: fn(f64) -> String| {
        let (before, after) = (figure(first), figure(last));
        let growth = Growth { before, after };
        let [from, to] = [shown(before), shown(after)];
        if from == to {
            format!("{name} {from} throughout")
        } else {
            format!("{name} {from} → {to} ({growth})")
        }
    };
    let significant = |value: f64| Significant(value).to_string();
    let text = [
        of("pages a job", |tenth| tenth.pages, significant),
        of("WAL", |tenth| tenth.wal_bytes, bytes),
        of("jobs/s", |tenth| tenth.throughput, significant),
    ];
    let text = format!("from the first to the last: {}", text.join(", "));
    Some(Fact::plain("tenths", text))
}

fn troubles(result: &ThroughputResult) -> Vec<Fact> {
    let fetches = result.fetches;
    let text = parts_of(
        fetches.total,
        &[
            (fetches.returned, "returned jobs"),
            (fetches.empty, "found none"),
            (fetches.errored, "failed"),
        ],
    );
    let mut facts = vec![Fact::plain("fetches", text)];
    let deliveries = result.deliveries;
    let mut text = parts_of(
        deliveries.total,
        &[
            (deliveries.completed, "completed"),
            (deliveries.failed, "failed"),
            (deliveries.released, "released"),
            (deliveries.interrupted, "interrupted"),
        ],
    );
    let has_no_errors = result.errors.is_empty() && result.retries == 0;
    if has_no_errors {
        text += "; no errors, no retries";
    }
    facts.push(Fact::plain("deliveries", text));
    if !has_no_errors {
        facts.push(errors(result));
    }
    facts
}

/// A total and what it is made of, but for what did not occur.
fn parts_of(total: u64, parts: &[(u64, &str)]) -> String {
    let occurred: Vec<&(u64, &str)> = parts.iter().filter(|(count, _)| *count > 0).collect();
    match occurred.as_slice() {
        [] => Count(total).to_string(),
        [(count, what)] if *count == total => format!("{}, all {what}", Count(total)),
        parts => {
            let parts = parts.iter();
            let parts: Vec<String> = parts
                .map(|(count, what)| format!("{} {what}", Count(*count)))
                .collect();
            format!("{}: {}", Count(total), parts.join(", "))
        }
    }
}

fn errors(result: &ThroughputResult) -> Fact {
    let codes = result.errors.iter();
    let mut parts: Vec<String> = codes
        .map(|(code, count)| format!("{} × {}", Count(*count), inert(code)))
        .collect();
    parts.push(if result.retries == 1 {
        "1 retry".to_owned()
    } else {
        format!("{} retries", Count(result.retries))
    });
    Fact::warning("errors", parts.join(", "))
}
