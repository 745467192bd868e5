//! Measuring on tables that stand there already: nothing is built, nothing is dropped, every transaction is rolled back.

use std::collections::BTreeSet;

use super::catalog::{self, Scope};
use super::site::{Ready, SiteError};
use crate::definition::{Fixture, Queue};
use crate::explain::functions::{Functions, Owner};
use crate::explain::ground::{Access, Grounds};
use crate::explain::standing::{Standing, Timeouts};
use crate::finding::case::Catalog;
use crate::postgres::workspace::Workspace;
use crate::run::environment::Limitation;
use crate::sql::token::{TokenKind, tokens};
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
) -> Result<Ready<'static>, SiteError> {
    let databases = workspace.databases();
    let failed = |source| SiteError::Catalog {
        fixture: fixture.name.clone(),
        source,
    };
    let catalog = catalog::read(databases.session(), Scope::SearchPath)
        .await
        .map_err(failed)?;
    let functions = Functions::read(databases.session(), Owner::Others)
        .await
        .map_err(failed)?;
    let standing = Standing::of_others(
        databases.address().clone(),
        databases.address().maintenance(),
        in_place.access,
        in_place.timeouts,
    );
    Ok(Ready {
        grounds: Grounds::Standing(standing),
        catalog,
        functions,
    })
}

/// The tables that `queue` names in its statements or in queue.toml: of others in the database there may be any number, which a run
/// has no business to record.
pub(super) fn named_by(queue: &Queue, catalog: &Catalog) -> Catalog {
    let statements = queue.statements.iter().map(|file| &file.source.text);
    let mut names: BTreeSet<String> = statements.flat_map(|text| identifiers(text)).collect();
    names.extend(queue.tables.iter().cloned());
    let relations = catalog.relations.iter();
    Catalog {
        relations: relations
            .filter(|relation| names.contains(&relation.name))
            .cloned()
            .collect(),
        ..Catalog::default()
    }
}

/// Everything in a script that may be the name of a table, as the catalogs would have it.
fn identifiers(sql: &str) -> impl Iterator<Item = String> {
    tokens(sql).filter_map(|token| {
        let text = &sql[token.span];
        match token.kind {
            TokenKind::Word => Some(text.to_lowercase()),
            TokenKind::QuotedIdentifier => {
                let (_, name) = text.split_once('"')?;
                let name = name.strip_suffix('"').unwrap_or(name);
                Some(name.replace("\"\"", "\""))
            }
            _ => None,
        }
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
            "rows_removed",
            "buffers",
            "wal",
            "pages_per_row",
            "output",
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
    // In each plan mode once for the counts, and up to three times for what the rows amount to.
    let times = Count(samples.saturating_add(4).saturating_mul(2) as u64);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Library;
    use crate::finding::case::Relation;

    #[test]
    fn a_run_in_place_records_the_tables_of_its_queue_alone() {
        let queue = Library::built_in().queue("durable-steps").expect("reads");
        let relation = |name: &str| Relation {
            name: name.to_owned(),
            ..Relation::default()
        };
        let catalog = Catalog {
            relations: ["execution", "salaries", "step"].map(relation).to_vec(),
            ..Catalog::default()
        };
        let named = named_by(&queue, &catalog);
        assert_eq!(named.relations, ["execution", "step"].map(relation));
    }

    #[test]
    fn identifiers_are_what_the_catalogs_have() {
        let sql = r#"select "Job ""1""".id from Job -- salaries"#;
        let found: Vec<String> = identifiers(sql).collect();
        assert_eq!(found, ["select", "Job \"1\"", "id", "from", "job"]);
    }
}
