//! Fixtures in a schema of the program's own, for roles that may not make databases: nothing outside it is touched, nothing is left.

mod aged;
mod cleaning;

use std::collections::BTreeSet;
use std::path::Path;

use rustix::process::Signal;

use crate::given_server::{GivenServer, Options};
use crate::own_queue;
use crate::place::{Place, wait_for};
use crate::program::{Ran, Running, command, compare_plans, comparing, run_folder, take_run};

/// In no file and no output of the program.
const PASSWORD: &str = "xyzzy-hunter2";

/// Schemas that are not PostgreSQL's, and databases.
const EVERYTHING: &str = "select nspname from pg_namespace where nspname !~ '^pg_' \
     union all select datname from pg_database order by 1";

/// A server where role `worker` may make schemas in database `app` and nothing else, and needs a password.
fn server(place: &Place) -> GivenServer {
    let server = GivenServer::start(
        place,
        &Options {
            tcp: true,
            access: &["host all all 127.0.0.1/32 scram-sha-256"],
            settings: &["autovacuum = off"],
            ..Options::default()
        },
    );
    server.sql(
        "postgres",
        &format!(
            "set password_encryption = 'scram-sha-256'; create role worker login password '{PASSWORD}'; \
             create role beggar login password '{PASSWORD}'"
        ),
    );
    server.sql("postgres", "create database app");
    server.sql("postgres", "grant create on database app to worker");
    server
}

fn url(server: &GivenServer, role: &str) -> String {
    server.tcp_url(&format!("{role}:{PASSWORD}"), "app")
}

/// Runs in schema `bench`.
fn run_in_schema(place: &Place, server: &GivenServer, queue: &str, more: &[&str]) -> Ran {
    let url = url(server, "worker");
    let mut arguments = vec!["--database-url", &url, "--in-schema", "bench", "--yes"];
    arguments.extend(["--queue", queue, "--fixture", "heavy-single-queue"]);
    arguments.extend(more);
    compare_plans(place, &arguments)
}

#[track_caller]
fn expect_nothing_left(server: &GivenServer) {
    let left = server.sql("app", EVERYTHING).concat();
    let mut expected = ["app", "information_schema", "postgres", "public"].to_vec();
    expected.extend(["template0", "template1"]);
    assert_eq!(left, expected);
}

/// Every file below a directory, read.
fn files_below(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("reads a folder") {
        let path = entry.expect("reads a folder").path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            let bytes = std::fs::read(&path).expect("reads a file");
            found.push((path.display().to_string(), bytes));
        }
    }
    found
}

#[test]
fn a_role_without_createdb_works_in_a_schema() {
    let place = Place::new();
    let server = server(&place);
    let url = url(&server, "worker");
    let rows = ["--rows", "40000", "--variant", "*-10"];
    let mut in_databases = vec!["--database-url", &url, "--yes"];
    in_databases.extend(rows);
    let refused = compare_plans(&place, &in_databases)
        .expect_code(1)
        .expect_said(&["role worker may not create databases", "--in-schema NAME"]);
    assert!(!refused.stderr.contains(PASSWORD), "{}", refused.stderr);
    let _ = std::fs::remove_dir_all(place.out());

    let runs = [0, 1].map(|_| {
        let ran = run_in_schema(&place, &server, "status-partial", &rows)
            .expect_code(0)
            .expect_said(&["measured in schema bench", "counts are not hermetic"]);
        assert_eq!(
            ran.stderr.matches("counts are not hermetic").count(),
            1,
            "{}",
            ran.stderr
        );
        assert!(ran.stdout.contains("counts are not hermetic"));
        assert!(!ran.stderr.contains(PASSWORD) && !ran.stdout.contains(PASSWORD));
        expect_nothing_left(&server);
        for (path, bytes) in files_below(&run_folder(&place)) {
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(PASSWORD), "{path}");
        }
        take_run(&place)
    });
    let server_record = &runs[0].environment.server;
    let limitation = server_record
        .limitations
        .iter()
        .find(|limitation| limitation.capability == "databases of its own")
        .expect("its counts are marked");
    for key in ["buffers", "wal", "pages_per_row"] {
        assert!(limitation.not_comparable.iter().any(|known| known == key));
    }
    assert_eq!(server_record.profile, "as-found");
    assert_eq!(server_record.statistics["heavy-single-queue"].len(), 1);
    let counted = runs.each_ref().map(|run| {
        let each = run.results.iter().map(|result| {
            let mode = format!("{:?}", result.plan_mode);
            (
                (&*result.statement, &*result.variant, mode),
                (&*result.shape, result.rows),
            )
        });
        each.collect::<Vec<_>>()
    });
    assert!(counted[0].len() >= 5, "{counted:?}");
    assert_eq!(counted[0], counted[1]);
}

#[test]
fn without_the_right_to_make_a_schema_the_grant_is_named() {
    let place = Place::new();
    let server = server(&place);
    let url = url(&server, "beggar");
    compare_plans(
        &place,
        &[
            "--database-url",
            &url,
            "--in-schema",
            "bench",
            "--yes",
            "--rows",
            "10",
        ],
    )
    .expect_code(1)
    .expect_said(&[
        "role beggar may not make a schema in database app",
        "grant create on database \"app\" to \"beggar\"",
    ]);
    expect_nothing_left(&server);
}

#[test]
fn a_schema_of_somebody_else_is_left_alone() {
    let place = Place::new();
    let server = server(&place);
    server.sql("app", "create schema bench authorization worker");
    let rows = ["--rows", "10"];
    let refused = ["schema bench of database app is not this program's"];
    run_in_schema(&place, &server, "status-partial", &rows)
        .expect_code(1)
        .expect_said(&refused);
    server.sql("app", "create table bench.payroll (pay int)");
    server.sql(
        "app",
        "comment on schema bench is '{\"program\":\"pgq-analyze\",\"installation\":\"0\",\"time\":1,\"role\":\"building\"}'",
    );
    run_in_schema(&place, &server, "status-partial", &rows)
        .expect_code(1)
        .expect_said(&refused);
    let there = server.sql("app", "select count(*) from bench.payroll");
    assert_eq!(there, [["0"]]);
}

/// A script that reaches out of the schema, and what is said about it.
struct Escape {
    file: &'static str,
    text: &'static str,
    said: &'static str,
}

const ESCAPES: &[Escape] = &[
    Escape {
        file: "schema.sql",
        text: "create table task (number bigint, waiting boolean not null); create table public.other (number int);",
        said: "has touched table public.other",
    },
    Escape {
        file: "schema.sql",
        text: "create schema annex; create table task (number bigint, waiting boolean not null);",
        said: "has touched schema annex",
    },
    Escape {
        file: "populate.sql",
        text: "insert into task select seq, true from pgqa_job; update public.payroll set pay = 0;",
        said: "has touched table public.payroll",
    },
    Escape {
        file: "indexes.sql",
        text: "create index on task (number); drop table public.payroll;",
        said: "has touched table public.payroll",
    },
    Escape {
        file: "indexes.sql",
        text: "create index on task (number); drop function public.pay();",
        said: "has touched function public.pay()",
    },
    Escape {
        file: "populate.sql",
        text: "insert into task select seq, true from pgqa_job; comment on schema bench is 'mine';",
        said: "has touched schema bench",
    },
    Escape {
        file: "schema.sql",
        text: "create table task (number bigint, waiting boolean not null);\n/* now */ COMMIT; create table public.other (number int);",
        said: "schema.sql:2:11: `commit` ends the transaction",
    },
];

#[test]
fn a_script_that_reaches_out_of_the_schema_is_undone() {
    let place = Place::new();
    let server = server(&place);
    server.sql(
        "app",
        "grant create on schema public to worker; set role worker; create table public.payroll as select 100 as pay; \
         create function public.pay() returns int language sql as 'select 1'",
    );
    let before = server.sql("app", EVERYTHING);
    for (number, escape) in ESCAPES.iter().enumerate() {
        let name = format!("queue-{number}");
        let queue = own_queue::write_as(&place, &name, &[(escape.file, escape.text)]);
        run_in_schema(&place, &server, &queue, &["--rows", "10"])
            .expect_code(1)
            .expect_said(&[escape.said]);
        let payroll = server.sql("app", "select pay, public.pay() from public.payroll");
        assert_eq!(payroll, [["100", "1"]], "{}", escape.text);
        let other = server.sql("app", "select to_regclass('public.other') is null");
        assert_eq!(other, [["t"]], "{}", escape.text);
        assert_eq!(server.sql("app", EVERYTHING), before, "{}", escape.text);
        take_run(&place);
    }
}

#[test]
fn a_kept_schema_is_used_again_and_then_goes() {
    let place = Place::new();
    let server = server(&place);
    let queue = own_queue::write(&place, &[]);
    let rows = ["--rows", "300"];
    let keep = ["--rows", "300", "--keep"];
    run_in_schema(&place, &server, &queue, &keep)
        .expect_code(0)
        .expect_said(&[
            "built heavy-single-queue",
            "kept for the next run: schema bench",
        ]);
    let count = "select count(*) from bench.task";
    assert_eq!(server.sql("app", count), [["300"]]);
    take_run(&place);
    let again = run_in_schema(&place, &server, &queue, &rows).expect_code(0);
    assert!(!again.stderr.contains("built heavy"), "{}", again.stderr);
    expect_nothing_left(&server);
}

/// A run in schema `bench` that takes its time, once it samples.
fn long_run(place: &Place, server: &GivenServer) -> Running {
    let url = url(server, "worker");
    let arguments = comparing(
        place,
        &[
            "--database-url",
            &url,
            "--in-schema",
            "bench",
            "--yes",
            "--queue",
            "status-partial",
            "--fixture",
            "heavy-single-queue",
            "--rows",
            "2000",
            "--samples",
            "10000",
            "--budget",
            "60",
            // The test itself looks at the server meanwhile.
            "--allow-busy-server",
        ],
    );
    let running = Running::start(place, command(place, arguments));
    let sampling = "select count(*) > 0 from pg_stat_activity where usename = 'worker' and query ~ 'pgqa_sample|^explain'";
    wait_for("samples", || {
        (server.sql("app", sampling) == [["t"]]).then_some(())
    });
    running
}

#[test]
fn one_run_at_a_time_and_an_interrupt_leaves_nothing() {
    let place = Place::new();
    let server = server(&place);
    let first = long_run(&place, &server);
    let second_place = Place::new();
    let second = ["--rows", "10", "--allow-busy-server"];
    run_in_schema(&second_place, &server, "status-partial", &second)
        .expect_code(1)
        .expect_said(&["schema bench of database app is being used by another run (backend "]);
    first.signal(Signal::INT);
    first.finish().expect_code(130);
    expect_nothing_left(&server);
    let sessions = "select count(*) from pg_stat_activity where usename = 'worker'";
    wait_for("sessions to end", || {
        (server.sql("app", sessions) == [["0"]]).then_some(())
    });
}

#[test]
fn what_a_killed_run_left_goes_with_the_next() {
    let place = Place::new();
    let server = server(&place);
    let killed = long_run(&place, &server);
    killed.signal(Signal::KILL);
    killed.finish();
    let schemas: BTreeSet<String> = server.sql("app", EVERYTHING).concat().into_iter().collect();
    assert!(schemas.contains("bench"), "{schemas:?}");
    let _ = std::fs::remove_dir_all(place.out());
    let more = ["--rows", "10", "--allow-busy-server"];
    run_in_schema(&place, &server, "status-partial", &more).expect_code(0);
    expect_nothing_left(&server);
}
