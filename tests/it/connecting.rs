//! Connections to servers of the user's own: as libpq would make them, and errors that say what to do without showing a password.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pgq_analyze::postgres::connect::{Address, Opened};
use pgq_analyze::postgres::conninfo::Surroundings;

use crate::given_server::{CLIENT, Certificates, GivenServer, Options, SUPERUSER, Validity};
use crate::place::Place;

/// A password that no output may have in it.
const PASSWORD: &str = "S3CRET'@/ \\:";

/// The same in a URL.
const ENCODED: &str = "S3CRET%27%40%2F%20%5C%3A";

/// Surroundings in which nothing of this machine is seen.
fn surroundings(place: &Place, variables: &[(&str, &str)]) -> Surroundings {
    Surroundings {
        variables: variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        home: Some(place.path().join("home")),
        account: Some(SUPERUSER.to_owned()),
        socket_directory: place.path().to_path_buf(),
        system_directories: Vec::new(),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("makes a runtime")
}

/// What the sessions see: user, database, and whether they are encrypted; the first session and a later one see the same.
fn try_to_connect(text: &str, surroundings: &Surroundings) -> Result<(String, Address), String> {
    let opening = Address::of(text, surroundings);
    runtime().block_on(async {
        let opened = opening.await.map_err(|error| error.to_string());
        let Opened { address, session, .. } = opened.inspect_err(|error| assert!(!error.contains("S3CRET"), "{error}"))?;
        let database = session.query_one("select current_database()::text", &[]).await.expect("asks").get::<_, String>(0);
        assert_eq!(database, address.maintenance());
        let sql = "select format('%s %s %s', current_user, ssl, application_name) from pg_stat_ssl join pg_stat_activity using (pid) where pid = pg_backend_pid()";
        let later = address.connect(address.maintenance()).await.expect("connects again");
        let mut seen = Vec::new();
        for session in [session, later] {
            seen.push(session.query_one(sql, &[]).await.expect("asks").get::<_, String>(0));
            session.close().await;
        }
        assert_eq!(seen[0], seen[1]);
        let debug = format!("{address:?} {}", address.describe());
        assert!(!debug.contains("S3CRET"), "{debug}");
        Ok((seen.remove(0), address))
    })
}

#[track_caller]
fn seen(text: &str, surroundings: &Surroundings) -> String {
    try_to_connect(text, surroundings)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .0
}

#[track_caller]
fn expect_refused(text: &str, surroundings: &Surroundings, parts: &[&str]) {
    let error = try_to_connect(text, surroundings).expect_err(text);
    let mut rest = error.as_str();
    for part in parts {
        let (_, after) = rest
            .split_once(part)
            .unwrap_or_else(|| panic!("{text}: `{part}` is not (or not in this order) in {error}"));
        rest = after;
    }
}

#[test]
fn sslmode_is_as_strict_as_it_says() {
    let place = Place::new();
    let certificates = Certificates::make(&place, &["localhost"], Validity::Now);
    let others = Certificates::make(&place, &["localhost"], Validity::Now);
    let server = GivenServer::start(
        &place,
        &Options {
            tls: Some(&certificates),
            ..Options::default()
        },
    );
    let here = surroundings(&place, &[]);
    let root = certificates.authority().display().to_string();
    let other_root = others.authority().display().to_string();
    let base = format!("port={} user={SUPERUSER}", server.port());
    for (rest, encrypted) in [
        ("host=127.0.0.1", true),
        ("host=127.0.0.1 sslmode=disable", false),
        ("host=127.0.0.1 sslmode=allow", false),
        ("host=127.0.0.1 sslmode=require", true),
        (
            "host=127.0.0.1 sslmode=require channel_binding=prefer ssl_max_protocol_version=TLSv1.2",
            true,
        ),
        (
            &*format!("host=127.0.0.1 sslmode=verify-ca sslrootcert={root}"),
            true,
        ),
        (
            &*format!("host=localhost hostaddr=127.0.0.1 sslmode=verify-full sslrootcert={root}"),
            true,
        ),
        (
            &*format!(
                "host={} sslmode=require",
                server.socket_directory().display()
            ),
            false,
        ),
        // The certificate does not fit, and without TLS the server takes anybody: as libpq has it.
        (
            &*format!("host=127.0.0.1 sslmode=prefer sslrootcert={other_root}"),
            false,
        ),
    ] {
        let wanted = format!(
            "{SUPERUSER} {} pgq-analyze",
            if encrypted { 't' } else { 'f' }
        );
        assert_eq!(seen(&format!("{base} {rest}"), &here), wanted, "{rest}");
    }
    let wrong_name = format!("{base} host=127.0.0.1 sslmode=verify-full sslrootcert={root}");
    expect_refused(
        &wrong_name,
        &here,
        &[
            "sslmode=verify-full",
            "not for this host",
            "localhost",
            "verify-ca",
        ],
    );
    for mode in ["require", "verify-ca"] {
        let wrong_root = format!("{base} host=127.0.0.1 sslmode={mode} sslrootcert={other_root}");
        expect_refused(
            &wrong_root,
            &here,
            &["signed by no authority in", &other_root, "sslrootcert"],
        );
    }
}

#[test]
fn a_server_without_tls_and_one_whose_certificate_has_expired() {
    let place = Place::new();
    let here = surroundings(&place, &[]);
    let plain = GivenServer::start(
        &place,
        &Options {
            tcp: true,
            ..Options::default()
        },
    );
    let url = plain.tcp_url(SUPERUSER, "postgres");
    assert_eq!(seen(&url, &here), "postgres f pgq-analyze");
    expect_refused(
        &format!("{url}?sslmode=require"),
        &here,
        &["the server offers none", "sslmode=disable"],
    );
    let certificates = Certificates::make(&place, &["127.0.0.1"], Validity::Expired);
    let expired = GivenServer::start(
        &place,
        &Options {
            tls: Some(&certificates),
            ..Options::default()
        },
    );
    let url = expired.tcp_url(SUPERUSER, "postgres");
    assert_eq!(
        seen(&format!("{url}?sslmode=require"), &here),
        "postgres t pgq-analyze"
    );
    let checked = format!(
        "{url}?sslmode=verify-full&sslrootcert={}",
        certificates.authority().display()
    );
    expect_refused(&checked, &here, &["has expired"]);
}

#[test]
fn a_certificate_of_ones_own_is_shown_where_it_is_asked_for() {
    let place = Place::new();
    let certificates = Certificates::make(&place, &["127.0.0.1"], Validity::Now);
    let others = Certificates::make(&place, &["127.0.0.1"], Validity::Now);
    let access = ["hostssl all all 127.0.0.1/32 cert"];
    let server = GivenServer::start(
        &place,
        &Options {
            tls: Some(&certificates),
            access: &access,
            ..Options::default()
        },
    );
    server.sql("postgres", &format!("create role {CLIENT} login"));
    let here = surroundings(&place, &[]);
    let url = server.tcp_url(CLIENT, "postgres");
    let with = |certificates: &Certificates| {
        let (certificate, key) = (certificates.client(), certificates.client_key());
        format!(
            "{url}?sslmode=require&sslcert={}&sslkey={}",
            certificate.display(),
            key.display()
        )
    };
    assert_eq!(seen(&with(&certificates), &here), "certified t pgq-analyze");
    expect_refused(&url, &here, &["valid client certificate", "sslcert"]);
    expect_refused(&with(&others), &here, &["broke it off", "sslcert"]);
    fs::set_permissions(certificates.client_key(), fs::Permissions::from_mode(0o644))
        .expect("opens the key");
    expect_refused(&with(&certificates), &here, &["client.key", "chmod 0600"]);
}

#[test]
fn a_password_comes_from_wherever_libpq_would_take_it() {
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
