//! Series: what is merged is what was recorded, and its files are read by others.

use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use proptest::prelude::*;

use super::{Series, equivalent};
use crate::definition::operation::Operation;
use crate::load::recorder::Recorder;
use crate::run::throughput::Percentiles;

const SECOND: u64 = 1_000_000_000;

/// Two workers over `seconds` seconds with a warm-up of 1.5 s, each with `calls` fetches and completes of 10 jobs a second, the k-th fetch
/// taking k times 10 µs; and the histogram of the measured fetches.
fn recorded(seconds: u64, calls: u64) -> (Series, Histogram<u64>) {
    let (sender, receiver) = channel();
    let mut series = Series::new(1.5);
    let mut wanted = Histogram::new(3).unwrap();
    for worker in 0..2 {
        let mut recorder = Recorder::new(worker, sender.clone(), SECOND, SECOND * 5 / 2);
        for second in 0..seconds {
            for call in 1..=calls {
                let at = SECOND + second * SECOND + (call - 1) * SECOND / calls;
                recorder.record(Operation::Fetch, at, call * 10_000, 10);
                recorder.record(Operation::Complete, at, 5_000_000, 10);
                recorder.jobs_completed(at, 10);
                if at >= SECOND * 5 / 2 {
                    wanted.record(call * 10).unwrap();
                }
            }
        }
        recorder.finish();
        // The second worker's come in when the first one's seconds are compressed.
        series.collect(&receiver);
    }
    (series, wanted)
}

#[test]
fn totals_are_those_of_all_measured_samples() {
    for calls in [40, 1000] {
        let (series, wanted) = recorded(10, calls);
        let latency = series.latency();
        let fetch = latency["fetch"];
        assert_eq!(fetch.service, Some(Percentiles::of(&wanted)));
        assert_eq!(fetch.service.unwrap().n, 17 * calls);
        assert_eq!(fetch.service_per_job.unwrap().n, 170 * calls);
        assert_eq!(
            fetch.service_per_job.unwrap().p95,
            fetch.service.unwrap().p95
        );
        assert_eq!((fetch.response, fetch.lag), (None, None));
        assert_eq!(latency.keys().collect::<Vec<_>>(), ["complete", "fetch"]);
        let worker = series.of_worker(1, Operation::Fetch).unwrap();
        assert_eq!(worker.n * 2, wanted.len());
        assert_eq!(worker.p95, Percentiles::of(&wanted).p95);
        assert_eq!(series.of_worker(2, Operation::Fetch), None);
        assert_eq!(
            series.from_second(0, Operation::Fetch),
            Percentiles::of(&wanted)
        );
        assert_eq!(series.from_second(9, Operation::Fetch).n, 2 * calls);
    }
}

#[test]
fn percentiles_a_job_need_as_many_calls_as_those_a_call() {
    let (sender, receiver) = channel();
    let mut series = Series::new(0.0);
    let mut recorder = Recorder::new(0, sender, SECOND, SECOND);
    for call in 0..19 {
        recorder.record(Operation::Fetch, SECOND + call, 10_000, 1_000);
    }
    for call in 0..100 {
        recorder.record(Operation::Fetch, SECOND + call, 10_000, 0);
    }
    recorder.finish();
    series.collect(&receiver);
    let fetch = series.latency()["fetch"];
    let job = fetch.service_per_job.unwrap();
    assert_eq!((job.n, job.p90.is_some(), job.p95), (19_000, true, None));
    assert!(fetch.service.unwrap().p99.is_some());
}

#[test]
fn seconds_tell_what_happened_in_them() {
    let (mut series, _) = recorded(3, 100);
    series.set_backlog(2, 7);
    let seconds = series.seconds(4.5);
    assert_eq!(seconds.len(), 5);
    assert_eq!(
        seconds
            .iter()
            .map(|second| second.completed)
            .collect::<Vec<_>>(),
        [2000, 2000, 2000, 0, 0]
    );
    let [before, split] = [seconds[0], seconds[1]];
    assert_eq!((before.is_measured, split.is_measured), (false, true));
    assert_eq!((split.fetch.n, split.fetch.p50), (200, Some(0.5)));
    assert_eq!((split.backlog, seconds[2].backlog), (None, Some(7)));
    assert_eq!(
        (seconds[4].length_s, seconds[4].throughput()),
        (0.5, Some(0.0))
    );
    assert_eq!(series.latest(1.9), None);
    assert_eq!(series.latest(2.1).unwrap().second, 0);
    assert_eq!(series.latest(2.1).unwrap().throughput(), Some(2000.0));
}

#[test]
fn answers_after_the_end_are_in_seconds_that_last_no_time() {
    let (series, _) = recorded(3, 20);
    let seconds = series.seconds(1.5);
    let told: Vec<(f64, Option<f64>)> = seconds
        .iter()
        .map(|second| (second.length_s, second.throughput()))
        .collect();
    assert_eq!(told, [(1.0, Some(400.0)), (0.5, Some(800.0)), (0.0, None)]);
    let csv = series.csv(1.5);
    let last = csv.lines().last().unwrap();
    assert!(last.starts_with("2,0.000,true,400,,40,"), "{last}");
}

#[test]
fn the_csv_has_a_line_a_second() {
    let (mut series, _) = recorded(2, 20);
    series.set_backlog(1, 30);
    insta::assert_snapshot!(series.csv(2.5), @r"
    second,length_s,measured,completed,throughput,fetches,empty,errors,retries,fetch_p50_ms,fetch_p95_ms,fetch_p99_ms,complete_p50_ms,complete_p95_ms,complete_p99_ms,backlog
    0,1.000,false,400,400.0,40,0,0,0,0.100,0.190,,5.003,5.003,,
    1,1.000,true,400,400.0,40,0,0,0,0.100,0.190,,5.003,5.003,,30
    2,0.500,true,0,0.0,0,0,0,0,,,,,,,
    ");
}

/// The histogram of all intervals of a log that have this tag, and their number.
fn read(log: &str, tag: Option<&str>) -> (Histogram<u64>, usize) {
    let mut histogram = Histogram::new(3).unwrap();
    let mut intervals = 0;
    for entry in IntervalLogIterator::new(log.as_bytes()) {
        let LogEntry::Interval(interval) = entry.unwrap() else {
            continue;
        };
        if interval.tag().map(|tag| tag.as_str()) == tag {
            let encoded = interval.encoded_histogram();
            let bytes = STANDARD.decode(encoded).unwrap();
            let found: Histogram<u64> = Deserializer::new()
                .deserialize(&mut bytes.as_slice())
                .unwrap();
            histogram.add(&found).unwrap();
            intervals += 1;
        }
    }
    (histogram, intervals)
}

#[test]
fn a_log_read_by_others_has_the_totals() {
    let (series, wanted) = recorded(6, 300);
    let began = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let logs = series.histogram_logs(began, 5.75);
    assert_eq!(logs.keys().collect::<Vec<_>>(), ["complete", "fetch"]);
    let log = &logs["fetch"];
    let (measured, intervals) = read(log, None);
    assert_eq!(intervals, 5);
    assert_eq!(
        Percentiles::of(&measured),
        series.latency()["fetch"].service.unwrap()
    );
    assert_eq!(measured, wanted);
    let (warm_up, intervals) = read(log, Some("warm-up"));
    assert_eq!((warm_up.len(), intervals), (900, 2));
    assert!(log.starts_with("#[Histogram log format version 1.2]\n"));
    assert!(log.contains("#[StartTime: 1800000000.000 (seconds since epoch)]\n"));
    for bounds in [
        "\nTag=warm-up,1.000,0.500,",
        "\n1.500,0.500,",
        "\n2.000,1.000,",
        "\n5.000,0.750,",
    ] {
        assert!(log.contains(bounds), "{bounds:?} in\n{log}");
    }
}

#[test]
fn seconds_that_are_over_take_little_room() {
    let (series, _) = recorded(30, 1000);
    let compressed = series
        .seconds
        .values()
        .flat_map(|second| second.calls.values());
    let sizes: Vec<usize> = compressed
        .filter_map(|kept| match kept {
            super::Kept::Compressed(bytes) => Some(bytes.capacity()),
            super::Kept::Open(_) => None,
        })
        .collect();
    // Two operations in 31 parts of seconds; the second worker opened those that were compressed.
    assert!(sizes.len() >= 2 * 26, "{}", sizes.len());
    assert!(sizes.iter().all(|size| *size < 4096), "{sizes:?}");
}

proptest! {
    #[test]
    fn values_come_to_be_where_a_histogram_puts_them(value: u32) {
        let histogram = Histogram::<u64>::new_with_max(u64::from(u32::MAX) * 2, 3).unwrap();
        prop_assert_eq!(u64::from(equivalent(value)), histogram.highest_equivalent(u64::from(value)));
    }
}
