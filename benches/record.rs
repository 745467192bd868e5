//! Recording a sample: what a worker pays for each of its calls, beside the clock it reads for that anyway and plain histograms.

use std::hint::black_box;
use std::sync::mpsc::channel;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hdrhistogram::Histogram;
use pgq_analyze::definition::Operation;
use pgq_analyze::load::clock::now_ns;
use pgq_analyze::load::recorder::Recorder;

/// Samples of one iteration.
const SAMPLES: usize = 10_000;

/// Service times from 50 µs to some ms as a server gives them: most of them short.
fn service_times() -> Vec<u64> {
    let mut state = 1_u64;
    let mut times = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        // The multiplier is Knuth's, of MMIX.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let share = (state >> 33) as f64 / (1_u64 << 31) as f64;
        times.push((50_000.0 / (1.01 - share)) as u64);
    }
    times
}

/// A recorder that gets a sample every `between_ns`, the end of each second and handing over included.
fn recorder(criterion: &mut Criterion, name: &str, between_ns: u64) {
    let times = service_times();
    let mut group = criterion.benchmark_group("record");
    group.throughput(Throughput::Elements(SAMPLES as u64));
    group.bench_function(name, |bencher| {
        let (sender, receiver) = channel();
        let mut recorder = Recorder::new(0, sender, 0, 0);
        let mut now = 0;
        bencher.iter(|| {
            for time in &times {
                now += between_ns;
                recorder.record(Operation::Fetch, now, *time, 10);
            }
            receiver.try_iter().for_each(|interval| {
                black_box(interval);
            });
        });
    });
    group.finish();
}

fn record(criterion: &mut Criterion) {
    recorder(criterion, "10_000_a_second", 100_000);
    recorder(criterion, "100_a_second", 10_000_000);
    let times = service_times();
    let mut group = criterion.benchmark_group("record");
    group.throughput(Throughput::Elements(SAMPLES as u64));
    group.bench_function("two_histograms", |bencher| {
        let [mut calls, mut jobs] = [(); 2].map(|()| Histogram::<u32>::new(3).unwrap());
        bencher.iter(|| {
            for time in &times {
                calls.record(time / 1000).unwrap();
                jobs.record_n(time / 1000, 10).unwrap();
            }
        });
    });
    group.bench_function("clock", |bencher| {
        bencher.iter(|| {
            for _ in 0..SAMPLES {
                black_box(now_ns());
            }
        });
    });
    group.finish();
}

criterion_group!(benches, record);
criterion_main!(benches);
