//! `selftest`: what can be trusted on this server and machine.

use std::time::Instant;

use super::listing;
use crate::cli::args::{Common, Selftest};
use crate::cli::exit::Exit;
use crate::cli::interrupt::Interrupted;
use crate::cli::server;
use crate::experiment::selftest::{self, Extent, Pairs};
use crate::postgres::workspace::Workspace;
use crate::report;
use crate::run::event::Events;
use crate::run::selftest::Outcome;

/// Runs the command.
///
/// # Errors
/// If there is no server, or it cannot be used for what every run needs.
pub async fn run(arguments: &Selftest, common: &Common) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let work = async |workspace: &Workspace, events: &Events| {
        let pairs = arguments
            .pairs
            .map_or(Pairs::AsFit, |pairs| Pairs::Exactly(pairs.into()));
        let extent = Extent {
            started,
            budget: arguments.budget,
            pairs,
        };
        Ok(selftest::run(workspace, extent, events).await?)
    };
    let found = match server::with_server(common, "selftest", &selftest::workload()?, work).await? {
        Ok(found) => found,
        Err(Interrupted) => return Ok(Exit::Interrupted),
    };
    let text = if arguments.json {
        serde_json::to_string_pretty(&found)? + "\n"
    } else {
        report::render_selftest(&found, listing::layout(common, None))
    };
    listing::print(&text)?;
    Ok(match found.outcome() {
        Outcome::Passed => Exit::Done,
        Outcome::CountsDiffer => Exit::GateFailed,
        Outcome::Inconclusive => Exit::Inconclusive,
    })
}
