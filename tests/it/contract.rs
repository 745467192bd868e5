//! What every built-in queue promises, asked of each of its fetches and of what settles jobs: no more than was asked for, nothing twice,
//! nothing early, nothing that another holds, in the order it states; and what fails, is given back or was held comes again.

use std::collections::{BTreeMap, BTreeSet};

use pgq_analyze::definition::queue::{Batch, ClaimEnds, Order};
use pgq_analyze::definition::{Fixture, Library, Operation, Queue, Source};
use pgq_analyze::fixture::cache;
use pgq_analyze::fixture::rows::{Job, Rows, State};
use pgq_analyze::postgres::connect::Session;
use pgq_analyze::postgres::managed::Managed;
use pgq_analyze::run::event::Events;
use pgq_analyze::statement::serving::{FetchedJob, Input, Outcome, Serving, Timestamp};

use crate::place::Place;
use crate::program::managed_options;

/// Three queues with something in every state.
const SCATTERED: &str = "description = 'x'\njobs = 300\n[queues]\ncount = 3\n[states]\nready = 0.8\ncompleted = 0.1\nrunning = 0.1\n\
     [priorities]\nlevels = 5\n[schedule]\nfuture = 0.2\n[task_keys]\ncount = 4\n[steps]\nper_job = 2";

/// One queue whose jobs are all due.
const DUE: &str = "description = 'x'\njobs = 60\n[priorities]\nlevels = 5\n[steps]\nper_job = 2";

/// Jobs of the future are due after 2200.
const YEAR_2200: i64 = 73_049 * 86_400;

/// More than any delay or timeout of a queue.
const A_DAY: i64 = 86_400 * 1_000_000;

/// In 2021, when all jobs are due but those of the future.
fn present() -> Timestamp {
    Timestamp {
        microseconds: 7_671 * A_DAY,
    }
}

fn later(time: Timestamp, microseconds: i64) -> Timestamp {
    Timestamp {
        microseconds: time.microseconds + microseconds,
    }
}

/// A server, and a fixture.
struct Stage {
    managed: Managed,
    fixture: Fixture,
    names: Vec<String>,
    _place: Place,
}

impl Stage {
    async fn set(fixture: &str) -> Stage {
        let place = Place::with_warm_cache();
        let managed = Managed::start(&managed_options(&place), &Events::ignored()).await;
        let fixture = Fixture::parse(Source::new("contract.toml", fixture)).expect("parses");
        let names = ["default", "queue-2", "queue-3"];
        let count = usize::try_from(fixture.queues.count).expect("is small");
        Stage {
            managed: managed.expect("the server starts"),
            names: names[..count]
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            fixture,
            _place: place,
        }
    }

    async fn copy_for(&self, queue: &Queue) -> String {
        let (databases, events) = (self.managed.databases(), Events::ignored());
        let version = self.managed.version_text();
        let template = cache::ensure(databases, version, queue, &self.fixture, &events).await;
        let template = template.expect("builds").database;
        databases.copy(&template).await.expect("copies")
    }

    /// A worker at a copy; `fetch` is the file it fetches with.
    async fn worker<'s>(
        &'s self,
        copy: &str,
        queue: &'s Queue,
        fetch: &str,
        name: &'static str,
    ) -> Worker<'s> {
        let session = self.managed.databases().address().connect(copy).await;
        let session = session.expect("connects");
        let file = queue.statements.iter().find(|file| file.name == fetch);
        let fetch = Serving::prepare(&session, queue, file.expect("is there"), None).await;
        let fetch = fetch.expect("prepares");
        let mut settling = BTreeMap::new();
        for operation in [
            Operation::Complete,
            Operation::Fail,
            Operation::Release,
            Operation::Rescue,
        ] {
            let Some(file) = queue.serving(operation) else {
                continue;
            };
            let fetched = (operation != Operation::Rescue).then(|| fetch.columns());
            let serving = Serving::prepare(&session, queue, file, fetched).await;
            settling.insert(operation, serving.expect("prepares"));
        }
        Worker {
            stage: self,
            session,
            name,
            fetch,
            settling,
        }
    }

    async fn leave(&self, copy: &str, workers: impl IntoIterator<Item = Worker<'_>>) {
        for worker in workers {
            worker.session.close().await;
        }
        let databases = self.managed.databases();
        databases.wait_until_unused(copy).await.expect("is unused");
        databases.drop(copy).await.expect("drops");
    }
}

/// A session that fetches and settles jobs.
struct Worker<'s> {
    stage: &'s Stage,
    session: Session,
    name: &'static str,
    fetch: Serving,
    settling: BTreeMap<Operation, Serving>,
}

impl Worker<'_> {
    fn input<'i>(&'i self, queue: &'i str, now: Timestamp) -> Input<'i> {
        Input {
            queue,
            queues: &self.stage.names,
            worker: self.name,
            now,
            ..Input::default()
        }
    }

    async fn fetch(&self, queue: &str, batch_size: u64, now: Timestamp) -> Vec<FetchedJob> {
        let input = Input {
            batch_size,
            ..self.input(queue, now)
        };
        let answer = self.fetch.call(&self.session, &input).await;
        self.fetch.jobs(answer.expect("fetches"))
    }

    /// Fetches from every queue until nothing comes any more.
    async fn fetch_all(&self, now: Timestamp) -> Vec<FetchedJob> {
        let mut all = Vec::new();
        for queue in &self.stage.names {
            loop {
                let jobs = self.fetch(queue, 20, now).await;
                if jobs.is_empty() {
                    break;
                }
                all.extend(jobs);
            }
        }
        all
    }

    async fn settle(&self, jobs: &[FetchedJob], outcome: Outcome, now: Timestamp) {
        if jobs.is_empty() {
            return;
        }
        let complete = &self.settling[&Operation::Complete];
        let serving = match outcome {
            _ if complete.takes("outcomes") => complete,
            Outcome::Completed => complete,
            Outcome::Failed => &self.settling[&Operation::Fail],
            Outcome::Released => &self.settling[&Operation::Release],
        };
        let jobs: Vec<&FetchedJob> = jobs.iter().collect();
        let errors = vec![Some("the task raised an error".to_owned()); jobs.len()];
        let input = Input {
            jobs: &jobs,
            outcomes: &vec![outcome; jobs.len()],
            errors: &errors,
            ..self.input(&self.stage.names[0], now)
        };
        let answer = serving.call(&self.session, &input).await;
        answer.expect("settles");
    }

    async fn rescue(&self, now: Timestamp) {
        let Some(rescue) = self.settling.get(&Operation::Rescue) else {
            return;
        };
        for queue in &self.stage.names {
            let input = Input {
                batch_size: 1000,
                ..self.input(queue, now)
            };
            let answer = rescue.call(&self.session, &input).await;
            answer.expect("rescues");
        }
    }
}

fn queues() -> Vec<Queue> {
    let library = Library::built_in();
    let names = library.queue_names().into_iter();
    names
        .map(|name| library.queue(name).expect("reads"))
        .collect()
}

fn numbers(jobs: &[FetchedJob]) -> Vec<u64> {
    let numbers = jobs.iter().map(|job| job.seq.filter(|_| job.whole));
    numbers
        .map(|seq| seq.expect("the payload is as it was made"))
        .collect()
}

/// Whether a job may be fetched at present; where claims need no rescue, jobs whose worker is gone may be, too.
fn may_be_fetched(job: &Job, queue: &Queue) -> bool {
    match job.state {
        State::Ready => job.run_at < YEAR_2200,
        State::Running => queue.claim_ends != ClaimEnds::Rescue,
        State::Completed | State::Failed => false,
    }
}

#[tokio::test]
async fn two_that_fetch_at_once_share_nothing_and_get_what_is_due_once() {
    let stage = Stage::set(SCATTERED).await;
    for queue in queues() {
        for file in queue.statements_of(Operation::Fetch) {
            fetched_by_two(&stage, &queue, &file.name).await;
        }
    }
    stage.managed.stop().await;
}

async fn fetched_by_two(stage: &Stage, queue: &Queue, fetch: &str) {
    let what = format!("{} {fetch}", queue.name);
    let copy = stage.copy_for(queue).await;
    let one = stage.worker(&copy, queue, fetch, "one").await;
    let other = stage.worker(&copy, queue, fetch, "other").await;
    let rows = Rows::new(&stage.fixture);
    let most = if one.fetch.takes("batch_size") { 7 } else { 1 };
    let mut seen = BTreeSet::new();
    for name in &stage.names {
        loop {
            let both = tokio::join!(
                one.fetch(name, 7, present()),
                other.fetch(name, 7, present())
            );
            for (worker, jobs) in [(&one, &both.0), (&other, &both.1)] {
                let is_bounded = jobs.len() <= most || queue.batch == Batch::Unbounded;
                assert!(is_bounded, "{what}: {} of {most}", jobs.len());
                for seq in numbers(jobs) {
                    assert!(seen.insert(seq), "{what}: job {seq} twice");
                    let job = rows.job(seq);
                    assert!(may_be_fetched(&job, queue), "{what}: {job:?}");
                }
                worker.settle(jobs, Outcome::Completed, present()).await;
            }
            if both.0.is_empty() && both.1.is_empty() {
                break;
            }
        }
    }
    let jobs = (1..=rows.jobs()).map(|seq| rows.job(seq));
    let due = jobs.filter(|job| job.state == State::Ready && job.run_at < YEAR_2200);
    for job in due {
        assert!(seen.contains(&job.seq), "{what}: {job:?} was not fetched");
    }
    // Neither later nor for a rescue does anything come back that is done.
    one.rescue(Timestamp::AFTER_EVERY_JOB).await;
    let rest = one.fetch_all(Timestamp::AFTER_EVERY_JOB).await;
    for seq in numbers(&rest) {
        assert!(!seen.contains(&seq), "{what}: job {seq} came back");
    }
    stage.leave(&copy, [one, other]).await;
}

#[tokio::test]
async fn jobs_are_served_in_the_order_that_is_stated() {
    let stage = Stage::set(DUE).await;
    let rows = Rows::new(&stage.fixture);
    for queue in queues() {
        let fetch = &queue.serving(Operation::Fetch).expect("is there").name;
        let copy = stage.copy_for(&queue).await;
        let worker = stage.worker(&copy, &queue, fetch, "one").await;
        let mut last = 0;
        let mut served = 0;
        loop {
            let jobs = worker.fetch("default", 7, present()).await;
            worker.settle(&jobs, Outcome::Completed, present()).await;
            let rank = |seq: u64| match queue.order {
                Order::Priority => u64::try_from(rows.job(seq).priority).expect("is positive"),
                Order::Fifo => seq,
                Order::None => 0,
            };
            let ranks: Vec<u64> = numbers(&jobs).into_iter().map(rank).collect();
            let (Some(first), Some(highest)) = (ranks.iter().min(), ranks.iter().max()) else {
                break;
            };
            assert!(last <= *first, "{}: {ranks:?} after {last}", queue.name);
            last = *highest;
            served += ranks.len() as u64;
        }
        assert_eq!(served, rows.jobs(), "{}", queue.name);
        stage.leave(&copy, [worker]).await;
    }
    stage.managed.stop().await;
}

#[tokio::test]
async fn what_is_given_back_failed_or_held_comes_again() {
    let stage = Stage::set(DUE).await;
    for queue in queues() {
        let fetch = &queue.serving(Operation::Fetch).expect("is there").name;
        let copy = stage.copy_for(&queue).await;
        let one = stage.worker(&copy, &queue, fetch, "one").await;
        let other = stage.worker(&copy, &queue, fetch, "other").await;
        released(&queue, &one, &other).await;
        held(&queue, one, &other).await;
        failed(&stage, &queue, &other).await;
        stage.leave(&copy, [other]).await;
    }
    stage.managed.stop().await;
}

/// What one gives back, the other gets at once; it gives that back, too.
async fn released(queue: &Queue, one: &Worker<'_>, other: &Worker<'_>) {
    let jobs = one.fetch("default", 5, present()).await;
    let given_back: BTreeSet<u64> = numbers(&jobs).into_iter().collect();
    assert!(!given_back.is_empty(), "{}", queue.name);
    one.settle(&jobs, Outcome::Released, present()).await;
    let all = other.fetch_all(present()).await;
    let found: BTreeSet<u64> = numbers(&all).into_iter().collect();
    assert!(found.is_superset(&given_back), "{}: {found:?}", queue.name);
    assert_eq!(found.len(), all.len(), "{}: none twice", queue.name);
    other.settle(&all, Outcome::Released, present()).await;
}

/// What a worker held that is gone comes again when its claim has ended, and not before.
async fn held(queue: &Queue, one: Worker<'_>, other: &Worker<'_>) {
    let held: BTreeSet<u64> = numbers(&one.fetch("default", 5, present()).await)
        .into_iter()
        .collect();
    let rest = other.fetch_all(present()).await;
    assert!(
        numbers(&rest).iter().all(|seq| !held.contains(seq)),
        "{}",
        queue.name
    );
    other.settle(&rest, Outcome::Completed, present()).await;
    let stage = one.stage;
    let pid: i32 = one
        .session
        .query_one("select pg_backend_pid()", &[])
        .await
        .expect("answers")
        .get(0);
    one.session.close().await;
    // The session's locks end with its process, a moment after it was told to go.
    let gone = "select not exists (select from pg_stat_activity where pid = $1)";
    loop {
        let row = other
            .session
            .query_one(gone, &[&pid])
            .await
            .expect("answers");
        if row.get(0) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let then = later(present(), A_DAY);
    other.rescue(then).await;
    let jobs = other.fetch_all(then).await;
    let again: BTreeSet<u64> = numbers(&jobs).into_iter().collect();
    assert_eq!(again, held, "{}", queue.name);
    other.settle(&jobs, Outcome::Released, then).await;
    assert_eq!(stage.names.len(), 1);
}

/// What fails waits before it is tried again, and is dead when its attempts are used up.
async fn failed(stage: &Stage, queue: &Queue, worker: &Worker<'_>) {
    let most = usize::try_from(Rows::new(&stage.fixture).max_attempts()).expect("is positive");
    let mut deliveries: BTreeMap<u64, usize> = BTreeMap::new();
    let mut now = later(present(), 2 * A_DAY);
    for _ in 0..=most {
        let jobs = worker.fetch_all(now).await;
        numbers(&jobs)
            .into_iter()
            .for_each(|seq| *deliveries.entry(seq).or_default() += 1);
        worker.settle(&jobs, Outcome::Failed, now).await;
        let at_once = worker.fetch_all(now).await;
        assert!(
            at_once.is_empty(),
            "{}: {} at once",
            queue.name,
            at_once.len()
        );
        now = later(now, A_DAY);
    }
    assert!(!deliveries.is_empty(), "{}", queue.name);
    assert!(
        deliveries.values().all(|count| (1..=most).contains(count)),
        "{}: {deliveries:?}",
        queue.name
    );
    assert!(
        worker.fetch_all(now).await.is_empty(),
        "{}: it is dead",
        queue.name
    );
}
