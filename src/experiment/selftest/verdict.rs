//! The verdict: what was found, put into words. A pure function of what was measured.

use crate::run::selftest::{Judgement, Pgbench, SelfTest, SyncTimes, Topic, Trust};
use crate::units::{Count, Milliseconds, Significant, counted};

/// A sync faster than this has reached no disk: flash with a cache that survives a power cut needs about as long.
const FASTEST_SYNC_MS: f64 = 0.05;

/// A 95th percentile this many times the median says that a single commit tells little.
const UNEVEN_SYNC: f64 = 5.0;

/// The share of false alarms that a test at this significance may have.
const MOST_ALARMS: f64 = crate::stats::change::SIGNIFICANCE;

/// A slowdown has to be larger than this to be told: times are good for orders of magnitude only.
const COARSE: f64 = 0.5;

/// TIMING costs this much a row, in nanoseconds, where the clock is read in the processor; about ten times as much where a virtual
/// machine or another clock source has to be asked.
const DEAR_TIMING_NS: f64 = 250.0;

/// The share of stolen time from which it shows.
const STOLEN: f64 = 0.01;

/// Below this share of pgbench's throughput this program is the limit.
const LEAST_THROUGHPUT: f64 = 0.95;

/// This many times pgbench's processor time for a statement is too much.
const MOST_CPU: f64 = 1.75;

/// The keys of a result that are promised to repeat; the bytes of WAL usually do.
const PROMISED: &[&str] = &["shape", "rows", "buffers.total", "wal.records"];

/// Says what can be trusted.
pub(super) fn judge(found: &SelfTest) -> Vec<Judgement> {
    let judged = [
        (Topic::Counts, counts(found)),
        (Topic::InterleavedTimes, interleaved_times(found)),
        (Topic::TimesOfRuns, times_of_runs(found)),
        (Topic::NodeTimes, node_times(found)),
        (Topic::Generator, generator(found)),
        (Topic::DurableCommits, durable_commits(found)),
        (Topic::Machine, machine(found)),
    ];
    judged
        .into_iter()
        .map(|(topic, (trust, sentence))| Judgement {
            topic,
            trust,
            sentence,
        })
        .collect()
}

fn counts(found: &SelfTest) -> (Trust, String) {
    let counts = &found.counts;
    let copies = Count(counts.copies as u64);
    let mut keys: Vec<&str> = counts
        .variants
        .iter()
        .flat_map(|variant| &variant.differences)
        .map(|difference| difference.key)
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let limited = |key: &&str| is_limited(found, key);
    let broken: Vec<&str> = keys
        .iter()
        .copied()
        .filter(|key| PROMISED.contains(key) && !limited(key))
        .collect();
    if counts.variants.is_empty() {
        return (Trust::Unknown, "no variant was measured".to_owned());
    }
    if !broken.is_empty() {
        let sentence = format!(
            "not the same on {copies} copies of one fixture: {}; something else works on this server, or this program has a bug worth reporting",
            broken.join(", ")
        );
        return (Trust::No, sentence);
    }
    if !keys.is_empty() {
        let sentence = format!(
            "not the same on {copies} copies, and not promised here: {}; all the rest is the same",
            keys.join(", ")
        );
        return (Trust::Limited, sentence);
    }
    let lacking = if PROMISED.iter().any(limited) {
        " here; with what this server lacks, they need not agree with those of others"
    } else {
        ": any difference between two runs is real"
    };
    (
        Trust::Yes,
        format!("shape, rows, pages and WAL are the same on {copies} copies{lacking}"),
    )
}

/// Whether the server lacks something that this key needs; a key with parts stands for all of them.
fn is_limited(found: &SelfTest, key: &str) -> bool {
    let limitations = &found.server.record.limitations;
    let mut keys = limitations.iter().flat_map(|one| &one.not_comparable);
    keys.any(|limited| {
        key.strip_prefix(limited.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

fn interleaved_times(found: &SelfTest) -> (Trust, String) {
    let times = &found.times;
    let (Some(share), Some(told_from)) = (times.interleaved.share(), times.told_from) else {
        let rounds = Count(times.interleaved.comparisons as u64);
        return (
            Trust::Unknown,
            format!("{rounds} rounds are too few to tell: give it more time with --budget"),
        );
    };
    if share > MOST_ALARMS {
        let sentence = format!(
            "the test cries wolf in {} of the rounds: no time measured here says anything; find out what else uses this machine",
            percent(share)
        );
        return (Trust::No, sentence);
    }
    let floor = match times.median_ms {
        Some(median)
            if median * crate::stats::change::LEAST_SHARE < crate::stats::change::LEAST_MS =>
        {
            " (a statement this short: 0.1 ms of it are the least that counts)"
        }
        _ => "",
    };
    let sentence = format!(
        "differences beyond {} can be told with {} executions a side{floor}; smaller ones need more",
        percent(told_from),
        times.per_side
    );
    (coarse_above(told_from, COARSE), sentence)
}

fn times_of_runs(found: &SelfTest) -> (Trust, String) {
    let times = &found.times;
    let (Some(apart), Some(alarms)) = (times.apart_in_blocks, times.in_blocks.share()) else {
        return (
            Trust::Unknown,
            "too few executions to tell: give it more time with --budget".to_owned(),
        );
    };
    let sentence = format!(
        "medians of the same statement on two copies lie up to {} apart (a rank test calls {} of them different): less than that means nothing",
        percent(apart),
        percent(alarms)
    );
    let trust = match coarse_above(apart, COARSE) {
        Trust::Limited => Trust::No,
        _ => Trust::Limited,
    };
    (trust, sentence)
}

fn coarse_above(value: f64, limit: f64) -> Trust {
    if value > limit {
        Trust::Limited
    } else {
        Trust::Yes
    }
}

fn node_times(found: &SelfTest) -> (Trust, String) {
    let clock = &found.clock;
    let Some(cost) = clock.timing_ns_per_row else {
        return (
            Trust::Limited,
            "this machine wavers more than EXPLAIN's TIMING costs".to_owned(),
        );
    };
    let sentence = format!(
        "EXPLAIN's TIMING adds about {} ns to each row of each node, {} to a node of a million rows",
        Significant(cost),
        Milliseconds(cost)
    );
    if cost <= DEAR_TIMING_NS {
        return (Trust::Yes, sentence);
    }
    let source = clock.source.as_ref();
    let source = source.map_or(String::new(), |name| format!(" (clock source {name})"));
    (
        Trust::Limited,
        format!("{sentence}: the clock is dear here{source}"),
    )
}

fn generator(found: &SelfTest) -> (Trust, String) {
    let Pgbench {
        throughput_ratio,
        cpu_ratio,
        pairs,
        not_measured,
        ..
    } = &found.pgbench;
    let (Some(throughput), Some(cpu)) = (*throughput_ratio, *cpu_ratio) else {
        let reason = not_measured
            .as_deref()
            .unwrap_or("no pair of runs was long enough");
        return (Trust::Unknown, reason.to_owned());
    };
    let mut figures = format!(
        "{} × its throughput at {} × its processor time for a statement (median of {})",
        Significant(throughput),
        Significant(cpu),
        counted(pairs.len(), "pair")
    );
    if found.debug_build {
        figures += "; a debug build of this program is slower than others";
    }
    if throughput < LEAST_THROUGHPUT {
        let sentence = format!(
            "the generator does not keep up with pgbench: {figures}; throughput that is measured here may be its own limit, not the server's"
        );
        return (Trust::Limited, sentence);
    }
    if cpu > MOST_CPU {
        let sentence = format!(
            "the generator keeps up with pgbench, but is dear: {figures}; on a machine shared with the server it takes that from the server"
        );
        return (Trust::Limited, sentence);
    }
    (
        Trust::Yes,
        format!("the generator keeps up with pgbench: {figures}"),
    )
}

fn durable_commits(found: &SelfTest) -> (Trust, String) {
    let disk = &found.disk;
    let Some(sync) = disk.sync else {
        let reason = disk.not_measured.as_deref().unwrap_or("not measured");
        return (Trust::Unknown, reason.to_owned());
    };
    let SyncTimes {
        median_ms, p95_ms, ..
    } = sync;
    let median = Milliseconds(median_ms);
    if median_ms < FASTEST_SYNC_MS {
        let sentence = format!(
            "a sync takes {median}, which no disk can do: it is not really synced (a disk in memory, or one whose host does not wait), and commits measured here are too fast"
        );
        return (Trust::No, sentence);
    }
    let per_second = Count((1000.0 / median_ms) as u64);
    let sentence =
        format!("a sync takes {median}: one session makes at most {per_second} commits a second");
    match p95_ms {
        Some(p95) if p95 > UNEVEN_SYNC * median_ms => (
            Trust::Limited,
            format!(
                "{sentence}; but one in twenty takes {} or more",
                Milliseconds(p95)
            ),
        ),
        _ => (Trust::Yes, sentence),
    }
}

fn machine(found: &SelfTest) -> (Trust, String) {
    let machine = &found.machine;
    let mut reasons = Vec::new();
    if machine.cores == 1 {
        reasons.push("server and program share one processor".to_owned());
    }
    if let Some(load) = machine.load_average
        && load >= machine.cores as f64
    {
        reasons.push(format!(
            "the load average was {load} on {} when this began",
            processors(machine.cores)
        ));
    }
    if let Some(stolen) = machine.stolen.filter(|share| *share >= STOLEN) {
        reasons.push(format!(
            "the host took {} of the processor time away",
            percent(stolen)
        ));
    }
    let slow = |name: &&String| !["performance", "schedutil"].contains(&name.as_str());
    let governors: Vec<&str> = machine
        .governors
        .iter()
        .filter(slow)
        .map(String::as_str)
        .collect();
    if !governors.is_empty() {
        reasons.push(format!(
            "the processor's frequency follows the load (governor {})",
            governors.join(", ")
        ));
    }
    if found.server.bin_dir.is_none() {
        reasons.push("this describes the machine of this program, not the server's".to_owned());
    }
    if reasons.is_empty() {
        return (
            Trust::Yes,
            "nothing found that would disturb times".to_owned(),
        );
    }
    (Trust::Limited, reasons.join("; "))
}

fn processors(cores: usize) -> String {
    format!(
        "{} processor{}",
        Count(cores as u64),
        if cores == 1 { "" } else { "s" }
    )
}

fn percent(share: f64) -> String {
    format!("{} %", Significant(share * 100.0))
}

#[cfg(test)]
mod tests;
