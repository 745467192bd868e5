//! `extract-queries`: write every variant as a file for psql.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::listing;
use crate::cli::args::{Common, ExtractQueries};
use crate::cli::exit::{self, Exit};
use crate::cli::interrupt::Interrupted;
use crate::cli::selection::{self, Selected};
use crate::cli::server;
use crate::definition::{Fixture, Library, Queue};
use crate::experiment::cost::Workload;
use crate::experiment::extract;
use crate::explain::variant::Subject;
use crate::postgres::workspace::Workspace;
use crate::report::text::inert;
use crate::run::event::{Events, PlannedFixture, RunEvent};
use crate::run::store;
use crate::units::Count;

/// Runs the command. What cannot be written is told, and the rest goes on.
///
/// # Errors
/// If there is no server, or a file cannot be written.
pub async fn run(arguments: &ExtractQueries, common: &Common) -> anyhow::Result<Exit> {
    let scale = arguments.what.scale.on_server(server::is_given(common)?);
    let selected = selection::select(&Library::built_in(), &arguments.what, scale)?;
    selected.tell_warnings(common.quiet);
    // Before any work: a place that cannot be written fails at once.
    let mut extraction = Extraction {
        folders: Folders::default(),
        out: &arguments.out,
        written: 0,
        failed: 0,
    };
    extraction.folders.make(&arguments.out)?;
    let work = async |workspace: &Workspace, events: &Events| {
        extraction.write_all(&selected, workspace, events).await
    };
    let workload = Workload::measuring(&selected.queues, &selected.fixtures, &selected.selection);
    match server::with_server(common, "extract-queries", &workload, work).await? {
        Err(Interrupted) => Ok(Exit::Interrupted),
        Ok(()) => extraction.print(),
    }
}

/// What was written so far.
struct Extraction<'e> {
    folders: Folders,
    out: &'e Path,
    written: u64,
    failed: u64,
}

impl Extraction<'_> {
    async fn write_all(
        &mut self,
        selected: &Selected,
        workspace: &Workspace,
        events: &Events,
    ) -> anyhow::Result<()> {
        let mut all = Vec::new();
        for fixture in &selected.fixtures {
            for queue in &selected.queues {
                let subjects = selected.selection.subjects(queue, fixture);
                all.push((queue, fixture, subjects));
            }
        }
        let fixtures = all.iter().map(|(_, fixture, subjects)| PlannedFixture {
            fixture: fixture.name.clone(),
            in_each_copy: !fixture.needs_copies().is_empty(),
            variants: subjects.len(),
        });
        let fixtures = fixtures.collect();
        events.emit(RunEvent::VariantsPlanned { fixtures });
        for (queue, fixture, subjects) in all {
            if !subjects.is_empty() {
                self.write(queue, fixture, &subjects, workspace, events)
                    .await?;
            }
        }
        Ok(())
    }

    /// The files of one queue on one fixture.
    async fn write(
        &mut self,
        queue: &Queue,
        fixture: &Fixture,
        subjects: &[Subject<'_>],
        workspace: &Workspace,
        events: &Events,
    ) -> anyhow::Result<()> {
        let folder = self.out.join(&queue.name).join(&fixture.name);
        match extract::scripts(workspace, queue, fixture, subjects, events).await {
            Err(error) => {
                // None of them can be had; the reason is told once.
                let mut message = Some(exit::message(&error.into()));
                self.failed += subjects.len() as u64;
                for _ in subjects {
                    let error = message.take();
                    let fixture = fixture.name.clone();
                    events.emit(RunEvent::VariantFinished { fixture, error });
                }
            }
            Ok(extracted) => {
                for (subject, outcome) in extracted {
                    let Ok(text) = outcome else {
                        self.failed += 1;
                        continue;
                    };
                    self.folders.make(&folder)?;
                    let path = folder.join(file_name(subject));
                    store::write_whole(&path, text.as_bytes())
                        .with_context(|| format!("cannot write {}", path.display()))?;
                    self.written += 1;
                }
            }
        }
        if workspace.databases().session().is_closed() {
            bail!(
                "the server is gone: it was stopped or has crashed ({})",
                self.so_far()
            );
        }
        Ok(())
    }

    /// What there is, in words.
    fn so_far(&self) -> String {
        let files = match self.written {
            1 => "1 file".to_owned(),
            written => format!("{} files", Count(written)),
        };
        let failed = match self.failed {
            0 => String::new(),
            failed => format!("; {} could not be written", Count(failed)),
        };
        let out = inert(&self.out.display().to_string());
        format!("wrote {files} to {out}{failed}")
    }

    fn print(&self) -> anyhow::Result<Exit> {
        listing::print(&format!("{}\n", self.so_far()))?;
        Ok(match self.failed {
            0 => Exit::Done,
            _ => Exit::Failed,
        })
    }
}

/// Folders that were made, the deepest last. Those that are empty in the end go with it.
#[derive(Default)]
struct Folders(Vec<PathBuf>);

impl Folders {
    fn make(&mut self, folder: &Path) -> anyhow::Result<()> {
        let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let missing: Vec<&Path> = folder.ancestors().take_while(missing).collect();
        self.0.extend(missing.into_iter().rev().map(Path::to_owned));
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            // Succeeds only where the folder is empty.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// `<file>.<variant>.sql`, or `<file>.<statement>.<variant>.sql` where a file has several statements. Neither a statement's name nor a
/// variant's has a dot; one in a file's name is doubled, so that no two subjects share a name.
fn file_name(subject: Subject<'_>) -> String {
    let name = subject.statement_name();
    let (file, statement) = match name.split_once('/') {
        Some((file, statement)) => (file, format!("{statement}.")),
        None => (name.as_str(), String::new()),
    };
    let file = file.replace('.', "..");
    format!("{file}.{statement}{}.sql", subject.variant.name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::definition::Source;

    #[test]
    fn no_two_statements_share_a_file() {
        let two = "-- Two.\n-- operation: complete\n\n-- statement: b\nselect 1;\n-- statement: c\nselect 2;";
        let one = "-- One.\n-- operation: complete\n\nselect 1;";
        let files = [
            ("queue.toml", "description = 'x'"),
            ("schema.sql", "create table job ()"),
            ("populate.sql", "insert into job select"),
            ("a.sql", two),
            ("a.b.sql", one),
            ("a..b.sql", one),
        ];
        let sources = files.map(|(name, text)| Source::new(name, text));
        let queue = Queue::parse("q", "q", sources.to_vec()).unwrap();
        let mut names = BTreeSet::new();
        for file in &queue.statements {
            names.extend(file.statements.iter().map(|statement| {
                file_name(Subject {
                    queue: &queue,
                    file,
                    statement,
                    variant: &file.variants[0],
                })
            }));
        }
        let expected = [
            "a....b.default.sql",
            "a..b.default.sql",
            "a.b.default.sql",
            "a.c.default.sql",
        ];
        assert_eq!(
            names.iter().map(String::as_str).collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn empty_folders_go_and_full_ones_stay() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("a/out");
        let mut folders = Folders::default();
        folders.make(&out).unwrap();
        folders.make(&out.join("q/f")).unwrap();
        drop(folders);
        assert!(!place.path().join("a").exists());
        let mut folders = Folders::default();
        folders.make(&out.join("q/f")).unwrap();
        folders.make(&out.join("q/g")).unwrap();
        fs::write(out.join("q/f/x.sql"), "").unwrap();
        drop(folders);
        assert!(out.join("q/f/x.sql").exists() && !out.join("q/g").exists());
        drop(Folders::default().make(&out));
        assert!(out.exists());
    }
}
