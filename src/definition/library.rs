//! Where definitions come from: the built-in ones, embedded when the program was compiled, or the user's own, read from a path.

use std::path::Path;
use std::{fs, io};

use super::fixture::Fixture;
use super::queue::Queue;
use super::scenario::Scenario;
use super::source::{DefinitionError, Source};
use super::suggestion;
use revision::RevisionError;

pub mod revision;

/// The name and the content of files.
pub type Files = &'static [(&'static str, &'static str)];

// `QUEUES: &[(&str, Files)]`, the folders under queries/, `FIXTURES: Files` and `SCENARIOS: Files`, the files under fixtures/ and
// scenarios/, and the templates `QUEUE_TEMPLATE: Files`, `FIXTURE_TEMPLATE: &str` and `SCENARIO_TEMPLATE: &str`; written by build.rs.
include!(concat!(env!("OUT_DIR"), "/built_in.rs"));

/// Queues, fixtures and scenarios by name or path.
#[derive(Clone, Copy, Debug)]
pub struct Library {
    queues: &'static [(&'static str, Files)],
    fixtures: Files,
    scenarios: Files,
}

/// A definition that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// No built-in definition has this name.
    #[error(
        "there is no built-in {kind} `{name}`; {help}`pgq-analyze {list} list` lists all; to name a path, write a `/` in it: `{path}`"
    )]
    Unknown {
        /// `queue`, `fixture` or `scenario`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// The nearest name there is, or nothing.
        help: String,
        /// The subcommand that lists them.
        list: &'static str,
        /// The same as a path.
        path: String,
    },
    /// A path that cannot be read.
    #[error("{path}: cannot read {what}: {reason}; {help}")]
    Unreadable {
        /// The path as shown to the user.
        path: String,
        /// What was looked for there.
        what: &'static str,
        /// What to do about it.
        help: &'static str,
        /// The reason.
        reason: io::Error,
    },
    /// A path that is a folder where a file is meant, or the reverse.
    #[error("{path}: this is {found}; {help}")]
    WrongKind {
        /// The path as shown to the user.
        path: String,
        /// What it is.
        found: &'static str,
        /// What to name instead.
        help: &'static str,
    },
    /// A revision that it cannot be read from.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// Something is wrong in the definition.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
}

impl LibraryError {
    /// Whether a name was asked for that no built-in definition has, or that names no revision.
    #[must_use]
    pub fn is_wrong_name(&self) -> bool {
        use RevisionError::{BuiltIn, NoRevision};
        matches!(
            self,
            LibraryError::Unknown { .. }
                | LibraryError::Revision(BuiltIn { .. } | NoRevision { .. })
        )
    }
}

impl Library {
    /// The definitions that are part of the program, and any path.
    #[must_use]
    pub fn built_in() -> Library {
        Library {
            queues: QUEUES,
            fixtures: FIXTURES,
            scenarios: SCENARIOS,
        }
    }

    /// Names of the built-in queues, sorted.
    #[must_use]
    pub fn queue_names(&self) -> Vec<&'static str> {
        self.queues.iter().map(|(name, _)| *name).collect()
    }

    /// Names of the built-in fixtures, sorted.
    #[must_use]
    pub fn fixture_names(&self) -> Vec<&'static str> {
        self.fixtures.iter().map(|(name, _)| *name).collect()
    }

    /// Names of the built-in scenarios, sorted.
    #[must_use]
    pub fn scenario_names(&self) -> Vec<&'static str> {
        self.scenarios.iter().map(|(name, _)| *name).collect()
    }

    /// The files of the built-in queue of this name, as they stand in its folder.
    #[must_use]
    pub fn queue_files(&self, name: &str) -> Option<Files> {
        built_in(self.queues, name)
    }

    /// The files of a small queue, commented for whoever starts a queue of their own from them.
    #[must_use]
    pub fn queue_template(&self) -> Files {
        QUEUE_TEMPLATE
    }

    /// The file of the built-in fixture of this name.
    #[must_use]
    pub fn fixture_text(&self, name: &str) -> Option<&'static str> {
        built_in(self.fixtures, name)
    }

    /// A fixture's file, commented for whoever starts a fixture of their own from it.
    #[must_use]
    pub fn fixture_template(&self) -> &'static str {
        FIXTURE_TEMPLATE
    }

    /// The file of the built-in scenario of this name.
    #[must_use]
    pub fn scenario_text(&self, name: &str) -> Option<&'static str> {
        built_in(self.scenarios, name)
    }

    /// A scenario's file, commented for whoever starts a scenario of their own from it.
    #[must_use]
    pub fn scenario_template(&self) -> &'static str {
        SCENARIO_TEMPLATE
    }

    /// The queue in the folder `argument` if that contains a `/`, else the built-in one of this name.
    ///
    /// # Errors
    /// A name that is not built in, a path that cannot be read, and whatever is wrong in the queue.
    pub fn queue(&self, argument: &str) -> Result<Queue, LibraryError> {
        if argument.contains('/') {
            return queue_at(argument, Queue::parse);
        }
        let Some(files) = self.queue_files(argument) else {
            return Err(unknown("queue", "queues", argument, self.queue_names()));
        };
        let folder = format!("queries/{argument}");
        let sources = files
            .iter()
            .map(|(file, text)| Source::new(format!("{folder}/{file}"), *text))
            .collect();
        Ok(Queue::parse(argument, &folder, sources)?)
    }

    /// The queue in the folder `argument` as `revision` of its git repository has it. Its files are shown as git names them, for example
    /// `HEAD~1:queues/mine/fetch.sql`.
    ///
    /// # Errors
    /// A name that is no path, a folder or a revision that git does not know, and whatever is wrong in the queue.
    pub fn queue_at_revision(&self, argument: &str, revision: &str) -> Result<Queue, LibraryError> {
        if !argument.contains('/') {
            let queue = argument.to_owned();
            return Err(RevisionError::BuiltIn { queue }.into());
        }
        let files = revision::files(Path::new(argument), revision, is_wanted)?;
        let sources = files.files.into_iter();
        let sources = sources
            .map(|(shown, bytes)| utf8(shown, bytes))
            .collect::<Result<_, _>>()?;
        Ok(Queue::parse(&queue_name(argument), &files.shown, sources)?)
    }

    /// As [`Library::queue`], for tables that are there already: the folder need not hold `schema.sql` and `populate.sql`.
    ///
    /// # Errors
    /// As [`Library::queue`].
    pub fn queue_in_place(&self, argument: &str) -> Result<Queue, LibraryError> {
        if !argument.contains('/') {
            return self.queue(argument);
        }
        queue_at(argument, Queue::parse_without_scripts)
    }

    /// The fixture in the file `argument` if that contains a `/`, else the built-in one of this name.
    ///
    /// # Errors
    /// A name that is not built in, a path that cannot be read, and whatever is wrong in the fixture.
    pub fn fixture(&self, argument: &str) -> Result<Fixture, LibraryError> {
        if argument.contains('/') {
            return Ok(Fixture::parse(file_at(argument, "fixture")?)?);
        }
        let Some(text) = self.fixture_text(argument) else {
            let known = self.fixture_names();
            return Err(unknown("fixture", "fixtures", argument, known));
        };
        let path = format!("fixtures/{argument}.toml");
        Ok(Fixture::parse(Source::new(path, text))?)
    }

    /// The scenario in the file `argument` if that contains a `/`, else the built-in one of this name.
    ///
    /// # Errors
    /// A name that is not built in, a path that cannot be read, and whatever is wrong in the scenario.
    pub fn scenario(&self, argument: &str) -> Result<Scenario, LibraryError> {
        if argument.contains('/') {
            return Ok(Scenario::parse(file_at(argument, "scenario")?)?);
        }
        let Some(text) = self.scenario_text(argument) else {
            let known = self.scenario_names();
            return Err(unknown("scenario", "scenarios", argument, known));
        };
        let path = format!("scenarios/{argument}.toml");
        Ok(Scenario::parse(Source::new(path, text))?)
    }
}

fn built_in<T: Copy>(all: &[(&str, T)], name: &str) -> Option<T> {
    all.iter()
        .find(|(known, _)| *known == name)
        .map(|(_, one)| *one)
}

fn unknown(
    kind: &'static str,
    list: &'static str,
    name: &str,
    known: Vec<&'static str>,
) -> LibraryError {
    let help = suggestion::nearest(name, known)
        .map_or_else(String::new, |meant| format!("did you mean `{meant}`? "));
    LibraryError::Unknown {
        kind,
        name: name.to_owned(),
        help,
        list,
        path: format!("./{name}"),
    }
}

fn queue_at(
    argument: &str,
    parse: fn(&str, &str, Vec<Source>) -> Result<Queue, DefinitionError>,
) -> Result<Queue, LibraryError> {
    let unreadable = |reason| LibraryError::Unreadable {
        path: argument.to_owned(),
        what: "this folder",
        help: "name a folder with queue.toml, schema.sql, populate.sql and statement files",
        reason,
    };
    let path = Path::new(argument);
    if path.is_file() {
        let help = "name the folder that holds queue.toml";
        return Err(LibraryError::WrongKind {
            path: argument.to_owned(),
            found: "a file",
            help,
        });
    }
    let folder = argument.trim_end_matches('/');
    let mut sources = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        let name = entry
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if is_wanted(&name) && !entry.is_dir() {
            sources.push(read(
                &entry,
                format!("{folder}/{name}"),
                "this file",
                "check that it may be read",
            )?);
        }
    }
    Ok(parse(&queue_name(argument), folder, sources)?)
}

/// Whether a file of this name is part of a queue.
fn is_wanted(name: &str) -> bool {
    name == "queue.toml" || (name.ends_with(".sql") && !name.starts_with('.'))
}

/// The name of the queue that `argument` names or leads to, whether there is one or not: the folder's.
#[must_use]
pub fn queue_name(argument: &str) -> String {
    if !argument.contains('/') {
        return argument.to_owned();
    }
    let path = Path::new(argument);
    // `.` and `..` name no folder; what they stand for does.
    let resolved = path.canonicalize().unwrap_or_default();
    path.file_name().or(resolved.file_name()).map_or_else(
        || "queue".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// The name of the fixture that `argument` names or leads to, whether there is one or not: the file's, without `.toml`.
#[must_use]
pub fn fixture_name(argument: &str) -> &str {
    match argument.rsplit_once('/') {
        None => argument,
        Some((_, file)) => file.strip_suffix(".toml").unwrap_or(file),
    }
}

/// The file at a path that holds a fixture or a scenario.
fn file_at(argument: &str, kind: &str) -> Result<Source, LibraryError> {
    let (name, describe) = match kind {
        "scenario" => (
            "name a file, for example `./my-scenario.toml`",
            "name a .toml file that describes a scenario",
        ),
        _ => (
            "name a file, for example `./my-fixture.toml`",
            "name a .toml file that describes a fixture",
        ),
    };
    if Path::new(argument).is_dir() {
        return Err(LibraryError::WrongKind {
            path: argument.to_owned(),
            found: "a folder",
            help: name,
        });
    }
    read(
        Path::new(argument),
        argument.to_owned(),
        "this file",
        describe,
    )
}

/// Reads a file; `shown` is its path as shown to the user.
fn read(
    path: &Path,
    shown: String,
    what: &'static str,
    help: &'static str,
) -> Result<Source, LibraryError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(reason) => {
            return Err(LibraryError::Unreadable {
                path: shown,
                what,
                help,
                reason,
            });
        }
    };
    Ok(utf8(shown, bytes)?)
}

/// A file of these bytes; `shown` is its path as shown to the user.
fn utf8(shown: String, bytes: Vec<u8>) -> Result<Source, DefinitionError> {
    String::from_utf8(bytes)
        .map(|text| Source::new(shown.clone(), text))
        .map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let readable = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
            Source::new(shown, readable)
                .error(valid, "this is not UTF-8")
                .help("save the file as UTF-8")
        })
}

#[cfg(test)]
mod tests;
