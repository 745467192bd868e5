//! `extract-queries`: write every variant as a file for psql.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::cli::args::{Common, ExtractQueries};
use crate::cli::exit::Exit;
use crate::cli::selection::{self, Selected};
use crate::cli::server;
use crate::definition::{Fixture, Library};
use crate::experiment::cost::Workload;
use crate::experiment::extract;
use crate::explain::variant::Subject;
use crate::postgres::workspace::Workspace;
use crate::run::event::Events;
use crate::units::Count;

/// Runs the command.
///
/// # Errors
/// If the fixture cannot be built, a statement cannot be bound, or a file cannot be written.
pub async fn run(arguments: &ExtractQueries, common: &Common) -> anyhow::Result<Exit> {
    let scale = arguments.what.scale.on_server(server::is_given(common)?);
    let selected = selection::select(&Library::built_in(), &arguments.what, scale)?;
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("cannot make {}", arguments.out.display()))?;
    let work = async |workspace: &Workspace, events: &Events| -> anyhow::Result<String> {
        let mut count = 0;
        for fixture in &selected.fixtures {
            count += write_fixture(&arguments.out, &selected, fixture, workspace, events).await?;
        }
        Ok(format!(
            "wrote {} files to {}\n",
            Count(count),
            arguments.out.display()
        ))
    };
    let workload = Workload::measuring(&selected.queues, &selected.fixtures, &selected.selection);
    server::print_with_server(common, "extract-queries", &workload, work).await
}

async fn write_fixture(
    out: &Path,
    selected: &Selected,
    fixture: &Fixture,
    workspace: &Workspace,
    events: &Events,
) -> anyhow::Result<u64> {
    let mut count = 0;
    for queue in &selected.queues {
        let subjects = selected.selection.subjects(queue, fixture);
        if subjects.is_empty() {
            continue;
        }
        let folder = out.join(&queue.name).join(&fixture.name);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        for (subject, text) in
            extract::scripts(workspace, queue, fixture, &subjects, events).await?
        {
            let path = folder.join(file_name(subject));
            crate::run::store::write_whole(&path, text.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
            count += 1;
        }
    }
    Ok(count)
}

fn file_name(subject: Subject<'_>) -> PathBuf {
    PathBuf::from(format!(
        "{}.{}.sql",
        subject.statement_name().replace('/', "."),
        subject.variant.name
    ))
}
