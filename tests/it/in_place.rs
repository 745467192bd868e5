//! Measuring on tables that stand there already: nothing of it stays, and what only reads leaves no trace at all.

use pgq_analyze::run::plan_result::PlanMode;
use rustix::process::Signal;

use crate::given_server::{GivenServer, Options};
use crate::place::{Place, wait_for};
use crate::program::{Ran, Running, command, compare_plans, comparing, result, take_run};

/// A queue without `schema.sql` and `populate.sql`: somebody else has made and filled its tables.
const FILES: &[(&str, &str)] = &[
    ("queue.toml", "description = \"Tables that stand there\"\n"),
    (
        "fetch.sql",
        "-- Takes the first tasks.\n-- operation: fetch\n-- param batch_size int\n-- variant batch-1: batch_size = 1\n-- variant batch-5: batch_size = 5\n\n\
         update task set waiting = false where number = any(array(select number from task where waiting order by number limit :batch_size for update skip locked)) returning number;\n",
    ),
    (
        "complete.sql",
        "-- Deletes what was taken.\n-- operation: complete\n-- param numbers bigint[] = fetched.number\n-- variant completed-5: fetch.batch_size = 5\n\n\
         delete from task where number = any(:numbers) returning number;\n",
    ),
    (
        "backlog.sql",
        "-- Counts.\n-- operation: inspect\n\nselect 'q' as queue, 'ready' as state, count(*) as jobs, null::timestamptz as oldest from task where waiting;\n",
    ),
    (
        "peek.sql",
        "-- Locks the first task.\n-- operation: inspect\n\nselect number from task order by number limit 1 for update;\n",
    ),
    (
        "number.sql",
        "-- Writes behind the plan's back.\n-- operation: inspect\n\nselect next_number();\n",
    ),
    (
        "slow.sql",
        "-- Takes too long.\n-- operation: rescue\n\nselect pg_sleep(3600);\n",
    ),
];

/// Everything that a run might leave behind: dead rows, the sequence, the next transaction's number, the rows themselves.
const TRACES: &str = "select (select n_dead_tup from pg_stat_user_tables where relname = 'task'), \
         (select last_value from task_number_seq), pg_snapshot_xmax(pg_current_snapshot()), \
         (select md5(string_agg(task::text, ',' order by number)) from task), (select count(*) from taken)";

fn server(place: &Place) -> (GivenServer, String) {
    let server = GivenServer::start(
        place,
        &Options {
            settings: &["autovacuum = off", "max_prepared_transactions = 2"],
            ..Options::default()
        },
    );
    server.sql("postgres", "create database staging");
    server.sql(
        "staging",
        "create table task (number bigserial primary key, waiting boolean not null); create table taken (number bigint); \
         insert into task (waiting) select true from generate_series(1, 1000); \
         create function next_number() returns bigint language sql as \
             'insert into taken select nextval(''task_number_seq'') returning number'",
    );
    server.sql("staging", "vacuum analyze task");
    for (name, text) in FILES {
        place.write(&format!("standing/{name}"), text);
    }
    (server, place.path().join("standing").display().to_string())
}

fn in_place(place: &Place, server: &GivenServer, queue: &str, more: &[&str]) -> Ran {
    let url = server.url("staging");
    let mut arguments = vec!["--database-url", &url, "--in-place", "--yes"];
    arguments.extend(["--queue", queue]);
    arguments.extend(more);
    compare_plans(place, &arguments)
}

/// After the sessions before have told what they counted.
fn traces(server: &GivenServer) -> Vec<String> {
    std::thread::sleep(std::time::Duration::from_millis(100));
    server.sql("staging", TRACES).concat()
}

const EVERYTHING: &[&str] = &[
    "--operation",
    "fetch",
    "--operation",
    "complete",
    "--operation",
    "inspect",
    "--samples",
    "3",
    "--budget",
    "0",
];

#[test]
fn what_only_reads_leaves_no_trace() {
    let place = Place::new();
    let (server, queue) = server(&place);
    let before = traces(&server);
    in_place(&place, &server, &queue, EVERYTHING)
        .expect_code(0)
        .expect_said(&[
            "each in a transaction that is rolled back",
            "for a staging copy, not for production",
            "statements that write are left out",
        ]);
    assert_eq!(traces(&server), before);
    let run = take_run(&place);
    let measured: Vec<&str> = run
        .results
        .iter()
        .map(|result| &*result.statement)
        .collect();
    assert_eq!(measured, ["backlog"]);
    let backlog = result(&run, "standing", "backlog", "default", PlanMode::Custom);
    assert_eq!((&*backlog.fixture, backlog.rows), ("in-place", 1));
    assert!(run.environment.fixtures.is_empty() && run.failures.is_empty());
    let reasons: Vec<(&str, &str)> = run
        .skipped
        .iter()
        .map(|skipped| {
            let statement = skipped.statement.as_deref().unwrap_or_default();
            let (_, reason) = skipped.message.rsplit_once(": ").unwrap_or_default();
            (statement, reason)
        })
        .collect();
    assert_eq!(
        reasons,
        [
            ("fetch", "its plan writes (Update on task)"),
            ("fetch", "its plan writes (Update on task)"),
            (
                "complete",
                "cannot execute UPDATE in a read-only transaction"
            ),
            ("number", "cannot execute INSERT in a read-only transaction"),
            ("peek", "its plan writes (LockRows)"),
        ]
    );
}

#[test]
fn what_writes_is_rolled_back_and_leaves_what_was_said() {
    let place = Place::new();
    let (server, queue) = server(&place);
    let before = traces(&server);
    let more: Vec<&str> = EVERYTHING
        .iter()
        .copied()
        .chain(["--allow-writes"])
        .collect();
    in_place(&place, &server, &queue, &more)
        .expect_code(0)
        .expect_said(&[
            "dead rows",
            "does not give back sequence values",
            "row locks",
        ]);
    let number = |text: &str| text.parse::<u64>().expect("a number");
    // Version 14 counts dead rows a while later.
    let after = wait_for("the dead rows to be counted", || {
        let after = traces(&server);
        (number(&after[0]) >= number(&before[0]) + 5).then_some(after)
    });
    // The rows are what they were; dead rows and the sequence tell that something was there.
    assert_eq!(after[3..], before[3..]);
    assert!(number(&after[1]) > number(&before[1]), "{after:?}");
    let run = take_run(&place);
    assert!(run.skipped.is_empty() && run.failures.is_empty());
    let rows =
        |statement, variant| result(&run, "standing", statement, variant, PlanMode::Custom).rows;
    assert_eq!(rows("fetch", "batch-5"), 5);
    assert_eq!(rows("complete", "completed-5"), 5);
    assert_eq!(rows("peek", "default"), 1);
    // The rows are received in the same transaction: five numbers of eight bytes and four that say so.
    let fetched = result(&run, "standing", "fetch", "batch-5", PlanMode::Custom).output;
    assert_eq!(
        fetched.map(|output| (output.bytes, output.pages)),
        Some((5 * 12, 0))
    );
    // Only tables that the queue names are recorded.
    let catalog = &run.environment.server.catalogs["in-place"]["standing"];
    let names: Vec<&str> = catalog
        .relations
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["task"]);
}

#[test]
fn what_a_run_left_out_is_not_judged_and_stays_in_the_baseline() {
    let place = Place::new();
    let (server, queue) = server(&place);
    let measure = |more: &[&str]| {
        let inspect = ["--operation", "inspect", "--samples", "3", "--budget", "0"];
        let baseline = ["--baseline", "main"];
        in_place(
            &place,
            &server,
            &queue,
            &[&inspect[..], &baseline, more].concat(),
        )
    };
    measure(&["--update-baseline", "--allow-writes"]).expect_code(0);
    let file = place.path().join("baselines/main.json");
    let made = std::fs::read_to_string(&file).expect("it was made");
    let ran = measure(&["--fail-on", "regression"]).expect_code(5);
    assert!(ran.stdout.contains("its plan writes"), "{}", ran.stdout);
    measure(&["--update-baseline"])
        .expect_code(1)
        .expect_said(&["main.json was not written", "the baseline holds"]);
    let kept = std::fs::read_to_string(&file).expect("reads");
    assert_eq!(kept, made);
}

#[test]
fn a_statement_that_hits_a_timeout_is_named_and_the_run_goes_on() {
    let place = Place::new();
    let (server, queue) = server(&place);
    server.sql(
        "staging",
        "begin; lock table taken; prepare transaction 'held'",
    );
    let more = [
        "--operation",
        "inspect",
        "--operation",
        "rescue",
        "--allow-writes",
        "--allow-busy-server",
        "--lock-timeout",
        "0.2",
        "--statement-timeout",
        "0.7",
    ];
    in_place(&place, &server, &queue, &more)
        .expect_code(1)
        .expect_said(&[
            "statement timeout",
            "--statement-timeout",
            "lock timeout",
            "--lock-timeout",
        ]);
    let run = take_run(&place);
    let failed: Vec<&str> = run
        .failures
        .iter()
        .filter_map(|failure| failure.statement.as_deref())
        .collect();
    assert_eq!(failed, ["slow", "number"]);
    let measured: Vec<&str> = run
        .results
        .iter()
        .map(|result| &*result.statement)
        .collect();
    assert_eq!(measured, ["backlog", "peek"]);
}

#[test]
fn what_makes_no_sense_in_place_is_refused() {
    let place = Place::new();
    let (server, queue) = server(&place);
    for more in [
        ["--rows", "10"],
        ["--seed", "7"],
        ["--fixture", "with-steps"],
        ["--in-schema", "bench"],
    ] {
        in_place(&place, &server, &queue, &more)
            .expect_code(2)
            .expect_said(&["cannot be used with"]);
    }
    compare_plans(&place, &["--in-place", "--queue", &queue])
        .expect_code(2)
        .expect_said(&["--database-url"]);
    in_place(&place, &server, &queue, &["--operation", "fetch"])
        .expect_code(1)
        .expect_said(&["nothing was measured", "--allow-writes"]);
    let url = server.url("staging");
    let unasked = ["--database-url", &url, "--in-place", "--queue", &queue];
    compare_plans(&place, &unasked)
        .expect_code(2)
        .expect_said(&["--yes"]);
}

#[test]
fn whoever_goes_away_leaves_no_statement_running() {
    let place = Place::new();
    let (server, queue) = server(&place);
    let url = server.url("staging");
    let arguments = comparing(
        &place,
        &[
            "--database-url",
            &url,
            "--in-place",
            "--yes",
            "--allow-busy-server",
            "--queue",
            &queue,
            "--operation",
            "rescue",
            "--statement-timeout",
            "3600",
        ],
    );
    let sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
    let wait_until = |count: &str| {
        wait_for("the statement", || {
            (server.sql("staging", sleeping) == [[count]]).then_some(())
        });
    };
    for (signal, code) in [(Signal::INT, Some(130)), (Signal::KILL, None)] {
        let running = Running::start(&place, command(&place, &arguments));
        wait_until("1");
        running.signal(signal);
        let ran = running.finish();
        assert_eq!(ran.code, code, "{}", ran.stderr);
        wait_until("0");
    }
}
