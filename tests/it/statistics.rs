//! The statistics a large table is given beside those that ANALYZE would gather.

use pgq_analyze::definition::{Fixture, Library, Source};
use pgq_analyze::fixture::cache;
use pgq_analyze::postgres::connect::Session;
use pgq_analyze::postgres::managed::Managed;
use pgq_analyze::run::event::Events;
use tokio_postgres::SimpleQueryMessage;

use crate::place::Place;
use crate::program::managed_options;

/// Queues that take turns and steps that come in threes: what a sample taken in a rhythm would get wrong.
const FIXTURE: &str = r#"
description = "Twelve queues, jobs of three steps"
jobs = 40_000
[queues]
count = 12
[task_keys]
count = 5
[steps]
per_job = 3
done = 0.5
"#;

/// The number of distinct values as the planner sees it, by table and column; a share of the rows is negative.
async fn distinct(session: &Session) -> Vec<(String, f32)> {
    let query = "select tablename || '.' || attname, n_distinct from pg_stats \
                 where schemaname = 'public' order by 1";
    let rows = session.query(query, &[]).await.expect("reads pg_stats");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn estimated_rows(session: &Session) -> f64 {
    let explain = "explain (format json) select from execution where queue = 'default'";
    let messages = session.simple_query(explain).await.expect("plans");
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let plan: serde_json::Value = serde_json::from_str(row.expect("a row")).expect("JSON");
    plan[0]["Plan"]["Plan Rows"].as_f64().expect("an estimate")
}

fn close(ours: f64, analyzed: f64) -> bool {
    (ours - analyzed).abs() <= 0.1 * analyzed.abs()
}

#[tokio::test]
async fn handed_over_statistics_are_close_to_those_of_analyze() {
    let place = Place::with_warm_cache();
    let fixture = Fixture::parse(Source::new("twelve-queues.toml", FIXTURE)).expect("parses");
    let queue = Library::built_in().queue("durable-steps").expect("reads");
    let events = Events::ignored();
    let managed = Managed::start(&managed_options(&place), &events)
        .await
        .expect("starts");
    let databases = managed.databases();
    let template = cache::ensure(databases, managed.version_text(), &queue, &fixture, &events)
        .await
        .expect("builds");
    let copy = databases.copy(&template.database).await.expect("copies");
    let session = databases.address().connect(&copy).await.expect("connects");
    let (ours, estimate) = (distinct(&session).await, estimated_rows(&session).await);
    session.batch_execute("analyze").await.expect("analyzes");
    let analyzed = distinct(&session).await;
    assert!(
        ours.iter().any(|(column, _)| column == "step.execution_id"),
        "{ours:?}"
    );
    assert_eq!(ours.len(), analyzed.len());
    for ((column, ours), (_, analyzed)) in ours.iter().zip(&analyzed) {
        assert!(
            close(f64::from(*ours), f64::from(*analyzed)),
            "{column}: {ours}, by ANALYZE {analyzed}"
        );
    }
    assert!(
        close(estimate, 40_000.0 / 12.0),
        "{estimate} of one queue's jobs"
    );
    session.close().await;
    databases.drop(&copy).await.expect("drops");
    managed.stop().await;
}
