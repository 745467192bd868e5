//! `fixtures`: list, show, build and drop data distributions, draw one from a database.

mod from_database;

use anyhow::Context;

use super::listing;
use crate::cli::args::{Common, FixturesAction, ScaleOptions};
use crate::cli::exit::{Exit, Usage};
use crate::cli::{selection, server};
use crate::definition::{Fixture, Library, Queue, library};
use crate::experiment::cost::Workload;
use crate::fixture::{cache, size};
use crate::postgres::cache_contents;
use crate::postgres::cache_directory::CacheDirectory;
use crate::postgres::workspace::Workspace;
use crate::report::text::inert_lines;
use crate::run::event::Events;
use crate::units::{Bytes, Count, UNKNOWN};

/// Runs the command.
///
/// # Errors
/// If a fixture or queue is unknown or cannot be read, or the server refuses.
pub async fn run(action: &FixturesAction, common: &Common) -> anyhow::Result<Exit> {
    let library = Library::built_in();
    match action {
        FixturesAction::List => listing::print(&list(&library, common)?),
        FixturesAction::Show { fixture } => {
            let fixture = selection::fixture(&library, fixture, ScaleOptions::default())?;
            listing::print(&show(&fixture))
        }
        FixturesAction::Build {
            fixture,
            queue,
            scale,
        } => {
            let scale = scale.on_server(server::is_given(common)?);
            let fixture = selection::fixture(&library, fixture, scale)?;
            let names = selection::queues_or_default(queue);
            let queues: Vec<Queue> = names
                .iter()
                .map(|name| selection::queue(&library, name))
                .collect::<anyhow::Result<_>>()?;
            build(&fixture, &queues, common).await
        }
        FixturesAction::FromDatabase(arguments) => from_database::provide(arguments, common).await,
        FixturesAction::Drop { fixture, queue } => {
            // By name alone: the file may be gone.
            let queue = queue.as_deref().map(library::queue_name);
            drop(library::fixture_name(fixture), queue.as_deref(), common).await
        }
    }
}

fn list(library: &Library, common: &Common) -> anyhow::Result<String> {
    let full_size = ScaleOptions::default();
    let names = library.fixture_names();
    let fixtures: Vec<Fixture> = names
        .iter()
        .map(|name| selection::fixture(library, name, full_size))
        .collect::<anyhow::Result<_>>()?;
    let mut text = listing::lines(fixtures.into_iter().map(|fixture| {
        [
            fixture.name.clone(),
            format!("{} jobs", Count(fixture.jobs)),
            format!("about {}", Bytes(size::estimate(None, &fixture))),
            fixture.description,
        ]
    }));
    let built = built(common)?;
    if !built.is_empty() {
        text.push_str(&(inert_lines(built.trim_end()).join("\n") + "\n"));
    }
    Ok(text)
}

/// What is built in the cache, as its clusters say without a server.
fn built(common: &Common) -> anyhow::Result<String> {
    let place = std::path::absolute(server::cache_directory(common)?)
        .context("cannot find the working directory")?;
    let Some(cache) = CacheDirectory::find(&place)? else {
        return Ok(String::new());
    };
    let mut rows: Vec<[String; 6]> = Vec::new();
    for cluster in cache_contents::clusters(&cache)? {
        let major = format!("PostgreSQL {}", cluster.major);
        let templates = cluster.record.into_iter().flat_map(|one| one.templates);
        rows.extend(templates.map(|template| {
            [
                template.fixture,
                template.queue,
                format!("{} jobs", Count(template.jobs)),
                Bytes(template.bytes).to_string(),
                major.clone(),
                format!("used {}", day(template.used)),
            ]
        }));
    }
    if rows.is_empty() {
        return Ok(String::new());
    }
    rows.sort();
    Ok(format!(
        "\nbuilt, in {}:\n{}",
        cache.path.display(),
        listing::lines(rows)
    ))
}

/// The day of a moment in seconds since 1970, in UTC.
pub(super) fn day(seconds: u64) -> String {
    let time = i64::try_from(seconds).map(jiff::Timestamp::from_second);
    match time {
        Ok(Ok(time)) => time.strftime("%Y-%m-%d").to_string(),
        _ => UNKNOWN.to_owned(),
    }
}

/// The file itself says it best; below it, what it amounts to.
fn show(fixture: &Fixture) -> String {
    let text = fixture.source.text.trim_end();
    let steps = fixture
        .steps
        .as_ref()
        .map_or(0, |steps| steps.per_job * fixture.jobs);
    let rows = [
        ["jobs".to_owned(), Count(fixture.jobs).to_string()],
        [
            "jobs with --quick".to_owned(),
            Count(fixture.quick).to_string(),
        ],
        ["steps".to_owned(), Count(steps).to_string()],
        ["queues".to_owned(), Count(fixture.queues.count).to_string()],
    ];
    format!(
        "# {}\n{text}\n\n{}",
        fixture.source.path,
        listing::lines(rows)
    )
}

async fn build(fixture: &Fixture, queues: &[Queue], common: &Common) -> anyhow::Result<Exit> {
    let work = async |workspace: &Workspace, events: &Events| -> anyhow::Result<String> {
        let mut text = String::new();
        for queue in queues {
            let template = cache::provide(workspace, queue, fixture, 0, events).await?;
            text.push_str(&format!(
                "{} for {} is ready: {} jobs\n",
                template.mark.fixture,
                template.mark.queue,
                Count(template.mark.jobs)
            ));
        }
        Ok(text)
    };
    // Built to be kept, wherever it is.
    let common = &Common {
        keep: true,
        ..common.clone()
    };
    let workload = Workload::builds(queues, fixture);
    server::print_with_server(common, "fixtures build", &workload, work).await
}

async fn drop(fixture: &str, queue: Option<&str>, common: &Common) -> anyhow::Result<Exit> {
    let work = async |workspace: &Workspace, _: &Events| -> anyhow::Result<String> {
        let dropped = cache::drop(workspace.databases(), fixture, queue).await?;
        if dropped.is_empty() {
            let built = cache::list(workspace.databases()).await?;
            let mut names: Vec<String> = built
                .into_iter()
                .map(|(template, _)| template.mark.fixture)
                .collect();
            names.sort();
            names.dedup();
            let there = if names.is_empty() {
                "nothing is built".to_owned()
            } else {
                format!("built are {}", names.join(", "))
            };
            let of = queue.map_or(String::new(), |queue| format!(" for queue {queue}"));
            return Err(Usage(format!(
                "nothing is built of fixture `{fixture}`{of}: {there}"
            ))
            .into());
        }
        let line = |(template, bytes): &(cache::Template, u64)| {
            format!(
                "dropped {} for {}: {} jobs, {} freed\n",
                template.mark.fixture,
                template.mark.queue,
                Count(template.mark.jobs),
                Bytes(*bytes)
            )
        };
        Ok(dropped.iter().map(line).collect())
    };
    server::print_with_server(common, "fixtures drop", &Workload::none(), work).await
}
