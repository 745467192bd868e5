//! Which server a command works on, and the frame of every command that needs one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, anyhow};

use super::args::{Common, Strategy};
use super::commands::listing;
use super::exit::{Exit, Usage};
use super::interrupt::{Interrupted, Interrupts};
use super::{consent, progress};
use crate::experiment::cost::Workload;
use crate::postgres::binaries::Wanted;
use crate::postgres::database::CopyStrategy;
use crate::postgres::given::{Given, GivenOptions, Purpose};
use crate::postgres::managed::{Managed, ManagedOptions};
use crate::postgres::profile;
use crate::postgres::schema::{Found, OwnSchema, SchemaOptions};
use crate::postgres::workspace::Workspace;
use crate::report::text::inert_lines;
use crate::run::event::{Events, RunEvent};

/// A server to work on, before it is started or connected to.
#[derive(Clone, Debug)]
pub enum Choice {
    /// One to start.
    Managed(ManagedOptions),
    /// The user's own.
    Given {
        /// Where, and how to behave there.
        options: GivenOptions,
        /// Whether the user has agreed beforehand to what it costs.
        agreed: bool,
        /// The schema of our own that all work stays in, if it does.
        schema: Option<String>,
    },
}

impl Choice {
    /// Makes it ready to work on; the user's own only after they have agreed to what `workload` costs it.
    ///
    /// # Errors
    /// If it cannot be started or used.
    pub async fn open(&self, events: &Events, workload: &Workload) -> anyhow::Result<Workspace> {
        match self {
            Choice::Managed(options) => {
                let managed = Managed::start(options, events).await?;
                Ok(Workspace::Managed(managed))
            }
            Choice::Given {
                options,
                agreed,
                schema,
            } => {
                let given = Given::connect(options, events).await?;
                let is_named = given.address().given_database().is_some();
                if options.purpose == Purpose::OneDatabase && !is_named {
                    let message = "the URL names no database to stay in: add it, as in postgres://host/database";
                    return Err(Usage(message.to_owned()).into());
                }
                consent::ask(&given, workload, schema.as_deref(), *agreed).await?;
                match schema {
                    Some(name) => open_schema(given, name, options.keep, events).await,
                    None => {
                        // In place nothing is dropped, not even what is ours: that would take a checkpoint.
                        if options.purpose == Purpose::Databases {
                            given.begin(events).await?;
                        }
                        Ok(Workspace::Given(given))
                    }
                }
            }
        }
    }

    /// The same server, where all work stays in the database that was named: in a schema of our own, or on the tables that stand there.
    #[must_use]
    pub fn within_one_database(mut self, own_schema: Option<&String>) -> Choice {
        if let Choice::Given {
            options, schema, ..
        } = &mut self
        {
            options.purpose = Purpose::OneDatabase;
            *schema = own_schema.cloned();
        }
        self
    }

    /// The same server with the settings that workers run under: durable, with autovacuum, and with `settings` of the scenario. On the
    /// user's own server nothing is set.
    #[must_use]
    pub fn under_load(mut self, settings: &BTreeMap<String, String>) -> Choice {
        if let Choice::Managed(options) = &mut self {
            options.profile = profile::LOAD;
            options.settings = settings.clone();
        }
        self
    }

    /// What was asked for, for messages and for a run in which it never started.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Choice::Managed(options) => options.wanted.to_string(),
            Choice::Given { .. } => "the given server".to_owned(),
        }
    }
}

async fn open_schema(
    given: Given,
    name: &str,
    keep: bool,
    events: &Events,
) -> anyhow::Result<Workspace> {
    let opened = OwnSchema::open(SchemaOptions {
        address: given.address().clone(),
        database: given.address().maintenance().to_owned(),
        name: name.to_owned(),
        installation: given.installation().to_owned(),
        keep,
    });
    let (schema, found) = opened.await?;
    if found == Found::Leftover {
        events.emit(RunEvent::Reaped {
            what: format!("what a run that was killed had left in schema {name}"),
        });
    }
    Ok(Workspace::Schema {
        given,
        schema: Box::new(schema),
    })
}

/// The servers that a command asks for, in the order they are named.
///
/// # Errors
/// If there is no place for a cache directory, or `DATABASE_URL` cannot be read.
pub fn choices(common: &Common, command: &str) -> anyhow::Result<Vec<Choice>> {
    let cache_directory = cache_directory(common)?;
    if let Some(url) = database_url(common)? {
        let options = GivenOptions {
            url,
            cache_directory,
            purpose: Purpose::Databases,
            keep: common.keep,
            allow_busy: common.allow_busy_server,
            strategy: common.copy_strategy.map(|strategy| match strategy {
                Strategy::WalLog => CopyStrategy::WalLog,
                Strategy::FileCopy => CopyStrategy::FileCopy,
            }),
        };
        let agreed = common.yes;
        return Ok(vec![Choice::Given {
            options,
            agreed,
            schema: None,
        }]);
    }
    let wanted = match &common.postgres {
        Some(list) => list.0.clone(),
        None => vec![Wanted::Newest],
    };
    let choice = |wanted| {
        Choice::Managed(ManagedOptions {
            wanted,
            offline: common.offline,
            cache_directory: cache_directory.clone(),
            server_user: common.server_user.clone(),
            holder: format!(
                "{} {command} (process {})",
                env!("CARGO_PKG_NAME"),
                std::process::id()
            ),
            profile: profile::PLANS,
            settings: BTreeMap::new(),
            cache_limit: common.cache_limit.unwrap_or_default(),
        })
    };
    Ok(wanted.into_iter().map(choice).collect())
}

/// Where the user's own server is, if one is to be used: `--database-url`, else `DATABASE_URL` unless `--postgres` asks for another.
/// Not clap's business: it would print the value where it finds fault with it.
pub(super) fn database_url(common: &Common) -> anyhow::Result<Option<String>> {
    if common.database_url.is_some() || common.postgres.is_some() {
        return Ok(common.database_url.clone());
    }
    let url = std::env::var_os("DATABASE_URL").filter(|url| !url.is_empty());
    let read = |url: std::ffi::OsString| {
        url.into_string()
            .map_err(|_| Usage("DATABASE_URL is not UTF-8".to_owned()))
    };
    Ok(url.map(read).transpose()?)
}

/// Whether work is to be done on a server of the user's own.
///
/// # Errors
/// If `DATABASE_URL` cannot be read.
pub fn is_given(common: &Common) -> anyhow::Result<bool> {
    Ok(database_url(common)?.is_some())
}

/// The one server that a command asks for.
///
/// # Errors
/// If several are named, or there is no place for a cache directory.
pub fn choice(common: &Common, command: &str) -> anyhow::Result<Choice> {
    let mut choices = choices(common, command)?;
    match (choices.pop(), choices.is_empty()) {
        (Some(choice), true) => Ok(choice),
        _ => Err(Usage(format!(
            "{command} works on one server: name one version with --postgres"
        ))
        .into()),
    }
}

/// `--cache-dir`, else under `XDG_CACHE_HOME`, else for root the system's cache, for others the one in their home. Root's own home is
/// closed to the account the server runs under.
///
/// # Errors
/// If there is no place for one.
pub fn cache_directory(common: &Common) -> anyhow::Result<PathBuf> {
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

/// Opens a server, does the work unless a signal comes first, and leaves the server as it has to be left. Whatever `work` was lent
/// keeps what it got.
///
/// # Errors
/// If there is no server, or the work fails.
pub async fn on_server<T>(
    choice: &Choice,
    interrupts: &Interrupts,
    events: &Events,
    workload: &Workload,
    work: impl AsyncFnOnce(&Workspace, &Events) -> anyhow::Result<T>,
) -> anyhow::Result<Result<T, Interrupted>> {
    let work = async |workspace: &Workspace, events: &Events| {
        interrupts.unless_interrupted(work(workspace, events)).await
    };
    on_server_heeding(choice, interrupts, events, workload, work).await
}

/// As [`on_server`], with work that heeds signals itself.
///
/// # Errors
/// As [`on_server`].
pub async fn on_server_heeding<T>(
    choice: &Choice,
    interrupts: &Interrupts,
    events: &Events,
    workload: &Workload,
    work: impl AsyncFnOnce(&Workspace, &Events) -> Result<anyhow::Result<T>, Interrupted>,
) -> anyhow::Result<Result<T, Interrupted>> {
    let opened = interrupts
        .unless_interrupted(choice.open(events, workload))
        .await;
    let workspace = match opened {
        Ok(workspace) => workspace?,
        Err(interrupted) => return Ok(Err(interrupted)),
    };
    let outcome = work(&workspace, events).await;
    workspace.stop(events).await;
    outcome.map_or_else(|interrupted| Ok(Err(interrupted)), |done| done.map(Ok))
}

/// As [`on_server`], on the one server that a command asks for, with signals and progress of its own.
///
/// # Errors
/// As [`on_server`].
pub async fn with_server<T>(
    common: &Common,
    command: &str,
    workload: &Workload,
    work: impl AsyncFnOnce(&Workspace, &Events) -> anyhow::Result<T>,
) -> anyhow::Result<Result<T, Interrupted>> {
    let choice = choice(common, command)?;
    let interrupts = Interrupts::listen().context("cannot listen for signals")?;
    let events = progress::listener(common.quiet);
    on_server(&choice, &interrupts, &events, workload, work).await
}

/// As [`with_server`], for work whose only result is a text on stdout.
///
/// # Errors
/// As [`on_server`].
pub async fn print_with_server(
    common: &Common,
    command: &str,
    workload: &Workload,
    work: impl AsyncFnOnce(&Workspace, &Events) -> anyhow::Result<String>,
) -> anyhow::Result<Exit> {
    match with_server(common, command, workload, work).await? {
        Ok(text) => listing::print(&(inert_lines(text.trim_end()).join("\n") + "\n")),
        Err(Interrupted) => Ok(Exit::Interrupted),
    }
}
