//! A disk that is full while rows are loaded: as root a small file system of the test's own, else a limit on the size of files.

use std::process::Command;

use crate::place::{Place, is_root};
use crate::processes::wait_until_stopped;
use crate::program::{BINARY, Ran, command_of, finish, run, take_run};

/// More rows than there is room for.
const LARGE: [&str; 8] = [
    "compare-plans",
    "--queue",
    "status-partial",
    "--fixture",
    "heavy-single-queue",
    "--rows",
    "400000",
    "--json",
];

/// What fits.
const SMALL: [&str; 5] = [
    "fixtures",
    "build",
    "many-queues-sparse",
    "--queue",
    "status-partial",
];

/// Mounts a file system with room for a cluster (some 40 MB) and little more where the first argument says, in a mount namespace that
/// ends with it, and runs the two commands there: the second shows what the first left.
const ON_A_SMALL_DISK: &str = r#"mkdir -p "$1" && mount -t tmpfs -o size=96m,mode=755 none "$1" || exit 99
program=$2; shift 2
"$program" "$@"; code=$?
"$program" fixtures build many-queues-sparse --queue status-partial --cache-dir "$CACHE" \
    ${PGQ_ANALYZE_TEST_POSTGRES:+--postgres "$PGQ_ANALYZE_TEST_POSTGRES"} || exit 98
exit $code"#;

/// Runs the command with files of at most 20 MB: a segment of WAL fits, a staging table does not.
const WITH_SMALL_FILES: &str = r#"ulimit -f 40960 && exec "$0" "$@""#;

fn can_mount() -> bool {
    let mut try_it = Command::new("unshare");
    try_it.args(["-m", "sh", "-c", "mount -t tmpfs none /mnt"]);
    is_root() && try_it.output().is_ok_and(|tried| tried.status.success())
}

#[test]
fn a_full_disk_while_loading() {
    let place = Place::new();
    if can_mount() {
        on_a_small_disk(&place);
    } else {
        with_small_files(&place);
    }
}

#[track_caller]
fn assert_told(place: &Place, ran: Ran) -> Ran {
    let ran = ran.expect_said(&[
        "cannot load the rows of fixture heavy-single-queue: could not extend file",
    ]);
    wait_until_stopped(&place.cache());
    let measured = take_run(place);
    assert_eq!(measured.results, []);
    assert_eq!(measured.failures.len(), 1, "{:?}", measured.failures);
    assert!(
        measured.failures[0]
            .message
            .contains("could not extend file")
    );
    assert_eq!(
        measured.failures[0].variant, None,
        "the fixture failed, not a variant"
    );
    ran
}

fn on_a_small_disk(place: &Place) {
    let out = place.out().display().to_string();
    let cache = place.cache();
    let mut words = vec![
        "-m",
        "sh",
        "-c",
        ON_A_SMALL_DISK,
        "sh",
        cache.to_str().expect("a path"),
        BINARY,
    ];
    words.extend(LARGE);
    words.extend(["--out", &out]);
    let mut command = command_of("unshare", place, words);
    command.env("CACHE", &cache);
    let ran = finish(command).expect_code(1);
    let ran = assert_told(place, ran).expect_said(&[
        // Whether the write failed or fell short depends on where the disk ends: the server words it in two ways.
        "make room, or put the cache on another disk with --cache-dir",
        "built many-queues-sparse",
    ]);
    assert!(
        !ran.stderr.contains("removed"),
        "nothing was left: {}",
        ran.stderr
    );
}

fn with_small_files(place: &Place) {
    let out = place.out().display().to_string();
    let mut words = vec!["-c", WITH_SMALL_FILES, BINARY];
    words.extend(LARGE);
    words.extend(["--out", &out]);
    let ran = finish(command_of("sh", place, words)).expect_code(1);
    assert_told(place, ran).expect_said(&["File too large"]);
    let ran = run(place, SMALL)
        .expect_code(0)
        .expect_said(&["built many-queues-sparse"]);
    assert!(
        !ran.stderr.contains("removed"),
        "nothing was left: {}",
        ran.stderr
    );
}
