//! Making canonical rows in the binary COPY format: on one thread, and on all as the loader does.

use std::hint::black_box;
use std::ops::Range;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pgq_analyze::definition::Library;
use pgq_analyze::fixture::copy_format;
use pgq_analyze::fixture::rows::Rows;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// Rows made in one iteration.
const ROWS: u64 = 100_000;

/// Rows made at once: about the megabyte that the loader makes at once.
const CHUNK: u64 = 3_000;

fn generate_rows(criterion: &mut Criterion) {
    let fixture = Library::built_in()
        .fixture("heavy-single-queue")
        .expect("a built-in fixture");
    let rows = Rows::new(&fixture);
    let chunks: Vec<Range<u64>> = (1..=ROWS)
        .step_by(CHUNK as usize)
        .map(|first| first..(first + CHUNK).min(ROWS + 1))
        .collect();
    let bytes = copy_format::jobs(&rows, 1..ROWS + 1).len() as u64;
    let mut group = criterion.benchmark_group("generate_rows");
    group.throughput(Throughput::ElementsAndBytes {
        elements: ROWS,
        bytes,
    });
    group.bench_function("one_thread", |bencher| {
        bencher.iter(|| {
            for chunk in &chunks {
                black_box(copy_format::jobs(&rows, chunk.clone()));
            }
        });
    });
    group.bench_function("all_threads", |bencher| {
        bencher.iter(|| {
            chunks.clone().into_par_iter().for_each(|chunk| {
                black_box(copy_format::jobs(&rows, chunk));
            });
        });
    });
    group.finish();
}

criterion_group!(benches, generate_rows);
criterion_main!(benches);
