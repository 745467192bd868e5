//! A drain as the server tells it: counters that repeat, sessions that wait, autovacuum given back, settings that are refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pgq_analyze::definition::{Fixture, Library, Queue, Source};
use pgq_analyze::experiment::throughput::ground::Ground;
use pgq_analyze::fixture::cache::{self, Template};
use pgq_analyze::monitor::activity::Observed;
use pgq_analyze::monitor::connections;
use pgq_analyze::monitor::watch::{Drained, Observations};
use pgq_analyze::postgres::connect::Session;
use pgq_analyze::postgres::given::settings::{SettingError, of_sessions};
use pgq_analyze::postgres::managed::{Managed, ManagedOptions};
use pgq_analyze::postgres::profile;
use pgq_analyze::postgres::workspace::Workspace;
use pgq_analyze::run::event::Events;
use pgq_analyze::run::throughput::WorkerState;

use crate::place::Place;
use crate::program::managed_options;

const JOBS: u64 = 3000;

/// Sessions of which all but one wait.
const WAITING: u64 = 7;

/// For throughput, with these settings on top.
fn load_options(place: &Place, settings: &[(&str, &str)]) -> ManagedOptions {
    let settings = settings.iter();
    ManagedOptions {
        profile: profile::LOAD,
        settings: settings
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        ..managed_options(place)
    }
}

async fn template(workspace: &Workspace, queue: &Queue) -> Template {
    let text = format!("description = \"A few jobs\"\njobs = {JOBS}\n");
    let fixture = Fixture::parse(Source::new("few.toml", text)).expect("parses");
    let (databases, version) = (workspace.databases(), workspace.version_text());
    let built = cache::ensure(databases, version, queue, &fixture, &Events::ignored()).await;
    built.expect("builds")
}

fn now_ns() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_nanos()).expect("no time to speak of")
}

fn observed(workers: u64) -> Observed {
    Observed {
        workers,
        now_ns,
        state: Box::new(|number| (number > 1).then_some(WorkerState::Fetching)),
        is_running: Box::new(|| true),
        completed: Box::new(|| 0),
    }
}

/// The text of a queue's statement with these values in the place of its parameters.
fn statement(queue: &Queue, file: &str, ids: &str) -> String {
    let file = queue.statements.iter().find(|one| one.name == file);
    let bound = file.expect("is there").statements[0].template.bind(|name| {
        match name {
            "queue" => "'default'",
            "worker" => "'worker-1'",
            "now" => "timestamptz '2021-01-01 00:00+00'",
            "batch_size" => "100",
            "task_keys" => "null",
            "ids" => ids,
            other => panic!("unexpected parameter {other}"),
        }
        .to_owned()
    });
    bound.text
}

/// Fetches and completes until nothing is left; how many jobs that were.
async fn drain(session: &Session, queue: &Queue) -> u64 {
    let fetch = statement(queue, "fetch", "");
    let mut completed = 0;
    loop {
        let rows = session.query(&fetch, &[]).await.expect("fetches");
        if rows.is_empty() {
            return completed;
        }
        let ids: Vec<String> = rows
            .iter()
            .map(|row| row.get::<_, i64>(0).to_string())
            .collect();
        let complete = statement(
            queue,
            "complete",
            &format!("'{{{}}}'::bigint[]", ids.join(",")),
        );
        completed += session.execute(&complete, &[]).await.expect("completes");
    }
}

async fn drained(workspace: &Workspace, template: &Template, queue: &Queue) -> Observations {
    let ground = Ground::make(workspace, template).await.expect("copies");
    let watch = ground.watch(queue, observed(1)).await.expect("watches");
    let address = workspace.databases().address().for_worker(1);
    let began_ns = now_ns();
    let session = address.connect(ground.database()).await.expect("connects");
    let completed = drain(&session, queue).await;
    session.close().await;
    // As they are sent here: with values in the place of parameters.
    let named = [("fetch", ""), ("complete", "'{1}'::bigint[]")]
        .map(|(file, ids)| (file.to_owned(), statement(queue, file, ids)));
    let seen = watch.finish(Drained {
        began_ns,
        ended_ns: now_ns(),
        done: completed,
        completed,
        client_cpu_ns: 1_000_000,
        named: &named,
    });
    let seen = seen.await;
    ground.leave().await.expect("drops");
    assert_eq!(completed, JOBS);
    seen
}

fn is_exactly(found: f64, wanted: f64) -> bool {
    (found - wanted).abs() < 1e-9
}

#[tokio::test]
async fn two_drains_cost_the_same() {
    let place = Place::with_warm_cache();
    let options = load_options(&place, &[("autovacuum", "off")]);
    let managed = Managed::start(&options, &Events::ignored()).await;
    let workspace = Workspace::Managed(managed.expect("starts"));
    let queue = Library::built_in().queue("status-partial").expect("reads");
    let template = template(&workspace, &queue).await;
    let first = drained(&workspace, &template, &queue).await;
    let again = drained(&workspace, &template, &queue).await;
    let (one, other) = (
        first.per_job.expect("counted"),
        again.per_job.expect("counted"),
    );
    assert!(
        is_exactly(one.wal_records, other.wal_records),
        "{one:?}\n{other:?}"
    );
    assert!(
        (one.pages / other.pages - 1.0).abs() < 0.01,
        "{one:?}\n{other:?}"
    );
    // Each job is updated by its fetch and by its completion; 30 batches, and one fetch that finds nothing. Each of these statements is
    // parsed in one transaction and executed in another; connecting takes one, too.
    for cost in [&one, &other] {
        assert!(is_exactly(cost.rows_updated, 2.0), "{cost:?}");
        assert!(is_exactly(cost.dead_rows, 2.0), "{cost:?}");
        assert!(
            is_exactly(cost.rows_inserted + cost.rows_deleted, 0.0),
            "{cost:?}"
        );
        assert!((cost.commits * JOBS as f64 - 123.0).abs() < 3.0, "{cost:?}");
        assert!(cost.wal_bytes > 100.0 && cost.pages > 1.0, "{cost:?}");
        assert!(
            is_exactly(cost.client_cpu_us, 1000.0 / JOBS as f64),
            "{cost:?}"
        );
        assert!(cost.server_cpu_us.is_some_and(|us| us > 0.0), "{cost:?}");
    }
    let table = &first.tables[0];
    assert_eq!((table.table.as_str(), table.updated), ("job", 2 * JOBS));
    assert!(
        table.table_bytes_after > table.table_bytes_before,
        "{table:?}"
    );
    let statements = first.statements.expect("pg_stat_statements is loaded");
    let calls = |name: &str| {
        let found = statements.iter().find(|share| share.statement == name);
        found.map(|share| (share.calls, share.rows))
    };
    assert_eq!(calls("fetch"), Some((31, JOBS)), "{statements:?}");
    assert_eq!(calls("complete"), Some((30, JOBS)), "{statements:?}");
    let sum: f64 = statements.iter().map(|share| share.share).sum();
    assert!((sum - 1.0).abs() < 1e-6, "{statements:?}");
    assert!(first.tenths.is_empty() && first.waits.is_none());
    assert!(first.notes.is_empty(), "{:?}", first.notes);
    workspace.stop(&Events::ignored()).await;
}

/// Options of `job` that have to do with autovacuum.
async fn kept_away(workspace: &Workspace, database: &str) -> Vec<String> {
    let session = workspace.databases().address().connect(database).await;
    let session = session.expect("connects");
    let query = "select o from pg_class c cross join lateral unnest(c.reloptions) as o \
         where o like 'autovacuum%' and (c.oid = 'job'::regclass \
             or c.oid = (select reltoastrelid from pg_class where oid = 'job'::regclass)) order by 1";
    let rows = session.query(query, &[]).await.expect("reads pg_class");
    session.close().await;
    workspace
        .databases()
        .wait_until_unused(database)
        .await
        .expect("is unused");
    rows.iter().map(|row| row.get(0)).collect()
}

/// The first holds the row for as long as it takes to tell shares; the others want it.
async fn contend(session: &Session, number: u64) {
    let script = "begin; select from job where id = 1 for update;";
    let held = if number == 1 {
        "select pg_sleep(2.6); commit"
    } else {
        tokio::time::sleep(Duration::from_millis(100)).await;
        "commit"
    };
    let done = session.batch_execute(&format!("{script} {held}")).await;
    done.expect("waits");
}

#[tokio::test]
async fn sessions_that_wait_are_seen_and_autovacuum_is_given_back() {
    let place = Place::with_warm_cache();
    let managed = Managed::start(&load_options(&place, &[]), &Events::ignored()).await;
    let workspace = Workspace::Managed(managed.expect("starts"));
    let queue = Library::built_in().queue("status-partial").expect("reads");
    let template = template(&workspace, &queue).await;
    let ground = Ground::make(&workspace, &template).await.expect("copies");
    let off = "autovacuum_enabled=no".to_owned();
    assert_eq!(
        kept_away(&workspace, &template.database).await,
        [off.clone(), off]
    );
    assert!(kept_away(&workspace, ground.database()).await.is_empty());

    let allowed = connections::ask(workspace.databases().session())
        .await
        .expect("asks");
    assert_eq!((allowed.allowed, allowed.used), (1200, 0));
    let is_running = Arc::new(AtomicBool::new(false));
    let running = Arc::clone(&is_running);
    let observed = Observed {
        is_running: Box::new(move || running.load(Ordering::Relaxed)),
        ..observed(WAITING)
    };
    let watch = ground.watch(&queue, observed).await.expect("watches");
    let completed = AtomicU64::new(0);
    let wait = async |number: u64| {
        let address = workspace.databases().address().for_worker(number);
        let session = address.connect(ground.database()).await.expect("connects");
        // Waits for the start, which are none.
        tokio::time::sleep(Duration::from_secs(2)).await;
        is_running.store(true, Ordering::Relaxed);
        contend(&session, number).await;
        is_running.store(false, Ordering::Relaxed);
        completed.fetch_add(1, Ordering::Relaxed);
        session.close().await;
    };
    let began_ns = now_ns();
    futures_util::future::join_all((1..=WAITING).map(wait)).await;
    let drained = Drained {
        began_ns,
        ended_ns: now_ns(),
        done: completed.load(Ordering::Relaxed),
        completed: completed.load(Ordering::Relaxed),
        client_cpu_ns: 0,
        named: &[],
    };
    let seen = watch.finish(drained).await;
    let waits = seen.waits.expect("long enough");
    let idle = waits.shares.get("idle").copied().unwrap_or(0.0);
    assert!(idle < 0.2, "before the start they were: {waits:?}");
    let fetching = &waits.by_state["fetching"];
    // One waits for the transaction that has the row, the others for their turn.
    let on_rows = |shares: &BTreeMap<String, f64>| {
        let of = |what| shares.get(what).copied().unwrap_or(0.0);
        of("Lock:transactionid") + of("Lock:tuple")
    };
    assert!(on_rows(fetching) > 0.9, "{waits:?}");
    assert!(
        fetching["Lock:tuple"] > fetching["Lock:transactionid"],
        "{waits:?}"
    );
    assert!(
        waits.shares["Timeout:PgSleep"] < on_rows(&waits.shares),
        "{waits:?}"
    );
    ground.leave().await.expect("drops");
    workspace.stop(&Events::ignored()).await;
}

#[tokio::test]
async fn a_setting_that_is_refused_is_named() {
    let place = Place::with_warm_cache();
    for (name, value, reason) in [
        (
            "no_such_setting",
            "1",
            "unrecognized configuration parameter",
        ),
        ("work_mem", "much", "invalid value for parameter"),
        ("port", "5432", "the program sets it itself"),
    ] {
        let options = load_options(&place, &[("autovacuum", "off"), (name, value)]);
        let error = Managed::start(&options, &Events::ignored()).await;
        let message = error.expect_err("does not start").to_string();
        let setting = format!("cannot run with setting {name} = {value}: ");
        assert!(
            message.contains(&setting) && message.contains(reason),
            "{message}"
        );
    }
}

#[tokio::test]
async fn on_a_server_of_others_only_what_a_session_may_set_is_set() {
    let place = Place::with_warm_cache();
    let managed = Managed::start(&managed_options(&place), &Events::ignored()).await;
    let managed = managed.expect("starts");
    let session = managed.databases().session();
    let wanted = |settings: &[(&str, &str)]| -> BTreeMap<String, String> {
        let settings = settings.iter();
        settings
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let some = wanted(&[
        ("autovacuum", "false"),
        ("autovacuum_naptime", "1s"),
        ("synchronous_commit", "off"),
    ]);
    let found = of_sessions(session, &some).await.expect("asks");
    assert_eq!(found.session, wanted(&[("synchronous_commit", "off")]));
    assert_eq!(found.limitations.len(), 1, "{found:?}");
    assert_eq!(found.limitations[0].capability, "autovacuum_naptime");
    let error = of_sessions(session, &wanted(&[("no_such_setting", "1")])).await;
    assert!(
        matches!(error, Err(SettingError::Unknown { .. })),
        "{error:?}"
    );
    let error = of_sessions(session, &wanted(&[("work_mem", "much")])).await;
    assert!(
        matches!(error, Err(SettingError::Refused { .. })),
        "{error:?}"
    );
    let row = session.query_one("show synchronous_commit", &[]).await;
    assert_eq!(row.expect("asks").get::<_, &str>(0), "on");
    managed.stop().await;
}
