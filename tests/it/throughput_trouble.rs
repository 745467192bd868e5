//! `throughput` in trouble: queues that break their promises, sessions, processes and servers that go, signals. What was found until then
//! is kept and told.

mod held;
mod restarted;
mod stopping;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use pgq_analyze::run::RunStatus;
use pgq_analyze::run::store::{AnyRun, read_any};
use pgq_analyze::run::throughput::{Ended, LedgerVerdict, ThroughputResult, ThroughputRun};
use rustix::process::{Pid, Signal, kill_process};

use crate::own_queue;
use crate::place::{Place, wait_for};
use crate::processes::{servers_in, wait_until_stopped};
use crate::program::{Ran, Running, client_program, command, finish, run, run_folder};

const MANIFEST: &str = "description = \"A small queue of one's own\"
delivery = \"at-least-once\"
tables = [\"task\"]
payload = \"payload\"
";

const SCHEMA: &str = "create table task (
    number bigint,
    waiting boolean not null,
    taken boolean not null default false,
    payload jsonb not null
);
create function complete_tasks(numbers bigint[]) returns bigint language sql as $$
    with gone as (delete from task where number = any(numbers) returning 1) select count(*) from gone
$$;
";

const POPULATE: &str = "insert into task (number, waiting, payload)
select seq, state = 'ready', payload
from pgqa_job;
";

const FETCH: &str = "-- operation: fetch
-- param batch_size int = 5

update task
set waiting = false, taken = true
where number = any(array(select number from task where waiting order by number limit :batch_size for update skip locked))
returning number, payload;
";

const COMPLETE: &str = "-- operation: complete
-- param numbers bigint[] = fetched.number

delete from task
where number = any(:numbers)
returning number;
";

/// Half of its forty jobs were completed before: the odd or the even ones, or whichever the seed says.
const FIXTURE: &str = "seed = 1\njobs = 40\n\n[states]\nready = 0.5\ncompleted = 0.5\n";

/// A queue with this fetch and this complete; gives its path as an argument.
fn queue(place: &Place, name: &str, fetch: &str, complete: &str) -> String {
    let files = [
        ("queue.toml", MANIFEST),
        ("schema.sql", SCHEMA),
        ("populate.sql", POPULATE),
        ("fetch.sql", fetch),
        ("complete.sql", complete),
    ];
    own_queue::write_as(place, name, &files)
}

fn throughput<'a>(place: &'a Place, arguments: &[&'a str]) -> Vec<String> {
    let out = place.out().display().to_string();
    let all = [&["throughput"], arguments, &["--out", &out]].concat();
    all.into_iter().map(str::to_owned).collect()
}

/// Reads the only run in the place's folder, which is then removed; what has to hold of every drain is asserted.
#[track_caller]
fn take_run(place: &Place) -> ThroughputRun {
    let folder = run_folder(place);
    let AnyRun::Throughput(run) = read_any(&folder).expect("the run reads back") else {
        panic!("it is a run of drains");
    };
    std::fs::remove_dir_all(folder).expect("removes the run");
    run.results.iter().for_each(assert_accounted_for);
    run
}

#[track_caller]
fn assert_accounted_for(result: &ThroughputResult) {
    let (fetches, deliveries) = (result.fetches, result.deliveries);
    assert_eq!(
        fetches.total,
        fetches.returned + fetches.empty + fetches.errored
    );
    assert_eq!(
        deliveries.total,
        deliveries.completed + deliveries.failed + deliveries.released + deliveries.interrupted
    );
    let ledger = &result.ledger;
    if let Some(lost) = ledger.lost {
        let fates = ledger.done + ledger.dead + ledger.remaining + lost;
        assert_eq!(ledger.acknowledged, fates, "{ledger:?}");
    }
}

#[test]
fn what_cannot_be_drained_is_refused_before_a_server_starts() {
    let place = Place::new();
    let complete = own_queue::write_as(&place, "no-complete", &[("queue.toml", MANIFEST)]);
    std::fs::remove_file(Path::new(&complete).join("complete.sql")).expect("removes the file");
    let payload = own_queue::write_as(&place, "no-payload", &[]);
    let cases: [(&[&str], &str); 3] = [
        (&["--queue", &complete], "write `complete.sql`"),
        (
            &["--queue", &payload],
            "write `payload = \"…\"` into queue.toml",
        ),
        (
            &[
                "--task",
                "read-write:read=8kB,within=true",
                "--completion",
                "with-next-fetch",
            ],
            "does not go with completion `with-next-fetch`",
        ),
    ];
    for (arguments, said) in cases {
        let arguments = [&["quick"], arguments].concat();
        run(&place, throughput(&place, &arguments))
            .expect_code(2)
            .expect_said(&[said]);
    }
    assert!(!place.cache().exists() && !place.out().exists());
}

#[test]
fn queues_that_break_their_promise_are_shown_for_what_they_do() {
    let place = Place::with_warm_cache();
    let twice = FETCH.replacen("update", "with fetched as (\nupdate", 1);
    let twice = twice.replacen(
        "payload;",
        "payload)\nselect * from fetched union all (select * from fetched order by number limit 1);",
        1,
    );
    let loses = COMPLETE.replacen(
        ":numbers)",
        ":numbers) or waiting and number = (select min(number) from task where waiting)",
        1,
    );
    let alters = FETCH.replacen(
        "number, payload;",
        "number, payload || '{\"data\": \"\"}' as payload;",
        1,
    );
    let finished = FETCH.replacen("where waiting order", "where waiting or not taken order", 1);
    let function = "-- operation: complete\n-- param numbers bigint[] = fetched.number\n\nselect complete_tasks(:numbers);\n";
    let dies = FETCH.replacen("payload;", "payload, 1 / (number / 1000);", 1);
    let fixture = own_queue::write_fixture(&place, FIXTURE);
    let queues = [
        queue(&place, "twice", &twice, COMPLETE),
        queue(&place, "loses", FETCH, &loses),
        queue(&place, "alters", &alters, COMPLETE),
        queue(&place, "finished", &finished, COMPLETE),
        queue(&place, "function", FETCH, function),
    ];
    let options = ["quick", "--fixture", &fixture, "--batch-size", "5"];
    let mut arguments = options.to_vec();
    arguments.extend(queues.iter().flat_map(|path| ["--queue", path]));
    run(&place, throughput(&place, &arguments)).expect_code(4);
    let run_of_all = take_run(&place);
    let results = run_of_all.results.iter();
    let results: BTreeMap<&str, &ThroughputResult> =
        results.map(|result| (&*result.queue, result)).collect();
    let ledger = |name: &str| &results[name].ledger;
    let told = |name: &str, what: &str| ledger(name).examples.iter().any(|one| one.what == what);

    assert!(ledger("twice").duplicated > 0 && told("twice", "duplicated"));
    assert_eq!(ledger("twice").done, ledger("twice").acknowledged);
    assert!(ledger("loses").lost > Some(0) && told("loses", "lost"));
    assert_eq!(ledger("alters").altered, ledger("alters").acknowledged);
    assert!(told("alters", "altered"));
    assert!(ledger("finished").unexpected > 0 && told("finished", "unexpected"));
    let function = results["function"];
    let all = function.ledger.acknowledged;
    assert_eq!(
        (function.deliveries.completed, function.ledger.done),
        (all, all)
    );
    assert_eq!((function.ended, function.ledger.unknown), (Ended::Empty, 0));
    assert_eq!(function.ledger_verdict(), LedgerVerdict::Clean);

    // One that cannot go on leaves the others, and says why.
    let dies = queue(&place, "dies", &dies, COMPLETE);
    let arguments = [&options[..], &["--queue", &dies, "--queue", &queues[4]]].concat();
    run(&place, throughput(&place, &arguments))
        .expect_code(1)
        .expect_said(&["dies on ", "failed after 0 jobs", "division by zero"]);
    let run = take_run(&place);
    assert_eq!(run.status, RunStatus::Complete);
    let ended: Vec<(&str, Ended)> = run
        .results
        .iter()
        .map(|result| (&*result.queue, result.ended))
        .collect();
    assert_eq!(ended, [("dies", Ended::Failed), ("function", Ended::Empty)]);
    assert_eq!(run.results[0].errors["22012"], 2);
}

/// Four workers with twenty jobs at a time: some two seconds.
const SCENARIO: &str = "kind = \"throughput\"
description = \"Jobs that wait, and some that panic\"
fixture = \"heavy-single-queue\"
rows = 3000
queue = \"status-partial\"

[workers]
count = 4
batch_size = 20
concurrency = 20

[task.io]
wait = \"40ms\"

[outcomes]
panicked = 0.05
";

fn scenario(place: &Place) -> String {
    let path = place.write("waiting.toml", SCENARIO);
    path.display().to_string()
}

/// Asks the program's own server; empty while there is none.
fn sql(place: &Place, query: &str) -> String {
    let mut psql = Command::new(client_program("psql"));
    psql.args([
        "-h",
        &socket(place),
        "-U",
        "postgres",
        "-d",
        "postgres",
        "-Atc",
        query,
    ]);
    let answer = psql.output().expect("runs psql");
    String::from_utf8_lossy(&answer.stdout).trim().to_owned()
}

/// The directory of its socket.
fn socket(place: &Place) -> String {
    let entries = std::fs::read_dir(place.cache()).into_iter().flatten();
    let mut clusters = entries.flatten().map(|entry| entry.path());
    let found = clusters.find(|path| path.join(".s.PGSQL.5432").exists());
    found.map_or_else(
        || "/nonexistent".to_owned(),
        |path| path.display().to_string(),
    )
}

/// What a worker's session does when it completes jobs.
const COMPLETING: &str = "state = ''completed''";

/// Starts a run and waits until it has finished so many drains and workers are at this in the next.
fn begin(place: &Place, arguments: &[&str], drains: usize, doing: &str) -> Running {
    let mut command = command(place, throughput(place, arguments));
    command.env("TMPDIR", place.path());
    let running = Running::start(place, command);
    let query = format!(
        "select count(*) >= 4 and bool_or(query ~ '{doing}') from pg_stat_activity \
         where application_name ~ ' worker ' and query ~ 'update job'"
    );
    wait_for("the drain", || {
        let finished = running.said().matches(" jobs/s\n").count() >= drains;
        (finished && sql(place, &query) == "t").then_some(())
    });
    running
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process id"), Signal::KILL).expect("kills it");
}

/// The worker processes of a run.
fn children(parent: u32) -> Vec<u32> {
    let path = format!("/proc/{parent}/task");
    let threads = std::fs::read_dir(path).into_iter().flatten().flatten();
    let lists =
        threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let pids: Vec<u32> = lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect();
    let is_worker = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.ends_with(b"\0worker\0")
    };
    pids.into_iter().filter(is_worker).collect()
}

#[test]
fn sessions_backends_and_worker_processes_may_go() {
    let place = Place::with_warm_cache();
    let scenario = scenario(&place);
    // A worker process, with what its two workers held.
    let running = begin(&place, &[&scenario, "--processes", "2"], 0, COMPLETING);
    let first = children(running.pid());
    assert_eq!(first.len(), 2);
    kill(first[0]);
    // Somebody ends one session of the others, and a crash all of them.
    let worker =
        "from pg_stat_activity where application_name ~ ' worker ' order by pid desc limit 1";
    wait_for("the session to be ended", || {
        let ended = format!("select pg_terminate_backend(pid) {worker}");
        (sql(&place, &ended) == "t").then_some(())
    });
    let victim = wait_for("a session to crash", || {
        sql(&place, &format!("select pid {worker}")).parse().ok()
    });
    kill(victim);
    running.finish().expect_code(0);
    let run = take_run(&place);
    let result = &run.results[0];
    assert_eq!(run.status, RunStatus::Complete);
    let told = |text: &str| {
        result
            .incidents
            .iter()
            .any(|one| one.message.contains(text))
    };
    assert!(told("was ended by signal 9"), "{:?}", result.incidents);
    assert!(
        told("the task panicked: as the scenario asks for"),
        "{:?}",
        result.incidents
    );
    assert!(result.retries >= 1, "{:?}", result.incidents);
    let reconnects = result.worker_results.iter().map(|worker| worker.reconnects);
    assert!(reconnects.sum::<u64>() >= 1);
    assert!(
        result
            .errors
            .keys()
            .all(|code| code.starts_with("57P") || code == "08006")
    );
    assert!(!result.errors.is_empty(), "{:?}", result.errors);
    let ledger = &result.ledger;
    assert_eq!(
        (ledger.lost, ledger.acknowledged),
        (Some(0), 3000),
        "{ledger:?}"
    );
    assert_eq!((ledger.altered, ledger.unexpected), (0, 0));
    // The two workers that are gone, and nobody else.
    let gone = result
        .worker_results
        .iter()
        .filter(|worker| worker.failure.is_some());
    assert_eq!(gone.count(), 2);
}

#[test]
fn a_server_that_is_gone_for_good_leaves_what_was_measured() {
    let place = Place::new();
    let scenario = scenario(&place);
    // Long enough for a look that comes late on a busy machine.
    let running = begin(&place, &[&scenario, "--rows=6000"], 0, COMPLETING);
    let postmaster = Path::new(&socket(&place)).join("data/postmaster.pid");
    let text = std::fs::read_to_string(postmaster).expect("reads its process id");
    let pid = text.lines().next().and_then(|line| line.parse().ok());
    kill(pid.expect("a process id"));
    running.finish().expect_code(1).expect_said(&[
        "failed after ",
        "the server is gone",
        "error: the server is gone",
    ]);
    let run = take_run(&place);
    let [result] = &run.results[..] else {
        panic!("the drain is kept: {:?}", run.failures);
    };
    assert_eq!(
        (run.status, result.ended),
        (RunStatus::Failed, Ended::Failed)
    );
    assert!(result.deliveries.completed > 0);
    assert_eq!(result.ledger.lost, None, "nobody could look");
    let gone = result
        .incidents
        .iter()
        .filter(|one| one.message == "the server is gone");
    assert_eq!(gone.count(), 1, "{:?}", result.incidents);
}

#[test]
fn a_program_that_is_killed_takes_everything_with_it() {
    let place = Place::with_warm_cache();
    let scenario = scenario(&place);
    let running = begin(&place, &[&scenario, "--processes", "2"], 0, COMPLETING);
    let workers = children(running.pid());
    assert_eq!(workers.len(), 2);
    running.signal(Signal::KILL);
    assert_eq!(running.finish().signal, Some(9));
    wait_until_stopped(&place.cache());
    assert_eq!(servers_in(&place.cache()), Vec::<u32>::new());
    for worker in workers {
        wait_for("the worker process to be gone", || {
            let line = std::fs::read(format!("/proc/{worker}/cmdline")).unwrap_or_default();
            line.is_empty().then_some(())
        });
    }
    let is_board = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("pgq-analyze-")
    };
    let entries = std::fs::read_dir(place.path())
        .expect("reads the place")
        .flatten();
    let boards: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_board).collect();
    assert_eq!(boards, Vec::<PathBuf>::new());
    let folder = run_folder(&place);
    let left = std::fs::read_dir(&folder).expect("reads the run").flatten();
    assert_eq!(left.count(), 0, "no file is half written");
    std::fs::remove_dir(folder).expect("removes the run");

    let next: Ran = finish(command(&place, throughput(&place, &["quick"]))).expect_code(0);
    assert!(
        next.stderr.contains("removed a database left behind"),
        "{}",
        next.stderr
    );
    assert_eq!(take_run(&place).results[0].ledger.done, 100);
}
