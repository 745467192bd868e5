//! What is behind a path: a file, a run folder, or a folder with all in it, in the order of names.

use std::fs;
use std::path::{Path, PathBuf};

use super::input::{Task, problem, unreadable};
use crate::run::store::{self, AnyRun, RUN_FILE, StoreError};

/// Endings of files that plans are kept in; others are read if their beginning shows one.
const ENDINGS: [&str; 16] = [
    "csv", "eml", "explain", "gz", "json", "log", "markdown", "md", "out", "plan", "sql", "text",
    "txt", "xml", "yaml", "yml",
];

/// Whether a file found in a folder is read whatever it begins with.
pub(super) fn is_expected(path: &Path) -> bool {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// What is to be read behind a path that was named.
pub(super) fn tasks(path: &Path) -> Vec<Task> {
    let failed = |message| Task::Failed(problem(&path.display().to_string(), message));
    match fs::metadata(path) {
        Err(error) => vec![failed(unreadable(&error))],
        Ok(meta) if meta.is_dir() => {
            let mut tasks = Vec::new();
            add_folder(&mut tasks, path.to_owned());
            if tasks.is_empty() {
                let message = "the folder is empty: name one with plans, logs or runs in it";
                tasks.push(failed(message.to_owned()));
            }
            tasks
        }
        Ok(_) if path.file_name().is_some_and(|name| name == RUN_FILE) => {
            let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
            run_task(&folder, path).map_or_else(|| vec![named(path)], |task| vec![task])
        }
        Ok(_) => vec![named(path)],
    }
}

fn named(path: &Path) -> Task {
    Task::File {
        path: path.to_owned(),
        is_named: true,
    }
}

/// The run in a folder; none where what is called `run.json` is something else.
fn run_task(folder: &Path, file: &Path) -> Option<Task> {
    match store::read_any(file) {
        Ok(AnyRun::Plans(run)) => Some(Task::Run(Box::new(run), folder.to_owned())),
        Ok(AnyRun::Throughput(_)) => None,
        Err(error @ (StoreError::Version { .. } | StoreError::Read { .. })) => Some(Task::Failed(
            problem(&file.display().to_string(), error.to_string()),
        )),
        Err(_) => None,
    }
}

/// Adds what is in a folder and the folders in it. Hidden ones are left out, and links are not followed to folders: they may lead back.
fn add_folder(tasks: &mut Vec<Task>, folder: PathBuf) {
    let mut pending = vec![folder];
    while let Some(path) = pending.pop() {
        if !path.is_dir() {
            tasks.push(Task::File {
                path,
                is_named: false,
            });
            continue;
        }
        let run_file = path.join(RUN_FILE);
        if run_file.is_file()
            && let Some(task) = run_task(&path, &run_file)
        {
            tasks.push(task);
            continue;
        }
        match entries(&path) {
            Ok(entries) => pending.extend(entries.into_iter().rev()),
            Err(error) => {
                let message = unreadable(&error);
                tasks.push(Task::Failed(problem(&path.display().to_string(), message)));
            }
        }
    }
}

/// Folders and files in a folder, by name.
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        let kind = entry.file_type()?;
        let leads_to_file = kind.is_symlink() && entry.path().is_file();
        if !is_hidden && (kind.is_dir() || kind.is_file() || leads_to_file) {
            entries.push(entry.path());
        }
    }
    entries.sort();
    Ok(entries)
}
