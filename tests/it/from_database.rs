//! `fixtures from-database`: the proportions of a table, out of its statistics, and nothing else of it.

mod refusals;

use pgq_analyze::definition::{Fixture, Source};

use crate::given_server::{GivenServer, Options};
use crate::place::Place;
use crate::program::{Ran, compare_plans, measured, run};

/// 20,000 jobs: 60 % ready, half of those not due yet, 20 queues after Zipf's law with 1.1, five priorities, 12 kinds, 2 kB each that
/// do not compress.
const TASKS: &str = "create schema jobs; \
     create table jobs.task (id bigserial primary key, queue_name text, kind text, status text, priority int, run_at timestamptz, args bytea); \
     alter table jobs.task alter args set storage external; \
     insert into jobs.task (queue_name, kind, status, priority, run_at, args) \
     with law as (select r, sum(power(r, -1.1)) over (order by r) / sum(power(r, -1.1)) over () as upto from generate_series(1, 20) r) \
     select 'tenant-' || (select min(r) from law where upto >= (n * 7919 % 20000) / 20000.0 or r = 20), 'mail-' || (n % 12), \
         case when n % 100 < 60 then 'available' when n % 100 < 90 then 'done' when n % 100 < 97 then 'discarded' else 'working' end, \
         n % 5, now() + case when n % 100 < 30 then interval '1 day' else interval '-2 days' end + n * interval '1 second', \
         convert_to(repeat(md5(n::text), 64), 'UTF8') \
     from generate_series(1, 20000) n";

fn server(place: &Place) -> GivenServer {
    let settings = &["autovacuum = off"];
    let options = Options {
        tcp: true,
        settings,
        ..Options::default()
    };
    let server = GivenServer::start(place, &options);
    server.sql("postgres", "create database shop");
    server
}

fn from_database(place: &Place, url: &str, table: &str, more: &[&str]) -> Ran {
    let asked = [
        "fixtures",
        "from-database",
        "--database-url",
        url,
        "--table",
        table,
    ];
    run(place, asked.iter().chain(more))
}

/// What was printed, as a fixture.
#[track_caller]
fn fixture(text: &str) -> Fixture {
    Fixture::parse(Source::new("drawn.toml", text))
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[track_caller]
fn near(found: f64, expected: f64, within: f64) {
    assert!(
        (found - expected).abs() <= within,
        "{found} is not {expected}"
    );
}

#[test]
fn the_proportions_of_a_table_become_a_fixture_and_nothing_else_of_it() {
    let place = Place::new();
    let server = server(&place);
    server.sql("shop", TASKS);
    server.sql("shop", "vacuum analyze jobs.task");
    server.sql("shop", "update jobs.task set priority = priority where id <= 2000; select pg_stat_clear_snapshot()");
    std::thread::sleep(std::time::Duration::from_secs(1));
    let ran = from_database(&place, &server.url("shop"), "jobs.task", &[]).expect_code(0);
    let drawn = fixture(&ran.stdout);
    assert_eq!((drawn.jobs, drawn.queues.count), (20_000, 20));
    near(drawn.queues.zipf, 1.1, 0.05);
    // A thousand of those that are completed are ready before they are aged.
    near(drawn.states.ready, 0.65, 0.02);
    near(drawn.states.completed, 0.25, 0.02);
    near(drawn.states.failed, 0.07, 0.01);
    near(drawn.states.running, 0.03, 0.01);
    near(drawn.schedule.future, 0.3 / 0.65, 0.05);
    assert_eq!((drawn.priorities.levels, drawn.task_keys.count), (5, 12));
    // Out of line, in pieces: pages are not filled to the last byte.
    near(drawn.payload.bytes as f64, 2048.0, 350.0);
    assert!(
        ran.stdout.contains("2,000, 10 % of the rows"),
        "{}",
        ran.stdout
    );
    let ageing = drawn.ageing.expect("it has dead rows");
    assert!(ageing.snapshot && !ageing.vacuum);
    // The user sees what was taken for what; the file holds none of it.
    for value in ["available", "done", "discarded", "working"] {
        assert!(
            ran.stderr.contains(value) && !ran.stdout.contains(value),
            "{value}: {}",
            ran.stdout
        );
    }
    assert!(!ran.stdout.contains("tenant-") && !ran.stdout.contains("mail-"));
    assert_only_catalogs_were_read(&server);
    place.write("drawn.toml", &ran.stdout);
    let more = [
        "--fixture",
        "./drawn.toml",
        "--queue",
        "status-partial",
        "--quick",
        "--variant",
        "batch-1",
    ];
    compare_plans(&place, &more).expect_code(0);
}

/// The dead rows of a table, and the shares of those that live, are those of the fixture that was drawn when it is measured.
#[test]
fn dead_rows_are_made_again() {
    let place = Place::new();
    let server = server(&place);
    server.sql("shop", TASKS);
    // Of those that are done 600.
    for change in [
        "update jobs.task set priority = priority where id <= 4000",
        "delete from jobs.task where status = 'done' and id > 18000",
        "analyze jobs.task",
    ] {
        server.sql("shop", change);
    }
    std::thread::sleep(std::time::Duration::from_secs(1));
    let counted = server.sql(
        "shop",
        "select n_live_tup, n_dead_tup from pg_stat_user_tables where relname = 'task'",
    );
    let count = |text: &String| text.parse::<f64>().expect("a number");
    let (live, dead) = (count(&counted[0][0]), count(&counted[0][1]));
    near(live, 19_400.0, 0.0);
    near(dead, 4_600.0, 50.0);
    from_database(
        &place,
        &server.url("shop"),
        "jobs.task",
        &["--out", "drawn.toml"],
    )
    .expect_code(0);
    let text = std::fs::read_to_string(place.path().join("drawn.toml")).expect("reads");
    let drawn = fixture(&text);
    assert!(text.contains("Measured: ready "), "{text}");
    // As of the build, and after 2,300 jobs were fetched and completed.
    near(drawn.states.completed, (5400.0 - 2300.0) / 19_400.0, 0.01);
    let what = ["--fixture", "./drawn.toml", "--queue", "status-partial"];
    let variant = ["--variant", "batch-10", "--operation", "fetch"];
    let run = measured(&place, &[&what[..], &variant].concat());
    let catalogs = run.environment.server.catalogs.values().next();
    let table = &catalogs.expect("a fixture")["status-partial"].relations[0];
    let counted = |rows: Option<u64>| rows.expect("counted") as f64;
    near(counted(table.live_rows), live, 0.01 * live);
    near(counted(table.dead_rows), dead, 0.02 * dead);
}

/// As the server's log has it, in which every statement stands.
#[track_caller]
fn assert_only_catalogs_were_read(server: &GivenServer) {
    let log = server.log();
    let ours: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("app=pgq-analyze"))
        .collect();
    let statements = || ours.iter().filter(|line| line.contains("LOG:  execute"));
    assert!(statements().count() > 3, "{ours:#?}");
    assert!(
        statements().all(|line| line.contains("pg_class") && !line.contains("jobs.task")),
        "{ours:#?}"
    );
    assert!(
        ours.iter()
            .any(|line| line.contains("read only; set local lock_timeout = 1000")),
        "{ours:#?}"
    );
    let changes = ["insert", "update", "create", "analyze ", "lock "];
    let changing = |line: &&&str| {
        changes
            .iter()
            .any(|word| line.contains(&format!("LOG:  statement: {word}")))
    };
    assert_eq!(ours.iter().find(changing), None);
}

/// What the program builds itself has the shape that it was given.
#[test]
fn a_fixture_is_found_again_in_the_table_that_was_built_of_it() {
    let place = Place::new();
    let server = server(&place);
    let text = "description = \"To be found again\"\njobs = 20_000\n[queues]\ncount = 10\nzipf = 0.9\n[states]\nready = 0.5\ncompleted = 0.4\n\
         failed = 0.08\nrunning = 0.02\n[priorities]\nlevels = 3\n[schedule]\nfuture = 0.4\n[task_keys]\ncount = 7\n[payload]\nbytes = 300\n";
    let path = place.write("given.toml", text).display().to_string();
    let url = server.url("shop");
    let build = [
        "fixtures",
        "build",
        &path,
        "--queue",
        "status-partial",
        "--yes",
        "--database-url",
        &url,
        "--full",
    ];
    run(&place, build).expect_code(0);
    let built = server.sql(
        "postgres",
        "select datname from pg_database where datname like 'pgqa_%'",
    );
    // What the build has counted twice, analysing counts anew.
    server.sql(&built[0][0], "analyze job");
    std::thread::sleep(std::time::Duration::from_secs(1));
    let ran = from_database(&place, &server.url(&built[0][0]), "job", &[]).expect_code(0);
    let drawn = fixture(&ran.stdout);
    assert_eq!((drawn.jobs, drawn.queues.count), (20_000, 10));
    near(drawn.queues.zipf, 0.9, 0.03);
    near(drawn.states.ready, 0.5, 0.001);
    near(drawn.states.completed, 0.4, 0.001);
    near(drawn.states.failed, 0.08, 0.001);
    near(drawn.states.running, 0.02, 0.001);
    near(drawn.schedule.future, 0.4, 0.03);
    assert_eq!((drawn.priorities.levels, drawn.task_keys.count), (3, 7));
    near(drawn.payload.bytes as f64, 300.0, 40.0);
    assert!(!ran.stderr.contains("note:"), "{}", ran.stderr);
}

#[test]
fn partitions_are_one_table() {
    let place = Place::new();
    let server = server(&place);
    server.sql(
        "shop",
        "create table job (id bigint, finished_at timestamptz, locked_at timestamptz, queue text) partition by range (id); \
         create table job_1 partition of job for values from (0) to (5001); create table job_2 partition of job for values from (5001) to (20000); \
         insert into job select n, case when n % 10 < 7 then now() end, case when n % 10 = 9 then now() end, 'q' || n % 4 from generate_series(1, 10000) n; \
         analyze job_1; analyze job_2",
    );
    let url = server.url("shop");
    from_database(&place, &url, "job", &[])
        .expect_code(1)
        .expect_said(&[
            "error: public.job has partitions and was never analysed together",
            "`analyze public.job`",
        ]);
    server.sql("shop", "analyze job");
    let ran = from_database(&place, &url, "job", &[])
        .expect_code(0)
        .expect_said(&["no column names the state: completed where finished_at is not null"]);
    let drawn = fixture(&ran.stdout);
    assert_eq!((drawn.jobs, drawn.queues.count), (10_000, 4));
    near(drawn.queues.zipf, 0.0, 0.0);
    near(drawn.states.completed, 0.7, 0.001);
    near(drawn.states.running, 0.1, 0.001);
    assert!(
        ran.stdout.contains("Its rows lie in 2 partitions"),
        "{}",
        ran.stdout
    );
    let part = from_database(&place, &url, "job_1", &[]).expect_code(0);
    assert!(part.stdout.contains("It is a partition"), "{}", part.stdout);
}

#[test]
fn names_that_mean_something_elsewhere_are_names() {
    let place = Place::new();
    let server = server(&place);
    server.sql(
        "shop",
        "create table \"Job\n[x] \"\"'; drop\" (\"sta\n# [ageing]\u{202e}te\" int, \"Prio\"\"rity\" int, \"vt \\ \" date); \
         insert into \"Job\n[x] \"\"'; drop\" select n % 3, n % 4, case when n % 2 = 0 then date 'infinity' else date '2020-01-01' end from generate_series(1, 3000) n; analyze",
    );
    let more = [
        "--state-column",
        "sta\n# [ageing]\u{202e}te",
        "--ready",
        "0,1",
        "--running",
        "2",
        "--priority-column",
        "Prio\"rity",
        "--due-column",
        "vt \\ ",
    ];
    let ran = from_database(
        &place,
        &server.url("shop"),
        "\"Job\n[x] \"\"'; drop\"",
        &more,
    )
    .expect_code(0);
    let drawn = fixture(&ran.stdout);
    assert_eq!(
        (drawn.jobs, drawn.priorities.levels, drawn.ageing),
        (3000, 4, None)
    );
    near(drawn.states.running, 0.333, 0.001);
    near(drawn.schedule.future, 0.75, 0.001);
    assert!(!ran.stdout.contains('\u{202e}') && !ran.stderr.contains('\u{202e}'));
}
