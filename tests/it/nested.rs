//! Statements inside functions and triggers have plans and counts of their own, and seeing them changes no count of the statement that
//! calls them.

mod functions;

use std::collections::BTreeMap;

use pgq_analyze::plan::{Plan, PlanShape};
use pgq_analyze::run::nested::{NestedResult, place};
use pgq_analyze::run::plan_result::PlanMode;
use pgq_analyze::run::{PlanResult, Run, store};

use crate::given_server::{GivenServer, Options};
use crate::own_queue::write_fixture;
use crate::place::Place;
use crate::program::{compare_plans, measured, result, run_folder, take_run};
use crate::repeatable::assert_same_counts;
use functions::SELECTION;

/// The line of each statement of `complete_tasks`.
const COMPLETE: &str = "in function complete_tasks(bigint[]), line";

fn custom<'r>(run: &'r Run, queue: &str, statement: &str, variant: &str) -> &'r PlanResult {
    result(run, queue, statement, variant, PlanMode::Custom)
}

/// The entries of a result.
#[track_caller]
fn entries(result: &PlanResult) -> &[NestedResult] {
    result.nested.as_deref().expect("they are recorded")
}

/// The entries by their place, each of which has one here.
fn by_place(result: &PlanResult) -> BTreeMap<String, &NestedResult> {
    let entries = entries(result);
    let named = entries.iter().map(|one| (place(one.within.as_ref()), one));
    let named: BTreeMap<_, _> = named.collect();
    assert_eq!(named.len(), entries.len(), "{entries:#?}");
    named
}

fn assert_completions(complete: &PlanResult) {
    let found = by_place(complete);
    let calls = |place: &str| found.get(place).map_or(0, |entry| entry.calls);
    for place in [
        &format!("{COMPLETE} 7"),
        "in function tries_of(bigint), line 5",
        "in function note_task(), line 3",
        &place(None),
    ] {
        assert_eq!(calls(place), 20, "{place}: {found:#?}");
    }
    // What fails is not told by auto_explain: the division where it succeeds, the sequence where it does not.
    let divided = calls(&format!("{COMPLETE} 8"));
    assert_eq!(divided + calls(&format!("{COMPLETE} 10")), 20);
    assert!((1..20).contains(&divided), "{divided}");
    assert_eq!(found.len(), 6);
    let update = found[&format!("{COMPLETE} 7")];
    let read = found["in function tries_of(bigint), line 5"];
    assert!(update.buffers.total > read.buffers.total && read.buffers.total >= 20);
    assert!(update.statement.starts_with("update task set tries"));
    assert!(complete.buffers.total > update.buffers.total);
    assert_eq!(found["in function note_task(), line 3"].wal.records, 20);
}

#[test]
fn each_statement_inside_a_function_has_an_entry() {
    let place = Place::new();
    let queue = functions::write(&place, "called", "", &[]);
    let arguments = [&SELECTION[..], &["--queue", &queue]].concat();
    compare_plans(&place, &arguments).expect_code(0);
    let folder = run_folder(&place);
    let run: Run = store::read(&folder).expect("reads");

    assert_completions(custom(&run, "called", "complete", "completed-20"));
    let found = by_place(custom(&run, "called", "release", "released-20"));
    let update = found["in function release_tasks, statement 1"];
    assert_eq!(
        update.statement,
        "update task set waiting = true where number = any(numbers)"
    );
    assert_eq!((update.calls, update.rows), (1, 20));
    let count = found["in function release_tasks, statement 2"];
    assert!(count.statement.starts_with("select count(*)"));
    for entry in run.results.iter().flat_map(entries) {
        let dump = std::fs::read_to_string(folder.join(&entry.dump)).expect("the plan is kept");
        let plan = &Plan::parse(&dump).expect("it is a plan")[0];
        assert_eq!(PlanShape::of(plan).id(), entry.shape, "{}", entry.dump);
    }
}

#[test]
fn a_statement_inside_a_function_counts_as_much_as_outside_and_every_time() {
    let place = Place::new();
    let called = functions::write(&place, "called", "", &[]);
    let plain = functions::write_plain(&place);
    let arguments = [&SELECTION[..], &["--queue", &called, "--queue", &plain]].concat();
    let run = measured(&place, &arguments);
    for variant in ["batch-1", "batch-20"] {
        let plain = custom(&run, "plain-queue", "fetch", variant);
        let called = custom(&run, "called", "fetch", variant);
        let inner = by_place(called)["in function fetch_tasks(integer), line 3"];
        assert_eq!(inner.buffers.total, plain.buffers.total, "{variant}");
        assert_eq!(inner.wal, plain.wal, "{variant}");
        assert_eq!((inner.calls, inner.rows), (1, plain.rows), "{variant}");
        assert_eq!(inner.digest, plain.digest, "{variant}");
        // The function was called before: nothing is planned or looked up in the execution that is counted.
        assert_eq!(called.buffers.total, inner.buffers.total, "{variant}");
        assert_eq!(entries(plain), []);
    }
    let again = measured(&place, &arguments);
    assert_same_counts(&run, &again);
    for (one, other) in run.results.iter().zip(&again.results) {
        let told = |result: &PlanResult| {
            let entries = entries(result).iter();
            let counts = entries.map(|entry| {
                let NestedResult {
                    statement,
                    within,
                    calls,
                    shape,
                    rows,
                    buffers,
                    wal,
                    ..
                } = entry.clone();
                (statement, within, calls, shape, rows, buffers.total, wal)
            });
            counts.collect::<Vec<_>>()
        };
        assert_eq!(told(one), told(other), "{} {}", one.statement, one.variant);
    }
}

/// A function that executes one statement very often, and many different ones.
const BUSY: &str = "create function keep_busy() returns integer language plpgsql as $$
declare
    turn integer := 0;
begin
    while turn < 6000 loop
        perform number from task where number = turn;
        turn := turn + 1;
        if turn % 10 = 0 then
            execute format('select %s + %s as \"\u{1b}[31mred\u{202e}|</details>\"', turn, turn);
        end if;
    end loop;
    return turn;
end $$;
";

#[test]
fn thousands_of_executions_are_one_entry_and_what_is_too_much_is_counted() {
    let place = Place::new();
    let busy = "-- Does a lot.\n-- operation: inspect\n\nselect keep_busy();\n";
    let queue = functions::write(&place, "busy", BUSY, &[("inspect.sql", busy)]);
    let arguments = [
        "--queue",
        &queue,
        "--fixture",
        "heavy-single-queue",
        "--rows",
        "1000",
        "--operation",
        "inspect",
        "--samples",
        "1",
        "--format",
        "markdown",
    ];
    let ran = compare_plans(&place, &arguments).expect_code(0);
    let run = take_run(&place);
    let busy = &run.results[0];
    let entries = entries(busy);
    assert_eq!((entries[0].calls, entries.len()), (6_000, 200));
    assert_eq!(busy.nested_left_out, 600 - 199);
    let calls: u64 = entries.iter().map(|entry| entry.calls).sum();
    assert_eq!(calls + busy.nested_left_out, 6_600);
    assert!(
        entries[1].statement.contains('\u{1b}'),
        "as it was executed"
    );
    assert!(ran.stdout.contains("\\u{1b}"), "{}", ran.stdout);
    assert!(ran.stdout.contains("401 executions of still others"));
    assert!(!ran.stdout.contains(['\u{1b}', '\u{202e}']));
    assert!(!ran.stdout.contains("|</details>"), "{}", ran.stdout);
}

#[test]
fn a_role_that_may_not_load_auto_explain_counts_the_same_without_entries() {
    let place = Place::new();
    let server = GivenServer::start(
        &place,
        &Options {
            settings: &["full_page_writes = off"],
            ..Options::default()
        },
    );
    server.sql("postgres", "create role builder login createdb");
    let queue = functions::write(&place, "called", "", &[]);
    let own = server.url("postgres");
    let limited = own.replace("postgres@", "builder@");
    let measure = |url: &str| {
        let given = ["--queue", &queue, "--database-url", url, "--yes"];
        let ran = compare_plans(&place, &[&SELECTION[..], &given].concat()).expect_code(0);
        (ran.stderr, take_run(&place))
    };
    let (said, all) = measure(&own);
    assert!(!said.contains("auto_explain"), "{said}");
    assert_completions(custom(&all, "called", "complete", "completed-20"));

    let (said, outer) = measure(&limited);
    assert_eq!(said.matches("auto_explain cannot be loaded").count(), 1);
    let limitations = &outer.environment.server.limitations;
    let told = limitations
        .iter()
        .filter(|one| one.capability == "auto_explain");
    let [told] = &told.collect::<Vec<_>>()[..] else {
        panic!("{limitations:#?}");
    };
    assert!(told.covers("nested"));
    assert!(outer.results.iter().all(|result| result.nested.is_none()));
    assert_same_counts(&all, &outer);
}

#[test]
fn tables_that_stay_show_them_as_well() {
    let place = Place::new();
    let server = GivenServer::start(&place, &Options::default());
    let queue = functions::write(&place, "called", "", &[]);
    let url = server.url("postgres");
    let given = ["--queue", &queue, "--database-url", &url, "--yes"];
    let in_schema = [&SELECTION[..], &given, &["--in-schema", "bench"]].concat();
    compare_plans(&place, &in_schema).expect_code(0);
    let run = take_run(&place);
    assert_completions(custom(&run, "called", "complete", "completed-20"));
    let called = custom(&run, "called", "fetch", "batch-20");
    let inner = by_place(called)["in function fetch_tasks(integer), line 3"];
    assert_eq!(called.buffers.total, inner.buffers.total);

    let script = |name: &str| std::fs::read_to_string(format!("{queue}/{name}")).expect("reads");
    let fill = "insert into task select number, true from generate_series(1, 500) number;";
    let standing = format!("{}{fill}{}", script("schema.sql"), script("indexes.sql"));
    server.sql("postgres", &standing);
    for name in ["schema.sql", "populate.sql", "indexes.sql"] {
        std::fs::remove_file(format!("{queue}/{name}")).expect("removes");
    }
    let in_place = [
        &["--operation", "fetch", "--samples", "1"][..],
        &given,
        &["--in-place", "--allow-writes"],
    ];
    compare_plans(&place, &in_place.concat()).expect_code(0);
    let run = take_run(&place);
    let found = by_place(custom(&run, "called", "fetch", "batch-20"));
    let inner = found["in function fetch_tasks(integer), line 3"];
    assert_eq!((inner.calls, inner.rows), (1, 20));
    let kept = server.sql("postgres", "select count(*) from task where waiting");
    assert_eq!(kept.concat(), ["500"], "rolled back, and never emptied");
}

/// A table of which rows are locked cannot be emptied for a rehearsal.
#[test]
fn a_function_is_rehearsed_before_the_head_is_locked() {
    let place = Place::with_warm_cache();
    let called = functions::write(&place, "called", "", &[]);
    let plain = functions::write_plain(&place);
    let pages = |contention: &str| {
        let fixture = write_fixture(&place, &format!("jobs = 3000\n{contention}"));
        let what = ["--operation", "fetch", "--fixture", &fixture];
        let queues = ["--queue", &called, "--queue", &plain];
        let run = measured(&place, &[&what[..], &queues].concat());
        assert!(run.blocked.is_empty(), "{:?}", run.blocked);
        ["batch-1", "batch-20"].map(|variant| {
            let plain = custom(&run, "plain-queue", "fetch", variant);
            let called = custom(&run, "called", "fetch", variant);
            let inner = by_place(called)["in function fetch_tasks(integer), line 3"];
            assert_eq!(inner.buffers.total, plain.buffers.total, "{variant}");
            assert_eq!(called.buffers.total, plain.buffers.total, "{variant}");
            plain.buffers.total
        })
    };
    let (free, locked) = (pages(""), pages("contention = { locked_head = 500 }"));
    for (few, many) in free.into_iter().zip(locked) {
        assert!(many > few + 400, "{many} pages against {few}: stepped over");
    }
}
