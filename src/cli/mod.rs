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

use args::{Arguments, Command};
use exit::{Exit, Usage};

use crate::postgres::conninfo::redact;

/// Runs the program: parses its arguments, does what they ask, and tells the system how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            return show(&error).into();
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

/// Help and version go to stdout and are no error. A mistake is shown with the arguments it is about, but no password among them.
fn show(error: &clap::Error) -> Exit {
    let text = error.to_string();
    let shown: Vec<String> = text.lines().map(redact).collect();
    if shown.iter().map(String::as_str).eq(text.lines()) {
        // A failure to print has nobody left to be told.
        let _ = error.print();
    } else {
        progress::tell(&shown.join("\n"));
    }
    if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { command, common } = arguments;
    match command {
        Command::ComparePlans(arguments) => commands::compare_plans::run(&arguments, &common).await,
        Command::Queues(arguments) => commands::queues::run(&arguments.action),
        Command::Fixtures(arguments) => commands::fixtures::run(&arguments.action, &common).await,
        Command::Clean(arguments) => commands::clean::run(&arguments, &common).await,
        Command::Rules(arguments) => commands::rules::run(&arguments.action),
        Command::Selftest(arguments) => commands::selftest::run(&arguments, &common).await,
        Command::ExtractQueries(arguments) => {
            commands::extract_queries::run(&arguments, &common).await
        }
        Command::Postgres(arguments) => commands::postgres::run(&arguments.action, &common).await,
        Command::Init(arguments) => commands::init::run(&arguments),
        Command::Completions { shell } => commands::completions::run(shell),
    }
}
