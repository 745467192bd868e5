//! What a queue as a whole must satisfy: its files fit each other.

use super::super::fixture::Fixture;
use super::super::operation::Operation;
use super::super::option::OptionValue;
use super::super::script;
use super::super::source::DefinitionError;
use super::super::statement::{FETCHED, Setting, StatementFile, Variant};
use super::super::{suggestion, toml_file};
use super::Queue;
use crate::sql::token::is_parameter_name;

/// Checks everything that concerns more than one file.
pub(super) fn queue(queue: &Queue) -> Result<(), DefinitionError> {
    options(queue)?;
    for (&operation, file) in &queue.operations {
        served(queue, operation, file)?;
    }
    for file in &queue.statements {
        for variant in file.variants.iter().filter(|variant| file.is_fed(variant)) {
            fed(queue, file, variant)?;
        }
    }
    Ok(())
}

/// Every option can be named and is used, every use is an option.
fn options(queue: &Queue) -> Result<(), DefinitionError> {
    let mut used = Vec::new();
    for source in queue.scripts() {
        script::bind(source, &queue.options)?;
        for (_, template) in script::templates(source)? {
            used.extend(
                template
                    .occurrences()
                    .iter()
                    .map(|occurrence| occurrence.name.clone()),
            );
        }
    }
    for name in queue.options.keys() {
        let error =
            |message: String| toml_file::error_of(&queue.manifest, &["options", name], message);
        if !is_parameter_name(name) {
            return Err(error(format!("`{name}` cannot name an option"))
                .help("option names are [a-z_][a-z0-9_]*"));
        }
        // Without scripts, for tables that are there already, no option is used.
        let has_scripts = !queue.schema.text.is_empty();
        if has_scripts && !used.contains(name) {
            let help =
                format!("write `:{name}` in schema.sql, populate.sql or indexes.sql, or remove it");
            return Err(error(format!("option `{name}` is never used")).help(help));
        }
    }
    Ok(())
}

/// The file that `[operations]` names exists and serves the operation.
fn served(queue: &Queue, operation: Operation, name: &str) -> Result<(), DefinitionError> {
    let error = |message: String| {
        toml_file::error_of(&queue.manifest, &["operations", operation.name()], message)
    };
    let stem = name.strip_suffix(".sql").unwrap_or(name);
    match queue.statement(name) {
        Some(file) if file.operation == operation => Ok(()),
        Some(file) => {
            let message = format!("`{name}.sql` serves {}, not {operation}", file.operation);
            Err(error(message).help(format!("name a file that says `-- operation: {operation}`")))
        }
        None if queue.statement(stem).is_some() => {
            Err(error(format!("`{name}` names no statement"))
                .help(format!("write `{stem}`, without `.sql`")))
        }
        None => {
            let names: Vec<&str> = queue
                .statements_of(operation)
                .map(|file| file.name.as_str())
                .collect();
            let help = suggestion::did_you_mean(name, &format!("files for {operation}"), names);
            Err(error(format!("there is no file `{name}.sql`")).help(help))
        }
    }
}

/// A variant that is fed by a fetch: there is one, and it has the parameters that are set.
fn fed(queue: &Queue, file: &StatementFile, variant: &Variant) -> Result<(), DefinitionError> {
    let Some(fetch) = queue.serving(Operation::Fetch) else {
        return Err(no_fetch(file, variant));
    };
    for (name, Setting { position, .. }) in variant.fetch_settings() {
        if fetch.parameter(name).is_none() {
            let known: Vec<&str> = fetch
                .parameters
                .iter()
                .map(|parameter| parameter.name.as_str())
                .collect();
            let message = format!(
                "the queue's fetch (`{}.sql`) has no parameter `{name}`",
                fetch.name
            );
            return Err(file
                .source
                .error_at(*position, message)
                .help(suggestion::did_you_mean(name, "parameters", known)));
        }
    }
    Ok(())
}

fn no_fetch(file: &StatementFile, variant: &Variant) -> DefinitionError {
    let value = file
        .parameters
        .iter()
        .filter_map(|parameter| variant.value_of(parameter))
        .find(|value| value.mentions(FETCHED));
    let position = value.map(|value| value.position).or_else(|| {
        variant
            .fetch_settings()
            .next()
            .map(|(_, setting)| setting.position)
    });
    let message = format!(
        "variant `{}` is fed by a fetch, and the queue has none",
        variant.name
    );
    let help =
        "write `fetch.sql`, or name the file under [operations] in queue.toml: `fetch = \"…\"`";
    file.source
        .error_at(position.unwrap_or(variant.position), message)
        .help(help)
}

/// An option a fixture sets: the queue has it, and of the same kind.
pub(super) fn fixture_option(
    queue: &Queue,
    fixture: &Fixture,
    name: &str,
    value: &OptionValue,
) -> Result<(), DefinitionError> {
    let error = |message: String| toml_file::error_of(&fixture.source, &["options", name], message);
    match queue.options.get(name) {
        None => {
            let help =
                suggestion::did_you_mean(name, "options", queue.options.keys().map(String::as_str));
            Err(error(format!("queue `{}` has no option `{name}`", queue.name)).help(help))
        }
        Some(default) if default.kind() != value.kind() => {
            let message = format!("option `{name}` is {}", value.kind());
            Err(error(message).help(format!("queue `{}` expects {}", queue.name, default.kind())))
        }
        Some(_) => Ok(()),
    }
}
