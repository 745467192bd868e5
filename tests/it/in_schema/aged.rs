//! What a fixture has done to its tables, where there is a schema and nothing else.

use super::{expect_nothing_left, server, url};
use crate::own_queue::write_fixture;
use crate::place::Place;
use crate::program::{compare_plans, take_run};

const VARIANTS: [&str; 2] = ["--variant", "*-10"];

#[test]
fn ageing_and_statistics_work_as_they_do_in_a_database() {
    let place = Place::new();
    let server = server(&place);
    let url = url(&server, "worker");
    let never = "[statistics]\nanalyze = 'never'";
    let lines = format!("jobs = 4000\n[ageing]\ncompleted = 0.9\nvacuum = true\n{never}");
    let fixture = write_fixture(&place, &lines);
    let what = ["--queue", "status-partial", "--fixture", &fixture];
    let place_to = ["--database-url", &url, "--in-schema", "bench", "--yes"];
    compare_plans(&place, &[&what[..], &place_to, &VARIANTS].concat()).expect_code(0);
    let run = take_run(&place);
    let fetch = run.results.iter().find(|one| one.statement == "fetch");
    assert_eq!(fetch.expect("measured").rows, 10);
    let catalog = &run.environment.server.catalogs["own-fixture"]["status-partial"];
    let jobs = catalog.relation("job").expect("a table");
    assert_eq!((jobs.rows, jobs.live_rows), (0, None), "never analysed");
    expect_nothing_left(&server);
}

#[test]
fn what_takes_other_sessions_needs_databases() {
    let place = Place::new();
    let server = server(&place);
    let url = url(&server, "worker");
    let place_to = ["--database-url", &url, "--in-schema", "bench", "--yes"];
    let what = ["--queue", "status-partial", "--fixture", "dead-head"];
    let both = ["--fixture", "locked-head", "--quick"];
    compare_plans(&place, &[&what[..], &both, &place_to, &VARIANTS].concat()).expect_code(1);
    let run = take_run(&place);
    let messages: Vec<&str> = run
        .failures
        .iter()
        .map(|one| one.message.as_str())
        .collect();
    assert_eq!(messages.len(), 2, "{messages:?}");
    for (message, table) in messages
        .iter()
        .zip(["[ageing] snapshot", "[contention] locked_head"])
    {
        assert!(message.contains(table), "{message}");
        assert!(
            message.contains("databases of the program's own"),
            "{message}"
        );
    }
    expect_nothing_left(&server);
}
