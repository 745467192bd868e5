//! `clean`: what the program keeps is listed and removed: clusters of the cache, old runs, databases on a server.

mod cache;
mod databases;
mod old_runs;

use std::io::IsTerminal;

use super::listing;
use crate::cli::args::{Clean, Common};
use crate::cli::exit::{Exit, Usage};
use crate::cli::{consent, progress, server};
use crate::report::text::inert_lines;
use crate::units::Bytes;

use databases::Server;

/// Runs the command.
///
/// # Errors
/// If what there is cannot be listed, nobody can be asked, or something cannot be removed.
pub async fn run(arguments: &Clean, common: &Common) -> anyhow::Result<Exit> {
    let given = server::is_given(common)?;
    let server = if given {
        Some(Server::connect(common).await?)
    } else {
        None
    };
    let mut findings = Findings::default();
    if arguments.cache || !(given || arguments.runs) {
        cache::find(common, &mut findings)?;
    }
    if arguments.runs {
        let (out, age) = (&arguments.out, arguments.older_than);
        old_runs::find(out, age, jiff::Timestamp::now(), &mut findings)?;
    }
    if let Some(server) = &server {
        server
            .find(arguments.other_installations, &mut findings)
            .await?;
    }
    print(&findings.text())?;
    if findings.going.is_empty() || arguments.dry_run {
        return Ok(Exit::Done);
    }
    agree(common).await?;
    let removed = remove(findings.going, server.as_ref()).await;
    print(&format!("freed {}\n", Bytes(removed.bytes)))?;
    Ok(if removed.failed {
        Exit::Failed
    } else {
        Exit::Done
    })
}

/// What was found.
#[derive(Debug, Default)]
struct Findings {
    going: Vec<Item>,
    /// What stays, and why.
    staying: Vec<[String; 2]>,
}

/// Something that goes.
#[derive(Debug)]
struct Item {
    name: String,
    bytes: u64,
    about: String,
    thing: Thing,
}

#[derive(Debug)]
enum Thing {
    InCache(cache::Thing),
    Run(crate::run::store::folders::RunFolder),
    Database(databases::Thing),
}

impl Findings {
    fn text(&self) -> String {
        let mut text = String::new();
        if self.going.is_empty() {
            text.push_str("nothing to remove\n");
        } else {
            let total = self.going.iter().map(|item| item.bytes).sum();
            text.push_str(&format!("to be removed, {} in all:\n", Bytes(total)));
            text.push_str(&listing::lines(self.going.iter().map(|item| {
                [
                    format!("  {}", item.name),
                    Bytes(item.bytes).to_string(),
                    item.about.clone(),
                ]
            })));
        }
        if !self.staying.is_empty() {
            text.push_str("kept:\n");
            let rows = self.staying.iter().cloned();
            text.push_str(&listing::lines(
                rows.map(|[name, why]| [format!("  {name}"), why]),
            ));
        }
        text
    }
}

/// Names and paths in it made inert.
fn print(text: &str) -> anyhow::Result<Exit> {
    listing::print(&(inert_lines(text.trim_end()).join("\n") + "\n"))
}

async fn agree(common: &Common) -> anyhow::Result<()> {
    let refused = |reason: &str| Err(Usage(format!("nothing was removed: {reason}")).into());
    if common.yes {
        return Ok(());
    }
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return refused("say --yes to remove where nobody can be asked, or --dry-run to list only");
    }
    if consent::answered_yes("Remove it?").await {
        Ok(())
    } else {
        refused("the answer was not yes")
    }
}

/// How a removal ended.
#[derive(Debug, Default)]
struct Removed {
    bytes: u64,
    failed: bool,
}

/// Removes one after the other; what cannot be removed is told, and the rest goes all the same.
async fn remove(items: Vec<Item>, server: Option<&Server>) -> Removed {
    let mut removed = Removed::default();
    for item in items {
        let outcome = match (&item.thing, server) {
            (Thing::InCache(thing), _) => thing.remove(),
            (Thing::Run(folder), _) => old_runs::remove(folder),
            (Thing::Database(thing), Some(server)) => server.remove(thing).await,
            (Thing::Database(_), None) => Ok(false),
        };
        match outcome {
            Ok(true) => removed.bytes = removed.bytes.saturating_add(item.bytes),
            Ok(false) => progress::tell(&format!("{} is in use by now: kept", item.name)),
            Err(error) => {
                removed.failed = true;
                progress::tell(&format!(
                    "failed: cannot remove {}: {}",
                    item.name,
                    crate::cli::exit::message(&error)
                ));
            }
        }
    }
    removed
}
