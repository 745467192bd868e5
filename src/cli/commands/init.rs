//! `init`: a queue folder, a fixture or a scenario file, to start from.

pub(super) mod place;

use std::path::Path;

use super::listing;
use crate::cli::args::Init;
use crate::cli::exit::{Exit, Usage};
use crate::definition::{Library, nearest};
use crate::report::text::inert;

/// Runs the command.
///
/// # Errors
/// A name that cannot name a queue, a built-in one that does not exist (both usage), and a place that is taken or cannot be written.
pub fn run(arguments: &Init) -> anyhow::Result<Exit> {
    let library = Library::built_in();
    let from = arguments.from.as_deref();
    let path = path_of(&arguments.name)?;
    let file = |text: &str, next: (&str, &str)| -> anyhow::Result<String> {
        let path = match path.ends_with(".toml") {
            true => path.clone(),
            false => path.clone() + ".toml",
        };
        place::write_file(Path::new(&path), text)?;
        Ok(told(&path, next, &[]))
    };
    let text = if arguments.fixture {
        let text = match from {
            None => library.fixture_template(),
            Some(name) => library
                .fixture_text(name)
                .ok_or_else(|| unknown("fixture", name, library.fixture_names()))?,
        };
        file(text, ("compare-plans --fixture", " --quick"))?
    } else if arguments.scenario {
        let text = match from {
            None => library.scenario_template(),
            Some(name) => library
                .scenario_text(name)
                .ok_or_else(|| unknown("scenario", name, library.scenario_names()))?,
        };
        file(text, ("throughput", ""))?
    } else {
        let files = match from {
            None => library.queue_template(),
            Some(name) => library
                .queue_files(name)
                .ok_or_else(|| unknown("queue", name, library.queue_names()))?,
        };
        place::write_folder(Path::new(&path), files)?;
        told(&path, ("compare-plans --queue", " --quick"), files)
    };
    listing::print(&text)
}

fn unknown(kind: &str, name: &str, known: Vec<&str>) -> Usage {
    let hint =
        nearest(name, known).map_or(String::new(), |near| format!("did you mean `{near}`? "));
    Usage(format!(
        "there is no built-in {kind} `{name}`; {hint}`pgq-analyze {kind}s list` lists all"
    ))
}

/// The path a name stands for: its own where it has a `/`, else in this folder. Its last part is the queue's or fixture's name in
/// every table, file name and script, so it is one that no shell and no terminal reads otherwise.
pub(super) fn path_of(name: &str) -> Result<String, Usage> {
    let refused = |reason: &str| {
        let help = "write letters, digits, `-`, `_` and `.`, beginning with a letter or digit: `my-queue`, `./queues/my-queue`";
        Err(Usage(format!("`{name}` {reason}; {help}")))
    };
    let trimmed = name.trim_end_matches('/');
    let last = trimmed.rsplit('/').next().unwrap_or(trimmed);
    let plain = |character: char| character.is_alphanumeric() || "-_.".contains(character);
    if last.is_empty() {
        return refused("names nothing");
    }
    if !last.chars().all(plain) || !last.starts_with(char::is_alphanumeric) {
        return refused("cannot name a queue, fixture or scenario");
    }
    Ok(match trimmed.contains('/') {
        true => trimmed.to_owned(),
        false => format!("./{trimmed}"),
    })
}

/// What was written, and what to do with it: a command that takes the path, and options behind that.
fn told(path: &str, (command, options): (&str, &str), files: &[(&str, &str)]) -> String {
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let files = match names.is_empty() {
        true => String::new(),
        false => format!(": {}", names.join(", ")),
    };
    format!(
        "wrote {}{files}\n\nnext: {} {command} {}{options}\n",
        inert(path),
        env!("CARGO_PKG_NAME"),
        inert(&in_a_shell(path))
    )
}

/// A word as a shell reads it back: quoted where it has to be.
pub(super) fn in_a_shell(word: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "/-_.+,:@".contains(character);
    match word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_lies_in_this_folder() {
        for (name, path) in [
            ("my-queue", "./my-queue"),
            ("queues/mine", "queues/mine"),
            ("../a b/mine_2.x/", "../a b/mine_2.x"),
            ("/srv/Schlange-für-alle", "/srv/Schlange-für-alle"),
        ] {
            assert_eq!(path_of(name).unwrap(), path);
        }
    }

    #[test]
    fn a_name_that_would_be_read_otherwise_is_refused() {
        for name in [
            "", "/", ".", "./", "..", "a/..", "-x", ".x", "a b", "a\n", "./a'b", "a*",
        ] {
            let message = path_of(name).unwrap_err().to_string();
            assert!(message.starts_with(&format!("`{name}` ")), "{message}");
            assert!(message.ends_with("`./queues/my-queue`"), "{message}");
        }
    }

    #[test]
    fn a_path_is_printed_as_a_shell_reads_it() {
        assert_eq!(in_a_shell("./my-queue"), "./my-queue");
        assert_eq!(in_a_shell("it's mine/q"), r"'it'\''s mine/q'");
        assert_eq!(in_a_shell("$HOME/q"), "'$HOME/q'");
    }
}
