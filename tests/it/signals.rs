//! Signals while the program loads, copies and samples: what was found is kept, nothing is left behind, the next run works.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pgq_analyze::postgres::connect::Address;
use pgq_analyze::postgres::database::Role;
use pgq_analyze::postgres::managed::Managed;
use pgq_analyze::run::event::{Events, RunEvent};
use pgq_analyze::run::{Run, RunStatus, store};
use rustix::process::Signal;

use crate::place::{Place, wait_for};
use crate::processes::wait_until_stopped;
use crate::program::{
    Ran, Running, command, compare_plans, comparing, managed_options, run_folder, take_run,
};

/// Whether rows are being copied in.
const LOADING: &str =
    "select exists (select from pg_stat_progress_copy where tuples_processed > 0)";

/// Whether a template is being copied.
const CLONING: &str = "select exists (select from pg_stat_activity where state = 'active' \
     and query like 'create database pgqa\\_% template pgqa\\_%')";

/// Whether samples are being taken: what a session in a copy did last.
const SAMPLING: &str = "select exists (select from pg_stat_activity where datname like 'pgqa\\_%' \
     and query ~ '^(explain .analyze|begin; select pg_current_xact_id|rollback; select pg_advisory_unlock_all)')";

/// A phase of the program, the run that goes through it, and whether it comes after the first results.
struct Phase {
    is_on: &'static str,
    arguments: &'static [&'static str],
    after_results: bool,
}

const LOAD: Phase = Phase {
    is_on: LOADING,
    arguments: &[
        "--queue",
        "status-partial",
        "--fixture",
        "heavy-single-queue",
        "--rows",
        "400000",
        "--json",
    ],
    after_results: false,
};

/// Two versions, before either has a result.
const LOAD_IN_TURNS: Phase = Phase {
    is_on: LOADING,
    arguments: &[
        "--self-check",
        "--queue",
        "status-partial",
        "--fixture",
        "heavy-single-queue",
        "--rows",
        "400000",
        "--samples",
        "20",
    ],
    after_results: false,
};

const CLONE: Phase = Phase {
    is_on: CLONING,
    arguments: &[
        "--queue",
        "status-partial",
        "--fixture",
        "heavy-single-queue",
        "--rows",
        "20000",
        "--json",
    ],
    after_results: true,
};

/// Each variant is sampled for a while.
const SAMPLE: Phase = Phase {
    is_on: SAMPLING,
    arguments: &[
        "--queue",
        "status-partial",
        "--fixture",
        "heavy-single-queue",
        "--rows",
        "2000",
        "--json",
        "--samples",
        "10000",
        "--budget",
        "0.5",
    ],
    after_results: true,
};

/// A small run on what is left.
const NEXT: [&str; 8] = [
    "--queue",
    "status-partial",
    "--fixture",
    "many-queues-sparse",
    "--operation",
    "fetch",
    "--variant",
    "batch-1",
];

#[test]
fn interrupted_while_loading() {
    interrupted(&LOAD);
}

#[test]
fn two_versions_interrupted_while_loading() {
    let place = Place::new();
    let ran = signalled(&place, &LOAD_IN_TURNS, Signal::TERM).expect_code(130);
    assert_eq!(ran.stdout, "", "there is nothing to compare");
    assert!(!ran.stderr.contains("error: "), "{}", ran.stderr);
    ran.expect_said(&["kept: "]);
    let folders = std::fs::read_dir(place.out()).expect("reads the folder");
    for folder in folders {
        let run = store::read(&folder.expect("reads the folder").path()).expect("a run");
        assert_eq!(run.status, RunStatus::Interrupted);
    }
    compare_plans(&place, &NEXT).expect_code(0);
}

#[test]
fn interrupted_while_copying() {
    interrupted(&CLONE);
}

#[test]
fn interrupted_while_sampling() {
    interrupted(&SAMPLE);
}

#[test]
fn killed_while_loading() {
    let reaped = killed(&LOAD);
    assert!(reaped.contains("a database left behind"), "{reaped}");
}

#[test]
fn killed_while_copying() {
    // The copies that were done with, whatever became of the one being made.
    let reaped = killed(&CLONE);
    assert!(reaped.contains("left behind by an earlier run"), "{reaped}");
}

#[test]
fn killed_while_sampling() {
    let reaped = killed(&SAMPLE);
    assert!(reaped.contains("left behind by an earlier run"), "{reaped}");
}

#[test]
fn interrupted_before_there_is_a_server() {
    let place = Place::new();
    let running = Running::start(&place, command(&place, comparing(&place, LOAD.arguments)));
    wait_for("the cluster to be made", || {
        place.cache().exists().then_some(())
    });
    running.signal(Signal::TERM);
    running.finish().expect_code(130);
    wait_until_stopped(&place.cache());
    let left = std::fs::read_dir(place.out())
        .expect("reads the folder")
        .count();
    assert_eq!(left, 0, "there is nothing to keep");
    compare_plans(&place, &NEXT).expect_code(0);
}

/// SIGINT and SIGTERM end the program in good order.
fn interrupted(phase: &Phase) {
    let place = Place::new();
    for signal in [Signal::INT, Signal::TERM] {
        let ran = signalled(&place, phase, signal).expect_code(130);
        let text =
            std::fs::read_to_string(run_folder(&place).join("run.json")).expect("a run.json");
        assert_eq!(ran.stdout, text, "the results so far are printed");
        assert_whole_files(&run_folder(&place));
        let run = take_run(&place);
        assert_eq!(run.status, RunStatus::Interrupted);
        assert_eq!(phase.after_results, !run.results.is_empty());

        let next = compare_plans(&place, &NEXT).expect_code(0);
        assert!(
            !next.stderr.contains("removed"),
            "nothing was left: {}",
            next.stderr
        );
        take_run(&place);
        assert_clean(&place);
    }
}

/// SIGKILL ends it where it stands; gives what the next run says.
fn killed(phase: &Phase) -> String {
    let place = Place::new();
    let ran = signalled(&place, phase, Signal::KILL);
    assert_eq!((ran.code, ran.signal), (None, Some(9)), "{}", ran.stderr);
    let folder = run_folder(&place);
    assert_whole_files(&folder);
    if phase.after_results {
        let run = store::read(&folder).expect("the run reads back");
        assert_eq!(run.status, RunStatus::Running, "it says that it has no end");
        assert!(!run.results.is_empty());
    }
    std::fs::remove_dir_all(folder).expect("removes the run");

    let next = compare_plans(&place, &NEXT).expect_code(0);
    assert_eq!(take_run(&place).status, RunStatus::Complete);
    assert_clean(&place);
    next.stderr
}

/// Runs the program into a phase, signals it there, and waits until it and its server are gone.
fn signalled(place: &Place, phase: &Phase, signal: Signal) -> Ran {
    let mut running = Running::start(place, command(place, comparing(place, phase.arguments)));
    if phase.after_results {
        wait_for("the first result", || has_results(place).then_some(()));
    }
    wait_until(&place.cache(), phase.is_on);
    assert!(running.is_running(), "{}", running.said());
    running.signal(signal);
    let ran = running.finish();
    wait_until_stopped(&place.cache());
    ran
}

fn has_results(place: &Place) -> bool {
    let folders = std::fs::read_dir(place.out())
        .into_iter()
        .flatten()
        .flatten();
    let mut runs = folders.filter_map(|folder| store::read(&folder.path()).ok());
    runs.any(|run: Run| !run.results.is_empty())
}

/// Asks the program's own server.
fn wait_until(cache: &Path, is_on: &str) {
    let socket = || -> Option<PathBuf> {
        let clusters = std::fs::read_dir(cache).ok()?.flatten();
        let mut directories = clusters.map(|entry| entry.path());
        directories.find(|directory| directory.join(".s.PGSQL.5432").exists())
    };
    in_runtime(async {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        let mut session = None;
        while tokio::time::Instant::now() < deadline {
            if session.is_none()
                && let Some(directory) = socket()
            {
                session = Address::socket(&directory).connect("postgres").await.ok();
            }
            if let Some(session) = &session
                && session
                    .query_one(is_on, &[])
                    .await
                    .is_ok_and(|row| row.get(0))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("waited a minute for {is_on}");
    });
}

/// Every file of a run is whole, and none has a name that is not its own.
fn assert_whole_files(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("reads the folder") {
        let path = entry.expect("reads the folder").path();
        if path.is_dir() {
            assert_whole_files(&path);
            continue;
        }
        assert_eq!(
            path.extension(),
            Some("json".as_ref()),
            "{}",
            path.display()
        );
        let text = std::fs::read_to_string(&path).expect("reads the file");
        serde_json::from_str::<serde_json::Value>(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// The server starts with nothing to remove; its databases are finished templates, and every directory of files belongs to one.
fn assert_clean(place: &Place) {
    let removed = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&removed);
    let events = Events::new(move |event| {
        if let RunEvent::Reaped { what } = event {
            heard.lock().expect("not poisoned").push(what);
        }
    });
    in_runtime(async {
        let managed = Managed::start(&managed_options(place), &events)
            .await
            .expect("the server starts");
        assert_eq!(*removed.lock().expect("not poisoned"), Vec::<String>::new());
        let ours = managed
            .databases()
            .ours()
            .await
            .expect("lists the databases");
        assert!(!ours.is_empty(), "the next run built a template");
        for database in &ours {
            assert!(
                matches!(database.role, Some(Role::Template(_))),
                "{database:?}"
            );
        }
        let session = managed.databases().session();
        let rows = session
            .query(
                "select oid::text, current_setting('data_directory') from pg_database",
                &[],
            )
            .await
            .expect("lists the databases");
        let known: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
        let base = Path::new(rows[0].get::<_, &str>(1)).join("base");
        for entry in std::fs::read_dir(base)
            .expect("reads the data directory")
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            assert!(
                known.contains(&name) || name == "pgsql_tmp",
                "files of no database: {name}"
            );
        }
        managed.stop().await;
    });
}

fn in_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work)
}
