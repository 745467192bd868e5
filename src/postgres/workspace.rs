//! A server to work on: where databases of our own are made, what it is, and what it permits.

use std::path::Path;

use super::binaries::Origin;
use super::database::Databases;
use super::equipment::Part;
use super::given::{self, Given};
use super::managed::Managed;
use super::schema::OwnSchema;
use super::system_package;
use super::version::Version;
use crate::run::environment::Limitation;
use crate::run::event::{Events, RunEvent};

/// A server to work on. Dropping it leaves nothing running; [`Workspace::stop`] also drops the databases nobody needs any more.
#[derive(Debug)]
pub enum Workspace {
    /// Started by this program, used by nobody else.
    Managed(Managed),
    /// The user's own, which others may be using.
    Given(Given),
    /// The same, where all work stays in a schema of our own.
    Schema {
        /// The server.
        given: Given,
        /// The schema.
        schema: Box<OwnSchema>,
    },
}

impl Workspace {
    /// Its databases.
    #[must_use]
    pub fn databases(&self) -> &Databases {
        match self {
            Workspace::Managed(managed) => managed.databases(),
            Workspace::Given(given) | Workspace::Schema { given, .. } => given.databases(),
        }
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> Version {
        match self {
            Workspace::Managed(managed) => managed.version(),
            Workspace::Given(given) | Workspace::Schema { given, .. } => given.survey().version,
        }
    }

    /// Its version and build, as it tells them itself: what is built on one is not used on another.
    #[must_use]
    pub fn version_text(&self) -> &str {
        match self {
            Workspace::Managed(managed) => managed.version_text(),
            Workspace::Given(given) | Workspace::Schema { given, .. } => {
                &given.survey().version_text
            }
        }
    }

    /// The directory of its binaries; none for a server that was not started here.
    #[must_use]
    pub fn bin_dir(&self) -> Option<&Path> {
        match self {
            Workspace::Managed(managed) => Some(&managed.installation().bin_dir),
            Workspace::Given(_) | Workspace::Schema { .. } => None,
        }
    }

    /// The directory on this machine that its data lies in and that is ours to write to; none for a server that was not started here.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Workspace::Managed(managed) => Some(managed.directory()),
            Workspace::Given(_) | Workspace::Schema { .. } => None,
        }
    }

    /// Name of the settings it runs with, as runs record it.
    #[must_use]
    pub fn profile(&self) -> &'static str {
        match self {
            Workspace::Managed(managed) => managed.profile().name,
            Workspace::Given(_) | Workspace::Schema { .. } => given::AS_FOUND,
        }
    }

    /// The managed server, if that is what it is.
    #[must_use]
    pub fn managed(&self) -> Option<&Managed> {
        match self {
            Workspace::Managed(managed) => Some(managed),
            Workspace::Given(_) | Workspace::Schema { .. } => None,
        }
    }

    /// What it lacks, and which columns suffer.
    #[must_use]
    pub fn limitations(&self) -> Vec<Limitation> {
        match self {
            Workspace::Managed(_) => Vec::new(),
            Workspace::Given(given) | Workspace::Schema { given, .. } => {
                given.limitations().to_vec()
            }
        }
    }

    /// Where to look when it is gone, in brackets; nothing where this program does not know.
    #[must_use]
    pub fn log_hint(&self) -> &'static str {
        match self {
            Workspace::Managed(_) => " (its log is in the cache directory)",
            Workspace::Given(_) | Workspace::Schema { .. } => {
                ", or the connection was lost or ended by somebody"
            }
        }
    }

    /// What to install where the server lacks one of PostgreSQL's own parts; none where this program does not know how it was installed.
    #[must_use]
    pub fn remedy(&self, part: Part) -> Option<String> {
        match self {
            Workspace::Managed(managed) => {
                let installation = managed.installation();
                let package = match &installation.origin {
                    Origin::Fetched { package } => format!("the package {package}"),
                    _ => installation.bin_dir.display().to_string(),
                };
                let major = installation.version.major;
                Some(format!(
                    "{package} has no {part}; {} has",
                    system_package::contrib(major)
                ))
            }
            Workspace::Given(given) | Workspace::Schema { given, .. } => Some(format!(
                "role {} would have to be allowed to create the extension {part}, and the server to have it",
                given.survey().role
            )),
        }
    }

    /// Drops what nobody needs any more, whatever state the work was left in, and stops the server if it was started here.
    pub async fn stop(self, events: &Events) {
        match self {
            Workspace::Managed(managed) => managed.stop().await,
            Workspace::Given(given) => given.stop(events).await,
            Workspace::Schema { given, schema } => {
                leave(*schema, events).await;
                given.stop(events).await;
            }
        }
    }
}

/// Drops the schema, or names it where it stays.
async fn leave(schema: OwnSchema, events: &Events) {
    let name = schema.name().to_owned();
    let text = match schema.close().await {
        Ok(false) => return,
        Ok(true) => format!(
            "kept for the next run: schema {name}; a run with the same --in-schema and without --keep removes it, or `{} clean --database-url …`",
            env!("CARGO_PKG_NAME")
        ),
        Err(error) => {
            format!("schema {name} may be left: {error}; the next run with it removes it")
        }
    };
    events.emit(RunEvent::Notice { text });
}
