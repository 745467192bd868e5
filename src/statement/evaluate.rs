//! The values of a variant's parameters, evaluated by the server and kept in binary.

use tokio_postgres::Client;

use super::StatementError;
use super::relation::Relation;
use super::value::{RawValue, as_parameters, type_of};
use crate::definition::statement::{Expression, Parameter, Statement, StatementFile, Variant};
use crate::postgres::database::server_message;

/// A parameter with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundParameter {
    /// Its name.
    pub name: String,
    /// Its type as the file declares it.
    pub type_name: String,
    /// Its type's number.
    pub oid: u32,
    /// Its value.
    pub value: RawValue,
}

/// On whose behalf a file is run: where its parameters' values come from.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'v> {
    /// To measure this variant of the file itself.
    Measure(&'v Variant),
    /// To feed this variant of another file: `fetch.P = …` settings.
    Feed(&'v Variant),
}

impl<'v> Purpose<'v> {
    /// The variant it is all about.
    #[must_use]
    pub fn variant(self) -> &'v Variant {
        let (Purpose::Measure(variant) | Purpose::Feed(variant)) = self;
        variant
    }

    fn value_of<'p>(self, parameter: &'p Parameter) -> Option<&'p Expression>
    where
        'v: 'p,
    {
        match self {
            Purpose::Measure(variant) => variant.value_of(parameter),
            Purpose::Feed(variant) => {
                let set = variant
                    .fetch_settings()
                    .find(|(name, _)| *name == parameter.name);
                set.map(|(_, setting)| &setting.value)
                    .or(parameter.default.as_ref())
            }
        }
    }
}

/// Evaluates the parameters that one statement of `file` uses.
///
/// # Errors
/// If a type does not exist, an expression fails, or a parameter of a feeding fetch has no value; with the place in the file.
pub async fn parameters(
    client: &Client,
    file: &StatementFile,
    statement: &Statement,
    purpose: Purpose<'_>,
    relations: &[Relation],
) -> Result<Vec<BoundParameter>, StatementError> {
    let mut bound = Vec::new();
    for parameter in statement
        .template
        .parameters()
        .into_iter()
        .filter_map(|name| file.parameter(name))
    {
        let name = &parameter.name;
        let fail = |position, message| {
            StatementError::in_file(file, position, &purpose.variant().name, message)
        };
        let oid = type_number(client, parameter)
            .await?
            .map_err(|message| fail(parameter.position, message))?;
        let Some(expression) = purpose.value_of(parameter) else {
            let message = format!(
                "parameter {name} of the fetch that feeds it has no value: set it with `fetch.{name} = …` in the variant"
            );
            return Err(fail(parameter.position, message));
        };
        let evaluated = evaluate(client, parameter, expression, relations).await;
        let value = evaluated.map_err(|error| {
            let reason = server_message(&error);
            let missing: String = relations
                .iter()
                .filter(|one| expression.mentions(&one.name))
                .map(Relation::missing)
                .collect();
            let message = format!(
                "`{}` is no value of type {} for {name}: {reason}{missing}",
                expression.sql, parameter.type_name
            );
            fail(expression.position, message)
        })?;
        bound.push(BoundParameter {
            name: name.clone(),
            type_name: parameter.type_name.clone(),
            oid,
            value,
        });
    }
    Ok(bound)
}

async fn type_number(
    client: &Client,
    parameter: &Parameter,
) -> Result<Result<u32, String>, StatementError> {
    let found = client
        .query_one("select to_regtype($1)::oid", &[&parameter.type_name])
        .await;
    // A name that cannot even be parsed as a type is an error of the server's, not null.
    let oid = match found {
        Ok(row) => row.get::<_, Option<u32>>(0),
        Err(error) if error.as_db_error().is_some() => None,
        Err(error) => return Err(StatementError::server("look up a type")(error)),
    };
    Ok(oid.ok_or_else(|| {
        format!(
            "parameter {} has the unknown type {}",
            parameter.name, parameter.type_name
        )
    }))
}

async fn evaluate(
    client: &Client,
    parameter: &Parameter,
    expression: &Expression,
    relations: &[Relation],
) -> Result<RawValue, tokio_postgres::Error> {
    let mentioned: Vec<&Relation> = relations
        .iter()
        .filter(|relation| expression.mentions(&relation.name))
        .collect();
    let mut tables = Vec::new();
    let (mut types, mut values) = (Vec::new(), Vec::new());
    for relation in &mentioned {
        tables.push(relation.as_common_table_expression(values.len() + 1));
        types.extend(relation.columns.iter().map(|column| type_of(column.oid)));
        values.extend(relation.columns.iter().map(|column| column.value.clone()));
    }
    let mut query = String::new();
    if !tables.is_empty() {
        query.push_str(&format!("with {} ", tables.join(", ")));
    }
    query.push_str(&format!(
        "select ({})::{}",
        expression.sql, parameter.type_name
    ));
    if !mentioned.is_empty() {
        let names: Vec<&str> = mentioned
            .iter()
            .map(|relation| relation.name.as_str())
            .collect();
        query.push_str(&format!(" from {}", names.join(", ")));
    }
    let statement = client.prepare_typed(&query, &types).await?;
    let row = client
        .query_one(&statement, &as_parameters(&values))
        .await?;
    Ok(row.get(0))
}
