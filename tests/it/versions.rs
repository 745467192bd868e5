//! Any version: the settings of the server under test are those of every other, a run on several compares them, what a server lacks
//! is said.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pgq_analyze::postgres::managed::Managed;
use pgq_analyze::postgres::profile;
use pgq_analyze::run::Run;
use pgq_analyze::run::event::Events;

use crate::place::Place;
use crate::program::{
    another_version, compare_plans, installation, managed_options, measured, take_run,
};

/// Everything that may decide a plan or a count.
const SETTINGS: &str = "select name, setting from pg_settings where category ~ \
     '^(Query Tuning|Resource Usage|Write-Ahead Log|Vacuuming|Autovacuum|Statistics|Query and Index|Client Connection Defaults / Statement|Lock|Version and Platform|Preset)' \
     order by name";

/// One of them, as a number of its unit and as people write it.
const ONE_SETTING: &str =
    "select setting, current_setting(name) from pg_settings where lower(name) = lower($1)";

/// What every supported version knows and has the same value for, as the program starts it.
const ALIKE: &str = include_str!("versions/settings.txt");

/// Settings that differ between versions, builds or machines, and why that may be.
const UNLIKE: [(&str, &str); 19] = [
    ("server_version", "the version itself"),
    ("server_version_num", "the version itself"),
    ("dynamic_shared_memory_type", "what initdb finds to work"),
    ("shared_memory_type", "of the system"),
    ("max_stack_depth", "of the system"),
    ("huge_pages", "for times only"),
    ("huge_page_size", "for times only"),
    ("wal_sync_method", "of the system; nothing is synced"),
    ("data_directory_mode", "of the cluster's files"),
    ("debug_assertions", "of the build"),
    ("ssl_library", "of the build"),
    ("shared_memory_size", "what the settings come to"),
    (
        "shared_memory_size_in_huge_pages",
        "what the settings come to",
    ),
    ("backend_flush_after", "of the system; writing out"),
    ("bgwriter_flush_after", "of the system; writing out"),
    ("checkpoint_flush_after", "of the system; writing out"),
    ("wal_writer_flush_after", "of the system; writing out"),
    ("lc_collate", "said by the database from 16 on"),
    ("lc_ctype", "said by the database from 16 on"),
];

/// `name = value` in each line.
fn parsed(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter_map(|line| {
            line.split_once(" = ")
                .or(line.strip_suffix(" =").map(|name| (name, "")))
        })
        .collect()
}

#[tokio::test]
async fn settings_are_alike_on_every_version() {
    let place = Place::with_warm_cache();
    let managed = Managed::start(&managed_options(&place), &Events::ignored())
        .await
        .expect("the server starts");
    let rows = managed.databases().session().query(SETTINGS, &[]).await;
    let rows = rows.expect("reads the settings");
    let settings: BTreeMap<&str, &str> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let alike = parsed(ALIKE);
    assert!(alike.len() > 100, "{}", alike.len());
    for (name, value) in &alike {
        assert!(UNLIKE.iter().all(|(unlike, _)| unlike != name), "{name}");
        assert_eq!(settings.get(name), Some(value), "{name}");
    }
    // What only some versions know is what their planners differ in, or has the value that the others work with.
    for setting in profile::PLANS.settings_for(managed.version()) {
        let session = managed.databases().session();
        let row = session.query_one(ONE_SETTING, &[&setting.name]).await;
        let row = row.expect("the server knows it");
        let (shown, plain): (&str, &str) = (row.get(1), row.get(0));
        assert!(
            [shown, plain].contains(&setting.value),
            "{setting:?}: {shown}, {plain}"
        );
    }
    managed.stop().await;
}

/// A copy of the server under test; `without` names an extension that it then lacks.
fn copy_of_server(place: &Place, without: &str) -> PathBuf {
    let bin_dir = installation().bin_dir;
    let root = place.path().join("server");
    // Files that belong to a server are found from its binaries, up to two directories above them.
    let (from, shares) = server_files(&bin_dir);
    for directory in shares.iter().chain([&bin_dir]) {
        copy(
            directory,
            &root.join(directory.strip_prefix(&from).expect("lies in it")),
        );
    }
    for directory in &shares {
        let directory = root.join(directory.strip_prefix(&from).expect("lies in it"));
        let control = directory.join(format!("extension/{without}.control"));
        if control.is_file() {
            fs::remove_file(control).expect("removes it");
            return root.join(bin_dir.strip_prefix(&from).expect("lies in it"));
        }
    }
    panic!("no {without} in {shares:?}");
}

/// The directory that everything of a server lies in, and what belongs to it besides its binaries.
fn server_files(bin_dir: &Path) -> (PathBuf, Vec<PathBuf>) {
    for up in 1..5 {
        let Some(from) = bin_dir.ancestors().nth(up) else {
            break;
        };
        let version = installation().version.major.to_string();
        let share = [
            "share/postgresql".to_owned(),
            "share".to_owned(),
            format!("share/postgresql/{version}"),
        ];
        let share = share.iter().map(|name| from.join(name));
        let share = share.filter(|directory| directory.join("extension").is_dir());
        let mut found: Vec<PathBuf> = share.collect();
        if !found.is_empty() {
            let own = bin_dir.parent().expect("a directory").join("lib");
            found.push(own);
            return (from.to_path_buf(), found);
        }
    }
    panic!("no share directory above {}", bin_dir.display());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("makes a folder");
    for entry in fs::read_dir(from).expect("reads a folder") {
        let (path, name) = entry
            .map(|one| (one.path(), one.file_name()))
            .expect("reads");
        let to = to.join(name);
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("copies a file");
        }
    }
}

const SMALL: [&str; 12] = [
    "--queue",
    "status-partial",
    "--fixture",
    "heavy-single-queue",
    "--rows",
    "3000",
    "--operation",
    "fetch",
    "--variant",
    "batch-10*",
    "--variant",
    "batch-1000",
];

fn counts(run: &Run, postgres: &str) -> Vec<(String, String, u64, u64)> {
    let results = run.results.iter().filter(|one| one.postgres == postgres);
    let counts = results.map(|one| {
        let name = format!("{} {} {}", one.statement, one.variant, one.plan_mode.name());
        (name, one.shape.clone(), one.buffers.total, one.wal.records)
    });
    counts.collect()
}

#[test]
fn without_pg_prewarm_the_sum_of_pages_repeats_and_the_rest_is_said() {
    let place = Place::with_warm_cache();
    let lacking = copy_of_server(&place, "pg_prewarm").display().to_string();
    let arguments = [&SMALL[..], &["--postgres", &lacking]].concat();
    let first = measured(&place, &arguments);
    let version = first.results[0].postgres.clone();
    let limitations = &first.environment.server.limitations;
    assert_eq!(limitations.len(), 1, "{limitations:?}");
    assert_eq!(limitations[0].capability, "pg_prewarm");
    assert_eq!(
        limitations[0].not_comparable,
        ["buffers.hit", "buffers.read"]
    );
    assert!(
        first.results.iter().any(|one| one.buffers.read > 0),
        "indexes are read"
    );
    assert!(counts(&first, &version).len() > 4);
    let again = measured(&place, &arguments);
    assert_eq!(counts(&first, &version), counts(&again, &version));
    // With it, the sums are the same.
    let with = measured(&place, &SMALL);
    assert_eq!(with.environment.server.limitations, []);
    assert_eq!(counts(&first, &version), counts(&with, &version));
}

#[test]
fn a_run_on_two_servers_compares_them() {
    // A server that is fetched stays out of what other tests find.
    let place = Place::new();
    // One server compares nothing.
    let text = compare_plans(&place, &SMALL).expect_code(0).stdout;
    assert!(!text.contains("From version to version"), "{text}");
    take_run(&place);
    let own = installation();
    let both = format!("{},{}", own.bin_dir.display(), another_version());
    let text = compare_plans(&place, &[&SMALL[..], &["--postgres", &both]].concat());
    let text = text.expect_code(0).stdout;
    let run = take_run(&place);
    assert_eq!(run.results[0].postgres, own.version.to_string());
    // Majors have two digits, so text sorts as they do.
    let versions: BTreeSet<&str> = run
        .results
        .iter()
        .map(|one| one.postgres.as_str())
        .collect();
    let [older, newer] = Vec::from_iter(versions)[..] else {
        panic!("two servers: {:?}", run.environment);
    };
    assert!(text.contains("From version to version"), "{text}");
    assert!(
        text.contains(&format!("In full below: PostgreSQL {newer}.")),
        "{text}"
    );
    let full = format!("heavy-single-queue — 3,000 jobs · status-partial · PostgreSQL {newer}");
    assert!(text.contains(&full), "{text}");
    assert!(!text.contains(&full.replace(newer, older)), "{text}");
    for version in [older, newer] {
        assert!(counts(&run, version).len() > 4, "{version}");
        let server = run.environment.server(version).expect("is recorded");
        assert!(
            !server.build.is_empty() && server.block_size > 0,
            "{server:?}"
        );
    }
}
