//! `extract-queries`: every file runs in psql as it is, explains what it says, and changes nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pgq_analyze::definition::Library;
use pgq_analyze::definition::fixture::Scale;
use pgq_analyze::fixture::cache;
use pgq_analyze::postgres::connect::Session;
use pgq_analyze::postgres::managed::Managed;
use pgq_analyze::run::event::Events;

use crate::own_queue::write;
use crate::place::{Place, only_entry};
use crate::program::{client_program, managed_options, run};

/// The queues of which every operation is extracted.
const QUEUES: [&str; 2] = ["durable-steps", "natural-mistake"];

const FIXTURE: &str = "with-steps";

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("reads the folder").path())
        .collect();
    files.sort();
    files
}

/// What all tables of the database hold.
async fn content(session: &Session, tables: &[String]) -> Vec<String> {
    let mut digests = Vec::new();
    for table in tables {
        let query = format!(
            "select md5(string_agg(whole::text, chr(10) order by whole::text)) from {table} as whole"
        );
        let row = session
            .query_one(&query, &[])
            .await
            .expect("reads the table");
        digests.push(row.get(0));
    }
    digests
}

/// Runs a file in psql as its reader would.
fn in_psql(place: &Place, database: &str, file: &Path) -> String {
    let socket = only_entry(&place.cache(), |name| {
        let name = name.to_string_lossy();
        name.starts_with("postgres-") && !name.ends_with(".lock")
    });
    let mut command = Command::new(client_program("psql"));
    command
        .args(["-X", "--quiet", "--username=postgres", "--dbname", database])
        .arg("--host")
        .arg(socket);
    command
        .arg("--file")
        .arg(file)
        .env("PGCONNECT_TIMEOUT", "10");
    let output = command.output().expect("runs psql");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{}: {said}",
        file.display()
    );
    String::from_utf8(output.stdout).expect("prints text")
}

/// How many rows the plan's first node returned.
fn rows_of_the_plan(printed: &str) -> f64 {
    let actual = printed.split("actual time=").nth(1);
    let rows = actual.and_then(|rest| rest.split("rows=").nth(1));
    let number = rows.and_then(|rest| rest.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no rows in {printed}"))
}

#[test]
fn every_file_runs_in_psql_and_changes_nothing() {
    let place = Place::with_warm_cache();
    let out = place.out().display().to_string();
    let mut arguments = vec![
        "extract-queries",
        "--all",
        "--rows",
        "1200",
        "--fixture",
        FIXTURE,
        "--out",
        &out,
    ];
    arguments.extend(QUEUES.iter().flat_map(|queue| ["--queue", queue]));
    let ran = run(&place, arguments).expect_code(0);
    let count: usize = QUEUES
        .iter()
        .map(|queue| files_in(&place.out().join(queue).join(FIXTURE)).len())
        .sum();
    assert_eq!(ran.stdout, format!("wrote {count} files to {out}\n"));
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(run_all(&place));
}

async fn run_all(place: &Place) {
    let events = Events::ignored();
    let managed = Managed::start(&managed_options(place), &events)
        .await
        .expect("the server starts");
    let scale = Scale {
        rows: Some(1200),
        ..Scale::default()
    };
    let fixture = Library::built_in()
        .fixture(FIXTURE)
        .expect("reads")
        .scaled(scale);
    for name in QUEUES {
        let queue = Library::built_in().queue(name).expect("reads");
        let (databases, version) = (managed.databases(), managed.version_text());
        let template = cache::ensure(databases, version, &queue, &fixture, &events)
            .await
            .expect("is there");
        let copy = databases.copy(&template.database).await.expect("copies");
        let session = databases.address().connect(&copy).await.expect("connects");
        let before = content(&session, &queue.tables).await;
        let files = files_in(&place.out().join(name).join(FIXTURE));
        let variants: usize = queue
            .statements
            .iter()
            .map(|file| file.variants.len() * file.statements.len())
            .sum();
        assert_eq!(files.len(), variants, "one a variant of {name}");
        for file in files {
            let printed = in_psql(place, &copy, &file);
            assert!(
                printed.contains("QUERY PLAN") && printed.contains("actual time="),
                "{}",
                file.display()
            );
            if file.to_string_lossy().contains("/complete") {
                let rows = rows_of_the_plan(&printed);
                assert!(rows > 0.0, "what is completed was fetched: {printed}");
            }
        }
        assert_eq!(content(&session, &queue.tables).await, before, "{name}");
        session.close().await;
        databases.drop(&copy).await.expect("drops");
    }
    managed.stop().await;
}

#[test]
fn one_that_fails_does_not_take_the_others_with_it() {
    let place = Place::with_warm_cache();
    let inspect = "-- Counts.\n-- operation: inspect\n";
    let own = write(
        &place,
        &[
            (
                "a.b.sql",
                &format!("{inspect}\nselect count(*) from task;\n"),
            ),
            (
                "bad.sql",
                &format!("{inspect}-- param n int = 1 / 0\n\nselect :n;\n"),
            ),
        ],
    );
    let extract = |operation: &str, out: &str| {
        let what = [
            "--queue",
            &own,
            "--fixture",
            FIXTURE,
            "--operation",
            operation,
        ];
        let scale = ["--rows", "100", "--out", out];
        run(&place, [&["extract-queries"], &what[..], &scale].concat())
    };
    let ran = extract("inspect", "some/scripts")
        .expect_code(1)
        .expect_said(&["failed: ", "bad.sql:3:18: ", "division by zero"]);
    assert_eq!(
        ran.stdout,
        "wrote 1 file to some/scripts; 1 could not be written\n"
    );
    let folder = place.path().join("some/scripts/own-queue").join(FIXTURE);
    assert_eq!(files_in(&folder), [folder.join("a..b.default.sql")]);
    // Where nothing could be written, nothing is left; not even when it fails before there is a server.
    fs::remove_file(Path::new(&own).join("a.b.sql")).expect("removes the file");
    let ran = extract("inspect", "other/scripts").expect_code(1);
    assert_eq!(
        ran.stdout,
        "wrote 0 files to other/scripts; 1 could not be written\n"
    );
    assert!(!place.path().join("other").exists());
    place.write("own-queue/schema.sql", "create table task (nothing int);\n");
    let ran = extract("fetch", "other/scripts")
        .expect_code(1)
        .expect_said(&["failed: ", "populate.sql"]);
    assert_eq!(
        ran.stdout,
        "wrote 0 files to other/scripts; 2 could not be written\n"
    );
    assert_eq!(ran.stderr.matches("failed: ").count(), 1, "{}", ran.stderr);
    assert!(!place.path().join("other").exists());
}
