//! Reading plans: into typed nodes with each node's own work, against serde_json's untyped value of the same bytes.

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pgq_analyze::plan::{Plan, work};

/// The golden plans of all versions.
fn golden_plans() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let mut texts = Vec::new();
    for version in ["pg14", "pg15", "pg16", "pg17", "pg18"] {
        let mut paths: Vec<_> = std::fs::read_dir(folder.join(version))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        let plans = paths.iter().filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        });
        texts.extend(plans.map(|path| std::fs::read_to_string(path).unwrap()));
    }
    texts
}

/// One plan of some 50,000 nodes: an Append over scans as PostgreSQL prints them.
fn large_plan() -> Vec<String> {
    let text = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans/pg15/append.json"),
    )
    .unwrap();
    let members = text
        .split_once("\"Plans\": [")
        .unwrap()
        .1
        .split_once("\"Plans\": [")
        .unwrap()
        .1;
    let first = members.split_once("},").unwrap().0;
    let many = vec![format!("{first}}}"); 50_000].join(",");
    vec![format!(
        "[{{\"Plan\": {{\"Node Type\": \"Append\", \"Plans\": [{many}]}}}}]"
    )]
}

fn parse_plan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse_plan");
    for (name, texts) in [("golden", golden_plans()), ("large", large_plan())] {
        group.throughput(Throughput::Bytes(
            texts.iter().map(|text| text.len() as u64).sum(),
        ));
        group.sample_size(if name == "large" { 10 } else { 50 });
        group.bench_with_input(
            BenchmarkId::new("serde_json_value", name),
            &texts,
            |bencher, texts| {
                bencher.iter(|| {
                    for text in texts {
                        black_box(serde_json::from_str::<serde_json::Value>(text).unwrap());
                    }
                });
            },
        );
        group.bench_with_input(
            BenchmarkId::new("plan_and_work", name),
            &texts,
            |bencher, texts| {
                bencher.iter(|| {
                    for text in texts {
                        let plans = Plan::parse(text).unwrap();
                        plans.iter().for_each(|plan| drop(black_box(work(plan))));
                        black_box(plans);
                    }
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, parse_plan);
criterion_main!(benches);
