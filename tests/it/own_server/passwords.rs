//! A password never reaches an output or a file, whatever goes wrong.

use std::path::Path;

use super::start;
use crate::given_server::{GivenServer, Options, PoolMode, Pooler};
use crate::place::Place;
use crate::program::{command, command_by_environment, comparing, finish};

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
    let passfile = place.write("pass", &format!("*:*:*:*:{PASSWORD}\n"));
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&passfile, closed).expect("closes the file");
    let passfile_path = passfile.display().to_string();
    let nowhere = right.replace("/postgres", "/nowhere");
    let connected = [
        (0, &right, None),
        (0, &pairs, None),
        (0, &bare, Some(("PGPASSWORD", PASSWORD))),
        (0, &bare, Some(("PGPASSFILE", &*passfile_path))),
        (1, &wrong, None),
        (1, &odd, None),
        (1, &no_such_host, None),
        (1, &at, None),
        (1, &query, None),
        (1, &required, None),
        (1, &nowhere, None),
    ];
    for (code, url, variable) in connected {
        let words = [&super::SMALL[..], &["--yes", "--database-url", url]].concat();
        expect_no_password(&place, code, &words, variable);
    }
    let (given, stray) = ("--database-url", format!("password={PASSWORD}"));
    let (rows, unknown) = (format!("--rows={right}"), format!("--databse-url={right}"));
    let misused: [(&[&str], _); 8] = [
        (&[given, &right], None),
        (&[&right], None),
        (&["user=keen", &stray], None),
        (&[&rows], None),
        (&[&unknown], None),
        (&["--queue", "nothing", given, &right], None),
        (&[], Some(("DATABASE_URL", &*right))),
        (&["--postgres", "15", given, &right], None),
    ];
    for (words, variable) in misused {
        expect_no_password(&place, 2, words, variable);
    }
    std::fs::remove_file(&passfile).expect("removes the password file");
    let runs = std::fs::read_dir(place.out())
        .expect("runs were left")
        .count();
    assert!(runs >= 4, "{runs} runs");
    assert_eq!(files_with_it(&place.out()), Vec::<String>::new());
    assert_eq!(files_with_it(&place.cache()), Vec::<String>::new());
}

#[track_caller]
fn expect_no_password(place: &Place, code: i32, words: &[&str], variable: Option<(&str, &str)>) {
    let words = comparing(place, words);
    let mut command = match variable {
        Some(("DATABASE_URL", _)) => command_by_environment(place, words),
        _ => command(place, words),
    };
    command.envs(variable);
    let ran = finish(command);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert!(!all.contains(PASSWORD), "{all}");
    ran.expect_code(code);
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
