//! Roles with fewer rights: what they cannot have is told once, recorded, and done without.

use pgq_analyze::run::Run;

use super::{databases, measure, start};
use crate::place::Place;
use crate::program::{compare_plans, take_run};

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
    let said = "plans inside functions cannot be had";
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
    assert!(columns(&run, "auto_explain").is_empty());
    assert_eq!(databases(&server), []);
}
