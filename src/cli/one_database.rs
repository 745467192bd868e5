//! Options that keep work inside the one database that the URL names.

use std::time::Duration;

use super::args::{Common, OneDatabase};
use super::exit::Usage;
use super::server;
use crate::experiment::cost::Workload;
use crate::experiment::in_place::{self, InPlace};
use crate::experiment::plans::Request;
use crate::explain::ground::Access;
use crate::explain::standing::Timeouts;

/// How long a statement may wait for a lock in place, unless `--lock-timeout` says otherwise.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a statement may take in place, unless `--statement-timeout` says otherwise.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);

/// What the options ask for, if measuring in place.
///
/// # Errors
/// If there is no server of the user's own to work on (usage).
pub fn in_place(options: &OneDatabase, common: &Common) -> anyhow::Result<Option<InPlace>> {
    let asked = match (options.in_place, &options.in_schema) {
        (true, _) => Some("--in-place"),
        (false, Some(_)) => Some("--in-schema"),
        (false, None) => None,
    };
    if let (Some(option), false) = (asked, server::is_given(common)?) {
        let message = format!(
            "{option} works in a database on a server of one's own: name it with --database-url"
        );
        return Err(Usage(message).into());
    }
    let access = if options.allow_writes {
        Access::ReadWrite
    } else {
        Access::ReadOnly
    };
    Ok(options.in_place.then_some(InPlace {
        access,
        timeouts: Timeouts {
            lock: options.lock_timeout.unwrap_or(LOCK_TIMEOUT),
            statement: options.statement_timeout.unwrap_or(STATEMENT_TIMEOUT),
        },
    }))
}

/// What measuring will ask of a server, whichever way.
#[must_use]
pub fn workload(request: &Request) -> Workload {
    let Request {
        queues,
        fixtures,
        selection,
        sampling,
        ..
    } = request;
    let measuring = Workload::measuring(queues, fixtures, selection);
    let Some(in_place) = request.in_place else {
        return measuring;
    };
    let variants = measuring
        .pieces
        .iter()
        .map(|piece| piece.variants)
        .sum::<u64>();
    let variants = usize::try_from(variants).unwrap_or(usize::MAX);
    Workload::besides(in_place::left_behind(
        in_place.access,
        variants,
        sampling.samples,
    ))
}
