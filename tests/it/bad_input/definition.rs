//! Queues and fixtures of the user's own with something wrong in them: the message names file, line and column.

use pgq_analyze::run::Run;

use crate::own_queue::{write, write_fixture};
use crate::place::Place;
use crate::program::{Ran, compare_plans, run, take_run};

/// Measures a queue on a hundred rows; it fails, as a run or before.
fn failing(place: &Place, queue: &str) -> Ran {
    compare_plans(
        place,
        &[
            "--queue",
            queue,
            "--fixture",
            "many-queues-sparse",
            "--rows",
            "100",
        ],
    )
    .expect_code(1)
}

/// The failures of a run, each as `statement variant: message`.
fn failures(run: &Run) -> Vec<String> {
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "-".to_owned());
    let failures = run.failures.iter();
    failures
        .map(|one| {
            format!(
                "{} {}: {}",
                name(&one.statement),
                name(&one.variant),
                one.message
            )
        })
        .collect()
}

/// The statement and variant of every result.
fn measured(run: &Run) -> Vec<String> {
    let results = run.results.iter();
    results
        .map(|one| format!("{} {}", one.statement, one.variant))
        .collect()
}

#[track_caller]
fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

const FETCH_WITH_A_SLIP: &str = "-- Takes the first tasks.
-- operation: fetch
-- param batch_size int
-- variant batch-1: batch_size = 1
-- variant batch-5: batch_size = 5

update task
set waiting = false
where number = any(array(
    select number from task where wating order by number limit :batch_size
))
returning number;
";

#[test]
fn a_statement_the_server_refuses() {
    let place = Place::with_warm_cache();
    let queue = write(&place, &[("fetch.sql", FETCH_WITH_A_SLIP)]);
    let ran = failing(&place, &queue);
    let at = format!("{queue}/fetch.sql:10:35: ");
    let ran = ran.expect_said(&[
        "failed: ",
        &at,
        "variant batch-1: ",
        "\"wating\" does not exist",
    ]);
    assert_contains(&ran.stdout, &["fetch batch-1", "does not exist"]);
    let run = take_run(&place);
    assert_eq!(
        run.failures.len(),
        4,
        "each fetch, and each completion it feeds: {:?}",
        failures(&run)
    );
    assert!(run.results.is_empty());
}

#[test]
fn what_one_variant_breaks_leaves_the_others_alone() {
    let place = Place::with_warm_cache();
    let fetch = "-- Takes the first tasks.
-- operation: fetch
-- param batch_size int
-- variant batch-0: batch_size = 1 / 0
-- variant batch-1: batch_size = 1

select number from task where waiting order by number limit :batch_size;
";
    let queue = write(&place, &[("fetch.sql", fetch)]);
    let at = format!("{queue}/fetch.sql:4:");
    failing(&place, &queue).expect_said(&["failed: ", &at, "`1 / 0`", "division by zero"]);
    let run = take_run(&place);
    assert_eq!(failures(&run).len(), 1, "{:?}", failures(&run));
    for expected in [
        "fetch batch-1",
        "complete completed-1",
        "complete completed-5",
    ] {
        assert!(
            measured(&run).iter().any(|name| name == expected),
            "{expected}"
        );
    }
}

#[test]
fn a_parameter_of_a_wrong_or_unknown_type() {
    let place = Place::with_warm_cache();
    let fetch = "-- Takes the first tasks.
-- operation: fetch
-- param batch_size int
-- param kind colour = 'red'
-- variant of-no-number: batch_size = 'ten'
-- variant of-no-type: batch_size = 1

select number from task where waiting and :kind is not null order by number limit :batch_size;
";
    let queue = write(&place, &[("fetch.sql", fetch)]);
    failing(&place, &queue);
    let run = take_run(&place);
    let failures = failures(&run);
    // `kind` comes first in the statement, so both stumble over its type.
    let at = format!(
        "{queue}/fetch.sql:4:10: variant of-no-type: parameter kind has the unknown type colour"
    );
    assert!(failures.iter().any(|one| one.contains(&at)), "{failures:?}");

    let queue = write(&place, &[("fetch.sql", &fetch.replace("colour", "text"))]);
    failing(&place, &queue);
    let run = take_run(&place);
    assert_eq!(run.failures.len(), 1, "{:?}", run.failures);
    assert_contains(
        &run.failures[0].message,
        &[
            &format!("{queue}/fetch.sql:5:"),
            "variant of-no-number",
            "`'ten'` is no value of type int for batch_size",
        ],
    );
    assert!(measured(&run).contains(&"fetch of-no-type".to_owned()));
}

#[test]
fn a_slip_in_a_value_of_several_lines() {
    let place = Place::with_warm_cache();
    let fetch = "-- Takes the first tasks.
-- operation: fetch
-- param batch_size int
-- variant batch-1: batch_size =
--     1 +
--     ä2

select number from task where waiting order by number limit :batch_size;
";
    let queue = write(&place, &[("fetch.sql", fetch)]);
    let at = format!("{queue}/fetch.sql:6:8: ");
    failing(&place, &queue).expect_said(&["failed: ", &at, "`1 + ä2` is no value of type int"]);
}

/// The custom plan never gets to the division; the generic plan does, when it is made or when it is executed.
#[test]
fn a_generic_plan_that_fails_leaves_the_custom_one() {
    let place = Place::with_warm_cache();
    let in_planning = "case when :batch_size = 1 then 1 else 1 / 0 end";
    let in_execution = "number / (case when current_setting('plan_cache_mode') = 'force_generic_plan' then 0 else 1 end)";
    for (column, shape_depends) in [
        (in_planning, ""),
        (
            in_execution,
            "(:batch_size = 1 or number in (select 1)) and ",
        ),
    ] {
        let fetch = format!(
            "-- Takes the first task.
-- operation: fetch
-- param batch_size int = 1

select number, {column} from task where {shape_depends}waiting order by number limit :batch_size;
"
        );
        let queue = write(&place, &[("fetch.sql", &fetch)]);
        let at = format!(
            "the generic plan could not be measured: {queue}/fetch.sql:5:1: variant default: division by zero"
        );
        failing(&place, &queue).expect_said(&["failed: ", &at]);
        let run = take_run(&place);
        assert!(
            measured(&run).contains(&"fetch default".to_owned()),
            "the custom plan is kept"
        );
    }
}

#[test]
fn a_feeding_fetch_that_returns_nothing() {
    let place = Place::with_warm_cache();
    let queue = write(&place, &[]);
    let fixture = write_fixture(&place, "jobs = 100\n[states]\ncompleted = 1");
    let at = format!("{queue}/complete.sql:4:");
    compare_plans(&place, &["--queue", &queue, "--fixture", &fixture])
        .expect_code(1)
        .expect_said(&["failed: ", &at, "completed-1", "returns no job", "ready"]);
    let run = take_run(&place);
    assert_eq!(run.failures.len(), 2, "{:?}", run.failures);
    assert!(
        measured(&run).contains(&"fetch batch-5".to_owned()),
        "an empty fetch is measured"
    );
    assert!(
        run.results
            .iter()
            .all(|one| one.rows == 0 && one.pages_per_row.is_none())
    );
}

#[test]
fn a_fixture_without_jobs() {
    let place = Place::new();
    let fixture = write_fixture(&place, "jobs = 0");
    let at = format!("error: {fixture}:2:");
    compare_plans(&place, &["--fixture", &fixture])
        .expect_code(1)
        .expect_said(&[&at, "jobs"]);
    run(&place, ["fixtures", "build", &fixture])
        .expect_code(1)
        .expect_said(&[&at]);
    assert!(
        !place.cache().exists() && !place.out().exists(),
        "nothing was made"
    );
}

#[test]
fn a_populate_that_makes_no_rows() {
    let place = Place::with_warm_cache();
    let nothing =
        "insert into task (number, waiting) select seq, true from pgqa_job where seq < 0;\n";
    let queue = write(&place, &[("populate.sql", nothing)]);
    let said = [
        "populate.sql makes no rows out of fixture many-queues-sparse (100 jobs) in task",
        "pgqa_job",
    ];
    failing(&place, &queue)
        .expect_said(&["failed: "])
        .expect_said(&said);
    let run = take_run(&place);
    assert!(run.results.is_empty());
    assert_eq!(run.failures.len(), 1, "{:?}", run.failures);
    let built = crate::program::run(
        &place,
        ["fixtures", "build", "many-queues-sparse", "--queue", &queue],
    );
    built
        .expect_code(1)
        .expect_said(&["error: "])
        .expect_said(&said[1..]);
}

#[test]
fn scripts_the_server_refuses() {
    let place = Place::with_warm_cache();
    let cases = [
        (
            "schema.sql",
            "create table task (\n    number bigint,\n    waiting boolan\n);\n",
            "3:13",
            "\"boolan\" does not exist",
        ),
        (
            "populate.sql",
            "-- The tasks.\ninsert into task (number, waiting)\nselect seq, stat = 'ready'\nfrom pgqa_job;\n",
            "3:13",
            "\"stat\" does not exist",
        ),
        (
            "indexes.sql",
            "alter table task add primary key (number);\ncreate index on task (nmber);\n",
            "2:",
            "\"nmber\" does not exist",
        ),
    ];
    for (file, text, position, reason) in cases {
        let queue = write(&place, &[(file, text)]);
        let at = format!("{queue}/{file}:{position}");
        let ran = failing(&place, &queue).expect_said(&["failed: ", &at, reason]);
        let run = take_run(&place);
        assert!(run.results.is_empty(), "{file}");
        assert_eq!(run.failures.len(), 1, "{:?}", run.failures);
        assert_eq!(run.failures[0].variant, None);
        assert!(!ran.stderr.contains("removed"), "{}", ran.stderr);
        write(&place, &[]);
    }
    // What failed was cleared away at once.
    let ran = run_sound(&place);
    assert!(!ran.stderr.contains("removed"), "{}", ran.stderr);
}

fn run_sound(place: &Place) -> Ran {
    let queue = write(place, &[]);
    let ran = compare_plans(
        place,
        &[
            "--queue",
            &queue,
            "--fixture",
            "many-queues-sparse",
            "--rows",
            "100",
        ],
    );
    ran.expect_code(0)
}

#[test]
fn files_that_cannot_be_understood() {
    let place = Place::new();
    let cases = [
        (
            "fetch.sql",
            "-- Takes.\n-- operation: fetsh\nselect 1;\n",
            ":2:",
            "did you mean `fetch`?",
        ),
        (
            "fetch.sql",
            "-- Takes.\n-- operation: fetch\nselect :nothing;\n",
            ":3:8",
            "nothing",
        ),
        (
            "queue.toml",
            "description = \"x\"\ntabels = [\"task\"]\n",
            ":2:1",
            "tables",
        ),
    ];
    for (file, text, position, said) in cases {
        let queue = write(&place, &[(file, text)]);
        let at = format!("error: {queue}/{file}{position}");
        failing(&place, &queue).expect_said(&[&at, said]);
        write(&place, &[]);
    }
    std::fs::remove_file(place.path().join("own-queue/schema.sql")).expect("removes it");
    failing(
        &place,
        &place.path().join("own-queue").display().to_string(),
    )
    .expect_said(&["error: ", "schema.sql"]);
    assert!(
        !place.cache().exists() && !place.out().exists(),
        "nothing was made"
    );
}
