//! Variants as scripts for psql: values filled in, EXPLAIN in front, ROLLBACK behind.

use thiserror::Error;
use tokio_postgres::Client;

use super::company;
use crate::definition::{Fixture, Queue};
use crate::explain::ExplainError;
use crate::explain::copies::Copies;
use crate::explain::variant::{self, Readied, Subject};
use crate::fixture::build::BuildError;
use crate::fixture::cache;
use crate::postgres::workspace::Workspace;
use crate::run::event::{Events, RunEvent};
use crate::statement::StatementError;
use crate::statement::execute::Executable;
use crate::statement::value::{as_parameters, type_of};

/// Why a variant could not be written.
#[derive(Debug, Error)]
pub enum ExtractError {
    /// The fixture that gives the values could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A copy of it could not be had.
    #[error(transparent)]
    Copy(#[from] ExplainError),
    /// The server refuses the statement, or what feeds it.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

/// A script, or why there is none.
pub type Extracted<'d> = (Subject<'d>, Result<String, ExtractError>);

/// Writes a script for each subject, with the values it has on this fixture. One that cannot be bound does not take the others with
/// it.
///
/// # Errors
/// If the fixture cannot be built.
pub async fn scripts<'d>(
    workspace: &Workspace,
    queue: &Queue,
    fixture: &Fixture,
    subjects: &[Subject<'d>],
    events: &Events,
) -> Result<Vec<Extracted<'d>>, ExtractError> {
    let databases = workspace.databases();
    let count = subjects.len() as u64;
    let template = cache::provide(workspace, queue, fixture, count, events).await?;
    let copies = Copies::of(databases, &template.database, false).await?;
    let mut copies = copies.with_company(company::of(queue, fixture, events));
    let mut extracted = Vec::new();
    for subject in subjects {
        events.emit(RunEvent::VariantStarted {
            stage: "writing",
            queue: queue.name.clone(),
            fixture: fixture.name.clone(),
            variant: format!("{} {}", subject.statement_name(), subject.variant.name),
        });
        let outcome = extract(&mut copies, *subject, fixture).await;
        events.emit(RunEvent::VariantFinished {
            fixture: fixture.name.clone(),
            error: outcome.as_ref().err().map(ToString::to_string),
        });
        extracted.push((*subject, outcome));
    }
    // What cannot be dropped now is dropped when the server is left, or by the next run; the scripts are there.
    let _ = copies.drop_finished().await;
    Ok(extracted)
}

async fn extract(
    copies: &mut Copies<'_>,
    subject: Subject<'_>,
    fixture: &Fixture,
) -> Result<String, ExtractError> {
    let copy = copies.open().await?;
    let text = async {
        let readied = variant::make_ready(&copy, subject).await?;
        script(&copy.session, subject, fixture, &readied).await
    };
    let text = text.await;
    copies.finish(copy).await;
    Ok(text?)
}

async fn script(
    client: &Client,
    subject: Subject<'_>,
    fixture: &Fixture,
    readied: &Readied<'_>,
) -> Result<String, StatementError> {
    let mut text = format!(
        "-- {} of queue {}, variant {}, with its values on fixture {}.\n-- Run it with psql in a database that holds the queue's tables; nothing of it stays.\n\
         \\set ON_ERROR_STOP on\nbegin;\n",
        on_one_line(&subject.statement_name()),
        on_one_line(&subject.queue.name),
        subject.variant.name,
        on_one_line(&fixture.name)
    );
    for executable in &readied.before {
        text.push_str(&format!(
            "\n-- first, unmeasured: {}\n{};\n",
            on_one_line(&executable.place()),
            filled_in(client, executable).await?
        ));
    }
    let measured = filled_in(client, &readied.executable).await?;
    text.push_str(&format!(
        "\nexplain (analyze, verbose, buffers, settings, wal)\n{measured};\n\nrollback;\n"
    ));
    Ok(text)
}

/// A name fit for a comment that ends with its line: a line end in it would make SQL of the rest.
fn on_one_line(name: &str) -> String {
    let shown = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    name.chars().map(shown).collect()
}

/// The statement with a literal for each parameter, as the server quotes it.
async fn filled_in(client: &Client, executable: &Executable<'_>) -> Result<String, StatementError> {
    let mut literals = Vec::new();
    for parameter in executable.parameters() {
        let query = format!("select quote_nullable(($1::{})::text)", parameter.type_name);
        let quote = async {
            let statement = client
                .prepare_typed(&query, &[type_of(parameter.oid)])
                .await?;
            client
                .query_one(
                    &statement,
                    &as_parameters(std::slice::from_ref(&parameter.value)),
                )
                .await
        };
        let row = quote
            .await
            .map_err(StatementError::server("quote a parameter's value"))?;
        let literal: String = row.get(0);
        literals.push((
            parameter.name.clone(),
            format!("{literal}::{}", parameter.type_name),
        ));
    }
    Ok(executable.with_literals(&literals))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_stays_in_its_comment() {
        assert_eq!(super::on_one_line("a\ndrop table b"), "a\\ndrop table b");
        assert_eq!(super::on_one_line("fünf-queues"), "fünf-queues");
    }
}
