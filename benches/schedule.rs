//! Deadlines: the first one taken and another added, with a hundred or a thousand under way; beside an ordered map and the runtime's timers.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pgq_analyze::load::schedule::Schedule;
use tokio::time::{Instant, Sleep};

/// Deadlines taken and added in one iteration.
const TURNS: u64 = 1_000;

/// The wait of an `io` task around 10 ms, in nanoseconds; the k-th.
fn wait_ns(number: u64) -> u64 {
    10_000_000 + number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 1_000_000
}

fn schedule(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("schedule");
    group.throughput(Throughput::Elements(TURNS));
    for under_way in [100, 1_000] {
        group.bench_function(BenchmarkId::new("heap", under_way), |bencher| {
            let mut schedule = Schedule::new();
            (0..under_way).for_each(|number| schedule.push(wait_ns(number), number));
            bencher.iter(|| {
                for number in 0..TURNS {
                    let now = schedule.next_ns().unwrap();
                    black_box(schedule.pop_due(now));
                    schedule.push(now + wait_ns(number), number);
                }
            });
        });
        group.bench_function(BenchmarkId::new("ordered_map", under_way), |bencher| {
            let mut map: BTreeMap<(u64, u64), u64> = (0..under_way)
                .map(|number| ((wait_ns(number), number), number))
                .collect();
            let mut added = under_way;
            bencher.iter(|| {
                for number in 0..TURNS {
                    let ((now, _), item) = map.pop_first().unwrap();
                    black_box(item);
                    map.insert((now + wait_ns(number), added), number);
                    added += 1;
                }
            });
        });
        group.bench_function(BenchmarkId::new("runtime_timers", under_way), |bencher| {
            timers(bencher, under_way);
        });
    }
    group.finish();
}

/// The runtime's timers, registered and taken back: none fires, and the runtime's own turns are not counted.
fn timers(bencher: &mut criterion::Bencher<'_>, under_way: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let begun = Instant::now() + Duration::from_secs(3600);
    let registered = |number: u64| -> Pin<Box<Sleep>> {
        let deadline = begun + Duration::from_nanos(wait_ns(number));
        let mut sleep = Box::pin(tokio::time::sleep_until(deadline));
        let mut context = Context::from_waker(Waker::noop());
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        sleep
    };
    let mut sleeps: VecDeque<Pin<Box<Sleep>>> = (0..under_way).map(registered).collect();
    bencher.iter(|| {
        for number in 0..TURNS {
            drop(sleeps.pop_front());
            sleeps.push_back(registered(number));
        }
    });
}

criterion_group!(benches, schedule);
criterion_main!(benches);
