//! `clean`: what is listed, what goes, what stays.

use std::fs;

use rustix::process::Signal;

use super::{BUILD, clusters};
use crate::place::{Place, wait_for};
use crate::program::{
    BINARY, Running, bare_command, command, compare_plans, comparing, finish, run, run_folder,
};

const CLEAN: [&str; 2] = ["clean", "--yes"];

#[test]
fn a_cluster_that_nobody_uses_goes_once_it_was_agreed_to() {
    let place = Place::new();
    run(&place, CLEAN).expect_code(0);
    assert!(!place.cache().exists(), "nothing is made to be cleaned");
    run(&place, BUILD).expect_code(0);
    let cluster = clusters(&place.cache()).remove(0);
    fs::create_dir(cluster.join("data.unfinished")).expect("makes a folder");
    let shown = cluster.display().to_string();

    let listed = run(&place, ["clean"]).expect_code(2).expect_said(&[
        "error: nothing was removed: say --yes",
        "--dry-run to list only",
    ]);
    let dry = run(&place, ["clean", "--dry-run"]).expect_code(0);
    assert_eq!(listed.stdout, dry.stdout);
    for part in [
        "to be removed, ",
        &shown,
        "PostgreSQL ",
        ", 1 fixture, last used 20",
    ] {
        assert!(dry.stdout.contains(part), "{part}: {}", dry.stdout);
    }
    assert!(cluster.join("data/PG_VERSION").exists());

    let ran = run(&place, CLEAN).expect_code(0);
    assert!(ran.stdout.starts_with(&dry.stdout), "{}", ran.stdout);
    assert!(ran.stdout.contains("freed "), "{}", ran.stdout);
    assert!(!cluster.exists());
    assert_eq!(
        run(&place, CLEAN).expect_code(0).stdout,
        "nothing to remove\n"
    );
    run(&place, BUILD)
        .expect_code(0)
        .expect_said(&["creating a PostgreSQL ", "built many-queues-sparse"]);
}

#[test]
fn a_cluster_in_use_stays_and_its_fixtures_are_listed() {
    let place = Place::new();
    let lasting = [
        "--queue",
        "status-partial",
        "--fixture",
        "many-queues-sparse",
        "--samples",
        "10000",
        "--budget",
        "1",
    ];
    let running = Running::start(&place, command(&place, comparing(&place, &lasting)));
    wait_for("the first variant", || {
        let folders = fs::read_dir(place.out()).ok()?;
        let mut paths = folders.filter_map(|entry| Some(entry.ok()?.path()));
        paths
            .any(|path| path.join("run.json").exists())
            .then_some(())
    });
    let list = run(&place, ["fixtures", "list"]).expect_code(0).stdout;
    let line = list.lines().last().expect("a line");
    for part in [
        "many-queues-sparse  status-partial  500 jobs",
        " MB  PostgreSQL ",
        "  used 20",
    ] {
        assert!(line.contains(part), "{part}: {list}");
    }
    let ran = run(
        &place,
        [
            "clean",
            "--yes",
            "--cache",
            "--runs",
            "--older-than",
            "0d",
            "--out",
        ]
        .map(str::to_owned)
        .into_iter()
        .chain([place.out().display().to_string()]),
    )
    .expect_code(0);
    let holder = format!(
        "in use by pgq-analyze compare-plans (process {})",
        running.pid()
    );
    for part in [
        "nothing to remove\nkept:\n",
        &holder,
        "its run is still going",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    running.signal(Signal::INT);
    running.finish().expect_code(130);
    assert_eq!(clusters(&place.cache()).len(), 1);
    assert!(run_folder(&place).join("run.json").exists());
}

#[test]
fn nothing_but_a_cache_of_ours_is_touched() {
    let place = Place::new();
    let letter = place.write("letters/postgres-15-abcdef/letter.txt", "dear");
    let mut command = bare_command(BINARY, &place, CLEAN);
    command.arg("--cache-dir").arg(place.path().join("letters"));
    finish(command).expect_code(1).expect_said(&[
        "error: directory ",
        "holds files but no cache of this program",
    ]);
    run(&place, BUILD).expect_code(0);
    let link = place.cache().join("postgres-15-abcdef");
    std::os::unix::fs::symlink(letter.parent().expect("a folder"), &link).expect("links");
    fs::write(place.cache().join("notes.txt"), "mine").expect("writes");
    let ran = run(&place, CLEAN).expect_code(0);
    assert!(ran.stdout.contains("a symbolic link"), "{}", ran.stdout);
    assert!(letter.exists() && link.exists() && place.cache().join("notes.txt").exists());
}

#[test]
fn clusters_of_binaries_that_are_gone_or_other_ones_are_told() {
    let place = Place::new();
    run(&place, BUILD).expect_code(0);
    let file = clusters(&place.cache()).remove(0).join("cluster.json");
    let text = fs::read_to_string(&file).expect("there is a record");
    let record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let about = |key: &str, value: &str| {
        let mut other = record.clone();
        other[key] = value.into();
        fs::write(&file, other.to_string()).expect("writes");
        run(&place, ["clean", "--dry-run"]).expect_code(0).stdout
    };
    let gone = about("bin_dir", "/nowhere/bin");
    assert!(
        gone.contains("its binaries are gone (/nowhere/bin)"),
        "{gone}"
    );
    let replaced = about("version_text", "postgres (PostgreSQL) 15.0");
    assert!(
        replaced.contains("made with postgres (PostgreSQL) 15.0, now "),
        "{replaced}"
    );
    // A cluster without a record, as earlier versions left it, works and goes like any other.
    fs::remove_file(&file).expect("removes it");
    let ran = run(&place, BUILD).expect_code(0);
    assert!(!ran.stderr.contains("built"), "{}", ran.stderr);
    fs::write(&file, "{").expect("writes");
    run(&place, CLEAN).expect_code(0);
    assert!(clusters(&place.cache()).is_empty());
}

#[test]
fn old_runs_go_and_nothing_else() {
    let place = Place::with_warm_cache();
    let measure = [
        "--queue",
        "status-partial",
        "--fixture",
        "many-queues-sparse",
        "--operation",
        "fetch",
        "--variant",
        "batch-1",
    ];
    compare_plans(&place, &measure).expect_code(0);
    let folder = run_folder(&place);
    let notes = place.write("out/notes/run.json", "{}");
    let strange = place.write("out/20200101T000000Z-plans-0000/mine.txt", "dear");
    let out = place.out().display().to_string();
    let clean = |more: &[&str]| {
        let words = ["clean", "--runs", "--out", &out, "--yes"];
        run(&place, words.iter().chain(more)).expect_code(0).stdout
    };
    assert_eq!(clean(&[]), "nothing to remove\n");
    assert!(folder.exists());
    let said = clean(&["--older-than", "0d"]);
    assert!(said.contains(&format!("{}  ", folder.display())), "{said}");
    assert!(said.contains("less than a day old"), "{said}");
    assert!(!folder.exists() && notes.exists() && strange.exists());
    assert!(!clusters(&place.cache()).is_empty(), "the cache stays");
    run(&place, ["clean", "--older-than", "1d"]).expect_code(2);
}
