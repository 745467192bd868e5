//! What a statement's rows amount to when they are sent to a client, which no node of its plan shows: values stored out of line are
//! read only then.
//!
//! From 17 on EXPLAIN tells, where it serialises the rows. Before 17 it throws them away unread, so the pages come from the backend's
//! own counters of the tables that such values lie in. They are looked at within one transaction, in which they are never reset.

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::Statement;

use super::sample::{Explainer, Query};
use super::{ExplainError, options};
use crate::plan::{Buffers, Plan};
use crate::run::plan_result::OutputCounts;

/// What this backend has read so far of tables for values stored out of line: pages, and values, each of which takes a scan of such a
/// table's index. The system's own tables are left out: planning reads them.
const OUT_OF_LINE: &str = "select coalesce(sum(pg_stat_get_xact_blocks_fetched(c.oid)), 0)::bigint, \
         coalesce(sum(pg_stat_get_xact_numscans(c.oid)) filter (where c.relkind = 'i'), 0)::bigint \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid >= 16384 and n.nspname ~ '^pg_toast'";

/// What an execution read of values stored out of line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct OutOfLine {
    pages: i64,
    scans: i64,
}

impl Explainer<'_> {
    /// Executes the statement once more, for real, and receives its rows; `counted` is its plan as it was executed for the counts.
    ///
    /// # Errors
    /// What the server says, with the place in the file.
    pub(super) async fn output(&self, counted: &Plan) -> Result<OutputCounts, ExplainError> {
        let query = self.query("").await?;
        if query.columns() == 0 {
            return Ok(OutputCounts::default());
        }
        let (bytes, pages) = if options::serializes(self.version) {
            let bytes = self.sample(self.receive(&query)).await?;
            (bytes, self.serialized(counted).await?)
        } else {
            self.received_and_read(&query).await?
        };
        Ok(OutputCounts { bytes, pages })
    }

    /// Size of the rows, which are received one by one and not kept.
    async fn receive(&self, query: &Query) -> Result<u64, ExplainError> {
        let received = async {
            let rows = self
                .ground
                .session
                .query_raw(&query.statement, query.values());
            let mut rows = pin!(rows.await?);
            let mut bytes = 0;
            while let Some(row) = rows.try_next().await? {
                bytes += row.raw_size_bytes() as u64;
            }
            Ok(bytes)
        };
        let received: Result<u64, tokio_postgres::Error> = received.await;
        received.map_err(|error| self.failed(&error, query.prefix).into())
    }

    /// The pages EXPLAIN counts where it serialises the rows. The first time it also counts what looking up the types' output functions
    /// costs, so where it counted any an execution that finds them looked up decides.
    async fn serialized(&self, counted: &Plan) -> Result<u64, ExplainError> {
        if serialization_pages(counted) == 0 {
            return Ok(0);
        }
        let again = self
            .query(&options::explain(&options::timing(self.version)))
            .await?;
        Ok(serialization_pages(
            &self.read(&self.execute(&again).await?)?,
        ))
    }

    /// Size of the rows, and the pages read to send them. What EXPLAIN reads of values stored out of line its nodes have read, so only
    /// what a real execution reads beyond that is output. The first real one also reads where an index begins, once in a session, so
    /// where it read any values a second one decides.
    async fn received_and_read(&self, query: &Query) -> Result<(u64, u64), ExplainError> {
        let counters = self.ground.session.prepare(OUT_OF_LINE).await;
        let counters = counters.map_err(ExplainError::session(COUNTING))?;
        let (bytes, first) = self
            .sample(self.watched(&counters, self.receive(query)))
            .await?;
        if first.scans == 0 {
            return Ok((bytes, 0));
        }
        let explain = options::explain(&options::timing(self.version));
        let explain = self.query(&explain).await?;
        let explained = self.watched(&counters, self.explain(&explain));
        let (_, explained) = self.sample(explained).await?;
        let real = self.watched(&counters, self.receive(query));
        let (_, real) = self.sample(real).await?;
        Ok((bytes, read_for_output(real, explained)))
    }

    /// Executes between two looks at the counters.
    async fn watched<T>(
        &self,
        counters: &Statement,
        execution: impl Future<Output = Result<T, ExplainError>>,
    ) -> Result<(T, OutOfLine), ExplainError> {
        let look = || async {
            let row = self.ground.session.query_one(counters, &[]).await?;
            Ok::<_, tokio_postgres::Error>((row.get::<_, i64>(0), row.get::<_, i64>(1)))
        };
        let (before, executed, after) = tokio::join!(look(), execution, look());
        let executed = executed?;
        let before = before.map_err(ExplainError::session(COUNTING))?;
        let after = after.map_err(ExplainError::session(COUNTING))?;
        let read = OutOfLine {
            pages: after.0 - before.0,
            scans: after.1 - before.1,
        };
        Ok((executed, read))
    }
}

/// What is tried when the counters are looked at.
const COUNTING: &str = "read how many pages were touched";

fn serialization_pages(plan: &Plan) -> u64 {
    let buffers = plan.serialization.as_ref();
    let buffers = buffers.and_then(|serialization| serialization.buffers.as_ref());
    buffers.map_or(0, Buffers::total)
}

/// Pages of output, out of what a real execution and one under EXPLAIN read. Where both read as many values, none was read for output:
/// then a difference in pages comes from values that were written, whose places differ from execution to execution.
fn read_for_output(real: OutOfLine, explained: OutOfLine) -> u64 {
    if real.scans <= explained.scans {
        return 0;
    }
    u64::try_from(real.pages - explained.pages).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nodes_read_themselves_is_no_output() {
        let read = |pages, scans| OutOfLine { pages, scans };
        assert_eq!(read_for_output(read(91, 10), read(0, 0)), 91);
        assert_eq!(read_for_output(read(182, 20), read(91, 10)), 91);
        // Values that are written: the second time on other pages.
        assert_eq!(read_for_output(read(1_087, 20), read(1_080, 20)), 0);
        assert_eq!(read_for_output(read(90, 11), read(91, 10)), 0);
    }

    #[test]
    fn serialization_is_counted_where_a_plan_has_it() {
        let pages = |serialization: &str| {
            let json = format!(r#"{{"Plan":{{"Node Type":"Result"}}{serialization}}}"#);
            serialization_pages(&Plan::parse(&json).expect("parses")[0])
        };
        assert_eq!(pages(""), 0);
        let counted = r#","Serialization":{"Output Volume":1,"Format":"binary","Shared Hit Blocks":80,"Shared Read Blocks":11}"#;
        assert_eq!(pages(counted), 91);
    }
}
