//! A run that is compared with a baseline, and may replace it: what is read before anything is measured, and what follows after.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use crate::cli::args::{Common, ComparePlans};
use crate::cli::commands::compare::{as_usage, places, read, tell_lost_plans};
use crate::cli::commands::listing;
use crate::cli::exit::{Exit, Usage};
use crate::cli::{gate, progress};
use crate::report::{self, ComparisonFormat};
use crate::run::baseline::Baseline;
use crate::run::comparison::{Comparison, Options, Verdict, check_alike, compare};
use crate::run::store::baselines::{self, Kept, Replace};
use crate::run::store::names::Places;
use crate::run::{Run, RunStatus};
use crate::units::counted;

/// What a run is compared with.
pub(super) struct Judge<'a> {
    /// How the user named it.
    name: &'a str,
    /// It; none for a baseline file that is yet to be made.
    baseline: Option<Kept>,
    /// The file to be renewed, if it is.
    renewed: Option<PathBuf>,
    arguments: &'a ComparePlans,
}

/// Reads what `--baseline` names; none where it is not given. Whatever is wrong with it is found here, before anything is measured.
///
/// # Errors
/// If there is no such run or baseline, or it cannot be used.
pub(super) fn judge<'a>(
    arguments: &'a ComparePlans,
    common: &Common,
) -> anyhow::Result<Option<Judge<'a>>> {
    let Some(name) = &arguments.baseline else {
        return match gate::given(&arguments.gate) {
            None => Ok(None),
            Some(option) => Err(Usage(format!(
                "{option} is about a comparison: name what to compare with, by --baseline or --against"
            ))
            .into()),
        };
    };
    let places = places(&arguments.out);
    let mut judge = Judge {
        name,
        baseline: None,
        renewed: None,
        arguments,
    };
    if arguments.update_baseline {
        judge.find_renewed(&places)?;
    } else {
        judge.baseline = Some(read(&places, name)?);
    }
    match &judge.baseline {
        Some(kept) => {
            arguments.comparison_format()?;
            tell_lost_plans(name, kept.baseline(), common);
        }
        // There is nothing to compare with yet: the run itself is printed.
        None => drop(arguments.format()?),
    }
    Ok(Some(judge))
}

impl Judge<'_> {
    fn find_renewed(&mut self, places: &Places<'_>) -> anyhow::Result<()> {
        let file = places.baseline_file(self.name).map_err(as_usage)?;
        if file.symlink_metadata().is_ok() {
            match baselines::read(&file)? {
                Kept::Run(_) => {
                    let shown = file.display();
                    let message = format!(
                        "--update-baseline renews a baseline file, and {shown} is a run: name a file, or a name for baselines/"
                    );
                    return Err(Usage(message).into());
                }
                kept => self.baseline = Some(kept),
            }
        }
        self.renewed = Some(file);
        Ok(())
    }

    /// Refuses to measure what could not be compared then: on another server, on other fixtures, with another program.
    ///
    /// # Errors
    /// Names what is different, unless that is allowed.
    pub(super) fn check(&self, begun: &Run, several_servers: bool) -> anyhow::Result<()> {
        let Some(kept) = &self.baseline else {
            return Ok(());
        };
        let mut expected = kept.baseline().clone();
        let mut known = Baseline::of(begun, |_| Vec::new());
        if several_servers {
            // Which of them correspond shows when all are known.
            expected.servers.clear();
            known.servers.clear();
        }
        check_alike(
            (self.name, &expected),
            ("this run", &known),
            &self.options(),
        )?;
        Ok(())
    }

    /// Compares the run that is kept in `folder` and prints that; renews the baseline if it is to be. Says how the program ends by it.
    ///
    /// # Errors
    /// If the two must not be compared, or the baseline is not renewed; the run is kept all the same, and the message names its folder.
    pub(super) fn conclude(
        &self,
        run: &Run,
        folder: &Path,
        common: &Common,
    ) -> anyhow::Result<Exit> {
        let reduced = baselines::of_run(run, folder);
        let Some(kept) = &self.baseline else {
            let layout = listing::layout(common, Some(folder));
            listing::print(&report::render(run, self.arguments.format()?, layout))?;
            self.renew(&reduced, None, folder, common)?;
            return Ok(Exit::Done);
        };
        let options = self.options();
        let compared = compare(
            (self.name, kept.baseline()),
            (&run.run_id, &reduced),
            &options,
        );
        let comparison =
            compared.with_context(|| format!("the run is kept in {}", folder.display()))?;
        let layout = listing::layout(common, Some(folder));
        let text = report::render_comparison(&comparison, self.format()?, layout);
        listing::print(&text)?;
        if self.renewed.is_none() {
            return Ok(gate::exit(&self.arguments.gate, &comparison));
        }
        self.renew(&reduced, Some(&comparison), folder, common)?;
        Ok(Exit::Done)
    }

    fn options(&self) -> Options {
        let options = gate::options(&self.arguments.gate);
        Options {
            // Another version of the server is a reason to renew a baseline.
            allow_different: options.allow_different || self.renewed.is_some(),
            first_is_baseline: matches!(self.baseline, Some(Kept::Baseline(_))),
            ..options
        }
    }

    fn format(&self) -> anyhow::Result<ComparisonFormat> {
        Ok(self.arguments.comparison_format()?)
    }

    fn renew(
        &self,
        reduced: &Baseline,
        comparison: Option<&Comparison>,
        folder: &Path,
        common: &Common,
    ) -> anyhow::Result<()> {
        let Some(file) = &self.renewed else {
            return Ok(());
        };
        if let Some(reason) = why_not(reduced, comparison) {
            return Err(anyhow!(
                "{} was not written: {reason}; the run is kept in {}, and pgq-analyze runs save {} {} --force makes a complete one the \
                 baseline all the same",
                file.display(),
                folder.display(),
                self.name,
                reduced.run_id
            ));
        }
        baselines::save(file, reduced, Replace::Yes)?;
        if !common.quiet {
            let plans = counted(reduced.plans.len(), "plan");
            let file = file.display();
            progress::tell(&format!("wrote {file}: {plans} of {}", reduced.run_id));
        }
        Ok(())
    }
}

/// Why a run does not replace a baseline; none where it does.
fn why_not(reduced: &Baseline, comparison: Option<&Comparison>) -> Option<String> {
    match reduced.status {
        RunStatus::Complete => {}
        RunStatus::Interrupted => return Some("the run was interrupted".to_owned()),
        RunStatus::Failed | RunStatus::Running => {
            return Some("the run did not come to its end".to_owned());
        }
    }
    if let Some(failure) = reduced.failures.first() {
        let more = match reduced.failures.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        return Some(format!(
            "not everything could be measured: {}{more}",
            failure.message
        ));
    }
    if reduced.plans.is_empty() {
        return Some("nothing was measured".to_owned());
    }
    let comparison = comparison?;
    let held = comparison.plans.iter().filter(|plan| plan.first.is_some());
    let mut left_out =
        held.filter(|plan| plan.verdict == Verdict::Inconclusive && plan.second.is_none());
    if let Some(plan) = left_out.next() {
        let why = plan.reasons.first().map_or("", |reason| &reason.message);
        return Some(format!(
            "the baseline holds {} {} of {}, {why}",
            plan.statement, plan.variant, plan.queue
        ));
    }
    let left_out = comparison.unpaired.iter().find(|left| left.in_first)?;
    Some(format!(
        "the run was asked for less than the baseline holds, without {} on {} (PostgreSQL {})",
        left_out.queue, left_out.fixture, left_out.postgres
    ))
}
