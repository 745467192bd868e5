//! Each failure of queues from both sides: the counts in which it shows on one built-in queue, and those of the one it does not hurt.
//!
//! Where a rule is about the failure, it names it there and is quiet here. A dead head and statistics have their tests in `disturbed`;
//! counters, semaphores and the like show under load.

use pgq_analyze::finding::Severity;
use pgq_analyze::run::growth::is_settled_on;
use pgq_analyze::run::plan_result::PlanMode;
use pgq_analyze::run::{PlanResult, Run};

use crate::own_queue::write_fixture;
use crate::place::Place;
use crate::program::measured;

/// What was measured, in one run.
struct Measured {
    run: Run,
}

/// Measures variants of queues on fixtures with so many jobs.
#[track_caller]
fn on(queues: &[&str], fixtures: &[&str], variants: &[&str], rows: &str) -> Measured {
    let place = Place::with_warm_cache();
    of_fixtures(&place, queues, fixtures, variants, rows)
}

#[track_caller]
fn of_fixtures(
    place: &Place,
    queues: &[&str],
    fixtures: &[&str],
    variants: &[&str],
    rows: &str,
) -> Measured {
    let mut arguments = vec!["--rows", rows];
    arguments.extend(queues.iter().flat_map(|name| ["--queue", name]));
    arguments.extend(fixtures.iter().flat_map(|name| ["--fixture", name]));
    arguments.extend(variants.iter().flat_map(|name| ["--variant", name]));
    let run = measured(place, &arguments);
    assert_eq!(run.failures, []);
    Measured { run }
}

impl Measured {
    /// The result of a statement with the custom plan.
    #[track_caller]
    fn custom(&self, queue: &str, fixture: &str, statement: &str, variant: &str) -> &PlanResult {
        self.find(queue, fixture, statement, variant, PlanMode::Custom)
    }

    #[track_caller]
    fn find(
        &self,
        queue: &str,
        fixture: &str,
        statement: &str,
        variant: &str,
        mode: PlanMode,
    ) -> &PlanResult {
        let names = [queue, fixture, statement, variant];
        let found = self.run.results.iter().find(|one| {
            [&one.queue, &one.fixture, &one.statement, &one.variant].map(String::as_str) == names
                && one.plan_mode == mode
        });
        found.unwrap_or_else(|| panic!("no {names:?} in {mode:?}"))
    }

    /// Pages for each row of all statements of a queue's fetch, by the plan PostgreSQL settles on.
    #[track_caller]
    fn pages_per_job(&self, queue: &str, fixture: &str, variant: &str) -> f64 {
        let statements = self.run.results.iter().filter(|one| {
            let file = one.statement.split('/').next();
            (
                one.queue.as_str(),
                one.fixture.as_str(),
                one.variant.as_str(),
            ) == (queue, fixture, variant)
                && file == Some("fetch")
                && is_settled_on(&self.run, one)
        });
        let mut rows = 0;
        let pages = statements.fold(0, |pages, one| {
            rows = one.rows;
            pages + one.buffers.total
        });
        assert!(rows > 0, "{queue} on {fixture}: {variant} returned nothing");
        pages as f64 / rows as f64
    }

    /// How many times the pages a job of one fixture another has.
    #[track_caller]
    fn times(&self, queue: &str, fixtures: [&str; 2], variant: &str) -> f64 {
        let [hostile, clean] = fixtures;
        self.pages_per_job(queue, hostile, variant) / self.pages_per_job(queue, clean, variant)
    }
}

const CLEAN: &str = "heavy-single-queue";

/// The rules that found something that matters.
fn named(result: &PlanResult) -> Vec<&str> {
    let findings = result.findings.iter();
    let mattering = findings.filter(|finding| finding.severity > Severity::Note);
    mattering.map(|finding| finding.rule.as_str()).collect()
}

/// A rule names what hurts one statement, and nothing is said of the other.
#[track_caller]
fn assert_named(rule: &str, hurt: &PlanResult, well: &PlanResult) {
    assert!(named(hurt).contains(&rule), "{hurt:#?}");
    assert_eq!(named(well), [] as [&str; 0], "{well:#?}");
}

#[test]
fn a_fetch_that_finds_nothing_reads_the_history_or_nothing() {
    let queues = ["query-traps", "status-partial"];
    let measured = on(&queues, &["empty-fetch"], &["batch-10"], "20000");
    let pages = |queue, statement| {
        let result = measured.custom(queue, "empty-fetch", statement, "batch-10");
        assert_eq!(result.rows, 0);
        result.buffers.total
    };
    let history = pages("query-traps", "fetch-or-state");
    assert!(history >= 300, "{history} pages");
    for (queue, statement) in [("query-traps", "fetch"), ("status-partial", "fetch")] {
        assert!(pages(queue, statement) <= 5, "{queue}");
    }
    let of = |queue, statement| measured.custom(queue, "empty-fetch", statement, "batch-10");
    let (hurt, well) = (
        of("query-traps", "fetch-or-state"),
        of("status-partial", "fetch"),
    );
    assert_named("partial-index-lost", hurt, well);
}

#[test]
fn jobs_of_the_future_stand_in_front_or_elsewhere() {
    let queues = ["function-one-job", "status-partial", "ready-claimed"];
    let fixtures = ["future-first-99", CLEAN];
    let measured = on(&queues, &fixtures, &["batch-1", "batch-10"], "50000");
    let one = measured.times("function-one-job", fixtures, "batch-1");
    assert!(one >= 5.0, "{one} times");
    let ten = measured.times("status-partial", fixtures, "batch-10");
    assert!(ten >= 2.0, "{ten} times");
    // What is not due waits in a table of its own.
    let elsewhere = measured.times("ready-claimed", fixtures, "batch-10");
    assert!(elsewhere <= 1.2, "{elsewhere} times");
    let of = |queue| measured.custom(queue, "future-first-99", "fetch", "batch-10");
    assert_named(
        "future-rows-scanned",
        of("status-partial"),
        of("ready-claimed"),
    );
}

#[test]
fn a_backlog_of_many_queues_is_sorted_or_walked() {
    let queues = ["natural-mistake", "status-partial"];
    let fixture = "deep-backlog-18-queues";
    let small = on(&queues, &[fixture], &["batch-10"], "9000");
    let large = on(&queues, &[fixture], &["batch-10"], "36000");
    let growth = |queue| {
        large.pages_per_job(queue, fixture, "batch-10")
            / small.pages_per_job(queue, fixture, "batch-10")
    };
    let sorted = growth("natural-mistake");
    assert!(sorted >= 2.0, "{sorted} times: it sorts what waits");
    assert!(growth("status-partial") <= 1.2, "it walks an index");
    let of = |queue| large.custom(queue, fixture, "fetch", "batch-10");
    assert_named("sort-in-fetch", of("natural-mistake"), of("status-partial"));
}

#[test]
fn a_partial_index_is_lost_to_a_parameter_or_an_or() {
    let queues = ["query-traps", "status-partial"];
    let measured = on(&queues, &[CLEAN], &["batch-10"], "20000");
    let pages = |statement, mode| {
        let result = measured.find("query-traps", CLEAN, statement, "batch-10", mode);
        result.buffers.total
    };
    let kept = pages("fetch", PlanMode::Custom);
    let generic = pages("fetch-state-parameter", PlanMode::Generic);
    assert!(generic >= 4 * kept, "{generic} pages against {kept}");
    let custom = pages("fetch-state-parameter", PlanMode::Custom);
    assert!(custom <= 2 * kept, "{custom} pages against {kept}");
    let or = pages("fetch-or-state", PlanMode::Custom);
    assert!(or >= 4 * kept, "{or} pages against {kept}");
    // A literal in the statement is known to both plans.
    let fetch = measured.custom("status-partial", CLEAN, "fetch", "batch-10");
    assert!(
        fetch.digest.contains("Index Scan job_ready_idx"),
        "{fetch:#?}"
    );
    let generic = measured.run.results.iter().find(|one| {
        (one.queue.as_str(), one.statement.as_str()) == ("status-partial", "fetch")
            && one.plan_mode == PlanMode::Generic
    });
    assert!(generic.is_none(), "it has the same shape");
    let hurt = measured.custom("query-traps", CLEAN, "fetch-or-state", "batch-10");
    assert_named("partial-index-lost", hurt, fetch);
}

#[test]
fn a_limit_in_exists_is_overshot_and_one_in_an_array_is_not() {
    let queues = ["query-traps", "status-partial"];
    let measured = on(&queues, &[CLEAN], &["batch-10"], "2000");
    let rows = |queue, statement| measured.custom(queue, CLEAN, statement, "batch-10").rows;
    assert_eq!(rows("query-traps", "fetch-exists"), 2000, "all there are");
    assert_eq!(rows("query-traps", "fetch"), 10);
    assert_eq!(rows("status-partial", "fetch"), 10);
    let of = |queue, statement| measured.custom(queue, CLEAN, statement, "batch-10");
    let (hurt, well) = (
        of("query-traps", "fetch-exists"),
        of("status-partial", "fetch"),
    );
    assert_named("skip-locked-in-subquery", hurt, well);
    assert_named(
        "lock-without-of",
        of("query-traps", "fetch-joined-lock"),
        well,
    );
    assert_named(
        "lock-after-limit",
        of("query-traps", "fetch-lock-after-limit"),
        well,
    );
    assert_named("include-on-claim-index", of("query-traps", "fetch"), well);
}

#[test]
fn a_stuck_head_is_read_job_by_job_or_within_an_index() {
    let queues = ["status-partial", "ready-claimed"];
    let fixtures = ["stuck-head", CLEAN];
    let measured = on(&queues, &fixtures, &["batch-10-filtered"], "20000");
    let heap = measured.times("status-partial", fixtures, "batch-10-filtered");
    assert!(heap >= 30.0, "{heap} times");
    // The index of what is ready holds the task key: what is not asked for is passed over without a look at its row.
    let index = measured.times("ready-claimed", fixtures, "batch-10-filtered");
    assert!(index <= 4.0, "{index} times");
    let of = |fixture| measured.custom("status-partial", fixture, "fetch", "batch-10-filtered");
    assert_named("pages-per-row", of("stuck-head"), of(CLEAN));
}

#[test]
fn a_locked_head_is_waited_for_or_stepped_over() {
    let queues = ["natural-mistake", "status-partial", "ready-claimed"];
    let fixtures = ["locked-head", CLEAN];
    let measured = on(&queues, &fixtures, &["batch-10"], "10000");
    let blocked = &measured.run.blocked;
    let waits = |queue: &str| {
        blocked
            .iter()
            .any(|one| one.queue.as_deref() == Some(queue))
    };
    assert!(waits("natural-mistake"), "{blocked:?}");
    assert!(!waits("status-partial") && !waits("ready-claimed"));
    // Stepping over is not free either: what is locked is looked at. Less so where nothing but what is ready is in the table.
    let wide = measured.times("status-partial", fixtures, "batch-10");
    let narrow = measured.pages_per_job("ready-claimed", "locked-head", "batch-10")
        / measured.pages_per_job("status-partial", "locked-head", "batch-10");
    assert!(wide >= 8.0 && narrow <= 0.7, "{wide} times, {narrow}");
    let of = |fixture| measured.custom("status-partial", fixture, "fetch", "batch-10");
    assert_named("locked-head", of("locked-head"), of(CLEAN));
}

#[test]
fn what_never_shrank_is_kept_or_truncated() {
    let queues = ["status-partial", "append-only"];
    let measured = on(&queues, &["index-never-shrank"], &["batch-10"], "20000");
    let catalogs = &measured.run.environment.server.catalogs["index-never-shrank"];
    let index_pages = |queue: &str| -> u64 {
        let relations = &catalogs[queue].relations;
        let indexes = relations.iter().flat_map(|relation| &relation.indexes);
        // Those of what waits: not of finished jobs, which stay in both.
        let of_ready =
            indexes.filter(|index| index.name.contains("ready") || index.name.contains("event"));
        of_ready.map(|index| index.pages).sum()
    };
    // Two hundred jobs wait: their index would fit on two pages.
    let kept = index_pages("status-partial");
    assert!(kept >= 50, "{kept} pages");
    let fresh = on(&["append-only"], &[CLEAN], &["batch-10"], "200");
    let fresh = fresh.pages_per_job("append-only", CLEAN, "batch-10");
    let truncated = measured.pages_per_job("append-only", "index-never-shrank", "batch-10");
    assert!(
        truncated <= 1.5 * fresh,
        "{truncated} pages against {fresh}"
    );
}

#[test]
fn a_payload_is_written_again_with_each_claim_or_lies_elsewhere() {
    let place = Place::with_warm_cache();
    let small = write_fixture(
        &place,
        "jobs = 3000\npayload = { bytes = 100, compressible = 0 }",
    );
    let other = place.path().join("wide.toml");
    // Below two kilobytes a value stays in its row.
    std::fs::write(
        &other,
        "description = 'x'\njobs = 3000\npayload = { bytes = 1500, compressible = 0 }",
    )
    .expect("the folder is there");
    let other = other.to_str().expect("UTF-8").to_owned();
    let queues = ["status-partial", "ready-claimed"];
    let variants = ["batch-10"];
    let measured = of_fixtures(&place, &queues, &[&small, &other], &variants, "3000");
    let name = |path: &str| {
        std::path::Path::new(path)
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    let (small, wide) = (name(&small), name(&other));
    let times = |queue| {
        let bytes = |fixture: &str| {
            measured
                .custom(queue, fixture, "fetch", "batch-10")
                .wal
                .bytes
        };
        bytes(&wide) as f64 / bytes(&small) as f64
    };
    assert!(
        times("status-partial") >= 3.0,
        "{}",
        times("status-partial")
    );
    assert!(times("ready-claimed") <= 1.1, "{}", times("ready-claimed"));
}

#[test]
fn a_payload_out_of_line_is_read_when_it_is_sent() {
    let fixtures = ["wide-payload-50kb", "wide-payload-100b"];
    let measured = on(&["status-partial"], &fixtures, &["batch-10"], "500");
    let sent = |fixture| {
        let result = measured.custom("status-partial", fixture, "fetch", "batch-10");
        result.output.expect("it was sent").pages
    };
    assert_eq!(sent("wide-payload-100b"), 0);
    assert!(
        sent("wide-payload-50kb") >= 70,
        "{}",
        sent("wide-payload-50kb")
    );
}

#[test]
fn a_key_that_is_known_is_looked_up_or_searched_for() {
    let queues = ["query-traps", "full-btree"];
    let fixture = ["unique-keys-10k"];
    let variant = ["batch-1-known"];
    let small = on(&queues, &fixture, &variant, "5000");
    let large = on(&queues, &fixture, &variant, "20000");
    let growth = |queue, statement| {
        let pages = |measured: &Measured| {
            let result = measured.custom(queue, fixture[0], statement, variant[0]);
            assert_eq!(result.rows, 0, "it is known");
            result.buffers.total as f64
        };
        pages(&large) / pages(&small)
    };
    assert!(growth("query-traps", "enqueue-unless-known") >= 3.0);
    assert!(growth("full-btree", "enqueue-unique") <= 1.2);
}

#[test]
fn ten_thousand_queues_cost_who_counts_them() {
    let queues = ["append-only", "status-partial"];
    let fixtures = ["ten-thousand-queues", CLEAN];
    let measured = on(&queues, &fixtures, &["batch-10"], "30000");
    // Every queue of this design is a row of its cursors.
    let cursors = measured.times("append-only", fixtures, "batch-10");
    assert!(cursors >= 8.0, "{cursors} times");
    let index = measured.times("status-partial", fixtures, "batch-10");
    assert!(index <= 1.2, "{index} times");
}

#[test]
fn updates_are_heap_only_where_no_index_and_no_full_page_forbids_it() {
    let fixtures = [CLEAN, "status-indexed", "no-room-for-hot"];
    let measured = on(&["unindexed-status"], &fixtures, &["batch-100"], "20000");
    let bytes = fixtures.map(|fixture| {
        let result = measured.custom("unindexed-status", fixture, "fetch", "batch-100");
        result.wal.bytes as f64 / result.rows as f64
    });
    let [heap_only, indexed, no_room] = bytes;
    assert!(indexed >= 1.2 * heap_only, "{bytes:?} bytes a row");
    assert!(no_room >= 2.0 * heap_only, "{bytes:?} bytes a row");
    let of = |fixture| measured.custom("unindexed-status", fixture, "fetch", "batch-100");
    assert_named("non-hot-update", of("no-room-for-hot"), of(CLEAN));
}

#[test]
fn partitions_cost_who_does_not_say_which() {
    let fixtures = ["partitions-100", "partitions-1"];
    let measured = on(
        &["partitioned"],
        &fixtures,
        &["batch-10", "completed-10"],
        "20000",
    );
    let times = |statement, variant| {
        let [many, one] = fixtures.map(|fixture| {
            let result = measured.custom("partitioned", fixture, statement, variant);
            result.buffers.total as f64
        });
        many / one
    };
    assert!(
        times("complete-ids-only", "completed-10") >= 3.0,
        "all partitions are looked into"
    );
    assert!(times("complete", "completed-10") <= 1.5, "the day is said");
    assert!(times("fetch", "batch-10") <= 1.5, "the day is known");
}

#[test]
fn a_completion_is_one_update_a_job_or_one_for_all() {
    let queues = ["natural-mistake", "full-btree"];
    let measured = on(&queues, &[CLEAN], &["completed-10"], "5000");
    // It is sent ten times, each time with a round trip and a commit of its own.
    let one = measured.custom("natural-mistake", CLEAN, "complete", "completed-10");
    assert_eq!(one.rows, 1);
    let pages = |statement| {
        let result = measured.custom("full-btree", CLEAN, statement, "completed-10");
        assert_eq!(result.rows, 10, "{statement}");
        result.buffers.total
    };
    let any = pages("complete-any");
    for statement in ["complete", "complete-values-10"] {
        assert!(
            pages(statement) <= any * 5 / 4,
            "{statement}: {} against {any}",
            pages(statement)
        );
    }
    // The planner takes a record set for a hundred rows, and reads the whole of a table this small.
    let recordset = pages("complete-recordset");
    assert!(recordset >= any * 3 / 2, "{recordset} against {any}");
}

#[test]
fn distinct_queues_are_counted_row_by_row_or_skipped_to() {
    let place = Place::with_warm_cache();
    let run = measured(
        &place,
        &[
            "--queue",
            "query-traps",
            "--fixture",
            CLEAN,
            "--operation",
            "inspect",
            "--rows",
            "20000",
        ],
    );
    let measured = Measured { run };
    let pages = |statement| {
        measured
            .custom("query-traps", CLEAN, statement, "default")
            .buffers
            .total
    };
    assert!(pages("queues-distinct") >= 200 && pages("states-count") >= 200);
    assert!(
        pages("queues-skip-scan") <= 20,
        "{}",
        pages("queues-skip-scan")
    );
}
