//! Which server is reached, of several, of one that hangs, of none.

use std::net::TcpListener;
use std::path::Path;

use super::{expect_refused, seen, surroundings, try_to_connect};
use crate::given_server::{GivenServer, Options, SUPERUSER};
use crate::place::Place;

#[test]
fn the_first_server_that_will_do_is_kept() {
    let place = Place::new();
    let here = surroundings(&place, &[]);
    let server = GivenServer::start(
        &place,
        &Options {
            tcp: true,
            ..Options::default()
        },
    );
    let standby = GivenServer::start(
        &place,
        &Options {
            tcp: true,
            standby: true,
            ..Options::default()
        },
    );
    let dead = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address")
        .port();
    let (here_port, standby_port) = (server.port(), standby.port());
    let url = |ports: &[u16], rest: &str| {
        let hosts: Vec<String> = ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        format!("postgres://{SUPERUSER}@{}/?{rest}", hosts.join(","))
    };
    let reached = |text: &str| {
        try_to_connect(text, &here)
            .unwrap_or_else(|error| panic!("{error}"))
            .1
            .describe()
    };
    let is = |port: u16| format!("127.0.0.1:{port} as user {SUPERUSER}");
    assert_eq!(reached(&url(&[dead, here_port], "")), is(here_port));
    let both = [standby_port, here_port];
    assert_eq!(reached(&url(&both, "")), is(standby_port));
    assert_eq!(
        reached(&url(&both, "target_session_attrs=read-write")),
        is(here_port)
    );
    assert_eq!(
        reached(&url(&both, "target_session_attrs=primary")),
        is(here_port)
    );
    let turned = [here_port, standby_port];
    for wanted in ["standby", "read-only", "prefer-standby"] {
        assert_eq!(
            reached(&url(&turned, &format!("target_session_attrs={wanted}"))),
            is(standby_port)
        );
    }
    assert_eq!(
        reached(&url(
            &[here_port, dead],
            "target_session_attrs=prefer-standby"
        )),
        is(here_port)
    );
}

#[test]
fn no_server_that_will_do_is_told_with_all_that_was_tried() {
    let place = Place::new();
    let here = surroundings(&place, &[]);
    let server = GivenServer::start(
        &place,
        &Options {
            tcp: true,
            ..Options::default()
        },
    );
    let standby = GivenServer::start(
        &place,
        &Options {
            tcp: true,
            standby: true,
            ..Options::default()
        },
    );
    let dead = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address")
        .port();
    let (here_port, standby_port) = (server.port(), standby.port());
    let url = |ports: &[u16], rest: &str| {
        let hosts: Vec<String> = ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        format!("postgres://{SUPERUSER}@{}/?{rest}", hosts.join(","))
    };
    let turned = [here_port, standby_port];
    expect_refused(
        &url(&[standby_port], "target_session_attrs=read-write"),
        &here,
        &["cannot be written to", "read-write"],
    );
    expect_refused(
        &url(&[dead, standby_port], "target_session_attrs=primary"),
        &here,
        &[
            "cannot connect to 127.0.0.1:",
            "refused",
            "; and ",
            "is a standby",
        ],
    );
    // A server that answers has the last word.
    let nobody = url(&turned, "").replace(&format!("{SUPERUSER}@"), "nobody@");
    expect_refused(&nobody, &here, &["refuses user nobody"]);
    let said = try_to_connect(&nobody, &here).expect_err("refused");
    assert!(!said.contains(&standby_port.to_string()), "{said}");
}

#[test]
fn a_server_that_is_not_there_or_never_answers() {
    let place = Place::new();
    let here = surroundings(&place, &[]);
    let server = GivenServer::start(&place, &Options::default());
    assert_eq!(
        seen(&server.url("postgres"), &here),
        "postgres f pgq-analyze"
    );
    assert_eq!(
        seen(
            &format!("port={}", server.port()),
            &surroundings(
                &place,
                &[("PGHOST", &server.socket_directory().display().to_string())]
            )
        ),
        "postgres f pgq-analyze"
    );
    // The system takes the connection, and nobody speaks.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    for mode in ["disable", "prefer"] {
        let hanging =
            format!("postgres://u:S3CRET@127.0.0.1:{port}/d?connect_timeout=1&sslmode={mode}");
        expect_refused(
            &hanging,
            &here,
            &[
                &format!("127.0.0.1:{port} did not open a session within 1 s"),
                "connect_timeout",
            ],
        );
    }
    let directory = Path::new("/nowhere");
    expect_refused(
        &format!("host={} password=S3CRET", directory.display()),
        &here,
        &["/nowhere/.s.PGSQL.5432", "is a server running there?"],
    );
    expect_refused(
        "postgres://u:S3CRET@no-such-host.invalid/d",
        &here,
        &["cannot find host no-such-host.invalid"],
    );
    drop(silent);
    expect_refused(
        &format!("postgres://u:S3CRET@127.0.0.1:{port}/d"),
        &here,
        &["refused", "is a server running there?"],
    );
}
