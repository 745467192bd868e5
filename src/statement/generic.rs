//! A statement prepared on the server by name, so that its generic plan can be had.
//!
//! `EXPLAIN EXECUTE` takes no bound parameters. Each value is therefore bound in binary into a setting as text, and read back
//! from there: no value is ever pasted into SQL, whatever its type.

use tokio_postgres::Client;

use super::StatementError;
use super::evaluate::BoundParameter;
use super::execute::Executable;
use super::value::{as_parameters, type_of};
use crate::run::plan_result::PlanMode;

/// How often a prepared statement is planned before one knows which plan PostgreSQL settles on: five custom plans come first.
const EXECUTIONS_TO_SETTLE: usize = 7;

/// A statement prepared under a name of our own.
#[derive(Debug)]
pub struct Prepared {
    name: &'static str,
    arguments: String,
}

impl Prepared {
    /// Prepares `executable` as `name` and keeps its values in settings of the session.
    ///
    /// # Errors
    /// What the server says, with the place in the file.
    pub async fn prepare(
        client: &Client,
        name: &'static str,
        executable: &Executable<'_>,
    ) -> Result<Prepared, StatementError> {
        let mut arguments = Vec::new();
        for (index, parameter) in executable.parameters().iter().enumerate() {
            let type_name = &parameter.type_name;
            if parameter.value.0.is_none() {
                arguments.push(format!("null::{type_name}"));
                continue;
            }
            let setting = format!("pgqa.p{}", index + 1);
            keep(client, &setting, parameter)
                .await
                .map_err(|error| executable.failed_as_a_whole(&error))?;
            arguments.push(format!("current_setting('{setting}')::{type_name}"));
        }
        let types: Vec<&str> = executable
            .parameters()
            .iter()
            .map(|parameter| parameter.type_name.as_str())
            .collect();
        let types = if types.is_empty() {
            String::new()
        } else {
            format!(" ({})", types.join(", "))
        };
        let head = format!("prepare {name}{types} as ");
        let prepared = client
            .batch_execute(&format!("{head}{}", executable.text()))
            .await;
        prepared.map_err(|error| executable.failed(&error, head.chars().count()))?;
        let arguments = if arguments.is_empty() {
            String::new()
        } else {
            format!("({})", arguments.join(", "))
        };
        Ok(Prepared { name, arguments })
    }

    /// The command that executes it with its values.
    #[must_use]
    pub fn execute(&self) -> String {
        format!("execute {}{}", self.name, self.arguments)
    }

    /// Which plan PostgreSQL settles on by itself. Nothing is executed: a plain EXPLAIN goes through the same choice.
    ///
    /// # Errors
    /// If the server cannot plan it.
    pub async fn auto_plan(
        &self,
        client: &Client,
        executable: &Executable<'_>,
    ) -> Result<PlanMode, StatementError> {
        let explain = format!("explain {};", self.execute()).repeat(EXECUTIONS_TO_SETTLE);
        client
            .batch_execute(&explain)
            .await
            .map_err(|error| executable.failed_as_a_whole(&error))?;
        let row = client
            .query_one(
                "select generic_plans > 0 from pg_prepared_statements where name = $1",
                &[&self.name],
            )
            .await
            .map_err(StatementError::server("read which plan was chosen"))?;
        Ok(if row.get(0) {
            PlanMode::Generic
        } else {
            PlanMode::Custom
        })
    }
}

async fn keep(
    client: &Client,
    setting: &str,
    parameter: &BoundParameter,
) -> Result<(), tokio_postgres::Error> {
    let BoundParameter {
        type_name,
        oid,
        value,
        ..
    } = parameter;
    let query = format!("select set_config('{setting}', ($1::{type_name})::text, false)");
    let statement = client.prepare_typed(&query, &[type_of(*oid)]).await?;
    client
        .query_one(&statement, &as_parameters(std::slice::from_ref(value)))
        .await
        .map(|_| ())
}
