//! Arguments, progress, printing and exit codes.

pub mod against;
pub mod args;
pub mod commands;
pub mod consent;
pub mod draining;
pub mod drains;
pub mod exit;
pub mod gate;
pub mod interrupt;
pub mod measuring;
pub mod one_database;
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
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let shown = without_passwords(&text, arguments);
    if shown == text {
        // A failure to print has nobody left to be told.
        let _ = error.print();
    } else {
        progress::tell(shown.trim_end());
    }
    if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    }
}

/// A text in which arguments are cited: each that holds a password is shown without it, and for what stands between them, which may
/// be a part of one, each line is.
fn without_passwords(text: &str, arguments: impl Iterator<Item = String>) -> String {
    let mut secret: Vec<String> = arguments
        .flat_map(|argument| {
            let value = argument.split_once('=').map(|(_, value)| value.to_owned());
            [Some(argument), value]
        })
        .flatten()
        .filter(|cited| redact(cited) != *cited)
        .collect();
    // The whole of an argument goes before a part of it.
    secret.sort_by_key(|cited| std::cmp::Reverse(cited.len()));
    let mut shown = String::new();
    let mut rest = text;
    loop {
        let found = secret
            .iter()
            .filter_map(|cited| Some((rest.find(cited.as_str())?, cited)));
        let Some((at, cited)) = found.min_by_key(|(at, _)| *at) else {
            return shown + &redact_lines(rest);
        };
        shown.push_str(&redact_lines(&rest[..at]));
        shown.push_str(&redact(cited));
        rest = &rest[at + cited.len()..];
    }
}

fn redact_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(redact).collect();
    lines.join("\n")
}

async fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { command, common } = arguments;
    match command {
        Command::ComparePlans(arguments) => commands::compare_plans::run(&arguments, &common).await,
        Command::Throughput(arguments) => commands::throughput::run(&arguments, &common).await,
        Command::Review(arguments) => commands::review::run(&arguments, &common),
        Command::Compare(arguments) => commands::compare::run(&arguments, &common),
        Command::Runs(arguments) => commands::runs::run(&arguments.action, &common),
        Command::Queues(arguments) => commands::queues::run(&arguments.action),
        Command::Fixtures(arguments) => commands::fixtures::run(&arguments.action, &common).await,
        Command::Scenarios(arguments) => commands::scenarios::run(&arguments.action),
        Command::Clean(arguments) => commands::clean::run(&arguments, &common).await,
        Command::Rules(arguments) => commands::rules::run(&arguments.action),
        Command::Selftest(arguments) => commands::selftest::run(&arguments, &common).await,
        Command::ExtractQueries(arguments) => {
            commands::extract_queries::run(&arguments, &common).await
        }
        Command::Postgres(arguments) => commands::postgres::run(&arguments.action, &common).await,
        Command::Init(arguments) => commands::init::run(&arguments),
        Command::Worker => commands::worker::run().await,
        Command::Completions { shell } => commands::completions::run(shell),
    }
}

#[cfg(test)]
mod tests {
    use super::without_passwords;

    #[test]
    fn what_is_said_of_an_argument_is_kept_and_its_password_is_not() {
        let shown =
            |text: &str, argument: &str| without_passwords(text, [argument.to_owned()].into_iter());
        let url = "postgres://u:S3CRET@h/d";
        assert_eq!(
            shown(
                &format!("`{url}` for '--queue': `{url}` is none\nmore"),
                url
            ),
            "`postgres://u:***@h/d` for '--queue': `postgres://u:***@h/d` is none\nmore"
        );
        assert_eq!(
            shown(
                "invalid value 'host=h password=S3CRET' for '--queue': why",
                "--queue=host=h password=S3CRET"
            ),
            "invalid value 'host=h password=***' for '--queue': why"
        );
        // Neither an argument nor a part of one that is known: what follows goes too.
        assert_eq!(
            shown("found password=S3CRET\nmore", "x"),
            "found password=***\nmore"
        );
        assert_eq!(shown("nothing secret", url), "nothing secret");
    }
}
