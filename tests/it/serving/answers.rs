//! What an answer says of the jobs it is about.

use pgq_analyze::definition::Operation;
use pgq_analyze::load::task::steps;
use pgq_analyze::statement::serving::{FetchedJob, Input, Settled};

use super::{Stage, fetch_of, make_jobs, queue};
use crate::place::Place;

#[test]
fn a_rescue_by_a_function_has_changed_as_many_as_it_says() {
    let place = Place::new();
    let stage = Stage::new(&place);
    make_jobs(&stage, "id bigint", "n");
    stage.sql(
        "update job set state = 'lost'; \
         create function rescue_jobs() returns bigint language sql as $$ \
         with rescued as (update job set state = 'ready' where state = 'lost' returning 1) select count(*) from rescued $$; \
         create function rescue_silently() returns void language sql as $$ select $$; \
         create function rescue_number_3() returns setof text language sql as $$ values ('a'), ('b') $$",
    );
    let fetch_file = fetch_of("id");
    let update = "update job set state = 'rescued' where id < 3";
    for (rescue, expected) in [
        ("select rescue_jobs()", [5, 0]),
        ("select rescue_silently()", [0, 0]),
        ("select rescue_number_3()", [2, 2]),
        (update, [2, 2]),
        ("update job set n = n where id = 5 returning id", [1, 1]),
    ] {
        let rescue = format!("-- operation: rescue\n\n{rescue};\n");
        let queue = queue(&[("fetch.sql", &fetch_file), ("rescue.sql", &rescue)]);
        let serving = stage.prepare(&queue, Operation::Rescue, None);
        let changed = expected.map(|_| serving.changed(&stage.call(&serving, &Input::default())));
        assert_eq!(changed, expected, "{rescue}");
    }
}

#[test]
fn a_job_completed_by_itself_is_settled_by_the_statement_that_decides() {
    let place = Place::new();
    let stage = Stage::new(&place);
    stage.sql("create table log (id bigint)");
    let fetch_file = fetch_of("id");
    let insert = "insert into log (id) values (:id)";
    let delete = "delete from job where id = :id and id <> 2";
    for statements in [
        format!("-- statement: log\n{insert};\n\n-- statement: done\n{delete};\n"),
        format!("-- statement: log\n{insert};\n\n-- statement: done\n{delete} returning id;\n"),
        format!("-- statement: done\n{delete} returning id;\n\n-- statement: log\n{insert};\n"),
    ] {
        make_jobs(&stage, "id bigint", "n");
        let complete =
            format!("-- operation: complete\n-- param id bigint = fetched.id[1]\n\n{statements}");
        let queue = queue(&[("fetch.sql", &fetch_file), ("complete.sql", &complete)]);
        let fetch = stage.prepare(&queue, Operation::Fetch, None);
        let complete = stage.prepare(&queue, Operation::Complete, Some(&fetch));
        let jobs = stage.fetch(&fetch, 3);
        let jobs: Vec<&FetchedJob> = jobs.iter().collect();
        let input = Input {
            jobs: &jobs,
            ..Input::default()
        };
        let answer = stage.call(&complete, &input);
        let expected = Settled::Some(vec![true, false, true]);
        assert_eq!(complete.settled(&answer, &jobs), expected, "{statements}");
    }
}

#[test]
fn steps_are_told_apart_job_by_job_and_by_keys_of_text() {
    let place = Place::new();
    let stage = Stage::new(&place);
    stage.sql("create table step (job_id text, step_key text)");
    stage.sql("insert into step values ('1', 'step-1'), ('3', 'step-1'), ('3', 'step-2')");
    let fetch_file = fetch_of("id");
    let one = "-- param id text = fetched.id[1]\n\nselect step_key from step where job_id = :id;\n";
    let all = "-- param ids text[] = fetched.id\n\nselect job_id, step_key from step where job_id = any(:ids);\n";
    for load in [one, all] {
        make_jobs(&stage, "id text", "n::text");
        let load = format!("-- operation: step-load\n{load}");
        let queue = queue(&[("fetch.sql", &fetch_file), ("step-load.sql", &load)]);
        let fetch = stage.prepare(&queue, Operation::Fetch, None);
        let load = stage.prepare(&queue, Operation::StepLoad, Some(&fetch));
        let jobs = stage.fetch(&fetch, 3);
        let jobs: Vec<&FetchedJob> = jobs.iter().collect();
        let input = Input {
            jobs: &jobs,
            ..Input::default()
        };
        let answer = stage.call(&load, &input);
        let missing = steps::missing(&load, &answer, &jobs, 2, "step-load.sql");
        let missing: Vec<usize> = missing.expect("it tells").iter().map(Vec::len).collect();
        assert_eq!(missing, [1, 2, 0]);
    }
}
