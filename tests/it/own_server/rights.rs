//! Roles with fewer rights: what they cannot have is told once, recorded, and done without.

use pgq_analyze::run::Run;
use rustix::process::Signal;

use super::{LONG, databases, measure, start};
use crate::place::{Place, wait_for};
use crate::program::{Running, command, compare_plans, comparing, take_run};

#[test]
fn without_createdb_the_other_way_is_named() {
    let place = Place::new();
    let server = start(&place);
    server.sql("postgres", "create role guest login");
    let url = server.url("postgres").replace("postgres@", "guest@");
    measure(&place, &url, &[])
        .expect_code(1)
        .expect_said(&["role guest may not create databases", "--in-schema NAME"]);
}

fn columns<'r>(run: &'r Run, capability: &str) -> &'r [String] {
    let limitations = &run.environment.server.limitations;
    let found = limitations.iter().find(|one| one.capability == capability);
    &found
        .unwrap_or_else(|| panic!("{capability} is not among {limitations:#?}"))
        .not_comparable
}

#[test]
fn a_role_that_may_only_create_databases_can_measure() {
    let place = Place::new();
    let server = start(&place);
    server.sql("postgres", "create role builder login createdb");
    let url = server.url("postgres").replace("postgres@", "builder@");
    let many = [
        "--queue",
        "status-partial",
        "--fixture",
        "heavy-single-queue",
        "--rows",
        "40000",
        "--variant",
        "batch-1",
    ];
    let ran = compare_plans(
        &place,
        &[&many[..], &["--database-url", &url, "--yes"]].concat(),
    )
    .expect_code(0)
    .expect_said(&["role builder is no superuser: in tables of more than 30,000 rows"]);
    let said = "no CHECKPOINT is taken";
    assert_eq!(ran.stderr.matches(said).count(), 1, "{}", ran.stderr);
    let run = take_run(&place);
    assert!(columns(&run, "superuser").contains(&"shape".to_owned()));
    assert!(columns(&run, "full_page_writes").contains(&"wal.bytes".to_owned()));
    assert!(columns(&run, "profile").contains(&"buffers.read".to_owned()));
    assert!(
        columns(&run, "pg_prewarm")
            .iter()
            .any(|column| column.starts_with("buffers"))
    );
    assert!(columns(&run, "checkpoint").is_empty());
    assert!(columns(&run, "pg_stat_statements").is_empty());
    let once = ["pg_stat_statements is not loaded", "no CHECKPOINT is taken"];
    for said in once {
        assert_eq!(ran.stderr.matches(said).count(), 1, "{}", ran.stderr);
    }
    assert_eq!(databases(&server), []);
}

#[test]
fn what_is_set_for_a_role_does_not_get_in_the_way() {
    let place = Place::new();
    let server = start(&place);
    for statement in [
        "create role limited login createdb",
        "alter role limited set default_transaction_isolation = 'serializable'",
        "alter role limited set statement_timeout = '30ms'",
        "alter role limited set idle_in_transaction_session_timeout = '30ms'",
    ] {
        server.sql("postgres", statement);
    }
    let url = server.url("postgres").replace("postgres@", "limited@");
    let more = ["--rows", "20000"];
    let arguments = [
        &["--queue", "status-partial", "--variant", "batch-1"][..],
        &["--fixture", "heavy-single-queue", "--yes"],
        &["--database-url", &url],
        &more,
    ]
    .concat();
    compare_plans(&place, &arguments).expect_code(0);
    assert!(!take_run(&place).results.is_empty());
    assert_eq!(databases(&server), []);
}

#[test]
fn a_run_under_a_role_that_is_set_is_known_to_be_alive() {
    let place = Place::new();
    let server = start(&place);
    for statement in [
        "create role builders createdb",
        "create role mason login in role builders",
        "alter role mason set role = builders",
    ] {
        server.sql("postgres", statement);
    }
    let url = server.url("postgres").replace("postgres@", "mason@");
    let further = ["--yes", "--allow-busy-server", "--database-url", &url];
    let arguments = comparing(&place, &[&LONG[..], &further].concat());
    let other = Running::start(&place, command(&place, arguments));
    wait_for("a copy", || {
        let found = databases(&server);
        let copied = |(_, comment): &(String, String)| comment.contains("\"role\":\"copy\"");
        found.iter().any(copied).then_some(())
    });
    other.signal(Signal::STOP);
    let in_use = databases(&server);
    let ran = measure(&place, &url, &["--allow-busy-server"]).expect_code(0);
    assert!(!ran.stderr.contains("left behind"), "{}", ran.stderr);
    assert_eq!(databases(&server), in_use);
    other.signal(Signal::CONT);
    other.finish().expect_code(0);
    assert_eq!(databases(&server), []);
}
