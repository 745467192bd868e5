//! Arguments, progress, printing and exit codes.

pub mod args;
pub mod commands;
pub mod consent;
pub mod exit;
pub mod interrupt;
pub mod progress;
pub mod selection;
pub mod server;

use std::process::ExitCode;

use clap::Parser;

use crate::postgres::conninfo;
use args::{Arguments, Command};
use exit::{Exit, Usage};

/// Runs the program: parses its arguments, does what they ask, and tells the system how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to stdout and are no error; a failure to print has nobody left to be told.
            say_without_passwords(&error);
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Done.into()
            };
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            progress::tell(&format!("error: cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    match runtime.block_on(run(arguments)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            progress::tell(&format!("error: {}", exit::message(&error)));
            if error.is::<Usage>() {
                Exit::Usage.into()
            } else {
                Exit::Failed.into()
            }
        }
    }
}

/// What clap has to say. It quotes what it does not understand, which may be a URL in the wrong place.
fn say_without_passwords(error: &clap::Error) {
    let mut text = error.render().to_string();
    let mut hidden = false;
    for word in std::env::args_os().skip(1) {
        let word = word.to_string_lossy();
        let value = word.split_once('=').map_or("", |(_, value)| value);
        for part in [&*word, value] {
            let safe = conninfo::redact(part);
            if safe != part && text.contains(part) {
                text = text.replace(part, &safe);
                hidden = true;
            }
        }
    }
    if hidden {
        progress::tell(text.trim_end());
    } else {
        let _ = error.print();
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { command, common } = arguments;
    match command {
        Command::ComparePlans(arguments) => commands::compare_plans::run(&arguments, &common).await,
        Command::Queues(arguments) => commands::queues::run(&arguments.action),
        Command::Fixtures(arguments) => commands::fixtures::run(&arguments.action, &common).await,
        Command::Rules(arguments) => commands::rules::run(&arguments.action),
        Command::ExtractQueries(arguments) => {
            commands::extract_queries::run(&arguments, &common).await
        }
        Command::Postgres(arguments) => commands::postgres::run(&arguments.action, &common).await,
        Command::Init(arguments) => commands::init::run(&arguments),
        Command::Completions { shell } => commands::completions::run(shell),
    }
}
