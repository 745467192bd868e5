//! Comparing runs: what is unchanged is said to be every time, what got worse fails a gate, and how the program ends by it.

mod baselines;
mod refusals;
mod runs;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::own_queue::{write, write_fixture};
use crate::place::Place;
use crate::program::{Ran, compare_plans, run};

/// A place with a small queue and fixture of its own, and a run of them.
struct Measured {
    place: Place,
    queue: String,
    fixture: String,
}

impl Measured {
    #[track_caller]
    fn new() -> Measured {
        let place = Place::with_warm_cache();
        let measured = Measured {
            queue: write(&place, &[]),
            fixture: write_fixture(&place, "jobs = 20000"),
            place,
        };
        measured.measure(&[]).expect_code(0);
        measured
    }

    /// `compare-plans` of the queue as it is now.
    fn measure(&self, more: &[&str]) -> Ran {
        let what = ["--queue", &self.queue, "--fixture", &self.fixture];
        compare_plans(&self.place, &[&what, more].concat())
    }

    /// Replaces a file of the queue.
    fn replace(&self, file: &str, text: &str) {
        fs::write(Path::new(&self.queue).join(file), text).expect("replaces a file of the queue");
    }

    /// The fetch does not find its rows by the key any more.
    fn worsen(&self) {
        let fetch = Path::new(&self.queue).join("fetch.sql");
        let text = fs::read_to_string(&fetch).expect("reads the fetch");
        let worse = text.replace("where number = any", "where number + 0 = any");
        assert_ne!(text, worse);
        self.replace("fetch.sql", &worse);
    }

    /// A command that takes `--out`.
    fn run(&self, arguments: &[&str]) -> Ran {
        let out = self.place.out().display().to_string();
        run(&self.place, [arguments, &["--out", &out]].concat())
    }

    /// The run folders, oldest first.
    fn folders(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.place.out()).expect("reads the folder");
        let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        folders.sort();
        folders
    }

    fn baseline(&self, name: &str) -> PathBuf {
        self.place.path().join(format!("baselines/{name}.json"))
    }
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
}

/// How many plans have a verdict.
fn count(comparison: &Value, verdict: &str) -> u64 {
    comparison["verdicts"][verdict].as_u64().expect("a number")
}

#[test]
fn two_runs_of_the_same_tree_are_unchanged_every_time() {
    let measured = Measured::new();
    measured.run(&["runs", "save", "main"]).expect_code(0);
    for _ in 0..4 {
        let gate = ["--baseline", "main", "--fail-on", "difference", "--json"];
        let ran = measured.measure(&gate).expect_code(0);
        let comparison = json(&ran);
        let plans = comparison["plans"].as_array().expect("a list").len() as u64;
        assert!(plans >= 4, "{plans} plans");
        assert_eq!(count(&comparison, "unchanged"), plans, "{comparison:#}");
    }
    // All of them with each other, as folders and by name.
    let folders = measured.folders();
    assert_eq!(folders.len(), 5);
    for folder in &folders {
        let folder = folder.display().to_string();
        let arguments = ["compare", &folder, "latest", "--fail-on", "difference"];
        measured.run(&arguments).expect_code(0);
    }
}

#[test]
fn what_got_worse_fails_the_gate_that_asks_for_it() {
    let measured = Measured::new();
    measured.worsen();
    let gated = ["--baseline", "latest", "--fail-on", "regression", "--json"];
    let ran = measured.measure(&gated).expect_code(3);
    let comparison = json(&ran);
    assert!(count(&comparison, "regressed") > 0, "{comparison:#}");
    // Without a gate the exit code says nothing about what is found.
    let compare = ["compare", "latest~1", "latest"];
    measured.run(&compare).expect_code(0);
    let gate = |what| [&compare[..], &["--fail-on", what]].concat();
    measured.run(&gate("regression")).expect_code(3);
    measured.run(&gate("difference")).expect_code(3);
    // The other way round it is better: no regression, but a difference.
    let back = ["compare", "latest", "latest~1"];
    measured
        .run(&[&back[..], &["--fail-on", "regression"]].concat())
        .expect_code(0);
    measured
        .run(&[&back[..], &["--fail-on", "difference"]].concat())
        .expect_code(3);
    for (format, begins) in [
        ("table", ""),
        ("markdown", ""),
        ("junit", "<?xml"),
        ("json", "{"),
    ] {
        let ran = measured
            .run(&[&compare[..], &["--format", format]].concat())
            .expect_code(0);
        assert!(
            ran.stdout.starts_with(begins) && !ran.stdout.is_empty(),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn what_could_not_be_measured_is_inconclusive() {
    let measured = Measured::new();
    let broken = "-- Fails.\n-- operation: complete\n-- param numbers bigint[] = fetched.number\n-- variant completed-1: fetch.batch_size = 1\n\
        -- variant completed-5: fetch.batch_size = 5\n\ndelete from task where number = any(:numbers) returning 1 / (number - number);\n";
    measured.replace("complete.sql", broken);
    // Not everything was measured, which goes before the verdict.
    let gated = ["--baseline", "latest", "--fail-on", "regression", "--json"];
    let comparison = json(&measured.measure(&gated).expect_code(1));
    assert_eq!(count(&comparison, "inconclusive"), 2, "{comparison:#}");
    let compare = ["compare", "latest~1", "latest"];
    measured.run(&compare).expect_code(0);
    measured
        .run(&[&compare[..], &["--fail-on", "regression"]].concat())
        .expect_code(5);
}

#[test]
fn a_tolerance_lets_a_count_grow() {
    let measured = Measured::new();
    // The same plan, with more to write: an index more that what is fetched enters.
    measured.replace(
        "indexes.sql",
        "alter table task add primary key (number);\ncreate index task_waiting on task (number) where waiting;\n\
         create index task_state on task (number) where not waiting;\n",
    );
    measured.measure(&[]).expect_code(0);
    let compare = ["compare", "latest~1", "latest", "--fail-on", "regression"];
    let ran = measured.run(&compare).expect_code(3);
    assert!(ran.stdout.contains("task_state"), "{}", ran.stdout);
    let tolerant = [
        "--tolerance",
        "pages_per_row=1000%",
        "--tolerance",
        "wal_per_row=1000",
    ];
    measured
        .run(&[&compare[..], &tolerant].concat())
        .expect_code(0);
}
