//! Where the value of each parameter comes from under load: decided once, from the definition and the types alone.

use tokio_postgres::types::{Kind, Type};

use super::columns::Columns;
use super::input::{Extent, Form, Given};
use crate::definition::operation::Operation;
use crate::definition::statement::{Expression, FETCHED, Parameter};
use crate::sql::token::{Token, TokenKind, tokens};

/// The rows an expression may mention: those fetched, then those of the statements before it in its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    /// The name expressions use.
    pub(super) name: &'a str,
    /// What columns they have; none where there are no such rows.
    pub(super) columns: Option<&'a Columns>,
}

/// A column of rows, by numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// 0: the fetched jobs; 1: the rows of the file's first statement, and so on.
    pub(super) rows: usize,
    /// The column.
    pub(super) column: usize,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The caller gives it; `element` is the type of an array's values.
    Given {
        given: Given,
        form: Form,
        element: Option<u32>,
    },
    /// A whole column as an array of this type's values.
    Column { place: Place, element: u32 },
    /// The value of the one job, or of the first row.
    Value(Place),
    /// The default, evaluated once.
    Constant,
    /// The default, evaluated by the server for each call.
    Computed,
}

/// The type beneath domains.
pub(super) fn base(type_: &Type) -> &Type {
    match type_.kind() {
        Kind::Domain(inner) => base(inner),
        _ => type_,
    }
}

/// The type of an array's values; none where it is no array.
pub(super) fn element(type_: &Type) -> Option<&Type> {
    match base(type_).kind() {
        Kind::Array(element) => Some(element),
        _ => None,
    }
}

/// Decides where a parameter's value comes from.
///
/// # Errors
/// Why the parameter cannot be served, and what to do.
pub(super) fn origin(
    parameter: &Parameter,
    type_: &Type,
    operation: Operation,
    rows: &[Rows<'_>],
) -> Result<Origin, String> {
    let default = parameter.default.as_ref();
    // A column that is passed through is meant, whatever the parameter's name.
    if let Some(column) = default.and_then(|default| plain(default, rows)) {
        let passed = passed_through(&column, type_, rows)?;
        return Ok(passed.unwrap_or(Origin::Computed));
    }
    if let Some((given, many)) = Given::of(&parameter.name, operation) {
        return from_the_caller(parameter, type_, given, many);
    }
    let Some(default) = default else {
        return Err(format!(
            "parameter {} has no default, and under load nothing gives it a value: write `= …` behind its type",
            parameter.name
        ));
    };
    let mentions = |rows: &&Rows<'_>| default.mentions(rows.name);
    match rows.iter().find(mentions) {
        None => Ok(Origin::Constant),
        Some(Rows {
            name,
            columns: None,
        }) => Err(without_rows(name, operation)),
        Some(_) => Ok(Origin::Computed),
    }
}

fn without_rows(name: &str, operation: Operation) -> String {
    format!(
        "nothing was {name} for a {operation} under load: give the parameter a default that does without"
    )
}

fn from_the_caller(
    parameter: &Parameter,
    type_: &Type,
    given: Given,
    many: bool,
) -> Result<Origin, String> {
    let array = element(type_);
    let found = match (many, array) {
        (true, Some(element)) => given.form(base(element)).map(|form| Origin::Given {
            given,
            form,
            element: Some(element.oid()),
        }),
        (false, None) => given.form(base(type_)).map(|form| Origin::Given {
            given,
            form,
            element: None,
        }),
        _ => None,
    };
    found.ok_or_else(|| {
        let wanted = if many { "an array (`[]`) of " } else { "" };
        format!(
            "parameter {} is {}, and under load it is given {wanted}{}: declare that, or name the parameter otherwise",
            parameter.name,
            parameter.type_name,
            given.types()
        )
    })
}

/// A mention of a column of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reference {
    rows: usize,
    column: String,
    /// What stands in the brackets behind it, if that is one whole number.
    subscript: Option<u64>,
}

/// The column that an expression is, where it is that and no more: `fetched.id`, `fetched.id[1]`.
fn plain(expression: &Expression, rows: &[Rows<'_>]) -> Option<Reference> {
    let tokens = significant(&expression.sql);
    let (reference, length) = reference_at(&expression.sql, &tokens, rows)?;
    (length == tokens.len()).then_some(reference)
}

fn significant(sql: &str) -> Vec<Token> {
    tokens(sql)
        .filter(|token| !token.kind.is_trivia())
        .collect()
}

/// The reference that these tokens begin with, and how many of them it takes.
fn reference_at(sql: &str, tokens: &[Token], rows: &[Rows<'_>]) -> Option<(Reference, usize)> {
    let [relation, dot, column, rest @ ..] = tokens else {
        return None;
    };
    if dot.kind != TokenKind::Dot {
        return None;
    }
    let relation = identifier(sql, relation)?;
    let rows = rows.iter().position(|rows| rows.name == relation)?;
    let column = identifier(sql, column)?;
    let text = |token: &Token| sql[token.span.clone()].to_owned();
    let subscript = match rest {
        [open, number, close, ..]
            if text(open) == "[" && number.kind == TokenKind::Number && text(close) == "]" =>
        {
            text(number).parse().ok()
        }
        _ => None,
    };
    let length = if subscript.is_some() { 6 } else { 3 };
    let reference = Reference {
        rows,
        column,
        subscript,
    };
    Some((reference, length))
}

/// A name as the server reads it: folded to lower case unless it is quoted.
fn identifier(sql: &str, token: &Token) -> Option<String> {
    let text = &sql[token.span.clone()];
    match token.kind {
        TokenKind::Word => Some(text.to_lowercase()),
        TokenKind::QuotedIdentifier => {
            let inner = text.strip_prefix('"')?.strip_suffix('"')?;
            Some(inner.replace("\"\"", "\""))
        }
        _ => None,
    }
}

/// Whether an expression takes the value of one job, so that each call can have one job only.
///
/// # Errors
/// If it takes the value of another job than the first.
pub(super) fn takes_one_job(expression: &Expression, rows: &[Rows<'_>]) -> Result<bool, String> {
    let tokens = significant(&expression.sql);
    let mut takes_one = false;
    for start in 0..tokens.len() {
        match reference_at(&expression.sql, &tokens[start..], rows) {
            Some((
                Reference {
                    rows: 0,
                    subscript: Some(1),
                    ..
                },
                _,
            )) => takes_one = true,
            Some((
                Reference {
                    rows: 0,
                    column,
                    subscript: Some(other),
                },
                _,
            )) => {
                return Err(format!(
                    "{FETCHED}.{column}[{other}] is a certain job of a batch: under load a call has one job, `{FETCHED}.{column}[1]`, or the whole batch, `{FETCHED}.{column}`"
                ));
            }
            _ => {}
        }
    }
    Ok(takes_one)
}

/// A column that goes to its parameter as it is; none where the server has to convert it.
fn passed_through(
    reference: &Reference,
    type_: &Type,
    rows: &[Rows<'_>],
) -> Result<Option<Origin>, String> {
    let Rows { name, columns } = rows[reference.rows];
    let column = &reference.column;
    let Some(columns) = columns else {
        return Err(format!(
            "nothing was {name} for this statement under load: give the parameter another default"
        ));
    };
    let Some(index) = columns.position(column) else {
        return Err(format!(
            "{name} has no column {column}; {}",
            columns.instead_of(column)
        ));
    };
    let place = Place {
        rows: reference.rows,
        column: index,
    };
    let found = columns.type_at(index);
    if element(found).is_some() {
        return Err(format!(
            "{name}.{column} is an array ({}), and arrays of arrays are no list of values: return it as another type, for example jsonb",
            found.name()
        ));
    }
    Ok(match reference.subscript {
        None => element(type_)
            .filter(|element| same_in_binary(found, element))
            .map(|element| Origin::Column {
                place,
                element: element.oid(),
            }),
        Some(1) => same_in_binary(found, type_).then_some(Origin::Value(place)),
        Some(_) => None,
    })
}

/// Whether a value sent as one type can be received as another without a look at it.
fn same_in_binary(sent: &Type, received: &Type) -> bool {
    let (sent, received) = (base(sent), base(received));
    let texts = [Type::TEXT, Type::VARCHAR];
    sent == received || texts.contains(sent) && texts.contains(received)
}

/// Whether the statements take one job a call.
///
/// # Errors
/// If an enqueue takes some of its jobs' values as arrays and others one by one; names one of each.
pub(super) fn is_per_job(
    operation: Operation,
    origins: &[(&str, Origin)],
    takes_one_job: bool,
) -> Result<bool, String> {
    let of_new_jobs = |many: bool| {
        let fits = move |origin: &Origin| {
            matches!(origin, Origin::Given { given, element, .. }
                if given.extent() == Extent::NewJob && element.is_some() == many)
        };
        origins
            .iter()
            .find(move |(_, origin)| fits(origin))
            .map(|(name, _)| *name)
    };
    if operation == Operation::Enqueue {
        return match (of_new_jobs(true), of_new_jobs(false)) {
            (Some(array), Some(scalar)) => Err(format!(
                "it takes {array} as an array (one call a batch) and {scalar} one by one (one call a job): declare arrays or scalars, not both"
            )),
            (array, _) => Ok(array.is_none()),
        };
    }
    let one = |(_, origin): &(&str, Origin)| match origin {
        Origin::Value(place) => place.rows == 0,
        Origin::Given { given, element, .. } => element.is_none() && given.is_of_one_job(),
        _ => false,
    };
    Ok(takes_one_job || origins.iter().any(one))
}

#[cfg(test)]
mod tests;
