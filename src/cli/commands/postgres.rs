//! `postgres`: list the servers there are, fetch and remove some.

use std::path::PathBuf;

use anyhow::Context;

use super::listing;
use crate::cli::args::{Common, PostgresAction};
use crate::cli::exit::{Exit, Usage};
use crate::cli::interrupt::{Interrupted, Interrupts};
use crate::cli::{progress, server};
use crate::postgres::binaries::{self, Installation, Wanted};
use crate::postgres::equipment;
use crate::postgres::packages::{self, Fetched, Place, Requested};
use crate::report::text::inert_lines;
use crate::units::Bytes;

/// Runs the command.
///
/// # Errors
/// If a server cannot be fetched, or one to be removed is not there or in use.
pub async fn run(action: &PostgresAction, common: &Common) -> anyhow::Result<Exit> {
    let cache = std::path::absolute(server::cache_directory(common)?)
        .context("cannot find the working directory")?;
    match action {
        PostgresAction::List => print(&list(&cache)),
        PostgresAction::Install { version } => install(*version, cache, common).await,
        PostgresAction::Remove { version, .. } => remove(*version, cache, common).await,
    }
}

/// Names in it made inert: paths are the user's.
fn print(text: &str) -> anyhow::Result<Exit> {
    listing::print(&(inert_lines(text.trim_end()).join("\n") + "\n"))
}

fn list(cache: &std::path::Path) -> String {
    let found = binaries::installed(cache);
    let default = binaries::choose(&Wanted::Newest, found.clone()).ok();
    let mut text = if found.is_empty() {
        "no PostgreSQL server found\n".to_owned()
    } else {
        listing::lines(found.iter().map(|one| line(one, default.as_ref())))
    };
    let versions = packages::versions();
    text.push('\n');
    text.push_str(&if versions.is_empty() {
        "There are no packages for this machine to fetch servers from.\n".to_owned()
    } else {
        format!(
            "`{} postgres install VERSION` fetches {} into {}.\n",
            env!("CARGO_PKG_NAME"),
            packages::listed(&versions),
            packages::directory(cache).display()
        )
    });
    text
}

fn line(installation: &Installation, default: Option<&Installation>) -> [String; 5] {
    let mark = if default == Some(installation) {
        "default"
    } else if installation.version.is_supported() {
        ""
    } else {
        "too old"
    };
    let lacks = match equipment::lacks(&installation.bin_dir, installation.version) {
        None => "what it lacks cannot be told".to_owned(),
        Some(parts) if parts.is_empty() => "complete".to_owned(),
        Some(parts) => {
            let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
            format!("without {}", names.join(", "))
        }
    };
    [
        installation.version.to_string(),
        mark.to_owned(),
        installation.bin_dir.display().to_string(),
        installation.origin.to_string(),
        lacks,
    ]
}

fn holder(command: &str) -> String {
    let program = env!("CARGO_PKG_NAME");
    format!("{program} {command} (process {})", std::process::id())
}

async fn install(requested: Requested, cache: PathBuf, common: &Common) -> anyhow::Result<Exit> {
    if common.offline {
        return Err(Usage(
            "postgres install fetches a server, which --offline forbids: leave one of them out"
                .to_owned(),
        )
        .into());
    }
    let interrupts = Interrupts::listen().context("cannot listen for signals")?;
    let events = progress::listener(common.quiet);
    let place = Place {
        cache: &cache,
        holder: &holder("postgres install"),
    };
    let installing = packages::install(requested, None, &place, &events);
    let (fetched, is_new) = match interrupts.unless_interrupted(installing).await {
        Ok(installed) => installed?,
        Err(Interrupted) => return Ok(Exit::Interrupted),
    };
    let said = if is_new {
        format!("installed PostgreSQL {}", fetched.version)
    } else {
        format!("PostgreSQL {} is installed already", fetched.version)
    };
    print(&format!(
        "{said}: {}, {}, in {}\n",
        fetched.package,
        Bytes(fetched.bytes),
        fetched.bin_dir.display()
    ))
}

async fn remove(
    requested: Option<Requested>,
    cache: PathBuf,
    common: &Common,
) -> anyhow::Result<Exit> {
    let there = packages::fetched(&cache);
    let chosen: Vec<&Fetched> = there
        .iter()
        .filter(|fetched| requested.is_none_or(|requested| requested.fits(fetched.version)))
        .collect();
    if let (Some(requested), []) = (requested, &chosen[..]) {
        return Err(Usage(nothing_to_remove(requested, &there, &cache)).into());
    }
    if chosen.is_empty() {
        return print("no server was fetched into the cache: nothing to remove\n");
    }
    let interrupts = Interrupts::listen().context("cannot listen for signals")?;
    let events = progress::listener(common.quiet);
    let place = Place {
        cache: &cache,
        holder: &holder("postgres remove"),
    };
    for fetched in chosen {
        let removing = packages::remove(fetched, &place, &events);
        let clusters = match interrupts.unless_interrupted(removing).await {
            Ok(clusters) => clusters?,
            Err(Interrupted) => return Ok(Exit::Interrupted),
        };
        print(&removed(fetched, clusters))?;
    }
    Ok(Exit::Done)
}

fn nothing_to_remove(requested: Requested, there: &[Fetched], cache: &std::path::Path) -> String {
    let versions: Vec<_> = there.iter().map(|fetched| fetched.version).collect();
    let there = if versions.is_empty() {
        "none was".to_owned()
    } else {
        format!("fetched was {}", packages::listed(&versions))
    };
    let directory = packages::directory(cache);
    format!(
        "no PostgreSQL {requested} was fetched into {}: {there}; what the system installed is the system's to remove",
        directory.display()
    )
}

fn removed(fetched: &Fetched, clusters: usize) -> String {
    let mut text = format!(
        "removed PostgreSQL {}: {}, {} freed\n",
        fetched.version,
        fetched.package,
        Bytes(fetched.bytes)
    );
    if clusters > 0 {
        let clusters = if clusters == 1 {
            "A cluster made with it is".to_owned()
        } else {
            format!("{clusters} clusters made with it are")
        };
        text.push_str(&format!(
            "{clusters} left in the cache, of use once it is installed again; `{} clean` removes clusters.\n",
            env!("CARGO_PKG_NAME")
        ));
    }
    text
}
