//! The ledger: a job's whole way through it, and counting what became of all of them; a byte a job.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pgq_analyze::load::board::{Board, Shape};

const JOBS: u64 = 1_000_000;

/// Jobs that a fetch returns.
const BATCH: u64 = 100;

/// A board on which all jobs are to be drained.
fn board() -> Board {
    let shape = Shape {
        workers: 4,
        jobs: JOBS,
    };
    let board = Board::anonymous(shape).unwrap();
    (1..=JOBS).for_each(|seq| board.ledger().expect(seq));
    board
}

/// Delivered, completing, completed: by the batch, as workers do it.
fn drain(board: &Board, first: u64, step: u64) {
    let ledger = board.ledger();
    for batch in (first..=JOBS).step_by((BATCH * step) as usize) {
        let seqs = batch..(batch + BATCH).min(JOBS + 1);
        seqs.clone().for_each(|seq| {
            black_box(ledger.delivered(Some(seq), true));
        });
        seqs.clone().for_each(|seq| ledger.completing(seq));
        seqs.for_each(|seq| {
            black_box(ledger.completed(seq));
        });
    }
}

/// Bytes of the file of a board.
fn bytes(jobs: u64) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board");
    let board = Board::create(&path, Shape { workers: 4, jobs }).unwrap();
    drop(board);
    std::fs::metadata(&path).unwrap().len()
}

fn ledger(criterion: &mut Criterion) {
    assert_eq!(
        bytes(JOBS) - bytes(0),
        JOBS,
        "the ledger takes a byte a job"
    );
    let mut group = criterion.benchmark_group("ledger");
    group.throughput(Throughput::Elements(JOBS)).sample_size(20);
    group.bench_function("one_worker", |bencher| {
        bencher.iter_batched_ref(board, |board| drain(board, 1, 1), BatchSize::PerIteration);
    });
    group.bench_function("two_workers", |bencher| {
        let both = |board: &mut Board| {
            std::thread::scope(|scope| {
                for worker in 0..2 {
                    let board = &*board;
                    scope.spawn(move || drain(board, 1 + worker * BATCH, 2));
                }
            });
        };
        bencher.iter_batched_ref(board, both, BatchSize::PerIteration);
    });
    let drained = board();
    drain(&drained, 1, 1);
    assert_eq!(drained.ledger().count(true).done, JOBS);
    group.bench_function("count", |bencher| {
        bencher.iter(|| black_box(drained.ledger().count(true)));
    });
    group.finish();
}

criterion_group!(benches, ledger);
criterion_main!(benches);
