//! Runs that differ in more than what is compared.

use super::*;

fn refused(first: &Baseline, second: &Baseline, first_is_baseline: bool) -> String {
    let options = Options {
        first_is_baseline,
        ..Options::default()
    };
    let refused = compare(("main", first), ("latest", second), &options);
    refused.expect_err("they differ").to_string()
}

#[test]
fn another_version_is_refused_with_what_to_do() {
    let first = run(vec![fetch("batch-10")]);
    let mut second = first.clone();
    second.servers[0].server_version = "18.4 (Debian 18.4-1)".to_owned();
    second.plans[0].postgres = "18.4".to_owned();
    assert_eq!(
        refused(&first, &second, false),
        "main and latest cannot be compared, they differ in PostgreSQL version (15.18 and 18.4); measure both on one server \
         (--postgres 18), or compare them all the same with --allow-different"
    );
    assert_eq!(
        refused(&first, &second, true),
        "main and latest cannot be compared, they differ in PostgreSQL version (15.18 and 18.4); measure as the baseline was, on one \
         server (--postgres 15), or renew it: `pgq-analyze compare-plans … --baseline main --update-baseline`, or compare them all \
         the same with --allow-different"
    );
    let options = Options {
        allow_different: true,
        ..Options::default()
    };
    let compared = compare(("main", &first), ("latest", &second), &options).expect("allowed");
    assert_eq!(compared.unlike[0].what, "PostgreSQL version");
    assert_eq!(compared.verdicts.unchanged, 1);
    assert_eq!(compared.second.servers, ["18.4"]);
}

#[test]
fn what_the_packager_wrote_is_no_difference() {
    let first = run(vec![fetch("batch-10")]);
    let mut second = first.clone();
    second.servers[0].server_version += " (Debian 15.18-0+deb12u1)";
    assert_eq!(compared(&first, &second).verdicts.unchanged, 1);
}

#[test]
fn each_difference_is_named_and_many_are_counted() {
    let first = run(vec![fetch("batch-10")]);
    let mut second = first.clone();
    let fixture = second
        .fixtures
        .get_mut("heavy-single-queue")
        .expect("there");
    (fixture.seed, fixture.digest) = (7, "beef".to_owned());
    second.program_version = "9.9.9".to_owned();
    second.servers[0].block_size = 16_384;
    for name in ["a", "b", "c", "d"] {
        let value = "x".repeat(200);
        second.servers[0].settings.insert(name.to_owned(), value);
    }
    let text = refused(&first, &second, false);
    for named in [
        "page size (8192 bytes and 16384 bytes)",
        "setting a (its default and xxx",
        "version of pgq-analyze (0.1.0 and 9.9.9)",
        ", and 1 more; measure both on one server (--postgres 15), with one version of pgq-analyze, on equal fixtures",
    ] {
        assert!(text.contains(named), "{named}: {text}");
    }
    assert!(text.len() < 900, "{text}");
}

#[test]
fn a_fixture_differs_by_what_made_it_differ() {
    let first = run(vec![fetch("batch-10")]);
    let change = |seed, jobs, digest: &str| {
        let mut second = first.clone();
        let fixture = second
            .fixtures
            .get_mut("heavy-single-queue")
            .expect("there");
        (fixture.seed, fixture.jobs, fixture.digest) = (seed, jobs, digest.to_owned());
        refused(&first, &second, false)
    };
    assert!(change(7, 1_000_000, "x").contains("in seed of fixture heavy-single-queue (1 and 7);"));
    assert!(
        change(1, 500, "x").contains("in jobs of fixture heavy-single-queue (1000000 and 500);")
    );
    let text = change(1, 1_000_000, "0123456789abcdef");
    assert!(
        text.contains("in what fixture heavy-single-queue is made of (c0ffee and 0123456…);"),
        "{text}"
    );
}

#[test]
fn statistics_count_where_tables_are_equal() {
    let first = run(vec![fetch("batch-10")]);
    let mut second = first.clone();
    let of_fixture = second.servers[0].statistics.get_mut("heavy-single-queue");
    of_fixture
        .expect("there")
        .insert("status-partial".to_owned(), "0ther".to_owned());
    let text = refused(&first, &second, false);
    let named = "planner statistics of status-partial on heavy-single-queue (5f0e and 0ther)";
    assert!(text.contains(named), "{text}");
    let queue = second.queues.get_mut("status-partial").expect("there");
    queue.tables = "changed".to_owned();
    let comparison = compared(&first, &second);
    assert!(comparison.changes[0].tables);
    queue_without_tables(&mut second);
    assert_eq!(compared(&first, &second).changes, []);
}

/// As a program recorded it that did not know of the digest.
fn queue_without_tables(run: &mut Baseline) {
    let queue = run.queues.get_mut("status-partial").expect("there");
    queue.tables = String::new();
}

#[test]
fn what_only_one_run_has_need_not_be_equal() {
    let first = run(vec![fetch("batch-10")]);
    let mut second = first.clone();
    let mut other = second.servers[0].clone();
    other.server_version = "18.4".to_owned();
    other.profile = "as-found".to_owned();
    second.servers.push(other);
    let mut fixture = second.fixtures["heavy-single-queue"].clone();
    fixture.seed = 9;
    second.fixtures.insert("other".to_owned(), fixture);
    second.plans.push(BaselinePlan {
        postgres: "18.4".to_owned(),
        ..fetch("batch-10")
    });
    let comparison = compared(&first, &second);
    assert_eq!(comparison.verdicts.unchanged, 1);
    assert_eq!(comparison.unpaired.len(), 1);
    assert!(!comparison.unpaired[0].in_first);
    assert_eq!(comparison.unpaired[0].postgres, "18.4");
}
