//! A server of the user's own that is restarted in the middle of a sweep.

use pgq_analyze::run::RunStatus;
use pgq_analyze::run::throughput::Ended;

use super::{scenario, take_run, throughput};
use crate::given_server::{GivenServer, Options};
use crate::place::{Place, wait_for};
use crate::program::{Running, command};

#[test]
fn workers_come_back_to_a_server_that_is_restarted_and_the_rest_of_the_sweep_is_not_begun() {
    let place = Place::new();
    let mut server = GivenServer::start(&place, &Options::default());
    let (url, scenario) = (server.url("postgres"), scenario(&place));
    let arguments = [
        &*scenario,
        "--yes",
        // The test looks on from a session of its own.
        "--allow-busy-server",
        "--database-url",
        &url,
        "--sweep=batch-size=100,50,20",
        "--concurrency=100",
        // Long enough for a look that comes late on a busy machine.
        "--rows=8000",
    ];
    let running = Running::start(&place, command(&place, throughput(&place, &arguments)));
    let working = "select count(*) >= 4 and bool_or(query ~ 'completed') from pg_stat_activity \
         where application_name ~ ' worker ' and query ~ 'update job'";
    wait_for("the second drain", || {
        let is_second = running.said().matches(" jobs/s\n").count() == 1;
        (is_second && server.sql("postgres", working)[0][0] == "t").then_some(())
    });
    server.restart();
    running
        .finish()
        .expect_code(1)
        .expect_said(&["the server was restarted: 1 drain was not begun; take them again"]);
    let run = take_run(&place);
    let [_, result] = &run.results[..] else {
        panic!("both are kept: {:?}", run.failures);
    };
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(
        result.ended,
        Ended::Stalled,
        "those that panicked wait: {:?}",
        result.incidents
    );
    let reconnects = result.worker_results.iter().map(|worker| worker.reconnects);
    assert_eq!(reconnects.sum::<u64>(), 4, "{:?}", result.incidents);
    assert!(!result.errors.is_empty());
    assert_eq!((result.ledger.lost, result.ledger.unexpected), (Some(0), 0));
    assert!(result.per_job.is_none(), "counters began anew");
    // What the sweep came to until then.
    let [scaling] = &run.scaling[..] else {
        panic!("two cells tell something: {:?}", run.scaling);
    };
    let batch_sizes = scaling.swept.iter().map(|cell| cell.batch_size);
    assert_eq!(batch_sizes.collect::<Vec<_>>(), [50, 100]);
    assert!(!scaling.recommendation.is_empty());
    let left = "select datname from pg_database where datname like 'pgqa%'";
    assert_eq!(server.sql("postgres", left), Vec::<Vec<String>>::new());
}
