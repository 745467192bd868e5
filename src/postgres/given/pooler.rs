//! A pooler between us and the server, recognised by what it does: a session that wanders between connections of the server.

use std::time::Duration;

use thiserror::Error;
use tokio_postgres::SimpleQueryMessage;

use crate::postgres::connect::{Address, Session};
use crate::postgres::database::server_message;

/// Rounds of two sessions taking turns. One is enough for a pooler that hands out the connection given back last.
const ROUNDS: u32 = 4;

/// How long a second session may wait for the first before that is taken for a pooler with a single connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why sessions cannot be relied on.
#[derive(Debug, Error)]
pub enum PoolerError {
    /// The signs of one were seen.
    #[error(
        "{server} is a connection pooler in transaction or statement mode ({sign}): settings and prepared statements would reach another connection than the statement that is measured; name the server itself, not the pooler"
    )]
    Pooler {
        /// The server.
        server: String,
        /// What gave it away.
        sign: String,
    },
    /// No second session to be had.
    #[error("cannot open a second session on {server}: {reason}")]
    SecondSession {
        /// The server.
        server: String,
        /// Why.
        reason: String,
    },
}

/// Watches two sessions take turns, inside transactions and outside. Gives the process ids of their backends, which are ours. Uses no
/// prepared statement: behind such a pooler those fail.
///
/// # Errors
/// If there is a pooler that does not keep a session on one connection, or no second session.
pub async fn check(address: &Address, first: &Session) -> Result<Vec<i32>, PoolerError> {
    let server = address.describe();
    let failed = |reason| PoolerError::SecondSession {
        server: server.clone(),
        reason,
    };
    let second = tokio::time::timeout(PATIENCE, address.connect(address.maintenance()))
        .await
        .map_err(|_| failed("the server does not answer while the first one is open".to_owned()))?
        .map_err(|error| failed(error.to_string()))?;
    let watched = tokio::time::timeout(PATIENCE, watch(first, &second)).await;
    match watched {
        Err(_) => Err(PoolerError::Pooler {
            server,
            sign: "a session has to wait until another one's transaction ends".to_owned(),
        }),
        Ok(Err(sign)) => Err(PoolerError::Pooler { server, sign }),
        Ok(Ok(backends)) => {
            second.close().await;
            Ok(backends)
        }
    }
}

/// The backends of both sessions, or what gives a pooler away.
async fn watch(first: &Session, second: &Session) -> Result<Vec<i32>, String> {
    let both = [backend(first).await?, backend(second).await?];
    for _ in 0..ROUNDS {
        // While one is inside a transaction, the other gets another connection from a pooler, and keeps it afterwards.
        run(second, "begin").await?;
        compare(both, [backend(first).await?, backend(second).await?])?;
        run(first, "begin").await?;
        run(second, "commit").await?;
        compare(both, [backend(first).await?, backend(second).await?])?;
        run(first, "commit").await?;
        compare(both, [backend(first).await?, backend(second).await?])?;
    }
    run(first, "select set_config('pgqa.session', 'first', false)").await?;
    run(second, "select set_config('pgqa.session', 'second', false)").await?;
    let kept = text(first, "select current_setting('pgqa.session', true)").await?;
    if kept.as_deref() != Some("first") {
        return Err("a session's setting is found in another session".to_owned());
    }
    Ok(both.to_vec())
}

fn compare(before: [i32; 2], now: [i32; 2]) -> Result<(), String> {
    let [first, second] = now;
    if first == second {
        return Err(format!("two sessions are served by one backend, {first}"));
    }
    if before == now {
        Ok(())
    } else {
        Err(format!(
            "one session was served by the backends {} and {}",
            if before[0] == first {
                before[1]
            } else {
                before[0]
            },
            if before[0] == first { second } else { first }
        ))
    }
}

async fn backend(session: &Session) -> Result<i32, String> {
    let pid = text(session, "select pg_backend_pid()").await?;
    pid.and_then(|pid| pid.parse().ok())
        .ok_or_else(|| "a session does not know its backend".to_owned())
}

async fn run(session: &Session, statement: &str) -> Result<(), String> {
    text(session, statement).await.map(|_| ())
}

async fn text(session: &Session, query: &str) -> Result<Option<String>, String> {
    let messages = session
        .simple_query(query)
        .await
        .map_err(|error| format!("`{query}` fails: {}", server_message(&error)))?;
    Ok(messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn a_session_stays_with_its_backend() {
        assert_eq!(compare([7, 8], [7, 8]), Ok(()));
        let shared = compare([7, 8], [8, 8]).expect_err("shared");
        assert!(shared.contains("one backend, 8"), "{shared}");
        let moved = compare([7, 8], [9, 8]).expect_err("moved");
        assert!(moved.contains("7 and 9"), "{moved}");
        let moved = compare([7, 8], [7, 9]).expect_err("moved");
        assert!(moved.contains("8 and 9"), "{moved}");
    }
}
