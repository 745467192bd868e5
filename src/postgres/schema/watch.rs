//! Whether a transaction has touched anything outside a schema: seen by a second session, which does not see its changes.
//!
//! What the transaction has made, altered or dropped differs between what it sees of the catalogs and what everybody else sees of
//! them. Changed rows show in its locks: reading takes the weakest lock there is, everything else a stronger one, kept to the end.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_postgres::{Client, Error};

/// Catalogs whose rows lie in a schema, and the column that names it.
const IN_A_SCHEMA: &[(&str, &str)] = &[
    ("pg_class", "relnamespace"),
    ("pg_proc", "pronamespace"),
    ("pg_type", "typnamespace"),
    ("pg_operator", "oprnamespace"),
    ("pg_opclass", "opcnamespace"),
    ("pg_opfamily", "opfnamespace"),
    ("pg_collation", "collnamespace"),
    ("pg_conversion", "connamespace"),
    ("pg_constraint", "connamespace"),
    ("pg_statistic_ext", "stxnamespace"),
    ("pg_ts_config", "cfgnamespace"),
    ("pg_ts_dict", "dictnamespace"),
    ("pg_ts_parser", "prsnamespace"),
    ("pg_ts_template", "tmplnamespace"),
    ("pg_default_acl", "defaclnamespace"),
];

/// Catalogs whose rows belong to a relation, and the column that names it.
const OF_A_RELATION: &[(&str, &str)] = &[
    ("pg_trigger", "tgrelid"),
    ("pg_rewrite", "ev_class"),
    ("pg_policy", "polrelid"),
    ("pg_attrdef", "adrelid"),
];

/// Catalogs whose rows lie in no schema.
const OF_THE_DATABASE: &[&str] = &[
    "pg_extension",
    "pg_language",
    "pg_cast",
    "pg_event_trigger",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_publication",
    "pg_am",
    "pg_transform",
    "pg_largeobject_metadata",
    "pg_database",
    "pg_tablespace",
];

/// What has no row of its own with a number, or none that everybody may read: the object it belongs to, and what it says.
const OTHERS: &[&str] = &[
    "select 'pg_class'::regclass::oid, attrelid, attnum || ' ' || a.xmin::text from pg_attribute a \
         join pg_class c on c.oid = attrelid where attrelid >= 16384 and not (relnamespace = any(inside))",
    "select tableoid, oid, xmin::text from pg_namespace where not (oid = any(inside)) and nspname !~ '^pg_(toast_)?temp_'",
    "select classoid, objoid, description from pg_description where classoid = 'pg_namespace'::regclass",
    "select classoid, objoid, description from pg_shdescription",
    "select 'pg_authid'::regclass::oid, oid, r::text from pg_roles r",
    "select 'pg_authid'::regclass::oid, roleid, concat_ws(' ', member, xmin) from pg_auth_members",
    "select case setdatabase when 0 then 'pg_authid'::regclass::oid else 'pg_database'::regclass::oid end, \
         case setdatabase when 0 then setrole else setdatabase end, concat_ws(' ', setrole, xmin) from pg_db_role_setting",
];

/// How often the two are compared while somebody else is changing things.
const TRIES: usize = 3;

/// A row of a catalog: its catalog, its object, and what of it changes.
type CatalogRow = (u32, u32, String);

/// What the transaction of `session` has touched outside the schema `schema`: descriptions of the objects, none if all is well.
/// `witness` is a session in the same database, outside a transaction.
///
/// # Errors
/// If the server refuses.
pub async fn outside(
    session: &Client,
    witness: &Client,
    schema: &str,
) -> Result<Vec<String>, Error> {
    let objects = touched(session, witness, schema).await?;
    describe(session, witness, objects).await
}

/// As [`outside`], where the transaction has dropped the schema itself.
///
/// # Errors
/// If the server refuses.
pub async fn outside_a_dropped_schema(
    session: &Client,
    witness: &Client,
    schema: &str,
) -> Result<Vec<String>, Error> {
    let mut objects = touched(session, witness, schema).await?;
    let itself = witness
        .query_opt(
            "select tableoid, oid from pg_namespace where nspname = $1",
            &[&schema],
        )
        .await?;
    if let Some(row) = itself {
        // Its comment went with it.
        objects.remove(&(row.get(0), row.get(1)));
    }
    describe(session, witness, objects).await
}

/// Catalog and number of everything outside that was changed, or is locked to be.
async fn touched(
    session: &Client,
    witness: &Client,
    schema: &str,
) -> Result<BTreeSet<(u32, u32)>, Error> {
    let mut objects = changed(session, witness, schema).await?;
    objects.extend(locked(session, witness, schema).await?);
    Ok(objects)
}

async fn describe(
    session: &Client,
    witness: &Client,
    objects: BTreeSet<(u32, u32)>,
) -> Result<Vec<String>, Error> {
    let mut described = BTreeSet::new();
    for (class, object) in objects {
        let mut description = None;
        for side in [session, witness] {
            let row = side
                .query_one("select pg_describe_object($1, $2, 0)", &[&class, &object])
                .await?;
            description = description.or(row.get::<_, Option<String>>(0));
        }
        described.insert(description.unwrap_or_else(|| format!("object {object}")));
    }
    Ok(described.into_iter().collect())
}

async fn changed(
    session: &Client,
    witness: &Client,
    schema: &str,
) -> Result<BTreeSet<(u32, u32)>, Error> {
    let query = catalogs();
    let mut differing = BTreeSet::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let seen_inside = rows(session, &query, schema).await?;
        let seen_by_others = rows(witness, &query, schema).await?;
        differing = seen_inside
            .symmetric_difference(&seen_by_others)
            .map(|(class, object, _)| (*class, *object))
            .collect();
        // A difference that stays is the transaction's own: what others have committed both see by now.
        if differing.is_empty() {
            break;
        }
    }
    Ok(differing)
}

async fn rows(client: &Client, query: &str, schema: &str) -> Result<BTreeSet<CatalogRow>, Error> {
    let rows = client.query(query, &[&schema]).await?;
    Ok(rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect())
}

/// Every catalog row outside the schema `$1` and outside those of temporary and TOAST tables, which belong to their makers.
fn catalogs() -> String {
    let in_a_schema = IN_A_SCHEMA.iter().map(|(catalog, schema)| {
        format!(
            "select tableoid, oid, xmin::text from {catalog} where not ({schema} = any(inside))"
        )
    });
    let of_a_relation = OF_A_RELATION.iter().map(|(catalog, relation)| {
        format!(
            "select t.tableoid, t.oid, t.xmin::text from {catalog} t join pg_class c on c.oid = {relation} \
             where not (relnamespace = any(inside))"
        )
    });
    let of_the_database = OF_THE_DATABASE
        .iter()
        .map(|catalog| format!("select tableoid, oid, xmin::text from {catalog}"));
    let others = OTHERS.iter().map(|query| (*query).to_owned());
    let parts: Vec<String> = in_a_schema
        .chain(of_a_relation)
        .chain(of_the_database)
        .chain(others)
        .collect();
    let inside = "array(select oid from pg_namespace where nspname = $1 or nspname ~ '^pg_(toast|temp_|toast_temp_)')";
    parts.join(" union all ").replace("inside", inside)
}

/// Relations outside the schema that the transaction holds a stronger lock on than for reading, as everybody else sees them: one it
/// has dropped is among them, one it has made is not.
async fn locked(
    session: &Client,
    witness: &Client,
    schema: &str,
) -> Result<Vec<(u32, u32)>, Error> {
    let backend: i32 = session
        .query_one("select pg_backend_pid()", &[])
        .await?
        .get(0);
    let rows = witness
        .query(
            "select distinct c.tableoid, c.oid from pg_locks l join pg_class c on c.oid = l.relation \
                 join pg_namespace n on n.oid = c.relnamespace join pg_database d on d.oid = l.database \
             where l.pid = $1 and l.locktype = 'relation' and l.mode <> 'AccessShareLock' and d.datname = current_database() \
                 and c.oid >= 16384 and n.nspname <> $2 and n.nspname !~ '^pg_(toast|temp_|toast_temp_)'",
            &[&backend, &schema],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
