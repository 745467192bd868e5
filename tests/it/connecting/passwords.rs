//! Passwords: where they come from, and that no message has them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{expect_refused, seen, surroundings};
use crate::given_server::{Certificates, GivenServer, Options, Validity};
use crate::place::Place;
use crate::program::run;

/// A password that no output may have in it.
const PASSWORD: &str = "S3CRET'@/ \\:";

/// The same in a URL.
const ENCODED: &str = "S3CRET%27%40%2F%20%5C%3A";

/// A server that lets `locked` in by password, with a database `named`.
fn locked() -> (Place, GivenServer) {
    let place = Place::new();
    let certificates = Certificates::make(&place, &["127.0.0.1"], Validity::Now);
    let access = ["host all all 127.0.0.1/32 scram-sha-256"];
    let server = GivenServer::start(
        &place,
        &Options {
            tls: Some(&certificates),
            access: &access,
            ..Options::default()
        },
    );
    let quoted = PASSWORD.replace('\'', "''");
    server.sql("postgres", &format!("set password_encryption = 'scram-sha-256'; create role locked login password '{quoted}'"));
    server.sql("postgres", "create database named");
    (place, server)
}

#[test]
fn a_password_comes_from_wherever_libpq_would_take_it() {
    let (place, server) = locked();
    let here = surroundings(&place, &[]);
    let port = server.port();
    let url = server.tcp_url("locked", "named");
    let with_password = server.tcp_url(&format!("locked:{ENCODED}"), "named");
    assert_eq!(seen(&with_password, &here), "locked t pgq-analyze");
    assert_eq!(
        seen(&format!("{with_password}?channel_binding=require"), &here),
        "locked t pgq-analyze"
    );
    let from_environment = surroundings(
        &place,
        &[("PGPASSWORD", PASSWORD), ("PGAPPNAME", "named so")],
    );
    assert_eq!(seen(&url, &from_environment), "locked t named so");

    let escaped = PASSWORD.replace('\\', "\\\\").replace(':', "\\:");
    let passwords = place.write(
        "passwords",
        &format!("127.0.0.1:{port}:*:locked:{escaped}\n"),
    );
    fs::set_permissions(&passwords, fs::Permissions::from_mode(0o600)).expect("closes it");
    let from_file = format!("{url}?passfile={}", passwords.display());
    assert_eq!(seen(&from_file, &here), "locked t pgq-analyze");
    place.write("home/.pg_service.conf", &format!("[mine]\nhost=127.0.0.1\nport={port}\nuser=locked\npassfile={}\ndbname=named\nsslmode=disable\n", passwords.display()));
    assert_eq!(seen("service=mine", &here), "locked f pgq-analyze");
    assert_eq!(
        seen("", &surroundings(&place, &[("PGSERVICE", "mine")])),
        "locked f pgq-analyze"
    );
}

#[test]
fn a_password_that_is_wrong_or_missing_is_told_with_where_it_came_from() {
    let (place, server) = locked();
    let here = surroundings(&place, &[]);
    let url = server.tcp_url("locked", "named");
    let with_password = server.tcp_url(&format!("locked:{ENCODED}"), "named");
    let passwords = place.write("passwords", "*:*:*:*:S3CRET\n");
    let from_file = format!("{url}?passfile={}", passwords.display());
    fs::set_permissions(&passwords, fs::Permissions::from_mode(0o644)).expect("opens it");
    expect_refused(
        &from_file,
        &here,
        &[
            "wants a password for user locked",
            "~/.pgpass",
            "chmod 0600",
        ],
    );
    expect_refused(
        &format!("{url}?password=S3CRET"),
        &here,
        &[
            "refuses user locked",
            "password authentication failed",
            "the connection string",
        ],
    );
    let wrong = surroundings(&place, &[("PGPASSWORD", "S3CRET")]);
    expect_refused(
        &url,
        &wrong,
        &["password authentication failed", "PGPASSWORD"],
    );
    expect_refused(
        &with_password.replace("named", "absent"),
        &here,
        &["in database absent", "does not exist"],
    );
    let unread = with_password.replace("%40", "@");
    expect_refused(
        &unread,
        &here,
        &[
            "cannot read the connection string `postgres://locked:***@127.0.0.1",
            "%40",
        ],
    );
}

#[test]
fn a_password_in_the_wrong_place_of_the_command_line_is_not_repeated() {
    let place = Place::new();
    for arguments in [
        ["compare-plans", "postgres://u:S3CRET@h/d"],
        ["--postgres=postgres://u:S3CRET@h/d", "compare-plans"],
        ["compare-plans", "--datbase-url=postgres://u:S3CRET@h/d"],
        ["compare-plans", "password=S3CRET host=h"],
        ["compare-plans", "--queue=postgres://u:S3CRET@h/d"],
        ["compare-plans", "--fixture=password=S3CRET"],
        ["compare-plans", "--variant=postgres://u:S3CRET@h/d"],
        ["compare-plans", "--cache-dir=postgres://u:S3CRET@h/d"],
        ["compare-plans", "--out=postgres://u:S3CRET@h/d"],
        ["init", "postgres://u:S3CRET@h/d"],
    ] {
        let ran = run(&place, arguments).expect_code(2);
        assert!(!ran.stderr.contains("S3CRET"), "{}", ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
}

#[test]
fn the_program_says_why_it_is_not_let_in_and_keeps_the_password_to_itself() {
    let (place, server) = locked();
    let wrong = server.tcp_url("locked:S3CRET", "named");
    let absent = server.tcp_url(&format!("locked:{ENCODED}"), "absent");
    for (url, said) in [
        (&wrong, "password authentication failed"),
        (&absent, "in database absent: "),
        (&wrong.replace("S3CRET", "S3CRET@x"), "locked:***@127.0.0.1"),
        (&format!("{wrong}?sslmod=require"), "did you mean sslmode?"),
    ] {
        let arguments = ["compare-plans", "--quick", "--yes", "--database-url", url];
        let ran = run(&place, arguments)
            .expect_code(1)
            .expect_said(&["error: ", said]);
        assert!(
            !ran.stderr.contains("S3CRET") && !ran.stdout.contains("S3CRET"),
            "{}",
            ran.stderr
        );
    }
}
