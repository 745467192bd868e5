//! Reads what a review is asked for: files, folders with all in them, standard input; plain or gzip.
//!
//! Files are read in parallel, results come in the order of the paths. A file that cannot be read, or not to its end, is a problem of
//! its own: the others are read.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use memchr::memmem;
use rayon::prelude::*;

use super::document::find_plans;
use super::log_signs::looks_like_log;
use super::recorded::RecordedRun;
use super::{FoundPlan, walk};
use crate::run::Run;
use crate::run::review::{Problem, Source};

/// The name of standard input.
pub const STANDARD_INPUT: &str = "-";

/// As many bytes are looked at before it is decided what a file is.
const HEAD: u64 = 64 * 1024;

/// The largest document: it is kept in memory. Logs may be as large as they like.
const LARGEST_DOCUMENT: u64 = 256 * 1024 * 1024;

/// The first bytes of gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What was found.
#[derive(Default)]
pub struct Gathered {
    /// Plans of documents.
    pub plans: Vec<FoundPlan>,
    /// Runs of our own.
    pub runs: Vec<RecordedRun>,
    /// Logs of servers, not yet read.
    pub logs: Vec<Log>,
    /// What could not be read, or only in part.
    pub problems: Vec<Problem>,
    /// Files in folders that have nothing to do with plans.
    pub without_plans: Vec<String>,
}

/// A server's log.
pub struct Log {
    /// The file as it was named or found; `-` for standard input.
    pub path: String,
    /// What is in it, from its beginning, unpacked.
    pub content: Box<dyn Read + Send>,
}

/// Something to read.
pub(super) enum Task {
    /// A file; one that was named is a problem if there is no plan in it.
    File {
        /// Its path.
        path: PathBuf,
        /// Whether it was named, and not found in a folder.
        is_named: bool,
    },
    /// Standard input.
    Input(Box<dyn Read + Send>),
    /// A run of our own, and its folder.
    Run(Box<Run>, PathBuf),
    /// Nothing, for this reason.
    Failed(Problem),
}

/// What came of it.
enum Part {
    Document(Vec<FoundPlan>, Vec<Problem>),
    Run(Box<RecordedRun>),
    Log(Log),
    WithoutPlans(String),
}

/// Reads everything that is named: files, folders, `-` for standard input.
#[must_use]
pub fn gather(paths: &[String], standard_input: impl Read + Send + 'static) -> Gathered {
    let mut standard_input: Option<Box<dyn Read + Send>> = Some(Box::new(standard_input));
    let mut tasks = Vec::new();
    for path in paths {
        if path != STANDARD_INPUT {
            tasks.extend(walk::tasks(Path::new(path)));
        } else if let Some(input) = standard_input.take() {
            tasks.push(Task::Input(input));
        }
    }
    let parts: Vec<Part> = tasks.into_par_iter().map(read_task).collect();
    let mut gathered = Gathered::default();
    for part in parts {
        match part {
            Part::Document(plans, problems) => {
                gathered.plans.extend(plans);
                gathered.problems.extend(problems);
            }
            Part::Run(mut run) => {
                gathered.problems.append(&mut run.problems);
                gathered.runs.push(*run);
            }
            Part::Log(log) => gathered.logs.push(log),
            Part::WithoutPlans(path) => gathered.without_plans.push(path),
        }
    }
    gathered
}

/// A problem of a file as a whole.
pub(super) fn problem(path: &str, message: String) -> Problem {
    Problem {
        source: Source {
            path: path.to_owned(),
            line: 1,
        },
        message,
    }
}

/// The reason a file could not be opened or read, with the next step.
pub(super) fn unreadable(error: &io::Error) -> String {
    let step = match error.kind() {
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "make it readable, or run as a user who may read it",
        _ => "copy it to a place where it can be read",
    };
    format!("cannot be read: {error}; {step}")
}

/// The text of a small file, plain or gzip.
pub(super) fn read_text(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut opened = Opened::new(Box::new(file));
    opened.read_rest();
    match opened.trouble {
        Some(trouble) => Err(trouble),
        None => Ok(String::from_utf8_lossy(&opened.bytes).into_owned()),
    }
}

fn read_task(task: Task) -> Part {
    match task {
        Task::Failed(problem) => Part::Document(Vec::new(), vec![problem]),
        Task::Run(run, folder) => Part::Run(Box::new(RecordedRun::read(*run, &folder))),
        Task::Input(input) => read_stream(STANDARD_INPUT.to_owned(), input, true),
        Task::File { path, is_named } => {
            let shown = path.display().to_string();
            match File::open(&path) {
                Ok(file) => {
                    read_stream(shown, Box::new(file), is_named || walk::is_expected(&path))
                }
                Err(error) => {
                    let problem = problem(&shown, unreadable(&error));
                    Part::Document(Vec::new(), vec![problem])
                }
            }
            .unless_named(is_named)
        }
    }
}

impl Part {
    /// A file that was found and not named may well have no plan.
    fn unless_named(self, is_named: bool) -> Part {
        match self {
            Part::Document(plans, problems)
                if !is_named && plans.is_empty() && problems.iter().all(has_no_plan) =>
            {
                let first = problems.into_iter().next();
                Part::WithoutPlans(first.map(|problem| problem.source.path).unwrap_or_default())
            }
            other => other,
        }
    }
}

/// What is said of a document without a plan.
const NO_PLAN: &str = "no plan found: expected the output of explain in any format, a server's log, or a run of pgq-analyze; \
                       make one with explain (analyze, buffers, format json)";

/// The same of a file that holds no text.
const NO_TEXT: &str =
    "the file holds no text and no plan: name the output of explain, plain or gzip";

fn has_no_plan(problem: &Problem) -> bool {
    [NO_PLAN, NO_TEXT].contains(&problem.message.as_str())
}

/// Reads a stream as what it seems to be. Of one that is not `expected` to have plans the beginning has to show some.
fn read_stream(path: String, stream: Box<dyn Read + Send>, is_expected: bool) -> Part {
    let mut opened = Opened::new(stream);
    if let Some(message) = other_encoding(&opened.bytes) {
        return Part::Document(Vec::new(), vec![problem(&path, message.to_owned())]);
    }
    if looks_like_log(&opened.bytes) {
        let content = opened.into_stream();
        return Part::Log(Log { path, content });
    }
    if !is_expected && !shows_plans(&opened.bytes) {
        return Part::Document(Vec::new(), vec![problem(&path, NO_PLAN.to_owned())]);
    }
    opened.read_rest();
    let (plans, mut problems) = find_plans(&path, &String::from_utf8_lossy(&opened.bytes));
    if let Some(trouble) = opened.trouble {
        problems.push(problem(&path, trouble));
    } else if plans.is_empty() && problems.is_empty() {
        let is_binary = memchr::memchr(0, &opened.bytes).is_some();
        let message = if is_binary { NO_TEXT } else { NO_PLAN };
        problems.push(problem(&path, message.to_owned()));
    }
    Part::Document(plans, problems)
}

/// What to say of a text in an encoding this program does not read.
fn other_encoding(first: &[u8]) -> Option<&'static str> {
    let is_utf16 = first.starts_with(&[0xff, 0xfe]) || first.starts_with(&[0xfe, 0xff]);
    is_utf16.then_some(
        "the file is UTF-16, as Windows PowerShell writes it with >: save it as UTF-8, there with | out-file -encoding utf8",
    )
}

/// Whether the beginning of a file has anything of a plan in it.
fn shows_plans(first: &[u8]) -> bool {
    ["(cost=", "Node Type", "Node-Type", "QUERY PLAN"]
        .iter()
        .any(|sign| memmem::find(first, sign.as_bytes()).is_some())
}

/// A stream that is unpacked if it is packed, with what has been read of it.
struct Opened {
    bytes: Vec<u8>,
    rest: Box<dyn Read + Send>,
    is_packed: bool,
    /// Why it was not read to its end.
    trouble: Option<String>,
}

impl Opened {
    /// Reads as much as tells what it is.
    fn new(stream: Box<dyn Read + Send>) -> Opened {
        let mut opened = Opened {
            bytes: Vec::new(),
            rest: stream,
            is_packed: false,
            trouble: None,
        };
        opened.read(HEAD);
        if opened.bytes.starts_with(&GZIP) {
            let packed = Cursor::new(std::mem::take(&mut opened.bytes)).chain(opened.rest);
            opened.rest = Box::new(MultiGzDecoder::new(packed));
            opened.is_packed = true;
            opened.read(HEAD);
        }
        opened
    }

    fn read(&mut self, limit: u64) {
        if self.trouble.is_some() {
            return;
        }
        // What was read before an error stays.
        if let Err(error) = self.rest.by_ref().take(limit).read_to_end(&mut self.bytes) {
            let bytes = self.bytes.len();
            self.trouble = Some(if self.is_packed {
                format!(
                    "the gzip is damaged behind {bytes} bytes of its content: {error}; what is before that is reviewed, \
                     pack the file again for the rest"
                )
            } else {
                unreadable(&error)
            });
        }
    }

    fn read_rest(&mut self) {
        let rest = LARGEST_DOCUMENT.saturating_sub(self.bytes.len() as u64);
        self.read(rest.saturating_add(1));
        if self.bytes.len() as u64 > LARGEST_DOCUMENT {
            self.trouble = Some(format!(
                "the file is larger than {} MiB: what is before that is reviewed, split it for the rest",
                LARGEST_DOCUMENT / 1024 / 1024
            ));
        }
    }

    /// The whole stream, what has been read first.
    fn into_stream(self) -> Box<dyn Read + Send> {
        Box::new(Cursor::new(self.bytes).chain(self.rest))
    }
}

#[cfg(test)]
mod tests;
