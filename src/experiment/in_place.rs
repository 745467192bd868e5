//! Measuring on tables that stand there already: nothing is built, nothing is dropped, every transaction is rolled back.

use super::catalog::{self, Scope};
use super::site::{Site, SiteError};
use crate::definition::Fixture;
use crate::explain::ground::{Access, Grounds};
use crate::explain::standing::{Standing, Timeouts};
use crate::postgres::workspace::Workspace;
use crate::run::environment::Limitation;
use crate::units::Count;

/// How tables of others are measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InPlace {
    /// Whether statements that write are measured.
    pub access: Access,
    /// How long a statement may wait, and take.
    pub timeouts: Timeouts,
}

/// Looks at the tables of the database that the workspace names.
///
/// # Errors
/// If the server does not tell.
pub(super) async fn site(
    workspace: &Workspace,
    in_place: InPlace,
    fixture: &Fixture,
) -> Result<Site<'static>, SiteError> {
    let databases = workspace.databases();
    let catalog = catalog::read(databases.session(), Scope::SearchPath)
        .await
        .map_err(|source| SiteError::Catalog {
            fixture: fixture.name.clone(),
            source,
        })?;
    let standing = Standing::of_others(
        databases.address().clone(),
        databases.address().maintenance(),
        in_place.access,
        in_place.timeouts,
    );
    Ok(Site {
        grounds: Grounds::Standing(standing),
        catalog,
    })
}

/// What results lose there.
#[must_use]
pub fn limitation(in_place: InPlace) -> Limitation {
    let traces = match in_place.access {
        Access::ReadOnly => "",
        Access::ReadWrite => {
            ", what was rolled back leaves dead rows for the statements after it, what feeds a statement is not committed"
        }
    };
    Limitation {
        capability: "a fixture".to_owned(),
        not_comparable: [
            "shape",
            "digest",
            "rows",
            "buffers",
            "wal",
            "pages_per_row",
            "planning_ms",
            "execution_ms",
        ]
        .map(str::to_owned)
        .to_vec(),
        message: format!(
            "measured in place, on tables as they stood: counts are not hermetic, because they depend on what is in the tables, in memory and in the planner's statistics at the time, and on other sessions{traces}"
        ),
    }
}

/// What measuring in place leaves behind although all of it is rolled back, a sentence each; `samples` executions of each of
/// `variants` at most.
#[must_use]
pub fn left_behind(access: Access, variants: usize, samples: usize) -> Vec<String> {
    // Counts once in each plan mode.
    let times = Count(samples.saturating_add(1).saturating_mul(2) as u64);
    let often = match variants {
        1 => format!("1 variant will be executed up to {times} times"),
        _ => format!(
            "{} variants will be executed up to {times} times each",
            Count(variants as u64)
        ),
    };
    let mut sentences = vec![format!(
        "{often} on the tables that stand in the database of --database-url, each in a transaction that is rolled back; this is for a staging copy, not for production"
    )];
    match access {
        Access::ReadOnly => sentences.push(
            "statements that write are left out (--allow-writes measures them); while a statement is measured its snapshot keeps VACUUM from removing what others delete"
                .to_owned(),
        ),
        Access::ReadWrite => sentences.extend([
            "statements that write will run: a rollback leaves dead rows behind, about as many as a statement writes times its executions, and what they take of tables and indexes, until VACUUM; it does not give back sequence values"
                .to_owned(),
            "until its rollback a measurement holds its row locks (--budget and --statement-timeout bound that), writes WAL, and keeps VACUUM from removing what others delete; NOTIFY is not sent"
                .to_owned(),
        ]),
    }
    sentences
}
