//! Which server a command works on, and the frame of every command that needs one.

use std::path::PathBuf;

use anyhow::{Context, anyhow};

use super::args::Common;
use super::commands::listing;
use super::exit::Exit;
use super::interrupt::{Interrupted, Interrupts};
use super::progress;
use crate::postgres::binaries::Wanted;
use crate::postgres::managed::{Managed, ManagedOptions};
use crate::postgres::profile;
use crate::report::text::inert_lines;
use crate::run::event::Events;

/// The options of the managed server that a command asks for.
///
/// # Errors
/// If there is no place for a cache directory.
pub fn managed_options(common: &Common, command: &str) -> anyhow::Result<ManagedOptions> {
    Ok(ManagedOptions {
        wanted: common.postgres.clone().unwrap_or(Wanted::Newest),
        cache_directory: cache_directory(common)?,
        server_user: common.server_user.clone(),
        holder: format!(
            "{} {command} (process {})",
            env!("CARGO_PKG_NAME"),
            std::process::id()
        ),
        profile: profile::PLANS,
    })
}

/// `--cache-dir`, else under `XDG_CACHE_HOME`, else for root the system's cache, for others the one in their home. Root's own home is
/// closed to the account the server runs under.
fn cache_directory(common: &Common) -> anyhow::Result<PathBuf> {
    if let Some(path) = &common.cache_dir {
        return Ok(path.clone());
    }
    let name = env!("CARGO_PKG_NAME");
    let absolute = |variable| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path: &PathBuf| path.is_absolute())
    };
    if let Some(path) = absolute("XDG_CACHE_HOME") {
        return Ok(path.join(name));
    }
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/cache").join(name));
    }
    let home = absolute("HOME").ok_or_else(|| {
        anyhow!("neither XDG_CACHE_HOME nor HOME is set: name a cache directory with --cache-dir")
    })?;
    Ok(home.join(".cache").join(name))
}

/// Starts a server, does the work unless a signal comes first, and stops the server. Whatever `work` was lent keeps what it got.
///
/// # Errors
/// If there is no server, or the work fails.
pub async fn with_server<T>(
    common: &Common,
    command: &str,
    work: impl AsyncFnOnce(&Managed, &Events) -> anyhow::Result<T>,
) -> anyhow::Result<Result<T, Interrupted>> {
    let options = managed_options(common, command)?;
    let interrupts = Interrupts::listen().context("cannot listen for signals")?;
    let events = progress::listener(common.quiet);
    let started = interrupts
        .unless_interrupted(Managed::start(&options, &events))
        .await;
    let managed = match started {
        Ok(managed) => managed?,
        Err(interrupted) => return Ok(Err(interrupted)),
    };
    let outcome = interrupts.unless_interrupted(work(&managed, &events)).await;
    managed.stop().await;
    outcome.map_or_else(|interrupted| Ok(Err(interrupted)), |done| done.map(Ok))
}

/// As [`with_server`], for work whose only result is a text on stdout.
///
/// # Errors
/// As [`with_server`].
pub async fn print_with_server(
    common: &Common,
    command: &str,
    work: impl AsyncFnOnce(&Managed, &Events) -> anyhow::Result<String>,
) -> anyhow::Result<Exit> {
    match with_server(common, command, work).await? {
        Ok(text) => listing::print(&(inert_lines(text.trim_end()).join("\n") + "\n")),
        Err(Interrupted) => Ok(Exit::Interrupted),
    }
}
