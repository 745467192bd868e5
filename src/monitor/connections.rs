//! Whether a server has room for the connections of so many workers.

use thiserror::Error;
use tokio_postgres::Client;

use super::{MonitorError, failed};

/// Sessions beside the workers' that a drain may have at the same time: those that make copies and mark them, watch, look into the copy,
/// and empty the queue in the end.
pub const OWN_SESSIONS: u64 = 6;

/// More workers than the server lets in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{workers} workers need {needed} connections, the server allows {allowed}{}: take at most {possible} --workers, or raise max_connections",
    if *used > 0 { format!(" and {used} are in use") } else { String::new() }
)]
pub struct TooManyWorkers {
    /// Workers.
    pub workers: u64,
    /// Connections they need, ours included.
    pub needed: u64,
    /// `max_connections`.
    pub allowed: u64,
    /// Connections of others.
    pub used: u64,
    /// Workers for which there is room.
    pub possible: u64,
}

/// How many connections a server has, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// `max_connections`.
    pub allowed: u64,
    /// Those of them that are kept for superusers and for roles that may use reserved ones.
    pub reserved: u64,
    /// Those that others use.
    pub used: u64,
}

/// Sessions of others: those of this program are counted with it.
const QUERY: &str = "select current_setting('max_connections')::bigint, \
         current_setting('superuser_reserved_connections')::bigint + coalesce(current_setting('reserved_connections', true), '0')::bigint, \
         (select count(*) from pg_stat_activity where backend_type = 'client backend' and application_name not like $1)";

/// Asks for them.
///
/// # Errors
/// If the server does not tell.
pub async fn ask(session: &Client) -> Result<Connections, MonitorError> {
    let own = format!("{}%", env!("CARGO_PKG_NAME"));
    let row = session.query_one(QUERY, &[&own]).await;
    let row = row.map_err(failed("how many connections there are"))?;
    let number = |index: usize| u64::try_from(row.get::<_, i64>(index)).unwrap_or(0);
    Ok(Connections {
        allowed: number(0),
        reserved: number(1),
        used: number(2),
    })
}

/// Whether so many workers can connect.
///
/// # Errors
/// If they cannot.
pub fn check(connections: Connections, workers: u64) -> Result<(), TooManyWorkers> {
    let Connections {
        allowed,
        reserved,
        used,
    } = connections;
    let possible = allowed.saturating_sub(reserved + used + OWN_SESSIONS);
    if workers <= possible {
        return Ok(());
    }
    Err(TooManyWorkers {
        workers,
        needed: workers + OWN_SESSIONS,
        allowed,
        used,
        possible,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Connections = Connections {
        allowed: 100,
        reserved: 3,
        used: 0,
    };

    #[test]
    fn as_many_workers_as_there_is_room_for() {
        assert_eq!(check(DEFAULT, 91), Ok(()));
        let error = check(DEFAULT, 256).expect_err("too many");
        assert_eq!(
            error.to_string(),
            "256 workers need 262 connections, the server allows 100: take at most 91 --workers, or raise max_connections"
        );
    }

    #[test]
    fn what_others_use_is_not_there() {
        let busy = Connections {
            used: 20,
            ..DEFAULT
        };
        assert_eq!(check(busy, 71), Ok(()));
        let error = check(busy, 72).expect_err("too many").to_string();
        assert!(error.contains("allows 100 and 20 are in use"), "{error}");
        let full = Connections {
            used: 100,
            ..DEFAULT
        };
        assert_eq!(check(full, 1).map_err(|error| error.possible), Err(0));
    }
}
