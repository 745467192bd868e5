//! The part of `clean` for databases of the program on a server of the user's own, and for schemas in the one that was named.

use anyhow::Context;

use super::{Findings, Item};
use crate::cli::args::Common;
use crate::cli::exit::Usage;
use crate::cli::{progress, server};
use crate::postgres::database::others::OtherDatabase;
use crate::postgres::database::{OurDatabase, Role, Standing};
use crate::postgres::given::{Given, Purpose};
use crate::postgres::schema::SchemaOptions;
use crate::postgres::schema::left::{self, LeftSchema};

/// The server.
#[derive(Debug)]
pub(super) struct Server(Given);

/// A database on it, or a schema.
#[derive(Debug)]
pub(super) enum Thing {
    /// Of this installation.
    Ours(String),
    /// Of another one.
    OfAnother(OtherDatabase),
    /// A schema, of whichever installation.
    Schema(LeftSchema),
}

impl Server {
    /// Connects to the server that the command line names.
    pub(super) async fn connect(common: &Common) -> anyhow::Result<Server> {
        let server::Choice::Given { mut options, .. } = server::choice(common, "clean")? else {
            return Err(Usage("name a server with --database-url".to_owned()).into());
        };
        // Nothing is made here, and nobody is slowed down.
        options.purpose = Purpose::Cleaning;
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
                _ => left_behind(),
            };
            if database.is_in_use() {
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
            let about = of_another(&database.installation);
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
                findings.staying.push([name, on_request(&about)]);
            }
        }
        self.find_schemas(others, findings).await
    }

    /// Schemas of the program's own (`--in-schema`), in the database that the URL names.
    async fn find_schemas(&self, others: bool, findings: &mut Findings) -> anyhow::Result<()> {
        let database = self.0.address().maintenance();
        let found = left::find(self.0.databases().session())
            .await
            .with_context(|| format!("cannot list the schemas of database {database}"))?;
        for schema in found {
            let name = format!("schema {} of database {database}", schema.name);
            let is_ours = schema.installation == self.0.installation();
            let about = match &schema.role {
                _ if !is_ours => of_another(&schema.installation),
                Role::Template(mark) => format!("fixture {} for {}", mark.fixture, mark.queue),
                Role::Building | Role::Copy => left_behind(),
            };
            if schema.is_in_use {
                findings.staying.push([name, in_use()]);
            } else if is_ours || others {
                findings.going.push(Item {
                    name,
                    bytes: schema.bytes,
                    about,
                    thing: super::Thing::Database(Thing::Schema(schema)),
                });
            } else {
                findings.staying.push([name, on_request(&about)]);
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
                if found.is_none_or(OurDatabase::is_in_use) {
                    return Ok(false);
                }
                databases.drop(name).await?;
                Ok(true)
            }
            Thing::OfAnother(database) => Ok(databases.drop_of_other(database).await?),
            Thing::Schema(schema) => {
                let options = SchemaOptions {
                    address: self.0.address().clone(),
                    database: self.0.address().maintenance().to_owned(),
                    name: schema.name.clone(),
                    installation: schema.installation.clone(),
                    keep: false,
                };
                Ok(left::remove(options).await?)
            }
        }
    }
}

fn left_behind() -> String {
    "left behind by a run".to_owned()
}

fn of_another(installation: &str) -> String {
    format!("of another installation ({installation})")
}

fn on_request(about: &str) -> String {
    format!("{about}: --other-installations removes it")
}

fn in_use() -> String {
    "a run that is going uses it".to_owned()
}
