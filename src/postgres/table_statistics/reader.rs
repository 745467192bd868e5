//! The questions that are asked of the catalogs.
//!
//! Parameters are typed and statements unnamed, so that this works behind a connection pooler, too: all of it is one transaction.

use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::{
    Column, ColumnKind, ColumnStatistics, Moments, OutOfLine, TableError, TableName,
    TableStatistics,
};
use crate::definition::nearest;
use crate::postgres::connect::Session;
use crate::postgres::version::Version;

/// What has that name: visible, or in the schema that was named.
const FIND: &str = "select c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind::text, c.relispartition, \
         c.relrowsecurity and row_security_active(c.oid), exists (select from pg_inherits i where i.inhparent = c.oid), \
         current_setting('server_version'), pg_is_in_recovery(), current_user::text, extract(epoch from statement_timestamp())::float8 \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     where c.relname = $1 and case when $2 is null then pg_table_is_visible(c.oid) else n.nspname = $2 end";

/// The tables there are, for a name that is none of them.
const TABLES: &str = "select c.relname::text, quote_ident(n.nspname) || '.' || quote_ident(c.relname) \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     where c.relkind in ('r', 'p') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_' order by pg_table_is_visible(c.oid) desc, 1, 2";

/// Sizes and counters of a table and all that inherit from it, partitions of partitions included.
const SIZES: &str = "with recursive tree (relation) as ( \
         select $1 union select i.inhrelid from pg_inherits i join tree on i.inhparent = tree.relation), \
     part as (select c.oid, c.reltuples, c.reltoastrelid from tree join pg_class c on c.oid = tree.relation where c.relkind <> 'p') \
     select count(*), count(*) filter (where part.reltuples < 0), coalesce(sum(greatest(part.reltuples, 0)), 0)::float8, \
         coalesce(sum(s.n_live_tup), 0)::bigint, coalesce(sum(s.n_dead_tup), 0)::bigint, coalesce(sum(s.n_mod_since_analyze), 0)::bigint, \
         coalesce(sum(t.relpages), 0)::bigint, coalesce(sum(greatest(t.reltuples, 0)), 0)::float8, \
         coalesce(sum(o.n_live_tup), 0)::bigint, coalesce(sum(o.n_dead_tup), 0)::bigint, \
         (select extract(epoch from greatest(a.last_analyze, a.last_autoanalyze))::float8 from pg_stat_user_tables a where a.relid = $1) \
     from part left join pg_stat_user_tables s on s.relid = part.oid \
         left join pg_class t on t.oid = part.reltoastrelid left join pg_stat_all_tables o on o.relid = part.reltoastrelid";

/// The columns with what ANALYZE noted of each, without any value. A domain counts as what it is over.
const COLUMNS: &str = "select a.attname::text, base.typtype::text, base.typcategory::text, base.typname::text, format_type(a.atttypid, a.atttypmod), \
         has_column_privilege(c.oid, a.attnum, 'select'), \
         s.null_frac::float8, s.avg_width::float8, s.n_distinct::float8, s.most_common_freqs::float8[] \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid \
         join pg_type own on own.oid = a.atttypid \
         join pg_type base on base.oid = case when own.typtype = 'd' then own.typbasetype else own.oid end \
         left join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname and s.inherited = $2 \
     where c.oid = $1 and a.attnum > 0 and not a.attisdropped order by a.attnum";

/// The most common values of one column.
const WORDS: &str = "select s.most_common_vals::text::text[] \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname \
     where c.oid = $1 and s.inherited = $2 and s.attname = $3";

/// How long reading may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a statement may wait for a lock.
    pub lock: Duration,
    /// How long a statement may take.
    pub statement: Duration,
}

/// A read-only transaction in which one table's statistics are read. It ends with the session.
#[derive(Debug)]
pub struct Reader<'s> {
    session: &'s Session,
    table: u32,
    /// Whether the statistics are those of the table together with what inherits from it.
    inherited: bool,
    /// What was asked for, for messages.
    what: String,
}

/// A parameter with its type.
type Parameter<'p> = (&'p (dyn ToSql + Sync), Type);

impl<'s> Reader<'s> {
    /// Begins the transaction, finds the table and reads everything but values.
    ///
    /// # Errors
    /// If there is no such table, or the server does not answer.
    pub async fn begin(
        session: &'s Session,
        name: &TableName,
        limits: Limits,
    ) -> Result<(Reader<'s>, TableStatistics), TableError> {
        let mut reader = Reader {
            session,
            table: 0,
            inherited: false,
            what: format!("the statistics of table {}", name.shown()),
        };
        // Dates are written and read back in one style, whatever the role prefers.
        let begin = format!(
            "begin transaction isolation level repeatable read read only; set local lock_timeout = {}; \
             set local statement_timeout = {}; set local datestyle = 'ISO'; set local timezone = 'UTC'",
            limits.lock.as_millis(),
            limits.statement.as_millis()
        );
        let begun = session.batch_execute(&begin).await;
        begun.map_err(|source| reader.unanswered(source))?;
        let parameters: [Parameter; 2] = [(&name.table, Type::TEXT), (&name.schema, Type::TEXT)];
        let found = reader.ask(FIND, &parameters).await?;
        let Some(found) = found.first() else {
            return Err(reader.missing(name).await?);
        };
        check_kind(found)?;
        reader.table = found.get(0);
        reader.inherited = found.get(5);
        let columns = reader.columns().await?;
        let sizes = reader.ask(SIZES, &[(&reader.table, Type::OID)]).await?;
        let sizes = sizes
            .first()
            .expect("an aggregate without groups gives one row");
        let statistics = statistics(found, sizes, columns);
        Ok((reader, statistics))
    }

    /// The most common values of a column, in the order of their shares.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn words(&self, column: &str) -> Result<Vec<String>, TableError> {
        let row = self.values_of(column, WORDS).await?;
        let values = row.and_then(|row| row.get::<_, Option<Vec<String>>>(0));
        Ok(values.unwrap_or_default())
    }

    /// The most common values of a column of moments, and the bounds of the others.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn moments(&self, column: &str, kind: ColumnKind) -> Result<Moments, TableError> {
        let array = match kind {
            ColumnKind::Day => "date[]",
            ColumnKind::LocalMoment => "timestamp[]",
            _ => "timestamptz[]",
        };
        let seconds = |values: &str| {
            format!(
                "array(select extract(epoch from one.value::timestamp{zone})::float8 \
                 from unnest(s.{values}::text::{array}) with ordinality one (value, number) order by one.number)",
                zone = if array == "timestamptz[]" { "tz" } else { "" }
            )
        };
        let query = WORDS.replace(
            "s.most_common_vals::text::text[]",
            &format!(
                "{}, {}",
                seconds("most_common_vals"),
                seconds("histogram_bounds")
            ),
        );
        let row = self.values_of(column, &query).await?;
        Ok(row.map_or_else(Moments::default, |row| Moments {
            common: row.get(0),
            bounds: row.get(1),
        }))
    }

    async fn values_of(&self, column: &str, query: &str) -> Result<Option<Row>, TableError> {
        let parameters: [Parameter; 3] = [
            (&self.table, Type::OID),
            (&self.inherited, Type::BOOL),
            (&column, Type::TEXT),
        ];
        Ok(self.ask(query, &parameters).await?.into_iter().next())
    }

    async fn columns(&self) -> Result<Vec<Column>, TableError> {
        let parameters: [Parameter; 2] = [(&self.table, Type::OID), (&self.inherited, Type::BOOL)];
        let rows = self.ask(COLUMNS, &parameters).await?;
        Ok(rows.iter().map(column).collect())
    }

    /// What to say of a name that is no table's: the nearest there is.
    async fn missing(&self, name: &TableName) -> Result<TableError, TableError> {
        let rows = self.ask(TABLES, &[]).await?;
        let tables: Vec<(String, String)> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let elsewhere = tables.iter().find(|(table, _)| *table == name.table);
        let near = || {
            let known = tables.iter().map(|(table, _)| table.as_str());
            let near = nearest(&name.table, known)?;
            tables.iter().find(|(table, _)| table == near)
        };
        let near = elsewhere.or_else(near).map(|(_, full)| full.clone());
        let database = self.ask("select current_database()::text", &[]).await?;
        Ok(TableError::Missing {
            table: name.shown(),
            database: database.first().map(|row| row.get(0)).unwrap_or_default(),
            near,
        })
    }

    async fn ask(&self, query: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, TableError> {
        let asked = self.session.query_typed(query, parameters).await;
        asked.map_err(|source| self.unanswered(source))
    }

    fn unanswered(&self, source: tokio_postgres::Error) -> TableError {
        let what = self.what.clone();
        TableError::Unanswered { what, source }
    }
}

/// Only a table holds rows that statistics describe.
fn check_kind(found: &Row) -> Result<(), TableError> {
    let kind = match found.get::<_, &str>(2) {
        "r" | "p" | "m" => return Ok(()),
        "v" => "a view",
        "i" | "I" => "an index",
        "S" => "a sequence",
        "f" => "a foreign table",
        "c" => "a composite type",
        _ => "no table",
    };
    let table = found.get(1);
    Err(TableError::NoTable { table, kind })
}

fn statistics(found: &Row, sizes: &Row, columns: Vec<Column>) -> TableStatistics {
    let count = |index: usize| u64::try_from(sizes.get::<_, i64>(index)).unwrap_or(0);
    TableStatistics {
        server: Version::find(found.get(6)).unwrap_or(Version { major: 0, minor: 0 }),
        is_standby: found.get(7),
        role: found.get(8),
        is_row_secured: found.get(4),
        asked_at: found.get(9),
        analysed_at: sizes.get(10),
        name: found.get(1),
        has_children: found.get(5),
        is_partition: found.get(3),
        parts: count(0),
        unknown_parts: count(1),
        rows: sizes.get(2),
        live: count(3),
        dead: count(4),
        modified: count(5),
        out_of_line: OutOfLine {
            pages: count(6),
            pieces: sizes.get(7),
            live: count(8),
            dead: count(9),
        },
        columns,
    }
}

fn column(row: &Row) -> Column {
    let (of, category, base): (&str, &str, &str) = (row.get(1), row.get(2), row.get(3));
    let statistics = row
        .get::<_, Option<f64>>(6)
        .map(|null_fraction| ColumnStatistics {
            null_fraction,
            width: row.get::<_, Option<f64>>(7).unwrap_or(0.0),
            distinct: row.get::<_, Option<f64>>(8).unwrap_or(0.0),
            common: row.get::<_, Option<Vec<f64>>>(9).unwrap_or_default(),
        });
    Column {
        name: row.get(0),
        kind: kind(of, category, base),
        type_name: row.get(4),
        is_readable: row.get(5),
        statistics,
    }
}

fn kind(of: &str, category: &str, base: &str) -> ColumnKind {
    match base {
        "bool" => ColumnKind::Boolean,
        "int2" | "int4" | "int8" => ColumnKind::Integer,
        "timestamptz" => ColumnKind::Moment,
        "timestamp" => ColumnKind::LocalMoment,
        "date" => ColumnKind::Day,
        "char" => ColumnKind::Words,
        _ if of == "e" || category == "S" => ColumnKind::Words,
        _ if category == "N" => ColumnKind::Number,
        _ => ColumnKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_what_they_hold() {
        for (of, category, base, expected) in [
            ("b", "S", "text", ColumnKind::Words),
            ("b", "S", "citext", ColumnKind::Words),
            ("b", "Z", "char", ColumnKind::Words),
            ("e", "E", "job_state", ColumnKind::Words),
            ("b", "N", "int4", ColumnKind::Integer),
            ("b", "N", "numeric", ColumnKind::Number),
            ("b", "B", "bool", ColumnKind::Boolean),
            ("b", "D", "timestamptz", ColumnKind::Moment),
            ("b", "D", "timestamp", ColumnKind::LocalMoment),
            ("b", "D", "date", ColumnKind::Day),
            ("b", "U", "jsonb", ColumnKind::Other),
        ] {
            assert_eq!(kind(of, category, base), expected, "{base}");
        }
    }
}
