//! Statements as they serve under load, on a server: what a fetch returned goes on to the statements that declare it, whatever its type.

mod answers;

use std::time::SystemTime;

use pgq_analyze::definition::{Operation, Queue, Source};
use pgq_analyze::statement::serving::{
    Answer, FetchedJob, Input, NewJob, Outcome, Serving, Settled, Timestamp, in_one_transaction,
};
use tokio_postgres::{Client, NoTls};

use crate::given_server::{GivenServer, Options};
use crate::place::Place;

/// A queue whose tables are there, of these statement files.
fn queue(files: &[(&str, &str)]) -> Queue {
    let manifest = (
        "queue.toml",
        "description = \"A queue\"\npayload = \"payload\"\n",
    );
    let source = |(name, text): &(&str, &str)| Source::new(format!("own/{name}"), *text);
    let files = files.iter().chain([&manifest]).map(source).collect();
    Queue::parse_without_scripts("own", "own", files).unwrap_or_else(|error| panic!("{error}"))
}

/// A server with a database to itself, and a session in it.
struct Stage {
    server: GivenServer,
    client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Stage {
    fn new(place: &Place) -> Stage {
        let server = GivenServer::start(place, &Options::default());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("makes a runtime");
        let url = server.url("postgres");
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, NoTls)
                .await
                .expect("connects");
            tokio::spawn(connection);
            client
        });
        Stage {
            server,
            client,
            runtime,
        }
    }

    /// The first column of all rows.
    fn sql(&self, sql: &str) -> Vec<String> {
        let rows = self.server.sql("postgres", sql);
        rows.into_iter().map(|row| row.join(",")).collect()
    }

    fn prepare(&self, queue: &Queue, operation: Operation, fetch: Option<&Serving>) -> Serving {
        self.try_to_prepare(queue, operation, fetch)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_to_prepare(
        &self,
        queue: &Queue,
        operation: Operation,
        fetch: Option<&Serving>,
    ) -> Result<Serving, String> {
        let file = queue.serving(operation).expect("a file serves it");
        let columns = fetch.map(Serving::columns);
        let prepared = Serving::prepare(&self.client, queue, file, columns);
        self.runtime
            .block_on(prepared)
            .map_err(|error| error.to_string())
    }

    fn call(&self, serving: &Serving, input: &Input<'_>) -> Answer {
        let answer = self.runtime.block_on(serving.call(&self.client, input));
        answer.unwrap_or_else(|error| panic!("{error:?}"))
    }

    fn fetch(&self, serving: &Serving, batch_size: u64) -> Vec<FetchedJob> {
        let input = Input {
            batch_size,
            worker: "worker-7",
            now: Timestamp::from(SystemTime::now()),
            ..Input::default()
        };
        serving.jobs(self.call(serving, &input))
    }
}

fn seqs(jobs: &[FetchedJob]) -> Vec<Option<u64>> {
    jobs.iter().map(|job| job.seq).collect()
}

/// A table `job` whose key is of these columns, made of the number `n`; three jobs with payloads as a fixture makes them.
fn make_jobs(stage: &Stage, columns: &str, values: &str) {
    let payload = |seq: u64| {
        let sum = pgq_analyze::definition::payload::payload_checksum(seq, b"abc");
        format!(
            "({seq}, '{{\"seq\": {seq}, \"data\": \"abc\", \"checksum\": \"{sum:016x}\"}}'::jsonb)"
        )
    };
    let payloads: Vec<String> = (1..=5).map(payload).collect();
    stage.sql(&format!(
        "drop table if exists job; create table job ({columns}, n int, claimed_by text, state text not null default 'ready', payload jsonb); \
         insert into job select {values}, n, null, 'ready', payload from (values {}) as given (n, payload)",
        payloads.join(", ")
    ));
}

/// A fetch that returns the key.
fn fetch_of(key: &str) -> String {
    format!(
        "-- operation: fetch\n-- param batch_size int\n-- param worker text = 'w'\n-- variant one: batch_size = 1\n\n\
         update job set claimed_by = :worker where n in (select n from job where claimed_by is null order by n limit :batch_size for update skip locked)\n\
         returning {key}, payload;\n"
    )
}

#[test]
fn keys_of_any_type_and_number_are_passed_through() {
    let place = Place::new();
    let stage = Stage::new(&place);
    stage.sql(
        "create type pair as (a int, b text); create domain tenant as int check (value > 0); create type colour as enum ('red', 'green')",
    );
    let single = |type_name: &str| {
        format!(
            "-- operation: complete\n-- param ids {type_name}[] = fetched.id\n\ndelete from job where id = any(:ids) returning id;\n"
        )
    };
    let two = "-- operation: complete\n-- param tenants tenant[] = fetched.tenant\n-- param colours colour[] = fetched.colour\n\n\
               delete from job using unnest(:tenants, :colours) as done (tenant, colour)\n\
               where job.tenant = done.tenant and job.colour = done.colour returning job.tenant, job.colour;\n";
    let cases = [
        ("id uuid", "md5(n::text)::uuid", "id", single("uuid")),
        ("id pair", "row(n, 'x')::pair", "id", single("pair")),
        ("id tenant", "n", "id", single("tenant")),
        (
            "tenant tenant, colour colour",
            "(n + 1) / 2, case when n % 2 = 0 then 'red' else 'green' end::colour",
            "tenant, colour",
            two.to_owned(),
        ),
    ];
    for (columns, values, key, complete) in cases {
        make_jobs(&stage, columns, values);
        let queue = queue(&[("fetch.sql", &fetch_of(key)), ("complete.sql", &complete)]);
        let fetch = stage.prepare(&queue, Operation::Fetch, None);
        let complete = stage.prepare(&queue, Operation::Complete, Some(&fetch));
        let jobs = stage.fetch(&fetch, 3);
        assert_eq!(seqs(&jobs), [Some(1), Some(2), Some(3)], "{columns}");
        assert!(jobs.iter().all(|job| job.whole), "{columns}");
        assert_eq!(
            stage.sql("select distinct claimed_by from job where n <= 3"),
            ["worker-7"]
        );
        // Somebody else was faster with the second.
        stage.sql("delete from job where n = 2");
        let given: Vec<&FetchedJob> = jobs.iter().collect();
        let input = Input {
            jobs: &given,
            ..Input::default()
        };
        let answer = stage.call(&complete, &input);
        assert_eq!((answer.affected, answer.rows.len()), (2, 2), "{columns}");
        let settled = complete.settled(&answer, &given);
        assert_eq!(settled, Settled::Some(vec![true, false, true]), "{columns}");
        assert_eq!(
            stage.sql("select n from job order by n"),
            ["4", "5"],
            "{columns}"
        );
        let rest = stage.fetch(&fetch, 10);
        let given: Vec<&FetchedJob> = rest.iter().collect();
        let input = Input {
            jobs: &given,
            ..Input::default()
        };
        let answer = stage.call(&complete, &input);
        assert_eq!(complete.settled(&answer, &given), Settled::All, "{columns}");
        assert!(stage.fetch(&fetch, 10).is_empty());
    }
}

#[test]
fn jobs_are_completed_one_by_one_by_computed_values_and_by_several_statements() {
    let place = Place::new();
    let stage = Stage::new(&place);
    let fetch_file = fetch_of("id");
    let with = |complete: &str| {
        make_jobs(&stage, "id bigint", "n * 10");
        let queue = queue(&[("fetch.sql", &fetch_file), ("complete.sql", complete)]);
        let fetch = stage.prepare(&queue, Operation::Fetch, None);
        let complete = stage.prepare(&queue, Operation::Complete, Some(&fetch));
        (stage.fetch(&fetch, 3), complete)
    };
    let states = || stage.sql("select state from job order by n");
    let outcomes = [Outcome::Completed, Outcome::Failed, Outcome::Released];

    let (jobs, complete) = with(
        "-- operation: complete\n-- param id bigint = fetched.id[1]\n-- param outcome text = 'completed'\n-- param now timestamptz = now()\n\n\
         update job set state = :outcome where id = :id and :now > '2025-01-01' and n <> 2;\n",
    );
    let given: Vec<&FetchedJob> = jobs.iter().collect();
    let input = Input {
        jobs: &given,
        outcomes: &outcomes,
        now: Timestamp::from(SystemTime::now()),
        ..Input::default()
    };
    assert!(complete.is_per_job() && complete.takes("outcome"));
    let answer = stage.call(&complete, &input);
    assert_eq!(
        complete.settled(&answer, &given),
        Settled::Some(vec![true, false, true])
    );
    assert_eq!(
        states(),
        ["completed", "ready", "released", "ready", "ready"]
    );

    let (jobs, complete) = with(
        "-- operation: complete\n-- param ids text[] = fetched.id\n-- param first bigint = (select min(id) from unnest(fetched.id) as id)\n\n\
         update job set state = 'done ' || :first where id::text = any(:ids);\n",
    );
    let given: Vec<&FetchedJob> = jobs.iter().collect();
    let input = Input {
        jobs: &given,
        outcomes: &outcomes,
        errors: &[None, Some("it failed".to_owned()), None],
        ..Input::default()
    };
    assert_eq!(complete.notes().len(), 2);
    let answer = stage.call(&complete, &input);
    assert_eq!(complete.settled(&answer, &given), Settled::All);
    assert_eq!(
        states(),
        ["done 10", "done 10", "done 10", "ready", "ready"]
    );

    // The second statement is told what the first returned.
    let several = "-- operation: complete\n-- param ids bigint[] = fetched.id\n-- param errors text[] = null\n-- param gone bigint[] = removed.id\n\n\
         -- statement: removed\ndelete from job where id = any(:ids) and n < 3 returning id;\n\n\
         -- statement: kept\nupdate job set state = cardinality(:gone) || coalesce((:errors)[2], '')\nwhere not id = any(:gone) and id = any(:ids) returning id;\n";
    let (jobs, complete) = with(several);
    let given: Vec<&FetchedJob> = jobs.iter().collect();
    let input = Input {
        jobs: &given,
        ..input
    };
    let answer = stage.call(&complete, &input);
    assert_eq!(complete.settled(&answer, &given), Settled::All);
    assert_eq!(states(), ["2it failed", "ready", "ready"]);
}

#[test]
fn a_completion_and_the_next_fetch_are_one_transaction() {
    let place = Place::new();
    let stage = Stage::new(&place);
    make_jobs(&stage, "id uuid", "md5(n::text)::uuid");
    stage.sql("alter table job add check (state <> 'failed')");
    let queue = queue(&[
        ("fetch.sql", &fetch_of("id")),
        (
            "complete.sql",
            "-- operation: complete\n-- param ids uuid[] = fetched.id\n-- param outcomes text[] = null\n\n\
             update job set state = given.outcome from unnest(:ids, :outcomes) as given (id, outcome) where job.id = given.id returning job.id;\n",
        ),
        (
            "enqueue.sql",
            "-- operation: enqueue\n-- param payloads jsonb[] = null\n-- param priorities int[] = null\n\n\
             insert into job (id, n, payload) select gen_random_uuid(), priority, payload from unnest(:payloads, :priorities) as given (payload, priority);\n",
        ),
    ]);
    let fetch = stage.prepare(&queue, Operation::Fetch, None);
    let complete = stage.prepare(&queue, Operation::Complete, Some(&fetch));
    let jobs = stage.fetch(&fetch, 2);
    let given: Vec<&FetchedJob> = jobs.iter().collect();
    let both = |outcomes: &[Outcome]| {
        let completing = Input {
            jobs: &given,
            outcomes,
            ..Input::default()
        };
        let fetching = Input {
            worker: "worker-8",
            batch_size: 2,
            ..Input::default()
        };
        let calls = [(&complete, &completing), (&fetch, &fetching)];
        stage
            .runtime
            .block_on(in_one_transaction(&stage.client, &calls))
    };
    // The completion fails: neither it nor the fetch behind it, sent at the same time, has happened; and the session goes on.
    let error = both(&[Outcome::Completed, Outcome::Failed]).expect_err("violates the check");
    assert_eq!(error.code().map(|code| code.code()), Some("23514"));
    assert_eq!(
        stage.sql("select count(*) from job where state <> 'ready' or claimed_by = 'worker-8'"),
        ["0"]
    );
    let mut answers = both(&[Outcome::Completed, Outcome::Released]).expect("both happen");
    let next = fetch.jobs(answers.pop().expect("the fetch's"));
    assert_eq!(seqs(&next), [Some(3), Some(4)]);
    assert_eq!(complete.settled(&answers[0], &given), Settled::All);
    assert_eq!(
        stage.sql("select state from job order by n"),
        ["completed", "released", "ready", "ready", "ready"]
    );

    let enqueue = stage.prepare(&queue, Operation::Enqueue, None);
    let new = |priority| NewJob {
        priority,
        payload: "{\"seq\": 9}",
        ..NewJob::default()
    };
    let input = Input {
        new_jobs: &[new(8), new(9)],
        ..Input::default()
    };
    assert_eq!(stage.call(&enqueue, &input).affected, 2);
    let last = stage.fetch(&fetch, 10);
    assert_eq!(seqs(&last), [Some(5), Some(9), Some(9)]);
    assert_eq!(
        last.iter().map(|job| job.whole).collect::<Vec<_>>(),
        [true, false, false]
    );
}

#[test]
fn what_cannot_serve_is_refused_at_its_place() {
    let place = Place::new();
    let stage = Stage::new(&place);
    make_jobs(&stage, "id bigint, tags text[]", "n, array['x']");
    let fetch_file = fetch_of("id, tags");
    for (complete, place_and_reason) in [
        (
            "-- param ids bigint[] = fetched.idd\n\ndelete from job where id = any(:ids)",
            "own/complete.sql:2:25: fetched has no column idd; did you mean id?",
        ),
        (
            "-- param tags text[] = fetched.tags\n\ndelete from job where tags = :tags",
            "own/complete.sql:2:24: fetched.tags is an array",
        ),
        (
            "-- param now text = 'x'\n\ndelete from job where state = :now",
            "own/complete.sql:2:21: parameter now is text, and under load it is given timestamptz",
        ),
        (
            "-- param ids bigint[] = fetched.id\n\ndelete from jobb where id = any(:ids)",
            "own/complete.sql:4:13: relation \"jobb\" does not exist",
        ),
        (
            "-- param id bigint = fetched.id[2]\n\ndelete from job where id = :id",
            "own/complete.sql:2:22: fetched.id[2] is a certain job of a batch",
        ),
        (
            "-- param ids bigint[] = array_agg(nothing(fetched.id))\n\ndelete from job where id = any(:ids)",
            "own/complete.sql:2:35: `array_agg(nothing(fetched.id))` is no value of type bigint[]",
        ),
    ] {
        let complete = format!("-- operation: complete\n{complete};\n");
        let queue = queue(&[("fetch.sql", &fetch_file), ("complete.sql", &complete)]);
        let fetch = stage.prepare(&queue, Operation::Fetch, None);
        let refused = stage.try_to_prepare(&queue, Operation::Complete, Some(&fetch));
        let message = refused.err().unwrap_or_default();
        assert!(message.starts_with(place_and_reason), "{message}");
    }
    let without = queue(&[("fetch.sql", &fetch_of("id").replace(", payload", ""))]);
    let message = stage.try_to_prepare(&without, Operation::Fetch, None).err();
    let message = message.unwrap_or_default();
    assert!(
        message.contains("the fetch does not return column payload"),
        "{message}"
    );
}
