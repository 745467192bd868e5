//! The relations of a fixture, as rules want to know them.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, Error};

use crate::finding::case::{Catalog, Column, Index, Relation};

/// In a database of ours pages are what there are; elsewhere what the catalogs say, as looking at a file waits for locks.
const RELATIONS: &str = "select c.oid, c.relname::text, \
         case when $1 then c.relpages::bigint else pg_relation_size(c.oid) / current_setting('block_size')::bigint end, \
         greatest(c.reltuples, 0)::bigint, coalesce(c.reloptions, '{}') \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     where c.relkind in ('r', 'm') and c.oid >= 16384 and n.nspname <> 'pgqa' \
     and (not $1 or pg_table_is_visible(c.oid)) order by c.relname";

/// Which relations of a database are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All: the database is ours.
    Everything,
    /// Those that a name without a schema finds; of others there may be any number.
    SearchPath,
}

const INDEXES: &str = "select i.indrelid, c.relname::text, \
         case when $1 then c.relpages::bigint else pg_relation_size(c.oid) / current_setting('block_size')::bigint end, \
         pg_get_indexdef(c.oid), pg_get_expr(i.indpred, i.indrelid), \
         array(select pg_get_indexdef(c.oid, n, true) || case when (i.indoption[n - 1] & 1) = 1 then ' desc' else '' end \
               from generate_series(1, i.indnkeyatts) n) \
     from pg_index i join pg_class c on c.oid = i.indexrelid where c.oid >= 16384 and (not $1 or pg_table_is_visible(i.indrelid)) order by c.relname";

const COLUMNS: &str = "select a.attrelid, a.attname::text, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), \
         a.attgenerated <> '' \
     from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum \
     where a.attrelid = any($1) and a.attnum > 0 and not a.attisdropped order by a.attrelid, a.attnum";

/// Reads tables, sizes, columns and indexes of the database that `client` is connected to.
///
/// # Errors
/// If the server refuses.
pub async fn read(client: &Client, scope: Scope) -> Result<Catalog, Error> {
    let visible = scope == Scope::SearchPath;
    let relations = client.query(RELATIONS, &[&visible]).await?;
    let indexes = client.query(INDEXES, &[&visible]).await?;
    let oids: Vec<u32> = relations.iter().map(|relation| relation.get(0)).collect();
    let columns = client.query(COLUMNS, &[&oids]).await?;
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let mut catalog = Catalog::default();
    for relation in &relations {
        let (oid, name): (u32, String) = (relation.get(0), relation.get(1));
        let own = indexes.iter().filter(|index| index.get::<_, u32>(0) == oid);
        let indexes = own.map(|index| Index {
            name: index.get(1),
            relation: name.clone(),
            columns: index.get(5),
            definition: index.get(3),
            predicate: index.get(4),
            pages: count(index.get(2)),
        });
        let indexes = indexes.collect();
        let own = columns
            .iter()
            .filter(|column| column.get::<_, u32>(0) == oid);
        let columns = own.map(|column| Column {
            name: column.get(1),
            type_name: column.get(2),
            default: column.get(3),
            generated: column.get(4),
        });
        catalog.relations.push(Relation {
            name,
            pages: count(relation.get(2)),
            rows: count(relation.get(3)),
            columns: columns.collect(),
            options: Some(relation.get(4)),
            indexes,
            ..Relation::default()
        });
    }
    Ok(catalog)
}

/// What ANALYZE counted of a table: whether it has by now, live rows, dead rows.
const COUNTED: &str = "select coalesce(last_analyze >= $2, false), n_live_tup, n_dead_tup from pg_stat_all_tables where relid = $1";

/// Versions before 15 tell statistics a moment later.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

/// Counts live and dead rows in a copy that is thrown away, by ANALYZE, whose sample is made large enough to read every page: after
/// this the planner's statistics are others. Where the server keeps no statistics of tables, nothing is told.
///
/// # Errors
/// If the server refuses.
pub async fn count_rows(client: &Client, catalog: &mut Catalog) -> Result<(), Error> {
    for relation in &mut catalog.relations {
        let row = client
            .query_one(
                "select c.oid, c.oid::regclass::text, statement_timestamp(), current_setting('track_counts')::bool \
                 from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                 where c.relname = $1 and c.relkind in ('r', 'm') and c.oid >= 16384 and n.nspname <> 'pgqa' order by c.oid limit 1",
                &[&relation.name],
            )
            .await?;
        let (oid, name): (u32, String) = (row.get(0), row.get(1));
        let (since, tells): (std::time::SystemTime, bool) = (row.get(2), row.get(3));
        // ANALYZE reads 300 pages for each of its target.
        let target = (relation.pages / 300 + 1).clamp(100, 10_000);
        client
            .batch_execute(&format!(
                "set default_statistics_target = {target}; analyze {name}"
            ))
            .await?;
        let started = Instant::now();
        while tells && started.elapsed() < TOLD_WITHIN {
            client
                .batch_execute("select pg_stat_clear_snapshot()")
                .await?;
            let row = client.query_one(COUNTED, &[&oid, &since]).await?;
            if row.get(0) {
                let count = |number: i64| u64::try_from(number).ok();
                relation.live_rows = count(row.get(1));
                relation.dead_rows = count(row.get(2));
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}
