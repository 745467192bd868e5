//! The values of a variant's parameters, evaluated by the server and kept in binary.

use tokio_postgres::Client;
use tokio_postgres::error::{DbError, ErrorPosition};
use tokio_postgres::types::Type;

use super::StatementError;
use super::relation::Relation;
use super::value::{RawValue, as_parameters, type_of};
use crate::definition::statement::{Expression, Parameter, Statement, StatementFile, Variant};
use crate::postgres::database::server_message;
use crate::sql::position::Position;

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

impl BoundParameter {
    /// Its value as a count; none where it is null, negative or of a type other than PostgreSQL's integers.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        let bytes = self.value.0.as_deref()?;
        let number = match type_of(self.oid) {
            Type::INT2 => i64::from(i16::from_be_bytes(bytes.try_into().ok()?)),
            Type::INT4 => i64::from(i32::from_be_bytes(bytes.try_into().ok()?)),
            Type::INT8 => i64::from_be_bytes(bytes.try_into().ok()?),
            _ => return None,
        };
        u64::try_from(number).ok()
    }
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
        let value = value(client, parameter, expression, relations)
            .await
            .map_err(|(position, message)| fail(position, message))?;
        bound.push(BoundParameter {
            name: name.clone(),
            type_name: parameter.type_name.clone(),
            oid,
            value,
        });
    }
    Ok(bound)
}

/// Evaluates one expression as a value of its parameter; an error is its place in the file and a message.
pub(super) async fn value(
    client: &Client,
    parameter: &Parameter,
    expression: &Expression,
    relations: &[Relation],
) -> Result<RawValue, (Position, String)> {
    let (query, prefix) = query_for(parameter, expression, relations);
    let evaluated = evaluate(client, &query, expression, relations).await;
    evaluated.map_err(|error| refusal(parameter, expression, relations, &error, prefix))
}

/// What the server has against an expression: the place in the file and a message.
pub(super) fn refusal(
    parameter: &Parameter,
    expression: &Expression,
    relations: &[Relation],
    error: &tokio_postgres::Error,
    prefix: usize,
) -> (Position, String) {
    let reason = server_message(error);
    let missing: String = mentioned(expression, relations)
        .map(Relation::missing)
        .collect();
    let message = format!(
        "`{}` is no value of type {} for {}: {reason}{missing}",
        one_line(&expression.sql),
        parameter.type_name,
        parameter.name
    );
    (place_in(expression, error, prefix), message)
}

/// The number of a parameter's type, or why there is none.
pub(super) async fn type_number(
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

/// Where in the file the server found the mistake: its position less the characters in front of the expression.
fn place_in(expression: &Expression, error: &tokio_postgres::Error, prefix: usize) -> Position {
    let position = match error.as_db_error().and_then(DbError::position) {
        Some(ErrorPosition::Original(position)) => (*position as usize).checked_sub(prefix),
        _ => None,
    };
    let within = position.filter(|at| (1..=expression.sql.chars().count()).contains(at));
    within.map_or(expression.position, |at| expression.position_of(at))
}

/// The lines of an expression as one.
fn one_line(sql: &str) -> String {
    sql.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// The relations an expression mentions.
pub(super) fn mentioned<'r>(
    expression: &Expression,
    relations: &'r [Relation],
) -> impl Iterator<Item = &'r Relation> {
    relations
        .iter()
        .filter(|relation| expression.mentions(&relation.name))
}

/// The query that evaluates an expression, and how many characters stand in front of the expression.
pub(super) fn query_for(
    parameter: &Parameter,
    expression: &Expression,
    relations: &[Relation],
) -> (String, usize) {
    let (mut tables, mut names) = (Vec::new(), Vec::new());
    let mut first = 1;
    for relation in mentioned(expression, relations) {
        tables.push(relation.as_common_table_expression(first));
        names.push(relation.name.as_str());
        first += relation.columns.len();
    }
    let mut query = String::new();
    if !tables.is_empty() {
        query.push_str(&format!("with {} ", tables.join(", ")));
    }
    query.push_str("select (");
    let prefix = query.chars().count();
    query.push_str(&format!("{})::{}", expression.sql, parameter.type_name));
    if !names.is_empty() {
        query.push_str(&format!(" from {}", names.join(", ")));
    }
    (query, prefix)
}

async fn evaluate(
    client: &Client,
    query: &str,
    expression: &Expression,
    relations: &[Relation],
) -> Result<RawValue, tokio_postgres::Error> {
    let columns = || mentioned(expression, relations).flat_map(|relation| &relation.columns);
    let types: Vec<_> = columns().map(|column| type_of(column.oid)).collect();
    let values: Vec<_> = columns().map(|column| column.value.clone()).collect();
    let statement = client.prepare_typed(query, &types).await?;
    let row = client
        .query_one(&statement, &as_parameters(&values))
        .await?;
    Ok(row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_of_integers_alone() {
        let count = |of: Type, bytes: Option<&[u8]>| {
            let bound = BoundParameter {
                name: "batch_size".to_owned(),
                type_name: of.name().to_owned(),
                oid: of.oid(),
                value: RawValue(bytes.map(<[u8]>::to_vec)),
            };
            bound.count()
        };
        assert_eq!(count(Type::INT2, Some(&[1, 0])), Some(256));
        assert_eq!(count(Type::INT4, Some(&[0, 0, 0, 10])), Some(10));
        assert_eq!(count(Type::INT8, Some(&[0, 0, 0, 0, 0, 0, 0, 7])), Some(7));
        assert_eq!(count(Type::INT4, Some(&[255; 4])), None);
        assert_eq!(count(Type::INT4, None), None);
        assert_eq!(count(Type::TEXT, Some(b"1")), None);
    }
}
