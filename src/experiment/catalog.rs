//! The relations of a fixture, as rules want to know them.

use tokio_postgres::{Client, Error};

use crate::finding::case::{Catalog, Index, Relation};

const RELATIONS: &str = "select c.oid, c.relname::text, c.relpages::bigint, greatest(c.reltuples, 0)::bigint \
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

const INDEXES: &str = "select i.indrelid, c.relname::text, c.relpages::bigint, pg_get_indexdef(c.oid), pg_get_expr(i.indpred, i.indrelid), \
         array(select pg_get_indexdef(c.oid, n, true) || case when (i.indoption[n - 1] & 1) = 1 then ' desc' else '' end \
               from generate_series(1, i.indnkeyatts) n) \
     from pg_index i join pg_class c on c.oid = i.indexrelid where c.oid >= 16384 and (not $1 or pg_table_is_visible(i.indrelid)) order by c.relname";

/// Reads tables, sizes and indexes of the database that `client` is connected to.
///
/// # Errors
/// If the server refuses.
pub async fn read(client: &Client, scope: Scope) -> Result<Catalog, Error> {
    let visible = scope == Scope::SearchPath;
    let relations = client.query(RELATIONS, &[&visible]).await?;
    let indexes = client.query(INDEXES, &[&visible]).await?;
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
        catalog.relations.push(Relation {
            name,
            pages: count(relation.get(2)),
            rows: count(relation.get(3)),
            indexes,
        });
    }
    Ok(catalog)
}
