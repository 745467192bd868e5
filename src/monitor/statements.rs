//! Each statement's share of the server's time, by pg_stat_statements before and after.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::{MonitorError, failed};
use crate::run::throughput::StatementShare;
use crate::sql::token::{TokenKind, tokens};

/// Characters of a text that stands for a statement without a name.
const LONGEST_TEXT: usize = 120;

/// What the server has counted of each statement, by its identifiers.
pub type Statements = BTreeMap<(i64, u32, bool), Statement>;

/// What the server has counted of one statement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statement {
    /// Its text, with parameters in the place of constants.
    pub text: String,
    /// How often it was called.
    pub calls: i64,
    /// Rows it returned or wrote.
    pub rows: i64,
    /// Time it took.
    pub total_ms: f64,
    /// Pages found or read.
    pub pages: i64,
    /// WAL bytes.
    pub wal_bytes: i64,
}

/// The schema of the extension in the database of a session, if it is there and the server has loaded its library. `make` says whether
/// the extension may be made.
pub async fn schema(monitoring: &Client, make: bool) -> Option<String> {
    if make {
        let create = "create extension if not exists pg_stat_statements";
        let _ = monitoring.batch_execute(create).await;
    }
    let of_extension = "select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace \
         where e.extname = 'pg_stat_statements'";
    let row = monitoring.query_opt(of_extension, &[]).await.ok()??;
    let schema: String = row.get(0);
    let probe = format!("select count(*) from {schema}.pg_stat_statements(false)");
    monitoring.query_one(&probe, &[]).await.ok()?;
    Some(schema)
}

/// What was counted in a database; `schema` is that of the extension.
///
/// # Errors
/// If the server does not tell.
pub async fn of_database(
    monitoring: &Client,
    schema: &str,
    database: &str,
) -> Result<Statements, MonitorError> {
    let query = format!(
        "select s.queryid, s.userid, s.toplevel, coalesce(s.query, ''), s.calls, s.rows, s.total_exec_time, \
             s.shared_blks_hit + s.shared_blks_read, s.wal_bytes::bigint \
         from {schema}.pg_stat_statements s join pg_database d on d.oid = s.dbid where d.datname = $1 and s.queryid is not null"
    );
    let rows = monitoring.query(&query, &[&database]).await;
    let rows = rows.map_err(failed("pg_stat_statements"))?;
    let each = rows.iter().map(|row| {
        let statement = Statement {
            text: row.get(3),
            calls: row.get(4),
            rows: row.get(5),
            total_ms: row.get(6),
            pages: row.get(7),
            wal_bytes: row.get(8),
        };
        ((row.get(0), row.get(1), row.get(2)), statement)
    });
    Ok(each.collect())
}

/// What each statement did between two readings, the longest time first. `named` are names and texts of the queue's statements.
#[must_use]
pub fn shares(
    before: &Statements,
    after: &Statements,
    named: &[(String, String)],
) -> Vec<StatementShare> {
    let names: BTreeMap<String, &str> = named
        .iter()
        .rev()
        .map(|(name, text)| (fingerprint(text), name.as_str()))
        .collect();
    let mut sums: BTreeMap<(bool, String), Statement> = BTreeMap::new();
    for (key, after) in after {
        let before = before.get(key).cloned().unwrap_or_default();
        let calls = after.calls - before.calls;
        if calls <= 0 {
            continue;
        }
        let key = match names.get(&fingerprint(&after.text)) {
            Some(name) => (true, (*name).to_owned()),
            None => (false, shortened(&after.text)),
        };
        let sum = sums.entry(key).or_default();
        sum.calls += calls;
        sum.rows += after.rows - before.rows;
        sum.total_ms += after.total_ms - before.total_ms;
        sum.pages += after.pages - before.pages;
        sum.wal_bytes += after.wal_bytes - before.wal_bytes;
    }
    let total_ms: f64 = sums.values().map(|sum| sum.total_ms).sum();
    let mut shares: Vec<StatementShare> = sums
        .into_iter()
        .map(|(name, sum)| share(name, &sum, total_ms))
        .collect();
    shares.sort_by(|one, other| other.total_ms.total_cmp(&one.total_ms));
    shares
}

fn share((of_queue, statement): (bool, String), sum: &Statement, total_ms: f64) -> StatementShare {
    let calls = sum.calls as f64;
    StatementShare {
        statement,
        of_queue,
        calls: u64::try_from(sum.calls).unwrap_or(0),
        rows: u64::try_from(sum.rows).unwrap_or(0),
        total_ms: sum.total_ms,
        share: if total_ms > 0.0 {
            sum.total_ms / total_ms
        } else {
            0.0
        },
        pages_per_call: sum.pages as f64 / calls,
        wal_bytes_per_call: sum.wal_bytes as f64 / calls,
    }
}

/// What is left of a statement when constants and parameters, comments and white space do not count. The server replaces constants, with
/// their sign, by parameters; from 18 on a list of them by its first.
fn fingerprint(sql: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for token in tokens(sql) {
        let text = &sql[token.span.clone()];
        let is_value = match token.kind {
            TokenKind::String
            | TokenKind::DollarQuoted
            | TokenKind::Number
            | TokenKind::PositionalParameter
            | TokenKind::Parameter => true,
            TokenKind::Word => ["true", "false", "null"]
                .iter()
                .any(|value| text.eq_ignore_ascii_case(value)),
            _ => false,
        };
        if is_value {
            push_value(&mut words);
        } else if !token.kind.is_trivia() && token.kind != TokenKind::Semicolon {
            words.push(text.to_ascii_lowercase());
        }
    }
    words.join(" ")
}

fn push_value(words: &mut Vec<String>) {
    if words.last().is_some_and(|word| word == "-") {
        words.pop();
    }
    let in_list = matches!(words.as_slice(), [.., value, comma] if value == "?" && comma == ",");
    if in_list {
        words.pop();
    } else {
        words.push("?".to_owned());
    }
}

/// A text on one line, cut where it gets long.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST_TEXT {
        return line;
    }
    let cut: String = line.chars().take(LONGEST_TEXT - 1).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_known_whatever_its_constants() {
        let file = "update job -- takes them\n set state = 'running', n = -1, b = true\n where id in (1, 2, 3) and x = :now";
        let server =
            "update job set state = $1, n = $2, b = $3 where id in ($4 /*, ... */) and x = $5";
        assert_eq!(fingerprint(file), fingerprint(server));
        let other = "update job set status = $1, n = $2, b = $3 where id in ($4) and x = $5";
        assert_ne!(fingerprint(file), fingerprint(other));
    }

    #[test]
    fn columns_and_functions_stay_apart() {
        assert_ne!(fingerprint("select a, 1"), fingerprint("select 1, a"));
        assert_eq!(fingerprint("select n - 1"), fingerprint("select n - $1"));
        assert_ne!(fingerprint("select f(1)"), fingerprint("select f(1, x)"));
    }

    fn counted(text: &str, calls: i64, total_ms: f64) -> Statement {
        Statement {
            text: text.to_owned(),
            calls,
            rows: calls * 2,
            total_ms,
            pages: calls * 10,
            wal_bytes: calls * 100,
        }
    }

    #[test]
    fn the_longest_comes_first_and_what_was_before_is_not_counted() {
        let before = Statements::from([((1, 10, true), counted("select $1", 5, 50.0))]);
        let after = Statements::from([
            ((1, 10, true), counted("select $1", 7, 60.0)),
            ((2, 10, true), counted("delete from job", 4, 25.0)),
            ((3, 10, true), counted("delete  from job", 1, 5.0)),
        ]);
        let named = [("complete".to_owned(), "delete from job;".to_owned())];
        let shares = shares(&before, &after, &named);
        let found: Vec<_> = shares
            .iter()
            .map(|share| {
                (
                    share.statement.as_str(),
                    share.of_queue,
                    share.calls,
                    share.share,
                )
            })
            .collect();
        let expected = [("complete", true, 5, 0.75), ("select $1", false, 2, 0.25)];
        assert_eq!(found, expected);
        assert!((shares[0].pages_per_call - 10.0).abs() < 1e-9);
        let again = super::shares(&after, &after, &named);
        assert_eq!(again, []);
    }

    #[test]
    fn long_texts_are_cut() {
        let text = shortened(&"select\n 'ä' ".repeat(40));
        assert_eq!(text.chars().count(), LONGEST_TEXT);
        assert!(text.ends_with('…') && !text.contains('\n'), "{text}");
    }
}
