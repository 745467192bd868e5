//! `runs`: list them, show one, keep one as a baseline file, remove some.

mod list;

use std::path::PathBuf;

use anyhow::{Context, anyhow};

use super::compare::{as_usage, drains, places, tell_lost_plans};
use super::listing;
use crate::cli::args::{Common, RunsAction};
use crate::cli::exit::{Exit, Usage, message};
use crate::cli::progress;
use crate::report::text::inert;
use crate::report::{self, Format};
use crate::run::store::baselines::{self, Kept, Replace};
use crate::run::store::folders::{self, Removal, RunFolder};
use crate::run::store::names::Places;
use crate::run::store::{self, AnyRun, RUN_FILE};
use crate::units::{Bytes, counted};

/// Runs the command.
///
/// # Errors
/// If a run is unknown or damaged, or what was asked for cannot be done to it.
pub fn run(action: &RunsAction, common: &Common) -> anyhow::Result<Exit> {
    match action {
        RunsAction::List { json, runs_folder } => {
            listing::print(&list::text(&places(&runs_folder.out), *json)?)
        }
        RunsAction::Show {
            run,
            format,
            json,
            runs_folder,
        } => {
            let format = if *json { Format::Json } else { *format };
            show(&places(&runs_folder.out), run, format, common)
        }
        RunsAction::Save {
            baseline,
            run,
            force,
            runs_folder,
        } => {
            let replace = if *force { Replace::Yes } else { Replace::No };
            let places = places(&runs_folder.out);
            save(&places, baseline, run.as_deref(), replace, common)
        }
        RunsAction::Remove { runs, runs_folder } => remove(&places(&runs_folder.out), runs),
    }
}

fn show(places: &Places<'_>, name: &str, format: Format, common: &Common) -> anyhow::Result<Exit> {
    let path = places.find(name).map_err(as_usage)?;
    if !path.ends_with(RUN_FILE) && path.is_file() {
        // What is wrong with it, if it is not even a baseline.
        if baselines::read_drains(&path).is_ok_and(|run| run.is_some()) {
            // A run by its format, whatever it is called.
        } else if let Kept::Baseline(_) = baselines::read(&path)? {
            let message = format!(
                "{} is a baseline, a text to be read as it is: show takes a run",
                path.display()
            );
            return Err(Usage(message).into());
        }
    }
    let run = store::read_any(&path)?;
    let folder = if path.is_dir() {
        Some(path.as_path())
    } else {
        path.parent()
    };
    let layout = listing::layout(common, folder);
    listing::print(&match run {
        AnyRun::Plans(run) => report::render(&run, format, layout),
        AnyRun::Throughput(run) => report::render_throughput(&run, format, layout),
    })
}

fn save(
    places: &Places<'_>,
    baseline: &str,
    run: Option<&str>,
    replace: Replace,
    common: &Common,
) -> anyhow::Result<Exit> {
    let file = places.baseline_file(baseline).map_err(as_usage)?;
    let found = match run {
        Some(name) => places.find(name),
        None => places.latest_complete(),
    };
    let found = found.map_err(as_usage)?;
    if let Some(run) = drains(&found)? {
        baselines::save_drains(&file, &run, replace)?;
        return listing::print(&format!(
            "wrote {}: {} of {}\n",
            inert(&file.display().to_string()),
            counted(run.results.len(), "drain"),
            inert(&run.run_id)
        ));
    }
    let Kept::Run(reduced) = baselines::read(&found)? else {
        let message = format!("{} is a baseline already: copy the file", found.display());
        return Err(Usage(message).into());
    };
    tell_lost_plans(&reduced.run_id, &reduced, common);
    if !reduced.failures.is_empty() && !common.quiet {
        let count = counted(reduced.failures.len(), "variant");
        let them = if reduced.failures.len() == 1 {
            "it"
        } else {
            "them"
        };
        progress::tell(&format!(
            "warning: {count} of {} could not be measured: the baseline has no figures of {them}",
            reduced.run_id
        ));
    }
    baselines::save(&file, &reduced, replace)?;
    let bytes = std::fs::metadata(&file).map_or(0, |meta| meta.len());
    listing::print(&format!(
        "wrote {}: {} of {} ({})\n",
        inert(&file.display().to_string()),
        counted(reduced.plans.len(), "plan"),
        inert(&reduced.run_id),
        Bytes(bytes)
    ))
}

fn remove(places: &Places<'_>, names: &[String]) -> anyhow::Result<Exit> {
    let mut going: Vec<RunFolder> = Vec::new();
    for name in names {
        let folder = removable(places.find(name).map_err(as_usage)?)?;
        if !going.contains(&folder) {
            going.push(folder);
        }
    }
    let mut failed = false;
    for folder in going {
        let name = inert(&folder.path.display().to_string());
        let bytes = folder.bytes();
        match folder.remove() {
            Ok(Removal::Removed) => {
                listing::print(&format!("removed {name} ({})\n", Bytes(bytes)))?;
            }
            Ok(Removal::Running) => {
                failed = true;
                progress::tell(&format!("failed: {name} is in use by now: kept"));
            }
            Err(error) => {
                failed = true;
                let error = anyhow!(error).context(format!("cannot remove {name}"));
                progress::tell(&format!("failed: {}", message(&error)));
            }
        }
    }
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// The run folder at a path, if it is one and its run has ended.
fn removable(path: PathBuf) -> anyhow::Result<RunFolder> {
    let shown = path.display();
    let folder = folders::at(&path).with_context(|| {
        format!(
            "{shown} is no run folder of pgq-analyze (named after the run in its run.json): nothing was removed; remove it by other \
             means if it may go"
        )
    })?;
    if folder.is_running() {
        return Err(anyhow!(
            "the run {shown} is still going: nothing was removed; stop it first, or wait for its end"
        ));
    }
    Ok(folder)
}
