//! TLS as `sslmode` and its companions ask for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{expect_refused, seen, surroundings};
use crate::given_server::{CLIENT, Certificates, GivenServer, Options, SUPERUSER, Validity};
use crate::place::Place;

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
fn a_certificate_that_signs_itself_is_its_own_authority() {
    let place = Place::new();
    let here = surroundings(&place, &[]);
    let certificates = Certificates::make(&place, &["127.0.0.1"], Validity::SelfSigned);
    let others = Certificates::make(&place, &["127.0.0.1"], Validity::SelfSigned);
    let server = GivenServer::start(
        &place,
        &Options {
            tls: Some(&certificates),
            ..Options::default()
        },
    );
    let url = |root: &Certificates| {
        let root = root.server().display().to_string();
        let url = server.tcp_url(SUPERUSER, "postgres");
        format!("{url}?sslmode=verify-full&sslrootcert={root}")
    };
    assert_eq!(seen(&url(&certificates), &here), "postgres t pgq-analyze");
    expect_refused(&url(&others), &here, &["signed by no authority in"]);
}

#[test]
fn tls_begins_at_once_where_the_server_knows_that() {
    let place = Place::new();
    let here = surroundings(&place, &[]);
    let certificates = Certificates::make(&place, &["127.0.0.1"], Validity::Now);
    let server = GivenServer::start(
        &place,
        &Options {
            tls: Some(&certificates),
            ..Options::default()
        },
    );
    let version = server.sql("postgres", "show server_version_num");
    let version: u32 = version[0][0].parse().expect("a number");
    let url = server.tcp_url(SUPERUSER, "postgres");
    let url = format!("{url}?sslmode=require&sslnegotiation=direct");
    if version >= 170_000 {
        assert_eq!(seen(&url, &here), "postgres t pgq-analyze");
    } else {
        expect_refused(&url, &here, &["sslnegotiation=direct needs PostgreSQL 17"]);
    }
}
