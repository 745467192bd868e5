//! A series as files: `series.csv`, and histograms in HdrHistogram's log format.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::{SecondSummary, Series};
use crate::definition::operation::Operation;
use crate::run::throughput::Percentiles;

/// The columns of `series.csv`.
const COLUMNS: &[&str] = &[
    "second",
    "length_s",
    "measured",
    "completed",
    "throughput",
    "fetches",
    "empty",
    "errors",
    "retries",
    "fetch_p50_ms",
    "fetch_p95_ms",
    "fetch_p99_ms",
    "complete_p50_ms",
    "complete_p95_ms",
    "complete_p99_ms",
    "backlog",
];

/// The tag of what was recorded during the warm-up. The rest has none: HdrHistogram's own tools read what has no tag unless told.
const WARM_UP: &str = "warm-up";

impl Series {
    /// The text of `series.csv` for an execution that took `duration_s`, warm-up included: one line a second. What is not known, or not
    /// supported by the number of calls, is empty.
    #[must_use]
    pub fn csv(&self, duration_s: f64) -> String {
        let mut text = COLUMNS.join(",") + "\n";
        for second in self.seconds(duration_s) {
            text += &line(&second);
        }
        text
    }

    /// The histograms of each operation's service time per call in microseconds, by the operation's name, each the text of a `.hlog`
    /// file: an interval a second, those of the warm-up tagged so. `began` is when execution began, `duration_s` how long it took, warm-up
    /// included.
    #[must_use]
    pub fn histogram_logs(&self, began: SystemTime, duration_s: f64) -> BTreeMap<String, String> {
        let operations: BTreeSet<Operation> = self
            .seconds
            .values()
            .flat_map(|second| second.calls.keys().copied())
            .collect();
        let logs = operations.into_iter().map(|operation| {
            let log = self.histogram_log(operation, began, duration_s);
            (operation.name().to_owned(), log)
        });
        logs.collect()
    }

    fn histogram_log(&self, operation: Operation, began: SystemTime, duration_s: f64) -> String {
        let written = "memory takes what is written, and counts are far below 2^63";
        let mut bytes = Vec::new();
        let mut serializer = V2DeflateSerializer::new();
        let mut log = IntervalLogWriterBuilder::new()
            .add_comment("[Histogram log format version 1.2]")
            .add_comment(&format!(
                "service time of {operation} per call, in microseconds; Interval_Max in milliseconds"
            ))
            .with_start_time(began)
            .with_max_value_divisor(1000.0)
            .begin_log_with(&mut bytes, &mut serializer)
            .expect(written);
        for ((number, is_measured), second) in &self.seconds {
            let Some(kept) = second.calls.get(&operation) else {
                continue;
            };
            let (from, to) = self.bounds(*number, *is_measured, duration_s);
            let tag = Tag::new(WARM_UP).filter(|_| !is_measured);
            log.write_histogram(&kept.histogram(), seconds(from), seconds(to - from), tag)
                .expect(written);
        }
        String::from_utf8(bytes).expect("the log is digits, base64 and what stands above")
    }

    /// From when to when a second goes, or its part before or after the end of the warm-up.
    fn bounds(&self, number: u64, is_measured: bool, duration_s: f64) -> (f64, f64) {
        let (from, to) = (number as f64, (number + 1) as f64);
        let (from, to) = if is_measured {
            (from.max(self.warmup_s), to)
        } else {
            (from, to.min(self.warmup_s))
        };
        // An answer may come in a little after the end.
        let end = if duration_s > from {
            to.min(duration_s)
        } else {
            to
        };
        (from, end.max(from))
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn line(second: &SecondSummary) -> String {
    let throughput = second.throughput();
    let throughput = throughput.map_or(String::new(), |value| format!("{value:.1}"));
    let mut line = format!(
        "{},{:.3},{},{},{throughput},{},{},{},{}",
        second.second,
        second.length_s,
        second.is_measured,
        second.completed,
        second.fetches,
        second.empty,
        second.errors,
        second.retries
    );
    for Percentiles { p50, p95, p99, .. } in [second.fetch, second.complete] {
        for value in [p50, p95, p99] {
            line.push(',');
            if let Some(value) = value {
                let _ = write!(line, "{value:.3}");
            }
        }
    }
    let backlog = second.backlog.map(|jobs| jobs.to_string());
    let _ = writeln!(line, ",{}", backlog.unwrap_or_default());
    line
}
