//! Cache directories that cannot be used.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::place::{Place, is_root};
use crate::processes::servers_in;
use crate::program::{BINARY, Ran, bare_command, finish, run};

const BUILD: [&str; 5] = [
    "fixtures",
    "build",
    "many-queues-sparse",
    "--queue",
    "status-partial",
];

/// Builds a fixture in this cache directory.
fn build_in(place: &Place, cache: &Path) -> Ran {
    let mut command = bare_command(BINARY, place, BUILD);
    command.arg("--cache-dir").arg(cache);
    let ran = finish(command);
    assert!(servers_in(cache).is_empty());
    ran
}

/// The files in a directory, at any depth.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_file_is_in_its_way() {
    let place = Place::new();
    let file = place.write("taken", "a file");
    for cache in [file.clone(), file.join("inside")] {
        let shown = cache.display().to_string();
        build_in(&place, &cache).expect_code(1).expect_said(&[
            "error: cannot use cache directory ",
            &shown,
            "--cache-dir",
        ]);
    }
    assert_eq!(files(place.path()), [file]);
}

#[test]
fn its_account_may_not_go_there() {
    let place = Place::new();
    let closed = place.path().join("closed");
    fs::create_dir(&closed).expect("makes a folder");
    // Root may go anywhere, the account its servers run under may not; an ordinary user may not write here.
    let mode = if is_root() { 0o700 } else { 0o500 };
    fs::set_permissions(&closed, fs::Permissions::from_mode(mode)).expect("closes it");
    let ran = build_in(&place, &closed.join("cache")).expect_code(1);
    let shown = closed.display().to_string();
    if is_root() {
        ran.expect_said(&[
            "error: the server's account ",
            "may not enter ",
            &shown,
            "--cache-dir",
        ]);
    } else {
        ran.expect_said(&[
            "error: cannot use cache directory ",
            &shown,
            "ermission denied",
            "--cache-dir",
        ]);
    }
}

#[test]
fn it_holds_somebody_else_s_files() {
    let place = Place::new();
    let letter = place.write("letters/one.txt", "dear");
    let folder = place.path().join("letters");
    build_in(&place, &folder).expect_code(1).expect_said(&[
        "error: directory ",
        "letters holds files but no cache of this program",
        "--cache-dir",
    ]);
    assert_eq!(files(&folder), [letter]);
}

#[test]
fn its_path_is_too_long_for_a_socket() {
    let place = Place::new();
    let cache = place.path().join("long".repeat(25));
    build_in(&place, &cache).expect_code(1).expect_said(&[
        "error: cache directory ",
        "is too long for a unix socket",
        ".s.PGSQL.5432, at most 103",
        "--cache-dir",
    ]);
}

#[test]
fn another_version_of_the_program_wrote_it() {
    let place = Place::new();
    let stamp = place.path().join("cache/pgq-analyze-cache.json");
    run(&place, BUILD).expect_code(0);
    let ours = fs::read_to_string(&stamp).expect("there is a stamp");
    let json: serde_json::Value = serde_json::from_str(&ours).expect("it is JSON");
    let mut other = json.clone();
    other["format"] = 999.into();
    other["program_version"] = "9.9.9".into();
    fs::write(&stamp, other.to_string()).expect("writes");
    let before = files(&place.cache());
    run(&place, BUILD).expect_code(1).expect_said(&[
        "error: cache directory ",
        "was written by pgq-analyze 9.9.9 (cache format 999; this version reads ",
        "remove it, or choose another with --cache-dir",
    ]);
    assert_eq!(files(&place.cache()), before, "it is left alone");
    fs::write(&stamp, "{").expect("writes");
    run(&place, BUILD).expect_code(1).expect_said(&[
        "error: cache directory ",
        "is damaged",
        "--cache-dir",
    ]);
    fs::write(&stamp, ours).expect("writes");
    let ran = run(&place, BUILD).expect_code(0);
    assert!(
        !ran.stderr.contains("built"),
        "what was built is still there: {}",
        ran.stderr
    );
}
