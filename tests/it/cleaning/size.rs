//! The room a fixture takes, as it is told before anything is built.

use pgq_analyze::definition::fixture::Scale;
use pgq_analyze::definition::{Fixture, Library, Queue, Source};
use pgq_analyze::fixture::{cache, size};
use pgq_analyze::postgres::database::Databases;
use pgq_analyze::postgres::managed::Managed;
use pgq_analyze::run::event::Events;

use crate::place::Place;
use crate::program::managed_options;

/// Fixtures with what the built-in ones lack: payloads of several sizes, loose pages, many steps.
const OTHERS: [(&str, &str); 4] = [
    ("large-payloads", "jobs = 1_000\n[payload]\nbytes = 20_000"),
    (
        "payloads-that-compress",
        "jobs = 3_000\n[payload]\nbytes = 20_000\ncompressible = 0.98",
    ),
    (
        "loose-pages",
        "jobs = 4_000\n[payload]\nbytes = 1_000\n[options]\nfillfactor = 50",
    ),
    (
        "many-steps",
        "jobs = 3_000\n[steps]\nper_job = 10\ndone = 0.9",
    ),
];

fn fixtures() -> Vec<Fixture> {
    let library = Library::built_in();
    let small = |fixture: Fixture| {
        let rows = Some(fixture.quick.min(20_000));
        fixture.scaled(Scale {
            rows,
            ..Scale::default()
        })
    };
    let built_in = library
        .fixture_names()
        .into_iter()
        .map(|name| small(library.fixture(name).expect("reads")));
    let others = OTHERS.iter().map(|(name, lines)| {
        let text = format!("description = \"Its size\"\n{lines}\n");
        Fixture::parse(Source::new(format!("{name}.toml"), text)).expect("parses")
    });
    built_in.chain(others).collect()
}

/// The queues that are built on every fixture.
const TOLD: [&str; 3] = ["durable-steps", "natural-mistake", "status-partial"];

/// The fixtures that every queue is built on.
const FOR_ALL: [&str; 2] = ["deep-history", "heavy-single-queue"];

/// How many jobs are in a template with all that they carry, about.
async fn whole_jobs(databases: &Databases, template: &str, queue: &Queue) -> f64 {
    let session = databases.address().connect(template).await;
    let session = session.expect("connects");
    let count = "select coalesce(sum(reltuples * (1 - coalesce(null_frac, 0))), 0)::float8 from pg_class c \
         join pg_attribute a on attrelid = c.oid join pg_namespace n on n.oid = relnamespace \
         left join pg_stats s on (s.schemaname, s.tablename, s.attname) = (nspname, relname, a.attname) \
         where relkind = 'r' and reltuples > 0 and nspname = 'public' and a.attname = $1";
    let payload = queue
        .payload
        .as_deref()
        .expect("built-in queues name their payload");
    let row = session.query_one(count, &[&payload]).await.expect("counts");
    session.close().await;
    databases
        .wait_until_unused(template)
        .await
        .expect("is unused");
    row.get(0)
}

#[tokio::test]
async fn the_estimate_is_within_a_factor_of_two_of_what_is_built() {
    let place = Place::with_warm_cache();
    let events = Events::ignored();
    let managed = Managed::start(&managed_options(&place), &events)
        .await
        .expect("starts");
    let databases = managed.databases();
    let empty = databases.size("template0").await.expect("tells") as f64;
    let library = Library::built_in();
    for fixture in fixtures() {
        for name in library.queue_names() {
            let queue: Queue = library.queue(name).expect("reads");
            let is_told = TOLD.contains(&name) || FOR_ALL.contains(&fixture.name.as_str());
            if queue.options_for(&fixture).is_err() || !is_told {
                continue;
            }
            let template =
                cache::ensure(databases, managed.version_text(), &queue, &fixture, &events)
                    .await
                    .expect("builds");
            let real = databases.size(&template.database).await.expect("tells") as f64;
            // What happens in copies is no part of a template.
            let fixture = fixture.template();
            let estimate = size::estimate(Some(&queue), &fixture) as f64;
            let ratio = estimate / real;
            // A queue that does not keep finished jobs whole takes less.
            let jobs = whole_jobs(databases, &template.database, &queue).await;
            let keeps = jobs >= 0.7 * fixture.jobs as f64;
            let most = match keeps {
                false => f64::INFINITY,
                // Completed jobs are taken to have left dead rows; not every queue leaves any.
                true if fixture.ageing.is_some() => 3.0,
                true => 2.0,
            };
            let said = format!("{} for {name}: {estimate}, really {real}", fixture.name);
            assert!((0.5..=most).contains(&ratio), "{said}");
            assert!(
                size::estimate_peak(&queue, &fixture) as f64 > real,
                "{said}"
            );
            // The rows alone too, where there are enough of them to tell.
            if fixture.jobs >= 1_000 {
                let ratio = (estimate - size::EMPTY_DATABASE as f64) / (real - empty);
                assert!((0.5..=most).contains(&ratio), "the rows of {said}");
            }
        }
    }
    managed.stop().await;
}
