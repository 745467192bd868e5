//! What is recognised and refused before anything is made.

use super::{SMALL, databases, measure, on, start};
use crate::given_server::{GivenServer, Options, PoolMode, Pooler};
use crate::place::Place;
use crate::program::{command, command_by_environment, compare_plans, comparing, finish, take_run};

#[test]
fn a_standby_is_refused() {
    let place = Place::new();
    let options = Options {
        standby: true,
        ..Options::default()
    };
    let server = GivenServer::start(&place, &options);
    measure(&place, &server.url("postgres"), &[])
        .expect_code(1)
        .expect_said(&["error: ", "is a standby", "name its primary"]);
}

#[test]
fn a_pooler_in_transaction_or_statement_mode_is_refused() {
    let place = Place::new();
    let server = start(&place);
    for mode in [PoolMode::Transaction, PoolMode::Statement] {
        let pooler = Pooler::start(&place, &server, mode);
        measure(&place, &pooler.url("postgres"), &[])
            .expect_code(1)
            .expect_said(&["connection pooler", "name the server itself"]);
    }
    assert_eq!(databases(&server), []);
}

#[test]
fn behind_a_pooler_in_session_mode_it_works_or_says_why_not() {
    let place = Place::new();
    let server = start(&place);
    let pooler = Pooler::start(&place, &server, PoolMode::Session);
    // The pooler keeps a session in the fixture's database, which cannot be copied then.
    measure(&place, &pooler.url("postgres"), &["--allow-busy-server"])
        .expect_code(1)
        .expect_said(&["a pooler that keeps sessions open does that"]);
    assert_eq!(databases(&server), []);
}

#[test]
fn a_server_that_others_use_is_refused_unless_allowed() {
    let place = Place::new();
    let server = start(&place);
    server.sql("postgres", "create database shop");
    let url = server.url("postgres");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("makes a runtime");
    let mut config: tokio_postgres::Config = server.url("shop").parse().expect("a URL");
    config.application_name("web shop");
    let (client, connection) = runtime
        .block_on(config.connect(tokio_postgres::NoTls))
        .expect("connects");
    let connection = runtime.spawn(connection);
    let begun = runtime.block_on(client.batch_execute("begin; select 1"));
    begun.expect("begins a transaction");
    measure(&place, &url, &[]).expect_code(1).expect_said(&[
        "is in use by other clients: 1 session: 1 in database shop (web shop)",
        "--allow-busy-server",
    ]);
    measure(&place, &url, &["--allow-busy-server"]).expect_code(0);
    let run = take_run(&place);
    let limitations = &run.environment.server.limitations;
    let busy = limitations
        .iter()
        .find(|one| one.message.contains("web shop"))
        .expect("is a limitation");
    assert!(busy.not_comparable.contains(&"execution_ms".to_owned()));
    drop((client, connection));
}

#[test]
fn prepared_transactions_count_as_use() {
    let place = Place::new();
    let options = Options {
        settings: &["max_prepared_transactions = 2"],
        ..Options::default()
    };
    let server = GivenServer::start(&place, &options);
    server.sql(
        "postgres",
        "begin; create table t (); prepare transaction 'held'",
    );
    measure(&place, &server.url("postgres"), &[])
        .expect_code(1)
        .expect_said(&["in use by other clients: 1 prepared transaction"]);
}

#[test]
fn a_server_older_than_14_is_refused() {
    let place = Place::new();
    let server = start(&place);
    // A role to whom the server says that it is a 13: what it is asked for its version is found in a schema of its own first.
    server.sql(
        "postgres",
        "create schema old; grant usage on schema old to public; \
         create function old.current_setting(name text) returns text language sql as \
         $$ select case name when 'server_version' then '13.23' \
            else pg_catalog.current_setting(name) end $$; \
         create role archivist login createdb; alter role archivist set search_path = old, pg_catalog",
    );
    let url = server.url("postgres").replace("postgres@", "archivist@");
    measure(&place, &url, &[])
        .expect_code(1)
        .expect_said(&["error: ", "PostgreSQL 13", "14"]);
    assert_eq!(databases(&server), []);
}

#[test]
fn a_role_that_is_read_only_is_refused() {
    let place = Place::new();
    let server = start(&place);
    server.sql(
        "postgres",
        "create role reader login createdb; alter role reader set default_transaction_read_only = on",
    );
    let url = server.url("postgres").replace("postgres@", "reader@");
    measure(&place, &url, &[])
        .expect_code(1)
        .expect_said(&["is read only for role reader"]);
}

#[test]
fn without_agreement_nothing_is_made() {
    let place = Place::new();
    let server = start(&place);
    let url = server.url("postgres");
    let version = server.sql("postgres", "show server_version_num").concat();
    // Version 14 copies databases in one way only.
    let (copied, checkpoints, by_file) = if version[0].starts_with("14") {
        ("file by file, as version 14 knows no other way", "15", "14")
    } else {
        ("through the write-ahead log", "5", "12")
    };
    compare_plans(&place, &on(&url, &[]))
        .expect_code(2)
        .expect_said(&[
            "what this costs PostgreSQL",
            &format!("databases    1 built, 2 to 4 copies, made {copied}"),
            "WAL          up to",
            &format!("checkpoints  up to {checkpoints} of the whole server"),
            "nothing stays",
            "--yes",
        ]);
    compare_plans(
        &place,
        &on(&url, &["--copy-strategy", "file-copy", "--keep"]),
    )
    .expect_code(2)
    .expect_said(&[
        "file by file",
        &format!("checkpoints  up to {by_file}"),
        "--keep",
        "--yes",
    ]);
    assert!(
        !server.log().contains("create database"),
        "{}",
        server.log()
    );
}

#[test]
fn two_servers_are_one_too_many() {
    let place = Place::new();
    compare_plans(
        &place,
        &[
            "--postgres",
            "15",
            "--database-url",
            "postgres://u:geheim@h/d",
        ],
    )
    .expect_code(2)
    .expect_said(&["--postgres", "cannot be used with", "--database-url"]);
    // On the command line `--postgres` wins over the environment.
    let mut both = command(&place, comparing(&place, &["--postgres", "/nowhere/bin"]));
    both.env("DATABASE_URL", "postgres://u:geheim@h.invalid/d");
    finish(both).expect_code(1).expect_said(&["/nowhere/bin"]);
}

#[test]
fn the_environment_names_the_server() {
    let place = Place::new();
    let server = start(&place);
    let mut named = command_by_environment(
        &place,
        comparing(&place, &[&super::SMALL[..], &["--yes"]].concat()),
    );
    let socket = server.socket_directory().display().to_string();
    named
        .env("DATABASE_URL", format!("host={socket} dbname=postgres"))
        .env("PGPORT", server.port().to_string())
        .env("PGUSER", "postgres");
    finish(named).expect_code(0).expect_said(&["nothing stays"]);
    assert_eq!(take_run(&place).environment.server.profile, "as-found");
    assert_eq!(databases(&server), []);
}

#[test]
fn the_variables_of_libpq_alone_select_nothing() {
    let place = Place::new();
    let server = start(&place);
    let logged = server.log().len();
    let mut command = command(&place, comparing(&place, &SMALL));
    command
        .env("PGHOST", server.socket_directory())
        .env("PGPORT", server.port().to_string())
        .env("PGUSER", "postgres")
        .env("PGDATABASE", "postgres");
    finish(command).expect_code(0);
    let run = take_run(&place);
    assert_eq!(run.environment.server.profile, "plans");
    let log = server.log()[logged..].to_owned();
    assert!(!log.contains("app=pgq-analyze"), "{log}");
}
