//! Bytes read from and written to a table beside the queue's, in the copy: what a task does that keeps its results in the database.

use tokio_postgres::{Client, Statement};

/// What the task is measured by: bytes read and written.
pub const METRIC: &str = "bytes per second";

/// Makes the table, with a row of `read` bytes for each worker. The bytes are stored as they are: compressed they would be fewer.
///
/// # Errors
/// What the server says.
pub(super) async fn make_table(
    client: &Client,
    workers: u64,
    read: u64,
) -> Result<(), tokio_postgres::Error> {
    let script = format!(
        "create table pgqa_side (worker bigint not null, number bigint not null, data bytea not null);
        alter table pgqa_side alter data set storage external;
        insert into pgqa_side select worker, 0, decode(repeat('2a', {read}), 'hex') from generate_series(0, {workers} - 1) as worker;
        alter table pgqa_side add primary key (worker, number);
        analyze pgqa_side;"
    );
    client.batch_execute(&script).await
}

/// The prepared statements of one worker.
#[derive(Debug)]
pub struct SideTable {
    read: Statement,
    write: Statement,
    worker: i64,
    number: i64,
    data: Vec<u8>,
    reads: bool,
}

impl SideTable {
    /// Prepares for one worker, which may have written rows on an earlier connection.
    ///
    /// # Errors
    /// What the server says.
    pub async fn prepare(
        client: &Client,
        worker: usize,
        read: u64,
        write: u64,
    ) -> Result<SideTable, tokio_postgres::Error> {
        let worker = i64::try_from(worker).unwrap_or(i64::MAX);
        let last = "select max(number) from pgqa_side where worker = $1";
        let last: Option<i64> = client.query_one(last, &[&worker]).await?.get(0);
        Ok(SideTable {
            read: client
                .prepare("select data from pgqa_side where worker = $1 and number = 0")
                .await?,
            write: client
                .prepare("insert into pgqa_side (worker, number, data) values ($1, $2, $3)")
                .await?,
            worker,
            number: last.unwrap_or(0),
            data: vec![0x2a; usize::try_from(write).unwrap_or(0)],
            reads: read > 0,
        })
    }

    /// Does one job's share: reads, then writes. Returns the bytes.
    ///
    /// # Errors
    /// What the server says.
    pub async fn work(&mut self, client: &Client) -> Result<u64, tokio_postgres::Error> {
        let mut bytes = 0;
        if self.reads {
            let row = client.query_one(&self.read, &[&self.worker]).await?;
            bytes += row.get::<_, &[u8]>(0).len() as u64;
        }
        if !self.data.is_empty() {
            self.number += 1;
            client
                .execute(&self.write, &[&self.worker, &self.number, &self.data])
                .await?;
            bytes += self.data.len() as u64;
        }
        Ok(bytes)
    }
}
