//! A machine without PostgreSQL: the first command fetches a server by itself, unless it is forbidden to.

use std::ffi::OsString;
use std::process::Command;

use pgq_analyze::postgres::binaries;
use pgq_analyze::postgres::version::OLDEST_SUPPORTED;

use super::{SMALL, servers};
use crate::place::{Place, is_root};
use crate::program::{BINARY, ON_ITS_OWN, Ran, command, command_of, comparing, finish, take_run};

/// Hides the directories before `--` in a mount namespace that ends with it, and runs the rest there.
const HIDDEN: &str = r#"while [ "$1" != -- ]; do mount -t tmpfs none "$1" || exit 99; shift; done
shift; exec "$@""#;

/// The program on a machine whose servers are all hidden; as an ordinary user, who cannot hide any, with a version that is not there.
fn without_servers(place: &Place, arguments: &[&str]) -> Ran {
    let all = comparing(place, arguments);
    // Without what the program itself has fetched.
    let found = binaries::installed(&place.path().join("no-cache"));
    if !can_mount() {
        let not_there = (OLDEST_SUPPORTED..=18)
            .rev()
            .find(|major| found.iter().all(|one| one.version.major != *major))
            .expect("every version is installed here: run this as root");
        let version = ["--postgres".to_owned(), not_there.to_string()];
        return finish(command(place, [all, version.to_vec()].concat()));
    }
    let mut words: Vec<OsString> = ["-m", "sh", "-c", HIDDEN, ON_ITS_OWN]
        .map(OsString::from)
        .into();
    words.extend(found.into_iter().map(|one| one.bin_dir.into_os_string()));
    words.extend(["--", BINARY].map(OsString::from));
    words.extend(all.into_iter().map(OsString::from));
    finish(command_of("unshare", place, words))
}

fn can_mount() -> bool {
    let mut try_it = Command::new("unshare");
    try_it.args(["-m", "sh", "-c", "mount -t tmpfs none /mnt"]);
    is_root() && try_it.output().is_ok_and(|tried| tried.status.success())
}

#[test]
fn the_first_command_fetches_a_server_and_ends_with_the_table() {
    let place = Place::new();
    let quick = [&SMALL[..], &["--quick"]].concat();
    let ran = without_servers(&place, &quick)
        .expect_code(0)
        .expect_said(&[
            "no PostgreSQL ",
            "server found: fetching PostgreSQL ",
            "servers",
            "creating a PostgreSQL ",
        ]);
    assert!(ran.stdout.contains("fetch batch-1"), "{}", ran.stdout);
    assert_eq!(servers(&place).len(), 1);
    assert!(!take_run(&place).results.is_empty());
    // Once there is one, nothing is fetched.
    let again = [&quick[..], &["--offline"]].concat();
    let ran = without_servers(&place, &again).expect_code(0);
    assert!(!ran.stderr.contains("fetching"), "{}", ran.stderr);
}

#[test]
fn offline_nothing_is_fetched() {
    let place = Place::new();
    let offline = [&SMALL[..], &["--offline"]].concat();
    without_servers(&place, &offline)
        .expect_code(1)
        .expect_said(&[
            "error: no PostgreSQL ",
            "server binaries found (",
            "): install ",
            "let `pgq-analyze postgres install ",
            "` fetch them, or name their directory with --postgres DIR",
        ]);
    assert!(servers(&place).is_empty());
}
