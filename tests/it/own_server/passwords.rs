//! A password never reaches an output or a file, whatever goes wrong.

use std::path::Path;

use super::start;
use crate::given_server::{GivenServer, Options, PoolMode, Pooler};
use crate::place::Place;
use crate::program::{Ran, command, comparing, finish};

const PASSWORD: &str = "Geheim7Wort";

/// Every file below a directory that holds the password.
fn files_with_it(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.expect("reads the folder").path();
        if path.is_dir() {
            found.extend(files_with_it(&path));
        } else if String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default())
            .contains(PASSWORD)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

fn scrammed(place: &Place) -> GivenServer {
    let options = Options {
        tcp: true,
        access: &["host all all all scram-sha-256"],
        ..Options::default()
    };
    let server = GivenServer::start(place, &options);
    server.sql(
        "postgres",
        &format!("create role keen login createdb password '{PASSWORD}'"),
    );
    server
}

#[test]
fn a_password_is_nowhere() {
    let place = Place::new();
    let server = scrammed(&place);
    let right = server.tcp_url(&format!("keen:{PASSWORD}"), "postgres");
    let wrong = server.tcp_url(&format!("keen:{PASSWORD}x"), "postgres");
    let pairs = format!(
        "host=127.0.0.1 port={} user=keen password={PASSWORD} dbname=postgres",
        server.port()
    );
    let bare = server.tcp_url("keen", "postgres");
    let odd = right.replace("postgres://", "postgres//");
    let no_such_host = format!("postgres://keen:{PASSWORD}@h.invalid/postgres");
    let at = format!(
        "postgres://keen:{PASSWORD}@@127.0.0.1:{}/postgres",
        server.port()
    );
    let query = format!("{bare}?password={PASSWORD}&sslmode=nonsense");
    let required = format!("{right}?sslmode=require");
    let yes = |url: &str| {
        let small = [&super::SMALL[..], &["--yes", "--database-url", url]].concat();
        finish(command(&place, comparing(&place, &small)))
    };
    let with = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = command(&place, comparing(&place, words));
        for (name, value) in variables {
            command.env(name, value);
        }
        finish(command)
    };
    let agreed = [&super::SMALL[..], &["--yes", "--database-url", &bare]].concat();
    let passfile = place.write("pass", &format!("*:*:*:*:{PASSWORD}\n"));
    let passfile_path = passfile.display().to_string();
    std::fs::set_permissions(
        &passfile,
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .expect("closes the file");
    let cases: Vec<(&str, i32, Ran)> = vec![
        ("right", 0, yes(&right)),
        ("pairs", 0, yes(&pairs)),
        ("PGPASSWORD", 0, with(&agreed, &[("PGPASSWORD", PASSWORD)])),
        (
            "password file",
            0,
            with(&agreed, &[("PGPASSFILE", &passfile_path)]),
        ),
        ("wrong", 1, yes(&wrong)),
        ("odd", 1, yes(&odd)),
        ("unknown host", 1, yes(&no_such_host)),
        ("two @", 1, yes(&at)),
        ("in the query", 1, yes(&query)),
        ("TLS required", 1, yes(&required)),
        (
            "no database",
            1,
            yes(&right.replace("/postgres", "/nowhere")),
        ),
        ("not agreed", 2, with(&["--database-url", &right], &[])),
        ("stray", 2, with(&[&right], &[])),
        (
            "stray pairs",
            2,
            with(&["user=keen", &format!("password={PASSWORD}")], &[]),
        ),
        ("wrong option", 2, with(&[&format!("--rows={right}")], &[])),
        (
            "unknown option",
            2,
            with(&[&format!("--databse-url={right}")], &[]),
        ),
        (
            "unknown queue",
            2,
            with(&["--queue", "nothing", "--database-url", &right], &[]),
        ),
        ("environment", 2, with(&[], &[("DATABASE_URL", &right)])),
        (
            "both",
            2,
            with(&["--postgres", "15", "--database-url", &right], &[]),
        ),
    ];
    for (case, code, ran) in cases {
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!all.contains(PASSWORD), "{case}: {all}");
        assert_eq!(ran.code, Some(code), "{case}: {all}");
    }
    std::fs::remove_file(&passfile).expect("removes the password file");
    let runs = std::fs::read_dir(place.out())
        .expect("runs were left")
        .count();
    assert!(runs >= 4, "{runs} runs");
    assert_eq!(files_with_it(&place.out()), Vec::<String>::new());
    assert_eq!(files_with_it(&place.cache()), Vec::<String>::new());
}

#[test]
fn a_pooler_is_told_without_the_password() {
    let place = Place::new();
    let server = start(&place);
    let pooler = Pooler::start(&place, &server, PoolMode::Transaction);
    let url = pooler
        .url("postgres")
        .replacen('@', &format!(":{PASSWORD}@"), 1);
    let small = [&super::SMALL[..], &["--yes", "--database-url", &url]].concat();
    let ran = finish(command(&place, comparing(&place, &small))).expect_code(1);
    assert!(!ran.stderr.contains(PASSWORD), "{}", ran.stderr);
}
