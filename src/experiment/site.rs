//! Where the statements of a queue are measured on a fixture: copies of a template, a schema, or tables as they stand.

use thiserror::Error;

use super::catalog::{self, Scope};
use super::plans::PlansExperiment;
use super::{company, in_place, in_schema};
use crate::definition::{Fixture, Queue};
use crate::explain::ExplainError;
use crate::explain::copies::Copies;
use crate::explain::functions::{Functions, Owner};
use crate::explain::ground::{Grounds, Insight};
use crate::explain::nested;
use crate::explain::turns::rounds;
use crate::finding::case::Catalog;
use crate::fixture::build::BuildError;
use crate::fixture::cache;
use crate::postgres::database::{DatabaseError, TemplateMark, server_message};
use crate::postgres::equipment::Part;
use crate::postgres::workspace::Workspace;
use crate::run::Run;
use crate::run::environment::{Environment, Limitation, ServerRecord};
use crate::run::event::RunEvent;
use crate::statement::head::HeadError;

/// Why statements cannot be measured there.
#[derive(Debug, Error)]
pub enum SiteError {
    /// The fixture could not be built; others may be.
    #[error(transparent)]
    NotBuilt(BuildError),
    /// What the fixture has happen in a copy cannot be done there; other fixtures may be measured.
    #[error("cannot age fixture {fixture} for queue {queue}: {source}")]
    NotAged {
        /// The fixture.
        fixture: String,
        /// The queue.
        queue: String,
        /// Why.
        source: HeadError,
    },
    /// Catalogs that cannot be read.
    #[error(
        "cannot read the catalogs of fixture {fixture}: {}",
        server_message(source)
    )]
    Catalog {
        /// The fixture.
        fixture: String,
        /// What the server says.
        source: tokio_postgres::Error,
    },
    /// No copies can be made.
    #[error(transparent)]
    Copies(#[from] ExplainError),
    /// A template that cannot be asked or left.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl SiteError {
    /// Whether it is about this fixture and queue alone.
    pub(super) fn spares_the_rest(&self) -> bool {
        matches!(self, SiteError::NotBuilt(_) | SiteError::NotAged { .. })
    }
}

/// Where the statements of a queue are measured on a fixture.
#[derive(Debug)]
pub(super) struct Site<'s> {
    /// Gives places, one at a time.
    pub(super) grounds: Grounds<'s>,
    /// What the rules may know of the tables.
    pub(super) catalog: Catalog,
}

/// The same before it is known whether the statements inside functions can be seen there.
#[derive(Debug)]
pub(super) struct Ready<'s> {
    pub(super) grounds: Grounds<'s>,
    pub(super) catalog: Catalog,
    pub(super) functions: Functions,
}

/// What is measured on a fixture of a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// Variants, of all versions together.
    pub(super) variants: usize,
    /// Versions of the queue that are measured in turns, each in a place of its own.
    pub(super) versions: usize,
}

impl PlansExperiment<'_> {
    /// Makes ready what is measured on, and records what is known of it.
    pub(super) async fn site(
        &self,
        queue: &Queue,
        fixture: &Fixture,
        demand: Demand,
        run: &mut Run,
    ) -> Result<Site<'_>, SiteError> {
        let server = current_server(&mut run.environment);
        if let Some(in_place) = self.request.in_place {
            self.note(server, in_place::limitation(in_place));
            let ready = in_place::site(self.workspace, in_place, fixture).await?;
            let site = self.with_insight(ready, queue, server).await;
            let named = in_place::named_by(queue, &site.catalog);
            record_catalog(server, fixture, queue, named);
            return Ok(site);
        }
        let version_text = self.workspace.version_text();
        let (ready, mark) = match self.workspace {
            Workspace::Schema { schema, .. } => {
                self.note(server, in_schema::limitation(schema.name()));
                in_schema::site(schema, version_text, queue, fixture, self.events).await?
            }
            Workspace::Managed(_) | Workspace::Given(_) => {
                let (ready, mark) = self.copies(queue, fixture, demand).await?;
                if !mark.prewarm {
                    self.note(server, without_prewarming(self.workspace));
                }
                (ready, mark)
            }
        };
        let site = self.with_insight(ready, queue, server).await;
        let statistics = server.statistics.entry(fixture.name.clone()).or_default();
        statistics.insert(queue.name.clone(), mark.statistics);
        record_catalog(server, fixture, queue, site.catalog.clone());
        Ok(site)
    }

    /// Finds out whether the statements inside functions can be seen. Where they cannot, that is told if a statement of the queue may reach
    /// any.
    async fn with_insight<'s>(
        &self,
        ready: Ready<'s>,
        queue: &Queue,
        server: &mut ServerRecord,
    ) -> Site<'s> {
        let Ready {
            grounds,
            catalog,
            functions,
        } = ready;
        let session = self.workspace.databases().session();
        let probed = nested::probe(session, self.workspace.version()).await;
        if let Err(error) = &probed {
            let mut statements = queue.statements.iter().flat_map(|file| &file.statements);
            if statements.any(|one| functions.are_reached_by(one.template.source())) {
                self.note(server, without_nested(self.workspace, error));
            }
        }
        let insight = Insight {
            sees_nested: probed.is_ok(),
            functions,
        };
        Site {
            grounds: grounds.with_insight(insight),
            catalog,
        }
    }

    /// Records a limitation, and says it, once.
    fn note(&self, server: &mut ServerRecord, limitation: Limitation) {
        debug_assert_eq!(limitation.unknown_keys(), [""; 0]);
        if server.limitations.contains(&limitation) {
            return;
        }
        self.events.emit(RunEvent::Notice {
            text: limitation.message.clone(),
        });
        server.limitations.push(limitation);
    }

    async fn copies(
        &self,
        queue: &Queue,
        fixture: &Fixture,
        demand: Demand,
    ) -> Result<(Ready<'_>, TemplateMark), SiteError> {
        let databases = self.workspace.databases();
        // Each may take a second copy for its generic plan, and one is looked at.
        let looks = u64::from(fixture.is_disturbed());
        let copies = 2 * rounds(demand.versions as u64) * demand.variants as u64 + looks;
        let template = cache::provide(self.workspace, queue, fixture, copies, self.events)
            .await
            .map_err(SiteError::NotBuilt)?;
        let (mut catalog, functions) = self.catalog(&template.database, fixture).await?;
        let prewarm = template.mark.prewarm;
        let copies = Copies::of(databases, &template.database, prewarm).await?;
        let copies = copies.with_company(company::of(queue, fixture, self.events));
        let mut copies = copies.sharing(demand.versions);
        if fixture.is_disturbed() {
            catalog = catalog_of_a_copy(&mut copies, queue, fixture).await?;
        } else {
            for relation in &mut catalog.relations {
                // VACUUM has counted them, with nobody there who could have kept it from removing what is dead.
                relation.live_rows = Some(relation.rows);
                relation.dead_rows = Some(0);
            }
        }
        catalog.analyze = Some(fixture.statistics.analyze);
        let ready = Ready {
            grounds: Grounds::Copies(copies),
            catalog,
            functions,
        };
        Ok((ready, template.mark))
    }

    /// What the rules may know of a template's tables, and its functions. The session is gone before the template is copied.
    async fn catalog(
        &self,
        template: &str,
        fixture: &Fixture,
    ) -> Result<(Catalog, Functions), SiteError> {
        let databases = self.workspace.databases();
        let failed = |source| SiteError::Catalog {
            fixture: fixture.name.clone(),
            source,
        };
        let session = databases
            .address()
            .connect(template)
            .await
            .map_err(DatabaseError::from)?;
        let catalog = catalog::read(&session, Scope::Everything).await;
        let functions = Functions::read(&session, Owner::Database).await;
        session.close().await;
        databases.wait_until_unused(template).await?;
        Ok((catalog.map_err(failed)?, functions.map_err(failed)?))
    }
}

/// What there is to know of the tables of a fixture that more was done to than to fill and vacuum them: looked at in a copy, as every
/// other one will be.
async fn catalog_of_a_copy(
    copies: &mut Copies<'_>,
    queue: &Queue,
    fixture: &Fixture,
) -> Result<Catalog, SiteError> {
    let ground = match copies.open().await {
        Ok(ground) => ground,
        Err(ExplainError::Head(source)) => {
            return Err(SiteError::NotAged {
                fixture: fixture.name.clone(),
                queue: queue.name.clone(),
                source,
            });
        }
        Err(error) => return Err(error.into()),
    };
    let read = async {
        let mut catalog = catalog::read(&ground.session, Scope::Everything).await?;
        catalog::count_rows(&ground.session, &mut catalog).await?;
        Ok(catalog)
    };
    let catalog = read.await;
    copies.finish(ground).await;
    catalog.map_err(|source| SiteError::Catalog {
        fixture: fixture.name.clone(),
        source,
    })
}

/// Notes the tables a queue is measured on.
fn record_catalog(server: &mut ServerRecord, fixture: &Fixture, queue: &Queue, catalog: Catalog) {
    let catalogs = server.catalogs.entry(fixture.name.clone()).or_default();
    catalogs.insert(queue.name.clone(), catalog);
}

/// The server that is being measured on: the last one added.
fn current_server(environment: &mut Environment) -> &mut ServerRecord {
    let Environment {
        server,
        other_servers,
        ..
    } = environment;
    other_servers.last_mut().unwrap_or(server)
}

pub(super) fn without_prewarming(workspace: &Workspace) -> Limitation {
    let remedy = workspace
        .remedy(Part::PgPrewarm)
        .map_or(String::new(), |remedy| format!("; {remedy}"));
    Limitation {
        capability: "pg_prewarm".to_owned(),
        not_comparable: ["buffers.hit", "buffers.read"].map(str::to_owned).to_vec(),
        message: format!(
            "pg_prewarm is not installed: tables are read whole beforehand, indexes are not, so pages of indexes count as read; \
             the sum of pages repeats{remedy}"
        ),
    }
}

/// What is lost where auto_explain cannot be loaded.
fn without_nested(workspace: &Workspace, error: &tokio_postgres::Error) -> Limitation {
    let remedy = workspace.remedy(Part::AutoExplain).unwrap_or_else(|| {
        "loading it takes a superuser and, on a server of one's own, the library".to_owned()
    });
    Limitation {
        capability: Part::AutoExplain.name().to_owned(),
        not_comparable: ["nested", "nested_left_out"].map(str::to_owned).to_vec(),
        message: format!(
            "auto_explain cannot be loaded ({}): the statements inside functions and triggers are in the figures of the statements that \
             call them, and are not listed themselves; {remedy}",
            server_message(error)
        ),
    }
}
