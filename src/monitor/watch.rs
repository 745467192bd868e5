//! A drain as the server sees it: everything is read right before the workers come and right after they have gone, and sampled between.
//!
//! What is read for that is kept out of the counters: sessions that watch are in the maintenance database, and the one that looks into
//! the copy is gone before counting begins and comes after it has ended.

use std::time::Duration;

use tokio::time::sleep;

use super::activity::{Observed, Sampler, Samples};
use super::counters::{self, Counters, ProcessorTime, WalCounters};
use super::statements::{self, Statements};
use super::tenths::{Point, tenths};
use super::{MonitorError, failed, processes};
use crate::postgres::connect::{Address, Session};
use crate::postgres::version::Version;
use crate::run::throughput::{PerJob, StatementShare, TableChange, Tenth, Waits};

/// How long sessions may take to leave.
const LEAVING: Duration = Duration::from_secs(10);

/// Version 14 collects counters in a process that writes them down twice a second.
const COLLECTING: Duration = Duration::from_millis(1100);

/// How long to wait between two readings of WAL counters that have to agree, and how often.
const SETTLING: (Duration, usize) = (Duration::from_millis(20), 25);

/// Jobs a worker below which what its session reads to connect and prepare shows in the pages per job.
const FEW_JOBS: u64 = 1000;

/// Where to watch whom.
#[derive(Debug)]
pub struct WatchOptions<'w> {
    /// The server.
    pub address: &'w Address,
    /// Its version.
    pub version: Version,
    /// The copy that the workers will be in.
    pub database: &'w str,
    /// The tables that are watched; all there are where it names none.
    pub tables: &'w [String],
    /// The first process of the server, where it is ours: then extensions may be made, too.
    pub server_process: Option<i32>,
    /// The workers.
    pub observed: Observed,
}

/// A drain that is being watched.
#[derive(Debug)]
pub struct Watch {
    place: Place,
    processes: Option<Processes>,
    workers: u64,
    before: Reading,
    sampler: Sampler,
}

/// Processes of the server, where it is ours.
#[derive(Clone, Copy, Debug)]
struct Processes {
    /// The first.
    server: i32,
    /// That of the session that watches, which does not count.
    own: i32,
}

impl Processes {
    fn cpu_ns(self) -> Option<u64> {
        let all = processes::tree_cpu_ns(self.server)?;
        Some(all.saturating_sub(processes::cpu_ns(self.own)?))
    }
}

#[derive(Debug)]
struct Place {
    address: Address,
    version: Version,
    database: String,
    tables: Vec<String>,
    /// The schema of pg_stat_statements.
    statements: Option<String>,
}

/// Everything that is read before and after.
#[derive(Debug)]
struct Reading {
    counters: Counters,
    statements: Option<Statements>,
    server_cpu_ns: Option<u64>,
}

/// What is known of a drain when its workers have gone.
#[derive(Clone, Copy, Debug)]
pub struct Drained<'d> {
    /// When execution began, on the clock of [`Observed::now_ns`].
    pub began_ns: u64,
    /// When the last job was completed, on the same clock.
    pub ended_ns: u64,
    /// Jobs completed for the first time, as [`Observed::completed`] counts them.
    pub done: u64,
    /// Completions, those of jobs that were completed before among them.
    pub completed: u64,
    /// Processor time of the workers.
    pub client_cpu_ns: u64,
    /// Names and texts of the queue's statements.
    pub named: &'d [(String, String)],
}

/// What was seen; what could not be is none, and a note says why, unless the run was too short for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observations {
    /// Cost per completed job.
    pub per_job: Option<PerJob>,
    /// Cost in each tenth of the jobs.
    pub tenths: Vec<Tenth>,
    /// The watched tables.
    pub tables: Vec<TableChange>,
    /// Each statement's share.
    pub statements: Option<Vec<StatementShare>>,
    /// What the workers' sessions waited for.
    pub waits: Option<Waits>,
    /// Why something is missing, or what to know of it, a sentence each.
    pub notes: Vec<String>,
}

impl Watch {
    /// Reads everything and begins to sample. No session may be in the copy.
    ///
    /// # Errors
    /// If the server does not tell.
    pub async fn begin(options: WatchOptions<'_>) -> Result<Watch, MonitorError> {
        let address = options
            .address
            .named(concat!(env!("CARGO_PKG_NAME"), " monitor"));
        let session = address.connect(address.maintenance()).await?;
        let is_ours = options.server_process.is_some();
        let place = Place {
            version: options.version,
            database: options.database.to_owned(),
            tables: options.tables.to_vec(),
            statements: statements::schema(&session, is_ours).await,
            address,
        };
        let own = session.query_one("select pg_backend_pid()", &[]).await;
        let own = own.map_err(failed("its own process"))?.get(0);
        let server = options.server_process;
        let processes = server.map(|server| Processes { server, own });
        let tables = place.tables().await?;
        place.wait_until_left(&session).await?;
        counters::report(&session, place.version).await?;
        let mut before = place.read(&session, processes).await?;
        before.counters.tables = tables;
        Ok(Watch {
            processes,
            workers: options.observed.workers,
            before,
            sampler: Sampler::start(
                session,
                place.address.clone(),
                place.database.clone(),
                options.observed,
            ),
            place,
        })
    }

    /// Whether each statement's share can be had.
    #[must_use]
    pub fn has_statements(&self) -> bool {
        self.place.statements.is_some()
    }

    /// Reads everything again when the workers have gone, and before anything else is done in the copy.
    pub async fn finish(self, drained: Drained<'_>) -> Observations {
        let mut seen = Observations::default();
        let (samples, session) = self.sampler.stop().await;
        seen.waits = samples.waits();
        let after = match session {
            Some(session) => self.place.read_after(session, self.processes).await,
            None => self.place.read_anew().await,
        };
        let (after, stayed) = match after {
            Ok(after) => after,
            Err(error) => {
                seen.notes.push(format!(
                    "{error}: there is no cost per job, and no statement's share"
                ));
                return seen;
            }
        };
        if stayed > 0 {
            seen.notes.push(format!(
                "{} did not leave in time: what they did last may be missing in the cost per job",
                crate::units::counted(stayed, "session")
            ));
        }
        if !counters::are_continuous(&self.before.counters, &after.counters) {
            seen.notes.push(
                "the server was restarted or crashed meanwhile and counts from new: there is no cost per job, and no statement's share"
                    .to_owned(),
            );
            return seen;
        }
        let server_ns = self.before.server_cpu_ns.zip(after.server_cpu_ns);
        let processor = ProcessorTime {
            server_ns: server_ns.map(|(before, after)| after.saturating_sub(before)),
            client_ns: drained.client_cpu_ns,
        };
        seen.compare(&self.before, &after, &drained, processor);
        seen.tell_tenths(&self.before, &after, &samples, &drained);
        if seen.per_job.is_some() && drained.completed < self.workers * FEW_JOBS {
            seen.notes.push(format!(
                "pages a job include what {} read of the catalogs to connect and prepare, which shows in so few jobs",
                crate::units::counted(usize::try_from(self.workers).unwrap_or(usize::MAX), "session")
            ));
        }
        seen
    }
}

impl Observations {
    fn compare(
        &mut self,
        before: &Reading,
        after: &Reading,
        drained: &Drained<'_>,
        processor: ProcessorTime,
    ) {
        let (from, to) = (&before.counters, &after.counters);
        self.per_job = counters::per_job(from, to, drained.completed, processor);
        self.tables = counters::table_changes(from, to);
        self.statements = before
            .statements
            .as_ref()
            .zip(after.statements.as_ref())
            .map(|(before, after)| statements::shares(before, after, drained.named));
    }

    fn tell_tenths(
        &mut self,
        before: &Reading,
        after: &Reading,
        samples: &Samples,
        drained: &Drained<'_>,
    ) {
        let pages = |counters: &Counters| {
            let sum = counters.database.pages_hit + counters.database.pages_read;
            u64::try_from(sum).unwrap_or(0)
        };
        // Positions in WAL are known from samples; the outermost of them lie within half a second of start and end.
        let inside = |point: &&Point| point.at_ns <= drained.ended_ns;
        let start = Point {
            at_ns: drained.began_ns,
            completed: 0,
            pages: pages(&before.counters),
            wal_bytes: samples
                .points
                .iter()
                .take_while(|point| point.at_ns <= drained.began_ns)
                .last()
                .or(samples.points.first())
                .map_or(0, |point| point.wal_bytes),
        };
        let last = samples.points.iter().rfind(inside);
        let beyond = samples
            .points
            .iter()
            .find(|point| point.at_ns > drained.ended_ns)
            .or(last);
        let end = Point {
            at_ns: drained.ended_ns,
            completed: drained.done,
            pages: pages(&after.counters),
            wal_bytes: beyond.map_or(0, |point| point.wal_bytes),
        };
        self.tenths = tenths(start, &samples.points, end).unwrap_or_default();
    }
}

impl Place {
    async fn tables(&self) -> Result<Vec<counters::TableCounters>, MonitorError> {
        let within = self.address.connect(&self.database).await?;
        let tables = counters::of_tables(&within, &self.tables).await;
        within.close().await;
        tables
    }

    /// What is counted when all sessions have told what they did.
    async fn read(
        &self,
        monitoring: &Session,
        processes: Option<Processes>,
    ) -> Result<Reading, MonitorError> {
        let wal = self.settled(monitoring).await?;
        let statements = match &self.statements {
            None => None,
            Some(schema) => {
                Some(statements::of_database(monitoring, schema, &self.database).await?)
            }
        };
        Ok(Reading {
            counters: Counters {
                since: counters::since(monitoring).await?,
                database: counters::of_database(monitoring, &self.database).await?,
                wal,
                tables: Vec::new(),
            },
            statements,
            server_cpu_ns: processes.and_then(Processes::cpu_ns),
        })
    }

    /// The same after the workers have gone, and how many sessions have not.
    async fn read_after(
        &self,
        monitoring: Session,
        processes: Option<Processes>,
    ) -> Result<(Reading, usize), MonitorError> {
        let stayed = self.wait_until_left(&monitoring).await?;
        let mut after = self.read(&monitoring, processes).await?;
        after.counters.tables = self.tables().await?;
        monitoring.close().await;
        Ok((after, stayed))
    }

    /// The same by a new session, whose processor time cannot be told from the workers'.
    async fn read_anew(&self) -> Result<(Reading, usize), MonitorError> {
        let session = self.address.connect(self.address.maintenance()).await?;
        self.read_after(session, None).await
    }

    /// Waits until no session is in the copy: a session tells all it did when it leaves. How many stayed.
    async fn wait_until_left(&self, monitoring: &Session) -> Result<usize, MonitorError> {
        let query = "select count(*) from pg_stat_activity where datname = $1 and coalesce(backend_type, 'client backend') = 'client backend'";
        let until = tokio::time::Instant::now() + LEAVING;
        loop {
            let row = monitoring.query_one(query, &[&self.database]).await;
            let count: i64 = row.map_err(failed("who is in the copy"))?.get(0);
            if count == 0 || tokio::time::Instant::now() >= until {
                return Ok(usize::try_from(count).unwrap_or(0));
            }
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// The WAL counters when they stand still: background processes tell what they did a moment after they did it.
    async fn settled(&self, monitoring: &Session) -> Result<WalCounters, MonitorError> {
        if self.version.major < 15 {
            sleep(COLLECTING).await;
        }
        let mut last = counters::of_wal(monitoring).await?;
        for _ in 0..SETTLING.1 {
            sleep(SETTLING.0).await;
            let now = counters::of_wal(monitoring).await?;
            if now == last {
                break;
            }
            last = now;
        }
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn tenths_end_with_as_many_jobs_as_samples_count() {
        let reading = || Reading {
            counters: Counters::default(),
            statements: None,
            server_cpu_ns: None,
        };
        let point = |second: u64| Point {
            at_ns: second * SECOND,
            completed: second * 100,
            ..Point::default()
        };
        let mut samples = Samples::default();
        samples.points.extend((0..30).map(point));
        // A third of the completions were of jobs that had been completed before.
        let drained = Drained {
            began_ns: 0,
            ended_ns: 30 * SECOND,
            done: 3000,
            completed: 4500,
            client_cpu_ns: 0,
            named: &[],
        };
        let mut seen = Observations::default();
        seen.tell_tenths(&reading(), &reading(), &samples, &drained);
        assert_eq!(seen.tenths.len(), 10);
        let throughput = |tenth: &Tenth| (tenth.throughput * 1e3).round();
        assert!(seen.tenths.iter().all(|one| throughput(one) == 100_000.0));
    }
}
