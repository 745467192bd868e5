//! A queue as a revision of its git repository has it, against the one in the work tree.

use std::process::Command;

use super::{both_runs, compare_versions, in_turns};
use crate::own_queue;
use crate::place::Place;
use crate::program::{command, finish};

/// A repository in the place.
struct Repository<'p> {
    place: &'p Place,
}

impl Repository<'_> {
    fn new(place: &Place) -> Repository<'_> {
        let repository = Repository { place };
        repository.git(&["init", "--quiet"]);
        repository
    }

    /// Runs git there; gives what it printed.
    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=A test",
                "-c",
                "user.email=test@example.com",
            ])
            .args(arguments)
            .current_dir(self.place.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("runs git");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {said}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn commit(&self) {
        self.git(&["add", "--all", "."]);
        self.git(&["commit", "--quiet", "--message", "A version"]);
    }
}

#[test]
fn a_revision_is_read_and_nothing_is_touched() {
    let place = Place::with_warm_cache();
    let repository = Repository::new(&place);
    let queue = own_queue::write_as(&place, "queues/jobs", &[]);
    repository.commit();
    let indexes = "alter table task add primary key (number);\n";
    place.write("queues/jobs/indexes.sql", indexes);
    place.write("queues/jobs/.gitignore", "");
    let status = || repository.git(&["status", "--porcelain", "--ignored", "queues"]);
    let before = status();
    let index = || std::fs::read(place.path().join(".git/index")).expect("an index");
    let index_before = index();
    let temporary = place.path().join("temporary");
    std::fs::create_dir(&temporary).expect("makes a folder");

    let versions = [
        "--queue",
        &queue,
        "--against",
        "git:HEAD",
        "--format",
        "markdown",
    ];
    let only = ["--operation", "fetch", "--variant", "batch-1"];
    let arguments = in_turns(&place, &[&versions[..], &only].concat());
    let mut comparing = command(&place, arguments);
    // As in a hook: of another repository, were it heeded.
    comparing
        .env("GIT_DIR", "/nonexistent")
        .env("TMPDIR", &temporary);
    let ran = finish(comparing).expect_code(0);
    assert!(ran.stdout.contains("task_waiting"), "{}", ran.stdout);

    let left = std::fs::read_dir(&temporary)
        .expect("reads the folder")
        .count();
    assert_eq!(left, 0, "nothing is left in {}", temporary.display());
    assert_eq!((status(), index()), (before, index_before));
    let [first, second] = both_runs(&place);
    let tables = |run: &pgq_analyze::run::Run| run.environment.tables["jobs"].clone();
    assert_ne!(tables(&first), tables(&second));
    let indexes = |run: &pgq_analyze::run::Run| {
        let catalog = &run.environment.server.catalogs["heavy-single-queue"]["jobs"];
        let mut indexes = catalog.relations.iter().flat_map(|one| &one.indexes);
        indexes.any(|index| index.name == "task_waiting")
    };
    assert!(indexes(&first) && !indexes(&second));
}

#[test]
fn the_top_of_a_repository_is_a_queue_too() {
    let place = Place::with_warm_cache();
    let repository = Repository::new(&place);
    let queue = own_queue::write_as(&place, ".", &[]);
    repository.commit();
    let versions = ["--queue", &queue, "--against", "git:HEAD", "--json"];
    let only = ["--operation", "fetch", "--variant", "batch-1"];
    let ran = compare_versions(&place, &[&versions[..], &only].concat()).expect_code(0);
    ran.expect_said(&["is the same in git:HEAD"]);
}

#[test]
fn what_a_revision_lacks_is_said() {
    let place = Place::new();
    let repository = Repository::new(&place);
    own_queue::write_as(&place, "queues/first", &[]);
    repository.commit();
    let queue = own_queue::write_as(&place, "queues/fist", &[]);
    let against = |revision| {
        let ran = compare_versions(&place, &["--queue", &queue, "--against", revision]);
        ran.expect_code(1)
    };
    against("git:no-such").expect_said(&["no revision `no-such`", "git fetch"]);
    against("git:HEAD").expect_said(&[
        "revision HEAD has no folder queues/fist",
        "queues/first",
        "git worktree add",
        "--against DIR",
    ]);
}

#[test]
fn what_is_wrong_in_a_revision_is_said_of_the_revision() {
    let place = Place::new();
    let repository = Repository::new(&place);
    let broken = "description = \"A queue\"\nno such key = 1\n";
    let queue = own_queue::write_as(&place, "jobs", &[("queue.toml", broken)]);
    repository.commit();
    own_queue::write_as(&place, "jobs", &[]);
    let against = |revision| {
        let ran = compare_versions(&place, &["--queue", &queue, "--against", revision]);
        ran.expect_code(1)
    };
    against("git:HEAD").expect_said(&["error: HEAD:jobs/queue.toml:2:"]);

    place.write("elsewhere.sql", own_queue::FETCH);
    let link = place.path().join("jobs/fetch-again.sql");
    std::os::unix::fs::symlink("../elsewhere.sql", link).expect("makes a link");
    repository.commit();
    against("git:HEAD").expect_said(&["HEAD:jobs/fetch-again.sql", "symbolic link"]);
}
