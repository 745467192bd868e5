//! A disk that is full, or will be: as root a small file system of the test's own, else a limit on the size of files.

use std::process::Command;

use crate::own_queue;
use crate::place::{Place, is_root};
use crate::processes::wait_until_stopped;
use crate::program::{BINARY, Ran, command_of, finish, run, take_run};

/// More rows than files may hold.
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

/// A queue that makes many rows of each job: how much room it takes cannot be known before.
const SWELLING: &str = "insert into task (number, waiting)
select seq * 1000 + copy, state = 'ready'
from pgqa_job, generate_series(1, 400) copy;
";

#[test]
fn a_full_disk_while_loading() {
    let place = Place::new();
    with_small_files(
        &place,
        &LARGE,
        "cannot load the rows of fixture heavy-single-queue: could not extend file",
    );
}

#[test]
fn a_full_disk_while_filling_tables() {
    let place = Place::new();
    let queue = own_queue::write(&place, &[("populate.sql", SWELLING)]);
    let fills = [
        "compare-plans",
        "--queue",
        &queue,
        "--fixture",
        "heavy-single-queue",
        "--rows",
        "10000",
        "--operation",
        "fetch",
        "--variant",
        "batch-1",
    ];
    let said = "populate.sql:1:1: could not extend file";
    if can_mount() {
        let ran = on_a_small_disk(&place, &fills);
        // Whether the write failed or fell short depends on where the disk ends: the server words it in two ways.
        assert_told(&place, ran, said).expect_said(&[
            "make room, or put the cache on another disk with --cache-dir",
            "built many-queues-sparse",
        ]);
    } else {
        with_small_files(&place, &fills, said);
    }
}

#[test]
fn a_fixture_that_would_not_fit_is_not_begun() {
    let place = Place::new();
    // What no disk holds, and what a small one does not.
    let refused = |ran: Ran| {
        let ran = ran.expect_code(1).expect_said(&[
            "fixture heavy-single-queue for queue status-partial needs about ",
            " and the disk of ",
            " left: take fewer rows (--rows, --quick), another disk (--cache-dir), or make room (pgq-analyze clean)",
        ]);
        assert!(!ran.stderr.contains("could not extend"), "{}", ran.stderr);
        let measured = take_run(&place);
        assert_eq!(measured.failures.len(), 1, "{:?}", measured.failures);
        assert!(measured.failures[0].message.contains("needs about"));
    };
    let out = place.out().display().to_string();
    let mut huge = LARGE.to_vec();
    huge[6] = "1000000000000";
    huge.extend(["--out", &out]);
    refused(run(&place, huge));
    if can_mount() {
        std::fs::remove_dir_all(place.cache()).expect("removes the cache");
        refused(on_a_small_disk(&place, &LARGE));
    }
}

#[track_caller]
fn assert_told(place: &Place, ran: Ran, said: &str) -> Ran {
    let ran = ran.expect_said(&[said]);
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

fn on_a_small_disk(place: &Place, measured: &[&str]) -> Ran {
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
    words.extend(measured);
    words.extend(["--out", &out]);
    let mut command = command_of("unshare", place, words);
    command.env("CACHE", &cache);
    let ran = finish(command).expect_code(1);
    assert!(
        !ran.stderr.contains("removed"),
        "nothing was left: {}",
        ran.stderr
    );
    ran.expect_said(&["built many-queues-sparse"])
}

fn with_small_files(place: &Place, measured: &[&str], said: &str) {
    let out = place.out().display().to_string();
    let mut words = vec!["-c", WITH_SMALL_FILES, BINARY];
    words.extend(measured);
    words.extend(["--out", &out]);
    let ran = finish(command_of("sh", place, words)).expect_code(1);
    assert_told(place, ran, said).expect_said(&["File too large"]);
    let ran = run(place, SMALL)
        .expect_code(0)
        .expect_said(&["built many-queues-sparse"]);
    assert!(
        !ran.stderr.contains("removed"),
        "nothing was left: {}",
        ran.stderr
    );
}
