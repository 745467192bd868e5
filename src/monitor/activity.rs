//! What the workers' sessions do, sampled ten times a second by one session elsewhere, and the counters twice a second.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_postgres::{Client, Error, Statement};

use super::tenths::Point;
use crate::postgres::connect::{Address, Session, worker_number};
use crate::run::throughput::{Waits, WorkerState};

/// Samples a second.
const PER_SECOND: u64 = 10;

/// Every how-manieth sample comes with counters.
const COUNTERS_EVERY: u64 = 5;

/// The fewest samples of sessions, and the shortest time in seconds, that shares are told of.
pub const FEWEST: (u64, f64) = (100, 2.0);

/// How long to wait before a server that was lost is tried again.
const RETRY: Duration = Duration::from_millis(500);

const SESSIONS: &str = "select application_name, coalesce(state, ''), coalesce(wait_event_type, ''), coalesce(wait_event, '') \
     from pg_stat_activity where datname = $1";

const COUNTERS: &str = "select coalesce(sum(blks_hit + blks_read), 0)::bigint, (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint \
     from pg_stat_database where datname = $1";

/// What a sampler is told of the workers, whenever it asks.
pub struct Observed {
    /// Number of workers; they are counted from 1.
    pub workers: u64,
    /// The clock that the run is timed with, in nanoseconds.
    pub now_ns: fn() -> u64,
    /// What a worker is doing; none if that is not known.
    pub state: Box<dyn Fn(u64) -> Option<WorkerState> + Send + Sync>,
    /// Whether they are fetching: sessions that wait for the start, or end, are not counted.
    pub is_running: Box<dyn Fn() -> bool + Send + Sync>,
    /// Jobs completed for the first time so far.
    pub completed: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed")
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

/// What was sampled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// Sessions by what their worker and they themselves were doing.
    tally: BTreeMap<(Option<WorkerState>, String), u64>,
    /// Rounds of samples.
    rounds: u64,
    /// Counters now and then, in order.
    pub points: Vec<Point>,
}

impl Samples {
    /// Counts a session.
    pub fn count(&mut self, state: Option<WorkerState>, doing: String) {
        *self.tally.entry((state, doing)).or_default() += 1;
    }

    /// How long samples were taken, in seconds.
    #[must_use]
    pub fn duration_s(&self) -> f64 {
        self.rounds as f64 / PER_SECOND as f64
    }

    /// The shares; none if there are fewer samples than [`FEWEST`].
    #[must_use]
    pub fn waits(&self) -> Option<Waits> {
        let samples: u64 = self.tally.values().sum();
        if samples < FEWEST.0 || self.duration_s() < FEWEST.1 {
            return None;
        }
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        let mut by_state: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for ((state, doing), count) in &self.tally {
            *all.entry(doing.clone()).or_default() += count;
            if let Some(state) = state {
                let of_state = by_state.entry(state.name().to_owned()).or_default();
                *of_state.entry(doing.clone()).or_default() += count;
            }
        }
        Some(Waits {
            samples,
            shares: shares(all),
            by_state: by_state
                .into_iter()
                .map(|(state, counts)| (state, shares(counts)))
                .collect(),
        })
    }
}

fn shares(counts: BTreeMap<String, u64>) -> BTreeMap<String, f64> {
    let total = counts.values().sum::<u64>() as f64;
    let share = |(what, count): (String, u64)| (what, count as f64 / total);
    counts.into_iter().map(share).collect()
}

/// What a session does, in one word of PostgreSQL's: `running` on a processor, `idle`, or the event it waits for; none where it may not
/// be looked into.
fn doing(state: &str, wait_type: &str, wait: &str) -> Option<String> {
    match (state, wait_type) {
        ("" | "disabled", _) => None,
        ("active" | "fastpath function call", "") => Some("running".to_owned()),
        ("active" | "fastpath function call", _) => Some(format!("{wait_type}:{wait}")),
        (other, _) => Some(other.to_owned()),
    }
}

/// Takes samples until it is stopped, on a task of the runtime it was started on.
#[derive(Debug)]
pub struct Sampler {
    stop: oneshot::Sender<()>,
    task: JoinHandle<(Samples, Option<Session>)>,
}

impl Sampler {
    /// Starts it on a session in the maintenance database of `address`; `database` is where the workers are.
    #[must_use]
    pub fn start(
        session: Session,
        address: Address,
        database: String,
        observed: Observed,
    ) -> Sampler {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(sample(session, address, database, observed, stopped));
        Sampler { stop, task }
    }

    /// Stops it; what it sampled, and its session if that is still there.
    pub async fn stop(self) -> (Samples, Option<Session>) {
        let _ = self.stop.send(());
        self.task.await.unwrap_or_default()
    }
}

/// A server that is lost in the middle is looked for until it is back.
async fn sample(
    session: Session,
    address: Address,
    database: String,
    observed: Observed,
    mut stopped: oneshot::Receiver<()>,
) -> (Samples, Option<Session>) {
    let mut samples = Samples::default();
    let mut session = Some(session);
    loop {
        if let Some(client) = &session {
            tokio::select! {
                _ = &mut stopped => return (samples, session),
                // It only ends with an error.
                _ = sample_session(client, &database, &observed, &mut samples) => {}
            }
        }
        tokio::select! {
            _ = &mut stopped => return (samples, None),
            () = sleep(RETRY) => {}
        }
        session = address.connect(address.maintenance()).await.ok();
    }
}

async fn sample_session(
    client: &Client,
    database: &str,
    observed: &Observed,
    samples: &mut Samples,
) -> Result<(), Error> {
    let sessions = client.prepare(SESSIONS).await?;
    let counters = client.prepare(COUNTERS).await?;
    let mut ticks = interval(Duration::from_millis(1000 / PER_SECOND));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for round in 0_u64.. {
        ticks.tick().await;
        sample_sessions(client, &sessions, database, observed, samples).await?;
        if round % COUNTERS_EVERY == 0 {
            let point = sample_counters(client, &counters, database, observed).await?;
            samples.points.push(point);
        }
    }
    Ok(())
}

async fn sample_sessions(
    client: &Client,
    sessions: &Statement,
    database: &str,
    observed: &Observed,
    samples: &mut Samples,
) -> Result<(), Error> {
    if !(observed.is_running)() {
        return Ok(());
    }
    let states: Vec<Option<WorkerState>> = (1..=observed.workers)
        .map(|number| (observed.state)(number))
        .collect();
    let rows = client.query(sessions, &[&database]).await?;
    samples.rounds += 1;
    for row in rows {
        let Some(number) = worker_number(row.get(0)) else {
            continue;
        };
        let index = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        let state = states.get(index).copied().flatten();
        if let Some(doing) = doing(row.get(1), row.get(2), row.get(3)) {
            samples.count(state, doing);
        }
    }
    Ok(())
}

async fn sample_counters(
    client: &Client,
    counters: &Statement,
    database: &str,
    observed: &Observed,
) -> Result<Point, Error> {
    let (at_ns, completed) = ((observed.now_ns)(), (observed.completed)());
    let row = client.query_one(counters, &[&database]).await?;
    let number = |index: usize| u64::try_from(row.get::<_, i64>(index)).unwrap_or(0);
    Ok(Point {
        at_ns,
        completed,
        pages: number(0),
        wal_bytes: number(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_told_in_the_servers_words() {
        let told = |state, wait_type, wait| doing(state, wait_type, wait);
        assert_eq!(told("active", "", "").as_deref(), Some("running"));
        assert_eq!(
            told("active", "Lock", "transactionid").as_deref(),
            Some("Lock:transactionid")
        );
        assert_eq!(
            told("idle", "Client", "ClientRead").as_deref(),
            Some("idle")
        );
        assert_eq!(
            told("idle in transaction", "Client", "ClientRead").as_deref(),
            Some("idle in transaction")
        );
        assert_eq!(told("", "", ""), None);
        assert_eq!(told("disabled", "", ""), None);
    }

    fn sampled(rounds: u64) -> Samples {
        let mut samples = Samples {
            rounds,
            ..Samples::default()
        };
        for _ in 0..rounds {
            let fetching = Some(WorkerState::Fetching);
            samples.count(fetching, "Lock:transactionid".to_owned());
            samples.count(fetching, "Lock:transactionid".to_owned());
            samples.count(fetching, "running".to_owned());
            samples.count(Some(WorkerState::Working), "idle".to_owned());
            samples.count(None, "idle".to_owned());
        }
        samples
    }

    #[test]
    fn shares_sum_to_one_in_all_and_in_each_state() {
        let waits = sampled(40).waits().expect("enough");
        assert_eq!(waits.samples, 200);
        assert!((waits.shares["Lock:transactionid"] - 0.4).abs() < 1e-9);
        assert!((waits.shares["idle"] - 0.4).abs() < 1e-9);
        let fetching = &waits.by_state["fetching"];
        assert!((fetching["Lock:transactionid"] - 2.0 / 3.0).abs() < 1e-9);
        for shares in waits.by_state.values().chain([&waits.shares]) {
            assert!((shares.values().sum::<f64>() - 1.0).abs() < 1e-9);
        }
        assert_eq!(waits.by_state.len(), 2);
    }

    #[test]
    fn few_samples_and_short_times_tell_nothing() {
        assert_eq!(sampled(19).waits(), None);
        let mut narrow = sampled(0);
        narrow.rounds = 40;
        narrow.count(None, "idle".to_owned());
        assert_eq!(narrow.waits(), None);
    }
}
