//! The server's counters before the workers come and after they have gone, and what the difference is per job.

use tokio_postgres::Client;

use super::{MonitorError, failed};
use crate::postgres::version::Version;
use crate::run::throughput::{PerJob, TableChange};

/// What the server has counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// What they count from: another text after a restart or a crash, when they begin anew.
    pub since: String,
    /// Of the copy.
    pub database: DatabaseCounters,
    /// Of the whole server.
    pub wal: WalCounters,
    /// The watched tables, partitions counted with the table they belong to.
    pub tables: Vec<TableCounters>,
}

/// What was done in one database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseCounters {
    /// Pages found in shared buffers.
    pub pages_hit: i64,
    /// Pages read into them.
    pub pages_read: i64,
    /// Commits.
    pub commits: i64,
    /// Bytes of temporary files.
    pub temp_bytes: i64,
}

/// What was written to WAL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalCounters {
    /// Records, without those for pages that were added to the commit log and the multixacts: when one is added depends on how many
    /// transactions the server has seen before, not on what was done.
    pub records: i64,
    /// Bytes, whole pages included.
    pub bytes: i64,
}

/// What a table is and what was done to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableCounters {
    /// Its name.
    pub table: String,
    /// Bytes, TOAST included.
    pub table_bytes: i64,
    /// Bytes of its indexes.
    pub index_bytes: i64,
    /// Dead rows, as the server knows.
    pub dead_rows: i64,
    /// Rows inserted.
    pub inserted: i64,
    /// Rows updated.
    pub updated: i64,
    /// Of those, without touching an index.
    pub hot_updated: i64,
    /// Rows deleted.
    pub deleted: i64,
    /// Times autovacuum went through it.
    pub autovacuums: i64,
}

/// What counters count from; on another server version it may be null.
const SINCE: &str =
    "select concat_ws(' ', pg_postmaster_start_time(), stats_reset) from pg_stat_wal";

const DATABASE: &str = "select coalesce(sum(blks_hit), 0)::bigint, coalesce(sum(blks_read), 0)::bigint, \
     coalesce(sum(xact_commit), 0)::bigint, coalesce(sum(temp_bytes), 0)::bigint from pg_stat_database where datname = $1";

const WAL: &str = "select wal_records - (select coalesce(sum(blks_zeroed), 0)::bigint from pg_stat_slru \
         where lower(replace(name, '_', '')) in ('xact', 'transaction', 'multixactoffset', 'multixactmember')), wal_bytes::bigint \
     from pg_stat_wal";

/// The tables of the queue's own schemas, for a queue that names none.
const EVERY_TABLE: &str = "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     where c.relkind in ('r', 'p') and not c.relispartition and n.nspname <> 'information_schema' and n.nspname !~ '^(pg_|pgqa)' and c.relname !~ '^pgqa' \
     order by 1";

const TABLE: &str = "select coalesce(sum(pg_table_size(t.relid)), 0)::bigint, coalesce(sum(pg_indexes_size(t.relid)), 0)::bigint, \
         coalesce(sum(s.n_dead_tup), 0)::bigint, coalesce(sum(s.n_tup_ins), 0)::bigint, coalesce(sum(s.n_tup_upd), 0)::bigint, \
         coalesce(sum(s.n_tup_hot_upd), 0)::bigint, coalesce(sum(s.n_tup_del), 0)::bigint, \
         coalesce(sum(s.autovacuum_count), 0)::bigint, to_regclass($1) is not null \
     from (select to_regclass($1)::oid as relid union select relid::oid from pg_partition_tree(to_regclass($1))) as t \
     left join pg_stat_all_tables s on s.relid = t.relid";

/// What counters count from; `monitoring` is a session in the maintenance database, as for all of these.
///
/// # Errors
/// If the server does not tell.
pub async fn since(monitoring: &Client) -> Result<String, MonitorError> {
    let row = monitoring.query_one(SINCE, &[]).await;
    Ok(row.map_err(failed("what counters count from"))?.get(0))
}

/// What was done in a database.
///
/// # Errors
/// If the server does not tell.
pub async fn of_database(
    monitoring: &Client,
    database: &str,
) -> Result<DatabaseCounters, MonitorError> {
    let row = monitoring.query_one(DATABASE, &[&database]).await;
    let row = row.map_err(failed("pg_stat_database"))?;
    Ok(DatabaseCounters {
        pages_hit: row.get(0),
        pages_read: row.get(1),
        commits: row.get(2),
        temp_bytes: row.get(3),
    })
}

/// Makes one of our own sessions tell what it wrote to WAL, a copy or an extension. It may keep that to itself for seconds, and it would
/// be counted among what the workers write.
///
/// # Errors
/// If the server refuses.
pub async fn report(session: &Client, version: Version) -> Result<(), MonitorError> {
    let report = if version.major >= 15 {
        "select pg_stat_force_next_flush()"
    } else {
        // A session tells at the end of a transaction, but not twice within half a second.
        "select pg_sleep(0.6)"
    };
    let reported = session.batch_execute(report).await;
    reported.map_err(failed("what was written"))
}

/// What was written to WAL.
///
/// # Errors
/// If the server does not tell.
pub async fn of_wal(monitoring: &Client) -> Result<WalCounters, MonitorError> {
    let row = monitoring.query_one(WAL, &[]).await;
    let row = row.map_err(failed("pg_stat_wal"))?;
    Ok(WalCounters {
        records: row.get(0),
        bytes: row.get(1),
    })
}

/// The watched tables, through a session in their database; all of them where `tables` names none.
///
/// # Errors
/// If one is not there, or the server does not tell.
pub async fn of_tables(
    within: &Client,
    tables: &[String],
) -> Result<Vec<TableCounters>, MonitorError> {
    let mut names = tables.to_vec();
    if names.is_empty() {
        let rows = within.query(EVERY_TABLE, &[]).await;
        let rows = rows.map_err(failed("which tables there are"))?;
        names.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    let mut counters = Vec::new();
    for table in names {
        let row = within.query_one(TABLE, &[&table]).await;
        let row = row.map_err(failed("the counters of a table"))?;
        if !row.get::<_, bool>(8) {
            return Err(MonitorError::NoTable { table });
        }
        counters.push(TableCounters {
            table,
            table_bytes: row.get(0),
            index_bytes: row.get(1),
            dead_rows: row.get(2),
            inserted: row.get(3),
            updated: row.get(4),
            hot_updated: row.get(5),
            deleted: row.get(6),
            autovacuums: row.get(7),
        });
    }
    Ok(counters)
}

/// Whether `after` goes on where `before` was: neither restarted nor crashed in between.
#[must_use]
pub fn are_continuous(before: &Counters, after: &Counters) -> bool {
    before.since == after.since
        && before.wal.records <= after.wal.records
        && before.database.pages_hit <= after.database.pages_hit
}

/// Processor time that a drain took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessorTime {
    /// Of the server, in nanoseconds; none where it runs elsewhere.
    pub server_ns: Option<u64>,
    /// Of the workers, in nanoseconds.
    pub client_ns: u64,
}

/// The cost of each of `completed` jobs; none if there was none.
#[must_use]
pub fn per_job(
    before: &Counters,
    after: &Counters,
    completed: u64,
    processor: ProcessorTime,
) -> Option<PerJob> {
    if completed == 0 {
        return None;
    }
    let jobs = completed as f64;
    let each = |before: i64, after: i64| (after - before) as f64 / jobs;
    let changes = table_changes(before, after);
    let rows = |of: fn(&TableChange) -> u64| changes.iter().map(of).sum::<u64>() as f64;
    let (updated, deleted) = (rows(|table| table.updated), rows(|table| table.deleted));
    let (from, to) = (&before.database, &after.database);
    let pages_read = each(from.pages_read, to.pages_read);
    Some(PerJob {
        pages: each(from.pages_hit, to.pages_hit) + pages_read,
        pages_read,
        wal_bytes: each(before.wal.bytes, after.wal.bytes),
        wal_records: each(before.wal.records, after.wal.records),
        dead_rows: (updated + deleted) / jobs,
        commits: each(from.commits, to.commits),
        hot_share: (updated > 0.0).then(|| rows(|table| table.hot_updated) / updated),
        temp_bytes: each(from.temp_bytes, to.temp_bytes),
        rows_inserted: rows(|table| table.inserted) / jobs,
        rows_updated: updated / jobs,
        rows_deleted: deleted / jobs,
        server_cpu_us: processor.server_ns.map(|ns| ns as f64 / 1000.0 / jobs),
        client_cpu_us: processor.client_ns as f64 / 1000.0 / jobs,
    })
}

/// The watched tables before and after, in their order; those that are not in both are left out.
#[must_use]
pub fn table_changes(before: &Counters, after: &Counters) -> Vec<TableChange> {
    let pair = |after: &TableCounters| {
        let before = before.tables.iter();
        let before = before.clone().find(|before| before.table == after.table)?;
        Some(table_change(before, after))
    };
    after.tables.iter().filter_map(pair).collect()
}

fn table_change(before: &TableCounters, after: &TableCounters) -> TableChange {
    let size = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
    let more = |before: i64, after: i64| u64::try_from(after - before).unwrap_or(0);
    TableChange {
        table: after.table.clone(),
        table_bytes_before: size(before.table_bytes),
        table_bytes_after: size(after.table_bytes),
        index_bytes_before: size(before.index_bytes),
        index_bytes_after: size(after.index_bytes),
        dead_rows_before: size(before.dead_rows),
        dead_rows_after: size(after.dead_rows),
        inserted: more(before.inserted, after.inserted),
        updated: more(before.updated, after.updated),
        hot_updated: more(before.hot_updated, after.hot_updated),
        deleted: more(before.deleted, after.deleted),
        autovacuums: more(before.autovacuums, after.autovacuums),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> (Counters, Counters) {
        let table = |updated, hot_updated, deleted| TableCounters {
            table: "job".to_owned(),
            table_bytes: 8192 * (1 + updated),
            index_bytes: 8192,
            dead_rows: updated + deleted,
            inserted: 7,
            updated,
            hot_updated,
            deleted,
            autovacuums: 2,
        };
        let counters = |factor: i64, table| Counters {
            since: "noon".to_owned(),
            database: DatabaseCounters {
                pages_hit: 1000 * factor,
                pages_read: 10 * factor,
                commits: 40 * factor,
                temp_bytes: 0,
            },
            wal: WalCounters {
                records: 300 * factor,
                bytes: 50_000 * factor,
            },
            tables: vec![table],
        };
        (counters(1, table(10, 10, 0)), counters(3, table(30, 25, 5)))
    }

    #[test]
    fn costs_are_differences_over_completed_jobs() {
        let (before, after) = counted();
        let processor = ProcessorTime {
            server_ns: Some(4_000_000),
            client_ns: 1_000_000,
        };
        let cost = per_job(&before, &after, 20, processor).expect("jobs were completed");
        let expected = PerJob {
            pages: 101.0,
            pages_read: 1.0,
            wal_bytes: 5000.0,
            wal_records: 30.0,
            dead_rows: 1.25,
            commits: 4.0,
            hot_share: Some(0.75),
            temp_bytes: 0.0,
            rows_inserted: 0.0,
            rows_updated: 1.0,
            rows_deleted: 0.25,
            server_cpu_us: Some(200.0),
            client_cpu_us: 50.0,
        };
        assert_eq!(cost, expected);
    }

    #[test]
    fn without_completed_jobs_there_is_no_cost_and_without_updates_no_hot_share() {
        let (before, after) = counted();
        let processor = ProcessorTime::default();
        assert_eq!(per_job(&before, &after, 0, processor), None);
        let same = per_job(&before, &before, 10, processor).expect("jobs were completed");
        assert_eq!((same.hot_share, same.server_cpu_us), (None, None));
    }

    #[test]
    fn a_table_is_told_before_and_after() {
        let (before, mut after) = counted();
        let change = &table_changes(&before, &after)[0];
        assert_eq!(
            (change.updated, change.hot_updated, change.deleted),
            (20, 15, 5)
        );
        assert_eq!((change.dead_rows_before, change.dead_rows_after), (10, 35));
        assert_eq!(
            change.table_bytes_after - change.table_bytes_before,
            20 * 8192
        );
        after.tables[0].table = "another".to_owned();
        assert_eq!(table_changes(&before, &after), []);
    }

    #[test]
    fn counters_that_began_anew_are_seen() {
        let (before, after) = counted();
        assert!(are_continuous(&before, &after));
        assert!(!are_continuous(&after, &before));
        let restarted = Counters {
            since: "one o'clock".to_owned(),
            ..after
        };
        assert!(!are_continuous(&before, &restarted));
    }
}
