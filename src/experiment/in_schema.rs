//! Measuring in a schema of our own, where no databases can be made: one fixture at a time, in transactions that are rolled back.

use super::catalog::{self, Scope};
use super::site::{Ready, SiteError};
use crate::definition::{Fixture, Queue};
use crate::explain::functions::{Functions, Owner};
use crate::explain::ground::Grounds;
use crate::explain::standing::Standing;
use crate::fixture::{in_schema, statistics};
use crate::postgres::database::TemplateMark;
use crate::postgres::schema::OwnSchema;
use crate::run::environment::Limitation;
use crate::run::event::Events;

/// Builds the fixture for the queue in the schema, unless it is there.
///
/// # Errors
/// If it cannot be built, or the server does not tell what was built.
pub(super) async fn site(
    schema: &OwnSchema,
    version_text: &str,
    queue: &Queue,
    fixture: &Fixture,
    events: &Events,
) -> Result<(Ready<'static>, TemplateMark), SiteError> {
    let mark = in_schema::ensure(schema, version_text, queue, fixture, events)
        .await
        .map_err(SiteError::NotBuilt)?;
    let failed = |source| SiteError::Catalog {
        fixture: fixture.name.clone(),
        source,
    };
    let mut catalog = catalog::read(schema.session(), Scope::SearchPath)
        .await
        .map_err(failed)?;
    let functions = Functions::read(schema.session(), Owner::Schema)
        .await
        .map_err(failed)?;
    catalog.analyze = Some(fixture.statistics.analyze);
    let tables = statistics::tables(schema.session(), Some(schema.name()))
        .await
        .map_err(failed)?;
    let tables = tables
        .into_iter()
        .filter(|table| !table.is_partitioned)
        .map(|table| table.name)
        .collect();
    let standing = Standing::of_our_own(schema.address().clone(), schema.database(), tables);
    let ready = Ready {
        grounds: Grounds::Standing(standing),
        catalog,
        functions,
    };
    Ok((ready, mark))
}

/// What counts lose there.
#[must_use]
pub fn limitation(schema: &str) -> Limitation {
    Limitation {
        capability: "databases of its own".to_owned(),
        not_comparable: [
            "buffers",
            "wal",
            "pages_per_row",
            "output.pages",
            "planning_ms",
            "execution_ms",
        ]
        .map(str::to_owned)
        .to_vec(),
        message: format!(
            "measured in schema {schema}, one variant after the other on the same tables: counts are not hermetic, because what was rolled back leaves traces (VACUUM runs between variants), what feeds a statement is not committed, and statistics are what ANALYZE samples"
        ),
    }
}
