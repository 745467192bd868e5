//! The part of `clean` for databases of the program on a server of the user's own.

use super::{Findings, Item};
use crate::cli::args::Common;
use crate::cli::exit::Usage;
use crate::cli::{progress, server};
use crate::postgres::database::others::OtherDatabase;
use crate::postgres::database::{Role, Standing};
use crate::postgres::given::{Given, Purpose};

/// The server.
#[derive(Debug)]
pub(super) struct Server(Given);

/// A database on it.
#[derive(Debug)]
pub(super) enum Thing {
    /// Of this installation.
    Ours(String),
    /// Of another one.
    OfAnother(OtherDatabase),
}

impl Server {
    /// Connects to the server that the command line names.
    pub(super) async fn connect(common: &Common) -> anyhow::Result<Server> {
        let server::Choice::Given { mut options, .. } = server::choice(common, "clean")? else {
            return Err(Usage("name a server with --database-url".to_owned()).into());
        };
        // Nothing is made here, and nobody is slowed down.
        options.purpose = Purpose::OneDatabase;
        options.allow_busy = true;
        options.strategy = None;
        let events = progress::listener(common.quiet);
        Ok(Server(Given::connect(&options, &events).await?))
    }

    /// Looks for databases: this installation's, and where asked those of others.
    pub(super) async fn find(&self, others: bool, findings: &mut Findings) -> anyhow::Result<()> {
        for database in self.0.databases().ours().await? {
            let about = match &database.role {
                Some(Role::Template(mark)) => {
                    format!("fixture {} for {}", mark.fixture, mark.queue)
                }
                _ => "left behind by a run".to_owned(),
            };
            if database.standing == Standing::InUse {
                findings.staying.push([database.name, in_use()]);
                continue;
            }
            findings.going.push(Item {
                name: database.name.clone(),
                bytes: database.bytes,
                about,
                thing: super::Thing::Database(Thing::Ours(database.name)),
            });
        }
        for database in self.0.databases().of_other_installations().await? {
            let about = format!("of another installation ({})", database.installation);
            let name = database.name.clone();
            if database.standing == Standing::InUse {
                findings.staying.push([name, in_use()]);
            } else if others {
                findings.going.push(Item {
                    name,
                    bytes: database.bytes,
                    about,
                    thing: super::Thing::Database(Thing::OfAnother(database)),
                });
            } else {
                let why = format!("{about}: --other-installations removes it");
                findings.staying.push([name, why]);
            }
        }
        Ok(())
    }

    /// Drops one, unless a run uses it by now; says whether it did.
    pub(super) async fn remove(&self, thing: &Thing) -> anyhow::Result<bool> {
        let databases = self.0.databases();
        match thing {
            Thing::Ours(name) => {
                let now = databases.ours().await?;
                let found = now.iter().find(|database| database.name == *name);
                if found.is_none_or(|database| database.standing == Standing::InUse) {
                    return Ok(false);
                }
                databases.drop(name).await?;
                Ok(true)
            }
            Thing::OfAnother(database) => Ok(databases.drop_of_other(database).await?),
        }
    }
}

fn in_use() -> String {
    "a run that is going uses it".to_owned()
}
