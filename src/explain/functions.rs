//! The functions and triggers of a database, as far as measuring has to know them: which statements may reach one, and which tables and
//! sequences a rehearsal may empty and fill again.

use std::collections::BTreeSet;
use std::fmt::Write;

use tokio_postgres::{Client, Error};

use crate::sql::token::{TokenKind, tokens};

/// Functions whose statements PostgreSQL plans: those in C or in the server plan theirs by themselves, if they have any.
const FUNCTIONS: &str = "select distinct p.proname::text from pg_proc p join pg_language l on l.oid = p.prolang \
     where p.oid >= 16384 and l.lanname not in ('internal', 'c') and (not $1 or pg_function_is_visible(p.oid)) order by 1";

/// Tables with triggers; those of foreign keys are PostgreSQL's own.
const TRIGGERED: &str = "select distinct c.relname::text from pg_trigger t join pg_class c on c.oid = t.tgrelid \
     where not t.tgisinternal and (not $1 or pg_table_is_visible(c.oid)) order by 1";

/// Tables that hold rows, with the columns that can be written.
const TABLES: &str = "select c.oid::regclass::text, greatest(c.reltuples, 0)::float8, \
         (select coalesce(string_agg(quote_ident(a.attname), ', ' order by a.attnum), '') from pg_attribute a \
          where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''), \
         nullif(c.reltoastrelid, 0)::regclass::text \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     where c.relkind = 'r' and c.relpersistence <> 't' and c.oid >= 16384 and n.nspname <> 'pgqa' \
     and (not $1 or pg_table_is_visible(c.oid)) order by c.oid";

/// Sequences with the value each would give next.
const SEQUENCES: &str = "select c.oid::regclass::text, greatest(s.seqmin, least(s.seqmax, \
         coalesce(pg_sequence_last_value(c.oid)::numeric + s.seqincrement, s.seqstart)))::text \
     from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace \
     where c.relpersistence <> 't' and n.nspname <> 'pgqa' and (not $1 or pg_table_is_visible(c.oid)) order by c.oid";

/// Rows of a table that a rehearsal keeps, about.
const ROWS_KEPT: f64 = 2_000.0;

/// Whose functions, tables and sequences are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// All of the database: it is ours.
    Database,
    /// Those that a name without a schema finds, in a schema of our own.
    Schema,
    /// Those that a name without a schema finds; the tables are others' and are not to be emptied.
    Others,
}

/// What statements may reach.
#[derive(Debug, Default)]
pub struct Functions {
    names: BTreeSet<String>,
    triggered: BTreeSet<String>,
    tables: Vec<Table>,
    /// Name and next value.
    sequences: Vec<(String, String)>,
}

#[derive(Debug)]
struct Table {
    /// Quoted where it has to be.
    name: String,
    rows: f64,
    columns: String,
    /// Where its large values lie.
    out_of_line: Option<String>,
}

impl Functions {
    /// Reads them in the database that `client` is connected to.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn read(client: &Client, owner: Owner) -> Result<Functions, Error> {
        let visible = owner != Owner::Database;
        let mut functions = Functions::default();
        for (query, names) in [
            (FUNCTIONS, &mut functions.names),
            (TRIGGERED, &mut functions.triggered),
        ] {
            let rows = client.query(query, &[&visible]).await?;
            names.extend(rows.iter().map(|row| row.get::<_, String>(0)));
        }
        if owner == Owner::Others || functions.names.is_empty() {
            return Ok(functions);
        }
        let tables = client.query(TABLES, &[&visible]).await?;
        functions.tables = tables
            .iter()
            .map(|row| Table {
                name: row.get(0),
                rows: row.get(1),
                columns: row.get(2),
                out_of_line: row.get(3),
            })
            .filter(|table| !table.columns.is_empty())
            .collect();
        let sequences = client.query(SEQUENCES, &[&visible]).await?;
        functions.sequences = sequences
            .iter()
            .map(|row| (row.get(0), row.get(1)))
            .collect();
        Ok(functions)
    }

    /// Whether a statement may execute others: it names a function, or a table with a trigger. What is reached through a view, a default
    /// or a policy is not seen.
    #[must_use]
    pub fn are_reached_by(&self, sql: &str) -> bool {
        tokens(sql).any(|token| {
            let text = &sql[token.span];
            let name = match token.kind {
                TokenKind::Word => text.to_lowercase(),
                TokenKind::QuotedIdentifier => text.trim_matches('"').replace("\"\"", "\""),
                _ => return false,
            };
            self.names.contains(&name) || self.triggered.contains(&name)
        })
    }

    /// Whether there are tables that may be emptied.
    pub(super) fn can_be_rehearsed(&self) -> bool {
        !self.tables.is_empty()
    }

    /// Gives every table and sequence new, nearly empty files, with some rows from all over the table, until the transaction is rolled
    /// back; the files there are stay as they are, byte for byte. `quietly` keeps triggers and foreign keys from noticing, which takes a
    /// superuser.
    pub(super) fn empty_and_refill(&self, quietly: bool) -> String {
        let role = |role: &str| match quietly {
            true => format!("set local session_replication_role = {role}; "),
            false => String::new(),
        };
        let mut script = role("replica");
        for (number, table) in self.tables.iter().enumerate() {
            let Table { name, columns, .. } = table;
            let part = sample(table.rows);
            let _ = write!(
                script,
                "create temp table pgqa_kept_{number} as select {columns} from only {name}{part}; "
            );
        }
        let names: Vec<String> = self
            .tables
            .iter()
            .map(|table| format!("only {}", table.name))
            .collect();
        let _ = write!(script, "truncate {}; ", names.join(", "));
        for (name, next) in &self.sequences {
            let _ = write!(script, "alter sequence {name} restart with {next}; ");
        }
        for (number, table) in self.tables.iter().enumerate() {
            let Table { name, columns, .. } = table;
            let _ = write!(
                script,
                "insert into {name} ({columns}) overriding system value select {columns} from pgqa_kept_{number}; "
            );
        }
        script + &role("origin")
    }

    /// Makes a session look up again what it forgets of tables and sequences when such a transaction is rolled back. Nothing is
    /// executed. `everywhere` takes in where large values lie, which takes a superuser.
    pub(super) fn look_up_again(&self, everywhere: bool) -> String {
        let mut script = String::from(
            "select count(c.oid::regclass::text) from pg_class c where c.oid >= 16384",
        );
        for table in &self.tables {
            let out_of_line = table.out_of_line.as_ref().filter(|_| everywhere);
            for name in [Some(&table.name), out_of_line].into_iter().flatten() {
                let _ = write!(script, "; explain select * from only {name}");
            }
        }
        for (name, _) in &self.sequences {
            let _ = write!(script, "; explain select * from {name}");
        }
        script
    }
}

/// The part of a table with so many rows that is kept: single rows from all over it, always the same ones.
fn sample(rows: f64) -> String {
    if rows <= ROWS_KEPT {
        return String::new();
    }
    format!(
        " tablesample bernoulli ({}) repeatable (1)",
        100.0 * ROWS_KEPT / rows
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions() -> Functions {
        let table = |name: &str, rows: f64, out_of_line: Option<&str>| Table {
            name: name.to_owned(),
            rows,
            columns: "id, \"State\"".to_owned(),
            out_of_line: out_of_line.map(str::to_owned),
        };
        Functions {
            names: ["fetch_jobs", "Odd\"Name"].map(str::to_owned).into(),
            triggered: ["job".to_owned()].into(),
            tables: vec![
                table("job", 1_000_000.0, Some("pg_toast.pg_toast_1")),
                table("log", 5.0, None),
            ],
            sequences: vec![("job_id_seq".to_owned(), "11".to_owned())],
        }
    }

    #[test]
    fn a_statement_reaches_what_it_names() {
        let functions = functions();
        for (sql, reached) in [
            ("select * from Fetch_Jobs(:batch_size)", true),
            (r#"select "Odd""Name"()"#, true),
            ("update job set n = 1", true),
            ("update jobs set n = 'job' -- fetch_jobs", false),
            (r#"select "Fetch_jobs"()"#, false),
        ] {
            assert_eq!(functions.are_reached_by(sql), reached, "{sql}");
        }
        assert!(!Functions::default().are_reached_by("select f()"));
    }

    #[test]
    fn a_rehearsal_keeps_some_rows_of_each_table() {
        let script = functions().empty_and_refill(true);
        assert!(script.starts_with("set local session_replication_role = replica; create temp"));
        assert!(script.ends_with("session_replication_role = origin; "));
        for part in [
            "from only job tablesample bernoulli (0.2) repeatable (1);",
            "from only log;",
            "truncate only job, only log;",
            "alter sequence job_id_seq restart with 11;",
            "insert into log (id, \"State\") overriding system value select id, \"State\" from pgqa_kept_1;",
        ] {
            assert!(script.contains(part), "{part}: {script}");
        }
        assert!(!functions().empty_and_refill(false).contains("replication"));
        let again = functions().look_up_again(true);
        assert!(again.ends_with("; explain select * from only job; explain select * from only pg_toast.pg_toast_1; explain select * from only log; explain select * from job_id_seq"));
        assert!(!functions().look_up_again(false).contains("pg_toast"));
    }
}
