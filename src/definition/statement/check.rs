//! What a statement file as a whole must satisfy: everything declared is used, everything used is declared and has a value.

use super::super::operation::Operation;
use super::super::source::{DefinitionError, Source};
use super::super::suggestion;
use super::{Expression, FETCHED, Parameter, Setting, Statement, StatementFile, Target, Variant};
use crate::sql::Position;
use crate::sql::token::tokens;

/// How the statements start that EXPLAIN takes and that can serve an operation.
const EXPLAINED: [&str; 8] = [
    "select", "insert", "update", "delete", "merge", "values", "with", "table",
];

/// Refuses a statement that EXPLAIN does not take, by its first word.
pub(super) fn can_be_explained(
    source: &Source,
    start: usize,
    sql: &str,
) -> Result<(), DefinitionError> {
    let Some(first) = tokens(sql).find(|token| !token.kind.is_trivia()) else {
        return Ok(());
    };
    let text = &sql[first.span.clone()];
    if text == "("
        || EXPLAINED
            .iter()
            .any(|known| text.eq_ignore_ascii_case(known))
    {
        return Ok(());
    }
    let help = match suggestion::nearest(&text.to_ascii_lowercase(), EXPLAINED) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("a statement starts with {} or `(`", EXPLAINED.join(", ")),
    };
    let message = format!("`{text}` starts no statement that EXPLAIN takes");
    Err(source.error(start + first.span.start, message).help(help))
}

/// Parameters declared and used, and variants that set what there is, once.
pub(super) fn parameters_and_variants(file: &StatementFile) -> Result<(), DefinitionError> {
    file.statements
        .iter()
        .try_for_each(|statement| every_use_is_declared(file, statement))?;
    for parameter in &file.parameters {
        let used = |statement: &Statement| {
            statement
                .template
                .occurrences()
                .iter()
                .any(|occurrence| occurrence.name == parameter.name)
        };
        if !file.statements.iter().any(used) {
            let message = format!("parameter `{}` is never used", parameter.name);
            return Err(file
                .source
                .error_at(parameter.position, message)
                .help(format!(
                    "write `:{}` in the statement, or remove it",
                    parameter.name
                )));
        }
    }
    for variant in &file.variants {
        for (index, setting) in variant.settings.iter().enumerate() {
            setting_is_known(file, setting)?;
            if variant.settings[..index]
                .iter()
                .any(|earlier| earlier.target == setting.target)
            {
                let message = format!(
                    "variant `{}` sets {} twice",
                    variant.name,
                    target_name(&setting.target)
                );
                return Err(file
                    .source
                    .error_at(setting.position, message)
                    .help("keep one of the two"));
            }
        }
    }
    Ok(())
}

fn every_use_is_declared(
    file: &StatementFile,
    statement: &Statement,
) -> Result<(), DefinitionError> {
    for occurrence in statement.template.occurrences() {
        if file.parameter(&occurrence.name).is_none() {
            let declared = file
                .parameters
                .iter()
                .map(|parameter| parameter.name.as_str());
            let help = match suggestion::nearest(&occurrence.name, declared) {
                Some(meant) => format!("did you mean `:{meant}`?"),
                None => format!(
                    "add the line `-- param {} TYPE = EXPR` to the first comment",
                    occurrence.name
                ),
            };
            let message = format!("`:{}` is not declared", occurrence.name);
            return Err(file
                .source
                .error(statement.start + occurrence.span.start, message)
                .help(help));
        }
    }
    Ok(())
}

fn target_name(target: &Target) -> String {
    match target {
        Target::Parameter(name) => format!("`{name}`"),
        Target::Fetch(name) => format!("`fetch.{name}`"),
    }
}

fn setting_is_known(file: &StatementFile, setting: &Setting) -> Result<(), DefinitionError> {
    match &setting.target {
        Target::Parameter(name) if file.parameter(name).is_none() => {
            let declared = file
                .parameters
                .iter()
                .map(|parameter| parameter.name.as_str());
            let help = suggestion::did_you_mean(name, "parameters", declared.collect::<Vec<_>>());
            Err(file
                .source
                .error_at(setting.position, format!("there is no parameter `{name}`"))
                .help(help))
        }
        Target::Fetch(name) if file.operation == Operation::Fetch => {
            let message =
                format!("a fetch is not fed by a fetch, so `fetch.{name}` means nothing here");
            Err(file
                .source
                .error_at(setting.position, message)
                .help(format!("write `{name} = …`")))
        }
        _ => Ok(()),
    }
}

/// Every parameter has a value in every variant, and no value is taken from rows that do not exist yet.
pub(super) fn values(file: &StatementFile) -> Result<(), DefinitionError> {
    for variant in &file.variants {
        for parameter in &file.parameters {
            let Some(value) = variant.value_of(parameter) else {
                return Err(no_value(file, variant, &parameter.name));
            };
            if file.operation == Operation::Fetch && value.mentions(FETCHED) {
                let message = format!("`{FETCHED}` in a fetch: nothing has been fetched before it");
                return Err(file
                    .source
                    .error_at(value.position, message)
                    .help("write the value itself"));
            }
            comes_from_earlier_statements(file, &parameter.name, value)?;
        }
    }
    Ok(())
}

fn no_value(file: &StatementFile, variant: &Variant, name: &str) -> DefinitionError {
    let message = format!(
        "variant `{}` leaves parameter `{name}` without a value",
        variant.name
    );
    let help = format!("write `{name} = EXPR` in the variant, or a default in `-- param {name} …`");
    file.source.error_at(variant.position, message).help(help)
}

/// The one variant of a file that declares none: every parameter keeps its default.
pub(super) fn default_variant(file: &StatementFile) -> Result<Variant, DefinitionError> {
    match file
        .parameters
        .iter()
        .find(|parameter| parameter.default.is_none())
    {
        Some(Parameter {
            name,
            type_name,
            position,
            ..
        }) => {
            let message = format!(
                "parameter `{name}` has no value: it has no default, and there is no variant to set it"
            );
            let help = format!(
                "write `-- param {name} {type_name} = EXPR`, or add `-- variant NAME: {name} = EXPR`"
            );
            Err(file.source.error_at(*position, message).help(help))
        }
        None => Ok(Variant {
            name: "default".to_owned(),
            settings: Vec::new(),
            position: Position::START,
        }),
    }
}

/// A value may use the rows of statements that come before the first statement it is bound in.
fn comes_from_earlier_statements(
    file: &StatementFile,
    parameter: &str,
    value: &Expression,
) -> Result<(), DefinitionError> {
    let used = |statement: &Statement| {
        statement
            .template
            .occurrences()
            .iter()
            .any(|occurrence| occurrence.name == parameter)
    };
    let first_use = file.statements.iter().position(used).unwrap_or(0);
    for later in &file.statements[first_use..] {
        if let Some(name) = later.name.as_deref().filter(|name| value.mentions(name)) {
            let message = format!(
                "parameter `{parameter}` is bound before statement `{name}` has returned rows"
            );
            return Err(file
                .source
                .error_at(value.position, message)
                .help("use the rows of an earlier statement"));
        }
    }
    Ok(())
}
