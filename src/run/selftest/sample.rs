//! A self-test as a steady machine would give it, for tests.

use std::collections::BTreeMap;

use super::{
    Clock, ClockClass, CopyCounts, Counts, Disk, FORMAT_VERSION, FalseAlarms, FoundServer, Machine,
    Pair, Pgbench, SelfTest, Side, SyncTimes, Times, VariantCounts,
};
use crate::run::environment::ServerRecord;

/// Without a verdict.
pub(crate) fn steady() -> SelfTest {
    SelfTest {
        format_version: FORMAT_VERSION,
        program_version: "0.1.0".to_owned(),
        debug_build: false,
        server: server(),
        clock: Clock {
            source: Some("tsc".to_owned()),
            readings: 20_000_000,
            mean_ns: 25.0,
            below_1us: 0.99999,
            histogram: [(32.0, 19_000_000), (64.0, 999_800), (16_384.0, 200)]
                .map(|(below_ns, readings)| ClockClass { below_ns, readings })
                .to_vec(),
            timing_ns_per_row: Some(45.0),
        },
        counts: counts(),
        times: times(),
        pgbench: pgbench(),
        disk: Disk {
            directory: Some("/var/cache/pgq-analyze/postgres-15".to_owned()),
            free_bytes: Some(50 << 30),
            sync: Some(SyncTimes {
                n: 100,
                median_ms: 1.25,
                p95_ms: Some(2.5),
                max_ms: 31.0,
            }),
            not_measured: None,
        },
        machine: Machine {
            model: "A processor".to_owned(),
            cores: 4,
            virtual_machine: Some(true),
            governors: Vec::new(),
            load_average: Some(0.4),
            stolen: Some(0.001),
            memory_bytes: Some(24 << 30),
            available_bytes: Some(20 << 30),
        },
        verdict: Vec::new(),
        total_ms: 12_000.0,
    }
}

fn server() -> FoundServer {
    let settings = [("fsync", "off"), ("shared_buffers", "1GB")];
    FoundServer {
        version: "postgres (PostgreSQL) 15.18".to_owned(),
        bin_dir: Some("/usr/lib/postgresql/15/bin".to_owned()),
        record: ServerRecord {
            server_version: "15.18".to_owned(),
            build: "x86_64-pc-linux-gnu, compiled by gcc 12.2.0, 64-bit".to_owned(),
            block_size: 8192,
            settings: settings
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            profile: "plans".to_owned(),
            statistics: BTreeMap::new(),
            catalogs: BTreeMap::new(),
            limitations: Vec::new(),
        },
    }
}

fn counts() -> Counts {
    let variant = |statement: &str, variant: &str, rows| VariantCounts {
        statement: statement.to_owned(),
        variant: variant.to_owned(),
        counts: CopyCounts {
            shape: "0123456789ab".to_owned(),
            rows,
            pages: rows * 12,
            wal_records: rows * 5,
            wal_bytes: rows * 700,
        },
        differences: Vec::new(),
    };
    Counts {
        queue: "status-partial".to_owned(),
        fixture: "heavy-single-queue".to_owned(),
        jobs: 10_000,
        copies: 5,
        variants: vec![
            variant("fetch", "batch-10", 10),
            variant("complete-unnest", "completed-100", 100),
        ],
    }
}

fn times() -> Times {
    let none_of = |comparisons| FalseAlarms {
        comparisons,
        alarms: 0,
    };
    Times {
        statement: "fetch".to_owned(),
        variant: "batch-100".to_owned(),
        samples: 2000,
        copies: 10,
        median_ms: Some(1.5),
        median_absolute_deviation_ms: Some(0.03),
        p95_over_median: Some(1.2),
        per_side: 20,
        interleaved: none_of(50),
        in_blocks: none_of(90),
        naive: FalseAlarms {
            comparisons: 90,
            alarms: 9,
        },
        told_from: Some(0.13),
        apart_in_blocks: Some(0.07),
    }
}

fn pgbench() -> Pgbench {
    let pair = |first: f64| Pair {
        pgbench: Side {
            statements: 4000,
            rows: 40_000,
            throughput: first,
            cpu_us: 16.0,
        },
        ours: Side {
            statements: 4000,
            rows: 40_000,
            throughput: first * 1.02,
            cpu_us: 20.0,
        },
    };
    Pgbench {
        program: Some("/usr/lib/postgresql/15/bin/pgbench".to_owned()),
        statement: "delete from job … returning id, payload".to_owned(),
        connections: 2,
        rows: 40_000,
        ..Pgbench::default()
    }
    .with_pairs(vec![pair(8000.0), pair(8500.0), pair(9000.0)])
}
