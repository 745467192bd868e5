//! What a statement's rows amount to when they are sent to a client, and what that reads of values stored out of line.

use pgq_analyze::run::Run;
use pgq_analyze::run::plan_result::{OutputCounts, PlanMode};

use crate::own_queue;
use crate::place::Place;
use crate::program::{compare_plans, installation, installed, measured, result, take_run};

/// Payloads that do not compress.
const WIDE: &str = "jobs = 300\n[payload]\nbytes = 20000\ncompressible = 0";

/// Characters of a payload, about.
const PAYLOAD: u64 = 20_000;

const SCHEMA: &str = "create table task (
    number bigint,
    waiting boolean not null,
    payload jsonb not null
);
";

const POPULATE: &str = "insert into task (number, waiting, payload)
select seq, true, payload
from pgqa_job;
";

const VARIANTS: &str = "-- Takes the first tasks.
-- param batch_size int
-- variant batch-1: batch_size = 1
-- variant batch-10: batch_size = 10
";

const CLAIM: &str = "update task
set waiting = false
where number = any(array(select number from task where waiting order by number limit :batch_size for update skip locked))
";

/// A queue of wide payloads with a fetch that returns all of a job, one that returns its key, and one whose nodes read payloads.
fn write(place: &Place) -> [String; 4] {
    let file = |operation: &str, statement: &str| {
        format!("{VARIANTS}-- operation: {operation}\n{statement};\n")
    };
    let whole = file("fetch", &format!("{CLAIM}returning *"));
    let key = file("release", &format!("{CLAIM}returning number"));
    let nothing = file("fail", CLAIM);
    let looked_at = "select number from task where payload->>'no such key' is null order by number limit :batch_size";
    let looked_at = file("rescue", looked_at);
    let queue = own_queue::write(
        place,
        &[
            ("schema.sql", SCHEMA),
            ("populate.sql", POPULATE),
            ("fetch.sql", &whole),
            ("release.sql", &key),
            ("fail.sql", &nothing),
            ("rescue.sql", &looked_at),
        ],
    );
    let fixture = own_queue::write_fixture(place, WIDE);
    ["--queue".to_owned(), queue, "--fixture".to_owned(), fixture]
}

const OPERATIONS: [&str; 8] = [
    "--operation",
    "fetch",
    "--operation",
    "release",
    "--operation",
    "fail",
    "--operation",
    "rescue",
];

fn output(run: &Run, statement: &str, variant: &str) -> OutputCounts {
    let one = result(run, "own-queue", statement, variant, PlanMode::Custom);
    one.output.expect("it is recorded")
}

fn assert_output(run: &Run) {
    // A payload lies in eleven pieces of 1,996 bytes, four on a page: on three pages or four, found through two of an index.
    let one = output(run, "fetch", "batch-1");
    let ten = output(run, "fetch", "batch-10");
    assert!((5..=6).contains(&one.pages), "{one:?}");
    assert!((50..=60).contains(&ten.pages), "{ten:?}");
    assert!((10 * PAYLOAD..11 * PAYLOAD).contains(&ten.bytes), "{ten:?}");

    // Of a number eight bytes, and four that say so.
    let keys = OutputCounts {
        bytes: 10 * 12,
        pages: 0,
    };
    assert_eq!(output(run, "release", "batch-10"), keys);
    assert_eq!(output(run, "fail", "batch-10"), OutputCounts::default());
    // What its nodes read of payloads is theirs.
    assert_eq!(output(run, "rescue", "batch-10"), keys);
    let looked_at = result(run, "own-queue", "rescue", "batch-10", PlanMode::Custom);
    assert!(looked_at.buffers.total >= 50, "{:?}", looked_at.buffers);
}

#[test]
fn rows_stored_out_of_line_are_read_when_they_are_sent() {
    let place = Place::with_warm_cache();
    let what = write(&place);
    let what: Vec<&str> = what.iter().map(String::as_str).chain(OPERATIONS).collect();
    let first = measured(&place, &what);
    assert_output(&first);
    let outputs = |run: &Run| {
        let results = run.results.iter();
        results
            .map(|one| {
                (
                    one.statement.clone(),
                    one.variant.clone(),
                    one.plan_mode.name(),
                    one.output,
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(outputs(&first), outputs(&measured(&place, &what)));

    // EXPLAIN counts them from 17 on, the backend's counters before: the same on a server of the other kind, if there is one.
    let serializes = |major: u32| major >= 17;
    let own = serializes(installation().version.major);
    let other = installed()
        .into_iter()
        .find(|one| serializes(one.version.major) != own);
    if let Some(other) = other {
        let directory = other.bin_dir.display().to_string();
        let there = measured(&place, &[&what[..], &["--postgres", &directory]].concat());
        assert_output(&there);
        for variant in ["batch-1", "batch-10"] {
            assert_eq!(
                output(&there, "fetch", variant),
                output(&first, "fetch", variant)
            );
        }
    }
}

#[test]
fn where_only_receiving_the_rows_fails_the_counts_are_kept() {
    let place = Place::with_warm_cache();
    // A sequence does not go back when a sample is rolled back: the second execution fails, which is the one that receives the rows.
    let schema = format!("{SCHEMA}create sequence taken;\n");
    let statement = "select number, 1 / (case nextval('taken') when 2 then 0 else 1 end) as share from task order by number limit :batch_size";
    let fetch = format!("{VARIANTS}-- operation: fetch\n{statement};\n");
    let replaced = [
        ("schema.sql", schema.as_str()),
        ("populate.sql", POPULATE),
        ("fetch.sql", &fetch),
    ];
    let queue = own_queue::write(&place, &replaced);
    let fixture = own_queue::write_fixture(&place, WIDE);
    let what = [
        "--queue",
        &queue,
        "--fixture",
        &fixture,
        "--operation",
        "fetch",
        "--variant",
        "batch-1",
    ];
    let ran = compare_plans(&place, &what).expect_code(1);
    assert!(ran.stdout.contains("division by zero"), "{}", ran.stdout);
    let run = take_run(&place);
    let failures: Vec<&str> = run
        .failures
        .iter()
        .map(|one| one.message.as_str())
        .collect();
    assert_eq!(failures.len(), 1, "{failures:?}");
    for part in [
        "its rows could not be received",
        "fetch.sql:",
        "division by zero",
    ] {
        assert!(failures[0].contains(part), "{failures:?}");
    }
    let kept = result(&run, "own-queue", "fetch", "batch-1", PlanMode::Custom);
    assert_eq!((kept.rows, kept.output, kept.execution_ms.n), (1, None, 1));
}
