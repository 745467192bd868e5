//! The gate for query changes as its page sets it up, from nothing in a scratch repository: the page's own commands, its script and its
//! workflow; a good change passes, a bad one fails and the comment on the pull request says why.

mod guide;
mod planted;
mod repository;
mod workflow;

use pgq_analyze::run::comparison::{Cause, Comparison, Verdict};

use repository::Repository;

/// Where the page goes on to what is not needed for a gate.
const AFTER_THE_SET_UP: &str = "## What the exit code means";

/// Where it goes on to a gate that times may fail too.
const WITHOUT_A_BASELINE: &str = "## Without a baseline";

/// What the last run of the gate found.
#[track_caller]
fn comparison(repository: &Repository) -> Comparison {
    let compared = repository
        .bash("pgq-analyze compare main latest --json")
        .expect_code(0);
    serde_json::from_str(&compared.stdout).expect("reads back")
}

/// The steps of the workflow that have commands.
const STEPS: [&str; 4] = ["Install the program", "Gate", "Summary", "Comment"];

#[test]
fn the_page_holds_and_a_good_change_passes() {
    let repository = Repository::new();
    guide::follow(&repository, WITHOUT_A_BASELINE);
    // What the page did not commit is a renewed baseline of the same tree: the same lines, but for the one that names the run.
    let difference = repository.bash("git diff --unified=0 HEAD").stdout;
    let is_changed = |line: &&str| {
        (line.starts_with(['+', '-'])) && !line.starts_with("+++") && !line.starts_with("---")
    };
    let mut changed = difference.lines().filter(is_changed);
    assert!(
        changed.all(|line| line.contains("\"run_id\": ")),
        "{difference}"
    );

    repository.edit(
        "queues/jobs/fetch.sql",
        "update job\n",
        "-- Only ids are collected: the payload is read once.\nupdate job\n",
    );
    let carried = workflow::carry_out(&repository);
    assert_eq!(carried.code, 0, "{}", carried.said);
    assert_eq!(carried.ran, STEPS);
    let [comment] = &repository.comments()[..] else {
        panic!("one comment: {:?}", repository.comments());
    };
    assert!(comment.ends_with(&carried.summary), "{comment}");
    let found = comparison(&repository);
    assert!(
        found
            .plans
            .iter()
            .all(|plan| plan.verdict == Verdict::Unchanged),
        "{found:#?}"
    );
    let junit = repository.read("gate/junit.xml");
    assert!(junit.contains("<testcase") && !junit.contains("<failure"));
}

#[test]
fn a_renewed_baseline_is_the_new_measure() {
    let repository = Repository::new();
    guide::follow(&repository, AFTER_THE_SET_UP);
    let index = "\ncreate index job_heartbeat_idx on job (heartbeat_at);\n";
    let indexes = repository.read("queues/jobs/indexes.sql");
    repository.write("queues/jobs/indexes.sql", &(indexes.clone() + index));
    let gate = repository.bash("./gate.sh").expect_code(3);
    assert!(gate.stdout.starts_with("Regressed: "), "{}", gate.stdout);
    repository.bash("./gate.sh renew").expect_code(0);
    let difference = repository.bash("git diff --unified=0 baselines").stdout;
    assert!(difference.contains("job_heartbeat_idx"), "{difference}");

    // Measured by that, to go without it is better: a heartbeat touches no index again. A gate has nothing against that.
    repository.write("queues/jobs/indexes.sql", &indexes);
    let gate = repository.bash("./gate.sh").expect_code(0);
    assert!(gate.stdout.starts_with("Improved: "), "{}", gate.stdout);
    let found = comparison(&repository);
    let heartbeat = found
        .plans
        .iter()
        .find(|plan| (&*plan.statement, &*plan.variant) == ("heartbeat", "batch-10"));
    let heartbeat = heartbeat.expect("it is compared");
    assert_eq!(heartbeat.verdict, Verdict::Improved, "{heartbeat:#?}");
    assert!(repository.read("gate/comment.md").contains("improved"));
}

#[test]
fn a_revision_takes_the_place_of_a_baseline() {
    let repository = Repository::new();
    guide::follow(&repository, AFTER_THE_SET_UP);
    let ran = repository.bash(guide::command_below(WITHOUT_A_BASELINE).as_str());
    // The same tree: no count differs, whatever a busy machine does to times.
    assert!([Some(0), Some(3)].contains(&ran.code), "{}", ran.stderr);
    let compared = repository
        .bash("pgq-analyze compare latest~1 latest --json")
        .expect_code(0);
    let found: Comparison = serde_json::from_str(&compared.stdout).expect("reads back");
    let mut reasons = found.plans.iter().flat_map(|plan| &plan.reasons);
    assert!(!found.plans.is_empty());
    assert!(
        reasons.all(|reason| reason.what == Cause::Time),
        "{found:#?}"
    );
    assert!(repository.read("gate/junit.xml").contains("<testcase"));

    let dearer = "order by priority desc, run_at, id";
    repository.edit(
        "queues/jobs/fetch.sql",
        "order by priority, run_at, id",
        dearer,
    );
    repository.bash("./gate.sh against HEAD").expect_code(3);
    let comment = repository.read("gate/comment.md");
    assert!(comment.contains(dearer), "{comment}");
}
