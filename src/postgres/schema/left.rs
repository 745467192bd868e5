//! Schemas that the program has left in a database, found by their comment and owner: kept ones, and those of runs that were killed.

use tokio_postgres::Error;

use super::{OwnSchema, SchemaError, SchemaOptions, label};
use crate::postgres::connect::Session;
use crate::postgres::database::mark::{Mark, Role};

/// A schema that the program made in the database, and that the role owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftSchema {
    /// Its name.
    pub name: String,
    /// Identifies the cache directory of its maker.
    pub installation: String,
    /// What it holds.
    pub role: Role,
    /// Whether a run is working in it.
    pub is_in_use: bool,
    /// Size in bytes of its tables, with their indexes.
    pub bytes: u64,
}

/// The schemas of the program in the session's database, of whatever installation.
///
/// # Errors
/// If the server refuses.
pub async fn find(session: &Session) -> Result<Vec<LeftSchema>, Error> {
    let rows = session
        .query(
            "select nspname::text, obj_description(n.oid, 'pg_namespace'), \
                 (select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c \
                  where c.relnamespace = n.oid and c.relkind in ('r', 'm')) \
             from pg_namespace n where pg_get_userbyid(nspowner) = current_user \
                 and obj_description(n.oid, 'pg_namespace') is not null order by nspname",
            &[],
        )
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        let Some(mark) = Mark::read_any(row.get(1)) else {
            continue;
        };
        let name: String = row.get(0);
        found.push(LeftSchema {
            is_in_use: is_locked(session, &name).await?,
            name,
            installation: mark.installation().to_owned(),
            role: mark.into_role(),
            bytes: u64::try_from(row.get::<_, i64>(2)).unwrap_or(0),
        });
    }
    Ok(found)
}

/// Whether somebody holds the lock that a run in the schema holds.
async fn is_locked(session: &Session, name: &str) -> Result<bool, Error> {
    let row = session
        .query_one(
            "select exists (select from pg_locks l join pg_database d on d.oid = l.database \
                 where l.locktype = 'advisory' and l.objsubid = 1 and d.datname = current_database() \
                 and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended($1, 0))",
            &[&label(name)],
        )
        .await?;
    Ok(row.get(0))
}

/// Drops a schema, whatever it holds, after another look at whose it is; says whether it did. One that a run works in by now stays.
///
/// # Errors
/// See [`SchemaError`].
pub async fn remove(options: SchemaOptions) -> Result<bool, SchemaError> {
    let schema = match OwnSchema::hold(options).await {
        Err(SchemaError::InUse { .. }) => return Ok(false),
        held => held?,
    };
    let found = schema.look().await?;
    if found.is_some() {
        schema.drop_and("").await?;
    }
    schema.session.close().await;
    Ok(found.is_some())
}
