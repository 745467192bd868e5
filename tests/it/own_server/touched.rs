//! Nothing but the program's databases is ever touched: the server's own log proves it.

use super::{databases, measure, start};
use crate::place::Place;
use crate::program::take_run;
use crate::repeatable::assert_same_counts;

/// What may be said outside the program's databases, in lower case: questions to catalogs, and its own databases made, marked and dropped.
const ALLOWED: [&str; 16] = [
    "select ",
    "begin",
    "commit",
    "rollback",
    "create database pgqa_",
    "comment on database pgqa_",
    "do $pgqa$ begin",
    "drop database if exists pgqa_",
    // The rest of the block that marks a database, on lines of its own.
    "perform pg_advisory_lock(",
    "perform pg_advisory_unlock(",
    "if exists (select from pg_database where datname = 'pgqa_",
    "and shobj_description(oid, 'pg_database') is null) then",
    "comment on database pgqa_",
    "end if;",
    "end $pgqa$",
    "from ",
];

/// What would write although it begins like a question.
const FORBIDDEN: [&str; 5] = ["insert ", "update ", "delete ", "truncate ", " into "];

#[test]
fn only_databases_of_our_own_are_touched() {
    let place = Place::new();
    let server = start(&place);
    server.sql("postgres", "create database shop");
    server.sql("postgres", "create database pgqa_of_the_user");
    for database in ["shop", "pgqa_of_the_user", "postgres"] {
        server.sql(
            database,
            "create table canary as select number, md5(number::text) from generate_series(1, 1000) number",
        );
    }
    let state = || {
        let content = "select md5(string_agg(canary::text, ',' order by number)), pg_relation_filenode('canary') from canary";
        let catalogs = "select count(*), max(oid) from pg_class";
        ["shop", "pgqa_of_the_user", "postgres"].map(|database| {
            (
                server.sql(database, content),
                server.sql(database, catalogs),
            )
        })
    };
    let (before, listed) = (state(), databases(&server));
    let logged = server.log().len();
    measure(&place, &server.url("postgres"), &[]).expect_code(0);
    let log = server.log()[logged..].to_owned();
    assert_eq!((state(), databases(&server)), (before, listed));

    let ours: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("app=pgq-analyze"))
        .collect();
    let (mut outside, mut inside) = (0, 0);
    for line in ours {
        let database = line
            .split(" db=")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let database = database.unwrap_or_default();
        assert!(!["shop", "pgqa_of_the_user"].contains(&database), "{line}");
        let statement = line
            .split_once("statement: ")
            .or_else(|| line.split_once("execute "))
            .map(|(_, statement)| {
                statement
                    .split_once(": ")
                    .filter(|(name, _)| name.starts_with('s') && !name.contains(' '))
                    .map_or(statement, |(_, text)| text)
            });
        let Some(statement) = statement else {
            continue;
        };
        if database.starts_with("pgqa_") {
            inside += 1;
            continue;
        }
        outside += 1;
        let statement = statement.trim().to_lowercase();
        assert!(
            ALLOWED.iter().any(|allowed| statement.starts_with(allowed))
                && !FORBIDDEN.iter().any(|word| statement.contains(word)),
            "outside our databases, in {database}: {statement}"
        );
    }
    assert!(
        outside > 10 && inside > 20,
        "the log was read: {outside} and {inside}"
    );
    assert!(!log.contains("checkpoint\n"), "none is asked for");
}

#[test]
fn counts_repeat_on_a_given_server() {
    let place = Place::new();
    let server = start(&place);
    let url = server.url("postgres");
    let several = [
        "--variant",
        "batch-10",
        "--variant",
        "completed-100",
        "--rows",
        "40000",
    ];
    let arguments: Vec<&str> = [
        &super::SMALL[..4],
        &several,
        &["--database-url", &url, "--yes"],
    ]
    .concat();
    let run = || {
        crate::program::compare_plans(&place, &arguments).expect_code(0);
        take_run(&place)
    };
    let (first, second) = (run(), run());
    assert!(first.results.len() >= 4, "{}", first.results.len());
    assert_same_counts(&first, &second);
}
