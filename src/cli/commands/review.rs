//! `review`: plans and logs that somebody has, judged without a database.

use super::listing;
use crate::cli::args::{Common, Review as Arguments};
use crate::cli::exit::Exit;
use crate::cli::progress;
use crate::finding::Severity;
use crate::report::{self, ReviewFormat, ReviewOptions};
use crate::review;
use crate::run::review::{Problem, Review};

/// Runs the command.
///
/// # Errors
/// If the results cannot be printed. What cannot be read is said, and ends the program with 1 when the rest is reviewed.
pub fn run(arguments: &Arguments, common: &Common) -> anyhow::Result<Exit> {
    let events = progress::listener(common.quiet);
    let material = review::read(&arguments.paths, &events);
    // Progress is over before anything else is said.
    drop(events);
    for problem in &material.problems {
        progress::tell(&format!("error: {}", told(problem)));
    }
    let found = review::review(material, arguments.anonymize);
    let is_nothing = found.plans.is_empty() && !found.problems.is_empty();
    if is_nothing && arguments.format() == ReviewFormat::Table {
        return Ok(Exit::Failed);
    }
    let options = ReviewOptions { top: arguments.top };
    let layout = listing::layout(common, None);
    let text = report::render_review(&found, arguments.format(), options, layout);
    let printed = listing::print(&text)?;
    let least = arguments.fail_on.map(Severity::from);
    Ok(printed.min(exit(&found, least)))
}

/// Where and what, as compilers say it.
fn told(problem: &Problem) -> String {
    let Problem { source, message } = problem;
    match source.line {
        0 | 1 => format!("{}: {message}", source.path),
        line => format!("{}:{line}: {message}", source.path),
    }
}

/// How the program ends by what was found.
fn exit(found: &Review, least: Option<Severity>) -> Exit {
    let mut findings = found.plans.iter().flat_map(|plan| &plan.findings);
    if !found.problems.is_empty() {
        Exit::Failed
    } else if least.is_some_and(|least| findings.any(|finding| finding.severity >= least)) {
        Exit::GateFailed
    } else {
        Exit::Done
    }
}
