//! `completions`: a script that completes the command line in a shell.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, CommandFactory};
use clap_complete::Shell;

use super::listing;
use crate::cli::args::{self, Arguments};
use crate::cli::exit::Exit;
use crate::definition::{Library, Operation};
use crate::finding::rules::RULES;
use crate::report::{ComparisonFormat, Format};

/// Runs the command.
///
/// # Errors
/// If the script cannot be printed.
pub fn run(shell: Shell) -> anyhow::Result<Exit> {
    listing::print(&script(shell))
}

fn script(shell: Shell) -> String {
    let mut command = with_values(Arguments::command());
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, &name, &mut script);
    let script = String::from_utf8_lossy(&script);
    // clap_complete 4.6.11 spells a name with a hyphen in two ways, so that bash completes nothing behind a command
    // (clap-rs/clap#6421). Where that is mended this replaces nothing.
    script.replace(&name.replace('-', "__subcmd__"), &name.replace('-', "__"))
}

/// The command with the names that its arguments may have, for the script alone: the command line that is parsed takes paths as well,
/// and patterns.
fn with_values(command: Command) -> Command {
    let name = command.get_name().to_owned();
    command
        .mut_args(|argument| match values(&name, &argument) {
            Some(values) => argument.value_parser(PossibleValuesParser::new(values)),
            None => argument,
        })
        .mut_subcommands(with_values)
}

/// The names that an argument of a command takes; none where it takes anything else.
fn values(command: &str, argument: &Arg) -> Option<Vec<&'static str>> {
    let library = Library::built_in();
    match argument.get_id().as_str() {
        "queue" => Some(library.queue_names()),
        "fixture" => argument
            .get_action()
            .takes_values()
            .then(|| library.fixture_names()),
        // `init --scenario` is a switch.
        "scenario" => argument
            .get_action()
            .takes_values()
            .then(|| library.scenario_names()),
        "from" => Some(
            [
                library.queue_names(),
                library.fixture_names(),
                library.scenario_names(),
            ]
            .concat(),
        ),
        "completion" => Some(vec!["each", "batch", "with-next-fetch"]),
        "operation" => Some(Operation::ALL.map(Operation::name).to_vec()),
        "format" => Some(match command {
            "compare" => ComparisonFormat::ALL.map(ComparisonFormat::name).to_vec(),
            "compare-plans" => args::format_names(),
            _ => Format::OF_DRAINS.map(Format::name).to_vec(),
        }),
        "rule" => Some(RULES.iter().map(|rule| rule.id).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_every_command_and_name() {
        for shell in [
            Shell::Bash,
            Shell::Zsh,
            Shell::Fish,
            Shell::Elvish,
            Shell::PowerShell,
        ] {
            let text = script(shell);
            let command = Arguments::command();
            for command in command.get_subcommands().filter(|one| !one.is_hide_set()) {
                assert!(text.contains(command.get_name()), "{shell}: {command}");
            }
            // Elvish and PowerShell complete options, not their values.
            let completes_values = matches!(shell, Shell::Bash | Shell::Zsh | Shell::Fish);
            let names = ["natural-mistake", "deep-history", "step-load"];
            for name in names {
                assert_eq!(text.contains(name), completes_values, "{shell}: {name}");
            }
        }
    }

    #[test]
    fn a_comparison_is_not_printed_as_csv() {
        let text = script(Shell::Bash);
        for formats in [
            "table json markdown csv",
            "table json markdown junit",
            "table json markdown csv matrix junit",
        ] {
            assert!(text.contains(&format!("\"{formats}\"")), "{formats}");
        }
    }

    #[test]
    fn the_command_with_values_is_sound() {
        with_values(Arguments::command()).debug_assert();
    }
}
